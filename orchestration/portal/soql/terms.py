"""What a compiled expression is: its type, its SQL, and how values of its type are compared.

How expressions come to be is in `expressions`; what the SQL functions do is in `functions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestration.portal.datatypes import SYSTEM_TYPES, TYPES, DataType


@dataclass(frozen=True)
class Expression:
    """Compiled SQL: `sql` is what compares and sorts, `kept` is what goes out.

    The `sql` of a number may be rounded to a double; what compares numbers asks `kept`.
    """

    sql: str
    type: str
    kept: str
    settled: bool = False
    """Whether the `sql` of a number has all its digits, as those of keys and counts have; such ones
    compare and sort as SQLite does, by an index where there is one."""
    leaf: bool = False
    """Whether it is a column or a value, and may stand in the SQL more than once."""

    @property
    def sorting(self) -> str:
        """SQL that sorts and groups as the value does, exactly."""
        if self.type != "number" or self.settled:
            return self.sql
        return f"number_key({self.kept})"

    @property
    def as_json(self) -> str:
        """SQL for the JSON of the value."""
        return kind_of(self.type).as_json.format(self.kept)

    @property
    def as_text(self) -> str:
        """SQL for the value in a CSV cell or on a page."""
        return kind_of(self.type).as_text.format(self.kept)

    @property
    def backend_type(self) -> str:
        """The type's name in `X-SODA2-Types`."""
        return kind_of(self.type).backend


def kind_of(name: str) -> DataType:
    """The type of this name, the system's own included."""
    return TYPES.get(name) or SYSTEM_TYPES[name]


def exact(argument: Expression) -> str:
    """What an aggregate adds up: kept numbers with every digit, doubles that are finite."""
    return argument.sql if argument.type == "double" else argument.kept


def truth(sql: str) -> Expression:
    """A condition."""
    return Expression(sql, "checkbox", sql)


def figure(kept: str, kind: str) -> Expression:
    """A computed number or double."""
    return Expression(f"cast({kept} as numeric)" if kind == "number" else kept, kind, kept)


def whole(sql: str) -> Expression:
    """A computed number that SQLite has as an integer."""
    return Expression(sql, "number", sql, settled=True)


def widened(expression: Expression) -> Expression:
    """A number as a double."""
    if expression.type != "number":
        return expression
    sql = f"cast({expression.kept} as real)"
    return Expression(sql, "double", sql, leaf=expression.leaf)


def chosen(parts: list[Expression], choice: Callable[[list[str]], str]) -> Expression:
    """One of several expressions of one type."""
    kind = next((part.type for part in parts if part.type != "null"), "null")
    return Expression(choice([p.sql for p in parts]), kind, choice([p.kept for p in parts]))


def are_settled(parts: list[Expression]) -> bool:
    """Whether SQLite compares them exactly as they are."""
    return all(part.type != "number" or part.settled for part in parts)


def comparables(parts: list[Expression]) -> list[str]:
    """SQL that compares the values of one type exactly, each of them once."""
    if are_settled(parts):
        return [part.sql for part in parts]
    return [f"number_key({part.kept})" for part in parts]


def compared(left: Expression, operator: str, right: Expression) -> str:
    """A comparison; that of numbers asks for every digit where doubles cannot tell them apart."""
    if are_settled([left, right]):
        return f"({left.sql} {operator} {right.sql})"
    digits = f"number_order({left.kept}, {right.kept}) {operator} 0"
    if not (left.leaf and right.leaf):
        return f"({digits})"
    near, other = f"cast({left.kept} as real)", f"cast({right.kept} as real)"
    return f"(case when {near} <> {other} then {near} {operator} {other} else {digits} end)"
