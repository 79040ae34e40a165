"""The words that nobody classified: how many lines say them, since when, and what they resemble.

Read off the landed extracts as they were written, so that a question does not depend on how far a run
came: those of the newest raw layer, and where older ones still wait for an answer, these and all after
them. Of several lines of one key the newest counts.

A blank cell is listed, too, with what the other deciding columns of its lines say; nobody can answer for
it. An answer would hold for every blank cell to come, and a source that loses its types for some of the
lines would have them all published.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.classification.likeness import Likeness
from orchestration.dataset import Dataset
from orchestration.domains.classes import Classes, always_asked, plain
from orchestration.domains.in_force import classes_in_force
from orchestration.duck import connect, lines_of_files
from orchestration.layers import layer_files
from orchestration.settings import Settings
from orchestration.sources.landing import ROWS
from orchestration.state.store import Layer, State

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
    resembles: str | None
    """The classified value that it is most like."""
    policies: tuple[str, ...]
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
    with connect() as connection:
        landed = _read(connection, dataset, _files(settings, state, dataset, raw))
        counted = {column: _cells(connection, column) for column in landed}
        found = _of_words(classes, counted)
        for column in landed:
            found += _of_blanks(connection, dataset, classes, column, landed, counted[column])
    return sorted(found, key=lambda one: (not one.is_urgent, -one.lines, one.column, one.value))


def tell_blanks(question: Question) -> str:
    """Blank cells in a sentence: how many, what stands beside them, what to do."""
    lines = "a line" if question.lines == 1 else f"{question.lines:,} lines"
    told = f"a blank cell on {lines} since {question.since[:10]}"
    if question.told_beside:
        said = ", ".join(
            f"“{one.value}” in {one.column} on {one.lines:,} ({_class(one)})"
            for one in question.beside
        )
        told += f", of which {question.told_beside:,} have another deciding column: {said}"
    return f"{told}; only the source can say it"


def _class(one: Beside) -> str:
    if one.policies is None:
        return "not classified"
    return f"covered by {' '.join(one.policies)}" if one.policies else "harmless"


def _files(settings: Settings, state: State, dataset: Dataset, raw: Layer) -> list[Path]:
    """The newest raw layer's files, and every extract since the oldest with lines that still wait.

    An old `complete` extract is over; of others an extract that waits is read again, with all that came
    after it, once somebody answered (`sources/raw_layer.py`).
    """
    files = layer_files(settings, raw)
    modelled = state.newest_layer(dataset.id, "deduplicated")
    waiting = modelled.facts.get("waiting", {}) if modelled else {}
    if dataset.source.kind == "complete" or not waiting:
        return files
    read = set(raw.facts.get("extracts", ()))
    usable = [
        one
        for one in state.extracts(dataset.id, source=str(raw.facts.get("source")))
        if one.discarded_at is None
    ]
    first = min((one.extracted_at for one in usable if one.id in waiting), default=None)
    # What was read anew, after a change of the dataset file, is there twice: the later reading counts.
    newest = {one.file_hash: one for one in usable}.values()
    more = [
        settings.home / one.path / ROWS
        for one in newest
        if first is not None and one.extracted_at >= first and one.id not in read
    ]
    return files + [path for path in more if path.is_file()]


def _read(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, files: Sequence[Path]
) -> list[str]:
    """Makes `asked_lines` of the deciding cells; the deciding columns that the extracts have."""
    lines = lines_of_files(files)
    held = {row[0] for row in connection.execute(f"describe from {lines}").fetchall()}
    landed = [column for column in dataset.deciding if column in held]
    key = [name for name in dataset.landed_key if name in held]
    newest = "true"
    if len(files) > 1 and key:
        keys = ", ".join(key)
        newest = f"rank() over (partition by {keys} order by _extracted_at desc) = 1"
    cells = "".join(f"{column}, " for column in landed)
    connection.execute(
        f"create temp table asked_lines as select {cells}_extract_id, _extracted_at, "
        f"{newest} as is_newest from {lines}"
    )
    return landed


@dataclass(frozen=True, kw_only=True)
class _Cell:
    value: str
    extract_id: str
    lines: int
    since: str


def _cells(connection: duckdb.DuckDBPyConnection, column: str) -> list[_Cell]:
    """The different cells of a column, by extract; lines that a newer one replaced count for nothing."""
    counted = connection.execute(
        f"select coalesce({column}, ''), _extract_id, count(*) filter (is_newest), "
        "min(_extracted_at)::varchar from asked_lines group by all"
    ).fetchall()
    return [
        _Cell(value=plain(cell), extract_id=extract_id, lines=lines, since=since)
        for cell, extract_id, lines, since in counted
    ]


def _of_words(classes: Classes, counted: Mapping[str, Sequence[_Cell]]) -> list[Question]:
    """The words that are no blanks: one question however many columns of one kind say it."""
    asked: dict[tuple[str, str], list[_Cell]] = {}
    for column, cells in counted.items():
        for cell in cells:
            if cell.value and classes.of(column, cell.value) is None:
                asked.setdefault((classes.deciding[column], cell.value), []).append(cell)
    found = []
    likeness = {column: Likeness(classes.known[column]) for column, _ in asked}
    for (column, value), cells in asked.items():
        lines = sum(cell.lines for cell in cells)
        if lines:
            resembles, policies = likeness[column].of(value)
            found.append(
                Question(
                    column=column,
                    value=value,
                    lines=lines,
                    since=min(cell.since for cell in cells),
                    resembles=resembles,
                    policies=policies,
                )
            )
    return found


def _of_blanks(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    classes: Classes,
    column: str,
    landed: Sequence[str],
    cells: Sequence[_Cell],
) -> Iterator[Question]:
    """The blank cells of a column, where its extract is asked for it at all."""
    saying = {cell.extract_id for cell in cells if cell.value}
    blank = [
        cell
        for cell in cells
        if not cell.value
        and cell.lines
        and (column in always_asked(dataset) or cell.extract_id in saying)
    ]
    if not blank:
        return
    where = (
        f"is_newest and coalesce(trim({column}), '') = '' "
        "and list_contains($extracts::varchar[], _extract_id)"
    )
    given = {"extracts": [cell.extract_id for cell in blank]}
    others = [other for other in landed if other != column]
    says = " or ".join(f"trim({other}) <> ''" for other in others) or "false"
    row = connection.execute(
        f"select count(*) from asked_lines where {where} and ({says})", given
    ).fetchone()
    beside = [
        Beside(column=other, value=plain(cell), lines=lines, policies=classes.of(other, cell))
        for other in others
        for cell, lines in connection.execute(
            f"select {other}, count(*) from asked_lines where {where} and trim({other}) <> '' "
            "group by all",
            given,
        ).fetchall()
    ]
    yield Question(
        column=column,
        value="",
        lines=sum(cell.lines for cell in blank),
        since=min(cell.since for cell in blank),
        resembles=None,
        policies=(),
        beside=tuple(sorted(beside, key=lambda one: (-one.lines, one.column, one.value))[:_BESIDE]),
        told_beside=row[0] if row else 0,
    )
