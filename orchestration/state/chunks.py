"""The records of a publication's chunks: what was sent in which piece, and what became of it.

How they are stored and asked for is in `store.py`; what is sent in what order, in `publishing/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

DRAFT_STATES = ("drafting", "drafted", "sent")
"""A chunk that is a draft on a portal, neither applied nor discarded as far as we know."""


class ChunkKind(StrEnum):
    """What a chunk does with its rows."""

    UPSERT = "upsert"
    DELETE = "delete"
    REPLACE = "replace"
    """They are all that its partition should hold."""


@dataclass(frozen=True, kw_only=True)
class ChunkId:
    """Which chunk of its publication: numbers begin anew with each kind, and with the repairs.

    A number means the same rows every time. `is_repair` is what the proof found different and is
    sent once more.
    """

    kind: ChunkKind
    number: int
    is_repair: bool = False


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """A row that cannot be published, and why.

    `key` is none where the row has none, or the portal does not say it. `reason` is in our words or
    the portal's code, for the portal's own may quote cells. `value` is a cell as text, where it was
    looked at; `index` the row's place in its request, from 0, where an answer names it.
    """

    key: str | None = field(repr=False)
    column: str | None
    reason: str
    value: str | None = field(default=None, repr=False)
    index: int | None = None

    def as_json(self) -> dict[str, Any]:
        """For the journal, which keeps no cell but the key."""
        return {"key": self.key, "column": self.column, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class ChunkRecord:
    """How far one chunk came: pending, sent, acknowledged, verified.

    A draft: drafting, drafted, sent, acknowledged, and withdrawn if we discarded it, closed if
    somebody else did or applied it. `answer` is what was noted with that state.
    """

    id: ChunkId
    partition: str
    rows: int
    state: str
    answer: Mapping[str, Any]
    moved_at: str

    @property
    def is_done(self) -> bool:
        """Whether the portal has answered for all of it."""
        return self.state in ("acknowledged", "verified")

    @property
    def was_sent(self) -> bool:
        """Whether it may be on the portal by what we did."""
        return self.is_done or self.state == "sent"

    @property
    def may_be_there(self) -> bool:
        """The same, or by somebody who applied our draft."""
        return self.was_sent or self.state == "closed"

    @property
    def revision(self) -> int | None:
        """The number of the draft that it is on the portal."""
        return self.answer.get("revision")

    @property
    def is_open_draft(self) -> bool:
        """Whether a draft of it is on the portal as far as we know."""
        return self.state in DRAFT_STATES and self.revision is not None

    @property
    def refused(self) -> list[RefusedRow]:
        """The rows of it that the portal said it did not take."""
        return [RefusedRow(**row) for row in self.answer.get("refused", [])]

    @property
    def written_at(self) -> datetime | None:
        """When it was written, by the portal's clock, where that said so."""
        text = self.answer.get("written_at")
        return datetime.fromisoformat(text) if text else None
