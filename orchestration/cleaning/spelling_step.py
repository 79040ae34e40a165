"""Between a dataset's base model and its staging model: asks for misspellings, applies the certain.

The engine (`spelling.py`) knows values, counts and what stands beside them; here they are read off
the base model, cells that are lists are taken apart, and what came out is given to the models as two
functions per spelled column: `spelled_<column>(cell)` and `spelling_rule_<column>(cell)`. Functions
and not a join, because a join loses the order of the lines.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.cleaning.spelling_engine import SpelledColumn, find_misspellings
from orchestration.column import Column, Spelling
from orchestration.dataset import Dataset
from orchestration.duck import make_table, parquet, quoted
from orchestration.lookup import define_lookup
from orchestration.review.decisions import SpellingDecision
from orchestration.settings import Settings
from orchestration.warehouse.vocabularies import STREETS, load_vocabulary, members

MACHINE = "misspelling_corrected"
PEOPLE = "spelling_decided"


def suspect_misspellings(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    dataset: Dataset,
    *,
    base: str,
    decisions: Sequence[SpellingDecision],
    target: Path,
    classes: str | None = None,
    schema: str = "main",
) -> None:
    """Writes `target` (see `find_misspellings`) and defines the functions that apply it.

    `base` has one row per line, the standardized columns under their names.
    """
    connection.execute("create schema spelling")
    _read_lines(connection, dataset, base)
    for column, spelling in _spelled(dataset):
        _read_values(connection, column, spelling)
        _read_contexts(connection, column, spelling)
    _read_vocabulary(connection, settings, dataset)
    _read_apart(connection, settings, dataset)
    _read_decisions(connection, decisions)
    find_misspellings(
        connection,
        [
            SpelledColumn(
                name=column.name,
                apply_above=spelling.apply_above,
                propose_above=spelling.propose_above,
                cut_at=spelling.cut_at,
            )
            for column, spelling in _spelled(dataset)
        ],
        values=_all(dataset, "values"),
        contexts=_all(dataset, "contexts"),
        vocabulary="spelling.vocabulary",
        decisions="spelling.decisions",
        target=target,
        apart="spelling.apart",
        classes=classes,
    )
    for column, _ in _spelled(dataset):
        cells = _misspelt(connection, column, target)
        define_correction(connection, column.name, cells, schema=schema)


def define_correction(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    cells: Sequence[tuple[str, str, str]] = (),
    *,
    schema: str = "main",
) -> None:
    """Makes one column's functions from whole cells: as they are, as they should be, and the rule."""
    define_lookup(
        connection,
        f"{schema}.spelling_of_{name}(cell)",
        {wrong: right for wrong, right, _ in cells},
    )
    connection.execute(
        f"create macro {schema}.spelled_{name}(cell) as "
        f"coalesce({schema}.spelling_of_{name}(cell), cell)"
    )
    define_lookup(
        connection,
        f"{schema}.spelling_rule_{name}(cell)",
        {wrong: rule for wrong, _, rule in cells},
    )


def _spelled(dataset: Dataset) -> list[tuple[Column, Spelling]]:
    return [(column, column.spelling) for column in dataset.columns if column.spelling]


def _all(dataset: Dataset, kind: str) -> str:
    tables = (f"from spelling.{kind}_{column.name}" for column, _ in _spelled(dataset))
    return f"({' union all '.join(tables)})"


def _read_lines(connection: duckdb.DuckDBPyConnection, dataset: Dataset, base: str) -> None:
    """`lines`: the columns that are asked for, so that the base model is worked out once."""
    names = {
        name
        for column, spelling in _spelled(dataset)
        for name in (column.name, *spelling.agrees_with)
    }
    cells = ", ".join(f"{name}::varchar as {name}" for name in sorted(names))
    moment = f"{dataset.event_time}::timestamp" if dataset.event_time else "null::timestamp"
    connection.execute(
        f"create temp table spelling_lines as select {cells}, {moment} as _moment from {base}"
    )


