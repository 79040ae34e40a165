"""Nobody but our own pages and programs commands what listens here: every route of every listener."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State
from tests.acceptance.documentation import real_nginx
from tests.listeners import PUBLIC, WIPE, Listener, everything

NAMES = ("ui", "portal", "portal over TLS", "page for signing", "ui behind nginx")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
JSON = {"Content-Type": "application/json"}
SIMPLE = (
    "text/plain", "text/plain; application/json", "text/plain;charset=application/json",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
)  # fmt: skip
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "graphql-ws",
}  # fmt: skip


@pytest.fixture(scope="module")
def listeners(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path
) -> Iterator[dict[str, Listener]]:
    folder = tmp_path_factory.mktemp("listeners")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SUMMERWARE_HOME", str(folder / "home"))
        environment.setenv("SUMMERWARE_DATASETS", str(folder / "datasets"))
        environment.setenv("SUMMERWARE_UI_URL", f"https://{PUBLIC}/")
        settings = Settings.from_environment().prepare()
        shutil.copy(migrated_database, settings.home / "state.db")
        engine = open_database(settings)
        with everything(folder, settings, State(engine), real_nginx()) as made:
            yield made
        engine.dispose()


@pytest.fixture(params=NAMES, ids=lambda name: name.replace(" ", "-"))
def listener(request: pytest.FixtureRequest, listeners: dict[str, Listener]) -> Iterator[Listener]:
    """One of them, which nothing changes until its own page does."""
    if request.param not in listeners:
        pytest.skip("nginx is not installed: `make system-packages` installs it")
    found = listeners[request.param]
    before = found.look()
    yield found
    assert found.look() == before


def foreign_hosts(listener: Listener) -> list[str]:
    hosts = ["evil.example", f"evil.example:{listener.port}", f"{listener.host}.evil.example"]
    near = ["127.0.0.1", "127.0.0.1:1", f"localhost.:{listener.port}", f"0.0.0.0:{listener.port}"]
    return hosts if "nginx" in listener.name else hosts + near


def foreign_origins(listener: Listener) -> list[dict[str, str]]:
    """What browsers say of other pages, from other servers of this machine and frames among them."""
    scheme, _, host = listener.origin.partition("://")
    origins = (
        "null", "https://evil.example", f"{listener.origin}.evil.example", f"{scheme}://127.0.0.1:1",
        f"{scheme}://evil.example:{listener.port}", f"ftp://{host}", f"{listener.origin}/",
    )  # fmt: skip
    sites = [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")]
    return [{"Origin": origin} for origin in origins] + sites


def test_foreign_host_reaches_nothing(listener: Listener) -> None:
    """A name that somebody else made point here opens no route, by no method."""
    _, _, headers, body = listener.change
    for path, methods in listener.routes:
        for host in foreign_hosts(listener):
            for method in methods:
                sent = {**headers, "Host": host, "Origin": f"http://{host}"}
                assert listener.ask(method, path, sent, body) in (421, 400), (method, path, host)


def test_foreign_origin_changes_nothing(listener: Listener) -> None:
    """Another site's request with our login changes nothing, on whatever route."""
    _, _, headers, body = listener.change
    for path, _ in listener.routes:
        for method in UNSAFE:
            for origin in foreign_origins(listener):
                sent = {**headers, **JSON, **origin}
                assert listener.ask(method, path, sent, body) == 403, (method, path, origin)


def test_foreign_web_socket_does_not_open(listener: Listener) -> None:
    """Only our own pages and programs open one, and where there is none nobody does."""
    for path in listener.sockets:
        for origin in foreign_origins(listener):
            assert listener.ask("GET", path, UPGRADE | origin) == 403, (path, origin)
        assert listener.ask("GET", path, UPGRADE | {"Host": "evil.example"}) == 421
        assert listener.ask("GET", path, UPGRADE | {"Origin": listener.origin}) == 101
        assert listener.ask("GET", path, UPGRADE) == 101
    if not listener.sockets:
        for path, _ in listener.routes:
            assert listener.ask("GET", path, UPGRADE) != 101


