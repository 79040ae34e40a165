"""SoQL transforms: what a cell of the file becomes in a column of the dataset, or why it cannot.

An expression is compiled once to a type and a function of one line. Everything in a file is text;
`to_number` and its like make other types of it, and a cell that they cannot take is an error of the
cell (protocol 3.1), not of the request. Comparisons, conditions and arithmetic mean what they mean in
queries: null is neither yes nor no, and numbers are decimals.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from orchestration.portal import numbers
from orchestration.portal.datatypes import TYPES
from orchestration.portal.dsmapi import logic
from orchestration.portal.errors import PortalError, QueryError
from orchestration.portal.soql.functions import STEPS
from orchestration.portal.soql.parser import Call, Literal, Name, Node, parse_expression
from orchestration.portal.values import MaltypedError, Stored

Line = Sequence[str | None]
Evaluate = Callable[[Line], Stored]
NULL = "null"
"""The type of what may become any: `null` itself, and an error."""
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
_TEXT: dict[str, tuple[str, int, Callable[..., Stored]]] = {
    "upper": ("text", 1, str.upper),
    "lower": ("text", 1, str.lower),
    "trim": ("text", 1, str.strip),
    "replace": ("text", 3, logic.replaced),
    "||": ("text", 2, str.__add__),
    "like": ("checkbox", 2, logic.is_like),
    "contains": ("checkbox", 2, lambda text, part: int(part in text)),
    "starts_with": ("checkbox", 2, lambda text, part: int(text.startswith(part))),
}
"""Functions of texts: what comes of them, and of how many."""
_ORDERED = frozenset(("text", "number", "calendar_date", "date", NULL))
_EQUATED = _ORDERED | {"checkbox"}


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
        compiled = _compile(parse_expression(text), columns)
    except QueryError as error:
        message = f"Transform {text[:200]!r}: {error.message}"
        raise PortalError(400, "invalid-transform", message, error.data) from error
    return compiled._replace(type="text") if compiled.type == NULL else compiled


def _compile(node: Node, columns: Mapping[str, int], like: str = "text") -> Transform:
    """One expression; a string literal becomes of the type `like`."""
    if isinstance(node, Literal):
        return _literal(node, like)
    if isinstance(node, Name):
        if node.name not in columns:
            raise QueryError("no-such-column", f"No such column: {node.name}")
        position = columns[node.name]
        return Transform("text", lambda line: line[position])
    return _call(node, columns)


def _literal(node: Literal, like: str) -> Transform:
    if node.kind == "null":
        return Transform(NULL, lambda line: None)
    kind = like if node.kind == "text" else node.kind
    read = TYPES[kind].from_text if kind == "number" else TYPES[kind].from_literal
    try:
        value = read(node.text)
    except MaltypedError as error:
        message = f"Type mismatch: {node.text[:100]!r} is no {kind}"
        raise QueryError("type-mismatch", message) from error
    return Transform(kind, lambda line: value)


def _same(nodes: Sequence[Node], columns: Mapping[str, int]) -> tuple[str, list[Transform]]:
    """Expressions of one type; string literals take that of what is no literal."""
    known = [None if _is_text_literal(node) else _compile(node, columns) for node in nodes]
    types = {transform.type for transform in known if transform is not None} - {NULL}
    kind = min(types, default="text" if None in known else NULL)
    if len(types) > 1:
        raise QueryError("type-mismatch", f"Type mismatch: {max(types)} beside {kind}")
    pairs = zip(nodes, known, strict=True)
    return kind, [transform or _compile(node, columns, kind) for node, transform in pairs]


def _is_text_literal(node: Node) -> bool:
    return isinstance(node, Literal) and node.kind == "text"


def _call(node: Call, columns: Mapping[str, int]) -> Transform:
    for compile_call in (_predicate, _case, _arithmetic, _text, _of_a_cell):
        compiled = compile_call(node, columns)
        if compiled is not None:
            return compiled
    types = ", ".join(_compile(argument, columns).type for argument in node.arguments)
    raise QueryError("no-such-function", f"No such function here: {node.function}({types})")


def _predicate(node: Call, columns: Mapping[str, int]) -> Transform | None:
    """Comparisons, and what joins them."""
    name, nodes = node.function, node.arguments
    if name in ("and", "or", "not"):
        flags = _flags(nodes, columns)
        return Transform("checkbox", logic.JOINED[name](flags))
    if name in ("is null", "is not null"):
        return Transform("checkbox", logic.nullness(_compile(nodes[0], columns).evaluate, name))
    if name not in (*logic.COMPARED, "in", "between"):
        return None
    kind, parts = _same(nodes, columns)
    if kind not in (_EQUATED if name in ("=", "!=", "in") else _ORDERED):
        raise QueryError("type-mismatch", f"Type mismatch: {name} does not take {kind} here")
    order = numbers.order if kind == "number" else logic.order
    evaluates = [part.evaluate for part in parts]
    if name == "in":
        return Transform("checkbox", logic.membership(evaluates, order))
    if name == "between":
        value, low, high = evaluates
        ends = [
            logic.comparison(value, ">=", low, order),
            logic.comparison(value, "<=", high, order),
        ]
        return Transform("checkbox", logic.JOINED["and"](ends))
    return Transform("checkbox", logic.comparison(evaluates[0], name, evaluates[1], order))


def _flags(nodes: Sequence[Node], columns: Mapping[str, int]) -> list[Evaluate]:
    compiled = [_compile(node, columns) for node in nodes]
    for transform in compiled:
        if transform.type not in ("checkbox", NULL):
            raise QueryError("type-mismatch", f"Type mismatch: {transform.type} is no condition")
    return [transform.evaluate for transform in compiled]


def _case(node: Call, columns: Mapping[str, int]) -> Transform | None:
    """`case` and `coalesce`: what is not chosen is not computed, and is no error."""
    nodes = node.arguments
    if node.function == "coalesce" and nodes:
        kind, parts = _same(nodes, columns)
        return Transform(kind, _first([part.evaluate for part in parts]))
    if node.function != "case" or not nodes or len(nodes) % 2:
        return None
    kind, values = _same(nodes[1::2], columns)
    branches = list(
        zip(_flags(nodes[::2], columns), (value.evaluate for value in values), strict=True)
    )

    def choose(line: Line) -> Stored:
        return next((value(line) for condition, value in branches if condition(line) == 1), None)

    return Transform(kind, choose)


def _arithmetic(node: Call, columns: Mapping[str, int]) -> Transform | None:
    """`+ - * / %` and minus, of numbers."""
    name = node.function
    if name not in STEPS:
        return None
    parts = [_compile(argument, columns, "number") for argument in node.arguments]
    if {part.type for part in parts} - {"number", NULL}:
        return None
    if name == "negate":
        return Transform("number", _each(parts, numbers.negate))
    return Transform("number", _each(parts, partial(_computed, name)))


def _computed(name: str, left: Any, right: Any) -> Stored:
    try:
        return numbers.compute(name, left, right)
    except numbers.ArithmeticRefusedError as error:
        raise CellError(f"Unable to compute {left} {name} {right}") from error


def _text(node: Call, columns: Mapping[str, int]) -> Transform | None:
    """Functions of texts alone."""
    found = _TEXT.get(node.function)
    if found is None:
        return None
    kind, count, function = found
    parts = [_compile(argument, columns) for argument in node.arguments]
    if len(parts) != count or {part.type for part in parts} - {"text", NULL}:
        return None
    return Transform(kind, _each(parts, function))


def _of_a_cell(node: Call, columns: Mapping[str, int]) -> Transform | None:
    """Conversions, and what deals with cells that cannot be converted."""
    name = node.function
    if len(node.arguments) != 1 or name not in (*_CONVERSIONS, "forgive", "error"):
        return None
    inner = _compile(node.arguments[0], columns)
    if name == "forgive":
        return _forgiving(inner)
    if name == "error":
        return Transform(NULL, _failing(inner.evaluate))
    return _conversion(_CONVERSIONS[name], inner)


def _conversion(wanted: str, inner: Transform) -> Transform:
    if inner.type == wanted:
        return inner
    if inner.type not in ("text", NULL) and wanted != "text":
        raise QueryError("type-mismatch", f"Cannot make {wanted} of {inner.type}")
    kind, evaluate = TYPES[wanted], inner.evaluate

    def convert(line: Line) -> Stored:
        value = evaluate(line)
        if value is None:
            return None
        if inner.type == "checkbox":
            return "true" if value else "false"
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


def _each(parts: list[Transform], combine: Callable[..., Any]) -> Evaluate:
    """Null where a part is null, else what the parts make."""

    def evaluate(line: Line) -> Stored:
        values = [part.evaluate(line) for part in parts]
        return None if None in values else combine(*values)

    return evaluate


def _first(parts: list[Evaluate]) -> Evaluate:
    def evaluate(line: Line) -> Stored:
        return next((value for part in parts if (value := part(line)) is not None), None)

    return evaluate


def as_json(kind: str, value: Stored) -> Any:
    """A computed value as it is shown in a preview."""
    if value is None or kind in ("text", "calendar_date", "date"):
        return value
    if kind == "checkbox":
        return bool(value)
    return str(value) if kind == "number" else json.loads(str(value))
