"""What is drafted of a column: its kind of domain, and what never gets into one."""

import re
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.column import Column, Domain
from orchestration.dataset import Dataset
from orchestration.upgrading.drafts import Draft, draft, shape_pattern
from tests.unit.publishing.conftest import trees

UNTIL = date(2027, 2, 27)
POLICY = {
    "id": "sick_trees", "action": "withhold", "column": "species", "values": ["ASH DIEBACK"],
    "statement": "-", "authority": "-", "source": "-", "approved_by": "-",
    "approved_on": date(2026, 1, 1), "review_on": date(2027, 1, 1),
}  # fmt: skip


def drafted(
    values: dict[Any, int],
    *,
    known: tuple[str, ...] = (),
    dataset: Dataset | None = None,
    **column: Any,
) -> Draft:
    described = {"name": "species", "source": "s", "description": "-", "privacy": "publish"}
    made = draft(
        dataset or trees(),
        Column.model_validate(described | column),
        values,
        until=UNTIL,
        known=known,
        source="Published",
        policies="Policies",
    )
    Domain.model_validate(made.domain)
    assert made.domain.get("until", UNTIL) == UNTIL
    return made


@pytest.mark.parametrize(
    ("column", "values", "domain"),
    [
        ({}, {"oak": 9, "beech": 7}, {"vocabulary": ["trees_species"]}),
        ({}, {"oak | ash": 9, " | ash": 7}, {"vocabulary": ["trees_species"], "separator": " | "}),
        ({}, {"T1": 1, "T22": 1, "T333": 1}, {"pattern": "[A-Z][0-9]{1,3}"}),
        ({}, {"A-1": 1, "b2": 1}, {"pattern": "(?:[A-Z]-[0-9]|[a-z][0-9])"}),
        ({}, {"it fell on a car": 1, "Mrs. X saw it": 1}, {"free_text": True}),
        ({}, {}, {"free_text": True}),
        ({"type": "boolean"}, {True: 3, False: 4}, {"either": True}),
        ({"type": "number"}, {3.0: 1, 71.25: 2}, {"range": [0, 72], "decimals": 2}),
        ({"type": "number"}, {-91.5: 1, -90.25: 2}, {"range": [-92, -90], "decimals": 2}),
        ({"type": "number"}, {}, {"range": [0, 0]}),
        ({"type": "date"}, {date(2024, 5, 6): 1}, {"since": date(2024, 1, 1)}),
        ({"type": "timestamp"}, {datetime(2023, 5, 6, 7): 1}, {"since": date(2023, 1, 1)}),
        (
            {"type": "point"},
            {"POINT (-90.07 29.951)": 1},
            {"box": [-90.1, 29.9, -90.0, 30.0], "decimals": 3},
        ),
        (
            {"spelling": {"vocabulary": ["street_names"], "prefix": "[0-9]{3}XX "}},
            {"012XX Canal St": 40},
            {"place": True},
        ),
    ],
    ids=[
        "words", "lists", "codes", "two shapes", "told", "nothing", "boolean", "number", "negative",
        "no number", "date", "time", "point", "place",
    ],
)  # fmt: skip
def test_kind_follows_what_was_published(
    column: dict[str, Any], values: dict[Any, int], domain: dict[str, Any]
) -> None:
    """Each is open with its reason and its day, where that kind can be; free text closes by its scan."""
    made = drafted(values, **column).domain
    kept = {name: said for name, said in made.items() if name not in ("open", "reason", "until")}
    assert kept == domain
    assert made.get("open", False) == (not {"free_text", "either"} & set(made))


def test_known_vocabulary_is_named_and_the_rest_is_a_seed() -> None:
    """What the city's own vocabulary has is not written again, whatever its case."""
    spelling = {"vocabulary": ["tree_species"]}
    made = drafted({"OAK": 5, "beech": 4, "elm": 2}, known=("Oak", "Elm"), spelling=spelling)
    assert made.domain["vocabulary"] == ["tree_species", "trees_species"]
    assert made.words == {"beech": "Published"}


def test_value_on_one_row_is_in_no_seed_and_a_form_stands_once() -> None:
    """It may be anything. Of one word in two cases, the more frequent form is the right one."""
    made = drafted({"oak": 9, "OAK": 2, "elm": 3, "Mrs. Doe": 1})
    assert made.words == {"elm": "Published", "oak": "Published"}


@pytest.mark.parametrize("person", ["private", "public_official"])
def test_value_of_a_person_is_in_no_draft(person: str) -> None:
    """Neither as a word nor in a pattern; a vocabulary that the file names stays named."""
    values = {"Doe, Jane": 40, "Roe, Ann": 40}
    made = drafted(values, person=person)
    assert (made.words, made.domain) == ({}, {"free_text": True, "until": UNTIL})
    spelled = drafted(values, person=person, spelling={"vocabulary": ["names"]})
    assert (spelled.words, spelled.domain["vocabulary"]) == ({}, ["names"])


def test_deciding_column_is_closed() -> None:
    """It holds what is public and what policies name; what resembles a protected word waits."""
    made = drafted(
        {"oak": 1, "Ash  dieback": 2, "DIEBACK OF ASH": 5, "ASH DIEBACKS": 4, "ash": 3},
        dataset=trees(policies=[POLICY]),
    )
    assert made.domain == {"vocabulary": ["trees_species"], "until": UNTIL}
    assert made.words == {"ASH DIEBACK": "Policies", "oak": "Published"}
    assert made.resembling == 3


CODES = st.lists(st.from_regex(r"[A-Za-z0-9\-./_:]{1,12}", fullmatch=True), min_size=1, max_size=9)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(CODES)
def test_pattern_matches_every_code_and_holds_none(codes: list[str]) -> None:
    """Whatever the codes are: each matches as a whole, and no run of letters is spelled out."""
    pattern = shape_pattern(codes)
    if pattern is not None:
        assert all(re.fullmatch(pattern, code) for code in codes)
        plain = re.sub(r"\[(0-9|A-Z|a-z)\](\{[0-9,]+\})?", "", pattern)
        assert not re.search(r"[0-9A-Za-z]", plain)


@pytest.mark.parametrize(
    "texts",
    [["two words"], ["x" * 41], ["a'b"], ["ü1"], ["a\n"], [""], []],
    ids=["blank", "long", "quote", "letter", "line", "empty", "none"],
)
def test_what_is_no_code_gets_no_pattern(texts: list[str]) -> None:
    """Free text stays free text."""
    assert shape_pattern(texts) is None
