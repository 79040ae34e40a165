"""Chunks against the real portal and its real faults: every row settled, named, or sent again.

The faults are the portal's own (`orchestration/portal/faults.py`); only the waiting is not real.
"""

import json
import random
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import (
    OutcomeUnknown,
    PortalFault,
    PublicationRefused,
    RequestRefused,
    RequestTooLarge,
    TransientError,
)
from orchestration.portal.behaviour import Behaviour, with_switches
from orchestration.portal.server import PortalServer
from orchestration.publishing.chunks import Chunk, planned_chunks
from orchestration.publishing.reading_back import keys_unlike
from orchestration.publishing.retry import RetryPolicy
from orchestration.publishing.senders import Sent
from orchestration.publishing.sending import HOPELESS, RowSender
from orchestration.publishing.transport import Credentials, SodaTransport
from orchestration.publishing.transport.values import Unsendable
from tests.unit.publishing.conftest import Row, tree, trees, write_plan

DATASET = trees()
COLUMNS = DATASET.published
CREDENTIALS = Credentials(app_token="local", username="local", password="local")
CANARY = "1234 Canary Street"
TIMEOUT = 0.4
FOREST = [
    tree(
        f"T{n}",
        species="Châtaignier" if n % 2 else None,
        height_feet=n / 8,
        planted_at=datetime(2022, 3, 4, 5, 6, n, 7000),
        is_alive=n % 3 == 0,
        place=f"POINT (-90 {30 + n / 100})",
    )
    for n in range(6)
]


