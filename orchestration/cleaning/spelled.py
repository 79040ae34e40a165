"""Between a dataset's base model and its staging model: asks for misspellings, applies the certain.

The engine (`spelling.py`) knows values, counts and what stands beside them; here they are read off
the base model, cells that are lists are taken apart, and what came out is given to the models as two
functions per spelled column: `spelled_<column>(cell)` and `spelling_rule_<column>(cell)`. Functions
and not a join, because a join loses the order of the lines.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.cleaning.spelling import SpelledColumn, find_misspellings
from orchestration.dataset import Column, Dataset, Spelling
from orchestration.duck import parquet, quoted
from orchestration.review.decisions import SpellingDecision
from orchestration.settings import Settings
from orchestration.warehouse.vocabularies import members

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
    _read_decisions(connection, decisions)
    find_misspellings(
        connection,
        [
            SpelledColumn(
                name=column.name,
                apply_above=spelling.apply_above,
                propose_above=spelling.propose_above,
            )
            for column, spelling in _spelled(dataset)
        ],
        values=_all(dataset, "values"),
        contexts=_all(dataset, "contexts"),
        vocabulary="spelling.vocabulary",
        decisions="spelling.decisions",
        target=target,
    )
    for column, spelling in _spelled(dataset):
        define_correction(connection, column.name, _misspelt(connection, column, spelling, target))


def define_correction(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    cells: Sequence[tuple[str, str, str]] = (),
) -> None:
    """Makes one column's functions from whole cells: as they are, as they should be, and the rule."""
    if not cells:
        connection.execute(f"create macro spelled_{name}(cell) as cell")
        connection.execute(f"create macro spelling_rule_{name}(cell) as null::varchar")
        return
    # Cells get in as a table and never as SQL, in which not every character can stand.
    _make_table(connection, f"cells_of_{name}", ("wrong", "better", "rule"), cells, schema="main")
    listed = f"from cells_of_{name}"
    # Finding a cell among the members of an enum is one look into a hash table.
    connection.execute(f"create type misspelt_{name} as enum (select wrong {listed})")
    connection.execute(
        f"create type better_{name} as enum (select distinct better {listed} order by better)"
    )
    codes = connection.execute(
        f"select list(enum_code(better::better_{name})::integer + 1 "
        f"order by enum_code(wrong::misspelt_{name})) {listed}"
    ).fetchone()
    assert codes is not None
    rules = ", ".join(quoted(PEOPLE if rule == PEOPLE else MACHINE) for _, _, rule in cells)
    place = f"enum_code(try_cast(cell as misspelt_{name})) + 1"
    connection.execute(
        f"create macro spelled_{name}(cell) as coalesce(list_extract("
        f"enum_range(null::better_{name}), list_extract({codes[0]}, {place})), cell)"
    )
    connection.execute(
        f"create macro spelling_rule_{name}(cell) as list_extract([{rules}], {place})"
    )
    connection.execute(f"drop table cells_of_{name}")


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
    parts = f"string_split({rest}, {quoted(spelling.separator)})" if spelling.separator else None
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
    rows = [
        (column.name, entry.value, entry.better)
        for column, spelling in _spelled(dataset)
        for entry in members(settings, spelling)
    ]
    _make_table(connection, "vocabulary", ("column_name", "value", "better"), rows)


def _read_decisions(
    connection: duckdb.DuckDBPyConnection, decisions: Sequence[SpellingDecision]
) -> None:
    names = ("column_name", "from_value", "to_value", "verdict", "decision_id")
    rows = [tuple(getattr(one, name) for name in names) for one in decisions]
    _make_table(connection, "decisions", names, rows)


def _make_table(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    rows: Sequence[Sequence[str | None]],
    *,
    schema: str = "spelling",
) -> None:
    import pyarrow as pa

    cells = [[row[place] for row in rows] for place in range(len(names))]
    given = pa.table(
        {name: pa.array(own, pa.string()) for name, own in zip(names, cells, strict=True)}
    )
    connection.register("given_rows", given)
    connection.execute(f"create table {schema}.{table} as from given_rows")
    connection.unregister("given_rows")


def _misspelt(
    connection: duckdb.DuckDBPyConnection, column: Column, spelling: Spelling, target: Path
) -> list[tuple[str, str, str]]:
    """Whole cells with a misspelt part, put together again, and the rule that did it."""
    return connection.execute(
        "with applied as (select from_value as part, to_value, decision_id "
        f"from {parquet(target)} where outcome = 'applied' and column_name = '{column.name}'), "
        f"affected as (select distinct cell from spelling.parts_{column.name} "
        "join applied using (part)) "
        "select cell, any_value(prefix) || array_to_string("
        f"list(coalesce(to_value, part) order by place), {quoted(spelling.separator or '')}), "
        f"case when count(decision_id) > 0 then '{PEOPLE}' else '{MACHINE}' end "
        f"from affected join spelling.parts_{column.name} using (cell) "
        "left join applied using (part) group by cell order by cell"
    ).fetchall()
