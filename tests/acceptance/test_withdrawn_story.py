"""Days on which rows become protected while a gate stops everything: they leave, and come back."""

from collections.abc import Callable, Iterator, Sequence

import duckdb
import pytest

from orchestration.state.alerts import Alert, AlertStore
from tests.acceptance.city import City
from tests.acceptance.test_nothing_unknown import CALLS, call, keys_on_portal, write_calls
from tests.receivers import Webhook, serving

GOOD = [call(number) for number in range(150)]
KEYS = [row["NOPD_Item"] for row in GOOD]
UNREADABLE = "31/31/2026 99:99:99"
COVERED = {"Type_": "43", "TypeText": "SIMPLE RAPE", "TimeCreate": UNREADABLE}
BROKEN = {"Priority": "ZZ"}


def day(covered: Sequence[int] = (), broken: Sequence[int] = ()) -> list[dict[str, str]]:
    """The same calls in a later extract, some of them of a covered type and unreadable, some broken."""
    changes = dict.fromkeys(covered, COVERED) | dict.fromkeys(broken, BROKEN)
    return [row | changes.get(place, {}) for place, row in enumerate(GOOD)]


class Story:
    """A city whose owners have a webhook; one day after the other."""

    def __init__(self, city: City, webhook: Webhook) -> None:
        self.city = city
        self.webhook = webhook

    def run(self, date: str, rows: Sequence[dict[str, str]]) -> None:
        drop = write_calls(self.city.root / f"drop-{date}", rows, day=date)
        self.city.run(CALLS, source="files", extracts_dir=drop, as_of=date)

    @property
    def alert(self) -> Alert | None:
        """The open alert of rows that are off the portal."""
        found = [
            one for one in AlertStore(self.city.state).alerts() if one.kind == "rows_withdrawn"
        ]
        return found[0] if found else None

    def missing(self) -> set[str]:
        return set(KEYS) - keys_on_portal(self.city)

    def verdict(self) -> str:
        """Of the newest standardized gate."""
        records = self.city.state.latest_gates(CALLS)
        return next(one.verdict for one in records if one.layer == "standardized")


@pytest.fixture(scope="module")
def story(new_city: Callable[[], City], environment: pytest.MonkeyPatch) -> Iterator[Story]:
    """The first day: everything is published."""
    with serving(Webhook()) as webhook:
        environment.setenv("SUMMERWARE_CHANNEL_OWNERS", webhook.url)
        made = Story(new_city(), webhook)
        made.run("2026-11-27", GOOD)
        assert made.missing() == set()
        yield made


def test_days_of_a_protected_row(story: Story) -> None:
    """One row, then eleven, while the gate stops every day; then all of them are right again."""
    story.run("2026-11-28", day(covered=[7], broken=range(50, 90)))
    assert story.verdict() == "failed"
    assert story.missing() == {KEYS[7]}, "the old row left in the run that a gate stopped"
    alert = story.alert
    assert alert is not None
    assert alert.severity == "warning"
    assert "sensitive_call_coordinates_blank (1)" in alert.facts["headline"]
    assert any("sensitive_call_coordinates_blank (1)" in body for body in story.webhook.bodies)

    story.run("2026-11-29", day(covered=range(7, 18), broken=range(50, 90)))
    assert story.missing() == set(KEYS[7:18])
    critical = story.alert
    assert critical is not None
    assert (critical.id, critical.severity) == (alert.id, "critical"), "more than the delete guard"
    assert "sensitive_call_coordinates_blank (11)" in critical.facts["headline"]
    assert any(
        "CRITICAL" in subject and critical.id in subject for subject in story.webhook.subjects
    )
    assert not any(key in body for body in story.webhook.bodies for key in KEYS)

    story.run("2026-11-30", GOOD)
    assert story.verdict() == "passed"
    assert story.missing() == set(), "right again, they came back by themselves"
    assert story.alert is None
    assert any("OVER" in subject and critical.id in subject for subject in story.webhook.subjects)
    shown = duckdb.sql(
        f"select count(location) from read_parquet('{story.city.snapshot(CALLS)}')"
    ).fetchall()
    assert shown == [(150,)]
