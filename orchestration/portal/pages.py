"""The pages for people: what datasets there are, and a table of the rows of each.

Plain HTML made here, with everything that comes from data escaped; no scripts. How it looks is in
`portal.css`. What a filter means is said in SoQL, so a page and its JSON link never disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from orchestration.portal.access import require_readable
from orchestration.portal.dataset import Column, Dataset
from orchestration.portal.errors import AccessError, NotFoundError, QueryError
from orchestration.portal.reads import query_from, read_cells
from orchestration.portal.soql.expressions import EQUATED
from orchestration.portal.state import Portal
from orchestration.portal.store import find_dataset, list_datasets
from orchestration.portal.values import Stored

PAGE_ROWS = 50
_OPERATORS = {
    "eq": ("is", "{column} = {value}"),
    "ne": ("is not", "{column} != {value}"),
    "contains": ("contains", "contains(lower({column}), lower({value}))"),
    "starts": ("starts with", "starts_with(lower({column}), lower({value}))"),
    "lt": ("less than", "{column} < {value}"),
    "le": ("at most", "{column} <= {value}"),
    "gt": ("more than", "{column} > {value}"),
    "ge": ("at least", "{column} >= {value}"),
    "null": ("is empty", "{column} is null"),
    "filled": ("is not empty", "{column} is not null"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def routes(portal: Portal) -> list[Route]:
    """The routes of the pages."""
    pages = Pages(portal)
    return [
        Route("/", pages.index, methods=["GET"]),
        Route("/d/{fourfour}", pages.dataset, methods=["GET"]),
        Route("/login", pages.login, methods=["GET"]),
        Route("/portal.css", pages.style, methods=["GET"]),
    ]


class Pages:
    """The pages of one portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def index(self, request: Request) -> Response:
        """All datasets that the visitor may read."""
        return await run_in_threadpool(self._answer, request, self._index)

    async def dataset(self, request: Request) -> Response:
        """One dataset: its rows, filtered, sorted and paged."""
        return await run_in_threadpool(self._answer, request, self._dataset)

    async def login(self, request: Request) -> Response:
        """Asks the browser for a login, then goes back."""
        return await run_in_threadpool(self._answer, request, self._login)

    async def style(self, request: Request) -> Response:
        """The style sheet."""
        return Response(_file("portal.css"), media_type="text/css")

    def _answer(self, request: Request, make: Callable[[Request, bool], Response]) -> Response:
        try:
            return make(request, self._portal.account.knows(request))
        except AccessError:
            body = "<h1>Sign in</h1><p>You need to sign in to see this.</p>"
            response = _page("Sign in", body, status=401)
            response.headers["WWW-Authenticate"] = 'Basic realm="Local portal", charset="UTF-8"'
            return response
        except NotFoundError:
            body = '<h1>Not found</h1><p>There is no such dataset. <a href="/">All datasets</a></p>'
            return _page("Not found", body, status=404)

    def _login(self, request: Request, logged_in: bool) -> Response:
        if not logged_in:
            raise AccessError(401, "authentication_required", "Sign in")
        return RedirectResponse("/", status_code=303)

    def _index(self, request: Request, logged_in: bool) -> Response:
        with self._portal.store.reading() as connection:
            everything = list_datasets(connection)
        shown = [dataset for dataset in everything if logged_in or dataset.open_to_all]
        return _page("Datasets", _index_body(shown, logged_in), logged_in=logged_in)

    def _dataset(self, request: Request, logged_in: bool) -> Response:
        with self._portal.store.reading() as connection:
            dataset = find_dataset(connection, request.path_params["fourfour"])
            require_readable(dataset, logged_in=logged_in)
            view = View.asked_for(request, dataset)
            rows: list[tuple[Stored, ...]] = []
            total, refusal = 0, ""
            try:
                rows, total = read_cells(connection, dataset, query_from(view.parameters()))
            except QueryError as error:
                refusal = f"This filter does not go with the column. {error.message}."
        body = _dataset_body(dataset, view, rows, total, refusal)
        status = 400 if refusal else 200
        return _page(dataset.name, body, status=status, logged_in=logged_in)


