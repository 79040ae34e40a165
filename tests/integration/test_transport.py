"""The SODA transport through the real sodapy: values there and back, reads, answers, and traps.

Against the local portal where the portal's behaviour matter, and against a server that answers what it
is told where a portal would have to misbehave. Each of sodapy's traps (protocol 1.4) is sprung on the
real client first, to show that it is one, and is then out of reach of ours.
"""

import io
import json
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
import requests
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from orchestration.column import Column
from orchestration.errors import (
    Fault,
    OutcomeUnknown,
    PortalFault,
    PortalMoved,
    RequestRefused,
    RequestTooLarge,
    TransientError,
)
from orchestration.portal.server import PortalServer
from orchestration.publishing.transport import Answer, Credentials, SodaTransport
from orchestration.publishing.transport.client import OutOfReach
from tests.unit.publishing.conftest import as_portal_value, tree, trees

DATASET = trees()
COLUMNS = DATASET.published
CREDENTIALS = Credentials(app_token="local", username="local", password="local")
CANARY = "1234 Canary Street"
COUNTERS = {"Rows Created": 1, "Rows Updated": 0, "Rows Deleted": 0, "Errors": 0}
ID = "tree-tree"
Row = dict[str, Any]


@contextmanager
def transport_to(
    address: str, credentials: Credentials = CREDENTIALS, *, timeout: float = 60
) -> Iterator[SodaTransport]:
    transport = SodaTransport(address, credentials, scheme="http", timeout=timeout)
    try:
        yield transport
    finally:
        transport.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalServer]:
    with PortalServer(tmp_path_factory.mktemp("portal")) as server:
        yield server


@pytest.fixture
def portal(server: PortalServer) -> Iterator[PortalServer]:
    yield server
    server.faults.clear()


@pytest.fixture
def local(portal: PortalServer) -> Iterator[SodaTransport]:
    with transport_to(portal.address) as transport:
        yield transport


@pytest.fixture
def raw(portal: PortalServer) -> Iterator[Socrata]:
    """sodapy as it comes, to show what it does."""
    adapter = {"prefix": "http://", "adapter": HTTPAdapter()}
    with Socrata(
        portal.address, "local", username="local", password="local", session_adapter=adapter
    ) as client:
        yield client


class Oddity:
    """A server that answers every request alike, and remembers what it was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.status = 200
        self.body = b"{}"
        self.content_type: str | None = "application/json"
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str, bytes]] = []

    def answers(self, body: Any, *, status: int = 200) -> None:
        self.status, self.body = status, json.dumps(body).encode()


@pytest.fixture
def odd() -> Iterator[Oddity]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            oddity.asked.append((self.command, self.path, sent))
            self.send_response(oddity.status)
            if oddity.content_type:
                self.send_header("content-type", oddity.content_type)
            for name, value in oddity.headers.items():
                self.send_header(name, value)
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


def send(transport: SodaTransport, portal_id: str, rows: Sequence[Row]) -> Answer:
    """Sends rows as the publisher does, cell by cell."""
    body = [{c.name: as_portal_value(c, row[c.name]) for c in COLUMNS} for row in rows]
    return transport.upsert(portal_id, json.dumps(body).encode(), len(body))


def held(transport: SodaTransport, portal_id: str) -> list[Row]:
    """The rows of a dataset in the order of their keys."""
    pages = transport.rows(portal_id, COLUMNS, order="tree_id")
    return [row for page in pages for row in page.to_pylist()]


def filled(transport: SodaTransport, *rows: Row) -> str:
    """A new dataset with these rows."""
    portal_id = transport.create(DATASET, title="Trees")
    if rows:
        send(transport, portal_id, rows)
    return portal_id


ONE = b'[{"tree_id":"T1"}]'


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
    row = tree("T1", **cells)
    (back,) = held(local, filled(local, row))
    place = back.pop("place"), row.pop("place")
    assert back == row
    assert _degrees(place[0]) == _degrees(place[1])


def _degrees(place: str | None) -> list[float]:
    return [float(part) for part in place.strip("POINT ()").split()] if place else []


def test_explicit_null_clears_a_cell(local: SodaTransport) -> None:
    """A key that is missing would keep the old value on the portal; a null does not."""
    portal_id = filled(local, tree("T1", **WHOLE))
    assert send(local, portal_id, [tree("T1", species=None)]).updated == 1
    assert held(local, portal_id) == [tree("T1", species=None)]


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


# Reads


def test_rows_are_read_page_by_page(local: SodaTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row comes once and in the order of the keys, also where the last page is a full one."""
    monkeypatch.setattr("orchestration.publishing.transport.soda.PAGE", 2)
    portal_id = filled(local, *(tree(f"T{number}") for number in (3, 1, 0, 2)))
    pages = list(local.rows(portal_id, COLUMNS, order="tree_id"))
    assert [page.column("tree_id").to_pylist() for page in pages] == [["T0", "T1"], ["T2", "T3"]]


