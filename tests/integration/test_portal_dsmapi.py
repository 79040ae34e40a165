"""The real `socrata-py` over TLS: revision, upload, schema, errors, apply, discard (protocol 3)."""

from __future__ import annotations

import json
import uuid

import pytest
import requests

from orchestration.portal.behaviour import Behaviour, with_switches
from orchestration.portal.server import PortalServer

socrata = pytest.importorskip("socrata", reason="socrata-py is not installed")
from socrata.authorization import Authorization  # noqa: E402
from socrata.http import UnexpectedResponseException  # noqa: E402

SIMPLE = b"a,b,c\n1,x,2024-01-31\n2,y,2024-02-01\n3,,2024-02-02\n4,z,\n"
LOGIN = ("local", "local")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with PortalServer(tmp_path_factory.mktemp("dsmapi"), tls=True) as running:
        yield running


@pytest.fixture
def client(server):
    auth = Authorization(server.tls_address, "local", "local")
    # What REQUESTS_CA_BUNDLE does for a process.
    auth.verify = str(server.ca_file)
    yield socrata.Socrata(auth)
    server.faults.clear()
    server.behaviour = Behaviour()


@pytest.fixture
def rows(server):
    def read(fourfour, **query):
        url = f"http://{server.address}/resource/{fourfour}.json"
        parameters = {"$order": ":id", **{f"${n}": v for n, v in query.items()}}
        return requests.get(url, params=parameters, auth=LOGIN).json()

    return read


def upload(revision, content=SIMPLE):
    source = revision.create_upload("simple.csv").csv(content)
    return source.get_latest_input_schema()


def applied(revision, schema):
    job = revision.apply(output_schema=schema.wait_for_finish(sleeptime=0.01))
    return job.wait_for_finish(sleeptime=0.01)


def keyed(schema, name="a"):
    assert schema.validate_row_id(name)
    return schema.set_row_id(name)


@pytest.fixture
def dataset(client):
    """A dataset with the row identifier `a`, made by a revision; its view."""
    revision = client.new({"name": "Drafted"})
    applied(revision, keyed(upload(revision).get_latest_output_schema()))
    return client.views.lookup(revision.view_id())


def test_documented_way_makes_a_dataset(client, rows, tmp_path):
    """`create(…).csv(file)`, `apply`, `wait_for_finish`: the first example of its README."""
    path = tmp_path / "cool_dataset.csv"
    path.write_bytes(SIMPLE)
    with path.open("rb") as file:
        revision, output = client.create(name="cool dataset", description="a description").csv(file)
    assert output.attributes["error_count"] == 0
    job = revision.apply(output_schema=output).wait_for_finish(sleeptime=0.01)
    assert (job.attributes["status"], job.is_complete()) == ("successful", True)
    view = client.views.lookup(revision.view_id()).attributes
    assert (view["name"], view["description"]) == ("cool dataset", "a description")
    assert view["publicationStage"] == "published"
    types = [(c["fieldName"], c["dataTypeName"]) for c in view["columns"]]
    assert types == [("a", "number"), ("b", "text"), ("c", "calendar_date")]
    assert rows(view["id"])[0] == {"a": "1", "b": "x", "c": "2024-01-31T00:00:00.000"}


def test_job_tells_the_counters(client, dataset):
    """The log's `upsert_complete` has the six counters (3.1.7)."""
    revision = dataset.revisions.create_update_revision()
    job = applied(revision, upload(revision, b"a,b\n1,new\n9,new\n").get_latest_output_schema())
    (details,) = [x["details"] for x in job.attributes["log"] if x["stage"] == "upsert_complete"]
    assert (details["Rows Created"], details["Rows Updated"], details["Errors"]) == (1, 1, 0)


def test_nothing_shows_before_it_is_applied(client, dataset, rows):
    """A revision is a draft: uploading and transforming changes no row and no metadata (3.2)."""
    fourfour = dataset.attributes["id"]
    before = rows(fourfour, select=":*,*")
    revision = dataset.revisions.create_replace_revision(metadata={"name": "Other"})
    upload(revision, b"a\n7\n").get_latest_output_schema().wait_for_finish(sleeptime=0.01)
    assert rows(fourfour, select=":*,*") == before
    assert client.views.lookup(fourfour).attributes["name"] == "Drafted"


