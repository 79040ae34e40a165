"""All that listens, on loopback, each with something in it that a stranger could change."""

import socket
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import dagster as dg
import requests
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from orchestration.portal.app import create_app
from orchestration.portal.server import PortalServer
from orchestration.settings import PROJECT, Settings
from orchestration.state.store import State
from orchestration.webserver import guard_ui
from tests.grove import served

WIPE = 'mutation{wipeAssets(assetPartitionRanges:[{assetKey:{path:["kept"]}}]){__typename}}'
"""Loses an asset's history, without a question."""
PUBLIC = "summerware.example.org"


@dataclass(frozen=True, kw_only=True)
class Listener:
    """One address, what it serves there, and how to see whether anything of it changed."""

    name: str
    port: int
    routes: list[tuple[str, frozenset[str]]]
    look: Callable[[], Any]
    change: tuple[str, str, dict[str, str], str]
    """What really changes it: method, path, headers, body."""
    restore: Callable[[], object] = lambda: None
    """Puts back what that took away."""
    sockets: list[str] = field(default_factory=list)
    user: str = ""
    """Name and password, where there is a login."""
    own_path: str = "/"
    """A page of its own."""
    tls: ssl.SSLContext | None = None
    _connections: list[HTTPConnection] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> int:
        """The status that a request ends with, logged in, and with these headers and no others."""
        login = {"Authorization": "Basic " + b64encode(self.user.encode()).decode()}
        sent = {"Host": self.host, **(login if self.user else {}), **(headers or {})}
        # A connection is used again: a handshake for each request would take most of the time.
        kept = [self._connections.pop()] if self._connections else []
        for made in (*kept, self._connect()):
            try:
                return self._send(made, method, path, sent, body)
            except ConnectionError:
                # The server ended it after the last answer.
                made.close()
        raise AssertionError(f"{self.name} answers nothing to {method} {path}")

    def _send(
        self, made: HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: str
    ) -> int:
        made.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            made.putheader(name, value)
        if body:
            made.putheader("Content-Length", str(len(body.encode())))
        made.endheaders(body.encode() or None)
        answer = made.getresponse()
        if answer.status == 101:
            made.close()
        else:
            answer.read()
            self._connections.append(made)
        return answer.status

    def close(self) -> None:
        """Ends the connections that are kept."""
        while self._connections:
            self._connections.pop().close()

    def _connect(self) -> HTTPConnection:
        if self.tls:
            return HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.tls)
        return HTTPConnection("127.0.0.1", self.port, timeout=60)


def _routes(app: Any, **values: str) -> list[tuple[str, frozenset[str]]]:
    """Every path with its parameters filled in, and its methods."""
    found = []
    for route in app.routes:
        path = getattr(route, "path_format", getattr(route, "path", ""))
        for name in getattr(route, "param_convertors", {}):
            path = path.replace(f"{{{name}}}", values.get(name, "1"))
        if isinstance(route, Route):
            found.append((path, frozenset(route.methods or {"GET"})))
        elif not isinstance(route, WebSocketRoute):
            found.append((path, frozenset({"GET"})))
    return found


