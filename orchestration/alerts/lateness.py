"""Whether a schedule's run is late: since when the schedule holds, and whether a run began since then.

A time that was written into a dataset file at noon was not missed this morning. What the files say is
noted at each look (`state/alerts.py`); when somebody switched a schedule on, Dagster knows.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from orchestration.state.alerts import ScheduleForm

if TYPE_CHECKING:
    from dagster import DagsterInstance, ScheduleDefinition

GRACE = timedelta(minutes=60)
"""How long after its time a scheduled run may begin."""
_SCHEDULE = "dagster/schedule_name"
_LOOKED_AT = 200


def schedules_as_seen(
    noted: Mapping[str, ScheduleForm],
    schedules: Iterable["ScheduleDefinition"],
    *,
    moment: datetime,
    began_at: str,
) -> list[ScheduleForm]:
    """The schedules at this look: one that was not noted, or had another time, holds from now on.

    Where none was ever noted they hold since the first look, `began_at`: a home of an earlier version.
    """
    since = moment.astimezone(UTC).isoformat() if noted else began_at
    found = []
    for schedule in schedules:
        form = ScheduleForm(
            name=schedule.name,
            cron=str(schedule.cron_schedule),
            time_zone=schedule.execution_timezone or "UTC",
            since=since,
        )
        before = noted.get(form.name, form)
        is_same = (before.cron, before.time_zone) == (form.cron, form.time_zone)
        found.append(before if is_same else form)
    return found


def missed_tick(
    instance: "DagsterInstance",
    schedule: "ScheduleDefinition",
    *,
    moment: datetime,
    since: str,
) -> datetime | None:
    """When a run was due that never began, in the schedule's zone; None where all is well.

    Nothing is asked of the time before `since`. Whoever starts the run counts: the daemon, a person,
    another scheduler.
    """
    from dagster import RunsFilter

    # Not public, but the daemon's own: both clock changes come out as it will have them.
    from orchestration.dagster_private import schedule_execution_time_iterator

    due = next(
        schedule_execution_time_iterator(
            (moment - GRACE).timestamp(),
            str(schedule.cron_schedule),
            schedule.execution_timezone,
            ascending=False,
        )
    )
    if not instance.get_daemon_statuses():
        # No daemon ever ran here: the schedule is not in use.
        return None
    if due < datetime.fromisoformat(since) or due < _switched_on_at(instance, schedule.name):
        return None
    runs = RunsFilter(
        job_name=schedule.job_name, created_after=due.astimezone(UTC) - timedelta(minutes=1)
    )
    starters = [run.tags.get(_SCHEDULE) for run in instance.get_runs(runs, limit=_LOOKED_AT)]
    return None if {None, schedule.name} & set(starters) else due


def _switched_on_at(instance: "DagsterInstance", name: str) -> datetime:
    """When the daemon or a person last switched a schedule on; long ago where Dagster has no word."""
    starts = [
        getattr(found.instigator_data, "start_timestamp", None) or 0.0
        for found in instance.all_instigator_state()
        if found.name == name
    ]
    return datetime.fromtimestamp(max(starts, default=0.0), UTC)
