"""Sending by the Data Management API: a revision is a draft that people can look at, applied whole.

The only module that knows socrata-py. Per partition one update revision for upserts, then one delete
revision, or one that replaces what has no row identifier; each is uploaded as one file, transformed
to our types, and applied only where no cell is in error. Rows in error are named, and the draft is
made again without them; what cannot be applied is discarded. A draft that waits for approval is not
published: the publication stays open, and the next run looks again. What is held for people is left
as a draft for them to look at; once released it is made anew, so that what is applied is what was
released. Proof and receipt are those of every publication: rows are read back over SODA.
"""

import io
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from orchestration.bounded_answers import bounded_session
from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import connect, keys_table, parquet, quoted
from orchestration.errors import (
    NotVerified,
    PortalFault,
    PortalMoved,
    SummerwareError,
    TransientError,
)
from orchestration.no_answers import Redirected
from orchestration.publishing.chunks import FILES
from orchestration.publishing.senders import Check, Note, Sent, unchecked
from orchestration.publishing.transport import Credentials
from orchestration.state.chunks import ChunkId, ChunkKind, ChunkRecord, RefusedRow

_TRANSFORMS = {
    "text": "`{0}`",
    "number": "to_number(`{0}`)",
    "timestamp": "to_floating_timestamp(`{0}`)",
    "date": "to_floating_timestamp(`{0}`)",
    "boolean": "to_boolean(`{0}`)",
    "point": "to_point(`{0}`)",
}
_ERRORS_AT_MOST = 10_000
_TRIES = 3
"""A draft is made again without its rows in error; new errors then are not the rows'."""


class _Requests:
    """What socrata-py takes for the library `requests`: each request by itself, its answer bounded."""

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def ask(path: str, **options: Any) -> Any:
            with bounded_session() as session:
                return session.request(method, path, **options)

        return ask


@dataclass(frozen=True, kw_only=True)
class DraftPortal:
    """How drafts are reached: TLS always, since the client knows nothing else."""

    domain: str
    credentials: Credentials
    ca_file: Path | None = None
    pause_seconds: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Draft:
    """All upserts or all deletes of one partition, or all of its rows."""

    id: ChunkId
    partition: str
    rows: int
    file: Path
    """Parquet, `_partition` among the columns."""
    work: Path
    """Where its upload is written."""


def planned_drafts(folder: Path, work: Path, kinds: Collection[ChunkKind]) -> Generator[Draft]:
    """The drafts of a plan in their lasting order: upserts by partition, deletes last."""
    numbers = count()
    with connect(spill=folder) as connection:
        for kind, name in FILES.items():
            counted = connection.execute(
                f"select _partition, count(*) from {parquet(folder / name)} "
                "group by _partition order by _partition"
            ).fetchall()
            for partition, rows in counted:
                chunk = ChunkId(kind=kind, number=next(numbers))
                if kind in kinds:
                    yield Draft(
                        id=chunk, partition=partition, rows=rows, file=folder / name, work=work
                    )


