"""Events for the parts of a finished layer: models, dbt tests, and what Python made between them.

They are emitted once the layer is finished, never while it is made: what a step leaves when it
fails is thrown away, and no asset may claim to be there. Metadata are counts, seconds, columns and SQL,
never a cell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from orchestration.defs.pipeline import Pipeline
from orchestration.duck import parquet, query
from orchestration.layers import layer_file
from orchestration.state.store import Layer
from orchestration.warehouse.project import find_project, read_manifest
from orchestration.warehouse.runner import ModelResult

PartEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation


def tell_parts(
    context: dg.AssetExecutionContext,
    pipeline: Pipeline,
    layer: Layer,
    results: Sequence[ModelResult],
    made_by_python: Sequence[dg.AssetSpec],
) -> Iterator[Any]:
    """Models and tests as dagster-dbt reports them, with rows and SQL, then Python's tables.

    Where that fails it is logged, and the parts are materialized without metadata: the layer is
    finished, and Dagster skips whatever is below an output that did not come.
    """
    events: list[PartEvent] = []
    try:
        events = [
            *(_with_figures(pipeline, layer, results, one) for one in _of_dbt(pipeline, results)),
            *(_of_python(pipeline, layer, spec.key) for spec in made_by_python),
        ]
    except Exception as error:  # noqa: BLE001 - what people look at never fails a step
        context.log.warning(f"the parts of the layer are not told: {type(error).__name__}")
    without_event = context.selected_asset_keys - {one.asset_key for one in events}
    without_event -= {dg.AssetKey([layer.layer, layer.dataset])}
    yield from _selected(context, [*events, *map(dg.AssetMaterialization, without_event)])


def tell_layer(
    context: dg.AssetExecutionContext, key: dg.AssetKey, *, metadata: Mapping[str, Any]
) -> Iterator[Any]:
    """The finished layer itself, after its parts."""
    yield from _selected(context, [dg.AssetMaterialization(key, metadata=metadata)])


def tell_failed_tests(
    context: dg.AssetExecutionContext, pipeline: Pipeline, results: Sequence[Mapping[str, Any]]
) -> Iterator[Any]:
    """The dbt tests that stopped a layer. Its models get no event: none was kept."""
    failed = [one for one in results if one["status"] == "fail"]
    try:
        events = _of_dbt(pipeline, failed)
    except Exception as error:  # noqa: BLE001 - the step's own failure is what counts
        context.log.warning(f"the failed tests are not told: {type(error).__name__}")
        return
    yield from _selected(context, events)


def _selected(context: dg.AssetExecutionContext, events: Iterable[PartEvent]) -> Iterator[Any]:
    """What the run asked for, as its results; other parts were made, too, and are noted all the same.

    In the order of the graph, which Dagster insists on.
    """
    above = {spec.key: {dep.asset_key for dep in spec.deps} for spec in context.assets_def.specs}
    order = list(TopologicalSorter(above).static_order())
    for one in sorted(events, key=lambda part: order.index(part.asset_key)):
        if isinstance(one, dg.AssetCheckEvaluation):
            if one.asset_check_key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    asset_key=one.asset_key,
                    check_name=one.check_name,
                    passed=one.passed,
                    severity=one.severity,
                    metadata=one.metadata,
                )
        elif one.asset_key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=one.asset_key, metadata=one.metadata)
        else:
            context.log_event(one)


def _of_dbt(pipeline: Pipeline, results: Sequence[Mapping[str, Any]]) -> list[PartEvent]:
    from orchestration.defs.translator import dbt_events

    manifest = read_manifest(find_project(pipeline.settings, pipeline.datasets).manifest)
    return list(dbt_events(manifest, pipeline.datasets, results))


def _with_figures(
    pipeline: Pipeline, layer: Layer, results: Sequence[ModelResult], event: PartEvent
) -> PartEvent:
    """A materialization with what dbt's event lacks: the rows of what is kept, and the SQL that ran."""
    if isinstance(event, dg.AssetCheckEvaluation):
        return event
    name = event.asset_key.path[-1]
    sql = next((one["sql"] for one in results if one["name"] == name and "sql" in one), None)
    return event.with_metadata(
        {
            **event.metadata,
            **_rows(pipeline, layer, name),
            **({"compiled_sql": dg.MetadataValue.md(f"```sql\n{sql}\n```")} if sql else {}),
        }
    )


def _of_python(pipeline: Pipeline, layer: Layer, key: dg.AssetKey) -> PartEvent:
    """How many lines are shifted; of a table of suspicions its rows, and how many of each outcome."""
    name = key.path[-1]
    kind = name.removesuffix(f"_{layer.dataset}")
    if kind == "shifted":
        staged = layer_file(pipeline.settings, layer, f"stg_{layer.dataset}")
        metadata = {"dagster/row_count": _count(f"count(_shifted) from {parquet(staged)}")}
    else:
        facts: Mapping[str, Any] = layer.facts
        metadata = {**_rows(pipeline, layer, name), **facts.get(kind, {})}
    return dg.AssetMaterialization(key, metadata=metadata)


def _rows(pipeline: Pipeline, layer: Layer, name: str) -> dict[str, int]:
    file = layer_file(pipeline.settings, layer, name)
    return {"dagster/row_count": _count(f"count(*) from {parquet(file)}")} if file.exists() else {}


def _count(counted: str) -> int:
    return int(query(f"select {counted}")[0][0])
