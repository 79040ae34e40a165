"""The types of 2.4 that few datasets have: double, documents, photos, blobs."""

from __future__ import annotations

import pytest

TYPES = {
    "code": "text",
    "ratio": "double",
    "report": "document",
    "picture": "photo",
    "bytes": "blob",
}


@pytest.fixture
def dataset(portal):
    return portal.create(key="code", **TYPES)


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("ratio", 0.1, 0.1),
        ("ratio", "1e3", 1000.0),
        ("ratio", 3, 3.0),
        ("ratio", "NaN", "NaN"),
        ("ratio", "Infinity", "Infinity"),
        ("report", {"file_id": "f", "filename": "a.pdf"}, {"file_id": "f", "filename": "a.pdf"}),
        ("report", "a.pdf", None),
        ("picture", "id-1", "id-1"),
        ("bytes", "id-2", "id-2"),
    ],
)
def test_value_comes_back(portal, dataset, field, given, expected):
    """In the form of its type; a document that is none is null without a word (2.4)."""
    portal.soda.upsert(dataset, [{"code": "a", field: given}])
    (row,) = portal.rows(dataset)
    value = row.get(field)
    assert value == expected


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("ratio", "much"),
        ("ratio", True),
    ],
)
def test_value_is_refused(portal, dataset, field, given):
    """What is no number is a 400 that names the column (2.4)."""
    body = [{"code": "a", field: given}]
    answer = portal.http("POST", f"/resource/{dataset}.json", json=body)
    assert answer.status_code == 400
    assert f"for column {field}" in answer.json()["message"]


def test_doubles_can_be_asked_about(portal, dataset):
    """They compare and add up as numbers; what is not finite counts as nothing."""
    rows = [{"code": str(n), "ratio": value} for n, value in enumerate([0.5, 2, "NaN", None])]
    portal.soda.upsert(dataset, rows)
    found = portal.soda.get(dataset, where="ratio > 0.4 and ratio < 3", order="ratio")
    assert [row["code"] for row in found] == ["0", "1"]
    select = "sum(ratio) as s,min(ratio) as low,max(ratio) as high,avg(ratio) as m"
    expected = {"s": "2.5", "low": "0.5", "high": "2.0", "m": "1.25"}
    assert portal.soda.get(dataset, select=select) == [expected]
