"""Every call that sodapy's own page documents, in its order, against the portal (protocol 1.2, 6)."""

from __future__ import annotations

import itertools

import pytest
import requests
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from orchestration.portal.server import PortalServer

COLUMNS = [
    {"fieldName": "delegation", "name": "Delegation", "dataTypeName": "text"},
    {"fieldName": "name", "name": "Name", "dataTypeName": "text"},
    {"fieldName": "key", "name": "Key", "dataTypeName": "text"},
    {"fieldName": "entity", "name": "Entity", "dataTypeName": "text"},
    {"fieldName": "members", "name": "Members", "dataTypeName": "number"},
]
ALASKA = {"Delegation": "AJU", "Name": "Alaska", "Key": "AL", "Entity": "Juneau"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with PortalServer(tmp_path_factory.mktemp("sodapy"), tls=True) as running:
        yield running


@pytest.fixture(scope="module")
def plain(server):
    """A client whose adapter brings `http://`, as for a test server."""
    adapter = {"prefix": "http://", "adapter": HTTPAdapter()}
    with Socrata(server.address, "local", "local", "local", session_adapter=adapter) as client:
        yield client


def counts(answer):
    return {name: count for name, count in answer.items() if count}


def test_documented_calls_in_order(plain, tmp_path, monkeypatch):
    """Datasets, get, get_all, metadata, create, publish, permission, upsert, replace, delete."""
    client = plain
    made = client.create(
        "Delegates",
        description="List of delegates",
        columns=COLUMNS,
        row_identifier="delegation",
        tags=["politics", "geography"],
        category="Transparency",
    )
    dataset = made["id"]
    assert (made["name"], made["category"]) == ("Delegates", "Transparency")
    assert client.publish(dataset)["publicationStage"] == "published"
    assert client.set_permission(dataset, "public").status_code == 200

    assert counts(client.upsert(dataset, [ALASKA])) == {"Rows Created": 1, "By RowIdentifier": 1}
    listed = client.datasets(ids=[dataset])
    assert [one["resource"]["name"] for one in listed] == ["Delegates"]
    many = [{"delegation": f"D{n:04}", "name": "N", "members": n} for n in range(1, 1500)]
    assert client.upsert(dataset, many)["Rows Created"] == 1499

    assert len(client.get(dataset, limit=2)) == 2
    found = client.get(
        dataset, where="members > 1490", order="members DESC", exclude_system_fields=False
    )
    assert [row["members"] for row in found] == [str(n) for n in range(1499, 1490, -1)]
    assert ":id" in found[0]
    (one,) = client.get(dataset, delegation="AJU")
    assert client.get(f"{dataset}/AJU") == one
    everything = client.get_all(dataset, order=":id")
    assert len(list(itertools.islice(everything, 5))) == 5
    assert len({row["delegation"] for row in client.get_all(dataset, order=":id")}) == 1500
    assert client.get(dataset, content_type="csv", limit=1)[0][0] == "delegation"

    assert client.get_metadata(dataset)["rowsUpdatedAt"] > 0
    update = {"attributionLink": "https://anothertest.com"}
    assert client.update_metadata(dataset, update)["attributionLink"] == update["attributionLink"]
    assert client.download_attachments(dataset, download_dir=str(tmp_path)) == []

    rows = [{**ALASKA, "Entity": "Anchorage"}, {"Delegation": "D0001", ":deleted": True}]
    answer = client.upsert(dataset, rows)
    assert (answer["Rows Updated"], answer["Rows Deleted"], answer["Errors"]) == (1, 1, 0)
    upsert = tmp_path / "upsert_test.csv"
    upsert.write_bytes(b"Delegation,Name\nAJU,Alaska!\nNEW,x\n")
    with upsert.open("rb") as file:
        answer = client.upsert(dataset, file)
    assert (answer["Rows Updated"], answer["Rows Created"]) == (1, 1)
    with upsert.open("rb") as file:
        assert client.replace(dataset, file)["Rows Created"] == 2
    assert {row["delegation"] for row in client.get(dataset)} == {"AJU", "NEW"}

    assert client.delete(dataset, row_id="NEW") == [{"typ": "delete", "id": "NEW"}]
    assert [row["delegation"] for row in client.get(dataset)] == ["AJU"]
    assert client.delete(dataset).status_code == 200
    with pytest.raises(requests.HTTPError, match="404"):
        client.get(dataset)


def test_upsert_by_row_id(plain):
    """Without a row identifier, `:id` updates and deletes, counted as `By SID`."""
    dataset = plain.create("No key", columns=COLUMNS)["id"]
    plain.upsert(dataset, [ALASKA, ALASKA])
    one, two = (row[":id"] for row in plain.get(dataset, select=":id", order=":id"))
    rows = [{"Delegation": "sfa", ":id": one, "Name": "bar"}, {":id": two, ":deleted": True}]
    expected = {"Rows Updated": 1, "Rows Deleted": 1, "By SID": 2}
    assert counts(plain.upsert(dataset, rows)) == expected
    assert plain.get(dataset) == [
        {"delegation": "sfa", "name": "bar", "key": "AL", "entity": "Juneau"}
    ]


def test_datasets_that_are_a_file_are_left_out(plain, tmp_path):
    """Nothing of an upload is kept: where sodapy sends one there is nothing."""
    for upload in (
        lambda: plain.create_non_data_file({}, {"file": ("a.txt", b"x")}),
        lambda: plain.replace_non_data_file("abcd-1234", {}, {"file": ("a.txt", b"x")}),
    ):
        with pytest.raises(requests.HTTPError, match=r"404|405|415"):
            upload()


def test_over_tls_with_the_bundle_alone(server, monkeypatch):
    """No code changes: REQUESTS_CA_BUNDLE is enough (6)."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_file))
    with Socrata(server.tls_address, "local", "local", "local") as client:
        dataset = client.create("Over TLS", columns=COLUMNS, row_identifier="delegation")["id"]
        assert client.upsert(dataset, [ALASKA])["Rows Created"] == 1
        assert len(client.get(dataset)) == 1


def test_redirect_turns_a_write_into_a_read(plain, server):
    """The trap of an aliased domain: rows as an answer, and nothing written (1.4)."""
    dataset = plain.create("Alias", columns=COLUMNS, row_identifier="delegation")["id"]
    plain.upsert(dataset, [ALASKA])
    plain.publish(dataset)
    plain.set_permission(dataset, "public")
    server.faults.add(f"redirect:times=1@POST /resource/{dataset}")
    answer = plain.upsert(dataset, [{"delegation": "lost"}])
    server.faults.clear()
    assert [row["delegation"] for row in answer] == ["AJU"]
    assert [row["delegation"] for row in plain.get(dataset)] == ["AJU"]