def test_rows_are_typed_as_in_a_snapshot(local: SodaTransport) -> None:
    """A column without a value has its type too."""
    (page,) = local.rows(filled(local, tree("T1")), COLUMNS, order="tree_id")
    types = {field.name: str(field.type) for field in page.schema}
    assert types == {
        "tree_id": "string", "species": "string", "height_feet": "double", "is_alive": "bool",
        "planted_at": "timestamp[us]", "surveyed_date": "date32[day]", "place": "string",
        "age_years": "double",
    }  # fmt: skip


def test_rows_of_an_empty_dataset(local: SodaTransport) -> None:
    """No row is no fault."""
    assert held(local, filled(local)) == []


def test_rows_by_key_finds_odd_keys_and_no_others(local: SodaTransport) -> None:
    """Quotes, signs of the address and other alphabets are quoted right; who is absent is absent."""
    keys = ["O'Brien", "''", "a&b=c", "50% + #1", "栗 🌳", 'say "hi"', "back\\slash", "x,y", "(1)"]
    portal_id = filled(local, *(tree(key) for key in [*keys, "other"]))
    pages = local.rows_by_key(portal_id, COLUMNS, "tree_id", [*keys, "nobody"])
    found = [key for page in pages for key in page.column("tree_id").to_pylist()]
    assert sorted(found) == sorted(keys)


def test_no_address_is_too_long(odd: Oddity, to_odd: SodaTransport) -> None:
    """Two thousand keys that are long once encoded: many requests, each below what proxies take."""
    odd.answers([])
    keys = [f"{'栗' * (number % 60)}'{number}" for number in range(2_000)]
    assert list(to_odd.rows_by_key(ID, COLUMNS, "tree_id", keys)) == []
    assert max(len(path) for _, path, _ in odd.asked) < 6_500
    assert len(odd.asked) < 200


def test_aggregates_of_a_dataset(local: SodaTransport) -> None:
    """Rows, values that are there, exact sums, and bounds of numbers, times and the key."""
    portal_id = filled(
        local,
        tree(
            "T1", height_feet=0.1, planted_at=datetime(1890, 1, 2), surveyed_date=date(2020, 1, 1)
        ),
        tree("T2", height_feet=0.2, planted_at=datetime(2022, 1, 2, 3), species=None),
        tree("T3", height_feet=-3.0),
    )
    found = local.aggregates(portal_id, COLUMNS, key="tree_id")
    assert found.rows == 3
    assert found.non_null["species"] == 2
    assert found.non_null["place"] == 0
    assert found.sums == {"height_feet": Decimal("-2.7"), "age_years": None}
    assert found.minima["planted_at"] == "1890-01-02T00:00:00.000"
    assert found.maxima["planted_at"] == "2022-01-02T03:00:00.000"
    assert (found.minima["tree_id"], found.maxima["tree_id"]) == ("T1", "T3")
    assert "species" not in found.minima


def test_aggregates_of_an_empty_dataset(local: SodaTransport) -> None:
    """Nothing is 0 rows and no bounds, not a fault."""
    found = local.aggregates(filled(local), COLUMNS, key="tree_id")
    assert found.rows == 0
    assert set(found.non_null.values()) == {0}
    assert set(found.maxima.values()) == {None}


