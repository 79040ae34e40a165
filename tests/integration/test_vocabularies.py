"""The vocabularies are right, and every way to get one wrong is told with file and line."""

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.dataset import Dataset, load_datasets
from orchestration.errors import ConfigurationError
from orchestration.settings import PACKAGE, PROJECT, Settings
from orchestration.warehouse.vocabularies import (
    define_streets,
    find_vocabulary_mistakes,
    load_vocabulary,
    named_vocabularies,
)

SEEDS = PROJECT / "dbt_project" / "seeds"
NAMES = sorted(path.stem for path in SEEDS.glob("*.csv"))
DATASETS = load_datasets(PACKAGE / "datasets")


@pytest.fixture
def settings() -> Settings:
    return Settings.from_environment()


@pytest.fixture
def own(tmp_path: Path, settings: Settings) -> Settings:
    """A copy of the seeds and suites to spoil."""
    shutil.copytree(SEEDS, tmp_path / "dbt" / "seeds")
    shutil.copytree(settings.expectations_dir, tmp_path / "expectations")
    return replace(
        settings, dbt_project_dir=tmp_path / "dbt", expectations_dir=tmp_path / "expectations"
    )


def mistakes(own: Settings, content: str | bytes, datasets: dict[str, Dataset] | None = None):
    """What is said of a seed `spoilt`, whose lines are these."""
    path = own.dbt_project_dir / "seeds" / "spoilt.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return find_vocabulary_mistakes(own, datasets or {})


def test_no_mistake_in_the_vocabularies(settings):
    """What is kept in the project is in order, and so is who names it."""
    assert find_vocabulary_mistakes(settings, DATASETS) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_names_its_source(settings, name):
    """The source is a document or a dataset, no path on somebody's disk."""
    entries = load_vocabulary(settings, name)
    assert entries
    assert not [one for one in entries if "/work" in one.source or one.source.startswith("..")]


def test_every_vocabulary_and_column_is_described():
    """dbt docs list them: name, grain and every column."""
    seeds = {one["name"]: one for one in yaml.safe_load((SEEDS / "seeds.yml").read_text())["seeds"]}
    assert sorted(seeds) == NAMES
    for name, seed in seeds.items():
        assert seed["description"].startswith("One row per ")
        header = (SEEDS / f"{name}.csv").read_text().split("\n", 1)[0].split(",")
        assert [column["name"] for column in seed["columns"]] == header
        assert list(seed["config"]["column_types"]) == header


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("call_types", "RIOT"),
        ("call_types", "ABORTION"),
        ("call_types", "FLAG DESECRATION"),
        ("call_types", "HOSTAGE SITUATION"),
        ("call_types", "OBSCENITY, EXPOSING"),
        ("vehicle_makes", "TOYT"),
        ("vehicle_makes", "FRHT"),
        ("vehicle_makes", "SAAB"),
        ("neighborhoods", "McDONOGH"),
        ("force_reasons", "Room clearing"),
    ],
)
def test_rare_values_and_codes_are_in(settings, name, value):
    """What is right is right whatever its count."""
    assert value in {one.value for one in load_vocabulary(settings, name)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("call_types", "DESCRICATION OF GRAV"),
        ("call_types", "OBSCENITY ,EXPOSING"),
        ("call_types", "CAR JACKING"),
        ("call_types", "BURGLAR ALARM, SILEN"),
        ("call_types", "CAD TEST"),
        ("vehicle_makes", "TOYTOTA"),
        ("force_reasons", "Room CLearing"),
        ("race_terms", "Asian/Pacifi"),
    ],
)
def test_misspellings_and_tests_are_not_in(settings, name, value):
    """A misspelling among the right values would be protected."""
    assert value not in {one.value for one in load_vocabulary(settings, name)}


