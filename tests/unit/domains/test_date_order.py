"""Dates in the other order are found in whole columns, whatever else stands there, and only there."""

import random
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.column import Column, MonthFrom
from orchestration.domains.date_order import misread_dates

MONTH_FIRST = ("%m/%d/%Y %H:%M", "%m/%d/%Y", "%Y-%m-%dT%H:%M:%S")
SEEDS = st.integers(min_value=0, max_value=2**32)


def column(formats: Sequence[str] = MONTH_FIRST, *, months: str | None = None) -> Column:
    """A column of the time at which something happened."""
    return Column(
        name="happened_at",
        source="Happened",
        type="timestamp",
        description="When it happened.",
        privacy="publish",
        formats=tuple(formats),
        month_from=MonthFrom(column=months, letters="ABCDEFGHIJKL") if months else None,
    )


def misread(
    cells: Sequence[str | None],
    extracted_on: date | None,
    *,
    of: Column | None = None,
    keys: Sequence[str] = (),
) -> set[int]:
    """The lines whose dates are proven to stand in the other order."""
    moment = datetime.combine(extracted_on or date(2030, 1, 1), time(23, 59, 59))
    with duckdb.connect() as connection:
        connection.register(
            "lines",
            pa.table(
                {
                    "_extract_id": ["e"] * len(cells),
                    "_extracted_at": [moment] * len(cells),
                    "_line": range(1, len(cells) + 1),
                    "happened_at": pa.array(cells, pa.string()),
                    "key": keys or [""] * len(cells),
                }
            ),
        )
        table = misread_dates(
            [of or column()],
            "lines",
            present={"happened_at", "key"},
            extract_time_known=extracted_on is not None,
        )
        return {line for (line,) in connection.execute(f"select _line from {table}").fetchall()}


def as_written(day: date, *, day_first: bool, pad: bool = True) -> str:
    """A date with a time of day, as an American or a European program writes it."""
    first, second = (day.day, day.month) if day_first else (day.month, day.day)
    numbers = f"{first:02}/{second:02}" if pad else f"{first}/{second}"
    return f"{numbers}/{day.year} 10:00"


def days_before(end: date, days: int, rows: int, chance: random.Random) -> list[date]:
    """Any days of a window."""
    return [end - timedelta(days=chance.randrange(days)) for _ in range(rows)]


