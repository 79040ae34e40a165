"""A PostgreSQL of a test's own: its own cluster, a free loopback port, gone with the test."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

OWNER = "postgres"
"""PostgreSQL refuses to run as root: this user of Debian's package runs it then."""

START_SECONDS = 60


def folder_of_programs() -> Path:
    """Where `initdb` and `postgres` are; skips, and in CI fails, where there are none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("postgres")
    for folder in [*debian, *([Path(found).parent] if found else [])]:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    reason = "PostgreSQL is not installed: `make system-packages` installs it"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; CI never skips")
    pytest.skip(reason)


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a running server without databases of ours, as SQLAlchemy wants it."""
    programs = folder_of_programs()
    as_root = os.geteuid() == 0
    # Its path must be short for the owner of the cluster to pass through it, unlike pytest's own.
    root = Path(tempfile.mkdtemp(prefix="summerware-postgresql-"))
    owner: dict[str, str | int | list[str]] = {}
    if as_root:
        account = pwd.getpwnam(OWNER)
        os.chown(root, account.pw_uid, account.pw_gid)
        owner = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    port = free_port()
    data = root / "data"
    options = f"-D {data} -h 127.0.0.1 -p {port} -k {root} -c fsync=off -c max_connections=50"
    try:
        made = [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-N"]
        made += ["-E", "UTF8", "--locale=C"]
        subprocess.run(made, cwd=root, check=True, capture_output=True, **owner)  # type: ignore[call-overload]
        with (root / "server.log").open("wb") as log:
            server = subprocess.Popen(  # type: ignore[call-overload]
                [programs / "postgres", *options.split()],
                cwd=root,
                stdout=log,
                stderr=log,
                **owner,
            )
        try:
            _wait(server, port, root / "server.log")
            yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
        finally:
            # Fast shutdown: whoever is still connected is cut off.
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def free_port() -> int:
    """A port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="tester", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
            time.sleep(0.1)
