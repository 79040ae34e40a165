"""A city for a test: a home of its own, drop folders, runs in this process, and what came of them.

Everything is the real thing: the daily job through Dagster, dbt on DuckDB, Great Expectations, the
local portal over loopback and sodapy.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import requests

from orchestration import reports
from orchestration.dataset import load_dataset, load_datasets
from orchestration.publishing.publisher import override, release
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import Layer, State
from tests.integration.postgresql import free_port


class City:
    """One `SUMMERWARE_HOME` and the folders around it."""

    def __init__(self, root: Path, environment: Any) -> None:
        self.root = root
        self.home = root / "home"
        self._environment = environment
        self.use(SUMMERWARE_HOME=self.home)
        environment.setenv("SUMMERWARE_SETTLING_SECONDS", "0")
        if (manifests := os.environ.get("TESTS_MANIFESTS")) and not self.home.exists():
            self.home.mkdir(parents=True)
            (self.home / "dbt").symlink_to(manifests)

    def copy(self, root: Path) -> "City":
        """A city with the same past, to go another way."""
        shutil.copytree(self.home, root / "home")
        return City(root, self._environment)

    def use(self, **variables: Path) -> None:
        """Points the pipeline at other folders."""
        for name, value in variables.items():
            self._environment.setenv(name, str(value))

    @property
    def settings(self) -> Settings:
        """The settings as they are now, with this city's home."""
        self.use(SUMMERWARE_HOME=self.home)
        return Settings.from_environment()

    @property
    def state(self) -> State:
        """The state database."""
        return State(open_database(self.settings))

    def drop(self, day: str, dataset: str, *files: Path) -> Path:
        """A drop folder for one day with copies of files; returns the day's folder."""
        folder = self.root / "extracts" / day / dataset
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, folder)
        return folder.parent

    def run(self, *datasets: str, **options: Any) -> Any:
        """Runs the daily job in this process; returns its summary."""
        from orchestration.running import run_daily

        chosen = {"source": None, "extracts_dir": None, "as_of": None, "dry_run": False} | options
        return run_daily(self.settings, datasets, **chosen)

    def command(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs `summerware` as a process of its own."""
        return subprocess.run(
            [str(Path(sys.executable).parent / "summerware"), *words],
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    def discard_newest(self, dataset: str) -> None:
        """Never uses the newest extract again: a broken increment would stop every day after it."""
        newest = self.state.extracts(dataset, source="files")[-1]
        self.state.discard_extract(newest.id, by="a test", reason="spoilt on purpose")

    def allow_stopped(self, dataset: str, *, because: str) -> None:
        """Overrides the guard that stopped the newest publication, and releases it."""
        stopped = self.publications(dataset)[-1]
        assert because in stopped["failure"]
        options = (self.settings, self.state, self._dataset(dataset), stopped["id"])
        override(*options, by="a test", reason="so declared")
        assert release(*options, by="a test").state == "verified"

    def ledger(self, dataset: str) -> dict[str, Any]:
        """The ledger as the command prints it."""
        return reports.ledger(self.settings, self.state, self._dataset(dataset))

    def publications(self, dataset: str) -> list[dict[str, Any]]:
        """The publications as the command prints them."""
        return reports.publications(self.state, self._dataset(dataset))

    def why(self, dataset: str, key: str) -> dict[str, Any]:
        """The story of a row."""
        return reports.why(self.settings, self.state, self._dataset(dataset), key)

    def layer(self, dataset: str, layer: str) -> Layer:
        """The newest finished layer."""
        found = self.state.newest_layer(dataset, layer)
        assert found is not None
        return found

    def rows(
        self, dataset: str, layer: str, name: str, query: str = "select *", rest: str = ""
    ) -> list[Any]:
        """Asks one Parquet file of a layer; `rest` follows the file."""
        path = self.home / self.layer(dataset, layer).path / f"{name}.parquet"
        return duckdb.sql(
            f"{query} from read_parquet('{path}') {rest}".replace("{file}", str(path))
        ).fetchall()

    def snapshot(self, dataset: str) -> Path:
        """What the last publication left on the portal."""
        done = self.state.publications(dataset, states=("verified", "unchanged"))
        return self.home / done[-1].path / "snapshot.parquet"

    def rule(self, dataset: str, layer: str, rule_id: str) -> dict[str, Any]:
        """What a rule found in the newest gate record of a layer."""
        record = next(r for r in self.state.latest_gates(dataset) if r.layer == layer)
        return next(rule for rule in record.results if rule["rule_id"] == rule_id)

    def portal_digest(self) -> str:
        """A hash over everything that the local portal holds, rows and times of change."""
        digest = hashlib.sha256()
        path = self.home / "portal" / "portal.sqlite3"
        if path.exists():
            with sqlite3.connect(path) as connection:
                for line in connection.iterdump():
                    digest.update(line.encode())
        return digest.hexdigest()

    def portal_rows(self, title_part: str) -> int:
        """How many rows the portal's datasets of that title hold."""
        from requests import get

        from orchestration.publishing.targets import local_portal

        with local_portal(self.settings) as address:
            found = get(f"http://{address}/api/catalog/v1", timeout=30).json()["results"]
            ids = [one["resource"]["id"] for one in found if title_part in one["resource"]["name"]]
            return sum(
                int(
                    get(
                        f"http://{address}/resource/{one}.json?$select=count(*)%20as%20n",
                        timeout=30,
                    ).json()[0]["n"]
                )
                for one in ids
            )

    def everything(self) -> Iterable[Path]:
        """Every file under the home."""
        return (path for path in self.home.rglob("*") if path.is_file())

    def _dataset(self, name: str) -> Any:
        return load_dataset(self.settings.datasets_dir / f"{name}.yaml")


def copied(folder: Path, target: Path) -> Path:
    """A copy that a test may break."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("target", "logs"))
    return target


def dataset_ids() -> list[str]:
    """Every dataset of the project."""
    return list(load_datasets(Settings.from_environment().datasets_dir))


def as_json(text: str) -> Any:
    """Parses what a command printed."""
    return json.loads(text)


def environment_of(city: City) -> dict[str, str]:
    """The environment for a process of its own."""
    return {
        **os.environ,
        "SUMMERWARE_HOME": str(city.home),
        "DAGSTER_HOME": str(city.home / "dagster"),
    }


@contextmanager
def dagster_webserver(city: City) -> Iterator[str]:
    """The real Dagster webserver over a city, on a free loopback port; yields its address."""
    port = free_port()
    process = subprocess.Popen(
        [
            str(Path(sys.executable).parent / "dagster-webserver"),
            *("-m", "orchestration.definitions", "-h", "127.0.0.1", "-p", str(port)),
        ],
        env=environment_of(city),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(400):
            try:
                requests.get(f"{address}/server_info", timeout=2)
                break
            except requests.ConnectionError:
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def dagster_daemon(city: City) -> Iterator[None]:
    """The real Dagster daemon over a city."""
    process = subprocess.Popen(
        [
            str(Path(sys.executable).parent / "dagster-daemon"),
            *("run", "-m", "orchestration.definitions"),
        ],
        env=environment_of(city),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)
