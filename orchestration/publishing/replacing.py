"""Replacing a dataset whole: all that is safe where the portal has no row identifier.

Without one the portal cannot tell an update from a new row, so rows are never sent by key: every row
that should be there goes in one request, which the portal carries out whole or not at all. Sending it
again is harmless, and a reader sees the old rows or the new ones. The body is a file, so memory does
not grow with it. How keyed rows get through is for `sending`.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.duck import FEW, connect, copy_to_parquet, fetch_all, parquet, quoted
from orchestration.errors import (
    OutcomeUnknown,
    PortalFault,
    PortalMoved,
    RequestRefused,
    RequestTooLarge,
    TransientError,
)
from orchestration.publishing.chunks import CHUNK_ROWS, allowed_columns
from orchestration.publishing.comparing import differing_keys, digests, foreign_keys, read_digests
from orchestration.publishing.portal_datasets import PortalDataset, PortalDatasets
from orchestration.publishing.retry import RetryPolicy
from orchestration.publishing.revisions import Draft
from orchestration.publishing.senders import Check, Note, Sent, acknowledge, unchecked
from orchestration.publishing.transport import Answer, Transport
from orchestration.publishing.transport.values import body_of, row_json, row_texts
from orchestration.publishing.verification import Verification, Verifier
from orchestration.state.chunks import ChunkId, ChunkKind, ChunkRecord, RefusedRow

_BEFORE_AND_AFTER = ("snapshot", "upserts", "preimages", "surplus")


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """All rows of one partition, as Parquet and, but for an empty one, as the JSON that is sent."""

    id: ChunkId
    """Numbered by the partition's year, which lasts."""
    partition: str
    rows: int
    file: Path
    """The rows in the order of the body, `_partition` among their columns."""
    body: Path

    def as_draft(self) -> Draft:
        """The same as a draft."""
        return Draft(
            id=self.id,
            partition=self.partition,
            rows=self.rows,
            file=self.file,
            work=self.file.parent,
        )


def touched_partitions(folder: Path) -> set[str]:
    """The partitions in which a plan's folder changes a row."""
    names = [folder / f"{name}.parquet" for name in ("upserts", "deletes", "surplus")]
    with connect() as connection:
        found = connection.execute(
            " union ".join(
                f"select _partition from {parquet(path)}" for path in names if path.is_file()
            )
        ).fetchall()
    return {partition for (partition,) in found}


def replaced_partitions(datasets: PortalDatasets, folder: Path) -> dict[str, PortalDataset]:
    """The partitions that a plan's folder changes and whose 4x4 has no row identifier."""
    found = datasets.found()
    if all(one.is_keyed for one in found.values()):
        return {}
    touched = touched_partitions(folder)
    return {name: one for name, one in found.items() if not one.is_keyed and name in touched}


def gaining_first(folder: Path, key: str, partitions: Collection[str]) -> list[str]:
    """The partitions in an order in which a row that moves arrives before it leaves.

    Where rows move in a circle there is none, and they are missed until the last is replaced.
    """
    with connect() as connection:
        moves = connection.execute(
            "select distinct gone._partition, come._partition "
            f"from {parquet(folder / 'deletes.parquet')} as gone "
            f"join {parquet(folder / 'upserts.parquet')} as come on gone.{key} = come.{key}"
        ).fetchall()
    before: dict[str, set[str]] = {partition: set() for partition in sorted(partitions)}
    for loses, gains in moves:
        if loses in before and gains in before:
            before[loses].add(gains)
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError:
        return sorted(partitions)


def planned_replacements(
    dataset: Dataset,
    snapshot: Path,
    partitions: Sequence[str],
    work: Path,
    *,
    is_repair: bool = False,
) -> Generator[Replacement]:
    """These partitions of a snapshot, one by one; the files of one are gone once the next is asked for.

    Raises:
        PublicationRefused: a column was planned that may not be published any more.
        Unsendable: a row has a value that no portal can be sent.
    """
    for partition in partitions:
        number = int(partition or 0)
        file, body = work / f"replacement-{number}.parquet", work / f"replacement-{number}.json"
        with connect(spill=work) as connection:
            connection.execute(
                copy_to_parquet(
                    f"from {parquet(snapshot)} where _partition = {quoted(partition)}", file
                )
            )
            rows = _write_body(dataset, connection, file, body)
        yield Replacement(
            id=ChunkId(kind=ChunkKind.REPLACE, number=number, is_repair=is_repair),
            partition=partition,
            rows=rows,
            file=file,
            body=body,
        )
        file.unlink()
        body.unlink()


