"""The chunks of a publication: the plan's rows as requests, in an order and in sizes that last.

A chunk's id means the same rows every time, so that a publication can go on where it stopped: upserts
by partition and key, deletes last, cut by rows and by bytes. The next chunk is written by a
second thread while the last one is under way. How a chunk gets through is for `sending`.
"""

from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import connect, parquet
from orchestration.errors import PublicationRefused
from orchestration.prefetching import ahead
from orchestration.publishing.transport.values import (
    body_of,
    deletion_json,
    row_json,
    row_texts,
)
from orchestration.state.chunks import ChunkId, ChunkKind

CHUNK_ROWS = 5_000
CHUNK_BYTES = 10_000_000
FILES = {ChunkKind.UPSERT: "upserts.parquet", ChunkKind.DELETE: "deletes.parquet"}
"""Where a plan's folder has the rows of a kind."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Chunk:
    """One request: the rows of some keys of one partition, as the JSON that is sent."""

    id: ChunkId
    partition: str
    columns: tuple[str, ...]
    """What each row of the body has a cell for."""
    key_values: pa.Array = field(repr=False)
    texts: pa.StringArray = field(repr=False)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.texts)

    @property
    def keys(self) -> tuple[Any, ...]:
        """The keys in the order of the rows, as their column has them."""
        return tuple(self.key_values.to_pylist())

    @cached_property
    def body(self) -> bytes:
        """A JSON list of the rows.

        Raises:
            Unsendable: a text in it holds a NUL.
        """
        return body_of(self.texts)

    def part(self, start: int, stop: int) -> "Chunk":
        """Some of its rows, in their order, under the same id."""
        return Chunk(
            id=self.id,
            partition=self.partition,
            columns=self.columns,
            key_values=self.key_values.slice(start, stop - start),
            texts=self.texts.slice(start, stop - start),
        )


def planned_chunks(
    dataset: Dataset,
    folder: Path,
    *,
    rows: int = CHUNK_ROWS,
    size: int = CHUNK_BYTES,
    kinds: Collection[ChunkKind] = tuple(FILES),
    is_repair: bool = False,
) -> Generator[Chunk]:
    """The chunks of a plan's folder in their lasting order; at most so many rows and bytes each.

    A single row that has more bytes is a chunk of its own.

    Raises:
        PublicationRefused: a column was planned that may not be published any more.
        Unsendable: a cell is no value of its column's type.
    """
    return ahead(_chunks(dataset, folder, rows, size, kinds, is_repair))


def _chunks(
    dataset: Dataset,
    folder: Path,
    rows: int,
    size: int,
    kinds: Collection[ChunkKind],
    is_repair: bool,
) -> Iterator[Chunk]:
    with connect(spill=folder) as connection:
        # With the usual 1 MB, stopping and going takes DuckDB a quarter of its time.
        connection.execute("set streaming_buffer_size = '4MB'")
        for kind in (one for one in FILES if one in kinds):
            path = folder / FILES[kind]
            columns = allowed_columns(dataset, connection, path)
            if kind is ChunkKind.UPSERT:
                json_sql = row_json(columns)
            else:
                json_sql = deletion_json(dataset.column(dataset.key))
            batches = row_texts(connection, path, json_sql=json_sql, key=dataset.key, rows=rows)
            cut = _cut(batches, rows=rows, size=size)
            for number, (partition, keys, texts) in enumerate(cut):
                yield Chunk(
                    id=ChunkId(kind=kind, number=number, is_repair=is_repair),
                    partition=partition,
                    columns=tuple(column.name for column in columns),
                    key_values=keys,
                    texts=texts,
                )


def allowed_columns(
    dataset: Dataset, connection: duckdb.DuckDBPyConnection, path: Path
) -> list[Column]:
    """The file's columns, each of which may still leave the machine. Raises: PublicationRefused."""
    described = connection.execute(f"describe from {parquet(path)}").fetchall()
    names = [row[0] for row in described if row[0] != "_partition"]
    published = {column.name for column in dataset.published}
    unlisted = sorted(set(names) - published)
    if unlisted:
        raise PublicationRefused(
            f"{dataset.id}: {', '.join(unlisted)} may not be published any more, but was when this "
            "publication was planned"
        )
    return [dataset.column(name) for name in names]


Cut = tuple[str, pa.Array, pa.StringArray]


def _cut(batches: Iterator[pa.RecordBatch], *, rows: int, size: int) -> Iterator[Cut]:
    """Batches of any size as runs of one partition, as long as they may be: never shorter."""
    pending: list[tuple[pa.Array, pa.StringArray]] = []
    partition, count, length = "", 0, 0

    def flush() -> Cut:
        nonlocal pending, count, length
        keys, texts = (
            pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces)
            for pieces in zip(*pending, strict=True)
        )
        pending, count, length = [], 0, 0
        return partition, keys, texts

    for of_partition, keys, texts in _runs(batches):
        if pending and of_partition != partition:
            yield flush()
        partition = of_partition
        start = 0
        while start < len(texts):
            fitting = _fitting(texts, start, rows=rows - count, room=size - length)
            if not fitting and pending:
                yield flush()
                continue
            taken = max(fitting, 1)
            piece = texts.slice(start, taken)
            pending.append((keys.slice(start, taken), piece))
            start, count, length = start + taken, count + taken, length + _bytes(piece)
            if count >= rows or length >= size:
                yield flush()
    if pending:
        yield flush()


def _runs(batches: Iterator[pa.RecordBatch]) -> Iterator[Cut]:
    """The stretches of each batch that are of one partition."""
    for batch in batches:
        runs = pc.run_end_encode(batch.column("_partition"))
        start = 0
        for stop, partition in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
            stretch = batch.slice(start, stop - start)
            yield partition, stretch.column("key"), stretch.column("text")
            start = stop


def _fitting(texts: pa.StringArray, start: int, *, rows: int, room: int) -> int:
    """How many texts from one on have room."""
    places = _places(texts)[start : start + rows + 1]
    return int(np.searchsorted(places, places[0] + room, side="right")) - 1


def _bytes(texts: pa.StringArray) -> int:
    places = _places(texts)
    return int(places[-1] - places[0])


def _places(texts: pa.StringArray) -> Any:
    """Where in the buffer each text begins, and the last one ends."""
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(texts.buffers()[1], dtype=kind)
    return offsets[texts.offset : texts.offset + len(texts) + 1]
