"""One stretch of units on one extract day: its levels, its fields, its conditions.

What belongs here: how lines hang together (an incident's officers, an officer's kinds of force)
and the evaluation of fields on demand. How each kind of field is made up is in ``fields.py``.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.sample.conditions import Condition, When
from orchestration.sources.sample.fields import draw, make
from orchestration.sources.sample.spec import Spec
from orchestration.sources.sample.timeline import Timeline

Array: TypeAlias = npt.NDArray[Any]
# NumPy for numbers, times and yes/no; an Arrow array of text for everything else.
Values: TypeAlias = Any

UNITS = 50_000
_EXTRACTED_AT_HOUR = np.timedelta64(6, "h")


@dataclass(frozen=True)
class Stretch:
    """Units ``start`` to ``start + units``, first extracted on day ``born`` (0 is the first)."""

    start: int
    units: int
    born: int


@dataclass(frozen=True)
class Source:
    """What all batches of one dataset have in common."""

    name: str
    seed: int
    spec: Spec
    timeline: Timeline
    first_extract: date

    def stream(self, *path: str | int) -> np.random.Generator:
        """Random numbers of their own for each purpose: one more column changes no other."""
        words = (crc32(str(part).encode()) for part in (self.name, *path))
        return np.random.Generator(np.random.PCG64([self.seed, *words]))

    def counts(self, stretch: Stretch, depth: int, parents: int) -> Array:
        """How many children each of ``parents`` has; a prefix does not depend on the total."""
        level = self.spec.levels[depth]
        assert level.count is not None
        rng = self.stream("count", level.name, stretch.start)
        drawn = draw(rng, list(level.count.values()), parents)
        return np.asarray(np.asarray(list(level.count))[drawn])

    def lines_per_unit(self, stretch: Stretch) -> Array:
        """Number of lines of every unit of a stretch."""
        owner = np.arange(stretch.units)
        for depth in range(1, len(self.spec.levels)):
            owner = np.repeat(owner, self.counts(stretch, depth, len(owner)))
        return np.asarray(np.bincount(owner, minlength=stretch.units))


class Batch:
    """The fields of one stretch as they were known on one extract day."""

    def __init__(self, source: Source, stretch: Stretch, day: int) -> None:
        self.source = source
        self.spec = source.spec
        self.stretch = stretch
        self.day = day
        self._values: dict[str, Values] = {}
        self._parents: list[Array] = [np.arange(stretch.units)]
        for depth in range(1, len(self.spec.levels)):
            above = len(self._parents[-1])
            counts = source.counts(stretch, depth, above)
            self._parents.append(np.repeat(np.arange(above), counts))

    def size(self, depth: int) -> int:
        """Number of things at a level."""
        return len(self._parents[depth])

    @property
    def bottom(self) -> int:
        """The level of the lines."""
        return len(self._parents) - 1

    def stream(self, *path: str | int) -> np.random.Generator:
        """Random numbers that are the same on every extract day."""
        return self.source.stream(*path, self.stretch.start)

    def values(self, name: str) -> Values:
        """A field at its own level."""
        if name not in self._values:
            built_in = self._built_in(name)
            self._values[name] = self._made(name) if built_in is None else built_in
        return self._values[name]

    def at(self, name: str, depth: int) -> Values:
        """A field spread over a level below its own."""
        return self.spread(self.values(name), self.spec.depths[name], depth)

    def spread(self, values: Values, own: int, depth: int) -> Values:
        """Values of one level repeated for what is below."""
        for level in range(own + 1, depth + 1):
            if isinstance(values, np.ndarray):
                values = values[self._parents[level]]
            else:
                values = values.take(pa.array(self._parents[level]))
        return values

    def holds(self, when: When, depth: int) -> Array:
        """Where all conditions hold."""
        true = np.ones(self.size(depth), dtype=bool)
        for condition in when:
            true &= self._holds(condition, depth)
        return true

    def _holds(self, condition: Condition, depth: int) -> Array:
        values = self.at(condition.field, depth)
        if condition.one_of is not None:
            return as_mask(pc.is_in(values, value_set=pa.array(condition.one_of)))
        if condition.none_of is not None:
            return ~as_mask(pc.is_in(values, value_set=pa.array(condition.none_of)))
        if condition.matches is not None:
            return as_mask(pc.match_substring_regex(values, condition.matches))
        if condition.holds is not None:
            return np.asarray(values == condition.holds)
        if condition.blank is not None:
            return np.asarray(missing(values) == condition.blank)
        if condition.later_than is not None:
            return np.asarray(values > self.at(condition.later_than, depth))
        if condition.differs_from is not None:
            return np.asarray(values != self.at(condition.differs_from, depth))
        if condition.at_least is not None:
            return np.asarray(values >= condition.at_least)
        return np.asarray(values <= condition.at_most)

    def _made(self, name: str) -> Values:
        field, depth = self.spec.fields[name], self.spec.depths[name]
        values = make(field, self, depth, self.stream("field", name))
        for at, blank in enumerate(field.blank):
            chosen = self.stream("blank", name, at).random(self.size(depth)) < blank.share
            values = emptied(values, chosen & self.holds(blank.when, depth))
        return values

    def _built_in(self, name: str) -> Values | None:
        positions = self._positions
        if name in ("event_time", "progress", "index", "number"):
            return getattr(positions, name)
        if name in ("extracted_at", "first_extracted_at"):
            day = self.day if name == "extracted_at" else self.stretch.born
            made = np.datetime64(self.source.first_extract, "s") + np.timedelta64(day, "D")
            return np.full(self.stretch.units, made + _EXTRACTED_AT_HOUR, dtype="datetime64[s]")
        if name in ("yy", "yyyy"):
            year = positions.event_time.astype("datetime64[Y]").astype(np.int64) + 1970
            return year % 100 if name == "yy" else year
        if name == "month_letter":
            month = positions.event_time.astype("datetime64[M]").astype(np.int64) % 12
            return pa.array(list("ABCDEFGHIJKL")).take(pa.array(month))
        for depth, level in enumerate(self.spec.levels):
            if name == f"{level.name}_position":
                return self._position(depth)
        return None

    @cached_property
    def _positions(self) -> Any:
        start, units = self.stretch.start, self.stretch.units
        return self.source.timeline.positions(start, units, self.stream("timeline"))

    def _position(self, depth: int) -> Array:
        """Which of its siblings it is, from 0."""
        parents = self._parents[depth]
        if depth == 0:
            return np.zeros(len(parents), dtype=np.int64)
        first = np.searchsorted(parents, parents, side="left")
        return np.arange(len(parents)) - first


def as_mask(flags: Any) -> Array:
    """Arrow's yes/no/null as NumPy's yes/no."""
    return np.asarray(pc.fill_null(flags, False).to_numpy(zero_copy_only=False))


def missing(values: Values) -> Array:
    """Where there is no value."""
    if isinstance(values, np.ndarray):
        return np.isnat(values) if values.dtype.kind == "M" else np.zeros(len(values), dtype=bool)
    return as_mask(values.is_null())


def emptied(values: Values, where: Array) -> Values:
    """Values without those at ``where``: times and texts only, numbers have no blank."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind != "M":
            raise TypeError(f"{values.dtype} has no blank: empty the text that is made from it")
        return np.where(where, np.datetime64("NaT"), values)
    return pc.if_else(pa.array(where), pa.scalar(None, pa.string()), values)
