"""Values that are new together: what the source began to say one day, for people to look at.

What belongs here: reading the drift that spelling kept with the newest standardized layer, and what
of it may be shown. The gate after that layer may have stopped for these very values, so nothing has
to be published of it. What does not: finding it (``cleaning/drift.py``). Nothing of it is corrected
or asked on a sheet: the vocabulary's owner takes the new words up, or tells the source.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from orchestration.dataset import Dataset
from orchestration.duck import connect, parquet
from orchestration.errors import ConfigurationError
from orchestration.review.proposals import layer_file_of, rows_by_value
from orchestration.settings import Settings
from orchestration.state.store import State


@dataclass(frozen=True, kw_only=True)
class Change:
    """One value of a change: the first day of the change, what it takes the place of, where known."""

    column: str
    since: str
    value: str
    instead_of: str | None
    lines: int
    is_known: bool
    """Whether the column's vocabulary has it already."""


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """Values of one change that no published row holds, so that they are counted and not shown."""

    column: str
    since: str
    values: int
    lines: int


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What changed together, by column and day; and how many values are not shown, and why."""

    changes: tuple[Change, ...]
    internal: int
    """Their column is not published."""
    unseen: tuple[Unseen, ...]
    """No published row holds them."""

    @property
    def unpublished(self) -> int:
        """How many values no published row holds."""
        return sum(one.values for one in self.unseen)


def find_drift(settings: Settings, state: State, dataset: Dataset) -> Drift:
    """The drift of the newest standardized layer, sorted by column, day and lines.

    Only values of published columns that stand on a published row, or that the vocabulary has, are
    shown, and of the others how many there are; an old value is shown on the same terms.

    Raises:
        ConfigurationError: nothing has been standardized yet.
    """
    if state.newest_layer(dataset.id, "standardized") is None:
        raise ConfigurationError(
            f"{dataset.id}: no run has standardized anything yet; start one with "
            f"`summerware run {dataset.id}`"
        )
    mart = layer_file_of(settings, state, dataset, "deduplicated", dataset.id)
    spelling = layer_file_of(settings, state, dataset, "standardized", f"spelling_{dataset.id}")
    if spelling is None:
        return Drift(changes=(), internal=0, unseen=())
    columns = {column.name: column for column in dataset.published if column.spelling}
    with connect(spill=settings.workspaces) as connection:
        kept = connection.execute(
            f"select column_name, from_value, to_value, rows, evidence from {parquet(spelling)} "
            "where outcome = 'drift' order by all"
        ).fetchall()
        standing: Mapping[str, Mapping[str, int]] = {
            name: rows_by_value(connection, columns[name], dataset.key, spelling, mart)
            if mart
            else {}
            for name in sorted({row[0] for row in kept} & set(columns))
        }
    changes = []
    internal = 0
    unseen: dict[tuple[str, str], list[int]] = {}
    for column, value, old, lines, evidence in kept:
        said = json.loads(evidence)
        since = str(said["since"])[:10]
        if column not in standing:
            internal += 1
        elif value not in standing[column] and not said["from_in_vocabulary"]:
            unseen.setdefault((column, since), []).append(lines)
        else:
            changes.append(
                Change(
                    column=column,
                    since=since,
                    value=value,
                    instead_of=old
                    if old in standing[column] or said["target_in_vocabulary"]
                    else None,
                    lines=lines,
                    is_known=bool(said["from_in_vocabulary"]),
                )
            )
    changes.sort(key=lambda one: (one.column, one.since, -one.lines, one.value))
    return Drift(
        changes=tuple(changes),
        internal=internal,
        unseen=tuple(
            Unseen(column=column, since=since, values=len(lines), lines=sum(lines))
            for (column, since), lines in sorted(unseen.items())
        ),
    )
