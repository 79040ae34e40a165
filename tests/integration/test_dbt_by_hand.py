"""dbt as its own people run it: in a checkout, with nothing on the command line.

What the models make of values is in `test_dbt_models.py`; what a run makes of dbt, in
`test_dbt_builds.py`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.dataset import load_datasets
from orchestration.running import run_daily
from orchestration.settings import PROJECT, Settings
from orchestration.sources.sample import generate

DATASETS = load_datasets(Settings.from_environment().datasets_dir)
DAY = date(2026, 11, 1)
MODELS = ("", "stg_", "corrections_", "ledger_", "decided_cells_")

ROWS = {
    "calls_for_service": "b49aeae20e844184",
    "decided_cells_calls_for_service": "ac11a1559ef62c79",
    "duplicates_calls_for_service": "4f53cda18c2baa0c",
    "ledger_calls_for_service": "3e33bd395b02bcab",
    "decided_cells_service_requests": "4f53cda18c2baa0c",
    "duplicates_service_requests": "4f53cda18c2baa0c",
    "ledger_service_requests": "1514ac3f09812607",
    "service_requests": "a55452f6dcef12dc",
    "decided_cells_stops": "4f53cda18c2baa0c",
    "ledger_stops": "31c68b97262dff48",
    "stops": "0fd3d5996010ddb6",
    "decided_cells_use_of_force": "4f53cda18c2baa0c",
    "ledger_use_of_force": "998efe8a7e89d331",
    "use_of_force": "1b98e571659289c2",
    "corrections_calls_for_service": "5dd34ef3f7bf9583",
    "corrections_service_requests": "17d29790bc150965",
    "corrections_stops": "65b26fe9b83eb223",
    "corrections_use_of_force": "4bd3a6cfe58a8e71",
}
"""SHA-256, shortened, of the rows of kept files, as the models made them that nobody generated. The form
of the project may change them by nothing; whoever changes what is published says so here."""

Dbt = Callable[..., str]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the dbt project, so that no target is left in the checkout."""
    copy = tmp_path_factory.mktemp("checkout") / "dbt_project"
    leave = shutil.ignore_patterns("target", "logs", ".user.yml")
    return shutil.copytree(PROJECT / "dbt_project", copy, ignore=leave)


@pytest.fixture
def dbt(project: Path) -> Dbt:
    """Runs dbt in the project; what it printed."""

    def run(*arguments: str, home: Path) -> str:
        found = {
            name: value for name, value in os.environ.items() if not name.startswith("SUMMERWARE")
        }
        ended = subprocess.run(
            [str(Path(sys.executable).parent / "dbt"), *arguments, "--no-use-colors"],
            cwd=project,
            env={**found, "SUMMERWARE_HOME": str(home), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout[-3_000:]
        return ended.stdout

    return run


def rows(project: Path, model: str) -> int:
    with duckdb.connect(str(project / "target" / "warehouse.duckdb"), read_only=True) as connection:
        (count,) = connection.execute(f"select count(*) from main.{model}").fetchone() or (-1,)
    return int(count)


def hash_of_rows(settings: Settings, name: str) -> str:
    (file,) = settings.layers.glob(f"*/*/*/{name}.parquet")
    rows = duckdb.read_parquet(str(file)).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def test_without_a_run_everything_is_built_and_empty(
    dbt: Dbt, project: Path, tmp_path: Path
) -> None:
    """Models, tests, documentation and the list of all of it, on empty tables."""
    assert "PASS int_stops__fates::every_line_has_one_fate" in dbt("build", home=tmp_path)
    assert {name: rows(project, name) for name in DATASETS} == dict.fromkeys(DATASETS, 0)
    dbt("docs", "generate", home=tmp_path)
    assert (project / "target" / "catalog.json").is_file()
    listed = dbt("ls", "--quiet", home=tmp_path).split()
    for name, dataset in DATASETS.items():
        assert f"summerware.marts.{name}" in listed
        assert f"source:summerware.raw.{name}" in listed
        assert f"summerware.marts.unique_{name}_{dataset.key}" in listed
        assert any(one.startswith(f"exposure:summerware.{name}_") for one in listed)


def test_after_a_run_the_same_rows_are_built(
    dbt: Dbt, project: Path, tmp_path: Path, settings: Settings
) -> None:
    """Every row of every kept file of the last run, and no other; which are those of always."""
    drop = tmp_path / "drop"
    generate(drop, rows=800, seed=3, as_of=DAY)
    summary = run_daily(
        settings, (), source="files", extracts_dir=drop, as_of=DAY.isoformat(), dry_run=True
    )
    assert summary.exit_code == 0
    assert {name: hash_of_rows(settings, name) for name in ROWS} == ROWS
    dbt("build", home=settings.home)
    compared = set()
    with duckdb.connect(str(project / "target" / "warehouse.duckdb"), read_only=True) as connection:
        for file in sorted(settings.layers.glob("*/*/*/*.parquet")):
            model, dataset = file.stem, file.parents[2].name
            if model.removesuffix(dataset) not in MODELS:
                continue
            kept = f"from read_parquet('{file}')"
            for one, other in ((kept, f"from main.{model}"), (f"from main.{model}", kept)):
                assert connection.execute(f"({one}) except all ({other})").fetchall() == [], model
            compared.add(model)
    assert len(compared) == len(MODELS) * len(DATASETS)
