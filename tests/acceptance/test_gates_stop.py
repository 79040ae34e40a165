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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from orchestration.dataset import Dataset, load_datasets
from orchestration.gates.suites import SUITES
from orchestration.publishing.targets import local_portal
from orchestration.schedules import DAILY
from orchestration.settings import Settings
from orchestration.sources.sample import generate
from orchestration.state.store import Layer
from tests.acceptance.city import City, copied, dagster_webserver, dataset_ids, environment_of

ROWS = 600
FIRST_DAY = date(2026, 3, 1)
BELOW = {
    "raw": ("standardized", "deduplicated"),
    "standardized": ("deduplicated",),
    "deduplicated": (),
}


class Days:
    """A city that publishes one more sample day at each turn, some datasets broken or none."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._numbers = itertools.count(1)

    def next(self, spoils: Mapping[str, Callable[[Path], None]] | None = None) -> Path:
        """A drop folder with the next day's extracts, those of the datasets named spoilt."""
        day = FIRST_DAY + timedelta(days=next(self._numbers))
        folder = self.city.root / "days" / day.isoformat()
        generate(folder, rows=ROWS, seed=7, as_of=day, since=FIRST_DAY)
        for dataset, spoil in (spoils or {}).items():
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


SPOILS = {"raw": _rename_a_required_column, "standardized": _break_many_dates}
"""What stops a dataset at a gate that judges its extract; a mart needs a broken model."""


def _spoils(city: City, layers: Mapping[str, str]) -> dict[str, Callable[[Path], None]]:
    """What stops each dataset behind its layer."""
    datasets = load_datasets(city.settings.datasets_dir)
    return {
        name: SPOILS[layer](datasets[name]) for name, layer in layers.items() if layer in SPOILS
    }


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
        with (project / "templates" / "mart.sql.jinja").open("a") as template:
            template.write(f"[% if id == '{name}' %]\nlimit 1\n[% endif %]\n")
        return project

    return broken