def test_misspelt_official_values_have_a_better_one(settings):
    """They stay as they are; the better spelling is for their owner to take."""
    better = {
        one.value: one.better
        for name in NAMES
        for one in load_vocabulary(settings, name)
        if one.better
    }
    assert better["Alchohol"] == "Alcohol"
    assert better["SIMULTANEOS STOLEN/RECOVERY VEHICLE"].startswith("SIMULTANEOUS ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("value,source\nA,x\nB,x\nA,y\n", "line 4: 'A' stands in line 2 already"),
        ("value,source\nA,x\na,x\n", "line 3: 'a' is 'A' of line 2 in other case"),
        ("value,better,source\nA,B,x\n", None),
        ("value,better,source\nA,A,x\n", "line 2: better: 'A' is itself to be bettered"),
        ("value,better,source\nA,B,x\nB,A,x\n", "line 3: better: 'A' is itself to be bettered"),
        ("value,code,better,source\nA,1,B,x\nA,2,C,x\n", "line 3: contradicts line 2"),
        ("value,code,source\nA,1,x\nB,1,x\n", "line 3: code '1' means 'B', and 'A' in line 2"),
        ("value,code,system,source\nA,1,s,x\nB,1,t,x\n", None),
        ("value,one_form,source\nAVE,Av,x\nAVE,Ave,x\n", "line 3: 'AVE' stands in line 2 already"),
        ("value,source\nA,\n", "line 2: source: must not be empty"),
        ("value,source\n,x\n", "line 2: value: must not be empty"),
        ("value,source\nA\n", "line 2: 1 cells instead of 2"),
        ("value,source\nA  B,x\n", "line 2: value: blanks"),
        ("value,source\n A,x\n", "line 2: value: blanks"),
        ('value,source\n"A,x\n', "line 2: unexpected end of data"),
        ("value\nA\n", "line 1: the columns must be value and source"),
        ("value,source,colour\nA,x,y\n", "line 1: the columns must be value and source"),
        ("", "line 1: the columns must be value and source"),
        ("value,source\nA,x\nCaf\xe9,x\n".encode("latin-1"), "line 3: is not UTF-8"),
    ],
)
def test_wrong_vocabulary_is_told_with_its_line(own, content, said):
    """Duplicates, contradictions, missing sources and bad bytes; nothing where right."""
    found = mistakes(own, content)
    assert all(one.startswith("dbt_project/seeds/spoilt.csv: line ") for one in found)
    assert said in "\n".join(found) if said else found == []
    if said:
        with pytest.raises(ConfigurationError, match="spoilt"):
            load_vocabulary(own, "spoilt")


def test_missing_vocabulary_is_told_by_who_names_it(own):
    """A dataset file that names a seed that is not there is told."""
    (own.dbt_project_dir / "seeds" / "street_names.csv").unlink()
    found = find_vocabulary_mistakes(own, DATASETS)
    assert "stops.yaml: columns.block_address.spelling.vocabulary: " in "\n".join(found)
    with pytest.raises(ConfigurationError, match=r"street_names\.csv: is missing"):
        load_vocabulary(own, "street_names")


def test_dataset_file_with_unknown_vocabulary_is_told(own):
    """The dataset file and the column are named."""
    dataset = DATASETS["use_of_force"]
    content = dataset.model_dump(mode="json")
    for column in content["columns"]:
        if column["name"] == "division":
            column["spelling"] = {"vocabulary": ["ghosts"]}
    datasets = {dataset.id: Dataset.model_validate(content)}
    assert mistakes(own, "value,source\nA,x\n", datasets) == [
        "use_of_force.yaml: columns.division.spelling.vocabulary: "
        "dbt_project/seeds holds no ghosts.csv"
    ]


def test_suites_name_vocabularies_as_facts():
    """`vocabulary_<name>` in a query is a vocabulary, once."""
    text = "where x in (select vocabulary_beats from facts) or vocabulary_zip_codes or vocabulary_beats"
    assert named_vocabularies(text) == ["beats", "zip_codes"]


@pytest.mark.parametrize(
    ("text", "street"),
    [
        ("St Claude Av", "St Claude Av"),
        ("SAINT CLAUDE AVENUE", "St Claude Av"),
        ("St. Claude Ave", "St Claude Av"),
        ("South Claiborne Ave", "S Claiborne Av"),
        ("st peter street", "St Peter St"),
        ("Grand Route Saint John", "Grand Route St John"),
        ("West End Blvd", "West End Blvd"),
        ("West End Boulevard", "West End Blvd"),
        ("Canal S", None),
        ("St", None),
        ("", None),
        (None, None),
    ],
)
def test_street_is_known_in_every_form(settings, text, street):
    """Suffix, Saint, direction and case may differ; a name that is cut short is not guessed at."""
    with duckdb.connect() as connection:
        define_streets(connection, settings)
        assert connection.execute("select streets.known_street(?)", [text]).fetchone() == (street,)
