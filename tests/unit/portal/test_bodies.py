"""What may be sent, and how it is told apart: JSON, CSV, content types, broken bodies."""

from __future__ import annotations

import gzip
import io

import pytest


@pytest.fixture
def dataset(portal):
    found = portal.create()
    portal.soda.upsert(found, [{"key": "a", "name": "one", "amount": 1}])
    return found


def send(portal, dataset, body, content_type=None, extension="json", method="POST", **headers):
    if content_type:
        headers["Content-Type"] = content_type
    path = f"/resource/{dataset}{'.' if extension else ''}{extension}"
    return portal.http(method, path, data=body, headers=headers)


@pytest.mark.parametrize(
    ("content_type", "extension", "status"),
    [
        (None, "json", 200),
        (None, "", 200),
        ("application/json", "json", 200),
        ("application/json; charset=utf-8", "json", 200),
        ("application/x-www-form-urlencoded", "json", 415),
        ("text/plain", "json", 415),
        (None, "xml", 406),
    ],
)
def test_content_type(portal, dataset, content_type, extension, status):
    """A missing type is inferred from the path; another one is a 415 (2.3)."""
    body = b'[{"key":"b"}]'
    answer = send(portal, dataset, body, content_type, extension)
    assert answer.status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b'[{"key":"b"}',
        b"nonsense",
        b'[{"key":NaN}]',
        b'[{"key":Infinity}]',
        b'[{"key":"\xff"}]',
        b'[{"key":"\\ud800"}]',
        '[{"key":"b"}]'.encode("utf-16"),
        b"[" * 100_000,
        b'[{"amount":' + b"9" * 5000 + b"}]",
    ],
    ids=lambda body: str(body[:20]),
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_body_that_is_no_json(portal, dataset, method, body):
    """It is a 400 with a place, and nothing changes (2.3)."""
    answer = send(portal, dataset, body, method=method)
    assert (answer.status_code, answer.json()["code"]) == (400, "req.body.malformed-json")
    assert set(answer.json()["data"]) == {"row", "column"}
    assert len(portal.rows(dataset)) == 1


@pytest.mark.parametrize("body", [b"7", b'"x"', b"null", b"true"])
def test_json_that_is_no_rows(portal, dataset, body):
    """Neither an array nor an object is a 400 (2.3)."""
    answer = send(portal, dataset, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "req.content.json.invalid")


def test_error_bodies_are_objects_with_both_codes(portal, dataset):
    """Clients read `code` or `errorCode`, and `message` (2.3, error body shape)."""
    error = send(portal, dataset, b"[").json()
    assert error["error"] is True
    assert error["code"] == error["errorCode"]
    assert error["message"].startswith("Malformed JSON")


def test_csv_upsert_by_the_client(portal, dataset):
    """The client's file upload: an empty cell clears, an absent column stays (0.5, 2.4)."""
    answer = portal.soda.upsert(dataset, io.BytesIO("key,name\na,\nb,Zoë\n".encode()))
    assert (answer["Rows Created"], answer["Rows Updated"]) == (1, 1)
    assert portal.rows(dataset) == [{"key": "a", "amount": "1"}, {"key": "b", "name": "Zoë"}]


def test_csv_replace_by_the_client(portal, dataset):
    """PUT of a file truncates first."""
    portal.soda.replace(dataset, io.BytesIO(b"key\nz\n"))
    assert portal.rows(dataset) == [{"key": "z"}]


def test_csv_header_takes_display_names(portal, dataset):
    """Field names and display names both name columns (2.4)."""
    send(portal, dataset, b"\xef\xbb\xbfKey,Happened At\nb,2024-01-02\n", "text/csv")
    assert portal.rows(dataset, key="b")[0]["happened_at"] == "2024-01-02T00:00:00.000"


def test_csv_deleted_column(portal, dataset):
    """`:deleted` holds true or false (2.4)."""
    answer = send(portal, dataset, b"key,:deleted\na,true\nb,false\nc,\n", "text/csv").json()
    assert (answer["Rows Deleted"], answer["Rows Created"]) == (1, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"key,nonsense\nb,1\n",
        b"key,key\nb,b\n",
        b"key,Key\nb,b\n",
        b"key,name\nb\n",
        b"key,name\nb,c,d\n",
        b'key,name\nb,"open\n',
        b"key,name\nb,\xff\n",
        b"key,amount\nb,much\n",
    ],
    ids=str,
)
def test_broken_csv_refuses_the_request(portal, dataset, body):
    """It is a 400, and the rows before the bad line are not kept."""
    answer = send(portal, dataset, b"" + body, "text/csv")
    assert answer.status_code == 400
    assert len(portal.rows(dataset)) == 1


def test_gzip_is_unpacked(portal, dataset):
    """A zipped body is read (6, must-haves)."""
    body = gzip.compress(b'[{"key":"b"}]')
    assert send(portal, dataset, body, **{"Content-Encoding": "gzip"}).status_code == 200
    assert send(portal, dataset, body[:9], **{"Content-Encoding": "gzip"}).status_code == 400


def test_writes_leave_the_connection_usable(portal, dataset):
    """A refused body is read to its end, so the next request on the connection works."""
    answer = portal.anonymous.post(f"{portal.url}/resource/{dataset}.json", data=b"x" * 3_000_000)
    assert answer.status_code == 403
    assert portal.anonymous.get(f"{portal.url}/api/catalog/v1").status_code == 200
