"""`rows.csv` and `rows.json` of a view, and what its permissions say (protocol 2.1, 2.4)."""

from __future__ import annotations

import csv
import io

import pytest

ROW = {
    "key": "a",
    "name": '=1+1, "x"\nÉ',
    "amount": "1.50",
    "happened_at": "2024-01-31T14:05:06.000",
    "noted_at": "2024-01-31T14:05:06.000Z",
    "is_open": True,
    "place": {"type": "Point", "coordinates": [-90.5, 29.25]},
    "site": {"latitude": "29.5", "longitude": "-90.5"},
    "link": {"url": "http://example.org", "description": "x"},
}
TITLES = ["Key", "Name", "Amount", "Happened At", "Noted At", "Is Open", "Place", "Site", "Link"]


@pytest.fixture(scope="module")
def dataset(portal):
    found = portal.create()
    portal.soda.upsert(found, [ROW, {"key": "b", "happened_at": "2024-02-01"}])
    return found


def test_csv(portal, dataset):
    """Titles, every row, times as in the United States, and cells as they are."""
    answer = portal.http("GET", f"/api/views/{dataset}/rows.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    header, one, other = csv.reader(io.StringIO(answer.content.decode(), newline=""))
    assert header == TITLES
    assert one == [
        "a",
        ROW["name"],
        "1.50",
        "01/31/2024 02:05:06 PM",
        "01/31/2024 02:05:06 PM +0000",
        "true",
        "POINT (-90.5 29.25)",
        "(29.5, -90.5)",
        "http://example.org",
    ]
    assert other == ["b", "", "", "02/01/2024 12:00:00 AM", *[""] * 5]


def test_csv_goes_back_in(portal, dataset):
    """What was downloaded can be published: titles and times are read as they were written."""
    kinds = {"Key": "text", "Name": "text", "Amount": "number", "Happened At": "calendar_date"}
    columns = [{"name": title, "dataTypeName": kind} for title, kind in kinds.items()]
    back = portal.soda.create("Back", columns=columns, row_identifier="key")["id"]
    content = portal.http("GET", f"/api/views/{dataset}/rows.csv").content.decode()
    text = io.StringIO()
    lines = csv.reader(io.StringIO(content, newline=""))
    csv.writer(text).writerows(line[: len(kinds)] for line in lines)
    headers = {"Content-Type": "text/csv"}
    body = text.getvalue().encode()
    assert portal.http("POST", f"/resource/{back}.csv", data=body, headers=headers).ok
    fields = ("key", "name", "amount", "happened_at")
    assert portal.rows(back)[0] == {name: ROW[name] for name in fields}


def test_json(portal, dataset):
    """The metadata, and lists with eight cells about the row before its own."""
    answer = portal.http("GET", f"/api/views/{dataset}/rows.json").json()
    view, (one, other) = answer["meta"]["view"], answer["data"]
    names = [column["name"] for column in view["columns"]]
    assert names[:8] == [
        "sid",
        "id",
        "position",
        "created_at",
        "created_meta",
        "updated_at",
        "updated_meta",
        "meta",
    ]
    assert (names[8:], view["id"], len(one)) == (TITLES, dataset, len(names))
    (row,) = portal.soda.get(dataset, where="key = 'a'", select=":id")
    assert (one[0], one[2], one[4], one[6:8]) == (row[":id"], 0, None, [None, "{ }"])
    assert one[8:] == [
        "a",
        ROW["name"],
        "1.50",
        "2024-01-31T14:05:06",
        1706709906,
        True,
        "POINT (-90.5 29.25)",
        [None, "29.5", "-90.5", None, False],
        ["http://example.org", "x"],
    ]
    assert other[9:] == [None, None, "2024-02-01T00:00:00", *[None] * 5]


def test_every_row_in_order(portal):
    """No limit and no page: all of them, by `:id`, or as many as `max_rows` says."""
    dataset = portal.create(key="n", n="number")
    portal.soda.upsert(dataset, [{"n": n} for n in range(2345)])
    path = f"/api/views/{dataset}/rows.csv"
    lines = portal.http("GET", path).text.splitlines()
    assert lines == ["N", *map(str, range(2345))]
    assert portal.http("GET", path, params={"max_rows": 2, "start": 3}).text == "N\n3\n4\n"
    data = portal.http("GET", path.replace("csv", "json"), params={"max_rows": 1}).json()["data"]
    assert [row[-1] for row in data] == ["0"]


def test_every_text_survives_the_csv(portal):
    """Whatever a cell holds, a reader of CSV has it as it was, in one line of its own."""
    texts = ["a\rb", "a\nb", 'a"b', "a,b", "a;b", " a ", "-1", "@x", "\t", "\u2028", "é😀", "''"]
    dataset = portal.create(key="n", n="number", text="text")
    portal.soda.upsert(dataset, [{"n": n, "text": text} for n, text in enumerate(texts)])
    for delimiter in ",;\t|":
        answer = portal.http(
            "GET", f"/api/views/{dataset}/rows.csv", params={"delimiter": delimiter}
        )
        content = io.StringIO(answer.content.decode(), newline="")
        lines = list(csv.reader(content, delimiter=delimiter, strict=True))
        assert lines == [["N", "Text"], *([str(n), text] for n, text in enumerate(texts))]


def test_form(portal, dataset):
    """A byte order mark and a delimiter for spreadsheets, a file name where one is asked for."""
    path = f"/api/views/{dataset}/rows.csv"
    answer = portal.http(
        "GET", path, params={"accessType": "DOWNLOAD", "bom": "true", "delimiter": ";"}
    )
    assert answer.content.startswith("\ufeffKey;Name;".encode())
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{dataset}.csv"'
    assert answer.headers["X-SODA2-Data-Out-Of-Date"] == "false"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("rows.xml", 406),
        ("rows.csv?search=x", 400),
        ("rows.json?$where=key='a'", 400),
        ("rows.json?method=index", 400),
        ("rows.csv?max_rows=-1", 400),
        ("rows.csv?delimiter=ab", 400),
        ("rows.csv?delimiter=%22", 400),
    ],
)
def test_what_is_not_answered_is_refused(portal, dataset, path, status):
    """Neither other rows nor another form than was asked for."""
    assert portal.http("GET", f"/api/views/{dataset}/{path}").status_code == status


