"""Use of force: the real extracts as successive days, compared with an independent count."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.dataset import load_datasets
from orchestration.settings import PACKAGE
from tests.acceptance.city import City

FORCE = "use_of_force"
DAYS = ("2018-05-29", "2019-09", "2020-02-14", "2020-10")
SHIFTED = "FTN2016-0467"


@pytest.fixture(scope="module")
def files(shared_extracts: Path) -> dict[str, Path]:
    """The real extracts by day."""
    folder = shared_extracts / "nopd_use_of_force"
    return {day: folder / f"nopd_uof_extract_{day}.csv.gz" for day in (*DAYS, "2021-05", "2023-02")}


@pytest.fixture(scope="module")
def city(new_city: Callable[[], City], files: dict[str, Path]) -> City:
    """A city that has published the four days in turn."""
    made = new_city()
    for day in DAYS:
        summary = made.run(FORCE, extracts_dir=made.drop(day, FORCE, files[day]))
        assert summary.exit_code == 0, summary
    return made


def _counted_by_prototype(shared: Path, earlier: Path, later: Path) -> tuple[int, int, int]:
    """Keys added, removed and really changed, counted without any of our code."""
    program = shared.parent / "prototypes" / "use_of_force_diff.py"
    aside = ("Officer Years of Service", "Use of Force Level")
    printed = subprocess.run(
        [sys.executable, str(program), str(earlier), str(later), *aside],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    added, removed = re.search(r"keys added (\d+) removed (\d+)", printed).groups()  # type: ignore[union-attr]
    changed = re.search(r"\]: (\d+)$", printed.strip()).group(1)  # type: ignore[union-attr]
    return int(added), int(removed), int(changed)


def test_plans_agree_with_an_independent_count(
    city: City, files: dict[str, Path], shared_extracts: Path
) -> None:
    """Inserts, updates and deletes are the prototype's, but for the key with shifted cells."""
    counted = [
        _counted_by_prototype(shared_extracts, files[earlier], files[later])
        for earlier, later in pairwise(DAYS)
    ]
    assert counted == [(549, 0, 51), (78, 0, 7), (274, 0, 16)]
    planned = [(p["inserts"], p["deletes"], p["updates"]) for p in city.publications(FORCE)]
    # FTN2016-0467 is quarantined on the first and the last day: one insert more, one update less.
    assert planned[1:] == [(549 + 1, 0, 51 - 1), (78, 0, 7), (274, 0, 16 - 1)]


def test_shifted_cells_are_held_back(city: City) -> None:
    """The key that is quarantined on the last day keeps its last published values."""
    held = [publication["held_back"] for publication in city.publications(FORCE)]
    assert held == [0, 0, 0, 1]
    story = city.why(FORCE, SHIFTED)
    assert story["portal"]["on_portal"]
    assert story["portal"]["change"] == "held_back"
    assert {line["fate"] for line in story["lines"]} == {"quarantined"}


def test_shifted_cells_are_found_by_all_columns(city: City) -> None:
    """By type and vocabulary across columns, in no other line of the extract, with what was read."""
    found = city.rows(
        FORCE,
        "standardized",
        f"stg_{FORCE}",
        "select pib_file_number, force_reason, _shifted",
        "where _shifted is not null",
    )
    assert found == [(SHIFTED, "ILLEGAL CARRYING OF A WEAPON", "right from force_reason")] * 3


def test_first_fill_is_told_apart(city: City) -> None:
    """The column that appears in 2019-09 fills rows without counting as an update."""
    second = city.publications(FORCE)[1]
    assert second["first_fills_by_column"]["force_level"] == 1_326
    assert "force_level" not in second["updates_by_column"]
    assert "officer_service_years" not in second["updates_by_column"]


