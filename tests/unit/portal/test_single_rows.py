"""One row at its own address: GET, POST, PUT, DELETE, and what OPTIONS says (protocol 2.1, 2.3)."""

from __future__ import annotations

import pytest

from orchestration.portal.identifiers import row_id


@pytest.fixture
def dataset(portal):
    found = portal.create(key="code", code="text", n="number", name="text")
    portal.soda.upsert(found, [{"code": "a/b ~.json", "n": 1, "name": "x"}, {"code": "c"}])
    return found


def at(dataset, key="a%2Fb%20~.json"):
    return f"/resource/{dataset}/{key}.json"


def shown(portal, dataset):
    return {row.pop("code"): row for row in portal.rows(dataset)}


def test_post_merges(portal, dataset):
    """What the body leaves out stays."""
    answer = portal.http("POST", at(dataset), json={"n": 2})
    assert (answer.json()["n"], answer.json()["name"]) == ("2", "x")
    assert shown(portal, dataset) == {"a/b ~.json": {"n": "2", "name": "x"}, "c": {}}


def test_put_replaces(portal, dataset):
    """What the body leaves out goes; the row stays the same row, and the others stay."""
    before = portal.soda.get(dataset, select=":id, code", order="code")
    assert portal.http("PUT", at(dataset), json={"n": 3, "code": "a/b ~.json"}).json()["n"] == "3"
    assert shown(portal, dataset) == {"a/b ~.json": {"n": "3"}, "c": {}}
    assert portal.soda.get(dataset, select=":id, code", order="code") == before


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_new_row_is_made(portal, dataset, method):
    """Under the publisher's key of its address."""
    assert portal.http(method, at(dataset, "new"), json={"n": 9}).status_code == 200
    assert shown(portal, dataset)["new"] == {"n": "9"}


def test_row_without_a_publishers_key(portal):
    """Goes by `:id`; none is made under an `:id` that there is not."""
    dataset = portal.create(key=None, n="number", name="text")
    portal.soda.upsert(dataset, [{"n": 1, "name": "x"}])
    (row,) = portal.soda.get(dataset, select=":id")
    path = f"/resource/{dataset}/{row[':id']}.json"
    assert portal.http("POST", path, json={"n": 2}).json()["name"] == "x"
    assert portal.http("PUT", path, json={"n": 3}).json()["n"] == "3"
    missing = portal.http("PUT", f"/resource/{dataset}/{row_id(999)}", json={"n": 4})
    assert (missing.status_code, portal.rows(dataset)) == (404, [{"n": "3"}])
    assert portal.http("DELETE", path).json() == [{"typ": "delete", "id": row[":id"]}]
    assert portal.rows(dataset) == []


def test_number_keys(portal):
    """However the address writes the number."""
    dataset = portal.create(key="n", n="number", name="text")
    portal.soda.upsert(dataset, [{"n": 5, "name": "x"}])
    assert (
        portal.http("POST", f"/resource/{dataset}/5.0.json", json={"name": "y"}).status_code == 200
    )
    assert [row["name"] for row in portal.rows(dataset)] == ["y"]
    assert portal.http("POST", f"/resource/{dataset}/five", json={"name": "y"}).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([{"n": 1}], 400),
        ({"code": "other"}, 400),
        ({"n": "much"}, 400),
        ({"nonsense": 1}, 400),
        ("x", 400),
    ],
)
def test_refused(portal, dataset, method, body, status):
    """And nothing is changed by what is refused."""
    before = portal.rows(dataset, select=":*,*")
    answer = portal.http(method, at(dataset), json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, True)
    assert portal.rows(dataset, select=":*,*") == before


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_needs_a_login(portal, dataset, method):
    """A stranger and a viewer change nothing."""
    url = portal.url + at(dataset)
    for auth in (None, ("viewer", "viewer")):
        answer = portal.anonymous.request(method, url, json={"n": 7}, auth=auth)
        assert answer.status_code == 403
    assert portal.rows(dataset)[0]["n"] == "1"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/resource/{}.json", "GET, HEAD, OPTIONS, POST, PUT"),
        ("/resource/{}/a.json", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("/api/views/{}", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/api/views/{}/rows.csv", "GET, HEAD, OPTIONS"),
        ("/api/catalog/v1", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/api/publishing/v1/revision/{}/0", "DELETE, GET, HEAD, OPTIONS, PUT"),
    ],
)
def test_options(portal, dataset, path, allowed):
    """What can be done with a path; a page of another origin may read, and bring no login."""
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "PUT"}
    answer = portal.anonymous.options(portal.url + path.format(dataset), headers=headers)
    assert (answer.status_code, answer.headers["Allow"], answer.content) == (200, allowed, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert "authorization" not in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_options_of_nothing(portal):
    """A path that there is not has no methods."""
    assert portal.anonymous.options(portal.url + "/nonsense").status_code == 404
