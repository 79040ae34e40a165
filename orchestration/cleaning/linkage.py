"""Near duplicates: pairs of rows that may be one event entered twice, with score and evidence.

What belongs here: blocking, scoring and clusters put together, and the file of pairs they make.
What does not: levels (``comparisons.py``), blocks (``blocking.py``), training (``training.py``).
Nothing is merged here: rows with different keys are only linked, proposed or kept apart.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb

from orchestration.cleaning.blocking import AT, block_rows, blocking_rules
from orchestration.cleaning.clusters import Clusters, Link, build_clusters
from orchestration.cleaning.comparisons import (
    KEY,
    LEVELS,
    Weights,
    compared_columns,
    prepared_columns,
    read_weights,
    splink_settings,
)
from orchestration.dataset import Comparison, Dataset, Duplicates
from orchestration.duck import copy_to_parquet
from orchestration.errors import ConfigurationError

if TYPE_CHECKING:
    from splink import DuckDBAPI, SettingsCreator

_SCORE_DIGITS = 6


def weights_path(folder: Path, dataset_id: str) -> Path:
    """Where a dataset's trained weights are: beside its dataset file."""
    return folder / f"{dataset_id}.linkage.json"


@dataclass(frozen=True, kw_only=True)
class Linked:
    """What one linkage did, for the record of the run."""

    compared_pairs: int
    """Pairs that were scored."""
    cut_blocks: int
    """Busy blocks whose rows were compared in parts only, in order of time."""
    cut_rows: int
    """Rows in them, counted once per block."""
    decisions_without_rows: int
    """Decisions of which a key is not among the rows: they wait."""


def link(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    *,
    rows: str,
    decisions: str,
    weights: Path,
    target: Path,
) -> Linked:
    """Writes the pairs of rows that are linked, proposed or decided, sorted by their keys.

    ``rows`` is one row per published key with the dataset's published names, ``decisions`` has
    left_key, right_key, verdict (`same`, `different`) and decision_id. The file has left_key,
    right_key (left < right), outcome (`linked`, `proposed`, `decided_same`, `decided_different`),
    score, evidence, evidence_hash, cluster_id (null where the pair is not linked), decision_id. The
    same rows give the same bytes, in any order and with any number of threads.

    Raises:
        ConfigurationError: the dataset has no `duplicates`, the weights are of other comparisons,
            or two decisions on one pair contradict each other.
    """
    duplicates = dataset.duplicates
    if duplicates is None:
        raise ConfigurationError(f"{dataset.id}: duplicates: the dataset file has no such section")
    compared = compared_columns(duplicates)
    trained = read_weights(weights, compared=compared, within_minutes=duplicates.within_minutes)
    with work_database(connection) as work:
        waiting = _take_decisions(connection, dataset, work, rows=rows, decisions=decisions)
        scored = score_pairs(
            connection, dataset.key, duplicates, work=work, rows=rows, weights=trained
        )
        _keep_pairs(connection, work, duplicates, compared)
        clusters = _cluster(connection, work)
        _write(connection, work, clusters, target)
    return Linked(
        compared_pairs=scored.pairs,
        cut_blocks=scored.cut_blocks,
        cut_rows=scored.cut_rows,
        decisions_without_rows=waiting,
    )


