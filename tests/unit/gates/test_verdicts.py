"""What a gate says of a layer: passed, failed, broken; and what it never says."""

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.state.store import GateRecord
from tests.suite_files import rule
from tests.unit.gates.conftest import NAMED, ROWS, Kennel, query

LINE = "select _extract_id, _line from {batch} where "
CANARY = "CANARY-7319"


def _results(record: GateRecord) -> dict[str, dict[str, Any]]:
    return {result["rule_id"]: result for result in record.results}


def _quarantine(kennel: Kennel, record: GateRecord) -> list[tuple[Any, ...]]:
    assert record.quarantine_path is not None
    path = kennel.settings.home / record.quarantine_path
    return duckdb.execute(
        "select _extract_id, _line, rule_id from read_parquet(?) order by all", [str(path)]
    ).fetchall()


def test_passes(kennel: Kennel) -> None:
    """All rules hold: the record says so of exactly this content."""
    layer = kennel.raw()
    record = kennel.gate(layer)
    assert (record.verdict, record.rows, record.quarantined) == ("passed", 4, 0)
    assert record.content_hash == layer.content_hash
    assert kennel.state.newest_gate_record("dogs", "raw", layer.content_hash) == record


def test_table_rule_fails_the_gate(kennel: Kennel) -> None:
    """One broken table rule is enough."""
    kennel.suite("raw", query(LINE + "name = 'Rex'", "table", "no_rex"))
    record = kennel.gate(kennel.raw())
    assert record.verdict == "failed"
    result = _results(record)["no_rex"]
    assert "select _extract_id, _line from raw where name = 'Rex'" in result.pop("query")
    assert result == {
        "rule_id": "no_rex",
        "strength": "table",
        "outcome": "failed",
        "failing": 1,
        "keys": 1,
        "share": 0.25,
        "examples": ["e1:1"],
        "observed": "1",
        "cause": None,
    }


def test_warning_never_blocks(kennel: Kennel) -> None:
    """A warning is reported with all it found, and the gate passes."""
    kennel.suite("raw", query(LINE + "true", "warning", "no_dogs"))
    record = kennel.gate(kennel.raw())
    assert record.verdict == "passed"
    assert (_results(record)["no_dogs"]["outcome"], record.results[1]["failing"]) == ("failed", 4)


def test_row_rule_quarantines(kennel: Kennel) -> None:
    """A broken row rule costs the row; the gate passes while few rows break it."""
    kennel.suite("standardized", NAMED)
    record = kennel.gate(kennel.standardized())
    assert (record.verdict, record.quarantined) == ("passed", 1)
    assert _quarantine(kennel, record) == [("e1", 4, "name_present")]


def test_quarantine_has_one_row_per_line_and_rule(kennel: Kennel) -> None:
    """A line that breaks two rules stands there twice, and counts once; warnings never stand there."""
    kennel.suite(
        "standardized",
        NAMED,
        query(f"{LINE} dog_id = 'D4' union all {LINE} dog_id in ('D4', 'D1')", "row", "not_d4"),
        query(LINE + "true", "warning", "no_dogs"),
    )
    record = kennel.gate(kennel.standardized())
    assert (record.verdict, record.quarantined) == ("passed", 2)
    assert _quarantine(kennel, record) == [
        ("e1", 1, "not_d4"),
        ("e1", 4, "name_present"),
        ("e1", 4, "not_d4"),
    ]
    result = _results(record)["not_d4"]
    assert (result["examples"], result["keys"]) == (["e1:1", "e1:4"], 2)


@pytest.mark.parametrize(("limit", "verdict"), [(0.25, "passed"), (0.24, "failed")])
def test_too_much_quarantine_fails_the_gate(kennel: Kennel, limit: float, verdict: str) -> None:
    """Above the dataset's limit it is the extract that is wrong, not the row."""
    kennel.limit(quarantined_share=limit)
    kennel.suite("standardized", NAMED)
    assert kennel.gate(kennel.standardized()).verdict == verdict


