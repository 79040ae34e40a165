"""The words that nobody classified: on how many lines, since when, and what they resemble.

Read off the newest landed extracts as they were written, so that a question does not depend on how far
a run came.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestration.classification.likeness import most_alike
from orchestration.dataset import Dataset
from orchestration.domains.classes import Classes, plain
from orchestration.domains.in_force import Word, classes_in_force
from orchestration.duck import connect, lines_of_files
from orchestration.layers import layer_files
from orchestration.settings import Settings
from orchestration.state.store import Layer, State


@dataclass(frozen=True, kw_only=True)
class Said:
    """How often the newest extracts say a word: on how many lines, since which extract, where first."""

    lines: int
    since: str
    extract_id: str
    line: int

    def with_lines_of(self, other: "Said") -> "Said":
        """Both together."""
        first = min(self, other, key=lambda one: (one.since, one.extract_id, one.line))
        return Said(
            lines=self.lines + other.lines,
            since=first.since,
            extract_id=first.extract_id,
            line=first.line,
        )


@dataclass(frozen=True, kw_only=True)
class Question:
    """One unclassified value: of which column, on how many lines, since which extract."""

    column: str
    value: str
    """Without case and runs of blanks; '' for blank cells."""
    lines: int
    since: str
    extract_id: str
    """Where it stands first: the extract, and the line in it."""
    line: int
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
    return unclassified(classes, count_words(settings, dataset, raw))


def count_words(settings: Settings, dataset: Dataset, raw: Layer) -> dict[Word, Said]:
    """Every word of deciding columns in a raw layer; a line that says it in two columns counts once."""
    found: dict[Word, Said] = {}
    landed = set(raw.facts["columns"])
    with connect() as connection:
        lines = lines_of_files(layer_files(settings, raw))
        for asked in dict.fromkeys(dataset.deciding.values()):
            sharing = [
                name for name, of in dataset.deciding.items() if of == asked and name in landed
            ]
            if not sharing:
                continue
            for *cells, count, first in connection.execute(
                f"select {', '.join(sharing)}, count(*), min(struct_pack(seen_at := _extracted_at, "
                f"extract_id := _extract_id, line := _line)) from {lines} group by all"
            ).fetchall():
                said = Said(
                    lines=count,
                    since=str(first["seen_at"]),
                    extract_id=first["extract_id"],
                    line=first["line"],
                )
                for word in {(asked, plain(cell or "")) for cell in cells}:
                    found[word] = found[word].with_lines_of(said) if word in found else said
    return found


def unclassified(classes: Classes, said: Mapping[Word, Said]) -> list[Question]:
    """The questions that words leave: urgent ones first, then the most frequent."""
    found = []
    for (column, value), where in said.items():
        if classes.of(column, value) is None:
            resembles, policies = most_alike(value, classes.known[column])
            found.append(
                Question(
                    column=column,
                    value=value,
                    lines=where.lines,
                    since=where.since,
                    extract_id=where.extract_id,
                    line=where.line,
                    resembles=resembles,
                    policies=policies,
                )
            )
    return sorted(found, key=lambda one: (not one.is_urgent, -one.lines, one.column, one.value))
