"""What is asked of the state database about people's judgements, their decisions and audits.

Plain frozen records, beside those of `store.py`. When judgements make a decision is not known here:
`orchestration/review/judgements.py` says so, and is called inside the transaction that stores them.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

import sqlalchemy as sa

from orchestration.state import tables
from orchestration.state.database import for_writing
from orchestration.state.records import AuditResult
from orchestration.state.store import State, now

Kind = TypeVar("Kind")


@dataclass(frozen=True, kw_only=True)
class Questionnaire:
    """What one person was asked at one time, as a sheet or on a screen.

    `questions` hold an `id` and whatever the asking part needs to know what was shown.
    """

    id: str
    dataset: str
    purpose: str
    person: str | None
    facts: dict[str, Any]
    questions: list[dict[str, Any]]
    asked_at: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What one person said of one proposal, and on which evidence.

    `column_name` is empty for duplicates; left and right are then their keys.
    """

    dataset: str
    questionnaire_id: str
    proposal_id: str
    kind: str
    column_name: str
    left_value: str
    right_value: str
    evidence_hash: str
    person: str
    verdict: str
    note: str
    asked_at: str
    judged_at: str
    voided_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What people decided. In force until it ends, by an undo or by the decision that replaced it.

    `asked_at` is when the last of those who decided was asked.
    """

    id: str
    dataset: str
    proposal_id: str
    kind: str
    column_name: str
    left_value: str
    right_value: str
    evidence_hash: str
    verdict: str
    decided_by: list[str]
    asked_at: str
    decided_at: str
    ended_at: str | None = None
    ended_by: str | None = None
    end_reason: str | None = None
    replaced_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Audit:
    """A sample of published rows that a person checked, and what follows from it."""

    questionnaire_id: str
    dataset: str
    content_hash: str
    marks_hash: str
    read_by: str
    read_at: str
    result: AuditResult


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What became of judgements: all new ones stored, or, where one contradicts, none."""

    stored: list[Judgement]
    known: list[Judgement]
    decisions: list[Decision]
    contradictions: list[Judgement]


Settle = Callable[[Sequence[Judgement], Decision | None], Decision | None]
"""From a proposal's judgements on one evidence, and the decision in force, to a new decision."""


class ReviewStore:
    """The part of the state database that keeps what people said."""

    def __init__(self, state: State) -> None:
        self._engine = state.engine
        self._writing = for_writing(state.engine)

    # Questionnaires

    def add_questionnaire(self, questionnaire: Questionnaire) -> None:
        """Notes what is about to be asked."""
        with self._writing.begin() as connection:
            connection.execute(tables.questionnaire.insert().values(**asdict(questionnaire)))

    def questionnaire(self, questionnaire_id: str) -> Questionnaire | None:
        """The questionnaire of that id."""
        table = tables.questionnaire
        found = self._all(Questionnaire, sa.select(table).where(table.c.id == questionnaire_id))
        return found[0] if found else None

    # Judgements

    def judgements(self, dataset: str) -> list[Judgement]:
        """The judgements that count, oldest first; those of undone decisions are left out."""
        table = tables.judgement
        return self._all(
            Judgement,
            sa.select(table)
            .where(table.c.dataset == dataset, table.c.voided_at.is_(None))
            .order_by(table.c.id),
        )

    def record(self, judgements: Sequence[Judgement], settle: Settle) -> Recorded:
        """Stores each judgement once, and the decisions that follow, in one transaction.

        Known is what came from the same question, or what the same person said on the same
        evidence. Where it said something else, nothing is stored at all.
        """
        with self._writing.begin() as connection:
            before = [(one, _earlier(connection, one)) for one in judgements]
            contradictions = [
                one for one, earlier in before if earlier and earlier.verdict != one.verdict
            ]
            if contradictions:
                return Recorded(stored=[], known=[], decisions=[], contradictions=contradictions)
            stored = [one for one, earlier in before if earlier is None]
            if stored:
                connection.execute(tables.judgement.insert(), [asdict(one) for one in stored])
            decisions = [_settled(connection, one, settle) for one in stored]
        return Recorded(
            stored=stored,
            known=[one for one, earlier in before if earlier is not None],
            decisions=[one for one in decisions if one is not None],
            contradictions=[],
        )

    # Decisions

    def decisions(self, dataset: str, *, in_force: bool = True) -> list[Decision]:
        """The decisions in force, or those that ended; oldest first."""
        table = tables.decision
        query = sa.select(table).where(table.c.dataset == dataset)
        ended = table.c.ended_at
        query = query.where(ended.is_(None) if in_force else ended.is_not(None))
        return self._all(Decision, query.order_by(table.c.decided_at, table.c.id))

    def decision(self, decision_id: str) -> Decision | None:
        """The decision of that id, in force or not."""
        table = tables.decision
        found = self._all(Decision, sa.select(table).where(table.c.id == decision_id))
        return found[0] if found else None

    def undo(self, decision_id: str, *, by: str, reason: str) -> bool:
        """Ends a decision; false where it was not in force. Its judgements count no more."""
        decision, judgement = tables.decision, tables.judgement
        moment = now()
        with self._writing.begin() as connection:
            proposal = connection.scalar(
                sa.select(decision.c.proposal_id).where(
                    decision.c.id == decision_id, decision.c.ended_at.is_(None)
                )
            )
            if proposal is None:
                return False
            connection.execute(
                decision.update()
                .where(decision.c.id == decision_id)
                .values(ended_at=moment, ended_by=by, end_reason=reason)
            )
            connection.execute(
                judgement.update()
                .where(judgement.c.proposal_id == proposal, judgement.c.voided_at.is_(None))
                .values(voided_at=moment)
            )
        return True

    # Audits

    def add_audit(self, audit: Audit) -> Audit:
        """Keeps the first reading of a sample, and answers with what is kept."""
        table = tables.audit
        with self._writing.begin() as connection:
            known = connection.execute(
                sa.select(table).where(table.c.questionnaire_id == audit.questionnaire_id)
            ).first()
            if known is not None:
                return _record(Audit, known)
            connection.execute(table.insert().values(**asdict(audit)))
        return audit

    def audits(self, dataset: str) -> list[Audit]:
        """Every audit of a dataset, oldest first."""
        table = tables.audit
        return self._all(
            Audit,
            sa.select(table)
            .where(table.c.dataset == dataset)
            .order_by(table.c.read_at, table.c.questionnaire_id),
        )

    def _all(self, kind: type[Kind], query: sa.Select[Any]) -> list[Kind]:
        with self._engine.connect() as connection:
            return [_record(kind, row) for row in connection.execute(query)]


