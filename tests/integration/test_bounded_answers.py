"""Portals whose answers never end, or end up as too much: every client of ours ends, and says so."""

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from orchestration.bounded_answers import BoundedAdapter, bounded_session
from orchestration.dataset import Dataset
from orchestration.dataset import SocrataSource as Declared
from orchestration.errors import (
    ConfigurationError,
    OutcomeUnknown,
    PortalFault,
    PortalMoved,
    TransientError,
)
from orchestration.portal.certificates import certificate_for
from orchestration.publishing.transport import Credentials, SodaTransport
from orchestration.settings import Settings
from orchestration.sources.socrata import SocrataSource

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MB = 1_000_000
BOMB = gzip.compress(b"[" + b" " * 60 * MB + b"]")
Send = Callable[[bytes], None]


def _whole(body: bytes, more: bytes = b"") -> bytes:
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _drip(send: Send, *, head: bytes, drop: bytes) -> None:
    send(head)
    while True:
        send(drop)
        time.sleep(0.05)


def _endless(send: Send, head: bytes, part: bytes) -> None:
    send(head)
    while True:
        send(part)


WAYS: dict[str, Callable[[Send], None]] = {
    "headers drip": lambda send: _drip(send, head=HEAD, drop=b"x"),
    "headers never end": lambda send: _drip(send, head=HEAD, drop=b"X-A: b\r\n"),
    "body drips": lambda send: _drip(
        send, head=HEAD + b"Content-Length: 999999\r\n\r\n", drop=b" "
    ),
    "chunks drip": lambda send: _drip(
        send, head=HEAD + b"Transfer-Encoding: chunked\r\n\r\n", drop=b"1\r\n \r\n"
    ),
    "silence": lambda send: time.sleep(5),
    "endless": lambda send: _endless(send, HEAD + b"\r\n", b" " * 65_536),
    "endless chunks": lambda send: _endless(
        send, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65_536 + b"\r\n"
    ),
    "large and said so": lambda send: _endless(
        send, HEAD + b"Content-Length: 99999999999\r\n\r\n", b" " * 65_536
    ),
    "gzip bomb": lambda send: send(_whole(BOMB, b"Content-Encoding: gzip\r\n")),
    "gzip bomb twice": lambda send: send(
        _whole(gzip.compress(BOMB), b"Content-Encoding: gzip, gzip\r\n")
    ),
    "error with a bomb": lambda send: send(
        _whole(BOMB, b"Content-Encoding: gzip\r\n").replace(b"200 OK", b"503 Busy", 1)
    ),
    "deep": lambda send: send(_whole(b"[" * 100_000)),
    "rows beyond what was asked for": lambda send: send(
        _whole(b"[" + b",".join([b"{}"] * 90_000) + b"]")
    ),
    "broken gzip": lambda send: send(_whole(BOMB[:900], b"Content-Encoding: gzip\r\n")),
    "cut": lambda send: send(HEAD + b"Content-Length: 99\r\n\r\n[{}"),
    "no HTTP": lambda send: send(b"220 mail.example.org ESMTP\r\n" * 99),
    "nothing": lambda send: None,
}


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUMMERWARE_ANSWER_SECONDS", "0.7")
    monkeypatch.setenv("SUMMERWARE_ANSWER_MB", "32")


@contextmanager
def listening(answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that gives each connection to `answers`."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer(taken: socket.socket) -> None:
        with taken, suppress(OSError):
            answers(taken)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _answers(taken: socket.socket, way: Callable[[Send], None]) -> None:
    taken.recv(65_536)
    way(taken.sendall)


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request: pytest.FixtureRequest, bounded: None) -> Callable[[Send], None]:
    found: Callable[[Send], None] = request.param
    return found


@pytest.fixture
def portal(way: Callable[[Send], None]) -> Iterator[str]:
    """The address of a portal that answers everything in one way."""
    with listening(lambda taken: _answers(taken, way)) as address:
        yield address


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate_for(tmp_path_factory.mktemp("tls"))


def _tunnel(
    taken: socket.socket, certificate: tuple[Path, Path], then: Callable[[socket.socket], None]
) -> None:
    """A proxy that opens the way, and is itself what stands behind it."""
    assert taken.recv(65_536).startswith(b"CONNECT ")
    taken.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with context.wrap_socket(taken, server_side=True) as inside:
        then(inside)


