"""The decisions that the pipeline replays: those of the decisions file, and those of the reviewers.

The file wins. Of two that cannot stand together the newer one wins; the other is overruled, which
`summerware review list` shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.dataset import Dataset
from orchestration.review.consistency import Together
from orchestration.review.decisions_file import FileDecision, load_decisions_file
from orchestration.review.proposals import DUPLICATE, SPELLING
from orchestration.settings import Settings
from orchestration.state.judgements import Decision, ReviewStore
from orchestration.state.store import State


@dataclass(frozen=True, kw_only=True)
class SpellingDecision:
    """`from_value` becomes `to_value` in a column (`apply`), or does not (`keep`)."""

    column_name: str
    from_value: str
    to_value: str
    verdict: str
    decision_id: str


@dataclass(frozen=True, kw_only=True)
class DuplicateDecision:
    """Two keys are the `same` event, or `different` ones; `left_key` sorts first."""

    left_key: str
    right_key: str
    verdict: str
    decision_id: str


@dataclass(frozen=True, kw_only=True)
class Overruled:
    """A decision of the reviewers that does not apply, and the ids of those it cannot stand with."""

    decision: Decision
    why: str
    by: list[str]


@dataclass(frozen=True, kw_only=True)
class InForce:
    """What applies, in the order in which it came to win, and what is overruled."""

    file: list[FileDecision]
    reviewed: list[Decision]
    overruled: list[Overruled]


def spelling_decisions(
    settings: Settings, state: State, dataset: Dataset
) -> list[SpellingDecision]:
    """What people decided on spelling, for columns whose spelling is looked at; sorted.

    Raises:
        ConfigurationError: the decisions file is wrong; names every such line.
    """
    spelled = {column.name for column in dataset.columns if column.spelling}
    return sorted(
        (
            SpellingDecision(
                column_name=column,
                from_value=left,
                to_value=right,
                verdict=verdict,
                decision_id=decision_id,
            )
            for column, left, right, verdict, decision_id in _subjects(
                decisions_in_force(settings, state, dataset), SPELLING
            )
            if column in spelled
        ),
        key=lambda one: (one.column_name, one.from_value, one.to_value),
    )


def duplicate_decisions(
    settings: Settings, state: State, dataset: Dataset
) -> list[DuplicateDecision]:
    """What people decided on pairs of keys; sorted.

    Raises:
        ConfigurationError: the decisions file is wrong; names every such line.
    """
    return sorted(
        (
            DuplicateDecision(
                left_key=left, right_key=right, verdict=verdict, decision_id=decision_id
            )
            for _, left, right, verdict, decision_id in _subjects(
                decisions_in_force(settings, state, dataset), DUPLICATE
            )
        ),
        key=lambda one: (one.left_key, one.right_key),
    )


def decisions_in_force(settings: Settings, state: State, dataset: Dataset) -> InForce:
    """Everything that people decided, once, with contradicting decisions set aside.

    Raises:
        ConfigurationError: the decisions file is wrong; names every such line.
    """
    file = load_decisions_file(settings, dataset)
    together: Together[str] = Together()
    for line in file:
        together.take(line.kind, line.column, line.left, line.right, line.verdict, line.id)
    reviewed: list[Decision] = []
    overruled: list[Overruled] = []
    for one in reversed(ReviewStore(state).decisions(dataset.id)):
        clash = together.take(
            one.kind, one.column_name, one.left_value, one.right_value, one.verdict, one.id
        )
        if clash is None:
            reviewed.append(one)
        else:
            overruled.append(Overruled(decision=one, why=clash.why, by=sorted(clash.earlier)))
    return InForce(file=file, reviewed=reviewed, overruled=overruled)


def _subjects(in_force: InForce, kind: str) -> Sequence[tuple[str, str, str, str, str]]:
    lines = [
        (one.column, one.left, one.right, one.verdict, one.id)
        for one in in_force.file
        if one.kind == kind
    ]
    return lines + [
        (one.column_name, one.left_value, one.right_value, one.verdict, one.id)
        for one in in_force.reviewed
        if one.kind == kind
    ]
