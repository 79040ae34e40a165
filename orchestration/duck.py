"""DuckDB as this project opens it: on Parquet, within bounds, with paths that hold any character."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import duckdb

BOUNDS = {"memory_limit": "2000MB", "autoinstall_known_extensions": "false"}
"""What a connection may take; what does not fit is spilled beside its database or where told."""


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

    Never a cell, a key or a word of a vocabulary: those are parameters, or go through `make_table`.
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
) -> None:
    """Makes a table of texts, column by column; any number of rows, quickly, whatever they hold."""
    import pyarrow as pa

    table = pa.table({head: pa.array(texts, type=pa.string()) for head, texts in columns.items()})
    connection.register("given_texts", table)
    connection.execute(f"create or replace table {name} as from given_texts")
    connection.unregister("given_texts")


def keys_table(connection: duckdb.DuckDBPyConnection, name: str, keys: Iterable[str]) -> None:
    """Makes a table of keys, in the one column `row_key`; any number of them, quickly."""
    make_table(connection, name, {"row_key": list(keys)})