def test_dead_column_is_noticed_and_null(city: City) -> None:
    """In 2020-10 the years of service are all 0: a warning, null for new rows, old ones kept."""
    assert city.publications(FORCE)[-1]["dead_columns"] == ["officer_service_years"]
    assert city.rule(FORCE, "raw", "service_years_alive")["outcome"] == "failed"
    ((explained,),) = city.rows(
        FORCE,
        "deduplicated",
        f"decided_cells_{FORCE}",
        "select count(*) filter (rule_id = 'dead_column_is_null')",
    )
    assert explained == 2_227
    changes = city.snapshot(FORCE).with_name("changes.parquet")
    ((new, kept),) = duckdb.sql(
        "select count(*) filter (change = 'insert'), "
        "count(*) filter (change is distinct from 'insert' and officer_service_years is not null) "
        f"from '{city.snapshot(FORCE)}' left join '{changes}' on pib_file_number = row_key "
        "where change is distinct from 'insert' or officer_service_years is null"
    ).fetchall()
    assert new == 274
    # One older row never had a value, and in two the officers are others now, so that the old years
    # would stand beside the wrong ones; every other keeps its last live one.
    assert kept == 2_228 - 274 - 1 - 2


def test_lists_that_go_together_have_equally_many_places(city: City) -> None:
    """In 299 incidents of 2020-10 lines differ in a subject: each column of the subjects says so."""
    groups = load_datasets(PACKAGE / "datasets")[FORCE].places
    for names in ([column.name for column in columns] for columns in groups.values()):
        counts = ", ".join(f"len(string_split({name}, ' | '))" for name in names)
        ((uneven, lists),) = duckdb.sql(
            f"select count(*) filter (len(list_distinct([{counts}])) > 1), "
            f"count(*) filter (greatest({counts}) > 1) from '{city.snapshot(FORCE)}'"
        ).fetchall()
        assert (uneven, lists) == (0, 299 if "subject_sex" in names else 1_226)


def test_equal_lines_are_not_duplicates(city: City) -> None:
    """Two equal lines may be two officers: nothing is merged. Four lines of three incidents wait: the
    number of a case stands where the officer's working status should."""
    fates = city.ledger(FORCE)["fates"]
    assert fates["merged"] == 0
    assert fates["withheld"] == 4
    assert fates["published"] + fates["quarantined"] == 5_750 - 4


def test_change_of_grain_stops_until_it_is_declared(
    city: City, files: dict[str, Path], tmp_path: Path
) -> None:
    """2021-05 is one line per incident: stopped, declared, and still a person must say yes to it."""
    city = city.copy(tmp_path)
    folder = city.drop("2021-05", FORCE, files["2021-05"])
    before = city.portal_digest()
    assert city.run(FORCE, extracts_dir=folder).exit_code == 1
    assert city.portal_digest() == before
    assert city.rule(FORCE, "raw", "line_is_one_force")["outcome"] == "failed"

    declared = city.root / "datasets"
    shutil.copytree(city.settings.datasets_dir, declared)
    file = declared / f"{FORCE}.yaml"
    content = yaml.safe_load(file.read_text())
    content["grain"]["changes"] = [{"starting": "2021-05-01", "line": "incident"}]
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    usual = city.settings.datasets_dir
    city.use(SUMMERWARE_DATASETS=declared)
    try:
        assert city.run(FORCE, extracts_dir=folder).exit_code == 1
        assert city.portal_digest() == before
        city.allow_stopped(
            FORCE, because="a line was one officer_and_force and is one incident now"
        )
        fates = city.ledger(FORCE)["fates"]
        # 98 lines repeat a key; those equal in every cell are merged.
        assert fates["merged"] + fates["superseded"] == 98
        assert city.publications(FORCE)[-1]["dead_columns"] == []
    finally:
        city.use(SUMMERWARE_DATASETS=usual)


def test_keys_that_collide_are_reported(
    new_city: Callable[[], City], files: dict[str, Path]
) -> None:
    """2023-02 has FTN2016-0215 with and without a blank: a named rule stops both."""
    other = new_city()
    declared = other.root / "datasets"
    shutil.copytree(other.settings.datasets_dir, declared)
    file = declared / f"{FORCE}.yaml"
    content = yaml.safe_load(file.read_text())
    content["grain"]["line"] = "incident"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    usual = other.settings.datasets_dir
    other.use(SUMMERWARE_DATASETS=declared)
    try:
        assert (
            other.run(FORCE, extracts_dir=other.drop("2023-02", FORCE, files["2023-02"])).exit_code
            == 0
        )
        story = other.why(FORCE, "FTN2016-0215")
        assert {line["fate"] for line in story["lines"]} == {"quarantined"}
        assert {rule["rule"] for rule in story["rules"]} == {"file_number_distinct_as_written"}
    finally:
        other.use(SUMMERWARE_DATASETS=usual)
