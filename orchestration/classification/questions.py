"""The words that nobody classified: on how many lines, since when, and what they resemble.

A blank cell is listed, too, with what the other deciding columns of its lines say; nobody can answer for
it. An answer would hold for every blank cell to come, and a source that loses its types for some of the
lines would have them all published.
"""

from collections.abc import Callable
from dataclasses import dataclass

from orchestration.classification.counting import Blank, Counted, count_words
from orchestration.classification.in_force import classes_in_force
from orchestration.classification.likeness import Likeness
from orchestration.dataset import Dataset
from orchestration.domains.classes import Classes
from orchestration.settings import Settings
from orchestration.state.store import State

_BESIDE = 3
"""How many values that stand beside blank cells are shown."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What another deciding column says on lines whose cell is blank; no policies: nobody knows it."""

    column: str
    value: str
    lines: int
    policies: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Question:
    """One unclassified value: of which column, on how many lines, since which extract.

    Columns that share their classes are one; blank cells are counted for each by itself.
    """

    column: str
    value: str
    """Without case and runs of blanks; '' for blank cells."""
    lines: int
    since: str
    extract_id: str
    """Where it stands first: the extract, and the line in it."""
    line: int
    resembles: str | None = None
    """The classified value that it is most like."""
    policies: tuple[str, ...] = ()
    """What covers that one."""
    beside: tuple[Beside, ...] = ()
    """Of blank cells: what other deciding columns say most often on their lines."""
    told_beside: int = 0
    """Of blank cells: on how many lines another deciding column says anything."""

    @property
    def is_urgent(self) -> bool:
        """Whether it resembles a value that a policy covers."""
        return bool(self.policies)


def open_questions(settings: Settings, state: State, dataset: Dataset) -> list[Question]:
    """The unclassified values of extracts that wait: urgent ones first, then the most frequent."""
    raw = state.newest_layer(dataset.id, "raw")
    if raw is None or not dataset.deciding:
        return []
    classes = classes_in_force(settings, state, dataset)
    return unclassified(classes, count_words(settings, state, dataset, raw))


def unclassified(classes: Classes, counted: Counted) -> list[Question]:
    """The questions that words and blank cells leave: urgent ones first, then the most frequent."""
    found = [_of_blank(classes, blank) for blank in counted.blanks]
    likeness: dict[str, Likeness] = {}
    for (column, value), said in counted.words.items():
        if classes.of(column, value) is not None:
            continue
        if column not in likeness:
            likeness[column] = Likeness(classes.known[column])
        resembles, policies = likeness[column].of(value)
        found.append(
            Question(
                column=column, value=value, resembles=resembles, policies=policies, **vars(said)
            )
        )
    return sorted(found, key=lambda one: (not one.is_urgent, -one.lines, one.column, one.value))


def _of_blank(classes: Classes, blank: Blank) -> Question:
    most = sorted(blank.beside, key=lambda one: (-one[2], one[0], one[1]))[:_BESIDE]
    return Question(
        column=blank.column,
        value="",
        beside=tuple(
            Beside(column=column, value=value, lines=lines, policies=classes.of(column, value))
            for column, value, lines in most
        ),
        told_beside=blank.lines_beside,
        **vars(blank.said),
    )


def tell_blanks(question: Question, show: Callable[[str], object]) -> str:
    """Blank cells in a sentence: how many, what stands beside them, what to do."""
    lines = "a line" if question.lines == 1 else f"{question.lines:,} lines"
    sentence = f"a blank cell on {lines} since {question.since[:10]}"
    if question.told_beside:
        said = ", ".join(
            f"{show(one.value)} in {one.column} on {one.lines:,} ({_class(one)})"
            for one in question.beside
        )
        sentence += f", with another deciding column on {question.told_beside:,}: {said}"
    return f"{sentence}; only the source can say it"


def _class(one: Beside) -> str:
    if one.policies is None:
        return "not classified"
    return f"covered by {' '.join(one.policies)}" if one.policies else "harmless"
