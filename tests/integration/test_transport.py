"""The SODA transport through the real sodapy: values there and back, and the client's traps.

Against the local portal where the portal's manners matter, and against a server that answers what it
is told where a portal would have to misbehave.
"""

import json
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orchestration.errors import Fault, PassingFault, PortalFault
from orchestration.portal.server import PortalServer
from orchestration.publishing.transport import Credentials, SodaTransport, as_portal_value
from tests.unit.publishing.conftest import tree, trees

DATASET = trees()
COLUMNS = DATASET.published
CREDENTIALS = Credentials(app_token="local", username="local", password="local")
CANARY = "1234 Canary Street"
COUNTERS = {"Rows Created": 1, "Rows Updated": 0, "Rows Deleted": 0, "Errors": 0}
ID = "tree-tree"
Row = dict[str, Any]


@contextmanager
def transport_to(address: str, credentials: Credentials = CREDENTIALS) -> Iterator[SodaTransport]:
    transport = SodaTransport(address, credentials, scheme="http")
    try:
        yield transport
    finally:
        transport.close()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with PortalServer(tmp_path_factory.mktemp("portal")) as server:
        yield server.address


@pytest.fixture
def local(portal: str) -> Iterator[SodaTransport]:
    with transport_to(portal) as transport:
        yield transport


class Oddity:
    """A server that answers every request alike, and remembers what it was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.status = 200
        self.body = b"{}"
        self.content_type: str | None = "application/json"
        self.redirects_posts = False
        self.asked: list[tuple[str, str, bytes]] = []

    def answers(self, body: Any, *, status: int = 200) -> None:
        self.status, self.body = status, json.dumps(body).encode()


@pytest.fixture
def odd() -> Iterator[Oddity]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            oddity.asked.append((self.command, self.path, sent))
            if oddity.redirects_posts and self.command == "POST":
                self.send_response(301)
                self.send_header("location", f"http://{oddity.address}/moved{self.path}")
                self.send_header("content-length", "0")
                self.end_headers()
                return
            self.send_response(oddity.status)
            if oddity.content_type:
                self.send_header("content-type", oddity.content_type)
            self.send_header("content-length", str(len(oddity.body)))
            self.end_headers()
            self.wfile.write(oddity.body)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    oddity = Oddity(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield oddity
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def to_odd(odd: Oddity) -> Iterator[SodaTransport]:
    with transport_to(odd.address) as transport:
        yield transport


def sent(row: Row) -> Row:
    """A row as the publisher sends it."""
    return {column.name: as_portal_value(column, row[column.name]) for column in COLUMNS}


# Values


WHOLE = {
    "height_feet": 12.25,
    "planted_at": datetime(2022, 3, 4, 5, 6, 7, 890_000),
    "surveyed_date": date(1999, 12, 31),
    "is_alive": True,
    "place": "POINT (-90.0715 29.9511)",
    "age_years": 3,
}


@pytest.mark.parametrize(
    "cells",
    [
        WHOLE,
        {"species": "Châtaignier 🌳 栗 \u200b", "is_alive": False},
        {"species": "O'Brien said \"hi\" \\ \t\r\n, {[<b>&amp;]}"},
        {"species": " both ends "},
        {"species": None},
        {"height_feet": -0.1, "age_years": 0},
        {"height_feet": 1e15, "age_years": 123_456_789},
        {"height_feet": 1e-7, "age_years": 0.1 + 0.2},
        {"planted_at": datetime(2022, 11, 6, 1, 30), "surveyed_date": date(2024, 2, 29)},
        {"place": "POINT (-90 30)"},
        {"place": "POINT (-90.00000001 29.123456789012345)"},
    ],
    ids=[
        "every-type", "unicode", "quotes", "blanks", "nulls", "below-one", "large", "small",
        "repeated-hour", "whole-degrees", "long-degrees",
    ],
)  # fmt: skip
def test_values_come_back_as_they_were_sent(local: SodaTransport, cells: Row) -> None:
    """Every type and null: what is read equals what was sent, in the types of a snapshot."""
    portal_id = local.create(DATASET, title="There and back")
    row = tree("T1", **cells)
    local.upsert(portal_id, [sent(row)])
    (found,) = local.rows(portal_id, COLUMNS)
    back = dict(zip((column.name for column in COLUMNS), found, strict=True))
    for name in ("planted_at", "surveyed_date"):
        if row[name] is not None:
            back[name] = type(row[name]).fromisoformat(back[name])
    place = back.pop("place"), row.pop("place")
    assert back == row
    assert _degrees(place[0]) == _degrees(place[1])


def _degrees(place: str | None) -> list[float]:
    return [float(part) for part in place.strip("POINT ()").split()] if place else []


def test_explicit_null_clears_a_cell(local: SodaTransport) -> None:
    """A key that is missing would keep the old value on the portal; a null does not."""
    portal_id = local.create(DATASET, title="Cleared")
    local.upsert(portal_id, [sent(tree("T1", **WHOLE))])
    answer = local.upsert(portal_id, [sent(tree("T1", species=None))])
    assert answer["Rows Updated"] == 1
    assert next(local.rows(portal_id, COLUMNS)) == ["T1"] + [None] * 7


def test_dataset_is_made_public_with_key_and_descriptions(local: SodaTransport) -> None:
    """What `create` makes can be written to by key, and explains its columns."""
    portal_id = local.create(DATASET, title="Street trees")
    metadata = local.metadata(portal_id)
    assert metadata is not None
    assert metadata["name"] == "Street trees"
    columns = {column["fieldName"]: column for column in metadata["columns"]}
    assert list(columns) == [column.name for column in COLUMNS]
    assert columns["species"]["description"] == "The species."
    assert metadata["rowIdentifierColumnId"] == columns["tree_id"]["id"]
    with transport_to(
        local.domain, Credentials(app_token="local", username="", password="")
    ) as any_one:
        assert any_one.count(portal_id) == 0


def test_absent_dataset_has_no_metadata(local: SodaTransport) -> None:
    """None is said for 404 only."""
    assert local.metadata("none-such") is None


def test_rows_are_read_page_by_page(local: SodaTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row comes once, also where the last page is a full one."""
    monkeypatch.setattr("orchestration.publishing.transport.PAGE", 2)
    portal_id = local.create(DATASET, title="Pages")
    local.upsert(portal_id, [sent(tree(f"T{number}")) for number in range(4)])
    assert [row[0] for row in local.rows(portal_id, COLUMNS)] == ["T0", "T1", "T2", "T3"]


