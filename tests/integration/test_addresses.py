"""Addresses: blocks, one form per street, one order per crossing, and never a house number."""

import re
from pathlib import Path

import pytest

from tests.integration.standardizing import Standardized, standardized_cells, standardized_query

SHARED = Path(__file__).parents[3] / "shared" / "data"

BLOCK, HUNDREDS, WORD = "street_address_to_block", "block_in_hundreds", "block_word_removed"
FORM, ORDER, NULL = "street_in_one_form", "crossing_in_one_order", "null_word_is_null"

CASES = [
    # Right as they are.
    ("027XX Jackson Av", "027XX Jackson Av", []),
    ("X Canal St", "X Canal St", []),
    ("XX French Market Pl", "XX French Market Pl", []),
    ("The Flyover", "The Flyover", []),
    ("Bourbon St & St Peter St", "Bourbon St & St Peter St", []),
    ("West End Blvd & Robert E Lee Blvd", "Robert E Lee Blvd & West End Blvd", [ORDER]),
    (None, None, []),
    # Blocks.
    ("Approx Loc:7238 Downman Rd", "072XX Downman Rd", [BLOCK]),
    ("Approx Loc: 7238 Downman Rd", "072XX Downman Rd", [BLOCK]),
    ("7723 Hampson St", "077XX Hampson St", [BLOCK]),
    ("7723 1/2 Hampson St Apt B", "077XX Hampson St", [BLOCK]),
    # A letter that may be a digit.
    ("772O Hampson St", "772O Hampson St", []),
    ("772l Hampson St", "772l Hampson St", []),
    ("007XX Blk N Rampart St", "007XX N Rampart St", [WORD]),
    ("20Blk S Claiborne Av", "002XX S Claiborne Av", [HUNDREDS]),
    ("72Blk Bourbon St", "007XX Bourbon St", [HUNDREDS]),
    ("7200Blk Bourbon St", "072XX Bourbon St", [HUNDREDS]),
    ("20 Blk Bourbon St", "20 Blk Bourbon St", []),
    ("2Blk Bourbon St", "2Blk Bourbon St", []),
    # One form.
    ("027XX Jackson Ave", "027XX Jackson Av", [FORM]),
    ("027XX JACKSON AVENUE", "027XX Jackson Av", [FORM]),
    ("004XX Saint Claude Ave", "004XX St Claude Av", [FORM]),
    ("004XX South Claiborne Ave", "004XX S Claiborne Av", [FORM]),
    ("Earhart Blv & Canal St", "Canal St & Earhart Blvd", [FORM, ORDER]),
    ("Bullard Ave & I 10 E SERVICE RD", "Bullard Av & I-10 E Service Rd", [FORM]),
    ("032XX Grand Route Saint John", "032XX Grand Route St John", [FORM]),
    ("001XX Nosuchstreet Avenue", "001XX Nosuchstreet Av", [FORM]),
    ("001XX NOSUCHSTREET AVENUE", "001XX NOSUCHSTREET AV", [FORM]),
    ("Saint Nosuchstreet St", "St Nosuchstreet St", [FORM]),
    ("South Nosuchstreet St", "South Nosuchstreet St", []),
    ("Canal S & Burbon St", "Burbon St & Canal S", [ORDER]),
    ("Avenue", "Avenue", []),
    # One order.
    ("St Peter St & Bourbon St", "Bourbon St & St Peter St", [ORDER]),
    ("Bourbon St&Canal St", "Bourbon St & Canal St", [FORM]),
    ("Bourbon St / Canal St", "Bourbon St & Canal St", [FORM]),
    ("CANAL ST @ BOURBON ST", "Bourbon St & Canal St", [FORM, ORDER]),
    ("Canal St and Bourbon St", "Bourbon St & Canal St", [FORM, ORDER]),
    ("Nosuch St and Bourbon St", "Nosuch St and Bourbon St", []),
    ("Stars And Stripes Blvd", "Stars And Stripes Blvd", []),
    ("Zimple St & Canal St & Bourbon St", "Zimple St & Canal St & Bourbon St", []),
    # Together.
    ("008XX  Blk Saint Ann St", "008XX St Ann St", [WORD, FORM]),
    ("Approx Loc:7238 SAINT CLAUDE AVE", "072XX St Claude Av", [BLOCK, FORM]),
    ("None", None, [NULL]),
]


@pytest.fixture(scope="module", params=["calls_for_service", "service_requests", "stops"])
def addresses(request: pytest.FixtureRequest, tmp_path_factory) -> Standardized:
    """All cases in one run, in each of the three datasets that have addresses."""
    folder = tmp_path_factory.mktemp(request.param)
    cells = [case[0] for case in CASES]
    return standardized_cells(folder, request.param, "block_address", cells)


def test_addresses_are_standardized(addresses):
    """Each becomes what it should, alike in every dataset."""
    made = dict(addresses.rows("select _line, block_address from stg"))
    assert {CASES[line - 1][0]: cell for line, cell in made.items()} == {
        case[0]: case[1] for case in CASES
    }


def test_every_step_explains_itself(addresses):
    """Law 4: one record per step, in order, each from what the one before it made."""
    records = addresses.rows(
        "select _line, rule_id, from_value, to_value from corrections "
        "where column_name = 'block_address'"
    )
    for number, (read, made, rules) in enumerate(CASES, start=1):
        steps = [record[1:] for record in records if record[0] == number]
        assert [step[0] for step in steps] == rules, read
        if steps:
            assert (steps[0][1], steps[-1][2]) == (read, made)
            assert [step[1] for step in steps[1:]] == [step[2] for step in steps[:-1]]


def test_standardized_addresses_stay(addresses, tmp_path):
    """What the steps made is changed by none of them."""
    cells = [cell for (cell,) in addresses.rows("select block_address from stg order by _line")]
    again = standardized_cells(tmp_path, addresses.dataset, "block_address", cells)
    assert [cell for (cell,) in again.rows("select block_address from stg order by _line")] == cells


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Standardized:
    """The addresses of the calls of 2022."""
    file = SHARED / "nopd_calls_for_service" / "nopd_cfs_2022_subset_jan-aug.csv.gz"
    if not file.is_file():
        pytest.skip(f"the real extracts are not at {SHARED}")
    query = f"select BLOCK_ADDRESS from read_csv('{file}', all_varchar = true, header = true)"
    return standardized_query(
        tmp_path_factory.mktemp("real"), "calls_for_service", "block_address", query
    )


def test_real_addresses_show_no_house(real):
    """No number but a block, an ordinal or a highway is left."""
    left = [cell for (cell,) in real.rows("select distinct block_address from stg")]
    plain = [
        re.sub(r"(?i)^\d*X+ |\b\d+(st|nd|rd|th)\b|\b(I-|Us ?)\d+B?\b", "", cell) for cell in left
    ]
    assert [cell for cell in plain if re.search(r"\d", cell)] == []


def test_real_streets_have_one_form(real):
    """2,788 ways to write an address become 2,168; no street is in two forms of its suffix."""
    (count,) = real.rows("select count(distinct block_address) from stg")
    assert count == (2_168,)
    old = real.rows(
        "select distinct block_address from stg where regexp_matches(block_address, "
        r"'\b(Saint|Blk|Blv)\b|\b(Ave|Avenue)( &|$)')"
    )
    assert old == []


def test_real_crossings_have_one_order(real):
    """A & B is never B & A as well."""
    crossings = {cell for (cell,) in real.rows("select block_address from stg") if " & " in cell}
    assert [one for one in crossings if " & ".join(reversed(one.split(" & "))) < one] == []
