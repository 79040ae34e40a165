"""Gates in Dagster: a blocking check behind each layer, a step of its own, with all it found.

Beside it the same step tells of each rule by itself (`rule_checks.py`).

The check stops the run; the gate record that it leaves is what stops everybody else. Metadata holds
counts, shares, line ids and queries, never a cell.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from orchestration.dataset import Dataset
from orchestration.defs.pipeline import Pipeline, progress
from orchestration.defs.protecting import withdraw_after_stop
from orchestration.defs.rule_checks import report_rules, rule_specs
from orchestration.errors import GATE_STOPPED, DataStopped, Fault
from orchestration.gates.gate import gate_name, run_gate
from orchestration.gates.gate_page import urgency, write_gate_page
from orchestration.gates.history import fell_quiet
from orchestration.gates.report import GateReport, as_markdown, quarantined_share, reason, tell
from orchestration.gates.suites import COMMON, SUITES
from orchestration.layers import newest_layer
from orchestration.settings import PROJECT, Settings
from orchestration.state.records import RuleRecord
from orchestration.state.store import GateRecord

_GUARDS = {
    "raw": "Whether the extract is what it claims to be",
    "standardized": "Whether each line may go on, and enough of them do",
    "deduplicated": "Whether the rows may be published",
}


def build_gate(settings: Settings, dataset: Dataset, layer: str) -> dg.AssetChecksDefinition:
    """The gate behind a layer, and a check per rule; whichever is asked for, all rules are run."""

    name = gate_name(layer)
    key = dg.AssetKey([layer, dataset.id])

    # The decorator for one check takes no function that fails after it yielded its result.
    @dg.multi_asset_check(
        name=f"{layer}__{dataset.id}_{name}",
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=key,
                blocking=True,
                description=f"{_GUARDS[layer]}: the rules of "
                f"`expectations/{COMMON}/` and `expectations/{dataset.id}/{SUITES[layer]}.yaml`. "
                "Nothing below is made, and nothing is published, of content that did not pass.",
                metadata={"rules_page": _rules_page(dataset)},
            ),
            *rule_specs(settings, dataset, layer),
        ],
        # The rules' own results are stored beside the step's: see `report_rules`.
        can_subset=True,
    )
    def gate(
        context: dg.AssetCheckExecutionContext, pipeline: Pipeline
    ) -> Iterator[dg.AssetCheckResult]:
        own = pipeline.datasets[dataset.id]
        with pipeline.step(context.op_execution_context, dataset.id, f"{SUITES[layer]} gate"):
            judged = newest_layer(pipeline.state, dataset.id, layer, run_id=context.run.run_id)
            record = run_gate(
                pipeline.settings, pipeline.state, own, judged, run_id=context.run.run_id
            )
            report = tell(pipeline.settings, pipeline.state, own, judged, record)
            page = write_gate_page(pipeline.settings, own, record, report)
            report_rules(context, dg.AssetCheckKey(key, name), record, report)
        if dg.AssetCheckKey(key, name) in context.selected_asset_check_keys:
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=name,
                passed=record.verdict == "passed",
                severity=dg.AssetCheckSeverity.ERROR,
                description=as_markdown(report),
                metadata={
                    **_answers(report),
                    **_figures(record, fell_quiet(pipeline.state, record)),
                    **_details(own, record, report),
                    **({"gate_page": dg.MetadataValue.path(str(page))} if page else {}),
                },
            )
        if record.verdict != "passed":
            progress.error(f"{dataset.id}: {SUITES[layer]} gate {record.verdict}: {reason(record)}")
            withdraw_after_stop(pipeline, own, run_id=context.run.run_id)
            # Dagster's own error of a blocking check names the check and nothing else.
            raise dg.Failure(
                description=report.headline,
                metadata={
                    "kind": GATE_STOPPED,
                    "exit_code": (Fault if record.verdict == "broken" else DataStopped).exit_code,
                    **_answers(report),
                },
                allow_retries=False,
            )

    return gate


def _answers(report: GateReport) -> dict[str, Any]:
    """What failed, since when, and what to do; nothing where the gate passed."""
    if report.since_run is None:
        return {}
    return {
        "what_failed": dg.MetadataValue.md(report.what_failed),
        "since": dg.MetadataValue.md(report.since),
        "since_run": dg.MetadataValue.dagster_run(report.since_run),
        "what_to_do": dg.MetadataValue.md(report.what_to_do),
    }


def _figures(record: GateRecord, quiet: Sequence[str]) -> dict[str, Any]:
    """Everything that can be counted: the UI draws each over time.

    Of the rules those that count something, and those that did until now: a zero is a point, too.
    """
    outcomes = [
        "warned" if (one["outcome"], one["strength"]) == ("failed", "warning") else one["outcome"]
        for one in record.results
    ]
    return {
        "rows": record.rows,
        "quarantined_lines": record.quarantined,
        "quarantined_share": quarantined_share(record),
        **{
            f"rules_{outcome}": outcomes.count(outcome)
            for outcome in ("passed", "warned", "failed", "broken")
        },
        **{
            f"failing/{one['rule_id']}": one["failing"]
            for one in record.results
            if one["failing"] or one["rule_id"] in quiet
        },
    }


def _details(dataset: Dataset, record: GateRecord, report: GateReport) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "rules": dg.MetadataValue.table(
            records=[_row(rule, report) for rule in sorted(record.results, key=urgency)]
        ),
        "verdict": record.verdict,
        "content_hash": record.content_hash,
        "rules_page": _rules_page(dataset),
    }
    queries = {
        rule["rule_id"]: rule["query"]
        for rule in sorted(record.results, key=urgency)
        if rule["outcome"] == "failed" and rule["query"]
    }
    if queries:
        metadata["all_failing_rows"] = dg.MetadataValue.md(
            "Each runs as it stands in DuckDB on this machine.\n\n"
            + "\n\n".join(f"**{name}**\n```sql\n{query}\n```" for name, query in queries.items())
        )
    return metadata


def _row(rule: RuleRecord, report: GateReport) -> dg.TableRecord:
    streak = report.streaks.get(rule["rule_id"])
    return dg.TableRecord(
        {
            "rule": rule["rule_id"],
            "strength": rule["strength"],
            "outcome": rule["outcome"],
            "failing": rule["failing"],
            "share": rule["share"],
            "examples": ", ".join(rule["examples"]),
            "found": rule["observed"] or rule["cause"] or "",
            "since": streak.since[:10] if streak else "",
        }
    )


def _rules_page(dataset: Dataset) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.path(f"{PROJECT / 'docs' / 'rules.md'}#{dataset.id}")
