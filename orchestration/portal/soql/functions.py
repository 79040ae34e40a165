"""SQL functions that SoQL has and SQLite lacks: exact decimal aggregates, opaque ids, Unicode case.

They are installed on every connection. How they are called is in `compiler`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

from orchestration.portal.geometries import as_wkt
from orchestration.portal.identifiers import row_id, version_id
from orchestration.portal.values import plain_number

_EXACT_DIGITS = 2100
"""Room for any sum of numbers between 1e-1000 and 1e1000."""
_AVERAGE_DIGITS = 20


def install_functions(connection: sqlite3.Connection) -> None:
    """Teaches one connection the functions that compiled queries use."""
    scalars: dict[str, Callable[[Any], Any]] = {
        "row_id": row_id,
        "version_id": version_id,
        "plain_number": plain_text,
        "as_wkt": as_wkt,
        "soql_lower": str.lower,
        "soql_upper": str.upper,
    }
    for name, function in scalars.items():
        connection.create_function(name, 1, _null_safe(function), deterministic=True)
    connection.create_aggregate(ExactFigures.name, 1, ExactFigures)  # type: ignore[arg-type]


def _null_safe(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else function(value)


def plain_text(value: int | float | str) -> str:
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
        """`sum`, `avg` (to 20 digits), `min` and `max`; None for a group without numbers."""
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
        with localcontext() as context:
            context.prec = _EXACT_DIGITS
            total = sum(exact, Decimal(sum(whole)))
            figures = {"sum": total, "avg": _mean(total, count), "min": min(ends), "max": max(ends)}
            return json.dumps({name: plain_text(figure) for name, figure in figures.items()})  # type: ignore[arg-type]


def _mean(total: Decimal, count: int) -> Decimal:
    with localcontext() as context:
        context.prec = _AVERAGE_DIGITS
        mean = total / count
        return mean.normalize() if mean else mean
