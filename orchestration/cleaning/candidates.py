"""The pairs of values that could be one value spelt twice: those that meet under a key.

Never all pairs: a value meets another when they share a key (see `keys.py`), a text with one letter
dropped, all words but one, a beginning or an end, initials, or the code that stands beside them.
Whether two values meet is a matter of the two: a key is passed over for what it is (two letters of a
suffix), not for how many others share it, so that no value's end depends on its neighbours. Only of a
key that makes more than `PAIRS_OF_KEY` pairs, which no column of words has, nothing is made.

Leaves two tables on the connection: `spelling_value` (one row per column and value, of the data or
the vocabulary, with its keys) and `spelling_pair` (one row per pair and how it met: `from_id`,
`to_id`, `met`).
"""

import duckdb

FREQUENT = 5
"""From how many rows on a value without a vocabulary can be what others are misspellings of."""
LONG = 40
"""Longer texts meet by their words and their ends, not letter by letter."""
REST = 5
"""Letters that are left of a value without one of its words, so that they say something."""
PAIRS_OF_KEY = 1_000_000
"""A bound for the machine, not a judgement: of a column that holds no words but, say, plates."""

_VALUES = """
create or replace temp table spelling_value as
with seen as (
    select
        column_name,
        value,
        sum(rows)::bigint as rows,
        min(first_at) as first_at,
        max(last_at) as last_at,
    from spelling_seen
    where trim(value) <> ''
    group by column_name, value
),
known as (select column_name, value, true as known from spelling_known group by all),
joined as (
    select
        column_name,
        value,
        coalesce(rows, 0) as rows,
        first_at,
        last_at,
        coalesce(known, false) as known,
        bool_or(coalesce(known, false)) over (partition by column_name) as has_vocabulary,
        spelling_compact(value) as compact,
        spelling_tokens(value) as tokens,
    from seen full join known using (column_name, value)
)
select
    row_number() over (order by column_name, value) as id,
    *,
    length(compact)::integer as letters,
    known or rows >= {FREQUENT} as is_target,
    spelling_collapsed(compact) as collapsed,
    spelling_letters(compact) as sorted_letters,
    spelling_sound(compact) as sound,
    spelling_fingerprint(value) as fingerprint,
    spelling_digits(compact) as digits,
    spelling_opposed(tokens) as opposed,
    array_to_string(list_transform(tokens, lambda token: token[1]), '') as initials,
from joined
where compact <> ''
"""

# Keys that both sides have: what it says, the key, and which values have it.
_SAME = [
    ("letters", "compact", "true"),
    ("words", "fingerprint", "len(tokens) > 1"),
    ("anagram", "sorted_letters", "letters >= 2"),
    ("doubled", "collapsed", "collapsed <> compact or letters >= 4"),
    ("sound", "sound", "length(sound) >= 3"),
    ("ngrams", "spelling_ngrams(compact)", "letters between 6 and {LONG}"),
    ("ends", "'3' || left(compact, 3)", "letters between 4 and 12"),
    ("ends", "'4' || left(compact, 4)", "letters >= 6"),
    ("ends", "'8' || left(compact, 8)", "letters >= 12"),
    ("ends", "'r3' || right(compact, 3)", "letters between 5 and 12"),
    ("ends", "'r4' || right(compact, 4)", "letters >= 5"),
    ("ends", "'r8' || right(compact, 8)", "letters >= 12"),
]

_MANY = """
    select id, 'deletion' as met, left(compact, place - 1) || substr(compact, place + 1) as key
    from spelling_value, range(1, {LONG} + 2) as places(place)
    where letters between 3 and {LONG} and place <= letters + 1
    union all
    select id, 'word' as met,
        array_to_string(tokens[:place - 1], ' ') || '_' || array_to_string(tokens[place + 1:], ' ')
    from spelling_value, range(1, 13) as places(place)
    where len(tokens) between 2 and 12 and place <= len(tokens)
        and letters - length(tokens[place]) >= {REST}
"""

