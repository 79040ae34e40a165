"""Values that are new together: a source that changed its words, not people who mistyped them.

A moment of change is a week in which three values or more stop, being frequent enough that their
silence means something, and three or more begin, frequent enough that it was silence before: a rare
value turns up late by chance, and of a thousand rare values some always do. On the first day of a
change nothing has been silent for long yet; then three pairs tell, whose new half comes as often as its
old half used to. A value takes the place of one that it is likely to be, and that as often: two streets
of a few rows, the one gone and the other new, are two streets. A value without times is never judged
here, nor two that are both known; a known one without a counterpart is no news.

Needs `spelling_value` and `spelling_judged`; leaves `spelling_drift` (`id`, `old_id` or null, `since`):
one row per value that is part of a change. It is corrected neither into the old vocabulary nor out of
it.
"""

import duckdb

DAYS = 7
SET = 3
SILENT_ROWS = 5
"""Rows that should have come since, of a column with one value: none would come by chance in 7 of
1,000 cases. With `n` values it is `ln(n)` more, so that this holds for the column as a whole."""
BEGINS_WITH = 3
"""A value with fewer rows may be new, but is no sign of a change by itself."""
SHARE = 0.25
"""Share of the old value's rows per day that a new value has when it takes its place."""

_LIVES = """
create or replace temp table spelling_life as
with span as (
    select column_name, min(first_at) as opens, max(last_at) as closes,
        {SILENT_ROWS} + ln(count(*)) as silent_rows
    from spelling_value where rows > 0 group by column_name
)
select
    value.id, value.column_name, value.known, value.rows, value.first_at, value.last_at, opens, closes,
    value.rows / greatest(1, date_diff('second', value.first_at, value.last_at) / 86400.0) as per_day,
    value.rows / greatest(1, date_diff('second', value.first_at, closes) / 86400.0) as per_day_since,
    value.first_at > opens + interval {DAYS} day
        and per_day_since * date_diff('second', opens, value.first_at) / 86400.0 >= silent_rows
        as begins,
    value.last_at < closes - interval 1 day
        and per_day * date_diff('second', value.last_at, closes) / 86400.0 >= silent_rows as ends,
from spelling_value as value join span using (column_name)
where value.first_at is not null and value.last_at is not null and value.rows > 0
"""

# Pairs by time: the half that came later and the half that was there. While a change is young its old
# half has not been silent for long, so the new half's pace must tell.
_TURNS = """
create or replace temp table spelling_turn as
with halves as (
    select
        case when a.first_at > b.first_at then from_id else to_id end as id,
        case when a.first_at > b.first_at then to_id else from_id end as old_id,
        score,
    from spelling_judged
    join spelling_life as a on a.id = from_id
    join spelling_life as b on b.id = to_id
    where a.first_at <> b.first_at and score >= {ALIKE} and not (a.known and b.known)
        and least(a.rows, b.rows) >= {BEGINS_WITH}
)
select halves.*, new.column_name, new.first_at, old.last_at as old_last_at, old.ends,
    new.begins and new.first_at >= new.closes - interval {DAYS} day
        and old.first_at < new.first_at - interval {DAYS} day
        and new.rows >= {SILENT_ROWS} and old.rows >= 4 * {SILENT_ROWS}
        and new.per_day_since >= {SHARE} * old.per_day as replaces,
    new.per_day_since >= {SHARE} * old.per_day as in_its_place,
from halves
join spelling_life as new on new.id = halves.id
join spelling_life as old on old.id = halves.old_id
"""

_MOMENTS = """
create or replace temp table spelling_moment as
with begun as (
    select column_name, id, first_at from spelling_life where begins and rows >= {BEGINS_WITH}
),
ended as (select column_name, id, first_at, last_at from spelling_life where ends),
stopped as (
    select begun.column_name, begun.id, begun.first_at as since
    from begun join ended using (column_name)
    where ended.first_at < begun.first_at and ended.last_at
        between begun.first_at - interval {DAYS} day and begun.first_at + interval {DAYS} day
    group by all having count(*) >= {SET}
),
signs as (
    select column_name, id, since, null as old_id from stopped
    union all
    select column_name, id, first_at, old_id from spelling_turn where replaces
),
starts as (select distinct column_name, since from signs)
select starts.column_name, starts.since as begins_at
from starts join signs on signs.column_name = starts.column_name
    and signs.since between starts.since and starts.since + interval {DAYS} day
group by all
having count(distinct id) filter (old_id is null) >= {SET}
    or least(count(distinct id) filter (old_id is not null), count(distinct old_id)) >= {SET}
"""

# A value belongs to a change with an old one that ended with it, be it too rare for its silence to
# say so, or without any that it resembles.
_DRIFT = """
create or replace temp table spelling_drift as
with paired as (
    select turn.id, turn.old_id, moment.begins_at, turn.score
    from spelling_turn as turn join spelling_moment as moment using (column_name)
    where turn.first_at >= moment.begins_at and (
        turn.in_its_place and turn.old_last_at <= moment.begins_at + interval {DAYS} day
            and turn.old_last_at <= turn.first_at + interval {DAYS} day
            and (turn.ends or turn.old_last_at < turn.first_at)
        or turn.replaces
    )
),
alone as (
    select new.id, null as old_id, moment.begins_at, 0.0 as score
    from spelling_life as new join spelling_moment as moment using (column_name)
    where new.first_at between moment.begins_at and moment.begins_at + interval {DAYS} day
        and new.begins and new.rows >= {BEGINS_WITH} and not new.known and not exists (
            select 1 from spelling_turn
            where spelling_turn.id = new.id and score >= {ALIKE}
        )
)
select id, old_id, begins_at as since, score
from (from paired union all from alone)
qualify row_number() over (
    partition by id order by old_id is null, score desc, old_id, begins_at
) = 1
"""


def find_drift(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes `spelling_drift` of the judged pairs."""
    fill = {
        "DAYS": DAYS,
        "SET": SET,
        "SILENT_ROWS": SILENT_ROWS,
        "BEGINS_WITH": BEGINS_WITH,
        "SHARE": SHARE,
        "ALIKE": 0.5,
    }
    for statement in (_LIVES, _TURNS, _MOMENTS, _DRIFT):
        connection.execute(statement.format(**fill))
