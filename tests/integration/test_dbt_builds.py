"""dbt really builds the layers: contracts hold, the key is tested, messages hold no cells.

What the models make of values is in `test_dbt_models.py`.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import parquet
from orchestration.errors import ModelFault
from orchestration.settings import PROJECT, Settings
from orchestration.steps.modelled_layer import deduplicate, standardize
from orchestration.warehouse.project import find_project, read_manifest

CALL = "001XX BOURBON ST"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the dbt project to be broken."""
    copy = tmp_path / "dbt_project"
    shutil.copytree(
        PROJECT / "dbt_project", copy, ignore=shutil.ignore_patterns("target", "logs", ".user.yml")
    )
    return copy


Build = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def build(settings: Settings, datasets: dict[str, Dataset], project: Path, tmp_path: Path) -> Build:
    """Builds one layer of a dataset from two lines whose keys are K1 and K2."""

    def run(dataset_id: str, layer: str) -> list[dict[str, Any]]:
        folder = tmp_path / layer
        folder.mkdir()
        names = [column.name for column in datasets[dataset_id].landed]
        cells = ", ".join(
            f"'K' || line as {name}" if name in datasets[dataset_id].landed_key else
            f"'{CALL}' as {name}" for name in names
        )  # fmt: skip
        raw, quarantine = tmp_path / "raw.parquet", tmp_path / "quarantine.parquet"
        duckdb.execute(
            f"copy (select 'a' as _extract_id, line as _line, timestamp '2022-01-01' as "
            f"_extracted_at, '{datasets[dataset_id].grain.line}' as _grain, "
            f"null::varchar as _parse_error, {cells} from range(1, 3) as lines (line)) to '{raw}'"
        )
        duckdb.execute(
            "copy (select '' as _extract_id, 0 as _line, '' as rule_id, false as waits where false) "
            f"to '{quarantine}'"
        )
        own, dataset = replace(settings, dbt_project_dir=project), datasets[dataset_id]
        if layer == "standardized":
            return standardize(own, datasets, dataset, parquet(raw), (), folder)
        staged = parquet(tmp_path / "standardized" / f"stg_{dataset_id}.parquet")
        return deduplicate(own, datasets, dataset, staged, parquet(quarantine), (), folder)

    return run


@pytest.mark.parametrize(
    "dataset_id", ["calls_for_service", "service_requests", "stops", "use_of_force"]
)
def test_both_layers_build_with_their_contracts(build, datasets, dataset_id, tmp_path):
    """Every model keeps its contract, the key test runs, and two keys are two rows."""
    build(dataset_id, "standardized")
    results = build(dataset_id, "deduplicated")
    key = datasets[dataset_id].key
    tests = {f"unique_{dataset_id}_{key}", f"not_null_{dataset_id}_{key}"}
    assert tests <= {result["name"] for result in results}
    mart = duckdb.read_parquet(str(tmp_path / "deduplicated" / f"{dataset_id}.parquet"))
    assert mart.columns == [column.name for column in datasets[dataset_id].published]
    assert mart.shape[0] == 2


STAGED = "        [[ aliased(cells[column.name], column.name) ]],\n"
SURVIVING = "    from surviving\n    [% if volatile %]\n    cross join dead"


@pytest.mark.parametrize(
    ("layer", "template", "before", "after"),
    [
        ("standardized", "stg", STAGED, STAGED.replace("]],", "~ 's' ]],")),
        ("standardized", "stg", STAGED, STAGED.replace("cells[column.name]", "'1'")),
        ("deduplicated", "mart", "select *{{", "select * rename ([[ key ]] as x){{"),
        ("deduplicated", "mart", SURVIVING, "    , 1 as more\n" + SURVIVING),
        ("deduplicated", "ledger", "survivor_line\n", "survivor_extract_id as survivor_line\n"),
    ],
    ids=["staged name", "staged type", "published name", "published column", "ledger"],
)  # fmt: skip
def test_broken_contract_stops_the_layer(build, project, layer, template, before, after, tmp_path):
    """A column of another type or name fails the model before its file is written."""
    if layer == "deduplicated":
        build("stops", "standardized")
    path = project / "templates" / f"{template}.sql.jinja"
    assert path.read_text().count(before) == 1
    path.write_text(path.read_text().replace(before, after))
    model = {"stg": "stg_stops", "mart": "stops", "ledger": "ledger_stops"}[template]
    with pytest.raises(ModelFault, match=rf"failed: {model}\b"):
        build("stops", layer)
    assert not (tmp_path / layer / f"{model}.parquet").exists()


def test_key_that_stands_twice_stops_the_layer(build, project):
    """A model of ours that repeats a key never gets past its own test."""
    build("stops", "standardized")
    path = project / "templates" / "mart.sql.jinja"
    sql = path.read_text()
    assert sql.count(SURVIVING) == 1
    twice = SURVIVING.replace("surviving", "(from surviving union all from surviving) as surviving")
    path.write_text(sql.replace(SURVIVING, twice))
    with pytest.raises(ModelFault, match="unique_stops_stop_subject_id"):
        build("stops", "deduplicated")


def test_an_edited_model_is_made_anew(build, project, tmp_path):
    """What runs follows from the dataset file, also where the project was parsed before the edit."""
    build("stops", "standardized")
    path = project / "models" / "marts" / "stops.sql"
    path.write_text(path.read_text() + "limit 0\n")
    build("stops", "deduplicated")
    mart = duckdb.read_parquet(str(tmp_path / "deduplicated" / "stops.parquet"))
    assert mart.shape[0] == 2


def test_failing_cast_tells_no_cell(build, project):
    """Even a model that casts in the wrong way puts no cell into the message."""
    path = project / "templates" / "stg.sql.jinja"
    path.write_text(path.read_text() + "where block_address::integer > 0\n")
    with pytest.raises(ModelFault) as caught:
        build("stops", "standardized")
    assert CALL not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"


@pytest.mark.parametrize("dataset_id", ["calls_for_service", "use_of_force"])
def test_a_column_taken_out_again_is_nowhere(
    settings: Settings, datasets: dict[str, Dataset], project: Path, tmp_path: Path, dataset_id: str
):
    """What dbt makes of a project does not depend on what it parsed in that home before.

    The words change between the two, so that the project is none that was parsed before.
    """
    ours = datasets[dataset_id]
    added = Column(name="added", source="Added", privacy="publish", description="For a while.")
    listed = ours.model_copy(update={"columns": (*ours.columns, added)})
    own = replace(settings, dbt_project_dir=project)
    find_project(own, datasets)
    find_project(own, datasets | {dataset_id: listed})
    seed = project / "seeds" / "call_types.csv"
    seed.write_text("".join(seed.read_text().splitlines(keepends=True)[:-1]))
    after = find_project(own, datasets)
    alone = find_project(replace(own, home=tmp_path / "elsewhere"), datasets)
    name = f"model.summerware.{dataset_id}"
    columns, as_alone = (
        list(read_manifest(one.manifest)["nodes"][name]["columns"]) for one in (after, alone)
    )
    assert columns == as_alone == [column.name for column in ours.published]
