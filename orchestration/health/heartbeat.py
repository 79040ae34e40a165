"""A sign of life after each healthy day, to a dead man's switch outside: its absence is the alarm.

Healthy is a day on which every check of the doctor is well and the runs that were due took place.
Bad data is no ill health: alerts report it. The address is a secret.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import requests

from orchestration.bounded_answers import bounded_session
from orchestration.city_time import CITY
from orchestration.dataset import load_sound_datasets
from orchestration.health.checks import examine
from orchestration.settings import Settings
from orchestration.state.alerts import AlertStore, Beat
from orchestration.state.store import State

if TYPE_CHECKING:
    from dagster import ScheduleDefinition

VARIABLE = "SUMMERWARE_HEARTBEAT_URL"
_TRY_AGAIN = timedelta(minutes=10)
_SECONDS = 10


def beat(settings: Settings, state: State, *, moment: datetime | None = None) -> Beat:
    """Examines everything, and tells the switch outside if all is well; what came of it is kept."""
    moment = moment or datetime.now(UTC)
    found = examine(settings, moment=moment)
    unwell = [f"{one.name}: {one.seen}" for one in found if not one.is_well]
    made = Beat(
        day=_day(moment),
        is_healthy=not unwell,
        was_answered=not unwell and _ping(),
        unwell=unwell,
        beaten_at=moment.astimezone(UTC).isoformat(timespec="milliseconds"),
    )
    AlertStore(state).add_beat(made)
    return made


def beat_if_due(settings: Settings, state: State, *, moment: datetime | None = None) -> Beat | None:
    """The day's sign of life, once the day's runs were due and ended; none where it is not time.

    A day that was not healthy is tried again every ten minutes, until it is over.
    """
    moment = moment or datetime.now(UTC)
    if not os.environ.get(VARIABLE) or not _is_day_done(settings, moment):
        return None
    store = AlertStore(state)
    answered, last = store.last_beat(answered=True), store.last_beat()
    if answered is not None and answered.day == _day(moment):
        return None
    if last is not None and moment - datetime.fromisoformat(last.beaten_at) < _TRY_AGAIN:
        return None
    return beat(settings, state, moment=moment)


def _ping() -> bool:
    """Whether the switch answered. Its address is in no message: neither ours nor a library's."""
    url = os.environ.get(VARIABLE)
    if not url:
        return False
    for _ in range(3):
        try:
            with bounded_session(seconds=_SECONDS) as session:
                if session.get(url, timeout=_SECONDS).ok:
                    return True
        except requests.RequestException:
            continue
    return False


def _day(moment: datetime) -> str:
    return moment.astimezone(CITY).date().isoformat()


def _is_day_done(settings: Settings, moment: datetime) -> bool:
    """Whether every schedule was due today, and none of its runs is still under way."""
    from dagster import DagsterRunStatus, RunsFilter

    from orchestration.instance import open_instance
    from orchestration.schedules import DAILY, build_schedules

    schedules = build_schedules(load_sound_datasets(settings.datasets_dir)[0].values())
    if not all(_was_due(one, moment) for one in schedules):
        return False
    with open_instance(settings) as instance:
        going = instance.get_runs(
            RunsFilter(
                job_name=DAILY, statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING]
            ),
            limit=1,
        )
    return not going


def _was_due(schedule: "ScheduleDefinition", moment: datetime) -> bool:
    from orchestration.dagster_private import schedule_execution_time_iterator

    due = next(
        schedule_execution_time_iterator(
            moment.timestamp(), schedule.cron_schedule, schedule.execution_timezone, ascending=False
        )
    )
    # A schedule that is not due every day keeps nobody waiting on the others.
    following = next(
        schedule_execution_time_iterator(
            moment.timestamp(), schedule.cron_schedule, schedule.execution_timezone, ascending=True
        )
    )
    return _day(due) == _day(moment) or _day(following) != _day(moment)


def tell(beaten: Beat) -> str:
    """What came of it, in a sentence."""
    if not beaten.is_healthy:
        return "Not sent, not everything is well: " + "; ".join(beaten.unwell)
    if beaten.was_answered:
        return "Sent: everything is well."
    if not os.environ.get(VARIABLE):
        return f"Everything is well, but {VARIABLE} is not set: nobody outside would miss us."
    return "Everything is well, but the switch did not answer; it is tried again."
