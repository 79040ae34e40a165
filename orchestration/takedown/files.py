"""Erases a dataset's taken-down rows and columns from every file under the home.

| file | what becomes of the row |
|---|---|
| landed extract, raw layer, staging model | its line stays, without cells |
| ledger | its line stays, withheld, without key |
| mart, snapshot, upserts, deletes, pre-images, changes | it is left out |
| corrections, decided cells, spelling, duplicates, refused rows | what speaks of it is left out |
| anything that is no table | its keys and own words are overwritten |

Files are replaced by one rename each and whatever is done already is passed over, so that an
erasure that was killed is finished by the next. The extracts come last: they tell what to look for.
"""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from orchestration.dataset import LINK, Dataset
from orchestration.duck import (
    connect,
    copy_to_parquet,
    keys_table,
    parquet,
    query,
    quoted,
    sql_path,
)
from orchestration.layers import hash_file, hash_folder, sync_file, sync_folder
from orchestration.settings import Settings
from orchestration.sources.landing import ROWS
from orchestration.sources.socrata import MARKER
from orchestration.state.store import State
from orchestration.state.takedowns import PurgeStore
from orchestration.takedown.traces import Traces, is_landed, landed_files
from orchestration.tombstones.extract_filter import erase_from_extract
from orchestration.tombstones.tombstones import ERASED, POLICY, Tombstones

SQLITE = b"SQLite format 3\x00"
_NO_ROWS = ("hash.key", "takedowns.jsonl", "dbt", "locks")
_SIDES = ("-wal", "-shm", "-journal")
_PLACE = ("_extract_id", "_line", "_extracted_at", "_grain")


