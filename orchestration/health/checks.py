"""What `summerware doctor` looks at: each check is well, or says what is wrong and what to do.

They depend on one another as little as they can: with the state database gone the disk is still
looked at.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import sqlalchemy as sa

from orchestration.alerts.routing import addresses, all_channels, variable_of
from orchestration.bounded_answers import bounded_session
from orchestration.city_time import city_time
from orchestration.dataset import Dataset, load_sound_datasets
from orchestration.errors import SummerwareError
from orchestration.no_answers import Redirected
from orchestration.portal.server import running_address
from orchestration.publishing.portal_datasets import declared_ids
from orchestration.settings import Settings, uses_daemon
from orchestration.state.alerts import CLAIMED, PENDING, AlertStore
from orchestration.state.database import for_writing, open_database
from orchestration.state.store import State

if TYPE_CHECKING:
    from dagster import DagsterInstance, ScheduleDefinition

    from orchestration.dagster_private import InstigatorState, InstigatorTick

_SILENCE = timedelta(minutes=3)
"""How long a daemon may be silent; it says something every half minute."""
_SENSOR_SILENCE = timedelta(minutes=10)
_UNSENT = timedelta(hours=1)
_PORTAL_SECONDS = 10
_RUNNING_LONG = timedelta(hours=12)


@dataclass(frozen=True, kw_only=True)
class Health:
    """One check: what it looked at, whether that is well, what was seen, and what to do if not."""

    name: str
    is_well: bool
    seen: str
    advice: str = ""


def examine(settings: Settings, *, moment: datetime | None = None) -> list[Health]:
    """Every check, in the order in which their faults cause one another."""
    moment = moment or datetime.now(UTC)
    found = [*_one("disk", lambda: _disk(settings))]
    datasets: Mapping[str, Dataset] = {}
    mistakes: Mapping[str, str] = {}
    try:
        datasets, mistakes = load_sound_datasets(settings.datasets_dir)
    except SummerwareError as error:
        mistakes = {"all": str(error)}
    advice = "Mend the file: `summerware check`. The other datasets go on meanwhile."
    found += [_unwell("dataset files", message, advice) for message in mistakes.values()]
    state = None
    try:
        state = State(open_database(settings))
        found += _one("state", lambda: _state(settings, state))
    except (SummerwareError, sa.exc.DBAPIError, OSError) as error:
        found.append(_unwell("state", _message(error), _STATE_ADVICE))
    found += _one("portal", lambda: list(_portals(settings, datasets)))
    try:
        found += _of_dagster(settings, state, datasets, moment)
    finally:
        if state is not None:
            state.engine.dispose()
    return found


_STATE_ADVICE = (
    "See that the database runs and SUMMERWARE_STATE_URL is right; where the file is broken, "
    "restore it from the backup (docs/operations.md)."
)


def _one(name: str, look: Callable[[], Health | list[Health]]) -> list[Health]:
    """A check's findings; one that crashes is unwell itself."""
    try:
        found = look()
    except Exception as error:  # noqa: BLE001 - a check that crashed must not hide the others
        return [_unwell(name, f"could not be looked at: {_message(error)}", "See the message.")]
    return found if isinstance(found, list) else [found]


def _message(error: Exception) -> str:
    # Other libraries' messages may hold addresses with passwords: the kind is enough.
    return str(error) if isinstance(error, SummerwareError) else type(error).__name__


def _well(name: str, seen: str) -> Health:
    return Health(name=name, is_well=True, seen=seen)


def _unwell(name: str, seen: str, advice: str) -> Health:
    return Health(name=name, is_well=False, seen=seen, advice=advice)


# Disk


def _disk(settings: Settings) -> Health:
    settings.prepare()
    usage = shutil.disk_usage(settings.home)
    wanted = int(os.environ.get("SUMMERWARE_MIN_FREE_MB") or 2048) * 1024**2
    seen = f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB free under {settings.home}"
    advice = (
        "Give back old layers: `summerware prune`. A run that finds no room stops, loses nothing, "
        "and goes on when it is started again."
    )
    try:
        with tempfile.NamedTemporaryFile(dir=settings.home, prefix=".doctor-") as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return _unwell("disk", f"nothing can be written ({error.strerror}); {seen}", advice)
    if usage.free < wanted:
        return _unwell("disk", f"{seen}, less than {wanted / 1e9:.1f} GB", advice)
    return _well("disk", seen)


# State


def _state(settings: Settings, state: State) -> Health:
    kind = state.engine.dialect.name
    with for_writing(state.engine).begin() as connection:
        # The turn of a writer is had: nobody holds the database for ever.
        if kind == "sqlite":
            said = connection.exec_driver_sql("pragma quick_check").scalar()
            if said != "ok":
                return _unwell("state", f"the database is damaged ({said})", _STATE_ADVICE)
    return _well("state", f"{kind}, its tables are of this version, and it can be written")