def test_aggregates_of_wide_datasets_take_a_few_requests(
    odd: Oddity, to_odd: SodaTransport
) -> None:
    """One request where the address stays short; the answers together say it all."""
    columns = [
        Column(name=f"a_rather_long_name_{n}", type="number", description="-", privacy="publish")
        for n in range(60)
    ]
    odd.answers([{"n": "1"} | {f"c{n}": "1" for n in range(60)}])
    assert to_odd.aggregates(ID, columns).non_null.keys() == {column.name for column in columns}
    assert 1 < len(odd.asked) < 5
    assert max(len(path) for _, path, _ in odd.asked) < 6_500


def test_rows_written_after_a_mark(local: SodaTransport) -> None:
    """What somebody else edits shows, and what stood there before does not."""
    portal_id = filled(local, tree("T1"), tree("T2"))
    mark = local.newest_update(portal_id)
    assert mark is not None
    assert list(local.rows_updated_since(portal_id, COLUMNS, mark)) == []
    send(local, portal_id, [tree("T2", species="elm")])
    (page,) = local.rows_updated_since(portal_id, COLUMNS, mark)
    assert page.column("tree_id").to_pylist() == ["T2"]
    assert local.newest_update(portal_id) != mark


def test_empty_dataset_has_no_mark(local: SodaTransport) -> None:
    """None, not a fault."""
    assert local.newest_update(filled(local)) is None


def test_freshness_follows_the_replica(portal: PortalServer, local: SodaTransport) -> None:
    """Behind while reads show older rows, and fresh once they do not."""
    portal_id = filled(local, tree("T1"))
    assert not local.freshness(portal_id).out_of_date
    standing = portal.faults.add("stale-replica")
    send(local, portal_id, [tree("T2")])
    stale = local.freshness(portal_id)
    assert stale.out_of_date
    assert stale.truth is not None
    assert stale.truth.utcoffset() == timedelta(0)
    portal.faults.remove(standing)
    assert not local.freshness(portal_id).out_of_date


def test_metadata_is_changed_field_by_field(local: SodaTransport) -> None:
    """The named fields are replaced, the others kept, and the answer is the new metadata."""
    portal_id = filled(local)
    changed = local.update_metadata(portal_id, {"description": "Châtaigniers"})
    assert changed["description"] == "Châtaigniers"
    found = local.metadata(portal_id)
    assert found is not None
    assert (found["name"], found["description"]) == ("Trees", "Châtaigniers")


# Answers


def test_answer_has_counters_and_the_id_of_its_request(local: SodaTransport) -> None:
    """What a receipt needs: how many, and what to ask the portal's support about."""
    portal_id = filled(local, tree("T1"))
    answer = send(local, portal_id, [tree("T1"), tree("T2")])
    assert (answer.created, answer.updated, answer.deleted, answer.errors) == (1, 1, 0, 0)
    assert len(answer.request_id) == 32
    assert answer.has_counters


def test_row_errors_are_named_without_their_cells(
    portal: PortalServer, local: SodaTransport
) -> None:
    """Place, key and column of each row that was left out; the portal's words quote the cell."""
    portal_id = filled(local)
    portal.faults.add("row-errors:key=T2,column=species")
    answer = send(local, portal_id, [tree("T1"), tree("T2", species=CANARY)])
    (error,) = answer.row_errors
    assert (error.index, error.key, error.column) == (1, "T2", "species")
    assert (answer.created, answer.errors) == (1, 1)
    assert CANARY not in repr(answer)


@pytest.mark.parametrize("counters", [COUNTERS, COUNTERS | {"By RowIdentifier": 1, "By SID": 0}])
def test_old_counters_are_understood(odd: Oddity, to_odd: SodaTransport, counters: Row) -> None:
    """Portals that do not heed `$$version=2.0` answer four counters or six."""
    odd.answers(counters)
    answer = to_odd.upsert(ID, ONE, 1)
    assert (answer.created, answer.errors, answer.has_counters) == (1, 0, True)


def test_missing_counters_are_zero(odd: Oddity, to_odd: SodaTransport) -> None:
    """`Errors` in particular may be left out."""
    odd.answers({"Rows Created": 3})
    answer = to_odd.upsert(ID, ONE, 1)
    assert (answer.created, answer.updated, answer.errors) == (3, 0, 0)


# The traps


