"""The sheet of proposals: what a reviewer reads of each, and what the answers become.

Which proposals a person is asked, and when answers decide, stands in `judgements.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestration.dataset import Dataset
from orchestration.review import wording
from orchestration.review.decisions_file import load_decisions_file
from orchestration.review.judgements import (
    ANSWERS,
    Question,
    answers_of,
    people_of,
    questions_for,
    record_judgements,
    unknown_person,
)
from orchestration.review.proposals import (
    SPELLING,
    Found,
    find_proposals,
    published_records,
)
from orchestration.review.sheets import Answered, Fault, Row, read_sheet, write_sheet
from orchestration.review.wording import Record
from orchestration.settings import Settings
from orchestration.state.judgements import Judgement, Questionnaire, Recorded, ReviewStore
from orchestration.state.store import State, new_id, now
from orchestration.tabular import Heading, shown

PURPOSE = "review"
SHOWN = (
    Heading("number", 8),
    Heading("kind", 11),
    Heading("question", 48),
    Heading("first", 44),
    Heading("second", 44),
    Heading("published rows", 10),
    Heading("why", 36),
    Heading("evidence changed", 10),
)
VERDICT, NOTE = "verdict", "note"
FILLED_IN = (
    Heading(VERDICT, 10, choices=ANSWERS, is_answer=True),
    Heading(NOTE, 30, is_answer=True),
)
NOT_PUBLISHED = "(not published at present)"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What one person was given: the files, how many questions, how many wait for the next sheet."""

    person: str
    files: list[Path]
    questions: int
    waiting: int


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What a returned sheet brought; `idle_notes` stand beside a blank verdict and are not kept."""

    recorded: Recorded
    blank: int
    idle_notes: int


def export_sheets(
    settings: Settings,
    state: State,
    dataset: Dataset,
    *,
    people: Sequence[str],
    limit: int,
    folder: Path,
) -> tuple[list[Exported], Found]:
    """Writes one sheet for each person who has something to judge, and says what was found.

    Raises:
        ConfigurationError: no run has finished, or somebody does not review this dataset.
    """
    decisions = ReviewStore(state).decisions(dataset.id)
    in_file = load_decisions_file(settings, dataset)
    found = find_proposals(settings, state, dataset, decisions=decisions)
    asked = {
        person: questions_for(
            state, dataset, found.proposals, person=person, file_decisions=in_file
        )
        for person in people
    }
    exported = []
    for person, questions in asked.items():
        chosen = questions[:limit]
        files = _write(settings, state, dataset, person, chosen, folder) if chosen else []
        exported.append(
            Exported(
                person=person,
                files=files,
                questions=len(chosen),
                waiting=len(questions) - len(chosen),
            )
        )
    return exported, found


def import_sheet(state: State, dataset: Dataset, path: Path, *, reviewer: str) -> Imported:
    """Stores the judgements of a returned sheet, each once, or nothing of it.

    Raises:
        ConfigurationError: anything is wrong with it; names every fault with its file and line.
    """
    review = people_of(dataset)
    returned = read_sheet(state, dataset, path, purpose=PURPOSE, answers=FILLED_IN)
    questionnaire = returned.questionnaire
    faults = []
    if reviewer not in (*review.reviewers, review.steward):
        faults.append(Fault(1, unknown_person(dataset, review, reviewer)))
    if reviewer != questionnaire.person:
        faults.append(Fault(1, f"was written for {questionnaire.person}, not for {reviewer!r}"))
    allowed = answers_of(review, reviewer)
    filled = [row for row in returned.rows if row.answers[VERDICT]]
    faults += [
        row.fault(f"{VERDICT}: must be {', '.join(allowed[:-1])} or {allowed[-1]}, or blank")
        for row in filled
        if row.answers[VERDICT].casefold() not in allowed
    ]
    returned.refuse(faults)
    moment = now()
    recorded = record_judgements(
        state,
        dataset,
        [_judgement(questionnaire, row, reviewer, moment) for row in filled],
    )
    by_id = {row.question["id"]: row for row in filled}
    returned.refuse(
        by_id[one.proposal_id].fault(
            f"{reviewer} judged this otherwise before; a judgement is stored once"
        )
        for one in recorded.contradictions
    )
    blank = [row for row in returned.rows if not row.answers[VERDICT]]
    return Imported(
        recorded=recorded,
        blank=len(blank),
        idle_notes=sum(bool(row.answers[NOTE]) for row in blank),
    )


def _write(
    settings: Settings,
    state: State,
    dataset: Dataset,
    person: str,
    questions: Sequence[Question],
    folder: Path,
) -> list[Path]:
    keys = [
        key
        for one in questions
        if one.proposal.kind != SPELLING
        for key in (one.proposal.left, one.proposal.right)
    ]
    records = published_records(settings, state, dataset, keys)
    rows = [
        _row(dataset, number, question, records)
        for number, question in enumerate(questions, start=1)
    ]
    questionnaire = Questionnaire(
        id=new_id(),
        dataset=dataset.id,
        purpose=PURPOSE,
        person=person,
        facts={},
        questions=[],
        asked_at=now(),
    )
    allowed = answers_of(people_of(dataset), person)
    verdict = Heading(VERDICT, 10, choices=allowed, is_answer=True)
    return write_sheet(
        state, folder, questionnaire, shown=SHOWN, answers=(verdict, FILLED_IN[1]), rows=rows
    )


def _row(
    dataset: Dataset,
    number: int,
    question: Question,
    records: Mapping[str, Record],
) -> Row:
    proposal = question.proposal
    if proposal.kind == SPELLING:
        first, second = proposal.left, proposal.right
        asked = wording.question(dataset, proposal)
    else:
        one, other = records.get(proposal.left), records.get(proposal.right)
        first, second = _listing(one), _listing(other)
        asked = wording.question(dataset, proposal, one, other)
    if question.evidence_changed:
        asked = f"This was decided before, and its evidence has changed since. {asked}"
    return Row(
        id=proposal.id,
        cells=(
            str(number),
            proposal.kind,
            shown(asked),
            shown(first),
            shown(second),
            str(proposal.rows),
            shown(wording.reasons(dataset, proposal)),
            "yes" if question.evidence_changed else "",
        ),
        facts={
            "kind": proposal.kind,
            "column": proposal.column,
            "left": proposal.left,
            "right": proposal.right,
            "evidence_hash": proposal.evidence_hash,
        },
    )


def _listing(record: Record | None) -> str:
    """A row as lines of `column: value`, the same lines for every row, so that two stand level."""
    if record is None:
        return NOT_PUBLISHED
    return "\n".join(
        f"{name}: {shown(value).replace(chr(10), ' / ') if value is not None else '-'}"
        for name, value in record.items()
    )


def _judgement(
    questionnaire: Questionnaire, row: Answered, reviewer: str, moment: str
) -> Judgement:
    question = row.question
    return Judgement(
        dataset=questionnaire.dataset,
        questionnaire_id=questionnaire.id,
        proposal_id=question["id"],
        kind=question["kind"],
        column_name=question["column"],
        left_value=question["left"],
        right_value=question["right"],
        evidence_hash=question["evidence_hash"],
        person=reviewer,
        verdict=row.answers[VERDICT].casefold(),
        note=row.answers[NOTE],
        asked_at=questionnaire.asked_at,
        judged_at=moment,
    )
