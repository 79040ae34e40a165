"""What a pair of spellings is worth, and what forbids applying it: the whole of the judgement.

A pair's score is 1 / (1 + e^-z); z is the sum of the weights below that hold for it. The weights were
set by hand from what each sign should be worth and then checked on planted misspellings of the seeds
101 to 105 and on half A of a person's merge log; the seeds that are reported are others. `GUARDS` do
not lower a score: they say why a pair is not applied by the machine however good it looks, so it is
proposed instead.

Needs the tables of `candidates.py` and leaves `spelling_judged`: one row per pair that is alike enough
to look at (`from_id`, `to_id`, `change`, `beside`, `score`, `guards`, and what they rest on).
"""

import duckdb

CHANGES = {
    "form": 6.0,  # same letters and digits: case, space, punctuation, accent
    "repeated letter": 4.0,  # a letter doubled, or a doubled one dropped
    "swapped letters": 4.0,  # two neighbours
    "cut short": 4.0,  # eight letters or more of one value, ending within a word or where it is cut
    "missing letter": 3.0,
    "extra letter": 3.0,
    "digit for letter": 3.0,  # 0 for O, 1 for I, 5 for S
    "neighbouring key": 3.0,  # a letter for one beside it on the keyboard
    "other letter": 2.0,
    "word order": 2.0,  # the same words, otherwise arranged or repeated
    "two slips": 1.0,
    "cut and misspelt": 1.0,
    "more slips": -0.5,
    "beginning": 0.0,  # four letters or more of a longer value
    "tail": -0.5,  # a whole value and more behind it
    "short word": 1.0,  # one word of several is cut short
    "turned letters": 1.5,  # those of a short code, in another order
    "initials": 1.0,  # of words, or an initial before the rest
    "short for it": 0.0,  # up to five letters that stand in the value in their order
    "shared tail": 0.5,  # beginning of a value and an ending that many values share
    "word missing": -1.5,  # whole words are missing or too many
}
SLIPS = (
    "form",
    "repeated letter",
    "swapped letters",
    "cut short",
    "missing letter",
    "extra letter",
    "digit for letter",
    "neighbouring key",
    "other letter",
    "two slips",
    "more slips",
)
"""What a finger does. The others are what a person leaves out or puts in on purpose."""
WEIGHTS = {
    "letter_beyond_seven": 0.25,  # per letter of the shorter one, from -4 to +6 letters
    "sounds_alike": 1.0,
    "first_letter_differs": -0.7,
    "slips_beyond_three": -1.0,  # each
    "times_as_frequent": 0.7,  # per power of ten, from -2 to +3
    "in_vocabulary": 1.5,
    "known_words": -3.0,  # what differs is a word of other values: another value, not a slip
    "another_word": -2.0,  # one word of several, of which too little is left
    "digits_differ": -6.0,
    "other_meaning": -20.0,  # other numbers, the opposite, another suffix of a street: no slip at all
    "beside_the_same": 2.5,
    "beside_similar": 0.7,
    "beside_other": -3.0,
}
NEIGHBOURING_KEYS = (
    "QWERTYUIOP ASDFGHJKL ZXCVBNM QAZ WSX EDC RFV TGB YHN UJM IK OL "
    "WA ES RD TF YG UH IJ OK PL SZ DX FC GV HB JN KM"
)
MANY_TIMES = 50
"""How much more frequent the right spelling must be where no vocabulary vouches for it."""
ENOUGH = 20
"""And how frequent at least."""
CUT = 8
"""From how many letters on a beginning that ends within a word is a value that was cut."""

GUARDS = {
    "in vocabulary": "f.known",
    "target not in vocabulary": "t.has_vocabulary and not t.known",
    "target not frequent": (
        "not t.has_vocabulary and case when change = 'form' then t.rows < 2 * f.rows "
        "else t.rows < {ENOUGH} or t.rows < {MANY_TIMES} * f.rows end"
    ),
    "not rarer": "f.rows > t.rows and t.rows > 0 and change <> 'form'",
    "not a slip": "change not in {SLIPS}",
    "too far": (
        "change <> 'form' and (slips > 3 or slips = 3 and shorter < 12 or slips = 2 and shorter < 7)"
    ),
    "digits differ": "f.digits <> t.digits and change not in ('digit for letter', 'form')",
    "holds digits": "digits_in_words and change <> 'form' and beside <> 'same'",
    "digits parted otherwise": (
        "change = 'form' and regexp_extract_all(f.value, '[0-9]+') "
        "<> regexp_extract_all(t.value, '[0-9]+')"
    ),
    "short": (
        "change <> 'form' and beside <> 'same' and (shorter <= 4 "
        "or shorter = 5 and first_differs and change <> 'swapped letters' or longest_word <= 2)"
    ),
    "very short": "change <> 'form' and shorter <= 3",
    "known words": "known_words and beside <> 'same'",
    "other meaning": "other_meaning",
    "another word": "another_word",
    "short form": ("t.id in (select id from spelling_short) and f.fingerprint <> t.fingerprint"),
    "beside other": "beside = 'other' and change <> 'form'",
}

