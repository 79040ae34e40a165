"""What the UI is told of every asset and check before anything runs."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from orchestration.dataset import Dataset, load_datasets
from orchestration.definitions import build_defs
from orchestration.gates.domain_rules import gate_rules
from orchestration.gates.gate import gate_name
from orchestration.gates.suites import SUITES
from orchestration.settings import PACKAGE, Settings
from orchestration.warehouse.lineage import column_lineage, declared_lineage, kept_lineage

LAYERS = ("raw", "standardized", "deduplicated", "published")
SENTENCES = re.compile(r"[A-Z0-9].*\.", re.DOTALL)
IDS = list(load_datasets(PACKAGE / "datasets"))


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.Definitions]:
    """The definitions of a home of their own, its manifest parsed."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SUMMERWARE_HOME", str(tmp_path_factory.mktemp("told")))
        yield build_defs()


@pytest.fixture(scope="module")
def specs(defs: dg.Definitions) -> dict[tuple[str, ...], dg.AssetSpec]:
    return {tuple(spec.key.path): spec for spec in defs.resolve_all_asset_specs()}


def _columns(spec: dg.AssetSpec) -> dict[str, dg.TableColumn]:
    return {column.name: column for column in spec.metadata["dagster/column_schema"].columns}


def test_every_asset_is_described(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    """Sentences, an owner, a layer, kinds and a group: the dataset, but for what the city keeps."""
    for (place, name), spec in specs.items():
        assert SENTENCES.fullmatch(spec.description or ""), spec.key
        assert spec.owners
        assert spec.kinds
        if place in (*LAYERS, "source"):
            assert spec.tags["layer"] == place
        else:
            assert spec.tags["layer"] in SUITES
        groups = {"source": "sources", **dict.fromkeys(LAYERS, name)}
        of_models = f"{next(one for one in IDS if one in name)}_models"
        assert spec.group_name == groups.get(place, of_models)
    made = {key for key in specs if key[0] not in ("dbt", "python")}
    assert made == {(layer, one) for one in IDS for layer in (*LAYERS, "source")}


def test_every_model_is_an_asset_beneath_its_layer(
    specs: dict[tuple[str, ...], dg.AssetSpec],
) -> None:
    """A layer is made from the models that it keeps, and what Python makes stands between models."""
    for name in IDS:
        for layer, model in (("standardized", f"stg_{name}"), ("deduplicated", name)):
            above = {dep.asset_key for dep in specs[layer, name].deps}
            assert dg.AssetKey(["dbt", model]) in above
            assert specs["dbt", model].tags["layer"] == layer
        asked = {dep.asset_key for dep in specs["dbt", f"stg_{name}"].deps}
        assert dg.AssetKey(["python", f"shifted_{name}"]) in asked


def _checks(defs: dg.Definitions) -> list[dg.AssetCheckSpec]:
    return [spec for one in defs.asset_checks or () for spec in one.check_specs]


def test_every_gate_is_described(defs: dg.Definitions) -> None:
    """Each says what it guards and which file holds its rules, and it alone blocks."""
    gates = [spec for spec in _checks(defs) if spec.blocking]
    assert {(spec.asset_key, spec.name) for spec in gates} == {
        (dg.AssetKey([layer, name]), gate_name(layer)) for layer in SUITES for name in IDS
    }
    for spec in gates:
        assert "expectations/" in (spec.description or "")


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("layer", SUITES)
def test_every_rule_is_a_check(
    defs: dg.Definitions, datasets: dict[str, Dataset], layer: str, name: str
) -> None:
    """By its id, in the words of its suite; no more than Dagster's page of an asset is made for."""
    rules = gate_rules(Settings.from_environment(), datasets[name], layer).rules
    specs = {spec.name: spec for spec in _checks(defs) if spec.asset_key.path == [layer, name]}
    assert set(specs) == {gate_name(layer), *(rule.meta.rule_id for rule in rules)}
    assert len(specs) < 50
    for rule in rules:
        assert rule.meta.statement in (specs[rule.meta.rule_id].description or "")


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_columns_are_those_of_the_dataset_file(
    specs: dict[tuple[str, ...], dg.AssetSpec],
    datasets: dict[str, Dataset],
    layer: str,
    name: str,
) -> None:
    """Law 3: listed columns and the pipeline's own, each with type and words; published ones exactly."""
    columns = _columns(specs[layer, name])
    listed = {column.name for column in datasets[name].columns}
    assert {column for column in columns if not column.startswith("_")} <= listed
    for column in columns.values():
        assert column.description
        assert column.type
    if layer in ("deduplicated", "published"):
        assert list(columns) == [column.name for column in datasets[name].published]
        key = columns[datasets[name].key]
        assert (key.constraints.nullable, key.constraints.unique) == (False, True)


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("layer", ["raw", "published"])
def test_freshness_comes_from_the_dataset_file(
    specs: dict[tuple[str, ...], dg.AssetSpec],
    datasets: dict[str, Dataset],
    layer: str,
    name: str,
) -> None:
    """Late six hours after a daily schedule passed without it, stale after the file's days."""
    policy = specs[layer, name].freshness_policy
    assert policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=datasets[name].limits.stale_days),
        warn_window=timedelta(hours=30),
    )


