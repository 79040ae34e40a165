"""Keeps an extract as it came: immutable Parquet, listed columns as text, the rest as keyed hashes.

Grain: one row per raw line in the order of the file, those that cannot be parsed included, so that a
row's number is its line's (header not counted, from 1; `duck.lines_of_files` shows it as `_line`).
Columns: `_extract_id`, `_extracted_at` (local to the city), `_grain`, `_parse_error`, then every
listed column under its published name, null where the extract has none, then unlisted columns as
`unlisted__<heading>`. A required column that the extract lacks is left out, so that the raw gate
stops on it. Nothing is corrected here; '' is null. A line that was taken down and erased by order is
landed without its cells.
"""

import errno
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from orchestration.dataset import Dataset, load_sound_datasets
from orchestration.errors import Fault, TransientError
from orchestration.file_lock import file_lock
from orchestration.hash_key import hash_key
from orchestration.layers import finish_folder, hash_file
from orchestration.settings import Settings
from orchestration.sources import FoundExtract, printable_name
from orchestration.sources.header import (
    Mapping,
    map_header,
    missing_columns,
    refuse_other_tables,
)
from orchestration.sources.lines import read_header
from orchestration.sources.reading import ReadableExtract, make_readable
from orchestration.sources.writing import write_lines
from orchestration.state.store import Extract, State, now
from orchestration.tombstones.extract_filter import erase_from_extract
from orchestration.tombstones.tombstones import Tombstones, load_tombstones

logger = logging.getLogger(__name__)

ROWS = "rows.parquet"
_ROOM = 3
"""Free disk wanted before landing, in times the size of the file (ten times when compressed)."""
_WORK = ".landing"


def land(
    settings: Settings, state: State, dataset: Dataset, found: FoundExtract, *, source: str
) -> Extract:
    """Lands one extract, or returns it if the same content was landed before.

    Raises:
        ExtractRefused: the file cannot be read as an extract of this dataset.
        TransientError: the disk is full, or the file is still being written.
        Fault: the database engine could not keep it.
    """
    where = f"{dataset.id}: {printable_name(found.path)}"
    try:
        _check_room(settings, found.path, where)
        with (
            file_lock(settings, f"{dataset.id}.landing"),
            _work_folders(settings, dataset) as (scratch, work),
        ):
            readable = make_readable(dataset, found.path, scratch, is_whole=found.is_whole)
            tombstones = load_tombstones(settings, state, dataset)
            return _keep(settings, state, dataset, found, readable, source, work, tombstones)
    except FileNotFoundError:
        raise TransientError(f"{where}: is gone; was it moved or renamed?") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _disk_full(where) from None
        raise
    # The messages of the three that follow may hold cells, so they are not passed on.
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise _disk_full(where) from None
    except sa.exc.OperationalError as error:
        raise TransientError(
            f"{where}: the state database cannot be written ({type(error.orig).__name__}); "
            "nothing was landed"
        ) from None
    except duckdb.Error as error:
        raise Fault(
            f"{where}: DuckDB could not keep it ({type(error).__name__}); nothing was landed"
        ) from None


def _disk_full(where: str) -> TransientError:
    return TransientError(
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
    work: Path,
    tombstones: Tombstones,
) -> Extract:
    where = f"{dataset.id}: {printable_name(found.path)}"
    grain = dataset.grain.of_extract(found.extracted_at.date())
    mapping = _map(settings, dataset, readable, where)
    same = _extract_id(dataset, readable, mapping, grain)
    extract_id = _id_in_time(state, dataset, found.extracted_at, same, source)
    known = state.extract(extract_id)
    folder = settings.extracts / dataset.id / extract_id
    if known is not None and (folder / ROWS).is_file():
        return known
    # An extract that retention took away comes back as the one it was.
    extracted_at = known.extracted_at if known else found.extracted_at.isoformat()
    rows = work / ROWS
    erases = bool(tombstones.landed or tombstones.erased_columns)
    written = readable.path.with_name(ROWS) if erases else rows
    lines, unparseable = write_lines(
        dataset,
        readable,
        mapping,
        constants={
            "_extract_id": f"'{extract_id}'",
            "_extracted_at": f"timestamp '{extracted_at}'",
            "_grain": f"'{grain}'",
        },
        hash_key=hash_key(settings),
        target=written,
        where=where,
    )
    # What an order erased never gets into the home again: it is taken out of the scratch file.
    if erases and not erase_from_extract(tombstones, dataset, written, rows, spill=written.parent):
        shutil.copyfile(written, rows)
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
        _record(settings, state, dataset, extract, mapping, where)
    return extract


def _map(settings: Settings, dataset: Dataset, readable: ReadableExtract, where: str) -> Mapping:
    header = read_header(readable.path, readable.delimiter)
    if header is not None and len(header) > dataset.source.bounds.columns:
        raise dataset.source.bounds.exceeded(where, "columns")
    if header is None or missing_columns(dataset, header):
        others = load_sound_datasets(settings.datasets_dir)[0]
        refuse_other_tables(dataset, others, readable.path, readable.delimiter, header, where)
    return map_header(dataset, header, where)


def _record(
    settings: Settings,
    state: State,
    dataset: Dataset,
    extract: Extract,
    mapping: Mapping,
    where: str,
) -> None:
    try:
        # Reported first: a landing that dies in between is done again, a report is not.
        _report_unlisted(state, dataset, mapping, extract.id, where)
        state.add_extract(extract)
    except BaseException:
        # Whatever it was, what is not recorded is not there.
        shutil.rmtree(settings.home / extract.path, ignore_errors=True)
        raise


def _extract_id(dataset: Dataset, readable: ReadableExtract, mapping: Mapping, grain: str) -> str:
    """The same bytes read the same way are the same extract."""
    columns = [
        (column.name, mapping.listed.get(column.name), column.required, column.is_hashed)
        for column in dataset.landed
    ]
    unlisted = sorted(mapping.unlisted.items())
    reading: tuple[Any, ...] = (
        *(dataset.id, grain, dataset.source.encoding, readable.delimiter, columns, unlisted),
        *readable.reading,
    )
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


def _report_unlisted(
    state: State, dataset: Dataset, mapping: Mapping, extract_id: str, where: str
) -> None:
    for name in state.report_unlisted(dataset.id, mapping.unlisted, extract_id):
        logger.warning(
            "%s: the column %r is not listed in %s.yaml: it is not published and kept as keyed "
            "hashes only. List it (publish, internal or never) if it is known.",
            where,
            name,
            dataset.id,
        )


def _check_room(settings: Settings, path: Path, where: str) -> None:
    size = path.stat().st_size
    if path.suffix in (".gz", ".xlsx"):
        size *= 10
    for folder in (settings.prepare().home, Path(tempfile.gettempdir())):
        if shutil.disk_usage(folder).free < size * _ROOM:
            raise TransientError(
                f"{where}: landing it needs {size * _ROOM / 1e6:,.0f} MB free on {folder}; "
                "make room and run again"
            )
