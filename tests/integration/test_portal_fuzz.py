"""Anything at all may be sent to the portal: it never fails, and what it refuses leaves no trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestration.portal.server import PortalServer
from tests.soak import SOAK

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3_600)]
LOGIN = ("local", "local")
TYPES = {
    "key": "text",
    "amount": "number",
    "happened_at": "calendar_date",
    "noted_at": "date",
    "is_open": "checkbox",
    "place": "point",
    "site": "location",
    "link": "url",
    "ratio": "double",
    "report": "document",
}
REQUESTS = 10_000 if SOAK else 200
SHARES = {"bodies": 0.5, "metadata": 0.1, "queries": 0.2, "drafts": 0.1, "anything": 0.1}


def requests_of(share: str) -> settings:
    """How much of all requests a test sends."""
    return settings(
        max_examples=round(REQUESTS * SHARES[share]),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


class Target:
    """One dataset on a portal, and its rows."""

    def __init__(self, address: str) -> None:
        self.session = requests.Session()
        self.session.auth = LOGIN
        self.base = f"http://{address}"
        columns = [{"fieldName": n, "name": n, "dataTypeName": t} for n, t in TYPES.items()]
        body = {"name": "Fuzz", "columns": columns, "metadata": {"rowIdentifier": "key"}}
        made = self.session.post(f"{self.base}/api/views.json", json=body)
        self.url = f"{self.base}/resource/{made.json()['id']}.json"

    def trim(self) -> None:
        """Empties a dataset that has grown, so that reading it all stays cheap."""
        if len(self.rows()) > 200:
            self.session.put(self.url, data="[]")

    def rows(self) -> Any:
        """Every row with its ids and versions."""
        query = {"$select": ":*,*", "$order": ":id", "$limit": "50000"}
        answer = self.session.get(self.url, params=query)
        assert answer.status_code == 200
        return answer.json()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with PortalServer(tmp_path_factory.mktemp("fuzz")) as server:
        found = Target(server.address)
        with found.session:
            yield found


awkward = st.sampled_from(
    [
        "",
        "0",
        "\0",
        "1e400",
        "-0",
        "NaN",
        "2024-02-30",
        "9" * 400,
        "row-2222~2222.2222",
        "POINT (1 1)",
        "LINESTRING (1 1, 2 2",
        "Infinity",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.characters()
    | awkward
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
names = st.sampled_from([*TYPES, ":id", ":version", ":deleted", "KEY", "nonsense"])
rows = st.dictionaries(names, values, max_size=5) | st.lists(values, max_size=2) | values
bodies = (
    (st.lists(rows, max_size=4) | rows).map(lambda body: json.dumps(body).encode())
    | st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: f"key,amount\n{text}".encode())
)
types = st.sampled_from([None, "application/json", "text/csv", "text/plain", "\xff"])


@requests_of("bodies")
@given(method=st.sampled_from(["POST", "PUT"]), body=bodies, content_type=types)
@example(method="POST", body=b'[{"key":"\\ud800"}]', content_type=None)
@example(method="PUT", body=b'[{"key":"a","amount":1e999}]', content_type=None)
@example(method="POST", body=b"\xef\xbb\xbf[]", content_type="application/json")
def test_any_body_is_taken_whole_or_refused(target, method, body, content_type):
    """No body makes the portal fail, and a refused one changes nothing (2.3, atomic)."""
    target.trim()
    before = target.rows()
    headers = {"Content-Type": content_type} if content_type else {}
    answer = target.session.request(method, target.url, data=body, headers=headers)
    assert answer.status_code < 500
    assert isinstance(answer.json(), dict | list)
    if answer.status_code != 200:
        assert answer.json()["error"] is True
        assert target.rows() == before


@requests_of("metadata")
@given(
    body=values.map(json.dumps)
    | st.dictionaries(
        st.sampled_from(["name", "description", "tags", "columns", "metadata", "license"]), values
    ).map(json.dumps)
)
@example(body='{"name":"x","licence":1e999}')
@example(body='{"name":"x","a":' + "[" * 900 + "]" * 900 + "}")
def test_any_metadata_is_taken_or_refused(target, body):
    """No metadata makes the portal fail, neither then nor when it is shown."""
    made = target.session.post(f"{target.base}/api/views.json", data=body)
    assert made.status_code < 500
    if made.status_code == 200:
        address = f"{target.base}/api/views/{made.json()['id']}.json"
        assert target.session.get(address).status_code == 200
        assert target.session.get(f"{target.base}/d/{made.json()['id']}").status_code == 200
        for form in ("rows.csv", "rows.json", "permissions"):
            found = target.session.get(f"{address.removesuffix('.json')}/{form}")
            assert found.status_code == 200
        query = {"q": "x", "tags": "x", "license": "x", "order": "domain_category"}
        found = target.session.get(f"{target.base}/api/catalog/v1", params=query)
        assert found.status_code == 200
        target.session.delete(address)


WORDS = """
    key amount ratio route happened_at is_open place :id :version :updated_at count sum min coalesce upper
    and or not in like between is null ( ) , * :* = != < >= + - / % || as 'a' '' 'it''s' 1 -2.5
    1e999 1e99999 '2024-01-01' `key` ` ' ; é select where order by group having limit desc distinct case
    case( when then else end first last nulls "a" "\\u00e9" " date_extract_dow( date_extract_woy( --
    1e-999
"""
words = st.sampled_from([*WORDS.split(), "\0", " "])
clauses = st.sampled_from(
    ["$select", "$where", "$order", "$group", "$having", "$limit", "$offset", "$q", "$query", "key"]
)
soql = st.lists(words, max_size=12).map(" ".join) | st.text(max_size=30)


@requests_of("queries")
@given(query=st.dictionaries(clauses, soql, max_size=3))
@example(query={"$where": "amount > 1e999"})
@example(query={"$select": "sum(amount * 1e999), avg(amount / 0)"})
@example(query={"$where": "key like '" + "a" * 51_000 + "'"})
@example(query={"$select": "distinct ratio % 0, amount", "$order": "amount null first"})
@example(query={"$select": "case(amount > ratio, ratio, true, amount) as n", "$group": "n"})
@example(query={"$select": "1e999 * 1e999 * 1e999 - ratio", "$where": "amount / 1e-999 > 1"})
def test_any_query_is_answered_or_refused(target, query):
    """No query makes the portal fail."""
    answer = target.session.get(target.url, params=query)
    assert answer.status_code < 500
    assert isinstance(answer.json(), dict | list)


@requests_of("bodies")
@given(
    method=st.sampled_from(["POST", "PUT", "DELETE"]),
    key=st.text(min_size=1, max_size=8) | awkward.filter(bool),
    body=bodies,
)
def test_any_single_row_is_taken_or_refused(target, method, key, body):
    """No row at an address of its own makes the portal fail, and no other row changes."""
    target.trim()
    before = {row[":id"]: row for row in target.rows()}
    url = f"{target.url.removesuffix('.json')}/{quote(key, safe='')}.json"
    answer = target.session.request(method, url, data=body)
    assert answer.status_code < 500
    after = {row[":id"]: row for row in target.rows()}
    changed = [one for one in {*before, *after} if before.get(one) != after.get(one)]
    assert len(changed) <= (answer.status_code == 200)


paths = st.sampled_from(
    [
        "/revision",
        "/revision/{dataset}",
        "/revision/{dataset}/0",
        "/revision/{dataset}/0/apply",
        "/revision/{dataset}/0/source",
        "/source",
        "/source/1",
        "/source/1/initiate",
        "/source/1/chunk/0/0",
        "/source/1/chunk/0/4/commit",
        "/source/1/schema/1",
        "/source/1/schema/1/output/1/rows",
        "/source/1/schema/1/output/1/errors",
    ]
)
expressions = st.sampled_from(
    [
        "`a`",
        "to_number(`a`)",
        "to_point(`a`) || 'x'",
        "error('e')",
        "1 / 0",
        "forgive(",
        "`zz`",
        "replace(`a`, 'a', '\0')",
        "case(`a` > 'a', 1, true, error(null))",
        "to_number(`a`) between 1 and 1e999",
    ]
)
columns = st.lists(
    st.fixed_dictionaries(
        {
            "field_name": st.sampled_from(["a", "key", "1", "amount"]) | values,
            "transform": st.fixed_dictionaries({"transform_expr": expressions | values}) | values,
        },
        optional={"is_primary_key": values, "display_name": values, "description": values},
    ),
    max_size=3,
)
drafts = st.dictionaries(
    st.sampled_from(["action", "metadata", "source_type", "parse_options", "output_schema_id"]),
    values
    | st.sampled_from(
        [{"type": "upload"}, {"type": "replace"}, {"name": "x"}, {"header_count": 0}]
    ),
) | st.fixed_dictionaries({"output_columns": columns})


@requests_of("drafts")
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    path=paths,
    body=drafts.map(json.dumps) | st.sampled_from(["", "a,b\n1,2\n", "{"]),
    content_type=st.sampled_from(["application/json", "text/csv", None]),
)
def test_any_draft_is_taken_or_refused(target, method, path, body, content_type):
    """No call of the drafts' API makes the portal fail, and none touches rows but `apply` (3)."""
    dataset = target.url.rpartition("/")[2].removesuffix(".json")
    url = f"{target.base}/api/publishing/v1{path.format(dataset=dataset)}"
    before = None if path.endswith("apply") else target.rows()
    headers = {"Content-Type": content_type} if content_type else {}
    answer = target.session.request(method, url, data=body.encode(), headers=headers)
    assert answer.status_code < 500
    assert before is None or target.rows() == before


segments = st.sampled_from(
    ["resource", "api", "views", "id", "catalog", "v1", "assets", "imports2", "..", "%00", "d", "*"]
)
anything = st.lists(segments | st.text(max_size=8), max_size=5).map("/".join)
fields = st.sampled_from(["Authorization", "Content-Encoding", "Expect", "Range", "X-App-Token"])


@requests_of("anything")
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"]),
    path=anything,
    headers=st.dictionaries(fields, st.sampled_from(["", "Basic", "gzip", "bytes=0-1", "local"])),
    body=st.binary(max_size=30),
)
def test_any_path_is_answered(target, method, path, headers, body):
    """Whatever is asked for, with whatever headers, it is never a failure of ours."""
    url = f"{target.base}/{path}"
    answer = target.session.request(method, url, data=body, headers=headers, allow_redirects=False)
    assert answer.status_code < 500
