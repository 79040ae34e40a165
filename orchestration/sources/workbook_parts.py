"""Opens a workbook without holding more of it than its bounds allow.

A part of ten megabytes may unpack to ten gigabytes, and each element of XML takes a hundred bytes of
memory and more. So all parts are looked through first, where only bytes are counted, a megabyte at a
time; then rows and shared texts are taken one by one, and what else stands around them is let go of.
What the rows mean is for `workbook.py`.

openpyxl reads every part that it may need whole; its reader is used, with those steps in our words.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import iterparse

from openpyxl.reader.excel import SHARED_STRINGS, ExcelReader, _find_workbook_part
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import SHEET_MAIN_NS

from orchestration.bounds import Bounds
from orchestration.errors import ExtractRefused

_CHUNK = 1 << 20
_MARKS_OF_A_CELL = 4
"""A cell and its value, each opened and closed."""
_OTHERS = 32
"""Of all marks, one in so many may stand in parts that hold no cells: styles, names, relations."""
_KEPT = 5
"""Of all bytes, one in so many may be of parts that are held whole: all but the sheets."""
_MOST_PARTS = 10_000
_ELEMENTS_OF_A_COLUMN = 10
_SHEET = re.compile(r"worksheets/", re.IGNORECASE)
_HOLDS_CELLS = re.compile(r"worksheets/|sharedstrings\.xml$", re.IGNORECASE)
_DECLARES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_TEXT, _RUN = (f"{{{SHEET_MAIN_NS}}}{name}" for name in ("t", "r"))


def open_book(path: Path, where: str, bounds: Bounds) -> Any:
    """The workbook, ready to have its sheets read.

    Raises:
        ExtractRefused: it unpacks to too much, holds too many cells or too long a text, or has parts
            with declarations of their own, which no spreadsheet has.
        Exception: whatever openpyxl raises of a workbook that is damaged.
    """
    _require_bounds(path, where, bounds)
    reader = _BoundedReader(path, where, bounds)
    reader.read()
    return reader.wb


def _require_bounds(path: Path, where: str, bounds: Bounds) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        # No more than a part's own size is ever unpacked of it.
        size = sum(part.file_size for part in parts)
        kept = sum(part.file_size for part in parts if not _SHEET.search(part.filename))
        is_too_big = size > bounds.unpacked or kept > bounds.unpacked // _KEPT
        if is_too_big or len(parts) > _MOST_PARTS:
            raise bounds.exceeded(where, "unpacked_mb")
        if len({part.filename for part in parts}) < len(parts):
            raise ExtractRefused(f"{where}: holds a part twice; save it again")
        marks = others = 0
        for part in parts:
            for chunk in _chunks(archive, part, where, bounds):
                found = chunk.count(b"<")
                marks += found
                others += 0 if _HOLDS_CELLS.search(part.filename) else found
                most = bounds.cells * _MARKS_OF_A_CELL
                if marks > most or others > most // _OTHERS:
                    raise bounds.exceeded(where, "cells")


def _chunks(
    archive: zipfile.ZipFile, part: zipfile.ZipInfo, where: str, bounds: Bounds
) -> Iterator[bytes]:
    before, length = b"", 0
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            # A part may be in UTF-16, whatever it is called; without its zeros that is ASCII.
            if _DECLARES.search((before + chunk).replace(b"\0", b"")):
                raise ExtractRefused(
                    f"{where}: declares XML entities, which no spreadsheet does; save it again"
                )
            before = chunk[-64:]
            first = chunk.find(b"<")
            if length + (len(chunk) if first < 0 else first) > bounds.line:
                raise bounds.exceeded(where, "line_mb")
            length = length + len(chunk) if first < 0 else len(chunk) - chunk.rfind(b"<")
            yield chunk


def elements(source: Any, tag: str, where: str, bounds: Bounds) -> Iterator[Any]:
    """The elements of that tag, each whole, one after another; nothing else is held.

    Raises:
        TooMuch: one of them holds more than a row may, or all of them more text than a file.
    """
    measured = _Measured(source)
    around: list[Any] = []
    inside = began = within = held = 0
    for event, element in iterparse(measured, events=("start", "end")):
        if event == "start":
            around.append(element)
            if inside:
                within += 1
            elif element.tag == tag:
                inside, within, began = len(around), 0, measured.position
            if within > _ELEMENTS_OF_A_COLUMN * bounds.columns:
                raise bounds.exceeded(where, "cells")
            if inside and measured.position - began > 2 * bounds.line:
                raise bounds.exceeded(where, "line_mb")
            continue
        around.pop()
        if inside == len(around) + 1:
            inside = 0
            # Not what was read of it: an entity is longer than its name.
            text = sum(map(len, element.itertext()))
            held += text
            if text > 2 * bounds.line:
                raise bounds.exceeded(where, "line_mb")
            if held > bounds.unpacked:
                raise bounds.exceeded(where, "unpacked_mb")
            yield element
        if not inside and around:
            around[-1].remove(element)


class _Measured:
    """A file that says how far it was read."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.position = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        found: bytes = self._source.read(size)
        self.position += len(found)
        return found


class _BoundedReader(ExcelReader):  # type: ignore[misc]
    """openpyxl's reader of a workbook, with the parts that can be large read piece by piece."""

    def __init__(self, path: Path, where: str, bounds: Bounds) -> None:
        super().__init__(path, read_only=True, data_only=True, keep_links=False)
        self._where = where
        self._bounds = bounds

    def read_strings(self) -> None:
        """The texts that cells name by number."""
        part = self.package.find(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as source:
            self.shared_strings = [
                # openpyxl's own way with an escaped underscore.
                _plain_text(one).replace("x005F_", "")
                for one in elements(source, f"{{{SHEET_MAIN_NS}}}si", self._where, self._bounds)
            ]

    def read_workbook(self) -> None:
        """The list of sheets, which is read whole: it is no part that may be large."""
        if _HOLDS_CELLS.search(_find_workbook_part(self.package).PartName):
            raise ValueError("the workbook's own part is one of its sheets")
        super().read_workbook()
        # Nobody here asks for names, and they count sheets that are charts.
        self.parser.assign_names = lambda: None

    def read_worksheets(self) -> None:
        """The sheets that can hold rows; none of them is looked into yet."""
        parts = set()
        for sheet, relation in self.parser.find_sheets():
            if relation.target not in self.valid_files or "chartsheet" in relation.Type:
                continue
            if relation.target in parts:
                raise ValueError("two sheets are one part, which would be read through again")
            parts.add(relation.target)
            made = _Sheet(self.wb, sheet.name, relation.target, self.shared_strings)
            made.sheet_state = sheet.state
            self.wb._sheets.append(made)


class _Sheet(ReadOnlyWorksheet):  # type: ignore[misc]
    def _get_size(self) -> None:
        """Asks for nothing: where a sheet does not say it, its whole would be read for it."""


def _plain_text(element: Any) -> str:
    """The text without its format, and without how it is pronounced."""
    found = []
    for child in element:
        if child.tag == _TEXT:
            found.append(child.text or "")
        elif child.tag == _RUN:
            found.append(child.findtext(_TEXT) or "")
    return "".join(found)
