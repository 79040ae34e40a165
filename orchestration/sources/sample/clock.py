"""Times as the city's clocks show them: none lies in the hour that they leave out in March.

The hour that they repeat in November is shown once, as by arithmetic; which of the two is meant, no
source says.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from orchestration.dataset import TIME_ZONE
from orchestration.times import PIECE, clock_changes

Array = npt.NDArray[Any]
_PIECE = np.timedelta64(PIECE).astype("timedelta64[s]")


def shown(times: Array) -> Array:
    """Times of no clock at the next moment that one shows; they stay in order."""
    moved = times.copy()
    for gap in _gaps(times):
        moved[(times >= gap[0]) & (times < gap[-1] + _PIECE)] = gap[-1] + _PIECE
    return moved


def later(times: Array, minutes: Array) -> Array:
    """What a clock shows so many minutes after another time that it showed (before, if negative)."""
    ends: Array = times + np.rint(minutes * 60).astype("timedelta64[s]")
    gaps = _gaps(np.concatenate([times, ends]))
    for piece in [piece for gap in gaps for piece in gap]:
        ends[(times < piece) & (ends >= piece)] += _PIECE
    for end in [piece + _PIECE for gap in reversed(gaps) for piece in reversed(gap)]:
        ends[(times >= end) & (ends < end)] -= _PIECE
    return ends


def _gaps(times: Array) -> list[list[np.datetime64]]:
    """The half hours that the clocks left out between the first time and the last, by night."""
    there = times[~np.isnat(times)]
    if not len(there):
        return []
    first, last = there.min().astype("datetime64[D]"), there.max().astype("datetime64[D]")
    _, missing = clock_changes(TIME_ZONE, int(str(last)[:4]))
    nights: dict[np.datetime64, list[np.datetime64]] = {}
    for piece in (np.datetime64(one, "s") for one in missing):
        if first <= piece.astype("datetime64[D]") <= last:
            nights.setdefault(piece.astype("datetime64[D]"), []).append(piece)
    return list(nights.values())
