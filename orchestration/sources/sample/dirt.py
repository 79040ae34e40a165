"""Damage to clean cells, and the account of it.

What belongs here: what each kind in ``dirt_kinds.py`` does to text. Which lines stand in the file
twice is ``extract.py``'s; which rate is right is the specification's.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.sample import dirt_kinds
from orchestration.sources.sample.batch import Array, Batch, as_mask
from orchestration.sources.sample.fields import draw
from orchestration.sources.sample.render import as_text

_BEAT = re.compile(r"(\d)E(\d\d)")


@dataclass
class Cells:
    """The lines of a batch as text, what they were before, and what was done to each cell.

    ``marks`` holds, per damaged column, a number for each line: 0, or the position in ``kinds`` of
    what happened to the cell. A cell that was damaged twice has a kind of its own, ``a+b``.
    """

    batch: Batch
    clean: dict[str, Any]
    now: dict[str, Any]
    kinds: list[str] = field(default_factory=lambda: [""])
    marks: dict[str, Array] = field(default_factory=dict)

    def put(self, column: str, where: Array, text: Any, kind: str) -> None:
        """Put ``text`` (one for all lines, or one per line) where ``where`` says."""
        before = self.now[column]
        after = pc.if_else(pa.array(where), text, before)
        changed = where & as_mask(pc.not_equal(pc.fill_null(before, ""), pc.fill_null(after, "")))
        self.now[column] = after
        marks = self.marks.setdefault(column, np.zeros(len(where), dtype=np.int16))
        earlier = marks.copy()
        for old in np.unique(earlier[changed]):
            name = "+".join(filter(None, (self.kinds[old], kind)))
            if name not in self.kinds:
                self.kinds.append(name)
            marks[changed & (earlier == old)] = self.kinds.index(name)

    def rewrite(self, column: str, where: Array, change: Callable[[str], str], kind: str) -> None:
        """Put ``change(text)``; each different text is changed once."""
        coded = self.now[column].filter(pa.array(where)).dictionary_encode()
        changed = pa.array(
            [None if text is None else change(text) for text in coded.dictionary.to_pylist()],
            pa.string(),
        )
        fresh = pc.replace_with_mask(self.now[column], pa.array(where), changed.take(coded.indices))
        self.put(column, where, fresh, kind)

    def damaged(self, column: str) -> Array:
        """Where a cell is no longer what it was (damage may undo damage)."""
        if column not in self.marks:
            return np.zeros(self.batch.size(self.batch.bottom), dtype=bool)
        differs = pc.not_equal(
            pc.fill_null(self.clean[column], ""), pc.fill_null(self.now[column], "")
        )
        return as_mask(differs) & (self.marks[column] > 0)


def soil(batch: Batch) -> Cells:
    """Print the columns of a batch and damage them as the specification says, in its order."""
    spec = batch.spec
    printed = {name: as_text(batch.at(name, batch.bottom)) for name in spec.columns}
    cells = Cells(batch=batch, clean=printed, now=dict(printed))
    for at, item in enumerate(spec.dirt):
        apply(item, cells, lambda *more, at=at, item=item: _hits(item, batch, at, *more))
    return cells


def _hits(item: Any, batch: Batch, at: int, *more: str) -> Array:
    """Which lines an operator hits: a share of those, or so many of those, that qualify."""
    depth = _level(item, batch)
    chances = batch.stream("dirt", at, item.kind, *more).random(batch.size(depth))
    able = batch.holds(item.when, depth)
    if item.times is None:
        hits = able & (chances < item.share)
    else:
        hits = np.zeros(len(chances), dtype=bool)
        if batch.stretch.start == 0:
            hits[np.argsort(np.where(able, chances, 2.0), kind="stable")[: item.times]] = True
            hits &= able
    return np.asarray(batch.spread(hits, depth, batch.bottom))


def _level(item: Any, batch: Batch) -> int:
    """The level at which an operator decides: all lines below share what was decided."""
    names = [level.name for level in batch.spec.levels]
    return names.index(item.per) if item.per else batch.bottom


def _drawn(
    item: dirt_kinds.Variants, batch: Batch, value: str, variants: dict[str, float]
) -> Array:
    depth = _level(item, batch)
    rng = batch.stream("variant", item.kind, item.column, value)
    drawn = draw(rng, list(variants.values()), batch.size(depth))
    return np.asarray(batch.spread(drawn, depth, batch.bottom))


@singledispatch
def apply(item: Any, cells: Cells, hits: Callable[..., Array]) -> None:
    """Do to the cells what one operator says."""
    raise TypeError(f"no way to do {type(item).__name__}")


@apply.register
def _(item: dirt_kinds.SetCells, cells: Cells, hits: Callable[..., Array]) -> None:
    where = hits()
    for column, cell in item.cells.items():
        if isinstance(cell, dirt_kinds.FromField):
            text = as_text(cells.batch.at(cell.field, cells.batch.bottom))
        else:
            text = pa.scalar(cell, pa.string())
        cells.put(column, where, text, item.kind)


@apply.register
def _(item: dirt_kinds.Variants, cells: Cells, hits: Callable[..., Array]) -> None:
    where, column = hits(), item.column
    for value, variants in item.variants.items():
        mine = where & as_mask(pc.equal(cells.now[column], value))
        drawn = _drawn(item, cells.batch, value, variants)
        cells.put(column, mine, pa.array(list(variants)).take(pa.array(drawn)), item.kind)


@apply.register
def _(item: dirt_kinds.Rewrite, cells: Cells, hits: Callable[..., Array]) -> None:
    def rewritten(text: str) -> str:
        for pattern, replacement in item.replace.items():
            text = re.sub(pattern, replacement, text)
        return text

    for column in item.columns:
        cells.rewrite(column, hits(column), rewritten, item.kind)


@apply.register
def _(item: dirt_kinds.ExcelScientific, cells: Cells, hits: Callable[..., Array]) -> None:
    def read_as_number(text: str) -> str:
        return f"{float(text):.2E}" if _BEAT.fullmatch(text) else text

    for column in item.columns:
        cells.rewrite(column, hits(column), read_as_number, item.kind)


@apply.register
def _(item: dirt_kinds.Space, cells: Cells, hits: Callable[..., Array]) -> None:
    change: dict[str, Callable[[str], str]] = {
        "start": lambda text: f" {text}",
        "end": lambda text: f"{text} ",
        "inside": lambda text: text.replace(" ", "  ", 1),
    }
    for column in item.columns:
        filled = as_mask(pc.not_equal(cells.now[column], ""))
        cells.rewrite(column, hits(column) & filled, change[item.where], item.kind)


@apply.register
def _(item: dirt_kinds.LetterCase, cells: Cells, hits: Callable[..., Array]) -> None:
    for column in item.columns:
        cells.rewrite(
            column, hits(column), str.upper if item.to == "upper" else str.lower, item.kind
        )


@apply.register
def _(item: dirt_kinds.Truncate, cells: Cells, hits: Callable[..., Array]) -> None:
    for column in item.columns:
        cells.rewrite(column, hits(column), lambda text: text[: item.length], item.kind)


@apply.register
def _(item: dirt_kinds.Swap, cells: Cells, hits: Callable[..., Array]) -> None:
    left, right = item.columns
    both = as_mask(pc.and_(pc.is_valid(cells.now[left]), pc.is_valid(cells.now[right])))
    where, was = hits() & both, cells.now[left]
    cells.put(left, where, cells.now[right], item.kind)
    cells.put(right, where, was, item.kind)


@apply.register
def _(item: dirt_kinds.UnquotedComma, cells: Cells, hits: Callable[..., Array]) -> None:
    where = hits()
    first, *rest = item.columns
    head, tail = item.text.split(",", 1)
    meant = pc.if_else(pa.array(where), item.text, cells.clean[first])
    moved = [pa.scalar(tail), *(cells.now[column] for column in item.columns[1:-1])]
    cells.clean[first] = cells.now[first] = meant
    cells.put(first, where, pa.scalar(head), item.kind)
    for column, text in zip(rest, moved, strict=True):
        cells.put(column, where, text, item.kind)
