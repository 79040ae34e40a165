"""The life of a draft: revisions, sources and schemas made, changed, applied and discarded.

Each change is one transaction of the store. What a file and a schema mean is in `sheets` and
`schemas`, what applying does in `applying`, how it looks over HTTP in `routes`.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from orchestration.portal.dsmapi import documents, schemas
from orchestration.portal.dsmapi.applying import PLAN, apply_metadata, apply_rows
from orchestration.portal.dsmapi.sheets import DEFAULT_OPTIONS, SEPARATORS, Sheet
from orchestration.portal.errors import NotFoundError, PortalError, invalid_request
from orchestration.portal.state import Portal
from orchestration.portal.store import create_dataset, find_dataset
from orchestration.portal.writes import Outcome

_ACTIONS = ("replace", "update", "delete")
_PERMISSIONS = (None, "public", "private")
_SETTABLE = ("metadata", "output_schema_id", "notes")
_KINDS_OF_OPTIONS: dict[str, type | tuple[type, ...]] = {
    "encoding": str,
    "header_count": int,
    "column_header": int,
    "column_separator": (str, type(None)),
    "quote_char": str,
    "parse_source": bool,
    "trim_whitespace": bool,
    "remove_empty_rows": bool,
}


class Drafts:
    """The drafts of one portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._uploads = documents.Uploads(portal.store.home)

    def new_revision(self, fourfour: str | None, payload: dict[str, Any]) -> dict[str, Any]:
        """A new revision of a dataset or, without one, of a dataset made for it."""
        action = _action(payload.get("action"))
        metadata = _metadata(payload.get("metadata"))
        with self._portal.store.writing() as connection:
            if fourfour is None:
                document = {"name": metadata.get("name") or "Untitled"}
                dataset = create_dataset(
                    connection, document=document, columns=(), row_identifier=None
                )
            else:
                dataset = find_dataset(connection, fourfour)
            others = documents.select(connection, "revision", fourfour=dataset.id)
            return documents.insert(
                connection,
                "revision",
                {
                    "fourfour": dataset.id,
                    "revision_seq": len(others),
                    "metadata": metadata,
                    "action": action,
                    "output_schema_id": None,
                    "blob_id": None,
                    "notes": None,
                    "created_at": schemas.moment(),
                    "closed_at": None,
                    "task_sets": [],
                    "attachments": [],
                    "href": [],
                },
            )

    def revisions(self, fourfour: str) -> list[dict[str, Any]]:
        """Every revision of a dataset, the oldest first."""
        with self._portal.store.reading() as connection:
            dataset = find_dataset(connection, fourfour)
            return documents.select(connection, "revision", fourfour=dataset.id)

    def revision(self, fourfour: str, sequence: int) -> dict[str, Any]:
        """One revision. Raises: NotFoundError."""
        with self._portal.store.reading() as connection:
            return _revision(connection, fourfour, sequence)

    def update_revision(
        self, fourfour: str, sequence: int, payload: dict[str, Any]
    ) -> dict[str, Any]:
        """Sets what the payload names; metadata is merged."""
        with self._portal.store.writing() as connection:
            revision = _open_revision(connection, fourfour, sequence)
            changes = {name: payload[name] for name in _SETTABLE if name in payload}
            if "metadata" in changes:
                changes["metadata"] = {**revision["metadata"], **_metadata(changes["metadata"])}
            if "action" in payload:
                changes["action"] = _action(payload["action"])
            if changes.get("output_schema_id") is not None:
                _schema_of(connection, revision, changes["output_schema_id"])
            return documents.update(connection, "revision", {**revision, **changes})

    def discard(self, fourfour: str, sequence: int) -> dict[str, Any]:
        """Closes a revision and removes its files; the dataset stays as it is.

        One that was applied, or discarded before, stays closed as it was: only its files go.
        """
        with self._portal.store.writing() as connection:
            closed = _revision(connection, fourfour, sequence)
            if closed["closed_at"] is None:
                closed = {**closed, "closed_at": schemas.moment(), "discarded": True}
                documents.update(connection, "revision", closed)
            sources = documents.select(connection, "source", revision_id=closed["id"])
        for source in sources:
            self._uploads.drop(source["id"])
        return closed

    def plan(self, fourfour: str, sequence: int) -> list[dict[str, Any]]:
        """The tasks of applying."""
        revision = self.revision(fourfour, sequence)
        with_rows = revision["output_schema_id"] is not None
        rows_only = ("set_schema", "upsert_task")
        return [{"type": task} for task in PLAN if with_rows or task not in rows_only]

    def apply(self, fourfour: str, sequence: int, schema_id: Any) -> dict[str, Any]:
        """Applies a revision: a finished job, or word that somebody has to approve it."""
        behaviour = self._portal.behaviour
        if behaviour.dsmapi_approval:
            self.revision(fourfour, sequence)
            return {"key": "approval_submitted", "message": "Submitted for approval", "id": 0}
        with self._portal.store.writing() as connection:
            revision = _open_revision(connection, fourfour, sequence)
            dataset = find_dataset(connection, fourfour)
            dataset = apply_metadata(connection, dataset, revision)
            outcome = Outcome()
            schema_id = schema_id or revision["output_schema_id"]
            if schema_id is not None:
                schema = _schema_of(connection, revision, schema_id)
                outcome = apply_rows(
                    connection,
                    dataset,
                    action=revision["action"]["type"],
                    columns=schema["output_columns"],
                    sheet=self._sheet(connection, schema["source_id"]),
                    behaviour=behaviour,
                )
            job = documents.insert(connection, "job", _job(outcome, revision))
            closed = {**revision, "closed_at": schemas.moment(), "task_sets": [job]}
            documents.update(connection, "revision", {**closed, "output_schema_id": schema_id})
        return job

    def job(self, number: int) -> dict[str, Any]:
        """A job. Raises: NotFoundError."""
        with self._portal.store.reading() as connection:
            return documents.find(connection, "job", number)

    def new_source(
        self, revision: tuple[str, int] | None, payload: dict[str, Any]
    ) -> dict[str, Any]:
        """A source for an uploaded file."""
        source_type = payload.get("source_type")
        kind = source_type.get("type") if isinstance(source_type, dict) else None
        if not isinstance(source_type, dict) or kind != "upload":
            raise invalid_request(f"source_type: the local portal takes uploads, not {kind!r}")
        options = {**DEFAULT_OPTIONS, **_options(payload.get("parse_options"))}
        with self._portal.store.writing() as connection:
            draft = _open_revision(connection, *revision) if revision else None
            return documents.insert(
                connection,
                "source",
                {
                    "source_type": {"type": "upload", "filename": source_type.get("filename")},
                    "parse_options": options,
                    "revision_id": draft["id"] if draft else None,
                    "content_type": None,
                    "created_at": schemas.moment(),
                    "finished_at": None,
                    "failed_at": None,
                    "failure_details": None,
                    "blob": None,
                    "schemas": [],
                },
            )

    def sources(self, fourfour: str, sequence: int) -> list[dict[str, Any]]:
        """The sources of a revision."""
        with self._portal.store.reading() as connection:
            revision = _revision(connection, fourfour, sequence)
            return documents.select(connection, "source", revision_id=revision["id"])

    def source(self, number: int) -> dict[str, Any]:
        """One source with its schemas. Raises: NotFoundError."""
        with self._portal.store.reading() as connection:
            return documents.find(connection, "source", number)

    def update_source(self, number: int, payload: dict[str, Any]) -> dict[str, Any]:
        """Other parse options; a file that is there already is read again."""
        with self._portal.store.writing() as connection:
            source = documents.find(connection, "source", number)
            options = {**source["parse_options"], **_options(payload.get("parse_options"))}
            source = documents.update(connection, "source", {**source, "parse_options": options})
        return self._parse(number) if source["finished_at"] else source

    def move_source(self, number: int, payload: dict[str, Any]) -> dict[str, Any]:
        """Puts a source into a revision."""
        wanted = payload.get("revision")
        if not isinstance(wanted, dict):
            raise invalid_request("revision: expected fourfour and revision_seq")
        with self._portal.store.writing() as connection:
            revision = _open_revision(
                connection, str(wanted.get("fourfour")), wanted.get("revision_seq")
            )
            source = documents.find(connection, "source", number)
            return documents.update(connection, "source", {**source, "revision_id": revision["id"]})

    def initiate(self, number: int, content_type: str) -> None:
        """Begins an upload. Raises: PortalError (400) for a type that is not read here."""
        with self._portal.store.writing() as connection:
            source = documents.find(connection, "source", number)
            is_read = content_type in SEPARATORS or not source["parse_options"]["parse_source"]
            if not is_read:
                expected = " or ".join(SEPARATORS)
                raise invalid_request(f"the local portal reads {expected}, not {content_type}")
            documents.update(connection, "source", {**source, "content_type": content_type})
        self._uploads.drop(number)

    def chunk(self, number: int, offset: int, content: bytes) -> None:
        """Keeps a piece of the file. Raises: PortalError (413) beyond the size of a body."""
        self.source(number)
        limit = self._portal.max_body_bytes
        if offset + len(content) > limit:
            raise PortalError(413, "req.body.too-large", f"The file is larger than {limit} bytes")
        self._uploads.write(number, offset, content)

    def commit(self, number: int, size: int) -> dict[str, Any]:
        """Ends an upload and reads the file, unless it is to stay as it is.

        Raises: PortalError (400) for a file with a piece missing.
        """
        source = self.source(number)
        if not self._uploads.commit(number, size):
            raise invalid_request(f"the file is not {size} bytes long; send every chunk first")
        if source["parse_options"]["parse_source"]:
            return self._parse(number)
        with self._portal.store.writing() as connection:
            done = {**source, "finished_at": schemas.moment(), "blob": str(number)}
            if source["revision_id"] is not None:
                revision = documents.find(connection, "revision", source["revision_id"])
                documents.update(connection, "revision", {**revision, "blob_id": number})
            return documents.update(connection, "source", done)

    def sheet(self, source: int) -> Sheet:
        """The file of a source. Raises: PortalError (400) before it is there."""
        with self._portal.store.reading() as connection:
            return self._sheet(connection, source)

    def input_schema(self, source: int, number: int) -> dict[str, Any]:
        """An input schema of a source. Raises: NotFoundError."""
        found: list[dict[str, Any]] = self.source(source)["schemas"]
        return _chosen(found, number, "input_schema")

    def output_schema(self, source: int, schema: int, number: int) -> dict[str, Any]:
        """An output schema of an input schema. Raises: NotFoundError."""
        found = self.input_schema(source, schema)["output_schemas"]
        return _chosen(found, number, "output_schema")

    def new_output(self, source: int, schema: int, payload: dict[str, Any]) -> dict[str, Any]:
        """A new output schema with the columns of the payload, computed over the whole file."""
        self.input_schema(source, schema)
        sheet = self.sheet(source)
        made = _output(schemas.output_columns(payload.get("output_columns"), sheet), sheet, payload)
        with self._portal.store.writing() as connection:
            document = documents.find(connection, "source", source)
            numbered = documents.insert(
                connection,
                "output_schema",
                {"source_id": source, "input_schema_id": schema, **made},
            )
            _chosen(document["schemas"], schema, "input_schema")["output_schemas"].append(numbered)
            documents.update(connection, "source", document)
        return numbered

    def _parse(self, number: int) -> dict[str, Any]:
        """Reads the file: a new input schema with its default output, or why it failed."""
        sheet = self.sheet(number)
        source = self.source(number)
        try:
            inputs = schemas.input_columns(sheet)
            columns = schemas.output_columns(schemas.guessed_columns(sheet), sheet)
            made = _output(columns, sheet, {})
        except PortalError as error:
            failed = {"failed_at": schemas.moment(), "failure_details": {"message": error.message}}
            with self._portal.store.writing() as connection:
                return documents.update(connection, "source", {**source, **failed})
        with self._portal.store.writing() as connection:
            source = documents.find(connection, "source", number)
            schema = documents.insert(
                connection,
                "input_schema",
                {
                    "source_id": number,
                    "input_columns": inputs,
                    "total_rows": made["total_rows"],
                    "num_row_errors": sheet.ragged,
                    "output_schemas": [],
                },
            )
            made = {"source_id": number, "input_schema_id": schema["id"], **made}
            schema["output_schemas"] = [documents.insert(connection, "output_schema", made)]
            documents.update(connection, "input_schema", schema)
            source |= {
                "finished_at": schemas.moment(),
                "failed_at": None,
                "failure_details": None,
                "schemas": [*source["schemas"], schema],
            }
            return documents.update(connection, "source", source)

    def _sheet(self, connection: sqlite3.Connection, number: int) -> Sheet:
        source = documents.find(connection, "source", number)
        path = self._uploads.path(number)
        if not path.is_file():
            raise invalid_request(f"source {number} has no file")
        return Sheet(path, source["parse_options"], source["content_type"])


