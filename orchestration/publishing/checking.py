"""Which rows no portal should be sent, and why: the type table of protocol 2.4, stricter.

What a portal would drop or round in silence is refused here, before anything is written: a text's
NUL, a number that is none, a point that is nowhere, a key that another system would trim. One scan in
DuckDB, whatever the number of rows. What becomes of the rows is for the caller: quarantine, or stop.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import FEW, connect, fetch_all, quoted, sql_path
from orchestration.errors import ModelFault
from orchestration.unseen import CLEANED, NO_TEXT_RE2

LONGEST_TEXT_BYTES = 1_000_000
"""Ten of them fill a request; the portal's own bound, 70 MB a row, is found out by failing."""
LONGEST_KEY_BYTES = 1_000
"""Percent-encoded, it still fits an address with which rows are read back; an index of the portal's
database would refuse 2,700."""
_HELD_AS = {
    "text": "VARCHAR",
    "number": r"DOUBLE|FLOAT|DECIMAL.*|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?",
    "timestamp": r"TIMESTAMP.*|DATE",
    "date": r"DATE|TIMESTAMP.*",
    "boolean": "BOOLEAN",
    "point": "VARCHAR",
}
"""What a model may have for a type of the dataset file."""
_NO_TEXT = f"[{CLEANED}]|{NO_TEXT_RE2}"
"""Tabs and line ends, which the models collapse, may stand in a text of a city's own model."""
_SHOWN = 1_000
_NUMBER = r"([-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"
_POINT = rf"^POINT ?\({_NUMBER} {_NUMBER}\)$"


def local_faults(dataset: Dataset, rows: Path) -> pa.Table:
    """The cells of a Parquet file that must not be sent, by key and column; without any, no rows.

    Columns `key`, `column`, `value` (as text, cut to 1,000 characters) and `reason`. A key that
    stands twice is named once for each of its rows.

    Raises:
        ModelFault: as `require_types`.
    """
    columns = require_types(dataset, rows)
    flaws = [flaw for column in columns for flaw in _flaws(column, is_key=_is_key(dataset, column))]
    flaws += _of_texts([column.name for column in columns if column.type == "text"])
    tests = ", ".join(
        f"case when {test} then {{'column': {quoted(name)}, "
        f"'value': left(cast(\"{name}\" as varchar), {_SHOWN}), 'reason': {quoted(reason)}}} end"
        for name, test, reason in flaws
    )
    any_flaw = " or ".join(f"coalesce({test}, false)" for _, test, _ in flaws)
    key = f'"{dataset.key}"'
    with connect(spill=rows.parent, memory=FEW) as connection:
        fetch_all(
            connection,
            f"create table faults as with rows as not materialized "
            f"(from read_parquet({sql_path(rows)})), "
            f"flawed as (select cast({key} as varchar) as key, "
            f"unnest(list_filter([{tests}], lambda flaw: flaw is not null)) as flaw "
            f"from rows where {any_flaw}), "
            # Hashes take less room than keys; few are looked at again.
            f"alike as (select hash({key}) as hashed from rows group by hashed having count(*) > 1), "
            f"twice as (select {key} from rows semi join alike on hash({key}) = alike.hashed "
            f"where {key} is not null group by {key} having count(*) > 1), "
            f"named as (select key, flaw.column as column, flaw.value as value, "
            f"flaw.reason as reason from flawed union all "
            f"select cast({key} as varchar), {quoted(dataset.key)}, "
            f"left(cast({key} as varchar), {_SHOWN}), 'the key stands twice' "
            f"from rows semi join twice using ({key})) "
            f'from named order by key nulls first, "column", reason, value',
        )
        return connection.execute("from faults").to_arrow_table()


def holds_only(column: Column, type_name: str) -> bool:
    """Whether every cell of DuckDB's type of that name is a value of the column's type."""
    return bool(re.fullmatch(_HELD_AS[column.type], type_name)) and "TIME ZONE" not in type_name


def _types(rows: Path) -> dict[str, str]:
    """The file's columns and DuckDB's names of their types."""
    with connect() as connection:
        described = connection.execute(f"describe from read_parquet({sql_path(rows)})").fetchall()
    return {row[0]: row[1] for row in described}


def require_types(dataset: Dataset, rows: Path) -> list[Column]:
    """The published columns that a Parquet file has.

    Raises:
        ModelFault: one has not the type that the dataset file declares.
    """
    types = _types(rows)
    columns = [column for column in dataset.published if column.name in types]
    wrong = [
        f"{column.name} is {types[column.name]}, not {column.type}"
        for column in columns
        if not re.fullmatch(_HELD_AS[column.type], types[column.name])
    ]
    if wrong:
        raise ModelFault(
            f"{dataset.id}: {'; '.join(wrong)}. Correct the model, or the type in the dataset file"
        )
    return columns


def _is_key(dataset: Dataset, column: Column) -> bool:
    return column.name == dataset.key


Flaw = tuple[str, str, str]


def _flaws(column: Column, *, is_key: bool) -> Iterator[Flaw]:
    """Column, SQL of what is wrong with a cell, and the reason in words."""
    name = f'"{column.name}"'
    if is_key:
        text = f"cast({name} as varchar)"
        yield column.name, f"{name} is null", "the key is null"
        yield column.name, f"{text} is not null and trim({text}) = ''", "the key is blank"
        yield (
            column.name,
            f"trim({text}) <> '' and not regexp_full_match({text}, '(?s)\\S(.*\\S)?')",
            "the key begins or ends with a blank",
        )
        yield (
            column.name,
            f"strlen({text}) > {LONGEST_KEY_BYTES}",
            f"the key is longer than {LONGEST_KEY_BYTES:,} bytes",
        )
    yield from ((column.name, test, reason) for test, reason in _of_type(column, name))


def _of_texts(names: Sequence[str]) -> Iterator[Flaw]:
    """Signs that are no text; all cells of a row are looked at in one, as few rows hold any."""
    listed = ", ".join(f'"{name}"' for name in names)
    # A blank between them: what a cell begins with is not behind the end of another.
    any_cell = f"regexp_matches(concat_ws(' ', {listed}), '{_NO_TEXT}')"
    for name in names:
        yield (
            name,
            f"{any_cell} and regexp_matches(\"{name}\", '{_NO_TEXT}')",
            "holds a sign that nobody sees: a portal drops it, or a screen obeys it",
        )


def _of_type(column: Column, name: str) -> Iterator[tuple[str, str]]:
    if column.type == "number":
        yield f"not isfinite(cast({name} as double))", "not a number"
    elif column.type in ("timestamp", "date"):
        yield (
            f"{name} is not null and not coalesce(year({name}) between 1 and 9999, false)",
            "not in the years 0001 to 9999",
        )
        yield f"typeof({name}) = 'TIMESTAMP WITH TIME ZONE'", "a time with a zone, not a local one"
    elif column.type == "text":
        yield (
            f"strlen({name}) > {LONGEST_TEXT_BYTES}",
            f"longer than {LONGEST_TEXT_BYTES:,} bytes",
        )
    elif column.type == "point":
        matched = f"regexp_matches({name}, '{_POINT}')"
        east, north = (
            f"try_cast(regexp_extract({name}, '{_POINT}', {group}) as double)" for group in (1, 2)
        )
        yield f"not {matched}", "not a point as POINT (longitude latitude)"
        yield (
            f"{matched} and not coalesce(abs({east}) <= 180 and abs({north}) <= 90, false)",
            "a point outside of -180 to 180 and -90 to 90 degrees",
        )
