"""Datasets that are a file, and files attached to datasets (protocol 1.2).

A file comes as multipart, is kept in the store under an id of its own, and is given back whole. It
has no rows; its metadata says so by `viewType` `blobby`.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from dataclasses import replace
from email.message import Message
from email.parser import BytesHeaderParser
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.portal.access import require_readable
from orchestration.portal.dataset import Dataset, metadata
from orchestration.portal.errors import NotFoundError, PortalError, bad_parameter, invalid_request
from orchestration.portal.state import Portal, split_name
from orchestration.portal.store import (
    create_dataset,
    dataset_of_number,
    find_dataset,
    now_ms,
    save_dataset,
)
from orchestration.portal.transport import json_response, read_body

PATH = re.compile(r"/api/(imports2/?|views/[^/]+)")
"""Where files come in."""
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)


class Upload(NamedTuple):
    """One file out of a multipart body."""

    name: str
    mime: str
    content: bytes


def routes(portal: Portal) -> list[Route]:
    """The routes of files."""
    files = Files(portal)
    return [
        Route("/api/imports2", files.create, methods=["POST"]),
        Route("/api/imports2/", files.create, methods=["POST"]),
        Route("/api/views/{name}", files.replace, methods=["POST"]),
        Route("/api/assets/{file}", files.show, methods=["GET"]),
        Route("/api/views/{name}/files/{file}", files.show, methods=["GET"]),
    ]


class Files:
    """The files of one portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def create(self, request: Request) -> Response:
        """A new dataset that is a file; it is published at once."""
        body = await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._create, request, body)

    async def replace(self, request: Request) -> Response:
        """Another file in the place of the old one."""
        body = await read_body(request, self._portal.max_body_bytes)
        return await run_in_threadpool(self._replace, request, body)

    async def show(self, request: Request) -> Response:
        """The file, for whoever may read its dataset."""
        return await run_in_threadpool(self._show, request)

    def _create(self, request: Request, body: bytes) -> Response:
        self._portal.account.require(request)
        _require_method(request, "blob")
        upload = _upload(request, body)
        with self._portal.store.writing() as connection:
            document = {"name": upload.name}
            made = create_dataset(connection, document=document, columns=(), row_identifier=None)
            dataset = replace(made, published_at=now_ms())
            dataset = _with_file(connection, dataset, upload)
        return json_response(metadata(dataset, owner=True))

    def _replace(self, request: Request, body: bytes) -> Response:
        self._portal.account.require(request)
        _require_method(request, "replaceBlob")
        fourfour, _ = split_name(request.path_params["name"], allowed=("txt", "json"))
        upload = _upload(request, body)
        with self._portal.store.writing() as connection:
            dataset = find_dataset(connection, fourfour)
            if "blobId" not in dataset.document:
                raise invalid_request("a dataset of rows cannot become a file")
            connection.execute("delete from files where id = ?", (dataset.document["blobId"],))
            dataset = _with_file(connection, dataset, upload)
        return json_response(metadata(dataset, owner=True))

    def _show(self, request: Request) -> Response:
        logged_in = self._portal.account.knows(request)
        wanted = request.path_params["file"]
        with self._portal.store.reading() as connection:
            sql = "select dataset, mime, content from files where id = ?"
            row = connection.execute(sql, (wanted,)).fetchone()
            if row is None:
                raise NotFoundError("asset.missing", {"id": wanted[:100]})
            number, mime, content = row
            require_readable(dataset_of_number(connection, number), logged_in=logged_in)
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(content, headers=headers, media_type=mime)


def _with_file(connection: sqlite3.Connection, dataset: Dataset, upload: Upload) -> Dataset:
    """The dataset with this as its file and as its attachment."""
    identifier = str(uuid.uuid4())
    row = (identifier, dataset.number, upload.mime, upload.content)
    connection.execute("insert into files values (?, ?, ?, ?)", row)
    attachment = {"filename": upload.name, "name": upload.name, "blobId": identifier}
    settings = dict(dataset.document.get("metadata") or {})
    document = {
        **dataset.document,
        "blobId": identifier,
        "blobFilename": upload.name,
        "blobFileSize": len(upload.content),
        "blobMimeType": upload.mime,
        "metadata": {**settings, "attachments": [attachment]},
    }
    now = now_ms()
    changed = replace(dataset, document=document, modified_at=now, rows_updated_at=now)
    save_dataset(connection, changed)
    return changed


def _require_method(request: Request, expected: str) -> None:
    method = request.query_params.get("method", "")
    if method != expected:
        raise bad_parameter("method", method, expected)


def _upload(request: Request, body: bytes) -> Upload:
    """The part `file` of a multipart body. Raises: PortalError (400 or 415) where there is none."""
    declared = Message()
    declared["Content-Type"] = request.headers.get("content-type", "")
    boundary = declared.get_param("boundary")
    if declared.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        message = "Expected multipart/form-data with a boundary"
        raise PortalError(415, "req.content-type.not-multipart", message)
    for part in (b"\r\n" + body).split(f"\r\n--{boundary}".encode("latin-1", "replace"))[1:]:
        head, blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesHeaderParser().parsebytes(head)
        name = headers.get_filename()
        if blank and headers.get_param("name", header="content-disposition") == "file" and name:
            mime = headers.get_content_type() if "content-type" in headers else ""
            kind = mime if _MIME.fullmatch(mime) else "application/octet-stream"
            return Upload(name.replace("\\", "/").rpartition("/")[2] or "file", kind, content)
    raise invalid_request("there is no file in the body")
