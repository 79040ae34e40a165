"""Who is asked what, and when judgements make a decision. Knows no file format.

Two reviewers that agree decide. Where reviewers differ, or one is unsure, the steward is asked and
decides alone. A decision stays in force until it is undone or decided anew; when its evidence
changes, the reviewers are asked again. Every judgement is stored once, and judges the evidence that
the person was shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestration.dataset import Dataset, Review
from orchestration.errors import ConfigurationError
from orchestration.review.decisions_file import FileDecision
from orchestration.review.proposals import SPELLING, Proposal
from orchestration.state.judgements import Decision, Judgement, Recorded, ReviewStore
from orchestration.state.store import State, new_id, now

ANSWERS = ("yes", "no", "unsure")
VERDICTS = {
    SPELLING: {"yes": "apply", "no": "keep"},
    "duplicate": {"yes": "same", "no": "different"},
}


@dataclass(frozen=True)
class Standing:
    """Where a proposal stands with those who judge it; `by` decided where it is `agreed`."""

    state: Literal["open", "disputed", "agreed"]
    by: tuple[Judgement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """A proposal that a person is to judge; `evidence_changed` since it was decided."""

    proposal: Proposal
    evidence_changed: bool


def people_of(dataset: Dataset) -> Review:
    """Who reviews a dataset.

    Raises:
        ConfigurationError: nobody does, or one person has two parts.
    """
    review = dataset.review
    if review is None:
        raise ConfigurationError(
            f"{dataset.id}.yaml: review: is missing; name who decides, such as "
            "`review: {reviewers: [Ann, Bob], steward: Cleo}`"
        )
    everybody = [*review.reviewers, review.steward]
    if len(set(everybody)) != len(everybody):
        raise ConfigurationError(
            f"{dataset.id}.yaml: review: somebody is named twice; two reviewers and the steward, "
            "who decides where they differ, are different people"
        )
    return review


def require_person(dataset: Dataset, person: str) -> None:
    """Lets only the reviewers and the steward of a dataset through.

    Raises:
        ConfigurationError: it is somebody else.
    """
    review = people_of(dataset)
    if person not in (*review.reviewers, review.steward):
        raise ConfigurationError(unknown_person(dataset, review, person))


def unknown_person(dataset: Dataset, review: Review, person: str) -> str:
    """What is said to somebody who is not named in the dataset file."""
    return (
        f"{dataset.id}: {person!r} is no reviewer; {dataset.id}.yaml names "
        f"{', '.join(review.reviewers)}, and {review.steward} as steward"
    )


def standing(review: Review, judgements: Iterable[Judgement]) -> Standing:
    """What the judgements on one proposal, all on the same evidence, come to."""
    last = {one.person: one for one in judgements}
    deciding = last.get(review.steward)
    if deciding is not None:
        return Standing("agreed", (deciding,))
    said = [last[person] for person in review.reviewers if person in last]
    answers = {one.verdict for one in said}
    if "unsure" in answers or len(answers) > 1:
        return Standing("disputed")
    return Standing("agreed", tuple(said)) if len(said) > 1 else Standing("open")


def questions_for(
    state: State,
    dataset: Dataset,
    proposals: Sequence[Proposal],
    *,
    person: str,
    file_decisions: Sequence[FileDecision] = (),
) -> list[Question]:
    """What a person has still to judge, in the order of the proposals.

    What the decisions file decides is not asked.
    """
    review, store = people_of(dataset), ReviewStore(state)
    require_person(dataset, person)
    in_force = {one.proposal_id: one for one in store.decisions(dataset.id)}
    judged = _by_proposal(store.judgements(dataset.id))
    settled = {subject for one in file_decisions for subject in one.settles}
    questions = []
    for proposal in proposals:
        subject = (proposal.kind, proposal.column, proposal.left)
        if (*subject, proposal.right) in settled or (*subject, "") in settled:
            continue
        said = [
            one
            for one in judged.get(proposal.id, ())
            if one.evidence_hash == proposal.evidence_hash
        ]
        decision = in_force.get(proposal.id)
        changed = decision is not None and decision.evidence_hash != proposal.evidence_hash
        if _is_asked(review, said, person, is_decided=decision is not None and not changed):
            questions.append(Question(proposal=proposal, evidence_changed=changed))
    return questions


def record_judgements(state: State, dataset: Dataset, judgements: Sequence[Judgement]) -> Recorded:
    """Stores judgements, each once, and makes the decisions that follow.

    Raises:
        ConfigurationError: one is of somebody who does not review this dataset, or is no answer.
    """
    review = people_of(dataset)
    for one in judgements:
        require_person(dataset, one.person)
        if one.verdict not in answers_of(review, one.person):
            raise ConfigurationError(
                f"{dataset.id}: {one.person} can answer {' or '.join(answers_of(review, one.person))}"
            )

    def settle(said: Sequence[Judgement], in_force: Decision | None) -> Decision | None:
        return _decision(review, said, in_force)

    return ReviewStore(state).record(judgements, settle)


def answers_of(review: Review, person: str) -> tuple[str, ...]:
    """What a person may answer: the steward has nobody to pass a doubt on to."""
    return ANSWERS[:2] if person == review.steward else ANSWERS


def undo_decision(
    state: State, dataset: Dataset, decision_id: str, *, by: str, reason: str
) -> Decision:
    """Ends a decision; from the next run on it is as if it had never been, but for the record.

    Raises:
        ConfigurationError: there is no such decision in force, or `by` may not undo it.
    """
    require_person(dataset, by)
    if not reason.strip():
        raise ConfigurationError("--reason: say why the decision is undone")
    store = ReviewStore(state)
    if decision_id.startswith("file:"):
        raise ConfigurationError(
            f"{dataset.id}: {decision_id} stands in {dataset.id}.decisions.csv; remove its line there"
        )
    found = store.decision(decision_id)
    if found is None or found.dataset != dataset.id:
        raise ConfigurationError(
            f"{dataset.id}: there is no decision {decision_id}; "
            f"`summerware review list {dataset.id}` shows them"
        )
    if not store.undo(decision_id, by=by, reason=reason.strip()):
        ended = store.decision(decision_id) or found
        raise ConfigurationError(
            f"{dataset.id}: {decision_id} ended already: {ended.end_reason} "
            f"({ended.ended_by}, {(ended.ended_at or '')[:10]})"
        )
    return store.decision(decision_id) or found


def disagreements(state: State, dataset: Dataset) -> list[list[Judgement]]:
    """What waits for the steward: the judgements on each disputed proposal, newest evidence."""
    review = people_of(dataset)
    waiting = []
    for said in _by_proposal(ReviewStore(state).judgements(dataset.id)).values():
        newest = [one for one in said if one.evidence_hash == said[-1].evidence_hash]
        if standing(review, newest).state == "disputed":
            waiting.append(newest)
    return waiting


def _by_proposal(judgements: Iterable[Judgement]) -> Mapping[str, list[Judgement]]:
    found: dict[str, list[Judgement]] = {}
    for one in judgements:
        found.setdefault(one.proposal_id, []).append(one)
    return found


def _is_asked(review: Review, said: Sequence[Judgement], person: str, *, is_decided: bool) -> bool:
    if any(one.person == person for one in said):
        return False
    state = standing(review, said).state
    # A reviewer who differs with a decision in force brings it before the steward.
    return state == "disputed" if person == review.steward else state == "open" and not is_decided


def _decision(
    review: Review, said: Sequence[Judgement], in_force: Decision | None
) -> Decision | None:
    """The decision that judgements make; none where an earlier or later one stands."""
    deciding = standing(review, said).by
    if not deciding:
        return None
    # A sheet that comes back late was asked before, on older evidence: what came since stands.
    if in_force is not None and min(one.asked_at for one in deciding) <= in_force.asked_at:
        return None
    first = deciding[0]
    return Decision(
        id=new_id(),
        dataset=first.dataset,
        proposal_id=first.proposal_id,
        kind=first.kind,
        column_name=first.column_name,
        left_value=first.left_value,
        right_value=first.right_value,
        evidence_hash=first.evidence_hash,
        verdict=VERDICTS[first.kind][first.verdict],
        decided_by=[one.person for one in deciding],
        asked_at=max(one.asked_at for one in deciding),
        decided_at=now(),
    )
