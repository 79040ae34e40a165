"""Each switch changes what it says and nothing beside it (protocol 8, and the end of 7.1)."""

from __future__ import annotations

import pytest
import requests

NUMBERS = [{"key": "a", "amount": 1}, {"key": "b", "amount": "much"}, {"key": "c"}]


@pytest.fixture
def dataset(portal):
    return portal.create()


def post(portal, dataset, rows, **parameters):
    return portal.http("POST", f"/resource/{dataset}.json", json=rows, params=parameters)


def only(portal, dataset):
    (row,) = portal.rows(dataset)
    return {name: value for name, value in row.items() if name != "key"}


def test_bad_values_refuse_or_count(portal, dataset, switch):
    """Refused: nothing is stored. Counted: the others are, and `$$version=2.0` names the row."""
    assert post(portal, dataset, NUMBERS).status_code == 400
    assert portal.rows(dataset) == []
    switch(bad_values="count")
    (error,) = post(portal, dataset, NUMBERS, **{"$$version": "2.0"}).json()["errors"]
    assert (error["input_index"], error["primary_key"]) == (1, "b")
    assert "column amount" in error["error"]
    assert [row["key"] for row in portal.rows(dataset)] == ["a", "c"]


def test_bad_values_in_a_deletion_and_in_csv_are_counted(portal, dataset, switch):
    """Whatever the row was to do, it does not."""
    switch(bad_values="count")
    post(portal, dataset, [{"key": "a"}])
    answer = post(portal, dataset, [{"key": "a", ":deleted": True, "amount": "much"}])
    assert (answer.json()["Errors"], len(portal.rows(dataset))) == (1, 1)
    headers = {"Content-Type": "text/csv"}
    path = f"/resource/{dataset}.json"
    answer = portal.http("POST", path, data=b"key,amount\nx,1\ny,much\n", headers=headers)
    assert (answer.json()["Errors"], answer.json()["Rows Created"]) == (1, 1)


def test_unknown_columns(portal, dataset, switch):
    """Passed over, as the old backend did: the column stays blank."""
    switch(unknown_columns="ignore")
    assert post(portal, dataset, [{"key": "a", "nonsense": 1}]).status_code == 200
    assert only(portal, dataset) == {}


@pytest.mark.parametrize(
    ("name", "column", "given", "stored"),
    [
        ("text_booleans", "is_open", "true", True),
        ("bare_urls", "link", "https://example.org", {"url": "https://example.org"}),
        ("us_dates", "happened_at", "01/31/2024 01:00 PM", "2024-01-31T13:00:00.000"),
    ],
)
def test_json_is_read_more_kindly(portal, dataset, switch, name, column, given, stored):
    """What the edge may take beside the type table, and the usual form still."""
    switch(**{name: True})
    assert post(portal, dataset, [{"key": "a", column: given}]).status_code == 200
    assert only(portal, dataset) == {column: stored}
    assert post(portal, dataset, [{"key": "a", column: stored}]).status_code == 200
    assert only(portal, dataset) == {column: stored}


def test_csv_dates_of_the_us(portal, dataset, switch):
    """Where they are not taken they are a 400."""
    switch(csv_us_dates=False)
    headers = {"Content-Type": "text/csv"}
    body = b"key,happened_at\na,01/31/2024\n"
    answer = portal.http("POST", f"/resource/{dataset}.json", data=body, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(("value", "stored"), [("keep", {"name": ""}), ("null", {})])
def test_empty_text(portal, dataset, switch, value, stored):
    """An empty string stays, or is null as on the old backend."""
    switch(empty_text=value)
    post(portal, dataset, [{"key": "a", "name": ""}])
    assert only(portal, dataset) == stored


@pytest.mark.parametrize("bad_values", ["refuse", "count"])
def test_broken_points(portal, dataset, switch, bad_values):
    """The server may stumble over GeoJSON that is none; bad WKT is still a bad value."""
    switch(broken_points=500, bad_values=bad_values)
    assert post(portal, dataset, [{"key": "a", "place": {"type": "Point"}}]).status_code == 500
    assert portal.rows(dataset) == []
    assert post(portal, dataset, [{"key": "a", "place": "POINT"}]).status_code in (200, 400)


def test_counters(portal, dataset, switch):
    """Newer portals have four, and may leave out an `Errors` of 0."""
    switch(counters="four", errors_counter="when any")
    rows = [{"key": "a"}]
    assert set(post(portal, dataset, rows).json()) == {
        "Rows Created",
        "Rows Updated",
        "Rows Deleted",
    }
    assert post(portal, dataset, [["zz"]]).json()["Errors"] == 1


def test_version_two(portal, dataset, switch):
    """Where it is not heeded, the counters come."""
    switch(version_two=False)
    answer = post(portal, dataset, [{"key": "a"}], **{"$$version": "2.0"})
    assert answer.json()["Rows Created"] == 1


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("both", {"code", "errorCode"}),
        ("edge", {"code"}),
        ("service", {"errorCode"}),
        ("neither", set()),
    ],
)
def test_error_keys(portal, dataset, switch, value, keys):
    """Clients have to do with either key, and with none (2.3, error body)."""
    switch(error_keys=value)
    refused = post(portal, dataset, ["nonsense"]).json()
    missing = portal.http("GET", "/nonsense/at/all").json()
    for body in (refused, missing):
        assert set(body) & {"code", "errorCode"} == keys
        assert (body["error"], type(body["message"])) == (True, str)


