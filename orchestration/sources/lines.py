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


@dataclass(frozen=True)
class Line:
    """One raw line: its number (header not counted, from 1), its cells, or why it has none."""

    number: int
    cells: list[str]
    error: str | None = None


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
            else:
                yield Line(number, cells)


def has_doubtful_quotes(path: Path, delimiter: str) -> bool:
    """Whether blanks stand between a quote and a delimiter, where readers disagree on the cell."""
    edge = re.escape(delimiter.encode())
    doubt = re.compile(rb'(?:^|[\r\n]|%b)[ \t]+"|"[ \t]+(?:[\r\n]|%b|$)' % (edge, edge))
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            text = before + chunk
            # Looking for two bytes is many times quicker than the expression.
            if any(pair in text for pair in (b' "', b'" ', b'\t"', b'"\t')) and doubt.search(text):
                return True
            before = text[-64:]
    return False


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
        parts = self._quoted(first)
        if parts is None:
            self._physical.rewind()
            self.reason = "a quote is opened and never closed"
            return None
        cells = _cells("".join(parts), self._delimiter) or []
        if not cells:
            self._physical.rewind()
            self.reason = "its quotes do not follow the rules of CSV"
            return None
        if not self._fits(cells):
            if self._are_records(parts[1:-1]):
                self._physical.rewind()
                self.reason = "a quote is opened and never closed"
            return None
        return cells

    def _quoted(self, first: str) -> list[str] | None:
        """The physical lines up to the one that closes the last quote."""
        parts, length, is_open = [first], len(first), first.count('"') % 2 == 1
        while is_open:
            more = self._physical.more()
            if more is None or length + len(more) > LONGEST_RECORD:
                return None
            parts.append(more)
            length += len(more)
            is_open ^= more.count('"') % 2 == 1
        return parts

    def _fits(self, cells: list[str]) -> bool:
        self.reason = f"{len(cells)} cells instead of {self._width}"
        return self._width is None or len(cells) == self._width

    def _are_records(self, lines: list[str]) -> bool:
        """Whether lines within a quoted cell look like lines that an open quote swallowed."""
        return bool(lines) and all(
            len(_cells(line, self._delimiter) or []) == self._width for line in lines
        )


def _cells(text: str, delimiter: str) -> list[str] | None:
    # The module's limit of 128 KiB a cell can only be lifted for the whole process.
    csv.field_size_limit(sys.maxsize)
    try:
        lines = io.StringIO(text, newline="")
        records = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None
