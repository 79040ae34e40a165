"""Names of dbt models in Dagster: one asset per dataset and layer, in the dataset's group.

Only the model that stands for its layer becomes an asset; what helps it is built in the same step.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, build_dbt_asset_specs

from orchestration.dataset import Dataset

REPRESENTATIVE = {"standardized": "stg_{id}", "deduplicated": "{id}"}
"""The model whose rows are the layer."""


class LayerTranslator(DagsterDbtTranslator):  # type: ignore[misc]
    """Keys `[layer, dataset]` instead of dbt's schemas."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        self._dataset = dataset

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The layer's key for its model; other models keep a key of their own."""
        name = dbt_resource_props["name"]
        for layer, model in REPRESENTATIVE.items():
            if name == model.format(id=self._dataset.id):
                return dg.AssetKey([layer, self._dataset.id])
        return dg.AssetKey(["models", name])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The dataset."""
        return self._dataset.id


def layer_spec(dataset: Dataset, layer: str, *, upstream: str, manifest: Path) -> dg.AssetSpec:
    """The asset of a layer as dbt describes it: columns, descriptions, code location."""
    key = dg.AssetKey([layer, dataset.id])
    specs = build_dbt_asset_specs(
        manifest=manifest,
        dagster_dbt_translator=LayerTranslator(dataset),
        select=REPRESENTATIVE[layer].format(id=dataset.id),
    )
    spec: dg.AssetSpec = next(spec for spec in specs if spec.key == key)
    return spec.replace_attributes(
        deps=[dg.AssetKey([upstream, dataset.id])],
        group_name=dataset.id,
        kinds={"dbt", "duckdb", layer},
        tags={"layer": layer},
        owners=[dataset.owner.email],
    )
