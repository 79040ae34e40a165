"""What a spreadsheet left of a text: undone where it is certain, else named, never a value."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.dataset import load_datasets
from orchestration.settings import PACKAGE
from tests.integration.standardizing import standardized_cells

GUARD, WHOLE = "text_guard_removed", "whole_number_is_code"
READ_WRONGLY = "It ends.\uffa0 \uffa0Next\uffa0"
ERRORS = (
    *("#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"),
    *("#GETTING_DATA", "#n/a", "#N/A N/A", "#NV", "#BEZUG!", "#¡REF!", "#FIELD!", "########"),
    *("Err:502", "White | #N/A | Black", "#REF! | White", "'#N/A", '="#N/A"'),
)
"""Of Excel, in English and other languages, of LibreOffice, in lists, behind a guard."""
UNDONE = {
    "'21": ("21", GUARD),
    '="21"': ("21", GUARD),
    '="A, B"': ("A, B", GUARD),
    "'": (None, GUARD),
    '=""': (None, GUARD),
    "'O'NEAL ST": ("O'NEAL ST", GUARD),
    "'-5": ("-5", GUARD),
    " '21 ": ("21", GUARD),
    "21.0": ("21", WHOLE),
    "70112.00": ("70112", WHOLE),
    "-1.0": ("-1", WHOLE),
    "34.0 | 41.0": ("34 | 41", WHOLE),
    " 34.0 |  | 41": ("34 | | 41", WHOLE),
}
NAMED = (
    *ERRORS,
    *("=VLOOKUP(A2,Lookup!A:B,2)", "=A1", '="0"&"21"', "2.02611E+11", "1e-05", "'21'", "''21"),
    *(
        "a\0b",
        "123\u206145\u20616789",
        "J\u00adames",
        "1\ufe0f",
        "a\u200db",
        "\U000e0041",
        "a\u3164b",
    ),
)
LEFT = (
    *("21", "2.5", "1.05", "1E01", "21.0 feet", "v2.0.1", "Report #5", "#2 shed!", "call #12!?"),
    *("'hello' she said", "O'NEAL ST", "a = b", "= none", "5 > 3", "E+01", "N/A-12", "Apt #N/A-3"),
    *("thanks ❤\ufe0f", "👩\u200d🚒 came", "Châtaignier 栗"),
)


@pytest.fixture(scope="module")
def stops(tmp_path_factory: pytest.TempPathFactory):
    """Every cell of the tables above in a text column of one dataset."""
    cells = [*UNDONE, *NAMED, *LEFT, READ_WRONGLY]
    made = standardized_cells(tmp_path_factory.mktemp("stops"), "stops", "subject_race", cells)
    rows = made.rows("select subject_race, _mangled from stg order by _line")
    changes = made.rows("select _line, rule_id, from_value, to_value from corrections order by all")
    return dict(zip(cells, rows, strict=True)), [
        (cells[line - 1], *change) for line, *change in changes
    ]


def test_undone_and_explained(stops):
    """A guard, or a code that became a number, gives back the text, and one record says so."""
    rows, changes = stops
    assert {cell: rows[cell] for cell in UNDONE} == {
        cell: (text, None) for cell, (text, _) in UNDONE.items()
    }
    told = [(cell, rule) for cell, rule, *_ in changes if rule in (GUARD, WHOLE)]
    assert sorted(told) == sorted(
        [(cell, rule) for cell, (_, rule) in UNDONE.items()] + [('="#N/A"', GUARD)]
    )


def test_named(stops):
    """What is no value of any column is named, so that its line is quarantined."""
    rows, _ = stops
    assert {cell: rows[cell][1] for cell in NAMED} == dict.fromkeys(NAMED, "subject_race")


def test_left(stops):
    """Text that only looks like it stays as it was."""
    rows, changes = stops
    assert {cell: rows[cell] for cell in LEFT} == {cell: (cell, None) for cell in LEFT}
    assert not {cell for cell, *_ in changes} & set(LEFT)


def test_a_no_break_space_that_was_read_wrongly_is_a_blank(stops):
    """As two extracts of Sacramento have it behind full stops: no line is quarantined for it."""
    rows, changes = stops
    assert rows[READ_WRONGLY] == ("It ends. Next", None)
    assert [rule for cell, rule, *_ in changes if cell == READ_WRONGLY] == ["blanks_collapsed"]


@pytest.mark.parametrize("dataset", load_datasets(PACKAGE / "datasets"))
def test_no_column_of_any_dataset_takes_an_error(tmp_path: Path, dataset: str) -> None:
    """Whatever a column's type and steps are, #N/A there is named, and never null in silence."""
    names = [column.name for column in load_datasets(PACKAGE / "datasets")[dataset].landed]
    errors = {
        name: ["#N/A" if place == number else None for number in range(len(names))]
        for place, name in enumerate(names)
    }
    first, *others = names
    made = standardized_cells(
        tmp_path, dataset, first, errors[first], beside={name: errors[name] for name in others}
    )
    found = made.rows("select coalesce(_mangled, _unparsed) from stg order by _line")
    assert [name for (name,) in found] == names


BEATS = {
    ("10", "1"): "1E01",
    ("10.0", "1"): "1E01",
    ("30000", "3"): "3E04",
    ("300", "3"): "3E02",
    ("1.00E+01", "5"): "1E01",
    ("1E+01", "5"): "1E01",
    ("1e+1", "5"): "1E01",
    ("10", "2"): "10",
    ("10", None): "10",
    ("12", "1"): "12",
    ("1E01", "1"): "1E01",
    ("1.25E+01", "1"): "1.25E+01",
}
"""A beat as it came, its district, and the beat that it is."""


def test_beats_that_became_numbers(tmp_path: Path) -> None:
    """Ten is 1E01 where the district beside it is 1, and is left for a rule to stop where not."""
    made = standardized_cells(
        tmp_path,
        "calls_for_service",
        "beat_code",
        [beat for beat, _ in BEATS],
        beside={"police_district_code": [district for _, district in BEATS]},
    )
    found = [beat for (beat,) in made.rows("select beat_code from stg order by _line")]
    assert dict(zip(BEATS, found, strict=True)) == BEATS


@given(
    texts=st.lists(
        st.text(st.sampled_from("'\"=#!?.0123E+-AB |\0"), min_size=1, max_size=8),
        min_size=200,
        max_size=200,
    )
)
@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_of_a_spreadsheet_is_left(tmp_path_factory, texts):
    """Of any text: no guard, formula, error or rounded number is staged without being named."""
    folder = tmp_path_factory.mktemp("any")
    made = standardized_cells(folder, "stops", "subject_race", texts)
    assert (
        made.rows(
            "select _line from stg where _mangled is null and (regexp_full_match(subject_race, "
            "'=\".*\"|''[0-9A-B]*|[0-9]([.][0-9]+)?E[+-][0-9]+|[0-9]+[.]0+|#[AB/]{2,}[!?]', 's')"
            " or contains(subject_race, chr(0)))"
        )
        == []
    )
