"""The claims of the protocol about writes, reads, access and errors, each as a check that can fail.

A check starts from its own rows in the scratch dataset and raises `DiffersError` with what it saw.
Where the protocol is open there is no claim but a switch, see `switches`. The local portal passes
all of them; whether a real domain does is what `summerware probe` prints.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from orchestration.portal.probe.scratch import Scratch

CHECKS: dict[str, Check] = {}
_COUNTERS = ("Rows Created", "Rows Updated", "Rows Deleted", "Errors")
ONE = {"key": "a", "name": "one", "amount": 1}


class DiffersError(Exception):
    """A claim does not hold; the message says what was seen instead."""


@dataclass(frozen=True)
class Check:
    """One claim, the paragraph of the protocol that makes it, and how to try it."""

    name: str
    claim: str
    paragraph: str
    run: Callable[[Scratch], None]


def check(paragraph: str) -> Callable[[Callable[[Scratch], None]], Callable[[Scratch], None]]:
    """Enters a function among the checks; its name and docstring are the check's."""

    def enter(function: Callable[[Scratch], None]) -> Callable[[Scratch], None]:
        claim = (function.__doc__ or "").strip()
        CHECKS[function.__name__] = Check(function.__name__, claim, paragraph, function)
        return function

    return enter


def expect(seen: Any, expected: Any) -> None:
    """Raises: DiffersError when they differ."""
    if seen != expected:
        raise DiffersError(f"expected {expected!r}, saw {seen!r}"[:500])


def expect_counts(answer: requests.Response, *expected: int) -> None:
    """The four counters: created, updated, deleted, errors; one that is missing is 0."""
    if answer.status_code != 200:
        raise DiffersError(f"expected counters, saw {answer.status_code} {answer.text[:300]}")
    body = answer.json()
    expect(tuple(int(body.get(name, 0)) for name in _COUNTERS), expected)


def expect_refusal(answer: requests.Response, *statuses: int) -> None:
    """A refusal with one of the statuses, and a JSON object that says why."""
    if answer.status_code not in statuses:
        raise DiffersError(f"expected {statuses}, saw {answer.status_code} {answer.text[:300]}")
    if not isinstance(answer.json(), dict):
        raise DiffersError(f"an error is no object: {answer.text[:300]}")


@check("2.3")
def request_is_atomic(scratch: Scratch) -> None:
    """A request with one row that cannot be read stores none of its rows."""
    scratch.start([ONE])
    for method in (scratch.post, scratch.put):
        expect_refusal(method([{"key": "b"}, {"key": "a", ":deleted": True}, "nonsense"]), 400)
        expect(scratch.rows(), [{**ONE, "amount": "1"}])


@check("2.3")
def broken_json_stores_nothing(scratch: Scratch) -> None:
    """A body that ends early is a 400, and none of its rows are stored."""
    scratch.start()
    body = b'[{"key": "a"}, {"key": "b"'
    expect_refusal(scratch.call("POST", scratch.path, data=body), 400)
    expect(scratch.rows(), [])


@check("2.3")
def absent_field_keeps_its_value(scratch: Scratch) -> None:
    """An update merges: what it does not name stays."""
    scratch.start([ONE])
    expect_counts(scratch.post([{"key": "a", "amount": 2}]), 0, 1, 0, 0)
    expect(scratch.row("a"), {"name": "one", "amount": "2"})


@check("2.3")
def null_clears(scratch: Scratch) -> None:
    """An explicit null clears the field."""
    scratch.start([ONE])
    scratch.post([{"key": "a", "name": None}])
    expect(scratch.row("a"), {"amount": "1"})


@check("2.3")
def true_deletes(scratch: Scratch) -> None:
    """`":deleted": true` deletes by the row identifier."""
    scratch.start([ONE, {"key": "b"}])
    expect_counts(scratch.post([{"key": "a", ":deleted": True}]), 0, 0, 1, 0)
    expect(scratch.rows(), [{"key": "b"}])


