"""Drafts as they are kept: one JSON document each, numbered within its kind, and uploaded files.

What the documents mean is not known here; whoever changes one writes it back in the same
transaction. Their table is made by the `store`.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from orchestration.portal.errors import NotFoundError

_LARGEST = (1 << 63) - 1


def insert(connection: sqlite3.Connection, kind: str, document: dict[str, Any]) -> dict[str, Any]:
    """Keeps a new document, under the next number of its kind."""
    found = connection.execute("select max(id) from drafts where kind = ?", (kind,)).fetchone()
    numbered = {"id": (found[0] or 0) + 1, **document}
    row = (kind, numbered["id"], json.dumps(numbered))
    connection.execute("insert into drafts values (?, ?, ?)", row)
    return numbered


def update(connection: sqlite3.Connection, kind: str, document: dict[str, Any]) -> dict[str, Any]:
    """Keeps a changed document."""
    row = (json.dumps(document), kind, document["id"])
    connection.execute("update drafts set document = ? where kind = ? and id = ?", row)
    return document


def find(connection: sqlite3.Connection, kind: str, number: int) -> dict[str, Any]:
    """The document of this number. Raises: NotFoundError when there is none."""
    sql = "select document from drafts where kind = ? and id = ?"
    known = min(number, _LARGEST)
    row = connection.execute(sql, (kind, known)).fetchone()
    if row is None:
        raise NotFoundError(f"{kind}.missing", {"id": number})
    document: dict[str, Any] = json.loads(row[0])
    return document


def select(connection: sqlite3.Connection, kind: str, **equal: Any) -> list[dict[str, Any]]:
    """The documents of a kind with these values, in the order of their numbers."""
    sql = "select document from drafts where kind = ?"
    for name in equal:
        sql += f" and document ->> '$.{name}' = ?"
    rows = connection.execute(f"{sql} order by id", (kind, *equal.values()))
    return [json.loads(document) for (document,) in rows]


class Uploads:
    """The files of sources: chunks as they come in any order, then one file."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "uploads"
        self._lock = threading.Lock()

    def write(self, source: int, offset: int, content: bytes) -> None:
        """Puts a chunk where it belongs; sent twice, it is there once."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self._lock, self._part(source).open("ab"):
            pass
        with self._lock, self._part(source).open("r+b") as file:
            file.seek(offset)
            file.write(content)

    def commit(self, source: int, size: int) -> bool:
        """Whether the file is whole; then it takes the place of an older one."""
        part = self._part(source)
        if not part.is_file() or part.stat().st_size != size:
            return False
        part.replace(self.path(source))
        return True

    def path(self, source: int) -> Path:
        """Where the file of a source is once it is whole."""
        return self._folder / str(source)

    def drop(self, source: int) -> None:
        """Removes what there is of a source's file."""
        self.path(source).unlink(missing_ok=True)
        self._part(source).unlink(missing_ok=True)

    def _part(self, source: int) -> Path:
        return self._folder / f"{source}.part"
