"""Queries: clauses, conditions, aggregates, order and paging (protocol 2.6)."""

from __future__ import annotations

import pytest
import requests

ROWS = [
    {"key": "a", "name": "Alpha", "amount": 1, "happened_at": "2024-01-01", "is_open": True},
    {"key": "b", "name": "beta", "amount": "2.5", "happened_at": "2024-02-01", "is_open": False},
    {"key": "c", "name": "it's", "amount": -3, "happened_at": "2024-03-01T12:00:00"},
    {"key": "d", "name": "Éclair au café", "amount": 10},
    {"key": "e"},
]


@pytest.fixture(scope="module")
def dataset(portal):
    found = portal.create()
    portal.soda.upsert(found, ROWS)
    return found


def keys(portal, dataset, **query):
    return "".join(row["key"] for row in portal.soda.get(dataset, **{"order": "key", **query}))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("name = 'Alpha'", "a"),
        ("name = 'alpha'", ""),
        ("name = 'it''s'", "c"),
        ("name != 'Alpha'", "bcd"),
        ("name <> 'Alpha'", "bcd"),
        ("NAME = 'Alpha'", "a"),
        ("`name` = 'Alpha'", "a"),
        ("amount > 1", "bd"),
        ("amount >= 1", "abd"),
        ("amount < 1", "c"),
        ("amount <= '1'", "ac"),
        ("amount = 2.50", "b"),
        ("amount = -3", "c"),
        ("amount + 1 = 2", "a"),
        ("amount * 2 > 4.9", "bd"),
        ("amount / 4 = 0.25", "a"),
        ("amount between 1 and 2.5", "ab"),
        ("amount not between 1 and 2.5", "cd"),
        ("amount in (1, 10)", "ad"),
        ("name in ('Alpha', 'beta')", "ab"),
        ("key not in ('a', 'b')", "cde"),
        ("name is null", "e"),
        ("name is not null", "abcd"),
        ("happened_at is null", "de"),
        ("name like '%a%'", "abd"),
        ("name like 'b_ta'", "b"),
        ("name not like '%a%'", "c"),
        ("starts_with(name, 'Al')", "a"),
        ("contains(lower(name), 'éclair')", "d"),
        ("upper(name) = 'BETA'", "b"),
        ("happened_at > '2024-01-31'", "bc"),
        ("happened_at >= '2024-03-01T12:00:00'", "c"),
        ("date_trunc_ym(happened_at) = '2024-03-01'", "c"),
        ("date_extract_m(happened_at) = 2", "b"),
        ("is_open", "a"),
        ("is_open = false", "b"),
        ("not is_open", "b"),
        ("not (amount > 1 or amount < 0)", "a"),
        ("amount > 0 and name = 'beta' or key = 'c'", "bc"),
        ("amount > 0 AND (name = 'beta' OR key = 'c')", "b"),
        ("not not key = 'a'", "a"),
        (":id is not null and key = 'a'", "a"),
        ("coalesce(name, 'none') = 'none'", "e"),
        ("key in (" + ",".join(f"'{n}'" for n in range(1500)) + ",'a')", "a"),
        ("", "abcde"),
        ("amount % 1 = 0.5", "b"),
        ("amount = 0.1 + 2.4", "b"),
        ("amount - 1 = '0'", "a"),
        ("amount-1 = 0", "a"),
        ("amount % 2 between 0 and 0.5", "bd"),
        ("amount % 2 in (0, 1)", "ad"),
        ("1 in (amount, 2 - 1) and key = 'c'", "c"),
        ("coalesce(amount, 1.50) = 1.5", "e"),
        ('name = "it\'s"', "c"),
        ('name = "Alph\\u0061"', "a"),
        ('name in ("Alpha", "beta")', "ab"),
        ("name = 'Alpha' -- the first", "a"),
        ("name = /* not 'beta' */ 'Alpha'", "a"),
        ("case(amount > 5, 'much', amount > 0, 'some', true, 'less') = 'some'", "ab"),
        ("case when amount > 5 then 'much' when amount > 0 then 'some' end = 'some'", "ab"),
        ("case when amount > 5 then 1 else 2.50 end = 2.5", "abce"),
        ("date_extract_dow(happened_at) = 1", "a"),
        ("date_extract_dow(happened_at) = date_extract_dow('2024-02-01')", "b"),
        ("date_extract_woy(happened_at) = 9", "c"),
        ("date_extract_hh(happened_at) = 12 and date_extract_mm(happened_at) = 0", "c"),
        ("date_extract_ss(happened_at) = 0", "abc"),
    ],
)
def test_where(portal, dataset, where, expected):
    """Operators compare as SoQL says: case counts, null is neither yes nor no."""
    assert keys(portal, dataset, where=where) == expected


