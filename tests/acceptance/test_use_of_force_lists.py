"""Use of force: the lists of the real extracts, held against places counted without any of our code."""

import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from orchestration.dataset import Dataset, load_datasets, plain_heading
from orchestration.duck import connect, parquet
from orchestration.settings import PACKAGE, Settings
from orchestration.steps.modelled_layer import deduplicate, standardize

FORCE = "use_of_force"
NOBODY = "(select '' as _extract_id, 0 as _line, '' as rule_id, false as waits where false)"
Extract = tuple[dict[int, dict[str, str]], Path]
"""The cells as they were read, by line, and the folder with what the models made of them."""


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_datasets(PACKAGE / "datasets")[FORCE]


@pytest.fixture(scope="module")
def modelled(
    dataset: Dataset, shared_extracts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Extract]:
    """An extract of a day, and its two modelled layers with nothing quarantined."""
    made: dict[str, Extract] = {}

    def model(day: str) -> Extract:
        if day not in made:
            file = shared_extracts / "nopd_use_of_force" / f"nopd_uof_extract_{day}.csv.gz"
            lines = _read(dataset, file)
            made[day] = lines, _model(dataset, day, lines, tmp_path_factory.mktemp(day))
        return made[day]

    return model


def _read(dataset: Dataset, file: Path) -> dict[int, dict[str, str]]:
    names = {plain_heading(one): c.name for c in dataset.landed for one in c.headings}
    text = gzip.decompress(file.read_bytes()).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text))
    return {
        number: {names[plain_heading(one)]: cell or "" for one, cell in row.items()}
        for number, row in enumerate(rows, start=1)
    }


def _model(dataset: Dataset, day: str, lines: dict[int, dict[str, str]], folder: Path) -> Path:
    grain = dataset.grain.published if day >= "2021" else dataset.grain.line
    cells = {
        column.name: pa.array(
            [line.get(column.name) or None for line in lines.values()], pa.string()
        )
        for column in dataset.landed
    }
    table = pa.table({"_line": list(lines), **cells})
    with duckdb.connect() as connection:
        connection.register("given", table)
        connection.execute(
            f"copy (select 'a' as _extract_id, timestamp '2024-01-01' as _extracted_at, "
            f"'{grain}' as _grain, null::varchar as _parse_error, given.* from given) "
            f"to '{folder}/lines.parquet' (format parquet)"
        )
    settings = replace(Settings.from_environment(), home=folder / "home").prepare()
    for layer in ("above", "below"):
        (folder / layer).mkdir()
    lines_of = parquet(folder / "lines.parquet")
    standardize(settings, {FORCE: dataset}, dataset, lines_of, (), folder / "above")
    staged = parquet(folder / "above" / f"stg_{FORCE}.parquet")
    deduplicate(settings, {FORCE: dataset}, dataset, staged, NOBODY, (), folder / "below")
    return folder


def _cells(file: Path, key: str, names: list[str]) -> dict[object, dict[str, str | None]]:
    with connect() as connection:
        rows = connection.execute(
            f"select {key}, {', '.join(names)} from {parquet(file)}"
        ).fetchall()
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def _blanks(cell: str | None) -> list[bool]:
    return [not part.strip() for part in (cell or "").split("|")]


@pytest.mark.parametrize("day", ["2021-05", "2023-02"])
def test_every_blank_stays_at_its_place(
    modelled: Callable[[str], Extract], dataset: Dataset, day: str
) -> None:
    """Line by line, as many places as in the extract, and the same of them blank."""
    lines, folder = modelled(day)
    # Ages of 0 and -1 become blank, too.
    names = [c.name for c in dataset.landed if c.list and c.name != "subject_age"]
    staged = _cells(folder / "above" / f"stg_{FORCE}.parquet", "_line", names)
    moved = [
        (line, name)
        for line, cells in lines.items()
        for name in names
        if _blanks(cells.get(name)) != _blanks(staged[line][name])
        and not all(_blanks(cells.get(name)))
    ]
    assert moved == []


@pytest.mark.parametrize(
    ("day", "incidents"),
    [
        ("2018-05-29", 1_330),
        ("2021-05", 2_474),
        ("2023-02", 3_193),
    ],
)
def test_lists_that_go_together_have_equally_many_places(
    modelled: Callable[[str], Extract], dataset: Dataset, day: str, incidents: int
) -> None:
    """In every line, so that no real one is quarantined for it, and in every published incident."""
    _, folder = modelled(day)
    uneven = _cells(folder / "above" / f"stg_{FORCE}.parquet", "_line", ["_uneven"])
    assert [line for line, cells in uneven.items() if cells["_uneven"]] == []
    names = [c.name for columns in dataset.places.values() for c in columns]
    rows = _cells(folder / "below" / f"{FORCE}.parquet", dataset.key, names)
    assert len(rows) == incidents
    for cells in rows.values():
        for columns in dataset.places.values():
            assert len({len(cell.split(" | ")) for c in columns if (cell := cells[c.name])}) <= 1
