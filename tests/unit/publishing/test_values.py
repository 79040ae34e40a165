"""Cells as a portal's JSON: what DuckDB writes for many rows is what Python writes for one."""

import json
import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestration.publishing.chunks import planned_chunks
from orchestration.publishing.transport.reading import NoJson, NoRows, RowReader
from orchestration.publishing.transport.values import (
    Unsendable,
    body_of,
    deletions,
    plain_number,
)
from tests.unit.publishing.conftest import Row, as_portal_value, tree, trees, write_plan

DATASET = trees()
COLUMNS = DATASET.published


def rendered(folder: Path, rows: Sequence[Row]) -> list[Row]:
    """The rows as DuckDB writes them, read again as JSON."""
    write_plan(folder, DATASET, upserts=rows)
    return [row for chunk in planned_chunks(DATASET, folder) for row in json.loads(chunk.body)]


def expected(row: Row) -> Row:
    return {column.name: as_portal_value(column, row[column.name]) for column in COLUMNS}


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**17), 10**17).map(float),
    st.decimals(-10_000, 10_000, places=3, allow_nan=False).map(float),
)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999))
rows_of_anything = st.lists(
    st.fixed_dictionaries(
        {
            "species": st.none() | texts,
            "height_feet": st.none() | numbers,
            "planted_at": st.none() | times,
            "surveyed_date": st.none() | st.dates(),
            "is_alive": st.none() | st.booleans(),
            "place": st.none() | st.just("POINT (-90.0715 29.9511)"),
            "age_years": st.none() | numbers,
        }
    ),
    min_size=1,
    max_size=20,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows_of_anything)
def test_duckdb_and_python_write_the_same(tmp_path: Path, cells: list[Row]) -> None:
    """Whatever the cells: the same JSON values, in the order of the rows."""
    rows = [tree(f"T{place:02}", **some) for place, some in enumerate(cells)]
    assert rendered(tmp_path, rows) == [expected(row) for row in rows]


ODD: dict[str, tuple[Row, str, Any]] = {
    "minus-zero": ({"height_feet": -0.0}, "height_feet", "0"),
    "large": ({"height_feet": 1e21}, "height_feet", "1000000000000000000000"),
    "small": ({"height_feet": 1e-7}, "height_feet", "0.0000001"),
    "cents": ({"height_feet": 29.95}, "height_feet", "29.95"),
    "whole": ({"height_feet": 3.0}, "height_feet", "3"),
    "below-sixteen-digits": ({"height_feet": 1e15 + 0.5}, "height_feet", "1000000000000000.5"),
    "sixteen-digits": ({"height_feet": -1e16}, "height_feet", "-10000000000000000"),
    "seventeen-digits": ({"height_feet": 12345678901234567.0}, "height_feet", "12345678901234568"),
    "least": ({"height_feet": 5e-324}, "height_feet", f"0.{'0' * 323}5"),
    "microseconds": (
        {"planted_at": datetime(1850, 1, 2, 3, 4, 5, 999_999)},
        "planted_at",
        "1850-01-02T03:04:05.999",
    ),
    "year-one": ({"surveyed_date": date(1, 1, 1)}, "surveyed_date", "0001-01-01T00:00:00.000"),
    "last-day": ({"surveyed_date": date(9999, 12, 31)}, "surveyed_date", "9999-12-31T00:00:00.000"),
    "quotes": ({"species": 'a "b" \\ \t\r\n'}, "species", 'a "b" \\ \t\r\n'),
    "escaped-nul": ({"species": "\\u0000 and \\\\u0000"}, "species", "\\u0000 and \\\\u0000"),
    "controls": ({"species": "\x01\x1f\x7f\u2028"}, "species", "\x01\x1f\x7f\u2028"),
    "unicode": ({"species": "Châtaignier 🌳 栗 \u200b"}, "species", "Châtaignier 🌳 栗 \u200b"),
    "empty": ({"species": ""}, "species", ""),
    "null": ({"species": None}, "species", None),
}