@pytest.mark.parametrize("first", range(len(dataset_ids())), ids=dataset_ids())
def test_a_gate_stops_its_dataset_and_no_other(
    days: Days,
    first: int,
    broken_models: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing below the gate is made, the portal stays as it was, the others are published.

    Three datasets are stopped in one run, each at another gate; in four runs, each at each.
    """
    city = days.city
    names = [*dataset_ids()[first:], *dataset_ids()[:first]]
    stopped = dict(zip(names, SUITES, strict=False))
    folder = days.next(_spoils(city, stopped))
    monkeypatch.setenv("SUMMERWARE_DBT_PROJECT", str(broken_models(names[-2])))
    before = _snapshots(city)
    portal = {name: _portal_rows(city, name) for name in stopped}
    made_before = {
        (name, below): city.layer(name, below).id
        for name, layer in stopped.items()
        for below in BELOW[layer]
    }

    summary = city.run(extracts_dir=folder)
    for name in stopped:
        city.discard_newest(name)

    assert summary.exit_code == 1
    told = {one["dataset"]: one for one in summary.datasets}
    after = _snapshots(city)
    for name, layer in stopped.items():
        assert told[name]["gates"][SUITES[layer]] == "failed"
        assert told[name]["publication"] is None
        assert _portal_rows(city, name) == portal[name]
        assert after[name] == before[name]
    assert {(name, below): city.layer(name, below).id for name, below in made_before} == made_before
    assert told[names[-1]]["publication"]["state"] == "verified", told[names[-1]]
    assert after[names[-1]] != before[names[-1]]


@pytest.fixture
def crashing_suite(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy of the suites in which a warning of one dataset crashes."""

    def crashing(name: str) -> Path:
        suites = copied(Settings.from_environment().expectations_dir, tmp_path / "expectations")
        file = suites / name / "standardized.yaml"
        content = yaml.safe_load(file.read_text())
        content["expectations"].append(
            {
                "type": "unexpected_rows_expectation",
                "kwargs": {"unexpected_rows_query": "select nowhere from {batch}"},
                "severity": "warning",
                "meta": {
                    "rule_id": "crashes",
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
    """A dataset whose mart fails its gate, or that a crashed rule stops: the test's parameter."""
    city, name = days.city, dataset_ids()[-1]
    if request.param == "deduplicated":
        monkeypatch.setenv("SUMMERWARE_DBT_PROJECT", str(broken_models(name)))
    else:
        monkeypatch.setenv("SUMMERWARE_EXPECTATIONS", str(crashing_suite(name)))
    assert city.run(name, extracts_dir=days.next()).exit_code != 0
    city.discard_newest(name)
    return city, name


def _publish_alone(city: City, *names: str) -> subprocess.CompletedProcess[str]:
    """The last step of some datasets and nothing else, by `dagster asset materialize`."""
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "dagster"),
            "asset",
            "materialize",
            "--select",
            " or ".join(f'key:"published/{name}"' for name in names),
            "-m",
            "orchestration.definitions",
        ],
        env=environment_of(city),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("stopped", ["deduplicated", "broken"], indirect=True)
def test_the_publisher_alone_refuses_from_the_command_line(stopped: tuple[City, str]) -> None:
    """`dagster asset materialize` of the last step alone publishes nothing."""
    city, name = stopped
    portal = _portal_rows(city, name)
    done = _publish_alone(city, name)
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
_STATUS = """
query Status($id: ID!) {
  runOrError(runId: $id) {
    ... on Run {
      status
      stepStats { stepKey status }
      eventConnection {
        events { ... on ExecutionStepFailureEvent { stepKey failureMetadata { description } } }
      }
    }
  }
}
"""


def _ask(address: str, query: str, variables: dict[str, object]) -> dict[str, Any]:
    answer = requests.post(
        f"{address}/graphql", json={"query": query, "variables": variables}, timeout=120
    ).json()
    assert "errors" not in answer, answer
    return answer["data"]  # type: ignore[no-any-return]


def _launch_publishers(address: str, *names: str) -> dict[str, Any]:
    """The last step of some datasets and nothing else, by GraphQL; the run when it has ended."""
    located = _ask(
        address,
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }",
        {},
    )
    (node,) = located["repositoriesOrError"]["nodes"]
    launched = _ask(
        address,
        _LAUNCH,
        {
            "params": {
                "selector": {
                    "repositoryName": node["name"],
                    "repositoryLocationName": node["location"]["name"],
                    "jobName": names[0] if len(names) == 1 else DAILY,
                    "assetSelection": [{"path": ["published", name]} for name in names],
                    "assetCheckSelection": [],
                },
                "runConfigData": {},
                "mode": "default",
            }
        },
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    for _ in range(120):
        run: dict[str, Any] = _ask(address, _STATUS, {"id": launched["run"]["runId"]})["runOrError"]
        if run["status"] in ("FAILURE", "SUCCESS"):
            break
        time.sleep(0.5)
    return run


@pytest.mark.parametrize("stopped", ["deduplicated"], indirect=True)
def test_the_publisher_alone_refuses_through_graphql(
    webserver: str, stopped: tuple[City, str]
) -> None:
    """Launching the last step alone from the UI's own API publishes nothing and fails."""
    city, name = stopped
    portal = _portal_rows(city, name)
    assert _launch_publishers(webserver, name)["status"] == "FAILURE"
    assert _portal_rows(city, name) == portal


@dataclass(frozen=True, kw_only=True)
class EarlyStop:
    """A city whose last day made no mart; the marts and the portal as they were before that day."""

    city: City
    webserver: str
    good: dict[str, Layer]
    portal: str

    @property
    def refusal(self) -> str:
        """What the last step says when it is launched alone."""
        if self.good:
            return "the newest extract was stopped at the"
        return "there is no finished deduplicated layer"

    def assert_nothing_was_published(self) -> None:
        """The portal is as it was, and so is the list of publications."""
        assert self.city.portal_digest() == self.portal
        for name in dataset_ids():
            newest = self.city.state.newest_layer(name, "deduplicated")
            assert newest == self.good.get(name)
            if newest is None:
                assert self.city.state.publications(name) == []
                assert self.city.state.portal_ids("local", name) == {}
                continue
            (only,) = self.city.state.publications(name)
            assert (only.state, only.layer_id) == ("verified", newest.id)


@pytest.fixture(scope="module", params=["nothing_published", "good_day_published"])
def early_stop(request: pytest.FixtureRequest, new_city: Callable[[], City]) -> Iterator[EarlyStop]:
    """Every other dataset stopped at raw, the rest at standardized; the other way in the other city."""
    city, has_past = new_city(), request.param == "good_day_published"
    days, good = Days(city), {}
    if has_past:
        assert city.run(extracts_dir=days.next()).exit_code == 0
        good = {name: city.layer(name, "deduplicated") for name in dataset_ids()}
    layers = dict(zip(dataset_ids(), itertools.cycle(sorted(SPOILS, reverse=has_past))))
    with local_portal(city.settings):  # An empty portal is one too.
        portal = city.portal_digest()
    summary = city.run(extracts_dir=days.next(_spoils(city, layers)))
    assert summary.exit_code == 1
    for told in summary.datasets:
        assert told["gates"][SUITES[layers[told["dataset"]]]] == "failed", told
    with dagster_webserver(city) as address:
        yield EarlyStop(city=city, webserver=address, good=good, portal=portal)


def test_after_an_early_stop_the_command_line_publishes_nothing(early_stop: EarlyStop) -> None:
    """The last steps by `dagster asset materialize` fail and write nothing."""
    done = _publish_alone(early_stop.city, *dataset_ids())
    early_stop.assert_nothing_was_published()
    assert done.returncode != 0
    for name in dataset_ids():
        assert f"{name}: {early_stop.refusal}" in done.stdout + done.stderr


def test_after_an_early_stop_graphql_publishes_nothing(early_stop: EarlyStop) -> None:
    """The last steps from the UI's own API fail and write nothing."""
    run = _launch_publishers(early_stop.webserver, *dataset_ids())
    early_stop.assert_nothing_was_published()
    assert {step["stepKey"]: step["status"] for step in run["stepStats"]} == {
        f"published__{name}": "FAILURE" for name in dataset_ids()
    }
    refused = [one["failureMetadata"] for one in run["eventConnection"]["events"] if one]
    assert len(refused) == len(dataset_ids())
    for one in refused:
        assert early_stop.refusal in one["description"]
