"""When datasets run: at the time of their own files, on the city's clocks."""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from pydantic import ValidationError

from orchestration.checking import _schedule_mistakes
from orchestration.dataset import TIME_ZONE, Dataset
from orchestration.schedules import DAILY, build_jobs, build_schedules
from tests.unit.publishing.conftest import trees_file


def _grove(name: str, schedule: str) -> Dataset:
    return Dataset.model_validate(trees_file(id=name, title=name, schedule=schedule))


def test_datasets_of_one_time_run_together() -> None:
    """One schedule for each time, whatever blanks stand in it; it asks for its own datasets only."""
    groves = [_grove("a", "0 6 * * *"), _grove("b", "0  6 * * *"), _grove("c", "30 4 * * 1")]
    schedules = {one.name: one for one in build_schedules(groves)}
    assert set(schedules) == {"daily_at_six", "c_on_time"}
    assets = [dg.AssetSpec(["published", grove.id], group_name=grove.id) for grove in groves]
    definitions = dg.Definitions(
        assets=assets, jobs=build_jobs(groves), schedules=[*schedules.values()]
    )
    repository = definitions.get_repository_def()
    context = dg.build_schedule_context(repository_def=repository)
    asked = {}
    for name, one in schedules.items():
        (request,) = one.evaluate_tick(context).run_requests or ()
        asked[name] = {key.path[-1] for key in request.asset_selection or ()}
    assert asked == {"daily_at_six": {"a", "b"}, "c_on_time": {"c"}}
    assert {one.job_name for one in schedules.values()} == {DAILY}


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"], ids=["forward", "back"])
def test_six_is_six_on_the_days_of_the_clock_change(day: str) -> None:
    """The night has one hour less, or one more; the run is at six all the same."""
    from dagster._utils.schedules import schedule_execution_time_iterator

    (schedule,) = build_schedules([_grove("a", "0 6 * * *")])
    midnight = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=ZoneInfo(TIME_ZONE))
    due = next(
        schedule_execution_time_iterator(
            midnight.timestamp(),
            schedule.cron_schedule,
            schedule.execution_timezone,
            ascending=True,
        )
    )
    assert f"{due.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m-%d %H:%M}" == f"{day} 06:00"


def test_a_time_that_is_none_is_named() -> None:
    """Four fields are refused when the file is read, a 61st minute by `summerware check`."""
    with pytest.raises(ValidationError, match="schedule"):
        _grove("a", "0 6 * *")
    assert _schedule_mistakes(_grove("a", "61 6 * * *")) == [
        "a.yaml: schedule: '61 6 * * *' is no time that cron knows"
    ]
    assert _schedule_mistakes(_grove("a", "0 6 * * *")) == []