def test_keys_are_counted_once(kennel: Kennel) -> None:
    """Three failing lines of two keys: three failing, two keys, five examples at most."""
    rows = [{"dog_id": f"D{number // 2}", "name": None} for number in range(12)]
    kennel.limit(quarantined_share=1)
    kennel.suite("standardized", NAMED)
    result = _results(kennel.gate(kennel.standardized(rows)))["name_present"]
    assert (result["failing"], result["keys"], result["share"]) == (12, 6, 1.0)
    assert result["examples"] == ["e1:1", "e1:2", "e1:3", "e1:4", "e1:5"]


def test_query_of_an_expectation_lists_what_it_counts(kennel: Kennel) -> None:
    r"""A regular expression with a backslash is the same one in the query that lists the rows."""
    kennel.suite(
        "standardized",
        rule(
            "expect_column_values_to_match_regex",
            "row",
            "name_is_two_words",
            column="name",
            regex=r"^(\w+ \| \w+|Rex)$",
        ),
    )
    rows = [*ROWS[:2], {"dog_id": "D5", "name": "Rex | Fido"}]
    record = kennel.gate(kennel.standardized(rows))
    assert _quarantine(kennel, record) == [("e1", 2, "name_is_two_words")]


def test_doubled_braces_are_braces(kennel: Kennel) -> None:
    """`{{2}}` in a rule is `{2}` in its query, when it counts and when it lists."""
    kennel.suite(
        "standardized", query(LINE + "regexp_full_match(name, '[A-Z].{{2}}')", "row", "not_three")
    )
    record = kennel.gate(kennel.standardized())
    assert _quarantine(kennel, record) == [("e1", 1, "not_three")]
    assert "{2}" in str(_results(record)["not_three"]["query"])


CRASHES = {
    "unknown type": (rule("expect_dogs_to_bark", "table", "crashes"), "ExpectationNotFoundError"),
    "unknown argument": (
        rule("expect_table_row_count_to_equal", "table", "crashes", value=4, dogs=1),
        "ValidationError",
    ),
    "unknown column": (
        rule("expect_column_values_to_not_be_null", "row", "crashes", column="colour"),
        "InvalidMetricAccessorDomainKwargsKeyError",
    ),
    "unknown column in query": (query(LINE + "colour = 1", "row", "crashes"), "BinderException"),
    "bad SQL": (query("selekt * from {batch}", "table", "crashes"), "ParserException"),
    "unknown table": (query("select * from cats", "warning", "crashes"), "CatalogException"),
    "cell that does not cast": (
        query(LINE + "name::integer > 1", "row", "crashes"),
        "ConversionException",
    ),
    "bad regex": (
        rule("expect_column_values_to_match_regex", "row", "crashes", column="name", regex="("),
        "InvalidInputException",
    ),
    "query without lines": (query("select name from {batch}", "row", "crashes"), "BinderException"),
    "row rule that lists nothing": (
        rule("expect_table_row_count_to_equal", "row", "crashes", value=9),
        "lists no lines",
    ),
    "unknown parameter": (
        rule("expect_table_row_count_to_equal", "table", "crashes", value={"$PARAMETER": "dogs"}),
        "unknown parameter: dogs",
    ),
}


@pytest.mark.parametrize(("crashing", "cause"), CRASHES.values(), ids=CRASHES.keys())
def test_crash_is_broken(kennel: Kennel, crashing: dict[str, Any], cause: str) -> None:
    """A check that crashes says nothing of the data, blocks, and is told as what it is."""
    others = [query(LINE + "false", "row", name) for name in ("before", "after")]
    kennel.suite("standardized", others[0], crashing, others[1])
    record = kennel.gate(kennel.standardized())
    result = _results(record)["crashes"]
    assert (record.verdict, result["outcome"], result["cause"]) == ("broken", "broken", cause)
    outcomes = {name: result["outcome"] for name, result in _results(record).items()}
    del outcomes["crashes"]
    assert outcomes == {"key_is_there": "passed", "before": "passed", "after": "passed"}


def test_crashing_warning_blocks(kennel: Kennel) -> None:
    """Nobody knows what a crashed warning would have said."""
    kennel.suite("raw", query(LINE + "colour = 1", "warning", "crashes"))
    assert kennel.gate(kennel.raw()).verdict == "broken"


