"""Answers about what was found and done, from the state database and the last finished Parquet.

Imports neither Dagster, dbt nor Great Expectations and waits for nobody: it answers while a run is
writing. Plain values out; how they look is decided in `orchestration/cli/`.
"""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

import duckdb

from orchestration.dataset import Dataset
from orchestration.duck import connect, parquet, query, set_variables
from orchestration.errors import ConfigurationError
from orchestration.gates.suites import SUITES
from orchestration.layers import layer_file, snapshot_file
from orchestration.publishing.counting import plan_as_carried_out
from orchestration.publishing.journal import refused_file
from orchestration.settings import Settings
from orchestration.state.records import RuleRecord
from orchestration.state.store import Layer, Publication, State
from orchestration.tombstones.tombstones import load_tombstones

FATES = ("published", "merged", "superseded", "quarantined", "withheld")
PORTAL_REFUSED = "portal_refused"
"""Why a line is quarantined whose row passed every gate and that the portal did not take."""
WITHHELD = "(not shown: a policy keeps it back)"


class GateSummary(TypedDict):
    """The latest verdict of one gate; `rows` and `quarantined` are lines, `recorded_at` is UTC."""

    dataset: str
    gate: str
    verdict: str
    rows: int
    quarantined: int
    recorded_at: str
    run_id: str
    content_hash: str
    rules: list[RuleRecord]


class ReasonCount(TypedDict):
    """How many lines met one fate for one reason."""

    fate: str
    reason: str
    lines: int


class LedgerSummary(TypedDict):
    """The fates of a dataset's raw lines after the last finished run; counts of lines, time UTC."""

    dataset: str
    raw: int
    fates: dict[str, int]
    reasons: list[ReasonCount]
    parsing: Mapping[str, str]
    run_id: str
    finished_at: str


RowCount = Literal["rows", "inserts", "updates", "first_fills", "deletes", "held_back", "refused"]
"""What is counted of a publication's rows."""


class PublicationSummary(TypedDict):
    """One publication in counts of rows, less what the portal refused; `published_at` is UTC."""

    id: str
    kind: str
    state: str
    held_because: list[str]
    failure: str | None
    refused: int
    published_at: str | None
    rows: int
    inserts: int
    updates: int
    updates_by_column: dict[str, int]
    first_fills: int
    first_fills_by_column: dict[str, int]
    deletes: int
    held_back: int
    dead_columns: list[str]
    target: str
    released_by: str | None
    run_id: str
    content_hash: str


class RefusedCell(TypedDict):
    """One reason why one row of a publication could not be published; the value as text."""

    row_key: str | None
    column: str | None
    value: str | None
    reason: str


class LineFate(TypedDict):
    """What became of one raw line, named `extract:number`; `survivor` is what absorbed it."""

    line: str
    fate: str
    reason: str | None
    survivor: str | None


CellChange = TypedDict(
    "CellChange",
    {"line": str | None, "column": str, "rule": str, "from": str | None, "to": str | None},
)
"""One cell that a rule changed, before and after as text; no line where the row was decided on."""


class BrokenRule(TypedDict):
    """One critical rule that one line broke."""

    line: str
    rule: str


class PortalChange(TypedDict):
    """The publication that last moved a row, and how; `published_at` is UTC."""

    publication: str
    change: str
    published_at: str | None


class PortalStanding(TypedDict):
    """Whether a row is on the portal, and what last moved it, where that is known."""

    on_portal: bool
    publication: NotRequired[str]
    change: NotRequired[str]
    published_at: NotRequired[str | None]


class RowStory(TypedDict):
    """The story of one published key: one entry per line, changed cell and broken rule."""

    dataset: str
    key: str
    lines: list[LineFate]
    cells: list[CellChange]
    rules: list[BrokenRule]
    portal: PortalStanding | None
    run_id: str


