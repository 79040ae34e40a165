"""The dbt project as text: models are what the dataset files say, and nothing casts the dangerous way.

What the models do is tested in `tests/integration/test_dbt_*.py`.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.dataset import Dataset, load_datasets
from orchestration.errors import ConfigurationError
from orchestration.settings import PACKAGE, PROJECT, Settings
from orchestration.warehouse.generated import find_stale, generate

DBT = PROJECT / "dbt_project"
DATASETS = load_datasets(PACKAGE / "datasets")
MODELS = sorted((DBT / "models").rglob("*.sql"))
CONTRACTED = re.compile(r"stg_|corrections_|ledger_|decided_cells_")
GRAIN = re.compile(r"One row per \w+")


def properties(path: Path) -> dict[str, Any]:
    (model,) = yaml.safe_load(path.with_suffix(".yml").read_text())["models"]
    return model


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_model_is_described_from_its_grain_on(path):
    """Every model has a YAML of its stem that begins with the grain and describes columns."""
    model = properties(path)
    assert model["name"] == path.stem
    assert GRAIN.match(model["description"])
    assert all(column["description"].strip() for column in model["columns"])


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_kept_files_have_a_contract(path):
    """What leaves a workspace is under contract, with a type for each column."""
    model = properties(path)
    is_kept = bool(CONTRACTED.match(path.stem)) or path.stem in DATASETS
    enforced = model.get("config", {}).get("contract", {}).get("enforced", False)
    assert enforced == is_kept
    assert not is_kept or all("data_type" in column for column in model["columns"])


def test_no_properties_without_a_model():
    """A YAML beside no model describes nothing."""
    files = {
        path
        for path in (DBT / "models").rglob("*.yml")
        if path.parent.name != "sources" and not path.stem.endswith("_unit_tests")
    }
    assert files == {path.with_suffix(".yml") for path in MODELS}


def test_committed_models_are_what_the_dataset_files_say():
    """Whoever opens the project reads what runs; on a difference run `summerware generate`."""
    assert find_stale(Settings.from_environment(), DATASETS) == {}


def test_another_column_is_another_model(tmp_path):
    """A column that is published no more is in no mart, and its words come from the dataset file."""
    calls = DATASETS["calls_for_service"]
    hidden = [
        column.model_copy(update={"privacy": "internal", "description": "Anew."})
        if column.name == "zip_code"
        else column
        for column in calls.columns
    ]
    settings = Settings.from_environment()
    stale = find_stale(settings, {calls.id: calls.model_copy(update={"columns": tuple(hidden)})})
    assert {Path(path).name for path in stale} == {
        "calls_for_service.sql", "calls_for_service.yml", "stg_calls_for_service.yml",
    }  # fmt: skip
    assert "zip_code" not in stale["models/marts/calls_for_service.sql"]
    assert "Anew." in stale["models/staging/stg_calls_for_service.yml"]


def test_generation_leaves_what_is_written_by_hand():
    """Steps and the model of lines that add up are nobody's but the person's who wrote them."""
    settings = Settings.from_environment()
    made = {path for one in DATASETS.values() for path in generate(settings, one)}
    assert not any(path.startswith("macros/steps/") for path in made)
    assert "models/intermediate/int_use_of_force__incidents.sql" not in made


def test_steps_of_another_name_are_refused(tmp_path):
    """A misspelt macro would leave every cell as it came."""
    shutil.copytree(DBT / "templates", tmp_path / "templates")
    steps = tmp_path / "macros" / "steps" / "stops.sql"
    steps.parent.mkdir(parents=True)
    settings = replace(Settings.from_environment(), dbt_project_dir=tmp_path)
    steps.write_text((DBT / "macros" / "steps" / "stops.sql").read_text())
    assert generate(settings, DATASETS["stops"])
    steps.write_text(steps.read_text().replace("steps_of_stops(", "steps_of_stop("))
    with pytest.raises(ConfigurationError, match="defines no macro steps_of_stops"):
        generate(settings, DATASETS["stops"])


def test_two_places_of_a_dataset_are_refused():
    """One address per row goes through the steps of addresses; a second would go out as it came."""
    calls = DATASETS["calls_for_service"]
    second = calls.column("block_address").model_copy(
        update={"name": "other_address", "source": "OTHER"}
    )
    twice = calls.model_copy(update={"columns": (*calls.columns, second)})
    with pytest.raises(ConfigurationError, match="block_address and other_address"):
        generate(Settings.from_environment(), twice)


def test_time_without_a_format_is_refused():
    """Else the base model could read none of its cells."""
    calls = DATASETS["calls_for_service"]
    seen = {"name": "seen_at", "source": "Seen", "aliases": (), "formats": ()}
    seen_at = calls.column("created_at").model_copy(update=seen)
    unread = calls.model_copy(update={"columns": (*calls.columns, seen_at)})
    with pytest.raises(
        ConfigurationError, match="calls_for_service: columns: 'seen_at' is a timestamp without"
    ):
        generate(Settings.from_environment(), unread)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_withheld_places_are_never_filled_in(dataset: Dataset):
    """Law 11: points and what a policy redacts take the winner's value, null or not."""
    redacted = {name for policy in dataset.policies for name in policy.redacts}
    places = [one for one in dataset.columns if one.type == "point" or one.name in redacted]
    assert {column.survivorship for column in places} <= {"latest"}


UNSAFE = re.compile(
    r"(?<!try_)cast\s*\(|::\s*(?:tiny|small|big|huge|u)?int\w*|::\s*(?:double|float|real|decimal"
    r"|numeric|date|time\w*|bool\w*|uuid)",
    re.IGNORECASE,
)
SAFE = (
    # A truth value is 0 or 1.
    "is not null)::integer",
    # A timestamp that was read has a day.
    "{{ read_time(column, formats) }}::date",
)


@pytest.mark.parametrize(
    "path",
    sorted([*DBT.glob("macros/**/*.sql"), *DBT.glob("templates/*"), *MODELS]),
    ids=lambda path: path.stem,
)
def test_no_cast_can_fail(path):
    """A cast that fails stops the run and puts a cell into the message: `try_cast` does neither."""
    text = path.read_text()
    for known in SAFE:
        text = text.replace(known, "")
    assert UNSAFE.findall(text) == []


@pytest.mark.parametrize("sql", ["x::integer", "cast(x as date)", "x :: double", "x::TIMESTAMP"])
def test_unsafe_cast_is_recognized(sql):
    """The pattern above finds what it is for."""
    assert UNSAFE.search(sql)


@pytest.mark.parametrize("sql", ["try_cast(x as double)", "x::varchar", "max(line)"])
def test_safe_cast_is_let_through(sql):
    """And nothing else."""
    assert not UNSAFE.search(sql)
