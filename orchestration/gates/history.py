"""Since when a rule has failed: the verdicts of a layer, walked backwards.

Reads verdicts that are recorded already, through the state database's own questions; never data.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from orchestration.state.store import GateRecord, State, Verdict


@dataclass(frozen=True, kw_only=True)
class Streak:
    """How long something has gone on: the first run of it in a row, when, and how many runs."""

    run_id: str
    since: str
    """UTC, ISO 8601."""
    runs: int


def failing_since(state: State, record: GateRecord) -> dict[str, Streak]:
    """The streak of every rule of a verdict that did not pass, by rule id.

    One run counts once, by the last thing it said. A rule that was not asked ends its streak.
    """
    going = {rule["rule_id"]: rule["outcome"] for rule in record.results}
    going = {rule_id: outcome for rule_id, outcome in going.items() if outcome != "passed"}
    first: dict[str, tuple[GateRecord | Verdict, int]] = dict.fromkeys(going, (record, 1))
    for earlier in _earlier(state, record) if going else ():
        outcomes = {rule["rule_id"]: rule["outcome"] for rule in earlier.results}
        going = {
            rule_id: outcome
            for rule_id, outcome in going.items()
            if outcomes.get(rule_id) == outcome
        }
        if not going:
            break
        for rule_id in going:
            first[rule_id] = (earlier, first[rule_id][1] + 1)
    return {
        rule_id: Streak(run_id=found.run_id, since=found.recorded_at, runs=runs)
        for rule_id, (found, runs) in first.items()
    }


def stopped_since(state: State, record: GateRecord) -> Streak:
    """The streak of the verdict itself: since when nothing has passed this gate."""
    found: GateRecord | Verdict = record
    runs = 1
    for earlier in _earlier(state, record):
        if earlier.verdict == "passed":
            break
        found, runs = earlier, runs + 1
    return Streak(run_id=found.run_id, since=found.recorded_at, runs=runs)


def fell_quiet(state: State, record: GateRecord) -> list[str]:
    """The rules that did not pass in the verdict before, and do in this one."""
    before = next(_earlier(state, record), None)
    if before is None:
        return []
    loud = {rule["rule_id"] for rule in before.results if rule["outcome"] != "passed"}
    return [
        rule["rule_id"]
        for rule in record.results
        if rule["rule_id"] in loud and rule["outcome"] == "passed"
    ]


def _earlier(state: State, record: GateRecord) -> Iterator[Verdict]:
    """Earlier verdicts of the same gate, newest first, one per run: the last thing it said."""
    seen = {record.run_id}
    for one in state.verdicts_backwards(record.dataset, record.layer):
        if one.run_id not in seen and one.recorded_at <= record.recorded_at:
            seen.add(one.run_id)
            yield one