def gates(state: State, dataset: str | None) -> list[GateSummary]:
    """The latest verdict of every gate, with the rules that did not simply pass."""
    return [
        {
            "dataset": record.dataset,
            "gate": SUITES[record.layer],
            "verdict": record.verdict,
            "rows": record.rows,
            "quarantined": record.quarantined,
            "recorded_at": record.recorded_at,
            "run_id": record.run_id,
            "content_hash": record.content_hash,
            "rules": [rule for rule in record.results if rule["outcome"] != "passed"],
        }
        for record in state.latest_gates(dataset)
    ]


def ledger(settings: Settings, state: State, dataset: Dataset) -> LedgerSummary:
    """How many raw lines of the last finished run met which fate, and why; how columns were read."""
    layer = newest_deduplicated(state, dataset)
    with connect() as connection:
        lines_sql = f"({_ledger_sql(settings, state, dataset, layer)})"
        counted = dict(
            connection.execute(f"select fate, count(*) from {lines_sql} group by fate").fetchall()
        )
        fates = {fate: counted.get(fate, 0) for fate in FATES}
        reasons = connection.execute(
            f"select fate, reason, count(*) from {lines_sql} "
            "where reason is not null group by fate, reason order by count(*) desc, fate, reason"
        ).fetchall()
    return {
        "dataset": dataset.id,
        "raw": sum(fates.values()),
        "fates": fates,
        "reasons": [
            {"fate": fate, "reason": reason, "lines": count} for fate, reason, count in reasons
        ],
        "parsing": _parsing(state, layer),
        "run_id": layer.run_id,
        "finished_at": layer.finished_at,
    }


def _parsing(state: State, layer: Layer) -> Mapping[str, str]:
    """How each column's cells were read for a layer (law 4); layers of before do not tell."""
    above = state.layer(layer.upstream_id) if layer.upstream_id else layer
    return dict(above.facts.get("parsing", {}))


def _ledger_sql(settings: Settings, state: State, dataset: Dataset, layer: Layer) -> str:
    """The ledger's lines as SQL, those whose row the portal refused as what they are."""
    path = layer_file(settings, layer, f"ledger_{dataset.id}")
    refused = [
        file
        for one in state.publications(dataset.id, states=("verified",))
        if one.layer_id == layer.id and (file := refused_file(settings, one)) is not None
    ]
    if not refused:
        return f"from {parquet(path)}"
    is_refused = f"fate = 'published' and row_key in (select row_key from {parquet(refused[-1])})"
    return (
        f"select * replace (case when {is_refused} then 'quarantined' else fate end as fate, "
        f"case when {is_refused} then '{PORTAL_REFUSED}' else reason end as reason) "
        f"from {parquet(path)}"
    )


def fates_of(settings: Settings, state: State, dataset: Dataset, layer: Layer) -> dict[str, int]:
    """How many lines of a finished layer met which fate, after its publication."""
    lines_sql = _ledger_sql(settings, state, dataset, layer)
    rows = query(f"select fate, count(*) from ({lines_sql}) group by fate")
    return {fate: count for fate in FATES for found, count in rows if found == fate}


def publications(state: State, dataset: Dataset) -> list[PublicationSummary]:
    """What was published or waits for people, oldest first, without days on which nothing changed.

    Rows that the portal refused are counted as such, and as nothing else.
    """
    return [
        _publication(one)
        for one in state.publications(dataset.id)
        if one.state not in ("unchanged", "abandoned")
    ]


def _publication(one: Publication) -> PublicationSummary:
    plan = plan_as_carried_out(one)
    return {
        "id": one.id,
        "kind": one.kind,
        "state": one.state,
        "held_because": one.held_because,
        "failure": one.failure,
        "refused": one.refused,
        "published_at": one.verified_at,
        "rows": plan.rows,
        "inserts": plan.inserts,
        "updates": plan.updates,
        "updates_by_column": plan.updates_by_column,
        "first_fills": plan.first_fills,
        "first_fills_by_column": plan.first_fills_by_column,
        "deletes": plan.deletes,
        "held_back": plan.held_back,
        "dead_columns": plan.dead_columns,
        "target": one.target,
        "released_by": one.released_by,
        "run_id": one.run_id,
        "content_hash": one.content_hash,
    }