def test_system_fields_can_be_compared(portal, dataset):
    """`:id` and `:updated_at` work as markers and keys."""
    (row,) = portal.soda.get(dataset, select=":id,:updated_at", where="key = 'c'")
    assert keys(portal, dataset, where=f":id = '{row[':id']}'") == "c"
    assert keys(portal, dataset, where=f":updated_at >= '{row[':updated_at']}'") == "abcde"
    assert keys(portal, dataset, where=f":updated_at > '{row[':updated_at']}'") == ""


def test_simple_filters(portal, dataset):
    """`column=value` filters, and several mean all of them."""
    assert keys(portal, dataset, amount="2.5") == "b"
    assert keys(portal, dataset, is_open="true", name="Alpha") == "a"
    assert keys(portal, dataset, name="it's", where="amount < 0") == "c"


def test_search_finds_words_in_text(portal, dataset):
    """`$q` looks for every word in any text column, without case."""
    assert keys(portal, dataset, q="CAFÉ écl") == "d"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("amount", "cabde"),
        ("amount asc", "cabde"),
        ("amount desc", "edbac"),
        ("is_open, key desc", "baedc"),
        ("name is null desc, key", "eabcd"),
        ("key desc", "edcba"),
        ("amount null last", "cabde"),
        ("amount NULLS FIRST", "ecabd"),
        ("amount desc null last", "dbace"),
        ("amount desc nulls first, key", "edbac"),
        ("amount % 2 desc null last, key", "abdce"),
    ],
)
def test_order(portal, dataset, order, expected):
    """Numbers sort as numbers; nulls come last, and first when descending, or where the query says."""
    assert keys(portal, dataset, order=order) == expected


def test_without_order_rows_do_not_come_as_inserted(portal):
    """There is no implicit order, and it changes when the data does (2.6)."""
    dataset = portal.create(key="n", n="number")
    portal.soda.upsert(dataset, [{"n": n} for n in range(200)])
    first = [row["n"] for row in portal.soda.get(dataset)]
    assert first != [str(n) for n in range(200)]
    portal.soda.upsert(dataset, [{"n": 0}])
    assert first != [row["n"] for row in portal.soda.get(dataset)]
    assert sorted(map(int, first)) == list(range(200))


def test_limit_and_offset(portal, dataset):
    """Pages fit together."""
    assert keys(portal, dataset, limit=2) + keys(portal, dataset, limit=9, offset=2) == "abcde"
    assert keys(portal, dataset, limit=0) == ""


def test_default_limit(portal):
    """Without `$limit` there are 1,000 rows (2.6), and `get_all` gets all."""
    dataset = portal.create(key="n", n="number")
    portal.soda.upsert(dataset, [{"n": n} for n in range(2345)])
    assert len(portal.soda.get(dataset)) == 1000
    assert len({row["n"] for row in portal.soda.get_all(dataset, order=":id")}) == 2345


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("count(*)", {"count": "5"}),
        ("count(*) as n", {"n": "5"}),
        ("count(name)", {"count_name": "4"}),
        ("count(distinct is_open) as n", {"n": "2"}),
        ("sum(amount)", {"sum_amount": "10.5"}),
        ("min(amount), max(amount)", {"min_amount": "-3", "max_amount": "10"}),
        ("avg(amount)", {"avg_amount": "2.625"}),
        ("min(name), max(key)", {"min_name": "Alpha", "max_key": "e"}),
        ("max(happened_at) as m", {"m": "2024-03-01T12:00:00.000"}),
        ("sum(amount * 2) as twice", {"twice": "21"}),
        ("upper(max(key)) as m", {"m": "E"}),
        ("sum(case(is_open, 1, true, 0)) as n", {"n": "1"}),
        ("sum(amount) / count(amount) as mean", {"mean": "2.625"}),
        ("count(distinct amount % 1) as n", {"n": "2"}),
    ],
)
def test_aggregates(portal, dataset, select, expected):
    """Aggregates come as text under the names that SoQL gives them (2.6)."""
    assert portal.soda.get(dataset, select=select) == [expected]


