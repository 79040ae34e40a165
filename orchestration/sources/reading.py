"""Makes an extract file readable: one UTF-8 CSV in a scratch folder, whatever came in.

Undoes compression, encoding, BOM and JSON, has spreadsheets read (`workbook.py`), and says clearly
when a file is not what its name says. Cells of text files are not touched. Splitting into lines is
done in `lines.py`, keeping in `landing.py`. No message carries a cell's content.
"""

import codecs
import csv
import gzip
import hashlib
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from orchestration.bounds import Bounds
from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError, ExtractRefused, TransientError
from orchestration.sources import printable_name
from orchestration.sources.json_rows import as_text, read_rows

UNREAD_ENDINGS = (
    ".xls",
    ".xlsb",
    ".xlsm",
    ".xltx",
    ".ods",
    ".fods",
    ".numbers",
    ".zip",
    ".7z",
    ".rar",
    ".tar",
    ".tgz",
    ".bz2",
    ".xz",
    ".zst",
    ".parquet",
    ".ndjson",
    ".jsonl",
    ".geojson",
    ".dbf",
    ".mdb",
    ".accdb",
)
"""Of tables and packed files that nothing here reads: each is refused by name, not passed over."""
_CHUNK = 1 << 20
_GZIP, _ZIP, _OLE = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_OTHER_KINDS = {
    b"PAR1": "a Parquet file",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"SQLite format 3\0": "a database",
}
"""What a file is that begins so, whatever its name says."""
_JSON = re.compile(r'[{\[]\s*["{\[\]}]')


@dataclass(frozen=True, kw_only=True)
class ReadableExtract:
    """A scratch CSV in UTF-8, no BOM, with a header line; `content_hash` is of what came in.

    `faults` says of lines, by number, why they cannot be taken although they can be split. `reading`
    is what else the rows depend on.
    """

    path: Path
    delimiter: str
    content_hash: str
    faults: Mapping[int, str] = field(default_factory=dict)
    reading: tuple[str, ...] = ()


def make_readable(
    dataset: Dataset, path: Path, scratch: Path, *, is_whole: bool = False
) -> ReadableExtract:
    """Copies an extract into the scratch folder as UTF-8 CSV.

    A young file is looked at again after a while, unless it `is_whole`: nobody is still writing it.

    Raises:
        ConfigurationError: the declared encoding or delimiter is none.
        ExtractRefused: empty, truncated, in another encoding, or not what its name says.
        TransientError: the file is still being written, or gone.
    """
    where = f"{dataset.id}: {printable_name(path)}"
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(UNREAD_ENDINGS):
        ending = Path(name).suffix
        raise ExtractRefused(
            f"{where}: {ending} is not read; save it as .xlsx or CSV, and take this file away"
        )
    encoding, bounds = _known_encoding(dataset), dataset.source.bounds
    delimiter = dataset.source.delimiter or ("\t" if name.endswith(".tsv") else ",")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ConfigurationError(f"{dataset.id}.yaml: source.delimiter: must be one character")
    target = scratch / "extract.csv"
    with _settled(path, where, settling=0 if is_whole else _settling_seconds()):
        _check_first_bytes(path, where)
        if name.endswith(".xlsx"):
            return _from_xlsx(dataset, path, target, where)
        if name.endswith(".json"):
            return _from_json(path, target, where, encoding, bounds)
        content_hash = _decode(path, target, where, encoding, bounds)
    return ReadableExtract(path=target, delimiter=delimiter, content_hash=content_hash)


def _known_encoding(dataset: Dataset) -> str:
    encoding = dataset.source.encoding
    try:
        "".encode(encoding)
        codecs.getincrementaldecoder(encoding)
    except LookupError:
        raise ConfigurationError(
            f"{dataset.id}.yaml: source.encoding: {encoding!r} is no text encoding"
        ) from None
    return encoding


@contextmanager
def _settled(path: Path, where: str, *, settling: float) -> Iterator[None]:
    """Lets nothing through that changes before or while it is read.

    What is younger than so many seconds is looked at again once it is as old.
    """
    try:
        before = path.stat()
        age = time.time() - before.st_mtime
        if 0 <= age < settling:
            time.sleep(settling - age)
        if _changed(path, before):
            raise TransientError(f"{where}: is still being written; it is read at the next run")
        try:
            yield
        except ExtractRefused as error:
            if _changed(path, before):
                raise _changed_meanwhile(where) from error
            raise
        if _changed(path, before):
            raise _changed_meanwhile(where)
    except FileNotFoundError:
        raise TransientError(f"{where}: is gone; was it moved or renamed?") from None
    except PermissionError:
        raise ExtractRefused(
            f"{where}: may not be read by this user; change its permissions"
        ) from None


def _changed_meanwhile(where: str) -> TransientError:
    return TransientError(f"{where}: changed while it was read; it is read at the next run")


