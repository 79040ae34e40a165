"""A time is read in the whole form of its format, and clocks that change prove nothing."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.times import (
    clock_changes,
    outside_extract,
    read_time,
    time_form,
    time_functions,
)

FORMATS = [
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y",
    "%Y-%m-%dT%H:%M:%S.%g",
    "%Y-%m-%dT%H:%M:%S",
]
NO_TIMES = {
    "two digits of the year": "11/26/26 13:09",
    "three digits of the year": "11/26/026 13:09",
    "year 26": "11/26/0026 13:09",
    "five digits of the year": "11/26/20261 13:09",
    "two digits, ISO": "26-11-26T13:09:00",
    "day first": "26/11/2026 13:09",
    "text behind": "11/26/2026 13:09 x",
    "text before": "on 11/26/2026 13:09",
    "hour 24": "11/26/2026 24:00",
    "minute 60": "11/26/2026 23:60",
    "31 April": "04/31/2026 10:00",
    "30 February": "02/30/2026 10:00",
    "29 February of no leap year": "02/29/2026 10:00",
    "seconds since 1970": "1764164940",
    "Excel's number": "45987.5",
    "a compact date": "20261126",
    "UTC": "2026-11-26T13:09:00Z",
    "UTC, with milliseconds": "2026-11-26T13:09:00.000Z",
    "an offset": "2026-11-26T13:09:00-06:00",
    "a zone": "11/26/2026 13:09 CST",
    "DuckDB's epoch": "epoch",
    "DuckDB's infinity": "Infinity",
    "DuckDB's other infinity": "-infinity",
    "noon by both clocks": "11/26/2026 13:09:00 PM",
    "no digits of ours": "\u0661\u0661/26/2026 13:09",
    "nothing": "",
}
TIMES = {
    "with zeros": ("01/02/2026 03:04", datetime(2026, 1, 2, 3, 4)),
    "without zeros": ("1/2/2026 3:04", datetime(2026, 1, 2, 3, 4)),
    "midnight": ("11/26/2026 00:00", datetime(2026, 11, 26)),
    "midnight by twelve hours": ("11/26/2026 12:00:00 AM", datetime(2026, 11, 26)),
    "afternoon": ("11/26/2026 1:09:00 pm", datetime(2026, 11, 26, 13, 9)),
    "a day": ("11/26/2026", datetime(2026, 11, 26)),
    "ISO": ("2026-11-26T13:09:00.000", datetime(2026, 11, 26, 13, 9)),
    "leap day": ("02/29/2028 10:00", datetime(2028, 2, 29, 10)),
    "year 1900": ("01/01/1900", datetime(1900, 1, 1)),
}


def read(text: str, formats: list[str] | None = None) -> datetime | None:
    """A text as rules and models read it."""
    with duckdb.connect() as connection:
        connection.execute("create table cells as select ? as cell", [text])
        query = f"select {read_time('cell', FORMATS if formats is None else formats)} from cells"
        found = connection.execute(query).fetchone()
    assert found is not None
    moment: datetime | None = found[0]
    return moment


@pytest.mark.parametrize("text", NO_TIMES.values(), ids=NO_TIMES)
def test_what_is_no_time_is_none(text: str) -> None:
    """Nothing is guessed and nothing shifted."""
    assert read(text) is None


@pytest.mark.parametrize(("text", "moment"), TIMES.values(), ids=TIMES)
def test_a_time_is_read(text: str, moment: datetime) -> None:
    """A time in one of the declared forms is that time."""
    assert read(text) == moment


def test_two_digits_are_read_where_they_are_declared() -> None:
    """Whichever stands first: each format takes only what is written in it."""
    both = ["%m/%d/%Y", "%m/%d/%y"]
    assert read("11/26/26", both) == read("11/26/2026", both) == datetime(2026, 11, 26)
    assert read("11/26/6", both) is None
    assert read("11/26/2026", []) is None


@given(st.text(alphabet="0123456789/-:. TAPMapm", max_size=24))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_time_has_its_year_written_out(text: str) -> None:
    """Whatever is read names its year in four digits."""
    moment = read(text)
    assert moment is None or str(moment.year) in text


@pytest.mark.parametrize("wrong", ["%d.%m.%Y %z", "%s", "%m/%d/%Y'", "%", "%m/%d/%Y {}"])
def test_formats_that_nobody_can_read_by_are_refused(wrong: str) -> None:
    """A zone would shift times in silence, and a quote is no part of a time."""
    with pytest.raises(ValueError, match=r"is none of|stands in no time"):
        time_form(wrong)


@pytest.fixture(scope="module")
def clocks() -> dict[str, duckdb.DuckDBPyConnection]:
    """A database per zone, with what rules may ask of its clocks."""
    made = {}
    for zone in ("America/Chicago", "Australia/Lord_Howe", "UTC"):
        made[zone] = duckdb.connect()
        for definition in time_functions([], zone=zone, until=2030).values():
            made[zone].execute(f"create {definition}")
    return made


@pytest.mark.parametrize("zone", ["America/Chicago", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("year", [1999, 2006, 2007, 2021, 2026, 2030])
def test_clocks_prove_what_time_proves(
    zone: str, year: int, clocks: dict[str, duckdb.DuckDBPyConnection]
) -> None:
    """Around every change, a later event was before an earlier one where no clock makes it possible."""
    repeated, missing = clock_changes(zone, 2030)
    for change in {piece.date() for piece in (*repeated, *missing) if piece.year == year}:
        begin = datetime.combine(change, datetime.min.time()) - timedelta(minutes=40)
        moments = [begin + timedelta(minutes=20 * step) for step in range(14)]
        pairs = [(one, other) for one in moments for other in moments]
        asked = clocks[zone].execute(
            "select was_before(later, earlier), never_was(later) from (select unnest(?::timestamp[]) "
            "as later, unnest(?::timestamp[]) as earlier)",
            [[later for later, _ in pairs], [earlier for _, earlier in pairs]],
        )
        for (later, earlier), (was_before, never_was) in zip(pairs, asked.fetchall(), strict=True):
            assert never_was == (not _is_shown(later, zone)), later
            if _is_shown(later, zone) and _is_shown(earlier, zone):
                possible = max(_instants(later, zone)) >= min(_instants(earlier, zone))
                assert was_before == (not possible), (later, earlier)


def _instants(moment: datetime, zone: str) -> list[datetime]:
    """When a clock showed it: once or twice."""
    return [moment.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]


def _is_shown(moment: datetime, zone: str) -> bool:
    """Whether a clock ever showed it."""
    back = _instants(moment, zone)[0].astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return back == moment


@pytest.mark.parametrize(
    ("moment", "extracted_at", "is_outside"),
    [
        ("2009-12-31T23:59:59", "2022-09-01T06:00:00", True),
        ("2010-01-01T00:00:00", "2022-09-01T06:00:00", False),
        ("2022-09-01T07:00:00", "2022-09-01T06:00:00", False),
        ("2022-09-01T07:00:01", "2022-09-01T06:00:00", True),
        ("2022-09-01T23:59:59", "2022-08-31T23:59:59", False),
        ("2022-09-02T00:00:00", "2022-08-31T23:59:59", True),
        (None, "2022-08-31T23:59:59", None),
    ],
)
def test_times_lie_between_the_floor_and_the_extract(
    moment: str | None, extracted_at: str, is_outside: bool | None
) -> None:
    """Not before what is declared, nor after the extract; a name without an hour means its night."""
    rule = outside_extract("happened_at", date(2010, 1, 1))
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select {rule} from (select ?::timestamp as happened_at, ?::timestamp as _extracted_at)",
            [moment, extracted_at],
        ).fetchone()
    assert found == (is_outside,)


def test_a_day_is_not_after_the_extract_s_day() -> None:
    """A day has no clock, and needs no night."""
    rule = outside_extract("happened_at", date(2009, 1, 1), is_day=True)
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select {rule} from (select unnest(['2008-12-31', '2009-01-01', '2022-08-31', "
            "'2022-09-01'])::date as happened_at, timestamp '2022-08-31 23:59:59' as _extracted_at)"
        ).fetchall()
    assert found == [(True,), (False,), (False,), (True,)]
