"""Tables of text that people fill in, as CSV and XLSX: written safely, read back exactly.

What stands in the cells is the business of the modules that ask; here it is text. A spreadsheet
must not take a cell for a formula, so a cell that begins like one gets an apostrophe in front, which
reading takes away again.
"""

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from orchestration.errors import ConfigurationError
from orchestration.unseen import CLEANED, UNSEEN_CLASS

BIGGEST_FILE = 50_000_000
BIGGEST_WORKBOOK = 500_000_000
"""Bytes of a workbook once it is unpacked."""
BIGGEST_CELL = 8_000
"""Characters; Excel cuts at 32,767, and nobody reads that much."""
LONGEST_CELL = 100_000
"""Characters of a cell that is read at all."""
BIGGEST_TABLE = 100_000
"""Lines of a file that are read; a sheet of ours has hundreds."""

_FORMULA = re.compile(
    f"'*[\t\r\n]|['\\s{UNSEEN_CLASS}{CLEANED}]*"
    "[-=+@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]"
)
"""How a formula begins; signs that nobody sees may stand before it, and a program may drop them."""
_UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What a workbook cannot hold: no characters of XML 1.0. Other signs come back as they were."""
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""Workbooks write characters as `_x000D_`, and a text that looks so with its underscore escaped."""
_NOT_A_WORKBOOK = (
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, OSError, EOFError),
    *(zipfile.BadZipFile, ParseError, NotImplementedError, RuntimeError),
)
"""What openpyxl raises on a workbook that is damaged, encrypted or none; it has no error of its own."""


@dataclass(frozen=True)
class Heading:
    """One column: its heading, its width in characters, and what may be chosen where one answers."""

    name: str
    width: int = 14
    choices: tuple[str, ...] = ()
    is_answer: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row as it came back: where it stands in the file, and its cells by heading.

    `is_too_long` where it has cells beyond the last heading.
    """

    number: int
    cells: dict[str, str]
    is_too_long: bool


def shown(text: str | None) -> str:
    """A text as a cell shows it: line ends alike, nothing that a file cannot hold, not endless."""
    if text is None:
        return ""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = _UNSHOWABLE.sub(lambda found: _symbol(found.group()), plain)
    return plain if len(plain) <= BIGGEST_CELL else plain[: BIGGEST_CELL - 1] + "…"


def write_csv(path: Path, headings: Sequence[Heading], rows: Sequence[Sequence[str]]) -> None:
    """Writes a table as UTF-8 with a mark that Excel looks for; cells are as `shown` made them."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([heading.name for heading in headings])
        writer.writerows([[_guarded(cell) for cell in row] for row in rows])


def write_xlsx(
    path: Path, title: str, headings: Sequence[Heading], rows: Sequence[Sequence[str]]
) -> None:
    """Writes a table as a workbook of texts alone, the columns to fill in marked."""
    # Imported here: the commands that only answer do not pay for it.
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    sheet = book.active
    sheet.title = title
    wrapped = Alignment(vertical="top", wrap_text=True)
    for number, heading in enumerate(headings, start=1):
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = heading.width
        cell = sheet.cell(1, number, heading.name)
        cell.font = Font(bold=True)
        if heading.is_answer:
            cell.fill = PatternFill("solid", start_color="FFF2CC")
        if heading.choices and rows:
            choice = DataValidation(
                type="list", formula1=f'"{",".join(heading.choices)}"', allow_blank=True
            )
            choice.add(f"{letter}2:{letter}{len(rows) + 1}")
            sheet.add_data_validation(choice)
    for row_number, row in enumerate(rows, start=2):
        for number, text in enumerate(row, start=1):
            cell = sheet.cell(row_number, number)
            if text:
                cell.value = _TO_ESCAPE.sub("_x005F_", _guarded(text))
                # Else `#N/A` would be an error and no text.
                cell.data_type = "s"
            cell.number_format = "@"
            cell.alignment = wrapped
    sheet.freeze_panes = "A2"
    book.save(path)


def read_table(path: Path, wanted: Sequence[str], *, only: bool = False) -> list[Line]:
    """The filled rows of a CSV or XLSX file, which may have `only` the wanted headings.

    Raises:
        ConfigurationError: it is neither, or has not the wanted headings.
    """
    try:
        if path.stat().st_size > BIGGEST_FILE:
            raise ConfigurationError(f"{path.name}: is too big to be a sheet of ours")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    rows = _xlsx_rows(path, content) if content.startswith(b"PK") else _csv_rows(path, content)
    number, header = next(rows, (1, []))
    names = [cell.strip() for cell in header]
    missing = [name for name in wanted if name not in names]
    if len(missing) == len(wanted):
        raise ConfigurationError(
            f"{path.name}: line {number}: is no sheet of ours: not one of its headings is there"
        )
    twice = sorted({name for name in wanted if names.count(name) > 1})
    faults = [f"the column {name} is missing" for name in missing]
    faults += [f"the column {name} stands twice" for name in twice]
    if only:
        unknown = [place for place, name in enumerate(names, 1) if name and name not in wanted]
        faults += [
            f"the heading of column {place} is unknown; there are {', '.join(wanted)}"
            for place in unknown
        ]
    if faults:
        raise ConfigurationError(
            "\n".join(f"{path.name}: line {number}: {fault}" for fault in faults)
        )
    return [
        Line(
            number=number,
            cells=dict(zip(names, [*row, *[""] * len(names)], strict=False)),
            is_too_long=any(cell.strip() for cell in row[len(names) :]),
        )
        for number, row in rows
        if any(cell.strip() for cell in row)
    ]


def _symbol(character: str) -> str:
    """A picture of a control character; the replacement character for what has none."""
    return chr(0x2400 + ord(character)) if ord(character) < 0x20 else "\ufffd"


def _guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _csv_rows(path: Path, content: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{path.name}: is neither a workbook nor UTF-8; save it as XLSX or as CSV UTF-8"
        ) from None
    first = text.partition("\n")[0]
    # Excel writes semicolons where a comma stands in decimal numbers.
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    try:
        for row in reader:
            # The module's own limit is for the whole process, and others move it.
            if any(len(cell) > LONGEST_CELL for cell in row):
                raise csv.Error
            yield before + 1, [_read(cell) for cell in row]
            before = reader.line_num
            if before > BIGGEST_TABLE:
                raise ConfigurationError(f"{path.name}: is too long to be a sheet of ours")
    except csv.Error:
        raise ConfigurationError(
            f"{path.name}: line {before + 1}: is no CSV: a quote is missing or a cell is endless"
        ) from None


def _xlsx_rows(path: Path, content: bytes) -> Iterator[tuple[int, list[str]]]:
    import openpyxl

    with warnings.catch_warnings():
        # It warns of styles and validations that it leaves out; neither is an answer.
        warnings.simplefilter("ignore", UserWarning)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                if sum(part.file_size for part in packed.infolist()) > BIGGEST_WORKBOOK:
                    raise ConfigurationError(f"{path.name}: is too big to be a sheet of ours")
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
            sheet = book.worksheets[0]
            found = []
            for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
                found.append((number, [_read(_unescaped(cell)) for cell in row]))
                if number > BIGGEST_TABLE:
                    raise ConfigurationError(f"{path.name}: is too long to be a sheet of ours")
        except _NOT_A_WORKBOOK:
            raise ConfigurationError(
                f"{path.name}: is no workbook that can be read; save it as XLSX or CSV UTF-8"
            ) from None
    return iter(found)


def _read(text: str) -> str:
    return shown(_unguarded(text))


def _unescaped(cell: Any) -> str:
    if cell is None:
        return ""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), str(cell))