def _settling_seconds() -> float:
    """A file younger than this may still be growing: it is looked at again after as long."""
    text = os.environ.get("SUMMERWARE_SETTLING_SECONDS", "2")
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(
            f"SUMMERWARE_SETTLING_SECONDS is {text!r}: it must be a number"
        ) from None


def _changed(path: Path, before: os.stat_result) -> bool:
    after = path.stat()
    return (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns)


def _check_first_bytes(path: Path, where: str) -> None:
    with path.open("rb") as file:
        first = file.read(512)
    if not first:
        raise _empty(where)
    name = path.name.lower()
    other = next((kind for start, kind in _OTHER_KINDS.items() if first.startswith(start)), None)
    if other is not None:
        raise ExtractRefused(f"{where}: is {other}, which is not read; save it as CSV")
    if first.startswith(_OLE):
        raise ExtractRefused(
            f"{where}: is not a spreadsheet of today's format: it is an old workbook (.xls), or one "
            "with a password; save it as .xlsx or CSV, without a password"
        )
    if name.endswith(".gz") != first.startswith(_GZIP):
        is_not = "is not gzip" if name.endswith(".gz") else "is gzip"
        raise ExtractRefused(f"{where}: {is_not}, though its name says otherwise; rename it")
    if name.endswith(".xlsx") != first.startswith(_ZIP):
        is_not = "is not a spreadsheet" if name.endswith(".xlsx") else "is a zip or spreadsheet"
        raise ExtractRefused(f"{where}: {is_not}, though its name says otherwise; rename it")


def _empty(where: str) -> ExtractRefused:
    return ExtractRefused(f"{where}: is empty; ask the source to write it again")


@contextmanager
def _opened(path: Path, where: str) -> Iterator[IO[bytes]]:
    """The file's bytes, uncompressed; a broken compression is said clearly."""
    try:
        with (gzip.open if path.name.lower().endswith(".gz") else open)(path, "rb") as file:
            yield file  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ExtractRefused(
            f"{where}: its compression breaks off or is damaged; copy the file again"
        ) from None


class _Text:
    """A file's text in parts, uncompressed and decoded; once it is read, the hash of its bytes."""

    def __init__(self, path: Path, where: str, encoding: str, bounds: Bounds) -> None:
        self._path = path
        self._where = where
        self._encoding = encoding
        self._bounds = bounds
        self._digest = hashlib.sha256()

    @property
    def content_hash(self) -> str:
        """The hash of the uncompressed bytes that were read."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[str]:
        """Raises: ExtractRefused: it unpacks to too much, or is in another encoding."""
        self._digest = hashlib.sha256()
        decoder = codecs.getincrementaldecoder(self._encoding)(errors="strict")
        position = lines = pending = 0
        with _opened(self._path, self._where) as source:
            while True:
                chunk = source.read(_CHUNK)
                self._digest.update(chunk)
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    before = error.object[: error.start].decode(self._encoding, errors="replace")
                    raise _other_encoding(
                        self._where,
                        self._encoding,
                        position - pending + error.start,
                        lines + before.count("\n"),
                    ) from None
                except UnicodeError:
                    # UTF-16 and UTF-32 name no byte when the mark at the start is missing.
                    raise _other_encoding(self._where, self._encoding, 0, 0) from None
                lines += text.count("\n")
                position += len(chunk)
                if position > self._bounds.unpacked:
                    raise self._bounds.exceeded(self._where, "unpacked_mb")
                pending = len(decoder.getstate()[0])
                yield text
                if not chunk:
                    return


def _decode(path: Path, target: Path, where: str, encoding: str, bounds: Bounds) -> str:
    """Writes the file as UTF-8; returns the hash of its uncompressed bytes."""
    parts = _Text(path, where, encoding, bounds)
    lines = _Lines(where, bounds)
    started = False
    with target.open("wb") as out:
        for text in parts:
            if not started:
                # Readers disagree on whether blank lines before the header are the header.
                text = text.removeprefix("\ufeff").lstrip("\r\n")
                _check_first_text(text, where)
                started = bool(text)
            lines.count(text)
            out.write(text.encode("utf-8", errors="backslashreplace"))
    if not started:
        raise _empty(where)
    return parts.content_hash


class _Lines:
    """Counts lines and their length, as the parts of a text come."""

    def __init__(self, where: str, bounds: Bounds) -> None:
        self._where = where
        self._bounds = bounds
        self._lines = {"\n": 0, "\r": 0}
        self._open = 0
        """Characters since the last line's end."""

    def count(self, text: str) -> None:
        """Raises: ExtractRefused: there are too many lines, or one is too long."""
        for mark in self._lines:
            self._lines[mark] += text.count(mark)
            if self._lines[mark] > self._bounds.rows:
                raise self._bounds.exceeded(self._where, "rows")
        ends = [place for place in map(text.find, self._lines) if place >= 0]
        # No part is as long as a line may be: only the one that goes on from the last part can.
        if self._open + (min(ends) if ends else len(text)) > self._bounds.line:
            raise self._bounds.exceeded(self._where, "line_mb")
        last = max(map(text.rfind, self._lines))
        self._open = len(text) - last - 1 if ends else self._open + len(text)