@pytest.mark.parametrize(
    ("make", "content", "expected"),
    [
        ("create_replace_revision", b"a,b\n7,x\n", [{"a": "7", "b": "x"}]),
        (
            "create_update_revision",
            b"a,b\n1,new\n",
            [("1", "new"), ("2", "y"), ("3", None), ("4", "z")],
        ),
        ("create_delete_revision", b"a\n1\n3\n", [("2", "y"), ("4", "z")]),
    ],
    ids=["replace", "update", "delete"],
)
def test_actions(dataset, rows, make, content, expected):
    """Replace has the file's rows and columns alone, update is an upsert, delete goes by key."""
    revision = getattr(dataset.revisions, make)()
    applied(revision, upload(revision, content).get_latest_output_schema())
    found = rows(dataset.attributes["id"], order="a")
    if isinstance(expected[0], tuple):
        found = [(row["a"], row.get("b")) for row in found]
    assert found == expected


def test_discarded_revision_leaves_no_trace(client, dataset, rows):
    """After `discard` it is closed, and can be neither changed nor applied (3.1.8)."""
    before = rows(dataset.attributes["id"], select=":*,*")
    revision = dataset.revisions.create_replace_revision(metadata={"name": "Other"})
    schema = upload(revision, b"a\n7\n").get_latest_output_schema()
    revision.discard()
    assert revision.show().attributes["closed_at"] is not None
    with pytest.raises(UnexpectedResponseException, match="409"):
        revision.apply(output_schema=schema.wait_for_finish(sleeptime=0.01))
    assert rows(dataset.attributes["id"], select=":*,*") == before
    assert client.views.lookup(dataset.attributes["id"]).attributes["name"] == "Drafted"


BAD = b"a,n\n1,10\n2,much\n3,\n4,more\n"


def bad_schema(revision):
    output = upload(revision, BAD).get_latest_output_schema()
    return output.change_column_transform("n").to("to_number(`n`)").run()


def test_error_rows(client):
    """Errors are counted, listed by row and column, and there as CSV (3.1.6)."""
    output = bad_schema(client.new({"name": "Bad"})).wait_for_finish(sleeptime=0.01)
    assert (output.attributes["error_count"], output.attributes["total_rows"]) == (2, 4)
    assert output.any_errors()
    assert not output.any_failed()
    listed = output.schema_errors()
    assert [row["a"]["ok"] for row in listed] == ["2", "4"]
    assert listed[0]["n"]["error"]["message"] == ('Unable to convert "much" from text to number')
    assert output.schema_errors(offset=1, limit=1) == listed[1:]
    lines = output.schema_errors_csv().text.splitlines()
    assert (len(lines), lines[0]) == (3, "a,n")
    assert "Unable to convert" in lines[1]
    page = output.rows(offset=0, limit=2)
    assert [next(iter(row["n"])) for row in page] == ["ok", "error"]


@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        ("null", [("1", "10"), ("2", None), ("3", None), ("4", None)]),
        ("drop", [("1", "10"), ("3", None)]),
    ],
)
def test_errors_do_not_block_applying(server, client, rows, switch, expected):
    """What becomes of bad cells is not settled, so it is a switch (3.2)."""
    server.behaviour = with_switches(Behaviour(), {"dsmapi_bad_cells": switch})
    revision = client.new({"name": "Bad"})
    job = applied(revision, bad_schema(revision))
    assert job.attributes["status"] == "successful"
    found = rows(revision.view_id(), order="a")
    assert [(row["a"], row.get("n")) for row in found] == expected


def test_approval_queue(server, client, dataset, rows):
    """Submitted for approval is not published (3.1.7)."""
    server.behaviour = with_switches(Behaviour(), {"dsmapi_approval": True})
    revision = dataset.revisions.create_replace_revision()
    before = rows(dataset.attributes["id"])
    output = upload(revision, b"a\n7\n").get_latest_output_schema()
    job = revision.apply(output_schema=output.wait_for_finish(sleeptime=0.01))
    assert job.submitted_for_approval()
    assert job.attributes["status"] == "submitted_for_approval"
    assert rows(dataset.attributes["id"]) == before


def test_unfinished_work_is_shown_as_such(client):
    """Clients have to wait: a new schema and a new job are not done in their first answer."""
    revision = client.new({"name": "Slow"})
    output = upload(revision).transform(
        {
            "output_columns": [
                {"field_name": "b", "transform": {"transform_expr": "upper(`b`) || 'foo'"}}
            ]
        }
    )
    assert (output.attributes["completed_at"], output.attributes["finished_at"]) == (None, None)
    output = output.wait_for_finish(sleeptime=0.01)
    assert output.attributes["finished_at"] is not None
    assert output.rows()[:2] == [{"b": {"ok": "Xfoo"}}, {"b": {"ok": "Yfoo"}}]
    job = revision.apply(output_schema=output)
    assert (job.attributes["status"], job.attributes["finished_at"]) == ("initializing", None)
    assert job.show().attributes["status"] == "successful"


