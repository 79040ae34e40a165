"""Serves the local portal and the Dagster UI with its daemon; loopback only.

Every process started here is stopped here, by its own process id.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from orchestration.errors import ConfigurationError, TransientError
from orchestration.instance import open_instance
from orchestration.portal.errors import PortalInUseError
from orchestration.portal.server import PortalServer, running_address
from orchestration.settings import HOST, LOCAL, WORKSPACE, Settings

_STOP_SECONDS = 20


def serve_all(
    settings: Settings, *, port: int, portal_port: int, announce: Callable[[str], None]
) -> None:
    """Serves the Dagster UI, its daemon and the local portal, if that is in use, until one ends.

    Raises:
        ConfigurationError: the workspace file is not where the project keeps it.
        TransientError: a port is taken.
    """
    with open_instance(settings):
        pass
    if not WORKSPACE.is_file():
        raise ConfigurationError(f"{WORKSPACE}: is missing; install summerware again")
    _refuse_taken(port)
    with ExitStack() as stack:
        stack.enter_context(suppress(KeyboardInterrupt))
        stack.enter_context(_terminated_as_interrupted())
        if settings.portal == LOCAL:
            announce(f"Local portal:  http://{_serve_portal(settings, stack, portal_port)}")
        announce(f"Dagster UI:    http://{HOST}:{port}  (takes some seconds to open)")
        _serve_dagster(port)


def _serve_portal(settings: Settings, stack: ExitStack, port: int) -> str:
    """The address of a portal that ends with the stack."""
    server = PortalServer(settings.portal_home, host=HOST, port=port)
    try:
        stack.enter_context(server)
    except PortalInUseError as error:
        address = running_address(settings.portal_home)
        raise TransientError(f"a portal already serves this home: http://{address}") from error
    except OSError as error:
        raise TransientError(f"port {port} is taken; choose another with --portal-port") from error
    return server.address


def _refuse_taken(port: int) -> None:
    # Dagster would take another port, or end after many seconds.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise TransientError(f"port {port} is taken; choose another with --port") from error


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends like Ctrl-C, so that what was started is stopped."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _serve_dagster(port: int) -> None:
    commands = (
        # Not Dagster's own command, which any page of the web may command.
        [sys.executable, "-m", "orchestration.webserver", str(port)],
        [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", str(WORKSPACE)],
    )
    children: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            # A session of its own: Ctrl-C reaches us alone, and its children end as one group.
            children.append(subprocess.Popen(command, start_new_session=True))
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        raise TransientError("the Dagster UI or its daemon ended; its last words stand above")
    finally:
        _stop(children)


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        # Dagster's code servers, where they outlive it.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
