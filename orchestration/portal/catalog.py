"""`/api/catalog/v1`: which datasets there are, found by what is known of them (protocol 2.1).

The Discovery API's filters, as far as one domain with datasets and files can answer them. A filter
that is not known here is refused, since leaving it out would answer another question.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.portal.dataset import OWNER, Dataset
from orchestration.portal.errors import PortalError, bad_parameter
from orchestration.portal.state import Portal
from orchestration.portal.store import list_datasets
from orchestration.portal.transport import json_response
from orchestration.portal.values import utc_text

_PAGE = 100
_TYPES = {"api", "calendar", "chart", "datalens", "dataset", "federated_href", "file", "filter"}
_TYPES |= {"form", "href", "link", "map", "measure", "story", "system_dataset", "visualization"}
_FLAGS = {"true": True, "false": False}
_VISIBLE = {"open": True, "internal": False}
Test = Callable[[Dataset, str], bool]
"""Whether a dataset has one of the values that a filter names; they come in lower case."""


def routes(portal: Portal) -> list[Route]:
    """The route of the catalog."""

    def answer(request: Request) -> Response:
        return _catalog(request, portal)

    async def catalog(request: Request) -> Response:
        """The datasets that the caller may read and asks for."""
        return await run_in_threadpool(answer, request)

    return [Route("/api/catalog/v1", catalog, methods=["GET"])]


def _catalog(request: Request, portal: Portal) -> Response:
    logged_in = portal.account.knows(request)
    asked = request.query_params
    host = request.headers.get("host", "")
    limit = _whole_number(asked.get("limit", str(_PAGE)), "limit")
    offset = _whole_number(asked.get("offset", "0"), "offset")
    filters = _filters(asked, host)
    with portal.store.reading() as connection:
        found = [
            dataset
            for dataset in list_datasets(connection)
            if (logged_in or dataset.open_to_all)
            and all(any(test(dataset, value) for value in values) for test, values in filters)
        ]
    found = _ordered(found, asked.get("order", "relevance"))
    results = [_entry(dataset, host) for dataset in found[offset : offset + limit]]
    return json_response({"results": results, "resultSetSize": len(found), "timings": {}})


def _filters(asked: QueryParams, host: str) -> list[tuple[Test, list[str]]]:
    """The tests that are asked for, each with its values, of which one has to fit.

    Raises: PortalError (400) for a filter, or a value of one, that is not known here.
    """
    known = {**_TESTS, "domains": lambda dataset, value: value in (host, host.partition(":")[0])}
    filters: list[tuple[Test, list[str]]] = []
    for name in dict.fromkeys(asked):
        given = [value.strip().lower() for value in asked.getlist(name)]
        values = [v for value in given for v in value.split(",")] if name in _LISTED else given
        values = [value for value in values if value]
        if name in _IGNORED or name.startswith("$$") or not values:
            continue
        if name not in known:
            raise PortalError(400, "req.bad-parameter", f"The catalog has no filter {name[:100]}")
        choices = _CHOICES.get(name)
        for value in values:
            if choices is not None and value not in choices:
                raise bad_parameter(name, value, f"one of {', '.join(sorted(choices))}")
        filters.append((known[name], values))
    return filters


def _kind(dataset: Dataset) -> str:
    return "file" if "blobId" in dataset.document else "dataset"


def _has_words(dataset: Dataset, words: str) -> bool:
    """Whether every word is somewhere in what people read of a dataset."""
    document = dataset.document
    texts = [dataset.name, document.get("description"), document.get("category")]
    texts += [document.get("attribution"), *_tags(dataset)]
    for column in dataset.columns:
        texts += [column.name, column.field, column.description]
    everything = "\n".join(str(text) for text in texts if text).lower()
    return all(word in everything for word in words.split())


def _tags(dataset: Dataset) -> list[str]:
    return [str(tag).lower() for tag in dataset.document.get("tags") or []]


def _says(name: str) -> Test:
    return lambda dataset, value: str(dataset.document.get(name) or "").lower() == value


def _license(dataset: Dataset, value: str) -> bool:
    license = dataset.document.get("license")
    names = [dataset.document.get("licenseId"), license]
    names += list(license.values()) if isinstance(license, dict) else []
    return value in [str(name).lower() for name in names if name]


def _has_column(dataset: Dataset, value: str) -> bool:
    return any(value in (column.name.lower(), column.field) for column in dataset.columns)


_TESTS: dict[str, Test] = {
    "ids": lambda dataset, value: dataset.id == value,
    "names": lambda dataset, value: dataset.name.lower() == value,
    "q": _has_words,
    "only": lambda dataset, value: _kind(dataset) == value.removesuffix("s"),
    "categories": _says("category"),
    "domain_category": _says("category"),
    "tags": lambda dataset, value: value in _tags(dataset),
    "domain_tags": lambda dataset, value: value in _tags(dataset),
    "attribution": _says("attribution"),
    "license": _license,
    "column_names": _has_column,
    "provenance": lambda dataset, value: value == "official",
    "for_user": lambda dataset, value: value == OWNER["id"],
    "shared_to": lambda dataset, value: False,
    "derived_from": lambda dataset, value: False,
    "derived": lambda dataset, value: not _FLAGS[value],
    "explicitly_hidden": lambda dataset, value: not _FLAGS[value],
    "approval_status": lambda dataset, value: value == "approved",
    "public": lambda dataset, value: dataset.public == _FLAGS[value],
    "published": lambda dataset, value: (dataset.published_at is not None) == _FLAGS[value],
    "visibility": lambda dataset, value: dataset.open_to_all == _VISIBLE[value],
}
_CHOICES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("derived", "explicitly_hidden", "public", "published"), frozenset(_FLAGS)),
    "only": frozenset(_TYPES | {f"{name}s" for name in _TYPES}),
    "provenance": frozenset(("official", "community")),
    "approval_status": frozenset(("pending", "rejected", "approved", "not_ready")),
    "visibility": frozenset(_VISIBLE),
}
_LISTED = ("ids", "domains", "only")
"""Filters whose values may come with commas between them."""
_IGNORED = ("limit", "offset", "order", "search_context")
"""What is no filter, or changes no result of a single domain."""


def _ordered(found: list[Dataset], order: str) -> list[Dataset]:
    """The datasets in an order that the API has; dates and views begin with the most.

    Raises: PortalError (400) for any other.
    """
    name, _, direction = order.strip().partition(" ")
    if name not in _ORDERS or direction.strip().lower() not in ("", "asc", "desc"):
        raise bad_parameter("order", order, f"one of {', '.join(_ORDERS)}, with asc or desc")
    if name == "relevance":
        return found
    descends = name.endswith("At") or name.startswith("page_views")
    reverse = direction.strip().lower() == "desc" if direction.strip() else descends
    return sorted(found, key=_ORDERS[name], reverse=reverse)


_ORDERS: dict[str, Callable[[Dataset], Any]] = {
    "relevance": lambda dataset: 0,
    "name": lambda dataset: dataset.name.lower(),
    "dataset_id": lambda dataset: dataset.id,
    "datatype": _kind,
    "domain_category": lambda dataset: str(dataset.document.get("category") or "").lower(),
    "owner": lambda dataset: 0,
    "createdAt": lambda dataset: dataset.created_at,
    "updatedAt": lambda dataset: dataset.rows_updated_at or dataset.created_at,
    **dict.fromkeys(
        (f"page_views_{span}" for span in ("total", "last_month", "last_week")), lambda dataset: 0
    ),
}


def _whole_number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise bad_parameter(name, text, "a whole number")
    return int(text)


def _entry(dataset: Dataset, host: str) -> dict[str, Any]:
    changed = dataset.rows_updated_at or dataset.created_at
    columns, document = dataset.columns, dataset.document
    return {
        "resource": {
            "id": dataset.id,
            "name": dataset.name,
            "description": document.get("description") or "",
            "attribution": document.get("attribution"),
            "provenance": "official",
            "type": _kind(dataset),
            "createdAt": utc_text(datetime.fromtimestamp(dataset.created_at / 1000, UTC)),
            "updatedAt": utc_text(datetime.fromtimestamp(changed / 1000, UTC)),
            "columns_name": [column.name for column in columns],
            "columns_field_name": [column.field for column in columns],
            "columns_datatype": [column.type.name for column in columns],
            "columns_description": [column.description for column in columns],
        },
        "classification": {
            "domain_category": document.get("category"),
            "domain_tags": document.get("tags") or [],
        },
        "metadata": {"domain": host},
        "owner": {"id": OWNER["id"], "display_name": OWNER["displayName"]},
        "permalink": f"http://{host}/d/{dataset.id}",
        "link": f"http://{host}/d/{dataset.id}",
    }
