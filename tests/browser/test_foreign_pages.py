"""A page of another origin in a real browser, logged in and not: it commands nothing of ours."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State
from tests.acceptance.documentation import real_nginx
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.listeners import WIPE, Listener, everything, served_ui

ATTACKS = """
async ({ url, sockets, body, query, simple }) => {
  const image = (source) => new Promise((done) => {
    const shown = new Image();
    shown.onload = shown.onerror = done;
    shown.src = source;
  });
  const form = (kind) => new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.name = 'frame' + Math.random();
    document.body.append(frame);
    const sent = document.createElement('form');
    Object.assign(sent, { action: url, method: 'POST', enctype: kind, target: frame.name });
    const field = document.createElement('input');
    const [name, value] = body.split(/=(.*)/s);
    Object.assign(field, { name, value: value ?? '' });
    sent.append(field);
    document.body.append(sent);
    frame.onload = () => { if (sent.was) done(); };
    sent.was = true;
    sent.submit();
    setTimeout(done, 2000);
  });
  const socket = (address) => new Promise((done) => {
    const opened = new WebSocket(address, 'graphql-ws');
    opened.onopen = () => done('open');
    opened.onerror = () => done('refused');
  });
  const tried = [];
  await image(`${url}?${query}`);
  for (const mode of ['no-cors', 'cors'])
    for (const credentials of ['include', 'omit']) {
      for (const method of ['GET', 'HEAD'])
        await fetch(`${url}?${query}`, { method, mode, credentials }).catch(() => 0);
      for (const kind of [...simple, 'application/json', ''])
        for (const address of [url, `${url}?${query}`])
          await fetch(address, {
            method: 'POST', mode, credentials, body: new Blob([body]),
            ...(kind ? { headers: { 'Content-Type': kind } } : {}),
          }).catch(() => 0);
    }
  navigator.sendBeacon(url, body);
  for (const kind of simple) await form(kind);
  for (const address of sockets) tried.push(await socket(address));
  return tried;
}
"""
OWN = """
async ({ path, body }) => {
  const answer = await fetch(path, {
    method: 'POST', body, headers: { 'Content-Type': 'application/json' },
  });
  return answer.status;
}
"""
SIMPLE = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]


class _Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A page</title><body>")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def foreign_page() -> Iterator[str]:
    """The address of another site: another port, and so another origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Blank) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def listeners(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path
) -> Iterator[dict[str, Listener]]:
    folder = tmp_path_factory.mktemp("listeners")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SUMMERWARE_HOME", str(folder / "home"))
        environment.setenv("SUMMERWARE_DATASETS", str(folder / "datasets"))
        environment.delenv("SUMMERWARE_UI_URL", raising=False)
        settings = Settings.from_environment().prepare()
        shutil.copy(migrated_database, settings.home / "state.db")
        engine = open_database(settings)
        with everything(folder, settings, State(engine), real_nginx()) as made:
            yield made
        engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    """A browser that sends our logins by itself, as one does that somebody logged in with."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: `make system-packages` installs it")
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--ignore-certificate-errors"]
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened.new_context(ignore_https_errors=True)
        opened.close()


@pytest.fixture(params=["ui", "ui behind nginx", "portal", "portal over TLS", "page for signing"])
def listener(request: pytest.FixtureRequest, listeners: dict[str, Listener]) -> Listener:
    if request.param not in listeners:
        pytest.skip("nginx is not installed: `make system-packages` installs it")
    return listeners[request.param]


def logged_in(browser: BrowserContext, listener: Listener) -> Page:
    """A page of the listener's own, in a browser that has its login."""
    page = browser.new_page()
    if listener.user:
        page.goto(listener.origin.replace("://", f"://{listener.user}@") + listener.own_path)
    page.goto(listener.origin + listener.own_path)
    return page


def attack(browser: BrowserContext, listener: Listener, foreign_page: str) -> list[str]:
    """Does all that a page of another site can do; what became of its sockets."""
    _, path, _, body = listener.change
    page = browser.new_page()
    page.goto(foreign_page)
    socket = listener.origin.replace("http", "ws", 1)
    tried: list[str] = page.evaluate(
        ATTACKS,
        {
            "url": listener.origin + path,
            "sockets": [socket + one for one in listener.sockets or ["/"]],
            "body": body,
            "query": f"query={WIPE}" if "graphql" in path else body,
            "simple": SIMPLE,
        },
    )
    page.close()
    return tried


def change_by_own_page(page: Page, listener: Listener) -> None:
    method, path, headers, body = listener.change
    if listener.name.startswith("ui"):
        assert page.evaluate(OWN, {"path": path, "body": body}) < 400
    elif listener.name == "page for signing":
        page.locator("input[name=tick]").check()
        page.locator("button[name=do][value=sign]").click()
        page.wait_for_url("**/*said=*")
    else:
        # The portal's own pages have no script and no form.
        assert listener.ask(method, path, headers, body) < 400


def test_foreign_page_commands_nothing(
    browser: BrowserContext, listener: Listener, foreign_page: str
) -> None:
    """Images, forms, fetches, beacons and sockets of another site change nothing; our page does."""
    own = logged_in(browser, listener)
    before = listener.look()
    assert set(attack(browser, listener, foreign_page)) == {"refused"}
    assert listener.look() == before
    change_by_own_page(own, listener)
    assert listener.look() != before
    listener.restore()
    own.close()


def test_foreign_page_commands_what_has_no_guard(
    browser: BrowserContext, foreign_page: str, tmp_path: Path
) -> None:
    """The same page against Dagster as it comes: these attacks do work."""
    with served_ui(tmp_path / "instance", lambda app: app) as open_to_all:
        before = open_to_all.look()
        assert attack(browser, open_to_all, foreign_page) == ["open"]
        assert open_to_all.look() != before


@pytest.mark.parametrize("name", ["ui", "ui behind nginx"])
def test_ui_works_for_its_own_people(
    browser: BrowserContext, listeners: dict[str, Listener], name: str
) -> None:
    """All that the UI's page asks for is answered, and its socket hears, behind the login too."""
    if name not in listeners:
        pytest.skip("nginx is not installed: `make system-packages` installs it")
    page, refused, heard = logged_in(browser, listeners[name]), [], []
    page.on("response", lambda answer: refused.append(answer.url) if not answer.ok else None)
    page.on(
        "websocket", lambda opened: opened.on("framereceived", lambda frame: heard.append(frame))
    )
    page.goto(listeners[name].origin + "/runs")
    expect(page.get_by_text("Runs").first).to_be_visible()
    for _ in range(600):
        if heard:
            break
        page.wait_for_timeout(100)
    assert heard
    assert refused == []
    page.close()
