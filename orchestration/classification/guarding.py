"""What keeps a page on this machine to itself: its headers, its forms, and no line in a log.

Who may send at all is known in `orchestration/guarding.py`, who a link stands for in `page.py`.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestration.guarding import Guard

BIGGEST_FORM = 1_000_000
MOST_FIELDS = 10_000
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # With `no-referrer` browsers send forms with the origin `null`, which could be anybody's. This one
    # never tells more than our origin either: no path, so no secret.
    "Referrer-Policy": "strict-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
Form = Mapping[str, Sequence[str]]


def guarded(app: ASGIApp) -> ASGIApp:
    """The app behind the guard, with our headers on every answer."""
    # Forms tell themselves apart: see `read_own_form`.
    app = Guard(app, takes_body=lambda _path, _kind: True)

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if scope["type"] == "http":
            await app(scope, receive, send_guarded)

    return guard


async def read_own_form(request: Request) -> Form:
    """The fields of a form that this very page sent.

    Raises:
        HTTPException: it came from elsewhere, or cannot be read.
    """
    if request.headers.get("origin") != f"http://{request.headers['host']}":
        raise HTTPException(403, "This form was not sent from this page.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Only this page's own forms are taken.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BIGGEST_FORM:
            raise HTTPException(413, "This is more than the page takes at once.")
    try:
        return parse_qs(body.decode(), errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(400, "This form cannot be read.") from error


def quiet_server(app: ASGIApp) -> uvicorn.Server:
    """A server that writes no line about any request: addresses are secrets."""
    config = uvicorn.Config(
        app, lifespan="off", ws="none", log_config=None, log_level="critical", access_log=False,
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    return uvicorn.Server(config)
