"""What a row does: every line of the per-row table of protocol 2.3, through the real client."""

from __future__ import annotations

import pytest
import requests


@pytest.fixture
def dataset(portal):
    found = portal.create()
    portal.soda.upsert(found, [{"key": "a", "name": "one", "amount": 1}, {"key": "b"}])
    return found


def counts(answer):
    names = ("Rows Created", "Rows Updated", "Rows Deleted", "Errors")
    return tuple(answer[name] for name in names)


def test_new_and_known_keys_are_told_apart(portal, dataset):
    """A known key updates, a new one inserts (2.3)."""
    answer = portal.soda.upsert(dataset, [{"key": "a", "amount": 2}, {"key": "c"}])
    assert counts(answer) == (1, 1, 0, 0)


def test_counters_say_how_rows_were_addressed(portal, dataset):
    """With a row identifier, rows count as addressed by it (2.3, answer bodies)."""
    answer = portal.soda.upsert(dataset, [{"key": "a"}, {"key": "c"}])
    assert (answer["By RowIdentifier"], answer["By SID"]) == (2, 0)


def test_absent_field_keeps_its_value(portal, dataset):
    """An update merges: what it does not name stays (2.3)."""
    portal.soda.upsert(dataset, [{"key": "a", "amount": 2}])
    assert portal.rows(dataset, key="a") == [{"key": "a", "name": "one", "amount": "2"}]


def test_explicit_null_clears(portal, dataset):
    """A null in the body clears, and a null is left out of the answer (2.3, 2.4)."""
    portal.soda.upsert(dataset, [{"key": "a", "name": None}])
    assert portal.rows(dataset, key="a") == [{"key": "a", "amount": "1"}]


def test_replace_empties_first(portal, dataset):
    """PUT is truncate and insert: old rows go and get new ids (2.3)."""
    before = {row[":id"] for row in portal.rows(dataset, select=":id")}
    answer = portal.soda.replace(dataset, [{"key": "a", "amount": 5}])
    after = portal.rows(dataset, select=":id,key,name,amount")
    assert counts(answer) == (1, 0, 0, 0)
    assert [(row["key"], row.get("name")) for row in after] == [("a", None)]
    assert after[0][":id"] not in before


def test_replace_with_nothing_empties(portal, dataset):
    """An empty PUT truncates the dataset (1.4)."""
    portal.soda.replace(dataset, [])
    assert portal.rows(dataset) == []


def test_empty_upsert_changes_nothing(portal, dataset):
    """An empty POST is no write (1.4)."""
    before = portal.rows(dataset, select=":id,:version,:updated_at,key")
    assert counts(portal.soda.upsert(dataset, [])) == (0, 0, 0, 0)
    assert portal.rows(dataset, select=":id,:version,:updated_at,key") == before


def test_deleted_true_deletes(portal, dataset):
    """`":deleted": true` deletes by the key (2.3)."""
    answer = portal.soda.upsert(dataset, [{"key": "a", ":deleted": True}])
    assert counts(answer) == (0, 0, 1, 0)
    assert [row["key"] for row in portal.rows(dataset)] == ["b"]


@pytest.mark.parametrize("value", ["true", 1, "yes", False, None], ids=repr)
def test_only_true_deletes(portal, dataset, value):
    """Anything but a JSON true is no deletion (2.3)."""
    answer = portal.soda.upsert(dataset, [{"key": "a", ":deleted": value}])
    assert counts(answer) == (0, 1, 0, 0)


def test_list_of_a_key_deletes(portal, dataset):
    """A one-element array as a row is a deletion (2.3)."""
    assert counts(portal.soda.upsert(dataset, [["a"]])) == (0, 0, 1, 0)


def test_deleting_an_absent_key_is_counted(portal, dataset):
    """It is an error of the row, in an answer of 200 (2.3)."""
    answer = portal.soda.upsert(dataset, [{"key": "zz", ":deleted": True}, {"key": "c"}])
    assert counts(answer) == (1, 0, 0, 1)


def test_missing_key_is_a_row_error(portal, dataset):
    """A row without its identifier, or with null there, is left out and counted (2.3)."""
    answer = portal.soda.upsert(dataset, [{"name": "x"}, {"key": None}, {"key": "c"}])
    assert counts(answer) == (1, 0, 0, 2)


def test_same_key_twice_goes_in_order(portal, dataset):
    """The first mention creates, the second updates, the last wins (2.3)."""
    rows = [{"key": "c", "amount": 1, "name": "n"}, {"key": "c", "amount": 2}]
    assert counts(portal.soda.upsert(dataset, rows)) == (1, 1, 0, 0)
    assert portal.rows(dataset, key="c") == [{"key": "c", "name": "n", "amount": "2"}]


