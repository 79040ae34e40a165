"""`/resource/{4x4}`: rows in and rows out (protocol 2.1, 2.3 and 2.6).

Requests are taken apart here and answers put together; what rows do is in `writes`, what queries
do in `reads`. Work on SQLite runs in threads, so that a slow query holds up nobody.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from email.utils import formatdate
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.portal.access import require_readable
from orchestration.portal.bodies import Row, RowReader, csv_rows, load_json
from orchestration.portal.dataset import Dataset
from orchestration.portal.errors import NotFoundError, PortalError
from orchestration.portal.reads import Answer, query_from, read_csv, read_json, read_row
from orchestration.portal.reads import with_system_fields as selected
from orchestration.portal.state import Portal, split_name
from orchestration.portal.store import find_dataset
from orchestration.portal.transport import (
    body_format,
    json_response,
    json_text_response,
    read_body,
)
from orchestration.portal.writes import Mutation, Outcome, RowError, look_up_row

_FORMATS = ("json", "csv")
_MAX_HEADER = 3000
"""The real server leaves the column headers out for wide datasets; so do we, by length."""
_FATAL = {
    "no_primary_key": (400, "soda.row.primary-key-nonexistent-or-null"),
    "no_such_row_to_update": (404, "soda.row.not-found"),
    "no_such_row_to_delete": (404, "soda.row.not-found"),
    "version_mismatch": (409, "soda.row.version-mismatch"),
    "version_on_new_row": (409, "soda.row.version-on-new-row"),
}


def routes(portal: Portal) -> list[Route]:
    """The routes of rows; `/id/` reads like `/resource/`."""
    resource = Resource(portal)
    return [
        Route("/resource/{name}", resource.read, methods=["GET"]),
        Route("/resource/{name}", resource.write, methods=["POST", "PUT"]),
        Route("/resource/{name}/{row:path}", resource.read_one, methods=["GET"]),
        Route("/resource/{name}/{row:path}", resource.delete_one, methods=["DELETE"]),
        Route("/id/{name}", resource.read, methods=["GET"]),
    ]


class Resource:
    """The rows of every dataset of one portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def read(self, request: Request) -> Response:
        """Many rows, as JSON or CSV."""
        return await run_in_threadpool(self._read, request)

    async def write(self, request: Request) -> Response:
        """POST upserts, PUT replaces."""
        body = await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._write, request, body)

    async def read_one(self, request: Request) -> Response:
        """One row by its key."""
        return await run_in_threadpool(self._read_one, request)

    async def delete_one(self, request: Request) -> Response:
        """Deletes one row by its key."""
        await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._delete_one, request)

    def _read(self, request: Request) -> Response:
        fourfour, extension = split_name(request.path_params["name"], allowed=_FORMATS)
        logged_in = self._portal.account.knows(request)
        with self._portal.store.reading() as connection:
            dataset = find_dataset(connection, fourfour)
            require_readable(dataset, logged_in=logged_in)
            etag = _etag(request, dataset)
            if request.headers.get("if-none-match") == etag:
                return Response(status_code=304, headers={"ETag": etag})
            query = query_from(request.query_params.multi_items())
            query = selected(query, request.query_params.get("$$exclude_system_fields"))
            read = read_csv if extension == "csv" else read_json
            answer = read(connection, dataset, query)
        headers = {**_freshness(dataset), **_column_headers(answer), "ETag": etag}
        if extension == "csv":
            return Response(answer.body, headers=headers, media_type="text/csv; charset=utf-8")
        return json_text_response(answer.body, headers=headers)

    def _write(self, request: Request, body: bytes) -> Response:
        fourfour, extension = split_name(request.path_params["name"], allowed=_FORMATS)
        self._portal.account.require(request)
        replace = request.method == "PUT"
        is_csv = body_format(request, extension) == "csv"
        payload = None if is_csv else load_json(body)
        with self._portal.store.writing() as connection:
            dataset = find_dataset(connection, fourfour)
            single = isinstance(payload, dict) and not replace
            if is_csv:
                rows = csv_rows(dataset, body)
            else:
                rows = RowReader(dataset).read_all(_row_list(payload, single=single))
            outcome = Mutation(connection, dataset).run(rows, truncate=replace)
            dataset = find_dataset(connection, fourfour)
            if request.query_params.get("$$version") == "2.0":
                answer = json_response(outcome.report())
            elif single:
                answer = _single_answer(connection, dataset, outcome)
            else:
                answer = json_response(outcome.counters())
        answer.headers.update(_freshness(dataset))
        return answer

    def _read_one(self, request: Request) -> Response:
        fourfour, key_text = _row_path(request)
        logged_in = self._portal.account.knows(request)
        system_fields = request.query_params.get("$$exclude_system_fields", "").lower() == "false"
        with self._portal.store.reading() as connection:
            dataset = find_dataset(connection, fourfour)
            require_readable(dataset, logged_in=logged_in)
            key = RowReader(dataset).key_from_text(key_text)
            number = look_up_row(connection, dataset, key)
            if number is None:
                raise NotFoundError("soda.row.not-found", {"value": key_text[:100]})
            answer = read_row(connection, dataset, number, system_fields=system_fields)
        return json_text_response(answer.body, headers=_freshness(dataset))

    def _delete_one(self, request: Request) -> Response:
        fourfour, key_text = _row_path(request)
        self._portal.account.require(request)
        with self._portal.store.writing() as connection:
            dataset = find_dataset(connection, fourfour)
            key = RowReader(dataset).key_from_text(key_text)
            row = Row((), [], key, deleted=True)
            if key is None or not Mutation(connection, dataset).run([row]).deleted:
                raise NotFoundError("soda.row.not-found", {"value": key_text[:100]})
        return json_response([{"typ": "delete", "id": key_text}])


