"""Makes one modelled layer: from the finished and passed layer above it to Parquet that is kept."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from orchestration.classification.in_force import classes_in_force
from orchestration.cleaning.linkage import weights_path
from orchestration.cleaning.linkage_step import suspect_duplicates
from orchestration.cleaning.shifted import find_shifted
from orchestration.cleaning.spelling_step import suspect_misspellings
from orchestration.dataset import Dataset
from orchestration.domains.classes import Classes, list_classes, load_classes
from orchestration.duck import connect, lines_of_files, parquet, query
from orchestration.gates.gate import require_passed, upstream_chain
from orchestration.layers import finish_layer, layer_file, layer_files, newest_layer, workspace
from orchestration.review.decisions import (
    DuplicateDecision,
    SpellingDecision,
    duplicate_decisions,
    spelling_decisions,
)
from orchestration.scanning.scanned import scan_lines
from orchestration.settings import Settings
from orchestration.state.records import LayerFacts
from orchestration.state.store import GateRecord, Layer, State
from orchestration.steps.functions import define_known
from orchestration.tombstones.tombstones import Tombstones, load_tombstones
from orchestration.warehouse.runner import (
    BASE,
    DEDUPLICATED,
    STANDARDIZED,
    ModelResult,
    build_models,
    keep_warehouse,
    open_warehouse,
)
from orchestration.warehouse.vocabularies import load_vocabulary, members, official_values

progress = logging.getLogger("summerware.progress")


def make_modelled_layer(
    settings: Settings,
    state: State,
    datasets: Mapping[str, Dataset],
    dataset_id: str,
    layer: str,
    *,
    upstream: str,
    run_id: str,
) -> tuple[Layer, list[ModelResult]]:
    """The finished layer, and a record per model and test, as `build_models` returns them.

    Raises:
        GateNotPassed: the layer above has not passed for the rules as they are now.
        ModelFault: a model could not be built, or a test of our SQL failed.
        ConfigurationError: a vocabulary or a decision is wrong.
    """
    dataset = datasets[dataset_id]
    above = newest_layer(state, dataset_id, upstream, run_id=run_id)
    records = require_passed(settings, state, dataset, above)
    with workspace(settings, run_id, f"{dataset_id}-{layer}") as folder:
        make = _make_standardized if layer == "standardized" else _make_deduplicated
        results, facts = make(settings, state, datasets, dataset, above, records[-1], folder)
        files = [folder / f"{name}.parquet" for name in _kept(dataset, layer)]
        finished = finish_layer(
            settings,
            state,
            dataset=dataset_id,
            layer=layer,
            run_id=run_id,
            upstream=above,
            files=files,
            facts=_facts(files) | facts,
        )
        keep_warehouse(settings, folder, dataset_id, layer)
    return finished, results


def _make_standardized(
    settings: Settings,
    state: State,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    above: Layer,
    _: GateRecord,
    folder: Path,
) -> tuple[list[ModelResult], LayerFacts]:
    """The results of the models, and what the layer notes of its making."""
    classes = classes_in_force(settings, state, dataset)
    results = standardize(
        settings,
        datasets,
        dataset,
        lines_of_files(layer_files(settings, above)),
        spelling_decisions(settings, state, dataset),
        folder,
        classes=classes,
    )
    parsing = {column.name: column.parse for column in dataset.columns if column.source}
    return results, {"classes": classes.hash, "parsing": parsing}


def _make_deduplicated(
    settings: Settings,
    state: State,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    above: Layer,
    passed: GateRecord,
    folder: Path,
) -> tuple[list[ModelResult], LayerFacts]:
    """The results of the models, and what the layer notes of its making."""
    assert passed.quarantine_path is not None
    results = deduplicate(
        settings,
        datasets,
        dataset,
        parquet(layer_file(settings, above, f"stg_{dataset.id}")),
        parquet(settings.home / passed.quarantine_path),
        duplicate_decisions(settings, state, dataset),
        folder,
        tombstones=load_tombstones(settings, state, dataset),
    )
    read = upstream_chain(state, above)[0].facts["extracts"]
    ledger = folder / f"ledger_{dataset.id}.parquet"
    return results, {"waiting": _waiting(settings, state, dataset, ledger, read)}


def standardize(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    lines: str,
    decisions: Sequence[SpellingDecision],
    folder: Path,
    *,
    classes: Classes | None = None,
) -> list[ModelResult]:
    """Leaves the standardized layer's files in a folder; `lines` are the raw lines, as SQL.

    Without `classes` those of the dataset's files hold.
    """
    database = open_warehouse(folder, dataset, {f"raw.{dataset.id}": lines})
    classes = classes or load_classes(settings, dataset)
    with connect(database) as connection:
        # Else each of a hundred definitions is written to disk and waited for.
        connection.begin()
        define_known(connection, settings, dataset, classes, lines=f"raw.{dataset.id}")
        find_shifted(
            connection,
            dataset,
            lines=f"raw.{dataset.id}",
            vocabularies={
                column.name: [entry.value for entry in members(settings, column.spelling)]
                for column in dataset.spelled
                if column.spelling
            },
            schema=dataset.id,
        )
        connection.commit()
    build = partial(build_models, settings, datasets, dataset=dataset.id, database=database)
    results = build(BASE)
    base = f"main.base_{dataset.id}"
    with connect(database) as connection:
        scan_lines(
            connection,
            dataset,
            base=base,
            lines=f"raw.{dataset.id}",
            vocabularies=official_values(settings, dataset),
            streets=[entry.value for entry in load_vocabulary(settings, "street_names")],
            schema=dataset.id,
        )
        if dataset.spelled:
            suspect_misspellings(
                connection,
                settings,
                dataset,
                base=base,
                decisions=decisions,
                target=folder / f"spelling_{dataset.id}.parquet",
                classes=list_classes(connection, classes) if dataset.deciding else None,
                schema=dataset.id,
            )
    return results + build(STANDARDIZED)


def deduplicate(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    staged: str,
    quarantined: str,
    decisions: Sequence[DuplicateDecision],
    folder: Path,
    *,
    tombstones: Tombstones | None = None,
) -> list[ModelResult]:
    """Leaves the deduplicated layer's files in a folder; the rest is as SQL."""
    views = {f"main.stg_{dataset.id}": staged, f"gate.quarantine_{dataset.id}": quarantined}
    database = open_warehouse(folder, dataset, views)
    if tombstones:
        with connect(database) as connection:
            tombstones.declare(connection)
            connection.execute(
                f"insert into takedown.keys_{dataset.id} select distinct {dataset.key} "
                f"from main.stg_{dataset.id} where {tombstones.is_row(dataset.key)}"
            )
            for column in dataset.published:
                if column.name in tombstones.columns:
                    connection.execute(
                        f"insert into takedown.columns_{dataset.id} values ('{column.name}')"
                    )
    if dataset.duplicates:
        with connect(database) as connection:
            linked = suspect_duplicates(
                connection,
                dataset,
                staged=f"main.stg_{dataset.id}",
                quarantined=f"gate.quarantine_{dataset.id}",
                taken_down=f"takedown.keys_{dataset.id}",
                decisions=decisions,
                weights=weights_path(settings.datasets_dir, dataset.id),
                target=folder / f"duplicates_{dataset.id}.parquet",
            )
        if linked.cut_blocks:
            progress.info(
                f"{dataset.id}: {linked.cut_blocks} busy places with {linked.cut_rows} rows were "
                "compared in parts only"
            )
    return build_models(settings, datasets, DEDUPLICATED, dataset=dataset.id, database=database)