@check("2.3")
def only_true_deletes(scratch: Scratch) -> None:
    """`"true"`, 1 and null in `:deleted` delete nothing."""
    for value in ("true", 1, None):
        scratch.start([ONE])
        scratch.post([{"key": "a", ":deleted": value}])
        expect(len(scratch.rows()), 1)


@check("2.3")
def list_of_a_key_deletes(scratch: Scratch) -> None:
    """A one-element array as a row deletes."""
    scratch.start([ONE])
    expect_counts(scratch.post([["a"]]), 0, 0, 1, 0)


@check("2.3")
def same_key_twice_goes_in_order(scratch: Scratch) -> None:
    """The first mention creates, the second updates, the last wins."""
    scratch.start()
    rows = [{"key": "a", "name": "n", "amount": 1}, {"key": "a", "amount": 2}]
    expect_counts(scratch.post(rows), 1, 1, 0, 0)
    expect(scratch.row("a"), {"name": "n", "amount": "2"})


@check("2.3")
def delete_then_insert_keeps_order(scratch: Scratch) -> None:
    """A key deleted and sent again in one request starts anew."""
    scratch.start([ONE])
    scratch.post([{"key": "a", ":deleted": True}, {"key": "a", "amount": 9}])
    expect(scratch.row("a"), {"amount": "9"})


@check("2.3")
def row_errors_are_not_fatal(scratch: Scratch) -> None:
    """Deleting an absent key counts in `Errors` of a 200, and the other rows are stored."""
    scratch.start()
    expect_counts(scratch.post([{"key": "zz", ":deleted": True}, {"key": "b"}]), 1, 0, 0, 1)
    expect(scratch.rows(), [{"key": "b"}])


@check("2.3")
def missing_key_is_a_row_error(scratch: Scratch) -> None:
    """A row without its identifier, or with null there, is left out and counted."""
    scratch.start()
    expect_counts(scratch.post([{"name": "x"}, {"key": None}, {"key": "b"}]), 1, 0, 0, 2)


@check("2.3")
def names_match_caselessly(scratch: Scratch) -> None:
    """Case, and `-` for `_`, do not matter in field names."""
    scratch.start()
    expect_counts(scratch.post([{"KEY": "a", "Happened-At": "2024-01-02"}]), 1, 0, 0, 0)
    expect(scratch.row("a"), {"happened_at": "2024-01-02T00:00:00.000"})


@check("2.3")
def nul_is_stripped(scratch: Scratch) -> None:
    """NUL characters vanish without a word."""
    scratch.start([{"key": "a", "name": "x\0y"}])
    expect(scratch.row("a"), {"name": "xy"})


@check("2.3")
def identical_update_moves_the_version(scratch: Scratch) -> None:
    """There is no detection of no-ops: `:updated_at` and `:version` move, `:id` stays."""
    scratch.start([ONE])
    fields = ":id,:created_at,:updated_at,:version"
    (before,) = scratch.rows(select=fields)
    scratch.post([ONE])
    (after,) = scratch.rows(select=fields)
    moved = [name for name in before if before[name] != after[name]]
    expect(sorted(moved), [":updated_at", ":version"])


@check("2.3")
def replace_empties_first(scratch: Scratch) -> None:
    """PUT is truncate and insert: other rows go, and the same keys get new ids."""
    scratch.start([ONE, {"key": "b"}])
    before = {row[":id"] for row in scratch.rows(select=":id,key")}
    expect_counts(scratch.put([{"key": "a", "amount": 5}]), 1, 0, 0, 0)
    (after,) = scratch.rows(select=":id,key,name,amount")
    expect((after["key"], after.get("name"), after["amount"]), ("a", None, "5"))
    expect(after[":id"] in before, False)


@check("1.4")
def replace_with_nothing_empties(scratch: Scratch) -> None:
    """PUT of an empty array leaves no row."""
    scratch.start([ONE])
    scratch.put([])
    expect(scratch.rows(), [])


@check("2.3")
def replace_takes_an_array_only(scratch: Scratch) -> None:
    """PUT of one object is a 400."""
    scratch.start([ONE])
    expect_refusal(scratch.put({"key": "b"}), 400)
    expect(scratch.row("a"), {"name": "one", "amount": "1"})


