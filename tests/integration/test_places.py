"""Address forms of every kind through the address macros and the grammar: no home leaves."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from orchestration.domains.places import cells_that_are_no_place, cells_with_unknown_street
from orchestration.duck import parquet
from orchestration.gates.evaluation import Tables, evaluate
from orchestration.gates.suites import Rule
from tests.integration.standardizing import LiveColumn
from tests.places_judged import Judge, vocabulary_facts
from tests.soak import SOAK
from tests.suite_files import rule

SHARED = Path(__file__).parents[3] / "shared"

FACTS = vocabulary_facts()
STREETS = FACTS["vocabulary_street_names"]
PLAIN = [one for one in STREETS if not re.search(r"[0-9]", one)]
"""Known streets without a number of their own."""
NUMBERED = [one for one in STREETS if re.search(r"[0-9]", one)]
NOBODY_KNOWS = ["Nosuch St", "Neverwas Av", "N Nosuch St", "Old Neverwas Ct"]

SUFFIXES = {"St": "Street", "Av": "Avenue", "Blvd": "Boulevard", "Dr": "DRIVE", "Rd": "ROAD"}
NUMBERS = [
    *("{n}-36", "{n}-B", "{n} 1/2", "{n}\u00bd", "{n}a", "{n} A", "{n}/36", "{n} & 1236", "{n}l"),
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
GAPS = ["", "  ", ", ", " - ", ": ", "; ", " / ", "\n", "\t", "\u00a0", " & ", " @ ", " at ", ". "]
UNITS = [
    *(
        "Apt 5",
        "APT B",
        "Apt. 5-B",
        "#2B",
        "# 5",
        "#B",
        "Unit C",
        "UNIT 12",
        "Ste 100",
        "Suite One",
    ),
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
    *("Apt", "Apt Z", "Apt B Rear", "Room B-2", "Apt B, Rear", "(B)", "-B", "Up", "Down", "Lot G"),
]
ENDS = [", New Orleans", " New Orleans LA 70112", " LA", " 70112", ", c/o J Smith", " NOLA", ", LA"]
BEGINS = [
    "New Orleans LA ",
    "70112 ",
    "c/o J Smith ",
    "Studio 54 ",
    "Corner of ",
    "Near ",
    "Apt B ",
]
OTHERS = [" & 1236 Bourbon St", " & Bourbon St", " / 12 Canal St", " and 5 Bourbon St", " & 1236"]
ORDER = "{begin}{number}{gap}{street}{unit}{end}{other}"
ORDERS = [
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


def make_address(chance: Random) -> Address:
    """An address in one of many forms: number, separator, street, unit, city, another address."""

    def usually(plain: str, others: list[str], share: int) -> str:
        """The plain form, or in one of `share` cases another."""
        return chance.choice(others) if chance.randint(1, share) == 1 else plain

    street = chance.choice(chance.choice([PLAIN, [*NUMBERED, *NOBODY_KNOWS]]))
    number = chance.choice([chance.randint(1, 99_999), chance.randint(1_000, 9_999)])
    *words, suffix = street.split()
    written = " ".join([*words, usually(suffix, [SUFFIXES.get(suffix, suffix)], 3)])
    plain = str(number)
    told = usually("{n}", NUMBERS, 2).format(
        n=plain,
        wide="".join(chr(0xFF10 + int(digit)) for digit in plain),
        arabic="".join(chr(0x0660 + int(digit)) for digit in plain),
        letters=plain.replace("0", "O").replace("1", "l"),
    )
    unit = usually("", UNITS, 2)
    # Glued to a name that nobody knows, a letter is a part of it for any reader.
    gaps = GAPS if street in STREETS else GAPS[1:]
    cell = usually(ORDER, ORDERS, 3).format(
        begin=usually("", BEGINS, 8),
        number=told,
        gap=usually(" ", gaps, 4),
        street=chance.choice([written, written.upper(), written.lower()]),
        unit=f" {unit}" if unit else "",
        end=usually("", ENDS, 4),
        other=usually("", OTHERS, 8),
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
    """Whether a cell that was taken for a place says more than hundreds, or of other streets."""
    found = re.fullmatch(r"(?:(\d{1,3})XX |XX |X |)(.*)", place, re.DOTALL)
    assert found
    block, streets = found.groups()
    if {side.upper() for side in streets.split(" & ")} - address.streets:
        return True
    # A block as it was written, or the hundreds of a number that stood in front: none is a home.
    written = re.findall(r"\d+(?=XX|\d\d)|\d+(?=\dBlk)", address.cell)
    return block is not None and block.lstrip("0") not in {
        "",
        *(one.lstrip("0") for one in written),
    }


@pytest.mark.campaign
@settings(
    max_examples=260 if SOAK else 1,
    deadline=None,
    derandomize=not SOAK,
    # A failure names its addresses; making a thousand others smaller takes minutes.
    phases=[Phase.generate],
)
@given(st.integers(0, 2**64))
def test_no_home_leaves(calls: LiveColumn, judge: Judge, seed: int) -> None:
    """What is taken for a place has a block and streets, and nothing of the home."""
    # One question to the database has a thousand addresses: asking costs more than answering.
    chance = Random(seed)
    given_ones = [make_address(chance) for _ in range(1_000)]
    made = calls.standardize([one.cell for one in given_ones])
    pairs = [(one, cell) for one, cell in zip(given_ones, made, strict=True) if cell is not None]
    words = judge(*(cell for _, cell in pairs))
    leaving = [
        (a, cell) for (a, cell), word in zip(pairs, words, strict=True) if word != "no place"
    ]
    assert [(one.cell, cell) for one, cell in leaving if leak(one, cell)] == []


@pytest.mark.parametrize("form", ["{n} {street}", "Approx Loc:{n} {street} Apt 5", "{n}A {street}"])
def test_blocks_of_known_streets_leave(calls: LiveColumn, judge: Judge, form: str) -> None:
    """What the macros safely cut to a block is a place afterwards, on every known street."""
    made = calls.standardize([form.format(n=1234, street=street) for street in PLAIN])
    assert made == [f"012XX {street}" for street in PLAIN]
    assert set(judge(*made)) == {"known"}


def test_crossings_of_known_streets_leave(calls: LiveColumn, judge: Judge) -> None:
    """Two known streets are a place, however the crossing was written."""
    pairs = list(zip(STREETS, STREETS[7:], strict=False))
    made = calls.standardize([f"{one} & {other.upper()}" for one, other in pairs])
    assert set(judge(*(cell for cell in made if cell))) == {"known"}


def test_real_calls_keep_their_places(calls: LiveColumn, judge: Judge) -> None:
    """Of the 5,489 calls of 2022, 5,481 have a place; the others are no street of anybody."""
    read = (
        "select BLOCK_ADDRESS from read_csv("
        f"'{SHARED}/data/nopd_calls_for_service/nopd_cfs_2022_subset_jan-aug.csv.gz', "
        "all_varchar = true, header = true)"
    )
    assert _counted(calls, judge, read) == {"known": 5_349, "unknown": 132, "no place": 8}


def test_real_requests_keep_their_places(calls: LiveColumn, judge: Judge) -> None:
    """All 91 addresses of the 311 records are places once they are cut to their blocks."""
    read = f"select street_address from read_json('{SHARED}/data/nola_311/*.json')"
    assert _counted(calls, judge, read) == {"known": 88, "unknown": 3}


def _counted(calls: LiveColumn, judge: Judge, read: str) -> dict[str, int]:
    if not SHARED.is_dir():
        pytest.skip(f"the real extracts are not at {SHARED}")
    with duckdb.connect() as connection:
        cells = [cell for (cell,) in connection.execute(read).fetchall() if cell]
    made = calls.standardize(cells)
    return dict(Counter(judge(*(cell for cell in made if cell is not None))))


def test_gate_quarantines_what_is_no_place(tmp_path: Path) -> None:
    """As rules of a suite, through Great Expectations, the queries list their lines."""
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select 'e' as _extract_id, i as _line, cell as place from (values "
            "(1, '012XX Canal St'), (2, '1234, Canal St'), (3, null), (4, '012XX Nosuch St')) "
            f"as t (i, cell)) to '{tmp_path}/lines.parquet' (format parquet)"
        )
    rules = [
        Rule.model_validate(
            rule("unexpected_rows_expectation", strength, name, unexpected_rows_query=query)
        )
        for name, query, strength in (
            ("is_place", cells_that_are_no_place("place"), "row"),
            ("street_is_known", cells_with_unknown_street("place"), "warning"),
        )
    ]
    tables = Tables(
        gated="standardized",
        views={"standardized": parquet(tmp_path / "lines.parquet")},
        facts=FACTS,
        functions={},
        key="place",
        vocabularies={},
    )
    results, rows = evaluate(rules, tables, parameters={}, folder=tmp_path)
    assert rows == 4
    assert [(one.outcome, one.examples) for one in results] == [
        ("failed", ["e:2"]),
        ("failed", ["e:4"]),
    ]


def test_case_of_address_forms(calls: LiveColumn, judge: Judge) -> None:
    """No planted home of the case is a place, as it came or as the macros leave it."""
    file = SHARED / "cases/address_forms/calls_for_service/x_2026-11-27.csv.gz"
    if not file.is_file():
        pytest.skip(f"the cases are not at {SHARED}")
    with duckdb.connect() as connection:
        planted = [
            cell
            for (cell,) in connection.execute(
                "select BLOCK_ADDRESS from read_csv(?, all_varchar = true) "
                "where NOPD_Item like 'L9%'",
                [str(file)],
            ).fetchall()
        ]
    made = [cell for cell in calls.standardize(planted) if cell is not None]
    assert len(made) == 9
    assert judge.places([*planted, *made]) == []
