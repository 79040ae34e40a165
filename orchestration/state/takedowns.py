"""What is asked of the state database about takedowns: tombstones, only ever added to.

A tombstone holds no key, only its keyed hash. What it forbids is known in `orchestration/takedown/`.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import sqlalchemy as sa

from orchestration.state import tables
from orchestration.state.database import for_writing
from orchestration.state.store import State

ROW, COLUMN = "row", "column"


@dataclass(frozen=True, kw_only=True)
class Tombstone:
    """One row or one column that was taken down, by whose authority, and whether it still is.

    `secret_id` tells which secret the hashes were made with. `landed_hashes` are those of the key's
    cells as extracts wrote them. `purge_at` is when somebody asked for its erasure, `purged_at` when
    that was done.
    """

    id: str
    dataset: str
    kind: str
    key_hash: str | None
    column_name: str | None
    secret_id: str
    authority: str
    reason: str
    taken_by: str
    taken_at: str
    landed_hashes: tuple[str, ...] = ()
    purge_at: str | None = None
    purged_at: str | None = None
    lifted_at: str | None = None
    lifted_by: str | None = None
    lift_authority: str | None = None

    @property
    def subject(self) -> tuple[str, str, str | None]:
        """What it is about: dataset, kind, and hash or column."""
        return self.dataset, self.kind, self.key_hash or self.column_name

    def as_json(self) -> dict[str, Any]:
        """As a line of the journal has it."""
        return {**asdict(self), "landed_hashes": list(self.landed_hashes)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Tombstone":
        """The tombstone of a journal's line or of a table's row."""
        names = [field.name for field in fields(cls)]
        return cls(
            **{name: values[name] for name in names if name != "landed_hashes"},
            landed_hashes=tuple(values["landed_hashes"]),
        )

    def merged(self, other: "Tombstone") -> "Tombstone":
        """What two memories of one tombstone know together: nothing that happened is forgotten."""
        lifted = self if self.lifted_at else other
        return replace(
            self,
            landed_hashes=tuple(sorted({*self.landed_hashes, *other.landed_hashes})),
            purge_at=_latest(self.purge_at, other.purge_at),
            purged_at=_latest(self.purged_at, other.purged_at),
            lifted_at=lifted.lifted_at,
            lifted_by=lifted.lifted_by,
            lift_authority=lifted.lift_authority,
        )


class TakedownStore:
    """The part of the state database that keeps tombstones."""

    def __init__(self, state: State) -> None:
        self._engine = state.engine
        self._writing = for_writing(state.engine)

    def keep(self, tombstone: Tombstone) -> None:
        """Adds a tombstone, or what is new about one that is known."""
        table = tables.takedown
        with self._writing.begin() as connection:
            known = (
                connection.execute(sa.select(table).where(table.c.id == tombstone.id))
                .mappings()
                .first()
            )
            if known is None:
                connection.execute(table.insert().values(**tombstone.as_json()))
                return
            merged = Tombstone.from_json(dict(known)).merged(tombstone)
            connection.execute(
                table.update().where(table.c.id == tombstone.id).values(**merged.as_json())
            )

    def tombstones(self, dataset: str | None = None) -> list[Tombstone]:
        """Every tombstone, lifted ones included, oldest first."""
        table = tables.takedown
        query = sa.select(table).order_by(table.c.taken_at, table.c.id)
        if dataset is not None:
            query = query.where(table.c.dataset == dataset)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return [Tombstone.from_json(dict(row)) for row in rows]


def _latest(one: str | None, other: str | None) -> str | None:
    return max((moment for moment in (one, other) if moment), default=None)
