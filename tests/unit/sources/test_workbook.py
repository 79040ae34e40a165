"""Spreadsheets, cell by cell: what is read, what is refused, and what is said of a row by address."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter

from orchestration.dataset import Dataset
from orchestration.errors import ExtractRefused
from orchestration.sources.workbook import LAST_ROW, open_sheet
from tests.unit.sources.workbooks import rezipped, saved, with_cells, workbook

HEAD = ["Item", "Type", "Place"]
SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
Read = Callable[..., tuple[list[list[str]], dict[int, str]]]


@pytest.fixture
def typed(make_dataset: Callable[..., Dataset]) -> Callable[..., Dataset]:
    """The dataset `things` with columns that hold a number, a day and a time, too."""

    def make(**options: str) -> Dataset:
        dataset = make_dataset(workbook=options)
        known = dataset.column("type_text")
        more = [
            known.model_copy(
                update={
                    "name": name,
                    "source": name,
                    "aliases": (),
                    "type": kind,
                    "formats": formats,
                }
            )
            for name, kind, formats in (
                ("count", "number", ()),
                ("day", "date", ("%Y-%m-%d", "%Y%m%d")),
                ("moment", "timestamp", ("%Y-%m-%dT%H:%M:%S",)),
            )
        ]
        return dataset.model_copy(update={"columns": (*dataset.columns, *more)})

    return make


@pytest.fixture
def read(tmp_path: Path, typed: Callable[..., Dataset]) -> Read:
    """The rows of a workbook, the headings first, and what is wrong with which of them."""

    def read_it(content: bytes, **options: str) -> tuple[list[list[str]], dict[int, str]]:
        path = tmp_path / "a.xlsx"
        path.write_bytes(content)
        with open_sheet(typed(**options), path, "things: a.xlsx") as sheet:
            rows = [sheet.header, *sheet.rows]
            return rows, sheet.faults

    return read_it


def sheets(**rows: list[list[Any]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, some in rows.items():
        sheet = book.create_sheet(name)
        for row in some:
            sheet.append(row)
    return book


# Cells


def test_plain_cells(read: Read) -> None:
    """Dates, numbers and booleans become text that says no more than the cell."""
    rows, faults = read(
        workbook(
            [],
            [
                ["Item", "moment", "day", "count", "Place", "Type", "unlisted"],
                [
                    "1",
                    datetime(2022, 8, 31, 6, 30),
                    date(2022, 8, 31),
                    3.0,
                    True,
                    " a\n,b ",
                    time(1),
                ],
                [None, None],
                [2.0, None, None, 1.5, False, None],
                ["", ""],
            ],
        )
    )
    assert rows[1:] == [
        ["1", "2022-08-31T06:30:00", "2022-08-31T00:00:00", "3", "true", " a\n,b ", "01:00:00"],
        ["2", "", "", "1.5", "false", "", ""],
    ]
    assert faults == {}


@pytest.mark.parametrize(
    ("heading", "value", "number_format", "expected"),
    [
        pytest.param("Type", 10, "0.00E+00", "1.00E+01", id="1E01 typed"),
        pytest.param("Type", 30000, "0.00E+00", "3.00E+04", id="3E04 typed"),
        pytest.param("Type", 10, "General", "10", id="a number"),
        pytest.param("Type", 21.0, "General", "21", id="a whole number"),
        pytest.param("Type", 2.5, "General", "2.5", id="a broken number"),
        pytest.param("Type", 70112, "00000", "70112", id="a padded number"),
        pytest.param("Type", 501, "00000", "00501", id="a number padded with zeros"),
        pytest.param("count", 10, "0.00E+00", "10", id="where a number is wanted"),
        pytest.param("day", 20220831, "General", "20220831", id="a day written as a number"),
    ],
)
def test_numbers(read: Read, heading: str, value: Any, number_format: str, expected: str) -> None:
    """Where text is wanted, a number is read as the sheet shows it, which is what was typed."""
    book = sheets(a=[["Item", heading], ["1", value]])
    book["a"]["B2"].number_format = number_format
    assert read(saved(book)) == ([["Item", heading], ["1", expected]], {})


FORMULA = "<f>1+1</f>"
FAULTS: dict[str, tuple[str, Any, str]] = {
    "date in a text column": ("Type", datetime(2022, 3, 5), "is a date"),
    "date in a number column": ("count", datetime(2022, 3, 5), "is a date"),
    "time in a text column": ("Type", time(5, 7), "is a time of day or a duration"),
    "time in a day column": ("day", time(5, 7), "is a time of day or a duration"),
    "duration in a text column": ("Type", timedelta(days=3), "is a time of day or a duration"),
    "duration in a number column": ("count", timedelta(hours=30), "is a time of day or a duration"),
    "number in a day column": ("day", 46329, "is a number without the format of a date"),
    "number in a time column": ("moment", 46329.5, "is a number without the format of a date"),
    "number too long": ("Type", 1234567890123456, "is a number of more than 15 digits"),
    "formula without result": ("Type", "=1+1", "holds a formula without its result"),
    "text formula without result": ("Type", '=IF(1=1,"a","b")', "holds a formula without"),
    **{
        f"error {error}": ("Type", error, "holds an error of the spreadsheet")
        for error in ("#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!")
    },
}


@pytest.mark.parametrize(("heading", "value", "said"), FAULTS.values(), ids=FAULTS)
def test_cell_in_doubt(read: Read, heading: str, value: Any, said: str) -> None:
    """Its row cannot be taken, by the cell's address; the row's other cells, the key among them, stay."""
    rows, faults = read(workbook([["Item", heading, "Place"], ["1", "x"], ["2", value, "here"]]))
    assert rows[2] == ["2", "", "here"]
    assert list(faults) == [2]
    assert faults[2].startswith(f"cell B3 {said}")


@pytest.mark.parametrize(
    ("cell", "text", "fault"),
    [
        (f'<c r="B2" t="str">{FORMULA}<v>abc</v></c>', "abc", None),
        (f'<c r="B2" t="str">{FORMULA}<v></v></c>', "", None),
        (f'<c r="B2">{FORMULA}<v>2</v></c>', "2", None),
        (f'<c r="B2">{FORMULA}<v>0</v></c>', "", "cell B2 holds a formula without its result"),
        (f'<c r="B2">{FORMULA}<v/></c>', "", "cell B2 holds a formula without its result"),
        (f'<c r="B2">{FORMULA}</c>', "", "cell B2 holds a formula without its result"),
        (f'<c r="B2" t="str">{FORMULA}</c>', "", "cell B2 holds a formula without its result"),
        (f'<c r="B2" t="e">{FORMULA}<v>#SPILL!</v></c>', "", "cell B2 holds an error"),
        ('<c r="B2" t="e"><v>#CALC!</v></c>', "", "cell B2 holds an error"),
        ('<c r="B2" t="e"/>', "", "cell B2 holds an error"),
        ('<c r="B2" t="inlineStr"><is><t>a_x0000_b</t></is></c>', "", "cell B2 holds a NUL"),
        ('<c r="B2" t="inlineStr"><is><t>a_x000D_b</t></is></c>', "a\rb", None),
        ('<c r="B2" t="str"><v>_x001F_</v></c>', "", "cell B2 holds a NUL or another"),
    ],
)
def test_cells_that_no_writer_of_ours_writes(
    read: Read, cell: str, text: str, fault: str | None
) -> None:
    """Formulas count by their stored result, 0 in a book that was never calculated is none."""
    rows, faults = read(with_cells(workbook([HEAD, ["1", "x", "here"]]), {"B2": cell}))
    assert rows[1] == ["1", text, "here"]
    assert (fault is None and not faults) or faults[1].startswith(str(fault))


def test_zero_as_result_of_a_calculated_book(read: Read) -> None:
    """A spreadsheet that calculated its formulas means the 0."""
    content = with_cells(workbook([HEAD, ["1", "x"]]), {"B2": f'<c r="B2">{FORMULA}<v>0</v></c>'})
    calculated = rezipped(
        content, lambda name, part: part.replace(b'fullCalcOnLoad="1"', b"") if "book" in name else part
    )  # fmt: skip
    assert read(calculated) == ([HEAD, ["1", "0", ""]], {})


def test_nothing_unlisted_is_at_fault(read: Read) -> None:
    """Errors, dates and merged cells in columns that nobody listed, or that are hashed, stop no row."""
    book = sheets(a=[["Item", "Notes", "Remark"], ["1", "#N/A", time(5)], ["2", "=1+1", "#REF!"]])
    book["a"].merge_cells("B2:B3")
    assert read(saved(book))[1] == {}


def test_many_faults_are_told_shortly(read: Read) -> None:
    """The first three cells are named, the others counted."""
    _, faults = read(workbook([["Item", "Type", "Place", "count", "day"], ["#N/A"] * 5]))
    assert faults[1].count("holds an error") == 3
    assert faults[1].endswith("; 2 more cells")


# Rows


def test_wrong_size_of_the_sheet(read: Read) -> None:
    """Exporters that write a wrong sheet size lose no cells."""

    def shrink(name: str, part: bytes) -> bytes:
        return part.replace(b'ref="A1:C2"', b'ref="A1"') if "sheet1" in name else part

    content = workbook([HEAD, [1, 2, 3]])
    assert rezipped(content, shrink) != rezipped(content, lambda name, part: part)
    assert read(rezipped(content, shrink))[0][1] == ["1", "2", "3"]


def test_cell_beside_the_table(read: Read) -> None:
    """A note beside the table is no cell of a column, and its row is not cut in silence."""
    rows, faults = read(workbook([HEAD, [1], [1, 2, None, None, 4]]))
    assert rows == [HEAD, ["1", "", ""], ["1", "2", ""]]
    assert faults == {2: "cell E3 stands beside the table"}


def test_book_without_styles(read: Read) -> None:
    """What openpyxl warns of is not data: no warning."""
    content = rezipped(
        workbook([["Item"], [1]]),
        lambda name, part: part if "styles" not in name else
        b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>',
    )  # fmt: skip
    assert read(content)[0] == [["Item"], ["1"]]


@pytest.mark.parametrize(
    "above",
    [
        [],
        [["Things of 2022"]],
        [["Things of 2022"], [], ["as of", None]],
        [["Place"], ["by the desk"]],
    ],
    ids=["none", "title", "title and gap", "title that is a heading"],
)
def test_titles_above_the_headings(read: Read, above: list[list[Any]]) -> None:
    """The headings are the row that has most of them; titles above are no rows."""
    assert read(workbook([*above, HEAD, ["1", "a", "x"]])) == ([HEAD, ["1", "a", "x"]], {})


def test_merged_title_above_the_headings(read: Read) -> None:
    """A title is usually merged over the table: nothing of the rows."""
    book = sheets(a=[["Things of 2022"], HEAD, ["1", "a", "x"]])
    book["a"].merge_cells("A1:C1")
    assert read(saved(book)) == ([HEAD, ["1", "a", "x"]], {})


def test_rows_above_the_headings_are_refused(read: Read) -> None:
    """What holds more than a title may be data."""
    with pytest.raises(ExtractRefused, match="headings stand in row 2, and row 1 above them"):
        read(workbook([["1", "a", "x"], HEAD, ["2", "b", "y"]]))


@pytest.mark.parametrize(
    "word", ["Total", "TOTAL", "Grand total", "Subtotal:", "Total things", "Sum"]
)
@pytest.mark.parametrize("place", [0, 1], ids=["as key", "beside"])
def test_total_below_the_rows(read: Read, word: str, place: int) -> None:
    """A total is a line with a reason, wherever its word stands."""
    total: list[Any] = [None, None, 12]
    total[place] = word
    _, faults = read(workbook([HEAD, ["1", "a", "x"], total]))
    assert faults == {2: "row 3 looks like a total"}


def test_total_as_a_value_is_none(read: Read) -> None:
    """A row with a key may say the word."""
    assert read(workbook([HEAD, ["1", "Total loss", "Count St"]]))[1] == {}


def test_headings_that_come_again(read: Read) -> None:
    """Headings repeated for each printed page are no things."""
    assert read(workbook([HEAD, ["1", "a", "x"], HEAD]))[1] == {2: "row 3 repeats the headings"}


def test_full_sheet_is_refused(read: Read) -> None:
    """What stands in a sheet's last row was followed by rows that found no place."""
    content = rezipped(
        workbook([HEAD, ["1", "a", "x"]]),
        lambda name, part: part.replace(b'<row r="2"', f'<row r="{LAST_ROW}"'.encode())
        .replace(b'2"', f'{LAST_ROW}"'.encode()) if "sheet1" in name else part,
    )  # fmt: skip
    with pytest.raises(ExtractRefused, match=r"its sheet is full \(row 1,048,576\)"):
        read(content)


