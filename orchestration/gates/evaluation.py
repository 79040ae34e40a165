"""Runs one suite with Great Expectations inside DuckDB, straight on the layer's Parquet.

What comes back are counts, shares, line ids and queries: never a cell. An expectation that crashed
is `broken`, which is another thing than `failed`.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import duckdb
import great_expectations as gx
from great_expectations.expectations.registry import get_expectation_impl

from orchestration.duck import BOUNDS, copy_to_parquet
from orchestration.gates import expectations as _registers_ours  # noqa: F401
from orchestration.gates.engine import open_beside_gx
from orchestration.gates.queries import runnable, without_changes
from orchestration.gates.suites import BY_ROW, Rule
from orchestration.layers import sync_file
from orchestration.state.records import RuleRecord

logger = logging.getLogger(__name__)

LINE = ("_extract_id", "_line")
EXAMPLES = 5
_BOUND = {"config": dict(BOUNDS)}
COLUMNS_RULE = "expect_table_columns_to_match_set"
_ERROR_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """What one rule found: how many rows break it, which share, examples, and the query for all."""

    rule_id: str
    strength: str
    outcome: str
    """`passed`, `failed` or `broken`."""
    failing: int
    keys: int | None
    """How many keys the failing lines belong to, where the table has a key per line."""
    share: float
    examples: list[str]
    query: str | None
    """Runs as it stands, in any DuckDB of this machine, while the layer's files are kept."""
    observed: str | None = None
    """For a rule about the table: the number or the column names that were found; for one about
    lines that could not be read: the reasons."""
    cause: str | None = None
    """For a broken rule: the kind of error, without its text."""

    def as_json(self) -> RuleRecord:
        """As it is kept in the gate record."""
        return cast(RuleRecord, asdict(self))


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What a gate looks at: tables, as SQL, under names, one of them gated, and a row of facts."""

    gated: str
    views: Mapping[str, str]
    facts: Mapping[str, Any]
    functions: Mapping[str, str]
    """What rules may ask of times, by name: see `time_functions`."""
    key: str
    vocabularies: Mapping[str, Path]
    """Facts that are the values of a vocabulary, and its file."""


def evaluate(
    rules: Sequence[Rule], tables: Tables, *, parameters: Mapping[str, Any], folder: Path
) -> tuple[list[RuleResult], int]:
    """Every rule's result, in the order of the rules, and the number of rows looked at.

    Leaves `quarantine.parquet` in the folder: one row per line and broken rule that keeps rows back
    (`_extract_id`, `_line`, `rule_id`, `waits`: whether for a person).
    """
    database = folder / "gate.duckdb"
    by_line = tables.gated != "deduplicated"
    expectations, unfit = _expectations(rules, parameters)
    with open_beside_gx(_url(database), _BOUND) as connection:
        prepare(connection, tables)
        found = {
            result.expectation_config.meta["rule_id"]: result
            for result in _validate(
                expectations,
                tables.gated,
                parameters,
                database,
                key_columns=LINE if by_line else (tables.key,),
            )
        }
        counted = connection.execute(f"select count(*) from {tables.gated}").fetchone()
        rows = counted[0] if counted else 0
        connection.execute(
            "create temp table failing (rule_id varchar, _extract_id varchar, _line bigint)"
        )
        results = [
            _bare(rule, "broken", cause=unfit[rule.meta.rule_id])
            if rule.meta.rule_id in unfit
            else _result(
                connection,
                rule,
                found.get(rule.meta.rule_id),
                query=rule.query(parameters),
                gated=tables.gated,
                rows=rows,
                by_line=by_line,
            )
            for rule in rules
        ]
        if by_line:
            results = _with_lines(connection, results, tables)
        results = _without_consequences(rules, results)
        results = [_standing_alone(result, tables, by_line) for result in results]
        _write_quarantine(connection, results, folder / "quarantine.parquet")
    return results, rows


def _url(database: Path) -> str:
    return f"duckdb:///{database}"


def prepare(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """Makes views, facts and functions that the rules may ask, in an empty database."""
    connection.begin()
    for name, table in tables.views.items():
        connection.execute(f'create view "{name}" as {without_changes(table)}')
    columns = ", ".join(f'? as "{name}"' for name in tables.facts)
    connection.execute(f"create table facts as select {columns}", list(tables.facts.values()))
    for definition in tables.functions.values():
        connection.execute(f"create {definition}")
    connection.commit()


def _expectations(
    rules: Sequence[Rule], parameters: Mapping[str, Any]
) -> tuple[list[Any], dict[str, str]]:
    """The rules as expectations, and why some cannot be any: one unfit rule would stop them all."""
    expectations, unfit = [], {}
    for rule in rules:
        unknown = _wanted(rule.kwargs) - set(parameters)
        if unknown:
            unfit[rule.meta.rule_id] = f"unknown parameter: {', '.join(sorted(unknown))}"
            continue
        try:
            expectation = get_expectation_impl(rule.type)(
                **rule.kwargs, severity=rule.severity, meta={"rule_id": rule.meta.rule_id}
            )
        except Exception as error:  # noqa: BLE001 - GX raises whatever its types raise
            unfit[rule.meta.rule_id] = type(error).__name__
        else:
            expectations.append(expectation)
    return expectations, unfit


def _wanted(kwargs: Mapping[str, Any]) -> set[str]:
    values = [value for value in kwargs.values() if isinstance(value, dict)]
    return {str(value["$PARAMETER"]) for value in values if "$PARAMETER" in value}


def _validate(
    expectations: list[Any],
    gated: str,
    parameters: Mapping[str, Any],
    database: Path,
    *,
    key_columns: Sequence[str],
) -> list[Any]:
    """GX's results; `key_columns` identify the failing rows in its queries."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    with _source(context, database) as source:
        asset = source.add_table_asset(gated, table_name=gated)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        result_format = {
            "result_format": "BASIC",
            "partial_unexpected_count": 0,
            "unexpected_index_column_names": list(key_columns),
            "return_unexpected_index_query": True,
        }
        # Not through a validation definition: the context would write suite, definition and results
        # as YAML into stores that nobody reads, a tenth of a small run.
        outcome = batch.validate(
            gx.ExpectationSuite(name=gated, expectations=expectations),
            expectation_parameters=dict(parameters),
            result_format=result_format,
        )
    return list(outcome.results)