@contextmanager
def behind(
    proxy: str, monkeypatch: pytest.MonkeyPatch, scheme: str, bundle: Path
) -> Iterator[SodaTransport]:
    """Publishing to a portal that is reached through a proxy alone."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv(f"{scheme}_proxy", f"http://{proxy}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    login = Credentials(app_token="t", username="u", password="p")
    transport = SodaTransport("localhost", login, scheme=scheme, timeout=3)
    try:
        yield transport
    finally:
        transport.close()


def _in_time(ask: Callable[[], object]) -> BaseException:
    started = time.monotonic()
    with pytest.raises((TransientError, PortalFault, requests.RequestException)) as raised:
        ask()
    assert time.monotonic() - started < 20
    return raised.value


def test_publishing_ends(portal: str, datasets: dict[str, Dataset]) -> None:
    """Rows, counts, metadata and a write: a fault of ours in time, whatever the portal does."""
    dataset = next(iter(datasets.values()))
    login = Credentials(app_token="t", username="u", password="p")
    transport = SodaTransport(portal, login, scheme="http", timeout=3)
    asks: list[Callable[[], object]] = [
        lambda: list(transport.rows("abcd-1234", dataset.published)),
        lambda: transport.count("abcd-1234"),
        lambda: transport.metadata("abcd-1234"),
        lambda: transport.newest_update("abcd-1234"),
    ]
    for ask in asks:
        fault = _in_time(ask)
        assert isinstance(fault, TransientError | PortalFault)
    transport.close()


def test_the_source_ends(portal: str, datasets: dict[str, Dataset], settings: Settings) -> None:
    """The metadata that it asks for first."""
    stops = next(iter(datasets.values()))
    declared = Declared(domain=portal, ids=("abcd-1234",))
    source = stops.source.model_copy(update={"socrata": declared})
    adapter = {"prefix": "http://", "adapter": BoundedAdapter()}
    reader = SocrataSource(settings, session_adapter=adapter)
    fault = _in_time(
        lambda: list(reader.find(stops.model_copy(update={"source": source}), as_of=None))
    )
    assert isinstance(fault, TransientError | PortalFault)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_ends(
    portal: str, monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path], scheme: str
) -> None:
    """One that answers itself, be it to `CONNECT`, in every way that a portal may."""
    with behind(portal, monkeypatch, scheme, certificate[0]) as transport:
        _in_time(lambda: transport.count("abcd-1234"))


def test_a_portal_behind_a_tunnel_ends(
    way: Callable[[Send], None],
    monkeypatch: pytest.MonkeyPatch,
    certificate: tuple[Path, Path],
) -> None:
    def answers(taken: socket.socket) -> None:
        _tunnel(taken, certificate, lambda inside: _answers(inside, way))

    with (
        listening(answers) as proxy,
        behind(proxy, monkeypatch, "https", certificate[0]) as transport,
    ):
        _in_time(lambda: transport.count("abcd-1234"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_whole_answers_come_through_a_proxy(
    bounded: None,
    monkeypatch: pytest.MonkeyPatch,
    certificate: tuple[Path, Path],
    scheme: str,
) -> None:
    def then(inside: socket.socket) -> None:
        _answers(inside, lambda send: send(_whole(b'[{"n": "7"}]')))

    def answers(taken: socket.socket) -> None:
        if scheme == "https":
            _tunnel(taken, certificate, then)
        else:
            then(taken)

    with (
        listening(answers) as proxy,
        behind(proxy, monkeypatch, scheme, certificate[0]) as transport,
    ):
        assert transport.count("abcd-1234") == 7


def test_proxies_of_one_adapter_are_clocked_once() -> None:
    """A request must not put another layer on its connections."""
    adapter = BoundedAdapter()
    found = adapter.proxy_manager_for("http://127.0.0.1:9").pool_classes_by_scheme
    again = adapter.proxy_manager_for("http://127.0.0.1:9").pool_classes_by_scheme
    assert found == again
    for pools in (found, adapter.poolmanager.pool_classes_by_scheme):
        for pool in pools.values():
            assert "_clock" in pool.ConnectionCls.response_class.__qualname__


@pytest.mark.parametrize("status", [202, 301, 302, 303, 307, 308])
def test_nobody_waits_for_the_body_of_what_is_no_answer(
    status: int, datasets: dict[str, Dataset], settings: Settings
) -> None:
    """Reading, writing and the source, with the deadline of every day: done at the headers."""
    head = b"HTTP/1.1 %d X\r\nX-Socrata-RequestId: theirs\r\nLocation: /x\r\n" % status
    dataset = next(iter(datasets.values()))

    def drips(taken: socket.socket) -> None:
        end = b"Content-Length: 999999\r\n\r\n"
        _answers(taken, lambda send: _drip(send, head=head + end, drop=b" "))

    with listening(drips) as portal:
        login = Credentials(app_token="t", username="u", password="p")
        transport = SodaTransport(portal, login, scheme="http", timeout=30)
        declared = Declared(domain=portal, ids=("abcd-1234",))
        source = dataset.source.model_copy(update={"socrata": declared})
        adapter = {"prefix": "http://", "adapter": BoundedAdapter()}
        reader = SocrataSource(settings, session_adapter=adapter)
        asks: list[Callable[[], object]] = [
            lambda: transport.upsert("abcd-1234", b'[{"a": 1}]', 1),
            lambda: list(transport.rows("abcd-1234", dataset.published)),
            lambda: transport.metadata("abcd-1234"),
            lambda: reader.find(dataset.model_copy(update={"source": source}), as_of=None),
        ]
        kinds = (OutcomeUnknown, *[TransientError] * 3) if status == 202 else (PortalMoved,) * 4
        for ask, kind in zip(asks, kinds, strict=True):
            started = time.monotonic()
            fault = _in_time(ask)
            assert time.monotonic() - started < 5
            assert type(fault) is kind
            assert fault.request_id == ("" if ask is asks[-1] else "theirs")
        transport.close()


@pytest.mark.parametrize("status", [200, 503])
def test_an_answer_that_is_too_large_is_told_as_that(
    bounded: None, status: int, datasets: dict[str, Dataset], settings: Settings
) -> None:
    """With the setting that allows more, where it is an answer; an error is told by its status."""
    dataset = next(iter(datasets.values()))
    bomb = _whole(BOMB, b"Content-Encoding: gzip\r\n").replace(b"200", b"%d" % status, 1)
    with listening(lambda taken: _answers(taken, lambda send: send(bomb))) as portal:
        login = Credentials(app_token="t", username="u", password="p")
        transport = SodaTransport(portal, login, scheme="http", timeout=3)
        declared = Declared(domain=portal, ids=("abcd-1234",))
        source = dataset.source.model_copy(update={"socrata": declared})
        adapter = {"prefix": "http://", "adapter": BoundedAdapter()}
        reader = SocrataSource(settings, session_adapter=adapter)
        says = "503" if status == 503 else "SUMMERWARE_ANSWER_MB allows more"
        with pytest.raises(TransientError, match=says):
            list(transport.rows("abcd-1234", dataset.published))
        transport.close()
        with pytest.raises(TransientError if status == 503 else PortalFault, match=says):
            reader.find(dataset.model_copy(update={"source": source}), as_of=None)


def test_whole_answers_come_through(bounded: None) -> None:
    """Also a second one on the same connection, compressed and in chunks."""
    rows = json.dumps([{"a": "é" * 50_000}]).encode()
    packed = gzip.compress(rows)
    chunked = HEAD + b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    chunked += b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
    with socket.create_server(("127.0.0.1", 0)) as listening, bounded_session() as session:

        def serve() -> None:
            taken = listening.accept()[0]
            with taken:
                for answer in (_whole(rows), chunked, _whole(b"[]")):
                    taken.recv(65_536)
                    taken.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/resource/abcd-1234.json"
        assert [session.get(address, timeout=5).json() for _ in range(3)] == [
            json.loads(rows),
            json.loads(rows),
            [],
        ]
        thread.join()


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_impossible_deadline_is_a_setting(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SUMMERWARE_ANSWER_SECONDS", text)
    with pytest.raises(ConfigurationError, match="SUMMERWARE_ANSWER_SECONDS"):
        BoundedAdapter()
