"""Runs the daily job in this process and sums up what happened.

Needs Dagster, so only the commands that run something import it. The run is an ordinary Dagster
run: it stands in the UI's history like one that the schedule started.
"""

import logging
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import dagster as dg

from orchestration.alerts.watch import begin, watch
from orchestration.dataset import Dataset, load_sound_datasets
from orchestration.definitions import build_defs
from orchestration.errors import GATE_STOPPED, ConfigurationError
from orchestration.gates.report import as_text, tell
from orchestration.gates.suites import SUITES
from orchestration.health.heartbeat import beat_if_due
from orchestration.instance import open_instance
from orchestration.layers import LAYERS, newest_layer, sweep_workspaces
from orchestration.processes import note_process, report_dead_runs
from orchestration.publishing.counting import plan_as_carried_out
from orchestration.publishing.targets import local_portal
from orchestration.reports import fates_of
from orchestration.schedules import DAILY
from orchestration.settings import Settings, uses_daemon
from orchestration.state.database import open_database
from orchestration.state.records import Suspicion
from orchestration.state.store import GateRecord, Layer, Publication, State

logger = logging.getLogger(__name__)


class StoppedGate(TypedDict):
    """The gate that stopped a dataset, and what its page says, as text for a terminal."""

    gate: str
    says: str


class PublicationOfRun(TypedDict):
    """What a run published or would publish of one dataset, in counts of rows."""

    id: str
    state: str
    waits_for: list[str]
    refused: int
    rows: int
    inserts: int
    updates: int
    first_fills: int
    deletes: int
    held_back: int


class DatasetOfRun(TypedDict):
    """What a run did with one dataset: verdicts by gate, raw lines by fate, and suspicions counted.

    `stopped_by` is the message of a failed step that is no gate.
    """

    dataset: str
    gates: dict[str, str]
    stopped_gate: StoppedGate | None
    fates: dict[str, int] | None
    corrected: int
    linked: int
    proposed: int
    drift: int
    publication: PublicationOfRun | None
    stopped_by: str | None


class StepFailure(TypedDict):
    """One failed step that is no gate, and the exit code that it asks for."""

    step: str
    message: str
    exit_code: int


