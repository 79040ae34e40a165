"""Cuts SoQL text into words. What the words mean together is in `parser`."""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestration.portal.errors import QueryError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<string>'(?:[^']|'')*')
  | (?P<quoted>`[^`]+`)
  | (?P<name>:?@?[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z_][A-Za-z0-9_]*)*)
  | (?P<symbol>:\*|<>|!=|<=|>=|==|\|\||[-+*/%=<>(),])
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """One word of a query, and where it began."""

    kind: str
    """`number`, `string`, `name` (bare), `quoted` (a name in backquotes), `symbol` or `end`."""
    text: str
    position: int


def tokenize(text: str) -> list[Token]:
    """All words of a query, with an `end` after the last.

    Raises: QueryError at the first character that begins no word.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise syntax_error(text[position], position)
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, _bare(kind, match.group()), position))
        position = match.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def _bare(kind: str, text: str) -> str:
    if kind == "string":
        return text[1:-1].replace("''", "'")
    return text[1:-1] if kind == "quoted" else text


def syntax_error(found: str, position: int, expected: str = "") -> QueryError:
    """The refusal of text that is no SoQL, with its column (1-based)."""
    hint = f"; expected {expected}" if expected else ""
    message = f"Could not parse SoQL query: unexpected {found[:100]!r} at {position + 1}{hint}"
    return QueryError("parse-error", message, {"column": position + 1})
