"""Misspelt values of columns: what is applied, what is proposed to people, what is left.

Works on distinct values with counts, inside DuckDB: `candidates.py` makes pairs, `scoring.py` judges
them, `drift.py` sets apart what is new together, and here outcomes are drawn, people's decisions are
put first and chains are followed. Reading values off a dataset and correcting its cells is in
`spelled.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.cleaning.candidates import find_pairs
from orchestration.cleaning.decided import REFUSED, read_decisions
from orchestration.cleaning.drift import find_drift
from orchestration.cleaning.keys import define_keys
from orchestration.cleaning.meanings import define_meanings
from orchestration.cleaning.scoring import judge_pairs
from orchestration.duck import copy_to_parquet, quoted

CONSIDERED = 0.2
"""Pairs below this score are not worth a line."""
LEFT_OF_COLUMN = 500
"""How many pairs that were considered and left are listed for a column, the likeliest first."""
PROPOSALS_OF_VALUE = 3
ONWARD = 0.99
"""What a proposal is worth beside another one, when its target is what the other's is short for."""
CLEAR = 1.5
"""How far, in z, the best target must be ahead of the next one to be applied."""
TABLES = (
    *(
        "seen",
        "known",
        "context",
        "decision",
        "threshold",
        "apart",
        "class",
        "value",
        "key",
        "pair",
        "short",
    ),
    *("close", "beside", "judged", "life", "turn", "moment", "drift", "drawn", "edge", "outcome"),
)


@dataclass(frozen=True, kw_only=True)
class SpelledColumn:
    """A column whose spelling is looked at, its two thresholds, and where the source cuts it."""

    name: str
    apply_above: float
    propose_above: float
    cut_at: int | None = None


def find_misspellings(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[SpelledColumn],
    *,
    values: str,
    contexts: str,
    vocabulary: str,
    decisions: str,
    target: Path,
    apart: str | None = None,
    classes: str | None = None,
) -> None:
    """Writes one row per suspected or decided spelling, sorted, as Parquet.

    The relations are tables, or queries in brackets, on the connection:

    - `values`: `column_name`, `value`, `rows`, `first_at`, `last_at`; one row per column and value
    - `contexts`: `column_name`, `value`, `context_column`, `context_value`, `rows`
    - `vocabulary`: `column_name`, `value`, and `better` where an official value is itself misspelt:
      that is proposed to its owner with score 1, and never applied
    - `decisions`: `column_name`, `from_value`, `to_value`, `verdict`, `decision_id`
    - `apart`: `column_name`, `place`, `word`, `means`: words that values begin with (`first`) or end
      with (`last`), such as suffixes of streets; one that means another thing makes another value
    - `classes`: `column_name`, `value`, `class`, of columns whose values decide something. From a value
      to one of another class, and from or to a value without one, is proposed at most, whatever it
      looks like; a decision that does so is not followed (`decided.py`). Case is no difference

    What becomes of a value rests on evidence about it and about what it resembles: how they are spelt,
    how many rows have either, what stands beside them and what else stands there, which other values
    it resembles or shares a word with, and, of columns with times, what came and went in the same
    week. Values that have nothing of this in common with it change nothing. Only the list of what was
    considered and `left` is cut by rank.

    Written: `column_name`, `from_value`, `to_value`, `outcome` (`applied`, `proposed`, `left`,
    `drift`), `score`, `rows`, `evidence` (JSON), `evidence_hash` (of its kind, not of its counts),
    `decision_id`. One applied row per value at most, and none whose target is applied to another.
    A drift row without `to_value` is a new value that resembles no old one. `keep` refuses one
    correction: what else the value resembles is proposed at most. Without a `to_value` it keeps the
    value as it is, whatever it resembles.

    Raises:
        ConfigurationError: decisions contradict each other, form a cycle or name another column.
    """
    define_keys(connection)
    define_meanings(connection)
    _read(connection, columns, values, contexts, vocabulary, apart or _NO_APART)
    read_decisions(
        connection, [column.name for column in columns], decisions, classes or _NO_CLASSES
    )
    find_pairs(connection)
    judge_pairs(connection)
    find_drift(connection)
    for statement in (_DRAWN, _EDGES, _OUTCOMES):
        connection.execute(
            statement.format(
                CLEAR=CLEAR,
                CONSIDERED=CONSIDERED,
                ONWARD=ONWARD,
                PROPOSALS=PROPOSALS_OF_VALUE,
                LEFT=LEFT_OF_COLUMN,
                REFUSED=REFUSED,
                EVIDENCE=_EVIDENCE,
                KIND=_KIND,
            )
        )
    connection.execute(
        copy_to_parquet(
            "select column_name, from_value, to_value, outcome, score, rows, evidence, "
            "left(sha256(kind), 16) as evidence_hash, decision_id "
            "from spelling_outcome order by all",
            target,
        )
    )
    for name in TABLES:
        connection.execute(f"drop table if exists temp.spelling_{name}")