def test_delete_then_insert_keeps_order(portal, dataset):
    """A key that is deleted and sent again in one request starts anew (2.3)."""
    rows = [{"key": "a", ":deleted": True}, {"key": "a", "amount": 9}]
    assert counts(portal.soda.upsert(dataset, rows)) == (1, 0, 1, 0)
    assert portal.rows(dataset, key="a") == [{"key": "a", "amount": "9"}]


def test_insert_then_delete_leaves_nothing(portal, dataset):
    """Both are counted and nothing is kept (2.3)."""
    rows = [{"key": "c"}, {"key": "c", ":deleted": True}]
    assert counts(portal.soda.upsert(dataset, rows)) == (1, 0, 1, 0)
    assert portal.rows(dataset, key="c") == []


def test_identical_values_still_update(portal, dataset):
    """There is no detection of no-ops: `:updated_at` and `:version` move (2.3)."""
    (before,) = portal.rows(dataset, select=":updated_at,:version,:created_at,:id", key="a")
    portal.soda.upsert(dataset, [{"key": "a", "name": "one", "amount": 1}])
    (after,) = portal.rows(dataset, select=":updated_at,:version,:created_at,:id", key="a")
    assert after[":updated_at"] > before[":updated_at"]
    assert after[":version"] != before[":version"]
    assert (after[":id"], after[":created_at"]) == (before[":id"], before[":created_at"])


def test_one_request_has_one_time(portal, dataset):
    """`:updated_at` is the transaction's, the same for all rows: a batch marker (2.6)."""
    portal.soda.upsert(dataset, [{"key": "c"}, {"key": "d"}, {"key": "a"}])
    found = portal.rows(dataset, select=":updated_at", where="key in ('a', 'c', 'd')")
    assert len({row[":updated_at"] for row in found}) == 1


def test_names_match_caselessly(portal, dataset):
    """Case, and `-` for `_`, do not matter in field names (2.3)."""
    portal.soda.upsert(dataset, [{"KEY": "c", "Happened-At": "2024-01-02"}])
    assert portal.rows(dataset, key="c")[0]["happened_at"] == "2024-01-02T00:00:00.000"


def test_current_version_is_accepted(portal, dataset):
    """An update that names the row's version goes through (2.3)."""
    (row,) = portal.rows(dataset, select=":version", key="a")
    answer = portal.soda.upsert(dataset, [{"key": "a", ":version": row[":version"]}])
    assert counts(answer) == (0, 1, 0, 0)


def test_stale_version_is_a_row_error(portal, dataset):
    """A row that has moved on is not overwritten (2.3, `version_mismatch`)."""
    (row,) = portal.rows(dataset, select=":version", key="a")
    portal.soda.upsert(dataset, [{"key": "a", "amount": 7}])
    answer = portal.soda.upsert(dataset, [{"key": "a", ":version": row[":version"], "amount": 8}])
    assert counts(answer) == (0, 0, 0, 1)
    assert portal.rows(dataset, key="a")[0]["amount"] == "7"


def test_version_on_a_new_row_is_a_row_error(portal, dataset):
    """A row that is not there has no version (2.3, `version_on_new_row`)."""
    (row,) = portal.rows(dataset, select=":version", key="a")
    answer = portal.soda.upsert(dataset, [{"key": "new", ":version": row[":version"]}])
    assert counts(answer) == (0, 0, 0, 1)


def test_version_two_names_the_failed_row(portal, dataset):
    """`$$version=2.0` gives the reason, the index and the key (2.3, answer bodies)."""
    body = [{"key": "c"}, {"key": "zz", ":deleted": True}]
    answer = portal.http("POST", f"/resource/{dataset}.json?$$version=2.0", json=body).json()
    (error,) = answer.pop("errors")
    assert answer == {"rows_created": 1, "rows_updated": 0, "rows_deleted": 0}
    assert (error["input_index"], error["primary_key"]) == (1, "zz")
    assert "no record is found" in error["error"]


def test_single_object_answers_with_the_row(portal, dataset):
    """One object instead of an array gets the row back, not counters (2.3)."""
    answer = portal.soda.upsert(dataset, {"key": "a", "amount": 4})
    assert (answer["key"], answer["name"], answer["amount"]) == ("a", "one", "4")


@pytest.mark.parametrize(
    ("body", "status"),
    [({"name": "x"}, 400), ({"key": "zz", ":deleted": True}, 404)],
    ids=["no key", "no such row"],
)
def test_single_object_errors_are_fatal(portal, dataset, body, status):
    """With one object there is nobody else to go ahead for (2.3)."""
    assert portal.http("POST", f"/resource/{dataset}.json", json=body).status_code == status


