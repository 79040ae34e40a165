"""Reading rows back by value: is on the portal what a chunk sent there?

Two values are the same when they mean the same: a number by its value, a time to the millisecond, a
point by its coordinates; an empty text is the same as none, which is what older portals make of it.
Who decides when to read, and from which replica, is `sending`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from orchestration.column import Column
from orchestration.publishing.chunks import Chunk
from orchestration.publishing.transport import Transport
from orchestration.publishing.transport.reading import RowReader
from orchestration.state.chunks import ChunkKind

_NUMBERS = re.compile(r"-?[0-9.]+(?:[eE][-+]?[0-9]+)?")


class ReadBack:
    """Compares what was sent to one dataset with what it holds."""

    def __init__(
        self, transport: Transport, portal_id: str, columns: Sequence[Column], key: str
    ) -> None:
        self._transport = transport
        self._portal_id = portal_id
        self._columns = columns
        self._key = key

    def unlike(self, chunk: Chunk) -> tuple[Any, ...]:
        """The keys whose rows are not as the chunk has them; for deletions, those still there."""
        if chunk.id.kind is ChunkKind.DELETE:
            key = [column for column in self._columns if column.name == self._key]
            there = set(self._held(key, chunk))
            return tuple(value for value in chunk.keys if value in there)
        held = self._held(self._columns, chunk)
        with RowReader(self._columns) as reader:
            sent = dict(self._by_key(self._columns, reader.read(chunk.body)))
        return tuple(key for key in chunk.keys if held.get(key) != sent[key])

    def _held(self, columns: Sequence[Column], chunk: Chunk) -> dict[Any, tuple[Any, ...]]:
        pages = self._transport.rows_by_key(self._portal_id, columns, self._key, chunk.keys)
        return {key: row for page in pages for key, row in self._by_key(columns, page)}

    def _by_key(
        self, columns: Sequence[Column], table: pa.Table
    ) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        cells = [_meanings(column, table.column(column.name)) for column in columns]
        keys = table.column(self._key).to_pylist()
        return zip(keys, zip(*cells, strict=True), strict=True)


def _meanings(column: Column, values: pa.ChunkedArray) -> list[Any]:
    cells: list[Any] = values.to_pylist()
    if column.type == "point":
        return [_coordinates(cell) for cell in cells]
    if column.type == "text":
        return [cell or None for cell in cells]
    return cells


def _coordinates(point: str | None) -> tuple[float, ...] | None:
    return tuple(float(number) for number in _NUMBERS.findall(point)) if point else None
