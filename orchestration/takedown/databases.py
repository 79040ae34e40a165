"""Erases what databases under the home quote, and what they still hold on freed pages.

The state database is asked through its store; Dagster's history and the local portal are SQLite
files of others, searched text by text. Every SQLite file is then written anew, so that no freed page
and no write-ahead log keeps a deleted row.
"""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from orchestration.errors import TransientError
from orchestration.takedown.traces import GONE, Traces

_PATIENCE_SECONDS = 60
_ROWS_OF_PORTAL = re.compile(r"rows?_?\d+|datasets|sqlite_.*")


def erase_texts(path: Path, traces: Traces) -> int:
    """Erases keys and own words from every text of a SQLite file; how many cells.

    Raises:
        TransientError: another process keeps the file busy.
    """
    pattern = _pattern_in_json(traces)
    if pattern is None:
        return 0
    count = 0
    with closing(_open(path)) as connection:
        try:
            connection.execute("pragma secure_delete = on")
            names = connection.execute(
                "select name from sqlite_master where type = 'table'"
            ).fetchall()
            for (table,) in names:
                if not _ROWS_OF_PORTAL.fullmatch(table):
                    count += _erase_table(connection, table, pattern)
        except sqlite3.OperationalError as error:
            raise _busy(path, error) from None
    return count


def write_anew(path: Path) -> None:
    """Writes a SQLite file without its freed pages, and empties its log.

    Raises:
        TransientError: another process keeps the file busy.
    """
    with closing(_open(path)) as connection:
        try:
            connection.execute("pragma secure_delete = on")
            connection.execute("vacuum")
            (busy, _, _) = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        except sqlite3.OperationalError as error:
            raise _busy(path, error) from None
    if busy:
        raise _busy(path, None)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_SECONDS)


def _erase_table(connection: sqlite3.Connection, table: str, pattern: re.Pattern[str]) -> int:
    columns = [row[1] for row in connection.execute(f'pragma table_info("{table}")')]
    count = 0
    for column in columns:
        found = [
            (rowid, pattern.sub(GONE, text))
            for rowid, text in connection.execute(
                f'select rowid, "{column}" from "{table}" where typeof("{column}") = \'text\''
            )
            if pattern.search(text)
        ]
        for rowid, text in found:
            connection.execute(
                f'update "{table}" set "{column}" = ? where rowid = ?', (text, rowid)
            )
        count += len(found)
    return count


def _pattern_in_json(traces: Traces) -> re.Pattern[str] | None:
    """The traces' pattern, which also finds a text as JSON writes it, in JSON or twice in it."""
    plain = traces.pattern
    if plain is None:
        return None
    once = {json.dumps(text)[1:-1] for text in traces.keys | traces.words}
    twice = {json.dumps(text)[1:-1] for text in once}
    escaped = sorted((once | twice) - traces.keys - traces.words, key=len, reverse=True)
    return re.compile("|".join([plain.pattern, *map(re.escape, escaped)]), re.IGNORECASE)


def _busy(path: Path, error: sqlite3.Error | None) -> TransientError:
    why = f" ({type(error).__name__})" if error else ""
    return TransientError(
        f"{path}: another process keeps it busy{why}, so that freed pages cannot be erased; stop "
        "`summerware ui` or the run, and give the command again"
    )
