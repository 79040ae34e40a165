"""What a read asks for and what it gets: query parameters to rows, as JSON, CSV or cells.

The clauses of protocol 2.6. SoQL itself is in `soql`; the headers around the answer are made in
`resource`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orchestration.portal.behaviour import Behaviour
from orchestration.portal.dataset import Dataset
from orchestration.portal.errors import QueryError, bad_parameter
from orchestration.portal.identifiers import fold
from orchestration.portal.soql.compiler import Compiled, Compiler
from orchestration.portal.soql.functions import failure
from orchestration.portal.soql.parser import (
    Literal,
    Name,
    Node,
    Query,
    Selection,
    call,
    parse_expression,
    parse_group,
    parse_order,
    parse_query,
    parse_selections,
)
from orchestration.portal.values import Stored

DEFAULT_LIMIT = 1000
NOTHING = Literal("checkbox", "false")
"""The condition that no row meets."""
_CLAUSES = frozenset(
    ("$select", "$where", "$order", "$group", "$having", "$limit", "$offset", "$q", "$query")
)
_OPTIONAL = ("$select", "$where", "$order", "$group", "$having", "$q", "$query")
"""Clauses that say nothing when they are empty."""
_FALSE = ("false", "0")


@dataclass(frozen=True)
class Answer:
    """A read's body, and what its columns are called and hold."""

    body: str
    fields: list[str]
    types: list[str]


def query_from(
    parameters: Iterable[tuple[str, str]], *, max_limit: int = Behaviour.max_limit
) -> Query:
    """The query in a URL: SoQL clauses, and `column=value` filters.

    Raises: PortalError (400) for parameters that make no sense, QueryError for SoQL that does not.
    """
    clauses: dict[str, str] = {}
    filters: list[tuple[str, str]] = []
    for name, value in parameters:
        if not name.startswith("$"):
            filters.append((name, value))
        elif name in _OPTIONAL and not value.strip():
            continue
        elif name in _CLAUSES and name not in clauses:
            clauses[name] = value
        elif not name.startswith("$$"):
            raise bad_parameter(name[:100], value, f"one of {', '.join(sorted(_CLAUSES))}, once")
    if "$query" in clauses:
        if len(clauses) > 1 or filters:
            raise bad_parameter("$query", clauses["$query"], "no other clause or filter beside it")
        query = parse_query(clauses["$query"])
    else:
        query = _query_from_clauses(clauses, filters)
    if query.limit is not None and max_limit and query.limit > max_limit:
        raise bad_parameter("$limit", str(query.limit), f"at most {max_limit}")
    return query


def _query_from_clauses(clauses: dict[str, str], filters: list[tuple[str, str]]) -> Query:
    query = Query(search=clauses.get("$q", ""))
    if "$select" in clauses:
        query.distinct, query.selections = parse_selections(clauses["$select"])
    conditions: list[Node] = [
        call("=", Name(fold(name)), Literal("text", value)) for name, value in filters
    ]
    if "$where" in clauses:
        conditions.append(parse_expression(clauses["$where"]))
    query.where = all_of(conditions)
    if "$group" in clauses:
        query.group = parse_group(clauses["$group"])
    if "$having" in clauses:
        query.having = parse_expression(clauses["$having"])
    if "$order" in clauses:
        query.order = parse_order(clauses["$order"])
    if "$limit" in clauses:
        query.limit = _whole_number("$limit", clauses["$limit"])
    if "$offset" in clauses:
        query.offset = _whole_number("$offset", clauses["$offset"])
    return query


