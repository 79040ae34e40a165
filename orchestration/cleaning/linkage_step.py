"""Between the staging model and the marts: asks for near duplicates, hands over what people merged.

The engine (`linkage.py`) compares rows and links pairs; here it gets one row per key that may be
published, and the models get two tables: `linked.possible_duplicates_<id>` (`row_key`,
`possible_duplicate_of`) and `linked.merged_keys_<id>` (`row_key`, `survivor_key`, `decision_id`). Rows
that are quarantined, withheld or taken down are compared with nothing: a link would speak of them.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.cleaning.linkage import Linked, link
from orchestration.dataset import Dataset, Duplicates
from orchestration.duck import keys_table, parquet
from orchestration.review.decisions import DuplicateDecision


def suspect_duplicates(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    *,
    staged: str,
    quarantined: str,
    decisions: Sequence[DuplicateDecision],
    weights: Path,
    target: Path,
    taken_down: str | None = None,
) -> Linked:
    """Writes `target` (see `link`) and makes the two tables; says what was compared.

    `staged` has one row per line, `quarantined` one per line and broken rule, `taken_down` one per
    key that an order keeps back (`row_key`).
    """
    assert dataset.duplicates is not None
    connection.execute("create schema linked")
    _choose_rows(connection, dataset, dataset.duplicates, staged, quarantined, taken_down)
    connection.execute(
        "create table linked.decisions "
        "(left_key varchar, right_key varchar, verdict varchar, decision_id varchar)"
    )
    rows = [[one.left_key, one.right_key, one.verdict, one.decision_id] for one in decisions]
    if rows:
        connection.executemany("insert into linked.decisions values (?, ?, ?, ?)", rows)
    linked = link(
        connection,
        dataset,
        rows="linked.rows",
        decisions="linked.decisions",
        weights=weights,
        target=target,
    )
    _merge(connection, dataset, dataset.duplicates, target)
    _point_to_first(connection, dataset, target)
    return linked


def _choose_rows(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    duplicates: Duplicates,
    staged: str,
    quarantined: str,
    taken_down: str | None,
) -> None:
    """`rows`: the newest line of every key that may be published, compared columns alone."""
    key = dataset.key
    compared = (duplicates.time, duplicates.place, *(one.column for one in duplicates.compare))
    names = ", ".join(dict.fromkeys((key, *compared)))
    withheld = [
        f"contains(' ' || _policies || ' ', ' {policy.id} ')"
        for policy in dataset.policies
        if policy.action == "withhold"
    ]
    unfit = " or ".join((f"{key} is null", *withheld))
    connection.execute(
        f"create table linked.kept_back as select {key} from {staged} where {unfit} "
        f"union select {key} from {staged} as staged "
        f"semi join {quarantined} as quarantined using (_extract_id, _line)"
        + (f" union select row_key from {taken_down}" if taken_down else "")
    )
    # Most keys have one line, and only the others need comparing.
    connection.execute(
        f"create table linked.repeated as select {key} from {staged} group by all "
        f"having count(*) > 1 and {key} is not null"
    )
    connection.execute(
        f"create table linked.rows as select {names} from {staged} as staged "
        f"anti join linked.repeated using ({key}) anti join linked.kept_back using ({key}) "
        f"where {key} is not null union all "
        f"(select distinct on ({key}) {names} from {staged} as staged "
        f"semi join linked.repeated using ({key}) anti join linked.kept_back using ({key}) "
        f"order by {key}, _extracted_at desc, _extract_id, _line)"
    )


def _point_to_first(connection: duckdb.DuckDBPyConnection, dataset: Dataset, target: Path) -> None:
    """Every linked row points to the first key of its cluster; the first points to none."""
    connection.execute(
        f"create table linked.possible_duplicates_{dataset.id} as with members as ("
        f"select left_key as row_key, cluster_id from {parquet(target)} "
        f"union select right_key, cluster_id from {parquet(target)}), "
        "firsts as (select cluster_id, min(row_key) as possible_duplicate_of from members "
        "where cluster_id is not null "
        f"and row_key not in (select row_key from linked.merged_keys_{dataset.id}) group by cluster_id) "
        "select row_key, possible_duplicate_of from members join firsts using (cluster_id) "
        "where row_key <> possible_duplicate_of"
    )


def _merge(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, duplicates: Duplicates, target: Path
) -> None:
    """What people decided to be the same, where they may merge: the first entered survives."""
    connection.execute(
        f"create table linked.merged_keys_{dataset.id} "
        "(row_key varchar, survivor_key varchar, decision_id varchar)"
    )
    if not duplicates.people_may_merge:
        return
    pairs = connection.execute(
        f"select left_key, right_key, decision_id from {parquet(target)} "
        "where outcome = 'decided_same' order by all"
    ).fetchall()
    if not pairs:
        return
    keys = sorted({key for left, right, _ in pairs for key in (left, right)})
    keys_table(connection, "linked.decided_keys", keys)
    entered = connection.execute(
        f"select {dataset.key} from linked.rows "
        f"where {dataset.key} in (select row_key from linked.decided_keys) "
        f"order by {duplicates.time} nulls last, {dataset.key}"
    ).fetchall()
    rank = {key: place for place, (key,) in enumerate(entered)}
    survivor: dict[str, str] = {}
    for left, right, _ in pairs:
        if left in rank and right in rank:
            first, second = _root(survivor, left), _root(survivor, right)
            if first != second:
                early, late = sorted((first, second), key=rank.__getitem__)
                survivor[late] = early
    decided = {key: decision for left, right, decision in pairs for key in (left, right)}
    merged = [[key, _root(survivor, key), decided[key]] for key in sorted(survivor)]
    if merged:
        connection.executemany(
            f"insert into linked.merged_keys_{dataset.id} values (?, ?, ?)", merged
        )


def _root(survivor: dict[str, str], key: str) -> str:
    while key in survivor:
        key = survivor[key]
    return key