@pytest.mark.parametrize("accept", ["*/*", "image/avif,*/*", "text/html", ""])
def test_asking_changes_nothing(listener: Listener, accept: str) -> None:
    """What commands by POST does nothing by GET or HEAD, as an image, a link or a page."""
    _, _, headers, body = listener.change
    commands = [f"query={quote(WIPE)}", f"%71uery={quote(WIPE)}", body.replace(" ", "%20")]
    for path, _ in listener.routes:
        for command in commands:
            for method in ("GET", "HEAD"):
                for foreign in ({}, {"Origin": "https://evil.example"}):
                    sent = {**headers, **foreign, "Accept": accept}
                    status = listener.ask(method, f"{path}?{command}", sent)
                    if path == "/graphql" and "text/html" not in accept:
                        assert status == 405, (method, command)


def test_path_written_otherwise_changes_nothing(listener: Listener) -> None:
    """Routers forgive signs that a comparison does not: nothing is done by GET, however it is asked."""
    for path, _ in listener.routes:
        first = f"%{ord(path[1]):02x}{path[2:]}" if len(path) > 1 else ""
        odd = ("%0A", "%0a", "%0D%0A", "%00", "%09", "%7F", "%20", "/", "/.", "//", ";x")
        before = ("/", "/.", "/x/..", "/x/%2e%2e")
        for written in (
            *(path + sign for sign in odd), *(start + path for start in before),
            f"/{first}", f"/{first}%0a", path.upper(),
        ):  # fmt: skip
            for method in ("GET", "HEAD"):
                listener.ask(method, f"{written}?query={quote(WIPE)}", {"Accept": "image/avif,*/*"})


def test_body_of_any_site_is_not_read(listener: Listener) -> None:
    """No type, or one that a browser sends for every page, changes nothing: our login does not help."""
    method, changed, headers, body = listener.change
    own = {"Origin": listener.origin}
    kinds = [{"Content-Type": kind} | own for kind in SIMPLE if kind != headers["Content-Type"]]
    for path, _ in listener.routes:
        for one in (*kinds, own):
            for verb in ("POST", "PUT", "PATCH"):
                status = listener.ask(verb, path, one, body)
                assert 400 <= status < 500, (verb, path, one)
                if (verb, path) == (method, changed):
                    assert status == 415, one


@pytest.mark.parametrize("name", NAMES)
def test_own_page_changes_what_nobody_else_could(listeners: dict[str, Listener], name: str) -> None:
    """The very request that was refused above, from our own page: so it was the guard that refused."""
    if name not in listeners:
        pytest.skip("nginx is not installed: `make system-packages` installs it")
    listener = listeners[name]
    method, path, headers, body = listener.change
    before = listener.look()
    sent = {"Origin": listener.origin} | headers
    assert listener.ask(method, path, sent, body) < 400
    assert listener.look() != before
    listener.restore()


def test_public_name_is_ours_and_no_other(listeners: dict[str, Listener]) -> None:
    """The UI answers to the name that messages lead to, from its own pages, and to no name like it."""
    ui = listeners["ui"]
    ask = '{"query": "{version}"}'
    for host, origin, status in (
        (PUBLIC, f"https://{PUBLIC}", 200),
        (PUBLIC.upper(), f"https://{PUBLIC}", 200),
        (ui.host, f"https://{PUBLIC}", 200),
        (PUBLIC, f"http://{PUBLIC}", 403),
        (PUBLIC, "https://example.org", 403),
        (f"{PUBLIC}:8443", f"https://{PUBLIC}:8443", 421),
        (f"www.{PUBLIC}", f"https://www.{PUBLIC}", 421),
    ):
        headers = {"Host": host, "Origin": origin} | JSON
        assert ui.ask("POST", "/graphql", headers, ask) == status, (host, origin)


@pytest.mark.parametrize("name", ["ui", "portal", "portal over TLS"])
def test_programs_of_this_machine_go_on(listeners: dict[str, Listener], name: str) -> None:
    """By every name of this machine, without an origin."""
    listener = listeners[name]
    for host in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        path = "/graphql" if name == "ui" else "/"
        sent = {"Host": f"{host}:{listener.port}", "Accept": "text/html"}
        assert listener.ask("GET", path, sent) == 200
