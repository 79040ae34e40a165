"""The portal's memory: one SQLite file, a table of datasets and one table of rows for each.

Connections, transactions and the table of datasets are here; rows are written by `writes` and read
by `reads`, with a connection from here. Readers see the last committed state and never wait;
writers take turns.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from orchestration.portal.dataset import Column, Dataset
from orchestration.portal.datatypes import TYPES
from orchestration.portal.errors import NotFoundError, PortalError, invalid_request
from orchestration.portal.identifiers import new_fourfour
from orchestration.portal.soql.functions import install_functions
from orchestration.portal.values import EXACT_DIGITS

DATABASE = "portal.sqlite3"
_LAYOUT = 1
_SCHEMA = (
    """
create table if not exists datasets (
    number integer primary key autoincrement,
    id text not null unique,
    document text not null,
    columns text not null,
    row_identifier text,
    published_at integer,
    public integer not null,
    created_at integer not null,
    modified_at integer not null,
    rows_updated_at integer,
    data_version integer not null,
    row_count integer not null
)
""",
    """
create table if not exists drafts (
    kind text not null, id integer not null, document text not null, primary key (kind, id)
)
""",
)


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class Store:
    """The SQLite file under a home, and its connections."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        self.home = home
        self._path = home / DATABASE
        self._write_lock = threading.Lock()
        self._idle_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self.around_write: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered with the write lock held and left after the commit; the replica sets it."""
        self._writer = self._connect()
        self._prepare()

    def close(self) -> None:
        """Closes every connection; nothing may be under way."""
        with self._idle_lock:
            connections = [self._writer, *self._idle]
            self._idle = []
        for connection in connections:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one committed state from beginning to end."""
        with self._idle_lock:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        connection.execute("begin")
        try:
            yield connection
        finally:
            connection.rollback()
            with self._idle_lock:
                self._idle.append(connection)

    @contextmanager
    def writing(self, *, keep: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or, when anything is raised, none of it. One at a time.

        With `keep=False` it is undone at its end all the same.
        """
        with self._write_lock, self.around_write():
            self._writer.execute("begin immediate")
            try:
                yield self._writer
                if keep:
                    self._writer.commit()
                else:
                    self._writer.rollback()
            except BaseException:
                # Whatever it was: a request is taken whole or not at all.
                self._writer.rollback()
                raise

    def pin(self) -> sqlite3.Connection:
        """A connection of its own that goes on seeing the state of now; the caller closes it."""
        connection = self._connect()
        connection.execute("begin")
        connection.execute("select count(*) from datasets").fetchone()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=60
        )
        for setting in (
            "journal_mode = wal",
            "synchronous = normal",
            "case_sensitive_like = on",
            "temp_store = memory",
            "cache_size = -65536",
        ):
            connection.execute(f"pragma {setting}")
        install_functions(connection)
        return connection

    def _prepare(self) -> None:
        (layout,) = self._writer.execute("pragma user_version").fetchone()
        if layout not in (0, _LAYOUT):
            self._writer.close()
            message = f"{self._path} was made by another version of the portal; remove its folder"
            raise RuntimeError(message)
        for statement in _SCHEMA:
            self._writer.execute(statement)
        self._writer.execute(f"pragma user_version = {_LAYOUT}")


def find_dataset(connection: sqlite3.Connection, fourfour: str) -> Dataset:
    """The dataset with this 4x4.

    Raises: NotFoundError when there is none.
    """
    dataset = find_if_there(connection, fourfour)
    if dataset is None:
        raise NotFoundError("dataset.missing", {"id": fourfour})
    return dataset


def find_if_there(connection: sqlite3.Connection, fourfour: str) -> Dataset | None:
    """The dataset with this 4x4; a replica may not have it yet."""
    row = connection.execute("select * from datasets where id = ?", (fourfour,)).fetchone()
    return None if row is None else _dataset(row)


def dataset_of_number(connection: sqlite3.Connection, number: int) -> Dataset:
    """The dataset with this number, which the portal knows to be there."""
    sql = "select * from datasets where number = ?"
    return _dataset(connection.execute(sql, (number,)).fetchone())


def list_datasets(connection: sqlite3.Connection) -> list[Dataset]:
    """All datasets, the newest first."""
    rows = connection.execute("select * from datasets order by number desc")
    return [_dataset(row) for row in rows]


def next_number(connection: sqlite3.Connection) -> int:
    """The number that the next dataset gets."""
    row = connection.execute("select seq from sqlite_sequence where name = 'datasets'").fetchone()
    return int(row[0]) + 1 if row else 1


def create_dataset(
    connection: sqlite3.Connection,
    *,
    document: dict[str, Any],
    columns: tuple[Column, ...],
    row_identifier: str | None,
) -> Dataset:
    """A new dataset, private and unpublished, with an empty table for its rows."""
    taken = {fourfour for (fourfour,) in connection.execute("select id from datasets")}
    now = now_ms()
    dataset = Dataset(
        number=next_number(connection),
        id=new_fourfour(taken),
        document=document,
        columns=columns,
        row_identifier=None,
        published_at=None,
        public=False,
        created_at=now,
        modified_at=now,
        rows_updated_at=None,
        data_version=1,
        row_count=0,
    )
    values = _row(dataset)
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(f"insert into datasets ({', '.join(values)}) values ({marks})", values)
    connection.execute(_rows_table(dataset))
    if row_identifier is not None:
        dataset = set_row_identifier(connection, dataset, row_identifier)
        save_dataset(connection, dataset)
    return dataset


def _rows_table(dataset: Dataset) -> str:
    """The table with the rows; no column has an affinity, so what goes in comes out."""
    system = '":id" integer primary key autoincrement, ":created_at", ":updated_at", ":version"'
    names = [system, *(column.sql for column in dataset.columns)]
    return f"create table {dataset.table} ({', '.join(names)})"


def reshape(
    connection: sqlite3.Connection,
    dataset: Dataset,
    columns: tuple[Column, ...],
    *,
    keep_rows: bool,
) -> Dataset:
    """The dataset with these columns: with its rows, where columns are only added, or without.

    A dataset that loses its rows keeps counting its row ids, and has no row identifier until it is
    set again.
    """
    before = [(column.field, column.type.name) for column in dataset.columns]
    after = [(column.field, column.type.name) for column in columns]
    shaped = replace(dataset, columns=columns, modified_at=now_ms())
    if before == after:
        return shaped
    if keep_rows:
        assert after[: len(before)] == before
        for column in columns[len(before) :]:
            connection.execute(f"alter table {dataset.table} add column {column.sql}")
        return shaped
    named = dataset.table.strip('"')
    sequence = connection.execute("select seq from sqlite_sequence where name = ?", (named,))
    found = sequence.fetchone()
    connection.execute(f"drop table {dataset.table}")
    connection.execute(_rows_table(shaped))
    if found is not None:
        connection.execute("insert into sqlite_sequence (name, seq) values (?, ?)", (named, *found))
    return replace(shaped, row_identifier=None, row_count=0)


def set_row_identifier(
    connection: sqlite3.Connection, dataset: Dataset, field_name: str
) -> Dataset:
    """The dataset with this column as its key.

    Raises: PortalError (400) when rows are there that have no value, or the same, in the column.
    """
    column = dataset.column(field_name)
    assert column is not None
    index = f'"key_{dataset.number}"'
    nulls = f"select 1 from {dataset.table} where {column.sql} is null limit 1"
    if connection.execute(nulls).fetchone():
        raise _not_unique(field_name)
    if column.type.name == "number":
        digits = f"replace(replace({column.sql}, '-', ''), '.', '')"
        long = f"typeof({column.sql}) = 'text' and length({digits}) > {EXACT_DIGITS}"
        if connection.execute(f"select 1 from {dataset.table} where {long} limit 1").fetchone():
            raise invalid_request(f"{field_name} has too many digits for a row identifier")
    key = column.type.comparable.format(column.sql)
    connection.execute(f"drop index if exists {index}")
    try:
        connection.execute(f"create unique index {index} on {dataset.table} ({key})")
    except sqlite3.IntegrityError as error:
        raise _not_unique(field_name) from error
    return replace(dataset, row_identifier=field_name)


def save_dataset(connection: sqlite3.Connection, dataset: Dataset) -> None:
    """Keeps what changed of a dataset."""
    values = _row(dataset)
    settings = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(f"update datasets set {settings} where number = :number", values)


def drop_dataset(connection: sqlite3.Connection, dataset: Dataset) -> None:
    """Removes a dataset and its rows."""
    connection.execute(f"drop table {dataset.table}")
    connection.execute("delete from datasets where number = ?", (dataset.number,))


def _dataset(row: tuple[Any, ...]) -> Dataset:
    values = dict(zip((item.name for item in fields(Dataset)), row, strict=True))
    columns = tuple(
        Column(**{**item, "type": TYPES[item["type"]]}) for item in json.loads(values["columns"])
    )
    values |= {"document": json.loads(values["document"]), "columns": columns}
    return Dataset(**{**values, "public": bool(values["public"])})


def _row(dataset: Dataset) -> dict[str, Any]:
    columns = [
        {"id": c.id, "field": c.field, "name": c.name, "type": c.type.name, "extras": c.extras}
        for c in dataset.columns
    ]
    values = {item.name: getattr(dataset, item.name) for item in fields(Dataset)}
    return {**values, "document": json.dumps(dataset.document), "columns": json.dumps(columns)}


def _not_unique(field_name: str) -> PortalError:
    message = f"Column {field_name} has empty or repeated values and cannot identify rows"
    return PortalError(400, "soda.column.not-unique", message, {"column": field_name})
