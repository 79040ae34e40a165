"""Writes the lines of a readable extract as Parquet: the quick way with DuckDB, else carefully.

Grain and columns are those of `landing.py`. A line's number is the number of its row in the file.
"""

import secrets
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from orchestration.dataset import Dataset
from orchestration.duck import connect, copy_to_parquet, parquet, quoted, sql_path
from orchestration.errors import ExtractRefused
from orchestration.sources.header import Mapping
from orchestration.sources.lines import counted_cells, may_be_misread, read_lines
from orchestration.sources.reading import ReadableExtract

_BATCH = 5_000
_FEW = 10
"""Of fewer lines, only what all of them have is the file's fault."""


def write_lines(
    dataset: Dataset,
    readable: ReadableExtract,
    mapping: Mapping,
    *,
    constants: dict[str, str],
    hash_key: str,
    target: Path,
    where: str,
) -> tuple[int, int]:
    """Writes the Parquet; returns how many lines it holds, and how many could not be taken.

    `constants` are the columns that every line has alike, as SQL.

    Raises:
        ExtractRefused: most lines cannot be taken, so that it is the file that is at fault.
    """
    with connect(spill=readable.path.parent) as connection:
        # It takes ten seconds for 2,000 columns, and there is nothing common to find here.
        connection.execute("set disabled_optimizers = 'common_subexpressions'")
        connection.execute("set variable hash_key = ?", [hash_key])
        if readable.faults or not _written_quickly(
            connection, readable, mapping, dataset, constants, target
        ):
            connection.register("careful", _careful_batches(readable, mapping.width))
            selected = _select(dataset, mapping, constants, error="_parse_error")
            connection.execute(copy_to_parquet(f"select {selected} from careful", target))
            _refuse_if_most_are_unreadable(connection, target, mapping.width, where)
        return _count(connection, target)


def _refuse_if_most_are_unreadable(
    connection: duckdb.DuckDBPyConnection, rows: Path, width: int, where: str
) -> None:
    lines, unreadable = _count(connection, rows)
    if lines < 2 or unreadable * 2 <= lines:
        return
    found = connection.execute(
        "select _parse_error, count(*), min(line) from (select _parse_error, row_number() over () "
        f"as line from {parquet(rows)}) where _parse_error is not null group by all "
        "order by count(*) desc, min(line) limit 1"
    ).fetchone()
    assert found is not None
    reason, count, line = found
    if lines < _FEW and count < lines:
        return
    if count == lines:
        extent = f"{reason} on every line"
    elif count * 2 > lines:
        extent = f"{reason} on {count:,} of {lines:,} lines"
    else:
        extent = f"{unreadable:,} of {lines:,} lines cannot be read; line {line}: {reason}"
    if reason == counted_cells(width + 1, width):
        extent += " (a delimiter at each line's end?)"
    elif reason == counted_cells(1, width):
        extent += " (another delimiter than the header's?)"
    raise ExtractRefused(f"{where}: {extent}; ask the source to write it again")


def _written_quickly(
    connection: duckdb.DuckDBPyConnection,
    readable: ReadableExtract,
    mapping: Mapping,
    dataset: Dataset,
    constants: dict[str, str],
    target: Path,
) -> bool:
    """Whether DuckDB read every line of the file, and beyond doubt as the careful reader would."""
    # With one column a blank line and an empty cell look alike.
    if mapping.width < 2 or may_be_misread(readable.path, readable.delimiter):
        return False
    # DuckDB forgives cells too many when the first of them is empty, which hides shifted cells. So
    # one column more is read, and what a line lacks becomes null, while an empty cell is ''.
    is_exact = f"c{mapping.width - 1} is not null and c{mapping.width} is null"
    error = f"case when {is_exact} then null else error('ragged') end::varchar"
    selected = _select(dataset, mapping, constants, error=error)
    padded = _read_csv(readable, mapping.width + 1, null_padding="true")
    try:
        connection.execute(copy_to_parquet(f"select {selected} from {padded}", target))
        return True
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        # Ragged, or merely with a newline in a quoted cell, which takes one thread. There DuckDB
        # loses the lines behind a quote that is never closed, so they are counted without padding.
        pass
    padded = _read_csv(readable, mapping.width + 1, null_padding="true", parallel="false")
    try:
        plain = f"select count(*) from {_read_csv(readable, mapping.width)}"
        counted = connection.execute(plain).fetchone()
        connection.execute(copy_to_parquet(f"select {selected} from {padded}", target))
        return counted == (_count(connection, target)[0],)
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        # Its message would hold cells; the careful reader says what is wrong, without them.
        return False


def _count(connection: duckdb.DuckDBPyConnection, rows: Path) -> tuple[int, int]:
    counted = connection.execute(
        f"select count(*), count(_parse_error) from {parquet(rows)}"
    ).fetchone()
    assert counted is not None
    return counted[0], counted[1]


def _select(dataset: Dataset, mapping: Mapping, constants: dict[str, str], *, error: str) -> str:
    expressions = {**constants, "_parse_error": error}
    for column in dataset.landed:
        if column.name in mapping.listed:
            cell = f"nullif(c{mapping.listed[column.name]}, '')"
            hashed = _keyed_hash(dataset, column.name, cell)
            expressions[column.name] = hashed if column.is_hashed else cell
        elif not column.required:
            expressions[column.name] = "null::varchar"
    for name, position in mapping.unlisted.items():
        column_name = f"unlisted__{name}"
        cell = f"nullif(c{position}, '')"
        expressions[column_name] = _keyed_hash(dataset, column_name, cell)
    return ", ".join(f'{expression} as "{name}"' for name, expression in expressions.items())


def _keyed_hash(dataset: Dataset, column: str, cell: str) -> str:
    """Tells equal values of one column from different ones, and nothing else without the key."""
    where = quoted(f"\x1f{dataset.id}\x1f{column}\x1f")
    return f"left(sha256(getvariable('hash_key') || {where} || {cell}), 32)"


def _read_csv(readable: ReadableExtract, width: int, **options: str) -> str:
    columns = ", ".join(f"'c{position}': 'varchar'" for position in range(width))
    delimiter = readable.delimiter.replace("'", "''")
    more = "".join(f", {name} = {value}" for name, value in options.items())
    # No cell is this text for null.
    return (
        f"read_csv({sql_path(readable.path)}, header = true, auto_detect = false, "
        f"columns = {{{columns}}}, delim = '{delimiter}', quote = '\"', escape = '\"', "
        f"nullstr = '{secrets.token_hex(16)}', strict_mode = true, max_line_size = 16777216{more})"
    )


def _careful_batches(readable: ReadableExtract, width: int) -> Any:
    """The lines of the careful reader, as an Arrow stream."""
    # Imported here: most extracts never need it.
    import pyarrow as pa

    names = ["_parse_error", *(f"c{position}" for position in range(width))]
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    none: list[str | None] = [None] * width

    def batches() -> Iterator[Any]:
        lines = read_lines(readable.path, readable.delimiter)
        while some := list(islice(lines, _BATCH)):
            rows = [
                (line.error or readable.faults.get(line.number), *(line.cells or none))
                for line in some
            ]
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            yield pa.record_batch(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())