# Merged cells


@pytest.mark.parametrize(
    ("ranges", "told"),
    [
        (["A2:A3"], "cells are merged: A2:A3; unmerge them"),
        (["A2:B2"], "cells are merged: A2:B2; "),
        (["B1:C1"], "cells are merged: B1:C1; "),
        (["A1:A2"], "cells are merged: A1:A2; "),
        (["A2:A3", "B2:B3", "C2:C3", "A4:A5"], "cells are merged: .* and 1 more ranges; "),
    ],
)
def test_merged_cells_are_refused(read: Read, ranges: list[str], told: str) -> None:
    """Nobody said what they mean: the extract is refused with the ranges, and the way out."""
    book = sheets(a=[HEAD, *(["1", "a", "x"] for _ in range(4))])
    for one in ranges:
        book["a"].merge_cells(one)
    with pytest.raises(ExtractRefused, match=told):
        read(saved(book))


def test_merged_over_columns_is_never_filled(read: Read) -> None:
    """One value for several columns is a guess, whatever the dataset file says."""
    book = sheets(a=[HEAD, ["1", "a", "x"]])
    book["a"].merge_cells("B2:C2")
    with pytest.raises(ExtractRefused, match="only cells of one column can be filled"):
        read(saved(book), merged="fill")


SPANS = st.lists(st.integers(1, 4), min_size=1, max_size=6)


