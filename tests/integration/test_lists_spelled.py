"""Corrections within lists: a part is mended where it stands, and a blank is no misspelling."""

from pathlib import Path

from tests.integration.standardizing import standardized_cells

RIGHT = "Black"
WRONG = "bLack"


def test_parts_are_corrected_at_their_places(tmp_path: Path) -> None:
    """One misspelt part among blanks; lists that begin or end with a blank are right as they are."""
    lists = ["Black | ", " | Black", "| Black", "Black |", f" | {WRONG} | ", f"{WRONG} |  | White"]
    known = ["White"] * 40 + [RIGHT] * 40
    made = standardized_cells(
        tmp_path, "use_of_force", "officer_race", [*known, *lists], spelled=True
    )
    found = made.rows("select officer_race from stg order by _line")[len(known) :]
    assert [cell for (cell,) in found] == [
        "Black | ", " | Black", " | Black", "Black | ", f" | {RIGHT} | ", f"{RIGHT} |  | White"
    ]  # fmt: skip
    changes = made.rows("select rule_id, from_value from corrections order by all")
    assert changes == [
        ("misspelling_corrected", f" | {WRONG} | "),
        ("misspelling_corrected", f"{WRONG} |  | White"),
    ]
