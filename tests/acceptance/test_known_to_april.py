"""The calls of May to August 2022 with the words that were known until April: how many rows wait.

The vocabularies and classes as shipped were read off the whole extract; here what stands first in its
last four months is taken out of them again, so that they do not flatter.
"""

import csv
import gzip
from collections.abc import Callable, Container, Sequence
from pathlib import Path

import pytest

from orchestration.settings import PACKAGE, PROJECT
from tests.acceptance.city import City, copied

CALLS = "calls_for_service"
OF_2022 = "Calls for Service 2022"
"""How the sources of vocabularies call the extract."""


@pytest.fixture(scope="module")
def city(
    new_city: Callable[[], City], shared_extracts: Path, tmp_path_factory: pytest.TempPathFactory
) -> City:
    """A city that knows the words until April and has run once on the lines since."""
    made, root = new_city(), tmp_path_factory.mktemp("april")
    datasets, project = copied(PACKAGE / "datasets", root / "datasets"), root / "dbt_project"
    copied(PROJECT / "dbt_project", project)
    file = shared_extracts / "nopd_calls_for_service" / "nopd_cfs_2022_subset_jan-aug.csv.gz"
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        heading, *rows = csv.reader(lines)
    created = heading.index("TimeCreate")
    until = [row for row in rows if int(row[created].split("/")[0]) <= 4]
    known = {cell.strip().upper() for row in until for cell in row}
    for path in (
        datasets / f"{CALLS}.classes.csv",
        project / "seeds" / "call_types.csv",
        project / "seeds" / "dispositions.csv",
    ):
        _forget(path, known)
    day = made.root / "extracts" / "2022-08" / CALLS
    day.mkdir(parents=True)
    _write(day / f"{CALLS}_2022-09-01.csv", [heading, *(row for row in rows if row not in until)])
    made.use(SUMMERWARE_DATASETS=datasets, SUMMERWARE_DBT_PROJECT=project)
    assert made.run(CALLS, extracts_dir=day.parent).exit_code == 0
    return made


def _forget(path: Path, known: Container[str]) -> None:
    """Takes the values out of a vocabulary that only later lines of the extract say."""
    with path.open(encoding="utf-8", newline="") as file:
        heading, *rows = csv.reader(file)
    value, source = heading.index("value"), heading.index("source")
    _write(path, [heading, *(r for r in rows if OF_2022 not in r[source] or r[value] in known)])


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def test_unseen_months_are_published_on_day_one(city: City) -> None:
    """The gates pass; what waits does so for words that nobody said before May, and for its place."""
    fates = city.ledger(CALLS)["fates"]
    assert fates["quarantined"] == 0
    assert 0 < fates["withheld"] < 0.046 * (fates["published"] + fates["withheld"])
