"""Transforms of drafts: comparisons, conditions, `replace`; they say what queries say (protocol 3.1)."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration.portal.dsmapi.transforms import CellError, as_json, compile_transform
from orchestration.portal.errors import PortalError

COLUMNS = {"t": 0, "u": 1, "n": 2, "d": 3, "f": 4}
TYPED = {
    "t": "`t`",
    "u": "`u`",
    "n": "to_number(`n`)",
    "d": "to_floating_timestamp(`d`)",
    "f": "to_boolean(`f`)",
}
LINES = [
    ["a", "b", "1", "2024-01-31T00:00:00", "true"],
    ["b", "a-b%", "2.50", "2024-02-01T12:30:15", "false"],
    ["É", "a", "-3", None, None],
    [None, "e", None, "1999-12-31T23:59:59", "true"],
    ["a-b", None, "12345678901234567890.1", None, "false"],
]


def outcome(text, line):
    kind, evaluate = compile_transform(text, COLUMNS)
    return as_json(kind, evaluate(line))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("replace('some-text-literal', '-', '_')", "some_text_literal"),
        ("replace(`t`, 'a', 'bb')", "bb"),
        ("replace(`t`, '', 'x')", "a"),
        ("replace(`t`, 'a', null)", None),
        ('replace(`t`, "a", "\\"")', '"'),
        ("`t` = 'a'", True),
        ("`t` == `u`", False),
        ("`t` <> `u`", True),
        ("`t` < `u`", True),
        ("'a' >= 'b'", False),
        ("3 >= 2", True),
        ("to_number(`n`) = '1.0'", True),
        ("to_number(`n`) > 0.99999999999999999999", True),
        ("to_floating_timestamp(`d`) > '2024-01-30'", True),
        ("null = 1", None),
        ("null is null", True),
        ("`t` is not null", True),
        ("`t` in ('x', 'a')", True),
        ("to_number(`n`) not in (2, 3)", True),
        ("to_number(`n`) between 1 and 2", True),
        ("`t` like 'A%' or not `t` like '_'", False),
        ("`u` like 'b' and true", True),
        ("contains(`t`, 'a')", True),
        ("starts_with(`t`, 'b')", False),
        ("to_boolean(`f`) and to_number(`n`) > 0", True),
        ("case(1 == 2, 'never', true, 'always')", "always"),
        ("case(to_number(`n`) > 5, 'much', to_number(`n`) > 0, 'some')", "some"),
        ("case when to_number(`n`) > 5 then 1 else 2.50 end", "2.50"),
        ("case(`t` = 'a', 1, true, error('no a but ' || `t`))", "1"),
        ("coalesce(null, to_number(`n`))", "1"),
        ("false and to_number(`t`) = 1", False),
        ("0.1 + 0.2", "0.3"),
        ("to_number(`n`) % 0.3", "0.1"),
        ("-to_number(`n`)", "-1"),
        ("1 / 3", "0.33333333333333333333"),
        ("to_text(to_boolean(`f`))", "true"),
    ],
)
def test_value(text, expected):
    """Of the first line."""
    assert outcome(text, LINES[0]) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case(`t` = 'b', 1, true, error('no b but ' || `t`))", "no b but a"),
        ("true and to_number(`t`) = 1", "Unable to convert"),
        ("to_number(`n`) / 0", "Unable to compute"),
        ("to_number(`n`) % 0", "Unable to compute"),
    ],
)
def test_cell_error(text, message):
    """An error of the cell, which says what it is, where the line comes to it."""
    with pytest.raises(CellError, match=message):
        outcome(text, LINES[0])
    assert outcome(f"forgive({text})", LINES[0]) is None


@pytest.mark.parametrize(
    "text",
    [
        "`t` = 1",
        "to_number(`n`) > 'much'",
        "to_point(`t`) = to_point(`u`)",
        "to_boolean(`f`) < true",
        "`t` and true",
        "not `t`",
        "case(true)",
        "case(`t`, 1)",
        "case(true, 1, true, 'x')",
        "coalesce(`t`, 1)",
        "replace(`t`, 'a')",
        "replace(to_number(`n`), 'a', 'b')",
        "`t` like 1",
        "`t` + 1",
        "sum(to_number(`n`))",
        "nonsense(`t`)",
        "`nonsense`",
        "to_number(to_boolean(`f`))",
    ],
)
def test_refused(text):
    """What makes no sense is refused with the schema, not cell by cell."""
    with pytest.raises(PortalError) as caught:
        compile_transform(text, COLUMNS)
    assert (caught.value.status, caught.value.code) == (400, "invalid-transform")


def test_compiling_costs_no_more_than_the_length():
    """What stands inside is compiled once, however deep."""
    text = "`t`"
    for _ in range(27):
        text = f"case({text} = 'a', 'a', true, coalesce('b'))"
    assert outcome(text, LINES[0]) == "a"


def quoted(text):
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


FIGURES = ["0", "1", "2.5", "-3", "12345678901234567890.10"]
NUMBERS = st.just("n") | st.sampled_from(FIGURES)
TEXTS = st.sampled_from(["t", "u"]) | st.sampled_from(["a", "b", "É", "a-b", "it's", ""]).map(
    quoted
)
DATES = st.sampled_from(["d", "'2024-01-31'", "'2024-02-01T12:30:15.000'"])
COMPARED = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


def conditions():
    def compared(values):
        pair = st.tuples(values, COMPARED, values).map(lambda p: f"({p[0]} {p[1]} {p[2]})")
        several = st.tuples(values, values, values)
        between = several.map(lambda p: f"({p[0]} between {p[1]} and {p[2]})")
        listed = several.map(lambda p: f"({p[0]} not in ({p[1]}, {p[2]}))")
        return pair | between | listed | values.map(lambda value: f"({value} is null)")

    computed = st.tuples(NUMBERS, st.sampled_from("+-*"), NUMBERS).map(lambda p: f"({' '.join(p)})")
    simple = compared(NUMBERS | computed) | compared(TEXTS) | compared(DATES)
    likes = st.tuples(TEXTS, st.sampled_from(["'a%'", "'_'", "'%b\\%'", "'%'"]))
    simple |= likes.map(lambda p: f"({p[0]} like {p[1]})") | st.sampled_from(["f", "true", "false"])
    return st.recursive(
        simple,
        lambda inner: (
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda p: f"({p[0]} {p[1]} {p[2]})"
            )
            | inner.map(lambda text: f"(not {text})")
            | st.tuples(inner, inner, inner).map(lambda p: f"case({p[0]}, {p[1]}, true, {p[2]})")
        ),
        max_leaves=6,
    )


@pytest.fixture(scope="module")
def dataset(portal):
    kinds = {"t": "text", "u": "text", "n": "number", "d": "calendar_date", "f": "checkbox"}
    found = portal.create(key="k", k="number", **kinds)
    rows = [dict(zip(kinds, line, strict=True)) for line in LINES]
    for number, row in enumerate(rows):
        row |= {"k": number, "f": None if row["f"] is None else row["f"] == "true"}
    portal.soda.upsert(found, rows)
    return found


def as_transform(text):
    """The query's expression over the columns of a file, which are all text."""
    words = text.replace("(", "( ").replace(")", " )").replace(",", " ,").split(" ")
    return " ".join(TYPED.get(word, word) for word in words)


@given(text=conditions())
@example(text="case((n > 1), (t = u), true, (not (f or (u is null))))")
@example(text="(12345678901234567890.10 = n)")
@settings(max_examples=200, deadline=None)
def test_transforms_say_what_queries_say(portal, dataset, text):
    """The same expression over the same values gives the same, line by line and row by row."""
    query = {"$select": f"case({text}, 'yes', not {text}, 'no') as x", "$order": "k"}
    answer = portal.http("GET", f"/resource/{dataset}.json", params=query)
    told = {"yes": True, "no": False, None: None}
    assert answer.status_code == 200, answer.text
    expected = [told[row.get("x")] for row in answer.json()]
    assert [outcome(as_transform(text), line) for line in LINES] == expected
