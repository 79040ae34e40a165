"""What a person at the page for signing has before them, and what becomes of the forms they send.

Everything is read anew for every answer, but for what is costly and cannot have changed. What may be
signed by whom is decided in `answering.py`; what is shown, in `page_view.py`; who sends, in `page.py`.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence

from orchestration.classification import answering
from orchestration.classification.counting import Counted, Said, count_words
from orchestration.classification.guarding import Form
from orchestration.classification.in_force import Word, classes_in_force
from orchestration.classification.page_view import Proposed, view_file, view_proposals
from orchestration.classification.questions import Question, unclassified
from orchestration.classification.showing import show_words
from orchestration.settings import Settings
from orchestration.signers import load_signers
from orchestration.state.classifications import (
    COVERED,
    MISSPELLING,
    Answer,
    Classification,
    ClassificationStore,
)
from orchestration.state.store import State
from orchestration.terminal import find_dataset

LONGEST_REASON = 1_000
UNANSWERED = "nothing"
"""What a form says that it saw where no proposal waited."""
_CHANGED = (
    "Something that you answered or ticked has changed since it was shown to you, so nothing was kept. "
    "This is how it is now: please look again."
)
_AFTERWARDS = "The next run goes by it; nothing else is to be done."


class Refused(Exception):
    """A sentence for the person; `faults` are sentences on single words, by their key."""

    def __init__(self, sentence: str, faults: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.faults = faults or {}


class Office:
    """What the desks over one dataset share, for as long as a page is served."""

    def __init__(self, settings: Settings, state: State, dataset_id: str) -> None:
        self.settings, self.state, self.dataset_id = settings, state, dataset_id
        self.show = show_words(settings)
        self._secret = secrets.token_bytes(32)
        self._counted: tuple[object, Counted] = (None, Counted(words={}))
        self._asked: tuple[object, list[Question]] = (None, [])

    def key(self, word: Word) -> str:
        """Stands for a word in a form: one that is not shown must not stand there."""
        return hmac.digest(self._secret, "\0".join(word).encode(), "sha256").hex()

    def words(self, desk: "Desk") -> tuple[Mapping[Word, Said], list[Question]]:
        """What the extracts say, and what of it is unclassified; kept while both are the same."""
        raw = self.state.newest_layer(self.dataset_id, "raw")
        if raw is None or not desk.dataset.deciding:
            return {}, []
        # Which older extracts count as well, the last run of the models says.
        modelled = self.state.newest_layer(self.dataset_id, "deduplicated")
        of = (raw.id, modelled.id if modelled else None)
        counted, asked = self._counted, self._asked
        if counted[0] != of:
            read = count_words(self.settings, self.state, desk.dataset, raw)
            counted = self._counted = (of, read)
        if asked[0] != (of, desk.classes.hash):
            questions = unclassified(desk.classes, counted[1])
            asked = self._asked = ((of, desk.classes.hash), questions)
        return counted[1].words, asked[1]


class Desk:
    """One person's desk at one moment.

    Raises:
        ConfigurationError: a file of the dataset is wrong.
    """

    def __init__(self, office: Office, name: str) -> None:
        self.office, self.name = office, name
        self.settings, self.state, self.show = office.settings, office.state, office.show
        self.roles = (load_signers(office.settings) or {}).get(name, frozenset())
        self.dataset = find_dataset(office.settings, office.dataset_id)
        self.classes = classes_in_force(office.settings, office.state, self.dataset)
        self.answers = ClassificationStore(office.state).classifications(office.dataset_id)
        said, self.questions = office.words(self)
        waiting = [one for one in self.answers if one.is_open]
        viewed = view_proposals(self.settings, self.state, self.dataset, waiting, said, self.show)
        self.proposals: dict[Word, Proposed] = {
            (one.column_name, one.value): shown for one, shown in zip(waiting, viewed, strict=True)
        }

    def change(self, form: Form) -> str:
        """Does what a form asks for; the sentence that tells of it.

        Raises:
            Refused: it cannot be done so, and nothing was kept.
            ConfigurationError: this person may not.
        """
        wanted = form.get("do", [""])[0]
        if wanted == "propose":
            return self._propose(form)
        if wanted in ("sign", "refuse"):
            return self._sign(form.get("tick", ()), is_signed=wanted == "sign")
        if wanted == "sign_file":
            return self._sign_file(form.get("file", [""])[0])
        raise Refused("This page does not know what was asked of it; nothing was kept.")

    def _propose(self, form: Form) -> str:
        prefix = "answer."
        answered = {name.removeprefix(prefix) for name in form if name.startswith(prefix)}
        if not answered:
            raise Refused("Choose an answer for at least one word.")
        asked = [*((one.column, one.value) for one in self.questions), *self.proposals]
        words = {self.office.key(word): word for word in asked}
        new, faults = [], {}
        for key in answered:
            if key not in words:
                raise Refused(_CHANGED)
            one, waiting = _answer(words[key], form, key), self.proposals.get(words[key])
            if waiting and waiting.by == self.name and waiting.is_of(one):
                continue  # A double click.
            if form.get(f"seen.{key}", [""])[0] != (waiting.seen if waiting else UNANSWERED):
                raise Refused(_CHANGED)
            if fault := self._fault(one):
                faults[key] = fault
            new.append(one)
        if faults:
            raise Refused("Nothing was proposed yet: see what is missing below.", faults)
        answering.propose(self.settings, self.state, self.dataset, self.classes, new, by=self.name)
        return f"{_count(len(answered), 'answer')} proposed. Next, a custodian signs or refuses."

    def _fault(self, one: Answer) -> str | None:
        if not one.reason:
            return "say why, for the custodian"
        if len(one.reason) > LONGEST_REASON:
            return f"the reason is longer than {LONGEST_REASON:,} signs"
        return answering.find_fault(self.dataset, self.classes, one)

    def _sign(self, ticks: Sequence[str], *, is_signed: bool) -> str:
        if not ticks:
            raise Refused("Tick at least one proposal first.")
        shown = {one.id: one.seen for one in self.proposals.values()}
        ended = {one.id: one for one in self.answers if not one.is_open}
        seen = dict(tick.partition(".")[::2] for tick in ticks)
        left = [one for one in seen if not _did(ended.get(one), self.name, is_signed)]
        if any(shown.get(one) != seen[one] for one in left):
            raise Refused(_CHANGED)
        count = len(seen) - len(left)
        count += answering.sign(
            self.settings, self.state, self.dataset, left, by=self.name, is_signed=is_signed
        )
        if count < len(seen):
            return f"{count} of {len(seen)}: somebody else answered the others at the same time."
        if is_signed:
            return f"{_count(count, 'proposal')} signed. {_AFTERWARDS}"
        return f"{_count(count, 'proposal')} refused. An engineer can propose something else."

    def _sign_file(self, seen: str) -> str:
        file = view_file(self.settings, self.state, self.dataset, self.show)
        if file is None or file.seen != seen:
            raise Refused(_CHANGED)
        answering.sign_classes_file(
            self.settings, self.state, self.dataset, by=self.name, as_seen=file.file_hash
        )
        return f"The list of words is signed as it is. {_AFTERWARDS}"


def _answer(word: Word, form: Form, key: str) -> Answer:
    said, means, reason = (
        # PostgreSQL keeps no NUL.
        form.get(f"{name}.{key}", [""])[0].replace("\0", "").strip()
        for name in ("answer", "means", "reason")
    )
    verdict, _, policy = said.partition(":")
    return Answer(
        column=word[0],
        value=word[1],
        verdict=verdict,
        means={COVERED: policy, MISSPELLING: means}.get(verdict) or None,
        reason=reason,
    )


def _did(one: Classification | None, name: str, is_signed: bool) -> bool:
    """Whether this person did the same already, as with a double click."""
    return one is not None and (one.signed_by if is_signed else one.refused_by) == name


def _count(count: int, what: str) -> str:
    return f"1 {what} is" if count == 1 else f"{count:,} {what}s are"