def _other_encoding(where: str, encoding: str, offset: int, lines_before: int) -> ExtractRefused:
    return ExtractRefused(
        f"{where}: byte {offset} (line {lines_before + 1}) is not {encoding}; declare the real "
        "encoding under source.encoding of the dataset file, or mend the file"
    )


def _check_first_text(text: str, where: str) -> None:
    start = text[:512].lstrip()
    nuls = start.count("\0")
    if nuls and nuls == len(start):
        raise ExtractRefused(f"{where}: begins with NUL characters only; copy the file again")
    if nuls * 3 > len(start):
        raise ExtractRefused(
            f"{where}: every second byte is a NUL, as in UTF-16; declare source.encoding: utf-16 in "
            "the dataset file"
        )
    if start.startswith("<"):
        raise ExtractRefused(f"{where}: is a web page or XML, not a table; fetch the extract again")
    # SQL Server's [headings in brackets] are no JSON.
    if _JSON.match(start):
        raise ExtractRefused(f"{where}: is JSON, though its name says otherwise; rename it")
    if start.startswith(("PK\x03\x04", "%PDF-")):
        raise ExtractRefused(f"{where}: holds a zip, spreadsheet or PDF, not a table; unpack it")


def _from_json(
    path: Path, target: Path, where: str, encoding: str, bounds: Bounds
) -> ReadableExtract:
    """SODA rows: a list of objects, keys of null values left out."""
    parts = _Text(path, where, encoding, bounds)
    header = _json_header(parts, where, bounds, only_first=True)
    if not _written_json(parts, target, where, bounds, header):
        # Some row names a column that the first one left out.
        header = _json_header(parts, where, bounds)
        _written_json(parts, target, where, bounds, header)
    return ReadableExtract(path=target, delimiter=",", content_hash=parts.content_hash)


def _json_header(
    parts: _Text, where: str, bounds: Bounds, *, only_first: bool = False
) -> list[str]:
    """The names of all rows in the order they come, or those of the first."""
    header: dict[str, None] = {}
    rows = 0
    for row in read_rows(_without_mark(parts, where), where, bounds):
        rows += 1
        header.update(dict.fromkeys(row))
        if len(header) > bounds.columns:
            raise bounds.exceeded(where, "columns")
        if only_first:
            break
    if not rows:
        raise ExtractRefused(f"{where}: holds no rows and so no column names; fetch it again")
    return list(header)


def _written_json(
    parts: _Text, target: Path, where: str, bounds: Bounds, header: list[str]
) -> bool:
    """Writes the rows as a table; false where one has a name that is not in the header."""
    known = frozenset(header)

    def rows() -> Iterator[list[str]]:
        for row in read_rows(_without_mark(parts, where), where, bounds):
            if not known.issuperset(row):
                raise _MoreNames
            yield [as_text(row.get(key), where, bounds) for key in header]

    try:
        _write_table(target, header, rows())
    except _MoreNames:
        return False
    return True


class _MoreNames(Exception):
    """A row has a name that those before it had not."""


def _without_mark(parts: _Text, where: str) -> Iterator[str]:
    """The text without its byte order mark.

    Raises:
        ExtractRefused: there is nothing else than blanks.
    """
    started = is_filled = False
    for text in parts:
        part = text if started else text.removeprefix("\ufeff")
        started = started or bool(text)
        is_filled = is_filled or bool(part.strip())
        yield part
    if not is_filled:
        raise _empty(where)


def _write_table(target: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    # A text cut within an emoji leaves half a character: it is kept as JSON writes it, \ud83d.
    with target.open("w", encoding="utf-8", newline="", errors="backslashreplace") as out:
        # Before Python 3.13 a lone \r is only quoted when it is part of the line's end.
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)


def _from_xlsx(dataset: Dataset, path: Path, target: Path, where: str) -> ReadableExtract:
    # Imported here: most extracts are no spreadsheets.
    from orchestration.sources.workbook import REVISION, open_sheet

    with path.open("rb") as file:
        content_hash = hashlib.file_digest(file, "sha256").hexdigest()
    with open_sheet(dataset, path, where) as sheet:
        _write_table(target, sheet.header, sheet.rows)
        faults = sheet.faults
    return ReadableExtract(
        path=target,
        delimiter=",",
        content_hash=content_hash,
        faults=faults,
        reading=(f"workbook {REVISION}", repr(dataset.source.workbook)),
    )
