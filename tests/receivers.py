"""Who receives alerts: a real SMTP server and a real HTTP server on loopback, in every bad mood.

`up` takes a message and says so; `down` has no server at all; `slow` answers late; `failing`
answers 500 (or 451) and keeps nothing; `dying` takes the message and goes away without an answer.
"""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

ALERT = re.compile(r"alert-[0-9a-f]{10}")
SLOW_SECONDS = 0.15


class Receiver:
    """What arrived, in the order in which it did; `mood` may change at any moment."""

    def __init__(self) -> None:
        self.mood = "up"
        self.subjects: list[str] = []
        self.bodies: list[str] = []
        self._lock = threading.Lock()

    def take(self, subject: str, body: str) -> None:
        with self._lock:
            self.subjects.append(subject)
            self.bodies.append(body)

    def ids(self, *, over: bool) -> Counter[str]:
        """How often each alert arrived, as opened or as over."""
        with self._lock:
            named = [
                (found.group(), " OVER " in subject)
                for subject in self.subjects
                if (found := ALERT.search(subject))
            ]
        return Counter(name for name, is_over in named if is_over == over)


class Webhook(Receiver):
    """An HTTP server that takes JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.beats = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/alerts?cto=2&rto=2"

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.mood == "failing":
                    return self._answer(500)
                if receiver.mood == "slow":
                    time.sleep(SLOW_SECONDS)
                told = json.loads(body)
                receiver.take(told["title"], told["message"])
                if receiver.mood == "dying":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return None
                return self._answer(200)

            def do_GET(self) -> None:
                receiver.beats += receiver.mood == "up"
                self._answer(200 if receiver.mood == "up" else 500)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Mailbox:
    def __init__(self, receiver: "MailServer") -> None:
        self._receiver = receiver

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        mood = self._receiver.mood
        if mood == "failing":
            return "451 come again"
        if mood == "slow":
            time.sleep(SLOW_SECONDS)
        mail = message_from_bytes(envelope.content, policy=default)
        self._receiver.mails.append(mail)
        self._receiver.take(str(mail["Subject"]), text_of(mail))
        if mood == "dying":
            server.transport.abort()
        return "250 taken"


class MailServer(Receiver):
    """An SMTP server that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.mails: list[Message] = []
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        return (
            f"mailto://127.0.0.1:{self.port}?from=summerware@example.org&to={{owner}}"
            "&mode=insecure&name=Summerware"
        )

    def start(self) -> None:
        self._controller = Controller(_Mailbox(self), hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


@contextmanager
def serving(receiver: Webhook | MailServer) -> Iterator[Any]:
    """The receiver, up for as long as it is needed."""
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


def part_of(mail: Message, kind: str) -> str:
    """The part of a mail that has this content type; empty where it has none."""
    for part in mail.walk():
        if part.get_content_type() == kind:
            return str(part.get_payload(decode=True).decode())  # type: ignore[union-attr]
    return ""


def text_of(mail: Message) -> str:
    return part_of(mail, "text/plain") or part_of(mail, "text/html")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
