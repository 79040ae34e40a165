"""What is asked of the state database about alerts: open ones, the outbox, how far it was read.

One transaction holds what was found, the messages on it, and the place in Dagster's event log
that it was found at: `AlertStore.writing`. When an alert opens, what is new, and who gets a message
is decided in `orchestration/alerts/`.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from orchestration.state import tables
from orchestration.state.database import for_writing
from orchestration.state.store import State, now

PENDING, CLAIMED, SENT, NO_CHANNEL = "pending", "claimed", "sent", "no_channel"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One thing that is wrong, from when it was first seen until it is over.

    `scope` is what it was found in, such as one gate; `facts` is what a message tells, without any
    cell. `runs` counts the runs that found it.
    """

    id: str
    fingerprint: str
    scope: str
    dataset: str | None
    kind: str
    severity: str
    gate: str | None
    rule: str | None
    cause: str
    facts: dict[str, Any]
    runs: int
    opened_at: str
    last_seen_at: str
    last_run_id: str | None
    acked_at: str | None = None
    acked_by: str | None = None
    escalated_at: str | None = None
    resolved_at: str | None = None
    resolved_run_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message on its way to one address of one channel.

    `address` counts the addresses of a channel from 0. `attempts` that had no answer may have
    arrived: who receives them knows them by the alert's id.
    """

    id: int
    message_id: int
    alert_id: str
    channel: str
    address: int
    is_digest: bool
    due_at: str
    state: str
    attempts: int
    failure: str | None
    claimed_by: str | None
    claimed_at: str | None
    sent_at: str | None
    kind: str
    facts: dict[str, Any]
    created_at: str


@dataclass(frozen=True, kw_only=True)
class Addressed:
    """Where one message shall go, and from when on."""

    channel: str
    address: int
    is_digest: bool
    due_at: str
    is_known: bool = True
    """Whether the environment says what the channel is."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a reader has come in Dagster's event log; `recent` are ids that it knows already."""

    event_id: int
    recent: tuple[int, ...]
    began_at: str


@dataclass(frozen=True, kw_only=True)
class ScheduleForm:
    """What the dataset files say of a schedule, and since when (UTC) they have said just that."""

    name: str
    cron: str
    time_zone: str
    since: str


@dataclass(frozen=True, kw_only=True)
class Beat:
    """One attempt at the daily sign of life; `unwell` names what stood in its way."""

    day: str
    is_healthy: bool
    was_answered: bool
    unwell: list[str]
    beaten_at: str


