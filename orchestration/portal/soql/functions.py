"""SQL functions that SoQL has and SQLite lacks: exact decimal aggregates, opaque ids, Unicode case.

They are installed on every connection. How they are called is in `expressions`; what numbers do is in
`numbers`. SQLite tells nobody why a function failed, so the reason is kept for `failure`.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from orchestration.portal import numbers
from orchestration.portal.identifiers import row_id, version_id
from orchestration.portal.values import plain_number

STEPS = {**{operator: operator for operator in "+-*/%"}, "negate": "n"}
"""The operators of numbers, and what `compute` calls them."""


class _Failure(threading.local):
    reason = ""


_failure = _Failure()


def failure() -> str:
    """Why a function refused its values in this thread; empty when none did. Asked for once."""
    reason, _failure.reason = _failure.reason, ""
    return reason


def install_functions(connection: sqlite3.Connection) -> None:
    """Teaches one connection the functions that compiled queries use."""
    scalars: dict[str, Callable[[Any], Any]] = {
        "row_id": row_id,
        "version_id": version_id,
        "plain_number": plain_text,
        "soql_lower": str.lower,
        "soql_upper": str.upper,
        "number_key": numbers.sort_key,
        "week_day": week_day,
        "iso_week": iso_week,
    }
    for name, function in scalars.items():
        connection.create_function(name, 1, _null_safe(function), deterministic=True)
    connection.create_function("number_order", 2, _order, deterministic=True)
    connection.create_function("compute", -1, _compute, deterministic=True)
    connection.create_aggregate(ExactFigures.name, 1, ExactFigures)  # type: ignore[arg-type]


def _null_safe(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else function(value)


def _noting_why(function: Callable[..., Any], *values: Any) -> Any:
    try:
        return function(*values)
    except numbers.ArithmeticRefusedError as error:
        _failure.reason = str(error)
        raise


def _order(left: Any, right: Any) -> int | None:
    return None if left is None or right is None else numbers.order(left, right)


def _compute(steps: str, *values: Any) -> Any:
    """What the steps, in postfix, make of the values; a step over a null gives null."""
    found, following = [], iter(values)
    for step in steps:
        if step == "v":
            found.append(next(following))
            continue
        right = found.pop()
        if step == "n":
            found.append(None if right is None else numbers.negate(right))
            continue
        left = found.pop()
        is_null = left is None or right is None
        found.append(None if is_null else _noting_why(numbers.compute, step, left, right))
    return found.pop()


def week_day(moment: str) -> int:
    """The day of the week: 0 is Sunday, 6 is Saturday."""
    return date.fromisoformat(moment[:10]).isoweekday() % 7


def iso_week(moment: str) -> int:
    """The week of the year as ISO 8601 counts: the first has the year's first Thursday."""
    return date.fromisoformat(moment[:10]).isocalendar().week


def plain_text(value: int | float | str | Decimal) -> str:
    """A computed number in plain notation."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(plain_number(Decimal(str(value))))


class ExactFigures(list[Any]):
    """All figures of a group's numbers without rounding but the mean's, as one JSON object of texts.

    SQLite computes one aggregate of one column once, whatever the query takes out of it. Collecting
    costs one call of a built-in for each row; everything else happens once a group.
    """

    name = "exact_figures"
    step = list.append

    def finalize(self) -> str | None:
        """`sum`, `avg` (as the sum is divided), `min` and `max`; None for a group without numbers."""
        whole = [number for number in self if type(number) is int]
        exact = [
            Decimal(str(number))
            for number in self
            if number is not None and type(number) is not int
        ]
        count = len(whole) + len(exact)
        if not count:
            return None
        ends = exact + [Decimal(end) for end in ((min(whole), max(whole)) if whole else ())]
        total = _noting_why(numbers.total, [*exact, Decimal(sum(whole))])
        mean = _noting_why(numbers.compute, "/", str(total), count)
        figures = {"sum": total, "avg": mean, "min": min(ends), "max": max(ends)}
        return json.dumps({name: plain_text(figure) for name, figure in figures.items()})
