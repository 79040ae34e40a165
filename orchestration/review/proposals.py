"""Proposals: what the newest finished layers suspect, in words that may leave the machine.

Only what is published may be shown (law 3): a spelling of a published column that stands on a
published row, a pair of published rows, published columns of both. The rest is counted, not shown.
Who is asked which proposal stands in `judgements.py`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import connect, keys_table, parquet, quoted
from orchestration.errors import ConfigurationError
from orchestration.layers import layer_file
from orchestration.settings import Settings
from orchestration.state.judgements import Decision
from orchestration.state.store import State

SPELLING = "spelling"
DUPLICATE = "duplicate"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One thing that the machine suspects.

    Spelling: `left` should be `right` in a column. Duplicate: the rows of the keys `left` and
    `right` are one event; `column` is empty. `rows` is how many published rows it touches.
    """

    id: str
    kind: str
    column: str
    left: str
    right: str
    score: float
    rows: int
    evidence: str
    evidence_hash: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """Every proposal that may be shown, most public impact first.

    `internal` were left out because their column is not published, `unpublished` because what
    they speak of stands on no published row.
    """

    proposals: list[Proposal]
    internal: int
    unpublished: int


def proposal_id(dataset: str, kind: str, column: str, left: str, right: str) -> str:
    """The same for the same suspicion, in every run and any order of rows."""
    subject = json.dumps([dataset, kind, column, left, right])
    return f"{kind}-{hashlib.sha256(subject.encode()).hexdigest()[:16]}"


def find_proposals(
    settings: Settings, state: State, dataset: Dataset, *, decisions: Iterable[Decision] = ()
) -> Found:
    """What the newest finished layers propose.

    What the layers made of `decisions` in force comes along: its evidence may have changed.

    Raises:
        ConfigurationError: no run has finished yet.
    """
    mart = mart_file(settings, state, dataset)
    spelling = layer_file_of(settings, state, dataset, "standardized", f"spelling_{dataset.id}")
    duplicates = layer_file_of(settings, state, dataset, "deduplicated", f"duplicates_{dataset.id}")
    decided = _Decided(decisions)
    found: list[Proposal] = []
    internal = unpublished = 0
    with connect(spill=settings.workspaces) as connection:
        if spelling is not None:
            vocabulary = _vocabulary(settings, dataset)
            some, internal, unpublished = _spellings(
                connection, dataset, spelling, mart, decided, vocabulary
            )
            found += some
        if duplicates is not None:
            some, hidden = _duplicates(connection, dataset, duplicates, mart, decided)
            found += some
            unpublished += hidden
    return Found(
        proposals=sorted(found, key=lambda one: (-one.rows, -one.score, one.id)),
        internal=internal,
        unpublished=unpublished,
    )


def published_records(
    settings: Settings, state: State, dataset: Dataset, keys: Iterable[str]
) -> dict[str, dict[str, str | None]]:
    """The published rows of some keys: column to value as text, in the dataset file's order."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    names = [column.name for column in dataset.published]
    cells = ", ".join(f'"{name}"::varchar' for name in names)
    mart = mart_file(settings, state, dataset)
    with connect(spill=settings.workspaces) as connection:
        keys_table(connection, "wanted", wanted)
        rows = connection.execute(
            f'select {cells} from {parquet(mart)} where "{dataset.key}"::varchar in '
            "(select row_key from wanted)"
        ).fetchall()
    place = names.index(dataset.key)
    return {row[place]: dict(zip(names, row, strict=True)) for row in rows}


def mart_file(settings: Settings, state: State, dataset: Dataset) -> Path:
    """The publishable rows of the newest finished run.

    Raises:
        ConfigurationError: no run has finished yet.
    """
    path = layer_file_of(settings, state, dataset, "deduplicated", dataset.id)
    if path is None:
        raise ConfigurationError(
            f"{dataset.id}: no run has finished yet; start one with `summerware run {dataset.id}`"
        )
    return path


def layer_file_of(
    settings: Settings, state: State, dataset: Dataset, layer: str, name: str
) -> Path | None:
    """A file of the newest layer; none where there is no layer, or none that looked for this."""
    newest = state.newest_layer(dataset.id, layer)
    if newest is None:
        return None
    path = layer_file(settings, newest, name)
    return path if path.is_file() else None


class _Decided:
    """Decisions in force, by their id and by what they are about."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._by_id = {one.id: one for one in decisions}
        self._about = {one.proposal_id for one in self._by_id.values()}

    def subject(
        self, outcome: str, decision_id: str | None, own: tuple[str, str]
    ) -> tuple[str, str] | None:
        """What a suspected pair of values is to be asked as; none where it is no question.

        A decision is asked as it was, wherever the engines followed it to.
        """
        decision = self._by_id.get(decision_id or "")
        if decision is not None:
            return decision.left_value, decision.right_value
        return own if outcome == "proposed" else None

    def __contains__(self, subject: str) -> bool:
        return subject in self._about