def test_missing_column_is_the_finding(kennel: Kennel) -> None:
    """Rules about a column that is not there crash; the gate says which column, not that it broke."""
    kennel.suite(
        "raw",
        rule(
            "expect_table_columns_to_match_set",
            "table",
            "columns_present",
            column_set=["dog_id", "name"],
            exact_match=False,
        ),
        rule("expect_column_values_to_not_be_null", "table", "name_present", column="name"),
        query(LINE + "name is null", "table", "named"),
        query(LINE + "dog_id = 'D1'", "warning", "no_d1"),
    )
    record = kennel.gate(kennel.raw([{"dog_id": "D1"}]))
    assert record.verdict == "failed"
    assert _results(record)["columns_present"]["observed"] == "missing: name"
    assert set(_results(record)) == {"key_is_there", "columns_present", "no_d1"}


def test_missing_key_is_the_finding(kennel: Kennel) -> None:
    """Where the key itself is missing, keys are not counted, and nothing else is lost."""
    kennel.suite(
        "raw",
        rule(
            "expect_table_columns_to_match_set",
            "table",
            "columns_present",
            column_set=["dog_id"],
            exact_match=False,
        ),
        query(LINE + "name = 'Rex'", "warning", "no_rex"),
    )
    record = kennel.gate(kennel.raw([{"dog_id": "D1", "name": "Rex"}], keys=0))
    assert _results(record)["no_rex"]["keys"] == 1
    without = kennel.gate(kennel._finish("raw", _without_key(), None, _facts()))
    assert without.verdict == "failed"
    assert (_results(without)["no_rex"]["keys"], _results(without)["no_rex"]["failing"]) == (
        None,
        1,
    )


def _without_key() -> dict[str, list[dict[str, Any]]]:
    return {"e1": [{"_extract_id": "e1", "name": "Rex"}]}


def _facts() -> dict[str, Any]:
    return {
        "extracts": ["e1"],
        "extracted_at": "2022-09-01T00:00:00",
        "time_source": "name",
        "grain": "dog",
        "keys": 0,
    }


def test_parameters_and_facts(kennel: Kennel) -> None:
    """Rules compare with what the gate knows: `$PARAMETER` in expectations, `facts` in queries."""
    kennel.suite(
        "raw",
        rule(
            "expect_table_columns_to_match_set",
            "table",
            "only_listed",
            column_set={"$PARAMETER": "published_columns"},
            exact_match=True,
        ),
        query(
            "select 'x' as _extract_id, 0 as _line from facts where grain <> 'dog' "
            "or keys_at_least <> 1 or keys_before <> 0 or stale_before <> timestamp '2022-08-22'",
            "table",
            "facts_are_these",
        ),
    )
    results = _results(kennel.gate(kennel.raw()))
    assert results["facts_are_these"]["outcome"] == "passed"
    assert results["only_listed"]["observed"] == "unexpected: _extract_id, _line"


def test_rules_of_another_grain_are_not_asked(kennel: Kennel) -> None:
    """The grain of the extract chooses the rules."""
    kennel.suite("raw", query(LINE + "true", "table", "for_packs", grain="pack"))
    assert kennel.gate(kennel.raw()).verdict == "passed"
    assert kennel.gate(kennel.raw(grain="pack")).verdict == "failed"


