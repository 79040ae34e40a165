"""Homes in any writing, drawn from a grammar of how people put a number beside a street."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.scanning.addresses import names_of_streets
from orchestration.scanning.persons import ADDRESS, NUMBER, find_persons
from orchestration.scanning.scanned import find_in_cells

STREETS = names_of_streets(["Canal St", "S Claiborne Ave", "Dauphine St", "N Rampart St"])
street = st.sampled_from(
    [
        "Canal St",
        "S Claiborne Ave",
        "DAUPHINE",
        "N. Rampart",
        "canal st.",
        "Zaubrecher Ln",
        "Rue Neuve",
    ]
)
# A year or a model beside a street is none of its houses.
number = st.integers(100, 99_999).filter(lambda n: not 1_900 <= n <= 2_059 and n % 500).map(str)
before = st.sampled_from(
    ["", "#", "No. ", "AT ", "c/o ", "near ", "(", "Apt 4, ", "New Orleans LA "]
)
between = st.sampled_from([" ", "  ", ", ", " - ", "/", "; ", ") ", " #", " | ", " — ", ",", " * "])
behind = st.sampled_from(["", ".", " APT 5", " UNIT B", " Rear", ", 70112", " LA", "?", " (blue)"])
home = st.one_of(
    st.builds("{1}{0}{2}{3}{4}".format, number, before, between, street, behind),
    st.builds("{1}{0}B{2}{3}{4}".format, number, before, between, street, behind),
    st.builds("{1}{3}{2}{0}{4}".format, number, before, between, street, behind),
)


def _finds(text: str) -> bool:
    return ADDRESS in find_persons(text, kinds=(ADDRESS,), streets=STREETS)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(home)
def test_number_beside_a_street_is_a_home(text: str) -> None:
    """Whatever stands before, between and behind."""
    assert _finds(text)


@pytest.mark.soak
@settings(max_examples=50_000, deadline=None)
@given(home)
def test_number_beside_a_street_is_a_home_at_length(text: str) -> None:
    """The same, fifty thousand times."""
    assert _finds(text)


@pytest.mark.parametrize(
    "text",
    [
        "012XX Canal St", "1200 block of Canal St", "Canal St & Dauphine St",
        "10/12/2020 Canal St", "2014 Dauphine", "Canal St 10:30 hrs", "5th District", "RS 14:35 Canal St",
    ],
)  # fmt: skip
def test_street_without_a_house_is_no_home(text: str) -> None:
    """Blocks, crossings, years, dates, times and statutes beside a street."""
    assert not _finds(text)


def test_number_among_words_waits() -> None:
    """Where words are expected, three digits that no vocabulary has are nobody's word."""
    cells = ["Dusk", "1st Platoon", "Dusk 81587", "Tact 1", "Code 100"]
    found = find_in_cells(cells, kinds=(ADDRESS, NUMBER), known=["Code 100"])
    assert found == {"Dusk 81587": "unknown number"}
