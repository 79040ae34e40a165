"""Datasets and their metadata: create, describe, publish, drop, list; headers of reads."""

from __future__ import annotations

import re

import pytest
import requests


def test_metadata_of_a_new_dataset(portal):
    """The metadata JSON has the keys that publishers look at (2.5)."""
    columns = [{"fieldName": "key", "name": "Key", "dataTypeName": "text", "description": "K."}]
    made = portal.soda.create(
        "Calls", description="D.", columns=columns, tags=["a"], row_identifier="key"
    )
    shown = portal.soda.get_metadata(made["id"])
    assert shown == made
    assert re.fullmatch(r"[2-9a-z]{4}-[2-9a-z]{4}", shown["id"])
    assert (shown["name"], shown["description"], shown["tags"]) == ("Calls", "D.", ["a"])
    assert (shown["viewType"], shown["publicationStage"]) == ("tabular", "unpublished")
    assert shown["rowIdentifierColumnId"] == shown["columns"][0]["id"]
    assert shown["metadata"]["rowIdentifier"] == "key"
    assert {"write", "add", "delete", "update_view"} <= set(shown["rights"])
    assert shown["grants"] == []
    assert "rowsUpdatedAt" not in shown


def test_columns_in_the_metadata(portal):
    """Each column has its id, names, type, position and description (2.5)."""
    columns = portal.soda.get_metadata(portal.create())["columns"]
    assert [column["position"] for column in columns] == list(range(1, len(columns) + 1))
    assert columns[3]["fieldName"] == "happened_at"
    assert columns[3]["name"] == "Happened At"
    assert columns[3]["dataTypeName"] == "calendar_date"
    assert len({column["id"] for column in columns}) == len(columns)


def test_publication_and_permission_show(portal):
    """Publishing and permissions move the stage and the grants (2.5)."""
    dataset = portal.create()
    assert portal.soda.publish(dataset)["publicationStage"] == "published"
    assert portal.soda.set_permission(dataset, "public").text == ""
    assert portal.soda.get_metadata(dataset)["grants"][0]["flags"] == ["public"]
    stranger = portal.anonymous.get(f"{portal.url}/api/views/{dataset}.json").json()
    assert stranger["rights"] == ["read"]


def test_rows_updated_at_moves_with_writes(portal):
    """It is in whole seconds, and of the last write (2.5)."""
    dataset = portal.create()
    portal.soda.upsert(dataset, [{"key": "a"}])
    shown = portal.soda.get_metadata(dataset)
    assert 0 <= shown["rowsUpdatedAt"] - shown["createdAt"] <= 5


def test_update_metadata(portal):
    """What is sent is replaced, what is not stays, what the portal computes is not settable."""
    dataset = portal.create()
    update = {"name": "New", "license": {"name": "PD"}, "id": "zzzz-zzzz", "rights": []}
    portal.soda.update_metadata(dataset, update)
    shown = portal.soda.get_metadata(dataset)
    assert (shown["name"], shown["license"], shown["id"]) == ("New", {"name": "PD"}, dataset)
    assert shown["rights"]
    assert shown["metadata"]["rowIdentifier"] == "key"


def test_update_of_column_descriptions(portal):
    """Columns can be renamed for people and described, not retyped or added."""
    dataset = portal.create()
    update = {"columns": [{"fieldName": "name", "name": "Title", "description": "The title"}]}
    shown = portal.soda.update_metadata(dataset, update)
    assert shown["columns"][1]["name"] == "Title"
    assert shown["columns"][1]["description"] == "The title"
    for bad in ({"fieldName": "other"}, {"fieldName": "name", "dataTypeName": "number"}):
        with pytest.raises(requests.HTTPError, match="400"):
            portal.soda.update_metadata(dataset, {"columns": [bad]})


def test_row_identifier_can_be_set_later(portal):
    """On rows whose values are all there and all different."""
    dataset = portal.create(key=None, n="text")
    portal.soda.upsert(dataset, [{"n": "a"}, {"n": "b"}])
    portal.soda.update_metadata(dataset, {"metadata": {"rowIdentifier": "n"}})
    assert portal.soda.upsert(dataset, [{"n": "a"}])["Rows Updated"] == 1


@pytest.mark.parametrize("rows", [[{"n": "a"}, {"n": "a"}], [{}]], ids=["repeated", "null"])
def test_row_identifier_must_identify(portal, rows):
    """Otherwise it is a 400 `soda.column.not-unique` (2.3)."""
    dataset = portal.create(key=None, n="text")
    portal.soda.upsert(dataset, rows)
    body = {"metadata": {"rowIdentifier": "n"}, "name": "Not kept"}
    answer = portal.http("PUT", f"/api/views/{dataset}.json", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "soda.column.not-unique")
    assert portal.soda.get_metadata(dataset)["name"] == "A test"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"name": ""},
        {"name": 7},
        {"name": "x", "description": 7},
        {"name": "x", "columns": "none"},
        {"name": "x", "columns": [7]},
        {"name": "x", "columns": [{}]},
        {"name": "x", "columns": [{"name": "a", "dataTypeName": "nonsense"}]},
        {"name": "x", "columns": [{"name": "a", "dataTypeName": []}]},
        {"name": "x", "columns": [{"name": "a", "fieldName": 'a" text'}]},
        {"name": "x", "columns": [{"name": "a", "fieldName": ":id"}]},
        {"name": "x", "columns": [{"name": "a"}, {"name": "A"}]},
        {"name": "x", "columns": [{"name": "a", "description": []}]},
        {"name": "x", "columns": [{"name": f"c{n}"} for n in range(401)]},
        {"name": "x", "metadata": []},
        {"name": "x", "metadata": {"rowIdentifier": "a"}},
        {"name": "x", "metadata": {"rowIdentifier": ["a"]}},
    ],
    ids=lambda body: str(body)[:60],
)
def test_dataset_is_not_made(portal, body):
    """A create request that makes no sense is a 400, and makes nothing."""
    before = portal.soda.datasets()
    assert portal.http("POST", "/api/views.json", json=body).status_code == 400
    assert portal.soda.datasets() == before


