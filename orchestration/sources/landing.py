"""Keeps an extract as it came: immutable Parquet, listed columns as text, the rest as keyed hashes.

Grain: one row per raw line, those that cannot be parsed included. Columns: `_extract_id`, `_line`
(record number, header not counted, from 1), `_extracted_at` (local to the city), `_grain`,
`_parse_error`, then every listed column under its published name, null where the extract has none,
then unlisted columns as `unlisted__<heading>`. A required column that the extract lacks is left
out, so that the raw gate stops on it. Nothing is corrected here; '' is null.
"""

import csv
import errno
import hashlib
import logging
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.dataset import Column, Dataset, plain_heading
from orchestration.errors import ExtractRefused, PassingFault
from orchestration.file_lock import file_lock
from orchestration.layers import finish_folder, hash_file
from orchestration.settings import Settings
from orchestration.sources import FoundExtract
from orchestration.sources.lines import read_header, read_lines
from orchestration.sources.reading import ReadableExtract, make_readable
from orchestration.state.store import Extract, State, now

logger = logging.getLogger(__name__)

ROWS = "rows.parquet"
_ROOM = 3
"""Free disk wanted before landing, in times the size of the file (ten times when compressed)."""


@dataclass(frozen=True, kw_only=True)
class _Mapping:
    """Which cell of a record is which column."""

    listed: dict[str, int]
    unlisted: dict[str, int]
    missing: tuple[Column, ...]

    @property
    def width(self) -> int:
        return len(self.listed) + len(self.unlisted)


def land(
    settings: Settings, state: State, dataset: Dataset, found: FoundExtract, *, source: str
) -> Extract:
    """Lands one extract, or returns it if the same content was landed before.

    Raises:
        ExtractRefused: the file cannot be read as an extract of this dataset.
        PassingFault: the disk is full, or the file is still being written.
    """
    where = f"{dataset.id}: {found.path.name}"
    _check_room(settings, found.path, where)
    with (
        file_lock(settings, f"{dataset.id}.landing"),
        tempfile.TemporaryDirectory(prefix="summerware-") as scratch,
    ):
        try:
            readable = make_readable(dataset, found.path, Path(scratch))
            return _keep(settings, state, dataset, found, readable, source, Path(scratch))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise PassingFault(f"{where}: the disk is full; nothing was landed") from error
            raise
        except duckdb.IOException as error:
            # DuckDB's own message may hold a line of the file.
            raise PassingFault(f"{where}: the disk is full or damaged; nothing was landed") from (
                None if "No space" in str(error) else error
            )


def _keep(
    settings: Settings,
    state: State,
    dataset: Dataset,
    found: FoundExtract,
    readable: ReadableExtract,
    source: str,
    scratch: Path,
) -> Extract:
    where = f"{dataset.id}: {found.path.name}"
    grain = dataset.grain.of_extract(found.extracted_at.date())
    mapping = _map_header(dataset, read_header(readable.path, readable.delimiter), where)
    extract_id = _extract_id(dataset, readable, mapping, grain)
    known = state.extract(extract_id)
    folder = settings.extracts / dataset.id / extract_id
    if known is not None and (folder / ROWS).is_file():
        return known
    rows = scratch / ROWS
    connection = duckdb.connect(config={"temp_directory": str(scratch)})
    try:
        connection.execute("set autoinstall_known_extensions = false")
        connection.execute("set variable hash_key = ?", [hash_key(settings)])
        constants = {
            "_extract_id": f"'{extract_id}'",
            "_extracted_at": f"timestamp '{found.extracted_at.isoformat(sep=' ')}'",
            "_grain": f"'{grain}'",
        }
        lines, unparseable = _write_rows(
            connection, readable, mapping, dataset, constants, rows, scratch
        )
    finally:
        connection.close()
    extract = Extract(
        id=extract_id,
        dataset=dataset.id,
        content_hash=hash_file(rows),
        file_hash=readable.content_hash,
        file_name=found.path.name,
        source=source,
        extracted_at=found.extracted_at.isoformat(),
        time_source=found.time_source,
        grain=grain,
        lines=lines,
        unparseable=unparseable,
        columns=sorted(mapping.listed),
        path=str(folder.relative_to(settings.home)),
        landed_at=now(),
    )
    finish_folder([rows], folder)
    if known is None:
        state.add_extract(extract)
    _report_unlisted(state, dataset, mapping, extract_id, where)
    return extract


def _extract_id(dataset: Dataset, readable: ReadableExtract, mapping: _Mapping, grain: str) -> str:
    """The same bytes read the same way are the same extract."""
    reading = repr((dataset.id, sorted(mapping.listed.items()), sorted(mapping.unlisted), grain))
    digest = hashlib.sha256(f"{readable.content_hash} {reading}".encode())
    return digest.hexdigest()[:16]


def _map_header(dataset: Dataset, header: list[str], where: str) -> _Mapping:
    """Finds every heading's column.

    Raises:
        ExtractRefused: there is no header, or a heading stands twice.
    """
    columns = {
        plain_heading(heading): column for column in dataset.landed for heading in column.headings
    }
    listed: dict[str, int] = {}
    unlisted: dict[str, int] = {}
    for position, heading in enumerate(header):
        plain = plain_heading(heading)
        column = columns.get(plain)
        name, names = (
            (column.name, listed) if column else (plain or f"unnamed_{position}", unlisted)
        )
        if name in names:
            raise ExtractRefused(
                f"{where}: two headings mean {name!r} (cells {names[name] + 1} and "
                f"{position + 1}); remove one of them"
            )
        names[name] = position
    if not listed:
        raise ExtractRefused(
            f"{where}: its first line names no column of {dataset.id}; is the header missing?"
        )
    missing = tuple(column for column in dataset.landed if column.name not in listed)
    return _Mapping(listed=listed, unlisted=unlisted, missing=missing)


