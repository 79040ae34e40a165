"""Makes one modelled layer: from the finished and passed layer above it to Parquet that is kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.duck import connect, lines_of_files, parquet
from orchestration.gates.gate import require_passed
from orchestration.layers import finish_layer, layer_file, layer_files, newest_layer, workspace
from orchestration.settings import Settings
from orchestration.state.store import Layer, State
from orchestration.warehouse.runner import build_layer

KEPT = {
    "standardized": ("stg_{id}", "corrections_{id}"),
    "deduplicated": ("{id}", "ledger_{id}", "decided_cells_{id}"),
}
"""The files of each layer; the first one's rows are the layer's."""


def make_modelled_layer(
    settings: Settings,
    state: State,
    datasets: Mapping[str, Dataset],
    dataset_id: str,
    layer: str,
    *,
    upstream: str,
    run_id: str,
) -> tuple[Layer, list[dict[str, Any]]]:
    """The finished layer, and a record (`name`, `status`, `seconds`) per model and test.

    Raises:
        GateNotPassed: the layer above has not passed for the rules as they are now.
        ModelFault: a model could not be built, or a test of our SQL failed.
    """
    above = newest_layer(state, dataset_id, upstream, run_id=run_id)
    records = require_passed(settings, state, datasets[dataset_id], above)
    views = {f"raw.{dataset_id}": lines_of_files(layer_files(settings, above))}
    if upstream != "raw":
        quarantine = records[-1].quarantine_path
        assert quarantine is not None
        views = {
            f"main.stg_{dataset_id}": parquet(layer_file(settings, above, f"stg_{dataset_id}")),
            f"gate.quarantine_{dataset_id}": parquet(settings.home / quarantine),
        }
    with workspace(settings, run_id, f"{dataset_id}-{layer}") as folder:
        results = build_layer(
            settings, datasets, dataset=dataset_id, layer=layer, views=views, folder=folder
        )
        files = [folder / f"{name.format(id=dataset_id)}.parquet" for name in KEPT[layer]]
        finished = finish_layer(
            settings,
            state,
            dataset=dataset_id,
            layer=layer,
            run_id=run_id,
            upstream=above,
            files=files,
            facts=_facts(files, layer),
        )
    return finished, results


def _facts(files: list[Path], layer: str) -> dict[str, Any]:
    with connect() as connection:
        rows = connection.execute(f"select count(*) from {parquet(files[0])}").fetchone()
        facts: dict[str, Any] = {"rows": rows[0] if rows else 0}
        if layer == "deduplicated":
            counted = connection.execute(
                f"select fate, count(*) from {parquet(files[1])} group by fate order by fate"
            ).fetchall()
            facts["fates"] = dict(counted)
    return facts