@check("2.3")
def single_object_answers_the_row(scratch: Scratch) -> None:
    """One object instead of an array gets the row back, not counters."""
    scratch.start([ONE])
    answer = scratch.post({"key": "a", "amount": 4}).json()
    expect([answer.get(name) for name in ("key", "name", "amount")], ["a", "one", "4"])


@check("2.1")
def row_is_read_by_its_key(scratch: Scratch) -> None:
    """`GET /resource/{id}/{key}.json` answers one object."""
    scratch.start([ONE])
    scratch.rows()
    answer = scratch.call("GET", f"/resource/{scratch.fourfour}/a.json")
    expect(answer.json(), {**ONE, "amount": "1"})


@check("2.3")
def row_is_deleted_by_its_key(scratch: Scratch) -> None:
    """Row DELETE deletes one; a second time it is a 404."""
    scratch.start([ONE, {"key": "b"}])
    path = f"/resource/{scratch.fourfour}/a.json"
    expect(scratch.call("DELETE", path).status_code, 200)
    expect(scratch.rows(), [{"key": "b"}])
    expect_refusal(scratch.call("DELETE", path), 404)


@check("2.3")
def other_content_types_are_refused(scratch: Scratch) -> None:
    """No content type is taken for what the path says; `text/plain` is a 415."""
    scratch.start()
    body = json.dumps([ONE]).encode()
    expect_refusal(
        scratch.call("POST", scratch.path, data=body, headers={"Content-Type": "text/plain"}), 415
    )
    expect_counts(scratch.call("POST", scratch.path, data=body), 1, 0, 0, 0)


@check("6")
def zipped_body_is_read(scratch: Scratch) -> None:
    """`Content-Encoding: gzip` works."""
    scratch.start()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    body = gzip.compress(json.dumps([ONE]).encode())
    expect_counts(scratch.call("POST", scratch.path, data=body, headers=headers), 1, 0, 0, 0)


@check("2.4")
def csv_is_upserted(scratch: Scratch) -> None:
    """A header of field names; an empty cell clears, where JSON would have kept."""
    scratch.start([ONE])
    expect_counts(scratch.csv('key,name,amount\na,,2\nb,"x, ""y""",\n'), 1, 1, 0, 0)
    expect(scratch.row("a"), {"amount": "2"})
    expect(scratch.row("b"), {"name": 'x, "y"'})


@check("2.4")
def csv_deletes(scratch: Scratch) -> None:
    """A column `:deleted` with true and false."""
    scratch.start([ONE, {"key": "b"}])
    expect_counts(scratch.csv("key,:deleted\na,true\nb,false\n"), 0, 1, 1, 0)
    expect(scratch.rows(), [{"key": "b"}])


@check("2.4")
def nulls_are_left_out(scratch: Scratch) -> None:
    """A null has no key in JSON and nothing between the commas in CSV."""
    scratch.start([{"key": "a", "amount": 1}])
    expect(scratch.rows(), [{"key": "a", "amount": "1"}])
    parameters = {"$select": "key,name,amount"}
    answer = scratch.call("GET", scratch.path.replace(".json", ".csv"), params=parameters)
    expect(answer.text.splitlines()[1].replace('"', ""), "a,,1")


@check("2.4")
def numbers_are_exact_strings(scratch: Scratch) -> None:
    """Numbers come back as strings with every digit, in plain notation."""
    given = {"a": "123456789012345678.123456789", "b": 0.1, "c": "1e3", "d": -0.5}
    scratch.start([{"key": key, "amount": value} for key, value in given.items()])
    wanted = ["123456789012345678.123456789", "0.1", "1000", "-0.5"]
    expect([row["amount"] for row in scratch.rows()], wanted)


@check("2.4")
def local_times_have_milliseconds(scratch: Scratch) -> None:
    """A calendar_date goes out as `YYYY-MM-DDTHH:MM:SS.fff`, without a zone."""
    given = {"a": "2024-01-31", "b": "2024-01-31T10:05:06", "c": "2024-01-31T10:05:06.7"}
    scratch.start([{"key": key, "happened_at": value} for key, value in given.items()])
    wanted = ["2024-01-31T00:00:00.000", "2024-01-31T10:05:06.000", "2024-01-31T10:05:06.700"]
    expect([row["happened_at"] for row in scratch.rows()], wanted)


