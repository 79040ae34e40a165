"""One portal for all these tests, driven by the real client; every test makes its own dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from orchestration.portal.behaviour import with_switches
from orchestration.portal.server import PortalServer

COLUMNS = {
    "key": "text",
    "name": "text",
    "amount": "number",
    "happened_at": "calendar_date",
    "noted_at": "date",
    "is_open": "checkbox",
    "place": "point",
    "site": "location",
    "link": "url",
}


class PortalClient:
    """The real client, and beside it plain HTTP with a login, for what the client cannot say."""

    def __init__(self, address: str) -> None:
        self.url = f"http://{address}"
        self.soda = Socrata(
            address,
            "local",
            username="local",
            password="local",
            timeout=60,
            session_adapter={"prefix": "http://", "adapter": HTTPAdapter()},
        )
        self.anonymous = requests.Session()

    def create(self, *, key: str | None = "key", **columns: str) -> str:
        """A new dataset, still private; without columns given it has one of each type."""
        listed = [
            {"fieldName": field, "name": field.replace("_", " ").title(), "dataTypeName": kind}
            for field, kind in (columns or COLUMNS).items()
        ]
        settings = {"row_identifier": key} if key else {}
        return str(self.soda.create("A test", columns=listed, **settings)["id"])

    def http(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """A request with a login."""
        return self.soda.session.request(method, self.url + path, timeout=60, **arguments)

    def rows(self, dataset: str, **query: Any) -> list[dict[str, Any]]:
        """The rows, by key where there is one to order by."""
        rows: list[dict[str, Any]] = self.soda.get(dataset, **{"order": ":id", **query})
        return rows

    def close(self) -> None:
        """Lets go of the connections."""
        self.soda.close()
        self.anonymous.close()


@pytest.fixture(scope="session")
def portal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalServer]:
    with PortalServer(tmp_path_factory.mktemp("portal") / "home") as server:
        yield server


@pytest.fixture(scope="session")
def portal(portal_server: PortalServer) -> Iterator[PortalClient]:
    client = PortalClient(portal_server.address)
    yield client
    client.close()


@pytest.fixture
def switch(portal_server: PortalServer) -> Iterator[Callable[..., None]]:
    """Sets switches for the length of a test."""

    def set_switches(**settings: Any) -> None:
        portal_server.behaviour = with_switches(portal_server.behaviour, settings)

    before = portal_server.behaviour
    yield set_switches
    portal_server.behaviour = before