def _read(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[SpelledColumn],
    values: str,
    contexts: str,
    vocabulary: str,
    apart: str,
) -> None:
    """The caller's relations as tables of the types that are promised, the asked columns only."""
    thresholds = ", ".join(
        f"({quoted(column.name)}, {column.apply_above}, {column.propose_above}, "
        f"{column.cut_at or 'null'})"
        for column in columns
    )
    connection.execute(
        "create or replace temp table spelling_threshold as "
        "select column_name, apply_above::double as apply_above, propose_above::double as "
        "propose_above, cut_at::integer as cut_at from (values "
        f"{thresholds or '(null, null, null, null)'}) "
        "as t(column_name, apply_above, propose_above, cut_at)"
    )
    names = connection.sql(f"select * from {vocabulary} limit 0").columns
    better = "max(better)" if "better" in names else "null"
    asked = "column_name in (select column_name from spelling_threshold)"
    for name, query in {
        "seen": "select column_name::varchar as column_name, value::varchar as value, "
        "rows::bigint as rows, first_at::timestamp as first_at, last_at::timestamp as last_at "
        f"from {values} where value is not null and {asked}",
        "context": "select column_name::varchar as column_name, value::varchar as value, "
        "context_column::varchar as context_column, context_value::varchar as context_value, "
        f"sum(rows)::bigint as rows from {contexts} where value is not null and "
        f"context_value is not null and rows > 0 and {asked} group by all",
        "known": "select column_name::varchar as column_name, value::varchar as value, "
        f"{better}::varchar as better from {vocabulary} where value is not null and {asked} "
        "group by column_name, value",
        # A word that means two things keeps nothing apart.
        "apart": "select column_name::varchar as column_name, place::varchar as place, "
        "upper(word::varchar) as word, "
        f"any_value(means::varchar) as means from {apart} where {asked} "
        "group by all having count(distinct means) = 1",
    }.items():
        connection.execute(f"create or replace temp table spelling_{name} as {query}")


_NO_APART = "(select '' as column_name, '' as place, '' as word, '' as means where false)"
_NO_CLASSES = "(select '' as column_name, '' as value, '' as class where false)"

