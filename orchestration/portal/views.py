"""`/api/views`: making, describing, publishing and dropping datasets.

Protocol 2.1 and 2.5. Rows are not touched here, except when a dataset goes with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.portal.access import Role, require_readable
from orchestration.portal.bodies import load_object
from orchestration.portal.dataset import (
    OWNER,
    SCOPES,
    Dataset,
    columns_from,
    columns_updated,
    document_from,
    metadata,
    row_identifier_from,
    scope,
)
from orchestration.portal.errors import bad_parameter, invalid_request
from orchestration.portal.state import Portal, split_name
from orchestration.portal.store import (
    create_dataset,
    drop_dataset,
    find_dataset,
    find_if_there,
    next_number,
    now_ms,
    save_dataset,
    set_row_identifier,
)
from orchestration.portal.transport import json_response, read_body

_JSON = ("json",)
_PERMISSIONS = {"public.read": True, "public": True, "private": False}
_OWNING = {
    "id": OWNER["id"],
    "displayName": OWNER["displayName"],
    "type": "user",
    "accessLevels": [{"name": "current_owner", "version": "all"}],
}


def routes(portal: Portal) -> list[Route]:
    """The routes of views, with and without `.json`."""
    views = Views(portal)
    return [
        *_both("/api/views", views.create, "POST"),
        *_both("/api/views/{name}/publication", views.publish, "POST"),
        *_both("/api/views/{name}/replication", views.replication, "GET"),
        Route("/api/views/{name}", views.show, methods=["GET"]),
        Route("/api/views/{name}", views.update, methods=["PUT"]),
        Route("/api/views/{name}", views.drop, methods=["DELETE"]),
        Route("/api/views/{name}/permissions", views.permissions, methods=["GET"]),
        Route("/api/views/{name}/permissions", views.change_permissions, methods=["PUT"]),
    ]


def _both(path: str, endpoint: Callable[..., Any], method: str) -> list[Route]:
    return [Route(path + end, endpoint, methods=[method]) for end in (".json", "")]


class Views:
    """The datasets of one portal, without their rows."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def create(self, request: Request) -> Response:
        """A new dataset: private, and a working copy until it is published."""
        body = await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._create, request, body)

    async def show(self, request: Request) -> Response:
        """The metadata."""
        return await run_in_threadpool(self._show, request)

    async def update(self, request: Request) -> Response:
        """New metadata or, with `method=setPermission`, public or private."""
        body = await read_body(request, self._portal.max_body_bytes)
        if request.query_params.get("method") == "setPermission":
            return await run_in_threadpool(self._set_permission, request)
        return await run_in_threadpool(self._update, request, body)

    async def publish(self, request: Request) -> Response:
        """Makes a working copy the published dataset."""
        await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._publish, request)

    async def drop(self, request: Request) -> Response:
        """Drops a dataset and all its rows; the answer has no body."""
        await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._drop, request)

    async def replication(self, request: Request) -> Response:
        """Which version the truth has, and which the replica."""
        return await run_in_threadpool(self._replication, request)

    async def permissions(self, request: Request) -> Response:
        """Who may read it: everybody, or the owner alone."""
        return await run_in_threadpool(self._permissions, request)

    async def change_permissions(self, request: Request) -> Response:
        """Another `scope`; there are no users to share with."""
        body = await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._change_permissions, request, body)

    def _create(self, request: Request, body: bytes) -> Response:
        self._portal.account.require(request)
        payload = load_object(body)
        if not payload.get("name"):
            raise invalid_request("name: expected a title")
        document = document_from(payload)
        with self._portal.store.writing() as connection:
            columns = columns_from(payload.get("columns") or [], next_number(connection))
            dataset = create_dataset(
                connection,
                document=document,
                columns=columns,
                row_identifier=row_identifier_from(payload, columns),
            )
        return json_response(metadata(dataset, owner=True))

    def _show(self, request: Request) -> Response:
        role = self._portal.account.role(request)
        dataset = self._readable(request, role is not Role.STRANGER)
        return json_response(metadata(dataset, owner=role is Role.OWNER))

    def _update(self, request: Request, body: bytes) -> Response:
        self._portal.account.require(request)
        payload = load_object(body)
        document = document_from(payload)
        with self._portal.store.writing() as connection:
            dataset = find_dataset(connection, _fourfour(request))
            wanted = row_identifier_from(payload, dataset.columns)
            if wanted is not None and wanted != dataset.row_identifier:
                dataset = set_row_identifier(connection, dataset, wanted)
            columns = dataset.columns
            if payload.get("columns") is not None:
                columns = columns_updated(columns, payload["columns"])
            dataset = replace(
                dataset,
                document={**dataset.document, **document},
                columns=columns,
                modified_at=now_ms(),
            )
            save_dataset(connection, dataset)
        return json_response(metadata(dataset, owner=True))

    def _set_permission(self, request: Request) -> Response:
        self._portal.account.require(request)
        value = request.query_params.get("value", "")
        if value not in _PERMISSIONS:
            raise bad_parameter("value", value, "public.read or private")
        self._change(request, public=_PERMISSIONS[value])
        return Response()

    def _permissions(self, request: Request) -> Response:
        dataset = self._readable(request, self._portal.account.knows(request))
        return json_response(_permissions(dataset))

    def _change_permissions(self, request: Request, body: bytes) -> Response:
        self._portal.account.require(request)
        payload = load_object(body)
        if payload.get("scope") not in SCOPES or payload.get("users") not in (None, [], [_OWNING]):
            raise invalid_request("scope: expected public or private, and no users to share with")
        dataset = self._change(request, public=payload["scope"] == "public")
        return json_response(_permissions(dataset))

    def _publish(self, request: Request) -> Response:
        self._portal.account.require(request)
        dataset = self._change(request, published_at=now_ms())
        return json_response(metadata(dataset, owner=True))

    def _change(self, request: Request, **changes: Any) -> Dataset:
        with self._portal.store.writing() as connection:
            dataset = find_dataset(connection, _fourfour(request))
            dataset = replace(dataset, **changes, modified_at=now_ms())
            save_dataset(connection, dataset)
        return dataset

    def _drop(self, request: Request) -> Response:
        self._portal.account.require(request)
        with self._portal.store.writing() as connection:
            drop_dataset(connection, find_dataset(connection, _fourfour(request)))
        return Response()

    def _replication(self, request: Request) -> Response:
        dataset = self._readable(request, self._portal.account.knows(request))
        with self._portal.replica.reading() as connection:
            replica = find_if_there(connection, dataset.id)
        secondary = {"name": "local", "version": replica.data_version if replica else 0}
        version = dataset.data_version
        return json_response({"truth_data_version": version, "secondary_versions": [secondary]})

    def _readable(self, request: Request, logged_in: bool) -> Dataset:
        with self._portal.store.reading() as connection:
            dataset = find_dataset(connection, _fourfour(request))
        require_readable(dataset, logged_in=logged_in)
        return dataset


def _permissions(dataset: Dataset) -> dict[str, Any]:
    return {"scope": scope(dataset), "users": [_OWNING]}


def _fourfour(request: Request) -> str:
    return split_name(request.path_params["name"], allowed=_JSON)[0]
