"""How requests arrive and answers leave: bodies, formats, request ids, error objects.

Nothing here knows what a request means; that is for `resource`, `views` and `pages`.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import zlib
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestration.portal.errors import PortalError, malformed_json
from orchestration.portal.fault_middleware import REQUEST_ID_KEY

logger = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_CODES = {
    403: "permission_denied",
    404: "not-found",
    405: "method-not-allowed",
    415: "req.content-type.not-json",
    421: "misdirected-request",
}


class EdgeHeaders:
    """Puts on every answer what the edge puts on every answer (protocol 2.1)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"x-socrata-requestid", b"").decode("latin-1")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)
        scope[REQUEST_ID_KEY] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Socrata-RequestId"] = request_id
                headers["X-Socrata-Region"] = "local"
                headers["Access-Control-Allow-Origin"] = "*"
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, unzipped when it was zipped.

    A body that is too large is read to its end all the same, so that the client gets its answer
    and not a broken connection. Raises: PortalError: 413 over the limit, 400 for a broken gzip.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > limit:
        raise _too_large(limit)
    body = b"".join(chunks)
    if request.headers.get("content-encoding", "").lower() == "gzip":
        body = _unzip(body, limit)
    return body


def _unzip(body: bytes, limit: int) -> bytes:
    unzipper = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = unzipper.decompress(body, limit + 1)
    except zlib.error as error:
        raise PortalError(400, "req.body.malformed-gzip", "The body is no gzip") from error
    if len(plain) > limit:
        raise _too_large(limit)
    if not unzipper.eof:
        raise PortalError(400, "req.body.malformed-gzip", "The body is no whole gzip")
    return plain


def _too_large(limit: int) -> PortalError:
    message = f"The body is larger than {limit} bytes"
    return PortalError(413, "req.body.too-large", message, {"limit": limit})


def body_format(request: Request, extension: str) -> str:
    """`json` or `csv`, from the content type or, without one, from the path.

    Raises: PortalError (415) for any other content type.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "text/csv" or (not content_type and extension == "csv"):
        return "csv"
    if content_type in ("", "application/json"):
        return "json"
    message = f"Cannot read a body of type {content_type[:100]}"
    raise PortalError(415, "req.content-type.not-json", message)


def json_response(value: Any, *, status: int = 200) -> Response:
    """An answer in JSON, with the content type that clients of the real one expect."""
    return json_text_response(json.dumps(value, allow_nan=False), status=status)


def json_text_response(
    text: str, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer whose JSON is text already."""
    media_type = "application/json; charset=utf-8"
    return Response(text, status_code=status, headers=headers, media_type=media_type)


async def answer_refusal(request: Request, error: Exception) -> Response:
    """The error object of a refusal."""
    assert isinstance(error, PortalError)
    return json_response(error.body(_keys(request)), status=error.status)


def _keys(request: Request) -> str:
    return str(request.app.state.portal.behaviour.error_keys)


async def answer_nesting(request: Request, error: Exception) -> Response:
    """The error object for values nested deeper than Python follows."""
    return await answer_refusal(request, malformed_json("nested too deep"))


async def answer_http_error(request: Request, error: Exception) -> Response:
    """The error object of a path or method that does not exist."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405 and request.method == "OPTIONS":
        return _options(request)
    response = refusal(error.status_code, error.detail, _keys(request))
    response.headers.update(error.headers or {})
    return response


def _options(request: Request) -> Response:
    """What can be done with this path; pages of other origins may read, and bring no login.

    Anybody knows the login of a local portal, so that no browser may be led to write with it.
    """
    methods = {"OPTIONS"}
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    headers = {
        "Allow": ", ".join(sorted(methods)),
        "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
        "Access-Control-Allow-Headers": "Accept, Content-Type, X-App-Token, X-Socrata-RequestId",
        "Access-Control-Max-Age": "86400",
    }
    return Response(headers=headers)


def refusal(status: int, message: str, keys: str) -> Response:
    """The error object of a status that has one meaning only."""
    error = PortalError(status, _CODES.get(status, "invalid-request"), message)
    return json_response(error.body(keys), status=status)


async def answer_failure(request: Request, error: Exception) -> Response:
    """The error object of a fault of ours; the log gets the kind of fault, never the contents."""
    tag = secrets.token_hex(8)
    logger.error("internal error %s: %s", tag, type(error).__name__)
    refusal = PortalError(500, "internal-error", "Internal error", {"tag": tag})
    return json_response(refusal.body(_keys(request)), status=500)
