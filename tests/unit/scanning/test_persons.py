"""Texts that lead to a person are recognized however they are written, and others are left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.scanning.addresses import names_of_streets
from orchestration.scanning.persons import KINDS, PERSONAL, find_persons

BORN_UNTIL = 2016

FOUND = {
    "telephone": [
        "504.555.0142", "(504)555-0142", "504 555 0142", "5045550142", "504-555-O142", "PH 5550142",
        "five oh four 555 0142", "504\u2011555\u20110142", "+44 20 7946 0958", "5 0 4 5 5 5 0 1 4 2",
    ],
    "mail address": ["a@example.org", "someone (at) example.org", "someone AT example DOT org", "x@y"],
    "social security number": ["123-45-6789", "123456789", "SSN 123 45 6789", "XXX-XX-6789", "SOC 6789"],
    "birth date": [
        "DOB 01/02/1999", "born Jan 2, 1999", "1999-01-02", "01021999", "DOB 01/02/2025", "1/2/99",
        "2nd of January 1999", "B/D 1-2-99",
    ],
    "number plate": ["WHITE LA PLATE 123ABC", "tag XYZ 123", "XYZ 123", "123-xyz", "PLATE SAINTS1"],
    "VIN": ["1HGCM82633A004352", "1hgcm 82633 a004352", "VIN WVWZZZ1JZ3W386752", "VIN LAST 6 004352"],
    "driver's licence": ["OLN 007654321", "DL# 7654321", "driver's license A1234567"],
    "exact address": [
        "1234 Canal St", "lives at 1234 Canal", "APT 5B", "29.95,-90.07", "Canal St # 1234",
        "1234 1/2 S. Rampart", "P.O. Box 123", "29\u00b057'12\"N",
    ],
    "name": ["Name: Invented Person", "SMITH, JOHN", "Mr. Person", "victim Maria Garcia", "John Smith"],
    "health words": ["off her meds", "HIV positive", "schizophrenic"],
}  # fmt: skip

CLEAN = [
    "RS 14:35", "RS 40:967(C), 14:95.1", "MC 154-1401", "FTN2016-0001", "DUI 2009-0665-R", "A0011722",
    "Stop Results: Citation Issued;Subject Type: Driver;Search Occurred: No;", "6th District",
    "A Platoon",
    "F-150", "COROLLA", "528I", "MAZDA 626", "RAM 1500", "CLK 320", "GSX750", "Between 7am - 7pm",
    "5'7'' to 5'9''", "23 | 34 | 19", "Lake Terrace", "LAKE CATHERINE", "Street Gang Unit",
    "2 cts. Battery of a Police Officer", "4 feet to 6 feet", "012XX Canal St", "6100 block of Loyola",
    "NO LICENSE PLATE RS 32:51", "DRIVING UNDER SUSPENSION 32:415", "brake tag expired 2019",
    "70112-1234", "Martin Luther King Blvd", "Room clearing", "HARLEY DAVIDSON", "GRAND MARQUIS",
    "05/01/2026", "",
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text"),
    [(kind, text) for kind, texts in FOUND.items() for text in texts],
    ids=lambda value: value,
)
def test_kind_is_found_however_it_is_written(kind: str, text: str) -> None:
    """Numbers with any separators, hidden or spoken, and words beside them."""
    assert kind in find_persons(text, born_until=BORN_UNTIL)


@pytest.mark.parametrize("text", CLEAN)
def test_words_of_reports_are_nobody(text: str) -> None:
    """Laws, models, units, hours, blocks and item numbers."""
    assert find_persons(text, kinds=PERSONAL, born_until=BORN_UNTIL) == frozenset()


def test_parts_of_a_list_do_not_speak_of_one_another() -> None:
    """A word in one part of a list makes no number of the next one personal."""
    assert not find_persons("License plate: ****** | 123456", kinds=PERSONAL)
    assert find_persons("Yes | DL 12345678", kinds=PERSONAL) == {"driver's licence"}


@pytest.mark.parametrize("text", ["1234 Tchoupitoulas", "at 8 or 1234-1/2 elysian fields, drunk"])
def test_a_number_before_a_known_street_is_a_home(text: str) -> None:
    """No suffix and no word beside it is needed where the street is known."""
    streets = names_of_streets(["Tchoupitoulas St", "S Elysian Fields Av"])
    assert find_persons(text, streets=streets) == {"exact address"}
    assert not find_persons(text)
    assert not find_persons("2014 Elysian Fields", streets=streets)


def test_a_date_is_a_birth_where_somebody_may_have_been_born() -> None:
    """Without a year until which it is one, any date is."""
    assert not find_persons("warrant of 03/04/2025", born_until=2016)
    assert find_persons("warrant of 03/04/2025") == {"birth date"}


_DIGIT = st.sampled_from("0123456789")
_SEPARATOR = st.sampled_from(["-", ".", " ", "", "/", " - ", ") ", "\u2013", "\u00a0", "*"])
_AROUND = st.sampled_from(["{}", "RS 14:35, {}", "({})", "Yes | {} | No", "Search: {};", "x {} y"])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(_DIGIT, min_size=10, max_size=10), _SEPARATOR, _SEPARATOR, _AROUND)
def test_ten_digits_are_a_telephone_with_any_separators(
    digits: list[str], first: str, second: str, around: str
) -> None:
    """Any number of three, three and four digits, in any cell."""
    number = "".join(digits)
    text = around.format(f"{number[:3]}{first}{number[3:6]}{second}{number[6:]}")
    assert "telephone" in find_persons(text, born_until=BORN_UNTIL)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None)
@given(st.text())
def test_any_text_is_read_to_its_end(text: str) -> None:
    """No text breaks a finder, whatever signs it has."""
    assert find_persons(text) <= set(KINDS)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789ABOIL@.-/: #'\"()\u00a0\u2011\x00", max_size=60))
def test_no_mess_of_signs_breaks_the_scan(text: str) -> None:
    """Signs of numbers in any order are read, the empty text and a NUL among them."""
    assert find_persons(text) <= set(KINDS)
