"""The portal as a process: addresses, locks, restarts, many clients at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from orchestration.portal.app import create_app
from orchestration.portal.behaviour import Behaviour, with_switches
from orchestration.portal.errors import PortalInUseError
from orchestration.portal.server import ADDRESS_FILE, PortalServer, running_address, serve_forever

SUMMERWARE = str(Path(sys.executable).with_name("summerware"))


@contextmanager
def client(address: str, password: str = "local", **settings) -> Iterator[Socrata]:
    adapter = {"prefix": "http://", "adapter": HTTPAdapter()}
    login = {"username": "local", "password": password, "timeout": 60}
    with Socrata(address, "local", session_adapter=adapter, **login, **settings) as soda:
        yield soda


def make(soda: Socrata) -> str:
    columns = [
        {"fieldName": "key", "name": "Key", "dataTypeName": "text"},
        {"fieldName": "n", "name": "N", "dataTypeName": "number"},
    ]
    return str(soda.create("A test", columns=columns, row_identifier="key")["id"])


def test_address_is_known_while_it_serves(tmp_path):
    """`address.json` is there from the first answer to the end, and no longer."""
    home = tmp_path / "home"
    with PortalServer(home) as server:
        announced = json.loads((home / ADDRESS_FILE).read_text())
        assert announced == {"address": server.address, "pid": os.getpid()}
        assert running_address(home) == server.address
    assert running_address(home) is None
    assert not (home / ADDRESS_FILE).exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"address": "127.0.0.1:1", "pid": 999999999}', '{"address": 1, "pid": "x"}'],
)
def test_stale_address_is_no_portal(tmp_path, text):
    """What a killed portal left behind is not believed."""
    (tmp_path / ADDRESS_FILE).write_text(text)
    assert running_address(tmp_path) is None


def test_living_process_that_is_no_portal(tmp_path):
    """A process id that was given to somebody else does not answer."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
    announced = {"address": address, "pid": os.getpid()}
    (tmp_path / ADDRESS_FILE).write_text(json.dumps(announced))
    assert running_address(tmp_path) is None


def test_second_portal_on_a_home_is_refused(tmp_path):
    """It says where the first one is, which goes on serving."""
    with PortalServer(tmp_path) as first:
        with pytest.raises(PortalInUseError, match=first.address), PortalServer(tmp_path):
            pass
        assert running_address(tmp_path) == first.address


def test_two_homes_can_be_served_at_once(tmp_path):
    """Portals on different homes know nothing of each other."""
    with PortalServer(tmp_path / "a") as one, PortalServer(tmp_path / "b") as two:
        with client(one.address) as soda:
            make(soda)
        with client(two.address) as soda:
            assert soda.datasets() == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.org", "", "::"])
def test_only_loopback_is_served(tmp_path, host):
    """The portal is not for other machines."""
    with pytest.raises(ValueError, match="this machine only"):
        PortalServer(tmp_path, host=host)
    with pytest.raises(ValueError, match="this machine only"):
        serve_forever(tmp_path, 0, host=host)


def test_taken_port_is_an_error(tmp_path):
    """A port that somebody has is said to be taken, and the home is free again."""
    with PortalServer(tmp_path / "a") as first:
        port = int(first.address.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), PortalServer(tmp_path / "b", port=port):
            pass
    with PortalServer(tmp_path / "b"):
        pass


def test_home_is_for_its_owner_alone(tmp_path):
    """The folder is made with mode 0700."""
    home = tmp_path / "deep" / "home"
    with PortalServer(home):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_rows_outlive_the_server(tmp_path):
    """What was acknowledged is there after a restart."""
    with PortalServer(tmp_path) as server, client(server.address) as soda:
        dataset = make(soda)
        soda.upsert(dataset, [{"key": "a", "n": 1}])
        before = soda.get(dataset, select=":*,*")
    with PortalServer(tmp_path) as server, client(server.address) as soda:
        assert soda.get(dataset, select=":*,*") == before


