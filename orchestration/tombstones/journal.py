"""The tombstones' memory beside the state database: a file of JSON lines that is only added to.

It lies in the home (`takedowns.jsonl`), and also where SUMMERWARE_TAKEDOWNS says, so that a restored
copy of the state database, or of the whole home, learns again what was taken down since. Every
opening merges all memories into each other.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from orchestration.errors import ConfigurationError
from orchestration.file_lock import file_lock
from orchestration.layers import sync_folder
from orchestration.settings import Settings
from orchestration.state.store import State
from orchestration.state.takedowns import TakedownStore, Tombstone

NAME = "takedowns.jsonl"
VARIABLE = "SUMMERWARE_TAKEDOWNS"


def journals(settings: Settings) -> list[Path]:
    """The files that remember tombstones, the home's first."""
    outside = os.environ.get(VARIABLE)
    paths = [settings.home / NAME]
    if outside:
        path = Path(outside).expanduser().absolute()
        paths.append(path / NAME if path.is_dir() else path)
    return paths


def remember(settings: Settings, state: State, tombstone: Tombstone) -> None:
    """Keeps a tombstone in every memory, the files first.

    Raises:
        ConfigurationError: a journal cannot be read or written.
    """
    settings.prepare()
    with file_lock(settings, "takedowns"):
        for path in journals(settings):
            _append(path, [tombstone])
        TakedownStore(state).keep(tombstone)


def all_tombstones(settings: Settings, state: State) -> list[Tombstone]:
    """Every tombstone that any memory knows, oldest first; afterwards all of them know it.

    Raises:
        ConfigurationError: a journal cannot be read or written.
    """
    settings.prepare()
    store = TakedownStore(state)
    with file_lock(settings, "takedowns"):
        known = {one.id: one for one in store.tombstones()}
        written = {path: _read(path) for path in journals(settings)}
        merged = dict(known)
        for memory in written.values():
            for one in memory.values():
                merged[one.id] = merged[one.id].merged(one) if one.id in merged else one
        # Each memory also learns from those that were read after it.
        for one in merged.values():
            if known.get(one.id) != one:
                store.keep(one)
        for path, memory in written.items():
            _append(path, _unknown_to(memory, merged))
    return sorted(merged.values(), key=lambda one: (one.taken_at, one.id))


def _unknown_to(
    memory: Mapping[str, Tombstone], merged: Mapping[str, Tombstone]
) -> list[Tombstone]:
    return [one for one in merged.values() if memory.get(one.id) != one]


def _read(path: Path) -> dict[str, Tombstone]:
    """What one file knows. A last line without its end was never acknowledged, and is no line."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except OSError as error:
        raise _unusable(path, type(error).__name__) from None
    found: dict[str, Tombstone] = {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            one = Tombstone.from_json(json.loads(line))
        except (ValueError, KeyError, TypeError):
            raise _unusable(path, f"line {number} is no tombstone") from None
        found[one.id] = found[one.id].merged(one) if one.id in found else one
    return found


def _append(path: Path, tombstones: list[Tombstone]) -> None:
    if not tombstones:
        return
    lines = "".join(json.dumps(one.as_json(), sort_keys=True) + "\n" for one in tombstones)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            held = os.pread(handle, os.fstat(handle).st_size, 0)
            whole = held[: held.rfind(b"\n") + 1]
            os.ftruncate(handle, len(whole))
            os.pwrite(handle, lines.encode(), len(whole))
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(path.parent)
    except OSError as error:
        raise _unusable(path, type(error).__name__) from None


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: the journal of takedowns cannot be used ({why}). Nothing is published without it: "
        "put it back, or correct SUMMERWARE_TAKEDOWNS"
    )