# The traps


@pytest.mark.parametrize("key", [0, "", None], ids=repr)
def test_falsy_key_never_drops_the_dataset(local: SodaTransport, key: Any) -> None:
    """sodapy's `delete(id, row_id=0)` drops the whole dataset; ours deletes by upsert or fails."""
    portal_id = local.create(DATASET, title="Falsy")
    local.upsert(portal_id, [sent(tree("T1")), sent(tree("T2"))])
    try:
        local.delete(portal_id, "tree_id", ["T2", key])
    except PortalFault:
        assert local.count(portal_id) == 2
    assert local.metadata(portal_id) is not None
    assert local.count(portal_id) >= 1


def test_delete_is_a_post_of_marked_keys(odd: Oddity, to_odd: SodaTransport) -> None:
    """No DELETE ever leaves: it would be taken for the dataset."""
    odd.answers(COUNTERS)
    to_odd.delete(ID, "tree_id", ["T1"])
    ((method, path, body),) = odd.asked
    assert (method, path) == ("POST", f"/resource/{ID}.json")
    assert json.loads(body) == [{"tree_id": "T1", ":deleted": True}]


def test_deleting_what_is_gone_is_no_fault(local: SodaTransport) -> None:
    """A chunk that is sent again after a crash finds its keys gone, and that was wanted."""
    portal_id = local.create(DATASET, title="Gone")
    local.upsert(portal_id, [sent(tree("T1"))])
    for _ in range(2):
        local.delete(portal_id, "tree_id", ["T1"])
    assert local.count(portal_id) == 0


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=repr)
def test_not_a_number_is_never_sent(odd: Oddity, to_odd: SodaTransport, number: float) -> None:
    """It would be broken JSON: refused as a value and, should it get by, as a request."""
    with pytest.raises(ValueError, match="height_feet"):
        as_portal_value(DATASET.column("height_feet"), number)
    with pytest.raises(ValueError, match="JSON"):
        to_odd.upsert(ID, [{"height_feet": number}])
    assert odd.asked == []


def test_empty_request_is_never_sent(odd: Oddity, to_odd: SodaTransport) -> None:
    """Nothing to send is the caller's mistake, and close to emptying a dataset."""
    for send in (lambda: to_odd.upsert(ID, []), lambda: to_odd.delete(ID, "tree_id", [])):
        with pytest.raises(ValueError, match="empty"):
            send()
    assert odd.asked == []


