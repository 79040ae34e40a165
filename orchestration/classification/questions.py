"""The words that nobody classified: how many lines say them, since when, and what they resemble.

Read off the newest landed extracts as they were written, so that a question does not depend on how far
a run came.
"""

from dataclasses import dataclass

from orchestration.classification.likeness import most_alike
from orchestration.dataset import Dataset
from orchestration.domains.classes import plain
from orchestration.domains.in_force import classes_in_force
from orchestration.duck import connect, lines_of_files
from orchestration.layers import layer_files
from orchestration.settings import Settings
from orchestration.state.store import State


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
