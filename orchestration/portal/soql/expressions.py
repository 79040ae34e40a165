"""One SoQL expression to parameterized SQL, with its type, checked against a dataset's columns.

Values become parameters, never text; names become SQL only when they are columns of the dataset.
Whole queries are put together in `compiler`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestration.portal.dataset import Dataset
from orchestration.portal.datatypes import SYSTEM_FIELDS, SYSTEM_TYPES, TYPES
from orchestration.portal.errors import QueryError
from orchestration.portal.soql.functions import STEPS
from orchestration.portal.soql.parser import Call, Literal, Name, Node
from orchestration.portal.soql.terms import (
    Expression,
    chosen,
    comparables,
    compared,
    exact,
    figure,
    kind_of,
    truth,
    whole,
    widened,
)
from orchestration.portal.values import (
    EXACT_DIGITS,
    MaltypedError,
    Stored,
    comparable_number,
    read_number,
)

_ORDERED = frozenset(
    ("text", "number", "double", "calendar_date", "date", "row_identifier", "null")
)
EQUATED = _ORDERED | {"checkbox", "row_version"}
_DATES = frozenset(("calendar_date", "date", "null"))
_NUMBERS = frozenset(("number", "double", "null"))
_TEXTS = frozenset(("text", "null"))
_FLAGS = frozenset(("checkbox", "null"))
_ANY = frozenset((*TYPES, *SYSTEM_TYPES))
AGGREGATES = frozenset(("count", "count_distinct", "sum", "avg", "min", "max"))
_TRUNCATED = {
    "date_trunc_y": (4, "-01-01"),
    "date_trunc_ym": (7, "-01"),
    "date_trunc_ymd": (10, ""),
}
_EXTRACTED = {
    "date_extract_y": (1, 4),
    "date_extract_m": (6, 2),
    "date_extract_d": (9, 2),
    "date_extract_hh": (12, 2),
    "date_extract_mm": (15, 2),
    "date_extract_ss": (18, 2),
}
_WEEKS = {"date_extract_dow": "week_day", "date_extract_woy": "iso_week"}


@dataclass
class Scope:
    """Where in a query we are: which aliases hold, and what may stand outside an aggregate."""

    aliases: dict[str, Node] = field(default_factory=dict)
    alias_first: bool = False
    aggregates: bool = False
    grouped: bool = False
    group: tuple[Node, ...] = ()


class Expressions:
    """Compiles the expressions of one query; all share the parameters, each has a scope."""

    def __init__(self, dataset: Dataset) -> None:
        self.parameters: dict[str, Stored] = {}
        self.scope = Scope()
        self._dataset = dataset

    def bind(self, value: Stored) -> str:
        """A parameter with this value."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def flag(self, node: Node) -> str:
        """A condition. Raises QueryError when it is no yes or no."""
        return self.compile(node, _FLAGS, "where").sql

    def compile(
        self, node: Node, allowed: frozenset[str] = _ANY, user: str = "", like: str = ""
    ) -> Expression:
        """One expression; a string literal becomes `like`'s type where it can."""
        compiled = self._literal(node, like) if isinstance(node, Literal) else self._in_scope(node)
        if compiled.type not in allowed:
            raise self.mismatch(user, compiled.type)
        return compiled

    def _in_scope(self, node: Name | Call) -> Expression:
        scope = self.scope
        if isinstance(node, Name) and node.name in scope.aliases and self._alias_wins(node.name):
            self.scope = Scope({}, False, scope.aggregates, scope.grouped, scope.group)
            compiled = self.compile(scope.aliases[node.name])
            self.scope = scope
            return compiled
        if self._is_grouped(node):
            self.scope = Scope()
            compiled = self._in_scope(node)
            self.scope = scope
            return compiled
        return self._column(node.name) if isinstance(node, Name) else self._call(node)

    def _is_grouped(self, node: Node) -> bool:
        return self.scope.grouped and node in self.scope.group

    def _alias_wins(self, name: str) -> bool:
        return self.scope.alias_first or self._dataset.column(name) is None

    def _column(self, name: str) -> Expression:
        if name in SYSTEM_FIELDS:
            sql, kind = f'"{name}"', SYSTEM_FIELDS[name]
        else:
            column = self._dataset.column(name)
            if column is None:
                data = {"column": name, "dataset": self._dataset.id}
                raise QueryError("no-such-column", f"No such column: {name}", data)
            sql, kind = column.sql, column.type
        if self.scope.grouped:
            message = f"Column {name} must be in the group or inside an aggregate"
            raise QueryError("column-not-in-group-bys", message, {"column": name})
        settled = name == self._dataset.row_identifier
        return Expression(kind.comparable.format(sql), kind.name, sql, settled, leaf=True)

    def _literal(self, node: Literal, like: str) -> Expression:
        if node.kind == "null":
            return Expression("null", "null", "null")
        kind = node.kind
        if kind == "text" and like not in ("", "null"):
            kind = like
        try:
            if kind == "number":
                return self._number(read_number(node.text))
            value = self.bind(kind_of(kind).from_literal(node.text))
        except MaltypedError as error:
            message = f"Type mismatch: {node.text[:100]!r} is no {kind}"
            raise QueryError("type-mismatch", message) from error
        return Expression(value, kind, value, leaf=True)

    def _number(self, value: Stored) -> Expression:
        """A number that is written in the query."""
        assert isinstance(value, int | str)
        short = sum(map(str.isdigit, str(value))) <= EXACT_DIGITS
        sql = self.bind(comparable_number(value))
        settled = short or isinstance(value, int)
        return Expression(sql, "number", self.bind(value), settled, leaf=True)

    def _pair(
        self, *nodes: Node, allowed: frozenset[str], user: str, like: str = "text"
    ) -> list[Expression]:
        """Expressions of one type; string literals take that of what is no literal, else `like`."""
        known = [None if _is_text_literal(node) else self.compile(node) for node in nodes]
        types = {e.type for e in known if e is not None and e.type != "null"} or {like}
        if types == {"number", "double"}:
            types = {"double"}
        kind = min(types)
        compiled = [
            expression or self.compile(node, like=kind)
            for node, expression in zip(nodes, known, strict=True)
        ]
        for expression in compiled:
            if expression.type not in allowed:
                raise self.mismatch(user, expression.type)
        if len(types) > 1:
            raise self.mismatch(user, max(types))
        return [widened(expression) if kind == "double" else expression for expression in compiled]

    def _call(self, node: Call) -> Expression:
        handler = _HANDLERS.get(node.function)
        if handler is None:
            message = f"No such function: {node.function}"
            raise QueryError("no-such-function", message, {"function": node.function})
        lowest, highest, compile_call = handler
        if not lowest <= len(node.arguments) <= highest:
            message = f"Wrong number of arguments for {node.function}"
            raise QueryError("type-mismatch", message, {"function": node.function})
        return compile_call(self, node)

    def connective(self, node: Call) -> Expression:
        """`and`, `or`."""
        parts = [self.compile(a, _FLAGS, node.function).sql for a in node.arguments]
        return truth(f"({f' {node.function} '.join(parts)})")

    def negation(self, node: Call) -> Expression:
        """`not`."""
        return truth(f"(not {self.compile(node.arguments[0], _FLAGS, 'not').sql})")

    def nullness(self, node: Call) -> Expression:
        """`is null`, `is not null`; asks what is kept, whatever the type."""
        return truth(f"({self.compile(node.arguments[0]).kept} {node.function})")

    def comparison(self, node: Call) -> Expression:
        """`=` and its relatives."""
        allowed = EQUATED if node.function in ("=", "!=") else _ORDERED
        left, right = self._pair(*node.arguments, allowed=allowed, user=node.function)
        return truth(compared(left, node.function, right))

    def membership(self, node: Call) -> Expression:
        """`in`."""
        first, *items = self._pair(*node.arguments, allowed=EQUATED, user="in")
        value, *others = comparables([first, *items])
        return truth(f"({value} in ({', '.join(others)}))")

    def between(self, node: Call) -> Expression:
        """`between … and …`, both ends included."""
        parts = self._pair(*node.arguments, allowed=_ORDERED, user="between")
        value, low, high = parts
        if all(part.leaf for part in parts):
            return truth(f"({compared(value, '>=', low)} and {compared(value, '<=', high)})")
        return truth("({} between {} and {})".format(*comparables(parts)))

    def like(self, node: Call) -> Expression:
        """`like`, with `%` and `_`; case counts."""
        value, pattern = (self.compile(a, _TEXTS, "like") for a in node.arguments)
        return truth(f"({value.sql} like {pattern.sql} escape '\\')")

    def arithmetic(self, node: Call) -> Expression:
        """`+ - * / %` and minus of numbers, or of doubles where one is; by zero is refused.

        All of it is one call with what is to be done in postfix, since SQLite follows calls within
        calls only so far.
        """
        operands: list[Node] = []
        steps = self._postfix(node, operands)
        parts = self._pair(*operands, allowed=_NUMBERS, user=node.function, like="number")
        values = ", ".join(exact(part) for part in parts)
        kind = "double" if any(part.type == "double" for part in parts) else "number"
        return figure(f"compute('{steps}', {values})", kind)

    def _postfix(self, node: Node, operands: list[Node]) -> str:
        """The steps of an expression: `v` takes the next of the operands, which are added here."""
        if not isinstance(node, Call) or node.function not in STEPS or self._is_grouped(node):
            operands.append(node)
            return "v"
        steps = [self._postfix(argument, operands) for argument in node.arguments]
        return "".join(steps) + STEPS[node.function]

    def text_function(self, node: Call) -> Expression:
        """`upper`, `lower`, `||`."""
        parts = [self.compile(a, _TEXTS, node.function).sql for a in node.arguments]
        joined = f"({' || '.join(parts)})"
        sql = joined if node.function == "||" else f"soql_{node.function}({joined})"
        return Expression(sql, "text", sql)

    def text_test(self, node: Call) -> Expression:
        """`starts_with`, `contains`; case counts."""
        text, part = (self.compile(a, _TEXTS, node.function).sql for a in node.arguments)
        if node.function == "contains":
            return truth(f"(instr({text}, {part}) > 0)")
        return truth(f"(substr({text}, 1, length({part})) = {part})")

    def coalesced(self, node: Call) -> Expression:
        """`coalesce`."""
        parts = self._pair(*node.arguments, allowed=EQUATED, user="coalesce")
        return chosen(parts, lambda texts: f"coalesce({', '.join(texts)}, null)")

    def case(self, node: Call) -> Expression:
        """`case`: conditions, each with its value; without one that holds, null."""
        if len(node.arguments) % 2:
            message = "Wrong number of arguments for case"
            raise QueryError("type-mismatch", message, {"function": "case"})
        conditions = [self.compile(a, _FLAGS, "case").sql for a in node.arguments[::2]]
        values = self._pair(*node.arguments[1::2], allowed=_ANY, user="case")

        def choice(texts: list[str]) -> str:
            pairs = zip(conditions, texts, strict=True)
            branches = " ".join(f"when {condition} then {text}" for condition, text in pairs)
            return f"case {branches} end"

        return chosen(values, choice)

    def date_part(self, node: Call) -> Expression:
        """`date_trunc_…` keeps the type, `date_extract_…` gives a number."""
        value = self.compile(node.arguments[0], _DATES, node.function, like="calendar_date")
        if node.function in _WEEKS:
            return whole(f"{_WEEKS[node.function]}({value.sql})")
        if node.function in _EXTRACTED:
            start, length = _EXTRACTED[node.function]
            return whole(f"cast(substr({value.sql}, {start}, {length}) as integer)")
        length, rest = _TRUNCATED[node.function]
        zone = "Z" if value.type == "date" else ""
        sql = f"(substr({value.sql}, 1, {length}) || '{rest}T00:00:00.000{zone}')"
        return Expression(sql, value.type, sql)

    def aggregate(self, node: Call) -> Expression:
        """`count`, `sum`, `avg`, `min`, `max`."""
        scope = self.scope
        if not scope.aggregates:
            message = f"Aggregate {node.function} is not allowed here"
            raise QueryError("aggregate-in-ungrouped-context", message)
        self.scope = Scope(scope.aliases)
        arguments = [self.compile(argument) for argument in node.arguments]
        self.scope = scope
        if node.function.startswith("count"):
            return self._count(node.function, arguments)
        argument = arguments[0]
        if argument.type in _NUMBERS:
            kept = f"json_extract(exact_figures({exact(argument)}), '$.{node.function}')"
            return figure(kept, "number")
        if node.function not in ("min", "max") or argument.type not in _ORDERED:
            raise self.mismatch(node.function, argument.type)
        sql = f"{node.function}({argument.sql})"
        return Expression(sql, argument.type, sql)

    def _count(self, function: str, arguments: list[Expression]) -> Expression:
        if not arguments:
            return whole("count(*)")
        if function == "count_distinct":
            return whole(f"count(distinct {arguments[0].sorting})")
        return whole(f"count({arguments[0].kept})")

    def mismatch(self, user: str, kind: str) -> QueryError:
        """The refusal of a type where it makes no sense."""
        message = f"Type mismatch: {user or 'the query'} does not take {kind} here"
        return QueryError("type-mismatch", message, {"type": kind})