# Portal


def _portals(settings: Settings, datasets: Mapping[str, Dataset]) -> Iterator[Health]:
    if settings.portal != "live":
        address = running_address(settings.portal_home)
        yield _well(
            "portal", f"local, at http://{address}" if address else "local, started when needed"
        )
        return
    for domain in sorted({dataset.publish.domain for dataset in datasets.values()}):
        own = next(one for one in datasets.values() if one.publish.domain == domain)
        yield _portal(domain, next(iter(declared_ids(own).values()), ""))


def _portal(domain: str, portal_id: str) -> Health:
    """Whether a portal answers for one of our datasets; any answer that is not its fault will do."""
    advice = (
        f"See https://{domain} in a browser and the portal's status page; what waits is sent by the "
        "next run."
    )
    try:
        with bounded_session(seconds=_PORTAL_SECONDS) as session:
            answer = session.get(
                f"https://{domain}/api/views/{portal_id}.json",
                timeout=_PORTAL_SECONDS,
            )
    except Redirected as error:
        heard = error.response
        host = urlsplit(heard.headers.get("Location", "")).hostname if heard is not None else ""
        return _unwell(
            "portal",
            f"{domain} sends us to {host}",
            "Put the new domain under `publish: domain` of the dataset files.",
        )
    except requests.RequestException as error:
        return _unwell("portal", f"{domain} does not answer ({type(error).__name__})", advice)
    if answer.status_code >= 500:
        return _unwell("portal", f"{domain} answers {answer.status_code}", advice)
    if answer.status_code == 404:
        return _unwell(
            "portal",
            f"{domain} has no dataset {portal_id}",
            "See `publish: id` of the dataset file, and whether somebody deleted it.",
        )
    return _well("portal", f"{domain} answers")


# Dagster


def _of_dagster(
    settings: Settings, state: State | None, datasets: Mapping[str, Dataset], moment: datetime
) -> list[Health]:
    from orchestration.instance import open_instance
    from orchestration.schedules import build_schedules

    try:
        with open_instance(settings) as instance:
            found = _one("daemon", lambda: _daemon(instance, moment))
            for schedule in build_schedules(datasets.values()):
                look = partial(_schedule, instance, state, schedule, moment)
                found += _one(f"schedule {schedule.name}", look)
            found += _one("runs", lambda: _runs(instance, moment))
            found += _one("sensor", lambda: _sensor(instance, moment))
    except Exception as error:  # noqa: BLE001 - its storage may be anything
        return [
            _unwell(
                "dagster",
                f"its history cannot be opened ({_message(error)})",
                f"Move {settings.dagster_home} away: it is the UI's history, nothing else is lost.",
            )
        ]
    if state is not None:
        found += _one("channels", lambda: list(_channels(state, datasets, moment)))
    return found


def _daemon(instance: "DagsterInstance", moment: datetime) -> Health:
    if not uses_daemon():
        return _well("daemon", "not used (SUMMERWARE_DAEMON=no)")
    advice = (
        "Start it: `summerware ui`, or its service (docs/operations.md). Where another scheduler "
        "starts `summerware run`, set SUMMERWARE_DAEMON=no."
    )
    beats = {
        kind: status.last_heartbeat
        for kind, status in instance.get_daemon_statuses().items()
        if kind in ("SCHEDULER", "SENSOR")
    }
    if not any(beats.values()):
        return _unwell("daemon", "none ever ran here", advice)
    silent = []
    for kind, beat in sorted(beats.items()):
        said = datetime.fromtimestamp(beat.timestamp, UTC) if beat else None
        if said is None or moment - said > _SILENCE:
            silent.append(
                f"{kind.lower()} silent since {said:%Y-%m-%d %H:%M} UTC" if said else kind
            )
        elif beat is not None and beat.errors:
            return _unwell("daemon", f"{kind.lower()}: {beat.errors[0].cls_name}", advice)
    if silent:
        return _unwell("daemon", "; ".join(silent), advice)
    return _well("daemon", "scheduler and sensors said something in the last minutes")


def _instigator(instance: "DagsterInstance", name: str) -> "InstigatorState | None":
    """What Dagster keeps of a schedule or sensor; none where nobody ever touched or ran it."""
    for found in instance.all_instigator_state():
        if found.name == name:
            return found
    return None


def _last_tick(instance: "DagsterInstance", found: "InstigatorState") -> "InstigatorTick | None":
    ticks = instance.get_ticks(found.instigator_origin_id, found.selector_id, limit=1)
    return ticks[0] if ticks else None