def _read_values(connection: duckdb.DuckDBPyConnection, column: Column, spelling: Spelling) -> None:
    """Tables per column: `cells` with counts, `parts` of each cell, `values` with counts."""
    name = column.name
    prefix = f"regexp_extract(cell, {quoted('^' + spelling.prefix)})" if spelling.prefix else "''"
    rest = f"substr(cell, length({prefix}) + 1)"
    parts = f"string_split({rest}, {quoted(column.separator)})" if column.separator else None
    connection.execute(
        f"create table spelling.cells_{name} as select {name} as cell, count(*) as rows, "
        "min(_moment) as first_at, max(_moment) as last_at from spelling_lines "
        f"where {name} is not null group by cell"
    )
    connection.execute(
        f"create table spelling.parts_{name} as select cell, prefix, unnest(parts) as part, "
        "generate_subscripts(parts, 1) as place from "
        f"(select cell, {prefix} as prefix, {parts or f'[{rest}]'} as parts "
        f"from spelling.cells_{name})"
    )
    connection.execute(
        f"create table spelling.values_{name} as select '{name}' as column_name, part as value, "
        "sum(rows)::bigint as rows, min(first_at) as first_at, max(last_at) as last_at "
        f"from spelling.parts_{name} join spelling.cells_{name} using (cell) "
        "where part <> '' group by value"
    )


def _read_contexts(
    connection: duckdb.DuckDBPyConnection, column: Column, spelling: Spelling
) -> None:
    name = column.name
    beside = [
        f"select '{name}' as column_name, part as value, '{other}' as context_column, "
        "context_value, sum(rows)::bigint as rows from "
        f"(select {name} as cell, {other} as context_value, count(*) as rows "
        f"from spelling_lines where {name} is not null and {other} is not null group by all) "
        f"join spelling.parts_{name} using (cell) group by value, context_value"
        for other in spelling.agrees_with
    ]
    nothing = (
        "select null::varchar as column_name, null::varchar as value, null::varchar as "
        "context_column, null::varchar as context_value, null::bigint as rows where false"
    )
    connection.execute(
        f"create table spelling.contexts_{name} as {' union all '.join(beside) or nothing}"
    )


def _read_vocabulary(
    connection: duckdb.DuckDBPyConnection, settings: Settings, dataset: Dataset
) -> None:
    entries = [
        (column.name, entry)
        for column, spelling in _spelled(dataset)
        for entry in members(settings, spelling)
    ]
    make_table(
        connection,
        "spelling.vocabulary",
        {
            "column_name": [name for name, _ in entries],
            "value": [entry.value for _, entry in entries],
            "better": [entry.better for _, entry in entries],
        },
    )


def _read_apart(
    connection: duckdb.DuckDBPyConnection, settings: Settings, dataset: Dataset
) -> None:
    """Columns of streets: a suffix is not another suffix, nor a direction another one."""
    names, suffixes, directions = STREETS
    words = [
        (column.name, place, entry)
        for column, spelling in _spelled(dataset)
        if names in spelling.vocabulary
        for place, vocabulary in (("last", suffixes), ("first", directions))
        for entry in load_vocabulary(settings, vocabulary)
    ]
    make_table(
        connection,
        "spelling.apart",
        {
            "column_name": [name for name, _, _ in words],
            "place": [place for _, place, _ in words],
            "word": [entry.value for _, _, entry in words],
            "means": [entry.one_form for _, _, entry in words],
        },
    )


def _read_decisions(
    connection: duckdb.DuckDBPyConnection, decisions: Sequence[SpellingDecision]
) -> None:
    make_table(
        connection,
        "spelling.decisions",
        {
            name: [getattr(one, name) for one in decisions]
            for name in ("column_name", "from_value", "to_value", "verdict", "decision_id")
        },
    )


def _misspelt(
    connection: duckdb.DuckDBPyConnection, column: Column, target: Path
) -> list[tuple[str, str, str]]:
    """Whole cells with a misspelt part, put together again, and the rule that did it."""
    return connection.execute(
        "with applied as (select from_value as part, to_value, decision_id "
        f"from {parquet(target)} where outcome = 'applied' and column_name = '{column.name}'), "
        f"affected as (select distinct cell from spelling.parts_{column.name} "
        "join applied using (part)) "
        "select cell, any_value(prefix) || array_to_string("
        f"list(coalesce(to_value, part) order by place), {quoted(column.separator or '')}), "
        f"case when count(decision_id) > 0 then '{PEOPLE}' else '{MACHINE}' end "
        f"from affected join spelling.parts_{column.name} using (cell) "
        "left join applied using (part) group by cell order by cell"
    ).fetchall()
