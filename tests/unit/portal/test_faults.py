"""How faults are written and when they strike; what they do is in the integration tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.portal.faults import KINDS, Fault, Faults, parse_fault

WRITTEN = {
    "429": Fault(kind="429"),
    "429:seconds=2": Fault(kind="429", seconds=2.0),
    "500:every=3": Fault(kind="500", every=3),
    "503:at=2+5,times=1": Fault(kind="503", at=frozenset((2, 5)), times=1),
    "slow:share=0.5,seed=7,seconds=0.1": Fault(kind="slow", share=0.5, seed=7, seconds=0.1),
    "502:stored": Fault(kind="502", stored=True),
    "html:status=200": Fault(kind="html", status=200),
    "row-errors:key=a b,key=c": Fault(kind="row-errors", keys=frozenset(("a b", "c"))),
    "202:how=location": Fault(kind="202", how="location"),
    "reset-after:at=1@POST /resource/abcd-1234": Fault(
        kind="reset-after",
        at=frozenset((1,)),
        methods=frozenset(("POST",)),
        path="/resource/abcd-1234",
    ),
    "503@/api/": Fault(kind="503", path="/api/"),
    "503@get|delete /": Fault(kind="503", methods=frozenset(("GET", "DELETE")), path="/"),
}


@pytest.mark.parametrize(("text", "fault"), WRITTEN.items(), ids=WRITTEN)
def test_fault_is_read(text, fault):
    """A fault is a kind, its options, and where it strikes."""
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "429:often",
        "429:every=often",
        "429:nonsense=1",
        "429@resource",
        "429@FETCH /resource",
        "429:share=2",
        "429:every=-1",
        "drop",
        "dropped-chunk:stored",
        "wrong-counters:how=sideways",
        "500:how=zeros",
    ],
)
def test_fault_is_refused(text):
    """What makes no sense is said, not passed over."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_fault(text)


def strikes(fault, requests=12, path="/resource/a", method="POST"):
    faults = Faults()
    standing = faults.add(fault)
    for number in range(requests):
        faults.strike(method, path, str(number))
    return [struck.number for struck in standing.struck]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("500:times=3", [1, 2, 3]),
        ("500:at=2+7", [2, 7]),
        ("500:every=4", [4, 8, 12]),
        ("500:every=4,times=2", [4, 8]),
        ("500@GET /resource/", []),
        ("500@PUT|POST /resource/a", list(range(1, 13))),
        ("500@/resource/b", []),
    ],
)
def test_fault_strikes_where_it_is_said(text, numbers):
    """Requests that fit are counted from 1, from the moment the fault was set."""
    assert strikes(text) == numbers


@given(st.floats(0.05, 0.95), st.integers(0, 10**6))
def test_share_is_kept_and_repeatable(share, seed):
    """A share strikes about so often, and at the same requests each time with one seed."""
    fault = Fault(kind="500", share=share, seed=seed)
    struck = strikes(fault, requests=400)
    assert struck == strikes(fault, requests=400)
    assert abs(len(struck) / 400 - share) < 0.15


def test_fault_can_be_taken_back():
    """After that it neither counts nor strikes."""
    faults = Faults()
    standing = faults.add("500")
    assert faults.strike("POST", "/resource/a", "1") == [standing]
    faults.remove(standing)
    assert faults.strike("POST", "/resource/a", "2") == []
    assert (standing.seen, [s.request_id for s in standing.struck]) == (1, ["1"])


def test_every_kind_can_be_written():
    """The name of a kind is a whole fault."""
    assert {parse_fault(kind).kind for kind in KINDS} == KINDS
