"""Input and output schemas: what columns a file has, what they become, and which cells cannot.

A schema is computed when it is asked for, in one pass over the file; its rows are computed again for
each preview and when it is applied, so that nothing large is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestration.portal.datatypes import TYPES
from orchestration.portal.dsmapi.sheets import Sheet
from orchestration.portal.dsmapi.transforms import CellError, Transform, compile_transform
from orchestration.portal.errors import PortalError, invalid_request
from orchestration.portal.identifiers import FIELD_NAME, fold
from orchestration.portal.values import Stored


@dataclass(frozen=True)
class Cell:
    """One computed cell: a value, or an error."""

    value: Stored
    error: str = ""


def moment() -> str:
    """Now, as the API writes times."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


def input_columns(sheet: Sheet) -> list[dict[str, Any]]:
    """The columns of the file; everything in it is text."""
    return [
        {
            "id": position,
            "field_name": name,
            "display_name": title,
            "position": position,
            "soql_type": "text",
        }
        for position, (name, title) in enumerate(sheet.header(), start=1)
    ]


def guessed_columns(sheet: Sheet) -> list[dict[str, Any]]:
    """The columns of the default output schema, with transforms to the types that were guessed."""
    pairs = zip(sheet.header(), sheet.guesses(), strict=True)
    return [
        {
            "field_name": name,
            "display_name": title,
            "position": position,
            "description": "",
            "is_primary_key": False,
            "transform": {"transform_expr": expression},
        }
        for position, ((name, title), expression) in enumerate(pairs, start=1)
    ]


def output_columns(payload: Any, sheet: Sheet) -> list[dict[str, Any]]:
    """The columns that a client asks for, completed.

    Raises: PortalError (400) for columns that make no sense and transforms that cannot be compiled.
    """
    if not isinstance(payload, list) or not payload:
        raise invalid_request("output_columns: expected a list")
    if not all(isinstance(item, dict) for item in payload):
        raise invalid_request("output_columns: expected objects")
    columns = []
    for position, item in enumerate(payload, start=1):
        name = item.get("field_name")
        if not isinstance(name, str) or not FIELD_NAME.fullmatch(fold(name)):
            raise invalid_request(f"output_columns: {name!r} is no field name")
        transform = item.get("transform")
        expression = transform.get("transform_expr") if isinstance(transform, dict) else None
        if not isinstance(expression, str):
            raise invalid_request(f"output_columns: {name} has no transform_expr")
        compiled = compile_transform(expression, _positions(sheet))
        columns.append(
            {
                "id": position,
                "field_name": fold(name),
                "display_name": str(item.get("display_name") or name),
                "position": position,
                "description": str(item.get("description") or ""),
                "is_primary_key": item.get("is_primary_key") is True,
                "transform": {
                    "id": position,
                    "transform_expr": expression,
                    "output_soql_type": TYPES[compiled.type].backend,
                    "failed_at": None,
                },
            }
        )
    names = [column["field_name"] for column in columns]
    if len(set(names)) != len(names):
        raise invalid_request("output_columns: a field name is there twice")
    if len([column for column in columns if column["is_primary_key"]]) > 1:
        raise invalid_request("output_columns: there is one primary key at most")
    return columns


def transforms_of(columns: list[dict[str, Any]], sheet: Sheet) -> list[Transform]:
    """The compiled transforms of output columns."""
    positions = _positions(sheet)
    return [compile_transform(c["transform"]["transform_expr"], positions) for c in columns]


def computed(columns: list[dict[str, Any]], sheet: Sheet) -> Iterator[list[Cell]]:
    """Every line of the file as cells of the output columns."""
    transforms = transforms_of(columns, sheet)
    for line in sheet.lines():
        yield [_cell(transform, line) for transform in transforms]


def _cell(transform: Transform, line: list[str | None]) -> Cell:
    try:
        return Cell(transform.evaluate(line))
    except CellError as error:
        return Cell(None, str(error))


def counted(columns: list[dict[str, Any]], sheet: Sheet) -> tuple[int, int]:
    """How many rows there are, and how many of their cells are errors."""
    rows = errors = 0
    for cells in computed(columns, sheet):
        rows += 1
        errors += sum(bool(cell.error) for cell in cells)
    return rows, errors


def is_row_identifier(columns: list[dict[str, Any]], sheet: Sheet, transform_id: int) -> bool:
    """Whether a column's values are all there and all different.

    Raises: PortalError (404) for a transform that there is not.
    """
    chosen = [column for column in columns if column["transform"]["id"] == transform_id]
    if not chosen:
        raise PortalError(404, "transform.missing", "Not found", {"id": transform_id})
    if not TYPES[transforms_of(chosen, sheet)[0].type].keyable:
        return False
    seen: set[Stored] = set()
    for (cell,) in computed(chosen, sheet):
        if cell.value is None or cell.value in seen:
            return False
        seen.add(cell.value)
    return True


def _positions(sheet: Sheet) -> dict[str, int]:
    return {name: position for position, (name, _) in enumerate(sheet.header())}
