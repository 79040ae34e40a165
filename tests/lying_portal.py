"""Stands between a client and a portal and lies: in what it keeps, in what it shows, in what it counts.

Knows nothing of the portal behind it but its HTTP. Every answer is the portal's own, but for what the
lie in force changes; a write is always counted as if all of it had been taken.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from orchestration.portal.server import ADDRESS_FILE

Rows = list[dict[str, Any]]
_PASSED_ON = ("content-type", "x-soda2-truth-last-modified", "x-soda2-secondary-last-modified")


def as_it_is(rows: Any) -> Any:
    return rows


@dataclass(frozen=True, kw_only=True)
class Lie:
    """What becomes of rows that are written, of rows that are read, and of figures."""

    keeps: Callable[[Rows], Rows] = as_it_is
    shows: Callable[[Rows], Rows] = as_it_is
    counts: Callable[[dict[str, Any], Mapping[str, str]], dict[str, Any]] = lambda told, _: told
    answers: Callable[[bytes], tuple[str, bytes]] | None = None
    """Another answer, its type and body, to whatever is read."""
    after_writing: bool = False
    """Reads are honest until something was written."""
    seconds: float = 0.0
    """How long every answer takes."""


HONEST = Lie()


class LyingPortal:
    """In front of the portal of a home; `lie` can be changed at any time."""

    def __init__(self, upstream: str) -> None:
        self.upstream = f"http://{upstream}"
        self.lie = HONEST
        self.has_written = False

    def begin(self, lie: Lie) -> None:
        self.lie, self.has_written = lie, False

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """What the client is told."""
        time.sleep(self.lie.seconds)
        is_rows = path.startswith("/resource/")
        if method == "POST" and is_rows:
            self.has_written = True
            return self._write(path, headers, body)
        status, kept, content = self._forward(method, path, headers, body)
        if method != "GET" or status != 200 or (self.lie.after_writing and not self.has_written):
            return status, kept, content
        if self.lie.answers is not None:
            kept["content-type"], content = self.lie.answers(content)
        elif is_rows:
            content = self._read(path, content)
        return status, kept, content

    def _forward(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {name: text for name, text in headers.items() if name.lower() != "host"}
        found = requests.request(
            method, self.upstream + path, headers=sent, data=body, timeout=60, allow_redirects=False
        )
        kept = {name: found.headers[name] for name in _PASSED_ON if name in found.headers}
        return found.status_code, kept, found.content

    def _write(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        given: Rows = json.loads(body)
        kept = self.lie.keeps([dict(row) for row in given])
        known = {name: text for name, text in headers.items() if name.lower() != "content-length"}
        written = json.dumps(kept).encode()
        status, answered, content = self._forward("POST", path, known, written)
        if status != 200:
            return status, answered, content
        deleted = sum(":deleted" in row for row in given)
        told = {
            "Rows Created": 0, "Rows Updated": len(given) - deleted, "Rows Deleted": deleted,
            "Errors": 0, "By RowIdentifier": len(given), "By SID": 0,
        }  # fmt: skip
        return 200, answered, json.dumps(told).encode()

    def _read(self, path: str, content: bytes) -> bytes:
        found = json.loads(content)
        query = requests.utils.unquote(path.partition("?")[2]).replace("+", " ")
        parts = dict(part.partition("=")[::2] for part in query.split("&"))
        if "(" in parts.get("$select", ""):
            asked = dict(reversed(one.rsplit(" as ", 1)) for one in parts["$select"].split(","))
            return json.dumps([self.lie.counts(row, asked) for row in found]).encode()
        return json.dumps(self.lie.shows(found)).encode()


@contextmanager
def lying_portal(home: Path, upstream: str) -> Iterator[LyingPortal]:
    """Serves one on the loopback, and says in the home that the portal is there."""
    liar = LyingPortal(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = liar.answer(
                self.command, self.path, dict(self.headers), body
            )
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = handle_one

        def log_message(self, *_: Any) -> None:
            """Nothing: a test reads no log of it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    file = home / ADDRESS_FILE
    before = file.read_text()
    file.write_text(json.dumps({"address": f"127.0.0.1:{server.server_port}", "pid": os.getpid()}))
    try:
        yield liar
    finally:
        file.write_text(before)
        server.shutdown()
        server.server_close()
        thread.join()
