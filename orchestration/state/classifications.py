"""What is asked of the state database about classifications: proposed, signed or refused, never changed.

What they mean for rows is known in `orchestration/domains/classes.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from orchestration.state import tables
from orchestration.state.database import for_writing
from orchestration.state.store import State, new_id, now

HARMLESS, COVERED, MISSPELLING, NOT_OURS = "harmless", "policy", "misspelling", "not_ours"
VERDICTS = (HARMLESS, COVERED, MISSPELLING, NOT_OURS)


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What somebody said of one value of a deciding column, and who signed or refused it.

    `means` names the covering policies, with blanks between, or the value that a misspelling means.
    """

    id: str
    dataset: str
    column_name: str
    value: str
    verdict: str
    means: str | None
    reason: str
    proposed_by: str
    proposed_at: str
    signed_by: str | None = None
    signed_at: str | None = None
    refused_by: str | None = None
    refused_at: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody signed or refused it yet."""
        return self.signed_at is None and self.refused_at is None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is proposed for one value."""

    column: str
    value: str
    verdict: str
    means: str | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class FileSignature:
    """Who signed a classes file as it was, known by its hash."""

    file_hash: str
    signed_by: str
    signed_at: str


class ClassificationStore:
    """The part of the state database that keeps classifications and signatures of classes files."""

    def __init__(self, state: State) -> None:
        self._engine = state.engine
        self._writing = for_writing(state.engine)

    def classifications(self, dataset: str) -> list[Classification]:
        """All of a dataset, in the order of their signing, those without one last."""
        table = tables.classification
        query = (
            sa.select(table)
            .where(table.c.dataset == dataset)
            .order_by(
                table.c.signed_at.is_(None), table.c.signed_at, table.c.proposed_at, table.c.id
            )
        )
        with self._engine.connect() as connection:
            return [Classification(**row) for row in connection.execute(query).mappings()]

    def propose(self, dataset: str, answers: Sequence[Answer], *, by: str) -> list[str]:
        """Adds proposals; their ids. What was open for the same value is refused by it."""
        table = tables.classification
        ids = []
        with self._writing.begin() as connection:
            for one in answers:
                connection.execute(
                    table.update()
                    .where(
                        table.c.dataset == dataset,
                        table.c.column_name == one.column,
                        table.c.value == one.value,
                        table.c.signed_at.is_(None),
                        table.c.refused_at.is_(None),
                    )
                    .values(refused_by=by, refused_at=now())
                )
                ids.append(new_id())
                connection.execute(
                    table.insert().values(
                        id=ids[-1],
                        dataset=dataset,
                        column_name=one.column,
                        value=one.value,
                        verdict=one.verdict,
                        means=one.means,
                        reason=one.reason,
                        proposed_by=by,
                        proposed_at=now(),
                    )
                )
        return ids

    def end(self, dataset: str, ids: Sequence[str], *, by: str, is_signed: bool) -> int:
        """Signs or refuses open proposals; how many were open."""
        table = tables.classification
        values = (
            {"signed_by": by, "signed_at": now()}
            if is_signed
            else {"refused_by": by, "refused_at": now()}
        )
        ended = 0
        with self._writing.begin() as connection:
            for one in ids:
                ended += connection.execute(
                    table.update()
                    .where(
                        table.c.dataset == dataset,
                        table.c.id == one,
                        table.c.signed_at.is_(None),
                        table.c.refused_at.is_(None),
                    )
                    .values(**values)
                ).rowcount
        return ended

    def sign_file(self, dataset: str, file_hash: str, *, by: str) -> None:
        """Notes that somebody signed a classes file as it is; signing twice changes nothing."""
        table = tables.classes_signature
        same = (table.c.dataset == dataset, table.c.file_hash == file_hash)
        # Looked at in turn: two people who sign at once are no conflict.
        with self._writing.begin() as connection:
            if connection.scalar(sa.select(table.c.signed_by).where(*same)) is None:
                connection.execute(
                    table.insert().values(
                        dataset=dataset, file_hash=file_hash, signed_by=by, signed_at=now()
                    )
                )

    def file_signatures(self, dataset: str) -> list[FileSignature]:
        """Who signed which classes file of a dataset, newest first."""
        table = tables.classes_signature
        query = sa.select(table.c.file_hash, table.c.signed_by, table.c.signed_at)
        ordered = query.where(table.c.dataset == dataset).order_by(table.c.signed_at.desc())
        with self._engine.connect() as connection:
            return [FileSignature(**row) for row in connection.execute(ordered).mappings()]

    def signature(self, dataset: str, file_hash: str) -> str | None:
        """Who signed exactly this classes file; none where nobody did."""
        table = tables.classes_signature
        with self._engine.connect() as connection:
            signed_by: str | None = connection.scalar(
                sa.select(table.c.signed_by).where(
                    table.c.dataset == dataset, table.c.file_hash == file_hash
                )
            )
        return signed_by
