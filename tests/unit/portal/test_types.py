"""What each type takes and gives: the table of protocol 2.4, through the real client."""

from __future__ import annotations

import pytest

from orchestration.portal.identifiers import row_id, row_number, version_id, version_number


@pytest.fixture(scope="module")
def dataset(portal):
    return portal.create()


POINT = {"type": "Point", "coordinates": [-87.65, 41.85]}
NOTHING = object()
ACCEPTED = [
    ("name", "plain", "plain"),
    ("name", "", ""),
    ("name", " spaces ", " spaces "),
    ("name", "null", "null"),
    ("name", "nul\0l", "null"),
    ("name", 'quote " and \\ and \n and 😀', 'quote " and \\ and \n and 😀'),
    ("name", 7, "7"),
    ("amount", 7, "7"),
    ("amount", "7", "7"),
    ("amount", -7, "-7"),
    ("amount", "+7", "7"),
    ("amount", "12.50", "12.50"),
    ("amount", 0.1, "0.1"),
    ("amount", "1e3", "1000"),
    ("amount", "-0", "0"),
    ("amount", "007", "7"),
    ("amount", "9223372036854775808", "9223372036854775808"),
    ("amount", 123456789012345678901234567890, "123456789012345678901234567890"),
    ("amount", "0.1234567890123456789", "0.1234567890123456789"),
    ("amount", "1e-25", "1E-25"),
    ("is_open", True, True),
    ("is_open", False, False),
    ("happened_at", "2024-01-31", "2024-01-31T00:00:00.000"),
    ("happened_at", "2024-01-31T10:11", "2024-01-31T10:11:00.000"),
    ("happened_at", "2024-01-31T10:11:12", "2024-01-31T10:11:12.000"),
    ("happened_at", "2024-01-31T10:11:12.345", "2024-01-31T10:11:12.345"),
    ("happened_at", "2024-01-31T10:11:12.3456789", "2024-01-31T10:11:12.345"),
    ("happened_at", "2024-02-29", "2024-02-29T00:00:00.000"),
    ("noted_at", "2024-01-31T10:11:12Z", "2024-01-31T10:11:12.000Z"),
    ("noted_at", "2024-01-31T10:11:12-06:00", "2024-01-31T16:11:12.000Z"),
    ("noted_at", "2024-01-31T10:11:12", "2024-01-31T10:11:12.000Z"),
    ("place", POINT, POINT),
    ("place", "POINT (-87.65 41.85)", POINT),
    ("site", {"latitude": 41.5, "longitude": "-87"}, {"latitude": "41.5", "longitude": "-87"}),
    ("site", {"human_address": '{"city":"X"}'}, {"human_address": '{"city":"X"}'}),
    ("site", "(41.5, -87)", NOTHING),
    ("site", {"latitude": "north", "longitude": 1}, NOTHING),
    ("link", {"url": "http://a", "description": "A"}, {"url": "http://a", "description": "A"}),
    ("link", "http://bare", NOTHING),
    ("link", 7, NOTHING),
]
REFUSED = [
    ("name", True),
    ("name", {"a": 1}),
    ("name", ["a"]),
    ("amount", "1,000"),
    ("amount", ""),
    ("amount", " 5"),
    ("amount", "٣"),
    ("amount", "NaN"),
    ("amount", "1e99999"),
    ("amount", "9" * 1500),
    ("amount", True),
    ("amount", [1]),
    ("is_open", "true"),
    ("is_open", 1),
    ("happened_at", "2024-01-31T10:11:12Z"),
    ("happened_at", "2024-01-31T10:11:12+01:00"),
    ("happened_at", "2024-01-31 10:11:12"),
    ("happened_at", "2024-02-30"),
    ("happened_at", "2024-01-31T25:00:00"),
    ("happened_at", "0000-01-01"),
    ("happened_at", "01/31/2024"),
    ("happened_at", 20240131),
    ("noted_at", "yesterday"),
    ("noted_at", "0001-01-01T00:00:00+10:00"),
    ("noted_at", "2024-01-31T10:11:12+99:00"),
    ("place", "POINT (north)"),
    ("place", "LINESTRING (0 0, 1 1)"),
    ("place", {"type": "Polygon", "coordinates": []}),
    ("place", {"type": "Point", "coordinates": ["a", 1]}),
    ("place", {"type": "Point", "coordinates": [1]}),
    ("place", 7),
]


