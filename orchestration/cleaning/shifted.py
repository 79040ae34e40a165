"""Lines with as many cells as headings, whose cells stand in their neighbours' columns.

An unquoted comma makes two cells of one and pushes the last one out of the line; a lost separator
pulls the others to the left. Nothing is wrong with the count, and each cell by itself may be a word. A
cell counts as out of place where it is nothing that its own column holds (by type, by vocabulary, or by
what nearly all lines say) and is something that the column beside it holds. A line is shifted where
such a cell is one of two or more in a row that do not fit, all in one direction.

What belongs here: finding such lines before anything is modelled. What does not: mending them. The cell
that was pushed out is not in the line any more, and one that is missing is in none: no such line can
be made whole from itself, so a rule quarantines it, with what was read (docs/adr/0014).
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import duckdb

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import make_table
from orchestration.lookup import define_lookup

MANY_VALUES = 1_000
"""A column with more values than that is no list of words."""
AT_HOME = (10, 0.002)
"""A value is at home in a column on so many lines, and on such a share of those that say something."""
SAID_BY = 0.95
"""Such a share of a column's lines has values that are at home, where it is a list of words."""
TOO_COMMON = 0.005
"""Values of the column beside it on a greater share of lines: the two columns share their words."""
IN_A_ROW = 2
RIGHT, LEFT = "right", "left"
_BLANKS = " \t\n\v\f\r\u00a0\uffa0"
_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?")
_TIME = re.compile(r"[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4}([ T].*)?")

Fits = Callable[[str], bool]
"""Whether a text may be a cell of a column."""


def find_shifted(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    *,
    lines: str,
    vocabularies: Mapping[str, Collection[str]],
    schema: str = "main",
) -> None:
    """Makes the function `shifted_at(extract_id, line)`: where a line begins to be shifted, or null.

    `lines` are raw lines, texts under the published names; the dataset file lists the columns in the
    order of the source. The same lines give the same answer in any order.
    """
    columns = dataset.landed
    values = _values(connection, columns, lines)
    kinds = [
        _kind(column, values.get(column.name), vocabularies.get(column.name, ()))
        for column in columns
    ]
    total = sum(next(iter(values.values())).values()) if values else 0
    asked = {
        column.name: texts
        for place, column in enumerate(columns)
        if column.name in values
        and (texts := _out_of_place(values[column.name], kinds, place, total))
    }
    found: dict[str, str] = {}
    if asked:
        make_table(
            connection,
            "shifted_texts",
            {
                "column_name": [name for name, texts in asked.items() for _ in texts],
                "cell": [text for texts in asked.values() for text in texts],
            },
        )
        tests = " or ".join(
            f"{name} in (select cell from shifted_texts where column_name = '{name}')"
            for name in asked
        )
        names = ", ".join(column.name for column in columns)
        suspected = connection.execute(
            f"select _extract_id || ':' || _line, {names} from {lines} "
            f"where {tests} order by _extract_id, _line"
        ).fetchall()
        connection.execute("drop table shifted_texts")
        for line, *cells in suspected:
            begins = _begin(cells, kinds)
            if begins is not None:
                direction, place = begins
                found[line] = f"{direction} from {columns[place].name}"
    define_shifted(connection, found, schema=schema)


def define_shifted(
    connection: duckdb.DuckDBPyConnection, found: Mapping[str, str], *, schema: str = "main"
) -> None:
    """Makes `shifted_at(extract_id, line)`: where a line's cells begin to stand wrong, or null."""
    head = f"{schema}.shifted_at(extract_id, line)"
    define_lookup(connection, head, found, of="extract_id || ':' || line")


def _values(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], lines: str
) -> dict[str, dict[str | None, int]]:
    """Every text of the columns that have few, as read, with its lines."""
    texts = [
        column.name
        for column in columns
        if column.type == "text" and not (column.spelling and column.spelling.prefix)
    ]
    if not texts:
        return {}
    counted = connection.execute(
        f"select {', '.join(f'approx_count_distinct({name})' for name in texts)} from {lines}"
    ).fetchone()
    return {
        name: dict(
            connection.execute(f"select {name}, count(*) from {lines} group by {name}").fetchall()
        )
        for name, found in zip(texts, counted or (), strict=True)
        if found <= MANY_VALUES
    }