def test_columns_can_be_changed(client, rows):
    """Renamed, dropped, computed and described, in the client's own words (3.1.5)."""
    revision = client.new({"name": "Changed"})
    output = (
        upload(revision)
        .get_latest_output_schema()
        .change_column_metadata("a", "field_name")
        .to("aa")
        .change_column_metadata("aa", "description")
        .to("the first")
        .drop_column("b")
        .drop_column("c")
        .add_column("double", "Double", "to_number(`a`) + to_number(`a`)", "twice")
        .run()
    )
    applied(revision, output)
    assert rows(revision.view_id(), order="aa")[:2] == [
        {"aa": "1", "double": "2"},
        {"aa": "2", "double": "4"},
    ]
    columns = client.views.lookup(revision.view_id()).attributes["columns"]
    assert [(c["fieldName"], c["description"]) for c in columns] == [
        ("aa", "the first"),
        ("double", "twice"),
    ]


@pytest.mark.parametrize("expression", ["nonsense(`a`)", "`zzz`", "to_number(", "`a` + 1", ""])
def test_transform_is_refused(client, expression):
    """What cannot be compiled is a 400, and no schema."""
    schema = upload(client.new({"name": "T"}))
    before = len(schema.show().attributes["output_schemas"])
    body = {"output_columns": [{"field_name": "x", "transform": {"transform_expr": expression}}]}
    with pytest.raises(UnexpectedResponseException, match="400"):
        schema.transform(body)
    assert len(schema.show().attributes["output_schemas"]) == before


def test_row_identifier_is_validated(client):
    """A column with gaps or repeats cannot be it; one that is not there neither (3.1.6)."""
    output = upload(client.new({"name": "V"}), b"a,b,c\n1,x,1\n2,x,\n").get_latest_output_schema()
    assert [output.validate_row_id(n) for n in ("a", "b", "c", "nope")] == [
        True,
        False,
        False,
        False,
    ]


def test_repeated_keys_cannot_be_forced(client, rows):
    """Rows of one key are one row, as in an upsert: the last wins."""
    revision = client.new({"name": "V"})
    output = upload(revision, b"a,b\n1,x\n1,y\n").get_latest_output_schema().set_row_id("a")
    applied(revision, output)
    assert rows(revision.view_id()) == [{"a": "1", "b": "y"}]


def test_update_cannot_change_a_type(dataset, rows):
    """It is a 400, and nothing is applied: metadata neither."""
    revision = dataset.revisions.create_update_revision(metadata={"name": "Other"})
    output = upload(revision, b"a,b\nx,y\n").get_latest_output_schema()
    with pytest.raises(UnexpectedResponseException, match="400"):
        revision.apply(output_schema=output.wait_for_finish(sleeptime=0.01))
    assert dataset.show().attributes["name"] == "Drafted"
    assert len(rows(dataset.attributes["id"])) == 4


def test_metadata_only_revision(client, dataset, rows):
    """Without a schema the rows stay, and permission and name change."""
    before = rows(dataset.attributes["id"], select=":*,*")
    revision = dataset.revisions.create_update_revision(
        metadata={"description": "New."}, permission="public"
    )
    revision.update({"metadata": {"name": "Renamed"}})
    assert "upsert_task" not in {step["type"] for step in revision.plan()}
    revision.apply().wait_for_finish(sleeptime=0.01)
    shown = client.views.lookup(dataset.attributes["id"]).attributes
    assert (shown["name"], shown["description"]) == ("Renamed", "New.")
    assert shown["grants"][0]["flags"] == ["public"]
    assert rows(dataset.attributes["id"], select=":*,*") == before


def test_revisions_are_listed_and_found(dataset):
    """By their number within the dataset, with everything that was set."""
    revision = dataset.revisions.create_update_revision()
    assert len(dataset.revisions.list()) == 2
    assert dataset.revisions.lookup(1).attributes == revision.attributes
    source = revision.create_upload("foo.csv")
    assert [one.attributes["id"] for one in revision.list_sources()] == [source.attributes["id"]]
    output = upload(revision).get_latest_output_schema()
    revision.set_output_schema(output.attributes["id"])
    assert revision.get_output_schema().attributes["id"] == output.attributes["id"]
    assert {"upsert_task", "wait_for_replication"} <= {step["type"] for step in revision.plan()}
    operations = {"show", "create_source", "list_sources", "apply", "plan", "update", "discard"}
    assert operations <= set(revision.list_operations())


