"""The sample's times are times that a clock of the city showed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from orchestration.dataset import TIME_ZONE
from orchestration.sources.sample.clock import later, shown

ZONE = ZoneInfo(TIME_ZONE)


def times(*texts: str) -> np.ndarray:
    """Local times."""
    return np.array(texts, dtype="datetime64[s]")


def test_the_missing_hour_is_not_shown() -> None:
    """Clocks go from 01:59:59 to 03:00:00, and other nights and blanks stay as they are."""
    written = times("2026-03-08T01:59:59", "2026-03-08T02:30:00", "2026-03-09T02:30:00", "NaT")
    clock = times("2026-03-08T01:59:59", "2026-03-08T03:00:00", "2026-03-09T02:30:00", "NaT")
    np.testing.assert_array_equal(shown(written), clock)


@pytest.mark.parametrize("minutes", [0, 5, 61, 200, -30, -90])
def test_minutes_pass_by_the_clock(minutes: int) -> None:
    """So many minutes across the change of March are so many by the zone's own arithmetic."""
    begins = ["2026-03-08T00:50:00", "2026-03-08T01:55:00", "2026-03-08T03:10:00"]
    for begin in begins:
        there = datetime.fromisoformat(begin).replace(tzinfo=ZONE).timestamp()
        expected = datetime.fromtimestamp(there + 60 * minutes, ZONE).replace(tzinfo=None)
        found = later(times(begin), np.array([float(minutes)]))
        assert found[0] == np.datetime64(expected, "s")
