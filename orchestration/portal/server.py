"""Serves a portal on the loopback interface, and finds the one that serves a home already.

A lock file keeps a second portal off the same home; `address.json` beside it says where the first
one listens. What is served is made in `app`.
"""

from __future__ import annotations

import fcntl
import http.client
import ipaddress
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType

import uvicorn
from starlette.applications import Starlette

from orchestration.portal.app import create_app
from orchestration.portal.errors import PortalInUseError
from orchestration.portal.transport import MAX_BODY_BYTES

ADDRESS_FILE = "address.json"
_LOCK_FILE = "portal.lock"
_START_SECONDS = 30.0
_PROBE_SECONDS = 5.0
_STOP_SECONDS = 30
_KEEP_ALIVE_SECONDS = 300
"""Longer than clients keep idle connections, so that none is closed under a request's feet."""


class PortalServer:
    """A portal in a background thread, for as long as the `with` block; `address` says where.

    Raises: PortalInUseError when another one serves the home; ValueError for a host that other
        machines could reach; OSError when the port is taken.
    """

    def __init__(
        self,
        home: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        username: str | None = None,
        password: str | None = None,
        app_tokens: tuple[str, ...] | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.address = ""
        self._home = home
        self._host = _loopback(host)
        self._port = port
        self._make_app = partial(
            create_app,
            home,
            username=username,
            password=password,
            app_tokens=app_tokens,
            max_body_bytes=max_body_bytes,
        )
        self._stack = ExitStack()

    def __enter__(self) -> PortalServer:
        with ExitStack() as stack:
            prepared = _prepared(self._home, self._host, self._port, self._make_app)
            server = stack.enter_context(prepared)
            thread = threading.Thread(target=server.run_here, name="portal", daemon=True)
            stack.callback(thread.join)
            stack.callback(server.ask_to_stop)
            thread.start()
            if not server.ready.wait(_START_SECONDS):
                raise RuntimeError(f"The portal at {self._home} did not start")
            self.address = server.address
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


def serve_forever(
    home: Path,
    port: int,
    *,
    host: str = "127.0.0.1",
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serves a home until the process is told to stop; `announce` gets the address once it is up.

    Raises: as PortalServer.
    """
    prepared = _prepared(home, _loopback(host), port, partial(create_app, home), announce)
    with prepared as server, suppress(KeyboardInterrupt):
        server.run_here()


def running_address(home: Path) -> str | None:
    """Where the live portal of this home answers, or None when there is none."""
    try:
        announced = json.loads((home / ADDRESS_FILE).read_text(encoding="utf-8"))
        address, pid = str(announced["address"]), int(announced["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address if _alive(pid) and _answers(address) else None


class _Server(uvicorn.Server):
    """A uvicorn server that says where it is while it is there."""

    def __init__(
        self,
        config: uvicorn.Config,
        home: Path,
        listener: socket.socket,
        announce: Callable[[str], None] | None,
    ) -> None:
        super().__init__(config)
        host, port = listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.ready = threading.Event()
        self._file = home / ADDRESS_FILE
        self._listener = listener
        self._announce = announce

    def run_here(self) -> None:
        """Serves in this thread until asked to stop."""
        self.run(sockets=[self._listener])

    def ask_to_stop(self) -> None:
        """Lets the requests under way finish, then ends."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and writes the address down once connections are taken."""
        await super().startup(sockets)
        if not self.started:
            return
        written = self._file.with_suffix(".part")
        written.write_text(json.dumps({"address": self.address, "pid": os.getpid()}))
        written.replace(self._file)
        self.ready.set()
        if self._announce is not None:
            self._announce(self.address)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes the address back first; a signal may end the process right after this."""
        self._file.unlink(missing_ok=True)
        await super().shutdown(sockets)


@contextmanager
def _prepared(
    home: Path,
    host: str,
    port: int,
    make_app: Callable[[], Starlette],
    announce: Callable[[str], None] | None = None,
) -> Iterator[_Server]:
    """A server that has its home and its port to itself, ready to run."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(home), _listening(host, port) as listener:
        config = uvicorn.Config(
            make_app(),
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="on",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        yield _Server(config, home, listener, announce)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    with (home / _LOCK_FILE).open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            address = running_address(home) or "an unknown address"
            message = f"A portal serves {home} already, at {address}; stop it or use another home"
            raise PortalInUseError(message) from error
        yield


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        yield listener


def _loopback(host: str) -> str:
    """The address of a host on this machine. Raises: ValueError for any other."""
    plain = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        loopback = ipaddress.ip_address(plain).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        message = f"The portal serves this machine only: {host!r} is no loopback address"
        raise ValueError(message)
    return plain


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/api/catalog/v1?limit=0")
        return "resultSetSize" in json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()
