"""The assets of one dataset: raw, standardized, deduplicated, published.

Grain: raw and standardized have one row per line of the extracts, deduplicated and published one
row per published key. Each reads the finished layer above it, of its own run where there is one.

What only a step needs is imported in the step: the UI's code server need not wait for dbt or a portal.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.dataset import Dataset
from orchestration.defs.columns import (
    heading_lineage,
    lineage_metadata,
    published_lineage,
    published_schema,
    raw_schema,
)
from orchestration.defs.models import dbt_test_specs, model_specs, python_specs
from orchestration.defs.parts import tell_failed_tests, tell_layer, tell_parts
from orchestration.defs.pipeline import Pipeline, progress, tag_run
from orchestration.defs.protecting import protecting
from orchestration.defs.specs import SOURCE, modelled_spec, published_spec, raw_spec
from orchestration.errors import ModelFault
from orchestration.gates.gate import upstream_chain
from orchestration.layers import newest_layer
from orchestration.reports import FATES
from orchestration.settings import PROJECT
from orchestration.state.publishing import PublishingStore
from orchestration.state.records import LayerFacts, Suspicion
from orchestration.state.store import Layer
from orchestration.steps.raw_layer import make_raw_layer
from orchestration.warehouse.lineage import Lineage, declared_lineage, kept_lineage
from orchestration.warehouse.runner import ModelResult


def build_raw(dataset: Dataset) -> dg.AssetsDefinition:
    """The raw asset: lands extracts, links those of this run; nothing where there is no extract."""

    @dg.multi_asset(
        name=f"raw__{dataset.id}",
        specs=[raw_spec(dataset).replace_attributes(skippable=True)],
        can_subset=False,
    )
    def raw(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Iterator[Any]:
        started = time.monotonic()
        with pipeline.step(context.op_execution_context, dataset.id, "landing extracts"):
            from orchestration.cleaning.inputs import require_sound_inputs

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
        _tag_extracts(context, dataset.id, facts)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": facts["lines"],
                "unparseable_lines": facts["unparseable"],
                "keys": facts["keys"],
                "extracts": ", ".join(facts["files"]),
                "extract_ids": ", ".join(facts["extracts"]),
                "extracted_at": facts["extracted_at"],
                "is_new": outcome.is_new,
                **lineage_metadata(
                    raw_schema(dataset),
                    heading_lineage(dataset),
                    upstream=dg.AssetKey([SOURCE, dataset.id]),
                ),
                **_size(pipeline, outcome.layer, started),
            }
        )

    return raw


def build_modelled(
    dataset: Dataset,
    layer: str,
    *,
    upstream: str,
    manifest: Mapping[str, Any],
    datasets: Sequence[str],
) -> dg.AssetsDefinition:
    """The asset of a layer that dbt makes, from the finished and passed layer above it.

    Its models, and what Python makes between them, are assets of the same op: whichever is asked for,
    the layer is made whole, and reported once it is finished. `datasets` are the ids of all.
    """
    spec = modelled_spec(manifest, dataset, layer, upstream=upstream)
    above = raw_schema(dataset)
    if upstream != "raw":
        above = _schema(modelled_spec(manifest, dataset, upstream, upstream="raw"))
    upstream_columns = [column.name for column in above.columns]
    key, made_by_python = spec.key, python_specs(dataset, layer)

    @dg.multi_asset(
        name=f"{layer}__{dataset.id}",
        specs=[
            spec.replace_attributes(skippable=True),
            *model_specs(manifest, dataset, layer, datasets),
            *made_by_python,
        ],
        check_specs=dbt_test_specs(manifest, dataset, layer),
        can_subset=True,
    )
    def modelled(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Iterator[Any]:
        started = time.monotonic()
        try:
            with (
                protecting(pipeline, dataset, run_id=context.run.run_id),
                pipeline.step(
                    context.op_execution_context, dataset.id, f"building the {layer} layer"
                ),
            ):
                from orchestration.steps.modelled_layer import make_modelled_layer

                finished, results = make_modelled_layer(
                    pipeline.settings,
                    pipeline.state,
                    pipeline.datasets,
                    dataset.id,
                    layer,
                    upstream=upstream,
                    run_id=context.run.run_id,
                )
                chain = upstream_chain(pipeline.state, finished)
                _tag_extracts(context, dataset.id, chain[0].facts)
                folder = pipeline.settings.home / "dbt" / "lineage"
                lineage = _lineage(
                    context, folder, dataset, layer, results, upstream_columns, _schema(spec)
                )
        except dg.Failure as failure:
            if isinstance(failure.__cause__, ModelFault):
                yield from tell_failed_tests(context, pipeline, failure.__cause__.results)
            raise
        yield from tell_parts(context, pipeline, finished, results, made_by_python)
        yield from tell_layer(
            context,
            key,
            metadata={
                "dagster/row_count": finished.facts["rows"],
                **lineage_metadata(
                    _schema(spec), lineage, upstream=dg.AssetKey([upstream, dataset.id])
                ),
                "seconds_by_model": {one["name"]: one["seconds"] for one in results},
                **_fates(finished),
                **_suspicions(finished),
                **_size(pipeline, finished, started),
            },
        )

    return modelled


def build_published(dataset: Dataset) -> dg.AssetsDefinition:
    """The published asset: sends the difference to the portal and verifies it."""

    @dg.multi_asset(
        name=f"published__{dataset.id}",
        specs=[published_spec(dataset).replace_attributes(skippable=True)],
        can_subset=False,
    )
    def published(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Iterator[Any]:
        started = time.monotonic()
        with pipeline.step(context.op_execution_context, dataset.id, "publishing"):
            from orchestration.publishing.publisher import publish

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
            if outcome.publication_id:
                tag_run(
                    context.op_execution_context, dataset.id, publication=outcome.publication_id
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
                "first_fills": plan.first_fills,
                "deletes": plan.deletes,
                "surplus": plan.surplus,
                "held_back": plan.held_back,
                "kept_edits": plan.kept,
                "unchanged": plan.unchanged,
                **{f"updates/{name}": count for name, count in plan.updates_by_column.items()},
                "publication": outcome.publication_id or "",
                **_pages(pipeline, pipeline.datasets[dataset.id]),
                **_receipt(pipeline, dataset.id, outcome.publication_id),
                **lineage_metadata(
                    published_schema(dataset),
                    published_lineage(dataset),
                    upstream=dg.AssetKey(["deduplicated", dataset.id]),
                ),
                "seconds": round(time.monotonic() - started, 2),
            }
        )

    return published


def _schema(spec: dg.AssetSpec) -> dg.TableSchema:
    schema: dg.TableSchema = spec.metadata["dagster/column_schema"]
    return schema


def _lineage(
    context: dg.AssetExecutionContext,
    folder: Path,
    dataset: Dataset,
    layer: str,
    results: Sequence[ModelResult],
    upstream_columns: Sequence[str],
    schema: dg.TableSchema,
) -> Lineage:
    """What the layer's columns are made of, by the SQL that ran, else by the dataset file alone."""
    models = {one["name"]: one["sql"] for one in results if "sql" in one}
    try:
        return kept_lineage(folder, dataset, layer, models, upstream_columns=upstream_columns)
    except Exception as error:  # noqa: BLE001 - a picture of the columns never fails a run
        context.log.warning(f"column lineage by name only: {type(error).__name__}")
        names = [column.name for column in schema.columns]
        return declared_lineage(dataset, names, upstream=upstream_columns)


