"""Lines whose cells stand in their neighbours' columns, and lines that only look so."""

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pytest

from orchestration.cleaning.shifted import find_shifted
from orchestration.dataset import Dataset, load_dataset

FORCE = Path(__file__).parents[3] / "orchestration" / "datasets" / "use_of_force.yaml"
REASONS = ("refuse verbal commands", "flight", "fight w/officer")
ODD = "it's \0 {{ said }}"
"""A word of the vocabulary that no statement could hold."""
Cells = dict[str, str | None]
Found = dict[int, str]
Finding = Callable[..., Found]


@pytest.fixture
def force() -> Dataset:
    return load_dataset(FORCE)


@pytest.fixture
def finding(force: Dataset) -> Finding:
    """Good lines and some more; gives where each of those begins to be shifted, by its number."""

    def find(*more: Cells, good: int = 400, order: Sequence[int] | None = None) -> Found:
        lines = [
            *({**_good(number)} for number in range(good)),
            *({**_good(0), **one} for one in more),
        ]
        numbers = range(1 - good, len(more) + 1)
        names = [column.name for column in force.landed]
        with duckdb.connect() as connection:
            cells = ", ".join(f"{name} varchar" for name in names)
            connection.execute(f"create table lines (_extract_id varchar, _line bigint, {cells})")
            marks = ", ".join("?" * (len(names) + 2))
            for place in order or range(len(lines)):
                row = ["a", numbers[place], *(lines[place].get(name) for name in names)]
                connection.execute(f"insert into lines values ({marks})", row)
            find_shifted(
                connection, force, lines="lines", vocabularies={"force_reason": [*REASONS, ODD]}
            )
            return dict(
                connection.execute(
                    "select _line, shifted_at(_extract_id, _line) as shifted from lines "
                    "where shifted is not null"
                ).fetchall()
            )

    return find


def _good(number: int) -> Cells:
    return {
        "pib_file_number": f"FTN2020-{number:04}",
        "occurred_date": "2020-01-31",
        "subject_injured": "No" if number % 3 else "Yes",
        "subject_hospitalized": "No",
        "subject_arrested": "Yes",
        "subject_arrest_charges": f"charge {number}, and another",
        "force_reason": REASONS[number % 3],
        "officer_injured": "No" if number % 7 else "Yes | No",
    }


UNQUOTED: Cells = {
    "subject_arrest_charges": "FLIGHT",
    "force_reason": " A SECOND CHARGE",
    "officer_injured": "refuse verbal commands",
}


def test_an_unquoted_comma_is_found_in_the_right_count_of_cells(finding: Finding) -> None:
    """The half cell fits nothing; what comes after it is a word of the column before."""
    assert finding(UNQUOTED, UNQUOTED) == {
        1: "right from force_reason",
        2: "right from force_reason",
    }


def test_any_text_may_be_out_of_place(finding: Finding) -> None:
    """Quotes, NULs and braces are looked for as they are."""
    assert finding({**UNQUOTED, "officer_injured": ODD}) == {1: "right from force_reason"}


def test_a_lost_cell_pulls_the_others_to_the_left(finding: Finding) -> None:
    """Two in a row that are words of the column after theirs."""
    lost: Cells = {
        "subject_arrest_charges": "refuse verbal commands",
        "force_reason": "Yes | No",
        "officer_injured": None,
        "subject_arrested": "a charge, and another",
    }
    assert finding(lost) == {1: "left from subject_arrested"}


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"force_reason": "refuse verbal comands"},
        {"officer_injured": "refuse verbal commands"},
        {"force_reason": " A SECOND CHARGE", "officer_injured": "unknown"},
        {"force_reason": None, "officer_injured": None},
        {"force_reason": "refuse verbal commands | flight"},
    ],
    ids=["good", "slip", "one cell alone", "words of nobody", "blanks", "list"],
)
def test_what_only_looks_so_is_left(finding: Finding, line: Cells) -> None:
    """One cell out of place is no shift, and words that no column knows are for other rules."""
    assert finding(line) == {}


def test_no_order_of_lines_matters(finding: Finding) -> None:
    """The same lines, the same answer."""
    backwards = range(401, -1, -1)
    assert finding(UNQUOTED, {}, order=backwards) == finding(UNQUOTED, {})
