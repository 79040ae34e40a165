"""Rows of Parquet as the JSON that a portal takes, written inside DuckDB.

A cell keeps its value exactly: numbers as text in plain notation, times local with milliseconds,
nulls explicit (a cell that is left out would keep its old value on the portal), points as WKT. It is
JSON and not CSV, although that is shorter: in CSV an empty text and none are the same. No
Python object is made per row: `row_texts` streams the rows of a file, in its order, as texts that
each begin with a comma, so that any run of them is a body once its first comma is a bracket.
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.column import Column
from orchestration.duck import sql_path
from orchestration.errors import Fault

DELETED = ":deleted"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Unsendable(Fault):
    """A row has a value that no portal can be sent; `checking` says which, and why."""


def plain_number(value: float) -> str:
    """The shortest text that means exactly this number, without an exponent."""
    if not value:
        return "0"
    return format(Decimal(repr(value)), "f").removesuffix(".0")


def row_json(columns: Sequence[Column]) -> str:
    """SQL for a comma and one row's JSON object, a cell for each column."""
    return _object([_cell(column, f"{name}:") for column, name in _named(columns)])


def deletion_json(key: Column) -> str:
    """SQL for a comma and the JSON object that deletes one row."""
    ((_, name),) = _named([key])
    return _object([_cell(key, f"{name}:"), f"""',"{DELETED}":true'"""])


def _named(columns: Sequence[Column]) -> list[tuple[Column, str]]:
    """The columns, each with its name in JSON and what comes before it."""
    starts = ["{", *("," for _ in columns[1:])]
    return [
        (column, f'{start}"{column.name}"') for start, column in zip(starts, columns, strict=True)
    ]


def _object(cells: Sequence[str]) -> str:
    """Put together by hand: a struct made into JSON takes a third longer.

    Each cell brings its name along: where a text stands in many rows, both are written once.
    """
    return f"concat(',', {', '.join(cells)}, '}}')"


def row_texts(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    json_sql: str,
    key: str,
    rows: int,
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in its order, as batches of `_partition`, key and `text`.

    Each text begins with a comma. A batch has at most about so many rows.

    Raises:
        Unsendable: a cell is no value of its column's type.
    """
    try:
        found = connection.execute(
            f"select _partition, {key} as key, {json_sql} as text "
            f"from read_parquet({sql_path(path)})"
        )
        yield from found.to_arrow_reader(rows)
    except duckdb.Error as error:
        # Its words may quote a cell.
        reason = NOT_A_NUMBER if NOT_A_NUMBER in str(error) else type(error).__name__
        raise Unsendable(f"{path.name}: a row cannot be sent: {reason}") from None


def body_of(texts: pa.StringArray) -> bytes:
    """A run of `row_texts` as one JSON list.

    Raises:
        Unsendable: a text holds a NUL, which a portal drops in silence.
    """
    offsets, data = texts.buffers()[1:]
    places = memoryview(offsets).cast("q" if pa.types.is_large_string(texts.type) else "i")
    start, end = places[texts.offset], places[texts.offset + len(texts)]
    body = b"".join((b"[", memoryview(data)[start + 1 : end], b"]"))
    # One byte is found thirty times as fast as six, and most bodies have no backslash.
    if b"\\" in body and b"\\u0000" in body and _NUL.search(body):
        raise Unsendable("a text with a NUL cannot be sent: a portal would drop it in silence")
    return body


def deletions(key: str, values: Sequence[Any]) -> bytes:
    """The body that deletes the rows of these keys."""
    rows = [{key: _plain(value), DELETED: True} for value in values]
    return json.dumps(rows, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        raise ValueError("a time is no key")
    return plain_number(value) if isinstance(value, float) else value


NOT_A_NUMBER = "not a number"


def _cell(column: Column, start: str) -> str:
    """SQL for the JSON of one cell after its start; null is the word."""
    name = f'"{column.name}"'
    if column.type == "number":
        written = f"""'{start}"' || {_number(f"cast({name} as double)")} || '"'"""
    elif column.type == "timestamp":
        written = f"""strftime({name}, '{start}"%Y-%m-%dT%H:%M:%S.%g"')"""
    elif column.type == "date":
        written = f"""strftime({name}, '{start}"%Y-%m-%dT00:00:00.000"')"""
    else:
        written = f"'{start}' || cast(to_json({name}) as varchar)"
    return f"coalesce({written}, '{start}null')"


def _number(name: str) -> str:
    """A number in plain notation; DuckDB writes the shortest digits, as Python does."""
    text = f"cast({name} as varchar)"
    part = f"regexp_extract({text}, '^(-?)([0-9])\\.?([0-9]*)e([-+][0-9]+)$', {{}})"
    sign, digits = part.format(1), f"{part.format(2)} || {part.format(3)}"
    exponent = f"cast({part.format(4)} as integer)"
    return (
        f"case when {name} = trunc({name}) and abs({name}) < 1e16 "
        f"then cast(cast({name} as bigint) as varchar) "
        f"when abs({name}) between 1e-4 and 1e15 then {text} "
        f"when not isfinite({name}) then error('{NOT_A_NUMBER}') "
        f"when not contains({text}, 'e') then {text} "
        f"when {exponent} < 0 "
        f"then {sign} || '0.' || repeat('0', -{exponent} - 1) || {digits} "
        f"when {name} is not null "
        f"then {sign} || {digits} || repeat('0', {exponent} - length({part.format(3)})) end"
    )
