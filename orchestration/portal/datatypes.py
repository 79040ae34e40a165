"""The column types: what reads each, how it is kept in SQLite, how it compares and goes out.

The types of protocol 2.4. The readers themselves are in `values`. Which column has which type is in
`dataset`; what a query may do with a type is in `soql`. `comparable` turns what is kept into
something that SQLite compares as its type.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestration.portal.identifiers import row_number, version_number
from orchestration.portal.values import (
    MaltypedError,
    Stored,
    comparable_number,
    read_calendar_date,
    read_calendar_date_text,
    read_checkbox,
    read_checkbox_text,
    read_date,
    read_document,
    read_double,
    read_location,
    read_location_text,
    read_number,
    read_point,
    read_text,
    read_url,
)


def _never(text: str) -> Stored:
    raise MaltypedError


def _nothing(text: str) -> Stored:
    return None


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
    stored = read_number(text)
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
            from_json=read_text,
            from_text=read_text,
            from_literal=read_text,
            as_json="nullif(json_quote({}), 'null')",
            keyable=True,
        ),
        DataType(
            name="number",
            backend="number",
            from_json=read_number,
            from_text=read_number,
            from_literal=_number_literal,
            comparable="cast({} as numeric)",
            keyable=True,
        ),
        DataType(
            name="checkbox",
            backend="boolean",
            from_json=read_checkbox,
            from_text=read_checkbox_text,
            from_literal=read_checkbox_text,
            as_json=_flag("true", "false"),
            as_text=_flag("true", "false"),
        ),
        DataType(
            name="calendar_date",
            backend="floating_timestamp",
            from_json=read_calendar_date,
            from_text=read_calendar_date_text,
            from_literal=read_calendar_date,
        ),
        DataType(
            name="date",
            backend="fixed_timestamp",
            from_json=read_date,
            from_text=read_date,
            from_literal=read_date,
        ),
        DataType(
            name="point",
            backend="point",
            from_json=read_point,
            from_text=read_point,
            as_json="{}",
            as_text="'POINT (' || ({0} ->> '$.coordinates[0]') || ' '"
            " || ({0} ->> '$.coordinates[1]') || ')'",
        ),
        DataType(
            name="location",
            backend="location",
            from_json=read_location,
            from_text=read_location_text,
            as_json="{}",
            as_text="coalesce('(' || ({0} ->> '$.latitude') || ', '"
            " || ({0} ->> '$.longitude') || ')', {0} ->> '$.human_address')",
        ),
        DataType(
            name="url",
            backend="url",
            from_json=read_url,
            from_text=lambda text: read_url({"url": text}),
            as_json="{}",
            as_text="{} ->> '$.url'",
        ),
        DataType(
            name="double",
            backend="double",
            from_json=read_double,
            from_text=read_double,
            from_literal=read_double,
            comparable="case typeof({0}) when 'real' then {0} end",
            as_json="nullif(json_quote({}), 'null')",
        ),
        DataType(
            name="document",
            backend="document",
            from_json=read_document,
            from_text=_nothing,
            as_json="{}",
        ),
        *(
            DataType(
                name=name,
                backend=name,
                from_json=read_text,
                from_text=read_text,
                as_json="nullif(json_quote({}), 'null')",
            )
            for name in ("photo", "blob")
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
    "null": DataType(
        name="null", backend="text", from_json=read_text, from_text=read_text, as_json="{}"
    ),
}
SYSTEM_FIELDS: dict[str, DataType] = {
    ":id": SYSTEM_TYPES["row_identifier"],
    ":created_at": TYPES["date"],
    ":updated_at": TYPES["date"],
    ":version": SYSTEM_TYPES["row_version"],
}
