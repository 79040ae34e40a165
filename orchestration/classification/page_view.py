"""What the page for signing shows one person: proposals, the classes file, questions and a history.

Each part that can be signed or answered has a `seen`: a hash of all that is shown of it. Who signs
sends it back, so that nothing is signed that looked otherwise. How it is served is in `page.py`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from orchestration.city_time import city_time
from orchestration.classification.adoption import UPGRADE
from orchestration.classification.counting import Said
from orchestration.classification.in_force import Word, changes_if_signed
from orchestration.classification.questions import Question
from orchestration.classification.showing import Shown
from orchestration.dataset import Dataset, Policy
from orchestration.domains.classes import NOT_OURS, Classes, classes_path, load_classes_file
from orchestration.layers import hash_file
from orchestration.settings import Settings
from orchestration.state.classifications import (
    COVERED,
    HARMLESS,
    MISSPELLING,
    Answer,
    Classification,
    ClassificationStore,
)
from orchestration.state.store import State
from orchestration.visible import visible

HISTORY = 20
Show = Callable[[str], Shown]
Class = tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """One open proposal: what is said of which word, by whom and why, and what signing changes."""

    id: str
    asked: str
    column: str
    word: Shown
    where: str
    answer: str
    reason: Shown
    by: str
    at: str
    changes: tuple[tuple[str, str, str], ...]
    """Which lines; what becomes of them today; what will once it is signed."""
    lifts: bool
    """Whether lines lose a protection that they have today."""
    said: tuple[str, str | None, str]
    """The answer as it was given: verdict, what it means, reason."""

    def is_of(self, answer: Answer) -> bool:
        """Whether an answer says the same of the word once more."""
        return self.said == (answer.verdict, answer.means, answer.reason)

    @property
    def seen(self) -> str:
        """A hash of all that is shown."""
        return hash_shown(asdict(self))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One word that nobody explained yet."""

    key: str
    """Stands for the word in a form: words that are not shown are not in the page either."""
    column: str
    asked: str
    word: Shown
    lines: int
    since: str
    where: str
    resembles: str | None
    is_urgent: bool


@dataclass(frozen=True, kw_only=True)
class ClassesFile:
    """The classes file as it is: who signed it, and its words by column, class and source."""

    name: str
    file_hash: str
    signed: str | None
    groups: Mapping[tuple[str, str, str], tuple[str, ...]]

    @property
    def seen(self) -> str:
        """A hash of all that is shown."""
        return hash_shown([self.file_hash, [(*key, *words) for key, words in self.groups.items()]])


def hash_shown(shown: object) -> str:
    """A hash of something that a page shows."""
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def view_proposals(
    settings: Settings,
    state: State,
    dataset: Dataset,
    proposals: Sequence[Classification],
    said: Mapping[Word, Said],
    show: Show,
) -> list[Proposed]:
    """Open proposals, each with what its signature would change."""
    found = []
    changes = changes_if_signed(settings, state, dataset, proposals)
    for one, changed in zip(proposals, changes, strict=True):
        places = [(said.get(word), *classes) for word, classes in changed.items()]
        found.append(
            Proposed(
                id=one.id,
                asked=one.column_name,
                column=title_of(dataset, one.column_name),
                word=show(one.value),
                where=where_said(state, said.get((one.column_name, one.value))),
                answer=_answer(one, show),
                reason=show(one.reason),
                by=one.proposed_by,
                at=city_time(one.proposed_at),
                changes=_changes(dataset, places),
                lifts=any(_lifts(dataset, now, then) for _, now, then in places),
                said=(one.verdict, one.means, one.reason),
            )
        )
    return found


def _changes(
    dataset: Dataset, places: Iterable[tuple[Said | None, Class, Class]]
) -> tuple[tuple[str, str, str], ...]:
    lines: dict[tuple[Class, Class], int] = {}
    for said, now, then in places:
        lines[now, then] = lines.get((now, then), 0) + (said.lines if said else 0)
    return tuple(
        (lines_of(count), what_becomes(dataset, now), what_becomes(dataset, then))
        for (now, then), count in lines.items()
    )


def lines_of(count: int) -> str:
    """How many lines, in words."""
    return "1 line" if count == 1 else f"{count:,} lines" if count else "no line"


def _lifts(dataset: Dataset, now: Class, then: Class) -> bool:
    before, after = _kept_back(dataset, now), _kept_back(dataset, then)
    return "the line" not in after and not before <= after


def _kept_back(dataset: Dataset, policies: Class) -> set[str]:
    """What policies keep back of a line; of one that waits nothing is decided yet."""
    found = {"the line"} if NOT_OURS in (policies or ()) else set()
    for policy in (dataset.policy(one) for one in policies or () if one != NOT_OURS):
        found |= {"the line"} if policy.action == "withhold" else set(policy.redacts)
    return found