def _row_list(payload: Any, *, single: bool) -> list[Any]:
    if single:
        return [payload]
    if not isinstance(payload, list):
        message = "Expected an array of rows"
        raise PortalError(400, "req.content.json.invalid", message)
    return payload


def _single_answer(connection: sqlite3.Connection, dataset: Dataset, outcome: Outcome) -> Response:
    """The row that one object made, not counters. Raises: PortalError for a row error."""
    if outcome.errors:
        raise _fatal(outcome.errors[0])
    if outcome.last_row is None:
        return json_response([{"typ": "delete"}])
    answer = read_row(connection, dataset, outcome.last_row, system_fields=True)
    return json_text_response(answer.body)


def _fatal(error: RowError) -> PortalError:
    status, code = _FATAL[error.code]
    return PortalError(status, code, f"Row error: {error.error}", {"value": error.primary_key})


def _row_path(request: Request) -> tuple[str, str]:
    """The 4x4 and the key; a key may hold dots and slashes, so only a last `.json` goes."""
    return request.path_params["name"], request.path_params["row"].removesuffix(".json")


def _etag(request: Request, dataset: Dataset) -> str:
    state = f"{dataset.id} {dataset.number} {dataset.data_version} {request.url.path}?"
    return f'W/"{hashlib.sha256(f"{state}{request.url.query}".encode()).hexdigest()[:32]}"'


def _freshness(dataset: Dataset) -> dict[str, str]:
    """How far the replica is; here it is the truth, so it is never behind."""
    moment = (dataset.rows_updated_at or dataset.created_at) / 1000
    modified = formatdate(moment, usegmt=True)
    return {
        "Last-Modified": modified,
        "X-SODA2-Truth-Last-Modified": modified,
        "X-SODA2-Secondary-Last-Modified": modified,
        "X-SODA2-Data-Out-Of-Date": "false",
    }


def _column_headers(answer: Answer) -> dict[str, str]:
    fields, types = json.dumps(answer.fields), json.dumps(answer.types)
    if len(fields) + len(types) > _MAX_HEADER:
        return {}
    return {"X-SODA2-Fields": fields, "X-SODA2-Types": types}