# The best pairs of every value with what the machine would do by itself. Two targets that differ
# in form alone are one meaning; any other that comes near the best one makes it doubtful.
_DRAWN = """
create or replace temp table spelling_drawn as
with grouped as (
    select judged.*, t.compact as to_compact,
        max(round(z, 6)) over (partition by from_id, t.compact) as best_of_letters,
        count(*) over (partition by from_id, t.compact) as ways_to_write,
    from spelling_judged as judged join spelling_value as t on t.id = to_id
),
ranked as (
    select judged.*, f.value as from_value, t.value as to_value, f.rows, t.rows as to_rows,
        t.known as to_known, f.known as from_known,
        t.has_vocabulary, []::varchar[] as via,
        case when from_id in (select id from spelling_drift union select old_id from spelling_drift)
            then ['new together'] else [] end
        || case when f.column_name in (select column_name from spelling_class)
                and not coalesce(f_class.classes = t_class.classes, false)
            then ['another class'] else [] end as more_guards,
        row_number() over (
            partition by from_id
            order by best_of_letters desc,
                case when ways_to_write > 1
                    then damerau_levenshtein(upper(f.value), upper(t.value)) end,
                round(z, 6) desc,
                t.known desc, t.rows desc, t.value
        ) as place,
    from grouped as judged
    join spelling_value as f on f.id = from_id
    join spelling_value as t on t.id = to_id
    left join spelling_class as f_class
        on f_class.column_name = f.column_name and f_class.value = upper(f.value)
    left join spelling_class as t_class
        on t_class.column_name = t.column_name and t_class.value = upper(t.value)
    where not coalesce(
        -- neither from the new words to the old ones, nor the other way round
        from_id in (select id from spelling_drift)
            and to_id in (select old_id from spelling_drift)
        or from_id in (select old_id from spelling_drift)
            and to_id in (select id from spelling_drift),
        false
    )
),
rivals as (
    select best.from_id, best.z - max(other.z) as ahead
    from ranked as best
    join ranked as other on other.from_id = best.from_id and other.to_compact <> best.to_compact
    where best.place = 1
    group by best.from_id, best.z
),
drawn as (
    select ranked.*, propose_above,
        guards || more_guards || case when coalesce(ahead, 99) < {CLEAR} and change <> 'form'
            then ['two targets'] else [] end as held_by,
        case
            when score >= apply_above and place = 1 and len(held_by) = 0 then 'applied'
            when score >= propose_above then 'proposed'
            else 'left'
        end as draft,
    from ranked
    join spelling_threshold as threshold using (column_name)
    left join rivals using (from_id)
    where score >= {CONSIDERED} or score >= propose_above
),
onward as (
    select id, long_id as onward_id, 'short for it' as how from spelling_short
    union all
    select from_id, to_id, 'misspelt itself' from drawn
    where place = 1 and draft = 'proposed' and has_vocabulary and to_known and not from_known
),
further as (
    select drawn.* exclude (to_id, to_value, to_rows, to_known, to_compact, score, draft, slips, via),
        long.id as to_id, long.value as to_value, long.rows as to_rows, long.known as to_known,
        long.compact as to_compact, round(drawn.score * {ONWARD}, 4) as score, 'proposed' as draft,
        null as slips, [drawn.to_value] as via
    from drawn
    join onward on onward.id = drawn.to_id
    join spelling_value as long on long.id = onward.onward_id
    where drawn.draft = 'proposed' and long.id <> from_id and (place = 1 or how = 'misspelt itself')
        and round(drawn.score * {ONWARD}, 4) >= propose_above
)
select * from (from drawn union all by name from further)
qualify row_number() over (
    partition by from_id, to_id
    order by draft = 'left', draft <> 'applied', score desc, len(via), place, via
) = 1
"""

# What is applied: decisions, and the machine's where no decision is about the value. A value leads to
# one other at most, so circles are apart from each other; one needs a decision, since the machine only
# goes from the rarer to the more frequent. The machine's part in a circle is dropped.
_EDGES = """
create or replace temp table spelling_edge as
with recursive edges as (
    select column_name, from_value, to_value, decision_id
    from spelling_decision where verdict = 'apply'
    union all
    select column_name, from_value, to_value, null
    from spelling_drawn
    where draft = 'applied' and (column_name, from_value) not in (
        select (column_name, from_value) from spelling_decision
    )
),
walked as (
    select column_name, from_value as start, to_value as here, [from_value] as path
    from edges where decision_id is not null
    union all
    select column_name, start, to_value, list_append(path, from_value)
    from walked join edges using (column_name)
    where edges.from_value = walked.here and not list_contains(path, walked.here)
),
circles as (
    select distinct column_name, unnest(path) as from_value from walked where here = start
),
kept as (
    select edges.* from edges
    where decision_id is not null
        or (column_name, from_value) not in (select (column_name, from_value) from circles)
),
followed as (
    select *, to_value as here, []::varchar[] as via from kept
    union all
    select followed.* exclude (here, via), kept.to_value, list_append(via, here)
    from followed join kept using (column_name)
    where kept.from_value = followed.here
)
select column_name, from_value, to_value as first_value, here as to_value, decision_id, via
from followed
qualify row_number() over (partition by column_name, from_value order by len(via) desc) = 1
"""

