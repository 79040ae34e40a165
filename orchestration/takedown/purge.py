"""Erases from this machine what was taken down: extracts, layers, publications, records, portal.

Each part passes over what is done already, so that an erasure that was killed is finished by the
next. The extracts come last, because they tell what to look for. What lies outside the home (sheets
that were exported, backups, the extracts' own files) is not ours to find.
"""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orchestration.dataset import Dataset
from orchestration.errors import TransientError
from orchestration.file_lock import file_lock
from orchestration.processes import process_started
from orchestration.publishing.lease import publication_lease
from orchestration.settings import Settings
from orchestration.sources.landing import ROWS
from orchestration.state.store import State, now
from orchestration.state.takedowns import PurgeStore, Tombstone
from orchestration.takedown.databases import erase_texts, write_anew
from orchestration.takedown.files import FilePurge, sqlite_files
from orchestration.takedown.traces import Traces, find_traces
from orchestration.tombstones.journal import all_tombstones, remember
from orchestration.tombstones.tombstones import in_force


def purge(
    settings: Settings,
    state: State,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    *,
    keys: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> list[Tombstone]:
    """Erases everything of a dataset whose tombstones ask for it; gives those tombstones.

    `keys` are in the clear where somebody has just named them; others are known by their hashes.

    Raises:
        TransientError: a run is at work, or another process keeps a database busy.
        ModelFault: dbt could not standardize the keys of the extracts.
    """
    _refuse_at_work(state)
    asked = [
        one
        for one in all_tombstones(settings, state)
        if one.dataset == dataset.id and one.purge_at and not one.lifted_at
    ]
    if not asked:
        return []
    with (
        file_lock(settings, f"{dataset.id}.landing"),
        file_lock(settings, f"{dataset.id}.download"),
        publication_lease(settings, state, dataset, progress),
    ):
        progress("looking for what the rows left on this machine")
        tombstones = in_force(settings, dataset, asked)
        traces = find_traces(
            settings,
            datasets,
            dataset,
            tombstones,
            keys=keys,
            extracts_lost=_extracts_lost(settings, state, dataset),
        )
        asked = _remember_landed(settings, state, asked, traces)
        tombstones = in_force(settings, dataset, asked)
        files = FilePurge(settings, state, dataset, tombstones, traces)
        progress("erasing them from the records")
        store = PurgeStore(state)
        store.erase(traces.without_words().erase, traces.erase)
        store.erase_columns(dataset.id, tombstones.erased_columns)
        progress("erasing them from layers and publications")
        files.purge_tables()
        files.purge_rest()
        progress("erasing them from extracts")
        files.purge_extracts()
        progress("writing the databases anew")
        _purge_databases(settings, state, traces)
        return [_remembered(settings, state, replace(one, purged_at=now())) for one in asked]


def _extracts_lost(settings: Settings, state: State, dataset: Dataset) -> bool:
    landed = PurgeStore(state).extracts(dataset.id)
    return any(not (settings.home / path / ROWS).is_file() for path, _ in landed)


def _remember_landed(
    settings: Settings, state: State, asked: Sequence[Tombstone], traces: Traces
) -> list[Tombstone]:
    """Landing must know the lines again, so their hashes are kept before the lines are erased."""
    known = []
    for one in asked:
        landed = {*one.landed_hashes, *traces.landed_hashes.get(one.key_hash or "", ())}
        if landed != set(one.landed_hashes):
            one = _remembered(settings, state, replace(one, landed_hashes=tuple(sorted(landed))))
        known.append(one)
    return known


def _remembered(settings: Settings, state: State, tombstone: Tombstone) -> Tombstone:
    remember(settings, state, tombstone)
    return tombstone


def _purge_databases(settings: Settings, state: State, traces: Traces) -> None:
    own = state.engine.url.database if state.engine.dialect.name == "sqlite" else None
    known = Path(own).resolve() if own else None
    for path in sqlite_files(settings.home):
        if path.resolve() != known:
            erase_texts(path, traces)
            write_anew(path)
    if known is not None:
        write_anew(known)


def _refuse_at_work(state: State) -> None:
    """A run holds files open, and would write what was just erased."""
    for process in state.processes():
        is_ours = process.host == socket.gethostname() and process.pid != os.getpid()
        if is_ours and process_started(process.pid) == process.process_started:
            raise TransientError(
                f"the process {process.pid} is at work on run {process.run_id}: what was taken down "
                "is erased when nothing runs. Give the command again with --purge then"
            )