@pytest.mark.parametrize(("cells", "name", "written"), ODD.values(), ids=ODD)
def test_odd_values_are_written_exactly(
    tmp_path: Path, cells: Row, name: str, written: Any
) -> None:
    """Plain notation without loss, milliseconds, explicit nulls; both ways agree."""
    row = tree("T1", **cells)
    assert expected(row)[name] == written
    assert rendered(tmp_path, [row])[0][name] == written


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e23)
def test_plain_number_means_the_same_number(value: float) -> None:
    """No exponent, and read again it is exactly what it was."""
    text = plain_number(value)
    assert "e" not in text.lower()
    assert float(text) == value
    assert Decimal(text) == Decimal(repr(value))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
def test_not_a_number_is_no_cell(tmp_path: Path, value: float) -> None:
    """Neither way writes it, and the refusal names no value."""
    with pytest.raises(ValueError, match="height_feet"):
        as_portal_value(DATASET.column("height_feet"), value)
    with pytest.raises(Unsendable, match="number"):
        rendered(tmp_path, [tree("T1", height_feet=value)])


@pytest.mark.parametrize("text", ["\0", "a\0b", "\\\0", "\\\\\0"], ids=ascii)
def test_nul_is_no_text(tmp_path: Path, text: str) -> None:
    """A portal would drop it in silence; a backslash before it hides nothing."""
    with pytest.raises(ValueError, match="species"):
        as_portal_value(DATASET.column("species"), text)
    with pytest.raises(Unsendable, match="NUL"):
        rendered(tmp_path, [tree("T1", species=text)])


def test_whole_and_exact_columns_are_written_like_doubles(tmp_path: Path) -> None:
    """A model may have integers or decimals where the dataset file says number."""
    write_plan(tmp_path, DATASET, upserts=[tree("T1", height_feet=1.5, age_years=7)])
    path = tmp_path / "upserts.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"create table rows as select * replace (height_feet::decimal(10, 3) as height_feet, "
            f"age_years::bigint as age_years) from '{path}'"
        )
        connection.execute(f"copy rows to '{path}' (format parquet)")
    (chunk,) = planned_chunks(DATASET, tmp_path)
    (row,) = json.loads(chunk.body)
    assert (row["height_feet"], row["age_years"]) == ("1.5", "7")


def test_deletions_mark_keys_alone() -> None:
    """Nothing but the key and a true boolean; an odd key is quoted right."""
    body = deletions("tree_id", ['O\'Brien "栗"', 7.0])
    assert json.loads(body) == [
        {"tree_id": 'O\'Brien "栗"', ":deleted": True},
        {"tree_id": "7", ":deleted": True},
    ]


def test_part_of_the_texts_is_a_body_too(tmp_path: Path) -> None:
    """Any run of rows is a JSON list by itself."""
    write_plan(tmp_path, DATASET, upserts=[tree(f"T{n}") for n in range(5)])
    (chunk,) = planned_chunks(DATASET, tmp_path)
    keys = [row["tree_id"] for row in json.loads(body_of(chunk.texts.slice(1, 3)))]
    assert keys == ["T1", "T2", "T3"]


# Reading


def test_reading_a_page_undoes_writing_it(tmp_path: Path) -> None:
    """What is sent, read as a portal's rows, is the row again."""
    row = tree("T1", height_feet=1e-7, planted_at=datetime(1899, 1, 2, 3, 4, 5, 6000))
    write_plan(tmp_path, DATASET, upserts=[row])
    (chunk,) = planned_chunks(DATASET, tmp_path)
    with RowReader(COLUMNS) as reader:
        assert reader.read(chunk.body).to_pylist() == [row]


def test_cells_that_are_left_out_are_null() -> None:
    """Portals leave nulls out; a column that no row has is there all the same."""
    with RowReader(COLUMNS) as reader:
        (row,) = reader.read(b' [{"tree_id":"T1","unknown":1}\n]\n').to_pylist()
    assert row == tree("T1", species=None)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b"[1]",
        b'[{"height_feet":"x"}]',
        b'[{"planted_at":"x"}]',
    ],
    ids=ascii,
)
def test_other_json_is_no_rows(body: bytes) -> None:
    """Another type is not taken for rows."""
    with RowReader(COLUMNS) as reader, pytest.raises(NoRows):
        reader.read(body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[{", b'[{"tree_id":"T1"},', b'[{"tree_id":"T1"}']
)
def test_what_is_no_json_says_nothing(body: bytes) -> None:
    """Neither a page nor half an answer is."""
    with RowReader(COLUMNS) as reader, pytest.raises(NoJson):
        reader.read(body)
