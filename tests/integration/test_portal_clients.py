"""What people read open data with, against the portal: pandas, openpolicedata's calls, socrata-py.

openpolicedata itself wants pandas 2 and may not stand in the lock beside ours; the calls are those
that its Socrata loader makes through sodapy (version 0.12). sodapy's own are in
`test_portal_sodapy`, the rest of socrata-py's in `test_portal_dsmapi`.
"""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from orchestration.portal.server import PortalServer

socrata = pytest.importorskip("socrata", reason="socrata-py is not installed")
from socrata.authorization import Authorization  # noqa: E402

COLUMNS = {
    "stop_id": "text",
    "stopped_at": "calendar_date",
    "agency": "text",
    "age": "number",
    "was_searched": "checkbox",
    "place": "point",
    "written_on": "text",
}
ROWS = [
    {
        "stop_id": f"S{number:04}",
        "stopped_at": f"{2022 + number % 3}-{number % 12 + 1:02}-15T08:30:00",
        "agency": "NOPD" if number % 2 else "JPSO",
        "age": number % 60 if number % 7 else None,
        "was_searched": number % 5 == 0,
        "place": {"type": "Point", "coordinates": [-90.0 - number / 1e4, 29.9]},
        "written_on": f"{number % 12 + 1}/15/{2022 + number % 3}",
    }
    for number in range(2500)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with PortalServer(tmp_path_factory.mktemp("clients"), tls=True) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    adapter = {"prefix": "http://", "adapter": HTTPAdapter()}
    with Socrata(server.address, "local", "local", "local", session_adapter=adapter) as found:
        yield found


@pytest.fixture(scope="module")
def stops(client):
    columns = [{"fieldName": n, "name": n.title(), "dataTypeName": t} for n, t in COLUMNS.items()]
    made = client.create("Stops", columns=columns, row_identifier="stop_id", category="Police")[
        "id"
    ]
    client.upsert(made, ROWS)
    client.publish(made)
    client.set_permission(made, "public")
    return made


def test_pandas_reads_the_download(server, stops):
    """`read_csv` of the address behind the export button: every row, titles, dates that parse."""
    url = f"http://{server.address}/api/views/{stops}/rows.csv?accessType=DOWNLOAD&bom=true"
    table = pd.read_csv(url, parse_dates=["Stopped_At"])
    assert list(table.columns) == [name.title() for name in COLUMNS]
    assert (len(table), table["Stop_Id"].is_unique) == (2500, True)
    assert table["Stopped_At"].iloc[1] == pd.Timestamp("2023-02-15 08:30:00")
    assert table["Age"].sum() == sum(row["age"] or 0 for row in ROWS)
    assert table["Was_Searched"].sum() == 500


def test_pandas_reads_the_api(server, stops):
    """`read_json` and `read_csv` of `/resource/`, with a `$limit` as large as people like."""
    url = f"http://{server.address}/resource/{stops}"
    table = pd.read_json(f"{url}.json?$limit=999999999&$order=stop_id")
    again = pd.read_csv(f"{url}.csv?$limit=999999999&$order=stop_id")
    assert len(table) == len(again) == 2500
    assert (table["stop_id"] == again["stop_id"]).all()
    assert (again["age"].fillna(-1) == table["age"].fillna(-1)).all()
    query = "$select=agency,count(*)&$group=agency&$order=count desc".replace(" ", "%20")
    assert pd.read_json(f"{url}.json?{query}")["count"].tolist() == [1250, 1250]


def test_pandas_reads_rows_json(server, stops):
    """Lists and the names of their columns, put together as notebooks do."""
    url = f"http://{server.address}/api/views/{stops}/rows.json?max_rows=10"
    answer = pd.read_json(url, typ="series")
    names = [column["name"] for column in answer["meta"]["view"]["columns"]]
    table = pd.DataFrame(answer["data"], columns=names)
    assert table["Stop_Id"].tolist() == [row["stop_id"] for row in ROWS[:10]]
    assert table["sid"].str.startswith("row-").all()


def test_openpolicedata_counts(client, stops):
    """`get_count`: an empty `where` for everything, `between` for years, a filter behind it."""
    (everything,) = client.get(stops, where="", select="count(*)")
    where = "stopped_at between '2023-01-01' and '2023-12-31T23:59:59.999'"
    (year,) = client.get(stops, where=where, select="count(*)")
    (agency,) = client.get(stops, where=f"{where} AND agency='NOPD'", select="count(*)")
    expected = [row for row in ROWS if row["stopped_at"].startswith("2023")]
    assert float(everything["count"]) == 2500
    assert float(year["count"]) == len(expected)
    assert float(agency["count"]) == len([row for row in expected if row["agency"] == "NOPD"])


def test_openpolicedata_loads(client, stops):
    """`load`: pages by `:id` until none is left, every row once."""
    found = []
    for offset in itertools.count(0, 1000):
        page = client.get(stops, where="", limit=1000, offset=offset, select=None, order=":id")
        if not page:
            break
        found += page
    table = pd.DataFrame.from_records(found)
    assert sorted(table["stop_id"]) == [row["stop_id"] for row in ROWS]
    assert table["place"].map(lambda place: place["coordinates"][1]).eq(29.9).all()


def test_openpolicedata_distinct_values(client, stops):
    """The values of a column, as `set`: `DISTINCT` in capitals; its years, the newest first."""
    agencies = client.get(stops, where="", limit=1000, offset=0, select="DISTINCT agency")
    assert {row["agency"] for row in agencies} == {"NOPD", "JPSO"}
    select = "DISTINCT date_extract_y(stopped_at) as year"
    years = client.get(stops, select=select, order="year desc")
    assert [row["year"] for row in years] == ["2024", "2023", "2022"]


def test_openpolicedata_dates_that_are_text(client, stops):
    """The metadata tells what a column is, and `LIKE` finds years and months in text."""
    types = {c["fieldName"]: c["dataTypeName"] for c in client.get_metadata(stops)["columns"]}
    assert (types["stopped_at"], types["written_on"]) == ("calendar_date", "text")
    where = "(written_on LIKE '%2023%') OR (written_on LIKE '3/_/2022%' OR written_on LIKE '3/__/2022%')"
    (found,) = client.get(stops, where=where, select="count(*)")
    dates = [row["written_on"] for row in ROWS]
    assert int(found["count"]) == sum(d.endswith("2023") or d == "3/15/2022" for d in dates)


@pytest.fixture
def publisher(server):
    auth = Authorization(server.tls_address, "local", "local")
    auth.verify = str(server.ca_file)
    return socrata.Socrata(auth)


def applied(revision, content=b"a,b\n1,x\n2,y\n"):
    source = revision.create_upload("simple.csv").csv(content)
    output = source.get_latest_input_schema().get_latest_output_schema()
    job = revision.apply(output_schema=output.wait_for_finish(sleeptime=0.01))
    return job.wait_for_finish(sleeptime=0.01)


@pytest.mark.parametrize("permission", ["public", "private"])
def test_permission_is_kept_by_the_next_revision(publisher, permission):
    """The view's `permissions.scope` is what a revision said, until another says otherwise."""
    first = publisher.new({"name": "Scope"})
    applied(first)
    view = publisher.views.lookup(first.view_id())
    applied(view.revisions.create_replace_revision(permission=permission))
    applied(view.revisions.create_update_revision())
    shown = publisher.views.lookup(first.view_id()).attributes
    assert shown["permissions"]["scope"] == permission


def test_applied_revision_can_be_discarded(publisher, client):
    """As its tests do when they tidy up: it stays applied, and the view can go after it."""
    revision = publisher.new({"name": "Tidied"})
    applied(revision)
    closed_at = revision.show().attributes["closed_at"]
    for _ in range(2):
        revision.discard()
    assert revision.show().attributes["closed_at"] == closed_at
    assert len(client.get(revision.view_id())) == 2
    publisher.views.lookup(revision.view_id()).delete()
    with pytest.raises(Exception, match="404"):
        client.get(revision.view_id())


def test_dataframe_is_published(publisher, client):
    """`create(…).df(…)`: pandas out, pandas in."""
    table = pd.DataFrame({"name": ["a", "b", "b"], "amount": [0.1, 0.2, None]})
    revision, output = publisher.create(name="From pandas").df(table)
    job = revision.apply(output_schema=output).wait_for_finish(sleeptime=0.01)
    assert job.attributes["status"] == "successful"
    (total,) = client.get(
        revision.view_id(), select="sum(amount) as total, count(distinct name) as n"
    )
    assert total == {"total": "0.3", "n": "2"}


def test_documented_transforms(publisher, client):
    """`replace`, comparisons and `case` in an output schema, applied."""
    revision = publisher.new({"name": "Transformed"})
    source = revision.create_upload("t.csv").csv(b"kind,n\nbig-dog,9\nsmall-cat,1\n,2\n")
    output = (
        source.get_latest_input_schema()
        .get_latest_output_schema()
        .change_column_transform("kind")
        .to("replace(`kind`, '-', ' ')")
        .change_column_transform("n")
        .to("case(to_number(`n`) >= 5, 'much', `kind` is null, 'none', true, 'some')")
        .run()
        .wait_for_finish(sleeptime=0.01)
    )
    revision.apply(output_schema=output).wait_for_finish(sleeptime=0.01)
    rows = client.get(revision.view_id(), order=":id")
    assert rows == [
        {"kind": "big dog", "n": "much"},
        {"kind": "small cat", "n": "some"},
        {"n": "none"},
    ]
