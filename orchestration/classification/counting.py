"""What the extracts that count say in their deciding columns: each word, and the blank cells.

Read off the landed extracts as they were written, so that a question does not depend on how far a run
came: those of the newest raw layer, and where older ones still wait for an answer, these and all after
them. Of several lines of one key the newest counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.classification.in_force import Word
from orchestration.dataset import Dataset
from orchestration.domains.classes import always_asked, plain
from orchestration.duck import connect, lines_of_files
from orchestration.layers import layer_files
from orchestration.settings import Settings
from orchestration.sources.landing import ROWS
from orchestration.state.store import Layer, State

_FIRST = (
    "min(struct_pack(seen_at := _extracted_at, extract_id := _extract_id, line := _line)) as first"
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """How often a word is said: on how many lines, since which extract, where first."""

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
class Blank:
    """The blank cells of a column, where its extract is asked for it at all."""

    column: str
    said: Said
    beside: Sequence[tuple[str, str, int]]
    """What other deciding columns say on their lines: column, value, lines."""
    lines_beside: int
    """On how many of the lines another deciding column says anything."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Words by their column and value (see `domains.classes.plain`), and blank cells by column."""

    words: Mapping[Word, Said]
    blanks: Sequence[Blank] = ()


def count_words(settings: Settings, state: State, dataset: Dataset, raw: Layer) -> Counted:
    """Counts every word; a line that says it in two columns that share their classes counts once."""
    with connect() as connection:
        landed = _read(connection, dataset, _files(settings, state, dataset, raw))
        words: dict[Word, Said] = {}
        for asked in dict.fromkeys(dataset.deciding[column] for column in landed):
            sharing = [column for column in landed if dataset.deciding[column] == asked]
            for cells, said in _count(connection, sharing, "true"):
                for value in {plain(cell or "") for cell in cells} - {""}:
                    word = (asked, value)
                    words[word] = words[word].with_lines_of(said) if word in words else said
        blanks = [_count_blank(connection, dataset, column, landed) for column in landed]
    return Counted(
        words={word: said for word, said in words.items() if said.lines},
        blanks=[one for one in blanks if one is not None],
    )


def _files(settings: Settings, state: State, dataset: Dataset, raw: Layer) -> list[Path]:
    """The newest raw layer's files, and every extract since the oldest with lines that still wait.

    An old `complete` extract is over; of others an extract that waits is read again, with all that came
    after it, once somebody answered (`steps/raw_layer.py`).
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
        f"create temp table asked_lines as select {cells}_extract_id, _extracted_at, _line, "
        f"{newest} as is_newest from {lines}"
    )
    return landed


def _count(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[str],
    where: str,
    parameters: Mapping[str, Any] | None = None,
) -> list[tuple[tuple[str | None, ...], Said]]:
    """The different cells of columns; lines that a newer one replaced count for nothing."""
    names = "".join(f"{column}, " for column in columns)
    # Without columns SQL has one group also where there is no line.
    rows = connection.execute(
        f"select {names}count(*) filter (is_newest), {_FIRST} from asked_lines where {where} "
        "group by all having count(*) > 0",
        dict(parameters or {}),
    ).fetchall()
    return [
        (
            tuple(cells),
            Said(
                lines=lines,
                since=str(first["seen_at"]),
                extract_id=first["extract_id"],
                line=first["line"],
            ),
        )
        for *cells, lines, first in rows
    ]


def _count_blank(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, column: str, landed: Sequence[str]
) -> Blank | None:
    saying = connection.execute(
        f"select distinct _extract_id from asked_lines where trim({column}) <> ''"
    ).fetchall()
    where = (
        f"is_newest and coalesce(trim({column}), '') = '' "
        "and ($always or list_contains($extracts::varchar[], _extract_id))"
    )
    given = {"always": column in always_asked(dataset), "extracts": [one for (one,) in saying]}
    counted = _count(connection, (), where, given)
    if not counted:
        return None
    others = [other for other in landed if other != column]
    says = " or ".join(f"trim({other}) <> ''" for other in others) or "false"
    with_others = _count(connection, (), f"{where} and ({says})", given)
    beside = [
        (other, plain(cell or ""), said.lines)
        for other in others
        for (cell,), said in _count(connection, [other], f"{where} and trim({other}) <> ''", given)
    ]
    return Blank(
        column=column,
        said=counted[0][1],
        beside=beside,
        lines_beside=with_others[0][1].lines if with_others else 0,
    )
