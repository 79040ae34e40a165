"""A verdict in words: what failed, how bad, since when, what to do; one line for the run."""

import html

import pytest

from orchestration.alerts.findings import View, of_gate
from orchestration.alerts.messages import compose
from orchestration.dataset import Dataset
from orchestration.gates.gate_page import gate_page, write_gate_page
from orchestration.gates.history import fell_quiet
from orchestration.gates.report import GateReport, as_markdown, as_text, sentence, steps_of, tell
from orchestration.state.store import GateRecord, Layer
from tests.suite_files import rule
from tests.unit.gates.conftest import NAMED, ROWS, Kennel, query

NOW = "2022-09-02T12:00:00+00:00"
LINE = "select _extract_id, _line from {batch} where "
NO_REX = query(LINE + "name = 'Rex'", "table", "no_rex")
BROKEN = query("select no_such_column from {batch}", "table", "crashes")


def _told(kennel: Kennel, layer: Layer) -> tuple[GateRecord, GateReport]:
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
    assert told.headline.startswith(
        "dogs: raw gate failed: no_rex does not hold for 1 of 4 rows (25.0%), 1 key. Since run "
    )
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


def _said_everywhere(kennel: Kennel, layer: Layer) -> tuple[str, list[str]]:
    """What the gate's page, the terminal and the alert say in common: what failed, and the steps."""
    record, told = _told(kennel, layer)
    page = write_gate_page(kennel.settings, kennel.dataset, record, told)
    assert page is not None
    view = View(kennel.settings, kennel.state, {"dogs": kennel.dataset})
    (finding,) = of_gate(view, record, event_id=None).findings
    message = compose("opened", {**finding.facts, **_NEW, "rule": finding.rule, "gate": "raw"}).text
    (rule_id,) = [one["rule_id"] for one in record.results if one["outcome"] != "passed"]
    said = sentence(next(one for one in record.results if one["rule_id"] == rule_id), record.rows)
    steps = steps_of(kennel.state, kennel.dataset, record, told.statements)
    for text in (html.unescape(page.read_text()), as_text(told), message):
        plain = text.replace("`", "")
        for part in (said, *steps):
            assert part.replace("`", "") in plain, part
    return said, steps


_NEW = {"alert": "alert-1", "severity": "critical", "kind": "gate_failed", "since": NOW, "runs": 1}


def test_volume_is_said_with_the_limit_and_the_last_good_extract(kennel: Kennel) -> None:
    """Rows, limit and last good one, and the limit as the way out, wherever somebody looks."""
    limit = {"$PARAMETER": "keys_at_least"}
    kind = "expect_column_unique_value_count_to_be_between"
    volume = rule(kind, "table", "volume", column="dog_id", min_value=limit)
    volume["meta"]["to_do"] = "If there are so few now, raise `limits.volume_drop_share` in {file}."
    kennel.suite("raw", volume)
    assert kennel.gate(kennel.raw()).verdict == "passed"
    said, steps = _said_everywhere(kennel, kennel.raw(ROWS[:2], extracted_at="2022-09-02T00:00:00"))
    assert said == (
        "volume does not hold: 2 keys; the last good extract, of 2022-09-01, has 4, so that at "
        "least 3 are wanted (limits.volume_drop_share: 0.25)"
    )
    assert "raise `limits.volume_drop_share` in `orchestration/datasets/dogs.yaml`" in steps[0]
    assert "summerware discard dogs e1 " in steps[1]


def test_headings_are_said_with_what_they_resemble(kennel: Kennel) -> None:
    """The missing one with its heading, those that nobody listed, and which of them it may be."""
    wanted = {"$PARAMETER": "required_columns"}
    kind = "expect_table_columns_to_match_set"
    required = rule(kind, "table", "all_there", column_set=wanted, exact_match=False)
    kennel.suite("raw", required)
    told = kennel.dataset.model_dump()
    key, name, weight = told["columns"]
    told["columns"] = [key, {**name, "required": True, "source": "DogName"}, weight]
    kennel.dataset = Dataset.model_validate(told)
    rows = [{"dog_id": "D1", "unlisted__dog_names": "x", "unlisted__mood": "y"}]
    said, steps = _said_everywhere(kennel, kennel.raw(rows))
    assert said == (
        "all_there does not hold: missing: name (heading DogName); not listed in the dataset file: "
        "dog_names, mood; 'dog_names' resembles 'DogName': if it is the same, add it to the aliases of "
        "name in dogs.yaml"
    )
    assert "`aliases`" in steps[0]


def test_another_grain_names_its_way_out(kennel: Kennel) -> None:
    """A share with the bound that it broke, and `grain: changes` where the suite says so."""
    kind = "expect_column_proportion_of_unique_values_to_be_between"
    single = rule(kind, "table", "line_is_one_dog", column="dog_id", min_value=0.9)
    single["meta"]["to_do"] = "If a line is something else now, say so under `grain: changes`."
    kennel.suite("raw", single)
    said, steps = _said_everywhere(kennel, kennel.raw([ROWS[0], ROWS[0]]))
    assert said == "line_is_one_dog does not hold: 0.5, at least 0.9"
    assert "`grain: changes`" in steps[0]


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