def _waiting(
    settings: Settings, state: State, dataset: Dataset, ledger: Path, read: Sequence[str]
) -> dict[str, str]:
    """The extracts with lines that wait for a person, each with the classes that they were judged by.

    What waits in an extract that this run did not read waits on: it is read again once somebody
    classified anything.
    """
    before = state.newest_layer(dataset.id, "deduplicated")
    waiting = dict(before.facts.get("waiting", {})) if before else {}
    found = query(
        f"select distinct _extract_id from {parquet(ledger)} where reason = 'unclassified'"
    )
    classes = classes_in_force(settings, state, dataset).hash
    waiting = {name: classes_hash for name, classes_hash in waiting.items() if name not in read}
    return waiting | {name: classes for (name,) in found}


def _kept(dataset: Dataset, layer: str) -> list[str]:
    """The files that are kept of a layer; the first one's rows are the layer's."""
    if layer == "standardized":
        suspected = [f"spelling_{dataset.id}"] if dataset.spelled else []
        return [f"stg_{dataset.id}", f"corrections_{dataset.id}", *suspected]
    suspected = [f"duplicates_{dataset.id}"] if dataset.duplicates else []
    return [dataset.id, f"ledger_{dataset.id}", f"decided_cells_{dataset.id}", *suspected]


def _facts(files: Sequence[Path]) -> LayerFacts:
    """Rows of the layer, lines by fate, suspicions by outcome."""
    counted: dict[str, tuple[Literal["fates", "spelling", "duplicates"], str]] = {
        "ledger": ("fates", "fate"),
        "spelling": ("spelling", "outcome"),
        "duplicates": ("duplicates", "outcome"),
    }
    facts: LayerFacts = {"rows": query(f"select count(*) from {parquet(files[0])}")[0][0]}
    for file in files[1:]:
        fact, column = counted.get(file.stem.partition("_")[0], (None, None))
        if fact:
            facts[fact] = dict(
                query(f"select {column}, count(*) from {parquet(file)} group by all order by all")
            )
    return facts