def test_large_upload_goes_in_chunks(client, rows):
    """Pieces in parallel, each at its offset, make the file they came from (3.1.3)."""
    lines = 150_000
    line = f"{uuid.uuid4()},{uuid.uuid4()}\n".encode()

    def content():
        yield b"a,b\n"
        for _ in range(lines):
            yield line

    source = client.new({"name": "L"}).create_upload("l.csv").csv(content())
    output = source.get_latest_input_schema().get_latest_output_schema()
    assert output.attributes["total_rows"] == lines
    assert output.rows(offset=lines - 1)[0]["a"]["ok"] == line.decode().split(",")[0]


def test_chunk_that_fails_is_sent_again(server, client):
    """The client retries a 5xx, and the file is whole (3.1.3)."""
    source = client.new({"name": "R"}).create_upload("r.csv")
    path = f"/api/publishing/v1/source/{source.attributes['id']}/chunk"
    standing = server.faults.add(f"503:times=2@POST {path}")
    uploaded = source.csv(SIMPLE, backoff_seconds=0)
    assert uploaded.get_latest_input_schema().attributes["total_rows"] == 4
    assert len(standing.struck) == 2


def test_missing_chunk_is_noticed(server, client):
    """A commit of more bytes than came is a 400, and there is no schema."""
    source = client.new({"name": "M"}).create_upload("m.csv")
    source.initiate("text/csv")
    source.chunk(0, 0, b"a,b\n1,")
    with pytest.raises(UnexpectedResponseException, match="400"):
        source.commit(1, 100)
    assert source.show().attributes["schemas"] == []


def test_parse_options(client):
    """Other headers, separators and a file that stays unread."""
    source = client.sources.create_upload("s.csv")
    changed = source.change_parse_option("header_count").to(2)
    source = changed.change_parse_option("column_header").to(2).run()
    source = source.csv(b"My data,\na,b\n1,2\n")
    assert [c["field_name"] for c in source.input_schemas[0].attributes["input_columns"]] == [
        "a",
        "b",
    ]
    revision = client.new({"name": "P"})
    tabs = revision.create_upload("t.tsv").tsv(b"a\tb\n1\t2\n").get_latest_input_schema()
    assert tabs.get_latest_output_schema().rows() == [{"a": {"ok": "1"}, "b": {"ok": "2"}}]
    blob = revision.create_upload("b.bin").blob(b"\0\1\2")
    assert revision.show().attributes["blob_id"] == blob.attributes["id"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\n\n", b'a,b\n"'], ids=repr)
def test_file_that_cannot_be_read(client, content):
    """Either the source has failed and says why, or its lines are left out and counted."""
    source = client.new({"name": "F"}).create_upload("f.csv")
    shown = source.csv(content).attributes
    is_counted = bool(shown["schemas"]) and shown["schemas"][0]["total_rows"] == 0
    assert is_counted or shown["failure_details"]["message"]


def test_source_can_join_a_revision_later(client, rows):
    """Uploaded first, put into a revision afterwards."""
    source = client.sources.create_upload("j.csv").csv(SIMPLE)
    revision = client.new({"name": "J"})
    source.add_to_revision(revision)
    applied(revision, source.get_latest_input_schema().get_latest_output_schema())
    assert len(rows(revision.view_id())) == 4


def test_drafts_are_for_the_owner(server, client):
    """A stranger and a viewer get a 403 for everything."""
    url = f"https://{server.tls_address}/api/publishing/v1/revision"
    for login in (None, ("viewer", "viewer")):
        answer = requests.post(url, json={}, auth=login, verify=str(server.ca_file))
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/revision", "[]"),
        ("POST", "/revision", '{"action": {"type": "explode"}}'),
        ("POST", "/revision", '{"metadata": 3}'),
        ("POST", "/revision/zzzz-zzzz", "{}"),
        ("GET", "/revision/zzzz-zzzz/0", ""),
        ("POST", "/source", '{"source_type": {"type": "url", "url": "http://example.org"}}'),
        ("POST", "/source", '{"source_type": 3}'),
        ("POST", "/source", '{"source_type": {"type": "upload"}, "parse_options": {"x": 1}}'),
        ("GET", "/source/99999", ""),
        ("POST", "/source/99999/chunk/0/0", "x"),
        ("GET", "/job/99999", ""),
        ("GET", "/source/99999999999999999999", ""),
    ],
)
def test_bad_requests_are_refused(server, method, path, body):
    """Each is a 400 or 404 with an error object."""
    url = f"http://{server.address}/api/publishing/v1{path}"
    answer = requests.request(method, url, data=body, auth=LOGIN)
    assert answer.status_code in (400, 404)
    assert json.loads(answer.text)["error"] is True
