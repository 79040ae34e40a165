"""Taken down, rolled back, restored from a backup, extracted again: a row stays gone in every way.

The drop folder is outside the home, and the row is planted: a street that nothing else names.
"""

import csv
import gzip
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.publishing.publisher import rollback
from orchestration.sources.sample import generate
from tests.acceptance.city import City, as_json
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


def command(*words: str) -> str:
    """A command in this process."""
    result = CliRunner().invoke(app, ["takedown", DATASET, *words, "--yes"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


class Story:
    """One city, day after day; the planted row's key."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.day = FIRST_DAY
        self.key = ""

    def next_day(self) -> None:
        """The daily job on the next day's extract, which holds the row."""
        folder, self.key = _drop(self.city, self.day)
        self.day += timedelta(days=1)
        assert self.city.run(DATASET, extracts_dir=folder).exit_code == 0

    def on_portal(self) -> bool:
        """Whether the portal's own file knows the row."""
        return bool(places_of(self.city.home / "portal", [STREET]))

    def lines(self) -> dict[str, str]:
        """Fate and reason of the row's lines in the last finished run."""
        return {one["fate"]: one["reason"] for one in self.city.why(DATASET, self.key)["lines"]}


@pytest.fixture
def story(new_city: Callable[[], City]) -> Story:
    told = Story(new_city())
    told.next_day()
    assert told.on_portal()
    return told


def roll_back(city: City, to: str) -> None:
    rollback(
        city.settings, city.state, city._dataset(DATASET), to,
        by="a test", reason="back and forth", run_id="rollback",
    )  # fmt: skip


def on_the_portal(city: City, key: str) -> int:
    """How many rows of a key the portal serves."""
    from requests import get

    from orchestration.publishing.targets import local_portal

    with local_portal(city.settings) as address:
        found = city.state.portal_ids("local", DATASET).values()
        return sum(
            len(get(f"http://{address}/resource/{one}.json?item_number={key}", timeout=30).json())
            for one in found
        )


def test_row_stays_gone_whatever_happens(story: Story, tmp_path: Path) -> None:
    """Red gates, a rollback, the next extract, a backup of everything but the journal; then erased."""
    city = story.city
    backup = tmp_path / "backup"
    shutil.copytree(city.home, backup)
    (folder, key) = _drop(city, date(2026, 3, 9))
    for file in (folder / DATASET).iterdir():
        file.write_bytes(b"not,an,extract\n")
    assert city.run(DATASET, extracts_dir=folder).exit_code != 0
    command(key, "--authority", "Court, 26-1")
    assert on_the_portal(city, key) == 0
    roll_back(city, city.publications(DATASET)[0]["id"])
    assert on_the_portal(city, key) == 0
    story.next_day()
    assert on_the_portal(city, key) == 0
    assert story.lines() == {"withheld": "takedown"}

    # The home of before the order, the portal in it too; the journal was not restored.
    journal = (city.home / "takedowns.jsonl").read_text()
    shutil.rmtree(city.home)
    shutil.copytree(backup, city.home)
    (city.home / "takedowns.jsonl").write_text(journal)
    assert on_the_portal(city, key) == 1
    story.next_day()
    assert on_the_portal(city, key) == 0
    command("--purge")
    assert places_of(city.home, [key, STREET]) == []
    story.next_day()
    assert (on_the_portal(city, key), places_of(city.home, [key, STREET])) == (0, [])
    fates = city.ledger(DATASET)
    assert sum(fates["fates"].values()) == fates["raw"]


def test_column_is_null_and_explained_and_can_be_erased(story: Story) -> None:
    """Laws 1 and 4: no line changes its fate, every cell says why it is empty; then it is erased."""
    city = story.city
    before = city.ledger(DATASET)["fates"]
    values = city.rows(DATASET, "deduplicated", DATASET, "select count(block_address)")
    command("--column", "block_address", "--authority", "City Attorney")
    assert not story.on_portal()
    folder, _ = _drop(city, FIRST_DAY)
    assert city.run(DATASET, extracts_dir=folder).exit_code == 0
    assert city.ledger(DATASET)["fates"] == before
    assert city.rows(DATASET, "deduplicated", DATASET, "select count(block_address)") == [(0,)]
    explained = city.rows(
        DATASET, "deduplicated", f"decided_cells_{DATASET}", "select count(*)",
        "where column_name = 'block_address' and rule_id = 'takedown'",
    )  # fmt: skip
    assert explained == values
    told = [
        one for one in city.why(DATASET, story.key)["cells"] if one["column"] == "block_address"
    ]
    assert {"takedown"} <= {one["rule"] for one in told}
    assert STREET.upper() not in str(told).upper()
    command("--column", "block_address", "--authority", "City Attorney", "--purge")
    assert places_of(city.home, [STREET]) == []


def test_takedown_is_listed_without_its_key(story: Story) -> None:
    """What people may know of it: when, by whom, on whose authority."""
    command(story.key, "--authority", "Court, 26-1", "--by", "jane.doe")
    (listed,) = as_json(command("--json"))
    assert (listed["taken_by"], listed["authority"]) == ("jane.doe", "Court, 26-1")
    assert story.key not in str(listed)