@check("2.4")
def bad_values_are_never_stored(scratch: Scratch) -> None:
    """What its type cannot take never gets in: the request is refused or the row is counted."""
    bad = {"amount": "1,000", "happened_at": "2024-01-31T10:00:00Z", "is_open": 7, "place": "x"}
    for name, value in bad.items():
        scratch.start()
        answer = scratch.post([{"key": "a", name: value}])
        if answer.status_code == 200:
            expect_counts(answer, 0, 0, 0, 1)
        expect(scratch.rows(), [])


@check("2.4")
def unreadable_location_becomes_null(scratch: Scratch) -> None:
    """A location that is none is stored as null, without a word."""
    scratch.start()
    expect_counts(scratch.post([{"key": "a", "site": "nowhere"}]), 1, 0, 0, 0)
    expect(scratch.row("a"), {})


@check("2.4")
def structured_values_come_back(scratch: Scratch) -> None:
    """Points are GeoJSON, urls and locations objects, checkboxes true and false."""
    row = {
        "key": "a",
        "is_open": False,
        "place": "POINT (-90.1 29.9)",
        "link": {"url": "https://example.org/a", "description": "d"},
        "site": {"latitude": "29.9", "longitude": "-90.1"},
    }
    scratch.start([row])
    seen = scratch.row("a")
    expect(seen.get("is_open"), False)
    expect(seen.get("place"), {"type": "Point", "coordinates": [-90.1, 29.9]})
    expect(seen.get("link"), row["link"])
    expect({name: seen.get("site", {}).get(name) for name in row["site"]}, row["site"])  # type: ignore[attr-defined]


@check("2.6")
def system_fields_only_when_asked(scratch: Scratch) -> None:
    """`*` has none; named, they are there, and one request has one `:updated_at`."""
    scratch.start([{"key": "a"}, {"key": "b"}])
    expect(list(scratch.rows()[0]), ["key"])
    rows = scratch.rows(select=":id,:created_at,:updated_at,:version,key")
    expect(len({row[":updated_at"] for row in rows}), 1)
    expect(len({row[":id"] for row in rows}), 2)


@check("2.6")
def default_limit_is_1000(scratch: Scratch) -> None:
    """Without `$limit` there are 1,000 rows, and pages by `:id` have every row once."""
    scratch.start([{"key": f"k{number:04}"} for number in range(1001)])
    expect(len(scratch.rows()), 1000)
    pages = [
        row["key"]
        for offset in range(0, 1200, 400)
        for row in scratch.rows(order=":id", limit="400", offset=str(offset))
    ]
    expect(sorted(pages), [f"k{number:04}" for number in range(1001)])


@check("2.6")
def aggregates_have_their_names(scratch: Scratch) -> None:
    """Aggregates come as strings under implicit names, and a sum of nothing is left out."""
    scratch.start([{"key": "a", "amount": 1}, {"key": "b", "amount": 2.5}, {"key": "c"}])
    wanted = {"count": "3", "sum_amount": "3.5", "min_amount": "1", "max_amount": "2.5"}
    select = "count(*),sum(amount),min(amount),max(amount)"
    expect(scratch.read(select=select).json(), [wanted])
    expect(scratch.read(select="count(name) as n").json(), [{"n": "0"}])
    expect(scratch.read(select="avg(amount) as m").json(), [{"m": "1.75"}])
    expect(scratch.read(select="sum(amount) as s", where="key = 'c'").json(), [{}])


@check("2.6")
def groups_can_be_filtered(scratch: Scratch) -> None:
    """`$group` and `$having` go by aliases."""
    names = {"a": "x", "b": "x", "c": "y"}
    scratch.start([{"key": key, "name": name} for key, name in names.items()])
    query = {"select": "name,count(*) as n", "group": "name", "having": "n > 1", "order": "name"}
    expect(scratch.rows(**query), [{"name": "x", "n": "2"}])


