"""SQL functions that SoQL has and SQLite lacks: exact decimal aggregates, opaque ids, Unicode case.

They are installed on every connection. How they are called is in `compiler`.
"""

from __future__ import annotations

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
    for aggregate in (ExactSum, ExactAverage, ExactMinimum, ExactMaximum):
        connection.create_aggregate(aggregate.name, 1, aggregate)  # type: ignore[arg-type]


def _null_safe(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else function(value)


def plain_text(value: int | float | str) -> str:
    """A computed number in plain notation."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(plain_number(Decimal(str(value))))


class _Exact(list[Any]):
    """Collects a group's numbers, as kept, and reduces them without rounding.

    Collecting costs one call of a built-in for each row; everything else happens once a group.
    """

    name = ""
    step = list.append

    def finalize(self) -> str | None:
        """The result as plain text, or None for a group without numbers."""
        numbers = [number for number in self if number is not None]
        if not numbers:
            return None
        whole = [number for number in numbers if type(number) is int]
        exact = [Decimal(str(number)) for number in numbers if type(number) is not int]
        with localcontext() as context:
            context.prec = _EXACT_DIGITS
            return plain_text(self.reduce(whole, exact))  # type: ignore[arg-type]

    def reduce(self, whole: list[int], exact: list[Decimal]) -> Decimal | int:
        """One number for the group, from its integers and its decimals."""
        raise NotImplementedError


class ExactSum(_Exact):
    """`sum`, as a portal with arbitrary precision gives it."""

    name = "exact_sum"

    def reduce(self, whole: list[int], exact: list[Decimal]) -> Decimal | int:
        """The sum."""
        return sum(exact, Decimal(sum(whole)))


class ExactAverage(_Exact):
    """`avg`, rounded to 20 digits."""

    name = "exact_avg"

    def reduce(self, whole: list[int], exact: list[Decimal]) -> Decimal | int:
        """The mean."""
        total = sum(exact, Decimal(sum(whole)))
        with localcontext() as context:
            context.prec = _AVERAGE_DIGITS
            mean = total / (len(whole) + len(exact))
            return mean.normalize() if mean else mean


class ExactMinimum(_Exact):
    """`min` of numbers, with every digit."""

    name = "exact_min"

    def reduce(self, whole: list[int], exact: list[Decimal]) -> Decimal | int:
        """The smallest."""
        smallest = [Decimal(min(whole))] if whole else []
        return min(exact + smallest)


class ExactMaximum(_Exact):
    """`max` of numbers, with every digit."""

    name = "exact_max"

    def reduce(self, whole: list[int], exact: list[Decimal]) -> Decimal | int:
        """The largest."""
        largest = [Decimal(max(whole))] if whole else []
        return max(exact + largest)
