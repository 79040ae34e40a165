"""Runs dbt inside this process on a DuckDB file made for one step, and closes it again."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from orchestration.dataset import Dataset
from orchestration.duck import connect
from orchestration.errors import ModelFault
from orchestration.settings import Settings
from orchestration.warehouse.project import find_project

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_DATABASE = "warehouse.duckdb"

# Models in the order of their making; a layer keeps the Parquet that they leave in the workspace.
BASE = ("base_{id}",)
STANDARDIZED = ("stg_{id}", "corrections_{id}")
DEDUPLICATED = ("int_{id}__*", "{id}", "ledger_{id}", "decided_cells_{id}")


Event = Mapping[str, Any]
"""dbt's own event of the end of a model or a test, as dbt's command line prints it as JSON."""


class ModelResult(TypedDict):
    """What became of one model or test: `status` is dbt's word, `seconds` is what it took.

    `sql` is what was run, of a model.
    """

    name: str
    status: str
    seconds: float
    event: Event | None
    sql: NotRequired[str]


def open_warehouse(folder: Path, dataset: Dataset, views: Mapping[str, str]) -> Path:
    """Makes a step's database in its workspace folder; returns its path.

    `views` are what the models read: schema-qualified names and the Parquet behind them, as SQL.
    The schema of functions is there, and the tables `takedown.keys_<id>` and `takedown.columns_<id>` are
    for who knows what was taken down.
    """
    database = folder / _DATABASE
    with connect(database) as connection:
        connection.execute(f"create schema {dataset.id}; create schema takedown")
        connection.execute(f"create table takedown.keys_{dataset.id} (row_key varchar)")
        connection.execute(f"create table takedown.columns_{dataset.id} (column_name varchar)")
        for name, table in views.items():
            schema, view = name.split(".")
            connection.execute(f'create schema if not exists "{schema}"')
            connection.execute(f'create view "{schema}"."{view}" as from {table}')
    return database


def keep_warehouse(settings: Settings, folder: Path, dataset: str, layer: str) -> None:
    """Keeps a step's database as the last of its layer, for who runs dbt by hand (`macros/inputs.sql`).

    It holds cells, as the layer does, and goes whenever something of the dataset is purged. The layer is
    finished without it: where it cannot be moved (another file system), dbt by hand finds no inputs.
    """
    kept = settings.layers / dataset / f"{layer}.duckdb"
    with suppress(OSError):
        (folder / _DATABASE).chmod(0o600)
        (folder / _DATABASE).replace(kept)


def build_models(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    models: Sequence[str],
    *,
    dataset: str,
    database: Path,
) -> list[ModelResult]:
    """Builds and tests some of a dataset's models in a step's database.

    Returns one record per model or test: `name`, `status`, `seconds`, a model's `sql`, and dbt's own
    `event` of its end as a mapping, in the form that dbt's command line prints as JSON.

    Raises:
        ModelFault: a model could not be built, or a test of our SQL failed.
    """
    folder = database.parent
    project = find_project(settings, datasets)
    selected = [name.format(id=dataset) for name in models]
    outcome = invoke(
        project.folder,
        [
            "build",
            "--exclude-resource-type",
            "unit_test",
            "--indirect-selection",
            "cautious",
            "--select",
            # One argument: dbt's command line, where it is asked for, takes no more.
            " ".join(selected),
        ],
        target=folder / "target",
        database=database,
        manifest=_manifest(project.parsed),
        is_step=True,
    )
    if not outcome.success:
        failed = [one["name"] for one in outcome.results if one["status"] in ("error", "fail")]
        # dbt's own message may hold cells: names are enough to find the compiled SQL.
        raise ModelFault(
            f"{dataset}: dbt could not build its models; failed: "
            f"{', '.join(failed) or outcome.error}. Nothing below was made. "
            f"Run `summerware check`, then look at the model",
            results=outcome.results,
        )
    return outcome.results


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a dbt command came to: `results` are records of `name`, `status`, `seconds`, `event`.

    A model's record also has the `sql` that was run.
    """

    success: bool
    results: list[ModelResult]
    error: str