class AlertWriter:
    """Writes alerts within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def open_alerts(self, scope: str | None = None) -> list[Alert]:
        """What is open, of one scope or of all, oldest first."""
        table = tables.alert
        query = sa.select(table).where(table.c.resolved_at.is_(None))
        if scope is not None:
            query = query.where(table.c.scope == scope)
        rows = self._connection.execute(query.order_by(table.c.opened_at, table.c.id)).mappings()
        return [Alert(**row) for row in rows]

    def new_alert_id(self, fingerprint: str) -> str:
        """The id of the next alert of a fingerprint: the same one if the transaction is tried again."""
        table = tables.alert
        before = self._connection.scalar(
            sa.select(sa.func.count()).where(table.c.fingerprint == fingerprint)
        )
        return "alert-" + hashlib.sha256(f"{fingerprint}/{before}".encode()).hexdigest()[:10]

    def add(self, alert: Alert) -> None:
        """Opens an alert."""
        values = {field.name: getattr(alert, field.name) for field in fields(alert)}
        self._connection.execute(tables.alert.insert().values(**values))

    def change(self, alert_id: str, **values: Any) -> None:
        """Changes an alert."""
        table = tables.alert
        self._connection.execute(table.update().where(table.c.id == alert_id).values(**values))

    def tell(
        self, alert_id: str, kind: str, facts: dict[str, Any], addressed: Iterable[Addressed]
    ) -> None:
        """Puts a message about an alert into the outbox, for all its addresses."""
        message_id = self._connection.scalar(
            tables.alert_message.insert()
            .values(alert_id=alert_id, kind=kind, facts=facts, created_at=now())
            .returning(tables.alert_message.c.id)
        )
        for one in addressed:
            self._connection.execute(
                tables.alert_delivery.insert().values(
                    message_id=message_id,
                    alert_id=alert_id,
                    channel=one.channel,
                    address=one.address,
                    is_digest=one.is_digest,
                    due_at=one.due_at,
                    state=PENDING if one.is_known else NO_CHANNEL,
                    attempts=0,
                )
            )

    def last_sent(self, alert_id: str) -> dict[str, Any] | None:
        """The facts of the last message about an alert that was sent, or tried; none before that."""
        table = tables.alert_message
        query = (
            sa.select(table.c.facts)
            .where(table.c.alert_id == alert_id, table.c.id.in_(_tried(alert_id)))
            .order_by(table.c.id.desc())
        )
        facts: dict[str, Any] | None = self._connection.scalar(query.limit(1))
        return facts

    def rephrase(self, alert_id: str, facts: dict[str, Any]) -> bool:
        """Gives a message about an alert that nobody was sent yet other facts; whether there is one."""
        table = tables.alert_message
        changed = self._connection.execute(
            table.update()
            .where(table.c.alert_id == alert_id, table.c.id.not_in(_tried(alert_id)))
            .values(facts=facts)
        )
        return bool(changed.rowcount)

    def is_newer(self, scope: str, event_id: int) -> bool:
        """Whether nothing later was seen of a scope; from now on this is the last that was."""
        table = tables.alert_scope
        last = self._connection.scalar(sa.select(table.c.event_id).where(table.c.scope == scope))
        if last is not None and last >= event_id:
            return False
        if last is None:
            self._connection.execute(table.insert().values(scope=scope, event_id=event_id))
        else:
            self._connection.execute(
                table.update().where(table.c.scope == scope).values(event_id=event_id)
            )
        return True

    def position(self, reader: str) -> Position | None:
        """How far a reader has come."""
        return _position(self._connection, reader)

    def move(self, reader: str, event_id: int, recent: Iterable[int]) -> None:
        """Moves a reader on; makes it where it never read before."""
        table = tables.alert_position
        values = {"event_id": event_id, "recent": list(recent), "moved_at": now()}
        moved = self._connection.execute(
            table.update().where(table.c.reader == reader).values(**values)
        )
        if moved.rowcount == 0:
            self._connection.execute(table.insert().values(reader=reader, began_at=now(), **values))

    def note_schedules(self, forms: Iterable[ScheduleForm]) -> None:
        """Notes the schedules as they are now, all of them: one that is no more is forgotten."""
        found = {form.name: form for form in forms}
        noted = _schedules(self._connection)
        if found == noted:
            return
        self._connection.execute(tables.schedule_form.delete())
        for form in found.values():
            self._connection.execute(tables.schedule_form.insert().values(**vars(form)))

    def forget_scopes(self) -> None:
        """Dagster's history begins anew: its numbers mean nothing any more."""
        self._connection.execute(tables.alert_scope.delete())


