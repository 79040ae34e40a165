"""Takes the outbox to its channels: at least once, in order, by one process at a time.

A delivery is claimed, tried, and closed; whoever dies in between leaves a claim behind that the next
one takes over, so a message may arrive twice and never not at all. A channel that refuses two in a
row is left alone until the next time.
"""

import os
import random
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestration.alerts.channels import send
from orchestration.alerts.lifecycle import OPENED
from orchestration.alerts.messages import Message, compose, compose_digest
from orchestration.alerts.routing import addresses, variable_of
from orchestration.processes import process_started
from orchestration.state.alerts import CLAIMED, NO_CHANNEL, PENDING, AlertStore, Delivery

_CLAIM_SECONDS = 300
"""A claimant of another machine that was silent for so long is taken to be dead."""
_PATIENCE = 2
"""How many failures in a row until a channel is left alone."""
_LONGEST_WAIT = 900
Send = Callable[[str, Message], str | None]


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What one round came to."""

    sent: int
    failed: int
    waiting: int


def deliver(store: AlertStore, *, moment: datetime, seconds: float = 20) -> Delivered:
    """Sends what is due, for about so many seconds; the rest stays for the next round."""
    _revive(store, moment)
    deadline = time.monotonic() + seconds
    sent = failed = 0
    gone = _gone(store.deliveries(states=[CLAIMED]))
    for url, channel in _by_address(store, moment):
        failures = 0
        for group in channel:
            if failures >= _PATIENCE or time.monotonic() > deadline:
                break
            claimed = _claim(store, group, gone)
            if not claimed:
                continue
            failure = _try(url, claimed)
            if failure is None:
                store.close(one.id for one in claimed)
                sent, failures = sent + len(claimed), 0
            else:
                due_at = _next_try(claimed[0].attempts + 1)
                store.put_back((one.id for one in claimed), failure=failure, due_at=due_at)
                failed, failures = failed + len(claimed), failures + 1
    waiting = len(store.deliveries(states=[PENDING, CLAIMED]))
    return Delivered(sent=sent, failed=failed, waiting=waiting)


def _try(url: str | None, claimed: Sequence[Delivery]) -> str | None:
    if url is None:
        return f"{variable_of(claimed[0].channel)} has fewer addresses than it had"
    try:
        message = compose_digest([(one.kind, one.facts) for one in claimed])
    except Exception as error:  # noqa: BLE001 - a message of ours that is wrong holds up no other one
        return f"it could not be written ({type(error).__name__})"
    return send(url, message)


def _claim(store: AlertStore, group: Sequence[Delivery], gone: Iterable[str]) -> list[Delivery]:
    stale = datetime.now(UTC) - timedelta(seconds=_CLAIM_SECONDS)
    return [
        one
        for one in group
        if store.claim(
            one.id,
            by=_ourselves(),
            stale_before=stale.isoformat(timespec="milliseconds"),
            gone=gone,
        )
    ]


def _by_address(
    store: AlertStore, moment: datetime
) -> Iterator[tuple[str | None, list[list[Delivery]]]]:
    """What is due for each address: digests first as one, then each message on its own.

    Of one alert only the earliest message goes: nobody hears that it is over before it began.
    """
    waiting = store.deliveries(states=[PENDING, CLAIMED])
    due_before = moment.isoformat(timespec="milliseconds")
    first: dict[tuple[str, int, str], int] = {}
    for one in waiting:
        first.setdefault((one.channel, one.address, one.alert_id), one.id)
    grouped: dict[tuple[str, int, str | None], list[Delivery]] = {}
    for one in waiting:
        is_first = first[one.channel, one.address, one.alert_id] == one.id
        if one.due_at <= due_before and (is_first or one.is_digest):
            grouped.setdefault((one.channel, one.address, _url(one)), []).append(one)
    for (_, _, url), group in grouped.items():
        digest = [one for one in group if one.is_digest]
        alone = [[one] for one in group if not one.is_digest]
        yield url, [*([digest] if digest else []), *alone]


def _url(delivery: Delivery) -> str | None:
    urls = addresses(delivery.channel, owner=str(delivery.facts.get("owner_email") or ""))
    return urls[delivery.address] if delivery.address < len(urls) else None


def _revive(store: AlertStore, moment: datetime) -> None:
    """What opened when its channel had no address, and is still open, goes once it has one."""
    found = [
        one.id
        for one in store.deliveries(states=[NO_CHANNEL], of_open_alerts=True)
        if one.kind == OPENED and addresses(one.channel)
    ]
    if found:
        store.put_back(found, failure="", due_at=moment.isoformat(timespec="milliseconds"))


def _ourselves() -> str:
    return f"{socket.gethostname()}/{os.getpid()}/{process_started(os.getpid())}"


def _gone(claimed: Iterable[Delivery]) -> list[str]:
    """Claimants of this machine that are no more."""
    names = {one.claimed_by for one in claimed if one.claimed_by}
    return [name for name in names if _is_gone(name)]


def _is_gone(name: str) -> bool:
    host, pid, started = name.rsplit("/", 2)
    return host == socket.gethostname() and process_started(int(pid)) != started


def _next_try(attempts: int) -> str:
    """Waits longer each time, up to a quarter of an hour; not all at the same moment."""
    first = float(os.environ.get("SUMMERWARE_ALERT_RETRY_SECONDS") or 30)
    wait = min(first * 2 ** min(attempts - 1, 10), _LONGEST_WAIT) * random.uniform(0.8, 1.2)
    return (datetime.now(UTC) + timedelta(seconds=wait)).isoformat(timespec="milliseconds")


def try_every_route(urls: Sequence[tuple[str, str]], facts: dict[str, object]) -> dict[str, str]:
    """Sends a trial message to each named address; what each said, empty where it arrived."""
    return {name: send(url, compose(OPENED, facts)) or "" for name, url in urls}
