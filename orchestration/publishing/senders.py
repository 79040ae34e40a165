"""What the ways of sending have in common: a part of a publication, its sender, what became of it.

A part is what the journal keeps as one chunk. Rows by key go through `sending.RowSender`, a partition
whole through `replacing.ReplacementSender`, either of them as a draft through `revisions.DraftSender`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from orchestration.state.chunks import ChunkId, ChunkRecord, RefusedRow


class Part(Protocol):
    """Rows of one partition that get through together, or are sent together once more."""

    @property
    def id(self) -> ChunkId:
        """As what it is journaled."""

    @property
    def partition(self) -> str:
        """To which 4x4 it goes."""

    @property
    def rows(self) -> int:
        """How many rows it has."""


PartT = TypeVar("PartT", bound=Part)
PartT_contra = TypeVar("PartT_contra", bound=Part, contravariant=True)


class Note(Protocol):
    """Notes in the journal how far a part is, with facts that JSON takes."""

    def __call__(self, state: str, answer: Mapping[str, Any] | None = None, /) -> None:
        """Notes a state of `ChunkRecord`."""


class Check(Protocol):
    """Looks whether somebody else wrote what a replacement would take along.

    `was_sent` says that its rows may be there already.

    Raises:
        ExternalEdit: somebody did.
    """

    def __call__(self, *, was_sent: bool) -> None:
        """Returns where nobody did."""


def unnoted(_state: str, _answer: Mapping[str, Any] | None = None, /) -> None:
    """For what is not in the journal."""


def unchecked(*, was_sent: bool) -> None:
    """For rows by key, which take nothing along."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What became of a part: every row of it is on the portal (or gone from it), or refused."""

    rows_written: int
    refused: Sequence[RefusedRow] = ()
    request_ids: Sequence[str] = ()
    attempts: int
    """Requests, or drafts, that were made for it."""
    settled: str
    """`answered`, or `read_back` where any of it had to be read to be known."""
    created: int = 0
    updated: int = 0
    deleted: int = 0
    """By the portal's counters, which may be wrong."""
    written_at: datetime | None = None
    """The portal's own time of the last write, where it says so; reads must not be older."""


class Sender(Protocol[PartT_contra]):
    """One way of getting parts of a publication to a portal, from wherever a dead process left them."""

    def send(
        self,
        portal_id: str,
        part: PartT_contra,
        *,
        note: Note,
        before: ChunkRecord | None = None,
        check: Check = unchecked,
    ) -> Sent:
        """Sends a part until each of its rows is settled; sending it again later is harmless.

        `note` is called before whatever changes the portal, and with `acknowledged` at the end; it is
        given no cell but the keys of refused rows. `before` is what the journal has of the part.
        `check` is asked before what others wrote meanwhile would be lost.

        Raises:
            ExternalEdit: `check` says so.
            NotVerified: the draft waits for approval.
            PortalFault: the portal refuses it, does not let us write, or moved.
            TransientError: the portal did not answer for it within the retry policy.
        """


def acknowledge(note: Note, sent: Sent) -> Sent:
    """Notes that a part is settled, with what the journal keeps of it."""
    note(
        "acknowledged",
        {
            "created": sent.created,
            "updated": sent.updated,
            "deleted": sent.deleted,
            "refused": [row.as_json() for row in sent.refused],
            "attempts": sent.attempts,
            "settled": sent.settled,
            "request_ids": list(sent.request_ids),
            "written_at": sent.written_at.isoformat() if sent.written_at else None,
        },
    )
    return sent
