"""Who may do what: logins, app tokens, private datasets (protocol 2.2)."""

from __future__ import annotations

import pytest
from requests.auth import HTTPBasicAuth

WRITES = [
    ("POST", "/resource/{}.json"),
    ("PUT", "/resource/{}.json"),
    ("DELETE", "/resource/{}/a.json"),
    ("POST", "/api/views.json"),
    ("PUT", "/api/views/{}.json"),
    ("PUT", "/api/views/{}.json?method=setPermission&value=private"),
    ("POST", "/api/views/{}/publication.json"),
    ("DELETE", "/api/views/{}.json"),
]
READS = [
    "/resource/{}.json",
    "/resource/{}.csv",
    "/resource/{}/a.json",
    "/id/{}",
    "/api/views/{}.json",
    "/api/views/{}/replication.json",
]


@pytest.fixture(scope="module")
def public(portal):
    dataset = portal.create()
    portal.soda.upsert(dataset, [{"key": "a"}])
    portal.soda.publish(dataset)
    portal.soda.set_permission(dataset, "public")
    return dataset


@pytest.fixture(scope="module")
def private(portal):
    dataset = portal.create()
    portal.soda.upsert(dataset, [{"key": "a"}])
    portal.soda.publish(dataset)
    return dataset


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_writing_needs_a_login(portal, public, method, path):
    """Without one, every write is a 403 and nothing happens (2.2)."""
    url = portal.url + path.format(public)
    answer = portal.anonymous.request(method, url, json=[{"key": "b"}])
    assert answer.status_code == 403
    assert answer.json()["message"] == "You must be logged in to access this resource"
    assert portal.rows(public) == [{"key": "a"}]


@pytest.mark.parametrize("path", READS)
def test_public_data_needs_no_login(portal, public, path):
    """Anybody reads a published, public dataset (2.2)."""
    assert portal.anonymous.get(portal.url + path.format(public)).status_code == 200


@pytest.mark.parametrize("path", READS)
def test_private_data_needs_a_login(portal, private, path):
    """A private dataset is a 403 for strangers (2.2)."""
    assert portal.anonymous.get(portal.url + path.format(private)).status_code == 403
    assert portal.http("GET", path.format(private)).status_code == 200


def test_working_copy_is_not_public(portal):
    """A dataset that is not published yet is for those with a login, whatever its permission."""
    dataset = portal.create()
    portal.soda.set_permission(dataset, "public")
    url = f"{portal.url}/resource/{dataset}.json"
    assert portal.anonymous.get(url).status_code == 403
    portal.soda.publish(dataset)
    assert portal.anonymous.get(url).status_code == 200


def test_permission_can_be_taken_back(portal):
    """`set_permission(private)` closes a dataset again."""
    dataset = portal.create()
    portal.soda.publish(dataset)
    for permission, status in (("public", 200), ("private", 403)):
        portal.soda.set_permission(dataset, permission)
        url = f"{portal.url}/resource/{dataset}.json"
        assert portal.anonymous.get(url).status_code == status


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(HTTPBasicAuth("local", "wrong"), id="wrong password"),
        pytest.param(HTTPBasicAuth("wrong", "local"), id="wrong name"),
        pytest.param(HTTPBasicAuth("local", "löcal"), id="letters beyond ASCII"),
        "Basic !!!",
        "Basic /w==",
        "Basic",
        "OAuth wrong",
        "Bearer local",
    ],
    ids=str,
)
def test_wrong_login_is_refused(portal, public, header):
    """A login that is wrong is a 401, on public data too (2.2)."""
    arguments = {"headers": {"Authorization": header}} if isinstance(header, str) else {}
    auth = None if isinstance(header, str) else header
    url = f"{portal.url}/resource/{public}.json"
    answer = portal.anonymous.get(url, auth=auth, **arguments)
    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication_required"


def test_oauth_token_is_a_login(portal, private):
    """`Authorization: OAuth` works; the local portal takes the password as its token (2.2)."""
    headers = {"Authorization": "OAuth local"}
    url = f"{portal.url}/resource/{private}.json"
    assert portal.anonymous.get(url, headers=headers).status_code == 200


def test_unknown_app_token_is_refused(portal, public):
    """It is a hard 403 even where no token works, in the header or the address (2.2)."""
    url = f"{portal.url}/resource/{public}.json"
    by_header = portal.anonymous.get(url, headers={"x-app-TOKEN": "unknown"})
    by_address = portal.anonymous.get(url + "?$$app_token=unknown")
    assert by_header.status_code == by_address.status_code == 403
    assert by_header.json()["code"] == "permission_denied"
    assert by_header.json()["message"] == "Invalid app_token specified"
    assert portal.anonymous.get(url + "?$$app_token=local").status_code == 200


@pytest.mark.parametrize("path", READS)
def test_unknown_dataset_is_not_found(portal, path):
    """There is a 404 with the id (2.3, error body shape)."""
    answer = portal.http("GET", path.format("zzzz-9999"))
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset.missing")
    assert answer.json()["data"] == {"id": "zzzz-9999"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nonsense", 404), ("PATCH", "/api/views/{}.json", 405), ("POST", "/", 405)],
)
def test_other_paths_and_methods(portal, public, method, path, status):
    """What does not exist is answered in JSON, too."""
    answer = portal.http(method, path.format(public))
    assert answer.status_code == status
    assert answer.json()["error"] is True
