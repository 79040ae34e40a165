"""What the machine suspects in the real calls of 2022, what it does about it, and people's last word."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.cli import root
from tests.acceptance.city import City, copied

CALLS = "calls_for_service"
THREE = ["D3147922", "D3148022", "D3148322"]
"""Equal in everything but the item number: three calls."""
HEAD = "kind,column,from,to,verdict,by,on,reason\n"


@pytest.fixture
def city(new_city: Callable[[], City], tmp_path: Path) -> City:
    """A city with its own copy of the dataset files and of the models."""
    made = new_city()
    settings = made.settings
    made.use(
        SUMMERWARE_DATASETS=copied(settings.datasets_dir, tmp_path / "datasets"),
        SUMMERWARE_DBT_PROJECT=copied(settings.dbt_project_dir, tmp_path / "dbt_project"),
    )
    return made


@pytest.fixture
def drop(city: City, shared_extracts: Path) -> Path:
    file = shared_extracts / "nopd_calls_for_service" / "nopd_cfs_2022_subset_jan-aug.csv.gz"
    return city.drop("2022-08", CALLS, file)


def _decide(city: City, *lines: str) -> None:
    (city.settings.datasets_dir / f"{CALLS}.decisions.csv").write_text(
        HEAD + "".join(f"{line},city,2026-11-22,looked it up\n" for line in lines)
    )


def _spelling(city: City) -> dict[tuple[str, str, str], str]:
    return {
        (column, wrong, right): outcome
        for column, wrong, right, outcome in city.rows(
            CALLS,
            "standardized",
            f"spelling_{CALLS}",
            "select column_name, from_value, to_value, outcome",
        )
    }


def _vocabulary(city: City) -> set[str]:
    seeds = city.settings.dbt_project_dir / "seeds"
    names = ("call_types", "dispositions", "street_names")
    return {
        row["value"]
        for name in names
        for row in csv.DictReader((seeds / f"{name}.csv").read_text().splitlines())
    }


def _types(city: City) -> dict[str, int]:
    return dict(
        city.rows(CALLS, "deduplicated", CALLS, "select call_type_text, count(*)", "group by all")
    )


def test_a_misspelling_is_corrected_explained_and_reversed_by_one_line(
    city: City, drop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """NEGLIENT INJURY is corrected and counted; one line of the decisions file keeps it alone."""
    first = city.run(CALLS, extracts_dir=drop)
    assert first.exit_code == 0
    before = _spelling(city)
    pair = ("call_type_text", "NEGLIENT INJURY", "NEGLIGENT INJURY")
    assert before[pair] == "applied"
    assert _types(city).get("NEGLIENT INJURY") is None
    corrected = city.rows(
        CALLS,
        "standardized",
        f"corrections_{CALLS}",
        "select distinct column_name, from_value, to_value",
        "where rule_id = 'misspelling_corrected'",
    )
    assert pair in corrected
    applied = [wrong for (_, wrong, _), outcome in before.items() if outcome == "applied"]
    assert applied
    assert not set(applied) & _vocabulary(city)
    (told,) = first.datasets
    counts = [told[name] for name in ("corrected", "linked", "proposed")]
    assert counts[0] == len(applied)
    root._print_summary(first.datasets, dry_run=False)
    assert [CALLS, *map(str, counts)] in [
        row.split() for row in capsys.readouterr().out.splitlines()
    ]
    _decide(city, "spelling,call_type_text,NEGLIENT INJURY,NEGLIGENT INJURY,keep")
    assert city.run(CALLS, extracts_dir=drop).exit_code == 0
    after = _spelling(city)
    assert _types(city)["NEGLIENT INJURY"] == 4
    assert {key: after.get(key) for key in before | after if before.get(key) != after.get(key)} == {
        pair: "left"
    }
    updates = city.publications(CALLS)[-1]
    assert (updates["inserts"], updates["updates"]) == (0, 4)


def test_linked_calls_stay_three_until_people_merge_them(city: City, drop: Path) -> None:
    """Linked where the dataset file lists the column; merged where it lets people, and undone."""
    _list_links(city)
    _decide(city, f"duplicate,,{THREE[0]},{THREE[1]},same")
    assert city.run(CALLS, extracts_dir=drop).exit_code == 0
    assert city.ledger(CALLS)["fates"]["published"] == 4_766
    assert _links(city) == {THREE[0]: None, THREE[1]: THREE[0], THREE[2]: THREE[0]}
    _edit(city, lambda content: content["duplicates"].update(people_may_merge=True))
    assert city.run(CALLS, extracts_dir=drop).exit_code == 0
    assert city.ledger(CALLS)["fates"]["published"] == 4_765
    assert city.publications(CALLS)[-1]["deletes"] == 1
    assert _links(city) == {THREE[0]: None, THREE[2]: THREE[0]}
    (line,) = city.why(CALLS, THREE[1])["lines"]
    assert (line["fate"], line["reason"][:13]) == ("merged", "decided_same:")
    (survivor,) = city.why(CALLS, THREE[0])["lines"]
    assert (survivor["fate"], survivor["line"]) == ("published", line["survivor"])
    _decide(city)
    assert city.run(CALLS, extracts_dir=drop).exit_code == 0
    assert city.publications(CALLS)[-1]["inserts"] == 1


def _links(city: City) -> dict[str, str | None]:
    return dict(
        city.rows(
            CALLS,
            "deduplicated",
            CALLS,
            "select item_number, possible_duplicate_of",
            f"where item_number in {tuple(THREE)}",
        )
    )


def _edit(city: City, change: Callable[[dict[str, Any]], object]) -> None:
    path = city.settings.datasets_dir / f"{CALLS}.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _list_links(city: City) -> None:
    """Lists the column in the dataset file."""
    column = {"name": "possible_duplicate_of", "privacy": "publish", "description": "First entry."}
    _edit(city, lambda content: content["columns"].append(column))