def test_private_is_private(portal, dataset):
    """A stranger gets nothing of a private dataset, and all of a public one."""
    for name in ("rows.csv", "rows.json", "permissions"):
        assert portal.anonymous.get(f"{portal.url}/api/views/{dataset}/{name}").status_code == 403
    missing = portal.http("GET", "/api/views/zzzz-zzzz/rows.csv")
    assert missing.status_code == 404


def test_permissions(portal):
    """The metadata has the scope, and the API of permissions changes it."""
    dataset = portal.create()
    path = f"/api/views/{dataset}/permissions"
    assert portal.http("GET", path).json()["scope"] == "private"
    assert (
        portal.http("PUT", path, json={"scope": "public", "users": []}).json()["scope"] == "public"
    )
    assert portal.soda.get_metadata(dataset)["permissions"] == {"scope": "public"}
    portal.soda.set_permission(dataset, "private")
    assert portal.soda.get_metadata(dataset)["permissions"] == {"scope": "private"}
    for payload in (
        {"scope": "site"},
        {},
        {"scope": "public", "users": [{"id": "abcd-1234"}]},
        {"scope": "public", "users": 5},
    ):
        assert portal.http("PUT", path, json=payload).status_code == 400
    assert portal.anonymous.put(portal.url + path, json={"scope": "public"}).status_code == 403
    assert portal.soda.get_metadata(dataset)["permissions"] == {"scope": "private"}
    portal.soda.update_metadata(dataset, {"permissions": {"scope": "public"}})
    assert portal.soda.get_metadata(dataset)["permissions"] == {"scope": "private"}