def _vocabulary(settings: Settings, dataset: Dataset) -> dict[str, set[str]]:
    """Per published column, the values that are known without standing on any row."""
    # Imported here: only what looks for proposals pays for it.
    from orchestration.warehouse.vocabularies import members

    return {
        column.name: {
            text
            for entry in members(settings, column.spelling)
            for text in (entry.value, entry.better)
            if text
        }
        for column in dataset.published
        if column.spelling
    }


def _spellings(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    spelling: Path,
    mart: Path,
    decided: _Decided,
    vocabulary: Mapping[str, set[str]],
) -> tuple[list[Proposal], int, int]:
    """Proposals, how many are internal, how many speak of no published row."""
    suspected = connection.execute(
        "select column_name, from_value, to_value, outcome, score, rows, evidence, evidence_hash, "
        f"decision_id from {parquet(spelling)} "
        "where (outcome = 'proposed' or decision_id is not null) and to_value is not null "
        "order by column_name, from_value, to_value"
    ).fetchall()
    published = {column.name: column for column in dataset.published if column.spelling}
    rows_with = {
        name: rows_by_value(connection, published[name], dataset.key, spelling, mart)
        for name in sorted({row[0] for row in suspected} & set(published))
    }
    found: list[Proposal] = []
    internal = unpublished = 0
    for column, wrong, better, outcome, score, rows, evidence, evidence_hash, by in suspected:
        subject = decided.subject(outcome, by, (wrong, better))
        if subject is None:
            continue
        if column not in published:
            internal += 1
            continue
        left, right = subject
        name = proposal_id(dataset.id, SPELLING, column, left, right)
        standing = rows_with[column]
        is_shown = left in standing and (right in standing or right in vocabulary[column])
        # PostgreSQL cannot keep it, so nobody could decide it.
        is_shown = is_shown and "\0" not in left + right
        # A value that was decided upon has been shown before; once corrected, it stands nowhere.
        if name not in decided and not is_shown:
            unpublished += 1
            continue
        found.append(
            Proposal(
                id=name,
                kind=SPELLING,
                column=column,
                left=left,
                right=right,
                score=score,
                rows=standing.get(left) or rows,
                evidence=evidence,
                evidence_hash=evidence_hash,
            )
        )
    return found, internal, unpublished


def rows_by_value(
    connection: duckdb.DuckDBPyConnection, column: Column, key: str, spelling: Path, mart: Path
) -> Mapping[str, int]:
    """How many published rows hold each value that is suspected or suggested."""
    counted = connection.execute(
        f'select value, count(distinct row_key) from (select "{key}" as row_key, '
        f"unnest({_parts(column)}) as value from {parquet(mart)}) "
        "where value in (select unnest([from_value, to_value]) from "
        f"{parquet(spelling)} where column_name = {quoted(column.name)}) group by value"
    ).fetchall()
    return dict(counted)


def _parts(column: Column) -> str:
    """A cell as the list of what is spelled by itself."""
    cell = f'"{column.name}"::varchar'
    if column.spelling and column.spelling.prefix:
        before = f"regexp_extract({cell}, {quoted('^' + column.spelling.prefix)})"
        cell = f"substr({cell}, length({before}) + 1)"
    return f"string_split({cell}, {quoted(column.separator)})" if column.separator else f"[{cell}]"


def _duplicates(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    duplicates: Path,
    mart: Path,
    decided: _Decided,
) -> tuple[list[Proposal], int]:
    """Proposals, and how many speak of a row that is not published."""
    key = f'(select "{dataset.key}"::varchar as row_key from {parquet(mart)})'
    suspected = connection.execute(
        "select left_key, right_key, outcome, score, evidence, evidence_hash, decision_id, "
        "one.row_key is not null and other.row_key is not null "
        f"from {parquet(duplicates)} left join {key} as one on left_key = one.row_key "
        f"left join {key} as other on right_key = other.row_key "
        "where outcome = 'proposed' or decision_id is not null order by left_key, right_key"
    ).fetchall()
    found: list[Proposal] = []
    unpublished = 0
    for left, right, outcome, score, evidence, evidence_hash, by, is_shown in suspected:
        if decided.subject(outcome, by, (left, right)) is None:
            continue
        name = proposal_id(dataset.id, DUPLICATE, "", left, right)
        # Of two rows that were merged, one is published no more.
        if name not in decided and not is_shown:
            unpublished += 1
            continue
        found.append(
            Proposal(
                id=name,
                kind=DUPLICATE,
                column="",
                left=left,
                right=right,
                score=score,
                rows=2,
                evidence=evidence,
                evidence_hash=evidence_hash,
            )
        )
    return found, unpublished
