"""`summerware portal` and `summerware ui` as processes: their addresses, their ends, no leftovers."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.postgresql import free_port

SUMMERWARE = str(Path(sys.executable).with_name("summerware"))
START_SECONDS = 120
STOP_SECONDS = 60

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(home: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts `summerware` with these words; what still runs at the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*words: object) -> "subprocess.Popen[str]":
        with (tmp_path / f"said{len(processes)}.txt").open("w") as said:
            process = subprocess.Popen(
                [SUMMERWARE, *map(str, words)], stdout=said, stderr=said, text=True
            )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        for pid in [*descendants(process.pid), process.pid] if process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        process.wait()


def wait_until(true: Callable[[], object], seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def answers(port: int, path: str) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).ok
    except requests.ConnectionError:
        return False


def said(tmp_path: Path, number: int = 0) -> str:
    return (tmp_path / f"said{number}.txt").read_text()


def parents() -> dict[int, int]:
    """The parent of every live process of this machine."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            found[int(stat.parent.name)] = int(fields[1])
    return found


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    known = parents()
    found = [child for child, parent in known.items() if parent == pid]
    return found + [deeper for child in found for deeper in descendants(child)]


def listening(pids: list[int]) -> set[int]:
    """The ports on which these processes take connections, on whatever address."""
    sockets = {
        link.readlink().name if link.is_symlink() else ""
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").glob("*")
    }
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {
        int(fields[1].rpartition(":")[2], 16)
        for fields in lines
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets
    }


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT], ids=lambda end: end.name)
def test_portal_says_where_it_is_and_ends(
    start: Start, home: Path, tmp_path: Path, end: signal.Signals
):
    """It answers at the address that it printed; once ended it leaves no address behind."""
    port = free_port()
    portal = start("portal", "--port", port)
    wait_until(lambda: answers(port, "/"))
    wait_until(lambda: said(tmp_path))
    assert said(tmp_path) == f"Local portal: http://127.0.0.1:{port}\n"
    address = home / "portal" / "address.json"
    assert address.is_file()
    portal.send_signal(end)
    assert portal.wait(STOP_SECONDS) in (0, -end)
    assert not address.exists()
    assert not answers(port, "/")
    assert said(tmp_path).count("\n") == 1


def test_second_portal_on_a_home_is_refused(start: Start, tmp_path: Path):
    """With the address of the first, which goes on."""
    port = free_port()
    start("portal", "--port", port)
    wait_until(lambda: answers(port, "/"))
    second = start("portal", "--port", free_port())
    assert second.wait(STOP_SECONDS) == 3
    message = f"a portal already serves this home: http://127.0.0.1:{port}\n"
    assert said(tmp_path, 1) == message
    assert answers(port, "/")


@pytest.mark.parametrize("words", [["portal", "--port"], ["ui", "--port"], ["ui", "--portal-port"]])
def test_taken_port_is_refused(start: Start, tmp_path: Path, words: list[str]):
    """GateReport in one line, with the option that chooses another."""
    others = {"--portal-port": free_port(), "--port": free_port()} if words[0] == "ui" else {}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = [text for pair in (others | {words[1]: port}).items() for text in pair]
        process = start(words[0], *options)
        assert process.wait(STOP_SECONDS) == 3
    assert said(tmp_path) == f"port {port} is taken; choose another with {words[1]}\n"


def test_ui_serves_all_and_leaves_nothing(start: Start, home: Path, tmp_path: Path):
    """Webserver, daemon and portal run; told to stop, every process of them is gone."""
    port, portal_port = free_port(), free_port()
    ui = start("ui", "--port", port, "--portal-port", portal_port)
    wait_until(lambda: answers(port, "/server_info") or ui.poll() is not None)
    assert answers(portal_port, "/")
    assert f"http://127.0.0.1:{port}" in said(tmp_path)
    assert f"http://127.0.0.1:{portal_port}" in said(tmp_path)
    family = descendants(ui.pid)
    commands = " ".join(
        Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in family
    )
    assert "orchestration.webserver" in commands
    assert "dagster-daemon" in commands
    assert listening([ui.pid, *family]) == {port, portal_port}, "all else listens on no port"
    ui.terminate()
    assert ui.wait(STOP_SECONDS) == 0
    assert [pid for pid in family if pid in parents()] == []
    assert not (home / "portal" / "address.json").exists()
    assert "Traceback" not in said(tmp_path)