def _output(columns: list[dict[str, Any]], sheet: Sheet, payload: dict[str, Any]) -> dict[str, Any]:
    rows, errors = schemas.counted(columns, sheet)
    sort_bys = payload.get("sort_bys") or []
    if not isinstance(sort_bys, list):
        raise invalid_request("sort_bys: expected a list")
    now = schemas.moment()
    for column in columns:
        column["transform"]["finished_at"] = column["transform"]["completed_at"] = now
    return {
        "output_columns": columns,
        "sort_bys": sort_bys,
        "total_rows": rows,
        "error_count": errors,
        "created_at": now,
        "completed_at": now,
        "finished_at": now,
    }


def _job(outcome: Outcome, revision: dict[str, Any]) -> dict[str, Any]:
    now = schemas.moment()
    counters = {
        "Rows Created": outcome.created,
        "Rows Updated": outcome.updated,
        "Rows Deleted": outcome.deleted,
        "Errors": len(outcome.errors),
        "By RowIdentifier": outcome.done if outcome.by_key else 0,
        "By SID": 0 if outcome.by_key else outcome.done,
    }
    return {
        "status": "successful",
        "revision_id": revision["id"],
        "created_at": now,
        "finished_at": now,
        "log": [
            {"stage": "finished", "details": None, "time": now},
            {"stage": "upsert_complete", "details": counters, "time": now},
            {"stage": "started", "details": None, "time": now},
        ],
    }


