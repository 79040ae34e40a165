"""Splits a UTF-8 CSV into lines without losing any, however ragged: the careful way.

`landing.py` lets DuckDB read a file first, which is quick and refuses what it does not understand.
Only then every line is looked at here. A line is one record; one that cannot be parsed (another
number of cells than the header, a quote that is never closed) is still a line, with a reason.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_RECORD = 200
"""A cell may hold newlines; a record of more physical lines has lost its closing quote."""


@dataclass(frozen=True)
class Line:
    """One raw line: its number (header not counted, from 1), its cells, or why it has none."""

    number: int
    cells: list[str]
    error: str | None = None


def read_header(path: Path, delimiter: str) -> list[str]:
    """The cells of the first record."""
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file, delimiter=delimiter), [])


def read_lines(path: Path, delimiter: str) -> Iterator[Line]:
    """Every line after the header, blank ones left out, as cells or as a reason."""
    with path.open(encoding="utf-8", newline="") as file:
        physical = _Physical(file)
        width = len(_record(physical, delimiter, None) or [])
        number = 0
        while (first := physical.next()) is not None:
            if not first.strip("\r\n"):
                continue
            number += 1
            cells = _continued(first, physical, delimiter, width)
            if cells is None:
                physical.rewind()
                yield Line(number, [], _reason(first, delimiter, width))
            else:
                yield Line(number, cells)


class _Physical:
    """Physical lines with a way back to just behind the first line of a record."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self._taken: list[str] = []
        self._again: list[str] = []

    def next(self) -> str | None:
        """The first physical line of a record."""
        self._taken = []
        return self._again.pop(0) if self._again else next(self._file, None)

    def more(self) -> str | None:
        """A further physical line of the same record."""
        line = self._again.pop(0) if self._again else next(self._file, None)
        if line is not None:
            self._taken.append(line)
        return line

    def rewind(self) -> None:
        """Gives back all but the first physical line of the record."""
        self._again = self._taken + self._again
        self._taken = []


def _record(physical: _Physical, delimiter: str, width: int | None) -> list[str] | None:
    first = physical.next()
    return None if first is None else _continued(first, physical, delimiter, width)


def _continued(
    first: str, physical: _Physical, delimiter: str, width: int | None
) -> list[str] | None:
    """The cells of the record that starts here, or none if it is no record of this width."""
    text = first
    for _ in range(LONGEST_RECORD):
        if text.count('"') % 2 == 0:
            cells = _cells(text, delimiter)
            if cells is None or (width is not None and len(cells) != width):
                return None
            return cells
        more = physical.more()
        if more is None:
            return None
        text += more
    return None


def _cells(text: str, delimiter: str) -> list[str] | None:
    try:
        lines = io.StringIO(text, newline="")
        records = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None


def _reason(first: str, delimiter: str, width: int) -> str:
    if first.count('"') % 2 == 1:
        return "a quote is opened and never closed"
    cells = _cells(first, delimiter)
    if cells is None:
        return "its quotes do not follow the rules of CSV"
    return f"{len(cells)} cells instead of {width}"
