"""Every command of the runbook and of the operations page, executed in the situation it is for."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests
import yaml

from orchestration.alerts import findings
from orchestration.settings import PROJECT
from orchestration.sources.sample import generate
from orchestration.state.alerts import AlertStore
from tests.acceptance.city import City, copied
from tests.acceptance.documentation import blocks, real_nginx, run_block, stand_ins
from tests.receivers import Webhook, free_port, serving

RUNBOOK = PROJECT / "docs" / "runbook.md"
OPERATIONS = PROJECT / "docs" / "operations.md"
ROWS = 600
FIRST_DAY, SECOND_DAY = date(2026, 3, 1), date(2026, 3, 2)
KINDS = sorted(
    value
    for name, value in vars(findings).items()
    if name.isupper() and isinstance(value, str) and "_" in value
)


def test_every_kind_of_alert_has_its_section() -> None:
    """What it means, what is at risk, what to do, how to silence it; and no section without a kind."""
    text = RUNBOOK.read_text()
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    named = [name for name in sections if "_" in name]
    assert sorted(named) == KINDS
    for kind in KINDS:
        assert f'<a id="{kind}"></a>\n## {kind}' in text
        for word in ("Means:", "At risk:", "Do:", "Silence:"):
            assert f"**{word}**" in sections[kind]


class Trouble:
    """A city with one dataset stopped by a guard, one held, and the others in order."""

    def __init__(self, city: City, stopped: str, held: str) -> None:
        self.city = city
        self.stopped = stopped
        self.held = held

    def environment(self, section: str) -> dict[str, str]:
        """What the placeholders of a section stand for."""
        dataset = (
            self.held if section in ("publication_held", "publication_unproven") else self.stopped
        )
        publications = self.city.publications(dataset)
        good = [one["id"] for one in publications if one["state"] == "verified"]
        landed = self.city.state.extracts(dataset, source="files")
        extract = [one.id for one in landed if one.discarded_at is None][-1]
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATASET": dataset,
            "PUBLICATION": publications[-1]["id"],
            "GOOD_PUBLICATION": good[0],
            "EXTRACT": extract,
            "KEY": f"{extract}:1",
            "ALERT": AlertStore(self.city.state).alerts()[0].id,
            "NAME": "Ann",
        }


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    with pytest.MonkeyPatch.context() as environment, serving(Webhook()) as webhook:
        city = City(tmp_path_factory.mktemp("trouble"), environment)
        city.use(SUMMERWARE_DATASETS=copied(city.settings.datasets_dir, city.root / "datasets"))
        for name in ("SUMMERWARE_CHANNEL_OWNERS", "SUMMERWARE_CHANNEL_ENGINEERS"):
            environment.setenv(name, webhook.url)
        environment.setenv("SUMMERWARE_HEARTBEAT_URL", f"http://127.0.0.1:{webhook.port}/")
        environment.setenv("SUMMERWARE_DAEMON", "no")
        environment.setenv("SUMMERWARE_MIN_FREE_MB", "1")
        drop = city.root / "drop"
        environment.setenv("SUMMERWARE_EXTRACTS", str(drop))
        generate(drop, rows=ROWS, seed=7, as_of=FIRST_DAY, since=FIRST_DAY)
        assert city.run(extracts_dir=drop).exit_code == 0
        # Whatever their ids: one changes rows from day to day and is guarded, one asks for a signature.
        generate(drop, rows=ROWS, seed=7, as_of=SECOND_DAY, since=FIRST_DAY)
        files = sorted(city.settings.datasets_dir.glob("*.yaml"))
        stopped, held = files[-1], files[-2]
        _change(
            stopped, guards={"updates_share": 0.0, "deletes_share": 0.0, "rows_drop_share": 0.0}
        )
        _change(held, release="one")
        city.run(extracts_dir=drop)
        yield Trouble(city, stopped.stem, held.stem)


def _change(file: Path, **values: object) -> None:
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | values))


_IN_TURN = ("", "publication_stopped", "publication_held")
"""What waits is let go before anything runs again; then the other sections, as they stand."""


@pytest.mark.timeout(1_200)
def test_the_runbook_does_what_it_says(trouble: Trouble) -> None:
    """Each block in the state that its alert is about, whatever else is wrong meanwhile."""
    states = {
        name: [one["state"] for one in trouble.city.publications(name)][-1]
        for name in (trouble.stopped, trouble.held)
    }
    assert states == {trouble.stopped: "stopped", trouble.held: "held"}
    sections = blocks(RUNBOOK)
    done: set[tuple[str, str]] = set()
    for section in (*_IN_TURN, *(name for name in sections if name not in _IN_TURN)):
        for block in sections[section]:
            environment = trouble.environment(section)
            if (block, environment["DATASET"]) not in done:
                run_block(block, environment, PROJECT)
            done.add((block, environment["DATASET"]))
    assert trouble.city.publications(trouble.stopped)[-1]["state"] == "verified"


@pytest.fixture
def nginx() -> str:
    found = real_nginx()
    if found is None:
        pytest.skip("nginx is not installed: `make system-packages` installs it")
    return found


@pytest.mark.timeout(1_200)
def test_the_operations_page_does_what_it_says(
    trouble: Trouble, nginx: str, tmp_path: Path
) -> None:
    """Install, serve behind a login, back up, restore elsewhere, upgrade: in a clone of this project."""
    place, units, config = tmp_path / "place", tmp_path / "units", tmp_path / "nginx"
    units.mkdir()
    port, listening = free_port(), free_port()
    _prepare_nginx(config, port, listening)
    bin_folder = stand_ins(tmp_path / "bin")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.strip()
    home = tmp_path / "home"
    # By another process: closing a copied database here would drop the locks of those open here.
    subprocess.run(["cp", "-a", str(trouble.city.home), str(home)], check=True)
    environment = {
        **trouble.environment(""),
        "DATASET": next(
            name
            for name in sorted(
                path.stem for path in trouble.city.settings.datasets_dir.glob("*.yaml")
            )
            if name not in (trouble.stopped, trouble.held)
        ),
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "SUMMERWARE_HOME": str(home),
        "SUMMERWARE_DATASETS": str(place / "orchestration" / "datasets"),
        "REPOSITORY": str(PROJECT),
        "PLACE": str(place),
        "UNITS": str(units),
        "NGINX": str(config),
        "REAL_NGINX": nginx,
        "PASSWORD": "a-password",
        "BACKUP": str(tmp_path / "backup"),
        "VERSION": commit,
    }
    run = lambda block, **more: run_block(  # noqa: E731 - one line, used in the loop below
        block, environment | more, place if place.exists() else tmp_path
    )
    for section, found in blocks(OPERATIONS).items():
        for block in found:
            if "cp -a $BACKUP" in block:
                restored = tmp_path / "restored"
                # The portal is somewhere else in a real city; here it is in the home.
                shutil.copytree(home / "portal", restored / "portal")
                run(block, SUMMERWARE_HOME=str(restored))
                assert (restored / "state.db").exists()
            else:
                run(block)
            if section == "A login in front":
                _assert_login_stands_in_front(nginx, config, place, port, listening, environment)


def _prepare_nginx(config: Path, port: int, listening: int) -> None:
    """What stands around the page's file on a real machine, on ports and paths of this test."""
    (config / "conf.d").mkdir(parents=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=summerware.example.org", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(config / "privkey.pem"), "-out", str(config / "fullchain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    (config / "test.conf").write_text(
        f"pid {config}/nginx.pid; daemon off; error_log stderr; user root;\n"
        "events {}\n"
        f"http {{ access_log off; client_body_temp_path {config}/tmp; proxy_temp_path {config}/tmp;\n"
        f"fastcgi_temp_path {config}/tmp; uwsgi_temp_path {config}/tmp; scgi_temp_path {config}/tmp;\n"
        f"include {config}/conf.d/here.inc; }}\n"
    )
    (config / "conf.d" / "here.inc").write_text("")


def _assert_login_stands_in_front(
    nginx: str, config: Path, place: Path, port: int, listening: int, environment: dict[str, str]
) -> None:
    """The page's own file: nobody gets in without the password, and with it the real UI answers."""
    text = (config / "conf.d" / "summerware.conf").read_text()
    for there, here in (
        ("/etc/ssl/summerware", str(config)),
        ("/etc/nginx", str(config)),
        ("127.0.0.1:3000", f"127.0.0.1:{port}"),
        ("listen 443", f"listen 127.0.0.1:{listening}"),
    ):
        assert there in text
        text = text.replace(there, here)
    (config / "conf.d" / "here.inc").write_text(text)
    serving_nginx = subprocess.Popen([nginx, "-e", "stderr", "-c", str(config / "test.conf")])
    ui = subprocess.Popen(
        [str(place / ".venv/bin/summerware"), "ui", "--port", str(port), "--portal-port",
         str(free_port())],
        cwd=place, env={**os.environ, **environment}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"https://127.0.0.1:{listening}/server_info"
    certificate = str(config / "fullchain.pem")
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                answer = requests.get(
                    url, auth=("ann", "a-password"), verify=certificate, timeout=10
                )
                if answer.ok:
                    break
            except requests.ConnectionError:
                pass
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert "dagster_version" in answer.json()
        assert requests.get(url, verify=certificate, timeout=10).status_code == 401
        wrong = requests.get(url, auth=("ann", "guess"), verify=certificate, timeout=10)
        assert wrong.status_code == 401
    finally:
        ui.send_signal(signal.SIGTERM)
        ui.wait(timeout=60)
        serving_nginx.terminate()
        serving_nginx.wait(timeout=30)
