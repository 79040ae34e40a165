"""The history of gates and rules: what it says, and that it is quick after a thousand runs."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestration.errors import ConfigurationError
from orchestration.state import tables
from orchestration.state.store import State
from orchestration.trend import NOT_JUDGED, plot, rule_trend, sparkline, trend
from tests.town import PASSED, rule

SUMMERWARE = str(Path(sys.executable).with_name("summerware"))
TIMES_OF_A_START = 2
LAYERS = ("raw", "standardized", "deduplicated")


def _fill(
    state: State, datasets: list[str], *, runs: int, found: list[list[dict[str, object]]]
) -> None:
    """So many runs of every gate; `found` are the results of the runs, again and again."""
    rows = [
        {
            "dataset": dataset, "layer": layer, "content_hash": f"{dataset}-{number}",
            "suite_hash": "s", "verdict": _verdict(found[number % len(found)]), "rows": 100_000,
            "quarantined": 3, "quarantine_path": None, "run_id": f"run-{number:05d}",
            "results": found[number % len(found)],
            "recorded_at": f"2026-{1 + number // 28 % 12:02}-{1 + number % 28:02}T12:00:00.000+00:00",
        }
        for number in range(runs)
        for dataset in datasets
        for layer in LAYERS
    ]  # fmt: skip
    with state.engine.begin() as connection:
        for start in range(0, len(rows), 1_000):
            connection.execute(tables.gate_record.insert(), rows[start : start + 1_000])


def _verdict(results: list[dict[str, object]]) -> str:
    failed = any(one["outcome"] == "failed" and one["strength"] == "table" for one in results)
    return "failed" if failed else "passed"


def test_a_rule_says_since_when_it_fails(state: State) -> None:
    """The runs in a row up to the last, whatever was before."""
    days = [[rule(failing=2)], [PASSED], [rule(failing=4)], [rule(failing=6)]]
    _fill(state, ["trees"], runs=4, found=days)
    found = rule_trend(trend(state, "trees"), "trees_stand")
    assert [point.failing for point in found.points] == [2, 0, 4, 6]
    assert found.failing_since is not None
    assert (found.failing_since.run_id, found.runs_failing) == ("run-00002", 2)
    assert len(trend(state, "trees", last=2).verdicts["raw"]) == 2


def test_a_rule_that_passes_has_no_streak(state: State) -> None:
    _fill(state, ["trees"], runs=2, found=[[rule()], [PASSED]])
    assert rule_trend(trend(state, "trees"), "trees_stand").runs_failing == 0


def test_an_unknown_rule_is_named_with_those_there_are(state: State) -> None:
    _fill(state, ["trees"], runs=1, found=[[PASSED]])
    with pytest.raises(ConfigurationError, match=r"no rule nonsense .* there are: trees_stand"):
        rule_trend(trend(state, "trees"), "nonsense")


def test_a_line_is_as_high_as_its_share() -> None:
    """Nothing is blank, the most is a whole block, what was not judged is a dot."""
    assert sparkline([0.0, 0.25, 0.5, 1.0, None], width=10) == f" ▃▅█{NOT_JUDGED}"
    assert sparkline([0.0] * 50 + [1.0] + [0.0] * 49, width=10) == "     █    "
    assert plot([0.0, 0.5, 1.0], width=10, height=2) == ["  █", " ██"]
    assert plot([], width=10, height=2) == ["", ""]


def _seconds_of(words: list[str]) -> float:
    started = time.monotonic()
    ended = subprocess.run(
        [SUMMERWARE, "trend", *words], capture_output=True, text=True, check=True
    )
    assert "rule_7" in ended.stdout or "--help" in words
    return time.monotonic() - started


def test_a_thousand_runs_open_as_quickly_as_a_command_starts(state: State, home: Path) -> None:
    """Incident 9: 1,000 runs of 12 gates with 15 rules each, the whole command, imports and all."""
    datasets = ["calls_for_service", "service_requests", "stops", "use_of_force"]
    rules = [
        rule(f"rule_{number}", strength="warning", failing=number, query="select " + "x" * 200)
        for number in range(15)
    ]
    _fill(state, datasets, runs=1_000, found=[rules, [{**one, "failing": 1} for one in rules]])
    with state.engine.connect() as connection:
        assert (
            connection.scalar(sa.select(sa.func.count()).select_from(tables.gate_record)) == 12_000
        )
    for words in (["use_of_force"], ["use_of_force", "rule_7"]):
        # The quickest of three, against a command that only starts: other tests may run beside.
        quickest, start = (min(_seconds_of(one) for _ in range(3)) for one in (words, ["--help"]))
        assert quickest < TIMES_OF_A_START * start, (quickest, start)
    told = json.loads(
        subprocess.run(
            [SUMMERWARE, "trend", "stops", "rule_7", "--json", "--last", "5"],
            capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    assert len(told["rules"][0]["runs"]) == 5


def test_a_home_without_runs_says_how_to_begin(state: State, home: Path) -> None:
    ended = subprocess.run(
        [SUMMERWARE, "trend", "stops"], capture_output=True, text=True, check=True
    )
    assert "no gate has run yet" in ended.stdout
