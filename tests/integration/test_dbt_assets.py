"""The dbt part as users of Dagster know it: models are assets and dbt tests are checks of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.dataset import Dataset
from orchestration.defs.models import dbt_test_specs, model_specs
from orchestration.settings import Settings
from orchestration.sources.sample import generate
from orchestration.warehouse.project import find_project, read_manifest
from tests.acceptance.city import City

FORCE = "use_of_force"
MODELS = ("standardized", "deduplicated")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SUMMERWARE_HOME", str(tmp_path_factory.mktemp("manifest")))
        settings = Settings.from_environment()
        return read_manifest(find_project(settings, _datasets()).manifest)


def _datasets() -> dict[str, Dataset]:
    from orchestration.dataset import load_datasets
    from orchestration.settings import PACKAGE

    return load_datasets(PACKAGE / "datasets")


def test_definitions_say_what_dagster_dbt_says(manifest: Mapping[str, Any]) -> None:
    """Keys, groups, owners, words, columns, inputs and tests are those of our translator."""
    from dagster_dbt import build_dbt_asset_specs

    from orchestration.defs.translator import Translator

    datasets = _datasets()
    translator = Translator(datasets)
    theirs = {
        spec.key: spec
        for spec in build_dbt_asset_specs(
            manifest=manifest, dagster_dbt_translator=translator, select="resource_type:model"
        )
    }
    ours = [
        spec
        for dataset in datasets.values()
        for layer in MODELS
        for spec in model_specs(manifest, dataset, layer, list(datasets))
    ]
    assert {spec.key for spec in ours} == set(theirs)
    for spec in ours:
        other = theirs[spec.key]
        assert spec.group_name == other.group_name
        assert spec.owners == other.owners
        assert spec.description == other.description
        assert {one.asset_key for one in spec.deps} == {one.asset_key for one in other.deps}
        assert spec.metadata.items() <= other.metadata.items()
    for dataset in datasets.values():
        for check in dbt_test_specs(manifest, dataset, "deduplicated"):
            (unique_id,) = [one for one in manifest["nodes"] if f".{check.name}." in one]
            spec = theirs[check.asset_key]
            their_check = translator.get_asset_check_spec(spec, manifest, unique_id, None)
            assert their_check is not None
            assert (their_check.key, their_check.blocking) == (check.key, check.blocking)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A city after one good run of one dataset, and the Dagster instance that saw it."""

    city: City
    instance: dg.DagsterInstance

    def made(self, *path: str) -> Mapping[str, Any]:
        """What the newest materialization of an asset says."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(path))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: one.value for name, one in event.asset_materialization.metadata.items()}


def _run(city: City) -> int:
    drop = city.root / "drop"
    generate(drop, rows=300, seed=7, as_of=date(2026, 3, 1), datasets=[FORCE])
    return city.run(FORCE, extracts_dir=drop).exit_code


@pytest.fixture(scope="module", params=["in this process", "cli"])
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    with pytest.MonkeyPatch.context() as environment:
        if request.param == "cli":
            environment.setenv("SUMMERWARE_DBT", "cli")
        city = City(tmp_path_factory.mktemp("seen"), environment)
        assert _run(city) == 0
        with dg.DagsterInstance.get() as instance:
            yield Seen(city=city, instance=instance)


def test_every_model_is_made_where_its_layer_is(seen: Seen) -> None:
    """With seconds, status and the SQL that ran; where it is kept, with its rows."""
    layer = seen.city.layer(FORCE, "deduplicated")
    mart = seen.made("dbt", FORCE)
    assert mart["dagster/row_count"] == layer.facts["rows"]
    assert mart["status"] == "success"
    assert mart["Execution Duration"] > 0
    assert mart["unique_id"] == f"model.summerware.{FORCE}"
    for name in (f"base_{FORCE}", f"stg_{FORCE}", f"int_{FORCE}__fates", f"ledger_{FORCE}"):
        assert "select" in seen.made("dbt", name)["compiled_sql"]


def test_what_python_made_stands_between_the_models(seen: Seen) -> None:
    """Misspellings by outcome, and the number of shifted lines."""
    facts = seen.city.layer(FORCE, "standardized").facts["spelling"]
    spelling = seen.made("python", f"spelling_{FORCE}")
    assert spelling["dagster/row_count"] == sum(facts.values())
    assert {name: spelling[name] for name in facts} == facts
    rule = seen.city.rule(FORCE, "standardized", "cells_in_their_columns")
    assert seen.made("python", f"shifted_{FORCE}")["dagster/row_count"] == rule["failing"]


def test_every_dbt_test_is_a_check(seen: Seen) -> None:
    """On its model, with the number of rows that fail it."""
    for kind in ("unique", "not_null"):
        check = dg.AssetCheckKey(dg.AssetKey(["dbt", FORCE]), f"{kind}_{FORCE}_pib_file_number")
        (found,) = seen.instance.event_log_storage.get_asset_check_execution_history(check, limit=9)
        evaluation = found.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
        assert evaluation.passed
        assert evaluation.metadata["dagster_dbt/failed_row_count"].value == 0


def test_what_cannot_be_told_of_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster skips in silence whatever is below an output that did not come: all of them come."""

    def fail(*_: Any) -> Any:
        raise KeyError("a part that nobody knows")

    monkeypatch.setattr("orchestration.defs.translator.Translator.get_asset_key", fail)
    city = City(tmp_path, monkeypatch)
    assert _run(city) == 0
    assert city.publications(FORCE)[-1]["state"] == "verified"


def test_a_dataset_without_a_file_leaves_the_others_theirs(manifest: Mapping[str, Any]) -> None:
    """The project still has the models of a dataset whose file cannot be read."""
    from orchestration.defs.translator import Translator

    translator = Translator({FORCE: _datasets()[FORCE]})
    everything = [*manifest["nodes"].values(), *manifest["sources"].values()]
    keys = [translator.get_asset_key(one) for one in everything]
    assert len(set(keys)) > len(manifest["nodes"])
