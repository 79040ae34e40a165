"""Gates in Dagster: a blocking check behind each layer, a step of its own, with all it found.

The check stops the run; the gate record that it leaves is what stops everybody else. Metadata holds
counts, shares, line ids and queries, never a cell.
"""

from typing import Any

import dagster as dg

from orchestration.assets.pipeline import Pipeline, progress
from orchestration.dataset import Dataset
from orchestration.gates.gate import run_gate
from orchestration.gates.suites import SUITES
from orchestration.layers import newest_layer
from orchestration.state.store import GateRecord

RULES_PAGE = "docs/rules.md"


def build_gate(dataset: Dataset, layer: str) -> dg.AssetChecksDefinition:
    """The gate behind a layer."""

    @dg.asset_check(
        asset=dg.AssetKey([layer, dataset.id]),
        name=f"{SUITES[layer]}_gate",
        blocking=True,
        description=f"The rules of expectations/{dataset.id}/{SUITES[layer]}.yaml.",
    )
    def gate(context: dg.AssetCheckExecutionContext, pipeline: Pipeline) -> dg.AssetCheckResult:
        with pipeline.step(context.op_execution_context, f"{dataset.id}: {SUITES[layer]} gate"):
            record = run_gate(
                pipeline.settings,
                pipeline.state,
                pipeline.datasets[dataset.id],
                newest_layer(pipeline.state, dataset.id, layer, run_id=context.run.run_id),
                run_id=context.run.run_id,
            )
        if record.verdict != "passed":
            progress.error(f"{dataset.id}: {SUITES[layer]} gate {record.verdict}: {why(record)}")
        return dg.AssetCheckResult(
            passed=record.verdict == "passed",
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{record.verdict}: {why(record)}",
            metadata=_metadata(dataset, record),
        )

    return gate


def why(record: GateRecord) -> str:
    """The verdict's reason in a few words."""
    found = [rule for rule in record.results if rule["outcome"] != "passed"]
    if record.verdict == "passed":
        warned = sum(rule["outcome"] == "failed" for rule in found)
        return (
            f"{len(record.results)} rules, {record.quarantined} lines quarantined, {warned} to see"
        )
    if record.verdict == "broken":
        return ", ".join(
            f"{rule['rule_id']} crashed ({rule['cause']})"
            for rule in found
            if rule["outcome"] == "broken"
        )
    stopped = [rule["rule_id"] for rule in found if rule["strength"] == "table"]
    return ", ".join(stopped) or (
        f"{record.quarantined:,} of {record.rows:,} lines quarantined, more than the limit"
    )


def _urgency(rule: dict[str, Any]) -> tuple[bool, bool, str]:
    return rule["outcome"] == "passed", rule["strength"] == "warning", rule["rule_id"]


def _metadata(dataset: Dataset, record: GateRecord) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "verdict": record.verdict,
        "rows": record.rows,
        "quarantined_lines": record.quarantined,
        "content_hash": record.content_hash,
        "rules_page": dg.MetadataValue.path(f"{RULES_PAGE}#{dataset.id}"),
        "rules": dg.MetadataValue.table(
            records=[
                dg.TableRecord(
                    {
                        "rule": rule["rule_id"],
                        "strength": rule["strength"],
                        "outcome": rule["outcome"],
                        "failing": rule["failing"],
                        "share": rule["share"],
                        "examples": ", ".join(rule["examples"]),
                        "found": rule["observed"] or rule["cause"] or "",
                    }
                )
                for rule in sorted(record.results, key=_urgency)
            ]
        ),
    }
    queries = {
        rule["rule_id"]: rule["query"]
        for rule in record.results
        if rule["outcome"] == "failed" and rule["query"]
    }
    if queries:
        metadata["queries"] = dg.MetadataValue.md(
            "\n\n".join(f"**{name}**\n```sql\n{query}\n```" for name, query in queries.items())
        )
    return metadata