def test_sum_of_nothing_is_left_out(portal, dataset):
    """`sum` over no rows is null (2.6)."""
    assert portal.soda.get(dataset, select="sum(amount)", where="key = 'zz'") == [{}]


def test_sums_are_exact(portal):
    """Ten times a tenth is one, and long numbers lose no digit: what is checked can be checked."""
    dataset = portal.create(key=None, n="number")
    portal.soda.upsert(dataset, [{"n": "0.1"}] * 10 + [{"n": "123456789012345678901234567890"}])
    (row,) = portal.soda.get(dataset, select="sum(n) as s, max(n) as m, min(n) as l")
    assert row["s"] == "123456789012345678901234567891.0"
    assert (row["m"], row["l"]) == ("123456789012345678901234567890", "0.1")


def test_implicit_alias_gives_way_to_a_column(portal):
    """A name that a column has already gets a number (2.6)."""
    dataset = portal.create(key=None, count="number")
    portal.soda.upsert(dataset, [{"count": 5}])
    assert portal.soda.get(dataset, select="count(*)") == [{"count_1": "1"}]


def test_group_having_order_by_alias(portal):
    """Groups are filtered and sorted by what is computed, under its alias."""
    dataset = portal.create(key=None, kind="text", n="number")
    rows = [{"kind": kind, "n": n} for n, kind in enumerate("aabbbc")]
    portal.soda.upsert(dataset, rows)
    found = portal.soda.get(
        dataset,
        select="kind, count(*) as n_rows, sum(n)",
        group="kind",
        order="n_rows desc",
        **{"$having": "n_rows > 1"},
    )
    assert found == [
        {"kind": "b", "n_rows": "3", "sum_n": "9"},
        {"kind": "a", "n_rows": "2", "sum_n": "1"},
    ]


def test_implicit_aliases_can_be_named(portal, dataset):
    """What SoQL calls a column is a name in `$having` and `$order`, and in `$group`."""
    query = {"select": "is_open, count(*), sum(amount)", "group": "is_open", "order": "count desc"}
    found = portal.soda.get(dataset, **query, **{"$having": "count > 1 or sum_amount = 1"})
    assert [row["count"] for row in found] == ["3", "1"]
    select = "date_extract_y(happened_at), count(*)"
    group = "date_extract_y_happened_at"
    found = portal.soda.get(dataset, select=select, group=group, order="count")
    assert [row["count"] for row in found] == ["2", "3"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"select": "distinct amount > 0 as more", "order": "more"}, [False, True, None]),
        ({"select": "DISTINCT amount % 1 as more", "order": "more desc"}, [None, "0.5", "0"]),
        ({"select": "distinct is_open as more", "order": "more null first"}, [None, False, True]),
        ({"select": "distinct is_open as more", "order": "more", "limit": 1, "offset": 1}, [True]),
        ({"query": "select distinct is_open as more order by more desc limit 2"}, [None, True]),
        ({"select": "distinct count(*) as more", "group": "key"}, ["1"]),
        ({"select": "distinct is_open as more", "where": "amount > 5"}, [None]),
    ],
)
def test_distinct(portal, dataset, query, expected):
    """Each row of values comes once, after grouping and before paging."""
    assert [row.get("more") for row in portal.soda.get(dataset, **query)] == expected