def honest(seed: int) -> tuple[list[str | None], date | None]:
    """A month-first extract: any window, with old dates, typing errors and blanks among them."""
    chance = random.Random(seed)
    end = date(2010, 1, 1) + timedelta(days=chance.randrange(6000))
    if chance.random() < 0.3:
        end = end.replace(day=chance.randrange(1, 13))
    days = chance.choice([1, 2, 3, 5, 10, 12, 30, 366, 3000])
    rows = chance.choice([1, 2, 5, 9, 20, 60, 200])
    found = days_before(end, days, rows, chance)
    found += days_before(end, 2000, chance.randrange(1 + rows // 5), chance)
    cells: list[str | None] = [
        as_written(day, day_first=False, pad=chance.random() < 0.5) for day in found
    ]
    cells += chance.sample([None, "soon", "13/45/2022", "2022-03-04T10:00:00"], 2)
    lag = chance.choice([0, 0, 1, 5, 20])
    known = chance.random() < 0.8
    return cells, end + timedelta(days=lag) if known else None


def day_first(seed: int) -> tuple[list[date], list[str | None], date | None]:
    """A day-first extract of a window of at least three days, evenly filled."""
    chance = random.Random(seed)
    end = date(2010, 1, 1) + timedelta(days=chance.randrange(6000))
    days = chance.randrange(3, 13)
    if chance.random() < 0.8:
        # All of them can be read in either order: nothing is quarantined.
        end = end.replace(day=chance.randrange(days, 13))
    found = days_before(end, days, chance.choice([24, 60, 300]), chance)
    cells: list[str | None] = [as_written(day, day_first=True) for day in found]
    return found, cells, end + timedelta(days=chance.choice([0, 0, 1, 3]))


def is_found_or_stopped(seed: int) -> bool:
    """Whether no date goes out wrong: found, or so many dates are none that the gate stops."""
    days, cells, extracted_on = day_first(seed)
    unreadable = sum(day.day > 12 for day in days)
    wrong = {line for line, day in enumerate(days, start=1) if day.day <= 12 != day.month}
    wrong = {line for line in wrong if days[line - 1].day != days[line - 1].month}
    if not wrong or unreadable / len(days) > 0.02:
        return True
    return misread(cells, extracted_on) >= wrong


@given(SEEDS)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_honest_extracts_pass(seed: int) -> None:
    """Month-first extracts of any size and window hold no date that is proven wrong."""
    assert misread(*honest(seed)) == set()


@given(SEEDS)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_day_first_extracts_are_found(seed: int) -> None:
    """Of a day-first extract no date is read as another month and let through."""
    assert is_found_or_stopped(seed)


@pytest.mark.parametrize("seed", [5252, 3660180])
def test_window_over_the_end_of_a_month_passes(seed: int) -> None:
    """Its first days of a month share their day; its last ones of the month before are no months."""
    assert misread(*honest(seed)) == set()


@pytest.mark.soak
@given(SEEDS)
@settings(max_examples=3000, deadline=None)
def test_honest_extracts_pass_at_length(seed: int) -> None:
    """The same over thousands of extracts."""
    assert misread(*honest(seed)) == set()


@pytest.mark.soak
@given(SEEDS)
@settings(max_examples=3000, deadline=None)
def test_day_first_extracts_are_found_at_length(seed: int) -> None:
    """The same over thousands of extracts."""
    assert is_found_or_stopped(seed)


def test_the_time_of_the_extract_tells() -> None:
    """One day of an extract of that day, which read as declared lies months before it."""
    cells = [as_written(date(2026, 12, 5), day_first=True)] * 6
    assert misread(cells, date(2026, 12, 5)) == {1, 2, 3, 4, 5, 6}
    assert misread(cells, None) == set()


def test_the_spread_tells() -> None:
    """Days that vary in one month are one day of many months in the other order."""
    days = [date(2026, 5, day) for day in (1, 2, 3, 4, 5, 6, 7, 8)]
    written = [as_written(day, day_first=True) for day in days]
    assert misread(written, None) == {1, 2, 3, 4, 6, 7, 8}
    assert misread([as_written(day, day_first=False) for day in days], None) == set()


def test_the_key_tells() -> None:
    """L is December; read as declared the dates were in May."""
    cells = [as_written(date(2022, 12, 5), day_first=True)] * 6
    told = column(months="key")
    assert misread(cells, None, of=told, keys=["l100"] * 6) == {1, 2, 3, 4, 5, 6}
    assert misread(cells, None, of=told, keys=["E100"] * 6) == set()
    assert misread(cells, None, of=told, keys=["?", "", "AA", "M", "1", "A"]) == set()


def test_the_form_tells() -> None:
    """Dates that only the other order can read make the others of their column doubtful."""
    cells = ["25/03/2020", "26/03/2020", "27/03/2020", "28/03/2020", "29/03/2020", "01/04/2020"]
    assert misread(cells, None) == {1, 2, 3, 4, 5, 6}


def test_declared_day_first_is_judged_alike() -> None:
    """Where the file declares the day first, the month first is the wrong order."""
    days = [date(2026, 5, day) for day in (1, 2, 3, 4, 6, 7, 8)]
    european = column(["%d.%m.%Y"])
    assert misread([f"{day:%d.%m.%Y}" for day in days], date(2026, 5, 8), of=european) == set()
    found = misread([f"{day:%m.%d.%Y}" for day in days], date(2026, 5, 8), of=european)
    assert found == {1, 2, 3, 4, 5, 6, 7}


def test_a_column_without_ambiguous_formats_is_not_looked_at() -> None:
    """Where the year comes first, so does the month."""
    assert misread(["2026-12-05"] * 9, date(2026, 5, 12), of=column(["%Y-%m-%d"])) == set()