# What people write for a longer value: its initials, an initial before the rest, each word or the one
# word in short.
_SHORTENED = """
    select id, 'short' as met, 'from' as side, 'i' || compact as key
    from spelling_value where not known and letters between 2 and 5
    union all
    select id, 'short', 'to', 'i' || initials
    from spelling_value where is_target and len(tokens) between 2 and 5
    union all
    select id, 'short', 'from', 'r' || compact
    from spelling_value where not known and letters between 4 and 20
    union all
    select id, 'short', 'to', 'r' || left(compact, 1) || right(compact, place)
    from spelling_value, range(3, 20) as places(place) where is_target and place <= letters - 2
    union all
    select id, 'short', 'both', 'w' || array_to_string(string_split(initials, ''), ' ')
    from spelling_value where len(tokens) between 2 and 5 and (known or letters <= 9)
    union all
    select id, 'short', 'from', 'b' || left(compact, 2)
    from spelling_value where not known and letters between 3 and 5 and digits = ''
    union all
    select id, 'short', 'to', 'b' || left(compact, 2)
    from spelling_value where known and letters >= 6
    union all
    select id, 'short', 'from', 'e' || compact from spelling_value where not known and letters = 2
    union all
    select id, 'short', 'to', 'e' || left(compact, 1) || right(compact, 1)
    from spelling_value where known and letters between 3 and 6
"""

# One side is the beginning of the other, so the two sides have other keys.
_BEGINNINGS = """
    select id, left(compact, place) as key
    from spelling_value, range({least}, {LONG} + 1) as places(place)
    where place < letters and {which}
"""

_PAIRS = """
create or replace temp table spelling_pair as
with wrong as (
    select key.key, key.met, value.id, value.column_name
    from spelling_key as key join spelling_value as value using (id)
    where not value.known and key.side <> 'to'
),
right_ones as (
    select key.key, key.met, value.id, value.column_name
    from spelling_key as key join spelling_value as value using (id)
    where key.side <> 'from' and (value.is_target or key.met = 'letters')
),
sizes as (
    select key, column_name, met, count(*) as targets from right_ones group by key, column_name, met
),
wanted as (
    select sizes.key, sizes.column_name, sizes.met
    from sizes
    join (
        select key, column_name, met, count(*) as values from wrong group by key, column_name, met
    ) as wrongs using (key, column_name, met)
    where targets * values <= {PAIRS_OF_KEY}
)
select distinct wrong.id as from_id, right_ones.id as to_id, met
from wanted
join wrong using (key, column_name, met)
join right_ones using (key, column_name, met)
where wrong.id <> right_ones.id
"""

# The same code beside another text: both mostly stand beside one thing, and begin or end alike.
_CONTEXT_PAIRS = """
insert into spelling_pair
with beside as (
    select value.id, value.known, value.is_target, value.compact, context.*,
        sum(context.rows) over (partition by value.id, context_column) as rows_of_value,
    from spelling_context as context join spelling_value as value using (column_name, value)
),
wrong as (select * from beside where not known and rows * 2 >= rows_of_value),
right_ones as (select * from beside where is_target and rows * 2 >= rows_of_value)
select distinct wrong.id, right_ones.id, 'context'
from wrong join right_ones using (column_name, context_column, context_value)
where wrong.id <> right_ones.id and (
    left(wrong.compact, 2) = left(right_ones.compact, 2)
    or right(wrong.compact, 2) = right(right_ones.compact, 2)
)
"""


def find_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes `spelling_value` and `spelling_pair` of `spelling_seen`, `_known` and `_context`."""
    connection.execute(_VALUES.format(FREQUENT=FREQUENT))
    same = " union all ".join(
        f"select id, '{met}' as met, 'both' as side, {key} as key from spelling_value where {which}"
        for met, key, which in _SAME
    )
    beginnings = _BEGINNINGS.format(least=4, LONG=LONG, which="is_target")
    tails = _BEGINNINGS.format(least=3, LONG=LONG, which="not known")
    keys = f"""
        {same}
        union all select id, met, 'both', key from ({_MANY})
        union all from ({_SHORTENED})
        union all select id, 'beginning', 'to', key from ({beginnings})
        union all select id, 'beginning', 'from', compact from spelling_value where letters >= 4
        union all select id, 'tail', 'from', key from ({tails})
        union all select id, 'tail', 'to', compact from spelling_value where letters >= 3
    """.replace("{LONG}", str(LONG)).replace("{REST}", str(REST))
    connection.execute(
        "create or replace temp table spelling_key as "
        f"select id, met, side, hash(met, key) as key from ({keys})"
    )
    connection.execute(_PAIRS.format(PAIRS_OF_KEY=PAIRS_OF_KEY))
    connection.execute(_CONTEXT_PAIRS)