def all_of(conditions: list[Node]) -> Node | None:
    """The conditions joined by `and`."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return call("and", *conditions)


def _whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise bad_parameter(name, text, "a whole number")
    return int(text)


def with_system_fields(query: Query, exclude: str | None) -> Query:
    """The query with `:id` and its like selected, when `$$exclude_system_fields=false` asks so."""
    everything = query.selections == (Selection(None, star="*"),)
    if exclude is not None and exclude.lower() in _FALSE and everything:
        query.selections = (Selection(None, star=":*"), *query.selections)
    return query


def read_json(connection: sqlite3.Connection, dataset: Dataset, query: Query) -> Answer:
    """The rows as a JSON array; a null is a key that is not there."""
    compiled = Compiler(dataset).compile(query, default_limit=DEFAULT_LIMIT)
    rows = _run(connection, compiled, _json_row(compiled))
    return Answer("[" + "\n,".join(row for (row,) in rows) + "]\n", *_header(compiled))


def _json_row(compiled: Compiled) -> str:
    """SQL that makes one row's JSON, so that Python moves finished text and nothing else."""
    pairs = []
    for alias, expression in compiled.outputs:
        name = f"k{len(compiled.parameters)}"
        compiled.parameters[name] = alias
        pairs.append(f"coalesce(',' || json_quote(:{name}) || ':' || {expression.as_json}, '')")
    return f"'{{' || substr({' || '.join(pairs)}, 2) || '}}'" if pairs else "'{}'"


def read_csv(connection: sqlite3.Connection, dataset: Dataset, query: Query) -> Answer:
    """The rows as CSV with a header; a null is nothing between the commas, a value is quoted."""
    compiled = Compiler(dataset).compile(query, default_limit=DEFAULT_LIMIT)
    cells = [
        f"""coalesce('"' || replace({expression.as_text}, '"', '""') || '"', '')"""
        for _, expression in compiled.outputs
    ]
    rows = _run(connection, compiled, " || ',' || ".join(cells) or "''")
    fields, types = _header(compiled)
    quoted = (name.replace('"', '""') for name in fields)
    header = ",".join(f'"{name}"' for name in quoted)
    return Answer("\n".join([header, *(row for (row,) in rows)]) + "\n", fields, types)


def read_cells(
    connection: sqlite3.Connection, dataset: Dataset, query: Query
) -> tuple[list[tuple[Stored, ...]], int]:
    """The rows as tuples of text, and how many there are before limit and offset."""
    compiled = Compiler(dataset).compile(query, default_limit=DEFAULT_LIMIT)
    cells = [expression.as_text for _, expression in compiled.outputs]
    rows = _run(connection, compiled, *cells or ["null"])
    ((total,),) = _fetch(connection, compiled.count(), compiled)
    return rows, int(total)


def read_values(
    connection: sqlite3.Connection, dataset: Dataset, query: Query
) -> list[dict[str, Any]]:
    """The rows as Python has them, each a dictionary without its nulls."""
    rows: list[dict[str, Any]] = json.loads(read_json(connection, dataset, query).body)
    return rows


def read_row(
    connection: sqlite3.Connection, dataset: Dataset, number: int, *, system_fields: bool
) -> Answer:
    """One row as a JSON object; an empty body when there is none of this number."""
    query = with_system_fields(Query(), "false" if system_fields else None)
    compiled = Compiler(dataset).compile(query, default_limit=1)
    compiled.parameters["number"] = number
    sql = f'select {_json_row(compiled)} from {dataset.table} where ":id" = :number'
    row = connection.execute(sql, compiled.parameters).fetchone()
    return Answer(row[0] + "\n" if row else "", *_header(compiled))


def _header(compiled: Compiled) -> tuple[list[str], list[str]]:
    names = [alias for alias, _ in compiled.outputs]
    return names, [expression.backend_type for _, expression in compiled.outputs]


def _run(connection: sqlite3.Connection, compiled: Compiled, *row: str) -> list[tuple[Any, ...]]:
    return _fetch(connection, compiled.statement(*row), compiled)


def _fetch(connection: sqlite3.Connection, sql: str, compiled: Compiled) -> list[tuple[Any, ...]]:
    """Runs compiled SQL.

    Raises: QueryError where SQLite finds a query too large to follow, or a number has no answer.
    """
    try:
        return connection.execute(sql, compiled.parameters).fetchall()
    except sqlite3.OperationalError as error:
        reason = failure()
        if reason:
            raise QueryError("runtime-error", f"The query cannot be answered: {reason}") from error
        if "user-defined" in str(error):
            raise
        raise QueryError("too-complex", "The query is too complex to be run") from error