class FilePurge:
    """One erasure in one home; the locks are the caller's."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        dataset: Dataset,
        tombstones: Tombstones,
        traces: Traces,
    ) -> None:
        self._settings = settings
        self._store = PurgeStore(state)
        self._dataset = dataset
        self._tombstones = tombstones
        self._traces = traces

    def purge_tables(self) -> int:
        """Everything but landed lines: layers, quarantine, publications; how many were rewritten."""
        rewritten = 0
        with tempfile.TemporaryDirectory(prefix="summerware-purge-") as spill:
            for folder in self._folders():
                for path in sorted(folder.glob("*.parquet")):
                    rewritten += self._rewrite(path, Path(spill))
            self._rehash()
        return rewritten

    def purge_extracts(self) -> int:
        """The landed extracts and the raw layers, which are the same files under other names."""
        rewritten = 0
        with tempfile.TemporaryDirectory(prefix="summerware-purge-") as spill:
            for extract_id, path in landed_files(self._settings, self._dataset).items():
                rewritten += self._erase(path, extract_id, Path(spill))
            self._rehash()
        return rewritten

    def purge_rest(self) -> int:
        """What steps left, extracts as they came or were made up, and files that are no table."""
        shutil.rmtree(self._settings.workspaces, ignore_errors=True)
        by_hand = self._settings.dbt_project_dir / "target" / "warehouse.duckdb"
        for database in (*(self._settings.layers / self._dataset.id).glob("*.duckdb"), by_hand):
            database.unlink(missing_ok=True)
        found = self._purge_sources() if self._tombstones.erased_columns else 0
        for path in _other_files(self._settings.home):
            found += self._mask(path)
        return found

    # Tables

    def _folders(self) -> list[Path]:
        layers = self._settings.layers / self._dataset.id
        return [
            *sorted(layers.glob("*/*")),
            *sorted((self._settings.publications / self._dataset.id).glob("*")),
        ]

    def _rewrite(self, path: Path, spill: Path) -> bool:
        """Leaves out or blanks what is to go; whether there was any."""
        with connect(spill=spill) as connection:
            self._tombstones.declare(connection)
            self._declare_traces(connection)
            table = f"read_parquet({sql_path(path)}, file_row_number = true)"
            described = connection.execute(f"describe from {table}").fetchall()
            held = {row[0]: row[1] for row in described if row[0] != "file_row_number"}
            if is_landed(held):
                return False
            is_gone, blanked = self._is_gone(path, held), self._blanked(path, held)
            changes = [is_gone, *(f"{name} is distinct from ({cell})" for name, cell in blanked)]
            found = connection.execute(
                f"select 1 from {table} where {' or '.join(f'({one})' for one in changes)} limit 1"
            ).fetchone()
            if found is None:
                return False
            cells = dict(blanked)
            selected = ", ".join(
                f'{cells[name]} as "{name}"' if name in cells else f'"{name}"' for name in held
            )
            fresh = path.with_name(f".{path.name}.purged")
            connection.execute(
                copy_to_parquet(
                    f"select {selected} from {table} where not ({is_gone}) "
                    "order by file_row_number",
                    fresh,
                )
            )
        sync_file(fresh)
        fresh.replace(path)
        sync_folder(path.parent)
        return True

    def _declare_traces(self, connection: duckdb.DuckDBPyConnection) -> None:
        traces = self._traces
        keys_table(connection, "texts", sorted(traces.keys | traces.words))
        keys_table(connection, "cells", sorted(f"{name}\x1f{text}" for name, text in traces.cells))
        lines = [f"{extract}:{line}" for extract, found in traces.lines.items() for line in found]
        keys_table(connection, "lines", lines)
        # As they stand in JSON.
        connection.execute(
            "set variable takedown_words = (select string_agg("
            "regexp_escape((to_json(row_key)::varchar)[2:-2]), '|' order by row_key) from texts)"
        )

    def _is_gone(self, path: Path, held: dict[str, str]) -> str:
        """SQL: which rows of a table are left out whole."""
        if self._is(path, "stg", held) or self._is(path, "ledger", held):
            return "false"
        tests = [
            self._tombstones.is_row(name)
            for name in (self._dataset.key, "row_key", "left_key", "right_key")
            if name in held
        ]
        if {"_extract_id", "_line"} <= set(held):
            tests.append("_extract_id || ':' || _line in (from lines)")
        if "column_name" in held and "from_value" in held:
            tests += self._speaks_of_it(held)
        if "evidence" in held and self._traces.pattern is not None:
            # DuckDB's expressions know no looking around; words alone are enough here.
            tests.append(
                "coalesce(regexp_matches(evidence, getvariable('takedown_words'), 'i'), false)"
            )
        return " or ".join(tests) or "false"

    def _speaks_of_it(self, held: dict[str, str]) -> list[str]:
        """SQL: where a table of corrected or suspected cells quotes the row."""
        tests = []
        if self._tombstones.erased_columns:
            listed = ", ".join(map(quoted, self._tombstones.erased_columns))
            tests.append(f"column_name in ({listed})")
        for name in ("from_value", "to_value", "value"):
            if name not in held:
                continue
            plain = rf"upper(regexp_replace(trim({name}), '\s+', ' ', 'g'))"
            tests.append(f"coalesce({plain} in (from texts), false)")
            if "score" in held:
                # A suspected spelling may be a part of a cell.
                tests.append(
                    "exists (select 1 from cells where row_key[1:length(column_name) + 1] = "
                    f"column_name || chr(31) and contains(row_key[length(column_name) + 2:], {plain}))"
                )
        return tests

    def _blanked(self, path: Path, held: dict[str, str]) -> list[tuple[str, str]]:
        """Column and SQL of every cell that is emptied while its row stays."""
        if self._is(path, "ledger", held):
            gone = f"({self._tombstones.is_row('row_key')} or {_in_lines('_extract_id', '_line')})"
            emptied = [
                ("row_key", f"case when not {gone} then row_key end"),
                ("fate", f"case when {gone} then 'withheld' else fate end"),
                ("reason", f"case when {gone} then '{POLICY}' else reason end"),
                ("survivor_extract_id", f"case when not {gone} then survivor_extract_id end"),
                ("survivor_line", f"case when not {gone} then survivor_line end"),
            ]
            return [(name, cell) for name, cell in emptied if name in held]
        columns = [name for name in self._tombstones.erased_columns if name in held]
        blanked = [(name, f"null::{held[name]}") for name in columns]
        if self._is(path, "stg", held):
            key = self._tombstones.is_row(self._dataset.key)
            gone = f"({key} or {_in_lines('_extract_id', '_line')})"
            blanked += [
                (name, f'case when not {gone} then "{name}" end')
                for name in held
                if name not in (*_PLACE, *columns, "_parse_error")
            ]
            blanked.append(
                ("_parse_error", f"case when {gone} then {quoted(ERASED)} else _parse_error end")
            )
        elif LINK in held and LINK not in columns:
            blanked.append((LINK, f"case when not {self._tombstones.is_row(LINK)} then {LINK} end"))
        return blanked

    def _is(self, path: Path, kind: str, held: dict[str, str]) -> bool:
        """Whether a table has a row per line, which must stay."""
        has_lines = {"_extract_id", "_line"} <= set(held)
        return has_lines and path.name == f"{kind}_{self._dataset.id}.parquet"

    # Extracts

    def _erase(self, path: Path, extract_id: str, spill: Path) -> bool:
        fresh = path.with_name(f".{path.name}.purged")
        fresh.unlink(missing_ok=True)
        lines = self._traces.lines.get(extract_id, [])
        if not erase_from_extract(
            self._tombstones, self._dataset, path, fresh, spill=spill, lines=lines
        ):
            fresh = path
        else:
            sync_file(fresh)
        raw = self._settings.layers / self._dataset.id / "raw"
        for link in sorted(raw.glob(f"*/{extract_id}.parquet")):
            if link != path and not link.samefile(fresh):
                beside = link.with_name(f".{link.name}.purged")
                beside.unlink(missing_ok=True)
                beside.hardlink_to(fresh)
                beside.replace(link)
                sync_folder(link.parent)
        if fresh is path:
            return False
        fresh.replace(path)
        sync_folder(path.parent)
        return True

    def _rehash(self) -> None:
        """Records name the content that is there now. A pass of a gate was for another content."""
        for path, known in self._store.folders(self._dataset.id):
            folder = self._settings.home / path
            if (
                folder.parent.parent == self._settings.publications
                and not (folder / "snapshot.parquet").is_file()
            ):
                # The record is of the whole, of which retention left the keys alone.
                continue
            if folder.is_dir() and (found := hash_folder(folder)) != known:
                self._store.replace_hash(path, found, fates=self._fates(folder))
        for path, known in self._store.extracts(self._dataset.id):
            rows = self._settings.home / path / ROWS
            if rows.is_file() and (found := hash_file(rows)) != known:
                self._store.replace_extract_hash(path, found)

    def _fates(self, folder: Path) -> dict[str, int] | None:
        ledger = folder / f"ledger_{self._dataset.id}.parquet"
        if not ledger.is_file():
            return None
        return dict(
            query(f"select fate, count(*) from {parquet(ledger)} group by all order by all")
        )

    # Other files

    def _purge_sources(self) -> int:
        """Downloads, samples and what a portal here was sent hold columns in the clear: they go whole."""
        home = self._settings.home
        folders = [
            home / "downloads" / self._dataset.id,
            *home.glob(f"sample/*/{self._dataset.id}"),
        ]
        found = [
            path
            for folder in (*folders, *home.glob("sample/*/truth"), home / "portal" / "uploads")
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != MARKER
        ]
        for path in found:
            path.unlink()
        return len(found)

    def _mask(self, path: Path) -> bool:
        """Overwrites what a plain file quotes; a packed one, or a sample's, goes as a whole."""
        content = path.read_bytes()
        is_sample = path.is_relative_to(self._settings.home / "sample")
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        text = content.decode("utf-8", errors="surrogateescape")
        pattern = self._traces.pattern
        if pattern is None or pattern.search(text) is None:
            return False
        if path.suffix == ".gz" or is_sample:
            path.unlink()
            return True
        masked = pattern.sub(
            lambda found: "*" * len(found.group().encode("utf-8", errors="surrogateescape")), text
        )
        with path.open("r+b") as file:
            file.write(masked.encode("utf-8", errors="surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        return True


def _in_lines(extract: str, line: str) -> str:
    return f"coalesce({extract} || ':' || {line} in (from lines), false)"


def _other_files(home: Path) -> Iterator[Path]:
    """Files that are neither Parquet nor SQLite, and that may quote a row."""
    for path in sorted(home.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.relative_to(home).parts[0] in _NO_ROWS:
            continue
        if path.suffix == ".parquet" or path.name.endswith(_SIDES) or _is_sqlite(path):
            continue
        yield path


def sqlite_files(home: Path) -> list[Path]:
    """Every SQLite file under the home."""
    return [
        path
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.endswith(_SIDES) and _is_sqlite(path)
    ]


def _is_sqlite(path: Path) -> bool:
    """Whether it is a database.

    One that is in use is not opened to see: closing the file would drop the locks of the
    connections that this process has to it.
    """
    return path.with_name(f"{path.name}-wal").exists() or _starts_with(path, SQLITE)


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
