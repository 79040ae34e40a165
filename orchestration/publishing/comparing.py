"""When two cells are equal, and which rows of two tables are not.

Cells are the same when they mean the same: a number by its value, a time to the millisecond, a point
by its coordinates; an empty text is the same as none, which is what older portals make of it. Where
rows come from, and what follows, is others' business.
"""

from collections.abc import Sequence

import duckdb

from orchestration.dataset import Column

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
        return f"list_transform(regexp_extract_all({cell}, '{_NUMBER}'), lambda n: n::double)"
    if column.type == "timestamp":
        return f"date_trunc('millisecond', {cell})"
    if column.type == "text":
        return f"nullif({cell}, '')"
    return cell


def differ(column: Column, left: str, right: str) -> str:
    """The SQL condition that two cells of this column are not equal."""
    return f"{comparable(column, left)} is distinct from {comparable(column, right)}"


def differing_keys(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    key: str,
    *,
    expected: str,
    found: str,
) -> dict[str, list[str]]:
    """Keys of two tables that are `missing` from the found one, `extra` in it, or `changed`."""
    others = [column for column in columns if column.name != key]
    changed = " or ".join(
        f"({differ(column, f'expected.{column.name}', f'found.{column.name}')})"
        for column in others
    )
    copies = ""
    if _repeats(connection, key, expected) or _repeats(connection, key, found):
        # Only a portal's dataset without a row identifier: its n-th row of a key is held against ours.
        names = ", ".join(column.name for column in columns)
        expected, found = (
            f"(select *, row_number() over (partition by {key} order by {names}) as copy from {side})"
            for side in (expected, found)
        )
        copies = "and expected.copy = found.copy"
    rows = connection.execute(
        f"select coalesce(expected.{key}::varchar, found.{key}::varchar, '{NO_KEY}') as row_key, case "
        f"when not coalesce(found.there, false) then 'missing' "
        f"when not coalesce(expected.there, false) then 'extra' else 'changed' end as how "
        f"from (select *, true as there from {expected}) as expected "
        f"full join (select *, true as there from {found}) as found "
        f"on {_same_key(key, copies)} {copies} "
        f"where expected.there is null or found.there is null or {changed or 'false'} order by all"
    ).fetchall()
    differing: dict[str, list[str]] = {"missing": [], "extra": [], "changed": []}
    for row_key, how in dict.fromkeys(rows):
        differing[how].append(str(row_key))
    return differing


def _same_key(key: str, copies: str) -> str:
    """Rows without a key are only held against each other where there may be some."""
    if copies:
        return f"expected.{key} is not distinct from found.{key}"
    return f"expected.{key} = found.{key}"


def _repeats(connection: duckdb.DuckDBPyConnection, key: str, table: str) -> bool:
    """Whether rows of the table share a key, or have none."""
    counted = connection.execute(f"select count(*) - count(distinct {key}) from {table}").fetchone()
    return bool(counted and counted[0])


def rows_hash(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], key: str, *, table: str
) -> str:
    """One hash over every row of a table, in the order of the keys."""
    cells = ", ".join(
        f"coalesce({comparable(column, column.name)}::varchar, chr(0))" for column in columns
    )
    found = connection.execute(
        f"select sha256(coalesce(string_agg(md5(concat_ws(chr(31), {cells})), '' order by {key}), '')) "
        f"from {table}"
    ).fetchone()
    return str(found[0]) if found else ""
