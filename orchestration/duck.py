"""DuckDB as this project opens it: on Parquet, within bounds, with paths that hold any character."""

import os
import re
import tempfile
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

if TYPE_CHECKING:
    import pyarrow as pa

BOUNDS = {"memory_limit": "2000MB", "autoinstall_known_extensions": "false"}
"""What a connection may take; what does not fit is spilled beside its database, or into `spill`."""


ROW_GROUP = 40_960
"""Rows that whoever reads or writes a file of ours has at hand at once; DuckDB's own is thrice that."""
FEW = "128MB"
"""Enough as a rule for what looks at rows one by one, however many there are; see `fetch_all`."""


def connect(
    database: Path | None = None, *, spill: Path | None = None, memory: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection to a database file, or to one in memory that spills into a folder."""
    config: dict[str, str | bool | int | float | list[str]] = dict(BOUNDS)
    if spill is not None:
        config["temp_directory"] = str(spill)
    if memory is not None:
        # What is held at once grows with the threads.
        config |= {"memory_limit": memory, "threads": 2}
    return duckdb.connect(str(database or ":memory:"), config=config)


@cache
def _kept(process: int) -> duckdb.DuckDBPyConnection:
    connection = connect()
    # What it has read of a file it would keep for the next question, as long as the process lives.
    connection.execute("set enable_external_file_cache = false")
    return connection


def query(sql: str) -> list[Any]:
    """The rows of a small question over files, by a connection that this process keeps.

    Opening one takes longer than such a question. What makes a table, or spills, opens its own.
    """
    with _kept(os.getpid()).cursor() as cursor:
        return cursor.execute(sql).fetchall()


def columns_of(table: str) -> dict[str, str]:
    """The columns of a table in SQL that needs no connection of its own, each with its type."""
    return {row[0]: row[1] for row in query(f"describe from {table}")}


T = TypeVar("T")


def with_enough_memory(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    fetch: Callable[[duckdb.DuckDBPyConnection], T],
) -> T:
    """What a statement gives, with the usual memory where the connection's is too little.

    Wide rows or many of them are no reason not to be read or proven.
    """
    try:
        return fetch(connection.execute(sql))
    except duckdb.OutOfMemoryException:
        connection.execute(f"set memory_limit = '{BOUNDS['memory_limit']}'")
        return fetch(connection.execute(sql))


def fetch_all(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    """The rows of a statement, as `with_enough_memory`."""
    return with_enough_memory(connection, sql, lambda found: found.fetchall())


def sql_path(path: Path) -> str:
    """A path as a SQL text of exactly this file: quotes doubled, wildcards made plain."""
    return quoted(re.sub(r"([*?\[])", r"[\1]", str(path)))


def quoted(text: str) -> str:
    """A text of our own as SQL: a path, a name, a word of the dataset file.

    Never a cell, a key or a word of a vocabulary: those go through `make_table` or `set_variables`.
    """
    return "'" + text.replace("'", "''") + "'"


def parquet(paths: Path | Sequence[Path]) -> str:
    """Parquet files as a table in SQL, columns put together by name."""
    files = [paths] if isinstance(paths, Path) else paths
    listed = ", ".join(sql_path(path) for path in files)
    return f"read_parquet([{listed}], union_by_name = true)"


def lines_of_files(paths: Sequence[Path]) -> str:
    """Landed extracts as a table in SQL, with `_line`: a line's number is its row's, from 1."""
    listed = ", ".join(sql_path(path) for path in paths)
    return (
        "(select * exclude (file_row_number), file_row_number + 1 as _line from "
        f"read_parquet([{listed}], union_by_name = true, file_row_number = true))"
    )


def copy_to_parquet(query: str, target: Path) -> str:
    """The statement that writes a query's rows, in their order, as Parquet."""
    options = f"format parquet, compression zstd, row_group_size {ROW_GROUP}"
    return f"copy ({query}) to {quoted(str(target))} ({options})"


def make_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, Sequence[str | None]],
    *,
    temporary: bool = False,
) -> None:
    """Makes a table of texts, column by column; any number of rows, quickly, whatever they hold.

    Through a file that only we may read: a parameter, or a registered table, imports pandas, which takes
    half a second.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_arrays([_texts(texts) for texts in columns.values()], names=[*columns])
    with tempfile.TemporaryDirectory(prefix="summerware-") as folder:
        path = Path(folder) / "texts.parquet"
        pq.write_table(table, path)
        kind = "temp table" if temporary else "table"
        connection.execute(
            f"create or replace {kind} {name} as from read_parquet({sql_path(path)})"
        )


def _texts(texts: Sequence[str | None]) -> "pa.Array":
    """Made of its buffers: `pa.array` imports pandas."""
    import pyarrow as pa

    cells = [None if text is None else text.encode() for text in texts]
    ends = array("q", [0, *accumulate(len(cell or b"") for cell in cells)])
    said = bytearray(len(cells) // 8 + 1)
    for place, cell in enumerate(cells):
        if cell is not None:
            said[place // 8] |= 1 << place % 8
    buffers = (said, ends, b"".join(filter(None, cells)))
    return pa.Array.from_buffers(pa.large_string(), len(cells), [*map(pa.py_buffer, buffers)])


def set_variables(connection: duckdb.DuckDBPyConnection, **texts: str) -> None:
    """Gives texts to a connection, for its statements to ask for: `getvariable('name')`."""
    given = {name: [text] for name, text in texts.items()}
    make_table(connection, "given_variables", given, temporary=True)
    for name in texts:
        connection.execute(f"set variable {name} = (select {name} from given_variables)")
    connection.execute("drop table given_variables")


def keys_table(connection: duckdb.DuckDBPyConnection, name: str, keys: Iterable[str]) -> None:
    """Makes a table of keys, in the one column `row_key`; any number of them, quickly."""
    make_table(connection, name, {"row_key": list(keys)})
