"""What a time is: the form of a declared format, the bounds of an extract, the nights that clocks change.

Texts of SQL and what they are made from. The order of days and months is a matter of a whole column
and stands in `date_order.py`; which rules ask these stands in `expectations/`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from orchestration.duck import quoted

_FORMS = {
    "Y": "[1-9][0-9][0-9][0-9]",
    "y": "[0-9][0-9]",
    **dict.fromkeys("mdHIMS", "[0-9][0-9]?"),
    "b": "[A-Za-z]+",
    "B": "[A-Za-z]+",
    "p": "[AaPp][Mm]",
    "g": "[0-9]{1,3}",
    "f": "[0-9]{1,6}",
}
_LITERAL = re.compile(r"[-A-Za-z /.:,]")

PIECE = timedelta(minutes=30)
"""Clocks have changed by whole pieces of this length wherever a police keeps records by computer."""
_FIRST_YEAR = 1990

PARSED_TIME = "parsed_time"
LATEST_TIME = "latest_time"
WAS_BEFORE = "was_before"
NEVER_WAS = "never_was"


def time_form(time_format: str) -> str:
    """The expression that matches the whole of a text written in a strptime format.

    DuckDB's own parse is wider: `%Y` takes two digits (the year 26), and any format takes `epoch`
    and `infinity` for the year 1900.

    Raises:
        ValueError: the format has a directive or a character that no time of ours is written with.
    """
    form = ""
    for directive, literal in re.findall(r"%(.?)|([^%])", time_format, re.DOTALL):
        if literal:
            if not _LITERAL.fullmatch(literal):
                raise ValueError(f"{time_format!r}: {literal!r} stands in no time")
            # Several blanks are one, as strptime reads them.
            form += {" ": " +", ".": "[.]"}.get(literal, literal)
        elif directive not in _FORMS:
            known = ", ".join(f"%{one}" for one in _FORMS)
            raise ValueError(f"{time_format!r}: %{directive} is none of {known}")
        else:
            form += _FORMS[directive]
    return form


def read_time(text: str, formats: Sequence[str]) -> str:
    """The time that a text (as SQL) is in the first format whose form it has; else null."""
    if not formats:
        return "null::timestamp"
    read = " ".join(
        f"when regexp_full_match({text}, {quoted(time_form(one))}) "
        f"then try_strptime({text}, {quoted(one)})"
        for one in formats
    )
    return f"case {read} end"


def ambiguous_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """Those whose dates could be read with day and month the other way round.

    Where the year comes first, the month does so before the day everywhere.
    """
    return tuple(
        one
        for one in formats
        if {"%m", "%d"} <= set(re.findall("%.", one)) and not re.match(r"%[Yy]", one)
    )


def other_order(time_format: str) -> str:
    """The format with day and month the other way round."""
    return re.sub("%[md]", lambda found: "%d" if found[0] == "%m" else "%m", time_format)


def dates_alone(formats: Sequence[str]) -> tuple[str, ...]:
    """The formats without their times of day; as they are where one does not begin with its date."""
    dates = [re.split("[ T]", one, maxsplit=1)[0] for one in formats]
    if all(len(re.findall("%[mdYy]", one)) == 3 for one in dates):
        return tuple(dict.fromkeys(dates))
    return tuple(formats)


def time_functions(formats: Sequence[str], *, zone: str, until: int) -> Mapping[str, str]:
    """What rules may ask of times, by name, as definitions without `create`.

    `parsed_time(text)`: the declared parse. `latest_time(extracted_at)`: after it nothing can have
    happened that the extract tells of. `was_before(later, earlier)`: an event that must be the later
    one certainly was the earlier; the clock of a night that repeats an hour is no proof.
    `never_was(moment)`: the clocks of the city left it out. Years after `until` have no clock changes.
    """
    repeated, missing = clock_changes(zone, until)
    return {
        PARSED_TIME: f"macro {PARSED_TIME}(text) as ({read_time('trim(text)', formats)})",
        LATEST_TIME: f"macro {LATEST_TIME}(extracted_at) as {latest_time('extracted_at')}",
        WAS_BEFORE: (
            f"macro {WAS_BEFORE}(later, earlier) as case when later < earlier then not ("
            f"earlier - later < interval 1 hour and {_within('later', repeated)} "
            f"and {_within('earlier', repeated)}) else false end"
        ),
        NEVER_WAS: f"macro {NEVER_WAS}(moment) as {_within('moment', missing)}",
    }


def latest_time(extracted_at: str) -> str:
    """Until when (as SQL) an extract of that time (as SQL) may tell of events.

    Clocks of two systems differ, and the repeated hour shows a later moment as an earlier one: one
    hour. A name that tells only the day stands for the day's end, and the export behind it may have
    been made in the night that follows: one day. (The calls of 2022-08 were closed until 10:55 on
    September 1st.)
    """
    return (
        f"{extracted_at} + case when {extracted_at}::time = time '23:59:59' "
        "then interval 1 day else interval 1 hour end"
    )


def outside_extract(column: str, since: date, *, is_day: bool = False) -> str:
    """Whether (as SQL) a time lies before a declared floor or after its extract's own time.

    Asks the line's `_extracted_at`. A day has no clock: it must not be after the extract's day.
    """
    last = "_extracted_at::date" if is_day else latest_time("_extracted_at")
    return f"({column} < date '{since.isoformat()}' or {column} > {last})"


@lru_cache
def clock_changes(zone: str, until: int) -> tuple[tuple[datetime, ...], tuple[datetime, ...]]:
    """The half hours (their begins, by the local clock) that a zone repeats, and those it leaves out.

    From 1990 to the year `until`. `zoneinfo` knows the nights: no list of ours grows old.
    """
    repeated: list[datetime] = []
    missing: list[datetime] = []
    clock = ZoneInfo(zone)
    week = datetime(_FIRST_YEAR, 1, 1)
    while week.year <= until:
        after = week + timedelta(days=7)
        if _offset(clock, week) != _offset(clock, after):
            for piece in (week + PIECE * number for number in range(7 * 48)):
                first, second = _offset(clock, piece), _offset(clock, piece, fold=1)
                if first > second:
                    repeated.append(piece)
                elif first < second:
                    missing.append(piece)
        week = after
    return tuple(repeated), tuple(missing)


def _offset(clock: ZoneInfo, moment: datetime, *, fold: int = 0) -> timedelta:
    offset = moment.replace(tzinfo=clock, fold=fold).utcoffset()
    return offset or timedelta()


def _within(moment: str, pieces: Iterable[datetime]) -> str:
    listed = ", ".join(f"timestamp '{piece}'" for piece in pieces)
    if not listed:
        return "false"
    return f"coalesce(time_bucket(interval 30 minute, {moment}) in ({listed}), false)"
