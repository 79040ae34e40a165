"""Reads are consistent with writes only after a while, and say so (protocol 2.7)."""

from __future__ import annotations

import time

import pytest

LAG = 0.8


@pytest.fixture
def dataset(portal):
    found = portal.create()
    portal.soda.upsert(found, [{"key": "a"}])
    return found


def read(portal, dataset):
    answer = portal.http("GET", f"/resource/{dataset}.json", params={"$order": "key"})
    return [row["key"] for row in answer.json()], answer.headers


def test_reads_see_a_write_after_the_lag(portal, dataset, switch):
    """Before it they show the old rows, with the headers of 2.5 that say so."""
    switch(replica_lag_seconds=LAG)
    portal.soda.upsert(dataset, [{"key": "b"}])
    keys, headers = read(portal, dataset)
    assert (keys, headers["X-SODA2-Data-Out-Of-Date"]) == (["a"], "true")
    assert portal.http("GET", f"/resource/{dataset}/b.json").status_code == 404
    time.sleep(LAG)
    keys, headers = read(portal, dataset)
    assert (keys, headers["X-SODA2-Data-Out-Of-Date"]) == (["a", "b"], "false")


def test_each_write_has_its_own_lag(portal, dataset, switch):
    """Of two writes the first shows first: states are never skipped or mixed."""
    switch(replica_lag_seconds=LAG)
    portal.soda.upsert(dataset, [{"key": "b"}])
    time.sleep(LAG / 2)
    portal.soda.upsert(dataset, [{"key": "c"}])
    seen = []
    deadline = time.monotonic() + 10 * LAG
    while (not seen or len(seen[-1]) < 3) and time.monotonic() < deadline:
        seen.append(read(portal, dataset)[0])
    assert [keys for n, keys in enumerate(seen) if keys != seen[n - 1] or n == 0] == [
        ["a"],
        ["a", "b"],
        ["a", "b", "c"],
    ]


def test_replication_says_how_far_it_is(portal, dataset, switch):
    """The secondary's version is behind the truth's until the lag is over (2.1)."""
    switch(replica_lag_seconds=LAG)
    portal.soda.upsert(dataset, [{"key": "b"}])
    path = f"/api/views/{dataset}/replication.json"
    shown = portal.http("GET", path).json()
    assert shown["secondary_versions"][0]["version"] == shown["truth_data_version"] - 1
    time.sleep(LAG)
    shown = portal.http("GET", path).json()
    assert shown["secondary_versions"][0]["version"] == shown["truth_data_version"]


def test_a_replaced_dataset_is_old_or_new(portal, dataset, switch):
    """Readers keep the old rows until the replica has all of the new ones (2.3, replace)."""
    switch(replica_lag_seconds=LAG)
    portal.soda.replace(dataset, [{"key": f"n{n}"} for n in range(5)])
    lengths = set()
    deadline = time.monotonic() + 3 * LAG
    while time.monotonic() < deadline:
        lengths.add(len(read(portal, dataset)[0]))
    assert lengths == {1, 5}


def test_metadata_is_not_behind(portal, dataset, switch):
    """Only rows lag: a new description shows at once, and the rows stay visible (2.1)."""
    switch(replica_lag_seconds=LAG)
    column = {"fieldName": "name", "name": "Name", "description": "New."}
    portal.soda.update_metadata(dataset, {"description": "D.", "columns": [column]})
    assert portal.soda.get_metadata(dataset)["description"] == "D."
    assert read(portal, dataset)[0] == ["a"]


def test_many_writes_within_one_lag(portal, dataset, switch):
    """However many there are, the last state is reached."""
    switch(replica_lag_seconds=LAG)
    for number in range(100):
        portal.soda.upsert(dataset, [{"key": f"k{number:03}"}])
    time.sleep(2 * LAG)
    assert len(read(portal, dataset)[0]) == 101


def test_lag_can_be_switched_off(portal, dataset, switch):
    """Reads are fresh at once, whatever was under way."""
    switch(replica_lag_seconds=LAG)
    portal.soda.upsert(dataset, [{"key": "b"}])
    assert read(portal, dataset)[0] == ["a"]
    switch(replica_lag_seconds=0)
    assert read(portal, dataset)[0] == ["a", "b"]