@dataclass(frozen=True)
class View:
    """What of a dataset a page shows; everything in it is in the page's address."""

    dataset: Dataset
    sort: str
    descending: bool
    column: str
    operator: str
    value: str
    page: int

    @classmethod
    def asked_for(cls, request: Request, dataset: Dataset) -> View:
        """The view that an address asks for; what makes no sense in it is passed over."""
        asked = request.query_params
        column = dataset.column(asked.get("column", ""))
        sort = dataset.column(asked.get("sort", ""))
        page = asked.get("page", "1")
        return cls(
            dataset,
            sort.field if sort else "",
            asked.get("dir") == "desc",
            column.field if column else "",
            asked.get("op", "eq") if asked.get("op") in _OPERATORS else "eq",
            asked.get("value", ""),
            int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 10 else 1,
        )

    def conditions(self) -> list[tuple[str, str]]:
        """The filter and the order as SODA parameters."""
        parameters = []
        if self.column:
            value = "'" + self.value.replace("'", "''") + "'"
            template = _OPERATORS[self.operator][1]
            where = template.format(column=f"`{self.column}`", value=value)
            parameters.append(("$where", where))
        order = f"`{self.sort}` {'desc' if self.descending else 'asc'}, " if self.sort else ""
        return [*parameters, ("$order", f"{order}:id")]

    def parameters(self) -> list[tuple[str, str]]:
        """All SODA parameters of the page."""
        offset = (max(self.page, 1) - 1) * PAGE_ROWS
        return [*self.conditions(), ("$limit", str(PAGE_ROWS)), ("$offset", str(offset))]

    def address(self, **changes: str | int) -> str:
        """The address of this view with something changed."""
        parts: dict[str, str | int] = {}
        if self.column:
            parts |= {"column": self.column, "op": self.operator, "value": self.value}
        if self.sort:
            parts |= {"sort": self.sort, "dir": "desc" if self.descending else "asc"}
        parts |= changes
        return escape(f"/d/{self.dataset.id}?{urlencode(parts)}")

    def download(self, extension: str) -> str:
        """The address of the same rows for machines."""
        limit = str(max(self.dataset.row_count, 1))
        query = urlencode([*self.conditions(), ("$limit", limit)], quote_via=quote)
        return escape(f"/resource/{self.dataset.id}.{extension}?{query}")


