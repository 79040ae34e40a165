"""Jobs and schedules: the daily job over all datasets, a job for each, and when they run."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from orchestration.dataset import TIME_ZONE, Dataset
from orchestration.layers import LAYERS

DAILY = "daily"
AT_SIX = "0 6 * * *"


def group_of_models(dataset: str) -> str:
    """The group of what a dataset's layers are made of; its own has the layers, which fit a screen."""
    return f"{dataset}_models"


def build_jobs(datasets: Iterable[Dataset]) -> list[Any]:
    """`daily` over everything, and one job per dataset under its id; all in one process."""
    return [
        dg.define_asset_job(
            DAILY,
            selection=dg.AssetSelection.all(),
            description="Every dataset, from extract to portal.",
            executor_def=dg.in_process_executor,
        ),
        *(
            dg.define_asset_job(
                dataset.id,
                selection=dg.AssetSelection.groups(dataset.id, group_of_models(dataset.id)),
                description=f"{dataset.title}, from extract to portal.",
                tags={"dataset": dataset.id},
                executor_def=dg.in_process_executor,
            )
            for dataset in datasets
        ),
    ]


def build_schedules(datasets: Iterable[Dataset]) -> list[dg.ScheduleDefinition]:
    """One schedule for each time of the dataset files: it runs the datasets that ask for it together.

    Times are those of New Orleans, across both clock changes.
    """
    by_time: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        by_time.setdefault(" ".join(dataset.schedule.split()), []).append(dataset)
    return [_schedule(cron, together) for cron, together in by_time.items()]


def _schedule(cron: str, datasets: list[Dataset]) -> dg.ScheduleDefinition:
    keys = [
        dg.AssetKey([layer, dataset.id]) for dataset in datasets for layer in (*LAYERS, "published")
    ]
    names = ", ".join(dataset.title for dataset in datasets)

    @dg.schedule(
        name=_name(cron, datasets),
        job_name=DAILY,
        cron_schedule=cron,
        execution_timezone=TIME_ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"From extract to portal: {names}.",
    )
    def launch(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(asset_selection=keys)

    return launch


def _name(cron: str, datasets: list[Dataset]) -> str:
    if cron == AT_SIX:
        return "daily_at_six"
    return "_and_".join(dataset.id for dataset in datasets) + "_on_time"
