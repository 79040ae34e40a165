"""What a run tells the UI: tags, counts, columns' origins, and of a stopped gate what a person needs."""

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration.dataset import Dataset
from orchestration.defs.columns import raw_schema
from orchestration.defs.rule_checks import rule_specs
from orchestration.gates.gate_page import gate_page
from orchestration.settings import Settings
from orchestration.sources.sample import generate
from orchestration.state.alerts import AlertStore
from orchestration.warehouse.lineage import column_lineage
from orchestration.warehouse.runner import invoke
from tests.acceptance.city import City

FORCE = "use_of_force"
CANARY = "refuse verbal canaries"
RULE = dg.AssetCheckKey(dg.AssetKey(["standardized", FORCE]), "officer_injured_in_domain")
GATE = dg.AssetCheckKey(dg.AssetKey(["standardized", FORCE]), "standardized_gate")


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """A city after a good day and two bad ones, and the Dagster instance that saw them."""

    city: City
    instance: dg.DagsterInstance
    run_ids: list[str]

    def materialized(self, layer: str) -> dict[str, Any]:
        """The metadata of the layer's newest materialization."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey([layer, FORCE]))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: one.value for name, one in event.asset_materialization.metadata.items()}

    def evaluated(self, check: dg.AssetCheckKey = GATE) -> list[Any]:
        """The evaluations of a check, the standardized gate's unless another is named, newest first."""
        records = self.instance.event_log_storage.get_asset_check_execution_history(check, limit=9)
        return [
            record.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
            for record in records
        ]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateReport]:
    """Use of force: published on one day, stopped at the standardized gate on the next two."""
    with pytest.MonkeyPatch.context() as environment:
        city = City(tmp_path_factory.mktemp("told"), environment)
        drop, run_ids = city.root / "drop", []
        for day in (1, 2, 3):
            generate(drop, rows=400, seed=7, as_of=date(2026, 3, day), datasets=[FORCE])
            (file,) = (drop / FORCE).glob(f"*2026-03-0{day}*")
            if day > 1:
                _shift_cells(file)
            run_ids.append(city.run(FORCE, extracts_dir=drop).run_id)
        with dg.DagsterInstance.get() as instance:
            yield GateReport(city=city, instance=instance, run_ids=run_ids)


