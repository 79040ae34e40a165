"""SoQL text to a tree: one recursive-descent method for each level of precedence.

The tree has three kinds of nodes; operators are calls. Whether a column exists or a comparison
makes sense is for `compiler`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from orchestration.portal.errors import QueryError
from orchestration.portal.identifiers import fold
from orchestration.portal.soql.lexer import Token, syntax_error, tokenize

Parsed = TypeVar("Parsed")
MAX_DEPTH = 60
_COMPARISONS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">"}
_COMPARISONS[">="] = ">="
_AFTER_SELECT = ("where", "search", "group", "having", "order", "limit", "offset")


@dataclass(frozen=True)
class Literal:
    """A value as it was written: `text`, `number`, `checkbox` or `null`."""

    kind: str
    text: str = ""


@dataclass(frozen=True)
class Name:
    """A column or an alias, folded as names are compared."""

    name: str


@dataclass(frozen=True)
class Call:
    """A function or an operator with its arguments."""

    function: str
    arguments: tuple[Node, ...]
    depth: int = 0


Node = Literal | Name | Call


@dataclass(frozen=True)
class Selection:
    """One thing selected; `star` is `*` or `:*` and then there is no node."""

    node: Node | None
    alias: str | None = None
    star: str = ""


@dataclass(frozen=True)
class Ordering:
    """One thing to order by."""

    node: Node
    descending: bool = False
    nulls: str = ""
    """`first` or `last` where the query says so; else nulls are more than anything."""


@dataclass
class Query:
    """What a read asks for, clause by clause, not yet checked against a dataset."""

    selections: tuple[Selection, ...] = (Selection(None, star="*"),)
    distinct: bool = False
    where: Node | None = None
    group: tuple[Node, ...] = ()
    having: Node | None = None
    order: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int = 0
    search: str = ""


def call(function: str, *arguments: Node) -> Call:
    """A call node.

    Raises: QueryError when the tree gets too deep to follow.
    """
    depth = 1 + max((node.depth for node in arguments if isinstance(node, Call)), default=0)
    if depth > MAX_DEPTH:
        raise QueryError("too-complex", f"The query is nested more than {MAX_DEPTH} deep")
    return Call(function, arguments, depth)


def parse_selections(text: str) -> tuple[bool, tuple[Selection, ...]]:
    """The `$select` clause: whether it is distinct, and what is selected."""
    return _whole(text, Parser.selected)


def parse_expression(text: str) -> Node:
    """The `$where` and `$having` clauses."""
    return _whole(text, Parser.expression)


def parse_group(text: str) -> tuple[Node, ...]:
    """The `$group` clause."""
    return _whole(text, Parser.expressions)


def parse_order(text: str) -> tuple[Ordering, ...]:
    """The `$order` clause."""
    return _whole(text, Parser.orderings)


def parse_query(text: str) -> Query:
    """A whole statement, as in `$query`."""
    return _whole(text, Parser.query)


def _whole(text: str, method: Callable[[Parser], Parsed]) -> Parsed:
    parser = Parser(tokenize(text))
    result = method(parser)
    parser.expect_end()
    return result


class Parser:
    """Reads tokens from left to right; each method takes what it knows and leaves the rest."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._nesting = 0

    def query(self) -> Query:
        """`select … where … search … group by … having … order by … limit … offset …`."""
        query = Query()
        if self._take("select"):
            query.distinct, query.selections = self.selected()
        if self._take("where"):
            query.where = self.expression()
        if self._take("search"):
            query.search = self._literal_text()
        if self._take("group"):
            self._require("by")
            query.group = self.expressions()
        if self._take("having"):
            query.having = self.expression()
        if self._take("order"):
            self._require("by")
            query.order = self.orderings()
        if self._take("limit"):
            query.limit = self._whole_number()
        if self._take("offset"):
            query.offset = self._whole_number()
        return query

    def selected(self) -> tuple[bool, tuple[Selection, ...]]:
        """`distinct`, which a column may be called too, and the selections."""
        following = self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        is_name = following.kind == "end" or following.text.lower() in (",", "as", *_AFTER_SELECT)
        return not is_name and self._take("distinct"), self.selections()

    def selections(self) -> tuple[Selection, ...]:
        """`*`, `:*`, `expression`, `expression as alias`, with commas."""
        found = [self._selection()]
        while self._take(","):
            found.append(self._selection())
        return tuple(found)

    def expressions(self) -> tuple[Node, ...]:
        """Expressions with commas."""
        found = [self.expression()]
        while self._take(","):
            found.append(self.expression())
        return tuple(found)

    def orderings(self) -> tuple[Ordering, ...]:
        """Expressions with an optional `asc` or `desc` and `null first` or `last`, with commas."""
        found = [self._ordering()]
        while self._take(","):
            found.append(self._ordering())
        return tuple(found)

    def expression(self) -> Node:
        """An expression, from the loosest operator, `or`, inwards."""
        self._nesting += 1
        if self._nesting > MAX_DEPTH:
            raise QueryError("too-complex", f"The query is nested more than {MAX_DEPTH} deep")
        node = self._chain("or", lambda: self._chain("and", self._negation))
        self._nesting -= 1
        return node

    def expect_end(self) -> None:
        """Refuses words after the end of the clause."""
        if self._peek().kind != "end":
            raise self._unexpected("the end")

    def _selection(self) -> Selection:
        for star in ("*", ":*"):
            if self._take(star):
                return Selection(None, star=star)
        node = self.expression()
        if not self._take("as"):
            return Selection(node)
        if self._peek().kind not in ("name", "quoted"):
            raise self._unexpected("an alias")
        return Selection(node, self._advance().text)

    def _ordering(self) -> Ordering:
        node = self.expression()
        descending = self._take("desc")
        if not descending:
            self._take("asc")
        if not (self._take("null") or self._take("nulls")):
            return Ordering(node, descending)
        for place in ("first", "last"):
            if self._take(place):
                return Ordering(node, descending, place)
        raise self._unexpected("first or last")

    def _chain(self, word: str, operand: Callable[[], Node]) -> Node:
        operands = [operand()]
        while self._take(word):
            operands.append(operand())
        return operands[0] if len(operands) == 1 else call(word, *operands)

    def _negation(self) -> Node:
        negations = 0
        while self._take("not"):
            negations += 1
        node = self._predicate()
        for _ in range(negations):
            node = call("not", node)
        return node

    def _predicate(self) -> Node:
        left = self._sum()
        token = self._peek()
        if token.kind == "symbol" and token.text in _COMPARISONS:
            return call(_COMPARISONS[self._advance().text], left, self._sum())
        if self._take("is"):
            negated = self._take("not")
            self._require("null")
            return call("is not null" if negated else "is null", left)
        negated = self._take("not")
        for word, method in (("in", self._in), ("between", self._between), ("like", self._like)):
            if self._take(word):
                node = method(left)
                return call("not", node) if negated else node
        if negated:
            raise self._unexpected("in, between or like")
        return left

    def _in(self, left: Node) -> Node:
        self._require("(")
        items = self.expressions()
        self._require(")")
        return call("in", left, *items)

    def _between(self, left: Node) -> Node:
        low = self._sum()
        self._require("and")
        return call("between", left, low, self._sum())

    def _like(self, left: Node) -> Node:
        return call("like", left, self._sum())

    def _sum(self) -> Node:
        return self._left_to_right(("+", "-", "||"), self._product)

    def _product(self) -> Node:
        return self._left_to_right(("*", "/", "%"), self._signed)

    def _left_to_right(self, symbols: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        node = operand()
        while self._peek().kind == "symbol" and self._peek().text in symbols:
            node = call(self._advance().text, node, operand())
        return node

    def _signed(self) -> Node:
        negative = False
        while self._peek().kind == "symbol" and self._peek().text in "+-":
            negative ^= self._advance().text == "-"
        node = self._primary()
        if not negative:
            return node
        if isinstance(node, Literal) and node.kind == "number":
            is_negative = node.text.startswith("-")
            return Literal("number", node.text[1:] if is_negative else f"-{node.text}")
        return call("negate", node)

    def _primary(self) -> Node:
        token = self._advance()
        if token.kind in ("number", "string"):
            return Literal("text" if token.kind == "string" else "number", token.text)
        if token.kind == "quoted":
            return Name(fold(token.text))
        if token.kind == "name":
            return self._named(token.text)
        if token.text == "(":
            node = self.expression()
            self._require(")")
            return node
        raise syntax_error(token.text or "end of query", token.position, "an expression")

    def _named(self, name: str) -> Node:
        lowered = name.lower()
        if lowered == "null":
            return Literal("null")
        if lowered in ("true", "false"):
            return Literal("checkbox", lowered)
        if lowered == "case" and self._is("when"):
            return self._case()
        if not self._take("("):
            return Name(fold(name))
        if lowered == "count" and self._take("*"):
            self._require(")")
            return call("count")
        if lowered == "count" and self._take("distinct"):
            lowered = "count_distinct"
        arguments = () if self._is(")") else self.expressions()
        self._require(")")
        return call(lowered, *arguments)

    def _case(self) -> Node:
        """`when … then …`, again and again, `else …`, `end`: as `case(…, true, …)`."""
        arguments: list[Node] = []
        while self._take("when"):
            arguments.append(self.expression())
            self._require("then")
            arguments.append(self.expression())
        if self._take("else"):
            arguments += [Literal("checkbox", "true"), self.expression()]
        self._require("end")
        return call("case", *arguments)

    def _whole_number(self) -> int:
        token = self._advance()
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 18:
            raise syntax_error(token.text or "end of query", token.position, "a whole number")
        return int(token.text)

    def _literal_text(self) -> str:
        token = self._advance()
        if token.kind != "string":
            raise syntax_error(token.text or "end of query", token.position, "a string")
        return token.text

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._peek()
        if token.kind != "end":
            self._next += 1
        return token

    def _is(self, word: str) -> bool:
        token = self._peek()
        return token.kind in ("name", "symbol") and token.text.lower() == word

    def _take(self, word: str) -> bool:
        taken = self._is(word)
        self._next += taken
        return taken

    def _require(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected(repr(word))

    def _unexpected(self, expected: str) -> QueryError:
        token = self._peek()
        return syntax_error(token.text or "end of query", token.position, expected)