def _write_body(dataset: Dataset, connection: Any, file: Path, body: Path) -> int:
    """Writes the rows of a file as one JSON list; returns how many."""
    json_sql = row_json(allowed_columns(dataset, connection, file))
    rows = 0
    with body.open("wb") as target:
        start = b"["
        for batch in row_texts(
            connection, file, json_sql=json_sql, key=dataset.key, rows=CHUNK_ROWS
        ):
            if batch.num_rows:
                target.write(start)
                target.write(memoryview(body_of(batch.column("text")))[1:-1])
                start = b","
                rows += batch.num_rows
        target.write(b"]")
    return rows


def somebody_wrote(
    dataset: Dataset,
    transport: Transport,
    portal_id: str,
    replacement: Replacement | Draft,
    folder: Path,
    *,
    has_arrived: bool,
) -> list[str]:
    """Keys in which the portal's rows are neither what was there before nor what was sent.

    `folder` has the plan's files. What was sent may have arrived or not; `has_arrived` says that it
    has, less what the portal left out. Without that, a row that is missing may be somebody's deletion.

    Raises:
        TransientError: the portal, or its replica, cannot be read.
    """
    columns, key = dataset.published, dataset.key
    partition = f"where _partition = {quoted(replacement.partition)}"
    files = {name: parquet(folder / f"{name}.parquet") for name in _BEFORE_AND_AFTER}

    def of(rows: str) -> str:
        return digests(columns, key, f"(select * exclude (_partition) from {rows} {partition})")

    stays = f"(from {files['snapshot']} as rows anti join {files['upserts']} as new using ({key}))"
    with connect(spill=replacement.file.parent, memory=FEW) as connection:
        wanted = of(parquet(replacement.file))
        sent = " union all ".join((wanted, of(files["snapshot"])))
        before = " union all ".join(map(of, (stays, files["preimages"], files["surplus"])))
        fetch_all(connection, f"create table wanted as {wanted}")
        fetch_all(connection, f"create table sent as {sent}")
        fetch_all(connection, f"create table before as {before}")
        Verifier(dataset, transport).wait_until_fresh(portal_id)
        read_digests(connection, transport.rows(portal_id, columns), columns, key, into="held")
        both = "(from before union all from sent)"
        foreign = foreign_keys(connection, held="held", explained=both)
        if foreign or has_arrived:
            return foreign
        has_news = foreign_keys(connection, held="held", explained="before")
        differing = differing_keys(
            connection, expected="wanted" if has_news else "before", found="held"
        )
        return sorted({one for keys in differing.values() for one in keys})


@dataclass(frozen=True)
class ReplacementSender:
    """Sends all rows of a partition in one request."""

    transport: Transport
    dataset: Dataset
    retry_policy: RetryPolicy

    def send(
        self,
        portal_id: str,
        part: Replacement,
        *,
        note: Note,
        before: ChunkRecord | None = None,
        check: Check = unchecked,
    ) -> Sent:
        """As `Sender.send`; `check` is asked before every request.

        Raises:
            ExternalEdit: `check` says so.
            TransientError: the portal did not answer for it within the retry policy.
            PortalFault: the portal refuses it, or does not let us write, or moved.
        """
        was_sent = part.id.is_repair or (before is not None and before.state == "sent")
        return _Replacing(self, portal_id, part, note).send(check, was_sent=was_sent)


