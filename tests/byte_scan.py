"""Looks for texts in everything under a folder, as somebody with a disk editor would.

Every text cell of every Parquet file, every cell of every SQLite table, and the raw bytes of every
file, packed ones unpacked: freed pages, write-ahead logs and footers included. Case is ignored.
"""

import gzip
import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import duckdb


def places_of(folder: Path, texts: Sequence[str]) -> list[str]:
    """Where any of the texts stands: file, and table or `bytes`."""
    wanted = [text.casefold() for text in texts]
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for where, content in (*_cells(path), ("bytes", _bytes(path))):
            if any(text in content for text in wanted):
                found.append(f"{path.relative_to(folder)}: {where}")
    return found


def _bytes(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return content.decode("utf-8", errors="replace").casefold()


def _cells(path: Path) -> Iterable[tuple[str, str]]:
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            rows = connection.execute(f"select * from read_parquet('{path}')").fetchall()
        yield "cells", "\n".join(str(cell) for row in rows for cell in row).casefold()
    elif path.read_bytes().startswith(b"SQLite format 3\x00"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            names = connection.execute("select name from sqlite_master where type = 'table'")
            for (name,) in names.fetchall():
                rows = connection.execute(f'select * from "{name}"').fetchall()
                yield name, json.dumps(rows, default=str, ensure_ascii=False).casefold()