@contextmanager
def work_database(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """A database in memory beside the connection's own, gone afterwards with all its tables."""
    name = f"linkage_{uuid4().hex}"
    connection.execute(f"attach ':memory:' as {name}")
    try:
        yield name
    finally:
        connection.execute(f"detach {name}")


@contextmanager
def splink_in(connection: duckdb.DuckDBPyConnection, work: str) -> Iterator["DuckDBAPI"]:
    """Splink on a work database of the connection, silent."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    cursor = connection.cursor()
    try:
        from splink import DuckDBAPI

        cursor.execute(f"use {work}")
        yield DuckDBAPI(cursor)
    finally:
        cursor.close()
        logger.setLevel(level)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """How many pairs stand in `<work>.scored`, and which blocks were cut."""

    pairs: int
    cut_blocks: int
    cut_rows: int


def score_pairs(
    connection: duckdb.DuckDBPyConnection,
    key: str,
    duplicates: Duplicates,
    *,
    work: str,
    rows: str,
    weights: Weights | None,
) -> Scored:
    """Makes `<work>.scored`: every pair that shares a block or was decided, its levels and score.

    Columns: left_key, right_key, score, and a level number per compared column
    (`gamma_<column>`; -1 where one side is blank).
    """
    compared = compared_columns(duplicates)
    blocked = block_rows(
        connection,
        work=work,
        rows=rows,
        key=key,
        time=duplicates.time,
        place=duplicates.place,
        within_minutes=duplicates.within_minutes,
        compared=compared,
    )
    connection.execute(
        f"create table if not exists {work}.decided "
        "(left_key varchar, right_key varchar, verdict varchar, decision_id varchar)"
    )
    prepared = ", ".join(f'{sql} as "{name}"' for name, sql in prepared_columns(compared).items())
    connection.execute(
        f"""create table {work}.prepared as
            select blocked.*, source.* exclude ({KEY}) from (
                select {KEY}, {AT}, {", ".join(blocked.columns)} from {work}.blocked
                union all by name
                select distinct key as {KEY} from (
                    select unnest([left_key, right_key]) as key from {work}.decided)
                anti join {work}.blocked on blocked.{KEY} = key
            ) as blocked
            join (select cast("{key}" as varchar) as {KEY}, {prepared} from {rows}) as source
                using ({KEY})"""
    )
    connection.execute(f"drop table {work}.blocked")
    settings = splink_settings(
        compared,
        weights=weights,
        within_minutes=duplicates.within_minutes,
        rules=blocking_rules(blocked.columns, within_minutes=duplicates.within_minutes),
    )
    levels = ", ".join(f'"gamma_{one.column}"' for one in compared)
    with splink_in(connection, work) as splink:
        scores = _predict(splink, settings, work)
        connection.execute(
            f"""create table {work}.scored as
                select {KEY}_l as left_key, {KEY}_r as right_key,
                    round(match_probability, {_SCORE_DIGITS}) as score, {levels}
                from {work}.{scores}"""
        )
    counted = connection.sql(f"select count(*) from {work}.scored").fetchone()
    return Scored(
        pairs=counted[0] if counted else 0,
        cut_blocks=blocked.cut_blocks,
        cut_rows=blocked.cut_rows,
    )


def _predict(splink: "DuckDBAPI", settings: "SettingsCreator", work: str) -> str:
    """Has Splink block and score `prepared`; the decided pairs are scored whatever their blocks."""
    from splink import Linker

    linker = Linker(splink.register("prepared"), settings, log_level=None)
    blocks = linker.inference.compute_blocked_pairs_for_predict().physical_name
    splink.duckdb_con.execute(
        f"""create table asked as
            select match_key, join_key_l, join_key_r from {blocks}
            union all
            select '-1', left_key, right_key from decided
            anti join {blocks} on join_key_l = left_key and join_key_r = right_key"""
    )
    linker.table_management.register_blocked_pairs_for_predict(splink.register("asked"))
    return str(linker.inference.predict(warning_mode="never").physical_name)


def _take_decisions(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    work: str,
    *,
    rows: str,
    decisions: str,
) -> int:
    """Makes `<work>.decided` of the decisions whose rows are there; gives the number of the others.

    Raises:
        ConfigurationError: one pair is decided both ways, or a verdict is neither of the two.
    """
    connection.execute(
        f"""create table {work}.every_decision as
            select least(given.left_key, given.right_key) as left_key,
                greatest(given.left_key, given.right_key) as right_key,
                min(verdict) as verdict, max(verdict) as other, min(decision_id) as decision_id
            from {decisions} as given where given.left_key <> given.right_key
            group by least(given.left_key, given.right_key),
                greatest(given.left_key, given.right_key)"""
    )
    wrong = connection.sql(
        f"select decision_id from {work}.every_decision where verdict <> other "
        "or verdict not in ('same', 'different') order by decision_id limit 5"
    ).fetchall()
    if wrong:
        raise ConfigurationError(
            f"{dataset.id}: decisions {', '.join(str(one[0]) for one in wrong)}: a pair is decided "
            "both ways, or neither `same` nor `different`; undo one of them"
        )
    connection.execute(
        f"""create table {work}.decided as
            select left_key, right_key, verdict, decision_id from {work}.every_decision
            semi join (select cast("{dataset.key}" as varchar) as key from {rows}) as lefts
                on lefts.key = left_key
            semi join (select cast("{dataset.key}" as varchar) as key from {rows}) as rights
                on rights.key = right_key"""
    )
    counted = connection.sql(
        f"select (select count(*) from {work}.every_decision) "
        f"- (select count(*) from {work}.decided)"
    ).fetchone()
    return int(counted[0]) if counted else 0


def _keep_pairs(
    connection: duckdb.DuckDBPyConnection,
    work: str,
    duplicates: Duplicates,
    compared: Sequence[Comparison],
) -> None:
    """Makes `<work>.pairs` of the pairs that are decided, linked or proposed, with their evidence."""
    connection.execute(
        f"""create table {work}.pairs as
            select left_key, right_key, score, decision_id,
                case when verdict is not null then 'decided_' || verdict
                    when score >= {duplicates.link_above} then 'linked'
                    else 'proposed' end as outcome,
                {_levels_as_json(compared)} as levels,
            from {work}.scored left join {work}.decided using (left_key, right_key)
            where score >= {duplicates.propose_above} or verdict is not null"""
    )


def _levels_as_json(compared: Sequence[Comparison]) -> str:
    """SQL: the level of each column as compact JSON, names sorted."""
    parts = []
    for one in sorted(compared, key=lambda one: one.column):
        names = LEVELS[one.how]
        met = " ".join(
            f"when {len(names) - 1 - place} then '{name}'" for place, name in enumerate(names)
        )
        parts.append(
            f"""'"{one.column}":"' || case "gamma_{one.column}" {met} else 'blank' end || '"'"""
        )
    return "'{' || " + " || ',' || ".join(parts) + " || '}'"


def _cluster(connection: duckdb.DuckDBPyConnection, work: str) -> Clusters:
    links = connection.sql(
        f"""select left_key, right_key, score, outcome = 'decided_same' from {work}.pairs
            where outcome in ('linked', 'decided_same')"""
    ).fetchall()
    apart = connection.sql(
        f"select left_key, right_key, decision_id from {work}.pairs "
        "where outcome = 'decided_different'"
    ).fetchall()
    return build_clusters(
        (
            Link(left=left, right=right, score=score, decided=decided)
            for left, right, score, decided in links
        ),
        apart={(left, right): decision for left, right, decision in apart},
    )


def _write(
    connection: duckdb.DuckDBPyConnection, work: str, clusters: Clusters, target: Path
) -> None:
    """Writes the pairs; a link that a decision cut is proposed again, and says which one cut it."""
    import pyarrow as pa

    members = pa.table(
        {
            "key": pa.array(list(clusters.of_key), pa.string()),
            "cluster_id": pa.array(list(clusters.of_key.values()), pa.string()),
        }
    )
    cut = pa.table(
        {
            "left_key": pa.array([left for left, _ in clusters.cut], pa.string()),
            "right_key": pa.array([right for _, right in clusters.cut], pa.string()),
            "cut_by": pa.array(list(clusters.cut.values()), pa.string()),
        }
    )
    tables: dict[str, Any] = {f"{work}_members": members, f"{work}_cut": cut}
    try:
        for name, table in tables.items():
            connection.register(name, table)
        connection.execute(
            copy_to_parquet(
                f"""select left_key, right_key,
                        case when outcome = 'linked' and cut_by is not null then 'proposed'
                            else outcome end as outcome,
                        score,
                        '{{' || coalesce('"cut_by":' || to_json(cut_by) || ',', '')
                            || '"levels":' || levels || '}}' as evidence,
                        left(sha256(levels), 16) as evidence_hash,
                        case when outcome in ('linked', 'decided_same') and cut_by is null
                            then cluster_id end as cluster_id,
                        decision_id
                    from {work}.pairs
                    left join {work}_cut using (left_key, right_key)
                    left join {work}_members on key = left_key
                    order by left_key, right_key""",
                target,
            )
        )
    finally:
        for name in tables:
            connection.unregister(name)