@given(spans=SPANS, column=st.integers(0, 2), titles=st.integers(0, 3))
@SLOW
def test_merged_cells_mean_every_row_or_stop(
    read: Read, spans: list[int], column: int, titles: int
) -> None:
    """Whatever is merged downwards is filled with its first value where declared, and else refused."""
    rows = [[f"{n}{m}" for m in "abc"] for n in range(sum(spans))]
    book = sheets(a=[*([f"Title {n}"] for n in range(titles)), HEAD, *rows])
    top, letter = titles + 2, get_column_letter(column + 1)
    first = 0
    for span in spans:
        if span > 1:
            book["a"].merge_cells(f"{letter}{top + first}:{letter}{top + first + span - 1}")
        for row in rows[first : first + span]:
            row[column] = rows[first][column]
        first += span
    assert read(saved(book), merged="fill") == ([HEAD, *rows], {})
    if max(spans) > 1:
        with pytest.raises(ExtractRefused, match=f"cells are merged: {letter}"):
            read(saved(book))
    else:
        assert read(saved(book)) == ([HEAD, *rows], {})


@given(
    kinds=st.lists(st.sampled_from(["x", *FAULTS]), min_size=1, max_size=8),
    titles=st.integers(0, 3),
    gaps=st.lists(st.integers(0, 7), max_size=3),
)
@SLOW
def test_every_bad_cell_has_its_address(
    read: Read, kinds: list[str], titles: int, gaps: list[int]
) -> None:
    """However bad and good cells are mixed, each bad one is told by its own address, no good one."""
    rows: list[list[Any]] = [[f"Title {n}"] for n in range(titles)]
    rows.append(["Item", "Type", "count", "day", "moment"])
    expected = {}
    for number, kind in enumerate(kinds, start=1):
        rows += [[]] * gaps.count(number)
        row: list[Any] = [f"key {number}", None, None, None, None]
        if kind in FAULTS:
            heading, value, said = FAULTS[kind]
            place = rows[titles].index(heading)
            row[place] = value
            expected[number] = f"cell {get_column_letter(place + 1)}{len(rows) + 1} {said}"
        rows.append(row)
    found, faults = read(workbook(rows))
    assert [row[0] for row in found[1:]] == [f"key {n}" for n in range(1, len(kinds) + 1)]
    assert list(faults) == list(expected)
    assert all(faults[number].startswith(said) for number, said in expected.items())


