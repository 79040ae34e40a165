"""The dbt project as text: every model is described, and nothing in it casts the dangerous way.

What the models do is tested in `tests/integration/test_dbt_*.py`.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.checking import MODEL_FILES
from orchestration.column import Column
from orchestration.dataset import Dataset, load_datasets
from orchestration.settings import PACKAGE, PROJECT

DBT = PROJECT / "dbt_project"
DATASETS = load_datasets(PACKAGE / "datasets")
MODELS = sorted((DBT / "models").rglob("*.sql"))
CONTRACTED = re.compile(r"stg_|corrections_|ledger_|decided_cells_")
TYPES = {
    "text": "varchar",
    "point": "varchar",
    "number": "double",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
}
GRAIN = re.compile(r"One row per \w+")


def properties(path: Path) -> dict[str, Any]:
    (model,) = yaml.safe_load(path.with_suffix(".yml").read_text())["models"]
    return model


def described(model: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns of a model without its own, which begin with an underscore."""
    return [column for column in model["columns"] if not column["name"].startswith("_")]


def wanted(column: Column) -> dict[str, Any]:
    """How the YAML of a model has to speak of a column."""
    return {
        "name": column.name,
        "data_type": TYPES[column.type],
        "description": column.description,
    }


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
    files = {path for path in (DBT / "models").rglob("*.yml") if path.name != "sources.yml"}
    assert files == {path.with_suffix(".yml") for path in MODELS}


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_mart_is_what_the_dataset_file_publishes(dataset: Dataset):
    """Names, order, types and descriptions; on a difference take those of the dataset file."""
    model = properties(DBT / "models" / "marts" / f"{dataset.id}.sql")
    assert model["columns"] == [wanted(column) for column in dataset.published]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_staging_is_what_the_dataset_file_lists(dataset: Dataset):
    """Staging holds every listed column but those that never leave the extract."""
    model = properties(DBT / "models" / "staging" / f"stg_{dataset.id}.sql")
    listed = [column for column in dataset.columns if column.privacy != "never"]
    assert described(model) == [wanted(column) for column in listed]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_dataset_has_its_models_sources_and_key_test(dataset: Dataset):
    """Adding a dataset is not done before all of these are there."""
    wanted_files = [*MODEL_FILES, "tests/{id}_has_one_row_per_key.sql"]
    assert [name for name in wanted_files if not (DBT / name.format(id=dataset.id)).is_file()] == []
    sources = yaml.safe_load((DBT / "models" / "sources.yml").read_text())["sources"]
    tables = {table["name"] for source in sources for table in source["tables"]}
    assert {dataset.id, f"quarantine_{dataset.id}"} <= tables


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
    "{%- if column['type'] == 'date' -%}::date{%- endif -%}",
)


@pytest.mark.parametrize(
    "path",
    sorted([*DBT.glob("macros/*.sql"), *DBT.glob("tests/*.sql"), *MODELS]),
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