class Time:
    """A clock that only sleeping moves, and what happens after so many sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.then: dict[int, Any] = {}

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        self.then.pop(len(self.slept), lambda: None)()

    def retry_policy(self, **changes: Any) -> RetryPolicy:
        usual = RetryPolicy(sleep=self.sleep, clock=lambda: self.now, chance=lambda: 0.0)
        return replace(usual, **changes)


class Bench:
    """A dataset on the portal, plans in a folder, and how they are sent."""

    def __init__(self, server: PortalServer, folder: Path) -> None:
        self.server = server
        self.faults = server.faults
        self.folder = folder
        self.transport = SodaTransport(server.address, CREDENTIALS, scheme="http", timeout=TIMEOUT)
        self.portal_id = self.transport.create(DATASET, title="Trees")
        self.time = Time()
        self.notes: list[tuple[str, Any]] = []

    def chunks(
        self, upserts: Sequence[Row] = (), deletes: Sequence[str] = (), *, rows: int = 2
    ) -> list[Chunk]:
        write_plan(self.folder, DATASET, upserts=upserts, deletes=deletes)
        return list(planned_chunks(DATASET, self.folder, rows=rows))

    def send(self, chunk: Chunk, **retry_policy: Any) -> Sent:
        sender = RowSender(self.transport, DATASET, self.time.retry_policy(**retry_policy))
        return sender.send(
            self.portal_id,
            chunk,
            note=lambda state, facts=None: self.notes.append((state, facts)),
        )

    def send_all(
        self, upserts: Sequence[Row] = (), deletes: Sequence[str] = (), **options: Any
    ) -> list[Sent]:
        return [self.send(chunk) for chunk in self.chunks(upserts, deletes, **options)]

    def held(self) -> dict[str, Row]:
        """What the portal holds, by key, points by their numbers."""
        pages = self.transport.rows(self.portal_id, COLUMNS, order="tree_id")
        rows = [row for page in pages for row in page.to_pylist()]
        assert len({row["tree_id"] for row in rows}) == len(rows)
        return {row["tree_id"]: _comparable(row) for row in rows}

    def requests(self) -> list[int]:
        """The rows of each request that was made."""
        return [facts["rows"] for state, facts in self.notes if state == "sent"]


def _comparable(row: Row) -> Row:
    place = row["place"]
    return {**row, "place": [float(p) for p in place.strip("POINT ()").split()] if place else None}


def wanted(rows: Sequence[Row]) -> dict[str, Row]:
    return {row["tree_id"]: _comparable(row) for row in rows}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalServer]:
    with PortalServer(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest.fixture
def bench(server: PortalServer, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(server, tmp_path)
    yield bench
    server.faults.clear()
    server.behaviour = Behaviour()
    bench.transport.close()


# Without faults


def test_chunks_are_sent_and_answered(bench: Bench) -> None:
    """One request each; every value arrives as it was, with the counters and ids of the requests."""
    sent = bench.send_all(FOREST)
    assert bench.held() == wanted(FOREST)
    assert [(one.rows_written, one.created, one.attempts, one.settled) for one in sent] == [
        (2, 2, 1, "answered")
    ] * 3
    assert len({one.request_ids for one in sent}) == 3


def test_states_are_told_in_their_order(bench: Bench) -> None:
    """`sent` before the request, `acknowledged` after it; what is told holds no cell."""
    bench.send_all([tree("key-of-it", species=CANARY)])
    assert [state for state, _ in bench.notes] == ["pending", "sent", "acknowledged"]
    assert bench.notes[-1][1]["created"] == 1
    assert CANARY not in json.dumps(bench.notes)
    assert "key-of-it" not in json.dumps(bench.notes)


@pytest.mark.parametrize("fault", [None, "reset-after:times=1"], ids=str)
def test_time_of_the_last_write_is_the_portals_own(bench: Bench, fault: str | None) -> None:
    """Reads that are to prove the chunk must not be older, answered or read back."""
    if fault:
        bench.faults.add(fault)
    (sent,) = bench.send_all([tree("T1")])
    assert sent.written_at is not None
    assert sent.written_at == bench.transport.freshness(bench.portal_id).truth
    assert bench.notes[-1][1]["written_at"] == sent.written_at.isoformat()


def test_updates_and_deletes_go_in_one_plan(bench: Bench) -> None:
    """A later plan changes, clears and deletes; sending it twice changes nothing more."""
    bench.send_all(FOREST)
    changed = [tree("T0", species="elm"), tree("T1", species=None)]
    for _ in range(2):
        sent = bench.send_all(changed, ["T2", "T3"])
        assert [one.refused for one in sent] == [(), ()]
        assert bench.held() == wanted([*changed, *FOREST[4:]])


# The fault matrix


PASSING = {
    "429": "429", "429-wait": "429:seconds=3", "408": "408", "409": "409", "413": "413",
    "500": "500", "500-stored": "500:stored", "502": "502", "503": "503", "504": "504",
    "504-stored": "504:stored", "202": "202", "202-location": "202:how=location",
    "202-stored": "202:stored", "redirect": "redirect", "redirect-301": "redirect:status=301",
    "redirect-stored": "redirect:stored", "html": "html", "html-200": "html:status=200",
    "html-200-stored": "html:status=200,stored", "reset-before": "reset-before",
    "reset-after": "reset-after", "slow": "slow:seconds=0.8", "slow-stored": "slow:seconds=0.8,stored",
    "counters-zeros": "wrong-counters:how=zeros", "counters-updated": "wrong-counters:how=updated",
    "counters-doubled": "wrong-counters:how=doubled", "duplicated": "duplicated-chunk",
    "disk-full": "disk-full",
}  # fmt: skip
STORED = ("202-stored", "redirect-stored", "html-200-stored", "reset-after")
"""Read back and found to be there: not sent again."""


@pytest.mark.parametrize("at", [1, 2, 3], ids=["first", "middle", "last"])
@pytest.mark.parametrize("kind", ["upsert", "delete"])
@pytest.mark.parametrize("fault", PASSING)
def test_passing_fault_loses_and_repeats_nothing(
    bench: Bench, fault: str, kind: str, at: int
) -> None:
    """Whatever goes wrong at whichever chunk: it ends right in the same call, and is told so."""
    if kind == "delete":
        bench.send_all(FOREST)
    upserts, deletes = (
        (FOREST, ()) if kind == "upsert" else ((), [row["tree_id"] for row in FOREST])
    )
    chunks = bench.chunks(upserts, deletes)
    standing = bench.faults.add(PASSING[fault], at=frozenset({at}))
    sent = [bench.send(chunk) for chunk in chunks]
    assert len(standing.struck) == 1
    assert bench.held() == wanted(upserts)
    assert [(one.rows_written, one.refused) for one in sent] == [(2, ())] * 3
    if fault in STORED:
        assert sent[at - 1].attempts == 1
        assert sent[at - 1].settled == "read_back"


@pytest.mark.parametrize("at", [1, 2, 3], ids=["first", "middle", "last"])
@pytest.mark.parametrize(
    "fault", ["500", "reset-before", "reset-after", "202:stored", "html:status=200", "403"]
)
def test_lasting_fault_ends_failed_and_a_rerun_makes_it_right(
    bench: Bench, fault: str, at: int
) -> None:
    """The portal never comes back: the call says so, and the same chunks go through later."""
    chunks = bench.chunks(FOREST)
    for chunk in chunks[: at - 1]:
        bench.send(chunk)
    if fault == "403":
        bench.transport = SodaTransport(
            bench.server.address, replace(CREDENTIALS, app_token="unknown"), scheme="http"
        )
    else:
        bench.faults.add(fault, methods=frozenset({"GET", "POST"}))
    with pytest.raises((TransientError, PortalFault)):
        bench.send(chunks[at - 1], attempts=3)
    bench.faults.clear()
    bench.transport.close()
    bench.transport = SodaTransport(bench.server.address, CREDENTIALS, scheme="http")
    for chunk in chunks[at - 1 :]:
        assert bench.send(chunk).refused == ()
    assert bench.held() == wanted(FOREST)


def test_dropped_chunk_is_for_the_verification(bench: Bench) -> None:
    """A portal that counts right and stores nothing is believed here; only reading all finds it."""
    bench.faults.add("dropped-chunk:at=2")
    sent = bench.send_all(FOREST)
    assert {one.settled for one in sent} == {"answered"}
    assert set(bench.held()) == {"T0", "T1", "T4", "T5"}


# Waiting


def test_waits_grow_and_are_bounded(bench: Bench) -> None:
    """Twice as long each time, up to the longest; one request less than the attempts is waited for."""
    bench.faults.add("503")
    with pytest.raises(TransientError):
        bench.send(bench.chunks([tree("T1")])[0], attempts=5, longest_wait_seconds=4.0)
    assert bench.time.slept[:4] == [1, 2, 4, 4]


def test_chance_shortens_waits_to_half_at_most(bench: Bench) -> None:
    """Many publishers after one outage do not come back all at once."""
    bench.faults.add("503:times=1")
    bench.send(bench.chunks([tree("T1")])[0], chance=lambda: 1.0)
    assert bench.time.slept == [0.5]


def test_portal_is_not_asked_before_it_wants_to_be(bench: Bench) -> None:
    """`Retry-After` is heeded where it is longer than our own wait."""
    bench.faults.add("429:seconds=40,times=1")
    bench.send(bench.chunks([tree("T1")])[0])
    assert bench.time.slept == [40]


def test_patience_ends_by_time_too(bench: Bench) -> None:
    """A portal that asks for a longer wait than we have is not waited for."""
    bench.faults.add("429:seconds=4000")
    with pytest.raises(TransientError, match="429"):
        bench.send(bench.chunks([tree("T1")])[0])
    assert bench.time.slept == []


# Smaller requests


def test_too_large_requests_are_halved_down_to_what_goes(bench: Bench) -> None:
    """After a 413 no larger request is tried again, and every row arrives once."""
    one = len(bench.chunks(FOREST, rows=1)[0].body)
    bench.server.behaviour = with_switches(Behaviour(), {"max_body_bytes": 2 * one + 20})
    (chunk,) = bench.chunks(FOREST, rows=6)
    sent = bench.send(chunk)
    assert bench.held() == wanted(FOREST)
    assert (sent.rows_written, sent.refused) == (6, ())
    assert bench.requests()[0] == 6
    assert max(bench.requests()[2:]) <= 2


def test_row_that_is_too_large_by_itself_is_named(bench: Bench) -> None:
    """The rest is published."""
    bench.server.behaviour = with_switches(Behaviour(), {"max_body_bytes": 1_000})
    rows = [tree("T1"), tree("T2", species="x" * 2_000), tree("T3")]
    (sent,) = bench.send_all(rows, rows=3)
    assert [(row.key, row.column) for row in sent.refused] == [("T2", None)]
    assert "larger" in sent.refused[0].reason
    assert set(bench.held()) == {"T1", "T3"}


def test_no_row_is_blamed_for_a_portal_that_finds_everything_too_large(bench: Bench) -> None:
    """HTTP 413 to the smallest request there is: the portal's fault, and no row is named."""
    bench.faults.add("413")
    with pytest.raises(RequestTooLarge):
        bench.send_all(FOREST, rows=6)


