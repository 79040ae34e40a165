"""Jobs and schedules: the daily job over all datasets, and a job for each."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from orchestration.dataset import TIME_ZONE, Dataset

DAILY = "daily"


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
                selection=dg.AssetSelection.groups(dataset.id),
                description=f"{dataset.title}, from extract to portal.",
                tags={"dataset": dataset.id},
                executor_def=dg.in_process_executor,
            )
            for dataset in datasets
        ),
    ]


def build_schedules() -> list[dg.ScheduleDefinition]:
    """The daily job at 06:00 in New Orleans."""
    return [
        dg.ScheduleDefinition(
            name="daily_at_six",
            job_name=DAILY,
            cron_schedule="0 6 * * *",
            execution_timezone=TIME_ZONE,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
    ]