def test_home_of_another_version_is_refused(tmp_path):
    """A database that this portal did not make is left alone."""
    with closing(sqlite3.connect(tmp_path / "portal.sqlite3")) as connection:
        connection.execute("pragma user_version = 99")
    with pytest.raises(RuntimeError, match="another version"):
        create_app(tmp_path)


def test_credentials_can_be_given(tmp_path, monkeypatch):
    """By argument, or from the environment; the local ones then no longer work."""
    monkeypatch.setenv("SUMMERWARE_PORTAL_PASSWORD", "from the environment")
    monkeypatch.setenv("SUMMERWARE_PORTAL_APP_TOKENS", "local, other")
    for given in (None, "given"):
        with PortalServer(tmp_path, password=given) as server:
            with client(server.address, given or "from the environment") as soda:
                make(soda)
            with client(server.address) as soda, pytest.raises(requests.HTTPError, match="401"):
                make(soda)


def test_body_over_the_limit_is_a_413(tmp_path):
    """It says the limit, and the rows stay (2.3)."""
    with PortalServer(tmp_path, max_body_bytes=1000) as server, client(server.address) as soda:
        dataset = make(soda)
        with pytest.raises(requests.HTTPError) as caught:
            soda.upsert(dataset, [{"key": "x" * 5_000_000}])
        assert caught.value.response.status_code == 413
        assert caught.value.response.json()["data"] == {"limit": 1000}
        assert soda.get(dataset) == []