class AlertStore:
    """Alerts of the opened state database."""

    def __init__(self, state: State) -> None:
        self._engine = state.engine
        self._writing = for_writing(state.engine)

    @contextmanager
    def writing(self) -> Iterator[AlertWriter]:
        """One transaction: all of it stands, or nothing."""
        with self._writing.begin() as connection:
            yield AlertWriter(connection)

    def position(self, reader: str) -> Position | None:
        """How far a reader has come."""
        with self._engine.connect() as connection:
            return _position(connection, reader)

    def schedules(self) -> dict[str, ScheduleForm]:
        """The schedules as they were noted last, by name; empty before the first look."""
        with self._engine.connect() as connection:
            return _schedules(connection)

    def alerts(self, *, with_resolved: bool = False) -> list[Alert]:
        """Open alerts, or all, oldest first."""
        table = tables.alert
        query = sa.select(table).order_by(table.c.opened_at, table.c.id)
        if not with_resolved:
            query = query.where(table.c.resolved_at.is_(None))
        with self._engine.connect() as connection:
            return [Alert(**row) for row in connection.execute(query).mappings()]

    def deliveries(
        self, *, states: Iterable[str] | None = None, of_open_alerts: bool = False
    ) -> list[Delivery]:
        """What is in the outbox, in the order in which it was said."""
        message, delivery = tables.alert_message, tables.alert_delivery
        query = (
            sa.select(delivery, message.c.kind, message.c.facts, message.c.created_at)
            .join(message, message.c.id == delivery.c.message_id)
            .order_by(delivery.c.message_id, delivery.c.id)
        )
        if states is not None:
            query = query.where(delivery.c.state.in_(list(states)))
        if of_open_alerts:
            still_open = sa.select(tables.alert.c.id).where(tables.alert.c.resolved_at.is_(None))
            query = query.where(delivery.c.alert_id.in_(still_open))
        with self._engine.connect() as connection:
            return [Delivery(**row) for row in connection.execute(query).mappings()]

    def claim(self, delivery_id: int, *, by: str, stale_before: str, gone: Iterable[str]) -> bool:
        """Whether a delivery is ours to try now; nobody else tries it meanwhile.

        One that a claimant left behind, who is gone or slower than that, may be claimed again.
        """
        table = tables.alert_delivery
        with self._writing.begin() as connection:
            claimed = connection.execute(
                table.update()
                .where(
                    table.c.id == delivery_id,
                    sa.or_(
                        table.c.state == PENDING,
                        sa.and_(
                            table.c.state == CLAIMED,
                            sa.or_(
                                table.c.claimed_at < stale_before,
                                table.c.claimed_by.in_(list(gone)),
                            ),
                        ),
                    ),
                )
                .values(
                    state=CLAIMED,
                    claimed_by=by,
                    claimed_at=now(),
                    attempts=table.c.attempts + 1,
                )
            )
        return bool(claimed.rowcount == 1)

    def close(self, delivery_ids: Iterable[int]) -> None:
        """Notes that these were accepted."""
        self._settle(delivery_ids, state=SENT, sent_at=now(), failure=None)

    def put_back(self, delivery_ids: Iterable[int], *, failure: str, due_at: str) -> None:
        """Notes that these were not accepted, and when they are tried again."""
        self._settle(delivery_ids, state=PENDING, failure=failure, due_at=due_at)

    def _settle(self, delivery_ids: Iterable[int], **values: Any) -> None:
        table = tables.alert_delivery
        with self._writing.begin() as connection:
            connection.execute(
                table.update()
                .where(table.c.id.in_(list(delivery_ids)))
                .values(claimed_by=None, claimed_at=None, **values)
            )

    # The daily sign of life

    def add_beat(self, beat: Beat) -> None:
        """Notes an attempt."""
        with self._writing.begin() as connection:
            connection.execute(tables.heartbeat.insert().values(**vars(beat)))

    def last_beat(self, *, answered: bool = False) -> Beat | None:
        """The last attempt, or the last that was answered."""
        table = tables.heartbeat
        query = sa.select(table).order_by(table.c.id.desc()).limit(1)
        if answered:
            query = query.where(table.c.was_answered)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return Beat(**{field.name: row[field.name] for field in fields(Beat)})


def _tried(alert_id: str) -> sa.Select[tuple[int]]:
    """The messages about an alert that somebody may have received."""
    table = tables.alert_delivery
    return sa.select(table.c.message_id).where(
        table.c.alert_id == alert_id, sa.or_(table.c.attempts > 0, table.c.state == SENT)
    )


def _position(connection: sa.Connection, reader: str) -> Position | None:
    table = tables.alert_position
    row = connection.execute(sa.select(table).where(table.c.reader == reader)).mappings().first()
    if row is None:
        return None
    return Position(event_id=row["event_id"], recent=tuple(row["recent"]), began_at=row["began_at"])


def _schedules(connection: sa.Connection) -> dict[str, ScheduleForm]:
    rows = connection.execute(sa.select(tables.schedule_form)).mappings()
    return {row["name"]: ScheduleForm(**row) for row in rows}