# Sheets


def test_hidden_sheets_are_left(read: Read) -> None:
    """The one visible sheet with rows is read, whatever hidden ones hold."""
    book = sheets(Lookup=[["a", "b"]], Things=[HEAD, ["1", "a", "x"]], Empty=[])
    book["Lookup"].sheet_state = "veryHidden"
    book.active = 1
    assert read(saved(book))[0] == [HEAD, ["1", "a", "x"]]


def test_sheet_by_name(read: Read) -> None:
    """Of several sheets the dataset file names one, be it hidden."""
    book = sheets(Notes=[["to do"]], Things=[HEAD, ["1", "a", "x"]])
    book["Things"].sheet_state = "hidden"
    assert read(saved(book), sheet="Things")[0] == [HEAD, ["1", "a", "x"]]


@pytest.mark.parametrize(
    ("sheet", "told"),
    [
        (None, "2 of its sheets hold rows ('Things', 'Notes'), and hidden ones: 'Lookup'; leave"),
        ("Thing", "has no sheet 'Thing' (source.workbook.sheet), only 'Things', 'Notes', 'Lookup'"),
        ("Empty", "its sheet 'Empty' holds no rows"),
    ],
    ids=["several", "no such", "empty"],
)
def test_which_sheet_is_not_clear(read: Read, sheet: str | None, told: str) -> None:
    """Which sheets there are is said, hidden ones apart."""
    book = sheets(Things=[HEAD], Notes=[["to do"]], Lookup=[["a"]], Empty=[])
    book["Lookup"].sheet_state = "hidden"
    with pytest.raises(ExtractRefused) as caught:
        read(saved(book), **({"sheet": sheet} if sheet else {}))
    assert told in str(caught.value)
