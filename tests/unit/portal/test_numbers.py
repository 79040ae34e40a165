"""Arithmetic of the portal: decimals, exact, as PostgreSQL has them (protocol 2.4, `number`)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration.portal import numbers

WIDE = Context(prec=5_000)
figures = st.builds(
    lambda digits, places: Decimal(f"{digits}E-{places}"),
    st.integers(-(10**40), 10**40) | st.integers(-1000, 1000),
    st.integers(0, 25),
)
written = figures.map(lambda value: format(value, "f"))


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        ("0.1", "+", "0.2", "0.3"),
        (9007199254740993, "+", 1, 9007199254740994),
        (1, "/", 3, "0.33333333333333333333"),
        (2, "/", "3000000", "6.66666666666666667E-7"),
        ("1e30", "/", 3, "333333333333333333333333333333"),
        (10, "/", 4, "2.5"),
        (-1, "/", 3, "-0.33333333333333333333"),
        ("38.8977", "%", 1, "0.8977"),
        ("-77.0365", "%", 1, "-0.0365"),
        (7, "%", -3, 1),
        ("1.50", "*", 2, 3),
        (0.5, "+", "0.25", 0.75),
        (5.5, "%", 2, 1.5),
    ],
)
def test_known_results(left, operator, right, expected):
    """The digits are those of PostgreSQL's `numeric`; a double makes it a double."""
    assert numbers.compute(operator, left, right) == expected


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [
        (1, "/", 0),
        (1, "%", "0.0"),
        (1.0, "/", 0),
        (1.0, "%", 0.0),
        (1e308, "*", 10),
        ("1e999", "*", "1e999999"),
    ],
)
def test_no_answer_is_refused(left, operator, right):
    """By zero, or out of range: never null, never infinity."""
    with pytest.raises(numbers.ArithmeticRefusedError):
        numbers.compute(operator, left, right)


@given(written, st.sampled_from("+-*%/"), written)
@settings(max_examples=300, deadline=None)
def test_results_are_exact(left, operator, right):
    """As Python's decimals with room for every digit; a quotient is within half of its last one."""
    one, other = Decimal(left), Decimal(right)
    if operator in "/%" and not other:
        return
    found = numbers.exact(numbers.compute(operator, left, right))
    with localcontext(WIDE):
        if operator == "/":
            assert abs(found - one / other) <= Decimal("0.5e-16") * max(abs(found), 1)
            places = max(-found.as_tuple().exponent, 0)
            step = Decimal(1).scaleb(-places)
            assert found == (one / other).quantize(step, ROUND_HALF_UP)
        else:
            expected = {"+": one + other, "-": one - other, "*": one * other}
            assert found == (expected[operator] if operator in expected else one % other)


@given(written, written)
@example("5", "5.0")
@example("-5", "-5.1")
@example("9007199254740993", "9007199254740993.0")
@example("0", "-0.0")
@settings(max_examples=300, deadline=None)
def test_order_and_sort_keys_agree(left, right):
    """Keys sort as numbers compare, to the last digit."""
    one, other = numbers.sort_key(left), numbers.sort_key(right)
    order = (one > other) - (one < other)
    assert order == numbers.order(left, right) == int(Decimal(left).compare(Decimal(right)))


def _trees():
    leaves = figures.map(lambda value: (f"{value:f}", value))

    def grown(children):
        binary = st.tuples(children, st.sampled_from("+-*%"), children).map(_joined)
        negated = children.map(lambda tree: (f"-({tree[0]})", _negative(tree[1])))
        return binary | negated

    return st.recursive(leaves, grown, max_leaves=8)


def _negative(value):
    return None if value is None else value.copy_negate()


def _joined(parts):
    (left, one), operator, (right, other) = parts
    text = f"({left}) {operator} ({right})"
    if one is None or other is None or (operator == "%" and not other):
        return text, None
    with localcontext(WIDE):
        value = {
            "+": lambda: one + other,
            "-": lambda: one - other,
            "*": lambda: one * other,
            "%": lambda: one % other,
        }[operator]()
    return text, value


@pytest.fixture(scope="module")
def one_row(portal):
    dataset = portal.create(key=None, n="number")
    portal.soda.upsert(dataset, [{"n": 1}])
    return dataset


@given(tree=_trees())
@settings(max_examples=150, deadline=None)
def test_queries_compute_as_decimals_do(portal, one_row, tree):
    """Any expression of SoQL is what Python's decimals make of it, or a 400 where they make nothing."""
    text, expected = tree
    query = {"$select": f"{text} as x, ({text}) + 0.10 > {text} as more"}
    answer = portal.http("GET", f"/resource/{one_row}.json", params=query)
    if expected is None:
        assert answer.json()["code"] == "query.soql.runtime-error"
    else:
        (row,) = answer.json()
        assert (Decimal(row["x"]), row["more"]) == (expected, True)


@pytest.mark.parametrize("n", ["12345678901234567890", "1.234567890123456"])
def test_numbers_that_doubles_confuse_identify_no_rows(portal, n):
    """Neither those that are there when a column becomes the key, nor those that come later."""
    dataset = portal.create(key=None, n="number")
    portal.soda.upsert(dataset, [{"n": n}])
    chosen = {"metadata": {"rowIdentifier": "n"}}
    assert portal.http("PUT", f"/api/views/{dataset}.json", json=chosen).status_code == 400
    portal.soda.replace(dataset, [{"n": 1}])
    assert portal.http("PUT", f"/api/views/{dataset}.json", json=chosen).status_code == 200
    assert portal.http("POST", f"/resource/{dataset}.json", json=[{"n": n}]).status_code == 400
    assert portal.rows(dataset) == [{"n": "1"}]
