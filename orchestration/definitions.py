"""Assembles the Dagster definitions. No logic here, and nothing is read until Dagster asks."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.dataset import Dataset, load_sound_datasets
from orchestration.defs.gates import build_gate
from orchestration.defs.layers import build_modelled, build_published, build_raw
from orchestration.defs.pipeline import Pipeline
from orchestration.defs.sensors import build_alert_sensor
from orchestration.defs.specs import source_spec
from orchestration.layers import LAYERS
from orchestration.schedules import build_jobs, build_schedules
from orchestration.settings import Settings
from orchestration.warehouse.project import find_project, read_manifest


def build_defs(
    *, resources: Mapping[str, Any] | None = None, datasets: Mapping[str, Dataset] | None = None
) -> dg.Definitions:
    """The definitions of all datasets, the same call in production and in tests.

    A dataset file that cannot be read is left out, and an alert names it: the others go on.
    """
    settings = Settings.from_environment()
    datasets = datasets or load_sound_datasets(settings.datasets_dir)[0]
    manifest = read_manifest(find_project(settings, datasets).manifest)
    ids = list(datasets)
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = []
    for dataset in datasets.values():
        assets += [
            source_spec(dataset),
            build_raw(dataset),
            build_modelled(
                dataset, "standardized", upstream="raw", manifest=manifest, datasets=ids
            ),
            build_modelled(
                dataset, "deduplicated", upstream="standardized", manifest=manifest, datasets=ids
            ),
            build_published(dataset),
        ]
    return dg.Definitions(
        assets=assets,
        asset_checks=[
            build_gate(settings, one, layer) for one in datasets.values() for layer in LAYERS
        ],
        jobs=build_jobs(datasets.values()),
        schedules=build_schedules(datasets.values()),
        sensors=[build_alert_sensor()],
        resources=resources or {"pipeline": Pipeline()},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` loads."""
    return build_defs()