def _shift_cells(file: Path) -> None:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))
    position = rows[0].index("Officer Injured")
    for row in rows[1::4]:
        row[position] = CANARY
    with gzip.open(file, "wt", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(rows)


def test_run_is_found_by_what_it_worked_on(told: GateReport) -> None:
    """Its dataset, extract and publication are tags, and a search by each finds that run."""
    (publication,) = told.city.state.publications(FORCE)
    extract = told.city.state.layers(FORCE, "raw")[-1].facts["extracts"][0]
    wanted = {"dataset": FORCE, "extracts": extract, "publication": publication.id}
    for name, value in wanted.items():
        for tag in (f"summerware/{name}", f"summerware/{name}/{FORCE}"):
            found = told.instance.get_runs(dg.RunsFilter(tags={tag: value}))
            assert told.run_ids[0] in [run.run_id for run in found]


def test_every_layer_says_what_its_columns_are_made_of(told: GateReport) -> None:
    """Each published column leads up through every layer to a heading of the city."""
    dataset = told.city._dataset(FORCE)
    names = {column.name for column in dataset.published}
    above = {"published": "deduplicated", "deduplicated": "standardized", "standardized": "raw"}
    for layer, upstream in {**above, "raw": "source"}.items():
        deps = told.materialized(layer)["dagster/column_lineage"].deps_by_column
        assert names <= set(deps), layer
        asset_keys = {dep.asset_key for name in names for dep in deps[name]}
        assert asset_keys == {dg.AssetKey([upstream, FORCE])}


def test_counts_are_numbers(told: GateReport) -> None:
    """Fates, rows and shares can be drawn; a fate that no line met is a zero."""
    layer = told.materialized("deduplicated")
    assert sum(layer[f"lines_{fate}"] for fate in ("published", "merged", "superseded")) > 0
    assert layer["lines_withheld"] == 0
    bad, _, good = (evaluation.metadata for evaluation in told.evaluated())
    assert bad["failing/officer_injured_in_domain"].value == bad["quarantined_lines"].value
    assert bad["quarantined_share"].value == bad["quarantined_lines"].value / bad["rows"].value
    assert good["rules_broken"].value == 0


def test_published_asset_links_to_its_page(told: GateReport) -> None:
    """The portal's page of the 4x4, where `summerware ui` serves it: a run's own portal is gone."""
    (portal_id,) = told.city.state.portal_ids("local", FORCE).values()
    assert told.materialized("published")["portal_page"] == f"http://127.0.0.1:3001/d/{portal_id}"


def test_stopped_gate_says_what_since_when_and_what_to_do(told: GateReport) -> None:
    """The check's text and the failed step's error: rule, share, first run of it, the next step."""
    evaluation = told.evaluated()[0]
    (failure,) = [
        event.dagster_event.step_failure_data
        for event in told.instance.all_logs(
            told.run_ids[2], of_type=dg.DagsterEventType.STEP_FAILURE
        )
        if event.dagster_event is not None
    ]
    line = failure.user_failure_data.description
    assert "\n" not in line
    for text in (evaluation.description, line):
        assert "officer_injured_in_domain" in text
        assert "25.2%" in text
        assert f"run {told.run_ids[1][:8]}" in text
        assert "2 runs in a row" in text
        assert "ask " in text
    assert evaluation.metadata["since_run"].value == told.run_ids[1]
    assert "summerware discard" in evaluation.metadata["what_to_do"].value


def test_query_of_the_check_lists_every_failing_line(told: GateReport) -> None:
    """Copied from the check into an empty DuckDB it finds all of them, cells and all."""
    metadata = told.evaluated()[0].metadata
    text = metadata["all_failing_rows"].value
    block = re.search(r"\*\*officer_injured_in_domain\*\*\n```sql\n(.*?)```", text, flags=re.DOTALL)
    assert block is not None
    rows = duckdb.connect().execute(block[1]).fetchall()
    assert len(rows) == metadata["quarantined_lines"].value
    assert sum(CANARY in row for row in rows) == metadata["rows"].value // 4


def test_every_rule_has_a_history_of_its_own(told: GateReport) -> None:
    """What quarantined is a warning with count, share, words and query; what held is a zero."""
    bad, again, good = told.evaluated(RULE)
    *_, held = told.evaluated(dg.AssetCheckKey(RULE.asset_key, "date_present"))
    gate = told.evaluated()[0].metadata
    assert [one.passed for one in (bad, again, held)] == [False, False, True]
    assert good.metadata["failing"].value < 10 < again.metadata["failing"].value
    assert bad.severity == dg.AssetCheckSeverity.WARN
    assert bad.metadata["failing"].value == gate["failing/officer_injured_in_domain"].value
    assert 0.25 < bad.metadata["share"].value < 0.26
    assert "Yes|No" in bad.metadata["statement"].value
    assert "read_parquet" in bad.metadata["query"].value
    assert bad.metadata["since_run"].value == told.run_ids[0]
    assert (held.metadata["failing"].value, held.metadata["share"].value) == (0, 0.0)
    target = bad.target_materialization_data
    assert target is not None
    assert target.run_id == told.run_ids[2]


def test_rule_of_another_grain_says_that_it_was_not_asked(told: GateReport) -> None:
    """Left untold it would be a failed check of a sound layer as soon as the run fails further down."""
    specs = rule_specs(told.city.settings, told.city._dataset(FORCE), "raw")
    last = [told.evaluated(spec.key)[0] for spec in specs]
    assert all(one is not None and one.passed for one in last)
    said = [one.description for one in last if one.description]
    assert len(said) == 1
    assert said[0].startswith("Not asked: it is for extracts of the grain `")


def test_rules_tell_nobody_beside_their_gate(told: GateReport) -> None:
    """A stopped gate is one alert, however many of its rules are checks that failed."""
    alerts = AlertStore(told.city.state).alerts()
    assert [one.kind for one in alerts if one.dataset == FORCE].count("gate_failed") == 1


def test_no_cell_is_told(told: GateReport) -> None:
    """Neither an event of any run nor the gate's page holds a cell of the bad extract."""
    for run_id in told.run_ids:
        for event in told.instance.all_logs(run_id):
            assert CANARY not in event.to_json()
    settings = told.city.settings
    page = gate_page(settings, told.city._dataset(FORCE), "standardized")
    text = page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    assert CANARY not in text
    for part in ("What failed", "Since when", "What to do", "read_parquet", "2 runs in a row"):
        assert part in text


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The project's models as SQL, by name."""
    settings = Settings.from_environment()
    target = tmp_path_factory.mktemp("compiled")
    outcome = invoke(
        settings.dbt_project_dir,
        ["compile", "--no-populate-cache", "--no-introspect"],
        target=target,
    )
    assert outcome.success, outcome.error
    return {path.stem: path.read_text() for path in target.rglob("compiled/**/*.sql")}


def _lineage(dataset: Dataset, compiled: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    name = dataset.id
    raw = [column.name for column in raw_schema(dataset).columns]
    staging = {model: compiled[model] for model in (f"base_{name}", f"stg_{name}")}
    below = sorted(
        (model for model in compiled if model.startswith(f"int_{name}__")),
        key=lambda model: not model.endswith("fates"),
    )
    standardized = column_lineage(dataset, "standardized", staging, upstream_columns=raw)
    return {
        "standardized": standardized,
        "deduplicated": column_lineage(
            dataset,
            "deduplicated",
            {model: compiled[model] for model in (*below, name)},
            upstream_columns=standardized,
        ),
    }


def test_lineage_of_every_model_is_real(
    datasets: dict[str, Dataset], compiled: dict[str, str]
) -> None:
    """Every listed column has an origin; derived keys and redacted places have all of theirs."""
    for dataset in datasets.values():
        found = _lineage(dataset, compiled)
        for column in dataset.published:
            assert found["deduplicated"][column.name], column.name
        for column in dataset.landed:
            if column.privacy != "never":
                assert column.name in found["standardized"][column.name]
        if dataset.key_from:
            assert found["standardized"][dataset.key] == list(dataset.key_from)
        for policy in dataset.policies:
            for name in policy.redacts:
                origins = found["deduplicated"][name] + found["standardized"][name]
                assert {name, policy.column} <= set(origins)
