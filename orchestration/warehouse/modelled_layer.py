"""Makes one modelled layer: from the finished and passed layer above it to Parquet that is kept."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.duck import connect, lines_of_files, parquet
from orchestration.gates.gate import require_passed
from orchestration.layers import finish_layer, layer_file, layer_files, newest_layer, workspace
from orchestration.settings import PACKAGE, Settings
from orchestration.state.store import Layer, State
from orchestration.warehouse.runner import (
    BASE,
    DEDUPLICATED,
    STANDARDIZED,
    build_models,
    open_warehouse,
)


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
        ConfigurationError: a vocabulary or a decision is wrong.
    """
    dataset = datasets[dataset_id]
    above = newest_layer(state, dataset_id, upstream, run_id=run_id)
    records = require_passed(settings, state, dataset, above)
    with workspace(settings, run_id, f"{dataset_id}-{layer}") as folder:
        if layer == "standardized":
            lines = lines_of_files(layer_files(settings, above))
            spelling: Sequence[Any] = ()
            if dataset.spelled:
                from orchestration.review.decisions import spelling_decisions

                spelling = spelling_decisions(settings, state, dataset)
            results = standardize(settings, datasets, dataset, lines, spelling, folder)
        else:
            staged = parquet(layer_file(settings, above, f"stg_{dataset_id}"))
            quarantine = records[-1].quarantine_path
            assert quarantine is not None
            quarantined = parquet(settings.home / quarantine)
            duplicates: Sequence[Any] = ()
            if dataset.duplicates:
                from orchestration.review.decisions import duplicate_decisions

                duplicates = duplicate_decisions(settings, state, dataset)
            results = deduplicate(
                settings, datasets, dataset, staged, quarantined, duplicates, folder
            )
        files = [folder / f"{name}.parquet" for name in _kept(dataset, layer)]
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


def standardize(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    lines: str,
    decisions: Sequence[Any],
    folder: Path,
) -> list[dict[str, Any]]:
    """Leaves the standardized layer's files in a folder; `lines` are the raw lines, as SQL."""
    database = open_warehouse(folder, {f"raw.{dataset.id}": lines})
    build = partial(build_models, settings, datasets, dataset=dataset.id, database=database)
    results = []
    if dataset.spelled:
        from orchestration.cleaning.spelled import suspect_misspellings

        results += build(BASE)
        with connect(database) as connection:
            suspect_misspellings(
                connection,
                settings,
                dataset,
                base=f"main.base_{dataset.id}",
                decisions=decisions,
                target=folder / f"spelling_{dataset.id}.parquet",
            )
        return results + build(STANDARDIZED)
    return build((*BASE, *STANDARDIZED))


def deduplicate(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    staged: str,
    quarantined: str,
    decisions: Sequence[Any],
    folder: Path,
) -> list[dict[str, Any]]:
    """Leaves the deduplicated layer's files in a folder; the rest is as SQL."""
    views = {f"main.stg_{dataset.id}": staged, f"gate.quarantine_{dataset.id}": quarantined}
    database = open_warehouse(folder, views)
    if dataset.duplicates:
        from orchestration.cleaning.linked import suspect_duplicates

        with connect(database) as connection:
            suspect_duplicates(
                connection,
                dataset,
                staged=f"main.stg_{dataset.id}",
                quarantined=f"gate.quarantine_{dataset.id}",
                decisions=decisions,
                weights=PACKAGE / "linkage" / f"{dataset.id}.json",
                target=folder / f"duplicates_{dataset.id}.parquet",
            )
    return build_models(settings, datasets, DEDUPLICATED, dataset=dataset.id, database=database)


def _kept(dataset: Dataset, layer: str) -> list[str]:
    """The files that are kept of a layer; the first one's rows are the layer's."""
    if layer == "standardized":
        suspected = [f"spelling_{dataset.id}"] if dataset.spelled else []
        return [f"stg_{dataset.id}", f"corrections_{dataset.id}", *suspected]
    suspected = [f"duplicates_{dataset.id}"] if dataset.duplicates else []
    return [dataset.id, f"ledger_{dataset.id}", f"decided_cells_{dataset.id}", *suspected]


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
