"""Makes an extract file readable: one UTF-8 CSV in a scratch folder, whatever came in.

Undoes compression, encoding, BOM and JSON, has spreadsheets read (`workbook.py`), and says clearly
when a file is not what its name says. Cells of text files are not touched. Splitting into lines is
done in `lines.py`, keeping in `landing.py`. No message carries a cell's content.
"""

import codecs
import csv
import gzip
import hashlib
import json
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError, ExtractRefused, PassingFault
from orchestration.sources import printable_name

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
)
"""Of tables and packed files that nothing here reads: whoever delivers one is told, not passed over."""
_CHUNK = 1 << 20
_GZIP, _ZIP, _OLE = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
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


def make_readable(dataset: Dataset, path: Path, scratch: Path) -> ReadableExtract:
    """Copies an extract into the scratch folder as UTF-8 CSV.

    Raises:
        ConfigurationError: the declared encoding or delimiter is none.
        ExtractRefused: empty, truncated, in another encoding, or not what its name says.
        PassingFault: the file is still being written, or gone.
    """
    where = f"{dataset.id}: {printable_name(path)}"
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(UNREAD_ENDINGS):
        ending = Path(name).suffix
        raise ExtractRefused(
            f"{where}: {ending} is not read; save it as .xlsx or CSV, and take this file away"
        )
    encoding = _known_encoding(dataset)
    delimiter = dataset.source.delimiter or ("\t" if name.endswith(".tsv") else ",")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ConfigurationError(f"{dataset.id}.yaml: source.delimiter: must be one character")
    target = scratch / "extract.csv"
    with _settled(path, where):
        _check_first_bytes(path, where)
        if name.endswith(".xlsx"):
            return _from_xlsx(dataset, path, target, where)
        if name.endswith(".json"):
            return _from_json(path, target, where, encoding)
        content_hash = _decode(path, target, where, encoding)
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
def _settled(path: Path, where: str) -> Iterator[None]:
    """Lets nothing through that changes before or while it is read."""
    try:
        before = path.stat()
        age = time.time() - before.st_mtime
        settling = _settling_seconds()
        if 0 <= age < settling:
            time.sleep(settling - age)
        if _changed(path, before):
            raise PassingFault(f"{where}: is still being written; it is read at the next run")
        try:
            yield
        except ExtractRefused as error:
            if _changed(path, before):
                raise _changed_meanwhile(where) from error
            raise
        if _changed(path, before):
            raise _changed_meanwhile(where)
    except FileNotFoundError:
        raise PassingFault(f"{where}: is gone; was it moved or renamed?") from None
    except PermissionError:
        raise ExtractRefused(
            f"{where}: may not be read by this user; change its permissions"
        ) from None


def _changed_meanwhile(where: str) -> PassingFault:
    return PassingFault(f"{where}: changed while it was read; it is read at the next run")


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


def _decode(path: Path, target: Path, where: str, encoding: str) -> str:
    """Writes the file as UTF-8; returns the hash of its uncompressed bytes."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    position = lines = pending = 0
    started = False
    with _opened(path, where) as source, target.open("wb") as out:
        while True:
            chunk = source.read(_CHUNK)
            digest.update(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, errors="replace")
                raise _other_encoding(
                    where, encoding, position - pending + error.start, lines + before.count("\n")
                ) from None
            except UnicodeError:
                # UTF-16 and UTF-32 name no byte when the mark at the start is missing.
                raise _other_encoding(where, encoding, 0, 0) from None
            lines += text.count("\n")
            if not started:
                # Readers disagree on whether blank lines before the header are the header.
                text = text.removeprefix("\ufeff").lstrip("\r\n")
                _check_first_text(text, where)
                started = bool(text)
            out.write(text.encode("utf-8", errors="backslashreplace"))
            position += len(chunk)
            pending = len(decoder.getstate()[0])
            if not chunk:
                break
    if not started:
        raise _empty(where)
    return digest.hexdigest()


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


def _from_json(path: Path, target: Path, where: str, encoding: str) -> ReadableExtract:
    """SODA rows: a list of objects, keys of null values left out."""
    with _opened(path, where) as source:
        content = source.read()
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
        if not text.strip():
            raise _empty(where)
        rows: Any = json.loads(text, parse_float=_Number, parse_int=_Number)
    except UnicodeDecodeError as error:
        before = content[: error.start].count(b"\n")
        raise _other_encoding(where, encoding, error.start, before) from None
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith(("[", "{")):
            raise ExtractRefused(
                f"{where}: is not JSON, though its name says so; rename it to what it is"
            ) from None
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
    _write_table(target, header, ([_json_text(row.get(key)) for key in header] for row in rows))
    content_hash = hashlib.sha256(content).hexdigest()
    return ReadableExtract(path=target, delimiter=",", content_hash=content_hash)


class _Number(str):
    """A JSON number as it was written: 1.50 stays 1.50."""

    __slots__ = ()


def _json_text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else _nested_text(value)


def _nested_text(value: Any) -> str:
    """Compact JSON again, numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        pairs = (f"{_nested_text(key)}:{_nested_text(item)}" for key, item in value.items())
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_nested_text, value))}]"
    return json.dumps(value, ensure_ascii=False)


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
