"""Chunks: the same rows under the same number every time, never too many and never too large."""

import json
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.prefetching import ahead
from orchestration.publishing.chunks import planned_chunks
from orchestration.state.chunks import ChunkId, ChunkKind
from tests.unit.publishing.conftest import tree, trees, write_plan

DATASET = trees()


def test_upserts_by_partition_and_key_then_deletes(tmp_path: Path) -> None:
    """The lasting order; a chunk is of one partition and one kind."""
    write_plan(
        tmp_path,
        DATASET,
        upserts=[tree(f"T{n}") for n in range(7)],
        deletes=["T8", "T7"],
        partition=lambda row: str(int(row["tree_id"][1:]) % 2),
    )
    chunks = list(planned_chunks(DATASET, tmp_path, rows=3))
    assert [(c.id.number, c.id.kind, c.partition, c.keys) for c in chunks] == [
        (0, "upsert", "0", ("T0", "T2", "T4")),
        (1, "upsert", "0", ("T6",)),
        (2, "upsert", "1", ("T1", "T3", "T5")),
        (0, "delete", "", ("T7", "T8")),
    ]
    assert next(planned_chunks(DATASET, tmp_path, kinds=[ChunkKind.DELETE])).id == ChunkId(
        kind=ChunkKind.DELETE, number=0
    )


def test_nothing_to_send_is_no_chunk(tmp_path: Path) -> None:
    """An empty plan makes no request."""
    write_plan(tmp_path, DATASET)
    assert list(planned_chunks(DATASET, tmp_path)) == []


def test_row_larger_than_a_chunk_goes_alone(tmp_path: Path) -> None:
    """It is the portal's to refuse, and holds up no other."""
    rows = [tree("T1"), tree("T2", species="x" * 500), tree("T3")]
    write_plan(tmp_path, DATASET, upserts=rows)
    chunks = planned_chunks(DATASET, tmp_path, size=300)
    assert [chunk.keys for chunk in chunks] == [("T1",), ("T2",), ("T3",)]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 20), st.integers(300, 3_000))
def test_chunks_are_as_large_as_they_may_be(
    tmp_path: Path, lengths: list[int], most: int, size: int
) -> None:
    """Every row once and in order; no chunk over its bounds; two in a row never fit into one."""
    rows = [tree(f"T{place:03}", species="x" * length) for place, length in enumerate(lengths)]
    write_plan(tmp_path, DATASET, upserts=rows)
    chunks = list(planned_chunks(DATASET, tmp_path, rows=most, size=size))
    bodies = [json.loads(chunk.body) for chunk in chunks]
    assert [row["tree_id"] for body in bodies for row in body] == [row["tree_id"] for row in rows]
    for chunk in chunks:
        assert chunk.rows <= most
        assert chunk.rows == 1 or len(chunk.body) <= size + 1
    for one, next_ in pairwise(chunks):
        first_of_next = next_.part(0, 1)
        assert one.rows == most or len(one.body) + len(first_of_next.body) - 1 > size


@pytest.mark.parametrize("rows", [5_000, 7_000])
def test_many_rows_are_cut_alike_every_time(tmp_path: Path, rows: int) -> None:
    """Whatever pieces DuckDB hands over: all chunks but the last are full."""
    write_plan(tmp_path, DATASET, upserts=[tree(f"T{n:05}") for n in range(12_345)])
    cuts = [
        [(chunk.rows, chunk.keys[0]) for chunk in planned_chunks(DATASET, tmp_path, rows=rows)]
        for _ in range(2)
    ]
    assert cuts[0] == cuts[1]
    assert [count for count, _ in cuts[0][:-1]] == [rows] * (12_345 // rows)


def test_part_of_a_chunk_keeps_its_number_and_order(tmp_path: Path) -> None:
    """Halves of a chunk are the chunk."""
    write_plan(tmp_path, DATASET, upserts=[tree(f"T{n}") for n in range(5)])
    (chunk,) = planned_chunks(DATASET, tmp_path)
    part = chunk.part(1, 5).part(1, 3)
    assert (part.id.number, part.keys, part.rows) == (0, ("T2", "T3"), 2)
    assert [row["tree_id"] for row in json.loads(part.body)] == ["T2", "T3"]


def test_chunk_shows_no_cell(tmp_path: Path) -> None:
    """A chunk in a log or a traceback tells nothing of its rows."""
    write_plan(tmp_path, DATASET, upserts=[tree("T1", species="canary")])
    (chunk,) = planned_chunks(DATASET, tmp_path)
    assert "canary" not in repr(chunk)
    assert "T1" not in repr(chunk)


def test_next_chunk_is_made_while_the_last_is_used() -> None:
    """One ahead, in a thread of its own, in order."""
    made = threading.Event()

    def numbers() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    coming = ahead(numbers())
    assert next(coming) == 1
    assert made.wait(5)
    assert list(coming) == [2]


def test_what_was_begun_is_closed_when_nobody_goes_on() -> None:
    """A publication that fails leaves no file and no thread behind."""
    closed = []

    def numbers() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(threading.current_thread().name)

    coming = ahead(numbers())
    next(coming)
    coming.close()
    assert len(closed) == 1
    assert closed[0].startswith("chunks")


def test_failure_in_the_making_reaches_the_caller() -> None:
    """And the thread is gone afterwards."""

    def numbers() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    coming = ahead(numbers())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="broken"):
        next(coming)