def test_slow_requests_are_halved(bench: Bench) -> None:
    """What takes too long as a whole may be in time in parts."""
    bench.faults.add("slow:seconds=0.8,times=1")
    bench.send_all(FOREST, rows=6)
    assert bench.requests() == [6, 3, 3]
    assert bench.held() == wanted(FOREST)


# Rows that are refused


REFUSED = {
    "named": ("row-errors:column=species", {}, "species"),
    "unnamed": ("row-errors:column=species", {"version_two": False}, None),
    "poison": ("poison:column=species", {}, "species"),
    "poison-500": ("poison:status=500", {}, None),
    "poison-502": ("poison:status=502", {}, None),
}


@pytest.mark.parametrize("kind", ["upsert", "delete"])
@pytest.mark.parametrize("key", ["T0", "T7", "T15"], ids=["first", "middle", "last"])
@pytest.mark.parametrize(("fault", "switches", "column"), REFUSED.values(), ids=REFUSED)
def test_refused_row_is_named_and_the_rest_goes(
    bench: Bench, fault: str, switches: Mapping[str, Any], column: str | None, key: str, kind: str
) -> None:
    """In whichever way the portal refuses a row: exactly that one is named."""
    rows = [tree(f"T{n}", species=CANARY) for n in range(16)]
    keys = {row["tree_id"] for row in rows}
    if kind == "delete":
        bench.send_all(rows, rows=16)
    bench.server.behaviour = with_switches(Behaviour(), switches)
    bench.faults.add(f"{fault},key={key}")
    chunks = (
        bench.chunks(rows, rows=16) if kind == "upsert" else bench.chunks((), sorted(keys), rows=16)
    )
    sent = bench.send(chunks[0])
    assert [row.key for row in sent.refused] == [key]
    assert sent.rows_written == 15
    assert CANARY not in repr(sent) + json.dumps(bench.notes)
    if kind == "upsert":
        assert sent.refused[0].column == column
        assert set(bench.held()) == keys - {key}
    else:
        assert set(bench.held()) == {key}


