"""Keeps an extract as it came: immutable Parquet, listed columns as text, the rest as keyed hashes.

Grain: one row per raw line, those that cannot be parsed included. Columns: `_extract_id`, `_line`
(record number, header not counted, from 1), `_extracted_at` (local to the city), `_grain`,
`_parse_error`, then every listed column under its published name, null where the extract has none,
then unlisted columns as `unlisted__<heading>`. A required column that the extract lacks is left
out, so that the raw gate stops on it. Nothing is corrected here; '' is null.
"""

import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from orchestration.dataset import Column, Dataset, plain_heading
from orchestration.errors import ExtractRefused, Fault, PassingFault
from orchestration.file_lock import file_lock
from orchestration.layers import finish_folder, hash_file
from orchestration.settings import Settings
from orchestration.sources import FoundExtract, printable_name
from orchestration.sources.lines import may_be_misread, read_header, read_lines
from orchestration.sources.reading import ReadableExtract, make_readable
from orchestration.state.store import Extract, State, now

logger = logging.getLogger(__name__)

ROWS = "rows.parquet"
_ROOM = 3
"""Free disk wanted before landing, in times the size of the file (ten times when compressed)."""
_LONGEST_HEADING = 200
"""A longer one is no heading: a quote was not closed, or the header is missing."""
_LONGEST_UNLISTED = 60
_BATCH = 5_000
_WORK = ".landing"