@pytest.mark.parametrize("key", [0, "", None], ids=repr)
def test_falsy_key_never_drops_the_dataset(local: SodaTransport, raw: Socrata, key: Any) -> None:
    """sodapy's `delete(id, row_id=0)` drops the whole dataset; ours has no such call."""
    dropped, kept = filled(local, tree("T1")), filled(local, tree("T1"))
    raw.delete(dropped, row_id=key)
    assert local.metadata(dropped) is None
    with pytest.raises(OutOfReach, match="drops datasets"):
        local._client.delete(kept, row_id=key)
    assert local.count(kept) == 1


def test_text_that_is_not_ascii_is_never_cut(local: SodaTransport, raw: Socrata) -> None:
    """sodapy counts a StringIO's characters and sends its bytes: the tail is lost, HTTP 200 or 400."""
    portal_id = filled(local)
    lines = ["tree_id,species", *(f"T{n},{'é' * 20}" for n in range(3))]
    try:
        raw.upsert(portal_id, io.StringIO("\n".join(lines) + "\n"))
    except requests.HTTPError:
        assert local.count(portal_id) == 0
    assert local.count(portal_id) < 3
    with pytest.raises(OutOfReach, match="StringIO"):
        local._client.upsert(portal_id, io.StringIO("tree_id\nT1\n"))
    send(local, portal_id, [tree(f"T{n}", species="é" * 20) for n in range(3)])
    assert local.count(portal_id) == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirected_write_is_no_success(
    portal: PortalServer, local: SodaTransport, raw: Socrata, status: int
) -> None:
    """A POST that a redirect turns into a GET answers rows with HTTP 200: sodapy believes it."""
    portal_id = filled(local, tree("T1"))
    portal.faults.add(f"redirect:status={status}")
    if status < 307:
        assert isinstance(raw.upsert(portal_id, [{"tree_id": "T2"}]), list)
    with pytest.raises(PortalMoved, match="sends us to localhost") as caught:
        send(local, portal_id, [tree("T2")])
    assert caught.value.host == f"localhost:{portal.address.rpartition(':')[2]}"
    assert local.count(portal_id) == 1


def test_redirected_read_is_not_followed(portal: PortalServer, local: SodaTransport) -> None:
    """Preflight learns the portal's own name, and no password goes to another host."""
    portal_id = filled(local)
    portal.faults.add("redirect@GET /")
    for ask in (local.metadata, local.count, local.freshness):
        with pytest.raises(PortalMoved, match="dataset file"):
            ask(portal_id)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=repr)
def test_not_a_number_is_never_sent(local: SodaTransport, raw: Socrata, number: float) -> None:
    """sodapy writes it as broken JSON; ours refuses it as a value, and metadata with it."""
    portal_id = filled(local)
    with pytest.raises(requests.HTTPError, match="400"):
        raw.upsert(portal_id, [{"tree_id": "T1", "height_feet": number}])
    with pytest.raises(ValueError, match="height_feet"):
        as_portal_value(DATASET.column("height_feet"), number)
    with pytest.raises(OutOfReach, match="list"):
        local._client.upsert(portal_id, [{"tree_id": "T1", "height_feet": number}])
    assert local.count(portal_id) == 0


@pytest.mark.parametrize("how", ["ticket", "location"])
def test_accepted_is_not_finished(
    portal: PortalServer, local: SodaTransport, raw: Socrata, how: str
) -> None:
    """HTTP 202 comes back from sodapy as an answer; ours says that nobody knows."""
    portal_id = filled(local)
    portal.faults.add(f"202:how={how},seconds=7")
    raw.upsert(portal_id, [{"tree_id": "T1"}])
    with pytest.raises(OutcomeUnknown, match="202") as caught:
        send(local, portal_id, [tree("T1")])
    assert caught.value.retry_after == 7
    assert local.count(portal_id) == 0


def test_single_object_is_never_sent(local: SodaTransport, raw: Socrata) -> None:
    """It would be answered with the row instead of counters."""
    portal_id = filled(local)
    assert isinstance(raw.upsert(portal_id, {"tree_id": "T1"}), dict)
    for payload in ({"tree_id": "T2"}, b'{"tree_id":"T2"}'):
        with pytest.raises(OutOfReach):
            local._client.upsert(portal_id, payload)
    assert local.count(portal_id) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b" [ ] "])