def _revision(connection: sqlite3.Connection, fourfour: str, sequence: Any) -> dict[str, Any]:
    dataset = find_dataset(connection, fourfour)
    found = documents.select(connection, "revision", fourfour=dataset.id)
    chosen = [one for one in found if one["revision_seq"] == sequence]
    if not chosen:
        raise NotFoundError("revision.missing", {"fourfour": fourfour, "revision_seq": sequence})
    return chosen[0]


def _open_revision(connection: sqlite3.Connection, fourfour: str, sequence: Any) -> dict[str, Any]:
    revision = _revision(connection, fourfour, sequence)
    if revision["closed_at"] is not None:
        raise PortalError(409, "revision.closed", f"Revision {sequence} is closed")
    return revision


def _schema_of(
    connection: sqlite3.Connection, revision: dict[str, Any], number: Any
) -> dict[str, Any]:
    """An output schema that belongs to one of the revision's sources."""
    for source in documents.select(connection, "source", revision_id=revision["id"]):
        for schema in source["schemas"]:
            for output in schema["output_schemas"]:
                if output["id"] == number:
                    found: dict[str, Any] = output
                    return found
    raise NotFoundError("output_schema.missing", {"id": number})


def _chosen(found: list[dict[str, Any]], number: int, kind: str) -> dict[str, Any]:
    for one in found:
        if one["id"] == number:
            return one
    raise NotFoundError(f"{kind}.missing", {"id": number})


def _action(payload: Any) -> dict[str, Any]:
    action = payload if isinstance(payload, dict) else {}
    kind, permission = action.get("type", "update"), action.get("permission")
    if kind not in _ACTIONS or permission not in _PERMISSIONS:
        raise invalid_request(f"action: expected one of {', '.join(_ACTIONS)}")
    return {"type": kind, "permission": permission}


def _metadata(payload: Any) -> dict[str, Any]:
    if payload is not None and not isinstance(payload, dict):
        raise invalid_request("metadata: expected an object")
    return payload or {}


def _options(payload: Any) -> dict[str, Any]:
    options = payload if payload is not None else {}
    if not isinstance(options, dict):
        raise invalid_request("parse_options: expected an object")
    for name, value in options.items():
        kind = _KINDS_OF_OPTIONS.get(name)
        if kind is None or not isinstance(value, kind):
            raise invalid_request(f"parse_options: {name} is no option, or of another kind")
        is_character = name in ("quote_char", "column_separator") and value is not None
        if is_character and len(value) != 1:
            raise invalid_request(f"parse_options: {name} is one character")
    return options
