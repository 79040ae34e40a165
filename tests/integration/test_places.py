"""Address forms of every kind through the address macros and the grammar: no home leaves."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.standardizing import LiveColumn
from tests.places_judged import Judge, vocabulary_facts

SHARED = Path(__file__).parents[3] / "shared"
SOAK = bool(os.environ.get("SUMMERWARE_SOAK"))

FACTS = vocabulary_facts()
PLAIN = [one for one in FACTS["vocabulary_street_names"] if not re.search(r"[0-9]", one)]
"""Known streets without a number of their own."""
NUMBERED = [one for one in FACTS["vocabulary_street_names"] if re.search(r"[0-9]", one)]
NOBODY_KNOWS = ["Nosuch St", "Neverwas Av", "N Nosuch St", "Old Neverwas Ct"]

SUFFIXES = {"St": "Street", "Av": "Avenue", "Blvd": "Boulevard", "Dr": "DRIVE", "Rd": "ROAD"}
NUMBERS = [
    *("{n}", "{n}-36", "{n}-B", "{n} 1/2", "{n}\u00bd", "{n}a", "{n} A", "{n}/36", "{n} & 1236"),
    *("{n}, 1236", "{n} and 1236", "({n})", "[{n}]", "#{n}", "No {n}", "No. {n}", "{n}:", "{n}."),
    *(
        "'{n}",
        "{n}XX",
        "{n} XX",
        "{n} Blk",
        "{n}Blk",
        "012XX {n}",
        "{wide}",
        "{arabic}",
        "{letters}",
    ),
    *("Twelve Thirty-Four", "Twelve Hundred", "ONE", "MCCXXXIV", "{n}.0", "{n}th", "+{n}", "-{n}"),
    *("1 2 3 4", "{n} {n}", "Approx Loc:{n}", "Approx Loc: {n}", "approx location {n}", "012XX"),
]
SEPARATORS = [" ", "  ", ", ", " - ", ": ", "; ", " / ", "\n", "\t", "\u00a0", " & ", " @ ", " at "]
UNITS = [
    *("", "", "", "Apt 5", "APT B", "Apt. 5-B", "#2B", "# 5", "#B", "Unit C", "UNIT 12", "Ste 100"),
    *(
        "Rear",
        "Front",
        "Upper",
        "Fl 2",
        "2nd Floor",
        "Floor Two",
        "Lot 7",
        "Bldg A Apt 3",
        "B",
        "D",
    ),
    *("2B", "Rm 4", "Penthouse", "1/2", "\u00bd", "Apt Five", "No 5", "Trailer K", "AA", "Half"),
]
ENDS = ["", "", ", New Orleans", " New Orleans LA 70112", " LA", " 70112", ", c/o J Smith", " NOLA"]
BEGINS = ["", "", "New Orleans LA ", "70112 ", "c/o J Smith ", "Studio 54 ", "Corner of ", "Near "]
OTHERS = ["", "", "", " & 1236 Bourbon St", " & Bourbon St", " / 12 Canal St", " and 5 Bourbon St"]
ORDERS = [
    "{begin}{number}{gap}{street}{unit}{end}{other}",
    "{begin}{street}{gap}{number}{unit}{end}{other}",
    "{begin}{unit}{gap}{number} {street}{end}{other}",
    "{begin}{number}{unit}{gap}{street}{end}{other}",
    "{begin}{street}{unit}{gap}{number}{end}{other}",
    "{other}{begin}{number}{gap}{street}{unit}{end}",
]


@dataclass(frozen=True)
class Address:
    """A cell with a home in it, and the streets that it may be published with."""

    cell: str
    number: int
    streets: frozenset[str]


@st.composite
def addresses(draw: st.DrawFn) -> Address:
    """An address in one of many forms: number, separator, street, unit, city, another address."""
    street = draw(st.sampled_from(PLAIN) | st.sampled_from([*NUMBERED, *NOBODY_KNOWS]))
    number = draw(st.integers(1, 99_999))
    begin, unit = draw(st.sampled_from(BEGINS)), draw(st.sampled_from(UNITS))
    words = street.split()
    words[-1] = draw(st.sampled_from([words[-1], SUFFIXES.get(words[-1], words[-1])]))
    written = " ".join(words)
    plain = str(number)
    told = draw(st.sampled_from(NUMBERS)).format(
        n=plain,
        wide="".join(chr(0xFF10 + int(digit)) for digit in plain),
        arabic="".join(chr(0x0660 + int(digit)) for digit in plain),
        letters=plain.replace("0", "O").replace("1", "l"),
    )
    cell = draw(st.sampled_from(ORDERS)).format(
        begin=begin,
        number=told,
        gap=draw(st.sampled_from(SEPARATORS)),
        street=draw(st.sampled_from([written, written.upper(), written.lower()])),
        unit=f" {unit}" if unit else "",
        end=draw(st.sampled_from(ENDS)),
        other=draw(st.sampled_from(OTHERS)),
    )
    return Address(cell, number, frozenset({street.upper(), "BOURBON ST", "CANAL ST"}))


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> LiveColumn:
    """The address macros, as the models of calls use them; the other datasets use the same."""
    return LiveColumn(tmp_path_factory.mktemp("live"), "calls_for_service", "block_address")


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def leak(address: Address, place: str) -> bool:
    """Whether a cell that was taken for a place says more than a block, or other streets."""
    block, streets = re.fullmatch(r"(?:(\d{1,3})XX |XX |X |)(.*)", place, re.DOTALL).groups()
    sides = {side.upper() for side in streets.split(" & ")}
    return bool(sides - address.streets) or bool(
        block and int(block) not in (address.number // 100, 12, 2, 0)
    )


@settings(
    max_examples=2_000 if SOAK else 15,
    deadline=None,
    derandomize=not SOAK,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(addresses(), min_size=100, max_size=200))
def test_no_home_leaves(calls: LiveColumn, judge: Judge, given_ones: list[Address]) -> None:
    """What is taken for a place has a block and streets, and nothing of the home."""
    made = calls.standardize([one.cell for one in given_ones])
    pairs = [(one, cell) for one, cell in zip(given_ones, made, strict=True) if cell is not None]
    words = judge(*(cell for _, cell in pairs))
    leaving = [
        (a, cell) for (a, cell), word in zip(pairs, words, strict=True) if word != "no place"
    ]
    assert [(one.cell, cell) for one, cell in leaving if leak(one, cell)] == []
