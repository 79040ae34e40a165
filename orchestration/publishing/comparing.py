"""When two cells are equal, and which rows of two tables are not.

Cells are the same when they mean the same: a number by its value, a time to the millisecond, a point
by its coordinates, a set by its parts in any order; an empty text is the same as none, which is what
older portals make of it. There is no other definition: what is planned, read back, proven or called
somebody's edit is compared by this one. Where rows come from, and what follows, is others' business.
"""

import hashlib
from collections.abc import Iterable, Sequence

import duckdb
import pyarrow as pa

from orchestration.column import Column
from orchestration.duck import fetch_all, quoted

SQL_TYPES = {
    "text": "varchar",
    "number": "double",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
    "point": "varchar",
}
"""What a snapshot holds the columns' types as."""
NO_KEY = "(no key)"
"""How rows are named that have none."""
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"


def comparable(column: Column, cell: str) -> str:
    """The SQL expression by which a cell of this column is compared."""
    if column.type == "point":
        return f"list_transform(regexp_extract_all({cell}, '{_NUMBER}'), lambda n: n::double + 0)"
    if column.type == "number":
        return f"({cell}::double + 0)"
    if column.type == "timestamp":
        return f"date_trunc('millisecond', {cell})"
    if column.list and column.list.set:
        # No part holds the mark, so that two unlike sets cannot read the same.
        mark = quoted(column.list.mark)
        parts = f"list_transform(string_split({cell}, {mark}), lambda part: trim(part))"
        said = f"list_filter(list_sort(list_distinct({parts})), lambda part: part <> '')"
        return f"nullif(array_to_string({said}, {mark}), '')"
    if column.type == "text":
        return f"nullif({cell}, '')"
    return cell


def differ(column: Column, left: str, right: str) -> str:
    """The SQL condition that two cells of this column are not equal."""
    return f"{comparable(column, left)} is distinct from {comparable(column, right)}"


def digests(columns: Sequence[Column], key: str, rows: str) -> str:
    """SQL of `row_key` and `cells`, a digest of what a row of `rows` means, by which rows are compared.

    The lengths of its texts are in it, so that no two unlike rows can read the same.
    """
    cells = ", ".join(
        f"coalesce({comparable(column, column.name)}::varchar, chr(0))" for column in columns
    )
    lengths = ", ".join(
        f"coalesce(strlen({comparable(column, column.name)}), 0)"
        for column in columns
        if column.type == "text"
    )
    parts = f"{cells}, {lengths}" if lengths else cells
    digest = f"md5_number(concat_ws(chr(31), {parts}))"
    return f"select {key}::varchar as row_key, {digest} as cells from {rows}"


def read_digests(
    connection: duckdb.DuckDBPyConnection,
    tables: Iterable[pa.Table],
    columns: Sequence[Column],
    key: str,
    *,
    into: str,
) -> None:
    """Makes a table of the digests of a portal's rows, which may be many."""
    types = ", ".join(f"null::{SQL_TYPES[one.type]} as {one.name}" for one in columns)
    connection.execute(f"create or replace table {into} (row_key varchar, cells uhugeint)")
    for table in tables:
        connection.register("page", table)
        page = f"((select {types} limit 0) union all by name from page)"
        fetch_all(connection, f"insert into {into} {digests(columns, key, page)}")
        connection.unregister("page")
        del table


def differing_keys(
    connection: duckdb.DuckDBPyConnection, *, expected: str, found: str
) -> dict[str, list[str]]:
    """Keys of two tables of `digests`: `missing` from the found one, `extra` in it, or `changed`."""
    same = "expected.row_key = found.row_key"
    if _repeats(connection, expected) or _repeats(connection, found):
        # Only a portal's dataset without a row identifier: its n-th row of a key is held against ours.
        expected, found = (
            f"(select *, row_number() over (partition by row_key order by cells) as copy from {side})"
            for side in (expected, found)
        )
        same = "expected.row_key is not distinct from found.row_key and expected.copy = found.copy"
    rows = fetch_all(
        connection,
        f"select distinct coalesce(expected.row_key, found.row_key, '{NO_KEY}') as row_key, case "
        f"when found.cells is null then 'missing' when expected.cells is null then 'extra' "
        f"else 'changed' end as how from {expected} as expected full join {found} as found "
        f"on {same} where expected.cells is distinct from found.cells order by all",
    )
    differing: dict[str, list[str]] = {"missing": [], "extra": [], "changed": []}
    for row_key, how in rows:
        differing[how].append(row_key)
    return differing


def foreign_keys(connection: duckdb.DuckDBPyConnection, *, held: str, explained: str) -> list[str]:
    """Keys of rows of one table of `digests` that are not, cell by cell, in the other."""
    rows = fetch_all(
        connection,
        f"select distinct coalesce(held.row_key, '{NO_KEY}') as row_key from {held} as held "
        f"anti join {explained} as explained on held.cells = explained.cells "
        f"and held.row_key is not distinct from explained.row_key order by all",
    )
    return [row_key for (row_key,) in rows]


def _repeats(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether rows of the table share a key, or have none."""
    ((repeats,),) = fetch_all(connection, f"select count(*) - count(distinct row_key) from {table}")
    return bool(repeats)


def rows_hash(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """One hash over all rows of a table of `digests`, in the order of the keys."""
    hasher = hashlib.sha256()
    fetch_all(
        connection, f"create or replace table in_order as from {table} order by row_key, cells"
    )
    # As decimal digits they would take half a minute for as many rows as this takes a second for.
    reader = connection.execute("select hex(cells) as cells from in_order").to_arrow_reader()
    for batch in reader:
        hasher.update("".join(f"{cells} " for cells in batch["cells"].to_pylist()).encode())
    connection.execute("drop table in_order")
    return hasher.hexdigest()
