"""Getting a chunk through: retries, smaller requests, and reading back what nobody can tell.

Every write is by key, so sending again is harmless; being believed is what takes care. An answer is
settled by counters only where they account for every row, and otherwise by reading the chunk's keys
back by value, from a replica that is not behind. What the portal refuses is halved until single rows
are named. Chunks are cut in `chunks`; how a request is worded is for `transport`.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from orchestration.dataset import Dataset
from orchestration.errors import (
    OutcomeUnknown,
    PortalFault,
    PortalMoved,
    RequestRefused,
    RequestTooLarge,
    TransientError,
)
from orchestration.publishing.chunks import Chunk
from orchestration.publishing.reading_back import keys_unlike
from orchestration.publishing.retry import RetryPolicy
from orchestration.publishing.senders import Check, Note, Sent, acknowledge, unchecked
from orchestration.publishing.transport import Answer, Transport
from orchestration.state.chunks import ChunkKind, ChunkRecord, RefusedRow

HOPELESS = 500
"""So many rows refused and none taken: it is not the rows."""
_HALVED = frozenset((408, 504))
"""The portal itself, or what stands before it, ran out of time."""
_NO_NUMBER = -987_654_321_012_345
"""A number that is nobody's key."""


@dataclass(frozen=True)
class RowSender:
    """Sends the rows of chunks, each by its key."""

    transport: Transport
    dataset: Dataset
    retry_policy: RetryPolicy

    def send(
        self,
        portal_id: str,
        part: Chunk,
        *,
        note: Note,
        before: ChunkRecord | None = None,
        check: Check = unchecked,
    ) -> Sent:
        """As `Sender.send`; keyed, so that it takes nothing of others along and may be sent again.

        Raises:
            TransientError: the portal did not answer for it within the retry policy.
            PortalFault: the portal does not let us write, or moved, or refuses every row.
        """
        note("pending")
        return _Sending(self, portal_id, part, note).send()


@dataclass
class _Tally:
    """What the answers for a chunk, and reading it back, came to so far."""

    attempts: int = 0
    read_back: bool = False
    taken: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    deleted: int = 0
    written_at: datetime | None = None

    def hear(self, answer: Answer) -> None:
        """Adds an answer to what was heard."""
        self.hear_of(answer.written_at)
        self.created += answer.created
        self.updated += answer.updated
        self.deleted += answer.deleted

    def hear_of(self, moment: datetime | None) -> None:
        """Keeps the latest time of a write."""
        if moment is not None and (self.written_at is None or moment > self.written_at):
            self.written_at = moment


