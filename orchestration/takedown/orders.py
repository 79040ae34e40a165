"""Carries out one order: tombstones first, then the portals, then this machine.

Given twice, an order is recorded once, and whatever is not done yet is done: after a crash the same
command goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict

from orchestration.dataset import Dataset
from orchestration.hash_key import hash_key, key_id
from orchestration.publishing.removal import Removed
from orchestration.review.decisions import duplicate_decisions
from orchestration.settings import Settings
from orchestration.state.store import State, new_id, now
from orchestration.state.takedowns import COLUMN, ROW, Tombstone
from orchestration.takedown.purge import purge
from orchestration.takedown.removal import remove_everywhere
from orchestration.tombstones.journal import all_tombstones, remember
from orchestration.tombstones.tombstones import keyed_hash, plain_key


@dataclass(frozen=True, kw_only=True)
class Order:
    """What somebody ordered: rows by key, or a column; neither, where only erasing is asked for."""

    keys: tuple[str, ...]
    column: str | None
    authority: str
    reason: str
    by: str
    purge: bool


class DoneJson(TypedDict):
    """What came of an order: ids of its takedowns, and one `Removed` per target, without hashes."""

    takedowns: list[str]
    removed: list[dict[str, Any]]
    purged: bool


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of an order."""

    tombstones: list[Tombstone]
    removed: list[Removed]
    purged: bool

    def as_json(self) -> DoneJson:
        """For a script; without hashes."""
        return {
            "takedowns": [one.id for one in self.tombstones],
            "removed": [asdict(one) for one in self.removed],
            "purged": self.purged,
        }


def carry_out(
    settings: Settings,
    state: State,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    order: Order,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Done:
    """Records, removes and, where asked, erases.

    Raises:
        ConfigurationError: a portal cannot be reached with this configuration; all else is done.
        PortalFault: a portal still shows something of it.
        TransientError: something is busy or out of reach; the same command goes on later.
    """
    keys = _same_event(settings, state, dataset, order.keys)
    tombstones = record(settings, state, dataset, replace(order, keys=tuple(keys)))
    progress(f"{len(tombstones):,} recorded: nothing of it is published from now on")
    authority = order.authority or "as ordered before"
    try:
        removed = remove_everywhere(
            settings,
            state,
            dataset,
            by=order.by,
            authority=authority,
            run_id=f"takedown-{new_id()}",
            keys=sorted({*keys, *map(plain_key, keys)}),
            progress=progress,
        )
    finally:
        # A portal out of reach is no reason to keep it here.
        if order.purge:
            purge(settings, state, datasets, dataset, keys=keys, progress=progress)
    return Done(tombstones=tombstones, removed=removed, purged=order.purge)


def record(settings: Settings, state: State, dataset: Dataset, order: Order) -> list[Tombstone]:
    """The tombstones of an order, in every memory; those that are in force already are not doubled."""
    known = {
        one.subject: one
        for one in all_tombstones(settings, state)
        if one.dataset == dataset.id and not one.lifted_at
    }
    moment = now()
    wanted = _tombstones(settings, dataset, order, moment)
    if not order.keys and not order.column:
        wanted = list(known.values())
    kept = []
    for one in wanted:
        same = known.get(one.subject, one)
        if order.purge:
            # Asked for again, it is looked for again: a backup may have brought it back.
            same = replace(same, purge_at=moment)
        if known.get(one.subject) != same:
            remember(settings, state, same)
        kept.append(same)
    return kept


def _tombstones(settings: Settings, dataset: Dataset, order: Order, moment: str) -> list[Tombstone]:
    secret = hash_key(settings)

    def tombstone(kind: str, key: str | None) -> Tombstone:
        # What landing can know of a key before it has seen how an extract writes it.
        landed = [key] if key is not None and not dataset.key_from else []
        return Tombstone(
            id=new_id(),
            dataset=dataset.id,
            kind=kind,
            key_hash=None if key is None else keyed_hash(secret, dataset.id, "key", [key]),
            column_name=order.column if kind == COLUMN else None,
            secret_id=key_id(secret),
            authority=order.authority,
            reason=order.reason,
            taken_by=order.by,
            taken_at=moment,
            landed_hashes=tuple(keyed_hash(secret, dataset.id, "landed", [one]) for one in landed),
        )

    if order.column:
        return [tombstone(COLUMN, None)]
    return [tombstone(ROW, key) for key in dict.fromkeys(map(plain_key, order.keys))]


def _same_event(
    settings: Settings, state: State, dataset: Dataset, keys: Sequence[str]
) -> list[str]:
    """The keys, and those that people decided to be the same event, where they may merge them."""
    found = {plain_key(key): key for key in keys}
    if not keys or not (dataset.duplicates and dataset.duplicates.people_may_merge):
        return list(found.values())
    pairs = [
        (plain_key(one.left_key), plain_key(one.right_key), one)
        for one in duplicate_decisions(settings, state, dataset)
        if one.verdict == "same"
    ]
    grown = True
    while grown:
        grown = False
        for left, right, one in pairs:
            if (left in found) != (right in found):
                found |= {left: one.left_key, right: one.right_key}
                grown = True
    return list(found.values())
