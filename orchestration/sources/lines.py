"""Splits a UTF-8 CSV into lines without losing any, however ragged: the careful way.

`landing.py` lets DuckDB read a file first, which is quick and refuses what it does not understand.
Only then every line is looked at here. A line is one record; one that cannot be parsed (another
number of cells than the header, a quote that is never closed) is still a line, with a reason.
No reason holds a cell's content.
"""

import csv
import io
import re
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_RECORD = 1 << 20
"""A cell may hold newlines; a record that goes on for more characters has lost its closing quote."""
_CHUNK = 1 << 20
_NEVER_CLOSED = "a quote is opened and never closed"
_SHOWN = 5
_AGAINST_THE_RULES = "its quotes do not follow the rules of CSV"


@dataclass(frozen=True)
class Line:
    """One raw line: its number (header not counted, from 1), its cells, and why it cannot be taken.

    A line with an error has cells only where it is known which they are; those at fault are empty.
    """

    number: int
    cells: list[str]
    error: str | None = None


def counted_cells(cells: int, headings: int) -> str:
    """The reason of a line whose cells are not as many as the headings."""
    return (
        f"{cells} cell{'' if cells == 1 else 's'} for {headings} heading"
        f"{'' if headings == 1 else 's'}"
    )


def read_header(path: Path, delimiter: str) -> list[str] | None:
    """The cells of the first record; none where it cannot be parsed."""
    with path.open(encoding="utf-8", newline="") as file:
        physical = _Physical(file)
        first = physical.next()
        return [] if first is None else _Records(physical, delimiter, None).starting_with(first)


def read_lines(path: Path, delimiter: str) -> Iterator[Line]:
    """Every line after the header, blank ones left out, as cells or as a reason."""
    with path.open(encoding="utf-8", newline="") as file:
        physical = _Physical(file)
        header = _Records(physical, delimiter, None).starting_with(physical.next() or "")
        records = _Records(physical, delimiter, len(header or []))
        number = 0
        while (first := physical.next()) is not None:
            if not first.strip("\r\n"):
                continue
            number += 1
            cells = records.starting_with(first)
            if cells is None:
                yield Line(number, [], records.reason)
            elif any("\0" in cell for cell in cells):
                yield _without_nuls(number, cells)
            else:
                yield Line(number, cells)


def _without_nuls(number: int, cells: list[str]) -> Line:
    places = [str(place) for place, cell in enumerate(cells, start=1) if "\0" in cell]
    where = f"cell {places[0]}" if len(places) == 1 else f"cells {', '.join(places[:_SHOWN])}"
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    kept = ["" if "\0" in cell else cell for cell in cells]
    return Line(number, kept, f"a NUL character in {where}{more}")


def may_be_misread(path: Path, delimiter: str) -> bool:
    """Whether a file holds what readers of CSV disagree on.

    That is a carriage return without newline, a NUL, and blanks between a quote and the edge of a
    cell.
    """
    edge = re.escape(delimiter.encode())
    blanks = re.compile(rb'(?:^|[\r\n]|%b)[ \t]+"|"[ \t]+(?:[\r\n]|%b|$)' % (edge, edge))
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            text = before + chunk
            # Looking at the bytes beside the quotes is many times quicker than the expression.
            if _has_blank_beside_quote(text) and blanks.search(text):
                return True
            if b"\0" in chunk:
                return True
            if b"\r" in text and text.count(b"\r", 0, -1) != text.count(b"\r\n"):
                return True
            before = b"\r" if text.endswith(b"\r") else text[-64:].replace(b"\r", b"")
    return before == b"\r"


def _has_blank_beside_quote(text: bytes) -> bool:
    # Imported here: the command line starts without it.
    import numpy as np

    octets = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(octets == ord('"'))
    beside = octets.take(np.concatenate((quotes - 1, quotes + 1)), mode="clip")
    return bool(np.isin(beside, (ord(" "), ord("\t"))).any())


class _Physical:
    """Physical lines with a way back to just behind the first line of a record."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self._taken: list[str] = []
        self._again: deque[str] = deque()

    def next(self) -> str | None:
        """The first physical line of a record."""
        self._taken = []
        return self._again.popleft() if self._again else next(self._file, None)

    def more(self) -> str | None:
        """A further physical line of the same record."""
        line = self._again.popleft() if self._again else next(self._file, None)
        if line is not None:
            self._taken.append(line)
        return line

    def rewind(self) -> None:
        """Gives back all but the first physical line of the record."""
        self._again.extendleft(reversed(self._taken))
        self._taken = []


class _Records:
    """Puts physical lines together to records of one width, or says why they are none."""

    def __init__(self, physical: _Physical, delimiter: str, width: int | None) -> None:
        self._physical = physical
        self._delimiter = delimiter
        self._width = width
        self.reason = ""

    def starting_with(self, first: str) -> list[str] | None:
        """The cells of the record that starts here, or none, the lines after the first unread."""
        if '"' not in first:
            cells = first.rstrip("\r\n").split(self._delimiter)
            return cells if self._fits(cells) else None
        parts = self._whole(first)
        if parts is None:
            self._physical.rewind()
            return None
        cells = _cells("".join(parts), self._delimiter) or []
        if not self._fits(cells):
            if self._are_records(parts[1:-1]):
                self._physical.rewind()
                self.reason = _NEVER_CLOSED
            return None
        return cells

    def _whole(self, first: str) -> list[str] | None:
        """The physical lines up to the one where no quote is open."""
        parts, length = [first], len(first)
        is_open = _is_open(first, self._delimiter, is_open=False)
        self.reason = _AGAINST_THE_RULES if is_open is None else _NEVER_CLOSED
        while is_open:
            more = self._physical.more()
            if more is None or length + len(more) > LONGEST_RECORD:
                return None
            parts.append(more)
            length += len(more)
            is_open = _is_open(more, self._delimiter, is_open=True)
        return None if is_open is None else parts

    def _fits(self, cells: list[str]) -> bool:
        self.reason = counted_cells(len(cells), self._width or 0)
        return self._width is None or len(cells) == self._width

    def _are_records(self, lines: list[str]) -> bool:
        """Whether lines within a quoted cell look like lines that an open quote swallowed."""
        return bool(lines) and all(
            len(_cells(line, self._delimiter) or []) == self._width for line in lines
        )


def _is_open(line: str, delimiter: str, *, is_open: bool) -> bool | None:
    """Whether a quote is open at the end of a physical line; none where its quotes are wrong.

    Only a quote at the start of a cell opens it, and only before a delimiter or the line's end one
    closes it. Within an open cell two quotes are one; elsewhere a quote is text.
    """
    text = line.rstrip("\r\n")
    position = 0
    while True:
        if not is_open and text.startswith('"', position):
            is_open, position = True, position + 1
        if is_open:
            position = text.find('"', position)
            while position >= 0 and text.startswith('"', position + 1):
                position = text.find('"', position + 2)
            if position < 0:
                return True
            is_open, position = False, position + 1
            if position < len(text) and text[position] != delimiter:
                return None
        position = text.find(delimiter, position) + 1
        if position == 0:
            return False


def _cells(text: str, delimiter: str) -> list[str] | None:
    # The module's limit of 128 KiB a cell can only be lifted for the whole process.
    csv.field_size_limit(sys.maxsize)
    try:
        lines = io.StringIO(text, newline="")
        records = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None
