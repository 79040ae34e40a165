"""Proposing and signing what words mean.

An engineer proposes, one word at a time or with a sheet; the named custodian signs. Only what is signed
counts, from the next run on.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from orchestration.classification.questions import Question
from orchestration.classification.showing import Shown
from orchestration.dataset import Dataset
from orchestration.domains.classes import Classes, classes_path, listed_values, plain
from orchestration.errors import ConfigurationError
from orchestration.layers import hash_file
from orchestration.settings import Settings
from orchestration.signers import require_signer
from orchestration.state.classifications import (
    COVERED,
    HARMLESS,
    MISSPELLING,
    VERDICTS,
    Answer,
    Classification,
    ClassificationStore,
)
from orchestration.state.store import State
from orchestration.tabular import Heading, read_table, shown, write_csv

Show = Callable[[str], Shown]

HEADINGS = (
    Heading("column", 22),
    Heading("value", 40),
    Heading("lines", 8),
    Heading("since", 12),
    Heading("resembles", 40),
    Heading("covered_by", 30),
    Heading("answer", 14, VERDICTS, is_answer=True),
    Heading("means", 30, is_answer=True),
    Heading("reason", 40, is_answer=True),
)


NOT_SHOWN = "(NOT SHOWN"
"""How a sheet begins a word that it does not show; such a line cannot be answered."""


def write_questions(path: Path, questions: Sequence[Question], show: Show) -> None:
    """Writes one sheet of questions, to be filled in and read back, without words that name persons."""
    rows = [
        [
            one.column,
            _in_sheet(one, show(one.value)),
            str(one.lines),
            one.since[:10],
            show(one.resembles).text if one.resembles else "",
            " ".join(one.policies),
            "",
            "",
            "",
        ]
        for one in questions
        if one.value
    ]
    write_csv(path, HEADINGS, rows)


def _in_sheet(one: Question, word: Shown) -> str:
    if not word.persons:
        return shown(one.value)
    return f"{NOT_SHOWN}: {word.persons}; line {one.line} of extract {one.extract_id})"


def read_answers(path: Path) -> list[Answer]:
    """The answered lines of a sheet.

    Raises:
        ConfigurationError: the file is no such sheet, or an answer is none.
    """
    lines = read_table(path, ("column", "value", "answer", "means", "reason"))
    return [
        Answer(
            column=line.cells["column"],
            value=plain(line.cells["value"]),
            verdict=line.cells["answer"].strip().lower(),
            means=line.cells["means"].strip() or None,
            reason=line.cells["reason"].strip(),
        )
        for line in lines
        if line.cells["answer"].strip()
    ]


def parse_answer(column: str, value: str, said: str, reason: str) -> Answer:
    """An answer as the command line takes it: `harmless`, `policy:P`, `misspelling:W`, `not_ours`."""
    verdict, _, means = said.partition(":")
    return Answer(
        column=column, value=plain(value), verdict=verdict, means=means or None, reason=reason
    )


def propose(
    settings: Settings,
    state: State,
    dataset: Dataset,
    classes: Classes,
    answers: Sequence[Answer],
    *,
    by: str,
) -> list[str]:
    """Notes proposals for a custodian; their ids.

    Raises:
        ConfigurationError: an answer cannot be one, or nobody of that name may propose.
    """
    name = require_signer(settings, by, "engineer")
    faults = [
        f"{one.column}: {fault}" for one in answers if (fault := find_fault(dataset, classes, one))
    ]
    if faults:
        raise ConfigurationError("\n".join(faults))
    return ClassificationStore(state).propose(dataset.id, answers, by=name)


def find_fault(dataset: Dataset, classes: Classes, one: Answer) -> str | None:
    """Why an answer cannot be one; none where it can."""
    asked = dict.fromkeys(dataset.deciding.values())
    policies = {policy.id for policy in dataset.policies if policy.action != "generalize"}
    if one.column not in asked:
        return f"decides no policy of {dataset.id}; these do: {', '.join(asked)}"
    if not one.value:
        return "a blank cell says nothing and cannot be classified; the source must say it"
    if "\0" in one.value or one.value.startswith(NOT_SHOWN):
        return "this is no word that can be kept; it is for the owner of the source to mend"
    if one.verdict not in VERDICTS:
        return f"an answer is one of {', '.join(VERDICTS)}"
    if one.verdict == COVERED and not (one.means and set(one.means.split()) <= policies):
        return f"policy: name one of {', '.join(sorted(policies))}"
    if one.verdict == MISSPELLING and classes.of(one.column, one.means) is None:
        return "misspelling: the value that it means must be classified itself"
    listed = listed_values(dataset).get((one.column, one.value))
    if one.verdict == HARMLESS and listed:
        return f"the policy {listed[0]} lists this value: change the policy first"
    return None


def sign(
    settings: Settings,
    state: State,
    dataset: Dataset,
    ids: Sequence[str],
    *,
    by: str,
    is_signed: bool = True,
) -> int:
    """Signs open proposals, or refuses them; how many. Who proposed does not sign.

    Raises:
        ConfigurationError: nobody of that name may, or one of them is not open.
    """
    name = require_signer(settings, by, "custodian", of_file=True)
    waiting = {one.id: one for one in open_proposals(state, dataset)}
    unknown = [one for one in ids if one not in waiting]
    if unknown:
        raise ConfigurationError(f"{dataset.id}: no open proposal {', '.join(unknown)}")
    own = [one for one in ids if waiting[one].proposed_by.casefold() == name.casefold()]
    if own and is_signed:
        raise ConfigurationError(
            f"{dataset.id}: {name} proposed {', '.join(own)}; somebody else must sign it"
        )
    return ClassificationStore(state).end(dataset.id, ids, by=name, is_signed=is_signed)


def open_proposals(state: State, dataset: Dataset) -> list[Classification]:
    """What waits for a custodian, oldest first."""
    found = ClassificationStore(state).classifications(dataset.id)
    return [one for one in found if one.is_open]


def sign_classes_file(
    settings: Settings,
    state: State,
    dataset: Dataset,
    *,
    by: str,
    as_seen: str | None = None,
) -> None:
    """Signs the classes file as it is, in one go; `as_seen` is the hash of what was looked at.

    Raises:
        ConfigurationError: there is none, it is not as it was seen, or nobody of that name may.
    """
    name = require_signer(settings, by, "custodian", of_file=True)
    path = classes_path(settings, dataset.id)
    if not path.is_file():
        raise ConfigurationError(f"{path.name}: is missing")
    now = hash_file(path)
    if as_seen not in (None, now):
        raise ConfigurationError(f"{path.name}: changed since it was shown; look at it again")
    ClassificationStore(state).sign_file(dataset.id, now, by=name)


def unsigned_classes(settings: Settings, state: State, dataset: Dataset) -> bool:
    """Whether the classes file, as it is now, is a proposal that nobody signed."""
    path = classes_path(settings, dataset.id)
    if not dataset.deciding or not path.is_file():
        return False
    return ClassificationStore(state).signature(dataset.id, hash_file(path)) is None