def _label(case):
    return f"{case[0]}-{str(case[1])[:25]!r}"


@pytest.mark.parametrize(("field", "given", "expected"), ACCEPTED, ids=map(_label, ACCEPTED))
def test_value_is_taken_and_given_back(portal, dataset, field, given, expected):
    """Each type gives its values back in its own form; `location` and `url` turn what they cannot
    read into null without a word (2.4)."""
    portal.soda.replace(dataset, [{"key": "k", field: given}])
    (row,) = portal.rows(dataset)
    assert row.get(field, NOTHING) == expected
    assert isinstance(row.get(field, NOTHING), type(expected))


@pytest.mark.parametrize(("field", "given"), REFUSED, ids=map(_label, REFUSED))
def test_value_is_refused(portal, dataset, field, given):
    """What a type cannot take is a 400 that names the column (2.4)."""
    answer = portal.http("POST", f"/resource/{dataset}.json", json=[{"key": "k", field: given}])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")
    assert f"for column {field}, but got value" in answer.json()["message"]


def test_numbers_keep_the_way_they_were_written(portal, dataset):
    """JSON `1.10` stays `1.10`, as a number and as text (2.4, BigDecimal)."""
    body = '[{"key":"k","amount":1.10,"name":1.10}]'
    portal.http("PUT", f"/resource/{dataset}.json", data=body)
    assert portal.rows(dataset) == [{"key": "k", "amount": "1.10", "name": "1.10"}]


@pytest.mark.parametrize(
    ("field", "cell", "expected"),
    [
        ("happened_at", "01/31/2024 02:03:04 PM", "2024-01-31T14:03:04.000"),
        ("happened_at", "1/31/2024 12:00 AM", "2024-01-31T00:00:00.000"),
        ("happened_at", "01/31/2024", "2024-01-31T00:00:00.000"),
        ("happened_at", "2024-01-31", "2024-01-31T00:00:00.000"),
        ("is_open", "TRUE", True),
        ("is_open", "false", False),
        ("site", '"(41.5, -87)"', {"latitude": "41.5", "longitude": "-87"}),
        ("link", "http://bare", {"url": "http://bare"}),
        ("place", "POINT (-87.65 41.85)", POINT),
        ("name", '"a ""quoted"", cell"', 'a "quoted", cell'),
    ],
)
def test_csv_cell_is_taken(portal, dataset, field, cell, expected):
    """CSV cells have forms of their own (2.4, CSV in)."""
    answer = send_csv(portal, dataset, f"key,{field}\nk,{cell}\n", "PUT")
    assert answer.status_code == 200
    assert portal.rows(dataset)[0][field] == expected


@pytest.mark.parametrize("cell", ["13/31/2024", "01/31/2024 13:00 PM", "soon"])
def test_csv_cell_is_refused(portal, dataset, cell):
    """A date that is none refuses the request (2.4)."""
    assert send_csv(portal, dataset, f"key,happened_at\nk,{cell}\n").status_code == 400


def test_nulls_are_left_out_of_json_and_empty_in_csv(portal, dataset):
    """A null has no key in JSON, and nothing between the commas in CSV (2.4)."""
    portal.soda.replace(dataset, [{"key": "k", "name": None}])
    assert portal.rows(dataset) == [{"key": "k"}]
    body = portal.http("GET", f"/resource/{dataset}.csv?$select=key,name,amount").text
    assert body == '"key","name","amount"\n"k",,\n'


def test_csv_tells_null_from_empty(portal, dataset):
    """An empty text is quoted in CSV, a null is not there (2.4)."""
    portal.soda.replace(dataset, [{"key": "k", "name": ""}])
    body = portal.http("GET", f"/resource/{dataset}.csv?$select=key,name,amount").text
    assert body == '"key","name","amount"\n"k","",\n'


@pytest.mark.parametrize("number", [0, 1, 2, 1000, 2**40, 2**59])
def test_opaque_ids_can_be_read_back(number):
    """Row ids and versions say nothing to clients and everything to the portal."""
    assert row_number(row_id(number)) == number
    assert version_number(version_id(number)) == number
    assert row_number(version_id(number)) is None


def send_csv(portal, dataset, text, method="POST"):
    headers = {"Content-Type": "text/csv"}
    path = f"/resource/{dataset}.json"
    return portal.http(method, path, data=text.encode(), headers=headers)