def test_empty_request_is_never_sent(odd: Oddity, to_odd: SodaTransport, body: bytes) -> None:
    """Nothing to send is the caller's mistake, and close to emptying a dataset."""
    for send_nothing in (lambda: to_odd.upsert(ID, body, 0), lambda: to_odd.delete(ID, "a", [])):
        with pytest.raises(ValueError, match="empty"):
            send_nothing()
    with pytest.raises((ValueError, OutOfReach)):
        to_odd.upsert(ID, body, 1)
    assert odd.asked == []


def test_dataset_is_never_emptied_in_passing(
    local: SodaTransport, raw: Socrata, tmp_path: Path
) -> None:
    """Replacing by an empty list empties the dataset; ours takes a file with rows, and no other."""
    emptied, kept = filled(local, tree("T1")), filled(local, tree("T1"))
    raw.replace(emptied, [])
    assert local.count(emptied) == 0
    body = tmp_path / "rows.json"
    body.write_bytes(b"[]")
    with body.open("rb") as nothing, body.open() as text:
        for payload in ([], ONE, b"[]", text, nothing):
            with pytest.raises(OutOfReach):
                local._client.replace(kept, payload)
    with pytest.raises(OutOfReach):
        local.replace(kept, body)
    assert local.count(kept) == 1


def test_dataset_is_replaced_by_a_file_or_emptied_by_name(
    local: SodaTransport, tmp_path: Path
) -> None:
    """All rows of the file and no others, texts beyond ASCII to their last byte."""
    portal_id = filled(local, tree("T1"), tree("T2"))
    body = tmp_path / "rows.json"
    body.write_text('[{"tree_id":"T3","species":"chêne à Ñandú"}]', encoding="utf-8")
    answer = local.replace(portal_id, body)
    assert (answer.created, answer.counted) == (1, 1)
    (page,) = local.rows(portal_id, DATASET.published[:2], order="tree_id")
    assert page.to_pylist() == [{"tree_id": "T3", "species": "chêne à Ñandú"}]
    local.empty(portal_id)
    assert local.count(portal_id) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda client: list(client.get_all(ID)),
        lambda client: client.download_attachments(ID),
        lambda client: client.create_non_data_file({}, {}),
        lambda client: client.replace_non_data_file(ID, {}, {}),
    ],
    ids=["get_all", "download_attachments", "create_non_data_file", "replace_non_data_file"],
)
def test_other_dangerous_calls_are_out_of_reach(
    odd: Oddity, to_odd: SodaTransport, call: Callable[[Socrata], Any]
) -> None:
    """Pages without order, downloads without login or time-out, files in place of datasets."""
    with pytest.raises(OutOfReach):
        call(to_odd._client)
    assert odd.asked == []


def test_delete_is_a_post_of_marked_keys(odd: Oddity, to_odd: SodaTransport) -> None:
    """No DELETE ever leaves: it would be taken for the dataset."""
    odd.answers(COUNTERS)
    to_odd.delete(ID, "tree_id", ["T1", 7.0])
    ((method, path, body),) = odd.asked
    assert (method, path.partition("?")[0]) == ("POST", f"/resource/{ID}.json")
    marked = [{"tree_id": "T1", ":deleted": True}, {"tree_id": "7", ":deleted": True}]
    assert json.loads(body) == marked


def test_deleting_what_is_gone_counts_and_is_no_fault(local: SodaTransport) -> None:
    """A chunk that is sent again after a crash finds its keys gone, and that was wanted."""
    portal_id = filled(local, tree("T1"))
    answers = [local.delete(portal_id, "tree_id", ["T1"]) for _ in range(2)]
    assert [(answer.deleted, answer.errors) for answer in answers] == [(1, 0), (0, 1)]
    assert answers[1].row_errors[0].reason == "no such row"


@pytest.mark.parametrize("body", [{}, {"tree_id": "T1"}, [], {"error": True, "Errors": 0}], ids=str)
def test_answer_without_counters_is_told(odd: Oddity, to_odd: SodaTransport, body: Any) -> None:
    """HTTP 200 alone does not say that a row was written."""
    odd.answers(body)
    assert not to_odd.upsert(ID, ONE, 1).has_counters


