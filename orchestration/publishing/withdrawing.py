"""Rows whose newest version is protected leave the portal, also where nothing can be published.

A publication blanks or removes what a policy protects. Where none goes out, because a gate, a guard or
a signature stops it, the old version of such a row would stay. So it is withdrawn: removed like what is
taken down, whatever gates and guards say, and kept away from plans, releases and rollbacks until a run
publishes a right version of it. Protected is a key of whose newest lines one is covered by a policy, or
holds a deciding value that nobody classified.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from orchestration.dataset import Dataset, Policy
from orchestration.duck import connect, copy_to_parquet, keys_table, parquet
from orchestration.layers import layer_file, snapshot_file
from orchestration.settings import Settings
from orchestration.state.store import Layer, State
from orchestration.state.withdrawals import WithdrawalStore
from orchestration.tombstones.tombstones import Tombstones, load_tombstones

if TYPE_CHECKING:
    from orchestration.publishing.context import Context
    from orchestration.publishing.publisher import Publisher

UNCLASSIFIED = "unclassified"


def kept_away(settings: Settings, state: State, dataset: Dataset) -> Tombstones:
    """What may not be on a portal now: what was taken down by order, and what is withdrawn.

    Raises:
        ConfigurationError: a journal is broken, or a hash was made with another secret.
    """
    ordered = load_tombstones(settings, state, dataset)
    withdrawn = WithdrawalStore(state).withdrawals(dataset.id, open_only=True)
    return replace(ordered, rows=ordered.rows | {one.key_hash for one in withdrawn})


def withdraw_protected(publisher: "Publisher", staged: str, *, run_id: str) -> int:
    """Takes off the portal what it shows of rows that are protected in `staged`, a table as SQL.

    Returns how many rows that were.

    Raises:
        PortalFault: the portal still shows something of it.
        TransientError: the portal could not be reached or read back; the rows stay noted as withdrawn.
    """
    dataset, last = publisher.dataset, publisher.journal.last_finished()
    files = [
        publisher.journal.folder(one) / "upserts.parquet" for one in publisher.journal.unproven()
    ]
    if last is not None:
        files.insert(0, snapshot_file(publisher.settings, last))
    files = [file for file in files if file.is_file()]
    if not dataset.deciding or not files:
        return 0
    with connect(spill=publisher.settings.workspaces) as connection:
        shown = shown_and_protected(connection, dataset, staged, files)
    if shown:
        publisher.progress(f"{len(shown):,} rows are protected now and leave the portal")
        withdraw(
            publisher,
            dict(shown),
            by="automatic release",
            authority="law: the newest version of a row decides what may be shown of it",
            run_id=run_id,
        )
    return len(shown)


def withdraw(
    publisher: "Publisher", causes: Mapping[str, str], *, by: str, authority: str, run_id: str
) -> None:
    """Takes rows off the portal, by their keys, and keeps them away; why, is in `causes`.

    They are noted as withdrawn before anything is asked of the portal.

    Raises: as `withdraw_protected`.
    """
    _note(publisher, causes, run_id=run_id)
    publisher.take_down(by=by, authority=authority, run_id=run_id, keys=sorted(causes))


def remember_protected(publisher: "Publisher", staged: str, *, run_id: str) -> None:
    """Notes what a publication blanks or removes because it is protected now, for rollbacks."""
    last = publisher.journal.last_finished()
    if last is None or not publisher.dataset.deciding:
        return
    with connect(spill=publisher.settings.workspaces) as connection:
        snapshot = snapshot_file(publisher.settings, last)
        shown = shown_and_protected(connection, publisher.dataset, staged, [snapshot])
    _note(publisher, dict(shown), run_id=run_id, is_over=True)


def _note(
    publisher: "Publisher", causes: Mapping[str, str], *, run_id: str, is_over: bool = False
) -> None:
    hash_of = publisher.tombstones.hash_of
    WithdrawalStore(publisher.state).withdraw(
        publisher.dataset.id,
        {hash_of(key): cause for key, cause in causes.items()},
        run_id=run_id,
        is_over=is_over,
    )


def frozen_keys(
    context: "Context", folder: Path, *, rolled_back_to: Path | None = None
) -> Path | None:
    """The keys that people left as the portal has them.

    In a rollback also those that were protected once: what they held before stays away.
    """
    keys = {*context.store.kept_edits(context.dataset.id, context.target.name)}
    if rolled_back_to is not None:
        keys |= _once_protected(context, rolled_back_to)
    if not keys:
        return None
    target = folder / "frozen.parquet"
    with connect(spill=folder) as connection:
        keys_table(connection, "frozen", sorted(keys))
        connection.execute(copy_to_parquet("from frozen order by row_key", target))
    return target


def _once_protected(context: "Context", snapshot: Path) -> set[str]:
    """The keys of a snapshot whose rows were ever withdrawn, or blanked by a later policy."""
    ever = WithdrawalStore(context.state).withdrawals(context.dataset.id)
    hashes = replace(context.tombstones, rows=frozenset(one.key_hash for one in ever))
    return set(keys_named(hashes, context.dataset, snapshot)) if ever else set()


def keys_named(hashes: Tombstones, dataset: Dataset, rows: Path) -> list[str]:
    """The keys of a file's rows that are among the hashes."""
    with connect() as connection:
        hashes.declare(connection)
        found = connection.execute(
            f"select {dataset.key}::varchar from {parquet(rows)} where {hashes.is_row(dataset.key)}"
        ).fetchall()
    return [key for (key,) in found]


