"""The real UI and daemon: a schedule that launches by itself, and a failure that is really sent.

One dataset is due each minute and may quarantine nothing, so that its sample stops at a gate; the
others wait for six o'clock.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from playwright.sync_api import Page, expect

from orchestration.settings import PACKAGE
from tests.integration.postgresql import free_port
from tests.receivers import Webhook, serving

SUMMERWARE = str(Path(sys.executable).with_name("summerware"))
FORCE = "use_of_force"
SCHEDULE = f"{FORCE}_on_time"
START_SECONDS = 240


@dataclass(frozen=True, kw_only=True)
class Living:
    """Where the UI answers, who receives alerts, and the environment of both."""

    address: str
    webhook: Webhook
    environment: dict[str, str]

    def doctor(self) -> dict[str, dict[str, Any]]:
        ended = subprocess.run(
            [SUMMERWARE, "doctor", "--json"],
            capture_output=True, text=True, check=False, env=self.environment,
        )  # fmt: skip
        return {one["name"]: one for one in json.loads(ended.stdout)}

    def ask(self, query: str) -> dict[str, Any]:
        answer = requests.post(f"{self.address}/graphql", json={"query": query}, timeout=30)
        return answer.json()["data"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """`summerware ui` over a home of its own."""
    root = tmp_path_factory.mktemp("living")
    datasets = root / "datasets"
    shutil.copytree(PACKAGE / "datasets", datasets)
    file = datasets / f"{FORCE}.yaml"
    content = yaml.safe_load(file.read_text())
    content["schedule"] = "* * * * *"
    content["limits"]["quarantined_share"] = 0
    content["alerts"] = {"digest_at": None}
    file.write_text(yaml.safe_dump(content))
    with serving(Webhook()) as webhook:
        port = free_port()
        environment = {
            **os.environ,
            "SUMMERWARE_HOME": str(root / "home"),
            "SUMMERWARE_DATASETS": str(datasets),
            "SUMMERWARE_SAMPLE_ROWS": "2000",
            "SUMMERWARE_CHANNEL_OWNERS": webhook.url,
            "SUMMERWARE_CHANNEL_ENGINEERS": webhook.url,
            "SUMMERWARE_UI_URL": f"http://127.0.0.1:{port}",
        }
        with (root / "said.txt").open("w") as said:
            process = subprocess.Popen(
                [SUMMERWARE, "ui", "--port", str(port), "--portal-port", str(free_port())],
                env=environment, stdout=said, stderr=said,
            )  # fmt: skip
            try:
                made = Living(
                    address=f"http://127.0.0.1:{port}", webhook=webhook, environment=environment
                )
                wait_until(lambda: _answers(made.address))
                yield made
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/server_info", timeout=5).ok
    except requests.RequestException:
        return False


def test_a_schedule_launches_by_itself(living: Living) -> None:
    """The daemon launches the dataset that is due, and that dataset alone."""
    query = "{runsOrError{... on Runs{results{status tags{key value} assets{key{path}}}}}}"

    def runs() -> list[dict[str, Any]]:
        return [
            run
            for run in living.ask(query)["runsOrError"]["results"]
            if {"key": "dagster/schedule_name", "value": SCHEDULE} in run["tags"]
        ]

    wait_until(lambda: any(run["status"] == "FAILURE" for run in runs()))
    made = {asset["key"]["path"][-1] for run in runs() for asset in run["assets"]}
    assert FORCE in made
    assert all(FORCE in name for name in made), "its models have it in their names"


def test_a_failed_gate_is_really_sent(living: Living) -> None:
    """By the sensor in the daemon, with a link to the check's page."""
    failed = "more than the limit of 0.0%: the standardized gate stopped everything."
    wait_until(lambda: any(failed in body for body in living.webhook.bodies))
    message = next(body for body in living.webhook.bodies if failed in body)
    assert f"{living.address}/assets/standardized/{FORCE}?view=checks" in message
    assert set(living.webhook.ids(over=False).values()) == {1}


def test_the_schedule_page_shows_the_ticks(
    living: Living, page: Page, picture: Callable[[Page, str], None]
) -> None:
    """When it ran last and when it is due, in the city's time."""
    page.goto(f"{living.address}/locations/summerware/schedules/{SCHEDULE}")
    expect(page.get_by_text("America/Chicago").first).to_be_visible()
    expect(page.get_by_text("1 run requested").first).to_be_visible()
    picture(page, "schedule")


def test_the_sensor_page_says_what_it_saw(
    living: Living, page: Page, picture: Callable[[Page, str], None]
) -> None:
    """Each tick says how many alerts are open and what became of the messages."""
    page.goto(f"{living.address}/locations/summerware/sensors/alerts")
    page.get_by_role("button", name="0 runs requested").first.click()
    expect(page.get_by_text("alerts are open").first).to_be_visible()
    picture(page, "alert-sensor")


def test_the_doctor_finds_all_alive_until_somebody_switches_it_off(living: Living) -> None:
    """Daemon, schedules and sensor; then one schedule is stopped in the UI."""
    wait_until(lambda: all(one["is_well"] for one in living.doctor().values()))
    schedules = "{schedulesOrError(repositorySelector:%s){... on Schedules{results{name id}}}}"
    where = '{repositoryName:"__repository__",repositoryLocationName:"summerware"}'
    found = living.ask(schedules % where)["schedulesOrError"]["results"]
    (mine,) = [one["id"] for one in found if one["name"] == SCHEDULE]
    living.ask('mutation{stopRunningSchedule(id:"%s"){__typename}}' % mine)  # noqa: UP031
    health = living.doctor()
    # For the tests that come after this one, in whatever order.
    selector = where.replace("}", f',scheduleName:"{SCHEDULE}"}}')
    living.ask("mutation{startSchedule(scheduleSelector:%s){__typename}}" % selector)  # noqa: UP031
    assert health[f"schedule {SCHEDULE}"]["seen"] == "somebody switched it off"
    assert health["schedule daily_at_six"]["is_well"]
    assert living.doctor()[f"schedule {SCHEDULE}"]["is_well"]
