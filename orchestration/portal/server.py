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
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette

from orchestration.portal.app import create_app
from orchestration.portal.behaviour import Behaviour
from orchestration.portal.certificates import certificate_for
from orchestration.portal.errors import PortalInUseError
from orchestration.portal.fault_middleware import Connections
from orchestration.portal.faults import Faults
from orchestration.portal.state import Portal

ADDRESS_FILE = "address.json"
TLS_ADDRESS_FILE = "tls-address.json"
USUAL_PORT = 3001
"""Where `summerware ui` and `summerware portal` serve it unless they are given another port."""
_LOCK_FILE = "portal.lock"
_START_SECONDS = 30.0
_PROBE_SECONDS = 5.0
_STOP_SECONDS = 30
_KEEP_ALIVE_SECONDS = 300
"""Longer than clients keep idle connections, so that none is closed under a request's feet."""


class PortalServer:
    """A portal in a background thread, for as long as the `with` block; `address` says where.

    `faults` can be set and taken back at any time, before and while it runs, and `behaviour` changed.
    With `tls` it also answers at `tls_address`, with the self-signed certificate in `ca_file`.

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
        max_body_bytes: int | None = None,
        behaviour: Behaviour | None = None,
        faults: Faults | None = None,
        tls: bool = False,
        tls_port: int = 0,
    ) -> None:
        self.address = ""
        self.tls_address = ""
        self.ca_file: Path | None = None
        self.faults = faults or Faults()
        behaviour = behaviour or Behaviour()
        if max_body_bytes is not None:
            behaviour = replace(behaviour, max_body_bytes=max_body_bytes)
        self._tls_port = tls_port if tls else None
        self._home = home
        self._host = _loopback(host)
        self._port = port
        self._make_app = partial(
            create_app,
            home,
            username=username,
            password=password,
            app_tokens=app_tokens,
            behaviour=behaviour,
            faults=self.faults,
        )
        self._portal: Portal | None = None
        self._behaviour = behaviour
        self._stack = ExitStack()

    @property
    def behaviour(self) -> Behaviour:
        """The switches; setting them takes effect with the next request."""
        return self._behaviour if self._portal is None else self._portal.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        if self._portal is not None:
            self._portal.behaviour = behaviour

    def __enter__(self) -> PortalServer:
        with ExitStack() as stack:
            make_app = partial(self._make_app, behaviour=self._behaviour)
            prepared = _prepared(self._home, self._host, self._port, make_app)
            server = stack.enter_context(prepared)
            self._portal = server.portal
            _run_aside(server, stack)
            self.address = server.address
            if self._tls_port is not None:
                encrypted = stack.enter_context(_encrypted(server, self._host, self._tls_port))
                _run_aside(encrypted, stack)
                self.tls_address, self.ca_file = encrypted.address, encrypted.ca_file
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
    behaviour: Behaviour | None = None,
    faults: Faults | None = None,
    tls_port: int | None = None,
    announce_tls: Callable[[str, Path], None] | None = None,
) -> None:
    """Serves a home until the process is told to stop; `announce` gets the address once it is up.

    With a `tls_port` it also answers there, and `announce_tls` gets that address and the file with
    the certificate. Raises: as PortalServer.
    """
    make_app = partial(create_app, home, behaviour=behaviour, faults=faults)
    with ExitStack() as stack:
        prepared = _prepared(home, _loopback(host), port, make_app, announce)
        server = stack.enter_context(prepared)
        if tls_port is not None:
            encrypted = stack.enter_context(_encrypted(server, _loopback(host), tls_port))
            _run_aside(encrypted, stack)
            if announce_tls is not None and encrypted.ca_file is not None:
                announce_tls(encrypted.address, encrypted.ca_file)
        stack.enter_context(suppress(KeyboardInterrupt))
        server.run_here()


def _run_aside(server: _Server, stack: ExitStack) -> None:
    """Starts a server in a thread that ends with the stack."""
    thread = threading.Thread(target=server.run_here, name="portal", daemon=True)
    stack.callback(thread.join)
    stack.callback(server.ask_to_stop)
    thread.start()
    if not server.ready.wait(_START_SECONDS):
        raise RuntimeError(f"The portal at {server.address} did not start")


def running_address(home: Path) -> str | None:
    """Where the live portal of this home answers, or None when there is none."""
    address = _announced(home / ADDRESS_FILE)
    return address if address is not None and _answers(address) else None


def lasting_address(home: Path) -> str:
    """Where people find the portal: at another process that serves it now, else at its usual port.

    One that this process started for a run ends with the run.
    """
    file = home / ADDRESS_FILE
    own = {"pid": os.getpid()}.items() <= _content(file).items()
    return (None if own else running_address(home)) or f"127.0.0.1:{USUAL_PORT}"


def running_tls(home: Path) -> tuple[str, Path] | None:
    """Where it answers over TLS, and its certificate; None where it does not."""
    address = _announced(home / TLS_ADDRESS_FILE)
    return None if address is None else (address, certificate_for(home)[0])


def _announced(file: Path) -> str | None:
    announced = _content(file)
    try:
        address, pid = str(announced["address"]), int(announced["pid"])
    except (ValueError, KeyError, TypeError):
        return None
    return address if _alive(pid) else None


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


class _Server(uvicorn.Server):
    """A uvicorn server that says where it is while it is there."""

    def __init__(
        self,
        config: uvicorn.Config,
        portal: Portal,
        listener: socket.socket,
        announce: Callable[[str], None] | None = None,
        *,
        address_file: Path | None = None,
        ca_file: Path | None = None,
    ) -> None:
        super().__init__(config)
        self.portal = portal
        self.ca_file = ca_file
        host, port = listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.ready = threading.Event()
        self._file = address_file
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
        if self._file is not None:
            written = self._file.with_suffix(".part")
            written.write_text(json.dumps({"address": self.address, "pid": os.getpid()}))
            written.replace(self._file)
        self.ready.set()
        if self._announce is not None:
            self._announce(self.address)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes the address back first; a signal may end the process right after this."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        await super().shutdown(sockets)


@contextmanager
def _prepared(
    home: Path,
    host: str,
    port: int,
    make_app: Callable[..., Starlette],
    announce: Callable[[str], None] | None = None,
) -> Iterator[_Server]:
    """A server that has its home and its port to itself, ready to run."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(home), _listening(host, port) as listener:
        connections = Connections()
        app = make_app(connections=connections)
        config = _config(app, connections, lifespan="on")
        yield _Server(
            config, app.state.portal, listener, announce, address_file=home / ADDRESS_FILE
        )


@contextmanager
def _encrypted(plain: _Server, host: str, port: int) -> Iterator[_Server]:
    """A server of the same portal over TLS; the plain one's start and end are the portal's."""
    certificate, key = certificate_for(plain.portal.store.home)
    app = plain.config.app
    assert isinstance(app, Starlette)
    with _listening(host, port) as listener:
        config = _config(
            app,
            app.state.connections,
            lifespan="off",
            ssl_certfile=str(certificate),
            ssl_keyfile=str(key),
        )
        yield _Server(
            config,
            plain.portal,
            listener,
            address_file=plain.portal.store.home / TLS_ADDRESS_FILE,
            ca_file=certificate,
        )


def _config(app: Starlette, connections: Connections, **settings: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=connections.protocol(),
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
        **settings,
    )


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