def _schedule(
    instance: "DagsterInstance",
    state: State | None,
    schedule: "ScheduleDefinition",
    moment: datetime,
) -> Health:
    from orchestration.alerts.lateness import missed_tick, schedules_as_seen
    from orchestration.alerts.reading import READER
    from orchestration.dagster_private import InstigatorStatus, TickStatus

    name = f"schedule {schedule.name}"
    found = _instigator(instance, schedule.name)
    if not uses_daemon():
        return _well(name, "not used (SUMMERWARE_DAEMON=no)")
    if found is not None and found.status == InstigatorStatus.STOPPED:
        return _unwell(
            name,
            "somebody switched it off",
            "Switch it on: Dagster UI, Automation; until then nothing runs by itself.",
        )
    tick = _last_tick(instance, found) if found else None
    if tick is not None and tick.status == TickStatus.FAILURE:
        kind = tick.error.cls_name if tick.error else "an error"
        return _unwell(
            name, f"its last tick failed ({kind})", "See the tick in the Dagster UI, Automation."
        )
    store = AlertStore(state) if state is not None else None
    position = store.position(READER) if store is not None else None
    if store is not None and position is not None:
        (form,) = schedules_as_seen(
            store.schedules(), [schedule], moment=moment, began_at=position.began_at
        )
        late = missed_tick(instance, schedule, moment=moment, since=form.since)
        if late is not None:
            return _unwell(
                name,
                f"no run began since it was due at {city_time(late)}",
                "See that the daemon runs; then `summerware run` makes up for it.",
            )
    return _well(name, f"on, {schedule.cron_schedule} {schedule.execution_timezone}")


def _runs(instance: "DagsterInstance", moment: datetime) -> Health:
    """Whether runs end: one that was started and never ended holds up the day."""
    from dagster import DagsterRunStatus, RunsFilter

    going = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING])
    )
    old = [one for one in going if moment - one.create_timestamp > _RUNNING_LONG]
    if old:
        return _unwell(
            "runs",
            f"run {old[0].dagster_run.run_id} has not ended for more than "
            f"{_RUNNING_LONG.seconds // 3600} hours",
            "Look at it in the Dagster UI; a run whose process is gone ends when the next one starts.",
        )
    return _well("runs", f"{len(going)} under way" if going else "none under way")


def _sensor(instance: "DagsterInstance", moment: datetime) -> Health:
    from orchestration.dagster_private import InstigatorStatus, TickStatus

    if not uses_daemon():
        return _well("sensor alerts", "not used: `summerware run` tells of alerts itself")
    found = _instigator(instance, "alerts")
    advice = "Switch it on: Dagster UI, Automation, alerts; until then nobody is told of anything."
    if found is not None and found.status == InstigatorStatus.STOPPED:
        return _unwell("sensor alerts", "somebody switched it off", advice)
    tick = _last_tick(instance, found) if found else None
    if tick is None:
        return _unwell(
            "sensor alerts", "it never looked", "See that the daemon runs: `summerware ui`."
        )
    if tick.status == TickStatus.FAILURE:
        kind = tick.error.cls_name if tick.error else "an error"
        return _unwell(
            "sensor alerts", f"its last look failed ({kind})", "See its ticks in the Dagster UI."
        )
    looked = datetime.fromtimestamp(tick.timestamp, UTC)
    if moment - looked > _SENSOR_SILENCE:
        return _unwell(
            "sensor alerts",
            f"it has not looked since {looked:%Y-%m-%d %H:%M} UTC",
            "See that the daemon runs: `summerware ui`, or its service.",
        )
    return _well("sensor alerts", f"looked at {looked:%H:%M} UTC")


# Channels


def _channels(state: State, datasets: Mapping[str, Dataset], moment: datetime) -> Iterator[Health]:
    nameless = [one for one in all_channels(datasets.values()) if not addresses(one)]
    if nameless:
        yield _unwell(
            "channels",
            f"nobody is told through {', '.join(nameless)}",
            f"Set {', '.join(variable_of(one) for one in nameless)}, or name other channels under "
            "`alerts:` of the dataset files; then `summerware alerts test`.",
        )
    waiting = [
        one
        for one in AlertStore(state).deliveries(states=[PENDING, CLAIMED])
        if one.failure and moment - datetime.fromisoformat(one.created_at) > _UNSENT
    ]
    for channel in sorted({one.channel for one in waiting}):
        own = [one for one in waiting if one.channel == channel]
        yield _unwell(
            "channels",
            f"{channel} has not taken {len(own)} messages for more than an hour ({own[-1].failure})",
            f"`summerware alerts test`; if it does not arrive, {variable_of(channel)} is wrong or the "
            "receiver is down. Nothing is lost meanwhile.",
        )
    if not nameless and not waiting:
        yield _well("channels", "every channel has an address, and takes what is sent")


def as_json(found: Health) -> dict[str, Any]:
    """As a script reads it."""
    return vars(found)
