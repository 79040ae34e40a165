"""Sheets: a questionnaire as a file that goes out and comes back, with nothing of it changed.

A sheet is written as CSV and as XLSX, and noted in the state database: which rows, and a hash of
every cell shown. What comes back is compared with that; every fault is found before anything is
done. What is asked, and what answers mean, stands in `review_sheets.py` and `audit_sheets.py`.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError, TransientError
from orchestration.state.judgements import Questionnaire, ReviewStore
from orchestration.state.store import State
from orchestration.tabular import Heading, Line, read_table, write_csv, write_xlsx

SHEET, ROW, FINGERPRINT = "sheet id", "row id", "row fingerprint"
"""Headings with a blank, as no column of a dataset has."""
_KEYS = (Heading(SHEET, 10), Heading(ROW, 10), Heading(FINGERPRINT, 10))
_MOST_FAULTS = 60
_MOST_NUMBERS = 12


@dataclass(frozen=True, kw_only=True)
class Row:
    """One question: its id, the cells that are shown, and facts that stay with us."""

    id: str
    cells: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """Something wrong with a returned sheet, on a line of it.

    `row` is the number that the row went out with, if it is known: a spreadsheet shows that, and no
    lines where cells have several.
    """

    line: int
    text: str
    row: int | None = None

    def __str__(self) -> str:
        row = f" (row {self.row})" if self.row is not None else ""
        return f"line {self.line}{row}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A row that came back as it went out, and what was filled in."""

    line: int
    question: dict[str, Any]
    answers: dict[str, str]

    def fault(self, text: str) -> Fault:
        """Something wrong with this row."""
        return Fault(self.line, text, self.question["number"])


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A sheet that came back; its rows mean nothing where there are faults."""

    path: Path
    questionnaire: Questionnaire
    rows: list[Answered]
    faults: list[Fault]

    def refuse(self, more: Iterable[Fault] = ()) -> None:
        """Stops here if anything is wrong.

        Raises:
            ConfigurationError: names every fault with its file and line.
        """
        refuse_faults(self.path, [*self.faults, *more])


def write_sheet(
    state: State,
    folder: Path,
    questionnaire: Questionnaire,
    *,
    shown: Sequence[Heading],
    answers: Sequence[Heading],
    rows: Sequence[Row],
) -> list[Path]:
    """Notes a questionnaire, with its rows as questions, and writes it as CSV and XLSX.

    Raises:
        TransientError: the files cannot be written.
    """
    names = [heading.name for heading in shown]
    filled = Questionnaire(
        id=questionnaire.id,
        dataset=questionnaire.dataset,
        purpose=questionnaire.purpose,
        person=questionnaire.person,
        facts={**questionnaire.facts, "columns": names},
        questions=[
            {
                "id": row.id,
                "number": number,
                "cells": [
                    _cell_hash(name, text) for name, text in zip(names, row.cells, strict=True)
                ],
                **row.facts,
            }
            for number, row in enumerate(rows, start=1)
        ],
        asked_at=questionnaire.asked_at,
    )
    ReviewStore(state).add_questionnaire(filled)
    headings = [*shown, *answers, *_KEYS]
    table = [
        [
            *row.cells,
            *("" for _ in answers),
            questionnaire.id,
            row.id,
            _fingerprint(question["cells"], row.id),
        ]
        for row, question in zip(rows, filled.questions, strict=True)
    ]
    parts = [questionnaire.dataset, questionnaire.purpose, _slug(questionnaire.person or "")]
    stem = "_".join([*(part for part in parts if part), questionnaire.id])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{stem}.unfinished"
        write_xlsx(unfinished, questionnaire.purpose, headings, table)
        workbook = unfinished.rename(folder / f"{stem}.xlsx")
        write_csv(unfinished, headings, table)
        return [workbook, unfinished.rename(folder / f"{stem}.csv")]
    except OSError as error:
        raise TransientError(f"{folder}: the sheet cannot be written: {error.strerror}") from error


def read_sheet(
    state: State, dataset: Dataset, path: Path, *, purpose: str, answers: Sequence[Heading]
) -> Returned:
    """A sheet as it came back, with every fault that can be seen without knowing what it asks.

    Raises:
        ConfigurationError: it is no sheet, or not one that was written for this.
    """
    names = [heading.name for heading in answers]
    keys = [SHEET, ROW, FINGERPRINT]
    questionnaire = _questionnaire(state, dataset, path, read_table(path, keys), purpose)
    # Only now is it clear that it is to have these columns too.
    lines = read_table(path, [*names, *keys])
    wanted = {question["id"]: question for question in questionnaire.questions}
    faults: list[Fault] = []
    rows: dict[str, Answered] = {}
    for line in lines:
        row_id = line.cells[ROW].strip()
        question = wanted.get(row_id)
        if question is None:
            faults.append(Fault(line.number, f"its {ROW} was changed, or it is not of this sheet"))
            continue
        row = Answered(
            line=line.number,
            question=question,
            answers={name: line.cells[name].strip() for name in names},
        )
        first = rows.setdefault(row_id, row)
        if first is not row:
            faults.append(row.fault(f"repeats the row of line {first.line}"))
            continue
        faults += [row.fault(text) for text in _changes(questionnaire, question, line)]
    missing = [question["number"] for name, question in wanted.items() if name not in rows]
    if missing:
        faults.append(
            Fault(1, f"{len(missing)} of {len(wanted)} rows are missing: {_listed(missing)}")
        )
    return Returned(path=path, questionnaire=questionnaire, rows=list(rows.values()), faults=faults)


def refuse_faults(path: Path, faults: Sequence[Fault]) -> None:
    """Stops if there is a fault.

    Raises:
        ConfigurationError: names every fault with its file and line.
    """
    if not faults:
        return
    ordered = sorted(set(faults), key=lambda fault: (fault.line, fault.text))
    messages = [f"{path.name}: {fault}" for fault in ordered]
    if len(messages) > _MOST_FAULTS:
        messages = [
            *messages[:_MOST_FAULTS],
            f"{path.name}: and {len(messages) - _MOST_FAULTS} more faults",
        ]
    raise ConfigurationError("\n".join([*messages, "Nothing of it was stored."]))


def _questionnaire(
    state: State, dataset: Dataset, path: Path, lines: Sequence[Line], purpose: str
) -> Questionnaire:
    """The questionnaire that most lines are of."""
    counted = Counter(line.cells[SHEET].strip() for line in lines)
    store = ReviewStore(state)
    found = None
    for sheet_id, _ in counted.most_common(_MOST_NUMBERS):
        found = found or store.questionnaire(sheet_id)
    if found is None:
        raise ConfigurationError(
            f"{path.name}: no sheet of that {SHEET} was written here"
            if lines
            else f"{path.name}: holds no row"
        )
    if found.dataset != dataset.id:
        raise ConfigurationError(f"{path.name}: is a sheet of {found.dataset}, not of {dataset.id}")
    if found.purpose != purpose:
        raise ConfigurationError(
            f"{path.name}: is a sheet of `summerware {_COMMANDS[found.purpose]}`, "
            f"not of `summerware {_COMMANDS[purpose]}`"
        )
    return found


_COMMANDS = {"review": "review", "audit": "audit-sample"}


def _changes(questionnaire: Questionnaire, question: dict[str, Any], line: Line) -> list[str]:
    """What is no more as it went out; never quotes a cell."""
    found = []
    if line.is_too_long:
        found.append("has more cells than there are headings")
    if line.cells[SHEET].strip() != questionnaire.id:
        found.append(f"its {SHEET} is another one than that of the other lines")
    for name, expected in zip(questionnaire.facts["columns"], question["cells"], strict=True):
        if name not in line.cells:
            found.append(f"the column {name} is missing")
        elif _cell_hash(name, line.cells[name]) != expected:
            found.append(
                f"the cell {name} was changed; if a spreadsheet did that, fill in the XLSX file"
            )
    if line.cells[FINGERPRINT].strip() != _fingerprint(question["cells"], question["id"]):
        found.append(f"its {FINGERPRINT} was changed")
    return found


def _cell_hash(name: str, text: str) -> str:
    return hashlib.sha256(json.dumps([name, text]).encode()).hexdigest()[:8]


def _fingerprint(cells: Sequence[str], row_id: str) -> str:
    return hashlib.sha256(json.dumps([row_id, *cells]).encode()).hexdigest()[:16]


def _listed(numbers: Sequence[int]) -> str:
    some = ", ".join(str(number) for number in sorted(numbers)[:_MOST_NUMBERS])
    more = len(numbers) - _MOST_NUMBERS
    return f"rows {some}" + (f" and {more} more" if more > 0 else "")


def _slug(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "-", name.casefold()).strip("-")