NO_ANSWERS = pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<p>" + CANARY.encode()),
        (None, CANARY.encode()),
        ("text/plain", CANARY.encode()),
        ("text/csv", CANARY.encode()),
        ("application/json", b""),
        ("application/json", b'[{"tree_id": "T1"},'),
    ],
    ids=["page", "no-type", "text", "csv", "empty", "half"],
)


@NO_ANSWERS
@pytest.mark.parametrize(
    "ask",
    [
        lambda transport: transport.count(ID),
        lambda transport: transport.aggregates(ID, COLUMNS),
        lambda transport: list(transport.rows(ID, COLUMNS, order="tree_id")),
        lambda transport: transport.metadata(ID),
    ],
    ids=["count", "aggregates", "rows", "metadata"],
)
def test_what_is_no_answer_says_nothing_yet(
    odd: Oddity,
    to_odd: SodaTransport,
    ask: Callable[[SodaTransport], Any],
    content_type: str | None,
    body: bytes,
) -> None:
    """A login page, a proxy's text or half a body is asked for again later, and is not quoted."""
    odd.content_type, odd.body = content_type, body
    with pytest.raises(TransientError) as caught:
        ask(to_odd)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@NO_ANSWERS
def test_what_is_no_answer_to_making_a_dataset_is_lasting(
    odd: Oddity, to_odd: SodaTransport, content_type: str | None, body: bytes
) -> None:
    """Asked for again, there might be two of it."""
    odd.content_type, odd.body = content_type, body
    with pytest.raises(PortalFault) as caught:
        to_odd.create(DATASET, title="Trees")
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "ask",
    [
        lambda transport: transport.count(ID),
        lambda transport: transport.aggregates(ID, COLUMNS),
        lambda transport: list(transport.rows(ID, COLUMNS, order="tree_id")),
        lambda transport: transport.metadata(ID),
        lambda transport: transport.create(DATASET, title="Trees"),
    ],
    ids=["count", "aggregates", "rows", "metadata", "create"],
)
def test_answer_to_another_question_is_a_portal_fault(
    odd: Oddity, to_odd: SodaTransport, ask: Callable[[SodaTransport], Any]
) -> None:
    """JSON that is none of what was asked for."""
    odd.content_type, odd.body = "application/json", b'{"error": true}'
    with pytest.raises(PortalFault):
        ask(to_odd)


@pytest.mark.parametrize("content_type", ["text/html", "text/xml", None])
def test_write_answered_by_something_else_is_unknown(
    odd: Oddity, to_odd: SodaTransport, content_type: str | None
) -> None:
    """A proxy's page after a write says nothing about the rows, and is not quoted."""
    odd.content_type, odd.body = content_type, CANARY.encode()
    with pytest.raises(OutcomeUnknown) as caught:
        to_odd.upsert(ID, ONE, 1)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_rows_of_another_type_are_a_portal_fault(odd: Oddity, to_odd: SodaTransport) -> None:
    """A column that became text on the portal is said, its cell is not."""
    odd.answers([{"tree_id": "T1", "height_feet": CANARY}])
    with pytest.raises(PortalFault, match="without rows") as caught:
        list(to_odd.rows(ID, COLUMNS, order="tree_id"))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


# Faults


@pytest.mark.parametrize(
    ("status", "kind"),
    [(code, TransientError) for code in (408, 409, 429, 500, 502, 503, 504)]
    + [(code, PortalFault) for code in (401, 403, 404, 405, 415)]
    + [(400, RequestRefused), (413, RequestTooLarge)],
)
def test_status_says_whether_trying_again_helps(
    odd: Oddity, to_odd: SodaTransport, status: int, kind: type[Fault]
) -> None:
    """The policy table of retries; neither message nor traceback quotes the answer."""
    odd.answers({"code": "some.code", "message": CANARY, "data": {"value": CANARY}}, status=status)
    with pytest.raises(kind, match=f"write to {ID}: HTTP {status} some.code") as caught:
        to_odd.upsert(ID, ONE, 1)
    assert type(caught.value) is kind
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("status", [401, 403, 410, 503])
def test_only_404_means_that_a_dataset_is_absent(
    odd: Oddity, to_odd: SodaTransport, status: int
) -> None:
    """Taking a refusal for absence would make a second dataset."""
    odd.answers({}, status=status)
    with pytest.raises(Fault, match=f"HTTP {status}"):
        to_odd.metadata(ID)