def _kind(
    column: Column, values: Mapping[str | None, int] | None, words: Collection[str]
) -> Fits | None:
    """What fits a column; none where it says nothing."""
    if column.type in ("timestamp", "date"):
        return lambda text: _TIME.fullmatch(text) is not None
    if column.type == "number":
        return lambda text: _NUMBER.fullmatch(text) is not None
    if column.type == "boolean":
        return lambda text: text.upper() in ("Y", "YES", "TRUE", "N", "NO", "FALSE")
    if column.type == "point":
        return lambda text: text.startswith(("POINT", "{"))
    return _listed(values, words, column.list.mark if column.list else None) if values else None


def _listed(
    values: Mapping[str | None, int], words: Collection[str], mark: str | None
) -> Fits | None:
    """Numbers, or words that are in the vocabulary or on many lines; none where it is neither."""
    counts: Counter[str] = Counter()
    for text, rows in values.items():
        for part in _parts(text or "", mark):
            counts[part] += rows
    said = counts.total()
    known = {word.upper() for word in words}
    if sum(rows for part, rows in counts.items() if _NUMBER.fullmatch(part)) >= SAID_BY * said:
        return lambda text: all(
            part in known or _NUMBER.fullmatch(part) for part in _parts(text, mark)
        )
    least = max(AT_HOME[0], AT_HOME[1] * said)
    at_home = known | {part for part, rows in counts.items() if rows >= least}
    if sum(counts[part] for part in at_home) < SAID_BY * said:
        return None
    return lambda text: all(part in at_home for part in _parts(text, mark))


def _parts(text: str, mark: str | None) -> list[str]:
    """The words of a cell, or of the list's parts, in upper case, without blank ones."""
    parts = text.upper().split(mark) if mark else [text.upper()]
    return [part for one in parts if (part := one.strip(_BLANKS))]


def _out_of_place(
    values: Mapping[str | None, int], kinds: Sequence[Fits | None], place: int, total: int
) -> list[str]:
    """Texts of a column that belong to the one on its left, or to the one on its right."""
    own = kinds[place]
    if own is None:
        return []
    strange = [
        (text, said) for text in values if text and (said := text.strip(_BLANKS)) and not own(said)
    ]
    found: set[str] = set()
    for beside in (place - 1, place + 1):
        other = kinds[beside] if 0 <= beside < len(kinds) else None
        texts = [text for text, said in strange if other is not None and other(said)]
        lines = sum(values[text] for text in texts)
        if texts and lines <= max(AT_HOME[0], TOO_COMMON * total):
            found.update(texts)
    return sorted(found)


def _begin(cells: Sequence[str | None], kinds: Sequence[Fits | None]) -> tuple[str, int] | None:
    """Direction and place of a line's shift, in the order of the source; none where there is none.

    In the direction of the shift, cells in a row do not fit; each is one of the column before it, as
    far as that one says anything, but for the first, which may be half of a cell. A blank says
    nothing.
    """
    count = len(cells)
    for direction, step, places in (
        (RIGHT, -1, range(count)),
        (LEFT, 1, range(count - 1, -1, -1)),
    ):
        run: list[int] = []
        strong = 0
        for place in places:
            cell = (cells[place] or "").strip(_BLANKS)
            own = kinds[place]
            if own is None or not cell:
                continue
            other = kinds[place + step] if 0 <= place + step < count else None
            beside = other(cell) if other is not None else None
            if own(cell) or (beside is False and strong):
                run, strong = [], 0
                continue
            run.append(place)
            strong += beside is True
            if strong and len(run) >= IN_A_ROW:
                return direction, min(run) if direction == RIGHT else _first(run, cells, kinds)
    return None


def _first(run: Sequence[int], cells: Sequence[str | None], kinds: Sequence[Fits | None]) -> int:
    """Where a shift to the left begins: as far to the left as cells are of the column after theirs."""
    place = min(run)
    while place > 0:
        own, after = kinds[place - 1], kinds[place]
        cell = (cells[place - 1] or "").strip(_BLANKS)
        if own is None or after is None or not cell or own(cell) or not after(cell):
            break
        place -= 1
    return place
