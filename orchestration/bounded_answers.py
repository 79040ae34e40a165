"""Answers over HTTP that end: a whole answer has a deadline, and a size that it may have.

A timeout of a socket is the longest silence: a server that gives a byte a second never meets it. Here
the answer as a whole has to be there in time, headers included, and what is unpacked of it is
measured while it comes; so it is behind a proxy. An answer that sends us elsewhere, or says that it
is not done, is refused before its body. Whoever reads a portal mounts `BoundedAdapter`; what a failed
answer means is said there.
"""

import io
import os
import socket
import time
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.poolmanager import PoolManager

from orchestration.bounds import MB
from orchestration.errors import ConfigurationError
from orchestration.no_answers import AnswerTooLarge, NoAnswerYet, Redirected

_ROWS = "/resource/"
_CHUNK = 1 << 16
_OTHER_ANSWERS = 16
"""Of all that rows may take, one in so many is what any other answer may: metadata, an error."""


def answer_seconds() -> float:
    """How long one answer may take, from the request's end to the answer's."""
    return _setting("SUMMERWARE_ANSWER_SECONDS", 600)


def answer_bytes() -> int:
    """How large an answer with rows may be, unpacked."""
    return int(_setting("SUMMERWARE_ANSWER_MB", 256) * MB)


def _setting(name: str, default: float) -> float:
    text = os.environ.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ConfigurationError(f"{name} is {text!r}: it must be a number above 0")
    return value


class BoundedAdapter(HTTPAdapter):
    """Gives whole answers only, within `seconds` and `most_bytes`.

    `takes_accepted`: what a 202 says is an answer, too.
    """

    def __init__(
        self,
        *,
        seconds: float | None = None,
        most_bytes: int | None = None,
        takes_accepted: bool = False,
    ) -> None:
        self._takes_accepted = takes_accepted
        self._seconds = seconds or answer_seconds()
        self._most_bytes = most_bytes or answer_bytes()
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Connections whose answers know their deadline."""
        super().init_poolmanager(*args, **options)
        _clock(self.poolmanager, self._seconds)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The same through a proxy, whose own answer to `CONNECT` is one, too."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options)
        if is_new:
            _clock(manager, self._seconds)
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        """The answer with its body.

        Raises:
            Redirected: it sends us elsewhere.
            NoAnswerYet: it says that it is not done.
            AnswerTooLarge: there is more of it than may be.
            requests.RequestException: as ever; a deadline that has passed is a `ReadTimeout` or a
                `ConnectionError`.
        """
        answer = super().send(request, *args, **options)
        if 300 <= answer.status_code < 400:
            raise _unread(answer, Redirected)
        if answer.status_code == 202 and not self._takes_accepted:
            raise _unread(answer, NoAnswerYet)
        has_rows = answer.status_code == 200 and _ROWS in (request.url or "")
        most = self._most_bytes // (1 if has_rows else _OTHER_ANSWERS)
        parts, size = [], 0
        for part in answer.iter_content(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > most:
                raise _unread(
                    answer,
                    AnswerTooLarge,
                    f"the answer is larger than {most / MB:,g} MB; SUMMERWARE_ANSWER_MB allows more",
                )
        answer._content = b"".join(parts)
        return answer


def bounded_session(*, seconds: float | None = None) -> requests.Session:
    """A session whose answers end, and which goes nowhere that an answer sends it."""
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter(seconds=seconds, takes_accepted=True))
    return session


def _unread(
    answer: requests.Response, kind: type[requests.RequestException], *message: str
) -> requests.RequestException:
    """The refusal of an answer whose body nobody reads any more: its connection goes with it."""
    answer.close()
    answer._content = b""
    return kind(*message, response=answer)


def _clock(manager: PoolManager, seconds: float) -> None:
    """Makes the manager's connections, of whatever kind, read their answers against a clock."""

    class Answer(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            # What the standard library made of the socket reads until it has what it wants.
            self.fp.close()
            raw = sock.makefile("rb", buffering=0)
            self.fp = io.BufferedReader(_Clocked(sock, raw, seconds))

    def clocked(pool: Any) -> Any:
        connection = type("Clocked", (pool.ConnectionCls,), {"response_class": Answer})
        return type("ClockedPool", (pool,), {"ConnectionCls": connection})

    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: clocked(pool) for scheme, pool in pools.items()}


class _Clocked(io.RawIOBase):
    """The bytes of a socket until a deadline."""

    def __init__(self, sock: socket.socket, raw: socket.SocketIO, seconds: float) -> None:
        self._bytes = raw
        self._socket = sock
        self._silence = sock.gettimeout()
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer was not whole in time")
        silence = self._silence
        self._socket.settimeout(left if silence is None else min(left, silence))
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._bytes.close()
        super().close()
