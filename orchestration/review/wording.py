"""A proposal in plain words: the question that is put to a person, and what the machine saw.

Of the evidence it names the kind of a suspicion, never a value out of it: that may stem from
columns that are not published.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from orchestration.dataset import Dataset
from orchestration.review.proposals import SPELLING, Proposal

Record = Mapping[str, str | None]

_BESIDE = {
    "same": "both stand beside the same other values",
    "similar": "they stand beside similar other values",
    "other": "they stand beside different other values",
}
_BETTER_LABEL = "better label"
"""What the engine calls an official value with a better spelling: the source must change it."""


def question(
    dataset: Dataset, proposal: Proposal, one: Record | None = None, other: Record | None = None
) -> str:
    """What a person is asked; `one` and `other` are the published rows of a pair."""
    if proposal.kind == SPELLING:
        return _spelling_question(proposal)
    label = dataset.publish.row_label
    asked = f"Are {proposal.left} and {proposal.right} the same {label}, entered twice?"
    if one is None or other is None:
        return asked
    differing = [name for name in one if one[name] != other[name] and name != dataset.key]
    if not differing:
        return f"{asked} They differ in nothing but {dataset.key}."
    return f"{asked} They differ in {', '.join(differing)}."


def reasons(dataset: Dataset, proposal: Proposal) -> str:
    """What the machine saw, without what may not be shown."""
    evidence = _evidence(proposal)
    sentences = (
        _spelling_reasons(proposal, evidence)
        if proposal.kind == SPELLING
        else _pair_reasons(dataset, evidence)
    )
    return "; ".join([*sentences, f"score {proposal.score:.2f}"])


def _spelling_question(proposal: Proposal) -> str:
    rows = "1 published row says" if proposal.rows == 1 else f"{proposal.rows:,} published rows say"
    stands = f"In the column {proposal.column}, {rows} “{proposal.left}”."
    if _evidence(proposal).get("change") == _BETTER_LABEL:
        return f"{stands} That is an official value. Would “{proposal.right}” be the better label?"
    return f"{stands} Is that a misspelling of “{proposal.right}”?"


def _spelling_reasons(proposal: Proposal, evidence: Mapping[str, Any]) -> list[str]:
    sentences = []
    change = evidence.get("change")
    if _is_word(change):
        sentences.append(str(change))
    if evidence.get("target_in_vocabulary") is True:
        sentences.append(f"“{proposal.right}” is in the vocabulary")
    rows = evidence.get("target_rows")
    if isinstance(rows, int):
        sentences.append(f"“{proposal.right}” stands on {rows:,} lines")
    beside = evidence.get("beside")
    return [*sentences, _BESIDE[beside]] if beside in _BESIDE else sentences


def _pair_reasons(dataset: Dataset, evidence: Mapping[str, Any]) -> list[str]:
    levels = evidence.get("levels")
    if not isinstance(levels, dict):
        return []
    published = [column.name for column in dataset.published]
    return [
        f"{name} {levels[name].replace('_', ' ')}"
        for name in published
        if _is_word(levels.get(name))
    ]


def _evidence(proposal: Proposal) -> dict[str, Any]:
    try:
        found = json.loads(proposal.evidence)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_word(value: object) -> bool:
    """Names that the engines give to what they saw are lower-case words; data seldom is."""
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9_ ]{1,30}", value) is not None
