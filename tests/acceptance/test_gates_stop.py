"""Each gate stops its own dataset and nothing else; the last step alone gets nobody round it.

Sample extracts, one more day for every test; in each, one dataset is broken at one gate.
"""

import csv
import gzip
import itertools
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import requests
import yaml

from orchestration.dataset import Dataset, load_datasets
from orchestration.gates.suites import SUITES
from orchestration.settings import Settings
from orchestration.sources.sample import generate
from tests.acceptance.city import City, copied, dagster_webserver, dataset_ids, environment_of

ROWS = 600
FIRST_DAY = date(2026, 3, 1)
BELOW = {
    "raw": ("standardized", "deduplicated"),
    "standardized": ("deduplicated",),
    "deduplicated": (),
}


class Days:
    """A city that publishes one more sample day at each turn, one dataset broken or none."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._numbers = itertools.count(1)

    def next(self, spoil: Callable[[Path], None] | None = None, dataset: str = "") -> Path:
        """A drop folder with the next day's extracts, one of them spoilt."""
        day = FIRST_DAY + timedelta(days=next(self._numbers))
        folder = self.city.root / "days" / day.isoformat()
        generate(folder, rows=ROWS, seed=7, as_of=day)
        if spoil is not None:
            (file,) = (folder / dataset).glob("*.csv.gz")
            spoil(file)
        return folder


@pytest.fixture(scope="module")
def days(new_city: Callable[[], City]) -> Days:
    """All four datasets published once."""
    made = Days(new_city())
    assert made.city.run(extracts_dir=made.next()).exit_code == 0
    return made


