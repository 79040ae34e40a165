"""Tables that go out and come back: any text survives, nothing is a formula, bad files are told."""

import csv
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestration.errors import ConfigurationError
from orchestration.tabular import (
    BIGGEST_CELL,
    Heading,
    read_table,
    shown,
    write_csv,
    write_xlsx,
)

HEADINGS = (Heading("key"), Heading("text"), Heading("answer", choices=("yes", "no")))
NAMES = [heading.name for heading in HEADINGS]
TEXTS = st.text(
    st.one_of(st.characters(codec=None), st.sampled_from("=+-@\t\r\n',;\"_x0041\x00\x85\ufeff")),
    max_size=40,
)


def write(path: Path, rows: list[list[str]]) -> Path:
    if path.suffix == ".xlsx":
        write_xlsx(path, "table", HEADINGS, rows)
    else:
        write_csv(path, HEADINGS, rows)
    return path


def texts_of(path: Path) -> list[str]:
    return [line.cells["text"] for line in read_table(path, NAMES)]


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
@example(texts=["=1+1", "'=1+1", "''=1", "'", "+", "-1", "@a", "\t=", "\r\n=", "#N/A", "TRUE"])
@example(texts=["_x0041_", "_x005F_", "__x0041_x0042_", "_x00", "1.50", "2022-01-01", " a "])
@example(texts=["", "\ud800", "\ufffe", "\x00", "\x1f", "a\rb", "\ufeff", "é" * 9000])
def test_any_text_comes_back(tmp_path: Path, suffix: str, texts: list[str]):
    """What a cell shows is what is read, in both formats."""
    rows = [[f"k{number}", shown(text), ""] for number, text in enumerate(texts)]
    assert texts_of(write(tmp_path / f"t.{suffix}", rows)) == [row[1] for row in rows]


@given(text=TEXTS)
def test_showing_twice_is_showing_once(text: str):
    """So what was read can be compared with what was shown."""
    assert shown(shown(text)) == shown(text)


@given(text=st.text(st.characters(exclude_categories=["C"]), max_size=50))
def test_ordinary_text_is_shown_as_it_is(text: str):
    """Only what a file cannot hold is drawn otherwise."""
    assert shown(text) == text


@pytest.mark.parametrize(("length", "kept"), [
    (BIGGEST_CELL, BIGGEST_CELL), (BIGGEST_CELL + 1, BIGGEST_CELL - 1),
])  # fmt: skip
def test_endless_text_is_cut(length: int, kept: int):
    """With a sign that it goes on."""
    assert shown("x" * length).rstrip("…") == "x" * kept


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "=HYPERLINK(1)"])
def test_no_cell_is_a_formula(tmp_path: Path, text: str):
    """A spreadsheet that opens either file sees a text, and so does the CSV that it saves."""
    with write(tmp_path / "t.csv", [["k", text, ""]]).open(
        encoding="utf-8-sig", newline=""
    ) as file:
        assert list(csv.reader(file))[1][1] == f"'{text}"
    cell = openpyxl.load_workbook(write(tmp_path / "t.xlsx", [["k", text, ""]])).active["B2"]
    assert (cell.data_type, cell.value) == ("s", f"'{text}")


def test_workbook_offers_the_choices(tmp_path: Path):
    """A reviewer picks a verdict from a list."""
    book = openpyxl.load_workbook(write(tmp_path / "t.xlsx", [["k", "t", ""]]))
    (choice,) = book.active.data_validations.dataValidation
    assert (choice.formula1, str(choice.sqref)) == ('"yes,no"', "C2")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_of_other_spreadsheets(tmp_path: Path, delimiter: str, end: str, encoding: str):
    """Semicolons where a comma stands in numbers, with and without the mark at the start."""
    text = end.join(delimiter.join(row) for row in (NAMES, ["k", '"a,b;c"', "yes"])) + end
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    (line,) = read_table(tmp_path / "t.csv", NAMES)
    assert (line.cells, line.number) == ({"key": "k", "text": "a,b;c", "answer": "yes"}, 2)


def test_line_numbers_are_those_of_the_file(tmp_path: Path):
    """A cell of three lines, and a blank line, move those below."""
    (tmp_path / "t.csv").write_text('key,text,answer\na,"1\n2\n3",\n\nb,,\n')
    assert [line.number for line in read_table(tmp_path / "t.csv", NAMES)] == [2, 6]


def test_numbers_and_dates_typed_by_hand_are_text(tmp_path: Path):
    """A reviewer's own cells have types."""
    path = write(tmp_path / "t.xlsx", [["k", "t", ""]])
    book = openpyxl.load_workbook(path)
    book.active["C2"] = 7
    book.active["A3"] = True
    book.save(path)
    assert [line.cells["answer"] for line in read_table(path, NAMES)] == ["7", ""]


def damaged_workbook(path: Path) -> None:
    write_xlsx(path, "t", HEADINGS, [["k", "t", ""]])
    path.write_bytes(path.read_bytes()[:-200])


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("hello.txt", "hello")


BAD = {
    "picture": (b"\x89PNG\r\n\x1a\n\x00\xff", "is neither a workbook nor UTF-8"),
    "latin": ("key,text,answer\nk,Straße,\n".encode("latin-1"), "is neither a workbook nor UTF-8"),
    "empty": (b"", "is no sheet of ours"),
    "prose": (b"Dear colleague,\nplease find attached\n", "is no sheet of ours"),
    "column missing": (b"key,text\nk,t\n", "line 1: the column answer is missing"),
    "column twice": (b"key,text,text,answer\nk,t,t,\n", "line 1: the column text stands twice"),
    "open quote": (b'key,text,answer\nk,t,\nk,"t,\n', "line 3: is no CSV"),
    "stray quote": (b'key,text,answer\nk,"t"t,\n', "line 2: is no CSV"),
    "endless cell": (b'key,text,answer\nk,"' + b"x" * 200_000 + b'",\n', "line 2: is no CSV"),
    "endless file": (b"key,text,answer\n" + b"k,t,\n" * 100_001, "is too long"),
    "damaged workbook": (damaged_workbook, "is no workbook that can be read"),
    "other zip": (other_zip, "is no workbook that can be read"),
}


@pytest.mark.parametrize(("made", "said"), BAD.values(), ids=BAD)
def test_what_is_no_sheet_is_told(tmp_path: Path, made: object, said: str):
    """With the file's name, and no cell of it."""
    path = tmp_path / "t.csv"
    if isinstance(made, bytes):
        path.write_bytes(made)
    else:
        made(path)  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_table(path, NAMES)
    assert str(refused.value).startswith("t.csv: ")


@pytest.mark.parametrize("name", ["nowhere.csv", "."], ids=["missing", "folder"])
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_table(tmp_path / name, NAMES)


def test_too_long_rows_are_marked(tmp_path: Path):
    """A comma that nobody quoted moves every cell after it."""
    (tmp_path / "t.csv").write_text("key,text,answer\nk,t,,\nk,a,b,c\n")
    assert [line.is_too_long for line in read_table(tmp_path / "t.csv", NAMES)] == [False, True]
