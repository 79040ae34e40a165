"""When units happened and which number the source gave them, by arithmetic alone.

Everything follows from a unit's serial number, so that any stretch of units can be computed by
itself: no state is carried from one batch to the next.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestration.sources.sample.clock import shown
from orchestration.sources.sample.conditions import SpecError
from orchestration.sources.sample.spec import TimelineSpec

Array = npt.NDArray[Any]
_DAYS = {"month": 31, "year": 366}


@dataclass(frozen=True)
class Positions:
    """Where a stretch of units lies: one element per unit, local time of New Orleans."""

    event_time: Array
    number: Array
    index: Array
    progress: Array


@dataclass(frozen=True)
class Timeline:
    """``rate`` units in 1,000 days since ``origin``; ``units`` of them before the first extract."""

    spec: TimelineSpec
    origin: date
    rate: int
    units: int

    @classmethod
    def plan(cls, spec: TimelineSpec, *, units: int, first_extract: date) -> "Timeline":
        """Choose the rate so that the newest unit happened on the day before the first extract.

        Raises:
            SpecError: so many units a day that the source's numbers would not hold them.
        """
        own = round(spec.per_day * 1000)
        thinned = max(1000, -(-units * 1000 // spec.at_least_days))
        rate = max(min(own, thinned), -(-units * 1000 // spec.at_most_days))
        days = (units - 1) * 1000 // rate + 1
        made = cls(spec=spec, origin=first_extract - timedelta(days=days), rate=rate, units=units)
        last = spec.number.first + _DAYS[spec.number.period] * made._issued // 1000
        if last >= 10**spec.number.digits:
            raise SpecError(
                f"{units} units need numbers up to {last}, more than {spec.number.digits} digits: "
                "ask for fewer rows"
            )
        return made

    def starts_of_day(self, day: int) -> int:
        """Serial number of the first unit on or after a day, counted from the first extract."""
        days = ((self.units - 1) * 1000 // self.rate + 1) + day
        return -(-days * self.rate // 1000)

    @property
    def _issued(self) -> int:
        return max(round(self.spec.number.per_day * 1000), self.rate)

    def positions(self, start: int, count: int, rng: np.random.Generator) -> Positions:
        """Time and number of ``count`` units from serial number ``start`` on."""
        index = np.arange(start, start + count, dtype=np.int64)
        day, rest = np.divmod(index * 1000, self.rate)
        jitter = rng.random(count)
        within = (rest + jitter * 1000) / self.rate if self.rate > 1000 else jitter
        seconds = (self._hour_of(np.minimum(within, 0.999999)) * 3600).astype("timedelta64[s]")
        days = np.datetime64(self.origin, "D") + day.astype("timedelta64[D]")
        return Positions(
            event_time=shown(days.astype("datetime64[s]") + seconds),
            number=self._number(index, days, rng),
            index=index,
            progress=index / self.units,
        )

    def _hour_of(self, share_of_day: Array) -> Array:
        busy = np.concatenate(([0.0], np.cumsum(self.spec.hours)))
        return np.asarray(np.interp(share_of_day, busy / busy[-1], np.arange(25.0)))

    def _number(self, index: Array, days: Array, rng: np.random.Generator) -> Array:
        """Serial within month or year; where the sample is thinned, the gaps are the others."""
        unit = "M" if self.spec.number.period == "month" else "Y"
        opening = days.astype(f"datetime64[{unit}]").astype("datetime64[D]")
        since = (opening - np.datetime64(self.origin, "D")).astype(np.int64)
        place = index + (-since * self.rate // 1000)
        gap = self._issued // self.rate
        drawn = (rng.random(len(index)) * gap).astype(np.int64)
        return np.asarray(self.spec.number.first + place * self._issued // self.rate + drawn)