def refused_rows(
    settings: Settings, state: State, dataset: Dataset, publication_id: str
) -> list[RefusedCell]:
    """Rows of a publication that could not be published: key, column, value and reason."""
    for one in state.publications(dataset.id):
        path = refused_file(settings, one) if one.id == publication_id else None
        if path is not None:
            with connect() as connection:
                rows = connection.execute(
                    f"select row_key, column_name, value, reason from {parquet(path)} order by all"
                ).fetchall()
            return [
                {"row_key": key, "column": column, "value": value, "reason": reason}
                for key, column, value, reason in rows
            ]
    return []


def why(settings: Settings, state: State, dataset: Dataset, key: str) -> RowStory:
    """The whole story of one row: its lines, what changed in them, what stopped or absorbed it.

    `key` is the published key in any case, or a line as `extract:number`.

    Raises:
        ConfigurationError: nothing of that name was ever seen.
    """
    layer = newest_deduplicated(state, dataset)
    staged = state.layer(layer.upstream_id or "")
    with connect() as connection:
        lines_sql = f"({_ledger_sql(settings, state, dataset, layer)})"
        found_key, lines = _lines(connection, lines_sql, key)
        standing = _standing(connection, settings, state, dataset, found_key)
        if not lines and standing is None:
            raise ConfigurationError(
                f"{dataset.id}: no line and no published row is named {key!r}; a key is the "
                f"published {dataset.key}, a line is extract:number"
            )
        return {
            "dataset": dataset.id,
            "key": found_key,
            "lines": lines,
            "cells": _cells(connection, settings, state, dataset, staged, layer, found_key, lines),
            "rules": _rules(connection, settings, state, dataset, staged, lines),
            "portal": standing,
            "run_id": layer.run_id,
        }


def newest_deduplicated(state: State, dataset: Dataset) -> Layer:
    """The deduplicated layer that was finished last.

    Raises:
        ConfigurationError: there is none yet.
    """
    layer = state.newest_layer(dataset.id, "deduplicated")
    if layer is None:
        raise ConfigurationError(
            f"{dataset.id}: no run has finished yet; start one with `summerware run {dataset.id}`"
        )
    return layer


def _lines(
    connection: duckdb.DuckDBPyConnection, lines_sql: str, key: str
) -> tuple[str, list[LineFate]]:
    number = key.partition(":")[2]
    wanted = " ".join(key.upper().split())
    if number.isdigit():
        found = connection.execute(
            f"select row_key from {lines_sql} where {_is_line(connection, key)}"
        ).fetchone()
        if found is not None and found[0] is not None:
            wanted = found[0]
    rows = connection.execute(
        f"{_NAMED} from {lines_sql} where {_is_key(connection, 'row_key', wanted)} "
        "order by _extract_id, _line"
    ).fetchall()
    if not rows and number.isdigit():
        rows = connection.execute(
            f"{_NAMED} from {lines_sql} where {_is_line(connection, key)}"
        ).fetchall()
    return wanted, [
        {
            "line": f"{extract}:{line}",
            "fate": fate,
            "reason": reason,
            "survivor": f"{survivor}:{survivor_line}" if survivor else None,
        }
        for extract, line, fate, reason, survivor, survivor_line in rows
    ]


_NAMED = "select _extract_id, _line, fate, reason, survivor_extract_id, survivor_line"


