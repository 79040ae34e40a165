"""The dbt models, and what Python makes between them, as the assets and checks that people see.

Says keys, groups, words and what each is made from, off the manifest as JSON: `translator.py` says the
same to dagster-dbt, whose import alone takes longer than loading everything else. Whoever makes them is
the op of their layer (`layers.py`): a layer is finished whole or not at all.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import dagster as dg

from orchestration.dataset import Dataset
from orchestration.schedules import group_of_models
from orchestration.warehouse.runner import BASE, DEDUPLICATED, STANDARDIZED

DBT = "dbt"
"""First part of the key of a model; its name is the second."""
PYTHON = "python"
"""First part of the key of what Python makes between two models."""

_PATTERNS = {"standardized": (*BASE, *STANDARDIZED), "deduplicated": DEDUPLICATED}
_OF_SOURCES = {
    "raw": ("raw", "{id}"),
    "gate": ("standardized", "{id}"),
    "linked": (PYTHON, "duplicates_{id}"),
    # Which keys an order took down is looked up among the lines of the layer above.
    "takedown": ("standardized", "{id}"),
}
_HELPS = {"spelling": "stg_{id}", "shifted": "stg_{id}"}
"""What a model asks of by a function, which dbt does not see."""


def model_key(props: Mapping[str, Any], datasets: Sequence[str]) -> dg.AssetKey:
    """The asset of a model; for a source, the asset that its rows come from.

    The project may know datasets whose files cannot be read now: a source of theirs keeps dbt's names.
    """
    if props["resource_type"] != "source":
        return dg.AssetKey([DBT, props["name"]])
    dataset = next((one for one in datasets if _ends_with(props["name"], one)), None)
    if dataset is None:
        return dg.AssetKey([props["source_name"], props["name"]])
    place, name = _OF_SOURCES[props["source_name"]]
    return dg.AssetKey([place, name.format(id=dataset)])


def layer_of(name: str, datasets: Sequence[str]) -> tuple[str, str] | None:
    """The layer and the dataset that a model is made for; none for models of a city's own."""
    for dataset in datasets:
        for layer, patterns in _PATTERNS.items():
            if any(fnmatchcase(name, pattern.format(id=dataset)) for pattern in patterns):
                return layer, dataset
    return None


def models_of(
    manifest: Mapping[str, Any], dataset: Dataset, layer: str
) -> dict[str, Mapping[str, Any]]:
    """The models that a layer's op makes, by their ids in the manifest."""
    return {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
        and layer_of(node["name"], [dataset.id]) == (layer, dataset.id)
    }


def model_specs(
    manifest: Mapping[str, Any], dataset: Dataset, layer: str, datasets: Sequence[str]
) -> list[dg.AssetSpec]:
    """An asset per model of a layer."""
    specs = []
    for node in models_of(manifest, dataset, layer).values():
        above = [_node(manifest, one) for one in node["depends_on"]["nodes"]]
        deps = [model_key(one, datasets) for one in above if one["resource_type"] != "seed"]
        specs.append(
            dg.AssetSpec(
                key=model_key(node, datasets),
                deps=list(dict.fromkeys([*deps, *helpers_of(node["name"], dataset)])),
                description=node["description"],
                group_name=group_of_models(dataset.id),
                owners=[dataset.owner.email],
                tags={"layer": layer},
                kinds={"dbt", "duckdb", node["config"]["materialized"]},
                code_version=node["checksum"]["checksum"][:12],
                skippable=True,
                metadata=model_metadata(node),
            )
        )
    return specs


def model_metadata(props: Mapping[str, Any]) -> dict[str, Any]:
    """A model's columns, and the file that it is written in."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=name,
                    type=column.get("data_type") or "varchar",
                    description=column.get("description"),
                )
                for name, column in props["columns"].items()
            ]
        ),
        "model": dg.MetadataValue.path(f"dbt_project/{props['original_file_path']}"),
    }


def dbt_test_specs(
    manifest: Mapping[str, Any], dataset: Dataset, layer: str
) -> list[dg.AssetCheckSpec]:
    """A check per dbt test of a layer's models. Like any failing test of ours it stops its layer."""
    models = models_of(manifest, dataset, layer)
    return [
        dg.AssetCheckSpec(
            node["name"],
            asset=dg.AssetKey([DBT, models[node["attached_node"]]["name"]]),
            description=node["description"] or "A fact about our own SQL, tested by dbt.",
            blocking=node["config"]["severity"].lower() == "error",
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node.get("attached_node") in models
    ]


def python_specs(dataset: Dataset, layer: str) -> list[dg.AssetSpec]:
    """What the machine suspects: shifted lines and misspellings, or near duplicates."""
    if layer == "standardized":
        found = [("shifted", dg.AssetKey(["raw", dataset.id]), _SHIFTED)]
        if dataset.spelled:
            found.append(("spelling", dg.AssetKey([DBT, f"base_{dataset.id}"]), _SPELLING))
    else:
        above = dg.AssetKey([DBT, f"stg_{dataset.id}"])
        found = [("duplicates", above, _DUPLICATES)] if dataset.duplicates else []
    return [
        dg.AssetSpec(
            key=[PYTHON, f"{name}_{dataset.id}"],
            deps=[above],
            description=words,
            group_name=group_of_models(dataset.id),
            owners=[dataset.owner.email],
            tags={"layer": layer},
            kinds={"python", "duckdb"},
            skippable=True,
        )
        for name, above, words in found
    ]


def helpers_of(name: str, dataset: Dataset) -> list[dg.AssetKey]:
    """What Python made for a model to ask."""
    made = {spec.key for spec in python_specs(dataset, "standardized")}
    keys = [
        dg.AssetKey([PYTHON, f"{kind}_{dataset.id}"])
        for kind, model in _HELPS.items()
        if name == model.format(id=dataset.id)
    ]
    return [key for key in keys if key in made]


_SHIFTED = (
    "Lines whose cells stand in their neighbours' columns. One row per line; the staging model asks it "
    "by `shifted_at`, and a rule quarantines them."
)
_SPELLING = (
    "What the machine makes of each distinct word: corrected, proposed, left, drift. One row per column "
    "and word; the staging model corrects by it."
)
_DUPLICATES = (
    "Records that may be the same event. One row per pair; the fates and the mart link by it."
)


def _node(manifest: Mapping[str, Any], unique_id: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
    return found


def _ends_with(name: str, dataset: str) -> bool:
    return f"_{name}".endswith(f"_{dataset}")
