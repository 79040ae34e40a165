"""Local validation: every row that no portal should be sent is named, and no other."""

import math
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.errors import ModelFault
from orchestration.publishing.checking import (
    LONGEST_KEY_BYTES,
    LONGEST_TEXT_BYTES,
    local_faults,
)
from tests.unit.publishing.conftest import Row, tree, trees, write_rows

DATASET = trees()


def faults(folder: Path, *rows: Row) -> list[Row]:
    found = local_faults(DATASET, write_rows(folder / "rows.parquet", DATASET, rows))
    named: list[Row] = found.to_pylist()
    return named


GOOD: dict[str, Row] = {
    "nulls": {"species": None},
    "empty": {"species": ""},
    "blanks": {"species": " both ends "},
    "unicode": {"species": "Châtaignier 🌳\ufe0f 👩\u200d🚒\n"},
    "numbers": {"height_feet": -1e300, "age_years": -0.0},
    "first-day": {"planted_at": datetime(1, 1, 1), "surveyed_date": date(1, 1, 1)},
    "last-day": {"planted_at": datetime(9999, 12, 31, 23, 59), "surveyed_date": date(9999, 12, 31)},
    "corner": {"place": "POINT (-180 90)"},
    "tiny": {"place": "POINT (1e-05 -0.0)"},
    "longest": {"species": "x" * LONGEST_TEXT_BYTES},
}
BAD: dict[str, tuple[Row, str, str]] = {
    "nul": ({"species": "a\0b"}, "species", "nobody sees"),
    "too-long": ({"species": "é" * (LONGEST_TEXT_BYTES // 2 + 1)}, "species", "longer"),
    "nan": ({"height_feet": math.nan}, "height_feet", "not a number"),
    "infinite": ({"age_years": -math.inf}, "age_years", "not a number"),
    "east": ({"place": "POINT (180.1 0)"}, "place", "outside"),
    "north": ({"place": "POINT (0 -90.0001)"}, "place", "outside"),
    "state-plane": ({"place": "POINT (3690000 530000)"}, "place", "outside"),
    "no-point": ({"place": "29.9, -90.1"}, "place", "not a point"),
    "no-number": ({"place": "POINT (nan nan)"}, "place", "not a point"),
    "three": ({"place": "POINT (1 2 3)"}, "place", "not a point"),
    "geojson": ({"place": '{"type":"Point"}'}, "place", "not a point"),
}


@pytest.mark.parametrize("cells", GOOD.values(), ids=GOOD)
def test_good_rows_are_not_named(tmp_path: Path, cells: Row) -> None:
    """What a portal keeps exactly may go."""
    assert faults(tmp_path, tree("T1", **cells), tree("T2")) == []


@pytest.mark.parametrize(("cells", "column", "reason"), BAD.values(), ids=BAD)
def test_bad_cell_is_named(tmp_path: Path, cells: Row, column: str, reason: str) -> None:
    """By key, column, value and reason; the good row beside it is not."""
    (fault,) = faults(tmp_path, tree("T1"), tree("T2", **cells))
    assert (fault["key"], fault["column"]) == ("T2", column)
    assert reason in fault["reason"]
    assert fault["value"] == str(cells[column])[:1_000]


KEYS: dict[str, tuple[Any, str]] = {
    "null": (None, "null"),
    "empty": ("", "blank"),
    "blank": (" \t", "blank"),
    "leading": (" T1", "begins or ends"),
    "trailing": ("T1\n", "begins or ends"),
    "long": ("x" * (LONGEST_KEY_BYTES + 1), "longer"),
    "nul": ("T\0", "nobody sees"),
}


@pytest.mark.parametrize(("key", "reason"), KEYS.values(), ids=KEYS)
def test_bad_key_is_named(tmp_path: Path, key: Any, reason: str) -> None:
    """A key that a portal or another system would take for another one."""
    found = faults(tmp_path, tree(key), tree("T2"))
    assert {fault["column"] for fault in found} == {"tree_id"}
    assert any(reason in fault["reason"] for fault in found)


@pytest.mark.parametrize("key", ["T 1", "x", "O'Brien", "栗"])
def test_good_keys_are_not_named(tmp_path: Path, key: str) -> None:
    """Blanks inside, one letter, quotes and other alphabets are fine."""
    assert faults(tmp_path, tree(key)) == []


def test_key_that_stands_twice_is_named_for_each_row(tmp_path: Path) -> None:
    """The portal would keep the last one in silence."""
    found = faults(tmp_path, tree("T1"), tree("T2"), tree("T1", species="elm"))
    assert [(fault["key"], fault["reason"]) for fault in found] == [
        ("T1", "the key stands twice")
    ] * 2


def test_every_flaw_of_a_row_is_named(tmp_path: Path) -> None:
    """Who mends the first finds the others at once."""
    found = faults(tmp_path, tree("T1", species="\0", height_feet=math.nan, place="here"))
    assert [fault["column"] for fault in found] == ["height_feet", "place", "species"]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("planted_at", "timestamp 'infinity'", "years"),
        ("planted_at", "timestamp '10000-01-01'", "years"),
        ("surveyed_date", "date '0044-03-15 (BC)'", "years"),
        ("surveyed_date", "date '-infinity'", "years"),
        ("planted_at", "timestamptz '2022-01-01 00:00:00+00'", "zone"),
    ],
)
def test_times_that_python_has_not_are_named_too(
    tmp_path: Path, column: str, value: str, reason: str
) -> None:
    """DuckDB holds what no portal does."""
    path = write_rows(tmp_path / "rows.parquet", DATASET, [tree("T1")])
    with duckdb.connect() as connection:
        connection.execute(
            f"create table rows as select * replace ({value} as {column}) from '{path}'"
        )
        connection.execute(f"copy rows to '{path}' (format parquet)")
    (fault,) = local_faults(DATASET, path).to_pylist()
    assert fault["column"] == column
    assert reason in fault["reason"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("height_feet", "'12 feet'"), ("planted_at", "'2022'"), ("is_alive", "1"), ("species", "7")],
)
def test_column_of_another_type_is_the_models_fault(
    tmp_path: Path, column: str, value: str
) -> None:
    """It is said by name and type, before any cell is looked at."""
    path = write_rows(tmp_path / "rows.parquet", DATASET, [tree("T1")])
    with duckdb.connect() as connection:
        connection.execute(
            f"create table rows as select * replace ({value} as {column}) from '{path}'"
        )
        connection.execute(f"copy rows to '{path}' (format parquet)")
    with pytest.raises(ModelFault, match=f"trees: {column} is ") as caught:
        local_faults(DATASET, path)
    assert value.strip("'") not in str(caught.value) or value.isdecimal()


@pytest.mark.parametrize("value", ["7", "1.5::decimal(9, 2)", "7::hugeint", "1.5::float"])
def test_every_kind_of_number_is_one(tmp_path: Path, value: str) -> None:
    """A model may count in integers or decimals."""
    path = write_rows(tmp_path / "rows.parquet", DATASET, [tree("T1")])
    with duckdb.connect() as connection:
        connection.execute(
            f"create table rows as select * replace ({value} as age_years) from '{path}'"
        )
        connection.execute(f"copy rows to '{path}' (format parquet)")
    assert local_faults(DATASET, path).num_rows == 0
