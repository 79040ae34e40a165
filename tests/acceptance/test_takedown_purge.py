"""Taken down and erased: off the portal, and found nowhere under the home, whatever happens next."""

import csv
import gzip
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.publishing.publisher import rollback
from orchestration.sources.sample import generate
from tests.acceptance.city import City
from tests.byte_scan import places_of

DATASET = "calls_for_service"
FIRST_DAY = date(2026, 3, 1)
STREET = "Zebrafinch"
"""Stands in one row alone, and in no other file of the project."""


def _drop(city: City, day: date) -> tuple[Path, str]:
    """A day's extract in which one call is at a street that nothing else names; and its key."""
    folder = city.root / "extracts" / day.isoformat()
    generate(folder, rows=400, seed=7, as_of=day, since=FIRST_DAY, datasets=[DATASET])
    shutil.rmtree(folder / "truth")
    (file,) = (folder / DATASET).glob("*.csv.gz")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))
    address, number = rows[0].index("BLOCK_ADDRESS"), rows[0].index("NOPD_Item")
    marked = [row for row in rows if row[number] == rows[5][number]]
    for row in marked:
        row[address] = f"077XX {STREET} St"
    with gzip.open(file, "wt", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(rows)
    return folder, rows[5][number]


@pytest.fixture
def purged(new_city: Callable[[], City]) -> tuple[City, str]:
    """A city that published the call twice, held one more publication of it, and then erased it."""
    city = new_city()
    for day in (FIRST_DAY, date(2026, 3, 2)):
        folder, key = _drop(city, day)
        assert city.run(DATASET, extracts_dir=folder).exit_code == 0
    assert places_of(city.home, [key, STREET])
    words = ["takedown", DATASET, key, "--authority", "Court, 26-1", "--purge", "--yes"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return city, key


def test_nothing_of_it_is_left_and_nothing_brings_it_back(purged: tuple[City, str]) -> None:
    """A byte scan finds neither key nor cell: after the purge, a rollback, and the next extract."""
    city, key = purged
    assert places_of(city.home, [key, STREET]) == []
    before = city.portal_rows("Calls")
    first = city.publications(DATASET)[0]["id"]
    rollback(
        city.settings, city.state, city._dataset(DATASET), first,
        by="a test", reason="back and forth", run_id="rollback",
    )  # fmt: skip
    assert places_of(city.home, [key, STREET]) == []
    folder, again = _drop(city, date(2026, 3, 3))
    assert again == key
    assert city.run(DATASET, extracts_dir=folder).exit_code == 0
    assert places_of(city.home, [key, STREET]) == []
    assert city.portal_rows("Calls") >= before
    fates = city.ledger(DATASET)
    assert {"fate": "withheld", "reason": "takedown"}.items() <= next(
        one for one in fates["reasons"] if one["reason"] == "takedown"
    ).items()
    assert sum(fates["fates"].values()) == fates["raw"]