def _is_text_literal(node: Node) -> bool:
    return isinstance(node, Literal) and node.kind == "text"


_Handler = tuple[int, int, Callable[[Expressions, Call], Expression]]
_HANDLERS: dict[str, _Handler] = {
    "and": (2, 9999, Expressions.connective),
    "or": (2, 9999, Expressions.connective),
    "not": (1, 1, Expressions.negation),
    "is null": (1, 1, Expressions.nullness),
    "is not null": (1, 1, Expressions.nullness),
    **dict.fromkeys(("=", "!=", "<", "<=", ">", ">="), (2, 2, Expressions.comparison)),
    "in": (2, 99_999, Expressions.membership),
    "between": (3, 3, Expressions.between),
    "like": (2, 2, Expressions.like),
    **dict.fromkeys("+-*/%", (2, 2, Expressions.arithmetic)),
    "negate": (1, 1, Expressions.arithmetic),
    "||": (2, 2, Expressions.text_function),
    "upper": (1, 1, Expressions.text_function),
    "lower": (1, 1, Expressions.text_function),
    "starts_with": (2, 2, Expressions.text_test),
    "contains": (2, 2, Expressions.text_test),
    "coalesce": (1, 99, Expressions.coalesced),
    "case": (2, 9_998, Expressions.case),
    **dict.fromkeys((*_TRUNCATED, *_EXTRACTED, *_WEEKS), (1, 1, Expressions.date_part)),
    "count": (0, 1, Expressions.aggregate),
    "count_distinct": (1, 1, Expressions.aggregate),
    **dict.fromkeys(("sum", "avg", "min", "max"), (1, 1, Expressions.aggregate)),
}
