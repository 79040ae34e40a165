"""The raw layer of a run: which extracts it stands on."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.dataset import Dataset
from orchestration.errors import Fault
from orchestration.settings import Settings
from orchestration.sources.files import FilesSource
from orchestration.state.store import Publication, State, new_id, now
from orchestration.steps.raw_layer import RawOutcome, make_raw_layer

HEAD = "Item,Type,Place\n"
WINDOW: dict[str, Any] = {"kind": "window", "window": {"column": "place", "days": 3}}
INCREMENT: dict[str, Any] = {"kind": "increment"}


class Desk:
    """Drops extracts, makes raw layers and publishes them."""

    def __init__(self, settings: Settings, state: State, drop: Callable[..., Path]) -> None:
        self.settings = settings
        self.state = state
        self._drop = drop

    def drop(self, *days: str, text: str = "a") -> None:
        """Extracts of these days, each with a line of its own."""
        for day in days:
            self._drop("things", f"{day}.csv", f"{HEAD}{day},{text},x\n")

    def run(self, dataset: Dataset, *, as_of: str | None = None) -> RawOutcome | None:
        """One run's raw layer."""
        source = FilesSource(self._drop("none", "none", "").parents[1])
        day = date.fromisoformat(as_of) if as_of else None
        return make_raw_layer(
            self.settings, self.state, dataset, source, as_of=day, run_id=new_id()
        )

    def days(self, dataset: Dataset, *, as_of: str | None = None) -> list[str]:
        """The days of the extracts of a run, published at once."""
        outcome = self.run(dataset, as_of=as_of)
        assert outcome is not None
        self.publish(outcome)
        return days_of(outcome)

    def publish(self, outcome: RawOutcome) -> None:
        """Records that these extracts are on the portal."""
        self.state.add_publication(
            Publication(
                id=new_id(),
                dataset="things",
                target="local",
                state="verified",
                content_hash="",
                layer_id=outcome.layer.id,
                run_id="",
                newest_extract_at=outcome.extracts[-1].extracted_at,
                plan={"extracts": [extract.id for extract in outcome.extracts]},
                path="",
                released_by=None,
                planned_at=now(),
                released_at=None,
                sent_at=None,
                verified_at=now(),
            )
        )


def days_of(outcome: RawOutcome | None) -> list[str]:
    assert outcome is not None
    return [extract.extracted_at[:10] for extract in outcome.extracts]


@pytest.fixture
def desk(settings: Settings, state: State, drop: Callable[..., Path]) -> Desk:
    return Desk(settings, state, drop)


def test_no_extract(desk: Desk, things: Dataset) -> None:
    """Where there is no extract there is no raw layer."""
    assert desk.run(things) is None


def test_complete_takes_the_newest(desk: Desk, things: Dataset) -> None:
    """Of complete extracts only the newest counts, and only it is landed."""
    desk.drop("2022-01-01", "2022-01-03", "2022-01-02")
    assert days_of(desk.run(things)) == ["2022-01-03"]
    assert len(desk.state.extracts("things", source="files")) == 1


def test_complete_as_of(desk: Desk, things: Dataset) -> None:
    """`as_of` leaves later extracts alone."""
    desk.drop("2022-01-01", "2022-01-02", "2022-01-03")
    assert days_of(desk.run(things, as_of="2022-01-02")) == ["2022-01-02"]


@pytest.mark.parametrize("source", [{"kind": "complete"}, WINDOW, INCREMENT])
def test_nothing_new(
    desk: Desk, make_dataset: Callable[..., Dataset], source: dict[str, Any]
) -> None:
    """Where everything is published, the newest is taken again, and it is said not to be new."""
    dataset = make_dataset(**source)
    desk.drop("2022-01-01", "2022-01-02")
    first = desk.run(dataset)
    assert first is not None
    assert first.is_new
    desk.publish(first)
    second = desk.run(dataset)
    assert second is not None
    assert not second.is_new
    assert days_of(second) == ["2022-01-02"]


def test_discarded_complete_extract_gives_way(desk: Desk, things: Dataset) -> None:
    """Where somebody discarded the newest complete extract, the one before counts."""
    desk.drop("2022-01-01", "2022-01-02")
    (newest,) = desk.run(things).extracts  # type: ignore[union-attr]
    desk.state.discard_extract(newest.id, by="me", reason="broken")
    assert days_of(desk.run(things)) == ["2022-01-01"]


def test_discarded_increment_is_left_out(desk: Desk, make_dataset: Callable[..., Dataset]) -> None:
    """A discarded increment is not used again, though its file is still there."""
    dataset = make_dataset(**INCREMENT)
    desk.drop("2022-01-01", "2022-01-02")
    outcome = desk.run(dataset)
    assert outcome is not None
    desk.state.discard_extract(outcome.extracts[1].id, by="me", reason="broken")
    assert days_of(desk.run(dataset)) == ["2022-01-01"]


def test_window_that_reaches_back_is_enough(
    desk: Desk, make_dataset: Callable[..., Dataset]
) -> None:
    """A window that holds all since the last published extract needs none of those between."""
    dataset = make_dataset(**WINDOW)
    desk.drop("2022-01-01")
    assert desk.days(dataset) == ["2022-01-01"]
    desk.drop("2022-01-02", "2022-01-03")
    assert desk.days(dataset) == ["2022-01-03"]


