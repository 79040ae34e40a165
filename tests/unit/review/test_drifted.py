"""Drift that people may see: published columns and rows alone, by column and day."""

import json
from typing import Any

import pytest

from orchestration.errors import ConfigurationError
from orchestration.review.drifted import find_drift
from tests.unit.review.desk import POODEL, ROWS, Desk


def new(value: str, old: str | None = None, **given: Any) -> dict[str, Any]:
    evidence = {"since": "2021-06-01 08:00:00", "from_in_vocabulary": False}
    evidence |= {"target_in_vocabulary": False}
    return {
        "column_name": "breed",
        "from_value": value,
        "to_value": old,
        "outcome": "drift",
        "score": 0.9,
        "evidence": json.dumps(evidence),
    } | given


def test_new_values_are_told_with_day_and_lines(desk: Desk):
    """And what they stand for, where a published row has it; the most frequent first."""
    desk.run(spellings=[new("BEAGEL", "BEAGLE"), new("POODEL", rows=9), POODEL], pairs=[])
    found = find_drift(desk.settings, desk.state, desk.dataset)
    told = [(one.since, one.value, one.instead_of, one.lines) for one in found.changes]
    assert told == [("2021-06-01", "POODEL", None, 9), ("2021-06-01", "BEAGEL", "BEAGLE", 7)]


def test_what_is_not_published_is_counted_alone(desk: Desk):
    """Law 3: neither an internal column nor a value of a withheld row, old or new."""
    chip = new("secret-1", column_name="chip")
    desk.run(spellings=[chip, new("WITHHELD"), new("BEAGEL", "KEPT BACK")], pairs=[])
    found = find_drift(desk.settings, desk.state, desk.dataset)
    assert (found.internal, found.unpublished) == (1, 1)
    assert [(one.value, one.instead_of) for one in found.changes] == [("BEAGEL", None)]


def test_no_drift_is_nothing(desk: Desk):
    """A run without any, and one whose dataset has no spelling."""
    desk.run(rows=ROWS)
    assert find_drift(desk.settings, desk.state, desk.dataset).changes == ()


def test_a_run_that_its_gate_stopped_is_answered(desk: Desk):
    """The gate after standardizing may have stopped for the new words: they are counted."""
    desk.finish_standardized([new("BEAGEL"), new("POODEL", rows=9)])
    found = find_drift(desk.settings, desk.state, desk.dataset)
    assert found.changes == ()
    assert [(one.column, one.since, one.values) for one in found.unseen] == [
        ("breed", "2021-06-01", 2)
    ]


def test_before_anything_is_standardized_there_is_no_answer(desk: Desk):
    """And the way out is said."""
    with pytest.raises(ConfigurationError, match="summerware run"):
        find_drift(desk.settings, desk.state, desk.dataset)
