"""Yes, no and unknown of one line: comparisons and what joins them, as SQL has them.

Flags are 1, 0 and None. A part that decides alone ends the matter, so that what stands behind it is
not computed. Types are checked in `transforms`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from orchestration.portal.values import Stored

Line = Sequence[str | None]
Evaluate = Callable[[Line], Stored]
Order = Callable[[Any, Any], int]
COMPARED: dict[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def order(left: Any, right: Any) -> int:
    """-1, 0 or 1: texts by their code points, times as they are kept, flags."""
    return int(left > right) - int(left < right)


def comparison(left: Evaluate, name: str, right: Evaluate, compare: Order) -> Evaluate:
    """`=` and its relatives; unknown where a side is null."""
    holds = COMPARED[name]

    def evaluate(line: Line) -> Stored:
        one, other = left(line), right(line)
        return None if one is None or other is None else int(holds(compare(one, other)))

    return evaluate


def membership(parts: list[Evaluate], compare: Order) -> Evaluate:
    """`in`: whether the first equals one of the others."""
    return _any([comparison(parts[0], "=", item, compare) for item in parts[1:]])


def nullness(value: Evaluate, name: str) -> Evaluate:
    """`is null`, `is not null`."""
    wanted = name == "is null"
    return lambda line: int((value(line) is None) == wanted)


def _decided(parts: list[Evaluate], decisive: int) -> Evaluate:
    def evaluate(line: Line) -> Stored:
        found: Stored = 1 - decisive
        for part in parts:
            flag = part(line)
            if flag == decisive:
                return decisive
            found = None if flag is None else found
        return found

    return evaluate


def _all(parts: list[Evaluate]) -> Evaluate:
    return _decided(parts, 0)


def _any(parts: list[Evaluate]) -> Evaluate:
    return _decided(parts, 1)


def _not(parts: list[Evaluate]) -> Evaluate:
    def evaluate(line: Line) -> Stored:
        flag = parts[0](line)
        return None if flag is None else int(not flag)

    return evaluate


JOINED: dict[str, Callable[[list[Evaluate]], Evaluate]] = {"and": _all, "or": _any, "not": _not}


def replaced(text: str, part: str, other: str) -> str:
    """The text with another part in place of each of one; of an empty part there is none."""
    return text.replace(part, other) if part else text


def is_like(text: str, pattern: str) -> int:
    """Whether the text is of the pattern, with `%` and `_`; a backslash takes away their meaning."""
    return int(_pattern(pattern).fullmatch(text) is not None)


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\\?.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile(
        "".join(wild.get(p, re.escape(p[1:] if len(p) > 1 else p)) for p in parts), re.DOTALL
    )
