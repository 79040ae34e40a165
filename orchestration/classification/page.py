"""The page on which words are explained and signed without a command line: `summerware classify --page`.

A link is a person: it ends in a secret that lives in this process alone, and no name can be typed. The
page is served on this machine only, works without scripts, and changes nothing but by a form that was
sent from itself. What may be signed by whom is decided in `answering.py`, what is shown in
`page_view.py`.
"""

import hmac
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestration.classification import answering, page_view
from orchestration.classification.questions import Question, Said, count_words, unclassified
from orchestration.classification.showing import show_words
from orchestration.dataset import Dataset
from orchestration.domains.in_force import Word, classes_in_force
from orchestration.errors import ConfigurationError, PassingFault
from orchestration.settings import Settings
from orchestration.signers import load_signers
from orchestration.state.classifications import (
    COVERED,
    MISSPELLING,
    Answer,
    Classification,
    ClassificationStore,
)
from orchestration.state.store import State
from orchestration.terminal import err, find_dataset

HOST = "127.0.0.1"
ROLES = ("engineer", "custodian")
PER_PAGE = 50
LONGEST_REASON = 1_000
BIGGEST_FORM = 1_000_000
_FOLDER = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # With `no-referrer` browsers send forms with the origin `null`, which could be anybody's. This one
    # never tells more than our origin either: no path, so no secret.
    "Referrer-Policy": "strict-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_CHANGED = (
    "Something that you answered or ticked has changed since it was shown to you, so nothing was kept. "
    "This is how it is now: please look again."
)
_AFTERWARDS = "The next run goes by it; nothing else is to be done."
Form = Mapping[str, Sequence[str]]