# How often what stands beside a misspelling stands beside the right value, and how often elsewhere.
_BESIDE = """
create or replace temp table spelling_beside as
with context as (
    select value.id, context.context_column as kind, context.context_value as thing,
        context.column_name, context.rows,
        sum(context.rows) over (partition by value.id, kind) as rows_of_value,
        sum(context.rows) over (partition by context.column_name, kind, thing) as rows_of_thing,
        max(context.rows) over (partition by value.id, kind) as most,
    from spelling_context as context join spelling_value as value using (column_name, value)
),
met as (
    select pair.from_id, pair.to_id, wrong.kind, wrong.rows,
        coalesce(good.rows, 0) as good_rows,
        wrong.rows_of_value, wrong.rows_of_thing,
        whole.rows_of_value as good_rows_of_value, whole.most as most,
    from (select distinct from_id, to_id from spelling_close) as pair
    join context as wrong on wrong.id = pair.from_id
    join (select distinct id, kind, rows_of_value, most from context) as whole
        on whole.id = pair.to_id and whole.kind = wrong.kind
    left join context as good
        on good.id = pair.to_id and good.kind = wrong.kind and good.thing = wrong.thing
),
counted as (
    select from_id, to_id, kind, any_value(rows_of_value) as rows_of_value,
        sum(rows) filter (good_rows * 10 >= rows_of_thing * 3) as the_same,
        sum(rows) filter (good_rows * 2 >= good_rows_of_value) as like_it,
        sum(rows) filter (
            good_rows = 0 and good_rows_of_value >= 10
            and (most * 2 >= good_rows_of_value or rows_of_thing - rows >= 5)
        ) as other,
    from met group by from_id, to_id, kind
)
select from_id, to_id,
    bool_or(coalesce(the_same, 0) * 2 >= rows_of_value) as the_same,
    bool_or(coalesce(like_it, 0) * 2 >= rows_of_value) as like_it,
    bool_or(coalesce(other, 0) * 5 >= rows_of_value * 4) as other,
from counted group by from_id, to_id
"""

# Right values that are short for other right ones, as a code is: up to five letters, which stand in
# the longer one in their order, or its first four.
_SHORT = """
create or replace temp table spelling_short as
select short.id, long.id as long_id
from spelling_value as short
join spelling_value as long using (column_name)
where short.known and long.known and short.letters between 3 and 5
    and long.letters > short.letters and long.tokens[1] <> short.tokens[1]
    and left(long.compact, 2) = left(short.compact, 2)
    and (
        left(long.compact, 4) = left(short.compact, 4)
        or regexp_matches(long.compact, array_to_string(string_split(short.compact, ''), '.*'))
    )
"""

