"""Runs dbt inside this process on a DuckDB file made for one step, and closes it again."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.dataset import Dataset
from orchestration.errors import ModelFault
from orchestration.settings import Settings
from orchestration.warehouse.project import dbt_variables, manifest_path

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

MODELS = {
    "standardized": ("base_{id}", "stg_{id}", "corrections_{id}"),
    "deduplicated": ("int_{id}__*", "{id}", "ledger_{id}", "decided_cells_{id}"),
}
"""Which models make which layer; the layer keeps the Parquet that they leave in the workspace."""


def build_layer(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    *,
    dataset: str,
    layer: str,
    views: Mapping[str, list[Path]],
    folder: Path,
) -> list[dict[str, Any]]:
    """Builds and tests one layer's models in a workspace folder.

    `views` are what the models read: schema-qualified names and the Parquet behind them. Returns
    one record per model or test: `name`, `status`, `seconds`.

    Raises:
        ModelFault: a model could not be built, or a test of our SQL failed.
    """
    database = folder / "warehouse.duckdb"
    _make_views(database, views)
    variables = {**dbt_variables(datasets), "workspace": str(folder)}
    selected = [name.format(id=dataset) for name in MODELS[layer]]
    outcome = invoke(
        settings,
        [
            "build",
            "--exclude-resource-type",
            "unit_test",
            "--indirect-selection",
            "cautious",
            "--vars",
            json.dumps(variables),
            "--select",
            *selected,
        ],
        target=folder / "target",
        database=database,
        manifest=_manifest(manifest_path(settings, datasets)),
    )
    results = [
        {
            "name": result.node.name,
            "status": str(result.status),
            "seconds": round(result.execution_time, 3),
        }
        for result in getattr(outcome.result, "results", [])
    ]
    if not outcome.success:
        failed = [record["name"] for record in results if record["status"] in ("error", "fail")]
        # dbt's own message may hold cells: names are enough to find the compiled SQL.
        raise ModelFault(
            f"{dataset}: dbt could not build the {layer} layer; failed: "
            f"{', '.join(failed) or type(outcome.exception).__name__}. Nothing below it was made. "
            f"Run `summerware check`, then look at the model"
        )
    return results


def _make_views(database: Path, views: Mapping[str, list[Path]]) -> None:
    with duckdb.connect(str(database)) as connection:
        for name, files in views.items():
            schema, table = name.split(".")
            connection.execute(f'create schema if not exists "{schema}"')
            listed = ", ".join(f"'{path}'" for path in files)
            connection.execute(
                f'create view "{schema}"."{table}" as '
                f"select * from read_parquet([{listed}], union_by_name = true)"
            )


def invoke(
    settings: Settings,
    arguments: list[str],
    *,
    target: Path,
    database: Path | None = None,
    manifest: "Manifest | None" = None,
) -> "dbtRunnerResult":
    """Runs one dbt command in this process, quietly, and lets go of the database."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    project = str(settings.dbt_project_dir)
    command = [
        "--quiet",
        "--no-use-colors",
        "--log-level",
        "none",
        "--log-level-file",
        "none",
        "--no-send-anonymous-usage-stats",
        *arguments,
        "--project-dir",
        project,
        "--profiles-dir",
        project,
        "--target-path",
        str(target),
    ]
    with _environment(SUMMERWARE_WAREHOUSE=str(database or target / "warehouse.duckdb")):
        try:
            return dbtRunner(manifest=manifest).invoke(command)
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


@lru_cache(maxsize=2)
def _manifest(path: Path) -> "Manifest":
    from dbt.artifacts.schemas.manifest import WritableManifest
    from dbt.contracts.graph.manifest import Manifest

    return Manifest.from_writable_manifest(WritableManifest.read_and_check_versions(str(path)))


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
