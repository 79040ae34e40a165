"""What a step that stopped does at once: rows that its run found protected leave the portal.

The publisher does the same where a guard or a signature stops it. Here is what to do where no
publication is even planned: a gate did not pass, a model could not be built.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from orchestration.dataset import Dataset
from orchestration.defs.pipeline import Pipeline, progress
from orchestration.duck import lines_of_files, parquet
from orchestration.errors import SummerwareError, place_of
from orchestration.layers import layer_file, layer_files, workspace
from orchestration.state.store import Layer


@contextmanager
def protecting(pipeline: Pipeline, dataset: Dataset, *, run_id: str) -> Iterator[None]:
    """Does it where the step inside fails; a step that is tried again has not stopped yet."""
    try:
        yield
    except dg.Failure:
        withdraw_after_stop(pipeline, dataset, run_id=run_id)
        raise


def withdraw_after_stop(pipeline: Pipeline, dataset: Dataset, *, run_id: str) -> None:
    """Takes off the portal what the newest extract of a stopped run says is protected.

    What goes wrong here is logged and never hides why the step stopped: the next run tries again.
    """
    if pipeline.dry_run or not dataset.deciding:
        return
    try:
        _withdraw(pipeline, dataset, run_id=run_id)
    except SummerwareError as error:
        progress.error("%s", error)
    except Exception as error:  # noqa: BLE001 - its text may quote a cell
        progress.error(
            f"{dataset.id}: whether the portal shows what is protected now could not be looked at "
            f"({type(error).__name__} at {place_of(error)})"
        )


def _withdraw(pipeline: Pipeline, dataset: Dataset, *, run_id: str) -> None:
    from orchestration.publishing.publisher import open_publisher
    from orchestration.publishing.withdrawing import withdraw_protected

    settings, state = pipeline.settings, pipeline.state
    raw = state.newest_layer(dataset.id, "raw")
    if raw is None or not state.publications(dataset.id):
        return
    staged = state.newest_layer(dataset.id, "standardized")
    with workspace(settings, run_id, f"{dataset.id}-protecting") as folder:
        if staged is not None and staged.upstream_id == raw.id:
            table = parquet(layer_file(settings, staged, f"stg_{dataset.id}"))
        else:
            table = _standardized(pipeline, dataset, raw, folder)
        with open_publisher(settings, state, dataset, progress.info) as publisher:
            withdraw_protected(publisher, table, run_id=run_id)


def _standardized(pipeline: Pipeline, dataset: Dataset, raw: Layer, folder: Path) -> str:
    """The raw lines standardized for this alone; nothing of it is kept."""
    from orchestration.classification.in_force import classes_in_force
    from orchestration.review.decisions import spelling_decisions
    from orchestration.steps.modelled_layer import standardize

    settings, state = pipeline.settings, pipeline.state
    standardize(
        settings,
        pipeline.datasets,
        dataset,
        lines_of_files(layer_files(settings, raw)),
        spelling_decisions(settings, state, dataset),
        folder,
        classes=classes_in_force(settings, state, dataset),
    )
    return parquet(folder / f"stg_{dataset.id}.parquet")
