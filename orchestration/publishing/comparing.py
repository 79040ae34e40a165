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
    rows = connection.execute(
        f"select coalesce(expected.{key}, found.{key}), case "
        f"when found.{key} is null then 'missing' when expected.{key} is null then 'extra' "
        f"else 'changed' end as how from {expected} as expected full join {found} as found "
        f"on expected.{key} = found.{key} where expected.{key} is null or found.{key} is null "
        f"or {changed or 'false'} order by all"
    ).fetchall()
    differing: dict[str, list[str]] = {"missing": [], "extra": [], "changed": []}
    for row_key, how in rows:
        differing[how].append(str(row_key))
    return differing


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
