"""What one cell of a spreadsheet says as text, or why it says nothing that can be trusted.

A spreadsheet takes what is typed for a date, a time or a number where it can: `1-2` becomes a day,
`5:07` a time, `1E01` ten. What the column is to hold, by the dataset file, tells which cells that
happened to. Rows and sheets are read in `workbook.py`. No reason holds a cell's content.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from orchestration.column import Column

ERROR, UNSTORED = "e", "unstored"
"""Types of cells: an error, and a formula whose result nobody stored."""
_EXACT = 10**15
"""Spreadsheets keep 15 digits of a number and write zeros for the others."""
_SERIALS = 2_958_466
"""The number of the last day that a spreadsheet knows, and one."""
_ESCAPED = re.compile(r"_x00([01][0-9A-Fa-f])_")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SCIENTIFIC = re.compile(r"[#0]+(?:\.(0*))?E[+-]0+")
_PADDED = re.compile(r"0{2,}")


@dataclass(frozen=True)
class CellText:
    """The text of a cell; with a fault, which says why there is none, it is empty."""

    text: str
    fault: str | None = None

    @property
    def is_filled(self) -> bool:
        """Whether anything stands in the cell."""
        return bool(self.text or self.fault)


EMPTY = CellText("")


def read_cell(value: Any, kind: str, number_format: str, column: Column | None) -> CellText:
    """A cell's text; `column` is what the dataset file says of it, none where it is not listed.

    Nothing that is not listed, or kept as a hash only, is at fault.
    """
    found = _read(value, kind, number_format, column)
    if found.fault and (column is None or column.is_hashed):
        return CellText(_plain_text(value))
    return found


def _read(value: Any, kind: str, number_format: str, column: Column | None) -> CellText:
    if kind == UNSTORED:
        return CellText(
            "", "holds a formula without its result; open the workbook, let it calculate, save it"
        )
    if kind == ERROR:
        return CellText("", "holds an error of the spreadsheet")
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return CellText("true" if value else "false")
    if isinstance(value, date | time | timedelta):
        return _read_moment(value, column)
    if isinstance(value, int | float):
        return _read_number(value, number_format, column)
    return _read_text(str(value))


def _read_moment(value: date | time | timedelta, column: Column | None) -> CellText:
    holds_moments = column is None or column.type in ("timestamp", "date")
    if not isinstance(value, date):
        return CellText("", "is a time of day or a duration, which its column does not hold")
    if not holds_moments:
        return CellText("", "is a date, which its column does not hold; type it as text")
    return CellText(_plain_text(value))


def _read_number(value: int | float, number_format: str, column: Column | None) -> CellText:
    if column is not None and column.type in ("timestamp", "date"):
        text = _plain_text(value)
        if not _is_a_moment(text, column.formats) and 0 <= value < _SERIALS:
            return CellText("", "is a number without the format of a date")
        return CellText(text)
    if column is not None and column.type == "text":
        return _read_code(value, number_format)
    return CellText(_plain_text(value))


def _read_code(value: int | float, number_format: str) -> CellText:
    """A number where a text is wanted, as the sheet shows it where that says more."""
    if abs(value) >= _EXACT:
        return CellText("", "is a number of more than 15 digits, of which it keeps 15")
    scientific = _SCIENTIFIC.fullmatch(number_format)
    if scientific:
        return CellText(f"{value:.{len(scientific[1] or '')}E}")
    text = _plain_text(value)
    if _PADDED.fullmatch(number_format) and text.isdigit():
        return CellText(text.zfill(len(number_format)))
    return CellText(text)


def _read_text(value: str) -> CellText:
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    if _CONTROL.search(text):
        return CellText("", "holds a NUL or another character that is no text")
    return CellText(text)


def _is_a_moment(text: str, formats: Sequence[str]) -> bool:
    for one in formats:
        try:
            datetime.strptime(text, one)
        except ValueError:
            continue
        return True
    return False


def _plain_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