class _Replacing:
    """One replacement under way."""

    def __init__(
        self, sender: ReplacementSender, portal_id: str, replacement: Replacement, note: Note
    ) -> None:
        self._transport = sender.transport
        self._portal_id = portal_id
        self._dataset = sender.dataset
        self._replacement = replacement
        self._note = note
        self._retry_policy = sender.retry_policy
        self._request_ids: list[str] = []
        self._attempts = 0

    def send(self, check: Check, *, was_sent: bool) -> Sent:
        """Tries until the answer or a look at the portal settles it."""
        if was_sent and self._verify().holds:
            return self._settled(None)
        # Sending other parts may have taken long enough for others to write.
        check(was_sent=was_sent)
        started = self._retry_policy.clock()
        while True:
            self._attempts += 1
            try:
                if self._attempts > 1:
                    # Waiting for the portal does, too.
                    check(was_sent=True)
                answer = self._request()
                refused = self._refused(answer)
                return self._settled(answer, refused)
            except RequestTooLarge as fault:
                raise self._too_large(fault) from None
            except RequestRefused as fault:
                raise self._unacceptable(fault) from None
            except (PortalMoved, TransientError) as fault:
                lost = fault
            is_unknown = isinstance(lost, OutcomeUnknown | PortalMoved)
            if is_unknown and self._is_there():
                return self._settled(None)
            asked = getattr(lost, "retry_after", None) or 0.0
            spent = self._retry_policy.clock() - started
            if (
                self._attempts >= self._retry_policy.attempts
                or spent + asked > self._retry_policy.elapsed_seconds
            ):
                raise lost
            self._retry_policy.wait(self._attempts, at_least=asked)

    def _request(self) -> Answer:
        self._note("sent", {"rows": self._replacement.rows, "attempt": self._attempts})
        try:
            if self._replacement.rows:
                answer = self._transport.replace(self._portal_id, self._replacement.body)
            else:
                answer = self._transport.empty(self._portal_id)
        except (TransientError, PortalFault) as fault:
            self._request_ids.append(fault.request_id)
            raise
        self._request_ids.append(answer.request_id)
        return answer

    def _refused(self, answer: Answer) -> tuple[RefusedRow, ...]:
        """The rows that the portal left out.

        Raises:
            OutcomeUnknown: it does not account for every row, and does not say which.
        """
        accounted = answer.has_counters and answer.counted == self._replacement.rows
        if accounted and not answer.errors:
            return ()
        if accounted:
            named = self._named(answer) or self._found_missing(answer.errors)
            if named:
                return named
        raise OutcomeUnknown(
            f"{self._transport.domain}: {self._portal_id} did not account for the "
            f"{self._replacement.rows:,} rows that should replace it"
        )

    def _named(self, answer: Answer) -> tuple[RefusedRow, ...]:
        """The rows that the answer itself names as left out; none where it does not name them all."""
        named = answer.refused_by_index(self._replacement.rows)
        if not named:
            return ()
        keys = self._keys_at(sorted(named))
        return tuple(replace(named[index], key=keys[index]) for index in sorted(named))

    def _found_missing(self, errors: int) -> tuple[RefusedRow, ...]:
        """The rows left out without being named, by reading; none where that is not all there is."""
        try:
            differing = self._verify().differing
        except TransientError:
            return ()
        missing = differing.get("missing", [])
        if len(missing) != errors or differing.get("extra") or differing.get("changed"):
            return ()
        reason = "refused without a reason"
        return tuple(RefusedRow(key=key, column=None, reason=reason) for key in missing)

    def _keys_at(self, places: list[int]) -> Mapping[int, str]:
        """The keys of rows by their place in the body."""
        listed = ", ".join(map(str, places))
        with connect() as connection:
            return dict(
                connection.execute(
                    f"select file_row_number, {self._dataset.key}::varchar from read_parquet("
                    f"{quoted(str(self._replacement.file))}, file_row_number = true) "
                    f"where file_row_number in ({listed})"
                ).fetchall()
            )

    def _is_there(self) -> bool:
        """Whether the portal holds exactly these rows; false where that cannot be read."""
        try:
            return self._verify().holds
        except TransientError:
            return False

    def _verify(self) -> Verification:
        """Every row held against the portal. Raises: TransientError: that cannot be read."""
        verifier = Verifier(
            self._dataset, self._transport, fresh_seconds=self._retry_policy.fresh_seconds
        )
        return verifier.verify(
            {self._replacement.partition: self._portal_id},
            snapshot=self._replacement.file,
            changed=None,
            deleted=None,
            full=True,
            spill=self._replacement.file.parent,
        )

    def _settled(self, answer: Answer | None, refused: tuple[RefusedRow, ...] = ()) -> Sent:
        return acknowledge(
            self._note,
            Sent(
                rows_written=self._replacement.rows - len(refused),
                refused=refused,
                request_ids=tuple(self._request_ids),
                attempts=self._attempts,
                settled="answered" if answer else "read_back",
                created=answer.created if answer else 0,
                updated=answer.updated if answer else 0,
                deleted=answer.deleted if answer else 0,
                written_at=answer.written_at if answer else None,
            ),
        )

    def _too_large(self, fault: RequestTooLarge) -> PortalFault:
        size = self._replacement.body.stat().st_size / 1_000_000
        return PortalFault(
            f"{fault}: {self._replacement.rows:,} rows, {size:,.0f} MB, are more than it takes at "
            f"once, and without a row identifier they cannot go in parts. {self._advice()}"
        )

    def _unacceptable(self, fault: RequestRefused) -> PortalFault:
        where = f" in the column {fault.column}" if fault.column else ""
        why = f", {fault.reason}" if fault.reason else ""
        return PortalFault(
            f"{fault}: it refuses a row{where}{why}, and without a row identifier the row cannot be "
            f"told apart; what it held before is still there. {self._advice()}"
        )

    def _advice(self) -> str:
        return (
            f"Make {self._dataset.key!r} the row identifier of {self._portal_id} on the portal, and "
            "only what changes is sent, row by row if need be"
        )