class _Sending:
    """One chunk under way. Parts of it wait on a stack, the first rows on top."""

    def __init__(self, sender: RowSender, portal_id: str, chunk: Chunk, note: Note) -> None:
        self._transport = sender.transport
        self._portal_id = portal_id
        self._key = sender.dataset.key
        self._chunk = chunk
        self._note = note
        self._retry_policy = sender.retry_policy
        self._columns = {column.name: column for column in sender.dataset.published}
        self._started = sender.retry_policy.clock()
        self._tally = _Tally()
        self._parts: list[Chunk] = [chunk]
        self._largest: int | None = None
        self._looking = False

    def send(self) -> Sent:
        """Sends part after part."""
        while self._parts:
            part = self._parts.pop()
            if self._largest is not None and len(part.body) > self._largest and part.rows > 1:
                self._halve(part)
            else:
                self._get_through(part)
        tally = self._tally
        sent = Sent(
            rows_written=self._chunk.rows - len(tally.refused),
            refused=tuple(tally.refused),
            request_ids=tuple(tally.request_ids),
            attempts=tally.attempts,
            settled="read_back" if tally.read_back else "answered",
            created=tally.created,
            updated=tally.updated,
            deleted=tally.deleted,
            written_at=tally.written_at,
        )
        return acknowledge(self._note, sent)

    def _get_through(self, part: Chunk) -> None:
        """Tries a part until it is settled or halved. Raises: as `RowSender.send`."""
        statuses: set[int] = set()
        attempt = 0
        while True:
            attempt += 1
            try:
                self._settle(part, self._request(part))
                return
            except RequestTooLarge as fault:
                if part.rows > 1 or attempt == self._retry_policy.attempts:
                    self._shrink(part, fault)
                    return
                # A single row is never blamed for the first answer of this kind.
                self._retry_policy.wait(attempt)
                continue
            except RequestRefused as fault:
                self._look_closer(part, fault)
                return
            except PortalMoved as fault:
                lost: PortalMoved | TransientError = fault
                statuses.add(0)
            except TransientError as fault:
                lost = fault
                statuses.add(fault.status)
            if isinstance(lost, OutcomeUnknown | PortalMoved) and self._is_settled(part):
                return
            if _ran_out_of_time(lost) and part.rows > 1:
                self._halve(part)
                return
            if attempt >= self._attempts(part, lost) or self._out_of_time(lost):
                if len(statuses) == 1 and min(statuses) >= 500 and not self._out_of_time(lost):
                    self._suspect(part, lost)
                    return
                raise lost
            self._retry_policy.wait(attempt, at_least=_asked_to_wait(lost))

    def _request(self, part: Chunk) -> Answer:
        tally = self._tally
        body = part.body
        tally.attempts += 1
        self._note("sent", {"rows": part.rows, "attempt": tally.attempts})
        try:
            if part.id.kind is ChunkKind.DELETE:
                answer = self._transport.delete(self._portal_id, self._key, part.keys)
            else:
                answer = self._transport.upsert(self._portal_id, body, part.rows)
        except (TransientError, PortalFault) as fault:
            tally.request_ids.append(fault.request_id)
            raise
        tally.request_ids.append(answer.request_id)
        return answer

    def _settle(self, part: Chunk, answer: Answer) -> None:
        """Believes an answer that accounts for every row, and reads back after any other.

        Raises:
            OutcomeUnknown: the rows are not there, or nobody can tell.
        """
        self._tally.hear(answer)
        refused = self._named(part, answer)
        if refused is None:
            if not answer.has_counters or answer.counted != part.rows:
                raise OutcomeUnknown(
                    f"{self._transport.domain}: {self._portal_id} did not account for chunk "
                    f"{part.id.number}, and does not hold its rows"
                )
            refused = self._found_missing(part) if answer.errors else ()
        self._tally.refused += refused
        self._tally.taken += part.rows - len(refused)

    def _named(self, part: Chunk, answer: Answer) -> tuple[RefusedRow, ...] | None:
        """The rows that the answer itself names as refused; none where it does not name them all."""
        if part.id.kind is ChunkKind.DELETE or not answer.errors:
            return None
        keys, named = part.keys, answer.refused_by_index(part.rows)
        if named is None:
            return None
        if any(not _same_key(error.key, keys[index]) for index, error in named.items()):
            return None
        return tuple(
            replace(error, key=str(keys[index]), column=self._ours(error.column))
            for index, error in named.items()
        )

    def _found_missing(self, part: Chunk) -> tuple[RefusedRow, ...]:
        """The rows that the portal says it refused without naming them, found by reading back.

        Raises:
            OutcomeUnknown: the replica stays behind, so nobody can tell.
        """
        missing = self._read_back(part)
        if missing is None:
            raise OutcomeUnknown(
                f"{self._transport.domain}: {self._portal_id} refused rows of chunk {part.id.number}, "
                "and its replica stays behind: which ones, cannot be read"
            )
        reason = "refused without a reason"
        return tuple(RefusedRow(key=str(key), column=None, reason=reason) for key in missing)

    def _is_settled(self, part: Chunk) -> bool:
        """Whether reading shows every row as it was sent; false too where the replica stays behind."""
        if self._read_back(part) != ():
            return False
        self._tally.taken += part.rows
        return True

    def _read_back(self, part: Chunk) -> tuple[Any, ...] | None:
        """The keys that are not as they were sent; None where that cannot be read."""
        self._tally.read_back = True
        columns = [self._columns[name] for name in part.columns]
        for attempt in range(1, self._retry_policy.attempts + 1):
            try:
                if not self._wait_until_fresh():
                    return None
                return keys_unlike(self._transport, self._portal_id, columns, self._key, part)
            except TransientError as fault:
                if attempt == self._retry_policy.attempts or self._out_of_time(fault):
                    raise
                self._retry_policy.wait(attempt, at_least=_asked_to_wait(fault))
        return None

    def _wait_until_fresh(self) -> bool:
        retry_policy = self._retry_policy
        started, attempt = retry_policy.clock(), 0
        while (freshness := self._transport.freshness(self._portal_id)).out_of_date:
            if retry_policy.clock() - started > retry_policy.fresh_seconds:
                return False
            attempt += 1
            retry_policy.wait(min(attempt, 5))
        self._tally.hear_of(freshness.truth)
        return True

    def _shrink(self, part: Chunk, fault: RequestTooLarge) -> None:
        """After a 413: half the rows, and from now on no larger request.

        Raises:
            RequestTooLarge: no request is small enough; it is not the row.
        """
        if part.rows > 1:
            self._largest = len(part.body) // 2
            self._halve(part)
        elif self._takes_writes():
            self._refuse(part, None, "larger than the portal takes")
        else:
            raise fault

    def _look_closer(self, part: Chunk, fault: RequestRefused) -> None:
        """After a 400: halves, until the row is found."""
        self._looking = True
        if part.rows > 1:
            self._halve(part)
            return
        reason = " ".join(filter(None, (fault.code, fault.reason))) or "refused without a reason"
        self._refuse(part, self._ours(fault.column), reason)
        if len(self._tally.refused) >= HOPELESS and not self._tally.taken:
            raise fault

    def _suspect(self, part: Chunk, fault: TransientError | PortalMoved) -> None:
        """After the same 5xx again and again: halves, until one row is left that may be to blame.

        Raises:
            TransientError: the portal takes no other write either.
        """
        self._looking = True
        if part.rows > 1:
            self._halve(part)
            return
        status = getattr(fault, "status", 0)
        if not self._takes_writes():
            raise fault
        self._refuse(part, None, f"HTTP {status} each time, while other rows were taken")

    def _takes_writes(self) -> bool:
        """Whether the portal carries out another write: the deletion of a row that nobody has."""
        nobody = "no-such-row" if isinstance(self._chunk.keys[0], str) else _NO_NUMBER
        for attempt in range(1, self._retry_policy.attempts + 1):
            try:
                self._transport.delete(self._portal_id, self._key, [nobody])
            except RequestRefused:
                return True
            except RequestTooLarge:
                return False
            except TransientError:
                if attempt < self._retry_policy.attempts:
                    self._retry_policy.wait(attempt)
            else:
                return True
        return False

    def _refuse(self, part: Chunk, column: str | None, reason: str) -> None:
        (key,) = part.keys
        self._tally.refused.append(RefusedRow(key=str(key), column=column, reason=reason))

    def _halve(self, part: Chunk) -> None:
        middle = part.rows // 2
        self._parts += [part.part(middle, part.rows), part.part(0, middle)]

    def _attempts(self, part: Chunk, fault: TransientError | PortalMoved) -> int:
        """Fewer while halves are tried, but never so few that a row is blamed by chance."""
        if self._looking and part.rows > 1 and getattr(fault, "status", 0) >= 500:
            return self._retry_policy.attempts_of_parts
        return self._retry_policy.attempts

    def _ours(self, column: str | None) -> str | None:
        return column if column in self._columns else None

    def _out_of_time(self, fault: TransientError | PortalMoved) -> bool:
        spent = self._retry_policy.clock() - self._started
        return spent + _asked_to_wait(fault) > self._retry_policy.elapsed_seconds


def _ran_out_of_time(fault: TransientError | PortalMoved) -> bool:
    if isinstance(fault, OutcomeUnknown):
        return fault.too_slow
    return isinstance(fault, TransientError) and fault.status in _HALVED


def _asked_to_wait(fault: TransientError | PortalMoved) -> float:
    return fault.retry_after or 0.0 if isinstance(fault, TransientError) else 0.0


def _same_key(reported: Any, ours: Any) -> bool:
    if reported is None or reported == ours:
        return True
    if isinstance(ours, float):
        try:
            return float(reported) == ours
        except (TypeError, ValueError):
            return False
    return str(reported) == str(ours)
