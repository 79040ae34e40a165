"""Reads Dagster's event log: verdicts of gates, and steps and runs that failed or went well.

The place in the log is ours (`state/alerts.py`), not Dagster's cursor: it moves in the transaction
that keeps what was found. Where many write to one log, an event may appear behind others that have
higher numbers; so the last ones are always read again, and those known are passed over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestration.alerts.findings import (
    CRITICAL,
    RUN_FAILED,
    STEP_BROKEN,
    STEP_STOPPED,
    Finding,
    Settlement,
    View,
    looked_at,
    of_gate,
)
from orchestration.alerts.words import of_words
from orchestration.errors import GATE_STOPPED
from orchestration.gates.gate import gate_name
from orchestration.gates.suites import SUITES
from orchestration.layers import LAYERS
from orchestration.state.alerts import Position
from orchestration.state.store import GateRecord

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry

READER = "dagster"
OVERLAP = 500
"""How many of the last events are looked at again."""
_BATCH = 1_000
_EXPLAINED = frozenset({"GuardTripped"})
"""What a publication's own state tells better."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """What was found behind a position, and the position after it."""

    settlements: list[Settlement]
    event_id: int
    recent: list[int]
    is_new_history: bool
    is_complete: bool


def newest_event(instance: "DagsterInstance") -> int:
    """The number of the last event in the log, 0 in an empty one."""
    return instance.event_log_storage.get_maximum_record_id() or 0


def read_events(instance: "DagsterInstance", view: View, position: Position) -> Read:
    """What stands in the log behind a position, oldest first; at most some thousand events at once."""
    ceiling = newest_event(instance)
    is_new_history = ceiling < position.event_id
    after = 0 if is_new_history else max(0, position.event_id - OVERLAP)
    known = set() if is_new_history else set(position.recent)
    events, ceiling, is_complete = _events(instance, after, ceiling)
    if known and position.event_id <= ceiling and not known & {number for number, _ in events}:
        # Nothing that we knew is there: another history under the same numbers.
        return read_events(instance, view, replace(position, event_id=ceiling + 1, recent=()))
    settlements: list[Settlement] = []
    for event_id, entry in events:
        if event_id not in known:
            settlements += _of_event(instance, view, event_id, entry)
    return Read(
        settlements=settlements,
        event_id=ceiling,
        recent=[event_id for event_id, _ in events if event_id > ceiling - OVERLAP],
        is_new_history=is_new_history,
        is_complete=is_complete,
    )


def _events(
    instance: "DagsterInstance", after: int, ceiling: int
) -> tuple[list[tuple[int, "EventLogEntry"]], int, bool]:
    """The events up to the ceiling, or to where the first of the kinds was cut off."""
    from dagster import DagsterEventType

    found: dict[int, EventLogEntry] = {}
    is_complete = True
    for kind in (
        DagsterEventType.ASSET_CHECK_EVALUATION,
        DagsterEventType.RUN_SUCCESS,
        DagsterEventType.RUN_FAILURE,
        DagsterEventType.RUN_CANCELED,
    ):
        part = instance.event_log_storage.get_logs_for_all_runs_by_log_id(
            after_cursor=after, dagster_event_type=kind, limit=_BATCH
        )
        if len(part) == _BATCH:
            ceiling, is_complete = min(ceiling, max(part)), False
        found |= part
    events = [(number, entry) for number, entry in sorted(found.items()) if number <= ceiling]
    return events, ceiling, is_complete


def _of_event(
    instance: "DagsterInstance", view: View, event_id: int, entry: "EventLogEntry"
) -> list[Settlement]:
    what = f"{entry.get_dagster_event().event_type_value.lower()} events"
    look = partial(_settlements, instance, view, event_id, entry)
    found = looked_at(view, what, look, event_id=event_id)
    record = _record_of(view, entry)
    if record is not None:
        look = partial(of_words, view, record, event_id=event_id)
        found += looked_at(view, "new words", look, event_id=event_id)
    return found


def _record_of(view: View, entry: "EventLogEntry") -> GateRecord | None:
    """The record of the gate that an event is about; none where it is about no gate of ours."""
    from dagster import DagsterEventType

    event = entry.get_dagster_event()
    if event.event_type != DagsterEventType.ASSET_CHECK_EVALUATION:
        return None
    check = event.asset_check_evaluation_data
    layer, *rest = check.asset_key.path
    dataset_id = "/".join(rest)
    if layer not in SUITES or dataset_id not in view.datasets:
        return None
    if check.check_name != gate_name(layer):
        # A single rule's: the gate's verdict holds what it found.
        return None
    found = [
        record
        for record in view.state.gates_of_run(entry.run_id)
        if record.layer == layer and record.dataset == dataset_id
    ]
    return found[-1] if found else None