_CLOSE = """
create or replace temp table spelling_close as
with met as (
    select from_id, to_id, list_sort(list(met)) as met from spelling_pair group by from_id, to_id
),
tails as (
    select column_name, tail
    from (
        select column_name, left(compact, 4) as head,
            regexp_replace(substr(compact, 5), '[0-9]+', '#', 'g') as tail,
            bool_or(known) as known,
        from spelling_value where letters >= 7 group by all
    )
    where length(tail) >= 3
    group by column_name, tail having count(distinct head) >= 4 and not bool_or(known)
),
measured as (
    select met.*, f.column_name,
        damerau_levenshtein(f.compact, t.compact)::integer as whole_slips,
        f.letters >= {CUT} and t.letters > f.letters and (
            not starts_with(t.compact, f.compact)
            -- a value that is whole words of another one was not cut
            or starts_with(t.tokens[len(f.tokens)], f.tokens[-1])
                and t.tokens[len(f.tokens)] <> f.tokens[-1]
            or length(f.value) = cut_at
            or length(f.value) = cut_at - 1 and t.value[cut_at] = ' '
        ) as is_cut,
        case when is_cut then
            damerau_levenshtein(f.compact, left(t.compact, f.letters))::integer
        end as cut_slips,
        cut_slips = 0 or cut_slips <= 2 and f.letters >= {CUT} + 2 as is_cut_slip,
        list_contains(met, 'short') as is_shortened,
        case when is_shortened and len(f.tokens) = len(t.tokens) and f.initials = t.initials then
            len(list_filter(
                list_zip(f.tokens, t.tokens),
                lambda pair: not regexp_matches(pair[2], {SUBSEQUENCE_OF_WORD})
            )) = 0
        end as is_word_by_word,
        jaro_winkler_similarity(f.compact, t.compact) as alike,
        least(f.letters, t.letters) as shorter,
        greatest(f.letters, t.letters) as longer,
        tails.tail is not null and f.letters >= 7
            and left(f.compact, 4) = left(t.compact, 4) as shares_tail,
    from met
    join spelling_value as f on f.id = from_id
    join spelling_value as t on t.id = to_id
    join spelling_threshold as threshold on threshold.column_name = f.column_name
    left join tails on tails.column_name = f.column_name
        and tails.tail = regexp_replace(substr(f.compact, 5), '[0-9]+', '#', 'g')
    where t.known or t.rows > f.rows or t.rows = f.rows and t.value < f.value
),
parted as (
    select measured.*,
        list_filter(f.tokens, lambda token: not list_contains(t.tokens, token)) as f_words,
        list_filter(t.tokens, lambda token: not list_contains(f.tokens, token)) as t_words,
        case when whole_slips = 1 and f.letters = t.letters then
            [i for i in range(1, f.letters + 1) if f.compact[i] <> t.compact[i]][1]
        end as differs_at,
    from measured
    join spelling_value as f on f.id = from_id
    join spelling_value as t on t.id = to_id
    where whole_slips * 5 <= longer * 2 or alike >= 0.8 or is_shortened or shares_tail
        or is_cut_slip or f.letters <= 6 and f.sorted_letters = t.sorted_letters
        or f.fingerprint = t.fingerprint
        or starts_with(t.compact, f.compact) or starts_with(f.compact, t.compact)
),
named as (
    select parted.*,
        case when is_cut_slip and cut_slips < whole_slips then cut_slips else whole_slips end as slips,
        left(f.compact, 1) <> left(t.compact, 1) as first_differs,
        case
            when f.compact = t.compact then 'form'
            when is_cut and cut_slips = 0 then 'cut short'
            when f.digits <> '' and t.digits = '' and starts_with(f.compact, t.compact) then 'tail'
            when f.digits <> t.digits
                and translate(f.compact, '015', 'OIS') = translate(t.compact, '015', 'OIS')
                then 'digit for letter'
            when len(t.tokens) > 1 and len(f_words) = 0 or len(f.tokens) > 1 and len(t_words) = 0
                then case when f.fingerprint = t.fingerprint then 'word order' else 'word missing' end
            when f.collapsed = t.collapsed and whole_slips <= 2 then 'repeated letter'
            when whole_slips = 1 and f.letters < t.letters then 'missing letter'
            when whole_slips = 1 and f.letters > t.letters then 'extra letter'
            when whole_slips = 1 and f.sorted_letters = t.sorted_letters then 'swapped letters'
            when whole_slips = 1 and (
                contains({KEYS}, f.compact[differs_at] || t.compact[differs_at])
                or contains({KEYS}, t.compact[differs_at] || f.compact[differs_at])
            ) then 'neighbouring key'
            when whole_slips = 1 then 'other letter'
            when f.letters <= 6 and f.sorted_letters = t.sorted_letters then 'turned letters'
            when starts_with(t.compact, f.compact) then 'beginning'
            when len(f.tokens) = len(t.tokens) and len(f_words) = 1 and len(t_words) = 1
                and length(f_words[1]) >= 3 and starts_with(t_words[1], f_words[1])
                then 'short word'
            when starts_with(f.compact, t.compact) then 'tail'
            when is_shortened and (
                len(t.tokens) > 1 and (f.compact = t.initials or is_word_by_word)
                or f.letters >= 4 and f.letters <= t.letters - 1
                    and f.compact = left(t.compact, 1) || right(t.compact, f.letters - 1)
            ) then 'initials'
            when is_shortened and f.letters <= 5 and t.known
                and regexp_matches(t.compact, {SUBSEQUENCE}) then 'short for it'
            when shares_tail then 'shared tail'
            when is_cut_slip and cut_slips < whole_slips then 'cut and misspelt'
            when whole_slips = 2 then 'two slips'
            else 'more slips'
        end as change,
    from parted
    join spelling_value as f on f.id = from_id
    join spelling_value as t on t.id = to_id
)
select * from named
where change not in ('two slips', 'more slips', 'cut and misspelt')
    or slips * 5 <= longer * 2
    or alike >= 0.8 and slips * 2 <= longer
"""