def _is_line(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """SQL: whether a row is of the line of that name."""
    extract_id, _, number = name.rpartition(":")
    set_variables(connection, asked_extract=extract_id)
    return f"_line = {int(number)} and _extract_id = getvariable('asked_extract')"


def _is_key(connection: duckdb.DuckDBPyConnection, column: str, key: str) -> str:
    """SQL: whether a row is of that key."""
    set_variables(connection, asked_key=key)
    return f"{column} = getvariable('asked_key')"


def _cells(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    state: State,
    dataset: Dataset,
    staged: Layer,
    layer: Layer,
    key: str,
    lines: Sequence[LineFate],
) -> list[CellChange]:
    corrections = layer_file(settings, staged, f"corrections_{dataset.id}")
    decided = layer_file(settings, layer, f"decided_cells_{dataset.id}")
    tombstones = load_tombstones(settings, state, dataset)
    gone = set(tombstones.columns)
    if tombstones.holds(key):
        gone = {column.name for column in dataset.columns}
    cells: list[CellChange] = []
    for name in [line["line"] for line in lines]:
        found = connection.execute(
            "select column_name, rule_id, from_value, to_value "
            f"from {parquet(corrections)} where {_is_line(connection, name)} order by column_name"
        ).fetchall()
        cells += [_cell(dataset, gone, name, *row) for row in found]
    found = connection.execute(
        f"select column_name, rule_id, from_value, to_value from {parquet(decided)} "
        f"where {_is_key(connection, 'row_key', key)} order by column_name"
    ).fetchall()
    return cells + [_cell(dataset, gone, None, *row) for row in found]


def _cell(
    dataset: Dataset,
    gone: Container[str],
    line: str | None,
    column: str,
    rule: str,
    before: str,
    after: str | None,
) -> CellChange:
    policies = {policy.id for policy in dataset.policies}
    shown = dataset.column(column).privacy == "publish" and rule not in policies
    return {
        "line": line,
        "column": column,
        "rule": rule,
        "from": before if shown and column not in gone else WITHHELD,
        "to": WITHHELD if column in gone and after is not None else after,
    }


def _rules(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    state: State,
    dataset: Dataset,
    staged: Layer,
    lines: Sequence[LineFate],
) -> list[BrokenRule]:
    """The critical rules that the lines broke."""
    record = state.newest_gate_record(dataset.id, staged.layer, staged.content_hash)
    if record is None or record.quarantine_path is None:
        return []
    path = settings.home / record.quarantine_path
    found: list[BrokenRule] = []
    for line in lines:
        rules = connection.execute(
            f"select rule_id from {parquet(path)} "
            f"where {_is_line(connection, line['line'])} order by rule_id"
        ).fetchall()
        found += [{"line": line["line"], "rule": rule} for (rule,) in rules]
    return found


def _standing(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    state: State,
    dataset: Dataset,
    key: str,
) -> PortalStanding | None:
    """What the portal shows of the row, and the publication that last touched it."""
    done = state.publications(dataset.id, states=("verified", "unchanged"))
    if not done:
        return None
    if not _row_exists(connection, snapshot_file(settings, done[-1]), dataset.key, key):
        change = _last_change(connection, settings, done, key)
        return None if change is None else {"on_portal": False, **change}
    change = _last_change(connection, settings, done, key)
    return {"on_portal": True} if change is None else {"on_portal": True, **change}


def _row_exists(connection: duckdb.DuckDBPyConnection, path: Path, column: str, key: str) -> bool:
    found = connection.execute(
        f"select 1 from {parquet(path)} where {_is_key(connection, column, key)} limit 1"
    ).fetchone()
    return found is not None


def _last_change(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    done: Sequence[Publication],
    key: str,
) -> PortalChange | None:
    for publication in reversed(done):
        path = _file(settings, publication, "changes")
        if not path.is_file():
            # Of the days before keys were kept for good.
            continue
        found = connection.execute(
            f"select change from {parquet(path)} "
            f"where {_is_key(connection, 'row_key', key)} limit 1"
        ).fetchone()
        if found is not None:
            return {
                "publication": publication.id,
                "change": found[0],
                "published_at": publication.verified_at,
            }
    return None


def _file(settings: Settings, publication: Publication, name: str) -> Path:
    return settings.home / publication.path / f"{name}.parquet"