class RunOptions(TypedDict):
    """How the pipeline's resource of one run is configured; see `defs.pipeline.Pipeline`."""

    source: str | None
    extracts_dir: str | None
    as_of: str | None
    dry_run: bool


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a run did, per dataset, and the exit code that says it to a script."""

    run_id: str
    exit_code: int
    datasets: list[DatasetOfRun]
    portal: str | None
    open_alerts: int = 0


def run_daily(
    settings: Settings,
    names: Sequence[str],
    *,
    source: str | None,
    extracts_dir: Path | None,
    as_of: str | None,
    dry_run: bool,
) -> RunSummary:
    """Runs the datasets named, or all, from extract to portal.

    Raises:
        ConfigurationError: a dataset is unknown, or an option cannot be.
    """
    datasets, mistakes = load_sound_datasets(settings.datasets_dir)
    wrong = [mistake for name, mistake in mistakes.items() if name in names]
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    for mistake in mistakes.values():
        logger.error("%s (its dataset is left out)", mistake)
    unknown = sorted(set(names) - set(datasets))
    if unknown:
        raise ConfigurationError(
            f"no dataset is named {', '.join(unknown)}; there are {', '.join(datasets)}"
        )
    state = State(open_database(settings))
    chosen = list(names) or list(datasets)
    options: RunOptions = {
        "source": source,
        "extracts_dir": str(extracts_dir) if extracts_dir else None,
        "as_of": as_of,
        "dry_run": dry_run,
    }
    with open_instance(settings) as instance:
        dead = report_dead_runs(instance, state)
        sweep_workspaces(settings, dead)
        for run_id in dead:
            logger.warning("run %s had lost its process and was reported failed", run_id)
        begin(settings, state, instance)
        run_id = str(uuid.uuid4())
        note_process(state, run_id)
        if settings.portal == "live":
            result = _execute(instance, run_id, chosen, len(datasets), options)
            portal = None
        else:
            with local_portal(settings):
                result = _execute(instance, run_id, chosen, len(datasets), options)
            portal = "summerware portal"
        open_alerts = _tell_people(settings, state, instance)
    summary = _summary(settings, state, datasets, result, chosen, run_id, portal)
    code = summary.exit_code if open_alerts is not None else 3
    code = max(code, 2) if mistakes else code
    return replace(summary, open_alerts=open_alerts or 0, exit_code=code)


def _tell_people(
    settings: Settings,
    state: State,
    instance: dg.DagsterInstance,
) -> int | None:
    """Sends alerts in a city without a daemon, too. How many are open; None where that broke."""
    try:
        open_alerts = watch(settings, state, instance).open_alerts
        if not uses_daemon():
            beat_if_due(settings, state)
        return open_alerts
    except Exception as error:  # noqa: BLE001 - the run's own result is reported whatever this does
        logger.error("alerts could not be told (%s); see `summerware doctor`", type(error).__name__)
        return None


def _execute(
    instance: dg.DagsterInstance,
    run_id: str,
    chosen: Sequence[str],
    count: int,
    options: RunOptions,
) -> dg.ExecuteInProcessResult:
    # The code location's own environment must not differ from what the UI would use.
    definitions = build_defs()
    job = definitions.resolve_job_def(chosen[0] if len(chosen) == 1 else DAILY)
    selection = None
    if 1 < len(chosen) < count:
        selection = [
            dg.AssetKey([layer, name]) for name in chosen for layer in (*LAYERS, "published")
        ]
    return job.execute_in_process(
        instance=instance,
        run_id=run_id,
        raise_on_error=False,
        asset_selection=selection,
        run_config={
            "resources": {"pipeline": {"config": options}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        tags={"summerware/pid": str(os.getpid())},
    )


def _summary(
    settings: Settings,
    state: State,
    datasets: Mapping[str, Dataset],
    result: dg.ExecuteInProcessResult,
    chosen: Sequence[str],
    run_id: str,
    portal: str | None,
) -> RunSummary:
    records = state.gates_of_run(run_id)
    failures = _failures(result)
    summaries: list[DatasetOfRun] = []
    codes = [0]
    for name in chosen:
        own = [record for record in records if record.dataset == name]
        failure = next((one for one in failures if name in one["step"]), None)
        codes += [_code(record) for record in own]
        layer = state.newest_layer(name, "deduplicated", run_id=run_id)
        fates = (
            fates_of(settings, state, datasets[name], layer)
            if layer and layer.run_id == run_id
            else None
        )
        staged = state.newest_layer(name, "standardized", run_id=run_id)
        spelling = _fact(staged, "spelling", run_id)
        duplicates = _fact(layer, "duplicates", run_id)
        known = state.publications(name)
        published = [one for one in known if one.run_id == run_id]
        if not published and layer and layer.run_id == run_id:
            # The same plan waits for people since an earlier run.
            published = [one for one in known if one.state == "held"]
        summaries.append(
            {
                "dataset": name,
                "gates": {SUITES[record.layer]: record.verdict for record in own},
                "stopped_gate": _stopped_gate(settings, state, datasets[name], own),
                "fates": fates,
                "corrected": spelling.get("applied", 0),
                "linked": duplicates.get("linked", 0),
                "proposed": spelling.get("proposed", 0) + duplicates.get("proposed", 0),
                "drift": spelling.get("drift", 0),
                "publication": _publication(published[-1]) if published else None,
                "stopped_by": failure["message"] if failure else None,
            }
        )
    codes += [one["exit_code"] for one in failures]
    if not result.success and max(codes) == 0:
        # Dagster itself failed outside of any step.
        codes.append(3)
        for one in summaries:
            one["stopped_by"] = "Dagster could not run the job; see the run in the UI"
    return RunSummary(run_id=run_id, exit_code=max(codes), datasets=summaries, portal=portal)


def _fact(layer: Layer | None, name: Suspicion, run_id: str) -> Mapping[str, int]:
    """What a layer of this run counted; nothing of an earlier one's."""
    return layer.facts.get(name, {}) if layer and layer.run_id == run_id else {}


def _stopped_gate(
    settings: Settings, state: State, dataset: Dataset, records: Sequence[GateRecord]
) -> StoppedGate | None:
    """The gate that stopped a dataset, and what its page says of it; none where all passed."""
    record = next((one for one in records if one.verdict != "passed"), None)
    if record is None:
        return None
    layer = newest_layer(state, dataset.id, record.layer, run_id=record.run_id)
    report = tell(settings, state, dataset, layer, record)
    return {"gate": SUITES[record.layer], "says": as_text(report)}


def _code(record: GateRecord) -> int:
    return {"passed": 0, "failed": 1, "broken": 3}[record.verdict]


def _failures(result: dg.ExecuteInProcessResult) -> list[StepFailure]:
    """Failed steps that are not gates: which, why, and the exit code they ask for."""
    found: list[StepFailure] = []
    for event in _step_failures(result):
        data = event.step_failure_data
        user = data.user_failure_data
        error = data.error
        if user and user.metadata.get("kind") == dg.MetadataValue.text(GATE_STOPPED):
            continue
        code = user.metadata.get("exit_code") if user else None
        found.append(
            {
                "step": event.step_key or "",
                "message": (user.description if user else None)
                or f"{error.cls_name if error else 'a fault'}; see the run in the UI",
                "exit_code": int(code.value) if code is not None else 3,  # type: ignore[arg-type]
            }
        )
    return found


def _step_failures(result: dg.ExecuteInProcessResult) -> Iterable[dg.DagsterEvent]:
    return (event for event in result.all_events if event.is_step_failure)


def _publication(publication: Publication) -> PublicationOfRun:
    plan = plan_as_carried_out(publication)
    return {
        "id": publication.id,
        "state": publication.state,
        "waits_for": publication.held_because if publication.state in ("held", "stopped") else [],
        "refused": publication.refused,
        "rows": plan.rows,
        "inserts": plan.inserts,
        "updates": plan.updates,
        "first_fills": plan.first_fills,
        "deletes": plan.deletes,
        "held_back": plan.held_back,
    }