@contextmanager
def _source(context: Any, database: Path) -> Iterator[Any]:
    """A data source that leaves no connection behind."""
    source = context.data_sources.add_duckdb(
        "gate", connection_string=_url(database), kwargs={"connect_args": _BOUND}
    )
    try:
        yield source
    finally:
        source.get_execution_engine().let_go()
        source.get_engine().dispose()


def _result(
    connection: duckdb.DuckDBPyConnection,
    rule: Rule,
    found: Any,
    *,
    query: str | None,
    gated: str,
    rows: int,
    by_line: bool,
) -> RuleResult:
    """One rule's result; the lines that break it go into the table `failing`.

    `query` is that of a rule that is one; Great Expectations tells those of its own.
    """
    cause = _cause(found)
    if cause is not None:
        return _bare(rule, "broken", cause=cause)
    failing = _unexpected(found, is_query=query is not None)
    if found.success and not failing:
        return _bare(rule, "passed")
    query = _failing_query(query, found, gated)
    if query is None and rule.strength in BY_ROW:
        return _bare(rule, "broken", cause="lists no lines")
    if query is not None and by_line:
        try:
            listed = connection.execute(
                f"insert into failing select ?, _extract_id, _line from ({query})",
                [rule.meta.rule_id],
            ).fetchone()
        except duckdb.Error as error:
            return _bare(rule, "broken", cause=type(error).__name__)
        if listed != (failing,):
            return _bare(rule, "broken", cause="lists other lines than it counts")
    return RuleResult(
        rule_id=rule.meta.rule_id,
        strength=rule.strength,
        outcome="passed" if found.success else "failed",
        failing=failing,
        keys=None,
        share=round(failing / rows, 6) if rows else 0.0,
        examples=[],
        query=query,
        observed=_observed(rule, found),
    )


def _standing_alone(result: RuleResult, tables: Tables, by_line: bool) -> RuleResult:
    """The result with its query as a person can run it, once the gate's views are gone."""
    if result.query is None:
        return result
    query = runnable(
        result.query,
        gated=tables.gated,
        views=tables.views,
        facts=tables.facts,
        functions=tables.functions,
        vocabularies=tables.vocabularies,
        by_line=by_line,
    )
    return replace(result, query=query)