def test_error_codes_of_the_truth_store(portal, dataset, switch):
    """They have data: the column, the type, the value (2.3)."""
    switch(error_codes="truth")
    bad = post(portal, dataset, NUMBERS).json()
    assert (bad["code"], bad["data"]["field"], bad["data"]["expected"]) == (
        "soda.column.maltyped",
        "amount",
        "number",
    )
    unknown = post(portal, dataset, [{"nonsense": 1}]).json()
    assert (unknown["code"], unknown["data"]) == (
        "soda.row.column-not-found",
        {"value": "nonsense"},
    )


def test_errors_can_be_fatal(portal, dataset, switch):
    """With the parameter, one row error undoes the request; without it, never."""
    switch(errors_are_fatal=True)
    rows = [{"key": "a"}, ["zz"]]
    assert post(portal, dataset, rows, errorsAreFatal="true").status_code == 404
    assert portal.rows(dataset) == []
    assert post(portal, dataset, rows).json()["Errors"] == 1


def test_expected_version(portal, dataset, switch):
    """A write for another version is a 409, for this one it is done."""
    switch(expected_version=True)
    post(portal, dataset, [{"key": "a"}])
    path = f"/resource/{dataset}.json"
    version = portal.http("GET", path).headers["X-SODA2-Truth-Version"]
    rows = [{"key": "b"}]
    assert post(portal, dataset, rows, expectedDataVersion="999").status_code == 409
    assert post(portal, dataset, rows, expectedDataVersion=version).status_code == 200
    assert post(portal, dataset, rows, expectedDataVersion=version).status_code == 409


def test_unknown_token(portal, dataset, switch):
    """It may be as good as none."""
    switch(unknown_token="ignore")
    headers = {"X-App-Token": "nonsense"}
    path = f"/resource/{dataset}.json"
    assert portal.http("GET", path, headers=headers).status_code == 200


def test_max_limit(portal, dataset, switch):
    """Another limit, or none as on 2.1 (2.6)."""
    path = f"/resource/{dataset}.json"
    for value, limit, status in ((10, 11, 400), (10, 10, 200), (0, 10**9, 200)):
        switch(max_limit=value)
        assert portal.http("GET", path, params={"$limit": limit}).status_code == status


def test_max_body_bytes(portal, dataset, switch):
    """A larger body is a 413 that says the limit."""
    switch(max_body_bytes=100)
    answer = post(portal, dataset, [{"key": "a" * 200}])
    assert (answer.status_code, answer.json()["data"]) == (413, {"limit": 100})


@pytest.mark.parametrize("says", [True, False])
def test_throttle(portal, dataset, switch, says):
    """Requests without a token share a pool; with one they pass (2.2)."""
    switch(throttle_per_minute=1, retry_after=says)
    url = f"{portal.url}/resource/{dataset}.json"
    answers = [portal.anonymous.get(url) for _ in range(3)]
    assert answers[-1].status_code == 429
    assert ("Retry-After" in answers[-1].headers) is says
    assert portal.http("GET", f"/resource/{dataset}.json").status_code == 200


def test_require_tls(portal, dataset, switch):
    """A login in the clear is refused, right or wrong; strangers may still read (2.2)."""
    switch(require_tls=True)
    for login in (("local", "local"), ("local", "wrong")):
        answer = requests.get(f"{portal.url}/api/views/{dataset}", auth=login)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert portal.anonymous.get(f"{portal.url}/api/catalog/v1").status_code == 200


def test_viewer_may_look_and_not_touch(portal, dataset):
    """Logged in without rights: reads, rights of a reader, 403 for a write (2.2)."""
    login = ("viewer", "viewer")
    url = f"{portal.url}/resource/{dataset}.json"
    assert requests.get(url, auth=login).status_code == 200
    answer = requests.post(url, json=[{"key": "a"}], auth=login)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    shown = requests.get(f"{portal.url}/api/views/{dataset}.json", auth=login).json()
    assert shown["rights"] == ["read"]
