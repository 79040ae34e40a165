"""The classes in force: the classes file, and over it what people classified and signed in the state."""

from collections.abc import Iterable, Mapping
from datetime import date

from orchestration.classification.adoption import UPGRADE, words_of_before
from orchestration.dataset import Dataset
from orchestration.domains.classes import (
    NOT_OURS,
    Classes,
    Classified,
    listed_values,
    load_classes,
    plain,
)
from orchestration.settings import Settings
from orchestration.state import classifications as kept
from orchestration.state.classifications import Classification, ClassificationStore
from orchestration.state.store import State

Word = tuple[str, str]
"""The column that is asked for, and a plain value of it."""


def classes_in_force(settings: Settings, state: State, dataset: Dataset) -> Classes:
    """Every class that counts at this moment.

    Raises:
        ConfigurationError: the classes file is wrong.
    """
    if not dataset.deciding:
        return load_classes(settings, dataset)
    before = words_of_before(settings, state, dataset, today=date.today())
    own = load_classes(settings, dataset, before)
    answers = _signed(state, dataset)
    said = [
        Classified(column=column, value=value, policies=policies, source="signed")
        for (column, value), policies in _resolve(dataset, answers, own).items()
    ]
    return load_classes(settings, dataset, [*before, *said])


def changes_if_signed(
    settings: Settings, state: State, dataset: Dataset, proposals: Iterable[Classification]
) -> list[dict[Word, tuple[tuple[str, ...] | None, tuple[str, ...]]]]:
    """For each proposal the words whose class its signature would change: what they are, and would be.

    More than its own where words were called misspellings of it.
    """
    before = words_of_before(settings, state, dataset, today=date.today())
    own = load_classes(settings, dataset, before)
    answers = _signed(state, dataset)
    now = _resolve(dataset, answers, own)
    found = []
    for one in proposals:
        then = _resolve(dataset, answers | {_word(one): one}, own)
        today = {word: now.get(word, own.known.get(word[0], {}).get(word[1])) for word in then}
        found.append({w: (today[w], then[w]) for w in then if today[w] != then[w]})
    return found


def _word(one: Classification) -> Word:
    return one.column_name, one.value


def _signed(state: State, dataset: Dataset) -> dict[Word, Classification]:
    """The last signed answer to each word."""
    found = ClassificationStore(state).classifications(dataset.id)
    return {
        _word(one): one for one in found if one.signed_at is not None and one.signed_by != UPGRADE
    }


def _resolve(
    dataset: Dataset, answers: Mapping[Word, Classification], own: Classes
) -> dict[Word, tuple[str, ...]]:
    """The policies that answers say, misspellings as what they mean; a policy keeps what it lists."""
    listed = listed_values(dataset)

    def policies(word: Word, seen: frozenset[Word]) -> tuple[str, ...]:
        one = answers.get(word)
        if one is None or word in seen:
            # What it means was classified when this was signed; should that be over, nobody knows.
            return own.known.get(word[0], {}).get(word[1], (NOT_OURS,))
        found: tuple[str, ...] = ()
        if one.verdict == kept.COVERED:
            found = tuple((one.means or "").split())
        elif one.verdict == kept.NOT_OURS:
            found = (NOT_OURS,)
        elif one.verdict == kept.MISSPELLING:
            found = policies((word[0], plain(one.means or "")), seen | {word})
        return tuple(dict.fromkeys((*found, *listed.get(word, ()))))

    return {word: policies(word, frozenset()) for word in answers}