@check("2.6")
def conditions_work(scratch: Scratch) -> None:
    """`like`, `in`, `between`, `is null`, and quotes doubled."""
    scratch.start([{"key": "a", "name": "it's", "amount": 1}, {"key": "b", "amount": 2}])
    for where, wanted in {
        "name like 'it%'": ["a"],
        "key in ('b', 'c')": ["b"],
        "amount between 1 and 1.5": ["a"],
        "name is null": ["b"],
        "name is not null": ["a"],
        "name = 'it''s'": ["a"],
        "amount > 1 or key = 'a'": ["a", "b"],
    }.items():
        expect([row["key"] for row in scratch.rows(where=where)], wanted)


@check("2.6")
def bad_queries_are_refused(scratch: Scratch) -> None:
    """An unknown column and broken SoQL are a 400."""
    for where in ("nonsense = 1", "key = "):
        expect_refusal(scratch.call("GET", scratch.path, params={"$where": where}), 400)


@check("2.5")
def reads_have_their_headers(scratch: Scratch) -> None:
    """ETag, Last-Modified, types and freshness; an unchanged read may be a 304."""
    scratch.start([ONE])
    headers = scratch.read(select="key,amount,happened_at").headers
    for name in ("ETag", "Last-Modified", "X-SODA2-Data-Out-Of-Date"):
        expect(name in headers, True)
    for name in ("X-SODA2-Truth-Last-Modified", "X-SODA2-Secondary-Last-Modified"):
        expect(name in headers, True)
    types = json.loads(headers["X-SODA2-Types"])
    expect(types, ["text", "number", "floating_timestamp"])
    tag = {"If-None-Match": scratch.read().headers["ETag"]}
    expect(scratch.call("GET", scratch.path, headers=tag).status_code, 304)


@check("2.5")
def metadata_has_its_shape(scratch: Scratch) -> None:
    """The keys that a publisher looks at, with their kinds; times are whole seconds."""
    scratch.start([ONE])
    shown = scratch.call("GET", f"/api/views/{scratch.fourfour}.json").json()
    kinds = {
        "id": str,
        "name": str,
        "viewType": str,
        "publicationStage": str,
        "columns": list,
        "rights": list,
        "rowIdentifierColumnId": int,
        "rowsUpdatedAt": int,
        "createdAt": int,
        "viewLastModified": int,
    }
    wrong = [name for name, kind in kinds.items() if not isinstance(shown.get(name), kind)]
    expect(wrong, [])
    columns = {column["fieldName"]: column for column in shown["columns"]}
    expect(shown["rowIdentifierColumnId"], columns["key"]["id"])
    expect(columns["happened_at"]["dataTypeName"], "calendar_date")


@check("2.1")
def answers_have_request_ids(scratch: Scratch) -> None:
    """A request id is echoed, and made up where none was sent."""
    sent = "0123456789abcdef0123456789abcdef"
    headers = {"X-Socrata-RequestId": sent}
    answer = scratch.call("GET", scratch.path, headers=headers)
    expect(answer.headers.get("X-Socrata-RequestId"), sent)
    expect("X-Socrata-RequestId" in scratch.call("GET", scratch.path).headers, True)


@check("2.2")
def writing_needs_a_login(scratch: Scratch) -> None:
    """Without a login a write is a 403, with a wrong password a 401, and nothing is stored."""
    scratch.start([ONE])
    url = scratch.access.base + scratch.path
    expect_refusal(scratch.stranger.post(url, data="[]", headers=_token(scratch)), 403)
    wrong = ("nobody@example.org", "wrong")
    answer = scratch.stranger.post(url, data="[]", headers=_token(scratch), auth=wrong)
    expect(answer.status_code, 401)


@check("2.3")
def unknown_dataset_is_a_404(scratch: Scratch) -> None:
    """It says `Not found`, in an object."""
    answer = scratch.call("GET", "/resource/zzzz-zzzz.json")
    expect_refusal(answer, 404)
    expect(answer.json().get("message"), "Not found")


def _token(scratch: Scratch) -> dict[str, str]:
    return {"X-App-Token": scratch.access.app_token}