def _write_rows(
    connection: duckdb.DuckDBPyConnection,
    readable: ReadableExtract,
    mapping: _Mapping,
    dataset: Dataset,
    constants: dict[str, str],
    target: Path,
    scratch: Path,
) -> tuple[int, int]:
    """Writes the Parquet; the quick way where DuckDB understands every line, else carefully."""
    cells = [f"c{position}" for position in range(mapping.width)]
    quick = _read_csv(readable.path, readable.delimiter, cells)
    selected = _select(
        dataset, mapping, constants, line="row_number() over ()", error="null::varchar"
    )
    if not _copied_without_doubt(connection, f"select {selected} from {quick}", target):
        careful = scratch / "lines.csv"
        _write_careful(readable, mapping.width, careful)
        source = _read_csv(careful, ",", ["_line", "_parse_error", *cells])
        selected = _select(dataset, mapping, constants, line="_line::bigint", error="_parse_error")
        connection.execute(_copy(f"select {selected} from {source}", target))
    counted = connection.execute(
        f"select count(*), count(_parse_error) from read_parquet('{target}')"
    ).fetchone()
    assert counted is not None
    return counted[0], counted[1]


def _copy(query: str, target: Path) -> str:
    return f"copy ({query}) to '{target}' (format parquet, compression zstd)"


def _copied_without_doubt(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> bool:
    """Whether DuckDB could read every line of the file while it wrote the Parquet."""
    try:
        connection.execute(_copy(query, target))
        rejected = connection.execute("select count(*) from reject_errors").fetchone()
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        # Its message would hold cells; the careful reader says what is wrong, without them.
        return False
    return rejected == (0,)


def _select(
    dataset: Dataset, mapping: _Mapping, constants: dict[str, str], *, line: str, error: str
) -> str:
    expressions = {
        "_extract_id": constants["_extract_id"],
        "_line": line,
        "_extracted_at": constants["_extracted_at"],
        "_grain": constants["_grain"],
        "_parse_error": error,
    }
    for column in dataset.landed:
        if column.name in mapping.listed:
            cell = f"nullif(c{mapping.listed[column.name]}, '')"
            hidden = column.privacy == "never" and not column.keep_internal
            expressions[column.name] = _keyed_hash(cell) if hidden else cell
        elif not column.required:
            expressions[column.name] = "null::varchar"
    for name, position in mapping.unlisted.items():
        expressions[f"unlisted__{name}"] = _keyed_hash(f"nullif(c{position}, '')")
    return ", ".join(f'{expression} as "{name}"' for name, expression in expressions.items())


def _keyed_hash(expression: str) -> str:
    """Tells equal values from different ones, and nothing else without the key."""
    return f"left(sha256(getvariable('hash_key') || chr(31) || {expression}), 32)"


def _read_csv(path: Path, delimiter: str, cells: list[str]) -> str:
    columns = ", ".join(f"'{cell}': 'varchar'" for cell in cells)
    escaped = delimiter.replace("'", "''")
    return (
        f"read_csv('{path}', header = true, auto_detect = false, columns = {{{columns}}}, "
        f"delim = '{escaped}', quote = '\"', escape = '\"', strict_mode = true, "
        "max_line_size = 16777216, store_rejects = true)"
    )


def _write_careful(readable: ReadableExtract, width: int, target: Path) -> None:
    """Rewrites the file as CSV that nobody can misread, with line numbers and reasons."""
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(["_line", "_parse_error", *(f"c{position}" for position in range(width))])
        for line in read_lines(readable.path, readable.delimiter):
            cells = line.cells if line.error is None else [""] * width
            writer.writerow([line.number, line.error or "", *cells])


def _report_unlisted(
    state: State, dataset: Dataset, mapping: _Mapping, extract_id: str, where: str
) -> None:
    for name in state.report_unlisted(dataset.id, mapping.unlisted, extract_id):
        logger.warning(
            "%s: the column %r is not listed in %s.yaml: it is not published and kept as keyed "
            "hashes only. List it (publish, internal or never) if it is known.",
            where,
            name,
            dataset.id,
        )


def hash_key(settings: Settings) -> str:
    """The key of the keyed hashes, made at first use, readable by its owner alone."""
    path = settings.prepare().home / "hash.key"
    if not path.exists():
        fresh = path.with_name(f"hash.key.{os.getpid()}")
        handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            logger.debug("another process made the key first")
        fresh.unlink()
    return path.read_text()


def _check_room(settings: Settings, path: Path, where: str) -> None:
    size = path.stat().st_size
    if path.suffix in (".gz", ".xlsx"):
        size *= 10
    for folder in (settings.prepare().home, Path(tempfile.gettempdir())):
        if shutil.disk_usage(folder).free < size * _ROOM:
            raise PassingFault(
                f"{where}: landing it needs {size * _ROOM / 1e6:,.0f} MB free on {folder}; "
                "make room and run again"
            )
