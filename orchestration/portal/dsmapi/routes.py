"""`/api/publishing/v1`: requests taken apart, answers with their links put together (protocol 3.1).

What takes time on the real one is done at once here, but answered as there: the answer to what
begins the work shows it unfinished, and clients see its end when they ask again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.portal.bodies import load_object
from orchestration.portal.dsmapi import links
from orchestration.portal.dsmapi.drafts import Drafts
from orchestration.portal.dsmapi.schemas import Cell, computed, is_row_identifier, transforms_of
from orchestration.portal.dsmapi.transforms import as_json
from orchestration.portal.errors import bad_parameter
from orchestration.portal.state import Portal
from orchestration.portal.transport import json_response, read_body

_CHUNK_BYTES = 4 * 1024 * 1024
_PARALLELISM = 2
_PAGE = 500
Answer = Callable[[Request, bytes], Response]


def routes(portal: Portal) -> list[Route]:
    """The routes of revisions, sources, schemas and jobs."""
    revisions, sources = Revisions(portal), Sources(portal)
    schemas = Schemas(portal)
    revision = "/revision/{fourfour}/{sequence:int}"
    source = "/source/{source:int}"
    schema = source + "/schema/{schema:int}"
    output = schema + "/output/{output:int}"
    listed: list[tuple[str, str, Answer]] = [
        ("POST", "/revision", revisions.create_with_view),
        ("POST", "/revision/{fourfour}", revisions.create),
        ("GET", "/revision/{fourfour}", revisions.list),
        ("GET", revision, revisions.show),
        ("PUT", revision, revisions.update),
        ("DELETE", revision, revisions.discard),
        ("PUT", f"{revision}/apply", revisions.apply),
        ("GET", f"{revision}/plan", revisions.plan),
        ("POST", f"{revision}/source", sources.create_in_revision),
        ("GET", f"{revision}/source", sources.list),
        ("GET", "/job/{job:int}", revisions.job),
        ("POST", "/source", sources.create),
        ("GET", source, sources.show),
        ("POST", source, sources.take),
        ("PATCH", source, sources.move),
        ("POST", f"{source}/initiate", sources.initiate),
        ("POST", f"{source}/chunk/{{place:int}}/{{offset:int}}", sources.chunk),
        ("POST", f"{source}/chunk/{{place:int}}/{{offset:int}}/commit", sources.commit),
        ("GET", schema, schemas.show_input),
        ("POST", schema, schemas.transform),
        ("GET", f"{schema}/output/latest", schemas.latest),
        ("GET", output, schemas.show),
        ("GET", f"{output}/rows", schemas.rows),
        ("GET", f"{output}/errors", schemas.errors),
        ("GET", f"{output}/validate_row_id/{{transform:int}}", schemas.validate),
    ]
    return [
        Route(links.BASE + path, _endpoint(portal, answer), methods=[method])
        for method, path, answer in listed
    ]


def _endpoint(portal: Portal, answer: Answer) -> Callable[..., Any]:
    def answer_owner(request: Request, body: bytes) -> Response:
        portal.account.require(request)
        return answer(request, body)

    async def endpoint(request: Request) -> Response:
        body = await read_body(request, portal.max_body_bytes)
        return await run_in_threadpool(answer_owner, request, body)

    return endpoint


def _resource(resource: dict[str, Any], linked: dict[str, Any], status: int = 200) -> Response:
    return json_response({"resource": resource, "links": linked}, status=status)


class Revisions:
    """Drafts of changes to datasets."""

    def __init__(self, portal: Portal) -> None:
        self._drafts = Drafts(portal)

    def create_with_view(self, request: Request, body: bytes) -> Response:
        """A revision of a dataset that is made with it."""
        return self._shown(self._drafts.new_revision(None, load_object(body)), status=201)

    def create(self, request: Request, body: bytes) -> Response:
        """A revision of a dataset."""
        fourfour = request.path_params["fourfour"]
        return self._shown(self._drafts.new_revision(fourfour, load_object(body)), status=201)

    def list(self, request: Request, body: bytes) -> Response:
        """Every revision of a dataset."""
        found = self._drafts.revisions(request.path_params["fourfour"])
        return json_response([{"resource": one, "links": _revision_links(one)} for one in found])

    def show(self, request: Request, body: bytes) -> Response:
        """One revision."""
        return self._shown(self._drafts.revision(*_revision_of(request)))

    def update(self, request: Request, body: bytes) -> Response:
        """Another metadata, action, output schema or note."""
        return self._shown(self._drafts.update_revision(*_revision_of(request), load_object(body)))

    def discard(self, request: Request, body: bytes) -> Response:
        """Closes a revision that was not applied."""
        return self._shown(self._drafts.discard(*_revision_of(request)))

    def apply(self, request: Request, body: bytes) -> Response:
        """Applies it, or submits it for approval."""
        given = load_object(body) if body else {}
        job = self._drafts.apply(*_revision_of(request), given.get("output_schema_id"))
        if "key" in job:
            return _resource(job, {}, status=202)
        begun = {**job, "status": "initializing", "finished_at": None, "log": []}
        return _resource(begun, links.job_links(job["id"]), status=202)

    def plan(self, request: Request, body: bytes) -> Response:
        """The tasks that applying it goes through."""
        return _resource(self._drafts.plan(*_revision_of(request)), {})  # type: ignore[arg-type]

    def job(self, request: Request, body: bytes) -> Response:
        """How applying went."""
        job = self._drafts.job(request.path_params["job"])
        return _resource(job, links.job_links(job["id"]))

    def _shown(self, revision: dict[str, Any], *, status: int = 200) -> Response:
        return _resource(revision, _revision_links(revision), status)


class Sources:
    """Files on their way into a revision."""

    def __init__(self, portal: Portal) -> None:
        self._drafts = Drafts(portal)

    def create(self, request: Request, body: bytes) -> Response:
        """A source that belongs to no revision yet."""
        return self._shown(self._drafts.new_source(None, load_object(body)), status=201)

    def create_in_revision(self, request: Request, body: bytes) -> Response:
        """A source of a revision."""
        source = self._drafts.new_source(_revision_of(request), load_object(body))
        return self._shown(source, status=201)

    def list(self, request: Request, body: bytes) -> Response:
        """The sources of a revision."""
        found = self._drafts.sources(*_revision_of(request))
        return json_response(
            [{"resource": one, "links": links.source_links(one["id"])} for one in found]
        )

    def show(self, request: Request, body: bytes) -> Response:
        """One source with its schemas."""
        return self._shown(self._drafts.source(request.path_params["source"]))

    def take(self, request: Request, body: bytes) -> Response:
        """The whole file at once or, as JSON, other parse options."""
        number = request.path_params["source"]
        content_type = request.headers.get("content-type", "").partition(";")[0].strip()
        if content_type == "application/json":
            return self._shown(self._drafts.update_source(number, load_object(body)))
        self._drafts.initiate(number, content_type)
        self._drafts.chunk(number, 0, body)
        return self._shown(self._drafts.commit(number, len(body)))

    def move(self, request: Request, body: bytes) -> Response:
        """Puts a source into a revision."""
        number = request.path_params["source"]
        return self._shown(self._drafts.move_source(number, load_object(body)))

    def initiate(self, request: Request, body: bytes) -> Response:
        """Begins an upload in chunks."""
        given = load_object(body)
        self._drafts.initiate(request.path_params["source"], str(given.get("content_type")))
        return json_response(
            {
                "preferred_chunk_size": _CHUNK_BYTES,
                "preferred_upload_parallelism": _PARALLELISM,
            }
        )

    def chunk(self, request: Request, body: bytes) -> Response:
        """One piece of the file, at its offset; they may come in any order, and twice."""
        path = request.path_params
        self._drafts.chunk(path["source"], path["offset"], body)
        return json_response({"seq_num": path["place"], "byte_offset": path["offset"]})

    def commit(self, request: Request, body: bytes) -> Response:
        """Ends an upload; the offset is the size of the whole file."""
        path = request.path_params
        return self._shown(self._drafts.commit(path["source"], path["offset"]))

    def _shown(self, source: dict[str, Any], *, status: int = 200) -> Response:
        return _resource(source, links.source_links(source["id"]), status)


class Schemas:
    """What the columns of a file become, with previews and errors."""

    def __init__(self, portal: Portal) -> None:
        self._drafts = Drafts(portal)

    def show_input(self, request: Request, body: bytes) -> Response:
        """An input schema."""
        schema = self._drafts.input_schema(*_path(request, "source", "schema"))
        return _resource(schema, links.input_links(*_path(request, "source", "schema")))

    def transform(self, request: Request, body: bytes) -> Response:
        """A new output schema, still being computed."""
        source, schema = _path(request, "source", "schema")
        made = self._drafts.new_output(source, schema, load_object(body))
        begun = {
            **made,
            "completed_at": None,
            "finished_at": None,
            "total_rows": None,
            "error_count": 0,
        }
        return _resource(begun, links.output_links(source, schema, made["id"]), status=201)

    def latest(self, request: Request, body: bytes) -> Response:
        """The newest output schema of an input schema."""
        source, schema = _path(request, "source", "schema")
        found = self._drafts.input_schema(source, schema)["output_schemas"][-1]
        return _resource(found, links.output_links(source, schema, found["id"]))

    def show(self, request: Request, body: bytes) -> Response:
        """An output schema."""
        path = _path(request, "source", "schema", "output")
        return _resource(self._drafts.output_schema(*path), links.output_links(*path))

    def rows(self, request: Request, body: bytes) -> Response:
        """A page of computed rows, under a header."""
        columns, found = self._computed(request)
        return _page(request, columns, found)

    def errors(self, request: Request, body: bytes) -> Response:
        """A page of the rows with errors or, for people, all of them as CSV."""
        columns, found = self._computed(request)
        failed = (cells for cells in found if any(cell.error for cell in cells))
        if "text/csv" in request.headers.get("accept", ""):
            return _as_csv(columns, failed)
        return _page(request, columns, failed)

    def validate(self, request: Request, body: bytes) -> Response:
        """Whether a column can be the row identifier."""
        path = _path(request, "source", "schema", "output")
        schema = self._drafts.output_schema(*path)
        sheet = self._drafts.sheet(path[0])
        transform = request.path_params["transform"]
        valid = is_row_identifier(schema["output_columns"], sheet, transform)
        return json_response({"valid": valid})

    def _computed(self, request: Request) -> tuple[list[dict[str, Any]], Iterable[list[Cell]]]:
        path = _path(request, "source", "schema", "output")
        columns = self._drafts.output_schema(*path)["output_columns"]
        sheet = self._drafts.sheet(path[0])
        kinds = [transform.type for transform in transforms_of(columns, sheet)]
        named = [{**c, "kind": kind} for c, kind in zip(columns, kinds, strict=True)]
        return named, computed(columns, sheet)


def _revision_links(revision: dict[str, Any]) -> dict[str, Any]:
    return links.revision_links(revision["fourfour"], revision["revision_seq"])


def _revision_of(request: Request) -> tuple[str, int]:
    return request.path_params["fourfour"], request.path_params["sequence"]


def _path(request: Request, *names: str) -> Any:
    return tuple(request.path_params[name] for name in names)


def _page(request: Request, columns: list[dict[str, Any]], rows: Iterable[list[Cell]]) -> Response:
    offset = _whole_number(request, "offset", 0)
    limit = _whole_number(request, "limit", _PAGE)
    listed = [
        {
            "row": [
                {"error": {"message": cell.error, "inputs": {}}}
                if cell.error
                else {"ok": as_json(column["kind"], cell.value)}
                for column, cell in zip(columns, cells, strict=True)
            ]
        }
        for cells in islice(rows, offset, offset + limit)
    ]
    return json_response([{"row": [column["field_name"] for column in columns]}, *listed])


def _as_csv(columns: list[dict[str, Any]], rows: Iterable[list[Cell]]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column["field_name"] for column in columns])
    for cells in rows:
        writer.writerow(
            [cell.error or _plain(c["kind"], cell) for c, cell in zip(columns, cells, strict=True)]
        )
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8")


def _plain(kind: str, cell: Cell) -> str:
    value = as_json(kind, cell.value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _whole_number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise bad_parameter(name, text, "a whole number")
    return int(text)