def _settlements(
    instance: "DagsterInstance", view: View, event_id: int, entry: "EventLogEntry"
) -> list[Settlement]:
    from dagster import DagsterEventType

    event = entry.get_dagster_event()
    if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
        record = _record_of(view, entry)
        return [] if record is None else [of_gate(view, record, event_id=event_id)]
    steps = list(_steps(instance, view, event_id, entry.run_id))
    if event.event_type == DagsterEventType.RUN_CANCELED:
        # A person did it; what its steps had found until then counts all the same.
        return steps
    run = _of_run(view, event_id, entry, explained=any(one.findings for one in steps))
    return [*steps, run]


def _of_run(view: View, event_id: int, entry: "EventLogEntry", *, explained: bool) -> Settlement:
    """A run that failed although no step did: killed, or Dagster could not start it."""
    from dagster import DagsterEventType

    event = entry.get_dagster_event()
    job = event.job_name
    findings = []
    if event.event_type == DagsterEventType.RUN_FAILURE and not explained:
        message = (event.message or "").strip().splitlines()
        facts = view.facts(None, kind=RUN_FAILED, run_id=entry.run_id) | {
            "title": f"the job {job}",
            "headline": f"A run of {job} ended without any step having failed: "
            + (message[0] if message else "Dagster does not say why."),
            "not_published": "Whatever the run had not published yet.",
            "to_do": "Run it again: it goes on where it was. If it happens again, see the run.",
        }
        findings = [
            Finding(
                dataset=None,
                kind=RUN_FAILED,
                severity=CRITICAL,
                cause=f"run of {job} failed",
                facts=facts,
            )
        ]
    return Settlement(scope=f"job/{job}", findings=findings, run_id=entry.run_id, event_id=event_id)


def _steps(
    instance: "DagsterInstance", view: View, event_id: int, run_id: str
) -> Iterator[Settlement]:
    """Steps of a run that went well, or failed by other than a gate's verdict."""
    from dagster import DagsterEventType

    for entry in _of_type(instance, run_id, DagsterEventType.STEP_SUCCESS):
        scope = f"step/{entry.step_key}"
        yield Settlement(scope=scope, findings=(), run_id=run_id, event_id=event_id)
    for entry in _of_type(instance, run_id, DagsterEventType.STEP_FAILURE):
        yield _of_failed_step(view, event_id, entry)


def _of_failed_step(view: View, event_id: int, entry: "EventLogEntry") -> Settlement:
    step, data = entry.step_key or "", entry.get_dagster_event().step_failure_data
    error, failure = data.error, data.user_failure_data
    dataset_id = _dataset_of(view, step)
    kind_of_error = _metadata(failure, "kind") or _root_of(error) or "a fault"
    is_gate = kind_of_error in (GATE_STOPPED, "DagsterAssetCheckFailedError")
    is_stopped = _metadata(failure, "exit_code") == 1
    kind = STEP_STOPPED if is_stopped else STEP_BROKEN
    facts = view.facts(dataset_id, kind=kind, run_id=entry.run_id) | {
        # An error that nobody foresaw may quote a cell: its kind is named, its text is not.
        "headline": (failure.description if failure else None)
        or f"{step} failed: {kind_of_error}.",
        "not_published": "Nothing of this run was published for the dataset."
        if dataset_id
        else None,
        "to_do": "The sentence above says what to do."
        if failure
        else "See the run; if it passes by itself the next run goes on where this one was.",
    }
    finding = Finding(
        dataset=dataset_id,
        kind=kind,
        severity=CRITICAL,
        cause=f"{step}: {kind_of_error}",
        facts=facts,
        is_consequence=is_gate or kind_of_error in _EXPLAINED,
        of_a_gate=kind_of_error == "GateNotPassed",
    )
    return Settlement(
        scope=f"step/{step}", findings=(finding,), run_id=entry.run_id, event_id=event_id
    )


def _root_of(error: Any) -> str | None:
    """The kind of the error that others are wrapped around."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error.cls_name if error else None


def _metadata(failure: Any, name: str) -> Any:
    value = failure.metadata.get(name) if failure else None
    return getattr(value, "value", None)


def _of_type(instance: "DagsterInstance", run_id: str, kind: Any) -> Iterable["EventLogEntry"]:
    cursor, has_more = None, True
    while has_more:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=kind, limit=_BATCH)
        yield from (record.event_log_entry for record in page.records)
        cursor, has_more = page.cursor, page.has_more


def _dataset_of(view: View, step: str | None) -> str | None:
    """The dataset that a step belongs to: steps are named after the layer and the dataset."""
    named = [
        dataset_id
        for dataset_id in view.datasets
        for layer in (*LAYERS, "published")
        if step and f"{step}_".startswith(f"{layer}__{dataset_id}_")
    ]
    return max(named, key=len, default=None)
