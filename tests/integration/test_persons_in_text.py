"""What the staging model tells of persons in text, line by line, over the whole standardizing step."""

import pytest

from tests.integration.standardizing import standardized_cells

PLANTED = {
    "Stop Results: Arrest; Name: Nobody Invented DOB 02/03/1998;": "birth date, name",
    "Stop Results: Verbal Warning;": None,
    "Note: cell (504)555-0199, it's; --": "telephone",
    "Note: nobody (at) example.org": "mail address",
    " Note: plate\t123 ABC ": "number plate",
    None: None,
    "Search Types: Driver; VIN 1HGCM82633A004352": "VIN",
    "taken to 1234 Canal St apt 2": "exact address",
}


@pytest.mark.parametrize("times", [1, 300])
def test_lines_are_told_in_the_order_they_came(tmp_path, times):
    """Each line by its own cell, column and kinds and never the text, however many lines there are."""
    made = standardized_cells(tmp_path, "stops", "actions_taken", [*PLANTED] * times)
    told = [f"actions_taken: {kinds}" if kinds else None for kinds in PLANTED.values()]
    assert [found for (found,) in made.rows("select _persons from stg")] == told * times
    assert made.rows("select _line from stg") == [(n + 1,) for n in range(len(PLANTED) * times)]


def test_block_cut_from_a_home_is_none(tmp_path):
    """The raw cell of an address is exact at the source: the policy cuts it, and the scan lets it be."""
    made = standardized_cells(tmp_path, "service_requests", "block_address", ["1234 Canal St"])
    assert made.rows("select block_address, _persons from stg") == [("012XX Canal St", None)]
