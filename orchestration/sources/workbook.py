"""Reads a workbook's sheet: its headings, its rows as text, and why a row cannot be trusted.

What a spreadsheet does to a table is undone here where there is proof, else said by the cell's
address: merged cells, titles above the headings, totals below the rows, several sheets, a sheet that
is full. A cell in doubt (`cells.py`) becomes empty and its row a line that cannot be read; the row's
other cells stay, so that its key is known. No message carries a cell's content.

openpyxl shows neither merged cells nor whether a formula has a result when it reads row by row, and
otherwise a large sheet does not fit into memory; so its parser of cells is used directly.
"""

import lzma
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.worksheet._reader import (
    FORMULA_TAG,
    ROW_TAG,
    VALUE_TAG,
    WorkSheetParser,
)

from orchestration.bounds import Bounds
from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.errors import ExtractRefused
from orchestration.sources.cells import EMPTY, ERROR, UNSTORED, CellText, read_cell
from orchestration.sources.header import listed_columns
from orchestration.sources.workbook_parts import elements, open_book

LAST_ROW = 1_048_576
"""A sheet has no more rows: what did not fit was cut off without a word."""
REVISION = 1
"""Raised when the same workbook becomes other rows than before: it is another extract then."""
_LOOKED_FOR_HEADINGS = 20
_SHOWN = 3
_LONGEST_NAME = 40
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*?\bref\s*=\s*[\"']([A-Za-z0-9:$]+)[\"']")
_UNCALCULATED = re.compile(rb"\bfullCalcOnLoad\s*=\s*[\"'](?:1|true)[\"']")
_TOTAL = re.compile(r"((grand|sub|overall)[ -]?)?(totals?|sum|count)( .{0,40})?:?", re.IGNORECASE)
_CHUNK = 1 << 20
_BROKEN_WORKBOOK = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError),
    *(ParseError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError),
    *(AssertionError, struct.error, lzma.LZMAError),
)
"""What openpyxl raises on a workbook that is damaged, encrypted or none; it has no error of its own."""
_OTHER_KINDS = {
    "xl/workbook.bin": "an .xlsb workbook",
    "content.xml": "an OpenDocument file",
    "word/document.xml": "a text document",
}
"""What a zip is that has such a part."""

Row = tuple[int, dict[int, dict[str, Any]]]
"""A row that holds something: its number, and its cells, as the parser gives them, by column."""


@dataclass
class SheetRows:
    """Headings, rows in order, and, once those were read, the faults of rows by number, from 1."""

    header: list[str]
    rows: Iterator[list[str]] = field(default_factory=lambda: iter(()))
    faults: dict[int, str] = field(default_factory=dict)


@contextmanager
def open_sheet(dataset: Dataset, path: Path, where: str) -> Iterator[SheetRows]:
    """The sheet that the dataset file names, else the one visible sheet that holds rows.

    Raises:
        ExtractRefused: there is no such sheet, it cannot be read, rows were cut off, or cells are
            merged and the dataset file does not say what that means.
    """
    with warnings.catch_warnings():
        # It warns of styles and validations that it leaves out; neither is data.
        warnings.simplefilter("ignore", UserWarning)
        with _broken_is_refused(path, where):
            book = open_book(path, where, dataset.source.bounds)
        try:
            with _broken_is_refused(path, where):
                sheet = _Reader(dataset, book, _choose(dataset, book, where), where).read()
            sheet.rows = _refusing_broken(sheet.rows, path, where)
            yield sheet
        finally:
            book.close()


@contextmanager
def _broken_is_refused(path: Path, where: str) -> Iterator[None]:
    try:
        yield
    except _BROKEN_WORKBOOK:
        kind = _other_kind(path)
        if kind is not None:
            raise ExtractRefused(f"{where}: is {kind}; save it as .xlsx or CSV") from None
        raise ExtractRefused(f"{where}: cannot be opened as a spreadsheet; save it again") from None


def _refusing_broken(rows: Iterator[list[str]], path: Path, where: str) -> Iterator[list[str]]:
    # Around the reading alone: a failure in writing the rows, as a full disk, is reported there.
    with _broken_is_refused(path, where):
        yield from rows