def what_becomes(dataset: Dataset, policies: Class) -> str:
    """What happens to lines whose word has a class, in words."""
    if policies is None:
        return "kept off the portal until the word is explained"
    if NOT_OURS in policies:
        return "never published, as another agency's records"
    covering = [dataset.policy(one) for one in policies]
    if not covering:
        return "published, where nothing else keeps them back"
    withheld = [one for one in covering if one.action == "withhold"]
    if withheld:
        return f"kept off the portal by {' and '.join(map(policy_name, withheld))}"
    without = [
        dataset.column(name).source or name for name in {n: 0 for p in covering for n in p.redacts}
    ]
    return (
        f"published without {', '.join(without)}, by {' and '.join(map(policy_name, covering))}, "
        "where nothing else keeps them back"
    )


def policy_name(policy: Policy) -> str:
    """A policy's id as people read it."""
    return f"the policy “{policy.id.replace('_', ' ')}”"


def _answer(one: Classification, show: Show) -> str:
    if one.verdict == COVERED:
        names = (name.replace("_", " ") for name in (one.means or "").split())
        return f"covered by {' and '.join(f'“{name}”' for name in names)}"
    if one.verdict == MISSPELLING:
        return f"a misspelling of {show(one.means or '')}"
    return "harmless" if one.verdict == HARMLESS else "not ours, another agency's records"


def view_questions(
    state: State,
    dataset: Dataset,
    questions: Sequence[Question],
    show: Show,
    key_of: Callable[[Word], str],
) -> list[Asked]:
    """Questions as people read them, in their order."""
    return [
        Asked(
            key=key_of((one.column, one.value)),
            column=title_of(dataset, one.column),
            asked=one.column,
            word=show(one.value),
            lines=one.lines,
            since=one.since[:10],
            where=where_said(state, one),
            resembles=str(show(one.resembles)) if one.resembles else None,
            is_urgent=one.is_urgent,
        )
        for one in questions
    ]


def view_file(settings: Settings, state: State, dataset: Dataset, show: Show) -> ClassesFile | None:
    """The classes file of a dataset; none where there is none.

    Raises:
        ConfigurationError: a line of it is wrong.
    """
    path = classes_path(settings, dataset.id)
    if not dataset.deciding or not path.is_file():
        return None
    # Hashed first: whoever changes it now makes the hash that is sent back a wrong one.
    file_hash = hash_file(path)
    groups: dict[tuple[str, str, str], list[str]] = {}
    lines = load_classes_file(settings, dataset)
    for one in sorted(
        lines, key=lambda line: (line.policies == (), line.column, line.policies, line.source)
    ):
        policies = " and ".join(name.replace("_", " ") for name in one.policies)
        kind = f"covered by “{policies}”" if policies else "harmless"
        until = f", until {one.until}" if one.until else ""
        group = (title_of(dataset, one.column), f"{kind}{until}", visible(one.source))
        groups.setdefault(group, []).append(show(one.value).text)
    signed = {s.file_hash: s for s in ClassificationStore(state).file_signatures(dataset.id)}
    by = signed.get(file_hash)
    return ClassesFile(
        name=path.name,
        file_hash=file_hash,
        signed=f"{by.signed_by}, {city_time(by.signed_at)}" if by else None,
        groups={group: tuple(words) for group, words in groups.items()},
    )


def view_history(
    state: State, dataset: Dataset, found: Iterable[Classification], show: Show
) -> list[tuple[str, str, str]]:
    """The last signatures and refusals of people, newest first: when, who, what."""
    entries = []
    for one in found:
        at, by = one.signed_at or one.refused_at, one.signed_by or one.refused_by
        if at is None or by is None or by == UPGRADE:
            continue
        did = "signed" if one.signed_at else "refused"
        what = f"{did} that {show(one.value)} ({title_of(dataset, one.column_name)}) is "
        entries.append((at, by, f"{what}{_answer(one, show)}, as {one.proposed_by} proposed"))
    for signature in ClassificationStore(state).file_signatures(dataset.id):
        entries.append((signature.signed_at, signature.signed_by, "signed the list of words"))
    return [(city_time(at), by, what) for at, by, what in sorted(entries, reverse=True)[:HISTORY]]


def known_words(classes: Classes, show: Show) -> dict[str, list[str]]:
    """The classified words of each column that is asked for, as a misspelling may mean them."""
    return {
        column: [word for word in sorted(words) if not show(word).persons]
        for column, words in classes.known.items()
    }


def title_of(dataset: Dataset, column: str) -> str:
    """A column as people know it: what it says, and its heading at the source."""
    one = dataset.column(column)
    about = one.description.partition(";")[0].rstrip(".")
    return f"{about} ({one.source})" if one.source else about


def where_said(state: State, said: Said | Question | None) -> str:
    """Where a word stands first, for who must look at a line."""
    if said is None:
        return ""
    extract = state.extract(said.extract_id)
    name = extract.file_name if extract else f"extract {said.extract_id}"
    return f"line {said.line:,} of {name}, the heading not counted"