def test_windows_with_a_gap_are_all_needed(
    desk: Desk, make_dataset: Callable[..., Dataset]
) -> None:
    """A window that does not reach back needs the unpublished ones before it."""
    dataset = make_dataset(**WINDOW)
    desk.drop("2022-01-01")
    assert desk.days(dataset) == ["2022-01-01"]
    desk.drop("2022-01-04", "2022-01-07")
    assert desk.days(dataset) == ["2022-01-04", "2022-01-07"]


def test_all_since_the_oldest_unpublished(desk: Desk, make_dataset: Callable[..., Dataset]) -> None:
    """A late increment is read with all that came after it, so that no older version wins."""
    dataset = make_dataset(**INCREMENT)
    desk.drop("2022-01-01", "2022-01-03")
    assert desk.days(dataset) == ["2022-01-01", "2022-01-03"]
    desk.drop("2022-01-04")
    assert desk.days(dataset) == ["2022-01-04"]
    desk.drop("2022-01-02")
    assert desk.days(dataset) == ["2022-01-02", "2022-01-03", "2022-01-04"]


def test_landed_but_unpublished_is_not_forgotten(
    desk: Desk, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    """An extract that was landed and never published counts, though its file is gone."""
    dataset = make_dataset(**INCREMENT)
    desk.drop("2022-01-01")
    desk.run(dataset)
    (tmp_path / "drop" / "things" / "2022-01-01.csv").unlink()
    desk.drop("2022-01-02")
    assert days_of(desk.run(dataset)) == ["2022-01-01", "2022-01-02"]
    assert days_of(desk.run(dataset, as_of="2022-01-01")) == ["2022-01-01"]


def test_unpublished_extract_that_is_gone_is_a_fault(
    desk: Desk, make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    """Rows that were landed and are lost are not passed over."""
    dataset = make_dataset(**INCREMENT)
    desk.drop("2022-01-01")
    desk.run(dataset)
    (tmp_path / "drop" / "things" / "2022-01-01.csv").unlink()
    shutil.rmtree(desk.settings.extracts / "things")
    with pytest.raises(Fault, match=r"2022-01-01\.csv\) is gone before it was published"):
        desk.run(dataset)


def test_file_read_anew_is_not_there_twice(
    desk: Desk, make_dataset: Callable[..., Dataset]
) -> None:
    """After a change of the dataset file the new reading of a file replaces the unpublished old."""
    desk.drop("2022-01-01", "2022-01-02")
    desk.run(make_dataset(**INCREMENT))
    outcome = desk.run(make_dataset(**INCREMENT, encoding="cp1252"))
    assert days_of(outcome) == ["2022-01-01", "2022-01-02"]
    assert outcome is not None
    assert outcome.layer.facts["lines"] == 2


def test_ties_go_by_content(
    desk: Desk, things: Dataset, drop: Callable[..., Path], tmp_path: Path
) -> None:
    """Of two extracts of one moment always the same is taken, whatever their names."""
    chosen = set()
    for names in (("a", "b"), ("b", "a")):
        for text, name in zip(("1,a,x", "2,b,y"), names, strict=True):
            drop("things", f"2022-01-01_{name}.csv", f"{HEAD}{text}\n")
        outcome = desk.run(things)
        assert outcome is not None
        chosen.add(outcome.extracts[0].id)
    assert len(chosen) == 1


def test_content_that_comes_back_is_the_newest(
    desk: Desk, make_dataset: Callable[..., Dataset], drop: Callable[..., Path]
) -> None:
    """An earlier extract sent again after another one is new, and as late as it was sent."""
    dataset = make_dataset(kind="complete")
    for day, text in (("2022-01-01", "1,a,x"), ("2022-01-02", "1,b,x"), ("2022-01-03", "1,a,x")):
        drop("things", f"{day}.csv", f"{HEAD}{text}\n")
        outcome = desk.run(dataset)
        assert outcome is not None
        assert outcome.is_new
        assert outcome.layer.facts["extracted_at"] == f"{day}T23:59:59"
        desk.publish(outcome)


def test_facts(desk: Desk, make_dataset: Callable[..., Dataset], drop: Callable[..., Path]) -> None:
    """What a raw layer claims: lines, bad ones among them, keys trimmed and upper-cased, columns."""
    dataset = make_dataset(**INCREMENT)
    drop("things", "2022-01-01.csv", "Item,Place\na1,x\n A1 ,x\nb2,x\nragged\n")
    outcome = desk.run(dataset)
    assert outcome is not None
    facts = outcome.layer.facts
    assert (facts["lines"], facts["unparseable"], facts["keys"]) == (4, 1, 2)
    assert facts["columns"] == ["item_number", "place"]


def test_home_of_any_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    things: Dataset,
    state: State,
    drop: Callable[..., Path],
) -> None:
    """Quotes and wildcards in the path of the home are plain characters."""
    monkeypatch.setenv("SUMMERWARE_HOME", str(tmp_path / "it's [a] *? home"))
    desk = Desk(Settings.from_environment().prepare(), state, drop)
    desk.drop("2022-01-01")
    outcome = desk.run(things)
    assert outcome is not None
    assert outcome.layer.facts["keys"] == 1