def _other_kind(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = set(archive.namelist())
    except _BROKEN_WORKBOOK:
        return None
    return next((kind for part, kind in _OTHER_KINDS.items() if part in parts), None)


# Which sheet


def _choose(dataset: Dataset, book: Any, where: str) -> Any:
    """The sheet to read; the error names all sheets where none or several could be meant."""
    wanted = dataset.source.workbook.sheet
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if wanted is not None:
        if wanted not in sheets:
            raise ExtractRefused(
                f"{where}: has no sheet {wanted!r} (source.workbook.sheet), only {_named(sheets)}"
            )
        if not _holds_rows(dataset, book, sheets[wanted], where):
            raise ExtractRefused(f"{where}: its sheet {wanted!r} holds no rows")
        return sheets[wanted]
    filled = {
        name: sheet for name, sheet in sheets.items() if _holds_rows(dataset, book, sheet, where)
    }
    shown = {name: sheet for name, sheet in filled.items() if sheet.sheet_state == "visible"}
    if len(shown) == 1:
        return next(iter(shown.values()))
    hidden = [name for name in filled if name not in shown]
    raise ExtractRefused(
        f"{where}: {len(shown)} of its sheets hold rows"
        + (f" ({_named(shown)})" if shown else "")
        + (f", and hidden ones: {_named(hidden)}" if hidden else "")
        + "; leave exactly one, or name it under source.workbook.sheet of the dataset file"
    )


def _named(names: Sequence[str] | Mapping[str, Any]) -> str:
    some = [repr(name[:_LONGEST_NAME]) for name in islice(names, 5)]
    return ", ".join(some) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _holds_rows(dataset: Dataset, book: Any, sheet: Any, where: str) -> bool:
    with sheet._get_source() as source:
        parser = _parser(dataset, book, sheet, source, where)
        return next(_filled_rows(parser), None) is not None


# Cells


class _Parser(WorkSheetParser):  # type: ignore[misc]
    """Tells a formula without its result from an empty cell; holds one row at a time."""

    is_uncalculated = False
    """Whoever wrote the workbook asks for its formulas to be calculated when it is opened."""
    bounds = Bounds()
    where = ""

    def parse(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """The rows. openpyxl's own keeps every element beside them until the sheet ends.

        Raises:
            ExtractRefused: there are too many cells.
        """
        cells = 0
        for row in elements(self.source, ROW_TAG, self.where, self.bounds):
            cells += len(row)
            if cells > self.bounds.cells:
                raise self.bounds.exceeded(self.where, "cells")
            yield self.parse_row(row)

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if element.find(FORMULA_TAG) is not None:
            stored = element.find(VALUE_TAG)
            # An empty text is a result; some writers put 0 where they have none.
            is_empty_text = stored is not None and element.get("t") == "str"
            is_placeholder = self.is_uncalculated and stored is not None and stored.text == "0"
            if (cell["value"] is None and not is_empty_text) or is_placeholder:
                cell |= {"data_type": UNSTORED, "value": None}
        return cell


def _parser(dataset: Dataset, book: Any, sheet: Any, source: Any, where: str) -> _Parser:
    parser = _Parser(
        source,
        sheet._shared_strings,
        data_only=True,
        epoch=book.epoch,
        date_formats=book._date_formats,
        timedelta_formats=book._timedelta_formats,
    )
    parser.is_uncalculated = _is_uncalculated(book)
    parser.bounds, parser.where = dataset.source.bounds, where
    return parser


def _is_uncalculated(book: Any) -> bool:
    # Where the attribute is missing, openpyxl says that it is there.
    parts = [name for name in book._archive.namelist() if name.endswith("workbook.xml")]
    return any(_UNCALCULATED.search(book._archive.read(name)) for name in parts)


def _filled_rows(parser: _Parser) -> Iterator[Row]:
    for number, cells in parser.parse():
        filled = {
            cell["column"]: cell
            for cell in cells
            if cell["value"] not in (None, "") or cell["data_type"] in (ERROR, UNSTORED)
        }
        if filled:
            yield number, filled


class _Reader:
    """Reads one sheet from its top to its end, once."""

    def __init__(self, dataset: Dataset, book: Any, sheet: Any, where: str) -> None:
        self._dataset = dataset
        self._book = book
        self._sheet = sheet
        self._where = where
        self._columns: dict[int, Column] = {}
        self._merged: dict[int, dict[int, int]] = {}
        """By column and first row, the last row of merged cells that have one value for all rows."""
        self._above: dict[int, tuple[int, CellText]] = {}
        """By column, the last row of the merged cells that were come to last, and their value."""

    def read(self) -> SheetRows:
        """Finds the headings; the rows are read as they are asked for."""
        rows = self._parsed_rows()
        first = list(islice(rows, _LOOKED_FOR_HEADINGS))
        place = self._place_of_headings(first)
        number, cells = first[place]
        texts = {column: self._text(cell, None) for column, cell in cells.items()}
        header = [texts.get(column, EMPTY).text for column in range(1, max(texts) + 1)]
        for column, cell in cells.items():
            if cell["data_type"] in (ERROR, UNSTORED):
                address = f"{get_column_letter(column)}{number}"
                raise ExtractRefused(
                    f"{self._where}: its heading in {address} is an error or a formula without its "
                    "result; type it as text"
                )
        listed = listed_columns(self._dataset, header)
        self._columns = {position + 1: column for position, column in listed.items()}
        self._read_merged(number)
        sheet = SheetRows(header=header)
        sheet.rows = self._lines(chain(first[place + 1 :], rows), sheet)
        return sheet

    def _parsed_rows(self) -> Iterator[Row]:
        with self._sheet._get_source() as source:
            parser = _parser(self._dataset, self._book, self._sheet, source, self._where)
            for number, cells in _filled_rows(parser):
                if number >= LAST_ROW:
                    raise ExtractRefused(
                        f"{self._where}: its sheet is full (row {number:,}), so rows may have been "
                        "cut off; ask the source for CSV"
                    )
                yield number, cells

    def _place_of_headings(self, rows: Sequence[Row]) -> int:
        """The first of the rows that has the most headings; above it may stand titles only."""

        def headings(row: Row) -> int:
            texts = [self._text(cell, None).text for cell in row[1].values()]
            return len(listed_columns(self._dataset, texts))

        counts = [headings(row) for row in rows]
        place = counts.index(max(counts))
        for number, cells in rows[:place]:
            if 2 * len(cells) > counts[place]:
                raise ExtractRefused(
                    f"{self._where}: its headings stand in row {rows[place][0]}, and row {number} "
                    "above them holds more than a title; remove it"
                )
        return place

    def _text(self, cell: Mapping[str, Any], column: Column | None) -> CellText:
        return read_cell(cell["value"], cell["data_type"], self._format(cell), column)

    def _format(self, cell: Mapping[str, Any]) -> str:
        number = self._book._cell_styles[cell["style_id"]].numFmtId
        if number in BUILTIN_FORMATS:
            return str(BUILTIN_FORMATS[number])
        own = self._book._number_formats
        return str(own[number - 164]) if 0 <= number - 164 < len(own) else "General"

    # Merged cells

    def _read_merged(self, headings: int) -> None:
        """Keeps the merged cells that mean one value for every row; any others are refused."""
        meaning = self._dataset.source.workbook.merged
        refused = []
        for name in self._merged_ranges():
            left, top, right, bottom = range_boundaries(name.replace("$", ""))
            touched = any(left <= column <= right for column in self._columns)
            if bottom < headings or not touched or (left, top) == (right, bottom):
                continue
            if meaning == "fill" and left == right and top > headings:
                self._merged.setdefault(left, {})[top] = bottom
            else:
                refused.append(name)
        if refused:
            more = f" and {len(refused) - _SHOWN} more ranges" if len(refused) > _SHOWN else ""
            across = " (only cells of one column can be filled)" if meaning == "fill" else ""
            raise ExtractRefused(
                f"{self._where}: cells are merged: {', '.join(refused[:_SHOWN])}{more}{across}; "
                "unmerge them, or say `source: {workbook: {merged: fill}}` in the dataset file "
                "where every row of merged cells has the value of the first"
            )

    def _merged_ranges(self) -> list[str]:
        """The ranges stand behind the rows, and are wanted before them."""
        found: list[str] = []
        before = b""
        with self._sheet._get_source() as source:
            while chunk := source.read(_CHUNK):
                text = before + chunk
                whole = text.rfind(b">") + 1
                found += [match[1].decode() for match in _MERGED.finditer(text[:whole])]
                before = text[whole:]
        return found

    def _fill_from_above(self, number: int, texts: dict[int, CellText]) -> None:
        for column, ranges in self._merged.items():
            own = texts.get(column, EMPTY)
            if number in ranges:
                self._above[column] = (ranges[number], own)
            elif not own.is_filled:
                last, value = self._above.get(column, (0, EMPTY))
                if number <= last:
                    texts[column] = value

    # Rows

    def _lines(self, rows: Iterator[Row], sheet: SheetRows) -> Iterator[list[str]]:
        width = len(sheet.header)
        line = 0
        for number, cells in rows:
            texts = {
                column: self._text(cell, self._columns.get(column))
                for column, cell in cells.items()
            }
            if not any(cell.is_filled for cell in texts.values()):
                continue
            line += 1
            self._fill_from_above(number, texts)
            fault = self._fault(number, texts, sheet.header)
            if fault is not None:
                sheet.faults[line] = fault
            yield [texts.get(column, EMPTY).text for column in range(1, width + 1)]

    def _fault(
        self, number: int, texts: Mapping[int, CellText], header: Sequence[str]
    ) -> str | None:
        """Why a row cannot be taken as a line, by the addresses of its cells."""
        faults = [
            f"cell {get_column_letter(column)}{number} {cell.fault}"
            for column, cell in sorted(texts.items())
            if cell.fault
        ]
        faults += [
            f"cell {get_column_letter(column)}{number} stands beside the table"
            for column, cell in sorted(texts.items())
            if column > len(header) and cell.is_filled
        ]
        listed = [(column, texts.get(column, EMPTY).text) for column in self._columns]
        said = [text == header[column - 1] for column, text in listed if text]
        if said and all(said):
            faults.append(f"row {number} repeats the headings")
        elif self._is_total(texts):
            faults.append(f"row {number} looks like a total")
        if not faults:
            return None
        more = f"; {len(faults) - _SHOWN} more cells" if len(faults) > _SHOWN else ""
        return "; ".join(faults[:_SHOWN]) + more

    def _is_total(self, texts: Mapping[int, CellText]) -> bool:
        """Whether the word stands where the key should, or first in a row without a key."""
        first = next((cell.text for _, cell in sorted(texts.items()) if cell.text), "")
        keys = [
            texts.get(column, EMPTY).text
            for column, listed in self._columns.items()
            if listed.name in self._dataset.landed_key
        ]
        words = keys if any(keys) else [first]
        return any(_TOTAL.fullmatch(word.strip()) for word in words)
