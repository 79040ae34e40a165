"""The names that the portal makes up, and how names are compared.

4x4 ids of datasets, the opaque forms of row ids and row versions, API field names. What a column
may hold is in `datatypes`.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Container

_FOURFOUR_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
_OPAQUE_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
_OPAQUE_VALUE = {character: value for value, character in enumerate(_OPAQUE_ALPHABET)}
_OPAQUE_BITS = 60
_OPAQUE_MODULUS = 1 << _OPAQUE_BITS
_SCRAMBLE = 0x9E3779B97F4A7C1 | 1
_UNSCRAMBLE = pow(_SCRAMBLE, -1, _OPAQUE_MODULUS)
_OPAQUE = re.compile(
    r"(row|rv)-([2-9a-km-np-z]{4})[-~._]([2-9a-km-np-z]{4})[-~._]([2-9a-km-np-z]{4})"
)

FIELD_NAME = re.compile(r"[a-z_][a-z0-9_]{0,99}")


def new_fourfour(taken: Container[str]) -> str:
    """A dataset id, two groups of four, that is not among those taken."""
    while True:
        letters = "".join(secrets.choice(_FOURFOUR_ALPHABET) for _ in range(8))
        candidate = f"{letters[:4]}-{letters[4:]}"
        if candidate not in taken:
            return candidate


def _opaque(prefix: str, number: int) -> str:
    scrambled = number * _SCRAMBLE % _OPAQUE_MODULUS
    letters = "".join(
        _OPAQUE_ALPHABET[scrambled >> shift & 31] for shift in range(_OPAQUE_BITS - 5, -1, -5)
    )
    return f"{prefix}-{letters[:4]}~{letters[4:8]}.{letters[8:]}"


def _plain(prefix: str, opaque: str) -> int | None:
    match = _OPAQUE.fullmatch(opaque)
    if match is None or match[1] != prefix:
        return None
    scrambled = 0
    for character in match[2] + match[3] + match[4]:
        scrambled = scrambled << 5 | _OPAQUE_VALUE[character]
    return scrambled * _UNSCRAMBLE % _OPAQUE_MODULUS


def row_id(number: int) -> str:
    """The `:id` that clients see for a row; it says nothing about the order of insertion."""
    return _opaque("row", number)


def row_number(opaque: str) -> int | None:
    """The row behind an `:id`, or None when the text has not the form of one."""
    return _plain("row", opaque)


def version_id(number: int) -> str:
    """The `:version` that clients see."""
    return _opaque("rv", number)


def version_number(opaque: str) -> int | None:
    """The number behind a `:version`, or None when the text has not the form of one."""
    return _plain("rv", opaque)


def fold(name: str) -> str:
    """A field name as it is compared: case and the difference of `-` and `_` do not count."""
    return unicodedata.normalize("NFKC", name).casefold().replace("-", "_")


def field_name_from(display_name: str) -> str:
    """The API field name that the portal gives to a column which comes without one."""
    words = re.findall(r"[a-z0-9]+", fold(display_name))
    name = "_".join(words)[:100] or "column"
    return f"_{name}"[:100] if name[0].isdigit() else name
