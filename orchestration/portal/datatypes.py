"""The column types: what each takes in, how it is kept in SQLite, how it goes out.

The table of protocol 2.4. A value that a type cannot take raises `MaltypedError`, except where the
real server turns it into a null without a word (`location`, `url`). Which column has which type is
in `dataset`; what a query may do with a type is in `soql`.

Numbers are kept as INTEGER when they fit, else as their exact decimal TEXT; `comparable` turns
either into something that SQLite compares as a number. Times are kept as the text that goes out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from orchestration.portal.identifiers import row_number, version_number

Stored = str | int | float | None

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?[1-9][0-9]{0,17}\.[0-9]{1,20}|-?0\.(?=[0-9]*[1-9])[0-9]{1,20}|0\.0{1,20}")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,1000}(?:\.[0-9]{0,1000})?|\.[0-9]{1,1000})(?:[eE][+-]?[0-9]{1,4})?"
)
_MAX_EXPONENT = 1000
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


def _text(value: Any) -> Stored:
    if type(value) is str:
        return value.replace("\0", "") if "\0" in value else value
    if type(value) is int or isinstance(value, JsonNumber):
        return str(value)
    raise MaltypedError


def _number(value: Any) -> Stored:
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
    """A kept number as Python and SQLite compare it."""
    if isinstance(stored, int):
        return stored
    value = float(stored)
    return int(value) if value.is_integer() and abs(value) < 1 << 53 else value


def _checkbox(value: Any) -> Stored:
    if value is True or value is False:
        return int(value)
    raise MaltypedError


def _checkbox_text(text: str) -> Stored:
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


def _calendar_date(value: Any) -> Stored:
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


def _calendar_date_text(text: str) -> Stored:
    match = _US_TIME.fullmatch(text.strip())
    if match is None:
        return _calendar_date(text)
    month, day, year, hour, minute, second, half = match.groups()
    hours = None
    if hour is not None:
        if not 1 <= int(hour) <= 12:
            raise MaltypedError
        hours = str(int(hour) % 12 + (12 if half.upper() == "PM" else 0))
    parts = (year, month, day, hours, minute, second, None)
    return _moment(parts).isoformat(timespec="milliseconds")


def _date(value: Any) -> Stored:
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


def _point(value: Any) -> Stored:
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


def _location(value: Any) -> Stored:
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


def _location_text(text: str) -> Stored:
    match = _LAT_LON.search(text)
    return _location({"latitude": match[1], "longitude": match[2]}) if match else None


def _url(value: Any) -> Stored:
    """A link, or null without a word when it is not an object (protocol 2.4)."""
    if not isinstance(value, dict):
        return None
    kept = {
        name: value[name].replace("\0", "")
        for name in ("url", "description")
        if isinstance(value.get(name), str)
    }
    return json.dumps(kept, separators=(",", ":")) if kept else None


def _never(text: str) -> Stored:
    raise MaltypedError


@dataclass(frozen=True)
class DataType:
    """One type; the templates are SQL with `{}` for the column or expression."""

    name: str
    backend: str
    from_json: Callable[[Any], Stored]
    from_text: Callable[[str], Stored]
    """Reads a CSV cell; an empty cell is null before this is asked."""
    from_literal: Callable[[str], Stored] = _never
    """Reads a string literal that a query compares with this type."""
    comparable: str = "{}"
    as_json: str = """'"' || {} || '"'"""
    as_text: str = "{}"
    keyable: bool = False


def _number_literal(text: str) -> Stored:
    stored = _number(text)
    assert isinstance(stored, int | str)
    return comparable_number(stored)


def _flag(true: str, false: str) -> str:
    return f"case {{}} when 1 then '{true}' when 0 then '{false}' end"


TYPES: dict[str, DataType] = {
    kind.name: kind
    for kind in (
        DataType(
            name="text",
            backend="text",
            from_json=_text,
            from_text=_text,
            from_literal=_text,
            as_json="nullif(json_quote({}), 'null')",
            keyable=True,
        ),
        DataType(
            name="number",
            backend="number",
            from_json=_number,
            from_text=_number,
            from_literal=_number_literal,
            comparable="cast({} as numeric)",
            keyable=True,
        ),
        DataType(
            name="checkbox",
            backend="boolean",
            from_json=_checkbox,
            from_text=_checkbox_text,
            from_literal=_checkbox_text,
            as_json=_flag("true", "false"),
            as_text=_flag("true", "false"),
        ),
        DataType(
            name="calendar_date",
            backend="floating_timestamp",
            from_json=_calendar_date,
            from_text=_calendar_date_text,
            from_literal=_calendar_date,
        ),
        DataType(
            name="date",
            backend="fixed_timestamp",
            from_json=_date,
            from_text=_date,
            from_literal=_date,
        ),
        DataType(
            name="point",
            backend="point",
            from_json=_point,
            from_text=_point,
            as_json="{}",
            as_text="'POINT (' || ({0} ->> '$.coordinates[0]') || ' '"
            " || ({0} ->> '$.coordinates[1]') || ')'",
        ),
        DataType(
            name="location",
            backend="location",
            from_json=_location,
            from_text=_location_text,
            as_json="{}",
            as_text="coalesce('(' || ({0} ->> '$.latitude') || ', '"
            " || ({0} ->> '$.longitude') || ')', {0} ->> '$.human_address')",
        ),
        DataType(
            name="url",
            backend="url",
            from_json=_url,
            from_text=lambda text: _url({"url": text}),
            as_json="{}",
            as_text="{} ->> '$.url'",
        ),
    )
}


def _opaque_number(decode: Callable[[str], int | None], text: Any) -> Stored:
    number = decode(text) if isinstance(text, str) else None
    if number is None:
        raise MaltypedError
    return number


def _row_identifier(value: Any) -> Stored:
    return _opaque_number(row_number, value)


def _row_version(value: Any) -> Stored:
    return _opaque_number(version_number, value)


SYSTEM_TYPES: dict[str, DataType] = {
    "row_identifier": DataType(
        name="row_identifier",
        backend="row_identifier",
        from_json=_row_identifier,
        from_text=_row_identifier,
        from_literal=_row_identifier,
        as_json="""'"' || row_id({}) || '"'""",
        as_text="row_id({})",
    ),
    "row_version": DataType(
        name="row_version",
        backend="row_version",
        from_json=_row_version,
        from_text=_row_version,
        from_literal=_row_version,
        as_json="""'"' || version_id({}) || '"'""",
        as_text="version_id({})",
    ),
    "null": DataType(name="null", backend="text", from_json=_text, from_text=_text, as_json="{}"),
}
SYSTEM_FIELDS: dict[str, DataType] = {
    ":id": SYSTEM_TYPES["row_identifier"],
    ":created_at": TYPES["date"],
    ":updated_at": TYPES["date"],
    ":version": SYSTEM_TYPES["row_version"],
}
