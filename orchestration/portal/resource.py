"""`/resource/{4x4}`: rows in and rows out (protocol 2.1, 2.3 and 2.6).

Requests are taken apart here and answers put together; what rows do is in `writes`, what queries
do in `reads`. Work on SQLite runs in threads, so that a slow query holds up nobody.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.portal.access import require_readable
from orchestration.portal.behaviour import Behaviour
from orchestration.portal.bodies import Row, RowReader, csv_rows, load_json
from orchestration.portal.dataset import Dataset
from orchestration.portal.errors import NotFoundError, PortalError, invalid_request
from orchestration.portal.fault_effects import FaultEffects
from orchestration.portal.reads import NOTHING, Answer, query_from, read_csv, read_json, read_row
from orchestration.portal.reads import with_system_fields as selected
from orchestration.portal.state import Portal, split_name
from orchestration.portal.store import find_dataset, find_if_there
from orchestration.portal.transport import (
    body_format,
    json_response,
    json_text_response,
    read_body,
)
from orchestration.portal.values import Stored
from orchestration.portal.writes import Mutation, Outcome, RowError, look_up_row

_FORMATS = ("json", "csv")
_WARNING = "X-SODA2-Fields and X-SODA2-Types are deprecated"
_MAX_HEADER = 3000
"""The real server leaves the column headers out for wide datasets; so do we, by length."""
_FATAL = {
    "no_primary_key": (400, "soda.row.primary-key-nonexistent-or-null"),
    "no_such_row_to_update": (404, "soda.row.not-found"),
    "no_such_row_to_delete": (404, "soda.row.not-found"),
    "version_mismatch": (409, "soda.row.version-mismatch"),
    "version_on_new_row": (409, "soda.row.version-on-new-row"),
    "bad_row": (400, "invalid-request"),
}


def routes(portal: Portal) -> list[Route]:
    """The routes of rows; `/id/` reads like `/resource/`."""
    resource = Resource(portal)
    return [
        Route("/resource/{name}", resource.read, methods=["GET"]),
        Route("/resource/{name}", resource.write, methods=["POST", "PUT"]),
        Route("/resource/{name}/{row:path}", resource.read_one, methods=["GET"]),
        Route("/resource/{name}/{row:path}", resource.write_one, methods=["POST", "PUT"]),
        Route("/resource/{name}/{row:path}", resource.delete_one, methods=["DELETE"]),
        Route("/id/{name}", resource.read, methods=["GET"]),
    ]


@dataclass(frozen=True)
class Seen:
    """A dataset as one reader sees it."""

    connection: sqlite3.Connection
    dataset: Dataset
    freshness: dict[str, str]
    is_empty: bool = False
    """Whether the replica has none of its rows yet."""


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

    async def write_one(self, request: Request) -> Response:
        """One row by its key: POST merges, PUT replaces every column."""
        body = await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._write_one, request, body)

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
        with self.seen(request, fourfour, logged_in=logged_in) as seen:
            etag = _etag(request, seen.dataset)
            if request.headers.get("if-none-match") == etag:
                return Response(status_code=304, headers={"ETag": etag, **seen.freshness})
            max_limit = self._portal.behaviour.max_limit
            query = query_from(request.query_params.multi_items(), max_limit=max_limit)
            query = selected(query, request.query_params.get("$$exclude_system_fields"))
            if seen.is_empty:
                query.where = NOTHING
            read = read_csv if extension == "csv" else read_json
            answer = read(seen.connection, seen.dataset, query)
        headers = {**seen.freshness, **_column_headers(answer), "ETag": etag}
        if extension == "csv":
            return Response(answer.body, headers=headers, media_type="text/csv; charset=utf-8")
        return json_text_response(answer.body, headers=headers)

    def _write(self, request: Request, body: bytes) -> Response:
        fourfour, extension = split_name(request.path_params["name"], allowed=_FORMATS)
        self._portal.account.require(request)
        truncate = request.method == "PUT"
        is_csv = body_format(request, extension) == "csv"
        payload = None if is_csv else load_json(body)
        single = isinstance(payload, dict) and not truncate
        behaviour = self._portal.behaviour

        def rows(dataset: Dataset) -> Iterable[Row]:
            if is_csv:
                return csv_rows(dataset, body, behaviour)
            reader = RowReader(dataset, behaviour=behaviour)
            return reader.read_all(_row_list(payload, single=single))

        return self._apply(request, fourfour, rows, truncate=truncate, single=single)

    def _write_one(self, request: Request, body: bytes) -> Response:
        fourfour, key_text = _row_path(request)
        self._portal.account.require(request)
        body_format(request, "json")
        payload = load_json(body)
        if not isinstance(payload, dict):
            raise PortalError(400, "req.content.json.invalid", "Expected one row as an object")

        def rows(dataset: Dataset) -> Iterable[Row]:
            reader = RowReader(dataset, behaviour=self._portal.behaviour)
            key = reader.key_from_text(key_text)
            if key is None:
                raise NotFoundError("soda.row.not-found", {"value": key_text[:100]})
            row = reader.read(tuple(payload), payload.values())
            if row.key not in (None, key):
                raise invalid_request("the row has another row identifier than its address")
            return [_addressed(row, key, key_text, dataset, whole=request.method == "PUT")]

        return self._apply(request, fourfour, rows, truncate=False, single=True)

    def _apply(
        self,
        request: Request,
        fourfour: str,
        rows: Callable[[Dataset], Iterable[Row]],
        *,
        truncate: bool,
        single: bool,
    ) -> Response:
        """Does what the rows say, in one transaction; what is answered is for the behaviour."""
        behaviour, meddling = self._portal.behaviour, FaultEffects(request)

        def apply() -> Response:
            with self._portal.store.writing(keep=meddling.keeps) as connection:
                dataset = find_dataset(connection, fourfour)
                _check_version(request, dataset, behaviour)
                meddled = meddling.rows(rows(dataset))
                outcome = Mutation(connection, dataset).run(meddled, truncate=truncate)
                _check_errors(request, outcome, behaviour)
                meddling.before_commit()
                outcome = meddling.counted(outcome)
                dataset = find_dataset(connection, fourfour)
                if request.query_params.get("$$version") == "2.0" and behaviour.version_two:
                    answer = json_response(outcome.report())
                elif single:
                    answer = _single_answer(connection, dataset, outcome)
                else:
                    answer = json_response(outcome.counters(behaviour))
            answer.headers.update(freshness(dataset, dataset))
            return answer

        first = apply()
        if meddling.repeats:
            with suppress(PortalError):
                apply()
        return first

    def _read_one(self, request: Request) -> Response:
        fourfour, key_text = _row_path(request)
        logged_in = self._portal.account.knows(request)
        system_fields = request.query_params.get("$$exclude_system_fields", "").lower() == "false"
        with self.seen(request, fourfour, logged_in=logged_in) as seen:
            key = RowReader(seen.dataset).key_from_text(key_text)
            number = look_up_row(seen.connection, seen.dataset, key)
            if number is None or seen.is_empty:
                raise NotFoundError("soda.row.not-found", {"value": key_text[:100]})
            answer = read_row(seen.connection, seen.dataset, number, system_fields=system_fields)
        return json_text_response(answer.body, headers=seen.freshness)

    @contextmanager
    def seen(self, request: Request, fourfour: str, *, logged_in: bool) -> Iterator[Seen]:
        """What this reader gets to see of a dataset: the replica, which may be behind."""
        with self._portal.store.reading() as connection:
            truth = find_dataset(connection, fourfour)
            require_readable(truth, logged_in=logged_in)
            meddling = FaultEffects(request)
            with self._portal.replica.reading(meddling.held) as behind:
                replica = find_if_there(behind, fourfour)
                if replica is None or _shape(replica) != _shape(truth):
                    unseen = replace(truth, data_version=0, rows_updated_at=None)
                    yield Seen(connection, unseen, freshness(truth, None), is_empty=True)
                else:
                    claimed = replica if meddling.lies else truth
                    yield Seen(behind, replica, freshness(claimed, replica))

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


def _addressed(row: Row, key: Stored, key_text: str, dataset: Dataset, *, whole: bool) -> Row:
    """The row of an address; a whole one has nothing in the columns that the body leaves out."""
    values = dict(zip(row.fields, row.values, strict=True))
    if whole:
        values = {column.field: values.get(column.field) for column in dataset.columns}
    if dataset.key is not None:
        values[dataset.key.field] = dataset.key.type.from_text(key_text)
    return row._replace(fields=tuple(values), values=list(values.values()), key=key)


def _row_list(payload: Any, *, single: bool) -> list[Any]:
    if single:
        return [payload]
    if not isinstance(payload, list):
        message = "Expected an array of rows"
        raise PortalError(400, "req.content.json.invalid", message)
    return payload


def _check_version(request: Request, dataset: Dataset, behaviour: Behaviour) -> None:
    """Refuses a write that expects other rows, where that is heeded. Raises: PortalError (409)."""
    expected = request.query_params.get("expectedDataVersion")
    if behaviour.expected_version and expected not in (None, str(dataset.data_version)):
        message = f"The dataset is at version {dataset.data_version}"
        raise PortalError(409, "soda.row.dataset-version-mismatch", message)


def _check_errors(request: Request, outcome: Outcome, behaviour: Behaviour) -> None:
    """Fails the request at its first row error, where that is heeded. Raises: PortalError."""
    wanted = request.query_params.get("errorsAreFatal", "").lower() == "true"
    if behaviour.errors_are_fatal and wanted and outcome.errors:
        raise _fatal(outcome.errors[0])


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


def freshness(truth: Dataset, replica: Dataset | None) -> dict[str, str]:
    """How far the replica is behind the truth, as headers (2.5); times are in whole seconds."""
    behind = replica is None or replica.data_version < truth.data_version
    seen = _modified(replica) if replica else formatdate(truth.created_at / 1000, usegmt=True)
    return {
        "Last-Modified": seen,
        "X-SODA2-Truth-Last-Modified": _modified(truth),
        "X-SODA2-Truth-Version": str(truth.data_version),
        "X-SODA2-Secondary-Last-Modified": seen,
        "X-SODA2-Data-Out-Of-Date": str(behind).lower(),
        "X-SODA2-Row-Count": str(replica.row_count if replica else 0),
    }


def _shape(dataset: Dataset) -> list[tuple[str, str]]:
    return [(column.field, column.type.name) for column in dataset.columns]


def _modified(dataset: Dataset) -> str:
    return formatdate((dataset.rows_updated_at or dataset.created_at) / 1000, usegmt=True)


def _column_headers(answer: Answer) -> dict[str, str]:
    fields, types = json.dumps(answer.fields), json.dumps(answer.types)
    if len(fields) + len(types) > _MAX_HEADER:
        return {}
    return {"X-SODA2-Fields": fields, "X-SODA2-Types": types, "X-SODA2-Warning": _WARNING}