def _tag_extracts(context: dg.AssetExecutionContext, dataset: str, facts: LayerFacts) -> None:
    tag_run(context.op_execution_context, dataset, extracts=", ".join(facts["extracts"]))


def _pages(pipeline: Pipeline, dataset: Dataset) -> Mapping[str, Any]:
    """The portal's pages of the dataset, one per 4x4."""
    from orchestration.portal.server import lasting_address
    from orchestration.publishing.portal_datasets import declared_ids
    from orchestration.settings import LOCAL

    settings = pipeline.settings
    is_live = settings.portal == "live"
    known = pipeline.state.portal_ids(dataset.publish.domain if is_live else LOCAL, dataset.id)
    ids = {**(declared_ids(dataset) if is_live else {}), **known}
    host = dataset.publish.domain if is_live else lasting_address(settings.portal_home)
    scheme = "https" if is_live else "http"
    return {
        f"portal_page{f'_{partition}' if len(ids) > 1 else ''}": dg.MetadataValue.url(
            f"{scheme}://{host}/d/{portal_id}"
        )
        for partition, portal_id in sorted(ids.items())
    }


def _receipt(pipeline: Pipeline, dataset: str, publication_id: str | None) -> Mapping[str, Any]:
    """What the receipt says: who let it go, how it went, every figure that was proven."""
    if publication_id is None:
        return {}
    receipts = PublishingStore(pipeline.state).receipts(dataset, publication_id=publication_id)
    if not receipts:
        return {}
    body = receipts[-1].body
    proof = body["verification"]
    shown: dict[str, Any] = {
        "receipt": receipts[-1].hash,
        "released_by": body["released_by"] or "",
        "rows_refused": body["rows_refused"],
        "rows_read_back": proof["rows_read_back"] if proof else 0,
        "requests": sum(len(chunk["request_ids"] or []) for chunk in body["chunks"]),
    }
    if proof and proof["checks"]:
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
    """Fates as numbers, which the UI draws over time, zeros as well, and as a table."""
    fates = layer.facts.get("fates")
    if not fates:
        return {}
    return {
        **{f"lines_{fate}": fates.get(fate, 0) for fate in FATES},
        "fates": dg.MetadataValue.table(
            [dg.TableRecord({"fate": fate, "lines": fates.get(fate, 0)}) for fate in FATES]
        ),
        "rules_page": dg.MetadataValue.path(f"{PROJECT / 'docs' / 'rules.md'}#{layer.dataset}"),
    }


_SUSPICIONS: tuple[Suspicion, ...] = ("spelling", "duplicates")


def _suspicions(layer: Layer) -> Mapping[str, Any]:
    """What the machine corrected or linked by itself, and what it leaves to people."""
    return {
        f"{kind}_{outcome}": count
        for kind in _SUSPICIONS
        for outcome, count in layer.facts.get(kind, {}).items()
    }


def _size(pipeline: Pipeline, layer: Layer, started: float) -> Mapping[str, Any]:
    folder = pipeline.settings.home / layer.path
    return {
        "bytes": sum(path.stat().st_size for path in folder.glob("*.parquet")),
        "seconds": round(time.monotonic() - started, 2),
        "content_hash": layer.content_hash,
    }
