"""Which upstream columns a layer's columns are made of, read off the SQL that dbt ran.

Values only: what a cell is computed from, its conditions included. What merely chooses or orders rows
(filters, joins, windows, orders within an aggregate) is no part of a value. Knows SQL and the dataset
file; what Dagster shows of it belongs to `orchestration/defs/columns.py`.

Measured on the four datasets: 0.5 to 1 s each for all models, nearly all of it for the base model; so it
is kept by the SQL that it was read off.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from orchestration.dataset import LINK, Dataset

Lineage = dict[str, list[str]]
"""Column names, and the names of the columns of the layer above that they are made of."""

_HELPERS: dict[str, dict[str, tuple[str, ...]]] = {
    "gate": {"quarantine": ("_extract_id", "_line", "rule_id", "waits")},
    "linked": {
        "possible_duplicates": ("row_key", LINK),
        "merged_keys": ("row_key", "survivor_key", "decision_id"),
    },
    "takedown": {"keys": ("row_key",), "columns": ("column_name",)},
}


def column_lineage(
    dataset: Dataset, layer: str, models: Mapping[str, str], *, upstream_columns: Iterable[str]
) -> Lineage:
    """The columns of a layer, and the columns above that each is made of, by name.

    `models` are the layer's models by name, in the order of their making, as the SQL that was run.

    Raises:
        Exception: whatever sqlglot raises where it does not understand the SQL; `declared_lineage`
            is what remains then.
    """
    from sqlglot import parse_one
    from sqlglot.optimizer.qualify import qualify

    above = f"raw.{dataset.id}" if layer == "standardized" else f"main.stg_{dataset.id}"
    schema: dict[str, Any] = {
        name: {
            f"{table}_{dataset.id}": dict.fromkeys(names, "text") for table, names in tables.items()
        }
        for name, tables in _HELPERS.items()
    }
    place, table = above.split(".")
    schema.setdefault(place, {})[table] = dict.fromkeys(upstream_columns, "text")
    known: dict[str, Lineage] = {above: {name: [name] for name in schema[place][table]}}
    top = f"stg_{dataset.id}" if layer == "standardized" else dataset.id
    for name, sql in models.items():
        query = qualify(
            parse_one(sql, dialect="duckdb"),
            schema={"warehouse": schema},
            dialect="duckdb",
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        found = _of_query(dataset, query, known)
        known[f"main.{name}"] = found
        schema.setdefault("main", {})[name] = dict.fromkeys(found, "text")
        if name == top:
            break
    return known[f"main.{top}"]


def kept_lineage(
    folder: Path,
    dataset: Dataset,
    layer: str,
    models: Mapping[str, str],
    *,
    upstream_columns: Iterable[str],
) -> Lineage:
    """The same, from what is kept in a folder where it was worked out before."""
    upstream = list(upstream_columns)
    asked = json.dumps([dataset.model_dump(mode="json"), layer, models, upstream])
    path = folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"
    if path.is_file():
        kept: Lineage = json.loads(path.read_text(encoding="utf-8"))
        return kept
    found = column_lineage(dataset, layer, models, upstream_columns=upstream)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(found), encoding="utf-8")
    fresh.rename(path)
    return found


def declared_lineage(dataset: Dataset, names: Iterable[str], *, upstream: Iterable[str]) -> Lineage:
    """What the dataset file alone says: a column is made of its namesake, a derived key of its parts."""
    above = set(upstream)
    return {name: [name] if name in above else list(_derived_from(dataset, name)) for name in names}


def _derived_from(dataset: Dataset, name: str) -> tuple[str, ...]:
    if name == dataset.key:
        return dataset.key_from
    if name == LINK and dataset.duplicates is not None:
        compared = (one.column for one in dataset.duplicates.compare)
        return tuple(dict.fromkeys((dataset.key, dataset.duplicates.time, *compared)))
    return ()


def _of_query(dataset: Dataset, query: Any, known: Mapping[str, Lineage]) -> Lineage:
    from sqlglot.optimizer.scope import build_scope

    return _of_scope(dataset, build_scope(query), known, {})


def _of_scope(
    dataset: Dataset, scope: Any, known: Mapping[str, Lineage], done: dict[int, Lineage]
) -> Lineage:
    """The lineage of a query's columns; of a union, position by position."""
    if id(scope) in done:
        return done[id(scope)]
    if scope.set_operation_scopes:
        parts = [_of_scope(dataset, one, known, done) for one in scope.set_operation_scopes]
        found = {
            name: _once(one for part in parts for one in list(part.values())[place])
            for place, name in enumerate(parts[0])
        }
    else:
        found = {
            projection.alias_or_name: _once(
                origin
                for column in _columns(projection)
                for origin in _origins(dataset, scope, column, known, done)
            )
            for projection in scope.expression.selects
        }
    done[id(scope)] = found
    return found


def _columns(expression: Any) -> Iterable[Any]:
    """The columns whose values go into an expression."""
    from sqlglot import exp

    pending = [expression]
    while pending:
        node = pending.pop()
        kind = type(node).__name__
        if isinstance(node, exp.Column):
            yield node
            continue
        if kind in ("Subquery", "Select", "Ordered"):
            continue
        if kind in ("Window", "Filter", "WithinGroup", "Order"):
            # What is windowed, filtered or ordered; by what is no part of its value.
            pending += [node.this] if node.this else []
            continue
        pending.extend(reversed(list(node.iter_expressions())))


def _origins(
    dataset: Dataset,
    scope: Any,
    column: Any,
    known: Mapping[str, Lineage],
    done: dict[int, Lineage],
) -> list[str]:
    from sqlglot.optimizer.scope import Scope

    source = scope.sources.get(column.table)
    if source is None:
        return []
    if isinstance(source, Scope):
        return _of_scope(dataset, source, known, done).get(column.name, [])
    if f"{source.db}.{source.name}" == f"linked.possible_duplicates_{dataset.id}":
        return list(_derived_from(dataset, column.name))
    return known.get(f"{source.db}.{source.name}", {}).get(column.name, [])


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