# What was drawn for values that are not applied, to where their targets end; what was decided to be
# kept; what is new together; and official values that have a better spelling.
_OUTCOMES = """
create or replace temp table spelling_outcome as
with applied as (
    select edge.column_name, edge.from_value, edge.to_value, 'applied' as outcome,
        edge.first_value, edge.decision_id, edge.via
    from spelling_edge as edge
),
kept as (
    select column_name, from_value, to_value, 'left' as outcome, to_value as first_value,
        decision_id, []::varchar[] as via
    from spelling_decision where verdict in ('keep', '{REFUSED}')
),
decided as (
    select column_name, from_value from spelling_edge
    union
    select column_name, from_value from spelling_decision
    where verdict = 'apply' or to_value is null
),
open_ones as (
    select drawn.column_name, drawn.from_value,
        coalesce(edge.to_value, drawn.to_value) as to_value,
        case when draft in ('applied', 'proposed') then 'proposed' else 'left' end as outcome,
        drawn.to_value as first_value, null as decision_id,
        case when edge.to_value is null then drawn.via
            else list_append(drawn.via, drawn.to_value) end as via,
    from spelling_drawn as drawn
    left join spelling_edge as edge
        on edge.column_name = drawn.column_name and edge.from_value = drawn.to_value
    where (drawn.column_name, drawn.from_value) not in (
            select (column_name, from_value) from decided
        )
        and (drawn.column_name, drawn.from_value, coalesce(edge.to_value, drawn.to_value)) not in (
            select (column_name, from_value, to_value) from kept where to_value is not null
        )
        and (place = 1 or draft in ('applied', 'proposed'))
    qualify row_number() over (
        partition by drawn.column_name, drawn.from_value, coalesce(edge.to_value, drawn.to_value)
        order by place
    ) = 1
),
drifted as (
    select new.column_name, new.value as from_value, old.value as to_value, 'drift' as outcome,
        old.value as first_value, null as decision_id, []::varchar[] as via, drift.since
    from spelling_drift as drift
    join spelling_value as new using (id)
    left join spelling_value as old on old.id = drift.old_id
),
better as (
    select column_name, value as from_value, better as to_value, 'proposed' as outcome,
        better as first_value, null as decision_id, []::varchar[] as via
    from spelling_known
    where better is not null and better <> value
        and (column_name, value) in (select (column_name, value) from spelling_seen)
),
every as (
    select *, null::timestamp as since from applied
    union all by name select * from kept
    union all by name select * from open_ones
    union all by name select * from drifted
    where (column_name, from_value) not in (select (column_name, from_value) from decided)
    union all by name select * from better
    where (column_name, from_value) not in (select (column_name, from_value) from decided)
        and (column_name, from_value, to_value) not in (
            select (column_name, from_value, to_value) from kept where to_value is not null
        )
),
counted as (
    select column_name, value as from_value, sum(rows)::bigint as rows
    from spelling_seen group by all
),
told as (
    select every.*, coalesce(counted.rows, 0) as rows,
        coalesce(
            case when every.outcome = 'proposed' and known.better is not null then 1.0 end,
            judged.score, case when every.decision_id is not null then 1.0 else 0.0 end
        ) as score,
        case
            when every.outcome = 'drift' then 'new together'
            when known.better = every.to_value then 'better label'
            else coalesce(judged.change, 'decided')
        end as change,
        judged.beside, judged.slips, judged.met, judged.held_by,
        known.value is not null as from_known,
        target.value is not null as to_known,
        aim.rows as to_rows,
    from every
    left join counted using (column_name, from_value)
    left join spelling_drawn as judged on judged.column_name = every.column_name
        and judged.from_value = every.from_value and judged.to_value = every.first_value
    left join spelling_known as known
        on known.column_name = every.column_name and known.value = every.from_value
    left join spelling_known as target
        on target.column_name = every.column_name and target.value = every.to_value
    left join counted as aim
        on aim.column_name = every.column_name and aim.from_value = every.to_value
)
select *, {EVIDENCE} as evidence, {KIND} as kind
from told
where to_value is distinct from from_value
qualify row_number() over (
    partition by column_name, from_value, outcome, coalesce(to_known, false)
    order by score desc, to_value
) <= case outcome when 'proposed' then {PROPOSALS} else 1000000 end
and row_number() over (
    partition by column_name, outcome, decision_id is null order by score desc, from_value, to_value
) <= case when outcome = 'left' and decision_id is null then {LEFT} else 1000000000 end
"""

_EVIDENCE = """to_json({
    'beside': beside, 'change': change, 'decision_id': decision_id, 'edits': slips,
    'from_in_vocabulary': from_known, 'held_by': held_by, 'keys': met, 'rows': rows,
    'since': since::varchar, 'target_in_vocabulary': to_known, 'target_rows': to_rows, 'via': via
})::varchar"""
_KIND = "concat_ws('|', column_name, from_value, to_value, change, beside, from_known, to_known)"
