"""One look at everything: what is new in Dagster's log, how things stand, and what is to be told.

The Dagster sensor does this every half minute, `summerware run` at its end, so that also a city
without a daemon is told.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestration.alerts.conditions import of_files, present_conditions
from orchestration.alerts.delivery import Delivered, deliver
from orchestration.alerts.findings import View, of_gate
from orchestration.alerts.lifecycle import end_what_nobody_has, escalate_unacknowledged, settle
from orchestration.alerts.reading import READER, newest_event, read_events
from orchestration.alerts.routing import Router
from orchestration.dataset import load_sound_datasets
from orchestration.schedules import build_schedules
from orchestration.settings import Settings
from orchestration.state.alerts import AlertStore
from orchestration.state.store import State

if TYPE_CHECKING:
    from dagster import DagsterInstance


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What one look came to: alerts that are open now, and how many messages went."""

    open_alerts: int
    delivered: Delivered


def begin(instance: "DagsterInstance", state: State) -> None:
    """Marks where we first looked: what happened before is no news. Later calls change nothing."""
    store = AlertStore(state)
    if store.position(READER) is None:
        with store.writing() as pen:
            if pen.position(READER) is None:
                pen.move(READER, newest_event(instance), ())


def watch(
    settings: Settings,
    state: State,
    instance: "DagsterInstance",
    *,
    moment: datetime | None = None,
) -> Watched:
    """Looks, keeps what was found, and sends what is due."""
    moment = moment or datetime.now(UTC)
    datasets, mistakes = load_sound_datasets(settings.datasets_dir)
    store = AlertStore(state)
    view = View(settings, state, datasets)
    router = Router(datasets, moment)
    is_first = store.position(READER) is None
    begin(instance, state)
    if is_first:
        _take_over(store, router, view)
    while not _read_on(store, router, view, instance):
        pass
    position = store.position(READER)
    conditions = list(
        present_conditions(
            instance,
            view,
            build_schedules(datasets.values()),
            moment=moment,
            began_at=position.began_at if position else moment.isoformat(),
        )
    )
    conditions += of_files(view, mistakes)
    with store.writing() as pen:
        settle(pen, router, conditions)
        end_what_nobody_has(pen, router, {*datasets, *mistakes})
        escalate_unacknowledged(pen, router, moment)
    delivered = deliver(store, moment=moment)
    return Watched(open_alerts=len(store.alerts()), delivered=delivered)


def _take_over(store: AlertStore, router: Router, view: View) -> None:
    """On the first look ever, the last verdict of every gate is what is wrong now."""
    found = [
        of_gate(view, record, event_id=None)
        for record in view.state.latest_gates()
        if record.dataset in view.datasets
    ]
    with store.writing() as pen:
        settle(pen, router, found)


def _read_on(store: AlertStore, router: Router, view: View, instance: "DagsterInstance") -> bool:
    """Reads the next part of the log; whether that was all of it."""
    position = store.position(READER)
    if position is None:
        return True
    read = read_events(instance, view, position)
    with store.writing() as pen:
        if pen.position(READER) != position:
            # Somebody else read on meanwhile: what we found is theirs, or still to be read.
            return False
        if read.is_new_history:
            pen.forget_scopes()
        settle(pen, router, read.settlements)
        pen.move(READER, read.event_id, read.recent)
    return read.is_complete