def test_distinct_numbers_however_they_are_written(portal):
    """`5` and `5.0` are one number, and so for `group` and `count(distinct …)`."""
    dataset = portal.create(key=None, n="number")
    close = ["5.00000000000000000001", "9007199254740993", "9007199254740993.0"]
    portal.soda.upsert(dataset, [{"n": n} for n in ["5", "5.0", "5", *close]])
    assert len(portal.soda.get(dataset, select="distinct n")) == 3
    assert len(portal.soda.get(dataset, select="n, count(*)", group="n")) == 3
    assert portal.soda.get(dataset, select="count(distinct n) as n_numbers")[0]["n_numbers"] == "3"
    for where, count in (
        ("n = 5", 3),
        ("n > 5", 3),
        ("n in (5, 7)", 3),
        ("n < 9007199254740993", 4),
    ):
        (row,) = portal.soda.get(dataset, select="count(*) as found", where=where)
        assert (where, row["found"]) == (where, str(count))
    ordered = portal.soda.get(dataset, order="n desc", limit=3)
    assert [row["n"] for row in ordered][2] == close[0]


def test_a_column_called_distinct(portal):
    """The word is a column's name where nothing follows that could be distinct."""
    dataset = portal.create(key=None, distinct="text", case="text")
    portal.soda.upsert(dataset, [{"distinct": "a", "case": "b"}])
    for select in ("distinct, case", "case, distinct", "*", "distinct distinct, case"):
        assert portal.soda.get(dataset, select=select) == [{"distinct": "a", "case": "b"}]


def test_empty_clauses_say_nothing(portal, dataset):
    """Clients send `$where=` and `$order=` for nothing asked."""
    empty = {f"${name}": " " for name in ("select", "where", "order", "group", "having", "q")}
    answer = portal.http("GET", f"/resource/{dataset}.json", params={**empty, "$limit": 10**9})
    assert {row["key"] for row in answer.json()} == set("abcde")


def test_group_by_an_expression(portal, dataset):
    """What is grouped by may be computed and have an alias."""
    found = portal.soda.get(
        dataset,
        select="date_extract_y(happened_at) as year, count(*) as n",
        where="happened_at is not null",
        group="year",
    )
    assert found == [{"year": "2024", "n": "3"}]


def test_what_is_grouped_by_can_be_computed_with(portal, dataset):
    """As a part of an expression too, on its left or its right."""
    select = "amount + 1 - 1 as n, 1 + (amount + 1) as more, count(*) as rows"
    query = {"select": select, "group": "amount + 1", "order": "n", "limit": 1}
    assert portal.soda.get(dataset, **query) == [{"n": "-3", "more": "-1", "rows": "1"}]


def test_whole_query(portal, dataset):
    """`$query` says everything in one statement."""
    query = "select key, amount as a where amount > 0 order by amount desc limit 2 offset 1"
    found = portal.soda.get(dataset, query=query)
    assert found == [{"key": "b", "a": "2.5"}, {"key": "a", "a": "1"}]


def test_query_stands_alone(portal, dataset):
    """`$query` excludes the other clauses (2.6)."""
    answer = portal.http("GET", f"/resource/{dataset}.json?$query=select key&$limit=1")
    assert answer.status_code == 400


