"""Who may command what listens on this machine: its own pages and programs, and no page of the web.

A browser sends requests for whatever page is open in it, with the logins that it knows; what such a
page cannot do is choose its Host, its Origin or, without asking first, a content type of JSON. Stands
in front of everything of ours that listens. Who a person is, and what they may, is not known here.
"""

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
JSON = "application/json"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_USUAL_PORTS = {"http": 80, "https": 443}
SENT_UNASKED = frozenset({"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})
"""The types that a browser sends for any page without asking us first; and a body of no type."""
TakesBody = Callable[[str, str], bool]
"""Whether a path takes a body of a type, which is empty where none is named."""


def _plain(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence + "\n", status)


class Guard:
    """Refuses what a page of another origin sent, or could have sent.

    - A path with a control character: what is behind us may read it otherwise than we do: 400.
    - A Host that is neither a loopback name with the port that was reached nor `public_url`'s: 421. A
      name that somebody else made point here is none of ours (DNS rebinding).
    - What is no GET, HEAD or OPTIONS, and every web socket, from an origin that is not ours: 403.
      Programs send no Origin.
    - A body of a type that `takes_body` refuses, or of no type from a browser: 415.
    - A GET or HEAD of `commands`, a path that does what its query says: 405. Its page is shown.

    No other site may put an answer into a frame, where a person would press its buttons unawares.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        takes_body: TakesBody,
        public_url: str | None = None,
        commands: str | None = None,
        refuse: Callable[[int, str], Response] = _plain,
    ) -> None:
        self._app = app
        self._takes_body = takes_body
        self._commands = commands
        self._refuse = refuse
        self._public = [] if public_url is None else _public_origins(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_unframed(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message).setdefault("X-Frame-Options", "SAMEORIGIN")
            await send(message)

        refusal = self._refusal(scope, Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_unframed)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if any(sign < " " or sign == "\x7f" for sign in scope["path"]):
            return self._refuse(400, "There is no such path.")
        ours = [*_loopback_origins(scope), *self._public]
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in {host for _, host in ours}:
            return self._refuse(421, "Unknown host.")
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and not _is_from(headers, {f"{scheme}://{host}" for scheme, host in ours}):
            return self._refuse(403, "Only pages of this very address may do this.")
        if scope["type"] == "websocket":
            return None
        if changes:
            may = self._may_send(scope, headers)
            return None if may else self._refuse(415, "A body of this type is not taken here.")
        return None if self._may_ask(scope, headers) else self._refuse(405, "Ask by POST.")

    def _may_ask(self, scope: Scope, headers: Headers) -> bool:
        if scope["path"] != self._commands or scope["method"] == "OPTIONS":
            return True
        # Its page, which does nothing before a person says so.
        return scope["method"] == "GET" and "text/html" in headers.get("accept", "")

    def _may_send(self, scope: Scope, headers: Headers) -> bool:
        kinds = headers.getlist("content-type") or [""]
        plain = {kind.partition(";")[0].strip().lower() for kind in kinds}
        if "" not in plain:
            return all(self._takes_body(scope["path"], kind) for kind in plain)
        # Browsers ask before a deletion, and it has no body.
        if scope["method"] == "DELETE":
            return True
        return not _is_browser(headers) and self._takes_body(scope["path"], "")


def _is_browser(headers: Headers) -> bool:
    return "origin" in headers or "sec-fetch-site" in headers


def _is_from(headers: Headers, origins: Collection[str]) -> bool:
    """Whether one of our pages sent it, or no page at all."""
    site = headers.get("sec-fetch-site", "none")
    return site in ("none", "same-origin") and all(
        origin.lower() in origins for origin in headers.getlist("origin")
    )


def _loopback_origins(scope: Scope) -> list[tuple[str, str]]:
    """The schemes and hosts by which this machine's own programs reach the port that was reached."""
    host, port = scope["server"] or ("", None)
    scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
    names = {*_LOOPBACK, f"[{host}]" if ":" in host else host}
    ends = [f":{port}", *([""] if port == _USUAL_PORTS[scheme] else [])]
    return [(scheme, name + end) for name in names for end in ends]


def _public_origins(url: str) -> list[tuple[str, str]]:
    """Its scheme and host, with the port where that is not the usual one, as browsers say them.

    None for this machine's own names: they count by the port that was reached, and by no other.
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    if host in _LOOPBACK:
        return []
    usual = parts.port in (None, _USUAL_PORTS[parts.scheme])
    return [(parts.scheme, host if usual else f"{host}:{parts.port}")]
