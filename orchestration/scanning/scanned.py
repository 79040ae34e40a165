"""A dataset's lines, scanned: which columns, which cells, and what the models get by line.

Scanned are all published columns of text: not the key, whose form a rule holds, and not what a
pattern or the grammar of places holds as a whole. A cell is looked at once, however many lines have
it, as read and as standardized, and each part of a list by itself; values of the column's own
vocabulary are official and not looked at.

What was found is given to the staging model as a function per column, as misspellings are: a join
would lose the order of the lines. A cell is never written into SQL: the types behind the functions
are made from tables.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import duckdb

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import quoted
from orchestration.scanning.addresses import names_of_streets
from orchestration.scanning.persons import (
    ADDRESS,
    HEALTH,
    KINDS,
    NUMBER,
    PERSONAL,
    find_in_part,
    has_torn_address,
    split_parts,
)

YEARS_TO_ANSWER: Final = 10
"""A child of that age can be arrested (Louisiana Children's Code, article 804): a date that old may be
a birth."""


def scanned_columns(dataset: Dataset) -> tuple[Column, ...]:
    """The columns that are scanned."""
    keys = {dataset.key, *dataset.key_from}
    return tuple(
        column
        for column in dataset.published
        if column.type == "text"
        and column.source
        and column.name not in keys
        and not _is_formed(column)
    )


def _is_formed(column: Column) -> bool:
    """Whether its domain holds every value as a whole, so that nothing can stand beside it."""
    return column.domain is not None and (column.domain.pattern is not None or column.domain.place)


def kinds_of(dataset: Dataset, column: Column) -> tuple[str, ...]:
    """What a column is scanned for: health where asked, numbers where the file does not expect them, no
    homes where they are cut."""
    kinds = [*PERSONAL]
    if column.name in dataset.scan.health:
        kinds.append(HEALTH)
    if column.domain is not None and column.name not in dataset.scan.numbers:
        kinds.append(NUMBER)
    cut = {policy.column for policy in dataset.policies if policy.action == "generalize"}
    return tuple(kind for kind in kinds if kind != ADDRESS or column.name not in cut)


def scan_lines(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    *,
    base: str,
    lines: str,
    vocabularies: Mapping[str, Collection[str]],
    streets: Iterable[str] = (),
    schema: str = "main",
) -> None:
    """Makes `persons_in_<column>(cell)` for every scanned column: the kinds found in it, or null.

    `base` has one row per line, each column as read (`x__read`) and standardized (`x`), and `lines` are
    the raw lines that it is made of: when they were extracted, they say at once. `vocabularies`
    are the official values of columns, `streets` the known ones.
    """
    newest = connection.execute(f"select year(max(_extracted_at)) from {lines}").fetchone()
    born_until = newest[0] - YEARS_TO_ANSWER if newest and newest[0] else None
    known_streets = names_of_streets(streets)
    scanned = scanned_columns(dataset)
    cells = distinct_cells(
        connection, base, {one.name: (one.name, f"{one.name}__read") for one in scanned}
    )
    for column in scanned:
        found = find_in_cells(
            cells[column.name],
            kinds=kinds_of(dataset, column),
            known=vocabularies.get(column.name, ()),
            born_until=born_until,
            streets=known_streets,
        )
        define_found(connection, column.name, found, schema=schema)


def distinct_cells(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """The different texts, not blank, that stand in any column of each group of columns of a table."""
    # One query: where the table is a view, planning it takes longer than reading ten thousand lines.
    names = [name for group in columns.values() for name in group]
    if not names:
        return {}
    lists = ", ".join(f"list(distinct {name})" for name in names)
    row = connection.execute(f"select {lists} from {table}").fetchone()
    found = dict(zip(names, row or (), strict=True))
    return {
        group: sorted({cell for name in of for cell in found[name] or () if cell})
        for group, of in columns.items()
    }


def find_in_cells(
    cells: Iterable[str],
    *,
    kinds: Sequence[str],
    known: Collection[str] = (),
    born_until: int | None = None,
    streets: Collection[str] = (),
) -> dict[str, str]:
    """The kinds found in cells, in words; cells without any are left out."""
    official = {value.casefold() for value in known}
    seen: dict[str, frozenset[str]] = {}
    found = {}
    for cell in cells:
        kinds_found: set[str] = set()
        for part in split_parts(cell):
            if part not in seen:
                clean = part.casefold() in official
                seen[part] = (
                    frozenset()
                    if clean
                    else find_in_part(part, kinds=kinds, born_until=born_until, streets=streets)
                )
            kinds_found |= seen[part]
        if ADDRESS in kinds and has_torn_address(cell, streets=streets):
            kinds_found.add(ADDRESS)
        if kinds_found:
            found[cell] = ", ".join(kind for kind in KINDS if kind in kinds_found) or NUMBER
    return found


def define_found(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    found: Mapping[str, str],
    *,
    schema: str = "main",
) -> None:
    """One column's function. Cells that hold the same kinds stand together among an enum's members."""
    if not found:
        connection.execute(f"create macro {schema}.persons_in_{column}(cell) as null::varchar")
        return
    import pyarrow as pa

    ordered = sorted(found.items(), key=lambda one: (one[1], one[0]))
    table = pa.table({"cell": pa.array([cell for cell, _ in ordered], type=pa.string())})
    connection.register("scanned_cells", table)
    members = f"{schema}.person_in_{column}"
    connection.execute(f"create type {members} as enum (select cell from scanned_cells)")
    connection.unregister("scanned_cells")
    last = {kinds: place for place, (_, kinds) in enumerate(ordered)}
    place = f"enum_code(try_cast(cell as {members}))"
    kinds = " ".join(f"when {place} <= {end} then {quoted(one)}" for one, end in last.items())
    connection.execute(f"create macro {schema}.persons_in_{column}(cell) as case {kinds} end")