@pytest.fixture
def canaries(
    kennel: Kennel, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> GateRecord:
    """The record of a gate that fails and breaks in every way on rows full of canaries."""
    caplog.set_level(logging.DEBUG)
    kennel.suite(
        "standardized",
        rule("expect_column_values_to_match_regex", "row", "a", column="name", regex="^x$"),
        rule("expect_column_values_to_be_in_set", "row", "b", column="name", value_set=["x"]),
        rule("expect_column_values_to_be_unique", "warning", "c", column="name"),
        rule("expect_column_values_to_be_null", "row", "d", column="weight_pounds"),
        query(LINE + "name like '%'", "row", "e"),
        query("select *, _line as _extract_id from {batch}", "row", "f"),
        query(LINE + "name::integer > 1", "row", "g"),
        query(LINE + "error(name) is null", "warning", "h"),
        rule("expect_column_distinct_values_to_be_in_set", "table", "i", **_in("name")),
        rule("expect_column_max_to_be_between", "table", "j", column="name", max_value="A"),
        rule("expect_column_values_to_be_between", "row", "k", column="name", max_value=3),
    )
    kennel.limit(quarantined_share=1)
    rows = [
        {"dog_id": f"D{n}", "name": f"{CANARY}\n{CANARY}: x", "weight_pounds": CANARY}
        for n in "123"
    ]
    return kennel.gate(kennel.standardized(rows))


def _in(column: str) -> dict[str, Any]:
    return {"column": column, "value_set": ["x"]}


def test_no_cell_in_the_record(canaries: GateRecord) -> None:
    """Counts, line ids, kinds of errors and queries: never a cell."""
    outcomes = {name: result["outcome"] for name, result in _results(canaries).items()}
    assert {name for name, outcome in outcomes.items() if outcome == "passed"} == {"key_is_there"}
    assert outcomes["g"] == outcomes["h"] == "broken"
    assert CANARY not in json.dumps(canaries.results)


def test_no_cell_in_the_log(
    canaries: GateRecord, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not even where a cell made a check crash."""
    format_record = logging.Formatter("%(name)s %(message)s").format
    logged = "\n".join(format_record(record) for record in caplog.get_records("setup"))
    assert "rule g broke: ConversionException" in logged
    assert CANARY not in logged
    printed = capfd.readouterr()
    assert CANARY not in printed.out + printed.err


def test_no_cell_in_other_files(kennel: Kennel, canaries: GateRecord) -> None:
    """Beyond the layers themselves nothing in the home folder holds one."""
    assert canaries.quarantined == 3
    layers = {kennel.settings.home / "layers" / "dogs" / name for name in ("raw", "standardized")}
    for path in kennel.settings.home.rglob("*"):
        if path.is_file() and not layers & set(path.parents):
            assert CANARY.encode() not in path.read_bytes(), path


def test_gate_is_silent_and_leaves_nothing(
    kennel: Kennel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Great Expectations prints no remark, and no folder stays behind a gate."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    kennel.suite("raw", query("select * from facts where false", "table", "not_about_lines"))
    assert kennel.gate(kennel.raw()).verdict == "passed"
    assert capfd.readouterr() == ("", "")
    assert list(scratch.iterdir()) == []
    assert [path for path in kennel.settings.workspaces.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("layer", ["raw", "standardized"])
def test_query_stands_alone_and_lists_every_failing_line(kennel: Kennel, layer: str) -> None:
    """Pasted into an empty DuckDB it lists all failing lines whole, with facts and times filled in."""
    kennel.limit(quarantined_share=1)
    kennel.suite(
        layer,
        query(
            LINE + "name is not null and parsed_time(dog_id) is null "
            "and (select stale_before from facts) < (select extracted_at from facts)",
            "warning",
            "no_dogs",
        ),
    )
    rows = [{"dog_id": f"D{number}", "name": f"Rex {number}"} for number in range(12)]
    made = kennel.raw(rows) if layer == "raw" else kennel.standardized(rows)
    text = str(_results(kennel.gate(made))["no_dogs"]["query"])
    found = duckdb.connect().execute(text)
    names = [column[0] for column in found.description or []]
    assert [dict(zip(names, row, strict=True))["name"] for row in found.fetchall()] == [
        row["name"] for row in rows
    ]
    assert "read_parquet(" in text
    assert "Rex" not in text


def test_query_of_a_publishable_rule_names_the_keys(kennel: Kennel) -> None:
    """Rows without a line of their own are listed by key, also for an expectation that is no query."""
    kennel.suite(
        "deduplicated",
        rule("expect_column_values_to_not_be_null", "table", "name_there", column="name"),
    )
    text = str(_results(kennel.gate(kennel.deduplicated()))["name_there"]["query"])
    assert duckdb.connect().execute(text).fetchall() == [("D4", None)]
