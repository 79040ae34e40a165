"""One look at everything: what is new in Dagster's log, how things stand, and messages on it.

The Dagster sensor does this every half minute, `summerware run` at its end, so that a city
without a daemon gets its messages, too.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from orchestration.alerts.conditions import SCHEDULES, of_files, present_conditions
from orchestration.alerts.delivery import Delivered, deliver
from orchestration.alerts.findings import Settlement, View, looked_at, of_gate
from orchestration.alerts.lateness import schedules_as_seen
from orchestration.alerts.lifecycle import end_what_nobody_has, escalate_unacknowledged, settle
from orchestration.alerts.reading import READER, newest_event, read_events
from orchestration.alerts.routing import Router
from orchestration.alerts.words import of_words
from orchestration.dataset import load_sound_datasets
from orchestration.schedules import build_schedules
from orchestration.settings import Settings
from orchestration.state.alerts import AlertStore
from orchestration.state.store import GateRecord, State

if TYPE_CHECKING:
    from dagster import DagsterInstance


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What one look came to: alerts that are open now, and how many messages went."""

    open_alerts: int
    delivered: Delivered


def begin(settings: Settings, state: State, instance: "DagsterInstance") -> None:
    """Marks where we first looked: of what was before, only each gate's last verdict counts.

    Later calls change nothing.
    """
    store = AlertStore(state)
    if store.position(READER) is not None:
        return
    datasets, _ = load_sound_datasets(settings.datasets_dir)
    newest, view = newest_event(instance), View(settings, state, datasets)
    found = [
        one
        for record in state.latest_gates()
        if record.dataset in datasets
        for one in (
            *looked_at(view, f"gates/{record.dataset}", partial(_verdict, view, record)),
            *looked_at(view, "new words", partial(of_words, view, record, event_id=None)),
        )
    ]
    moment = datetime.now(UTC)
    forms = schedules_as_seen(
        {}, build_schedules(datasets.values()), moment=moment, began_at=moment.isoformat()
    )
    with store.writing() as writer:
        if writer.position(READER) is None:
            settle(writer, Router(datasets, moment), found)
            writer.move(READER, newest, ())
            writer.note_schedules(forms)


def _verdict(view: View, record: GateRecord) -> list[Settlement]:
    return [of_gate(view, record, event_id=None)]


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
    begin(settings, state, instance)
    while not _read_on(store, router, view, instance):
        pass
    position = store.position(READER)
    schedules = build_schedules(datasets.values())
    forms = schedules_as_seen(
        store.schedules(),
        schedules,
        moment=moment,
        began_at=position.began_at if position else moment.isoformat(),
    )
    conditions = list(
        present_conditions(
            instance,
            view,
            schedules,
            moment=moment,
            holding_since={form.name: form.since for form in forms},
        )
    )
    conditions += of_files(view, mistakes)
    with store.writing() as writer:
        settle(writer, router, conditions)
        writer.note_schedules(forms)
        end_what_nobody_has(
            writer,
            router,
            {*datasets, *mistakes},
            gone=lambda scope: (
                scope.startswith(SCHEDULES)
                and scope.removeprefix(SCHEDULES) not in {form.name for form in forms}
            ),
        )
        escalate_unacknowledged(writer, router, moment)
    delivered = deliver(store, moment=moment)
    return Watched(open_alerts=len(store.alerts()), delivered=delivered)


def _read_on(store: AlertStore, router: Router, view: View, instance: "DagsterInstance") -> bool:
    """Reads the next part of the log; whether that was all of it."""
    position = store.position(READER)
    if position is None:
        return True
    read = read_events(instance, view, position)
    with store.writing() as writer:
        if writer.position(READER) != position:
            # Somebody else read on meanwhile: what we found is theirs, or still to be read.
            return False
        if read.is_new_history:
            writer.forget_scopes()
        settle(writer, router, read.settlements)
        writer.move(READER, read.event_id, read.recent)
    return read.is_complete
