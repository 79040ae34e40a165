"""The spelling engine on a few values, in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.cleaning.spelling_engine import SpelledColumn, find_misspellings

Life = tuple[datetime | None, datetime | None]
Row = tuple[str, str | None, str]
"""From, to, outcome."""


@dataclass(kw_only=True)
class SpellingBench:
    """Values and what else the engine is told of them; `find` gives what it makes of them."""

    folder: Path
    column: str = "make"
    apply_above: float = 0.98
    propose_above: float = 0.6
    values: list[tuple[str, str, int, datetime | None, datetime | None]] = field(
        default_factory=list
    )
    contexts: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    vocabulary: list[tuple[str, str, str | None]] = field(default_factory=list)
    decisions: list[tuple[str, str, str | None, str, str]] = field(default_factory=list)
    apart: list[tuple[str, str, str, str]] = field(default_factory=list)
    classes: list[tuple[str, str, str]] = field(default_factory=list)

    def see(self, value: str, rows: int = 1, life: Life = (None, None), **beside: str) -> None:
        """Adds a value with its rows and what stands beside it."""
        self.values.append((self.column, value, rows, *life))
        self.contexts += [
            (self.column, value, name, other, rows) for name, other in sorted(beside.items())
        ]

    def know(self, *values: str, better: str | None = None) -> None:
        """Adds values to the vocabulary."""
        self.vocabulary += [(self.column, value, better) for value in values]

    def keep_apart(self, place: str, **means: str) -> None:
        """Says what words at a place of values mean."""
        self.apart += [(self.column, place, word, meaning) for word, meaning in means.items()]

    def classify(self, name: str, *values: str) -> None:
        """Puts values into a class."""
        self.classes += [(self.column, value, name) for value in values]

    def decide(self, wrong: str, right: str | None, verdict: str, name: str) -> None:
        """Adds a decision."""
        self.decisions.append((self.column, wrong, right, verdict, name))

    def write(self, target: Path, *, threads: int = 2) -> Path:
        """Runs the engine."""
        with duckdb.connect(config={"threads": threads}) as connection:
            for name, columns, rows in (
                (
                    "seen",
                    "value varchar, rows bigint, first_at timestamp, last_at timestamp",
                    self.values,
                ),
                (
                    "beside",
                    "value varchar, context_column varchar, context_value varchar, rows bigint",
                    self.contexts,
                ),
                ("known", "value varchar, better varchar", self.vocabulary),
                (
                    "decided",
                    "from_value varchar, to_value varchar, verdict varchar, decision_id varchar",
                    self.decisions,
                ),
                ("apart", "place varchar, word varchar, means varchar", self.apart),
                ("classed", "value varchar, class varchar", self.classes),
            ):
                connection.execute(f"create table {name} (column_name varchar, {columns})")
                _insert(connection, name, rows)
            column = SpelledColumn(
                name=self.column,
                apply_above=self.apply_above,
                propose_above=self.propose_above,
            )
            find_misspellings(
                connection,
                [column],
                values="seen",
                contexts="(select * from beside)",
                vocabulary="known",
                decisions="decided",
                apart="apart",
                classes="classed" if self.classes else None,
                target=target,
            )
        return target

    def rows(self, columns: str) -> list[tuple[object, ...]]:
        """What was written, in its order."""
        target = self.write(self.folder / "spelling.parquet")
        return duckdb.sql(f"select {columns} from '{target}'").fetchall()

    def find(self) -> set[Row]:
        """From, to and outcome of every row."""
        return {
            (str(wrong), right if right is None else str(right), str(outcome))
            for wrong, right, outcome in self.rows("from_value, to_value, outcome")
        }

    def changed(self) -> dict[str, str]:
        """What the engine corrects."""
        return {wrong: str(right) for wrong, right, outcome in self.find() if outcome == "applied"}


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[tuple[object, ...]]
) -> None:
    listed = list(rows)
    if listed:
        marks = ", ".join("?" * len(listed[0]))
        connection.executemany(f"insert into {table} values ({marks})", listed)


@pytest.fixture
def bench(tmp_path: Path) -> SpellingBench:
    """An engine without values yet."""
    return SpellingBench(folder=tmp_path)