def invoke(
    project: Path,
    arguments: list[str],
    *,
    target: Path,
    database: Path | None = None,
    manifest: "Manifest | None" = None,
    is_step: bool = False,
) -> Outcome:
    """Runs one dbt command quietly: in this process, or through dbt's own command line.

    A step brings a database that holds all inputs, and layers are left as Parquet beside it.

    SUMMERWARE_DBT=cli takes the command line, for the day that dbt's Python entry changes; it is
    slower by dbt's start for every layer.
    """
    # Parsing must not see where a database is, or dbt would parse everything again for each.
    places = {
        "SUMMERWARE_WAREHOUSE": str(database) if database else None,
        "SUMMERWARE_WORKSPACE": str(database.parent) if database and is_step else None,
    }
    with _environment(**places):
        if os.environ.get("SUMMERWARE_DBT") == "cli":
            return _through_command_line(project, arguments, target)
        return _in_process(project, arguments, target, manifest)


def _in_process(
    project: Path, arguments: list[str], target: Path, manifest: "Manifest | None"
) -> Outcome:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    folders = ["--project-dir", str(project), "--profiles-dir", str(project)]
    folders += ["--target-path", str(target)]
    if manifest is not None:
        # Who brings a manifest needs no second one, and writing it takes half of a small build.
        folders.append("--no-write-json")
    events: dict[str, Event] = {}
    hear = partial(_hear, events)
    try:
        outcome = dbtRunner(manifest=manifest, callbacks=[hear]).invoke(
            [*_QUIETLY, *arguments, *folders]
        )
    finally:
        # DuckDB refuses the next connection while dbt holds one.
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    results = [
        _result(
            name=result.node.name,
            status=str(result.status),
            seconds=round(result.execution_time, 3),
            event=events.get(result.node.unique_id),
            sql=_sql(result.node.resource_type, getattr(result.node, "compiled_code", None)),
        )
        for result in getattr(outcome.result, "results", [])
    ]
    error = type(outcome.exception).__name__ if outcome.exception else "a test"
    if arguments[0] in ("parse", "compile"):
        # Nothing was read yet, so dbt's message holds no cell.
        error = str(outcome.exception)
    return Outcome(success=outcome.success, results=results, error=error)


def _hear(events: dict[str, Event], event: Any) -> None:
    """Keeps the event of a node's end under the node's id."""
    if event.info.name not in _ENDS:
        return
    from dbt_common.events.functions import msg_to_dict

    record = msg_to_dict(event)
    events[record["data"]["node_info"]["unique_id"]] = record


def _through_command_line(project: Path, arguments: list[str], target: Path) -> Outcome:
    from dagster_dbt import DbtCliResource

    resource = DbtCliResource(
        project_dir=str(project),
        profiles_dir=str(project),
        dbt_executable=str(Path(sys.executable).parent / "dbt"),
    )
    run = resource.cli([*_NO_TRACES, *arguments], raise_on_error=False, target_path=target)
    events: dict[str, Event] = {}
    for one in run.stream_raw_events():
        if one.raw_event["info"]["name"] in _ENDS:
            events[one.raw_event["data"]["node_info"]["unique_id"]] = one.raw_event
    written = target / "run_results.json"
    records = json.loads(written.read_text())["results"] if written.is_file() else []
    results = [
        _result(
            name=record["unique_id"].split(".")[2],
            status=record["status"],
            seconds=round(record["execution_time"], 3),
            event=events.get(record["unique_id"]),
            sql=_sql(record["unique_id"].split(".")[0], record.get("compiled_code")),
        )
        for record in records
    ]
    return Outcome(success=run.is_successful(), results=results, error="dbt's command line")


def _result(
    *, name: str, status: str, seconds: float, event: Event | None, sql: str | None
) -> ModelResult:
    result: ModelResult = {"name": name, "status": status, "seconds": seconds, "event": event}
    if sql is not None:
        result["sql"] = sql
    return result


def _sql(kind: str, code: str | None) -> str | None:
    return code if kind == "model" and code else None


_ENDS = ("LogModelResult", "LogTestResult")
"""dbt's names for the events of the end of a model and of a test."""
_NO_TRACES = ["--no-use-colors", "--log-level-file", "none", "--no-send-anonymous-usage-stats"]
_QUIETLY = ["--quiet", "--log-level", "none", *_NO_TRACES]


@lru_cache(maxsize=2)
def _manifest(path: Path) -> "Manifest":
    from dbt.contracts.graph.manifest import Manifest

    # Tests named in YAML do not run from a manifest that was read back from its JSON.
    manifest: Manifest = Manifest.from_msgpack(path.read_bytes())
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest


@contextmanager
def _environment(**values: str | None) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    _set_environment(values)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
