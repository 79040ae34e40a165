"""New words of deciding columns: an alert at once where they may be protected, else once a week.

A message says how many words, in which columns and since when, never one of them: a word is a cell. Which
they are is shown by `summerware classify`, where they are answered; `orchestration/classification/` finds
them. What else makes rows wait is a finding of its gate (`findings.py`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from orchestration.alerts.findings import (
    WARNING,
    WORDS_RESEMBLE,
    WORDS_WAIT,
    Finding,
    Settlement,
    View,
)
from orchestration.classification.questions import Question, open_questions
from orchestration.dataset import Dataset
from orchestration.gates.domain_rules import classified_rules
from orchestration.hash_key import hash_key
from orchestration.state.records import RuleRecord
from orchestration.state.store import GateRecord
from orchestration.tombstones.tombstones import keyed_hash


def of_words(view: View, record: GateRecord, *, event_id: int | None) -> list[Settlement]:
    """What a standardized gate found that nobody classified; nothing where it could not be judged."""
    dataset = view.datasets[record.dataset]
    asking = classified_rules(dataset)
    judged = [
        one for one in record.results if one["rule_id"] in asking and one["outcome"] != "broken"
    ]
    if record.layer != "standardized" or {one["rule_id"] for one in judged} != asking:
        return []
    waiting = [one for one in judged if one["outcome"] == "failed"]
    # Also where no rule failed: words of extracts that this run did not read wait on.
    questions = open_questions(view.settings, view.state, dataset)
    found = [
        _finding(view, dataset, record, WORDS_RESEMBLE, [q for q in questions if q.is_urgent]),
        _finding(view, dataset, record, WORDS_WAIT, [q for q in questions if not q.is_urgent]),
    ]
    if waiting and not questions:
        found.append(_unasked(view, dataset, record, waiting))
    return [
        Settlement(
            scope=f"words/{dataset.id}",
            findings=[one for one in found if one is not None],
            run_id=record.run_id,
            event_id=event_id,
        )
    ]


def _finding(
    view: View, dataset: Dataset, record: GateRecord, kind: str, questions: Sequence[Question]
) -> Finding | None:
    """One finding for all words of a dataset of one kind; None where there are no words."""
    if not questions:
        return None
    words = [one for one in questions if one.value]
    blanks = [one for one in questions if not one.value]
    cells = sum(one.lines for one in words)
    said = [
        f"{_words(len(words))} of deciding columns on {cells:,} cells since {_since(words)} "
        f"({_by_column(words)})." if words else "",
        f"They resemble {_alike(words)}." if any(one.resembles for one in words) else "",
        f"Blank cells of deciding columns: {_by_column(blanks, cells=True)}, since {_since(blanks)}."
        if blanks else "",
    ]  # fmt: skip
    answer = (
        f"See them and answer: `summerware classify {dataset.id}`, or as a sheet with `--out FILE`. "
        "A custodian signs; the next run goes on by itself."
    )
    mend = "A blank cell is for the owner of the source to fill: nobody can answer for it."
    return _build_finding(
        view,
        dataset,
        record,
        kind,
        headline=" ".join(part for part in said if part),
        to_do=" ".join([*([answer] if words else []), *([mend] if blanks else [])]),
        words=_hashes(view, dataset, questions),
    )


def _unasked(
    view: View, dataset: Dataset, record: GateRecord, waiting: Sequence[RuleRecord]
) -> Finding:
    """Rows that wait although every word of the extract is classified: what it became is not."""
    rows = ", ".join(f"{one['rule_id']} {one['failing']:,}" for one in waiting)
    return _build_finding(
        view,
        dataset,
        record,
        WORDS_WAIT,
        headline=f"Rows wait for deciding values that standardizing made of classified ones: {rows}.",
        to_do=f"See which: `summerware ledger {dataset.id}`. Classify what the model makes of them.",
        words=[],
    )


def _build_finding(
    view: View,
    dataset: Dataset,
    record: GateRecord,
    kind: str,
    *,
    headline: str,
    to_do: str,
    words: list[str],
) -> Finding:
    facts = view.facts(dataset.id, kind=kind, run_id=record.run_id) | {
        "headline": headline,
        "words": words,
        "not_published": "Their rows are not on the portal: what is not known is not published.",
        "to_do": to_do,
    }
    return Finding(
        dataset=dataset.id, kind=kind, severity=WARNING, cause="not classified", facts=facts
    )


def _words(count: int) -> str:
    return "One new word" if count == 1 else f"{count:,} new words"


def _since(questions: Iterable[Question]) -> str:
    return min(one.since for one in questions)[:10]


def _by_column(questions: Sequence[Question], *, cells: bool = False) -> str:
    counted: Counter[str] = Counter()
    for one in questions:
        counted[one.column] += one.lines if cells else 1
    return ", ".join(f"{column} {count:,}" for column, count in sorted(counted.items()))


def _alike(words: Sequence[Question]) -> str:
    """What words resemble, by policies: the words that these cover are the dataset file's, but many."""
    policies = Counter(policy for one in words for policy in one.policies)
    parts = [f"words of {policy} ({count:,})" for policy, count in sorted(policies.items())]
    harmless = sum(one.resembles is not None and not one.policies for one in words)
    return ", ".join([*parts, *([f"harmless words ({harmless:,})"] if harmless else [])])


def _hashes(view: View, dataset: Dataset, questions: Iterable[Question]) -> list[str]:
    """The words as keyed hashes, so that each is reported once and none can be read."""
    secret = hash_key(view.settings)
    named = ([one.column, one.value] for one in questions)
    return sorted(keyed_hash(secret, dataset.id, "word", cells)[:16] for cells in named)
