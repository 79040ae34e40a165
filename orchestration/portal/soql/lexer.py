"""Cuts SoQL text into words. What the words mean together is in `parser`."""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestration.portal.errors import QueryError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*(?s:.*?)\*/)
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<string>'(?:[^']|'')*')
  | (?P<escaped>"(?:[^"\\\n]|\\.)*")
  | (?P<quoted>`[^`]+`)
  | (?P<name>:?@?[A-Za-z_][A-Za-z0-9_]*)
  | (?P<symbol>:\*|<>|!=|<=|>=|==|\|\||[-+*/%=<>(),])
    """,
    re.VERBOSE,
)

_ESCAPE = re.compile(r"\\(?:u(?P<four>[0-9a-fA-F]{4})|U(?P<six>[0-9a-fA-F]{6})|(?P<one>.))")
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "r": "\r",
    '"': '"',
    "\\": "\\",
}


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
        kind, word = match.lastgroup or "", match.group()
        if kind == "escaped":
            tokens.append(Token("string", _unescaped(word[1:-1], position), position))
        elif kind != "space":
            tokens.append(Token(kind, _bare(kind, word), position))
        position = match.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def _bare(kind: str, text: str) -> str:
    if kind == "string":
        return text[1:-1].replace("''", "'")
    return text[1:-1] if kind == "quoted" else text


def _unescaped(text: str, position: int) -> str:
    """What is between double quotes, where a backslash begins an escape. Raises: QueryError."""

    def character(match: re.Match[str]) -> str:
        code = match["four"] or match["six"]
        if code is None:
            known = _ESCAPES.get(match["one"])
            if known is None:
                raise syntax_error(match.group(), position, "an escape")
            return known
        number = int(code, 16)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise syntax_error(match.group(), position, "a character")
        return chr(number)

    return _ESCAPE.sub(character, text)


def syntax_error(found: str, position: int, expected: str = "") -> QueryError:
    """The refusal of text that is no SoQL, with its column (1-based)."""
    hint = f"; expected {expected}" if expected else ""
    message = f"Could not parse SoQL query: unexpected {found[:100]!r} at {position + 1}{hint}"
    return QueryError("parse-error", message, {"column": position + 1})
