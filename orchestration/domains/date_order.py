"""Dates whose days and months stand the other way round than their dataset file declares.

`03/12/2026` is a date in either order, so no cell gives it away; a column of one extract does. Four
witnesses are heard, each for itself:

- *the form*: dates that can be read in one order only;
- *the extract's time*, where it is known: dates are of the days before it;
- *the key*: it names the month, where the dataset file says so (`month_from`);
- *the spread*: days vary within a month. Where the months vary and the day does not, the column is
  read the wrong way round, unless dates are among it that only the declared order can read: a window
  over the end of a month has both.

Against the declared order speak the dates that it puts where they cannot well be; for the other order
speak those of them that it puts right. A witness convinces where these are nearly all of those: honest
columns have old dates and typing errors, too, of which the other order puts right one in ten, by
chance.
"""

from collections.abc import Collection, Iterable, Sequence

from orchestration.column import Column
from orchestration.duck import quoted
from orchestration.times import ambiguous_formats, dates_alone, other_order, read_time

MISREAD_DATES = "misread_dates"

_RECENT_DAYS = 20
"""Less than the 27 days that lie at least between the two readings of a date: never are both recent."""
_AT_LEAST = 5
"""Dates that are put right: one in ten is by chance, five of five in one column of 100,000."""
_AT_LEAST_SHARE = 0.001
"""Of all dates of the column: fewer are the typing errors of a large extract."""
_NEARLY_ALL = 0.8

_COUNTED = f"""
dates as (
    select
        *,
        declared between extracted_on - {_RECENT_DAYS} and extracted_on + 1 as is_recent,
        other between extracted_on - {_RECENT_DAYS} and extracted_on + 1 as is_other_recent
    from readings
    where declared is distinct from other
),

months as (
    select
        _extract_id,
        column_name,
        arg_max(month, 100 * times + month) filter (order_read = 'declared') as usual_month,
        arg_max(month, 100 * times + month) filter (order_read = 'other') as usual_other_month
    from (
        select _extract_id, column_name, 'declared' as order_read, month(declared) as month,
            sum(times) as times
        from dates where declared is not null group by all
        union all
        select _extract_id, column_name, 'other' as order_read, month(other) as month,
            sum(times) as times
        from dates where other is not null group by all
    )
    group by _extract_id, column_name
),

witnesses as (
    select
        _extract_id,
        column_name,
        sum(times) as dates,
        unnest([
            struct_pack(
                against := sum(times) filter (declared is null or other is null),
                put_right := sum(times) filter (declared is null)
            ),
            struct_pack(
                against := sum(times) filter (not is_recent),
                put_right := sum(times) filter (not is_recent and is_other_recent)
            ),
            struct_pack(
                against := sum(times) filter (month(declared) <> key_month),
                put_right := sum(times) filter (
                    month(declared) <> key_month and month(other) = key_month
                )
            ),
            struct_pack(
                against := sum(times) filter (month(declared) <> usual_month or other is null),
                put_right := sum(times) filter (
                    month(declared) <> usual_month and month(other) = usual_other_month
                )
            )
        ], recursive := true)
    from dates
    inner join months using (_extract_id, column_name)
    group by _extract_id, column_name
),

misread as (
    select distinct _extract_id, column_name
    from witnesses
    where put_right >= {_AT_LEAST}
        and put_right >= {_AT_LEAST_SHARE} * dates
        and put_right >= {_NEARLY_ALL} * against
)"""


def misread_dates(
    columns: Sequence[Column], lines: str, *, present: Collection[str], extract_time_known: bool
) -> str:
    """The lines with dates that are proven to stand in the other order, as a SQL table.

    One row per line and column: `_extract_id`, `_line`, `column_name`. `lines` is the table of landed
    lines and `present` the columns that it has of these. A column of a million lines has a few hundred
    dates, and only these are looked at closely.
    """
    chosen = [
        column for column in columns if ambiguous_formats(column.formats) and column.name in present
    ]
    if not chosen:
        return "(select '' as _extract_id, 0 as _line, '' as column_name where false)"
    extracted_at = "_extracted_at" if extract_time_known else "null::timestamp"
    return (
        "(\nwith readings as materialized ("
        + _all_of(_readings(column, lines, present, extracted_at) for column in chosen)
        + f"\n),\n{_COUNTED}\n"
        + _all_of(_misread_lines(column, lines) for column in chosen)
        + "\n)"
    )


def _all_of(tables: Iterable[str]) -> str:
    return "\nunion all\n".join(tables)


def _readings(column: Column, lines: str, present: Collection[str], extracted_at: str) -> str:
    """Every date of a column of an extract, in both orders, and how often it stands there."""
    formats = dates_alone(ambiguous_formats(column.formats))
    letter, month = "''", "null::bigint"
    if column.month_from and column.month_from.column in present:
        letter = f'upper(left(trim("{column.month_from.column}"), 1))'
        month = f"nullif(instr({quoted(column.month_from.letters)}, nullif(letter, '')), 0)"
    return f"""
select
    *,
    {read_time("day", formats)}::date as declared,
    {read_time("day", [other_order(one) for one in formats])}::date as other
from (
    select
        _extract_id,
        '{column.name}' as column_name,
        extracted_at::date as extracted_on,
        written,
        {_day(column)} as day,
        {month} as key_month,
        times
    from (
        select
            _extract_id,
            any_value({extracted_at}) as extracted_at,
            {_written(column)} as written,
            {letter} as letter,
            count(*) as times
        from {lines}
        where "{column.name}" is not null
        group by all
    )
)"""


def _misread_lines(column: Column, lines: str) -> str:
    return f"""
select landed._extract_id, landed._line, '{column.name}' as column_name
from {lines} as landed
semi join (
    select _extract_id, written
    from dates
    semi join misread using (_extract_id, column_name)
    where column_name = '{column.name}' and other is not null
) as misread_date
    on landed._extract_id = misread_date._extract_id
    and {_written(column, "landed.")} = misread_date.written"""


def _written(column: Column, table: str = "") -> str:
    """A cell without blanks before it; of times, what the date is in.

    Most cells begin with a digit; taking blanks off each would take as long as all the rest.
    """
    cell = f'{table}"{column.name}"'
    blanks = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(65440)"
    begun = f"case when {cell} between '0' and ':' then {cell} else trim({cell}, {blanks}) end"
    return f"left({begun}, {len('12/31/2026')})" if _has_times(column) else begun


def _day(column: Column) -> str:
    """The date in it."""
    return (
        "split_part(split_part(written, ' ', 1), 'T', 1)" if _has_times(column) else "trim(written)"
    )


def _has_times(column: Column) -> bool:
    """Whether times of day stand behind the dates, and can be left off."""
    formats = ambiguous_formats(column.formats)
    return dates_alone(formats) != formats