def test_command_line_serves_until_it_is_told_to_stop(tmp_path):
    """A process of its own announces itself, and takes its address back when it is ended."""
    code = (
        "import sys; from pathlib import Path;"
        "from orchestration.portal.server import serve_forever;"
        "serve_forever(Path(sys.argv[1]), 0, announce=lambda address: print(address, flush=True))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert running_address(tmp_path) == address
        process.send_signal(signal.SIGTERM)
    assert not (tmp_path / ADDRESS_FILE).exists()


def test_killed_portal_loses_nothing_it_acknowledged(tmp_path):
    """After SIGKILL the home can be served again, with every acknowledged row."""
    code = (
        "import sys; from pathlib import Path;"
        "from orchestration.portal.server import serve_forever; serve_forever(Path(sys.argv[1]), 0)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as process:
        address = wait_for_address(tmp_path)
        with client(address) as soda:
            dataset = make(soda)
            for n in range(20):
                soda.upsert(dataset, [{"key": f"k{n}", "n": n}])
        process.kill()
    with PortalServer(tmp_path) as server, client(server.address) as soda:
        assert soda.get(dataset, select="count(*) as n") == [{"n": "20"}]


def wait_for_address(home: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        address = running_address(home)
        if address:
            return address
        time.sleep(0.05)
    raise AssertionError("the portal did not start")


def test_many_writers_at_once(tmp_path):
    """Writers take turns: every row of every one is there, and readers see whole requests."""
    with PortalServer(tmp_path) as server, client(server.address) as soda:
        dataset = make(soda)

        def write(writer: int) -> None:
            with client(server.address) as mine:
                for chunk in range(5):
                    rows = [{"key": f"{writer}-{chunk}-{n}", "n": writer} for n in range(100)]
                    assert mine.upsert(dataset, rows)["Rows Created"] == 100
                    (row,) = mine.get(dataset, select="count(*) as n")
                    assert int(row["n"]) % 100 == 0

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(write, range(6)))
        assert soda.get(dataset, select="count(*) as n, sum(n) as s") == [
            {"n": "3000", "s": "7500"}
        ]


def test_readers_see_the_old_rows_while_a_replacement_runs(tmp_path):
    """A PUT is never half seen: there are all the old rows or all the new ones (2.3)."""
    with PortalServer(tmp_path) as server, client(server.address) as soda:
        dataset = make(soda)
        soda.replace(dataset, [{"key": f"k{n}", "n": 0} for n in range(2000)])

        def look() -> set[tuple[str, str, str]]:
            with client(server.address) as mine:
                query = "count(*) as n, min(n) as low, max(n) as high"
                found = [mine.get(dataset, select=query)[0] for _ in range(40)]
            return {(row["n"], row["low"], row["high"]) for row in found}

        with ThreadPoolExecutor(2) as pool:
            looking = [pool.submit(look) for _ in range(2)]
            for version in range(1, 6):
                soda.replace(dataset, [{"key": f"k{n}", "n": version} for n in range(2000)])
            seen = set().union(*(future.result() for future in looking))
    assert {count for count, _, _ in seen} == {"2000"}
    assert all(low == high for _, low, high in seen)


def test_tls_beside_plain_http(tmp_path):
    """One portal, two addresses; the certificate is trusted only by who is given it (2.2)."""
    with PortalServer(tmp_path, tls=True) as server:
        with client(server.address) as soda:
            dataset = make(soda)
        url = f"https://{server.tls_address}/api/views/{dataset}.json"
        login = ("local", "local")
        shown = requests.get(url, auth=login, verify=str(server.ca_file))
        assert shown.json()["id"] == dataset
        by_name = url.replace("127.0.0.1", "localhost")
        assert requests.get(by_name, auth=login, verify=str(server.ca_file)).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, auth=login)
        assert stat.S_IMODE((tmp_path / "tls" / "key.pem").stat().st_mode) == 0o600


def test_tls_certificate_is_made_once(tmp_path):
    """A second start has the same one, so that clients can keep trusting it."""
    made = []
    for _ in range(2):
        with PortalServer(tmp_path, tls=True) as server:
            made.append(server.ca_file.read_bytes())
    assert made[0] == made[1]


def test_tls_can_be_demanded(tmp_path):
    """With the switch, logins work over TLS and are refused without (2.2)."""
    behaviour = with_switches(Behaviour(), {"require_tls": True})
    with PortalServer(tmp_path, tls=True, behaviour=behaviour) as server:
        with pytest.raises(requests.HTTPError, match="403"), client(server.address) as soda:
            make(soda)
        url = f"https://{server.tls_address}/api/views.json"
        bundle = str(server.ca_file)
        made = requests.post(url, json={"name": "x"}, auth=("local", "local"), verify=bundle)
        assert made.status_code == 200


def test_reset_works_over_tls(tmp_path):
    """A fault cuts encrypted connections as well."""
    with PortalServer(tmp_path, tls=True) as server:
        server.faults.add("reset-before:times=1@POST /api/views")
        url = f"https://{server.tls_address}/api/views.json"
        with pytest.raises(requests.ConnectionError):
            requests.post(url, json={"name": "x"}, verify=str(server.ca_file), timeout=10)


def test_command_line_takes_switches_and_faults(tmp_path):
    """`--switch`, `--profile`, `--fault` and `--tls-port`; a misspelt one is a usage error."""
    profile = tmp_path / "profile.yaml"
    profile.write_text("switches: {counters: four}\n")
    command = [
        *(SUMMERWARE, "portal", "--port", "0", "--tls-port", "0"),
        *("--profile", str(profile), "--switch", "errors_counter=when any"),
        *("--fault", "503:at=2@POST /resource/"),
    ]
    environment = {**os.environ, "SUMMERWARE_HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline(), process.stdout.readline()]
        address = next(line for line in said if "http://" in line).split("http://")[1].strip()
        assert any("https://" in line and "certificate.pem" in line for line in said)
        with client(address) as soda:
            dataset = make(soda)
            answer = soda.upsert(dataset, [{"key": "a"}])
            assert set(answer) == {"Rows Created", "Rows Updated", "Rows Deleted"}
            with pytest.raises(requests.HTTPError, match="503"):
                soda.upsert(dataset, [{"key": "b"}])
        process.terminate()
    for wrong in ("--fault=nonsense", "--switch=nonsense=1", "--profile=/nowhere"):
        ran = subprocess.run(
            [SUMMERWARE, "portal", wrong],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 2
        assert "nonsense" in ran.stderr or "nowhere" in ran.stderr