def _with_lines(
    connection: duckdb.DuckDBPyConnection, results: Sequence[RuleResult], tables: Tables
) -> list[RuleResult]:
    """The results with their first lines, and the number of keys where the table has the key."""
    examples: dict[str, list[str]] = {}
    for rule_id, extract_id, line in connection.execute(
        "select distinct * from failing qualify dense_rank() over (partition by rule_id "
        f"order by _extract_id, _line) <= {EXAMPLES} order by all"
    ).fetchall():
        examples.setdefault(rule_id, []).append(f"{extract_id}:{line}")
    keys: dict[str, int] = {}
    if examples and tables.key in connection.table(tables.gated).columns:
        counted = connection.execute(
            f"select rule_id, count(distinct {tables.key}) from {tables.gated} "
            "join failing using (_extract_id, _line) group by rule_id"
        )
        keys = dict.fromkeys(examples, 0) | dict(counted.fetchall())
    return [
        replace(result, examples=examples.get(result.rule_id, []), keys=keys.get(result.rule_id))
        for result in results
    ]


def _without_consequences(rules: Sequence[Rule], results: Sequence[RuleResult]) -> list[RuleResult]:
    """Where a column is missing, whatever asks for it crashes: the missing column is the finding."""
    columns_are_wrong = any(
        rule.type == COLUMNS_RULE and result.outcome == "failed"
        for rule, result in zip(rules, results, strict=True)
    )
    kept = [result for result in results if not columns_are_wrong or result.outcome != "broken"]
    for result in kept:
        if result.outcome == "broken":
            logger.error("rule %s broke: %s", result.rule_id, result.cause)
    return kept


def _observed(rule: Rule, found: Any) -> str | None:
    result = found.result or {}
    mismatched = dict((result.get("details") or {}).get("mismatched") or {})
    if not rule.kwargs.get("exact_match", True):
        mismatched.pop("unexpected", None)
    if mismatched:
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in mismatched.items())
    value = result.get("observed_value")
    return str(value) if isinstance(value, int | float) else None


def _bare(rule: Rule, outcome: str, *, cause: str | None = None) -> RuleResult:
    return RuleResult(
        rule_id=rule.meta.rule_id,
        strength=rule.strength,
        outcome=outcome,
        failing=0,
        keys=None,
        share=0.0,
        examples=[],
        query=None,
        cause=cause,
    )


def _cause(found: Any) -> str | None:
    """The kind of error that a rule crashed with; its text may hold cells and is not kept."""
    if found is None:
        return "no result"
    info = found.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, dict) and entry.get("raised_exception"):
            return _kind_of_error(str(entry.get("exception_traceback") or ""))
    return None


def _kind_of_error(trace: str) -> str:
    """The name of the first error of a traceback: the first line behind its frames, to the colon."""
    lines = iter(trace.splitlines())
    for line in lines:
        if line.startswith("Traceback"):
            break
    kind = next((line for line in lines if not line.startswith(" ")), "").split(":")[0]
    return kind.rsplit(".", 1)[-1] if _ERROR_NAME.fullmatch(kind) else "unknown error"


def _unexpected(found: Any, *, is_query: bool) -> int:
    result = found.result or {}
    if "unexpected_count" in result:
        return int(result["unexpected_count"] or 0)
    if is_query:
        return int(result.get("observed_value") or 0)
    return 0


def _failing_query(query: str | None, found: Any, gated: str) -> str | None:
    """The query that lists every failing row."""
    if query is not None:
        return query.format(batch=gated).strip().rstrip(";")
    query = (found.result or {}).get("unexpected_index_query")
    return str(query).strip().rstrip(";") if query else None


def _write_quarantine(
    connection: duckdb.DuckDBPyConnection, results: Sequence[RuleResult], target: Path
) -> None:
    keeping = {
        strength: [
            result.rule_id
            for result in results
            if result.strength == strength and result.outcome == "failed"
        ]
        for strength in BY_ROW
    }
    connection.execute(
        copy_to_parquet(
            "select distinct _extract_id, _line, rule_id, list_contains($waiting, rule_id) as waits "
            "from failing where list_contains($row || $waiting, rule_id) order by all",
            target,
        ),
        keeping,
    )
    sync_file(target)