class Refused(Exception):
    """A sentence for the person; `faults` are sentences on single words, by their key."""

    def __init__(self, sentence: str, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.faults = faults or {}


class Desk:
    """One dataset's words on the table: what is read off the state anew for every answer."""

    def __init__(self, settings: Settings, state: State, dataset_id: str, name: str) -> None:
        self.settings, self.state, self.name = settings, state, name
        self.dataset: Dataset = find_dataset(settings, dataset_id)
        self.classes = classes_in_force(settings, state, self.dataset)
        self.found = ClassificationStore(state).classifications(dataset_id)
        self.open = [one for one in self.found if one.is_open]
        self.roles = (load_signers(settings) or {}).get(name, frozenset())


class SigningPage:
    """The page over one dataset, with a link per person, for as long as this object lives."""

    def __init__(
        self, settings: Settings, state: State, dataset_id: str, names: Sequence[str], *, port: int
    ) -> None:
        self._settings, self._state, self._dataset_id = settings, state, dataset_id
        self._origins = [f"http://{host}:{port}" for host in (HOST, "localhost")]
        self._people = {secrets.token_urlsafe(32): name for name in names}
        self._secret = secrets.token_bytes(32)
        self._told: list[tuple[str, str]] = []
        self._turn = Lock()
        self._show = show_words(settings)
        self._counted: tuple[str, dict[Word, Said]] = ("", {})
        self._asked: tuple[object, list[Question]] = (None, [])
        environment = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._template = environment.get_template("page.html")
        # What is wrong is told in the terminal, before anybody gets a link.
        self._answer(names[0], part=1)
        self.app = _guarded(
            Starlette(
                routes=[
                    Route("/page.css", self._style, methods=["GET"]),
                    Route("/{secret}", self._get, methods=["GET"]),
                    Route("/{secret}", self._post, methods=["POST"]),
                ],
                exception_handlers={HTTPException: self._refuse, Exception: self._fail},
            ),
            hosts=[origin.removeprefix("http://") for origin in self._origins],
        )

    @property
    def links(self) -> list[tuple[str, str]]:
        """Who opens what."""
        return [(name, f"{self._origins[0]}/{secret}") for secret, name in self._people.items()]

    async def _style(self, _request: Request) -> Response:
        return Response((_FOLDER / "page.css").read_text(encoding="utf-8"), media_type="text/css")

    async def _get(self, request: Request) -> Response:
        _, name = self._person(request)
        number, part = (_number(request.query_params.get(key)) for key in ("said", "part"))
        told = self._told[number - 1] if 0 < number <= len(self._told) else ("", "")
        notice = told[1] if told[0] == name else ""
        return await run_in_threadpool(self._answer, name, notice=notice, part=part)

    async def _post(self, request: Request) -> Response:
        secret, name = self._person(request)
        if request.headers.get("origin") != f"http://{request.headers['host']}":
            raise HTTPException(403, "This form was not sent from this page.")
        form = await _read_form(request)
        try:
            said = await run_in_threadpool(self._change, name, form)
        except (Refused, ConfigurationError) as error:
            faults = error.faults if isinstance(error, Refused) else {}
            typed = {key: values[0] for key, values in form.items()}
            typed["ticked"] = " ".join(form.get("tick", ()))
            part = _number(typed.get("part"))
            return await run_in_threadpool(
                self._answer, name, part=part, error=str(error), faults=faults, typed=typed
            )
        self._told.append((name, said))
        # A reload after this asks for the page again, and sends nothing.
        return RedirectResponse(f"/{secret}?said={len(self._told)}", status_code=303)

    def _person(self, request: Request) -> tuple[str, str]:
        given = request.path_params["secret"].encode()
        for secret, name in self._people.items():
            if hmac.compare_digest(secret.encode(), given):
                return secret, name
        raise HTTPException(404, "This link is not valid, or not any more. Ask for a new one.")

    async def _refuse(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return PlainTextResponse(error.detail, status_code=error.status_code)

    async def _fail(self, _request: Request, error: Exception) -> Response:
        # Its text may hold what somebody typed, or a word of an extract.
        err.print(f"the page failed: {type(error).__name__}")
        text = "This did not work. Open your link again to see what was kept."
        return PlainTextResponse(text, status_code=500)

    def _answer(
        self,
        name: str,
        *,
        part: int,
        notice: str = "",
        error: str = "",
        faults: Mapping[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> Response:
        """The page for one person, or the reason why there is none."""
        told = {"notice": notice, "error": error, "faults": faults or {}, "typed": typed or {}}
        try:
            text = self._page(self._desk(name), part=part, **told)
        except ConfigurationError as broken:
            raise HTTPException(503, f"The page cannot be shown: {broken}") from broken
        return Response(text, status_code=409 if error else 200, media_type="text/html")

    def _desk(self, name: str) -> Desk:
        desk = Desk(self._settings, self._state, self._dataset_id, name)
        if not desk.roles & set(ROLES):
            raise HTTPException(403, "signers.csv does not name you any more.")
        return desk

    def _words(self, desk: Desk) -> tuple[dict[Word, Said], list[Question]]:
        """What the newest extracts say, and what of it is unclassified; kept while both are the same."""
        raw = desk.state.newest_layer(desk.dataset.id, "raw")
        if raw is None or not desk.dataset.deciding:
            return {}, []
        counted, asked = self._counted, self._asked
        if counted[0] != raw.id:
            counted = self._counted = (raw.id, count_words(desk.settings, desk.dataset, raw))
        if asked[0] != (raw.id, desk.classes.hash):
            questions = unclassified(desk.classes, counted[1])
            asked = self._asked = ((raw.id, desk.classes.hash), questions)
        return counted[1], asked[1]

    def _page(self, desk: Desk, *, part: int, **told: Any) -> str:
        said, questions = self._words(desk)
        proposals = self._proposals(desk, said)
        asked = [q for q in questions if q.value and (q.column, q.value) not in proposals]
        parts = -(-len(asked) // PER_PAGE)
        first = (part - 1) * PER_PAGE if 0 < part <= parts else 0
        return self._template.render(
            desk=desk,
            proposals=[(self._key(word), one) for word, one in proposals.items()],
            questions=page_view.view_questions(
                desk.state, desk.dataset, asked[first : first + PER_PAGE], self._show, self._key
            ),
            asked=len(asked),
            urgent=sum(one.is_urgent for one in asked),
            first=first,
            part=first // PER_PAGE + 1,
            parts=parts,
            blank=sum(one.lines for one in questions if not one.value),
            file=page_view.view_file(desk.settings, desk.state, desk.dataset, self._show),
            known=page_view.known_words(desk.classes, self._show),
            history=page_view.view_history(desk.state, desk.dataset, desk.found, self._show),
            policies=[p for p in desk.dataset.policies if p.action != "generalize"],
            name_of=page_view.policy_name,
            becomes=lambda policy: page_view.what_becomes(desk.dataset, (policy.id,)),
            lines_of=page_view.lines_of,
            longest=LONGEST_REASON,
            **told,
        )

    def _proposals(self, desk: Desk, said: Mapping[Word, Said]) -> dict[Word, page_view.Proposed]:
        viewed = page_view.view_proposals(
            desk.settings, desk.state, desk.dataset, desk.open, said, self._show
        )
        pairs = zip(desk.open, viewed, strict=True)
        return {(one.column_name, one.value): proposed for one, proposed in pairs}

    def _key(self, word: Word) -> str:
        return hmac.digest(self._secret, "\0".join(word).encode(), "sha256").hex()

    def _change(self, name: str, form: Form) -> str:
        """Does what a form asks for, one at a time; the sentence that tells of it."""
        wanted = form.get("do", [""])[0]
        with self._turn:
            desk = self._desk(name)
            if wanted == "propose":
                return self._propose(desk, form)
            if wanted in ("sign", "refuse"):
                return self._sign(desk, form.get("tick", ()), is_signed=wanted == "sign")
            if wanted == "sign_file":
                return self._sign_file(desk, form.get("file", [""])[0])
        raise Refused("This page does not know what was asked of it; nothing was kept.")

    def _propose(self, desk: Desk, form: Form) -> str:
        said, questions = self._words(desk)
        proposals = self._proposals(desk, said)
        words = {self._key(word): word for word in ((q.column, q.value) for q in questions)}
        words |= {self._key(word): word for word in proposals}
        answered = {
            key.removeprefix("answer."): values[0]
            for key, values in form.items()
            if key.startswith("answer.")
        }
        if not answered:
            raise Refused("Choose an answer for at least one word.")
        answers, faults = [], {}
        for key, answer in answered.items():
            if key not in words:
                raise Refused(_CHANGED)
            one = _as_answer(words[key], form, key, answer)
            waiting = proposals.get(words[key])
            said_again = waiting and waiting.said == (one.verdict, one.means, one.reason)
            if waiting and said_again and waiting.by == desk.name:
                continue  # A double click.
            if form.get(f"seen.{key}", [""])[0] != (waiting.seen if waiting else "nothing"):
                raise Refused(_CHANGED)
            if fault := _fault(desk, one):
                faults[key] = fault
            answers.append(one)
        if faults:
            raise Refused("Nothing was proposed yet: see what is missing below.", faults)
        answering.propose(
            desk.settings, desk.state, desk.dataset, desk.classes, answers, by=desk.name
        )
        return f"{_count(len(answered), 'answer')} proposed. Next, a custodian signs or refuses."

    def _sign(self, desk: Desk, ticks: Sequence[str], *, is_signed: bool) -> str:
        if not ticks:
            raise Refused("Tick at least one proposal first.")
        shown = {one.id: one.seen for one in self._proposals(desk, self._words(desk)[0]).values()}
        ended = {one.id: one for one in desk.found if not one.is_open}
        seen = dict(tick.partition(".")[::2] for tick in ticks)
        left = [one for one in seen if not _is_done(ended.get(one), desk.name, is_signed)]
        if any(shown.get(one) != seen[one] for one in left):
            raise Refused(_CHANGED)
        count = len(seen) - len(left)
        count += answering.sign(
            desk.settings, desk.state, desk.dataset, left, by=desk.name, is_signed=is_signed
        )
        if count < len(seen):
            return f"{count} of {len(seen)}: the others were answered by somebody else meanwhile."
        if is_signed:
            return f"{_count(count, 'proposal')} signed. {_AFTERWARDS}"
        return f"{_count(count, 'proposal')} refused. An engineer can propose something else."

    def _sign_file(self, desk: Desk, seen: str) -> str:
        file = page_view.view_file(desk.settings, desk.state, desk.dataset, self._show)
        if file is None or file.seen != seen:
            raise Refused(_CHANGED)
        answering.sign_classes_file(
            desk.settings, desk.state, desk.dataset, by=desk.name, as_seen=file.file_hash
        )
        return f"The list of words is signed as it is. {_AFTERWARDS}"


def _as_answer(word: Word, form: Form, key: str, answered: str) -> Answer:
    verdict, _, policy = answered.partition(":")
    written = {name: form.get(f"{name}.{key}", [""])[0].strip() for name in ("means", "reason")}
    means = {COVERED: policy, MISSPELLING: written["means"]}.get(verdict)
    return Answer(
        column=word[0],
        value=word[1],
        verdict=verdict,
        means=means or None,
        reason=written["reason"],
    )


def _fault(desk: Desk, one: Answer) -> str | None:
    if not one.reason:
        return "say why, for the custodian"
    if len(one.reason) > LONGEST_REASON:
        return f"the reason is longer than {LONGEST_REASON:,} signs"
    return answering.find_fault(desk.dataset, desk.classes, one)


def _is_done(one: Classification | None, name: str, is_signed: bool) -> bool:
    """Whether the same person did the same already, as with a double click."""
    return one is not None and (one.signed_by if is_signed else one.refused_by) == name


def _count(count: int, what: str) -> str:
    return f"1 {what} is" if count == 1 else f"{count:,} {what}s are"


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 0


async def _read_form(request: Request) -> Form:
    """The fields of a form that a page sent, and of nothing else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Only this page's own forms are taken.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BIGGEST_FORM:
            raise HTTPException(413, "This is more than the page takes at once.")
    try:
        return parse_qs(body.decode(), errors="strict", max_num_fields=10_000)
    except ValueError as error:
        raise HTTPException(400, "This form cannot be read.") from error


def _guarded(app: ASGIApp, *, hosts: Sequence[str]) -> ASGIApp:
    """The app, for whoever asked for this host by its name, with our headers on every answer."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if scope["type"] != "http":
            return
        if Headers(scope=scope).get("host", "").lower() not in hosts:
            await PlainTextResponse("Unknown host.", 421)(scope, receive, send_safe)
        else:
            await app(scope, receive, send_safe)

    return guard


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
        ConfigurationError: signers.csv names nobody of those.
        PassingFault: the port is taken.
    """
    names = who_may_open(settings, people)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()
        except OSError as error:
            raise PassingFault(f"port {port} is taken; choose another with --port") from error
        page = SigningPage(settings, state, dataset_id, names, port=listener.getsockname()[1])
        announce(page.links)
        with suppress(KeyboardInterrupt):
            quiet_server(page).run(sockets=[listener])


def quiet_server(page: SigningPage) -> uvicorn.Server:
    """A server that writes no line about any request: the links are secrets."""
    return uvicorn.Server(
        uvicorn.Config(
            page.app, lifespan="off", ws="none", log_config=None, log_level="critical",
            access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=5,
        )
    )  # fmt: skip


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
