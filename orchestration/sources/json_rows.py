"""Rows of JSON one after another, never all of them at once: a list of objects, as SODA answers.

The text comes in parts and is let go of once its rows are given. Numbers stay as they were written.
No message carries a cell's content.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from orchestration.bounds import Bounds
from orchestration.errors import ExtractRefused

_BLANKS = re.compile(r"[ \t\n\r]*")
_AHEAD = 1 << 16
"""Characters that are looked at before a row is read: most rows are much shorter."""
_LONGEST_TOKEN = 16
"""A word, number or escape that the end of a part cuts makes an error this near to it at most."""


class Number(str):
    """A JSON number as it was written: 1.50 stays 1.50."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number)


def read_rows(parts: Iterable[str], where: str, bounds: Bounds) -> Iterator[dict[str, Any]]:
    """The objects of a list, in order.

    Raises:
        ExtractRefused: it is not JSON, not whole, not a list of objects, or beyond a bound.
    """
    text = _Text(parts, where, bounds)
    opener = text.next_mark()
    if opener != "[":
        # Whatever else JSON may begin with.
        is_json = opener in ("{", '"', "-", "t", "f", "n") or opener.isdigit()
        raise text.no_rows() if is_json else text.not_json()
    text.skip()
    rows = 0
    while text.next_mark() != "]" or rows:
        if text.next_mark() not in ("{", ""):
            raise text.no_rows()
        rows += 1
        if rows > bounds.rows:
            raise bounds.exceeded(where, "rows")
        yield text.take_object()
        if text.next_mark() != ",":
            break
        text.skip()
    if text.next_mark() != "]":
        raise text.not_whole("Expecting ',' delimiter", 0)
    text.skip()
    if text.next_mark():
        raise text.not_whole("Extra data", 0)


def as_text(value: Any, where: str, bounds: Bounds) -> str:
    """A value as the text of a cell: what is nested as compact JSON, numbers as they were written.

    Raises:
        ExtractRefused: it is nested too deeply.
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else "".join(_nested(value, where, bounds, 0))


def as_json(row: dict[str, Any], where: str, bounds: Bounds) -> str:
    """A row as compact JSON, numbers as they were written.

    Raises:
        ExtractRefused: it is nested too deeply.
    """
    return "".join(_nested(row, where, bounds, -1))


def _nested(value: Any, where: str, bounds: Bounds, depth: int) -> Iterator[str]:
    if isinstance(value, dict | list) and depth >= bounds.depth:
        raise bounds.exceeded(where, "depth")
    if isinstance(value, Number):
        yield str(value)
    elif isinstance(value, dict):
        yield "{"
        for place, (key, item) in enumerate(value.items()):
            yield f"{',' if place else ''}{json.dumps(key, ensure_ascii=False)}:"
            yield from _nested(item, where, bounds, depth + 1)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for place, item in enumerate(value):
            if place:
                yield ","
            yield from _nested(item, where, bounds, depth + 1)
        yield "]"
    else:
        yield json.dumps(value, ensure_ascii=False)


class _Text:
    """A text that comes in parts, and where in it we are."""

    def __init__(self, parts: Iterable[str], where: str, bounds: Bounds) -> None:
        self._parts = iter(parts)
        self._where = where
        self._bounds = bounds
        self._text = ""
        self._at = 0
        self._is_over = False
        self._lines = self._columns = 0
        """Of what was let go."""

    def next_mark(self) -> str:
        """The next character that is not blank; '' at the end."""
        while True:
            found = _BLANKS.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fetch(1):
                return ""

    def skip(self) -> None:
        """Goes one character on."""
        self._at += 1

    def take_object(self) -> dict[str, Any]:
        """The object that begins here."""
        wanted = _AHEAD
        while True:
            self._fetch(wanted)
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise self._bounds.exceeded(self._where, "depth") from None
            except json.JSONDecodeError as error:
                if self._is_over or not self._may_be_cut(error):
                    raise self.not_whole(error.msg, error.pos - self._at) from None
                wanted = 2 * (len(self._text) - self._at)
                if wanted > 2 * self._bounds.line:
                    raise self._bounds.exceeded(self._where, "line_mb") from None
                continue
            if end - self._at > self._bounds.line:
                raise self._bounds.exceeded(self._where, "line_mb")
            self._at = end
            row: dict[str, Any] = value
            return row

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        near_the_end = error.pos >= len(self._text) - _LONGEST_TOKEN
        return near_the_end or error.msg.startswith("Unterminated string")

    def _fetch(self, wanted: int) -> bool:
        """Has so many characters at hand where there are as many; whether there is any."""
        if len(self._text) - self._at >= wanted:
            return True
        kept = [self._text[self._at :]]
        have = len(kept[0])
        self._let_go(self._text[: self._at])
        while have < wanted and not self._is_over:
            part = next(self._parts, None)
            self._is_over = part is None
            kept.append(part or "")
            have += len(part or "")
        self._text, self._at = "".join(kept), 0
        return have > 0

    def _let_go(self, text: str) -> None:
        self._lines += text.count("\n")
        tail = text.rpartition("\n")[2]
        self._columns = len(tail) + (0 if "\n" in text else self._columns)

    def no_rows(self) -> ExtractRefused:
        """The refusal of JSON that is something else."""
        return ExtractRefused(f"{self._where}: is not a list of rows as a SODA resource answers")

    def not_json(self) -> ExtractRefused:
        """The refusal of what is no JSON at all."""
        return ExtractRefused(
            f"{self._where}: is not JSON, though its name says so; rename it to what it is"
        )

    def not_whole(self, reason: str, ahead: int) -> ExtractRefused:
        """The refusal of JSON that is damaged so many characters further on."""
        self._let_go(self._text[: self._at + ahead])
        return ExtractRefused(
            f"{self._where}: is not whole JSON: {reason} at line {self._lines + 1}, "
            f"column {self._columns + 1}; fetch it again"
        )
