"""`/api/views/{4x4}/rows.csv` and `rows.json`: a whole dataset as people download it.

These are the data, every row of them in the order of `:id`, without the limits of `/resource/`: in
CSV under titles, with times as they are written in the United States; in JSON as lists under the
metadata, each row behind eight cells about itself. What a cell begins with is left as it is.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.portal.access import Role
from orchestration.portal.dataset import Column, metadata
from orchestration.portal.errors import PortalError, bad_parameter
from orchestration.portal.identifiers import row_number
from orchestration.portal.reads import NOTHING, read_cells, read_values
from orchestration.portal.resource import Resource
from orchestration.portal.soql.parser import Name, Ordering, Query, Selection
from orchestration.portal.state import Portal
from orchestration.portal.transport import json_response
from orchestration.portal.values import Stored

_EVERYTHING = (1 << 63) - 1
_UNANSWERED = ("search", "query", "row_ids_only", "asHashes", "method")
"""Parameters that would change the rows or their shape in ways that are not known here."""
_META_NAMES = [
    "sid",
    "id",
    "position",
    "created_at",
    "created_meta",
    "updated_at",
    "updated_meta",
    "meta",
]


def routes(portal: Portal) -> list[Route]:
    """The routes of downloads."""
    downloads = Downloads(portal)
    return [Route("/api/views/{name}/rows.{extension}", downloads.show, methods=["GET"])]


class Downloads:
    """Whole datasets of one portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._resource = Resource(portal)

    async def show(self, request: Request) -> Response:
        """Every row, as CSV or JSON."""
        return await run_in_threadpool(self._show, request)

    def _show(self, request: Request) -> Response:
        extension = request.path_params["extension"]
        if extension not in ("csv", "json"):
            message = f"Not available as {extension[:20]}; ask for csv or json"
            raise PortalError(406, "not-acceptable", message)
        query = _query(request)
        role = self._portal.account.role(request)
        fourfour = request.path_params["name"]
        with self._resource.seen(request, fourfour, logged_in=role is not Role.STRANGER) as seen:
            if seen.is_empty:
                query.where = NOTHING
            columns = seen.dataset.columns
            if extension == "json":
                query.selections = (Selection(None, star=":*"), *query.selections)
                rows = read_values(seen.connection, seen.dataset, query)
                view = metadata(seen.dataset, owner=role is Role.OWNER)
                response = json_response(_as_json(view, columns, rows))
            else:
                cells, _ = read_cells(seen.connection, seen.dataset, query)
                content = _as_csv(request, columns, cells)
                response = Response(content, media_type="text/csv; charset=utf-8")
            response.headers.update(seen.freshness)
        if request.query_params.get("accessType", "").upper() == "DOWNLOAD":
            name = f'attachment; filename="{fourfour}.{extension}"'
            response.headers["Content-Disposition"] = name
        return response


def _query(request: Request) -> Query:
    """Everything, or from `start` on as many as `max_rows` says. Raises: PortalError (400)."""
    asked = request.query_params
    for name in asked:
        is_clause = name.startswith("$") and not name.startswith("$$")
        if is_clause or name in _UNANSWERED:
            raise bad_parameter(name[:100], asked[name], "no such thing of a download")
    limit, offset = (
        _whole_number(name, asked.get(name, str(default)))
        for name, default in (("max_rows", _EVERYTHING), ("start", 0))
    )
    return Query(order=(Ordering(Name(":id")),), limit=limit, offset=offset)


def _whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise bad_parameter(name, text, "a whole number")
    return min(int(text), _EVERYTHING)


def _as_csv(request: Request, columns: tuple[Column, ...], rows: list[tuple[Any, ...]]) -> str:
    """A header of titles and the rows; `bom` and `delimiter` are those of a spreadsheet."""
    delimiter = request.query_params.get("delimiter", ",")
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise bad_parameter("delimiter", delimiter, "one character")
    dates = [n for n, c in enumerate(columns) if c.type.name in ("calendar_date", "date")]
    lines = [[column.name for column in columns]]
    for row in rows:
        cells = list(row)
        for place in dates:
            cells[place] = _as_people_write(cells[place])
        lines.append(cells)
    special = re.compile(f'["\r\n{re.escape(delimiter)}]')
    text = "".join(delimiter.join(_quoted(c, special) for c in line) + "\n" for line in lines)
    return "\ufeff" + text if request.query_params.get("bom", "").lower() == "true" else text


def _quoted(cell: Stored, special: re.Pattern[str]) -> str:
    """A cell of CSV, in quotes where it needs them; a carriage return does, whatever ends lines."""
    if cell is None:
        return ""
    text = str(cell)
    return '"' + text.replace('"', '""') + '"' if special.search(text) else text


def _as_people_write(moment: str | None) -> str | None:
    """`01/31/2024 02:05:00 PM`; that of a fixed moment is in UTC and says so."""
    if moment is None:
        return None
    zone = " +0000" if moment.endswith("Z") else ""
    found = datetime.fromisoformat(moment.removesuffix("Z"))
    return f"{found:%m/%d}/{found.year:04} {found:%I:%M:%S %p}{zone}"


def _as_json(
    view: dict[str, Any], columns: tuple[Column, ...], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    about = [
        {
            "id": -1,
            "name": name,
            "dataTypeName": "meta_data",
            "fieldName": f":{name}",
            "position": 0,
            "renderTypeName": "meta_data",
            "format": {},
            "flags": ["hidden"],
        }
        for name in _META_NAMES
    ]
    data = [
        [*_about(row), *(_cell(column, row.get(column.field)) for column in columns)]
        for row in rows
    ]
    return {"meta": {"view": {**view, "columns": [*about, *view["columns"]]}}, "data": data}


def _about(row: dict[str, Any]) -> list[Any]:
    """The cells of a row about itself: its ids, a place that all share, and its times."""
    number = f"{row_number(row[':id']) or 0:016X}"
    identifier = f"00000000-0000-0000-{number[:4]}-{number[4:]}"
    created, updated = (_epoch(row[name]) for name in (":created_at", ":updated_at"))
    return [row[":id"], identifier, 0, created, None, updated, None, "{ }"]


def _epoch(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def _cell(column: Column, value: Any) -> Any:
    """A value as these lists have it: no milliseconds, objects as lists, points as WKT."""
    kind = column.type.name
    if value is None:
        return None
    if kind == "calendar_date":
        return str(value).removesuffix(".000")
    if kind == "date":
        return _epoch(value)
    if kind == "point":
        longitude, latitude = value["coordinates"]
        return f"POINT ({longitude} {latitude})"
    if kind == "url":
        return [value.get("url"), value.get("description")]
    if kind == "location":
        places = [value.get(name) for name in ("human_address", "latitude", "longitude")]
        return [*places, None, False]
    return value
