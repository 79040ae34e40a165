"""Finished layers: folders of immutable Parquet, each known by the hash of its content.

A step works in a throw-away workspace of its own. When it is done, its files are synced, hashed
and moved here in one rename, and recorded. What is recorded is whole; what is not recorded is not there.
What stands inside the files is the business of dbt, the gates and the publisher.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orchestration.errors import GateNotPassed
from orchestration.settings import Settings
from orchestration.state.records import LayerFacts
from orchestration.state.store import Layer, Publication, State, new_id, now

LAYERS = ("raw", "standardized", "deduplicated")
"""In the order of their making; `published` is on the portal, not here."""


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_named(hashes: Mapping[str, str]) -> str:
    """One hash for named hashes, whatever their order."""
    text = "\n".join(f"{name} {hashes[name]}" for name in sorted(hashes))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_folder(folder: Path) -> str:
    """The content hash of a layer: over the names and bytes of its Parquet files."""
    return hash_named({path.name: hash_file(path) for path in folder.glob("*.parquet")})


def hash_planned(folder: Path, names: Iterable[str]) -> str:
    """What `hash_folder` will say once only these files of a workspace are kept."""
    return hash_named({f"{name}.parquet": hash_file(folder / f"{name}.parquet") for name in names})


@contextmanager
def workspace(settings: Settings, *parts: str) -> Iterator[Path]:
    """A folder for one step at work, gone afterwards; a dead step's leftovers are swept later."""
    folder = settings.workspaces.joinpath(*parts, new_id())
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_workspaces(settings: Settings, run_ids: Iterable[str]) -> None:
    """Removes what dead runs left at work; finished layers are elsewhere."""
    for run_id in run_ids:
        shutil.rmtree(settings.workspaces / run_id, ignore_errors=True)


def sync_file(path: Path) -> None:
    """Puts a file's bytes on the disk, readable by its owner alone."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fchmod(handle, 0o600)
        os.fsync(handle)
    finally:
        os.close(handle)


def finish_folder(files: list[Path], folder: Path) -> None:
    """Moves finished files into their lasting folder, in one step that is there or not."""
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    try:
        for path in files:
            moved = shutil.move(path, unfinished / path.name)
            sync_file(Path(moved))
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Puts a folder's list of names on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def finish_layer(
    settings: Settings,
    state: State,
    *,
    dataset: str,
    layer: str,
    run_id: str,
    upstream: Layer | None,
    files: list[Path],
    facts: LayerFacts,
) -> Layer:
    """Keeps a step's files as the finished layer of a run and records it."""
    layer_id = new_id()
    folder = settings.layers / dataset / layer / layer_id
    finish_folder(files, folder)
    finished = Layer(
        id=layer_id,
        dataset=dataset,
        layer=layer,
        run_id=run_id,
        content_hash=hash_folder(folder),
        upstream_id=upstream.id if upstream else None,
        path=str(folder.relative_to(settings.home)),
        facts=facts,
        finished_at=now(),
    )
    state.add_layer(finished)
    return finished


def layer_file(settings: Settings, layer: Layer, name: str) -> Path:
    """One Parquet file of a finished layer."""
    return settings.home / layer.path / f"{name}.parquet"


def layer_files(settings: Settings, layer: Layer) -> list[Path]:
    """Every Parquet file of a finished layer, by name."""
    return sorted((settings.home / layer.path).glob("*.parquet"))


def newest_layer(state: State, dataset: str, layer: str, *, run_id: str) -> Layer:
    """The finished layer that a step reads: of its own run, else the last one of any.

    Raises:
        GateNotPassed: there is none.
    """
    found = state.newest_layer(dataset, layer, run_id=run_id)
    if found is None:
        raise GateNotPassed(f"{dataset}: there is no finished {layer} layer yet; make that first")
    return found


def snapshot_file(settings: Settings, publication: Publication) -> Path:
    """What the portal held once a publication was proven."""
    return settings.home / (publication.outcome_path or publication.path) / "snapshot.parquet"
