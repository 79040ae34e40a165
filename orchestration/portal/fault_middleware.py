"""The line of middleware where faults strike: answers replaced, delayed, lost; rows meddled with.

What concerns the answer alone is done here. Faults of rows and reads are handed to the routes in
the request's scope, see `fault_effects`. Connections are cut on the socket itself, so that clients see a
real reset. Which fault strikes when is in `faults`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import suppress
from typing import Any, cast

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.importer import import_from_string

from orchestration.portal.errors import PortalError
from orchestration.portal.faults import READS, ROWS, STATUSES, Fault, Faults

SCOPE_KEY = "portal.faults"
REQUEST_ID_KEY = "portal.request_id"
_CODES = {
    "408": ("request-timeout", "The request took too long"),
    "409": ("soda.dataset.cannot-acquire-write-lock", "Somebody else is writing"),
    "413": ("req.body.too-large", "The body is too large"),
    "429": ("too-many-requests", "Too many requests"),
    "500": ("internal-error", "Internal error"),
    "502": ("bad-gateway", "Bad gateway"),
    "503": ("service-unavailable", "Service unavailable"),
    "504": ("gateway-timeout", "Gateway timeout"),
}
_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Connections:
    """The open connections of a server, by the address of the other end."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """Uvicorn's own protocol, that also enters its connections here."""
        transports = self._transports
        usual = cast("Any", import_from_string(HTTP_PROTOCOLS["auto"]))

        class Registered(usual):  # type: ignore[valid-type,misc]
            def connection_made(self, transport: asyncio.Transport) -> None:
                self.registered = tuple(transport.get_extra_info("peername")[:2])
                transports[self.registered] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.registered, None)
                super().connection_lost(exc)

            def shutdown(self) -> None:
                super().shutdown()
                # An idle client would be waited for, to say good-bye over TLS.
                encrypted = self.transport.get_extra_info("ssl_object") is not None
                if encrypted and self.transport.is_closing():
                    self.transport.abort()

        return Registered

    def reset(self, client: Any) -> None:
        """Cuts a connection, with a reset and no good-bye."""
        transport = self._transports[tuple(client)]
        kernel = transport.get_extra_info("socket")
        with suppress(OSError):
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


class FaultLine:
    """Lets the faults of one portal strike."""

    def __init__(self, app: ASGIApp, *, faults: Faults, connections: Connections) -> None:
        self._app = app
        self._faults = faults
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or does not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope.get(REQUEST_ID_KEY, "")
        struck = self._faults.strike(scope["method"], scope["path"], request_id)
        scope[SCOPE_KEY] = [s for s in struck if s.fault.kind in ROWS | READS]
        answering = [s.fault for s in struck if s.fault.kind not in ROWS | READS]
        await self._answer(answering, scope, receive, send)

    async def _answer(
        self, faults: list[Fault], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Goes through the faults: delays add up, the first that replaces the answer ends it."""
        for position, fault in enumerate(faults):
            if fault.kind == "slow":
                if fault.stored:
                    kept = _Kept()
                    await self._answer(faults[position + 1 :], scope, receive, kept)
                    await asyncio.sleep(_seconds(fault))
                    for message in kept.messages:
                        await send(message)
                    return
                await asyncio.sleep(_seconds(fault))
                continue
            if fault.stored or fault.kind == "reset-after":
                await self._app(scope, receive, _Kept())
            else:
                await drain(receive)
            if fault.kind.startswith("reset"):
                self._connections.reset(scope["client"])
                await _until_gone(receive)
            else:
                await _replacement(fault, scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class _Kept:
    """An answer that is not sent, or not yet."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)


def _seconds(fault: Fault) -> float:
    return 1.0 if fault.seconds is None else fault.seconds


async def drain(receive: Receive) -> None:
    """Reads a body to its end, so that the next request on the connection can be read."""
    while (message := await receive())["type"] != "http.disconnect" and message.get("more_body"):
        pass


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _replacement(fault: Fault, scope: Scope) -> Response:
    """What is answered instead."""
    if fault.kind in STATUSES:
        code, words = _CODES[fault.kind]
        refusal = PortalError(int(fault.kind), code, words).body()
        return _json(int(fault.kind), refusal, _retry_after(fault))
    if fault.kind == "redirect":
        return Response(status_code=fault.status or 302, headers={"Location": _alias(scope)})
    if fault.kind == "html":
        status = fault.status or 502
        return Response(_PAGE.format(status), status, media_type="text/html; charset=utf-8")
    if fault.variant() == "location":
        headers = {"Location": scope["path"], "Retry-After": f"{_seconds(fault):g}"}
        return Response(status_code=202, headers=headers)
    return _json(202, {"ticket": scope.get(REQUEST_ID_KEY, "")}, _retry_after(fault))


def _json(status: int, value: Any, headers: dict[str, str]) -> Response:
    media_type = "application/json; charset=utf-8"
    return Response(json.dumps(value), status, headers=headers, media_type=media_type)


def _retry_after(fault: Fault) -> dict[str, str]:
    return {} if fault.seconds is None else {"Retry-After": f"{fault.seconds:g}"}


def _alias(scope: Scope) -> str:
    """The same address under the machine's other name, as a domain has an alias."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    host, _, port = headers.get("host", "").rpartition(":")
    other = "127.0.0.1" if host == "localhost" else "localhost"
    query = scope["query_string"].decode("latin-1")
    path = scope["raw_path"].decode("latin-1")
    return f"{scope['scheme']}://{other}:{port}{path}{'?' if query else ''}{query}"
