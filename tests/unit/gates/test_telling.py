"""A verdict in words: what failed, how bad, since when, what to do; one line for the run."""

import pytest

from orchestration.gates.gate_page import gate_page, write_gate_page
from orchestration.gates.history import fell_quiet
from orchestration.gates.telling import Told, as_markdown, tell
from orchestration.state.store import GateRecord, Layer
from tests.unit.gates.conftest import NAMED, ROWS, Kennel, query, rule

LINE = "select _extract_id, _line from {batch} where "
NO_REX = query(LINE + "name = 'Rex'", "table", "no_rex")
BROKEN = query("select no_such_column from {batch}", "table", "crashes")


def _told(kennel: Kennel, layer: Layer) -> tuple[GateRecord, Told]:
    record = kennel.gate(layer)
    return record, tell(kennel.settings, kennel.state, kennel.dataset, layer, record)


def test_passed_gate_has_nothing_to_do(kennel: Kennel) -> None:
    """One line of figures, and neither a failure nor a step."""
    _, told = _told(kennel, kennel.raw())
    assert as_markdown(told) == "passed: 1 rules, 0 lines quarantined, 0 to see"
    assert (told.what_failed, told.since, told.what_to_do, told.since_run) == ("", "", "", None)


def test_raw_gate_names_rule_share_and_extract(kennel: Kennel) -> None:
    """A broken rule about the table: the aliases first, then the very extract to discard."""
    kennel.suite("raw", NO_REX)
    _, told = _told(kennel, kennel.raw(extract_ids=["e7"]))
    assert told.headline.startswith("dogs: raw gate failed: no_rex 1 (25.0%) of 1 keys. Since run ")
    assert "(this run). Next: " in told.headline
    assert "\n" not in told.headline
    assert "Must be true: Said in the test." in told.what_failed
    assert "`aliases`" in told.what_to_do
    assert "summerware discard dogs e7 " in told.what_to_do


def test_standardized_gate_names_limit_and_worst_rule_first(kennel: Kennel) -> None:
    """Too much quarantine: how much, which limit, and the rules by the rows they cost."""
    kennel.limit(quarantined_share=0.1)
    kennel.suite("standardized", query(LINE + "dog_id <> 'D1'", "row", "only_d1"), NAMED)
    _, told = _told(kennel, kennel.standardized())
    assert "3 of 4 lines quarantined, more than the limit of 10.0%" in told.what_failed
    assert told.what_failed.index("only_d1") < told.what_failed.index("name_present")
    assert "kennel@example.org" in told.what_to_do
    assert "limits.quarantined_share" in told.what_to_do


def test_publishable_gate_sends_people_to_the_models(kennel: Kennel) -> None:
    """The extract has passed: what is wrong is ours, and no extract is to be discarded."""
    kennel.suite("deduplicated", query("select dog_id from {batch}", "table", "no_dogs"))
    _, told = _told(kennel, kennel.deduplicated())
    assert "dbt_project/models/marts/dogs.sql" in told.what_to_do
    assert "discard" not in told.what_to_do


def test_broken_rule_is_not_bad_data(kennel: Kennel) -> None:
    """Law 8 in words: it says that a rule crashed and with what, and blames no extract."""
    kennel.suite("standardized", NAMED, BROKEN)
    _, told = _told(kennel, kennel.standardized())
    assert "broken: a rule crashed. That says nothing of the data" in told.what_failed
    assert "`crashes` crashed with " in told.what_failed
    assert "name_present" not in told.what_failed
    assert "discard" not in told.what_to_do


@pytest.mark.parametrize("many", [5, 6, 12])
def test_many_rules_are_cut_short(kennel: Kennel, many: int) -> None:
    """Five in words and the number of the others: a page is read, a list is not."""
    rules = [query(LINE + "true", "table", f"rule_{number}") for number in range(many)]
    kennel.suite("raw", *rules)
    _, told = _told(kennel, kennel.raw())
    assert told.what_failed.count("- `rule_") == 5
    assert (f"and {many - 5} more" in told.what_failed) == (many > 5)


def test_rule_that_fell_quiet_is_counted_once_more(kennel: Kennel) -> None:
    """It failed in the verdict before and passes now, so that its plot comes down to zero."""
    kennel.suite("raw", NO_REX)
    kennel.gate(kennel.raw(run_id="one"), run_id="one")
    record = kennel.gate(kennel.raw(ROWS[1:], run_id="two"), run_id="two")
    assert fell_quiet(kennel.state, record) == ["no_rex"]
    again = kennel.gate(kennel.raw(ROWS[2:], run_id="three"), run_id="three")
    assert fell_quiet(kennel.state, again) == []


def test_page_holds_the_latest_verdict_only(kennel: Kennel) -> None:
    """The next verdict replaces it, and no cell of a failing row stands there."""
    rows = [{"dog_id": "D1", "name": "<b>CANARY</b>"}]
    kennel.suite("raw", rule("expect_column_values_to_be_null", "table", "no_name", column="name"))
    for found in (rows, [{**rows[0], "name": None}]):
        layer = kennel.raw(found)
        record, told = _told(kennel, layer)
        page = write_gate_page(kennel.settings, kennel.dataset, record, told)
        assert page == gate_page(kennel.settings, kennel.dataset, "raw")
        text = page.read_text()
        assert "CANARY" not in text
        assert (record.verdict == "failed") == ("What to do" in text)
    assert [path.name for path in page.parent.iterdir()] == ["raw.html"]


def test_page_that_cannot_be_written_stops_nothing(kennel: Kennel) -> None:
    """A file where its folder should be: none is written, and nothing is raised."""
    kennel.settings.gate_pages.parent.mkdir(parents=True, exist_ok=True)
    kennel.settings.gate_pages.write_text("in the way")
    record, told = _told(kennel, kennel.raw())
    assert write_gate_page(kennel.settings, kennel.dataset, record, told) is None
