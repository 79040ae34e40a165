"""A small dataset of street trees: its dataset file, and its rows as Parquet of the right types."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.publishing.transport.values import plain_number

TYPES = {
    "tree_id": "text",
    "species": "text",
    "height_feet": "number",
    "planted_at": "timestamp",
    "surveyed_date": "date",
    "is_alive": "boolean",
    "place": "point",
    "age_years": "number",
}
SQL_TYPES = {
    "text": "varchar",
    "number": "double",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
    "point": "varchar",
}
Row = Mapping[str, Any]


def trees_file(
    *,
    source: Row | None = None,
    leave_out: Sequence[str] = (),
    publish: Row | None = None,
    more_columns: Sequence[Row] = (),
    **more: Any,
) -> dict[str, Any]:
    """The content of the dataset file; `age_years` is volatile, `keeper` stays inside.

    A few trees are soon a large share, so the guards are off where a test does not set them.
    """
    columns = [
        {"name": name, "source": name, "type": kind, "description": f"The {name}."}
        | {"privacy": "publish", "volatile": name == "age_years"}
        for name, kind in TYPES.items()
        if name not in leave_out
    ]
    columns.append(
        {"name": "keeper", "source": "keeper", "description": "-", "privacy": "internal"}
    )
    columns += map(dict, more_columns)
    target = {
        "domain": "data.example.org",
        "title": "Trees",
        "description": "Street trees, one row per tree.",
        "licence": "None",
        "attribution": "Parks",
        "category": "Environment",
        "row_label": "tree",
        "contact": "parks@example.org",
    }
    return {
        "id": "trees",
        "title": "Trees",
        "description": "Street trees, one row per tree.",
        "owner": {"team": "Parks", "email": "parks@example.org"},
        "schedule": "0 6 * * *",
        "source": dict(source or {"kind": "complete"}),
        "grain": {"published": "tree", "line": "tree"},
        "key": "tree_id",
        "columns": columns,
        "limits": {"quarantined_share": 0.5, "volume_drop_share": 0.25, "stale_days": 10},
        "guards": {"deletes_share": 1, "updates_share": 1, "rows_drop_share": 1},
        "publish": target | dict(publish or {"id": "tree-tree"}),
        **more,
    }


def trees(**changes: Any) -> Dataset:
    """The dataset, as `trees_file` has it."""
    return Dataset.model_validate(trees_file(**changes))


def tree(tree_id: str, **cells: Any) -> dict[str, Any]:
    """One row of plain values; a cell that is not given is null."""
    return dict.fromkeys(TYPES) | {"tree_id": tree_id, "species": "oak"} | cells


def write_rows(path: Path, dataset: Dataset, rows: Sequence[Row]) -> Path:
    """Writes rows as a mart has them."""
    columns = dataset.published
    cells = {column.name: [row[column.name] for row in rows] for column in columns}
    with duckdb.connect() as connection:
        types = ", ".join(f"{column.name} {SQL_TYPES[column.type]}" for column in columns)
        connection.execute(f"create table rows ({types})")
        if rows:
            connection.register("given", pa.table(cells))
            connection.execute("insert into rows by name from given")
        connection.execute(f"copy rows to '{path}' (format parquet)")
    return path


def write_staged(
    path: Path, extracted_at: str, rows: Sequence[Row], protected: Mapping[str, str]
) -> Path:
    """Writes what the standardized layer says of policies: keys of rows, and those that are protected.

    A protected key is covered by policies, with blanks between, or `unclassified`.
    """
    keys = list(dict.fromkeys([*(row["tree_id"] for row in rows), *protected]))
    causes = [protected.get(key) for key in keys]
    given = {
        "tree_id": keys,
        "_policies": [None if cause == "unclassified" else cause for cause in causes],
        "_unclassified": ["species" if cause == "unclassified" else None for cause in causes],
    }
    schema = pa.schema([(name, pa.string()) for name in given])
    with duckdb.connect() as connection:
        connection.register("given", pa.table(given, schema=schema))
        connection.execute(
            f"copy (select *, timestamp '{extracted_at}' as _extracted_at from given) "
            f"to '{path}' (format parquet)"
        )
    return path


def write_ledger(path: Path, fates: Mapping[str, str]) -> Path:
    """Writes a ledger of one line per key; what is not published has `<fate>_by_rule` as reason."""
    given = {"row_key": list(fates), "fate": list(fates.values())}
    types = pa.schema([("row_key", pa.string()), ("fate", pa.string())])
    with duckdb.connect() as connection:
        connection.register("given", pa.table(given, schema=types))
        connection.execute(
            "copy (select 'x' as _extract_id, row_number() over () as _line, row_key, fate, "
            "case when fate <> 'published' then fate || '_by_rule' end as reason from given) "
            f"to '{path}' (format parquet)"
        )
    return path


def write_corrections(path: Path, cells: Sequence[Sequence[Any]], *, of: str) -> Path:
    """Writes corrected cells: line (or key), column, rule; `of` is `lines` or `keys`."""
    where = "'x' as _extract_id, _key::bigint as _line" if of == "lines" else "_key as row_key"
    with duckdb.connect() as connection:
        connection.execute(
            "create table cells (_key varchar, column_name varchar, rule_id varchar)"
        )
        for cell in cells:
            connection.execute("insert into cells values (?, ?, ?)", list(cell))
        connection.execute(
            f"copy (select {where}, column_name, rule_id, null::varchar as from_value, "
            f"null::varchar as to_value from cells) to '{path}' (format parquet)"
        )
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """A Parquet file's rows, in the file's order."""
    with duckdb.connect() as connection:
        found = connection.execute(f"select * from read_parquet('{path}')")
        names = [description[0] for description in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def write_plan(
    folder: Path,
    dataset: Dataset,
    *,
    upserts: Sequence[Row] = (),
    deletes: Sequence[str] = (),
    partition: Callable[[Row], str] = lambda _: "",
) -> None:
    """Writes the two files of a plan that are sent, in their order."""
    columns = dataset.published
    key = dataset.key
    types = ", ".join(f"{column.name} {SQL_TYPES[column.type]}" for column in columns)
    with duckdb.connect() as connection:
        connection.execute(f"create table upserts (_partition varchar, {types})")
        connection.execute(f"create table deletes (_partition varchar, {key} varchar)")
        if upserts:
            cells = [pa.array([partition(row) for row in upserts])]
            cells += [pa.array([row[column.name] for row in upserts]) for column in columns]
            connection.register("given", pa.table(cells, [f"c{n}" for n in range(len(cells))]))
            connection.execute("insert into upserts from given")
        if deletes:
            connection.register("gone", pa.table([pa.array(deletes)], ["key"]))
            connection.execute("insert into deletes select '', key from gone")
        for name in ("upserts", "deletes"):
            connection.execute(
                f"copy (from {name} order by _partition, {key}) "
                f"to '{folder / name}.parquet' (format parquet)"
            )


def as_portal_value(column: Column, value: Any) -> Any:
    """A typed value as the portal's JSON wants it, cell by cell; null stays an explicit null.

    Raises:
        ValueError: not a number, or a text with a NUL.
    """
    if value is None:
        return None
    if column.type == "timestamp":
        return value.isoformat(timespec="milliseconds")
    if column.type == "date":
        return f"{value.isoformat()}T00:00:00.000"
    if column.type == "number":
        if not math.isfinite(value):
            raise ValueError(f"{column.name}: not a number")
        return plain_number(float(value))
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"{column.name}: a text with a NUL")
    return value
