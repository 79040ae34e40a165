"""Landing the real extracts: as many lines as Python's csv counts, dirt and all.

The expected figures are counted here from the files themselves, with other code than the product's.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.dataset import Dataset
from orchestration.duck import lines_of_files
from orchestration.errors import ExtractRefused
from orchestration.settings import Settings
from orchestration.sources import FoundExtract
from orchestration.sources.landing import ROWS, land
from orchestration.state.store import Extract, State

CALLS = "nopd_calls_for_service/nopd_cfs_2022_subset_jan-aug.csv.gz"
NOT_UTF8 = "nopd_item_numbers_dirty/rtcc_request_items_2018_to_2022-03-29_NOT_UTF8.csv.gz"
DAYS = ("2018-05-29", "2019-09", "2020-02-14", "2020-10", "2021-05", "2023-02")
USE_OF_FORCE = [f"nopd_use_of_force/nopd_uof_extract_{day}.csv.gz" for day in DAYS]
QUOTED_NEWLINES = [
    "vehicle_text_dirt/montgomery_md_traffic_violations_sample_2013-2015.csv.gz",
    "vehicle_text_dirt/openrefine_human_merge_pairs_half_A.csv.gz",
    "nyc_311/nyc_311_calls_sample_8000.csv.gz",
]


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def table_of(path: Path, encoding: str = "utf-8-sig") -> tuple[list[str], list[list[str]]]:
    """Header and rows as Python's csv reads them."""
    header, *rows = csv.reader(io.StringIO(unpacked(path).decode(encoding), newline=""))
    return header, [row for row in rows if row]


@pytest.fixture
def land_real(settings: Settings, state: State, shared_data: Path) -> Callable[..., Extract]:
    """Lands a file of the shared data."""

    def land_it(name: str, dataset: Dataset) -> Extract:
        moment = datetime(2022, 8, 31, 23, 59, 59)
        path = shared_data / name
        found = FoundExtract(path=path, extracted_at=moment, time_source="name")
        return land(settings, state, dataset, found, source="files")

    return land_it


@pytest.fixture
def landed_cells(settings: Settings) -> Callable[..., list[list[str]]]:
    """The cells of these columns, by line; null as ''."""

    def read(extract: Extract, names: list[str]) -> list[list[str]]:
        listed = ", ".join(f"coalesce(\"{name}\", '')" for name in names)
        lines = lines_of_files([settings.home / extract.path / ROWS])
        rows = duckdb.execute(f"select {listed} from {lines} order by _line")
        return [list(row) for row in rows.fetchall()]

    return read


def listing(dataset: Dataset, headings: list[str], **source: Any) -> Dataset:
    """A dataset whose columns are all of these headings; names c0, c1, …"""
    column = dataset.columns[0].model_copy(update={"aliases": (), "required": False})
    columns = tuple(
        column.model_copy(update={"name": f"c{position}", "source": heading})
        for position, heading in enumerate(headings)
    )
    declared = dataset.source.model_copy(update=source)
    return dataset.model_copy(update={"columns": columns, "source": declared})


def names_of(header: list[str]) -> list[str]:
    return [f"c{position}" for position in range(len(header))]


@pytest.mark.parametrize("name", [CALLS, *USE_OF_FORCE, *QUOTED_NEWLINES])
def test_every_cell_lands(
    land_real: Callable[..., Extract],
    landed_cells: Callable[..., list[list[str]]],
    datasets: dict[str, Dataset],
    shared_data: Path,
    name: str,
) -> None:
    """Line by line and cell by cell what Python's csv reads; no line is unparseable."""
    header, rows = table_of(shared_data / name)
    extract = land_real(name, listing(datasets["use_of_force"], header))
    assert (extract.lines, extract.unparseable) == (len(rows), 0)
    # Compared as truth values: a difference must not print people's data.
    assert (landed_cells(extract, names_of(header)) == rows) is True


@pytest.mark.parametrize(
    ("name", "dataset_id"),
    [(CALLS, "calls_for_service"), *((name, "use_of_force") for name in USE_OF_FORCE)],
)
def test_required_columns_are_found(
    land_real: Callable[..., Extract], datasets: dict[str, Dataset], name: str, dataset_id: str
) -> None:
    """Every extract of every year has the columns that its dataset file requires."""
    dataset = datasets[dataset_id]
    extract = land_real(name, dataset)
    assert {column.name for column in dataset.landed if column.required} <= set(extract.columns)


def test_bytes_that_are_not_utf_8(
    land_real: Callable[..., Extract],
    landed_cells: Callable[..., list[list[str]]],
    datasets: dict[str, Dataset],
    shared_data: Path,
) -> None:
    """The city's file with a wrong byte stops with byte and line, and lands as what it is."""
    content = unpacked(shared_data / NOT_UTF8)
    with pytest.raises(UnicodeDecodeError) as expected:
        content.decode()
    offset = expected.value.start
    line = content[:offset].count(b"\n") + 1
    header, rows = table_of(shared_data / NOT_UTF8, "cp1252")
    dataset = datasets["use_of_force"]
    with pytest.raises(ExtractRefused, match=rf"byte {offset} \(line {line}\) is not utf-8"):
        land_real(NOT_UTF8, listing(dataset, header))
    for encoding in ("cp1252", "latin-1"):
        extract = land_real(NOT_UTF8, listing(dataset, header, encoding=encoding))
        assert (extract.lines, extract.unparseable) == (len(rows), 0)
        rows = table_of(shared_data / NOT_UTF8, encoding)[1]
        assert (landed_cells(extract, names_of(header)) == rows) is True


def test_311_as_soda_gives_it(
    land_real: Callable[..., Extract],
    landed_cells: Callable[..., list[list[str]]],
    datasets: dict[str, Dataset],
    shared_data: Path,
) -> None:
    """Rows with left-out nulls and a nested point: 100 lines, the point as JSON."""
    name = "nola_311/nola_311_calls_soda_json_100rows_2016-11.json"
    rows = json.loads(unpacked(shared_data / name))
    extract = land_real(name, datasets["service_requests"])
    assert (extract.lines, extract.unparseable) == (len(rows), 0)
    cells = landed_cells(extract, ["ticket_id", "location", "closed_at"])
    expected = [
        [
            row["ticket_id"],
            json.dumps(row["location"], separators=(",", ":")) if "location" in row else "",
            row.get("ticket_closed_date_time", ""),
        ]
        for row in rows
    ]
    assert (cells == expected) is True


@pytest.mark.parametrize("name", [USE_OF_FORCE[0], QUOTED_NEWLINES[0]])
def test_a_ragged_line_changes_no_other(
    tmp_path: Path,
    settings: Settings,
    state: State,
    landed_cells: Callable[..., list[list[str]]],
    datasets: dict[str, Dataset],
    shared_data: Path,
    name: str,
) -> None:
    """With one bad line at its end a file is read carefully, and every other cell is the same."""
    header, rows = table_of(shared_data / name)
    path = tmp_path / "ragged.csv"
    path.write_bytes(unpacked(shared_data / name).rstrip(b"\r\n") + b"\r\nragged\r\n")
    found = FoundExtract(path=path, extracted_at=datetime(2022, 8, 31), time_source="name")
    dataset = listing(datasets["use_of_force"], header)
    extract = land(settings, state, dataset, found, source="files")
    assert (extract.lines, extract.unparseable) == (len(rows) + 1, 1)
    assert (landed_cells(extract, names_of(header))[:-1] == rows) is True