@cache
def _file(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _page(title: str, body: str, *, status: int = 200, logged_in: bool = False) -> Response:
    session = "<span>Signed in</span>" if logged_in else '<a href="/login">Sign in</a>'
    text = Template(_file("page.html")).substitute(
        title=escape(f"{title} · Local portal"), session=session, body=body
    )
    return Response(text, status_code=status, headers=_HEADERS, media_type="text/html")


def _index_body(datasets: list[Dataset], logged_in: bool) -> str:
    if not datasets:
        hint = (
            "" if logged_in else " Private ones are shown after you <a href='/login'>sign in</a>."
        )
        return f"<h1>Datasets</h1><p class='lead'>There is nothing to show yet.{hint}</p>"
    hint = "All datasets of this portal." if logged_in else "Datasets that are open to everybody."
    rows = "".join(
        f'<tr><th scope="row"><a href="/d/{d.id}">{escape(d.name)}</a></th>'
        f"<td><code>{d.id}</code></td>"
        f'<td class="number">{d.row_count:,}</td>'
        f'<td class="time">{_moment(d.rows_updated_at)}</td><td>{_badge(d)}</td></tr>'
        for d in datasets
    )
    return (
        f'<h1>Datasets</h1><p class="lead">{hint}</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Datasets"><table><thead><tr>'
        '<th scope="col">Name</th><th scope="col">Id</th><th scope="col" class="number">Rows</th>'
        '<th scope="col">Last update</th><th scope="col">Access</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _badge(dataset: Dataset) -> str:
    if dataset.open_to_all:
        return '<span class="badge open">public</span>'
    return f'<span class="badge">{"private" if dataset.published_at else "unpublished"}</span>'


def _moment(milliseconds: int | None) -> str:
    if milliseconds is None:
        return '<span class="nothing">never</span>'
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'


def _dataset_body(
    dataset: Dataset, view: View, rows: list[tuple[Stored, ...]], total: int, refusal: str
) -> str:
    description = escape(str(dataset.document.get("description") or ""))
    alert = f'<p class="alert" role="alert">{escape(refusal)}</p>' if refusal else ""
    key = f"<li>Key <b>{escape(dataset.key.name)}</b></li>" if dataset.key else ""
    return (
        '<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Datasets</a></nav>'
        f"<h1>{escape(dataset.name)}</h1>"
        f'<p class="lead">{description}</p>'
        f'<ul class="facts"><li>{_badge(dataset)}</li><li><code>{dataset.id}</code></li>'
        f"<li><b>{dataset.row_count:,}</b> rows</li><li><b>{len(dataset.columns)}</b> columns</li>"
        f"{key}<li>Last update {_moment(dataset.rows_updated_at)}</li></ul>"
        f"{_filter(view)}{alert}{_strip(view, len(rows), total)}{_table(view, rows)}"
        f"{_paging(view, total)}{_column_notes(dataset)}"
    )


def _filter(view: View) -> str:
    columns = "".join(
        _option(column.field, column.name, column.field == view.column)
        for column in view.dataset.columns
    )
    operators = "".join(
        _option(name, label, name == view.operator) for name, (label, _) in _OPERATORS.items()
    )
    order = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in (("sort", view.sort), ("dir", "desc" if view.descending else "asc"))
        if view.sort
    )
    clear = f'<a class="clear" href="/d/{view.dataset.id}">Clear</a>' if view.column else ""
    return (
        f'<form class="filter" method="get" action="/d/{view.dataset.id}" role="search">'
        f'<label>Column<select name="column">{columns}</select></label>'
        f'<label>Condition<select name="op">{operators}</select></label>'
        f'<label>Value<input name="value" value="{escape(view.value)}"></label>'
        f'{order}<button type="submit">Filter</button>{clear}</form>'
    )


def _option(value: str, label: str, selected: bool) -> str:
    mark = " selected" if selected else ""
    return f'<option value="{escape(value)}"{mark}>{escape(label)}</option>'


def _strip(view: View, shown: int, total: int) -> str:
    first = (view.page - 1) * PAGE_ROWS + 1
    last = first + shown - 1
    count = f"Rows {first:,} to {last:,} of {total:,}" if shown else f"0 of {total:,} rows"
    return (
        f'<div class="strip"><p class="count" role="status">{count}</p>'
        f'<a href="{view.download("json")}">JSON</a> <a href="{view.download("csv")}">CSV</a></div>'
    )


def _table(view: View, rows: list[tuple[Stored, ...]]) -> str:
    columns = view.dataset.columns
    if not rows or not columns:
        return '<div class="scroll"><p class="empty">No rows to show.</p></div>'
    head = "".join(_heading(view, column) for column in columns)
    body = "".join(
        f"<tr>{''.join(_cell(c, v) for c, v in zip(columns, row, strict=True))}</tr>"
        for row in rows
    )
    label = escape(f"Rows of {view.dataset.name}")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _heading(view: View, column: Column) -> str:
    sorted_by = column.field == view.sort
    direction = "desc" if sorted_by and not view.descending else "asc"
    mark, state = "", ""
    if sorted_by:
        mark = f' <span class="mark" aria-hidden="true">{"▼" if view.descending else "▲"}</span>'
        state = f' aria-sort="{"descending" if view.descending else "ascending"}"'
    number = ' class="number"' if column.type.name == "number" else ""
    title = f' title="{escape(column.description)}"' if column.description else ""
    label = escape(column.name) + mark
    if column.type.name in EQUATED:
        label = f'<a href="{view.address(sort=column.field, dir=direction)}">{label}</a>'
    return (
        f'<th scope="col"{state}{number}{title}>{label}'
        f'<span class="kind">{column.type.name}</span></th>'
    )


def _cell(column: Column, value: Stored) -> str:
    if value is None:
        return '<td class="nothing"></td>'
    text = str(value)
    if column.type.name == "number":
        return f'<td class="number">{escape(text)}</td>'
    if column.type.name in ("calendar_date", "date"):
        return f'<td class="time">{escape(_readable_time(text))}</td>'
    return f"<td>{escape(text)}</td>"


def _readable_time(text: str) -> str:
    zone = " UTC" if text.endswith("Z") else ""
    day, _, time = text.removesuffix("Z").partition("T")
    time = time.removesuffix(".000")
    return f"{day}{zone}" if time == "00:00:00" and not zone else f"{day} {time}{zone}"


def _paging(view: View, total: int) -> str:
    last = max(1, -(-total // PAGE_ROWS))
    if last == 1 and view.page == 1:
        return ""
    back = min(view.page - 1, last)
    previous = f'<a rel="prev" href="{view.address(page=back)}">← Previous</a>' if back else ""
    following = (
        f'<a rel="next" href="{view.address(page=view.page + 1)}">Next →</a>'
        if view.page < last
        else ""
    )
    return (
        f'<nav class="paging" aria-label="Pages"><span>{previous}</span>'
        f"<span>Page {view.page:,} of {last:,}</span><span>{following}</span></nav>"
    )


def _column_notes(dataset: Dataset) -> str:
    notes = "".join(
        f"<dt>{escape(column.name)} <code>{column.field}</code></dt>"
        f"<dd>{escape(column.description) or '—'}</dd>"
        for column in dataset.columns
    )
    return f"<details><summary>About the columns</summary><dl>{notes}</dl></details>"