def test_value_that_its_type_cannot_take_is_named_with_its_column(bench: Bench) -> None:
    """A real refusal, no fault: the portal's column became another type since."""
    other = trees(columns=_with_type("species", "number"))
    portal_id = bench.transport.create(other, title="Other")
    chunks = bench.chunks(
        [tree("T1", species="1"), tree("T2", species=CANARY), tree("T3", species="3")], rows=3
    )
    bench.portal_id = portal_id
    sent = bench.send(chunks[0])
    (refused,) = sent.refused
    assert (refused.key, refused.column) == ("T2", "species")
    assert refused.reason == "invalid-request not a value of type number"


def _with_type(name: str, kind: str) -> list[dict[str, Any]]:
    listed = [column.model_dump(exclude_none=True) for column in DATASET.columns]
    return [{**column, "type": kind} if column["name"] == name else column for column in listed]


def test_83_refused_rows_among_thousands_are_exactly_named(bench: Bench) -> None:
    """Whether the portal counts them or fails the request: those 83, and no other."""
    rows = [tree(f"T{n:05}") for n in range(5_000)]
    bad = [f"T{n * 59:05}" for n in range(83)]
    bench.transport.close()
    bench.transport = SodaTransport(bench.server.address, CREDENTIALS, scheme="http")
    bench.faults.add("poison:" + ",".join(f"key={key}" for key in bad))
    (sent,) = bench.send_all(rows, rows=5_000)
    assert sorted(row.key for row in sent.refused) == bad
    assert bench.transport.count(bench.portal_id) == 5_000 - 83


def test_portal_that_refuses_everything_is_not_asked_row_by_row(bench: Bench) -> None:
    """Hundreds of refused rows and none taken: it is not the rows, and no row is named."""
    rows = [tree(f"T{n:05}") for n in range(HOPELESS + 50)]
    bench.faults.add("poison:rows=1")
    with pytest.raises(RequestRefused):
        bench.send_all(rows, rows=HOPELESS + 50)


def test_no_row_is_blamed_for_a_portal_that_is_down(bench: Bench) -> None:
    """HTTP 500 to everything: found out by a harmless write, and said as what it is."""
    bench.faults.add("500")
    (chunk,) = bench.chunks(FOREST, rows=6)
    with pytest.raises(TransientError, match="500"):
        bench.send(chunk, attempts=2)


