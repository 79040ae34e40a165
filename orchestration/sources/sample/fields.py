"""How each kind of field is made up, a whole batch at a time.

One function per kind of ``spec.py``. Each gets the batch (for the fields it is made from), the
level, and random numbers of its own; none keeps anything.
"""

from functools import singledispatch
from string import Formatter
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.sample import field_kinds as kinds
from orchestration.sources.sample.clock import later
from orchestration.sources.sample.conditions import Cell, SpecError, When
from orchestration.sources.sample.render import as_text, time_text
from orchestration.sources.sample.spec import Spec


class Known(Protocol):
    """What a field may ask for: the other fields of the batch."""

    spec: Spec
    day: int

    def size(self, depth: int) -> int:
        """Number of things at a level."""

    def at(self, name: str, depth: int) -> Any:
        """A field, spread over a level."""

    def holds(self, when: When, depth: int) -> Any:
        """Where all conditions hold."""


def draw(rng: np.random.Generator, weights: Any, count: int) -> Any:
    """Positions drawn by weight."""
    edges = np.cumsum(np.asarray(weights, dtype=float))
    return np.searchsorted(edges, rng.random(count) * edges[-1], side="right").astype(np.int64)


@singledispatch
def make(field: Any, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    """Values of one field: NumPy for numbers, times and yes/no, Arrow text otherwise."""
    raise TypeError(f"no way to make {type(field).__name__}")


@make.register
def _(field: kinds.Constant, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    return pa.array([field.text]).take(pa.array(np.zeros(batch.size(depth), dtype=np.int64)))


@make.register
def _(field: kinds.Choice, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    drawn = draw(rng, list(field.values.values()), batch.size(depth))
    return pa.array(list(field.values)).take(pa.array(drawn))


@make.register
def _(field: kinds.Pick, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    table = batch.spec.tables[field.table]
    weights = np.asarray(table.column("weight"), dtype=float)
    if not field.within:
        return draw(rng, weights, batch.size(depth))
    groups = _joined([pa.array([str(c) for c in table.column(name)]) for name in field.within])
    wanted = _joined([as_text(batch.at(name, depth)) for name in field.within.values()])
    rows, chances = np.zeros(batch.size(depth), dtype=np.int64), rng.random(batch.size(depth))
    coded = wanted.dictionary_encode()
    codes = coded.indices.to_numpy()
    for code, group in enumerate(coded.dictionary):
        members = np.flatnonzero(np.asarray(pc.equal(groups, group)))
        if len(members) == 0:
            raise SpecError(f"table {field.table} has no row for {group.as_py()!r}")
        edges = np.cumsum(weights[members])
        mine = codes == code
        rows[mine] = members[np.searchsorted(edges, chances[mine] * edges[-1], side="right")]
    return rows


def _joined(texts: list[Any]) -> Any:
    return pc.binary_join_element_wise(*texts, "|") if len(texts) > 1 else texts[0]


@make.register
def _(field: kinds.LookUp, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    cells = _column(field, batch)
    rows = batch.at(field.row, depth)
    if all(isinstance(cell, int | float) for cell in cells):
        return np.asarray(cells)[rows]
    return pa.array([str(cell) for cell in cells]).take(pa.array(rows))


def _column(field: kinds.LookUp | kinds.Phrase, batch: Known) -> list[Cell]:
    pick = batch.spec.fields[field.row]
    assert isinstance(pick, kinds.Pick)
    return batch.spec.tables[pick.table].column(field.column)


@make.register
def _(field: kinds.Phrase, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    rows = batch.at(field.row, depth)
    order = np.argsort(rows, kind="stable")
    fills = {name: batch.at(name, depth) for name in field.fills}
    parts, ordered = [], rows[order]
    for row, template in enumerate(_column(field, batch)):
        low, high = np.searchsorted(ordered, [row, row + 1])
        if low < high:
            mine = order[low:high]
            filled = {name: _taken(values, mine) for name, values in fills.items()}
            parts.append(_fill(str(template), filled, high - low))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(parts).take(pa.array(back)) if parts else pa.array([], pa.string())


def _taken(values: Any, rows: Any) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else values.take(pa.array(rows))


@make.register
def _(field: kinds.Whole, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    low, high = (
        batch.at(bound, depth) if isinstance(bound, str) else bound
        for bound in (field.low, field.high)
    )
    return low + (rng.random(batch.size(depth)) * (high - low + 1)).astype(np.int64)


@make.register
def _(field: kinds.Curve, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    shares, values = list(field.quantiles), list(field.quantiles.values())
    drawn = np.interp(rng.random(batch.size(depth)), shares, values)
    return np.floor(drawn).astype(np.int64) if field.whole else drawn


@make.register
def _(field: kinds.Chance, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    return (rng.random(batch.size(depth)) < field.share) & batch.holds(field.when, depth)


@make.register
def _(field: kinds.Linear, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    total = np.full(batch.size(depth), field.plus)
    for term in field.terms:
        part = batch.at(term.of, depth) * term.times
        total = total + (part * batch.at(term.by, depth) if term.by else part)
    return np.rint(total).astype(np.int64) if field.whole else total


@make.register
def _(field: kinds.After, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    return later(batch.at(field.time, depth), batch.at(field.minutes, depth))


@make.register
def _(field: kinds.Earliest, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    return np.fmin.reduce([batch.at(name, depth) for name in field.of])


@make.register
def _(field: kinds.TimeText, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    return time_text(batch.at(field.time, depth), field.style)


@make.register
def _(field: kinds.Template, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    values = {name: batch.at(name, depth) for name in field.inputs}
    return _fill(field.text, values, batch.size(depth), keep_zeros=field.keep_zeros)


def _fill(text: str, values: dict[str, Any], count: int, *, keep_zeros: bool = False) -> Any:
    parts: list[Any] = []
    for literal, name, style, _ in Formatter().parse(text):
        if literal:
            parts.append(literal)
        if name:
            parts.append(as_text(values[name], style=style or "", keep_zeros=keep_zeros))
    if all(isinstance(part, str) for part in parts):
        return pa.array(["".join(parts)] * count, pa.string())
    return pc.binary_join_element_wise(*parts, "")


@make.register
def _(field: kinds.Pattern, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    letters, digits = pa.array(list("ABCDEFGHJKLMNPRSTUVWXYZ")), pa.array(list("0123456789"))
    parts: list[Any] = []
    for sign in field.text:
        signs = {"A": letters, "9": digits}.get(sign)
        if signs is None:
            parts.append(sign)
        else:
            drawn = (rng.random(batch.size(depth)) * len(signs)).astype(np.int64)
            parts.append(signs.take(pa.array(drawn)))
    return pc.binary_join_element_wise(*parts, "")


@make.register
def _(field: kinds.Either, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    where = batch.holds(field.when, depth)
    then, otherwise = batch.at(field.then, depth), batch.at(field.otherwise, depth)
    if isinstance(then, np.ndarray):
        return np.where(where, then, otherwise)
    return pc.if_else(pa.array(where), then, otherwise)


@make.register
def _(field: kinds.Recount, batch: Known, depth: int, rng: np.random.Generator) -> Any:
    grown = batch.at(field.of, depth).copy()
    for _day in range(batch.day):
        grown += rng.random(batch.size(depth)) < field.share
    return grown
