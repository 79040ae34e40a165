"""What is kept and what may go: old layers, publications' files and extracts that nothing reads any more.

Records stay for ever; only files go. A file that goes is one that no run, release, rollback, report or
proof of today's can ask for, by the dataset file's `retention`. Dagster's history is Dagster's to keep.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestration.dataset import Dataset
from orchestration.layers import LAYERS
from orchestration.publishing.journal import OPEN, STORY, WAITING
from orchestration.publishing.lease import publication_lease
from orchestration.settings import Settings
from orchestration.state.store import FINISHED, Layer, Publication, State, new_id

_LEFTOVER_SECONDS = 24 * 3600
"""How old a folder without a record must be: a younger one may be just on its way."""
_GOING = ".going-"


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What went of one dataset, or would go: folders and their bytes."""

    dataset: str
    layers: int
    publications: int
    extracts: int
    bytes: int


def prune(settings: Settings, state: State, dataset: Dataset, *, dry_run: bool = False) -> Pruned:
    """Removes what may go; killed half-way, the next call goes on.

    Waits for a publication of the dataset that is under way. Layers of a run under way are the newest
    and stay.
    """
    with publication_lease(settings, state, dataset, lambda _: None):
        kept = _kept_layers(settings, state, dataset)
        layers = list(_old_layers(settings, state, dataset, kept))
        publications = list(_old_publications(settings, state, dataset))
        extracts = list(_old_extracts(settings, state, dataset, kept))
        rows = [path for folder in publications for path in _rows_of(folder)]
        size = sum(_bytes(path) for path in (*layers, *rows, *extracts))
        if not dry_run:
            _remove(settings, [*layers, *extracts])
            for path in rows:
                path.unlink(missing_ok=True)
    return Pruned(
        dataset=dataset.id,
        layers=len(layers),
        publications=len(publications),
        extracts=len(extracts),
        bytes=size,
    )


# Layers


def _kept_layers(settings: Settings, state: State, dataset: Dataset) -> dict[str, Layer]:
    """The layers that stay, by id: recent ones, those that publications stand on, and their origins."""
    since = _cutoff(dataset.retention.layers_days)
    kept: dict[str, Layer] = {}
    for name in LAYERS:
        there = [
            one for one in state.layers(dataset.id, name) if (settings.home / one.path).is_dir()
        ]
        for number, one in enumerate(there):
            if number < dataset.retention.runs or one.finished_at >= since:
                kept[one.id] = one
    for publication in state.publications(dataset.id, states=(*OPEN, *WAITING)):
        found = state.find_layer(publication.layer_id)
        if found is not None:
            kept[found.id] = found
    for one in list(kept.values()):
        above = one.upstream_id
        while above is not None and above not in kept:
            layer = state.find_layer(above)
            if layer is None:
                break
            kept[layer.id], above = layer, layer.upstream_id
    return kept


def _old_layers(
    settings: Settings, state: State, dataset: Dataset, kept: dict[str, Layer]
) -> Iterator[Path]:
    recorded = {
        settings.home / one.path for name in LAYERS for one in state.layers(dataset.id, name)
    }
    staying = {settings.home / one.path for one in kept.values()}
    contents = {one.content_hash for one in kept.values()}
    for path, content in state.quarantine_folders(dataset.id):
        folder = (settings.home / path).parent
        recorded.add(folder)
        if content in contents:
            staying.add(folder)
    for folder in sorted((settings.layers / dataset.id).glob("*/*")):
        if folder not in staying and (folder in recorded or _is_leftover(folder)):
            yield folder


# Publications


def _old_publications(settings: Settings, state: State, dataset: Dataset) -> Iterator[Path]:
    known = state.publications(dataset.id)
    staying = {
        folder for one in _kept_publications(dataset, known) for folder in _of(settings, one)
    }
    recorded = {folder for one in known for folder in _of(settings, one)}
    for folder in sorted((settings.publications / dataset.id).glob("*")):
        is_old = folder not in staying and (folder in recorded or _is_leftover(folder))
        if is_old and _rows_of(folder):
            yield folder


def _rows_of(folder: Path) -> list[Path]:
    """What goes of an old publication: its rows. Which keys it touched stays, for their story."""
    return [path for path in sorted(folder.glob("*")) if path.name not in STORY]


def _kept_publications(dataset: Dataset, known: list[Publication]) -> Iterator[Publication]:
    """What is not over, what was proven last, and so many of those that were proven to write."""
    since = _cutoff(dataset.retention.layers_days)
    for target in {one.target for one in known}:
        own = [one for one in known if one.target == target]
        yield from (one for one in own if one.state in (*OPEN, *WAITING) or one.planned_at >= since)
        yield from [one for one in own if one.state in FINISHED][-1:]
        yield from [one for one in own if one.state == "verified"][
            -dataset.retention.publications :
        ]
        # What failed last is what the next plan may have to look into.
        yield from [one for one in own if one.state == "failed"][-1:]


def _of(settings: Settings, publication: Publication) -> Iterator[Path]:
    yield settings.home / publication.path
    if publication.outcome_path:
        yield settings.home / publication.outcome_path


# Extracts


def _old_extracts(
    settings: Settings, state: State, dataset: Dataset, kept: dict[str, Layer]
) -> Iterator[Path]:
    """Extracts that were published, stand in no layer that stays, and are old enough."""
    if dataset.retention.extracts_days is None:
        return
    since = _cutoff(dataset.retention.extracts_days)
    used = {name for one in kept.values() for name in one.facts.get("extracts", ())}
    published = {
        name
        for one in state.publications(dataset.id, states=FINISHED)
        for name in one.plan["extracts"]
    }
    for source in ("files", "socrata", "sample"):
        for extract in state.extracts(dataset.id, source=source):
            folder = settings.home / extract.path
            is_done = extract.id in published or extract.discarded_at is not None
            if is_done and extract.id not in used and extract.landed_at < since and folder.is_dir():
                yield folder


# Files


def _cutoff(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")


def _is_leftover(folder: Path) -> bool:
    """Whether a dead process left it: nobody recorded it, and it is old."""
    return time.time() - folder.stat().st_mtime > _LEFTOVER_SECONDS


def _bytes(place: Path) -> int:
    """What the disk gets back: a raw layer's files are those of its extracts, under other names."""
    files = (place, *place.rglob("*"))
    return sum(
        path.stat().st_size for path in files if path.is_file() and path.stat().st_nlink == 1
    )


def _remove(settings: Settings, folders: Iterable[Path]) -> None:
    """Each folder is renamed in one step, so that it is there whole or not at all, and then emptied."""
    place = settings.home / "workspaces"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in place.glob(f"{_GOING}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in folders:
        going = place / f"{_GOING}{new_id()}"
        folder.rename(going)
        shutil.rmtree(going, ignore_errors=True)
