"""The words that nobody classified: how many lines say them, since when, and what they resemble.

Read off the newest landed extracts as they were written, so that a question does not depend on how far
a run came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from orchestration.dataset import Dataset
from orchestration.domains.classes import plain
from orchestration.domains.in_force import classes_in_force
from orchestration.duck import connect, lines_of_files
from orchestration.layers import layer_files
from orchestration.settings import Settings
from orchestration.state.store import State

ALIKE = 0.72
"""How alike two values are that resemble one another, by `SequenceMatcher`."""
_STEM = 4
"""Letters by which two words may be one: `JUV.` is no sign of JUVENILE, `JUVE` is."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One unclassified value: of which column, on how many lines, since which extract."""

    column: str
    value: str
    """Without case and runs of blanks; '' for blank cells."""
    lines: int
    since: str
    resembles: str | None
    """The classified value that it is most like."""
    policies: tuple[str, ...]
    """What covers that one."""

    @property
    def is_urgent(self) -> bool:
        """Whether it resembles a value that a policy covers."""
        return bool(self.policies)


def open_questions(settings: Settings, state: State, dataset: Dataset) -> list[Question]:
    """The unclassified values of the newest extracts: urgent ones first, then the most frequent."""
    raw = state.newest_layer(dataset.id, "raw")
    if raw is None or not dataset.deciding:
        return []
    classes = classes_in_force(settings, state, dataset)
    counted: dict[tuple[str, str], tuple[int, str]] = {}
    with connect() as connection:
        lines = lines_of_files(layer_files(settings, raw))
        landed = set(raw.facts["columns"])
        for column, asked in dataset.deciding.items():
            if column not in landed:
                continue
            for cell, count, since in connection.execute(
                f"select {column}, count(*), min(_extracted_at)::varchar from {lines} group by all"
            ).fetchall():
                if classes.of(column, cell) is None:
                    key = (asked, plain(cell or ""))
                    before = counted.get(key, (0, since))
                    counted[key] = (before[0] + count, min(before[1], since))
    found = []
    for (column, value), (count, since) in counted.items():
        resembles, policies = most_alike(value, classes.known[column])
        found.append(
            Question(
                column=column,
                value=value,
                lines=count,
                since=since,
                resembles=resembles,
                policies=policies,
            )
        )
    return sorted(found, key=lambda one: (not one.is_urgent, -one.lines, one.column, one.value))


def most_alike(
    value: str, known: Mapping[str, Sequence[str]]
) -> tuple[str | None, tuple[str, ...]]:
    """The classified value that another is most like, and its policies; a covered one goes first.

    A value is like a covered one, too, if it shares a word with it that no harmless value has.
    """
    telling = _telling_words(known)
    shared = [
        (other, tuple(policies))
        for other, policies in known.items()
        if policies and _words(value, telling) & _words(other, telling)
    ]
    likeness = {other: SequenceMatcher(None, value, other).ratio() for other in known}
    alike = [(other, tuple(known[other])) for other, score in likeness.items() if score >= ALIKE]
    found = shared or [one for one in alike if one[1]] or alike
    if not found:
        return None, ()
    return max(found, key=lambda one: (likeness[one[0]], one[0]))


def _telling_words(known: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The stems that stand in covered values and in no harmless one."""
    stems: dict[bool, set[str]] = {True: set(), False: set()}
    for value, policies in known.items():
        stems[bool(policies)] |= _stems(value)
    return frozenset(stems[True] - stems[False])


def _words(value: str, telling: frozenset[str]) -> frozenset[str]:
    return frozenset(_stems(value) & telling)


def _stems(value: str) -> set[str]:
    words = "".join(one if one.isalpha() else " " for one in value).split()
    return {word[:_STEM] for word in words if len(word) >= _STEM}