def test_refused_request_names_its_column_and_not_its_cell(
    portal: PortalServer, local: SodaTransport
) -> None:
    """HTTP 400: code, column and reason are there to decide on; the message has no cell."""
    portal_id = filled(local)
    body = json.dumps([{"tree_id": "T1", "height_feet": CANARY}]).encode()
    with pytest.raises(RequestRefused) as caught:
        local.upsert(portal_id, body, 1)
    fault = caught.value
    assert (fault.code, fault.column) == ("invalid-request", "height_feet")
    assert fault.reason == "not a value of type number"
    assert len(fault.request_id) == 32
    assert CANARY not in "".join(traceback.format_exception(fault))


@pytest.mark.parametrize("seconds", [None, 0, 12.5])
def test_portal_may_ask_us_to_wait(
    portal: PortalServer, local: SodaTransport, seconds: float | None
) -> None:
    """`Retry-After` comes with the fault; without it there is none."""
    portal_id = filled(local)
    portal.faults.add("429" if seconds is None else f"429:seconds={seconds}")
    with pytest.raises(TransientError) as caught:
        send(local, portal_id, [tree("T1")])
    assert (caught.value.status, caught.value.retry_after) == (429, seconds)


def test_retry_after_may_be_a_date(odd: Oddity, to_odd: SodaTransport) -> None:
    """As HTTP has it; a date that is past means now, nonsense means nothing."""
    told = {}
    for text in ("Fri, 01 Jan 2021 00:00:00 GMT", "soon", "nan"):
        odd.answers({}, status=503)
        odd.headers = {"Retry-After": text}
        with pytest.raises(TransientError) as caught:
            to_odd.upsert(ID, ONE, 1)
        told[text] = caught.value.retry_after
    assert list(told.values()) == [0.0, None, None]


@pytest.mark.parametrize("fault", ["reset-before", "reset-after"])
def test_cut_connection_leaves_the_rows_unknown(
    portal: PortalServer, local: SodaTransport, fault: str
) -> None:
    """Nobody knows whether the rows were stored; the request has a name all the same."""
    portal_id = filled(local)
    portal.faults.add(fault)
    with pytest.raises(OutcomeUnknown) as caught:
        send(local, portal_id, [tree("T1")])
    assert len(caught.value.request_id) == 32
    assert not caught.value.too_slow
    portal.faults.clear()
    assert local.count(portal_id) == (fault == "reset-after")


def test_slow_answer_is_unknown_and_said_to_be_slow(portal: PortalServer) -> None:
    """The portal may still be writing: a smaller request may be in time."""
    with transport_to(portal.address, timeout=0.2) as transport:
        portal_id = filled(transport)
        portal.faults.add("slow:seconds=1,times=1,stored")
        with pytest.raises(OutcomeUnknown) as caught:
            send(transport, portal_id, [tree("T1")])
    assert caught.value.too_slow


def test_metadata_of_another_dataset_is_a_fault(odd: Oddity, to_odd: SodaTransport) -> None:
    """A portal that redirects one id to another would get our rows into the wrong dataset."""
    odd.answers({"id": "some-else"})
    with pytest.raises(PortalFault, match="own metadata"):
        to_odd.metadata(ID)


def test_portal_out_of_reach_may_pass() -> None:
    """Nobody listens: worth another try."""
    with transport_to("127.0.0.1:9") as transport:
        for ask in (lambda: transport.count(ID), lambda: transport.upsert(ID, ONE, 1)):
            with pytest.raises(TransientError, match="portal up") as caught:
                ask()
            assert type(caught.value) is TransientError


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
    """The loggers below would write addresses, and with them filters and keys."""
    portal_id = local.create(DATASET, title="Quiet")
    with caplog.at_level("DEBUG"):
        send(local, portal_id, [tree("T1", species=CANARY)])
        held(local, portal_id)
        list(local.rows_by_key(portal_id, COLUMNS, "tree_id", [CANARY]))
    assert CANARY not in unquote_plus(caplog.text)
    assert "sodapy" not in {record.name for record in caplog.records}
