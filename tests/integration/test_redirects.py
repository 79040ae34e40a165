"""Every client of ours stays where it was sent, whoever sends it elsewhere."""

import ast
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orchestration.alerts.channels import send
from orchestration.alerts.messages import compose
from orchestration.bounded_answers import BoundedAdapter
from orchestration.dataset import Dataset
from orchestration.errors import PortalMoved
from orchestration.health import checks, heartbeat
from orchestration.portal.certificates import certificate_for
from orchestration.portal.probe.scratch import Access, ProbeError, Scratch, make_scratch
from orchestration.publishing.revisions import DraftPortal, DraftSender
from orchestration.publishing.transport import Credentials, SodaTransport
from orchestration.settings import PACKAGE, Settings
from orchestration.sources.socrata import SocrataSource
from tests.integration.test_alert_delivery import FACTS
from tests.unit.publishing.conftest import trees_file

LOGIN = Credentials(app_token="token", username="name", password="word")
CLIENTS = {
    "alerts/channels.py", "bounded_answers.py", "health/checks.py", "health/heartbeat.py",
    "portal/probe/scratch.py", "portal/server.py", "publishing/revisions.py",
    "publishing/transport/client.py", "sources/socrata.py",
}  # fmt: skip
"""Who opens connections of its own."""


class Elsewhere:
    """Where the redirecting server sends everybody, and what came there."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.sent_away: list[str] = []
        self.status = 307


@contextmanager
def answering(
    answer: Callable[[BaseHTTPRequestHandler], None], certificate: tuple[Path, Path] | None
):
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "tls").mkdir()
    return certificate_for(tmp_path / "tls")


@pytest.fixture(params=[301, 302, 303, 307, 308])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Elsewhere]:
    made = Elsewhere()
    made.status = request.param
    yield made
    assert made.sent_away, "nobody was sent anywhere: the test looks at nothing"
    assert made.heard == [], "somebody went"


@contextmanager
def redirecting(
    elsewhere: Elsewhere, certificate: tuple[Path, Path] | None = None
) -> Iterator[str]:
    def take(handler: BaseHTTPRequestHandler) -> None:
        elsewhere.heard.append(f"{handler.command} {handler.path}")
        handler.send_response(200)
        handler.end_headers()

    with answering(take, None) as target:

        def send_away(handler: BaseHTTPRequestHandler) -> None:
            elsewhere.sent_away.append(handler.path)
            handler.send_response(elsewhere.status)
            handler.send_header("Location", f"http://127.0.0.1:{target}{handler.path}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with answering(send_away, certificate) as port:
            yield f"127.0.0.1:{port}"


def test_publishing(elsewhere: Elsewhere) -> None:
    with redirecting(elsewhere) as domain:
        transport = SodaTransport(domain, LOGIN, scheme="http")
        with pytest.raises(PortalMoved):
            transport.upsert("tree-tree", b'[{"a": 1}]', 1)
        with pytest.raises(PortalMoved):
            transport.metadata("tree-tree")
        transport.close()


def test_drafts(elsewhere: Elsewhere, certificate: tuple[Path, Path]) -> None:
    dataset = Dataset.model_validate(trees_file())
    with redirecting(elsewhere, certificate) as domain:
        portal = DraftPortal(domain=domain, credentials=LOGIN, ca_file=certificate[0])
        with pytest.raises(PortalMoved):
            DraftSender(portal, dataset).withdraw("tree-tree", 1)


def test_socrata_source(
    elsewhere: Elsewhere, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCRATA_APP_TOKEN", "token")
    with redirecting(elsewhere) as domain:
        source = {"socrata": {"domain": domain, "ids": ["tree-tree"]}}
        dataset = Dataset.model_validate(trees_file()).model_copy(deep=True)
        changed = dataset.source.model_validate(
            dataset.source.model_dump(exclude_unset=True, by_alias=True) | source
        )
        dataset = dataset.model_copy(update={"source": changed})
        adapter = {"prefix": "http://", "adapter": BoundedAdapter()}
        with pytest.raises(PortalMoved):
            list(SocrataSource(settings, session_adapter=adapter).find(dataset, as_of=None))


def test_probe(elsewhere: Elsewhere) -> None:
    with redirecting(elsewhere) as domain:
        access = Access(
            base=f"http://{domain}", username="name", password="word", app_token="token"
        )
        scratch = Scratch(access, "tree-tree")
        with pytest.raises(ProbeError):
            scratch.require()
        assert scratch.post([{"key": "a"}]).status_code == elsewhere.status
        scratch.close()
        with pytest.raises(ProbeError):
            make_scratch(access)


def test_heartbeat(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    with redirecting(elsewhere) as domain:
        monkeypatch.setenv(heartbeat.VARIABLE, f"http://{domain}/secret")
        assert not heartbeat._ping()


@pytest.mark.parametrize("more", ["", "?redirect=yes"])
def test_alerts(elsewhere: Elsewhere, more: str) -> None:
    with redirecting(elsewhere) as domain:
        assert send(f"json://name:word@{domain}/{more}", compose("escalated", FACTS)) is not None


def test_doctor(
    elsewhere: Elsewhere, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with redirecting(elsewhere, certificate) as domain:
        assert not checks._portal(domain, "tree-tree").is_well


def test_these_are_all_clients() -> None:
    """A module that speaks HTTP and is not tried above is found here."""
    speaking = (
        "orchestration.bounded_answers",
        "http.client",
        "urllib.request",
        "sodapy",
        "socrata",
        "apprise",
        "httpx",
        "aiohttp",
    )
    calls = {"get", "post", "put", "patch", "delete", "request", "head", "Session"}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                named = [node.module or ""]
            is_call = (
                isinstance(node, ast.Attribute) and node.attr in calls
                and isinstance(node.value, ast.Name) and node.value.id == "requests"
            )  # fmt: skip
            if is_call or set(named) & set(speaking):
                found.add(str(path.relative_to(PACKAGE)))
    assert found == CLIENTS