def test_definitions_load_without_the_heavy_libraries(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A fresh process with a parsed manifest needs neither dbt, GX nor pandas to load them."""
    program = (
        "import sys; from orchestration.definitions import build_defs; build_defs(); "
        "heavy = {'dbt', 'dagster_dbt', 'great_expectations', 'pandas', 'splink'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SUMMERWARE_HOME", str(tmp_path_factory.mktemp("quick")))
        build_defs()
        loaded = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
    assert loaded.returncode == 0, loaded.stderr


def test_lineage_holds_values_and_conditions_but_no_order(datasets: dict[str, Dataset]) -> None:
    """Through CTEs, stars, unions and windows: what a cell is computed from, not what chose its row."""
    name = next(iter(datasets))
    models = {
        f"base_{name}": f"""
            with source as (select * from "warehouse"."raw"."{name}"),
            read as (select *, trim(a) as a__read, b || c as d from source where hidden = 1)
            select a__read as a, d, case when c = 'x' then null else b end as b from read
        """,
        f"stg_{name}": f"""
            with base as (select * from "warehouse"."main"."base_{name}"),
            ranked as (select *, row_number() over (order by b) as place from base)
            select a, string_agg(d, ', ' order by a) as d, any_value(b) filter (where a = '1') as b,
                any_value(place) as place from ranked group by a
            union all
            select b, 'none', list_filter([d], x -> x <> b)[1], 1 from base
        """,
    }
    found = column_lineage(
        datasets[name], "standardized", models, upstream_columns=["a", "b", "c", "hidden"]
    )
    assert found == {
        "a": ["a", "c", "b"],
        "d": ["b", "c"],
        "b": ["c", "b"],
        "place": [],
    }


def test_lineage_is_worked_out_once_for_the_same_sql(
    datasets: dict[str, Dataset], tmp_path: Path
) -> None:
    """And anew for other SQL, or where other columns stand above."""
    dataset = next(iter(datasets.values()))
    ask = partial(kept_lineage, tmp_path, dataset, "standardized")
    name = f"stg_{dataset.id}"
    sql = f"select a from raw.{dataset.id}"
    assert ask({name: sql}, upstream_columns=["a"]) == {"a": ["a"]}
    (kept,) = tmp_path.iterdir()
    kept.write_text('{"a": ["kept"]}')
    assert ask({name: sql}, upstream_columns=["a"]) == {"a": ["kept"]}
    assert ask({name: sql}, upstream_columns=["a", "b"]) == {"a": ["a"]}
    other = f"select b as a from raw.{dataset.id}"
    assert ask({name: other}, upstream_columns=["a", "b"]) == {"a": ["b"]}


def test_lineage_without_sql_is_what_the_file_says(datasets: dict[str, Dataset]) -> None:
    """A column is made of its namesake above, a derived key of its parts."""
    dataset = next(one for one in datasets.values() if one.key_from)
    parts = dataset.key_from
    assert declared_lineage(dataset, [dataset.key, parts[0]], upstream=parts) == {
        dataset.key: list(parts),
        parts[0]: [parts[0]],
    }
