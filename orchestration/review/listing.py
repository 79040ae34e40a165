"""Answers about decisions: what is in force, what waits for the steward, what clashes, what ended.

Plain values out; how they look is decided in `orchestration/cli/review.py`. A value of a column that
is not published is not shown (law 3).
"""

from typing import Any

from orchestration.dataset import Dataset
from orchestration.review.decisions import decisions_in_force
from orchestration.review.decisions_file import FileDecision
from orchestration.review.judgements import disagreements
from orchestration.review.proposals import SPELLING
from orchestration.settings import Settings
from orchestration.state.judgements import Decision, ReviewStore
from orchestration.state.store import State

HIDDEN = "(not shown: the column is not published)"


def list_decisions(settings: Settings, state: State, dataset: Dataset) -> dict[str, Any]:
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
                "ended_at": one.ended_at,
                "ended_by": one.ended_by,
                "end_reason": one.end_reason,
                "replaced_by": one.replaced_by,
            }
            for one in ReviewStore(state).decisions(dataset.id, in_force=False)
        ],
    }


def _disagreements(state: State, dataset: Dataset) -> list[dict[str, Any]]:
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


def _line(dataset: Dataset, one: FileDecision) -> dict[str, Any]:
    return {
        "id": one.id,
        "source": f"{dataset.id}.decisions.csv line {one.line}",
        **_subject(dataset, one.kind, one.column, one.left, one.right),
        "verdict": one.verdict,
        "by": [one.by],
        "on": one.on.isoformat(),
        "reason": one.reason,
    }


def _reviewed(dataset: Dataset, one: Decision) -> dict[str, Any]:
    return {
        "id": one.id,
        "source": "review",
        **_subject(dataset, one.kind, one.column_name, one.left_value, one.right_value),
        "verdict": one.verdict,
        "by": one.decided_by,
        "on": one.decided_at[:10],
    }


def _subject(dataset: Dataset, kind: str, column: str, left: str, right: str) -> dict[str, Any]:
    is_shown = kind != SPELLING or column in {one.name for one in dataset.published}
    return {
        "kind": kind,
        "column": column,
        "from": left if is_shown else HIDDEN,
        "to": right if is_shown else HIDDEN,
    }
