"""What the UI says of an asset before it is ever made: name, words, owner, tags, columns, freshness.

Everything comes from the dataset file and the dbt manifest, read as JSON: dagster-dbt would import
dbt, and with it a second, into every process that only wants to show the assets.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import dagster as dg

from orchestration.dagster_private import cron_string_iterator
from orchestration.dataset import TIME_ZONE, Dataset
from orchestration.defs.columns import (
    modelled_schema,
    published_schema,
    raw_schema,
    source_schema,
)
from orchestration.defs.models import DBT, models_of

REPRESENTATIVE = {"standardized": "stg_{id}", "deduplicated": "{id}"}
"""The dbt model whose rows are the layer."""

SOURCE = "source"
"""First part of the key of what the city keeps, which no run of ours makes."""

SOURCES = "sources"
"""Their group: a dataset's own has the four assets that are made, which is what fits a screen."""

_GRACE = timedelta(hours=6)
_TICKS = 15


def source_spec(dataset: Dataset) -> dg.AssetSpec:
    """What the extracts come from: the city's own table, which is seen here and never made."""
    portal = dataset.source.socrata
    links = [f"https://{portal.domain}/d/{one}" for one in portal.ids] if portal else []
    return dg.AssetSpec(
        key=[SOURCE, dataset.id],
        description=f"{dataset.title} as the city keeps it, under the city's own headings. "
        f"One row per {_words(dataset.grain.line)}.",
        group_name=SOURCES,
        owners=[dataset.owner.email],
        tags=_tags(SOURCE),
        kinds={"source", "csv"},
        metadata={
            "dagster/column_schema": source_schema(dataset),
            **{
                f"city_page_{number}": dg.MetadataValue.url(link)
                for number, link in enumerate(links, start=1)
            },
        },
    )


def raw_spec(dataset: Dataset) -> dg.AssetSpec:
    """The raw asset."""
    return dg.AssetSpec(
        key=["raw", dataset.id],
        deps=[dg.AssetKey([SOURCE, dataset.id])],
        description=f"Extracts of {dataset.title} as they came. "
        "One row per line, cells as text, the columns of the dataset file only.",
        group_name=dataset.id,
        owners=[dataset.owner.email],
        tags=_tags("raw"),
        kinds={"parquet", "raw"},
        freshness_policy=freshness(dataset),
        metadata={
            "dagster/column_schema": raw_schema(dataset),
            "time_zone": TIME_ZONE,
            "source_kind": dataset.source.kind,
        },
    )


def modelled_spec(
    manifest: Mapping[str, Any], dataset: Dataset, layer: str, *, upstream: str
) -> dg.AssetSpec:
    """The asset of a layer that dbt makes, with the words and columns of its model.

    It is what stands on the disk once its models, which are assets by themselves, are finished.
    """
    models = models_of(manifest, dataset, layer)
    name = REPRESENTATIVE[layer].format(id=dataset.id)
    (model,) = [one for one in models.values() if one["name"] == name]
    kept = [one["name"] for one in models.values() if one["config"]["materialized"] == "layer"]
    return dg.AssetSpec(
        key=[layer, dataset.id],
        deps=[
            dg.AssetKey([upstream, dataset.id]),
            *(dg.AssetKey([DBT, one]) for one in sorted(kept)),
        ],
        description=model["description"],
        group_name=dataset.id,
        owners=[dataset.owner.email],
        tags=_tags(layer),
        kinds={"dbt", "duckdb", layer},
        code_version=str(model["checksum"]["checksum"])[:12],
        metadata={
            "dagster/column_schema": modelled_schema(dataset, layer, model),
            "model": dg.MetadataValue.path(f"dbt_project/{model['original_file_path']}"),
        },
    )


def published_spec(dataset: Dataset) -> dg.AssetSpec:
    """The published asset."""
    return dg.AssetSpec(
        key=["published", dataset.id],
        deps=[dg.AssetKey(["deduplicated", dataset.id])],
        description=f"{dataset.publish.title} on the portal. "
        f"One row per {dataset.publish.row_label}, sent only after every gate has passed, and "
        "read back.",
        group_name=dataset.id,
        owners=[dataset.owner.email],
        tags=_tags("published"),
        kinds={"socrata", "published"},
        freshness_policy=freshness(dataset),
        metadata={
            "dagster/column_schema": published_schema(dataset),
            "licence": dataset.publish.licence,
            "release": dataset.release,
        },
    )


def freshness(dataset: Dataset) -> dg.FreshnessPolicy:
    """Late where the dataset's schedule passed without it, stale after the file's `stale_days`."""
    late = _longest_gap(dataset.schedule) + _GRACE
    stale = max(timedelta(days=dataset.limits.stale_days), late + _GRACE)
    return dg.FreshnessPolicy.time_window(fail_window=stale, warn_window=late)


def _longest_gap(schedule: str) -> timedelta:
    """The longest time between two ticks of a schedule that follow one another."""
    ticks = cron_string_iterator(datetime(2026, 1, 1, tzinfo=UTC).timestamp(), schedule, TIME_ZONE)
    moments = [next(ticks) for _ in range(_TICKS)]
    return max(later - earlier for earlier, later in pairwise(moments))


def _tags(layer: str) -> dict[str, str]:
    return {"layer": layer}


def _words(name: str) -> str:
    return name.replace("_", " ")
