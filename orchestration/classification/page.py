"""The page on which words are explained and signed without a command line: `summerware classify --page`.

A link is a person: it ends in a secret that lives in this process alone, and no name can be typed. The
page is served on this machine only, works without scripts, and changes nothing but by a form that it
sent itself (`guarding.py`). What a form does is decided in `desk.py`.
"""

import hmac
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from orchestration.classification import page_view
from orchestration.classification.desk import LONGEST_REASON, UNANSWERED, Desk, Office, Refused
from orchestration.classification.guarding import Form, guarded, quiet_server, read_own_form
from orchestration.errors import ConfigurationError, TransientError
from orchestration.settings import HOST, Settings
from orchestration.signers import load_signers
from orchestration.state.store import State
from orchestration.terminal import err

ROLES = ("engineer", "custodian")
PER_PAGE = 50
_FOLDER = Path(__file__).parent


class SigningPage:
    """The page over one dataset, with a link per person, for as long as this object lives.

    Raises:
        ConfigurationError: there is no such dataset, or a file of it is wrong.
    """

    def __init__(
        self, settings: Settings, state: State, dataset_id: str, names: Sequence[str], *, port: int
    ) -> None:
        self._office = Office(settings, state, dataset_id)
        self._people = {secrets.token_urlsafe(32): name for name in names}
        self._notices: list[tuple[str, str]] = []
        self._turn = Lock()
        environment = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._template = environment.get_template("page.html")
        self._address = f"http://{HOST}:{port}"
        # What is wrong stops the command here, before anybody gets a link.
        self._render(Desk(self._office, names[0]), {})
        routes = [
            Route("/page.css", self._style, methods=["GET"]),
            Route("/{secret}", self._get, methods=["GET"]),
            Route("/{secret}", self._post, methods=["POST"]),
        ]
        handlers = {HTTPException: self._refuse, Exception: self._fail}
        self.app = guarded(Starlette(routes=routes, exception_handlers=handlers))

    @property
    def links(self) -> list[tuple[str, str]]:
        """Who opens what."""
        return [(name, f"{self._address}/{secret}") for secret, name in self._people.items()]

    async def _style(self, _request: Request) -> Response:
        return Response((_FOLDER / "page.css").read_text(encoding="utf-8"), media_type="text/css")

    async def _get(self, request: Request) -> Response:
        _, name = self._person(request)
        number = _number(request.query_params.get("said"))
        is_known = 0 < number <= len(self._notices)
        addressee, text = self._notices[number - 1] if is_known else ("", "")
        notice = text if addressee == name else ""
        part = _number(request.query_params.get("part"))
        return await run_in_threadpool(self._answer, name, {"notice": notice, "part": part})

    async def _post(self, request: Request) -> Response:
        secret, name = self._person(request)
        form = await read_own_form(request)
        try:
            said = await run_in_threadpool(self._change, name, form)
        except (Refused, ConfigurationError) as error:
            context = {
                "error": str(error),
                "faults": error.faults if isinstance(error, Refused) else {},
                # What was typed is not lost.
                "typed": {field: values[0] for field, values in form.items()},
                "ticked": form.get("tick", ()),
                "part": _number(form.get("part", [""])[0]),
            }
            return await run_in_threadpool(self._answer, name, context)
        self._notices.append((name, said))
        # A reload after this asks for the page again, and sends nothing.
        return RedirectResponse(f"/{secret}?said={len(self._notices)}", status_code=303)

    def _person(self, request: Request) -> tuple[str, str]:
        given = request.path_params["secret"].encode()
        for secret, name in self._people.items():
            if hmac.compare_digest(secret.encode(), given):
                return secret, name
        raise HTTPException(404, "This link is not valid, or not any more. Ask for a new one.")

    async def _refuse(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return PlainTextResponse(error.detail, error.status_code)

    async def _fail(self, _request: Request, error: Exception) -> Response:
        # Its text may hold what somebody typed, or a word of an extract.
        err.print(f"the page failed: {type(error).__name__}")
        text = "This did not work. Open your link again to see what was kept."
        return PlainTextResponse(text, 500)

    def _change(self, name: str, form: Form) -> str:
        with self._turn:
            return self._desk(name).change(form)

    def _answer(self, name: str, context: Mapping[str, Any]) -> Response:
        """The page for one person, or the reason why there is none."""
        try:
            text = self._render(self._desk(name), context)
        except ConfigurationError as broken:
            raise HTTPException(503, f"The page cannot be shown: {broken}") from broken
        return Response(text, 409 if context.get("error") else 200, media_type="text/html")

    def _desk(self, name: str) -> Desk:
        desk = Desk(self._office, name)
        if not desk.roles & set(ROLES):
            raise HTTPException(403, "signers.csv does not name you any more.")
        return desk

    def _render(self, desk: Desk, context: Mapping[str, Any]) -> str:
        state, dataset, show = desk.state, desk.dataset, desk.show
        blank = sum(one.lines for one in desk.questions if not one.value)
        asked = [one for one in desk.questions if one.value]
        asked = [one for one in asked if (one.column, one.value) not in desk.proposals]
        parts = -(-len(asked) // PER_PAGE)
        part = min(max(context.get("part", 1), 1), max(parts, 1))
        first = (part - 1) * PER_PAGE
        some = asked[first : first + PER_PAGE]
        nothing: dict[str, Any] = {"faults": {}, "typed": {}, "ticked": ()}
        page = {
            "desk": desk,
            "proposals": [(desk.office.key(word), one) for word, one in desk.proposals.items()],
            "questions": page_view.view_questions(state, dataset, some, show, desk.office.key),
            "asked": len(asked),
            "urgent": sum(one.is_urgent for one in asked),
            "blank": blank,
            "first": first,
            "part": part,
            "parts": parts,
            "file": page_view.view_file(desk.settings, state, dataset, show),
            "known": page_view.known_words(desk.classes, show),
            "history": page_view.view_history(state, dataset, desk.answers, show),
            "policies": [one for one in dataset.policies if one.action != "generalize"],
            "becomes": lambda policy: page_view.what_becomes(dataset, (policy.id,)),
            "lines_of": page_view.lines_of,
            "longest": LONGEST_REASON,
            "unanswered": UNANSWERED,
        }
        return self._template.render(nothing | dict(context) | page)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 0


def serve_page(
    settings: Settings,
    state: State,
    dataset_id: str,
    *,
    people: Sequence[str] | None,
    port: int,
    announce: Callable[[list[tuple[str, str]]], None],
) -> None:
    """Serves the page on this machine until Ctrl-C; `announce` gets the links once they open.

    Raises:
        ConfigurationError: signers.csv names nobody of those, or a file of the dataset is wrong.
        TransientError: the port is taken.
    """
    names = who_may_open(settings, people)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()
        except OSError as error:
            raise TransientError(f"port {port} is taken; choose another with --port") from error
        served = SigningPage(settings, state, dataset_id, names, port=listener.getsockname()[1])
        announce(served.links)
        with suppress(KeyboardInterrupt):
            quiet_server(served.app).run(sockets=[listener])


def who_may_open(settings: Settings, people: Sequence[str] | None) -> list[str]:
    """The engineers and custodians of signers.csv, or those of them that are named.

    Raises:
        ConfigurationError: there are none, or one of the named is none.
    """
    signers = load_signers(settings) or {}
    may = {name.casefold(): name for name, roles in signers.items() if roles & set(ROLES)}
    wanted = [" ".join(name.split()).casefold() for name in people or ()] or [*may]
    unknown = sorted(set(wanted) - set(may))
    if unknown or not may:
        raise ConfigurationError(
            f"signers.csv beside the dataset files names nobody {', '.join(unknown)} as engineer or "
            f"custodian; these may open the page: {', '.join(may.values()) or 'nobody yet'}"
        )
    return [may[one] for one in dict.fromkeys(wanted)]
