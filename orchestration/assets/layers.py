"""The assets of one dataset: raw, standardized, deduplicated, published.

Grain: raw and standardized have one row per line of the extracts, deduplicated and published one
row per published key. Each reads the finished layer above it, of its own run where there is one.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.assets.pipeline import Pipeline, progress
from orchestration.assets.translator import layer_spec
from orchestration.cleaning.inputs import require_sound_inputs
from orchestration.dataset import Dataset
from orchestration.layers import newest_layer
from orchestration.publishing.publisher import publish
from orchestration.sources.raw_layer import make_raw_layer
from orchestration.state.publishing import PublishingStore
from orchestration.state.store import Layer


def build_raw(dataset: Dataset) -> dg.AssetsDefinition:
    """The raw asset: lands extracts, links those of this run; nothing where there is no extract."""

    @dg.asset(
        key=["raw", dataset.id],
        group_name=dataset.id,
        description=f"Extracts of {dataset.title} as they came: one row per line, cells as text.",
        owners=[dataset.owner.email],
        tags={"layer": "raw"},
        kinds={"parquet", "raw"},
        output_required=False,
    )
    def raw(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Iterator[Any]:
        started = time.monotonic()
        with pipeline.step(context.op_execution_context, f"{dataset.id}: landing extracts"):
            require_sound_inputs(pipeline.settings, pipeline.datasets[dataset.id])
            outcome = make_raw_layer(
                pipeline.settings,
                pipeline.state,
                pipeline.datasets[dataset.id],
                pipeline.extract_source(),
                as_of=pipeline.as_of_date,
                run_id=context.run.run_id,
            )
        if outcome is None:
            progress.info(f"{dataset.id}: no extract at hand, nothing to do")
            return
        facts = outcome.layer.facts
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": facts["lines"],
                "unparseable_lines": facts["unparseable"],
                "keys": facts["keys"],
                "extracts": ", ".join(facts["files"]),
                "extracted_at": facts["extracted_at"],
                "is_new": outcome.is_new,
                **_size(pipeline, outcome.layer, started),
            }
        )

    return raw


def build_modelled(
    dataset: Dataset, layer: str, *, upstream: str, manifest: Path
) -> dg.AssetsDefinition:
    """The asset of a layer that dbt makes, from the finished and passed layer above it."""

    @dg.multi_asset(
        name=f"{layer}__{dataset.id}",
        specs=[layer_spec(dataset, layer, upstream=upstream, manifest=manifest)],
        can_subset=False,
    )
    def modelled(
        context: dg.AssetExecutionContext, pipeline: Pipeline
    ) -> dg.MaterializeResult[Any]:
        started = time.monotonic()
        with pipeline.step(
            context.op_execution_context, f"{dataset.id}: building the {layer} layer"
        ):
            # Imported here: dbt takes seconds, and the UI's code server need not wait for it.
            from orchestration.warehouse.modelled_layer import make_modelled_layer

            finished, results = make_modelled_layer(
                pipeline.settings,
                pipeline.state,
                pipeline.datasets,
                dataset.id,
                layer,
                upstream=upstream,
                run_id=context.run.run_id,
            )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": finished.facts["rows"],
                "seconds_by_model": {one["name"]: one["seconds"] for one in results},
                **_fates(finished),
                **_suspicions(finished),
                **_size(pipeline, finished, started),
            }
        )

    return modelled


def build_published(dataset: Dataset) -> dg.AssetsDefinition:
    """The published asset: sends the difference to the portal and verifies it."""

    @dg.asset(
        key=["published", dataset.id],
        deps=[dg.AssetKey(["deduplicated", dataset.id])],
        group_name=dataset.id,
        description=f"{dataset.publish.title} on the portal: one row per {dataset.publish.row_label}.",
        owners=[dataset.owner.email],
        tags={"layer": "published"},
        kinds={"socrata", "published"},
        output_required=False,
    )
    def published(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Iterator[Any]:
        started = time.monotonic()
        with pipeline.step(context.op_execution_context, f"{dataset.id}: publishing"):
            layer = newest_layer(
                pipeline.state, dataset.id, "deduplicated", run_id=context.run.run_id
            )
            outcome = publish(
                pipeline.settings,
                pipeline.state,
                pipeline.datasets[dataset.id],
                layer,
                run_id=context.run.run_id,
                dry_run=pipeline.dry_run,
                progress=lambda text: progress.info(f"{dataset.id}: {text}"),
            )
        progress.info(f"{dataset.id}: {outcome.message}")
        if outcome.state not in ("verified", "unchanged") or outcome.plan is None:
            context.log.info(outcome.message)
            return
        plan = outcome.plan
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": plan.rows,
                "inserts": plan.inserts,
                "updates": plan.updates,
                "updates_by_column": plan.updates_by_column,
                "first_fills": plan.first_fills,
                "deletes": plan.deletes,
                "held_back": plan.held_back,
                "publication": outcome.publication_id or "",
                **_receipt(pipeline, dataset.id, outcome.publication_id),
                "seconds": round(time.monotonic() - started, 2),
            }
        )

    return published


def _receipt(pipeline: Pipeline, dataset: str, publication_id: str | None) -> Mapping[str, Any]:
    """What the receipt says: who let it go, how it went, every figure that was proven."""
    if publication_id is None:
        return {}
    receipts = PublishingStore(pipeline.state).receipts(dataset, publication_id=publication_id)
    if not receipts:
        return {}
    body = receipts[-1].body
    proof = body["verification"] or {"checks": [], "rows_read_back": 0}
    shown: dict[str, Any] = {
        "receipt": receipts[-1].hash,
        "released_by": body["released_by"] or "",
        "rows_refused": body["rows_refused"],
        "rows_read_back": proof["rows_read_back"],
        "requests": sum(len(chunk["request_ids"] or []) for chunk in body["chunks"]),
    }
    if proof["checks"]:
        shown["verification"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "dataset": check["portal_id"],
                        "figure": check["what"],
                        "should be": check["expected"],
                        "is": check["found"],
                        "holds": check["holds"],
                    }
                )
                for check in proof["checks"]
            ]
        )
    return shown


def _fates(layer: Layer) -> Mapping[str, Any]:
    """Fates as numbers, which the UI draws over time, and as a table."""
    fates = layer.facts.get("fates")
    if not fates:
        return {}
    return {
        **{f"lines_{fate}": count for fate, count in fates.items()},
        "fates": dg.MetadataValue.table(
            [dg.TableRecord({"fate": fate, "lines": count}) for fate, count in fates.items()]
        ),
        "rules": dg.MetadataValue.path(f"docs/rules.md#{layer.dataset}"),
    }


def _suspicions(layer: Layer) -> Mapping[str, Any]:
    """What the machine corrected or linked by itself, and what it leaves to people."""
    return {
        f"{kind}_{outcome}": count
        for kind in ("spelling", "duplicates")
        for outcome, count in layer.facts.get(kind, {}).items()
    }


def _size(pipeline: Pipeline, layer: Layer, started: float) -> Mapping[str, Any]:
    folder = pipeline.settings.home / layer.path
    return {
        "bytes": sum(path.stat().st_size for path in folder.glob("*.parquet")),
        "seconds": round(time.monotonic() - started, 2),
        "content_hash": layer.content_hash,
    }