def test_only_row_of_a_chunk_may_be_to_blame(bench: Bench) -> None:
    """One row, always HTTP 500, while the portal takes other writes: it is the row."""
    bench.faults.add("poison:status=500,key=T1")
    (sent,) = bench.send_all([tree("T1")])
    assert [row.key for row in sent.refused] == ["T1"]


def test_faults_hold_no_cell(bench: Bench) -> None:
    """Neither message nor traceback of what is raised has what the portal quoted."""
    bench.faults.add("poison:column=species,rows=1")
    rows = [tree(f"T{n:05}", species=CANARY) for n in range(HOPELESS)]
    with pytest.raises(RequestRefused) as caught:
        bench.send_all(rows, rows=HOPELESS)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


# The replica


def test_settling_waits_until_the_replica_is_fresh(bench: Bench) -> None:
    """A reset after the rows were stored: behind, the replica would say that they are not there."""
    bench.send_all(FOREST[:1])
    standing = bench.faults.add("stale-replica")
    bench.faults.add("reset-after:times=1")
    bench.time.then[3] = lambda: bench.faults.remove(standing)
    (sent,) = bench.send_all(FOREST[:2])
    assert (sent.attempts, sent.settled) == (1, "read_back")
    assert len(bench.time.slept) == 3


def test_rows_are_sent_again_where_the_replica_stays_behind(bench: Bench) -> None:
    """Nobody can tell whether they are there, and a keyed write may be repeated."""
    bench.send_all(FOREST[:1])
    standing = bench.faults.add("stale-replica")
    bench.faults.add("reset-after:times=1")
    (sent,) = bench.send_all(FOREST[:2])
    assert (sent.attempts, sent.refused) == (2, ())
    bench.faults.remove(standing)
    assert bench.held() == wanted(FOREST[:2])


def test_refused_rows_are_not_guessed_from_a_stale_replica(bench: Bench) -> None:
    """The portal names no row and its replica stays behind: the chunk fails, and names none."""
    bench.send_all(FOREST[:1])
    bench.server.behaviour = with_switches(Behaviour(), {"version_two": False})
    bench.faults.add("stale-replica")
    bench.faults.add("row-errors")
    with pytest.raises(OutcomeUnknown, match="behind"):
        bench.send_all(FOREST[:2])


def test_lagging_replica_is_no_trouble(bench: Bench) -> None:
    """Lag alone costs nothing: what is answered well is believed."""
    bench.server.behaviour = with_switches(Behaviour(), {"replica_lag_seconds": 5})
    sent = bench.send_all(FOREST)
    assert {one.settled for one in sent} == {"answered"}
    assert bench.time.slept == []


# What a portal may do otherwise


@pytest.mark.parametrize(
    "switches",
    [
        {"counters": "four", "version_two": False},
        {"errors_counter": "when any", "version_two": False},
        {"error_keys": "neither"},
        {"error_codes": "truth"},
        {"bad_values": "count"},
        {"empty_text": "null"},
    ],
    ids=str,
)
def test_every_manner_of_a_portal_goes(bench: Bench, switches: Mapping[str, Any]) -> None:
    """Rows arrive, deletes of what is gone are no fault, a lost answer is settled."""
    bench.server.behaviour = with_switches(Behaviour(), switches)
    rows = [*FOREST, tree("T6", species="")]
    bench.faults.add("reset-after:at=1")
    sent = bench.send_all(rows, ["gone", "T7"])
    assert [one.refused for one in sent] == [()] * len(sent)
    assert (sent[0].attempts, sent[0].settled) == (1, "read_back")
    assert set(bench.held()) == {row["tree_id"] for row in rows}


# Chunks that may not go


def test_column_that_may_not_leave_any_more_is_not_sent(bench: Bench) -> None:
    """Law 3 holds for a plan that was made under an older dataset file."""
    write_plan(bench.folder, DATASET, upserts=FOREST)
    narrower = trees(leave_out=["species"])
    with pytest.raises(PublicationRefused, match="species"):
        list(planned_chunks(narrower, bench.folder))


