"""The SODA transport: the only module that knows sodapy, and that keeps its traps out of reach.

Rows go as lists of objects with explicit nulls; deletes as `":deleted": true` through upsert, never
through the client's `delete`, which drops the whole dataset for an empty id. Every answer must be
the four counters: a redirect that became a GET answers rows and would pass for success. Not-a-number
never gets into JSON. A dataset is created, read, upserted into and counted; nothing else.
"""

import json
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from orchestration.dataset import Column, Dataset
from orchestration.errors import PassingFault, PortalFault

TIMEOUT_SECONDS = 600
PAGE = 50_000
_TYPES = {
    "text": "text",
    "number": "number",
    "timestamp": "calendar_date",
    "date": "calendar_date",
    "boolean": "checkbox",
    "point": "point",
}
_COUNTERS = ("Rows Created", "Rows Updated", "Rows Deleted", "Errors")
_PASSING = (408, 409, 429, 500, 502, 503, 504)

# sodapy's own logger writes request addresses, which hold filters and so keys.
logging.getLogger("sodapy").setLevel(logging.ERROR)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a portal asks for; never logged."""

    app_token: str
    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(...)"


class SodaTransport:
    """One portal, spoken to through sodapy."""

    def __init__(self, domain: str, credentials: Credentials, *, scheme: str = "https") -> None:
        prefix = f"{scheme}://"
        self.domain = domain
        self._client = Socrata(
            domain,
            credentials.app_token,
            username=credentials.username,
            password=credentials.password,
            timeout=TIMEOUT_SECONDS,
            session_adapter={"prefix": prefix, "adapter": HTTPAdapter()},
        )

    def close(self) -> None:
        """Ends the session."""
        self._client.close()

    def metadata(self, portal_id: str) -> dict[str, Any] | None:
        """What the portal says of a dataset; none where it has none of that id.

        Raises:
            PortalFault: the portal answered something else.
        """
        found = self._call(
            "read the metadata of", portal_id, self._client.get_metadata, absent=True
        )
        if found is None:
            return None
        if not isinstance(found, dict) or found.get("id") != portal_id:
            raise PortalFault(f"{self.domain}: {portal_id} did not answer with its own metadata")
        return found

    def create(self, dataset: Dataset, *, title: str) -> str:
        """Makes a dataset with key and described columns, public; returns its 4x4."""
        publish = dataset.publish
        made = self._call(
            "create",
            title,
            lambda name: self._client.create(
                name,
                description=publish.description,
                columns=[_column(column) for column in dataset.published],
                category=publish.category,
                tags=list(publish.tags),
                row_identifier=dataset.key,
                attribution=publish.attribution,
                new_backend=True,
            ),
        )
        if not isinstance(made, dict) or "id" not in made:
            raise PortalFault(f"{self.domain}: {title} was created, but the answer has no id")
        portal_id = str(made["id"])
        self._call("publish", portal_id, self._client.publish)
        self._call("open", portal_id, lambda name: self._client.set_permission(name, "public"))
        return portal_id

    def count(self, portal_id: str) -> int:
        """How many rows the dataset holds."""
        answer = self._call(
            "count", portal_id, lambda name: self._client.get(name, select="count(*) as n")
        )
        rows = self._rows_of(answer, portal_id)
        if len(rows) != 1 or not str(rows[0].get("n", "")).isdecimal():
            raise PortalFault(f"{self.domain}: {portal_id} did not answer with its count")
        return int(rows[0]["n"])

    def rows(self, portal_id: str, columns: Sequence[Column]) -> Iterator[list[Any]]:
        """Every row, in key order, as values of the columns' types."""
        names = [column.name for column in columns]
        offset = 0
        while True:
            answer = self._call(
                "read",
                portal_id,
                lambda name, offset=offset: self._client.get(
                    name, select=",".join(names), order=":id", limit=PAGE, offset=offset
                ),
            )
            page = self._rows_of(answer, portal_id)
            for row in page:
                yield [_read(column, row.get(column.name)) for column in columns]
            if len(page) < PAGE:
                return
            offset += PAGE

    def upsert(self, portal_id: str, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
        """Inserts or updates rows by key; the portal's four counters come back.

        Raises:
            PortalFault: it did not take every row.
        """
        answer = self._send(portal_id, rows)
        if answer["Errors"]:
            raise PortalFault(
                f"{self.domain}: {portal_id} took the request but not every row: "
                f"{answer['Errors']} of {len(rows)} were refused"
            )
        return answer

    def delete(self, portal_id: str, key: str, values: Sequence[Any]) -> dict[str, int]:
        """Deletes rows by key; those already gone are what was wanted."""
        return self._send(portal_id, [{key: value, ":deleted": True} for value in values])

    def _send(self, portal_id: str, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
        if not rows:
            raise ValueError("an empty request is never sent")
        # Refuses not-a-number here, before sodapy would write it as broken JSON.
        json.dumps(rows, allow_nan=False)
        answer = self._call("write to", portal_id, lambda name: self._client.upsert(name, rows))
        if not isinstance(answer, dict) or not any(name in answer for name in _COUNTERS):
            raise PortalFault(
                f"{self.domain}: {portal_id} answered a write without counters; is the domain "
                "redirected, or the request still being worked on?"
            )
        return {name: int(answer.get(name, 0)) for name in _COUNTERS}

    def _rows_of(self, answer: Any, portal_id: str) -> list[dict[str, Any]]:
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
            raise PortalFault(f"{self.domain}: {portal_id} answered a read without rows")
        return answer

    def _call(self, verb: str, name: str, call: Any, *, absent: bool = False) -> Any:
        try:
            return call(name)
        except requests.HTTPError as error:
            status = error.response.status_code
            if absent and status == 404:
                return None
            kind = PassingFault if status in _PASSING else PortalFault
            # The body may quote a cell, and sodapy copies it into its error: neither the message
            # nor the traceback may have it.
            raise kind(
                f"{self.domain}: could not {verb} {name}: HTTP {status} {_code(error)}"
            ) from None
        except requests.RequestException as error:
            raise PassingFault(
                f"{self.domain}: could not {verb} {name}: {type(error).__name__}; is the portal up?"
            ) from None
        except Exception as error:  # noqa: BLE001 - sodapy has no error of its own
            # It raises plain exceptions for an answer that is neither JSON nor CSV.
            raise PortalFault(
                f"{self.domain}: could not {verb} {name}: {type(error).__name__} in reading the "
                "answer; is the domain a portal's?"
            ) from None


def _code(error: requests.HTTPError) -> str:
    try:
        body = error.response.json()
    except ValueError:
        return ""
    return str(body.get("code") or body.get("errorCode") or "") if isinstance(body, dict) else ""


def _column(column: Column) -> dict[str, Any]:
    return {
        "fieldName": column.name,
        "name": column.name.replace("_", " "),
        "dataTypeName": _TYPES[column.type],
        "description": column.description,
    }


def as_portal_value(column: Column, value: Any) -> Any:
    """A typed value as the portal's JSON wants it; null stays an explicit null."""
    if value is None:
        return None
    if column.type == "timestamp":
        return value.isoformat(timespec="milliseconds")
    if column.type == "date":
        return f"{value.isoformat()}T00:00:00.000"
    if column.type == "number":
        if not math.isfinite(value):
            raise ValueError(f"{column.name}: not a number")
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return value


def _read(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.type == "number":
        return float(value)
    if column.type == "date":
        return str(value)[:10]
    if column.type == "point":
        longitude, latitude = value["coordinates"]
        return f"POINT ({longitude!r} {latitude!r})"
    return value
