"""Numbers as the real portal computes with them: exact decimals, divided as PostgreSQL divides.

A number here is one as `values` keeps it: an integer, or the text of a decimal. Doubles stay floats.
Both SoQL (`soql.functions`) and the transforms of drafts compute with this, so they never disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_DOWN, Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext

from orchestration.portal.values import plain_number

Number = int | str | float
_EXACT = Context(
    prec=20_000, Emax=100_000, Emin=-100_000, traps=[Inexact, InvalidOperation, Overflow]
)
"""Nothing is rounded: what has no room is refused."""
_MIN_DIGITS, _GROUP, _MAX_SCALE = 16, 4, 1000
"""PostgreSQL's: digits that matter in a quotient at least, digits in a group, decimals at most."""
_SHORT, _PLAIN_SCALE = 18, 20
"""Integers of so many characters, and so many decimals, are kept as they are (`plain_number`)."""
_MIDDLE = 1 << 31
_TURNED = bytes(range(255, -1, -1))
"""Every byte as far from the end as it was from the beginning."""


class ArithmeticRefusedError(ArithmeticError):
    """What no number is the answer to: a division by zero, a result without room."""


def exact(number: Number) -> Decimal:
    """The number as a decimal, every digit kept."""
    return Decimal(number) if isinstance(number, int) else Decimal(str(number))


def compute(operator: str, left: Number, right: Number) -> Number:
    """`+ - * / %` of two numbers; with a double on either side, as doubles.

    Sums, differences, products and remainders are exact; a remainder has the sign of the left side.
    Raises: ArithmeticRefusedError.
    """
    try:
        if isinstance(left, float) or isinstance(right, float):
            return _finite(_DOUBLES[operator](float(left), float(right)))
        return _plain(_DECIMALS[operator](exact(left), exact(right)))
    except ZeroDivisionError as error:
        raise ArithmeticRefusedError("division by zero") from error
    except (ArithmeticError, ValueError) as error:
        raise ArithmeticRefusedError("value overflows numeric format") from error


def total(numbers: list[Decimal]) -> Decimal:
    """Their sum, exactly. Raises: ArithmeticRefusedError for one without room."""
    try:
        with localcontext(_EXACT):
            return sum(numbers, Decimal(0))
    except ArithmeticError as error:
        raise ArithmeticRefusedError("value overflows numeric format") from error


def negate(number: Number) -> Number:
    """Minus the number."""
    return -number if isinstance(number, float) else _plain(exact(number).copy_negate())


def order(left: Number, right: Number) -> int:
    """-1, 0 or 1: whether the left is less, equal or more; `5` equals `5.0`."""
    if isinstance(left, int) and isinstance(right, int):
        return (left > right) - (left < right)
    return int(exact(left).compare(exact(right), context=_EXACT))


def sort_key(number: Number) -> bytes:
    """Bytes that sort as the numbers do; numbers that are equal have the same."""
    text = str(number)
    if "E" in text or "e" in text:
        text = format(exact(number), "f")
    whole, _, fraction = text.removeprefix("-").partition(".")
    whole = whole.lstrip("0")
    digits = (whole + fraction).lstrip("0").rstrip("0")
    if not digits:
        return b"\x80"
    weight = len(whole) or len(fraction.lstrip("0")) - len(fraction)
    magnitude = (weight + _MIDDLE).to_bytes(4, "big") + digits.encode()
    if text[0] != "-":
        return b"\xff" + magnitude
    return b"\x00" + magnitude.translate(_TURNED) + b"\xff"


def _plain(value: Decimal) -> int | str:
    """The number as it is kept, without the zeros that only a computation left behind it."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    fraction = text.partition(".")[2]
    if fraction or len(text) > _SHORT:
        return text if 0 < len(fraction) <= _PLAIN_SCALE else plain_number(Decimal(text))
    return int(text)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise OverflowError
    return value


def _quotient(left: Decimal, right: Decimal) -> Decimal:
    """To as many decimals as PostgreSQL's `numeric` gives, the last one rounded."""
    if not right:
        raise ZeroDivisionError
    weight = _weight(left) - _weight(right)
    if _first_group(left) <= _first_group(right):
        weight -= 1
    scale = max(_MIN_DIGITS - weight * _GROUP, _scale(left), _scale(right), 0)
    return _rounded(left, right, min(scale, _MAX_SCALE))


def _rounded(left: Decimal, right: Decimal, decimals: int) -> Decimal:
    """left / right; half of the last decimal is rounded away from zero."""
    scaled = _EXACT.scaleb(left, decimals)
    whole = _EXACT.divide_int(scaled, right)
    rest = _EXACT.subtract(scaled, _EXACT.multiply(whole, right))
    if _EXACT.multiply(rest, 2).copy_abs() >= right.copy_abs():
        away = 1 if left.is_signed() == right.is_signed() else -1
        whole = _EXACT.add(whole, away)
    return _EXACT.scaleb(whole, -decimals)


def _remainder(left: Decimal, right: Decimal) -> Decimal:
    if not right:
        raise ZeroDivisionError
    return _EXACT.remainder(left, right)


def _weight(value: Decimal) -> int:
    return value.adjusted() // _GROUP if value else 0


def _first_group(value: Decimal) -> int:
    if not value:
        return 0
    group = _EXACT.scaleb(value.copy_abs(), -_GROUP * _weight(value))
    return int(group.to_integral_value(ROUND_DOWN))


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(-exponent, 0)


_DECIMALS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _EXACT.add,
    "-": _EXACT.subtract,
    "*": _EXACT.multiply,
    "/": _quotient,
    "%": _remainder,
}
_DOUBLES: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "%": lambda left, right: math.fmod(left, right) if right else left % right,
}
