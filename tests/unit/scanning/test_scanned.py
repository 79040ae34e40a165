"""Between the scan and the models: which columns, which cells, and what the models are told."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.column import Column, Domain
from orchestration.dataset import Dataset, load_dataset
from orchestration.scanning.persons import ADDRESS, HEALTH
from orchestration.scanning.scanned import (
    define_found,
    find_in_cells,
    kinds_of,
    scan_lines,
    scanned_columns,
)

DATASETS = Path(__file__).parents[3] / "orchestration" / "datasets"
HOSTILE = "it's; PH 504-555-0142 \x00') --"


@pytest.fixture(params=sorted(path.stem for path in DATASETS.glob("*.yaml")))
def dataset(request: pytest.FixtureRequest) -> Dataset:
    return load_dataset(DATASETS / f"{request.param}.yaml")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def test_published_text_is_scanned_and_nothing_else(dataset: Dataset) -> None:
    """Every text that leaves, but for keys and what a pattern or the grammar of places holds."""
    formed = {
        column.name
        for column in dataset.published
        if column.domain and (column.domain.pattern or column.domain.place)
    }
    texts = {column.name for column in dataset.published if column.type == "text"}
    wanted = texts - formed - {dataset.key, *dataset.key_from}
    assert {column.name for column in scanned_columns(dataset)} == wanted


@pytest.mark.parametrize(
    ("domain", "scanned"),
    [
        (None, True),
        (Domain(free_text=True), True),
        (Domain(vocabulary=("beats",)), True),
        (Domain(pattern="[A-Z]"), False),
        (Domain(place=True), False),
    ],
    ids=["none", "free text", "vocabulary", "pattern", "place"],
)
def test_what_holds_whole_values_is_not_scanned(
    dataset: Dataset, domain: Domain | None, scanned: bool
) -> None:
    """A pattern and the grammar of places leave no room for anything beside the value."""
    names = {column.name for column in scanned_columns(_with_domain(dataset, domain))}
    assert (_column(dataset).name in names) is scanned


def test_every_line_is_told_of_its_own_cells(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset
) -> None:
    """In every scanned column, as read or as standardized, whatever signs the cell has."""
    columns = scanned_columns(dataset)
    _make_base(connection, dataset)
    scan_lines(connection, dataset, base="base", lines="base", vocabularies={})
    for column in columns:
        told = connection.execute(
            f"select persons_in_{column.name}({column.name}__read), "
            f"persons_in_{column.name}({column.name}) from base order by _line"
        ).fetchall()
        assert told == [("telephone", "telephone"), ("telephone", None), (None, None), (None, None)]


def _make_base(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """A line with a telephone, one whose telephone standardizing took away, a clean and a blank one."""
    names = [column.name for column in scanned_columns(dataset)]
    cells = ", ".join(f"{name}__read varchar, {name} varchar" for name in names)
    connection.execute(f"create table base (_line int, _extracted_at timestamp, {cells})")
    for line, read, made in (
        (1, HOSTILE, HOSTILE),
        (2, HOSTILE + "2", None),
        (3, "RS", "RS"),
        (4, None, None),
    ):
        row = [line, "2026-11-27", *([read, made] * len(names))]
        connection.execute(f"insert into base values ({', '.join('?' * len(row))})", row)


def test_official_values_are_not_looked_at() -> None:
    """Members of a vocabulary are clean by definition, in any case and as parts of a list."""
    cells = ["Mentally unstable", "MENTALLY UNSTABLE | None", "mentally unstable man"]
    found = find_in_cells(cells, kinds=[HEALTH], known=["Mentally unstable"])
    assert found == {"mentally unstable man": "health words"}


def test_kinds_are_told_in_one_order() -> None:
    """The same cell is told in the same words."""
    found = find_in_cells(
        ["x@y | 504-555-0142; DOB 1/2/1999"], kinds=["mail address", "birth date", "telephone"]
    )
    assert list(found.values()) == ["telephone, mail address, birth date"]


def test_addresses_that_are_cut_are_no_homes(dataset: Dataset) -> None:
    """The raw cell of a column that a policy cuts to its block has a house number."""
    cut = {policy.column for policy in dataset.policies if policy.action == "generalize"}
    for column in scanned_columns(dataset):
        assert (ADDRESS in kinds_of(dataset, column)) is (column.name not in cut)


def test_health_is_looked_for_where_it_is_asked() -> None:
    """In the reports of use of force, and not in what officers believed of a subject."""
    force = load_dataset(DATASETS / "use_of_force.yaml")
    asked = {c.name for c in scanned_columns(force) if HEALTH in kinds_of(force, c)}
    assert {"force_reason", "subject_arrest_charges"} <= asked
    assert "subject_influencing_factors" not in asked


def test_many_findings_are_told_without_cells_in_sql(connection: duckdb.DuckDBPyConnection) -> None:
    """Ten thousand cells of three kinds are three words of SQL."""
    cells = {f"cell {number}": ("name", "VIN", "telephone")[number % 3] for number in range(10_000)}
    define_found(connection, "x", cells)
    sql = connection.execute(
        "select macro_definition from duckdb_functions() where function_name = 'persons_in_x'"
    ).fetchone()
    assert sql is not None
    assert "cell 1" not in sql[0]
    told = connection.execute(
        "select 'cell ' || i, persons_in_x('cell ' || i) from range(10001) as t(i)"
    ).fetchall()
    assert dict(told) == {**cells, "cell 10000": None}


def _column(dataset: Dataset) -> Column:
    keys = {dataset.key, *dataset.key_from}
    return next(
        c for c in dataset.published if c.type == "text" and c.source and c.name not in keys
    )


def _with_domain(dataset: Dataset, domain: Domain | None) -> Dataset:
    chosen = _column(dataset).name
    columns = tuple(
        column.model_copy(update={"domain": domain}) if column.name == chosen else column
        for column in dataset.columns
    )
    return dataset.model_copy(update={"columns": columns})
