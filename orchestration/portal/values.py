"""Values as they come in, to values as they are kept: one reader for each form of each type.

The table of protocol 2.4. A value that a reader cannot take raises `MaltypedError`, except where the
real server turns it into a null without a word (`location`, `url`, `document`). Which type reads with
what is in `datatypes`.

Numbers are kept as INTEGER when they fit, else as their exact decimal TEXT. Times are kept as the
text that goes out.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

Stored = str | int | float | None

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?[1-9][0-9]{0,17}\.[0-9]{1,20}|-?0\.(?=[0-9]*[1-9])[0-9]{1,20}|0\.0{1,20}")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,1000}(?:\.[0-9]{0,1000})?|\.[0-9]{1,1000})(?:[eE][+-]?[0-9]{1,4})?"
)
_MAX_EXPONENT = 1000
EXACT_DIGITS = 15
"""More digits than this, and a double could take two numbers that are no 64-bit integers for one."""
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
_DATE = r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?"
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?", re.ASCII)
_LOCAL_TIME = re.compile(_DATE, re.ASCII)
_OFFSET_TIME = re.compile(_DATE + r"(?:Z|([+-])(\d\d):?(\d\d))?", re.ASCII)
_US_TIME = re.compile(
    r"(\d\d?)/(\d\d?)/(\d{4})(?: (\d\d?):(\d\d)(?::(\d\d))? ?([AP]M))?", re.ASCII | re.IGNORECASE
)
_WKT_POINT = re.compile(r"\s*POINT\s*\(\s*([-+.0-9eE]+)\s+([-+.0-9eE]+)\s*\)\s*", re.IGNORECASE)
_LAT_LON = re.compile(r"\s*\(\s*([-+.0-9eE]+)\s*,\s*([-+.0-9eE]+)\s*\)\s*")


class MaltypedError(ValueError):
    """A value that is not one of its column's type."""


class JsonNumber(str):
    """A JSON number with a fraction or an exponent, as it was written."""

    __slots__ = ()


def read_text(value: Any) -> Stored:
    """A string; a number keeps the way it was written. Raises: MaltypedError."""
    if type(value) is str:
        return value.replace("\0", "") if "\0" in value else value
    if type(value) is int or isinstance(value, JsonNumber):
        return str(value)
    raise MaltypedError


def read_number(value: Any) -> Stored:
    """A number of any precision: an integer where SQLite can, else text. Raises: MaltypedError."""
    if type(value) is int:
        return value if -(1 << 63) <= value < 1 << 63 else _decimal(_digits(value))
    if isinstance(value, str):
        if _INTEGER.fullmatch(value):
            return int(value)
        return str(value) if _DECIMAL.fullmatch(value) else _decimal(value)
    raise MaltypedError


def _digits(value: int) -> str:
    if value.bit_length() > 4 * _MAX_EXPONENT:
        raise MaltypedError
    return str(value)


def _decimal(text: str) -> Stored:
    """The plain notation of a number, scientific only when it has more than 20 decimals."""
    if not _NUMBER.fullmatch(text):
        raise MaltypedError
    number = Decimal(text)
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise MaltypedError
    return plain_number(number)


def plain_number(number: Decimal) -> int | str:
    """A decimal as it is kept: an integer when SQLite can hold it, else its exact text."""
    if not number:
        number = number.copy_abs()
    exponent = number.as_tuple().exponent
    plain = str(number) if isinstance(exponent, int) and exponent < -20 else format(number, "f")
    return int(plain) if _INTEGER.fullmatch(plain) else plain


def comparable_number(stored: int | str) -> int | float:
    """A kept number as Python and SQLite compare it: a whole one as an integer where it can be."""
    if isinstance(stored, int):
        return stored
    value = float(stored)
    if not value.is_integer():
        return value
    whole = Decimal(stored)
    is_whole = whole == whole.to_integral_value() and -(1 << 63) <= whole < 1 << 63
    return int(whole) if is_whole else value


def read_checkbox(value: Any) -> Stored:
    """JSON true or false. Raises: MaltypedError."""
    if value is True or value is False:
        return int(value)
    raise MaltypedError


def read_checkbox_text(text: str) -> Stored:
    """The words true and false. Raises: MaltypedError."""
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise MaltypedError
    return int(lowered == "true")


def _moment(parts: tuple[str | None, ...]) -> datetime:
    numbers = [int(part or 0) for part in parts[:6]]
    micro = int((parts[6] or "0").ljust(6, "0")[:6])
    try:
        return datetime(*numbers, micro)  # type: ignore[arg-type,misc]
    except ValueError as error:
        raise MaltypedError from error


