"""Makes an extract file readable: one UTF-8 CSV in a scratch folder, whatever came in.

Undoes compression, encoding, BOM, spreadsheet and JSON; says clearly when a file is not what its
name says. Cells are not touched. Splitting into lines is done in `lines.py`, keeping in
`landing.py`. No message carries a cell's content.
"""

import codecs
import csv
import gzip
import hashlib
import json
import os
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from orchestration.dataset import Dataset
from orchestration.errors import ExtractRefused, PassingFault

_CHUNK = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
SETTLING_SECONDS = float(os.environ.get("SUMMERWARE_SETTLING_SECONDS", "2"))
"""A file younger than this may still be growing: it is looked at again after as long."""


@dataclass(frozen=True, kw_only=True)
class ReadableExtract:
    """A scratch CSV in UTF-8, no BOM, with a header line; `content_hash` is of what came in."""

    path: Path
    delimiter: str
    content_hash: str


def make_readable(dataset: Dataset, path: Path, scratch: Path) -> ReadableExtract:
    """Copies an extract into the scratch folder as UTF-8 CSV.

    Raises:
        ExtractRefused: empty, truncated, in another encoding, or not what its name says.
        PassingFault: the file is still being written.
    """
    where = f"{dataset.id}: {path.name}"
    with _settled(path, where):
        name = path.name.lower().removesuffix(".gz")
        _check_first_bytes(path, where)
        target = scratch / "extract.csv"
        if name.endswith(".xlsx"):
            return _from_xlsx(path, target, where)
        if name.endswith(".json"):
            return _from_json(path, target, where, dataset.source.encoding)
        content_hash = _decode(path, target, where, dataset.source.encoding)
    delimiter = dataset.source.delimiter or ("\t" if name.endswith(".tsv") else ",")
    return ReadableExtract(path=target, delimiter=delimiter, content_hash=content_hash)


@contextmanager
def _settled(path: Path, where: str) -> Iterator[None]:
    """Lets nothing through that changes before or while it is read."""
    before = path.stat()
    age = time.time() - before.st_mtime
    if 0 <= age < SETTLING_SECONDS:
        time.sleep(SETTLING_SECONDS - age)
    if _changed(path, before):
        raise PassingFault(f"{where}: is still being written; it is read at the next run")
    yield
    if _changed(path, before):
        raise PassingFault(f"{where}: changed while it was read; it is read at the next run")


def _changed(path: Path, before: os.stat_result) -> bool:
    after = path.stat()
    return (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns)


def _check_first_bytes(path: Path, where: str) -> None:
    with path.open("rb") as file:
        first = file.read(512)
    if not first:
        raise ExtractRefused(f"{where}: is empty; ask the source to write it again")
    name = path.name.lower()
    if name.endswith(".gz") != first.startswith(_GZIP):
        is_not = "is not gzip" if name.endswith(".gz") else "is gzip"
        raise ExtractRefused(f"{where}: {is_not}, though its name says otherwise; rename it")
    if name.endswith(".xlsx") != first.startswith(_ZIP):
        is_not = "is not a spreadsheet" if name.endswith(".xlsx") else "is a zip or spreadsheet"
        raise ExtractRefused(f"{where}: {is_not}, though its name says otherwise; rename it")


@contextmanager
def _opened(path: Path, where: str) -> Iterator[IO[bytes]]:
    """The file's bytes, uncompressed; a broken compression is said clearly."""
    try:
        with (gzip.open if path.name.lower().endswith(".gz") else open)(path, "rb") as file:
            yield file  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ExtractRefused(
            f"{where}: its compression breaks off or is damaged; copy the file again"
        ) from error


def _decode(path: Path, target: Path, where: str, encoding: str) -> str:
    """Writes the file as UTF-8; returns the hash of its uncompressed bytes."""
    digest = hashlib.sha256()
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    except LookupError as error:
        raise ExtractRefused(f"{where}: its declared encoding {encoding!r} is unknown") from error
    position = lines = pending = 0
    first_text = True
    with _opened(path, where) as source, target.open("wb") as out:
        while True:
            chunk = source.read(_CHUNK)
            digest.update(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                offset = position - pending + error.start
                line = lines + error.object[: error.start].count(b"\n") + 1
                raise ExtractRefused(
                    f"{where}: byte {offset} (line {line}) is not {encoding}; declare the real "
                    "encoding under source.encoding of the dataset file, or mend the file"
                ) from None
            if first_text and text:
                _check_first_text(text, where)
                text, first_text = text.removeprefix("\ufeff"), False
            out.write(text.encode("utf-8"))
            lines += text.count("\n")
            position += len(chunk)
            pending = len(decoder.getstate()[0])
            if not chunk:
                break
    if first_text:
        raise ExtractRefused(f"{where}: is empty; ask the source to write it again")
    return digest.hexdigest()


def _check_first_text(text: str, where: str) -> None:
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start == "<":
        raise ExtractRefused(f"{where}: is a web page or XML, not a table; fetch the extract again")
    if start in ("{", "["):
        raise ExtractRefused(f"{where}: is JSON, though its name says otherwise; rename it")


def _from_json(path: Path, target: Path, where: str, encoding: str) -> ReadableExtract:
    """SODA rows: a list of objects, keys of null values left out."""
    digest = hashlib.sha256()
    with _opened(path, where) as source:
        content = source.read()
    digest.update(content)
    try:
        rows: Any = json.loads(
            content.decode(encoding).removeprefix("\ufeff"), parse_float=str, parse_int=str
        )
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ExtractRefused(
            f"{where}: byte {error.start} (line {line}) is not {encoding}; declare the real "
            "encoding under source.encoding of the dataset file"
        ) from None
    except json.JSONDecodeError as error:
        raise ExtractRefused(
            f"{where}: is not whole JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}; fetch it again"
        ) from None
    except RecursionError:
        raise ExtractRefused(f"{where}: is nested too deeply to be rows; fetch it again") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ExtractRefused(f"{where}: is not a list of rows as a SODA resource answers")
    if not rows:
        raise ExtractRefused(f"{where}: holds no rows and so no column names; fetch it again")
    header = list(dict.fromkeys(key for row in rows for key in row))
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_json_text(row.get(key)) for key in header] for row in rows)
    return ReadableExtract(path=target, delimiter=",", content_hash=digest.hexdigest())


def _json_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _from_xlsx(path: Path, target: Path, where: str) -> ReadableExtract:
    """The one sheet of a workbook that holds rows."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    with path.open("rb") as file:
        content_hash = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as error:
        raise ExtractRefused(
            f"{where}: cannot be opened as a spreadsheet; save it again"
        ) from error
    try:
        sheets = [sheet for sheet in book.worksheets if any(_cells(sheet))]
        if len(sheets) != 1:
            raise ExtractRefused(
                f"{where}: {len(sheets)} of its sheets hold rows; leave exactly one"
            )
        with target.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows(_cells(sheets[0]))
    finally:
        book.close()
    return ReadableExtract(path=target, delimiter=",", content_hash=content_hash)


def _cells(sheet: Any) -> Iterator[list[str]]:
    for row in sheet.iter_rows(values_only=True):
        cells = [_cell_text(value) for value in row]
        if any(cells):
            yield cells


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
