"""Answers about decisions: what is in force, what waits for the steward, what clashes, what ended.

Plain values out; how they look is decided in `orchestration/cli/review.py`. A value of a column that
is not published is not shown (law 3).
"""

from typing import TypedDict, cast

from orchestration.dataset import Dataset
from orchestration.review.decisions import decisions_in_force
from orchestration.review.decisions_file import FileDecision
from orchestration.review.judgements import disagreements
from orchestration.review.proposals import SPELLING
from orchestration.settings import Settings
from orchestration.state.judgements import Decision, ReviewStore
from orchestration.state.store import State

HIDDEN = "(not shown: the column is not published)"


Subject = TypedDict("Subject", {"kind": str, "column": str, "from": str, "to": str})
"""What a decision is about: a value and its spelling, or two keys; the column is empty for keys."""


class ListedDecision(Subject):
    """One decision, of a review or of the decisions file; `on` is a day, ISO 8601."""

    id: str
    source: str
    verdict: str
    by: list[str]
    on: str


class FiledDecision(ListedDecision):
    """One line of the decisions file."""

    reason: str


class OverruledDecision(ListedDecision):
    """One decision that another one overrules, and by whom."""

    why: str
    overruled_by: list[str]


class EndedDecision(ListedDecision):
    """One decision that is no more in force; `ended_at` is UTC."""

    ended_at: str
    ended_by: str
    end_reason: str
    replaced_by: str | None


class ListedJudgement(TypedDict):
    """What one person said of one proposal; `judged_at` is UTC."""

    person: str
    verdict: str
    note: str
    judged_at: str


class Disagreement(Subject):
    """One proposal of which people said different things."""

    proposal: str
    judgements: list[ListedJudgement]


class DecisionList(TypedDict):
    """Everything that was decided for a dataset, one entry per decision or proposal."""

    dataset: str
    decisions: list[ListedDecision]
    disagreements: list[Disagreement]
    conflicts: list[OverruledDecision]
    ended: list[EndedDecision]


def list_decisions(settings: Settings, state: State, dataset: Dataset) -> DecisionList:
    """Decisions in force, disagreements, conflicts and what is no more in force.

    Raises:
        ConfigurationError: the decisions file is wrong; names every such line.
    """
    in_force = decisions_in_force(settings, state, dataset)
    return {
        "dataset": dataset.id,
        "decisions": [
            *(_line(dataset, one) for one in in_force.file),
            *(_reviewed(dataset, one) for one in reversed(in_force.reviewed)),
        ],
        "disagreements": _disagreements(state, dataset),
        "conflicts": [
            {**_reviewed(dataset, one.decision), "why": one.why, "overruled_by": one.by}
            for one in in_force.overruled
        ],
        "ended": [
            {
                **_reviewed(dataset, one),
                # Who ends a decision notes when, who and why.
                "ended_at": cast(str, one.ended_at),
                "ended_by": cast(str, one.ended_by),
                "end_reason": cast(str, one.end_reason),
                "replaced_by": one.replaced_by,
            }
            for one in ReviewStore(state).decisions(dataset.id, in_force=False)
        ],
    }


def _disagreements(state: State, dataset: Dataset) -> list[Disagreement]:
    if dataset.review is None:
        return []
    return [
        {
            "proposal": said[0].proposal_id,
            **_subject(
                dataset, said[0].kind, said[0].column_name, said[0].left_value, said[0].right_value
            ),
            "judgements": [
                {
                    "person": one.person,
                    "verdict": one.verdict,
                    "note": one.note,
                    "judged_at": one.judged_at,
                }
                for one in said
            ],
        }
        for said in disagreements(state, dataset)
    ]


def _line(dataset: Dataset, one: FileDecision) -> FiledDecision:
    return {
        "id": one.id,
        "source": f"{dataset.id}.decisions.csv line {one.line}",
        **_subject(dataset, one.kind, one.column, one.left, one.right),
        "verdict": one.verdict,
        "by": [one.by],
        "on": one.on.isoformat(),
        "reason": one.reason,
    }


def _reviewed(dataset: Dataset, one: Decision) -> ListedDecision:
    return {
        "id": one.id,
        "source": "review",
        **_subject(dataset, one.kind, one.column_name, one.left_value, one.right_value),
        "verdict": one.verdict,
        "by": one.decided_by,
        "on": one.decided_at[:10],
    }


def _subject(dataset: Dataset, kind: str, column: str, left: str, right: str) -> Subject:
    is_shown = kind != SPELLING or column in {one.name for one in dataset.published}
    return {
        "kind": kind,
        "column": column,
        "from": left if is_shown else HIDDEN,
        "to": right if is_shown else HIDDEN,
    }
