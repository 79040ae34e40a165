"""Serves the local portal and the Dagster UI with its daemon; loopback only.

Every process started here is stopped here, by its own process id.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from orchestration.errors import ConfigurationError, PassingFault
from orchestration.instance import prepare_instance
from orchestration.portal.errors import PortalInUseError
from orchestration.portal.server import PortalServer, running_address, serve_forever
from orchestration.settings import PROJECT, Settings

HOST = "127.0.0.1"


def serve_portal(settings: Settings, port: int, *, announce: Callable[[str], None]) -> None:
    """Serves the portal until it is interrupted.

    Raises:
        PassingFault: the port is taken, or another portal serves this home.
    """
    settings.prepare()
    try:
        serve_forever(
            settings.portal_home,
            port,
            announce=lambda address: announce(f"Local portal: http://{address}"),
        )
    except PortalInUseError as error:
        address = running_address(settings.portal_home)
        raise PassingFault(f"a portal already serves this home: http://{address}") from error
    except OSError as error:
        raise PassingFault(f"port {port} is taken; choose another with --port") from error


def serve_all(
    settings: Settings, *, port: int, portal_port: int, announce: Callable[[str], None]
) -> None:
    """Serves the Dagster UI, its daemon and the portal until one ends or it is interrupted.

    Raises:
        ConfigurationError: the workspace file is not where the project keeps it.
        PassingFault: a port is taken.
    """
    prepare_instance(settings)
    workspace = PROJECT / "workspace.yaml"
    if not workspace.is_file():
        raise ConfigurationError(f"{workspace}: is missing; run from a checkout of the project")
    try:
        server = PortalServer(settings.portal_home, host=HOST, port=portal_port)
        with server:
            announce(f"Local portal:  http://{server.address}")
            announce(f"Dagster UI:    http://{HOST}:{port}  (takes some seconds to open)")
            _serve_dagster(workspace, port)
    except PortalInUseError as error:
        address = running_address(settings.portal_home)
        raise PassingFault(f"a portal already serves this home: http://{address}") from error
    except OSError as error:
        raise PassingFault(f"port {portal_port} is taken; choose another") from error


def _serve_dagster(workspace: Path, port: int) -> None:
    commands = (
        ["dagster-webserver", "-w", str(workspace), "-h", HOST, "-p", str(port)],
        ["dagster-daemon", "run", "-w", str(workspace)],
    )
    bin_folder = Path(sys.executable).parent
    children = [
        subprocess.Popen([str(bin_folder / command[0]), *command[1:]]) for command in commands
    ]
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        raise PassingFault("the Dagster UI or its daemon ended; is the port taken?")
    except KeyboardInterrupt:
        return
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