def test_identifier_of_another_type_is_refused(portal):
    """Only text and number columns identify rows."""
    with pytest.raises(requests.HTTPError, match="row identifier"):
        portal.create(key="place")


def test_wide_datasets_work(portal):
    """As many columns as the portal takes can be written and read."""
    names = [f"column_{n:03}" for n in range(400)]
    dataset = portal.create(key=None, **dict.fromkeys(names, "number"))
    portal.soda.upsert(dataset, [dict.fromkeys(names, 1)])
    assert portal.rows(dataset) == [dict.fromkeys(names, "1")]
    answer = portal.http("GET", f"/resource/{dataset}.csv")
    assert "X-SODA2-Fields" not in answer.headers


def test_awkward_field_names_work(portal):
    """Names that mean something in SQL are names like any other."""
    fields = ("select", "order", "_id", "rowid", "null_", "group", "number")
    dataset = portal.create(key="select", **dict.fromkeys(fields, "text"))
    portal.soda.upsert(dataset, [dict.fromkeys(fields, "x")])
    assert portal.soda.get(dataset, where="`order` = 'x'", order="`group`")


def test_dropped_dataset_is_gone(portal):
    """`delete` without a row drops it, and the answer has no body (1.2)."""
    dataset = portal.create()
    portal.soda.upsert(dataset, [{"key": "a"}])
    assert portal.soda.delete(dataset).text == ""
    assert portal.http("GET", f"/resource/{dataset}.json").status_code == 404


def test_catalog_lists_what_may_be_read(portal):
    """Private datasets are listed with a login only (2.1)."""
    dataset = portal.create()
    path = f"/api/catalog/v1?ids={dataset}"
    (listed,) = portal.http("GET", path).json()["results"]
    assert listed["resource"]["columns_field_name"][0] == "key"
    assert portal.anonymous.get(portal.url + path).json()["resultSetSize"] == 0


def test_catalog_has_pages(portal):
    """The client pages through it and finds every dataset."""
    made = {portal.create() for _ in range(3)}
    page = portal.soda.datasets(limit=2)
    everything = portal.soda.datasets()
    assert len(page) == 2
    assert made <= {item["resource"]["id"] for item in everything}


def test_replication_is_up_to_date(portal):
    """The replica has the version of the truth (2.1)."""
    dataset = portal.create()
    before = portal.http("GET", f"/api/views/{dataset}/replication.json").json()
    portal.soda.upsert(dataset, [{"key": "a"}])
    after = portal.http("GET", f"/api/views/{dataset}/replication.json").json()
    assert after["truth_data_version"] == before["truth_data_version"] + 1
    assert after["secondary_versions"][0]["version"] == after["truth_data_version"]


def test_headers_of_a_read(portal):
    """Types, freshness and cache headers are those of the real one (2.5)."""
    dataset = portal.create(key=None, name="text", at="calendar_date")
    headers = portal.http("GET", f"/resource/{dataset}.json?$select=:id,name,at").headers
    assert headers["X-SODA2-Fields"] == '[":id", "name", "at"]'
    assert headers["X-SODA2-Types"] == '["row_identifier", "text", "floating_timestamp"]'
    assert headers["X-SODA2-Data-Out-Of-Date"] == "false"
    assert headers["X-SODA2-Truth-Last-Modified"] == headers["Last-Modified"]
    assert headers["X-SODA2-Secondary-Last-Modified"] == headers["Last-Modified"]
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_etag_changes_with_the_rows(portal):
    """An unchanged read can be answered 304; after a write it is not (2.5)."""
    dataset = portal.create()
    path = f"/resource/{dataset}.json"
    tag = {"If-None-Match": portal.http("GET", path).headers["ETag"]}
    assert portal.http("GET", path, headers=tag).status_code == 304
    portal.soda.upsert(dataset, [{"key": "a"}])
    assert portal.http("GET", path, headers=tag).status_code == 200


@pytest.mark.parametrize(
    ("sent", "echoed"), [("abc-123", True), ("x" * 200, False), ("a b", False)]
)
def test_request_id(portal, sent, echoed):
    """A request id is echoed, or made up: 32 hexadecimal digits (2.1)."""
    headers = {"X-Socrata-RequestId": sent}
    answered = portal.http("GET", "/nonsense", headers=headers).headers["X-Socrata-RequestId"]
    assert (answered == sent) is echoed
    assert echoed or re.fullmatch(r"[0-9a-f]{32}", answered)
