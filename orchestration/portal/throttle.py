"""Turns away callers without an app token who ask too often, where a switch says so (2.2)."""

from __future__ import annotations

import math
import threading
import time

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestration.portal.errors import PortalError
from orchestration.portal.fault_middleware import drain
from orchestration.portal.state import Portal
from orchestration.portal.transport import json_response

_WINDOW_SECONDS = 60.0


class Throttle:
    """Counts requests without a token, a minute at a time: they share one pool."""

    def __init__(self, app: ASGIApp, *, portal: Portal) -> None:
        self._app = app
        self._portal = portal
        self._lock = threading.Lock()
        self._began = -math.inf
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or refuses it."""
        limit = self._portal.behaviour.throttle_per_minute
        if not limit:
            self._began = -math.inf
        if scope["type"] != "http" or not limit or _has_token(Request(scope)):
            await self._app(scope, receive, send)
            return
        rest = self._rest(limit)
        if rest is None:
            await self._app(scope, receive, send)
            return
        await drain(receive)
        refusal = PortalError(429, "too-many-requests", "Too many requests without an app token")
        answer = json_response(refusal.body(self._portal.behaviour.error_keys), status=429)
        if self._portal.behaviour.retry_after:
            answer.headers["Retry-After"] = str(math.ceil(rest))
        await answer(scope, receive, send)

    def _rest(self, limit: int) -> float | None:
        """The seconds to wait, or None for a request that may pass."""
        with self._lock:
            now = time.monotonic()
            if now - self._began >= _WINDOW_SECONDS:
                self._began, self._count = now, 0
            self._count += 1
            return None if self._count <= limit else self._began + _WINDOW_SECONDS - now


def _has_token(request: Request) -> bool:
    return bool(request.headers.get("x-app-token") or request.query_params.get("$$app_token"))
