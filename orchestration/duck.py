"""DuckDB as this project opens it: on Parquet, within bounds, with paths that hold any character."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

BOUNDS = {"memory_limit": "2000MB", "autoinstall_known_extensions": "false"}
"""What a connection may take; what does not fit is spilled beside its database or where told."""


def connect(
    database: Path | None = None, *, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection to a database file, or to one in memory that spills into a folder."""
    if spill is None:
        return duckdb.connect(str(database or ":memory:"), config=dict(BOUNDS))
    return duckdb.connect(
        str(database or ":memory:"), config={**BOUNDS, "temp_directory": str(spill)}
    )


def sql_path(path: Path) -> str:
    """A path as a SQL text of exactly this file: quotes doubled, wildcards made plain."""
    return quoted(re.sub(r"([*?\[])", r"[\1]", str(path)))


def quoted(text: str) -> str:
    """A text as SQL. Binding it as a parameter would import pandas, which takes half a second."""
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
    return f"copy ({query}) to {quoted(str(target))} (format parquet, compression zstd)"


def keys_table(connection: duckdb.DuckDBPyConnection, name: str, keys: Iterable[str]) -> None:
    """Makes a table of keys, in the one column `row_key`; any number of them, quickly."""
    import pyarrow as pa

    table = pa.table({"row_key": pa.array(list(keys), type=pa.string())})
    connection.register("given_keys", table)
    connection.execute(f"create or replace table {name} as from given_keys")
    connection.unregister("given_keys")