def _record(kind: type[Kind], row: sa.Row[Any]) -> Kind:
    return kind(**{field.name: row._mapping[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def _earlier(connection: sa.Connection, judgement: Judgement) -> Judgement | None:
    """What the same person already said, if anything."""
    table = tables.judgement
    same_question = sa.and_(
        table.c.questionnaire_id == judgement.questionnaire_id,
        table.c.proposal_id == judgement.proposal_id,
    )
    same_evidence = sa.and_(
        table.c.proposal_id == judgement.proposal_id,
        table.c.person == judgement.person,
        table.c.evidence_hash == judgement.evidence_hash,
        table.c.voided_at.is_(None),
    )
    row = connection.execute(
        sa.select(table).where(sa.or_(same_question, same_evidence)).order_by(table.c.id).limit(1)
    ).first()
    return None if row is None else _record(Judgement, row)


def _settled(connection: sa.Connection, judgement: Judgement, settle: Settle) -> Decision | None:
    """Makes the decision that a new judgement leads to, and ends the one it replaces."""
    judged, decided = tables.judgement, tables.decision
    current = connection.execute(
        sa.select(judged)
        .where(
            judged.c.proposal_id == judgement.proposal_id,
            judged.c.evidence_hash == judgement.evidence_hash,
            judged.c.voided_at.is_(None),
        )
        .order_by(judged.c.id)
    )
    standing = connection.execute(
        sa.select(decided).where(
            decided.c.proposal_id == judgement.proposal_id, decided.c.ended_at.is_(None)
        )
    ).first()
    in_force = None if standing is None else _record(Decision, standing)
    new = settle([_record(Judgement, row) for row in current], in_force)
    if new is None:
        return None
    connection.execute(decided.insert().values(**asdict(new)))
    if in_force is not None:
        connection.execute(
            decided.update()
            .where(decided.c.id == in_force.id)
            .values(
                ended_at=new.decided_at,
                ended_by=", ".join(new.decided_by),
                end_reason="decided anew",
                replaced_by=new.id,
            )
        )
    # Should the evidence turn back, it is asked again.
    connection.execute(
        judged.update()
        .where(
            judged.c.proposal_id == new.proposal_id,
            judged.c.evidence_hash != new.evidence_hash,
            judged.c.voided_at.is_(None),
        )
        .values(voided_at=new.decided_at)
    )
    return new