_JUDGED = """
create or replace temp table spelling_judged as
with words as (
    select column_name, word, max(case when known then {VOUCHED} else rows end) as rows
    from (
        select column_name, known, rows, id, unnest(tokens) as word
        from spelling_value where is_target
    )
    group by column_name, word
),
differing as (
    select close.from_id, close.to_id,
        bool_and(coalesce(words.rows, 0) >= 20 * value.rows and words.rows > 0) as known_words,
    from (select from_id, to_id, column_name, unnest(f_words) as word from spelling_close) as close
    join spelling_value as value on value.id = close.from_id
    left join words on words.column_name = close.column_name and words.word = close.word
    group by close.from_id, close.to_id
),
joined as (
    select close.*,
        case
            when beside.other and not beside.the_same then 'other'
            when beside.the_same then 'same'
            when beside.like_it then 'similar'
            else 'unknown'
        end as beside,
        coalesce(differing.known_words, false)
            and change not in ('form', 'cut short', 'shared tail', 'short word') as known_words,
        coalesce(list_max([length(word) for word in f_words || t_words]), 9) as longest_word,
        regexp_matches(array_to_string(f_words || t_words, ''), '[0-9]') as digits_in_words,
        len(f.tokens) > 1 and len(f_words) = 1 and len(t_words) = 1 and slips > 1
            and damerau_levenshtein(f_words[1], t_words[1]) * 5
                >= greatest(length(f_words[1]), length(t_words[1])) * 2
            and change in ('two slips', 'more slips', 'cut and misspelt') as another_word,
        change not in ('form', 'digit for letter') and (
            change not in ('tail', 'shared tail') and (
                spelling_is_opposed(f.opposed, t.opposed)
                or f.digits <> t.digits
                    and regexp_replace(f.compact, '[0-9]', '', 'g')
                        = regexp_replace(t.compact, '[0-9]', '', 'g')
            )
            or spelling_is_denied(f_words, t_words) or spelling_is_denied(t_words, f_words)
            or one_end.means <> other_end.means or one_start.means <> other_start.means
        ) as is_other,
        coalesce(is_other, false) as other_meaning,
    from spelling_close as close
    join spelling_value as f on f.id = from_id
    join spelling_value as t on t.id = to_id
    left join spelling_apart as one_end
        on one_end.column_name = f.column_name and one_end.word = f.tokens[-1]
        and one_end.place = 'last'
    left join spelling_apart as other_end
        on other_end.column_name = f.column_name and other_end.word = t.tokens[-1]
        and other_end.place = 'last'
    left join spelling_apart as one_start
        on one_start.column_name = f.column_name and one_start.word = f.tokens[1]
        and one_start.place = 'first'
    left join spelling_apart as other_start
        on other_start.column_name = f.column_name and other_start.word = t.tokens[1]
        and other_start.place = 'first'
    left join differing using (from_id, to_id)
    left join spelling_beside as beside using (from_id, to_id)
),
weighed as (
    select joined.*,
        {CHANGE}
        + {letter_beyond_seven} * greatest(-4, least(6, shorter - 7))
        + case when f.sound = t.sound and length(f.sound) >= 2
            then {sounds_alike} else 0 end
        + case when first_differs then {first_letter_differs} else 0 end
        + {slips_beyond_three} * case when change = 'more slips' then greatest(0, slips - 3) else 0 end
        + {times_as_frequent}
            * greatest(-2, least(3, log10((t.rows + 1) / (f.rows + 1)::double)))
        + case when t.known then {in_vocabulary} else 0 end
        + case when known_words then {known_words} else 0 end
        + case when another_word then {another_word} else 0 end
        + case when other_meaning then {other_meaning} else 0 end
        + case when f.digits <> t.digits and change not in ('digit for letter', 'shared tail')
                and not (change = 'tail' and t.digits = '')
            then {digits_differ} else 0 end
        + case beside when 'same' then {beside_the_same} when 'similar' then {beside_similar}
            when 'other' then {beside_other} else 0 end
        as z,
        list_filter([{GUARDS}], lambda guard: guard is not null) as guards,
    from joined
    join spelling_value as f on f.id = from_id
    join spelling_value as t on t.id = to_id
)
select *, round(1 / (1 + exp(-z)), 4) as score from weighed
"""


def judge_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes `spelling_judged` of the candidates."""
    fill = {"ENOUGH": ENOUGH, "MANY_TIMES": MANY_TIMES, "SLIPS": SLIPS}
    guards = ", ".join(
        f"case when {test.format(**fill)} then '{name}' end" for name, test in GUARDS.items()
    )
    change = " ".join(f"when '{name}' then {weight}" for name, weight in CHANGES.items())
    connection.execute(_SHORT)
    connection.execute(
        _CLOSE.format(
            KEYS=f"'{NEIGHBOURING_KEYS}'",
            CUT=CUT,
            SUBSEQUENCE="'^' || array_to_string(string_split(f.compact, ''), '.*')",
            SUBSEQUENCE_OF_WORD="'^' || array_to_string(string_split(pair[1], ''), '.*')",
        )
    )
    connection.execute(_BESIDE)
    connection.execute(
        _JUDGED.format(CHANGE=f"case change {change} end", GUARDS=guards, VOUCHED=10**12, **WEIGHTS)
    )
