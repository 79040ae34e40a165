"""The grammar of places: blocks, crossings, named places, and nothing else."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.domains import places
from tests.places_judged import Judge, vocabulary_facts

KNOWN = [
    "012XX Canal St",
    "XX French Market Pl",
    "X Canal St",
    "7XX Canal St",
    "023XX 6th St",
    "085XX N I-10 Service Rd",
    "012XX CANAL ST",
    "Bourbon St & Canal St",
    "I-10 E & Read Blvd",
    "I-10 E & Read Blvd Exit",
    "Canal Blvd & Canal Blvd Exit",
    "I-10 W Onramp Read Blvd & Read Blvd",
    "Canal St & Fleur De Lis Dr & Howard Av",
    "D'Hemecourt St & O'Keefe Av",
    "The Flyover",
    "I-10 W",
    "St Claude Bridge Westbound",
]
UNKNOWN = [
    "012XX Nosuch St",
    "012XX N Nosuch St",
    "012XX E Canal St",
    "012XX Lady Nosuch Pl",
    "012XX Stars And Stripes Blvd",
    "012XX O'Nosuch-Smith Av",
    "012XX 25th St",
    "012XX W 25th St",
    "012XX 11th Av",
    "012XX 30th Av",
    "012XX Thirty-Sixth St",
    "014XX Touro",
    "Canal S & S Claiborne Av",
    "Nosuch St & Neverwas Ct",
    "Canal St & Nosuch Av Exit",
]
NO_PLACE = [
    # Numbers, whatever stands around them.
    "1234 Canal St",
    "1234, Canal St",
    "1234 - Canal St",
    "(1234) Canal St",
    "1234: Canal St",
    "Canal St 1234",
    "Canal St, 1234",
    "Canal St # 1234",
    "Canal St No 1234",
    "1234\u00bd Canal St",
    "1234 1/2 Canal St",
    "\uff11\uff12\uff13\uff14 Canal St",
    "\u0661\u0662\u0663\u0664 Canal St",
    "012XX Canal St 1234",
    "New Orleans LA 1234 Canal St",
    "1234 Canal St & Bourbon St",
    "Bourbon St & 1234 Canal St",
    "1234 Canal St & 500 Bourbon St",
    "012XX Canal St & 500 Bourbon St",
    "1234 I-10 Service Rd",
    "I-10 1234",
    "Exit 1234",
    "Highway 1234",
    "1234th St & Canal St",
    "12th Canal St & Bourbon St",
    "473XX 2th St",
    "701XX 64th St",
    "012XX 11st St",
    # Blocks that are none.
    "1234XX Canal St",
    "12X Canal St",
    "012XX",
    "012XX ",
    "012XX 012XX Canal St",
    "012XX Canal St & Bourbon St",
    "XXX Canal St",
    "20 Blk Bourbon St",
    "2Blk Bourbon St",
    # Numbers in words, in letters, in Rome.
    "Twelve Thirty-Four Canal St",
    "012XX Twelve Thirty-Four Nosuch St",
    "012XX TwelveThirtyFour Nosuch St",
    "Onetwo Nosuch St & Canal St",
    "012XX lOO Nosuch St",
    "012XX I Nosuch St",
    "IZOO Canal St & Bourbon St",
    "012XX MCCXXXIV Nosuch St",
    "12O4 Canal St",
    # Homes and what is in them.
    "012XX Canal St APT 5",
    "012XX Canal St Apt B",
    "012XX Canal St #2B",
    "012XX Canal St B",
    "012XX B Canal St",
    "012XX D Nosuch St",
    "012XX Nosuch B St",
    "012XX BB Nosuch St",
    "012XX Apt. Nosuch St",
    "012XX XX. Nosuch St",
    "012XX B-C Nosuch St",
    "012XX AVillere St",
    "012XX BlkCanal St",
    "012XX UpCanal St",
    "012XX Apt B Nosuch St",
    "012XX Rear Nosuch St",
    "012XX Front",
    "012XX Canal St Rear",
    # Points, codes, people, businesses, several addresses.
    "29.95,-90.07",
    "POINT (-90.07 29.95)",
    "29.95 N 90.07 W & Canal St",
    "70112",
    "76WF+XH New Orleans",
    "c/o J Smith, Canal St",
    "Care Of Smith Nosuch St & Canal St",
    "John Smith Canal St & Bourbon St",
    "Julia & Robert",
    "Studio 54 & Canal St",
    "Joe's Bar & Canal St",
    "Canal St; Bourbon St",
    "Canal St Bourbon St",
    "Canal St & ",
    " & Canal St",
    "Canal St &Bourbon St",
    "012XX Canal St\n1234",
    "012XX Canal St\u00a01234",
    # Streets alone, and what nobody knows.
    "Canal St",
    "Somewhere",
    "012XX Somewhere",
    "012XX The Flyover",
    "Exit & Exit",
    "None",
    "",
    " ",
    "&",
    "Nosuch St & Canal St & Bourbon St & Howard Av & Read Blvd",
]


@pytest.mark.parametrize(
    ("cells", "word"),
    [(KNOWN, "known"), (UNKNOWN, "unknown"), (NO_PLACE, "no place")],
    ids=["known", "unknown", "no-place"],
)
def test_cells_are_judged(judge: Judge, cells: list[str], word: str) -> None:
    """Each form of a place is one, and nothing else is."""
    assert dict(zip(cells, judge(*cells), strict=True)) == dict.fromkeys(cells, word)


def test_queries_list_lines() -> None:
    """A null cell breaks neither rule, and every line of a cell is listed."""
    connection = Judge().connection
    connection.execute(
        "create table lines as select 'e' as _extract_id, i as _line, cell as place from (values "
        "(1, '012XX Canal St'), (2, '1234 Canal St'), (3, null), (4, '012XX Nosuch St'), "
        "(5, '1234 Canal St')) as t (i, cell)"
    )
    no_place = places.cells_that_are_no_place("place", table="lines")
    unknown = places.cells_with_unknown_street("place", table="lines")
    assert sorted(connection.execute(no_place).fetchall()) == [("e", 2), ("e", 5)]
    assert connection.execute(unknown).fetchall() == [("e", 4)]


@pytest.mark.parametrize(
    "query",
    [
        places.cells_that_are_no_place("place"),
        places.cells_with_unknown_street("place"),
        places.cells_that_are_no_point("place", box=(-91, 29, -89, 31), decimals=8),
    ],
)
def test_queries_can_be_formatted(query: str) -> None:
    """Great Expectations formats a query, and SQLAlchemy takes `:name` for a parameter."""
    import sqlalchemy as sa

    assert "{" not in query.format(batch="standardized")
    assert sa.text(query).compile().params == {}


FACTS = vocabulary_facts()
STREETS = FACTS["vocabulary_street_names"]
DIRECTIONS = {one.upper() for one in FACTS["vocabulary_street_directions"]}


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1), st.sampled_from(STREETS))
def test_nothing_beside_a_known_street_leaves(judge: Judge, noise: list[str], street: str) -> None:
    """Whatever stands before or behind a known street in a block makes it no place."""
    beside = [one for one in noise if one.upper() not in DIRECTIONS]
    cells = [f"012XX {one} {street}" for one in beside] + [
        f"012XX {street} {one}" for one in beside
    ]
    assert judge.places(cells) == []


@pytest.mark.parametrize(
    ("cell", "is_wrong"),
    [
        ("POINT (-90.02112766 29.93469298)", False),
        ("POINT(-90.1 29.9)", False),
        ("POINT (-90 30)", False),
        (None, False),
        ("POINT (-90.021127661 29.93469298)", True),
        ("POINT (-90.02112766 29.934692981)", True),
        ("POINT (-90.02 29.93) 1234 Canal St", True),
        ("1234 Canal St POINT (-90.02 29.93)", True),
        ("POINT (-90.02 29.93 1234)", True),
        ("POINT (-90.02  29.93)", True),
        ("POINT (29.93 -90.02)", True),
        ("POINT (0 0)", True),
        ("POINT (-90.02 NaN)", True),
        ("POINT (-9.002e1 29.93)", True),
        ("POINT (-90.02 29.9.3)", True),
        ("POINT EMPTY", True),
        ("", True),
        ("29.93,-90.02", True),
    ],
)
def test_points_are_exact_in_form_and_no_finer(cell: str | None, is_wrong: bool) -> None:
    """A point has one form, lies in the box, and has no more decimals than the source's own."""
    query = places.cells_that_are_no_point(
        "place", box=(-90.3, 29.8, -89.5, 30.3), decimals=8, table="lines"
    )
    assert _finds(query, "varchar", cell) is is_wrong


def _finds(query: str, kind: str, cell: str | None) -> bool:
    with duckdb.connect() as connection:
        connection.execute(
            f"create table lines as select 'e' as _extract_id, 1 as _line, ?::{kind} as place",
            [cell],
        )
        return bool(connection.execute(query).fetchall())
