"""Files that an upgrade replaces: whole or not at all, and never without the file as it was."""

import os
import shutil
from pathlib import Path


def backup_path(path: Path, content: str, ending: str) -> Path:
    """Where the file as it is now is kept: an older backup of other content is never written over."""
    number = 1
    while True:
        found = path.with_name(f"{path.name}{ending}{f'-{number}' if number > 1 else ''}")
        if not found.exists() or found.read_bytes() == content.encode():
            return found
        number += 1


def replace_file(path: Path, before: str, after: str, backup: Path) -> None:
    """Keeps the file as it was, then replaces it."""
    if not backup.exists():
        write_whole(backup, before.encode(), like=path)
    write_whole(path, after.encode(), like=path)


def write_whole(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Whole or not at all, through a link to where the file really is, with another's permissions."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if like is not None:
        shutil.copymode(like, fresh)
    fresh.replace(path)