def bring_back_right(settings: Settings, state: State, dataset: Dataset, layer: Layer) -> int:
    """Ends the withdrawals of rows that a passed deduplicated layer publishes; how many."""
    store = WithdrawalStore(state)
    away = {one.key_hash for one in store.withdrawals(dataset.id, open_only=True)}
    if not away:
        return 0
    hashes = replace(load_tombstones(settings, state, dataset), rows=frozenset(away))
    right = keys_named(hashes, dataset, layer_file(settings, layer, dataset.id))
    store.bring_back(dataset.id, [hashes.hash_of(key) for key in right])
    return len(right)


def shown_and_protected(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, staged: str, shown: Sequence[Path]
) -> list[tuple[str, str]]:
    """Keys of rows that hold what their newest version in `staged` protects, and why, in order.

    `shown` are files of published rows.
    """
    key = dataset.key
    connection.execute(
        f"create or replace temp table protected as select {key}::varchar as row_key, "
        "string_agg(distinct _policies, ' ') as policies, "
        "bool_or(_unclassified is not null) as is_unclassified from ("
        f"select {key}, _policies, _unclassified from {staged} where {key} is not null "
        f"qualify rank() over (partition by {key} order by _extracted_at desc) = 1) "
        f"group by {key} having policies is not null or is_unclassified"
    )
    rows = parquet(list(shown))
    held = {row[0] for row in connection.execute(f"describe from {rows}").fetchall()}
    reasons = [
        f"case when {_covers(policy)} and {_holds(policy, held)} then '{policy.id}' end"
        for policy in dataset.policies
        if policy.action != "generalize"
    ]
    unclassified = f"case when is_unclassified then '{UNCLASSIFIED}' end"
    found: list[tuple[str, str]] = connection.execute(
        f"select row_key, min(cause) from (select row_key, "
        f"concat_ws(' ', {', '.join([unclassified, *reasons])}) as cause "
        f"from protected join {rows} as shown on shown.{key}::varchar = protected.row_key) "
        "where cause <> '' group by row_key order by row_key"
    ).fetchall()
    return found


def _covers(policy: Policy) -> str:
    return f"coalesce(contains(' ' || policies || ' ', ' {policy.id} '), false)"


def _holds(policy: Policy, held: set[str]) -> str:
    """Whether a published row holds what a policy keeps back."""
    if policy.action == "withhold":
        return "true"
    cells = [f"shown.{name} is not null" for name in policy.redacts if name in held]
    return f"({' or '.join(cells)})" if cells else "false"
