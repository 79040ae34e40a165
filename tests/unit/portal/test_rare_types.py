"""The types of 2.4 that few datasets have: double, lines and polygons, documents, photos, blobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.portal.geometries import as_wkt, reader

LINE = {"type": "LineString", "coordinates": [[-90.5, 29.5], [-90.0, 30.0]]}
RING = [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}
TYPES = {
    "code": "text",
    "ratio": "double",
    "route": "line",
    "area": "polygon",
    "stops": "multipoint",
    "lines": "multiline",
    "areas": "multipolygon",
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
        ("route", LINE, LINE),
        ("route", "LINESTRING (-90.5 29.5, -90 30)", LINE),
        ("area", POLYGON, POLYGON),
        ("area", "polygon((0 0, 0 1, 1 1, 0 0))", POLYGON),
        ("stops", "MULTIPOINT ((1 2), (3 4))", [[1.0, 2.0], [3.0, 4.0]]),
        ("stops", "MULTIPOINT (1 2, 3 4)", [[1.0, 2.0], [3.0, 4.0]]),
        ("lines", "MULTILINESTRING ((1 2, 3 4))", [[[1.0, 2.0], [3.0, 4.0]]]),
        ("areas", "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)))", [[RING]]),
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
    if isinstance(expected, list):
        value = value["coordinates"]
    assert value == expected


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("ratio", "much"),
        ("ratio", True),
        ("route", POLYGON),
        ("route", {"type": "LineString"}),
        ("route", {"type": "LineString", "coordinates": [[1]]}),
        ("route", {"type": "LineString", "coordinates": []}),
        ("route", "LINESTRING (1 2, 3)"),
        ("route", "LINESTRING (1 2, 3 4"),
        ("route", "LINESTRING (1 2, 3 4) x"),
        ("route", "LINESTRING ((1 2, 3 4))"),
        ("area", "POLYGON (0 0, 0 1)"),
        ("area", "POLYGON ((((0 0))))"),
        ("route", "POLYGON"),
        ("route", 3),
    ],
)
def test_value_is_refused(portal, dataset, field, given):
    """A wrong geometry is a 400 that names the column (2.4)."""
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


def test_csv_has_wkt(portal, dataset):
    """Geometries are WKT in CSV, both ways."""
    portal.soda.upsert(dataset, [{"code": "a", "route": LINE}])
    lines = portal.soda.get(dataset, content_type="csv", select="route")
    assert lines[1] == ["LINESTRING (-90.5 29.5, -90.0 30.0)"]
    body = f'code,route\nb,"{lines[1][0]}"\n'.encode()
    headers = {"Content-Type": "text/csv"}
    portal.http("POST", f"/resource/{dataset}.json", data=body, headers=headers)
    assert portal.rows(dataset, code="b")[0]["route"] == LINE


numbers = st.floats(-180, 180, allow_nan=False)
positions = st.lists(st.tuples(numbers, numbers).map(list), min_size=1, max_size=4)


@given(st.lists(positions, min_size=1, max_size=3))
def test_wkt_says_the_same_as_geojson(rings):
    """What goes out as WKT is read back as the same geometry."""
    kept = reader("Polygon")({"type": "Polygon", "coordinates": rings})
    assert reader("Polygon")(as_wkt(kept)) == kept