@contextmanager
def served_ui(folder: Path, guard: Callable[[ASGIApp], ASGIApp]) -> Iterator[Listener]:
    """The real UI behind a guard, over an instance with one asset in it."""
    folder.mkdir()
    with (
        dg.DagsterInstance.local_temp(str(folder)) as instance,
        WorkspaceProcessContext(
            instance, version="", workspace_load_target=EmptyWorkspaceTarget()
        ) as context,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):

        def keep() -> None:
            instance.report_runless_asset_event(dg.AssetMaterialization("kept"))

        keep()
        app = create_app_from_workspace_process_context(context)
        server = uvicorn.Server(
            uvicorn.Config(guard(app), log_level="critical", lifespan="off", timeout_keep_alive=600)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield Listener(
            name="ui",
            port=listener.getsockname()[1],
            routes=_routes(app, path="runs"),
            look=lambda: (
                sorted(key.to_user_string() for key in instance.all_asset_keys()),
                instance.event_log_storage.get_maximum_record_id(),
            ),
            restore=keep,
            change=("POST", "/graphql", {"Content-Type": "application/json"}, _graphql(WIPE)),
            sockets=[one.path for one in app.routes if isinstance(one, WebSocketRoute)],
        )
        server.should_exit = True
        thread.join()


def _graphql(query: str) -> str:
    return '{"query": "%s"}' % query.replace('"', '\\"')  # noqa: UP031 - braces


@contextmanager
def served_portal(home: Path) -> Iterator[list[Listener]]:
    """The portal, in the clear and over TLS, with one row in one dataset."""
    with PortalServer(home, tls=True) as portal:
        port, tls_port = (
            int(one.rpartition(":")[2]) for one in (portal.address, portal.tls_address)
        )
        assert portal._portal is not None
        store = portal._portal.store
        fourfour = _dataset(port)
        app = create_app(home / "routes")
        app.state.portal.close()
        path = f"/resource/{fourfour}.json"

        def look() -> Any:
            with store.reading() as connection:
                names = connection.execute("select name from sqlite_master where type = 'table'")
                tables = [name for (name,) in names.fetchall() if not name.startswith("sqlite_")]
                return [connection.execute(f'select * from "{one}"').fetchall() for one in tables]

        plain = Listener(
            name="portal",
            port=port,
            routes=_routes(app, name=fourfour, fourfour=fourfour, row="a"),
            look=look,
            change=("POST", path, {"Content-Type": "application/json"}, '[{"key": "b"}]'),
            user="local:local",
            own_path="/login",
        )
        tls = ssl.create_default_context(cafile=str(portal.ca_file))
        yield [
            plain,
            replace(plain, name="portal over TLS", port=tls_port, tls=tls, _connections=[]),
        ]


def _dataset(port: int) -> str:
    made = requests.post(
        f"http://127.0.0.1:{port}/api/views.json",
        json={
            "name": "Kept",
            "metadata": {"rowIdentifier": "key"},
            "columns": [{"fieldName": "key", "name": "Key", "dataTypeName": "text"}],
        },
        auth=("local", "local"), timeout=60,
    )  # fmt: skip
    return str(made.json()["id"])


@contextmanager
def served_page(settings: Settings, state: State) -> Iterator[Listener]:
    """The page for signing, with a proposal that waits."""
    with served(settings, state) as grove:
        link = grove.links["Bob"]
        origin, _, secret = link.rpartition("/")
        grove.propose("Ann", "PLANE")
        (tick,) = grove.ticks("Bob")
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
        yield Listener(
            name="page for signing",
            port=int(origin.rpartition(":")[2]),
            routes=[("/page.css", frozenset({"GET"})), (f"/{secret}", frozenset({"GET", "POST"}))],
            look=grove.answers,
            own_path=f"/{secret}",
            change=("POST", f"/{secret}", form, f"do=sign&tick={tick}"),
        )


@contextmanager
def behind_nginx(nginx: str, folder: Path, ui: Listener) -> Iterator[Listener]:
    """The UI behind the login of the operations page's own file."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={PUBLIC}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", "a-password"], check=True, capture_output=True, text=True
    )
    (folder / "summerware.users").write_text(f"ann:{hashed.stdout}")
    text = (PROJECT / "docs" / "operations" / "nginx.conf").read_text()
    for there, here in (
        ("/etc/ssl/summerware", str(folder)),
        ("/etc/nginx", str(folder)),
        ("127.0.0.1:3000", ui.host),
        ("listen 443", f"listen 127.0.0.1:{port}"),
    ):
        assert there in text
        text = text.replace(there, here)
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid; daemon off; error_log stderr; user root;\nevents {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp;\n"
        f"fastcgi_temp_path {folder}/tmp; uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;\n"
        f"{text} }}\n"
    )
    process = subprocess.Popen([nginx, "-e", "stderr", "-c", str(folder / "nginx.conf")])
    try:
        made = replace(
            ui,
            name="ui behind nginx",
            _connections=[],
            port=port,
            user="ann:a-password",
            tls=ssl.create_default_context(cafile=str(folder / "fullchain.pem")),
        )
        wait_for_port(port)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for_port(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.05)
    raise AssertionError(f"nothing listens on {port}")


@contextmanager
def everything(
    folder: Path, settings: Settings, state: State, nginx: str | None
) -> Iterator[dict[str, Listener]]:
    """All of them, by name."""
    with ExitStack() as stack:
        ui = stack.enter_context(
            served_ui(folder / "instance", partial(guard_ui, settings=settings))
        )
        made = [
            ui,
            *stack.enter_context(served_portal(folder / "portal")),
            stack.enter_context(served_page(settings, state)),
        ]
        if nginx:
            made.append(stack.enter_context(behind_nginx(nginx, folder / "nginx", ui)))
        yield {one.name: one for one in made}
        for one in made:
            one.close()
