"""Files of rows by `_partition` and key, written without sorting what has that order already.

A million wide rows take a gigabyte to sort, and hardly anything to be written as they come. DuckDB
keeps the order of a file as long as one thread does it; the result is looked through all the same, and
sorted where it is not in order.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.duck import ROW_GROUP, copy_to_parquet, parquet
from orchestration.prefetching import ahead


def write_in_order(
    connection: duckdb.DuckDBPyConnection, query: str, key: str, target: Path
) -> None:
    """Writes a query's rows as Parquet, by `_partition` and key.

    Rows that come in that order by themselves, as those of a file that has it do, are written as they
    come, by one thread that holds few of them at a time; whether they did is looked up afterwards.
    """
    with _one_thread(connection):
        connection.execute(copy_to_parquet(query, target))
    if not _is_in_order(connection, key, target):
        connection.execute(copy_to_parquet(f"{query} order by _partition, {key}", target))


def merge_in_order(
    connection: duckdb.DuckDBPyConnection, stays: str, comes: str, key: str, target: Path
) -> None:
    """Writes the rows of two queries as Parquet, by `_partition` and key.

    `stays` are many, and in that order by themselves or, at worst, sorted; `comes` are few enough to
    be held in memory.
    """
    order = [("_partition", "ascending"), (key, "ascending")]
    coming = connection.execute(f"from ({comes}) order by all").to_arrow_table().sort_by(order)
    cells = (coming[name].to_pylist() for name, _ in order)
    places = [_place(*place) for place in zip(*cells, strict=True)]
    done = 0
    with _one_thread(connection):
        reader = connection.execute(stays).to_arrow_reader(ROW_GROUP)
        with parquet_writer(target, reader.schema, key) as writer:
            for batch in ahead(iter(reader)):
                rows = pa.Table.from_batches([batch])
                if not len(rows):
                    continue
                last = _place(*(rows[name][-1].as_py() for name, _ in order))
                until = bisect_right(places, last, lo=done)
                if until > done:
                    between = coming.slice(done, until - done).select(rows.column_names)
                    rows = pa.concat_tables([rows, between.cast(rows.schema)]).sort_by(order)
                    done = until
                writer.write_table(rows, row_group_size=ROW_GROUP)
            left = coming.slice(done).select(reader.schema.names)
            writer.write_table(left.cast(reader.schema))
    if not _is_in_order(connection, key, target):
        connection.execute(
            copy_to_parquet(f"{stays} union all {comes} order by _partition, {key}", target)
        )


def parquet_writer(target: Path, schema: pa.Schema, key: str) -> pq.ParquetWriter:
    """A writer of such files: dictionaries for texts that repeat, bounds for what is looked up."""
    texts = [one.name for one in schema if pa.types.is_string(one.type) and one.name != key]
    return pq.ParquetWriter(
        target,
        schema,
        compression="zstd",
        use_dictionary=texts,
        write_statistics=["_partition", key],
    )


def _place(partition: str, key: Any) -> tuple[str, bool, Any]:
    """What rows are ordered by; those without a key come last."""
    return partition, key is None, key


def _is_in_order(connection: duckdb.DuckDBPyConnection, key: str, path: Path) -> bool:
    """Whether a file's rows come by `_partition` and key; rows without a key last."""
    found = connection.execute(
        f"select count(*) from (select (_partition, {key}) as _this, lag((_partition, {key})) over () "
        f"as _last from {parquet(path)}) where _last is not null and _this < _last"
    ).fetchone()
    return found is not None and not found[0]


@contextmanager
def _one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    row = connection.execute("select current_setting('threads')").fetchone()
    connection.execute("set threads = 1")
    try:
        yield
    finally:
        connection.execute(f"set threads = {row[0] if row else 1}")
