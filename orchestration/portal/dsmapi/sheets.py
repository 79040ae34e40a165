"""Uploaded files as lines of cells: CSV and TSV, read as the source's parse options say.

What columns become of them is in `transforms`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration.portal.datatypes import TYPES
from orchestration.portal.errors import PortalError
from orchestration.portal.identifiers import field_name_from
from orchestration.portal.values import MaltypedError

SEPARATORS = {"text/csv": ",", "text/tab-separated-values": "\t"}
DEFAULT_OPTIONS: dict[str, Any] = {
    "encoding": "utf-8",
    "header_count": 1,
    "column_header": 1,
    "column_separator": None,
    "quote_char": '"',
    "parse_source": True,
    "trim_whitespace": True,
    "remove_empty_rows": True,
}
_GUESSED = {
    "number": "to_number",
    "calendar_date": "to_floating_timestamp",
    "checkbox": "to_boolean",
}
_GUESS_LINES = 1000


class Sheet:
    """One file with its parse options; every line has as many cells as the header."""

    def __init__(self, path: Path, options: dict[str, Any], content_type: str) -> None:
        self._path = path
        self._options = options
        self._separator = options["column_separator"] or SEPARATORS.get(content_type, ",")
        self.ragged = 0
        """The lines left out for their number of cells, once `lines` has come to its end."""

    def header(self) -> list[tuple[str, str]]:
        """The field name and the title of each column, in order.

        Raises: PortalError (400) for a file that has no header, or is no text.
        """
        wanted = self._options["column_header"]
        for number, line in enumerate(self._all(), start=1):
            if number == wanted:
                return _named(line)
        raise PortalError(400, "source.failed", f"The file has no line {wanted} for its header")

    def lines(self) -> Iterator[list[str | None]]:
        """The lines after the headers; an empty cell is None."""
        width = len(self.header())
        self.ragged = 0
        for number, line in enumerate(self._all()):
            if number < self._options["header_count"]:
                continue
            if len(line) != width:
                self.ragged += 1
                continue
            yield [cell or None for cell in line]

    def guesses(self) -> list[str]:
        """A transform for each column, by what its first lines hold."""
        names = [name for name, _ in self.header()]
        open_kinds = [set(_GUESSED) for _ in names]
        filled = [False for _ in names]
        for number, line in enumerate(self.lines()):
            if number >= _GUESS_LINES:
                break
            for position, cell in enumerate(line):
                if cell is not None:
                    filled[position] = True
                    open_kinds[position] -= {k for k in open_kinds[position] if not _fits(k, cell)}
        guesses = []
        for name, kinds, is_filled in zip(names, open_kinds, filled, strict=True):
            kind = next((kind for kind in _GUESSED if kind in kinds), None) if is_filled else None
            guesses.append(f"{_GUESSED[kind]}(`{name}`)" if kind else f"`{name}`")
        return guesses

    def _all(self) -> Iterator[list[str]]:
        encoding = (
            "utf-8-sig" if self._options["encoding"] == "utf-8" else self._options["encoding"]
        )
        trim = self._options["trim_whitespace"]
        try:
            with self._path.open(encoding=encoding, newline="") as file:
                reader = csv.reader(
                    file, delimiter=self._separator, quotechar=self._options["quote_char"]
                )
                for line in reader:
                    cells = [cell.strip() for cell in line] if trim else line
                    if any(cells) or not self._options["remove_empty_rows"]:
                        yield cells
        except (UnicodeError, csv.Error, LookupError, TypeError) as error:
            message = f"The file cannot be read: {type(error).__name__}"
            raise PortalError(400, "source.failed", message) from error


def _fits(kind: str, cell: str) -> bool:
    try:
        TYPES[kind].from_text(cell)
    except MaltypedError:
        return False
    return True


def _named(titles: list[str]) -> list[tuple[str, str]]:
    """Field names made of titles, each there once."""
    names: list[tuple[str, str]] = []
    taken: set[str] = set()
    for title in titles:
        name = base = field_name_from(title)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names.append((name, title))
    return names
