"""What is taken down in one dataset, as everybody who handles rows asks for it.

Keys are known by keyed hashes alone, so every question is a hash away: in Python for one key, in
DuckDB for a million. A row is identified by its published key, in any case; a line of an extract by
the cells that its key is made of.
"""

import hashlib
from dataclasses import dataclass

import duckdb

from orchestration.dataset import Dataset
from orchestration.duck import quoted
from orchestration.errors import ConfigurationError
from orchestration.hash_key import hash_key, key_id
from orchestration.settings import Settings
from orchestration.state.store import State
from orchestration.state.takedowns import COLUMN, ROW, Tombstone
from orchestration.tombstones.journal import all_tombstones

POLICY = "takedown"
"""The policy that the ledger and the explanations of cells name."""
ERASED = "taken_down"
"""What stands as `_parse_error` of a landed line whose cells were erased."""


@dataclass(frozen=True, kw_only=True)
class Tombstones:
    """The tombstones in force for one dataset; false where there are none."""

    dataset: str
    secret: str
    rows: frozenset[str] = frozenset()
    """Hashes of published keys."""
    columns: tuple[str, ...] = ()
    landed: frozenset[str] = frozenset()
    """Hashes of the key's cells in extracts, of rows that are to be erased."""
    erased_columns: tuple[str, ...] = ()
    """Columns that are to be erased."""
    ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows or self.columns)

    def hash_of(self, key: str) -> str:
        """The keyed hash of a published key."""
        return keyed_hash(self.secret, self.dataset, "key", [key])

    def holds(self, key: object) -> bool:
        """Whether the row of that key is taken down."""
        return bool(self.rows) and key is not None and self.hash_of(str(key)) in self.rows

    def declare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes the hashes known to a connection, for the predicates below."""
        for kind in ("key", "landed"):
            secret = _prefix(self.secret, self.dataset, kind)
            connection.execute(f"set variable takedown_{kind} = {quoted(secret)}")
        for name, hashes in (("taken_down_rows", self.rows), ("taken_down_lines", self.landed)):
            listed = ", ".join(map(quoted, sorted(hashes)))
            connection.execute(
                f"create or replace temp table {name} as select unnest([{listed}]::varchar[]) as hash"
            )

    def is_row(self, key: str) -> str:
        """SQL: whether a published key, an expression, is taken down; never null."""
        return _among(hash_in_sql("key", [key]), "taken_down_rows") if self.rows else "false"

    def is_line(self, cells: list[str]) -> str:
        """SQL: whether the landed cells of a key, expressions, are a line to erase; never null."""
        return _among(hash_in_sql("landed", cells), "taken_down_lines") if self.landed else "false"


def load_tombstones(settings: Settings, state: State, dataset: Dataset) -> Tombstones:
    """The tombstones in force, from every memory that there is.

    Raises:
        ConfigurationError: a journal is broken, or a hash was made with another secret.
    """
    return in_force(
        settings, dataset, [one for one in all_tombstones(settings, state) if not one.lifted_at]
    )


def in_force(settings: Settings, dataset: Dataset, tombstones: list[Tombstone]) -> Tombstones:
    """Those of them that are about a dataset, as one.

    Raises:
        ConfigurationError: a hash was made with another secret.
    """
    secret = hash_key(settings)
    own = [one for one in tombstones if one.dataset == dataset.id]
    strangers = [one.id for one in own if one.kind == ROW and one.secret_id != key_id(secret)]
    if strangers:
        raise ConfigurationError(
            f"{dataset.id}: the takedown {strangers[0]} was made with another hash.key than the one "
            f"in {settings.home}; without it nobody can tell what was taken down, so nothing is "
            "published. Put that hash.key back (it belongs into every backup)"
        )
    names = {column.name for column in dataset.columns}
    columns = [one for one in own if one.kind == COLUMN and one.column_name in names]
    return Tombstones(
        dataset=dataset.id,
        secret=secret,
        rows=frozenset(one.key_hash for one in own if one.key_hash),
        columns=tuple(sorted({str(one.column_name) for one in columns})),
        landed=frozenset(
            landed
            for one in own
            if one.kind == ROW and one.purge_at
            for landed in one.landed_hashes
        ),
        erased_columns=tuple(sorted({str(one.column_name) for one in columns if one.purge_at})),
        ids=tuple(one.id for one in own),
    )


def plain_key(text: str) -> str:
    """A key without what does not tell keys apart: case, ends, runs of blanks."""
    return " ".join(text.upper().split())


def keyed_hash(secret: str, dataset: str, kind: str, cells: list[str]) -> str:
    """The keyed hash of a published key (`key`) or of a key's landed cells (`landed`)."""
    text = _prefix(secret, dataset, kind) + "\x1f".join(plain_key(cell) for cell in cells)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_in_sql(kind: str, cells: list[str]) -> str:
    """The same as SQL, on a connection that knows the secret; null where a cell is."""
    plain = " || chr(31) || ".join(
        rf"upper(regexp_replace(trim(({cell})::varchar, ' ' || chr(9) || chr(10) || chr(13)), "
        r"'\s+', ' ', 'g'))"
        for cell in cells
    )
    return f"sha256(getvariable('takedown_{kind}') || {plain})"


def _prefix(secret: str, dataset: str, kind: str) -> str:
    return f"{secret}\x1ftakedown {kind} {dataset}\x1f"


def _among(expression: str, table: str) -> str:
    return f"coalesce({expression} in (select hash from {table}), false)"
