"""The scratch dataset of a probe, and plain HTTP to it.

It must be one that nobody needs: every check empties it. So its title has to say `scratch`, and it
must have the columns below with `key` as its row identifier. What is checked is in `checks`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

COLUMNS = {
    "key": "text",
    "name": "text",
    "amount": "number",
    "happened_at": "calendar_date",
    "is_open": "checkbox",
    "place": "point",
    "site": "location",
    "link": "url",
}
TITLE = "Summerware scratch"
_FRESH_SECONDS = 120.0
_TIMEOUT = 120.0


class ProbeError(Exception):
    """The probe cannot go on: no access, or no dataset to play with."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How to reach a domain."""

    base: str
    """`https://data.example.org`, with its port where it has one."""
    username: str
    password: str
    app_token: str
    ca_file: Path | None = None


class Scratch:
    """One dataset to play with."""

    def __init__(self, access: Access, fourfour: str) -> None:
        self.access = access
        self.fourfour = fourfour
        self.session = _session(access)
        self.session.auth = (access.username, access.password)
        self.session.headers["X-App-Token"] = access.app_token
        self.stranger = _session(access)

    def close(self) -> None:
        """Lets go of the connections."""
        self.session.close()
        self.stranger.close()

    def require(self) -> None:
        """Refuses a dataset that is not one to play with.

        Raises: ProbeError for one without `scratch` in its title, the columns, or the rights.
        """
        answer = self.call("GET", f"/api/views/{self.fourfour}.json")
        if answer.status_code != 200:
            raise ProbeError(f"{self.fourfour}: {answer.status_code} {answer.text[:200]}")
        shown = answer.json()
        if "scratch" not in str(shown.get("name", "")).lower():
            raise ProbeError(
                f"{self.fourfour}: its title has no word `scratch`, and the probe empties it; "
                f"rename it, or make one with --make-scratch"
            )
        has = {column["fieldName"]: column["dataTypeName"] for column in shown["columns"]}
        missing = [f"{n} ({t})" for n, t in COLUMNS.items() if has.get(n) != t]
        if missing:
            raise ProbeError(f"{self.fourfour}: columns are missing: {', '.join(missing)}")
        ids = {column["fieldName"]: column["id"] for column in shown["columns"]}
        if shown.get("rowIdentifierColumnId") != ids["key"]:
            raise ProbeError(f"{self.fourfour}: its row identifier is not `key`")
        if not {"write", "add", "delete"} <= set(shown.get("rights", [])):
            raise ProbeError(f"{self.fourfour}: this login may not write to it")

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """A request with a login, that follows no redirect."""
        return self.session.request(
            method, self.access.base + path, timeout=_TIMEOUT, allow_redirects=False, **arguments
        )

    @property
    def path(self) -> str:
        """Where the rows are."""
        return f"/resource/{self.fourfour}.json"

    def post(self, rows: Any, **parameters: str) -> requests.Response:
        """An upsert, sent as sodapy does: JSON without a content type."""
        return self._send("POST", rows, parameters)

    def put(self, rows: Any) -> requests.Response:
        """A replacement."""
        return self._send("PUT", rows, {})

    def csv(self, text: str) -> requests.Response:
        """An upsert of CSV."""
        headers = {"Content-Type": "text/csv"}
        return self.call("POST", self.path, data=text.encode(), headers=headers)

    def start(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        """Empties the dataset and puts rows in it. Raises: ProbeError when that does not work."""
        answer = self.put(list(rows))
        if answer.status_code != 200:
            raise ProbeError(f"replacing the rows: {answer.status_code} {answer.text[:200]}")

    def read(self, **query: str) -> requests.Response:
        """A read, once the replica says that it is up to date; names get their `$`."""
        parameters = {f"${name}": value for name, value in query.items()}
        deadline = time.monotonic() + _FRESH_SECONDS
        while True:
            answer = self.call("GET", self.path, params=parameters)
            behind = answer.headers.get("X-SODA2-Data-Out-Of-Date", "false").lower() == "true"
            if not behind:
                return answer
            if time.monotonic() > deadline:
                raise ProbeError(f"reads were behind for {_FRESH_SECONDS:.0f} s")
            time.sleep(0.05)

    def rows(self, **query: str) -> list[dict[str, Any]]:
        """The rows, by key unless asked otherwise. Raises: ProbeError for a failed read."""
        answer = self.read(**{"order": "key", **query})
        if answer.status_code != 200:
            raise ProbeError(f"reading: {answer.status_code} {answer.text[:200]}")
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def row(self, key: str) -> dict[str, Any]:
        """One row, without its key, or nothing at all where there is none."""
        rows = self.rows(where=f"key = '{key}'")
        return {name: value for name, value in rows[0].items() if name != "key"} if rows else {}

    def _send(self, method: str, rows: Any, parameters: dict[str, str]) -> requests.Response:
        data = json.dumps(rows).encode()
        return self.call(method, self.path, data=data, params=parameters)


def make_scratch(access: Access) -> str:
    """A new scratch dataset, private; its 4x4. Raises: ProbeError when it is refused."""
    columns = [{"fieldName": n, "name": n, "dataTypeName": t} for n, t in COLUMNS.items()]
    body = {"name": TITLE, "columns": columns, "metadata": {"rowIdentifier": "key"}}
    with _session(access) as session:
        session.auth = (access.username, access.password)
        session.headers["X-App-Token"] = access.app_token
        stay: dict[str, Any] = {"timeout": _TIMEOUT, "allow_redirects": False}
        made = session.post(f"{access.base}/api/views.json?nbe=true", json=body, **stay)
        if made.status_code != 200:
            raise ProbeError(f"making a dataset: {made.status_code} {made.text[:200]}")
        fourfour = str(made.json()["id"])
        session.post(f"{access.base}/api/views/{fourfour}/publication.json", **stay)
    return fourfour


def _session(access: Access) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = str(access.ca_file) if access.ca_file else True
    return session