class DraftSender:
    """Makes and applies drafts of one dataset on one portal."""

    def __init__(self, portal: DraftPortal, dataset: Dataset) -> None:
        from socrata import Socrata, http
        from socrata.authorization import Authorization

        http.requests = _Requests()
        login = portal.credentials
        authorization = Authorization(portal.domain, login.username, login.password)
        if portal.ca_file is not None:
            authorization.verify = str(portal.ca_file)
        self._client = Socrata(authorization)
        self._portal = portal
        self._dataset = dataset

    def send(
        self,
        portal_id: str,
        part: Draft,
        *,
        note: Note,
        before: ChunkRecord | None = None,
        check: Check = unchecked,
    ) -> Sent:
        """As `Sender.send`; `check` is asked right before it is applied, and while it waits.

        Raises:
            ExternalEdit: `check` says so.
            NotVerified: it waits for approval.
            PortalFault: it cannot be applied, and was discarded.
            TransientError: the portal did not answer.
        """
        with self._errors_as_ours(portal_id):
            return self._send(portal_id, part, before, note, check)

    def preview(
        self, portal_id: str, draft: Draft, *, note: Note, before: ChunkRecord | None
    ) -> str:
        """Leaves a draft that people can look at, and applies nothing; returns its address.

        Raises: as `send`.
        """
        with self._errors_as_ours(portal_id):
            view = self._client.views.lookup(portal_id)
            if before is not None and before.revision is not None:
                revision = view.revisions.lookup(before.revision)
                is_open = revision.attributes["closed_at"] is None
                # Only a draft that had all its rows may stay.
                if is_open and before.state == "drafted":
                    return str(revision.ui_url())
                if is_open:
                    revision.discard()
            made, _, _, _ = self._without_errors(view, draft, portal_id, note)
            note("drafted", {"revision": made.attributes["revision_seq"]})
            return str(made.ui_url())

    def withdraw(self, portal_id: str, number: int) -> bool:
        """Discards a draft that nobody waits for any more; false where it was closed already."""
        with self._errors_as_ours(portal_id):
            revision = self._client.views.lookup(portal_id).revisions.lookup(number)
            if revision.attributes["closed_at"] is not None:
                return False
            revision.discard()
            return True

    @contextmanager
    def _errors_as_ours(self, portal_id: str) -> Iterator[None]:
        try:
            yield
        except SummerwareError:
            raise
        except Redirected:
            raise PortalMoved(
                f"{self._portal.domain} sends the draft for {portal_id} to another address, where "
                "nobody went; look at `publish: domain`"
            ) from None
        except Exception as error:  # noqa: BLE001 - the client raises whatever comes
            # Its errors quote answers, and answers quote cells.
            raise TransientError(
                f"{self._portal.domain}: the draft for {portal_id} stopped with "
                f"{type(error).__name__}; the next run goes on or starts it again"
            ) from None

    def _send(
        self, portal_id: str, draft: Draft, before: ChunkRecord | None, note: Note, check: Check
    ) -> Sent:
        view = self._client.views.lookup(portal_id)
        if before is not None and self._was_applied(view, before, portal_id, check):
            note("acknowledged", {**before.answer, "settled": "read_back"})
            return _sent(draft, before.refused, before.answer.get("attempts", 1), "read_back")
        made, schema, refused, attempt = self._without_errors(view, draft, portal_id, note)
        # As late as can be: making a draft takes long enough for others to write.
        check(was_sent=True)
        self._apply(portal_id, made, schema, refused, attempt, note)
        return _sent(draft, refused, attempt, "answered")

    def _without_errors(
        self, view: Any, draft: Draft, portal_id: str, note: Note
    ) -> tuple[Any, Any, list[RefusedRow], int]:
        """A draft none of whose cells is in error, and the rows that it lacks for that.

        Raises:
            PortalFault: leaving out rows does not help.
        """
        refused: list[RefusedRow] = []
        for attempt in range(1, _TRIES + 1):
            made, schema = self._draft(view, draft, refused, note)
            faults = self._faults(schema)
            if not faults:
                return made, schema, refused, attempt
            made.discard()
            refused += faults
        raise PortalFault(
            f"{self._dataset.id}: the draft for {portal_id} had rows in error {_TRIES} times and was "
            "discarded; look at the types of the portal's columns"
        )

    def _was_applied(self, view: Any, before: ChunkRecord, portal_id: str, check: Check) -> bool:
        """Whether a draft that was left was applied since; one that nobody waits for is discarded.

        Raises:
            ExternalEdit: it still waits, and `check` says that it would take along others' rows.
            NotVerified: it still waits for approval.
            PortalFault: people on the portal did not approve it.
        """
        if before.revision is None:
            return False
        revision = view.revisions.lookup(before.revision)
        if any(job.get("status") == "successful" for job in revision.attributes["task_sets"] or []):
            return True
        is_closed = revision.attributes["closed_at"] is not None
        if before.answer.get("waits_for_approval"):
            if not is_closed:
                check(was_sent=True)
                raise self._waiting(portal_id, before.revision)
            raise PortalFault(
                f"{self._dataset.id}: revision {before.revision} of {portal_id} was closed on the "
                "portal without being applied"
            )
        if not is_closed:
            revision.discard()
        return False

    def _draft(
        self, view: Any, draft: Draft, without: Sequence[RefusedRow], note: Note
    ) -> tuple[Any, Any]:
        """A revision with the rows uploaded and transformed."""
        make = {
            ChunkKind.UPSERT: view.revisions.create_update_revision,
            ChunkKind.DELETE: view.revisions.create_delete_revision,
            ChunkKind.REPLACE: view.revisions.create_replace_revision,
        }
        revision = make[draft.id.kind]()
        note("drafting", {"revision": revision.attributes["revision_seq"]})
        content = self._csv(draft, without)
        upload = revision.create_upload(f"{self._dataset.id}.csv")
        # A list that begins or ends with a blank place would lose it.
        upload = upload.change_parse_option("trim_whitespace").to(False).run()
        source = upload.csv(io.BytesIO(content))
        schema = source.get_latest_input_schema().get_latest_output_schema()
        columns = self._columns(draft)
        for column in columns:
            schema = schema.change_column_transform(column.name).to(
                _TRANSFORMS[column.type].format(column.name)
            )
        schema = schema.run().wait_for_finish(sleeptime=self._portal.pause_seconds)
        if draft.id.kind is not ChunkKind.REPLACE:
            schema = schema.set_row_id(self._dataset.key)
        return revision, schema.wait_for_finish(sleeptime=self._portal.pause_seconds)

    def _columns(self, draft: Draft) -> list[Column]:
        if draft.id.kind is ChunkKind.DELETE:
            return [self._dataset.column(self._dataset.key)]
        return list(self._dataset.published)

    def _csv(self, draft: Draft, without: Sequence[RefusedRow]) -> bytes:
        """The rows as CSV; an empty cell is a null, which clears."""
        names = ", ".join(_cell(column) for column in self._columns(draft))
        target = draft.work / "draft.csv"
        with connect(spill=draft.work) as connection:
            keys_table(connection, "left_out", [str(row.key) for row in without])
            connection.execute(
                f"copy (select {names} from {parquet(draft.file)} as rows "
                f"anti join left_out on rows.{self._dataset.key}::varchar = left_out.row_key "
                f"where _partition = {quoted(draft.partition)} order by {self._dataset.key}) "
                f"to {quoted(str(target))} (format csv, header true)"
            )
        try:
            return target.read_bytes()
        finally:
            target.unlink()

    def _faults(self, schema: Any) -> list[RefusedRow]:
        """The rows with cells in error; reasons in our words, for the portal's quote cells."""
        if not schema.attributes["error_count"]:
            return []
        key, faults = self._dataset.key, []
        for row in schema.schema_errors(limit=_ERRORS_AT_MOST):
            wrong = [name for name, cell in row.items() if "error" in cell]
            if "ok" not in row.get(key, {}):
                raise PortalFault(
                    f"{self._dataset.id}: the key of a row is in error; the draft is not applied"
                )
            kind = self._dataset.column(wrong[0]).type if wrong else ""
            faults.append(
                RefusedRow(
                    key=str(row[key]["ok"]),
                    column=wrong[0] if wrong else None,
                    reason=f"not a value of type {kind}" if kind else "in error",
                )
            )
        if not faults:
            raise PortalFault(
                f"{self._dataset.id}: the portal counts cells in error and names none"
            )
        return faults

    def _apply(
        self,
        portal_id: str,
        revision: Any,
        schema: Any,
        refused: Sequence[RefusedRow],
        attempt: int,
        note: Note,
    ) -> None:
        number = revision.attributes["revision_seq"]
        facts = {
            "revision": number,
            "attempts": attempt,
            "settled": "answered",
            "request_ids": [],
            "refused": [row.as_json() for row in refused],
        }
        note("sent", facts)
        job = revision.apply(output_schema=schema)
        if job.submitted_for_approval():
            note("sent", {**facts, "waits_for_approval": True})
            raise self._waiting(portal_id, number)
        job = job.wait_for_finish(sleeptime=self._portal.pause_seconds)
        if job.attributes["status"] != "successful":
            raise PortalFault(
                f"{self._dataset.id}: the portal could not apply revision {number} of {portal_id}; "
                "its job page says why"
            )
        note("acknowledged", facts)

    def _waiting(self, portal_id: str, number: int) -> NotVerified:
        return NotVerified(
            f"{self._dataset.id}: revision {number} of {portal_id} waits for approval on the portal; "
            "it is not published. Approve it there; the next run goes on"
        )


def _sent(draft: Draft, refused: Sequence[RefusedRow], attempts: int, settled: str) -> Sent:
    return Sent(
        rows_written=draft.rows - len(refused), refused=refused, attempts=attempts, settled=settled
    )


def _cell(column: Column) -> str:
    if column.type in ("timestamp", "date"):
        return f"strftime({column.name}::timestamp, '%Y-%m-%dT%H:%M:%S.%g') as {column.name}"
    if column.type == "number":
        return (
            f"case when {column.name} = trunc({column.name}) and abs({column.name}) < 1e15 "
            f"then {column.name}::bigint::varchar else {column.name}::varchar end as {column.name}"
        )
    return f"{column.name}::varchar as {column.name}"