def test_redirected_write_is_no_success(odd: Oddity, to_odd: SodaTransport) -> None:
    """A POST that a redirect turned into a GET answers rows with HTTP 200: refused."""
    odd.redirects_posts = True
    odd.answers([{"tree_id": "T1", "species": CANARY}])
    with pytest.raises(PortalFault, match="without counters") as caught:
        to_odd.upsert(ID, [{"tree_id": "T1"}])
    assert [method for method, _, _ in odd.asked] == ["POST", "GET"]
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [(202, {"ticket": "abc"}), (200, {}), (200, {"tree_id": "T1"}), (200, [])],
    ids=["ticket", "nothing", "row", "no-rows"],
)
def test_answer_without_counters_is_no_success(
    odd: Oddity, to_odd: SodaTransport, status: int, body: Any
) -> None:
    """HTTP 202 and 200 alone do not say that a row was written."""
    odd.answers(body, status=status)
    with pytest.raises(PortalFault, match="without counters"):
        to_odd.upsert(ID, [{"tree_id": "T1"}])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<p>" + CANARY.encode()),
        (None, CANARY.encode()),
        ("text/plain", CANARY.encode()),
        ("text/csv", CANARY.encode()),
        ("application/json", b""),
        ("application/json", b'{"error": true}'),
    ],
    ids=["page", "no-type", "text", "csv", "empty", "object"],
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda transport: transport.upsert(ID, [{"tree_id": "T1"}]),
        lambda transport: transport.count(ID),
        lambda transport: list(transport.rows(ID, COLUMNS)),
        lambda transport: transport.metadata(ID),
        lambda transport: transport.create(DATASET, title="Trees"),
    ],
    ids=["upsert", "count", "rows", "metadata", "create"],
)
def test_answer_of_something_else_is_a_portal_fault(
    odd: Oddity,
    to_odd: SodaTransport,
    ask: Callable[[SodaTransport], Any],
    content_type: str | None,
    body: bytes,
) -> None:
    """A login page, a proxy's text or an empty body is no portal's answer, and is not quoted."""
    odd.content_type, odd.body = content_type, body
    with pytest.raises(PortalFault) as caught:
        ask(to_odd)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_refused_rows_are_a_fault(odd: Oddity, to_odd: SodaTransport) -> None:
    """HTTP 200 with errors inside means that rows are missing."""
    odd.answers(COUNTERS | {"Errors": 2})
    with pytest.raises(PortalFault, match="2 of 3 were refused"):
        to_odd.upsert(ID, [{"tree_id": key} for key in "abc"])


# Faults


@pytest.mark.parametrize(
    ("status", "kind"),
    [(code, PassingFault) for code in (408, 409, 429, 500, 502, 503, 504)]
    + [(code, PortalFault) for code in (400, 401, 403, 404, 405, 413, 415)],
)
def test_status_says_whether_trying_again_helps(
    odd: Oddity, to_odd: SodaTransport, status: int, kind: type[Fault]
) -> None:
    """The policy table of retries; neither message nor traceback quotes the answer."""
    odd.answers({"code": "some.code", "message": CANARY, "data": {"value": CANARY}}, status=status)
    with pytest.raises(kind, match=f"write to {ID}: HTTP {status} some.code") as caught:
        to_odd.upsert(ID, [{"tree_id": "T1", "species": CANARY}])
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("status", [401, 403, 410, 503])
def test_only_404_means_that_a_dataset_is_absent(
    odd: Oddity, to_odd: SodaTransport, status: int
) -> None:
    """Taking a refusal for absence would make a second dataset."""
    odd.answers({}, status=status)
    with pytest.raises(Fault, match=f"HTTP {status}"):
        to_odd.metadata(ID)


def test_metadata_of_another_dataset_is_a_fault(odd: Oddity, to_odd: SodaTransport) -> None:
    """A portal that redirects one id to another would get our rows into the wrong dataset."""
    odd.answers({"id": "some-else"})
    with pytest.raises(PortalFault, match="own metadata"):
        to_odd.metadata(ID)


def test_portal_out_of_reach_may_pass() -> None:
    """Nobody listens: worth another try."""
    with transport_to("127.0.0.1:9") as transport, pytest.raises(PassingFault, match="portal up"):
        transport.count(ID)


def test_credentials_are_in_no_repr_and_no_message(odd: Oddity) -> None:
    """Neither a log of the objects nor a fault tells them."""
    secret = Credentials(app_token="token-s3", username="user-s3", password="word-s3")
    odd.answers({"message": "Invalid app_token token-s3"}, status=403)
    with transport_to(odd.address, secret) as transport:
        with pytest.raises(PortalFault) as caught:
            transport.count(ID)
        said = f"{secret!r} {secret} {transport!r} "
    assert "s3" not in said + "".join(traceback.format_exception(caught.value))


def test_requests_are_not_logged(local: SodaTransport, caplog: pytest.LogCaptureFixture) -> None:
    """sodapy's logger would write addresses, and with them filters and keys."""
    portal_id = local.create(DATASET, title="Quiet")
    with caplog.at_level("INFO"):
        local.upsert(portal_id, [sent(tree("T1", species=CANARY))])
        list(local.rows(portal_id, COLUMNS))
    assert CANARY not in caplog.text
    assert "sodapy" not in {record.name for record in caplog.records}
