"""Puts one portal together: the store, the account, the routes and what wraps every answer.

No logic lives here. Serving the result on a port is for `server`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response

from orchestration.guarding import JSON, SENT_UNASKED, Guard
from orchestration.portal import (
    catalog,
    downloads,
    dsmapi,
    pages,
    resource,
    transport,
    views,
)
from orchestration.portal.access import Account
from orchestration.portal.behaviour import Behaviour
from orchestration.portal.errors import PortalError
from orchestration.portal.fault_middleware import Connections, FaultLine
from orchestration.portal.faults import Faults
from orchestration.portal.state import Portal
from orchestration.portal.store import Store
from orchestration.portal.throttle import Throttle


def create_app(
    home: Path,
    *,
    username: str | None = None,
    password: str | None = None,
    app_tokens: tuple[str, ...] | None = None,
    behaviour: Behaviour | None = None,
    faults: Faults | None = None,
    connections: Connections | None = None,
) -> Starlette:
    """The portal as an ASGI application, with its data under `home`.

    The `Portal` behind it is `app.state.portal`. Credentials that are not given come from
    SUMMERWARE_PORTAL_USERNAME, …_PASSWORD and …_APP_TOKENS (comma separated), else they are
    `local`, `local` and `local`. `home` is made, readable by its owner alone.
    """
    account = Account.from_environment(username=username, password=password, app_tokens=app_tokens)
    portal = Portal(Store(home), account, behaviour or Behaviour(), faults or Faults())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        portal.close()

    def refuse(status: int, sentence: str) -> Response:
        return transport.refusal(status, sentence, str(portal.behaviour.error_keys))

    connections = connections or Connections()
    app = Starlette(
        routes=[
            *resource.routes(portal),
            *downloads.routes(portal),
            *views.routes(portal),
            *catalog.routes(portal),
            *dsmapi.routes(portal),
            *pages.routes(portal),
        ],
        middleware=[
            Middleware(transport.EdgeHeaders),
            Middleware(Guard, takes_body=_takes_body, refuse=refuse),
            Middleware(Throttle, portal=portal),
            Middleware(FaultLine, faults=portal.faults, connections=connections),
        ],
        exception_handlers={
            PortalError: transport.answer_refusal,
            RecursionError: transport.answer_nesting,
            HTTPException: transport.answer_http_error,
            Exception: transport.answer_failure,
        },
        lifespan=lifespan,
    )
    app.state.portal = portal
    app.state.connections = connections
    return app


def _takes_body(path: str, kind: str) -> bool:
    """JSON everywhere, and what clients send besides where they send rows.

    Real ones name no type for JSON; the guard lets no browser do so. Rows say themselves what else
    they take.
    """
    if kind in ("", JSON):
        return True
    return path.startswith(("/resource/", f"{dsmapi.BASE}/source/")) and kind not in SENT_UNASKED