def test_replace_takes_no_single_object(portal, dataset):
    """PUT takes an array only (2.3)."""
    answer = portal.http("PUT", f"/resource/{dataset}.json", json={"key": "a"})
    assert (answer.status_code, answer.json()["code"]) == (400, "req.content.json.invalid")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"key": "n", "nonsense": 1}, "invalid-request"),
        ({"key": "n", ":nonsense": 1}, "invalid-request"),
        ({"key": "n", "amount": "1,000"}, "invalid-request"),
        ({"key": "n", "KEY": "m"}, "invalid-request"),
        ({"key": "a", ":deleted": True, "amount": "x"}, "invalid-request"),
        ({":deleted": True}, "soda.row.delete-without-primary-key"),
        ([None], "soda.row.delete-without-primary-key"),
        ("a", "soda.row.upsert-row-not-an-object"),
        (["a", "b"], "soda.row.upsert-row-not-an-object"),
        (None, "soda.row.upsert-row-not-an-object"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_one_bad_row_refuses_the_request(portal, dataset, method, bad, code):
    """A request is all or nothing, whichever row is bad (2.3)."""
    before = portal.rows(dataset, select="*,:id,:version")
    body = [{"key": "first"}, {"key": "b", ":deleted": True}, bad]
    answer = portal.http(method, f"/resource/{dataset}.json", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert portal.rows(dataset, select="*,:id,:version") == before


def test_the_message_names_column_and_value(portal, dataset):
    """A bad value is named with its column and type, and without its row (2.3)."""
    with pytest.raises(requests.HTTPError, match="Expected number type for column amount, but"):
        portal.soda.upsert(dataset, [{"key": "a", "amount": "much"}])


def test_without_identifier_rows_are_always_new(portal):
    """Every retry duplicates in a dataset without a row identifier (2.3)."""
    dataset = portal.create(key=None, name="text")
    for _ in range(2):
        answer = portal.soda.upsert(dataset, [{"name": "x"}])
    assert (answer["Rows Created"], answer["By SID"]) == (1, 1)
    assert len(portal.rows(dataset)) == 2


def test_without_identifier_the_row_id_is_the_key(portal):
    """`:id` updates and deletes; one that is not there is a row error (2.3)."""
    dataset = portal.create(key=None, name="text")
    portal.soda.upsert(dataset, [{"name": "x"}, {"name": "y"}])
    first, second = (row[":id"] for row in portal.rows(dataset, select=":id"))
    answer = portal.soda.upsert(dataset, [{":id": first, "name": "z"}, [second], [second]])
    assert counts(answer) == (0, 1, 1, 1)
    assert portal.rows(dataset) == [{"name": "z"}]
    assert counts(portal.soda.upsert(dataset, [{":id": second, "name": "w"}])) == (0, 0, 0, 1)


def test_number_keys_compare_as_numbers(portal):
    """`7`, `"7"` and `7.0` are one key."""
    dataset = portal.create(key="n", n="number", name="text")
    portal.soda.upsert(dataset, [{"n": 7, "name": "a"}])
    answer = portal.soda.upsert(dataset, [{"n": "7", "name": "b"}, {"n": 7.0}, {"n": "07e0"}])
    assert counts(answer) == (0, 3, 0, 0)


def test_number_keys_too_long_to_be_told_apart_are_refused(portal):
    """SQLite would take two such keys for one, so neither is taken."""
    dataset = portal.create(key="n", n="number")
    body = [{"n": "123456789012345678901"}]
    assert portal.http("POST", f"/resource/{dataset}.json", json=body).status_code == 400


def test_a_row_can_be_read_by_its_key(portal, dataset):
    """`GET /resource/{id}/{key}.json` answers one object (2.1)."""
    answer = portal.http("GET", f"/resource/{dataset}/a.json")
    assert answer.json() == {"key": "a", "name": "one", "amount": "1"}


def test_a_row_can_be_deleted_by_its_key(portal, dataset):
    """Row DELETE answers what it did; a second time there is no row (2.3)."""
    assert portal.soda.delete(dataset, row_id="a") == [{"typ": "delete", "id": "a"}]
    answer = portal.http("DELETE", f"/resource/{dataset}/a.json")
    assert (answer.status_code, answer.json()["code"]) == (404, "soda.row.not-found")


@pytest.mark.parametrize("key", ["a.b", "x/y z", "c.json", "~:é"], ids=repr)
def test_odd_keys_survive_the_path(portal, dataset, key):
    """Only a last `.json` is taken off the path (6, must-haves)."""
    portal.soda.upsert(dataset, [{"key": key}])
    path = requests.utils.quote(f"/resource/{dataset}/{key}.json")
    assert portal.http("GET", path).json() == {"key": key}


def test_an_unreadable_row_id_deletes_nothing(portal):
    """A row id that no row can have is not found."""
    dataset = portal.create(key=None, name="text")
    portal.soda.upsert(dataset, [{"name": "x"}])
    assert portal.http("DELETE", f"/resource/{dataset}/nonsense.json").status_code == 404
    assert len(portal.rows(dataset)) == 1