@pytest.mark.parametrize(
    "cells",
    [{"species": "a\0b"}, {"height_feet": float("nan")}, {"age_years": float("-inf")}],
    ids=str,
)
def test_value_that_no_portal_can_take_is_never_sent(bench: Bench, cells: Row) -> None:
    """Should local checking be passed by: no body is made of it, and no cell is told."""
    with pytest.raises(Unsendable) as caught:
        assert not [chunk.body for chunk in bench.chunks([tree("T1", **cells)])]
    assert "a\\x00b" not in "".join(traceback.format_exception(caught.value))


# Anything at once


MIXED = ("429:seconds=1", "500", "500:stored", "503", "202", "202:stored", "redirect:stored",
         "html:status=200", "reset-before", "reset-after", "413", "409", "disk-full",
         "wrong-counters:how=zeros", "duplicated-chunk")  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_whatever_comes_together_ends_right(bench: Bench, seed: int) -> None:
    """Several faults at once, in writes and reads: a chunk is settled or fails, and goes later."""
    chance = random.Random(seed)
    wanted_rows = [tree(f"T{n:02}", height_feet=float(n)) for n in range(12)]
    bench.send_all([tree(f"T{n:02}") for n in range(6, 18)])
    chunks = bench.chunks(wanted_rows, [f"T{n}" for n in range(12, 18)], rows=4)
    for fault in chance.sample(MIXED, 5):
        bench.faults.add(fault, share=0.3, seed=seed)
    for fault in ("500", "reset-before", "429"):
        bench.faults.add(fault, share=0.1, seed=seed, methods=frozenset({"GET"}))
    for chunk in chunks:
        _send_until_settled(bench, chunk)
    bench.faults.clear()
    assert bench.held() == wanted(wanted_rows)


def _send_until_settled(bench: Bench, chunk: Chunk) -> None:
    """As run after run would."""
    for _ in range(50):
        try:
            sent = bench.send(chunk)
        except (TransientError, PortalFault):
            continue
        assert sent.refused == ()
        return
    raise AssertionError("the chunk never went through")


def test_reading_back_is_tried_again_too(bench: Bench) -> None:
    """The portal has not recovered yet when the lost answer is looked after."""
    bench.faults.add("reset-after:times=1")
    bench.faults.add("503:times=3", methods=frozenset({"GET"}))
    (sent,) = bench.send_all(FOREST[:2])
    assert (sent.attempts, sent.settled, sent.refused) == (1, "read_back", ())
    assert bench.held() == wanted(FOREST[:2])


LEAVES = {"name": "leaves", "source": "leaves", "description": "-", "privacy": "publish"}
SET_OF_LEAVES = trees(more_columns=[{**LEAVES, "list": {"separator": ";", "set": True}}])
FULL = tree(
    "T1",
    species=None,
    height_feet=0.1 + 0.2,
    planted_at=datetime(2022, 3, 4, 5, 6, 7, 8000),
    is_alive=True,
    place="POINT (-90.5 30)",
    leaves="a;b",
)


@pytest.mark.parametrize(
    ("there", "is_the_same"),
    [
        ({}, True),
        ({"leaves": "b; a;"}, True),
        ({"species": ""}, True),
        ({"place": "POINT (-90.50 30.0)"}, True),
        ({"leaves": "a;c"}, False),
        ({"leaves": None}, False),
        ({"species": " "}, False),
        ({"height_feet": 0.3}, False),
        ({"planted_at": datetime(2022, 3, 4, 5, 6, 7, 9000)}, False),
        ({"is_alive": None}, False),
        ({"place": "POINT (30 -90.5)"}, False),
    ],
)
def test_what_is_there_is_known_again_by_its_meaning(
    bench: Bench, there: Row, *, is_the_same: bool
) -> None:
    """As plans, proofs and questions about edits compare cells: there is one definition."""
    portal_id = bench.transport.create(SET_OF_LEAVES, title="Trees with leaves")
    chunks = []
    for row in (FULL, FULL | there):
        write_plan(bench.folder, SET_OF_LEAVES, upserts=[row])
        chunks += planned_chunks(SET_OF_LEAVES, bench.folder)
    bench.transport.upsert(portal_id, chunks[1].body, 1)
    unlike = keys_unlike(
        bench.transport, portal_id, SET_OF_LEAVES.published, SET_OF_LEAVES.key, chunks[0]
    )
    assert unlike == (() if is_the_same else ("T1",))
