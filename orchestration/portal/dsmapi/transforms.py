"""SoQL transforms: what a cell of the file becomes in a column of the dataset, or why it cannot.

An expression is compiled once to a type and a function of one line. Everything in a file is text;
`to_number` and its like make other types of it, and a cell that they cannot take is an error of the
cell (protocol 3.1), not of the request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, DecimalException
from typing import Any, NamedTuple

from orchestration.portal.datatypes import TYPES
from orchestration.portal.errors import PortalError, QueryError
from orchestration.portal.soql.parser import Call, Literal, Name, Node, parse_expression
from orchestration.portal.values import MaltypedError, Stored, plain_number

Line = Sequence[str | None]
Evaluate = Callable[[Line], Stored]
_CONVERSIONS = {
    "to_text": "text",
    "to_number": "number",
    "to_boolean": "checkbox",
    "to_checkbox": "checkbox",
    "to_floating_timestamp": "calendar_date",
    "to_fixed_timestamp": "date",
    "to_point": "point",
    "to_location": "location",
    "to_url": "url",
}
_TEXT: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "trim": str.strip,
}


class CellError(Exception):
    """A cell that its transform cannot take; the message is for the publisher."""


class Transform(NamedTuple):
    """A compiled expression: the type of what comes out, and how."""

    type: str
    evaluate: Evaluate


def compile_transform(text: str, columns: Mapping[str, int]) -> Transform:
    """Compiles an expression over the columns of a file, by field name and position.

    Raises: PortalError (400) for SoQL that cannot be read, and for columns and functions that there
        are not.
    """
    try:
        return _compile(parse_expression(text), columns)
    except QueryError as error:
        message = f"Transform {text[:200]!r}: {error.message}"
        raise PortalError(400, "invalid-transform", message, error.data) from error


def _compile(node: Node, columns: Mapping[str, int]) -> Transform:
    if isinstance(node, Literal):
        return _literal(node)
    if isinstance(node, Name):
        if node.name not in columns:
            raise QueryError("no-such-column", f"No such column: {node.name}")
        position = columns[node.name]
        return Transform("text", lambda line: line[position])
    arguments = [_compile(argument, columns) for argument in node.arguments]
    return _call(node, arguments)


def _literal(node: Literal) -> Transform:
    if node.kind == "null":
        return Transform("text", lambda line: None)
    value = TYPES[node.kind].from_text(node.text)
    return Transform(node.kind, lambda line: value)


def _call(node: Call, arguments: list[Transform]) -> Transform:
    name = node.function
    if name in _CONVERSIONS and len(arguments) == 1:
        return _conversion(_CONVERSIONS[name], arguments[0])
    if name == "forgive" and len(arguments) == 1:
        return _forgiving(arguments[0])
    if name == "error" and len(arguments) == 1:
        return Transform("text", _failing(arguments[0].evaluate))
    if name in _TEXT and [a.type for a in arguments] == ["text"]:
        change, inner = _TEXT[name], arguments[0].evaluate
        return Transform("text", _each([inner], lambda value: change(value)))
    if name == "||" and {a.type for a in arguments} == {"text"}:
        return Transform("text", _each([a.evaluate for a in arguments], lambda *v: "".join(v)))
    if name == "coalesce" and len({a.type for a in arguments}) == 1:
        return Transform(arguments[0].type, _first([a.evaluate for a in arguments]))
    if name in ("+", "-", "*", "/") and {a.type for a in arguments} == {"number"}:
        return Transform("number", _arithmetic(name, [a.evaluate for a in arguments]))
    types = ", ".join(argument.type for argument in arguments)
    raise QueryError("no-such-function", f"No such function here: {name}({types})")


def _conversion(wanted: str, inner: Transform) -> Transform:
    if inner.type == wanted:
        return inner
    if inner.type != "text" and wanted != "text":
        raise QueryError("type-mismatch", f"Cannot make {wanted} of {inner.type}")
    kind, evaluate = TYPES[wanted], inner.evaluate

    def convert(line: Line) -> Stored:
        value = evaluate(line)
        if value is None:
            return None
        try:
            converted = kind.from_text(str(value))
        except MaltypedError:
            converted = None
        if converted is None:
            message = f"Unable to convert {json.dumps(value)} from {inner.type} to {wanted}"
            raise CellError(message)
        return converted

    return Transform(wanted, convert)


def _forgiving(inner: Transform) -> Transform:
    def forgive(line: Line) -> Stored:
        try:
            return inner.evaluate(line)
        except CellError:
            return None

    return Transform(inner.type, forgive)


def _failing(message: Evaluate) -> Evaluate:
    def fail(line: Line) -> Stored:
        raise CellError(str(message(line)))

    return fail


def _each(parts: list[Evaluate], combine: Callable[..., Stored]) -> Evaluate:
    """Null where a part is null, else what the parts make."""

    def evaluate(line: Line) -> Stored:
        values = [part(line) for part in parts]
        return None if None in values else combine(*values)

    return evaluate


def _first(parts: list[Evaluate]) -> Evaluate:
    def evaluate(line: Line) -> Stored:
        return next((value for part in parts if (value := part(line)) is not None), None)

    return evaluate


def _arithmetic(name: str, parts: list[Evaluate]) -> Evaluate:
    operations: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
        "+": Decimal.__add__,
        "-": Decimal.__sub__,
        "*": Decimal.__mul__,
        "/": Decimal.__truediv__,
    }
    operate = operations[name]

    def combine(left: Any, right: Any) -> Stored:
        try:
            return plain_number(operate(Decimal(str(left)), Decimal(str(right))))
        except DecimalException as error:
            raise CellError(f"Unable to compute {left} {name} {right}") from error

    return _each(parts, combine)


def as_json(kind: str, value: Stored) -> Any:
    """A computed value as it is shown in a preview."""
    if value is None or kind in ("text", "calendar_date", "date"):
        return value
    if kind == "checkbox":
        return bool(value)
    return str(value) if kind == "number" else json.loads(str(value))