@dataclass(frozen=True, kw_only=True)
class _Mapping:
    """Which cell of a record is which column."""

    listed: dict[str, int]
    unlisted: dict[str, int]

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
        Fault: the database engine could not keep it.
    """
    where = f"{dataset.id}: {printable_name(found.path)}"
    try:
        _check_room(settings, found.path, where)
        with (
            file_lock(settings, f"{dataset.id}.landing"),
            _work_folders(settings, dataset) as (scratch, work),
        ):
            readable = make_readable(dataset, found.path, scratch)
            return _keep(settings, state, dataset, found, readable, source, scratch, work)
    except FileNotFoundError:
        raise PassingFault(f"{where}: is gone; was it moved or renamed?") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _disk_full(where) from None
        raise
    # The messages of the three that follow may hold cells, so they are not passed on.
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise _disk_full(where) from None
    except sa.exc.OperationalError as error:
        raise PassingFault(
            f"{where}: the state database cannot be written ({type(error.orig).__name__}); "
            "nothing was landed"
        ) from None
    except duckdb.Error as error:
        raise Fault(
            f"{where}: DuckDB could not keep it ({type(error).__name__}); nothing was landed"
        ) from None


def _disk_full(where: str) -> PassingFault:
    return PassingFault(
        f"{where}: the disk is full, or memory is; nothing was landed. Make room and run again"
    )


@contextmanager
def _work_folders(settings: Settings, dataset: Dataset) -> Iterator[tuple[Path, Path]]:
    """A scratch folder outside the home, for clear text, and one inside for the Parquet.

    Both are gone afterwards, and what a killed landing left: who holds the lock is alone here.
    """
    home = hashlib.sha256(str(settings.home).encode()).hexdigest()[:12]
    prefix = f"summerware-{home}-{dataset.id}."
    kept = settings.extracts / dataset.id
    for folder in (settings.extracts, kept):
        folder.mkdir(exist_ok=True, mode=0o700)

    def sweep() -> None:
        for leftover in (*Path(tempfile.gettempdir()).glob(f"{prefix}*"), *kept.glob(".*")):
            shutil.rmtree(leftover, ignore_errors=True)

    sweep()
    try:
        scratch = Path(tempfile.mkdtemp(prefix=prefix))
        work = kept / _WORK
        work.mkdir(mode=0o700)
        yield scratch, work
    finally:
        sweep()


def _keep(
    settings: Settings,
    state: State,
    dataset: Dataset,
    found: FoundExtract,
    readable: ReadableExtract,
    source: str,
    scratch: Path,
    work: Path,
) -> Extract:
    where = f"{dataset.id}: {printable_name(found.path)}"
    grain = dataset.grain.of_extract(found.extracted_at.date())
    mapping = _map_header(dataset, read_header(readable.path, readable.delimiter), where)
    same = _extract_id(dataset, readable, mapping, grain)
    extract_id = _id_in_time(state, dataset, found.extracted_at, same, source)
    known = state.extract(extract_id)
    folder = settings.extracts / dataset.id / extract_id
    if known is not None and (folder / ROWS).is_file():
        return known
    # An extract that retention took away comes back as the one it was.
    extracted_at = known.extracted_at if known else found.extracted_at.isoformat()
    rows = work / ROWS
    connection = duckdb.connect(config={"temp_directory": str(scratch)})
    try:
        connection.execute("set autoinstall_known_extensions = false")
        # It takes ten seconds for 2,000 columns, and there is nothing common to find here.
        connection.execute("set disabled_optimizers = 'common_subexpressions'")
        connection.execute("set variable hash_key = ?", [hash_key(settings)])
        constants = {
            "_extract_id": f"'{extract_id}'",
            "_extracted_at": f"timestamp '{extracted_at}'",
            "_grain": f"'{grain}'",
        }
        lines, unparseable = _write_rows(connection, readable, mapping, dataset, constants, rows)
    finally:
        connection.close()
    extract = known or Extract(
        id=extract_id,
        dataset=dataset.id,
        content_hash=hash_file(rows),
        file_hash=readable.content_hash,
        file_name=printable_name(found.path),
        source=source,
        extracted_at=extracted_at,
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
        try:
            # Reported first: a landing that dies in between is done again, a report is not.
            _report_unlisted(state, dataset, mapping, extract_id, where)
            state.add_extract(extract)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return extract


def _extract_id(dataset: Dataset, readable: ReadableExtract, mapping: _Mapping, grain: str) -> str:
    """The same bytes read the same way are the same extract."""
    columns = [
        (column.name, mapping.listed.get(column.name), column.required, _is_hidden(column))
        for column in dataset.landed
    ]
    unlisted = sorted(mapping.unlisted.items())
    reading = (dataset.id, grain, dataset.source.encoding, readable.delimiter, columns, unlisted)
    digest = hashlib.sha256(f"{readable.content_hash} {reading!r}".encode())
    return digest.hexdigest()[:16]


def _id_in_time(
    state: State, dataset: Dataset, extracted_at: datetime, same: str, source: str
) -> str:
    """The id, another one where the same content comes back after a different extract.

    A city that takes an extract back by sending the one before again has said something new; with
    the old time it would lose against what it replaces.
    """
    known = state.extract(same)
    if known is None or known.source != source:
        return same
    moment = extracted_at.isoformat()
    between = any(
        known.extracted_at < extract.extracted_at < moment and extract.file_hash != known.file_hash
        for extract in state.extracts(dataset.id, source=source)
    )
    return hashlib.sha256(f"{same} {moment}".encode()).hexdigest()[:16] if between else same


def _map_header(dataset: Dataset, header: list[str] | None, where: str) -> _Mapping:
    """Finds every heading's column.

    Raises:
        ExtractRefused: there is no header, or two headings mean one listed column.
    """
    if header is None or any(len(heading) > _LONGEST_HEADING for heading in header):
        raise ExtractRefused(
            f"{where}: its first line cannot be read as a header: a quote is not closed, or a "
            f"heading is longer than {_LONGEST_HEADING} characters; mend the file"
        )
    columns = {
        plain_heading(heading): column for column in dataset.landed for heading in column.headings
    }
    listed: dict[str, int] = {}
    unlisted: dict[str, int] = {}
    for position, heading in enumerate(header):
        column = columns.get(plain_heading(heading))
        if column is None:
            unlisted[_unlisted_name(heading, position, unlisted)] = position
        elif column.name in listed:
            raise ExtractRefused(
                f"{where}: two headings mean {column.name!r} (cells {listed[column.name] + 1} and "
                f"{position + 1}); remove one of them"
            )
        else:
            listed[column.name] = position
    if not listed:
        raise ExtractRefused(
            f"{where}: its first line names no column of {dataset.id}; is the header missing, or "
            "the delimiter another one (source.delimiter of the dataset file)?"
        )
    return _Mapping(listed=listed, unlisted=unlisted)


def _unlisted_name(heading: str, position: int, taken: dict[str, int]) -> str:
    """A name fit for a column; nothing that is not listed may stop a run, twice the same neither."""
    name = plain_heading(heading)[:_LONGEST_UNLISTED] or f"unnamed_{position + 1}"
    return f"{name}_in_{position + 1}" if name in taken else name


def _write_rows(
    connection: duckdb.DuckDBPyConnection,
    readable: ReadableExtract,
    mapping: _Mapping,
    dataset: Dataset,
    constants: dict[str, str],
    target: Path,
) -> tuple[int, int]:
    """Writes the Parquet; the quick way where DuckDB understands every line, else carefully."""
    if not _written_quickly(connection, readable, mapping, dataset, constants, target):
        connection.register("careful", _careful_batches(readable, mapping.width))
        selected = _select(dataset, mapping, constants, line="_line", error="_parse_error")
        connection.execute(_copy(f"select {selected} from careful", target))
    return _count(connection, target)


def sql_path(path: Path) -> str:
    """A path as a SQL text of exactly this file: quotes doubled, wildcards made plain."""
    plain = re.sub(r"([*?\[])", r"[\1]", str(path)).replace("'", "''")
    return f"'{plain}'"


def _copy(query: str, target: Path) -> str:
    escaped = str(target).replace("'", "''")
    return f"copy ({query}) to '{escaped}' (format parquet, compression zstd)"


def _written_quickly(
    connection: duckdb.DuckDBPyConnection,
    readable: ReadableExtract,
    mapping: _Mapping,
    dataset: Dataset,
    constants: dict[str, str],
    target: Path,
) -> bool:
    """Whether DuckDB read every line of the file, and beyond doubt as the careful reader would."""
    # With one column a blank line and an empty cell look alike.
    if mapping.width < 2 or may_be_misread(readable.path, readable.delimiter):
        return False
    # DuckDB forgives cells too many when the first of them is empty, which hides shifted cells. So
    # one column more is read, and what a line lacks becomes null, while an empty cell is ''.
    is_exact = f"c{mapping.width - 1} is not null and c{mapping.width} is null"
    line = f"case when {is_exact} then row_number() over () else error('ragged') end"
    selected = _select(dataset, mapping, constants, line=line, error="null::varchar")
    padded = _read_csv(readable, mapping.width + 1, null_padding="true")
    try:
        connection.execute(_copy(f"select {selected} from {padded}", target))
        return True
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        # Ragged, or merely with a newline in a quoted cell, which takes one thread. There DuckDB
        # loses the lines behind a quote that is never closed, so they are counted without padding.
        pass
    padded = _read_csv(readable, mapping.width + 1, null_padding="true", parallel="false")
    try:
        plain = f"select count(*) from {_read_csv(readable, mapping.width)}"
        counted = connection.execute(plain).fetchone()
        connection.execute(_copy(f"select {selected} from {padded}", target))
        return counted == (_count(connection, target)[0],)
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        # Its message would hold cells; the careful reader says what is wrong, without them.
        return False


def _count(connection: duckdb.DuckDBPyConnection, rows: Path) -> tuple[int, int]:
    """How many lines a Parquet holds, and how many of them could not be parsed."""
    counted = connection.execute(
        f"select count(*), count(_parse_error) from read_parquet({sql_path(rows)})"
    ).fetchone()
    assert counted is not None
    return counted[0], counted[1]


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
            expressions[column.name] = _keyed_hash(cell) if _is_hidden(column) else cell
        elif not column.required:
            expressions[column.name] = "null::varchar"
    for name, position in mapping.unlisted.items():
        expressions[f"unlisted__{name}"] = _keyed_hash(f"nullif(c{position}, '')")
    return ", ".join(f'{expression} as "{name}"' for name, expression in expressions.items())


def _is_hidden(column: Column) -> bool:
    return column.privacy == "never" and not column.keep_internal


def _keyed_hash(expression: str) -> str:
    """Tells equal values from different ones, and nothing else without the key."""
    return f"left(sha256(getvariable('hash_key') || chr(31) || {expression}), 32)"


def _read_csv(readable: ReadableExtract, width: int, **options: str) -> str:
    columns = ", ".join(f"'c{position}': 'varchar'" for position in range(width))
    delimiter = readable.delimiter.replace("'", "''")
    more = "".join(f", {name} = {value}" for name, value in options.items())
    # No cell is this text for null.
    return (
        f"read_csv({sql_path(readable.path)}, header = true, auto_detect = false, "
        f"columns = {{{columns}}}, delim = '{delimiter}', quote = '\"', escape = '\"', "
        f"nullstr = '{secrets.token_hex(16)}', strict_mode = true, max_line_size = 16777216{more})"
    )


def _careful_batches(readable: ReadableExtract, width: int) -> Any:
    """The lines of the careful reader, as an Arrow stream."""
    # Imported here: most extracts never need it.
    import pyarrow as pa

    names = ["_parse_error", *(f"c{position}" for position in range(width))]
    text = [pa.field(name, pa.string()) for name in names]
    schema = pa.schema([pa.field("_line", pa.int64()), *text])
    none: list[str | None] = [None] * width

    def batches() -> Iterator[Any]:
        lines = read_lines(readable.path, readable.delimiter)
        while some := list(islice(lines, _BATCH)):
            rows = [
                (line.number, line.error, *(line.cells if line.error is None else none))
                for line in some
            ]
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            yield pa.record_batch(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


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
        # Not named after the process: in a container its number is the same after every crash.
        handle, fresh = tempfile.mkstemp(prefix="hash.key.", dir=path.parent)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(fresh)
        except FileExistsError:
            logger.debug("another process made the key first")
        finally:
            Path(fresh).unlink()
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
