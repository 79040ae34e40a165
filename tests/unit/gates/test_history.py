"""Since when a rule has failed, as the verdicts of earlier runs say."""

from orchestration.gates.history import failing_since, stopped_since
from orchestration.state.store import GateRecord
from tests.unit.gates.conftest import ROWS, Kennel, query

NO_REX = query("select _extract_id, _line from {batch} where name = 'Rex'", "table", "no_rex")
NO_FIDO = query("select _extract_id, _line from {batch} where name = 'Fido'", "table", "no_fido")
GOOD = ROWS[2:]


def _run(kennel: Kennel, run_id: str, *, good: bool = False) -> GateRecord:
    return kennel.gate(kennel.raw(GOOD if good else ROWS, run_id=run_id), run_id=run_id)


def test_streak_begins_after_the_last_pass(kennel: Kennel) -> None:
    """Failed, passed, failed, failed: since the third run, which was two runs ago."""
    kennel.suite("raw", NO_REX)
    _run(kennel, "one")
    _run(kennel, "two", good=True)
    third = _run(kennel, "three")
    record = _run(kennel, "four")
    streak = failing_since(kennel.state, record)["no_rex"]
    assert (streak.run_id, streak.since, streak.runs) == ("three", third.recorded_at, 2)
    assert stopped_since(kennel.state, record) == streak


def test_rule_that_was_not_asked_begins_anew(kennel: Kennel) -> None:
    """A rule that joins a failing gate fails since its own first run; the gate since the first."""
    kennel.suite("raw", NO_REX)
    _run(kennel, "one")
    kennel.suite("raw", NO_REX, NO_FIDO)
    record = _run(kennel, "two")
    found = failing_since(kennel.state, record)
    assert {rule: streak.run_id for rule, streak in found.items()} == {
        "no_rex": "one",
        "no_fido": "two",
    }
    assert stopped_since(kennel.state, record).run_id == "one"


def test_gate_run_again_on_the_same_content_counts(kennel: Kennel) -> None:
    """A pass of the gate alone, after a change of the rules, ends the streak."""
    kennel.suite("raw", NO_REX)
    layer = kennel.raw(ROWS[:2], run_id="one")
    kennel.gate(layer, run_id="one")
    kennel.suite("raw")
    kennel.gate(layer, run_id="two")
    kennel.suite("raw", NO_REX)
    record = _run(kennel, "three")
    assert failing_since(kennel.state, record)["no_rex"].run_id == "three"


def test_what_passed_has_no_streak(kennel: Kennel) -> None:
    """Only what did not pass is told."""
    kennel.suite("raw", NO_REX)
    assert failing_since(kennel.state, _run(kennel, "one", good=True)) == {}