def read_calendar_date(value: Any) -> Stored:
    """A local date, with a time or without; no zone. Raises: MaltypedError."""
    if not isinstance(value, str):
        raise MaltypedError
    usual = _USUAL_TIME.fullmatch(value)
    if usual is not None:
        return _usual_time(value, has_fraction=usual[1] is not None)
    match = _LOCAL_TIME.fullmatch(value)
    if match is None:
        raise MaltypedError
    return _moment(match.groups()).isoformat(timespec="milliseconds")


def _usual_time(value: str, *, has_fraction: bool) -> str:
    """The form that most values have: only its numbers are left to check, and fast."""
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        raise MaltypedError from error
    return value if has_fraction else f"{value}.000"


def read_calendar_date_text(text: str) -> Stored:
    """The same, or as it is written in the United States. Raises: MaltypedError."""
    match = _US_TIME.fullmatch(text.strip())
    if match is None:
        return read_calendar_date(text)
    month, day, year, hour, minute, second, half = match.groups()
    hours = None
    if hour is not None:
        if not 1 <= int(hour) <= 12:
            raise MaltypedError
        hours = str(int(hour) % 12 + (12 if half.upper() == "PM" else 0))
    parts = (year, month, day, hours, minute, second, None)
    return _moment(parts).isoformat(timespec="milliseconds")


def read_date(value: Any) -> Stored:
    """A moment, kept in UTC. Raises: MaltypedError."""
    match = _OFFSET_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MaltypedError
    sign, hours, minutes = match[8], match[9], match[10]
    if sign is None:
        return f"{_moment(match.groups()).isoformat(timespec='milliseconds')}Z"
    if int(hours) > 23 or int(minutes) > 59:
        raise MaltypedError
    offset = datetime.strptime(f"{sign}{hours}{minutes}", "%z").tzinfo
    try:
        moment = _moment(match.groups()).replace(tzinfo=offset).astimezone(UTC)
    except OverflowError as error:
        raise MaltypedError from error
    return utc_text(moment)


def utc_text(moment: datetime) -> str:
    """A moment as fixed timestamps go out: UTC, milliseconds, `Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _coordinate(value: Any, *, strings: bool) -> float:
    """A finite number. Raises MaltypedError for anything else."""
    numeric = type(value) is int or isinstance(value, JsonNumber)
    if not numeric and not (strings and isinstance(value, str)):
        raise MaltypedError
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise MaltypedError from error
    if not isfinite(number):
        raise MaltypedError
    return number


def read_point(value: Any) -> Stored:
    """GeoJSON or WKT. Raises: MaltypedError."""
    if isinstance(value, str):
        match = _WKT_POINT.fullmatch(value)
        if match is None:
            raise MaltypedError
        pair: Any = list(match.groups())
        strings = True
    else:
        if not isinstance(value, dict) or value.get("type") != "Point":
            raise MaltypedError
        pair = value.get("coordinates")
        strings = False
        if not isinstance(pair, list) or len(pair) not in (2, 3):
            raise MaltypedError
    coordinates = [_coordinate(number, strings=strings) for number in pair]
    return json.dumps({"type": "Point", "coordinates": coordinates[:2]}, separators=(",", ":"))


def read_location(value: Any) -> Stored:
    """A location, or null without a word when it cannot be read (protocol 2.4)."""
    if not isinstance(value, dict):
        return None
    address = value.get("human_address")
    if isinstance(address, dict):
        address = json.dumps(address)
    kept: dict[str, str] = {}
    if value.get("latitude") is not None or value.get("longitude") is not None:
        try:
            for name in ("latitude", "longitude"):
                _coordinate(value.get(name), strings=True)
                kept[name] = str(value[name]).strip()
        except MaltypedError:
            return None
    if isinstance(address, str) and address:
        kept["human_address"] = address.replace("\0", "")
    return json.dumps(kept, separators=(",", ":")) if kept else None


def read_location_text(text: str) -> Stored:
    """A latitude and a longitude in brackets, or null without a word."""
    match = _LAT_LON.search(text)
    return read_location({"latitude": match[1], "longitude": match[2]}) if match else None


def read_url(value: Any) -> Stored:
    """A link, or null without a word when it is not an object (protocol 2.4)."""
    if not isinstance(value, dict):
        return None
    kept = {
        name: value[name].replace("\0", "")
        for name in ("url", "description")
        if isinstance(value.get(name), str)
    }
    return json.dumps(kept, separators=(",", ":")) if kept else None


def read_double(value: Any) -> Stored:
    """A binary number, or the words NaN and Infinity. Raises: MaltypedError."""
    if type(value) is not int and not isinstance(value, str):
        raise MaltypedError
    if value in _NOT_FINITE:
        return str(value)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise MaltypedError
    try:
        number = float(value)
    except OverflowError as error:
        raise MaltypedError from error
    return number if isfinite(number) else ("Infinity" if number > 0 else "-Infinity")


def read_document(value: Any) -> Stored:
    """An object, or null without a word when it is none (protocol 2.4)."""
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else None
