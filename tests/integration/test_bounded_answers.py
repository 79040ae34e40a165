"""Portals whose answers never end, or end up as too much: every client of ours ends, and says so."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import requests

from orchestration.bounded_answers import BoundedAdapter, bounded_session
from orchestration.dataset import Dataset
from orchestration.dataset import SocrataSource as Declared
from orchestration.errors import ConfigurationError, PassingFault, PortalFault
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


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def portal(request: pytest.FixtureRequest, bounded: None) -> Iterator[str]:
    """The address of a portal that answers everything in one way."""
    listening = socket.create_server(("127.0.0.1", 0))
    way: Callable[[Send], None] = request.param

    def answer(taken: socket.socket) -> None:
        with taken, suppress(OSError):
            taken.recv(65_536)
            way(taken.sendall)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def _in_time(ask: Callable[[], object]) -> BaseException:
    started = time.monotonic()
    with pytest.raises((PassingFault, PortalFault, requests.RequestException)) as raised:
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
        assert isinstance(fault, PassingFault | PortalFault)
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
    assert isinstance(fault, PassingFault | PortalFault)


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
