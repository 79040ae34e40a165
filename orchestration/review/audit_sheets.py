"""The sheet of an audit: rows to compare with the source, and the columns found wrong in each.

What the marks come to stands in `audit.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.review.audit import Marks, Sample, draw_sample, estimate, marks_hash
from orchestration.review.judgements import people_of, unknown_person
from orchestration.review.sheets import Answered, Fault, Returned, Row, read_sheet, write_sheet
from orchestration.settings import Settings
from orchestration.state.judgements import Audit, Questionnaire, ReviewStore
from orchestration.state.records import AuditResult
from orchestration.state.store import State, new_id, now
from orchestration.tabular import Heading, shown

PURPOSE = "audit"
NUMBER = "row number"
VERDICT, WRONG, NOTE = "row verdict", "wrong columns", "row note"
VERDICTS = ("right", "wrong", "unsure")
WHOLE_ROW = "whole row"
"""Written under `wrong columns` where no cell is wrong, but the row should not be there."""
FILLED_IN = (
    Heading(VERDICT, 12, choices=VERDICTS, is_answer=True),
    Heading(WRONG, 30, is_answer=True),
    Heading(NOTE, 30, is_answer=True),
)


@dataclass(frozen=True, kw_only=True)
class WrittenSample:
    """A sample that went out."""

    id: str
    files: list[Path]
    sample: Sample


def write_sample(
    settings: Settings, state: State, dataset: Dataset, *, size: int, seed: int, folder: Path
) -> WrittenSample:
    """Draws a sample of the publishable rows and writes it as a sheet.

    Raises:
        ConfigurationError: no run has finished yet, or there is no row.
    """
    sample = draw_sample(settings, state, dataset, size=size, seed=seed)
    questionnaire = Questionnaire(
        id=new_id(),
        dataset=dataset.id,
        purpose=PURPOSE,
        person=None,
        facts={
            "content_hash": sample.content_hash,
            "population": sample.population,
            "seed": sample.seed,
            "published": list(sample.columns),
        },
        questions=[],
        asked_at=now(),
    )
    rows = [
        Row(id=f"row-{number}", cells=(str(number), *(shown(cell) for cell in cells)))
        for number, cells in enumerate(sample.rows, start=1)
    ]
    headings = (Heading(NUMBER, 8), *(Heading(name, 20) for name in sample.columns))
    files = write_sheet(state, folder, questionnaire, shown=headings, answers=FILLED_IN, rows=rows)
    return WrittenSample(id=questionnaire.id, files=files, sample=sample)


def read_sample(state: State, dataset: Dataset, path: Path, *, by: str) -> Audit:
    """What a checked sample says; the first reading of a sample is kept.

    Raises:
        ConfigurationError: anything is wrong with it; names every fault with its file and line.
    """
    returned = read_sheet(state, dataset, path, purpose=PURPOSE, answers=FILLED_IN)
    facts = returned.questionnaire.facts
    found = {row.question["id"]: (row, _marks(row)) for row in returned.rows}
    faults = [
        row.fault(text)
        for row, marks in found.values()
        for text in _mistakes(row, marks, facts["published"])
    ]
    returned.refuse([*_person_faults(dataset, by), *faults])
    marks = {row_id: marks for row_id, (_, marks) in found.items()}
    audit = Audit(
        questionnaire_id=returned.questionnaire.id,
        dataset=dataset.id,
        content_hash=facts["content_hash"],
        marks_hash=marks_hash(marks),
        read_by=by,
        read_at=now(),
        result=_result(returned, marks.values(), facts),
    )
    kept = ReviewStore(state).add_audit(audit)
    if kept.marks_hash != audit.marks_hash:
        returned.refuse(
            [
                Fault(
                    1,
                    f"{kept.read_by} read this sample on {kept.read_at[:10]} with other marks, and "
                    "those are kept; draw a new sample",
                )
            ]
        )
    return kept


def _result(returned: Returned, marks: Any, facts: dict[str, Any]) -> AuditResult:
    found = estimate(list(marks), population=facts["population"], columns=facts["published"])
    return {"sample": returned.questionnaire.id, "seed": facts["seed"], **found}


def _person_faults(dataset: Dataset, by: str) -> list[Fault]:
    """Where a dataset file names people, one of them must have looked."""
    if not by.strip():
        return [Fault(1, "--by: say who checked the sample")]
    if dataset.review is None:
        return []
    review = people_of(dataset)
    if by in (*review.reviewers, review.steward):
        return []
    return [Fault(1, unknown_person(dataset, review, by))]


def _marks(row: Answered) -> Marks:
    named = re.split(r"[,;\n]", row.answers[WRONG])
    return Marks(
        verdict=row.answers[VERDICT].casefold(),
        wrong_columns=frozenset(name.strip() for name in named if name.strip()),
    )


def _mistakes(row: Answered, marks: Marks, published: Sequence[str]) -> list[str]:
    if not marks.verdict:
        return [f"{VERDICT}: is blank; a sample is random only as a whole, so check every row"]
    if marks.verdict not in VERDICTS:
        return [f"{VERDICT}: must be right, wrong or unsure"]
    if marks.verdict != "wrong":
        return [f"{WRONG}: must be blank where the row is not wrong"] if marks.wrong_columns else []
    if not marks.wrong_columns:
        return [f"{WRONG}: name the columns that are wrong, or `{WHOLE_ROW}`"]
    unknown = marks.wrong_columns - {*published, WHOLE_ROW}
    return [f"{WRONG}: names {len(unknown)} that are no columns of the sheet"] if unknown else []