def test_system_fields_only_when_asked(portal, dataset):
    """`*` has none; they are named, or `:*`, or not excluded (2.6)."""
    system = {":id", ":created_at", ":updated_at", ":version"}
    (row,) = portal.soda.get(dataset, where="key = 'e'")
    (starred,) = portal.soda.get(dataset, where="key = 'e'", select=":*,*")
    (included,) = portal.soda.get(dataset, where="key = 'e'", exclude_system_fields=False)
    assert set(row) == {"key"}
    assert set(starred) == set(included) == system | {"key"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"select": "nonsense"}, "no-such-column"),
        ({"where": "nonsense = 1"}, "no-such-column"),
        ({"order": "nonsense"}, "no-such-column"),
        ({"nonsense": "1"}, "no-such-column"),
        ({"select": "distinct key", "order": "amount"}, "order-by-must-be-selected"),
        ({"select": "case(is_open)"}, "type-mismatch"),
        ({"select": "case(is_open, 1, true, 2, false)"}, "type-mismatch"),
        ({"select": "case(is_open, 1, true, key)"}, "type-mismatch"),
        ({"select": "case(key, 1)"}, "type-mismatch"),
        ({"select": "case when is_open then 1"}, "parse-error"),
        ({"select": "amount / 0"}, "runtime-error"),
        ({"where": "amount % (key is null and 1 = 2) = 1"}, "type-mismatch"),
        ({"select": "avg(amount % 0)"}, "runtime-error"),
        ({"order": "amount null"}, "parse-error"),
        ({"where": "name + 1 = 2"}, "type-mismatch"),
        ({"where": 'name = "\\q"'}, "parse-error"),
        ({"where": 'name = "\\ud800"'}, "parse-error"),
        ({"where": 'name = "open'}, "parse-error"),
        ({"select": "key |> select key"}, "parse-error"),
        ({"select": "amount ^ 2"}, "parse-error"),
        ({"select": "key::text"}, "parse-error"),
        ({"where": 'key = "a"; drop table datasets'}, "parse-error"),
        ({"where": "key ="}, "parse-error"),
        ({"where": "key = 'a"}, "parse-error"),
        ({"where": "(key = 'a'"}, "parse-error"),
        ({"select": "key as"}, "parse-error"),
        ({"where": "amount = 'much'"}, "type-mismatch"),
        ({"where": "name = 1"}, "type-mismatch"),
        ({"where": "name"}, "type-mismatch"),
        ({"where": "place = 'x'"}, "type-mismatch"),
        ({"where": "happened_at > 'soon'"}, "type-mismatch"),
        ({"where": ":id = 'nonsense'"}, "type-mismatch"),
        ({"select": "sum(name)"}, "type-mismatch"),
        ({"order": "place"}, "type-mismatch"),
        ({"where": "count(*) > 1"}, "aggregate-in-ungrouped-context"),
        ({"select": "sum(max(amount))"}, "aggregate-in-ungrouped-context"),
        ({"select": "key, count(*)"}, "column-not-in-group-bys"),
        ({"select": "key, key"}, "duplicate-alias"),
        ({"where": "nonsense(key)"}, "no-such-function"),
        ({"where": "(" * 200 + "is_open" + ")" * 200}, "too-complex"),
        ({"where": " and ".join(["is_open"] * 3000)}, "too-complex"),
        ({"select": "amount" + " + 1" * 500}, "too-complex"),
    ],
)
def test_query_is_refused(portal, dataset, query, code):
    """A query that cannot be answered is a 400 with the code of the real one (2.6)."""
    with pytest.raises(requests.HTTPError) as caught:
        portal.soda.get(dataset, **query)
    assert caught.value.response.status_code == 400
    assert caught.value.response.json()["errorCode"] == f"query.soql.{code}"


@pytest.mark.parametrize(
    ("wrap", "depth"),
    [
        ("case(1 between 0 and ({}), 1)", 6),
        ("case(({}) >= 0, 1)", 9),
        ("coalesce({}, 1)", 20),
        ("1 * -(-1 - 1 + {})", 18),
        ("{} + 1 - 1", 28),
    ],
)
def test_nesting_costs_no_more_than_its_length(portal, dataset, wrap, depth):
    """What stands inside is compiled once and computed once."""
    text = "1"
    for _ in range(depth):
        text = wrap.format(text)
    assert portal.soda.get(dataset, select=f"{text} as one", limit=1) == [{"one": "1"}]


@pytest.mark.parametrize(
    "parameter",
    ["$limit=-1", "$limit=x", "$limit=", "$offset=9999999999999999999", "$nonsense=1"],
)
def test_parameter_is_refused(portal, dataset, parameter):
    """Paging has its limits (2.6)."""
    answer = portal.http("GET", f"/resource/{dataset}.json?{parameter}")
    assert (answer.status_code, answer.json()["code"]) == (400, "req.bad-parameter")
