"""What is asked of the state database about takedowns: tombstones, only ever added to.

A tombstone holds no key, only its keyed hash. What it forbids is known in `orchestration/takedown/`.
"""

from collections.abc import Callable, Sequence
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


Erase = Callable[[str], str]
"""Gives a text without what is to be erased; the same text where there is nothing of it."""

_UNTOUCHED = ("takedown", "receipt")
_OF_THE_MACHINE = (
    "extract",
    "gate_record",
    "layer",
    "portal_dataset",
    "publication",
    "publication_chunk",
    "run_process",
)
_NAMES = ("id", "dataset", "target", "state", "kind", "column_name", "verdict", "purpose", "act")
"""Columns that never hold a cell or a key, beside hashes, times, paths and ids."""


class PurgeStore:
    """What an erasure rewrites in the state database, where records name or quote what is gone."""

    def __init__(self, state: State) -> None:
        self._engine = state.engine
        self._writing = for_writing(state.engine)

    def extracts(self, dataset: str) -> list[tuple[str, str]]:
        """Path and content hash of every landed extract."""
        table = tables.extract
        return self._pairs(
            sa.select(table.c.path, table.c.content_hash).where(table.c.dataset == dataset)
        )

    def folders(self, dataset: str) -> list[tuple[str, str]]:
        """Path and hash of every folder of a finished layer and of a publication."""
        layer, publication = tables.layer, tables.publication
        with self._engine.connect() as connection:
            planned = connection.execute(
                sa.select(publication.c.path, publication.c.plan).where(
                    publication.c.dataset == dataset
                )
            ).all()
        return self._pairs(
            sa.select(layer.c.path, layer.c.content_hash).where(layer.c.dataset == dataset)
        ) + [(row.path, row.plan["files"]) for row in planned]

    def replace_hash(self, path: str, found: str, *, fates: dict[str, int] | None) -> None:
        """Notes what a folder holds now; with the fates that its ledger counts, where it has one."""
        layer, publication = tables.layer, tables.publication
        with self._writing.begin() as connection:
            row = connection.execute(sa.select(layer).where(layer.c.path == path)).first()
            if row is not None:
                facts = {**row.facts, **({"fates": fates} if fates is not None else {})}
                connection.execute(
                    layer.update()
                    .where(layer.c.path == path)
                    .values(content_hash=found, facts=facts)
                )
            planned = connection.execute(
                sa.select(publication.c.id, publication.c.plan).where(publication.c.path == path)
            ).first()
            if planned is not None:
                connection.execute(
                    publication.update()
                    .where(publication.c.id == planned.id)
                    .values(plan={**planned.plan, "files": found})
                )

    def replace_extract_hash(self, path: str, found: str) -> None:
        """Notes what a landed extract holds now."""
        table = tables.extract
        with self._writing.begin() as connection:
            connection.execute(
                table.update().where(table.c.path == path).values(content_hash=found)
            )

    def erase(self, keys: Erase, words: Erase) -> dict[str, int]:
        """Erases texts wherever a record quotes them; how many records of which table.

        `keys` erases row keys, `words` also what cells held; where only the machine writes, words
        are its own and stay. A record whose primary key is such a text is deleted. Receipts are never
        touched: they hold no key and no cell.
        """
        erased: dict[str, int] = {}
        for table in tables.metadata.sorted_tables:
            if table.name in _UNTOUCHED:
                continue
            erase = keys if table.name in _OF_THE_MACHINE else words
            with self._writing.begin() as connection:
                count = _erase_table(connection, table, erase)
            if count:
                erased[table.name] = count
        return erased

    def erase_columns(self, dataset: str, columns: Sequence[str]) -> int:
        """Deletes what people said of values of these columns; how many records."""
        deleted = 0
        for table in tables.metadata.sorted_tables:
            if table.name in _UNTOUCHED or not {"dataset", "column_name"} <= set(table.c.keys()):
                continue
            query = table.delete().where(
                table.c.dataset == dataset, table.c.column_name.in_(columns)
            )
            with self._writing.begin() as connection:
                deleted += connection.execute(query).rowcount
        return deleted

    def _pairs(self, query: sa.Select[Any]) -> list[tuple[str, str]]:
        with self._engine.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]


def _erase_table(connection: sa.Connection, table: sa.Table, erase: Erase) -> int:
    keys = list(table.primary_key.columns)
    columns = [column for column in table.columns if not _is_name(column.name)]
    count = 0
    for row in connection.execute(sa.select(table)).mappings().all():
        changed = {
            column.name: value
            for column in columns
            if (value := _erased(row[column.name], erase)) != row[column.name]
        }
        if not changed:
            continue
        count += 1
        same = sa.and_(*(key == row[key.name] for key in keys))
        if any(key.name in changed for key in keys):
            connection.execute(table.delete().where(same))
        else:
            connection.execute(table.update().where(same).values(**changed))
    return count


def _is_name(column: str) -> bool:
    return column in _NAMES or column.endswith(("_id", "_at", "_hash", "path"))


def _erased(value: Any, erase: Erase) -> Any:
    if isinstance(value, str):
        return erase(value)
    if isinstance(value, list):
        return [_erased(one, erase) for one in value]
    if isinstance(value, dict):
        return {_erased(name, erase): _erased(one, erase) for name, one in value.items()}
    return value
