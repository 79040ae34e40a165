"""One asset check per rule, by rule id, beside the gate that ran it: for people, never in the way.

The gate alone blocks. A rule that quarantined, withheld or warned is a failed check of severity WARN,
which leaves its asset's health at a warning; one that failed its gate, or crashed, is an ERROR. Counts,
shares, line ids and queries, never a cell.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

import dagster as dg

from orchestration.dagster_private import AssetCheckEvaluationTargetMaterializationData
from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.gates.domain_rules import gate_rules
from orchestration.gates.report import GateReport, sentence
from orchestration.gates.suites import Rule
from orchestration.settings import Settings
from orchestration.state.records import RuleRecord
from orchestration.state.store import GateRecord

_MEANS = {
    "table": "Where it does not hold, the gate fails and nothing goes on.",
    "row": "Lines that break it are quarantined.",
    "waiting": "Lines that break it are withheld until a person has answered.",
    "warning": "Where it does not hold, people are told; nothing is kept back.",
}


def rule_specs(settings: Settings, dataset: Dataset, layer: str) -> list[dg.AssetCheckSpec]:
    """A check for each rule of a gate; none where its suite cannot be read, as the gate will tell."""
    try:
        rules = gate_rules(settings, dataset, layer).rules
    except ConfigurationError:
        return []
    return [_spec(dataset, layer, rule) for rule in rules]


def _spec(dataset: Dataset, layer: str, rule: Rule) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        rule.meta.rule_id,
        asset=dg.AssetKey([layer, dataset.id]),
        description=f"{rule.meta.statement} {_MEANS[rule.strength]}",
        metadata={
            "strength": rule.strength,
            "reason": rule.meta.reason,
            "fault": rule.meta.fault,
        },
    )


def report_rules(
    context: dg.AssetCheckExecutionContext,
    gate: dg.AssetCheckKey,
    record: GateRecord,
    report: GateReport,
) -> None:
    """Stores what every rule of a verdict found, in one transaction.

    Yielded one by one they would take 1.6 times the CPU (docs/adr/0040-a-check-per-rule.md). Where
    they cannot be stored the gate goes on: its own check holds the same in one table.
    """
    try:
        _store(context, gate, record, report)
    except Exception as error:  # noqa: BLE001 - what people look at never fails a gate
        context.log.warning(f"the checks of single rules are not told: {type(error).__name__}")


def _store(
    context: dg.AssetCheckExecutionContext,
    gate: dg.AssetCheckKey,
    record: GateRecord,
    report: GateReport,
) -> None:
    asset = gate.asset_key
    wanted = {key.name for key in context.selected_asset_check_keys - {gate}}
    results = [rule for rule in record.results if rule["rule_id"] in wanted]
    unasked = sorted(wanted - {rule["rule_id"] for rule in results})
    target = _judged(context.instance, asset)
    evaluations = [
        *(_evaluation(asset, rule, record, report, target) for rule in results),
        *(_unasked(asset, name, report, target) for name in unasked),
    ]
    # Dagster notes that the step yielded none of them: here is why.
    context.log.info(f"{len(evaluations)} rules, each a check of its own, are stored together")
    context.instance.event_log_storage.store_event_batch(
        [_entry(context, evaluation) for evaluation in evaluations]
    )


def _unasked(
    asset: dg.AssetKey,
    name: str,
    report: GateReport,
    target: AssetCheckEvaluationTargetMaterializationData | None,
) -> dg.AssetCheckEvaluation:
    """A rule that its gate did not ask. Without this, Dagster would count it as failed."""
    meta = report.statements.get(name)
    grain = meta.grain if meta else None
    why = "a column that it needs is missing" if meta else "its suite has it no longer"
    if grain:
        why = f"it is for extracts of the grain `{grain}`"
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=name,
        passed=grain is not None,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Not asked: {why}.",
        target_materialization_data=target,
        blocking=False,
    )


def _evaluation(
    asset: dg.AssetKey,
    rule: RuleRecord,
    record: GateRecord,
    report: GateReport,
    target: AssetCheckEvaluationTargetMaterializationData | None,
) -> dg.AssetCheckEvaluation:
    passed = rule["outcome"] == "passed"
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=rule["rule_id"],
        passed=passed,
        severity=severity(rule),
        description=None if passed else f"{sentence(rule, record.rows)}.",
        metadata={
            "failing": rule["failing"],
            "share": float(rule["share"]),
            **({} if passed else _finding(rule, report)),
        },
        target_materialization_data=target,
        blocking=False,
    )


def severity(rule: RuleRecord) -> dg.AssetCheckSeverity:
    """ERROR for what stops a gate, WARN for what keeps single lines back or only tells."""
    stops = rule["strength"] == "table" or rule["outcome"] == "broken"
    return dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN


def _finding(rule: RuleRecord, report: GateReport) -> dict[str, Any]:
    """What a person who looks at a failed rule needs; its words are in the check's own, too."""
    meta, streak = report.statements.get(rule["rule_id"]), report.streaks.get(rule["rule_id"])
    shown: dict[str, Any] = {
        "keys": rule["keys"],
        "found": rule["observed"] or rule["cause"],
        "examples": ", ".join(rule["examples"]) or None,
        "statement": meta.statement if meta else None,
        "reason": meta.reason if meta else None,
        "since_run": dg.MetadataValue.dagster_run(streak.run_id) if streak else None,
        "query": dg.MetadataValue.md(f"```sql\n{rule['query']}\n```") if rule["query"] else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _judged(
    instance: dg.DagsterInstance, asset: dg.AssetKey
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """The materialization that the rules were asked of, as Dagster notes it; none before the first."""
    found: Sequence[dg.EventLogRecord] = instance.fetch_materializations(asset, limit=1).records
    return next(
        (
            AssetCheckEvaluationTargetMaterializationData(
                run_id=one.run_id, storage_id=one.storage_id, timestamp=one.timestamp
            )
            for one in found
        ),
        None,
    )


def _entry(
    context: dg.AssetCheckExecutionContext, evaluation: dg.AssetCheckEvaluation
) -> dg.EventLogEntry:
    op = context.op_execution_context
    step = str(op.op_handle)
    outcome = "passed" if evaluation.passed else "did not pass"
    message = f"Asset check '{evaluation.check_name}' {outcome}."
    return dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level=logging.DEBUG,
        user_message=message,
        run_id=op.run_id,
        timestamp=time.time(),
        step_key=step,
        job_name=op.job_name,
        dagster_event=dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
            job_name=op.job_name,
            step_key=step,
            event_specific_data=evaluation,
            message=message,
        ),
    )