def _rewrite(file: Path, change: Callable[[list[list[str]]], list[list[str]]]) -> None:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))
    with gzip.open(file, "wt", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(change(rows))


def _required(dataset: Dataset, kinds: tuple[str, ...]) -> str:
    """The heading of a required column of one of these types."""
    column = next(c for c in dataset.landed if c.required and c.type in kinds)
    assert column.source is not None
    return column.source


def _position(rows: list[list[str]], dataset: Dataset, heading: str) -> int:
    column = next(c for c in dataset.landed if c.source == heading)
    wanted = {re.sub(r"[^a-z0-9]", "", text.lower()) for text in column.headings}
    return next(
        n for n, cell in enumerate(rows[0]) if re.sub(r"[^a-z0-9]", "", cell.lower()) in wanted
    )


def _rename_a_required_column(dataset: Dataset) -> Callable[[Path], None]:
    def change(rows: list[list[str]]) -> list[list[str]]:
        rows[0][_position(rows, dataset, _required(dataset, ("text",)))] = "Renamed By The Source"
        return rows

    return lambda file: _rewrite(file, change)


def _break_many_dates(dataset: Dataset) -> Callable[[Path], None]:
    def change(rows: list[list[str]]) -> list[list[str]]:
        position = _position(rows, dataset, _required(dataset, ("timestamp", "date")))
        for row in rows[1::3]:
            row[position] = "soon"
        return rows

    return lambda file: _rewrite(file, change)


def _snapshots(city: City) -> dict[str, bytes]:
    return {name: city.snapshot(name).read_bytes() for name in dataset_ids()}


def _portal_rows(city: City, name: str) -> list[str]:
    """The dump of one dataset's tables on the portal."""
    ids = city.state.portal_ids("local", name)
    with sqlite3.connect(city.home / "portal" / "portal.sqlite3") as connection:
        return [line for line in connection.iterdump() if any(one in line for one in ids.values())]


@pytest.fixture
def broken_models(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy of the dbt project in which a mart loses all but one row."""

    def broken(name: str) -> Path:
        project = copied(Settings.from_environment().dbt_project_dir, tmp_path / "dbt_project")
        model = project / "models" / "marts" / f"{name}.sql"
        model.write_text(f"select * from (\n{model.read_text()}\n) limit 1\n")
        return project

    return broken


@pytest.mark.parametrize("name", dataset_ids())
@pytest.mark.parametrize("layer", SUITES)
def test_a_gate_stops_its_dataset_and_no_other(
    days: Days,
    layer: str,
    name: str,
    broken_models: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing below the gate is made, the portal stays as it was, the others are published."""
    city = days.city
    dataset = load_datasets(city.settings.datasets_dir)[name]
    spoil = {
        "raw": _rename_a_required_column(dataset),
        "standardized": _break_many_dates(dataset),
        "deduplicated": None,
    }[layer]
    folder = days.next(spoil, name)
    if layer == "deduplicated":
        monkeypatch.setenv("SUMMERWARE_DBT_PROJECT", str(broken_models(name)))
    before, portal = _snapshots(city), _portal_rows(city, name)
    made_before = {below: city.layer(name, below).id for below in BELOW[layer]}

    summary = city.run(extracts_dir=folder)
    city.discard_newest(name)

    assert summary.exit_code == 1
    told = {one["dataset"]: one for one in summary.datasets}
    assert told[name]["gates"][SUITES[layer]] == "failed"
    assert told[name]["publication"] is None
    assert {below: city.layer(name, below).id for below in BELOW[layer]} == made_before
    assert _portal_rows(city, name) == portal
    after = _snapshots(city)
    assert after[name] == before[name]
    for other in set(told) - {name}:
        assert told[other]["publication"]["state"] == "verified", told[other]
        assert after[other] != before[other]


@pytest.fixture
def crashing_suite(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy of the suites in which a warning of one dataset crashes."""

    def crashing(name: str) -> Path:
        suites = copied(Settings.from_environment().expectations_dir, tmp_path / "expectations")
        file = suites / name / "standardized.yaml"
        content = yaml.safe_load(file.read_text())
        content["rules"].append(
            {
                "type": "unexpected_rows_expectation",
                "kwargs": {"unexpected_rows_query": "select nowhere from {batch}"},
                "severity": "warning",
                "meta": {
                    "rule_id": "crashes",
                    "strength": "warning",
                    "statement": "It cannot run.",
                    "reason": "A test.",
                    "fault": "Law 8.",
                },
            }
        )
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return suites

    return crashing


def test_a_crashed_rule_blocks_and_is_called_broken(
    days: Days, crashing_suite: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken check is not bad data: its own verdict, nothing published, a fault's exit code."""
    city, name = days.city, dataset_ids()[0]
    folder = days.next()
    monkeypatch.setenv("SUMMERWARE_EXPECTATIONS", str(crashing_suite(name)))
    portal = _portal_rows(city, name)
    summary = city.run(name, extracts_dir=folder)
    city.discard_newest(name)
    assert summary.exit_code == 3
    assert summary.datasets[0]["gates"]["standardized"] == "broken"
    assert city.rule(name, "standardized", "crashes")["outcome"] == "broken"
    assert _portal_rows(city, name) == portal


@pytest.fixture
def stopped(
    days: Days,
    request: pytest.FixtureRequest,
    broken_models: Callable[[str], Path],
    crashing_suite: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[City, str]:
    """A dataset that a gate has just stopped: which gate is the test's parameter."""
    city, name = days.city, dataset_ids()[-1]
    dataset = load_datasets(city.settings.datasets_dir)[name]
    kind = request.param
    spoil = None
    if kind == "raw":
        spoil = _rename_a_required_column(dataset)
    elif kind == "standardized":
        spoil = _break_many_dates(dataset)
    elif kind == "deduplicated":
        monkeypatch.setenv("SUMMERWARE_DBT_PROJECT", str(broken_models(name)))
    else:
        monkeypatch.setenv("SUMMERWARE_EXPECTATIONS", str(crashing_suite(name)))
    assert city.run(name, extracts_dir=days.next(spoil, name)).exit_code != 0
    city.discard_newest(name)
    return city, name


@pytest.mark.parametrize("stopped", ["deduplicated", "broken"], indirect=True)
def test_the_publisher_alone_refuses_from_the_command_line(stopped: tuple[City, str]) -> None:
    """`dagster asset materialize` of the last step alone publishes nothing."""
    city, name = stopped
    portal = _portal_rows(city, name)
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "dagster"),
            "asset",
            "materialize",
            "--select",
            f'key:"published/{name}"',
            "-m",
            "orchestration.definitions",
        ],
        env=environment_of(city),
        capture_output=True,
        text=True,
        check=False,
    )
    assert _portal_rows(city, name) == portal
    published = city.state.publications(name, states=("verified", "unchanged"))[-1]
    newest = city.layer(name, "deduplicated")
    # Either the stopped content is refused, or the last good layer is found to be published.
    if newest.content_hash != published.content_hash:
        assert done.returncode != 0
        assert "gate" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def webserver(days: Days) -> Iterator[str]:
    """The real Dagster webserver over this city."""
    with dagster_webserver(days.city) as address:
        yield address


_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def _ask(address: str, query: str, variables: dict[str, object]) -> dict[str, object]:
    answer = requests.post(
        f"{address}/graphql", json={"query": query, "variables": variables}, timeout=120
    ).json()
    assert "errors" not in answer, answer
    return answer["data"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("stopped", ["deduplicated"], indirect=True)
def test_the_publisher_alone_refuses_through_graphql(
    webserver: str, stopped: tuple[City, str]
) -> None:
    """Launching the last step alone from the UI's own API publishes nothing and fails."""
    city, name = stopped
    portal = _portal_rows(city, name)
    located = _ask(
        webserver,
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }",
        {},
    )
    (node,) = located["repositoriesOrError"]["nodes"]  # type: ignore[index]
    launched = _ask(
        webserver,
        _LAUNCH,
        {
            "params": {
                "selector": {
                    "repositoryName": node["name"],
                    "repositoryLocationName": node["location"]["name"],
                    "jobName": name,
                    "assetSelection": [{"path": ["published", name]}],
                    "assetCheckSelection": [],
                },
                "runConfigData": {},
                "mode": "default",
            }
        },
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched  # type: ignore[index]
    run_id = launched["run"]["runId"]  # type: ignore[index]
    for _ in range(120):
        status = _ask(webserver, _STATUS, {"id": run_id})["runOrError"]["status"]  # type: ignore[index]
        if status in ("FAILURE", "SUCCESS"):
            break
        time.sleep(0.5)
    assert status == "FAILURE"
    assert _portal_rows(city, name) == portal
