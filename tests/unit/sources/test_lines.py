"""Splitting into lines: the careful reader, and that the quick one never disagrees with it."""

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.column import Column
from orchestration.duck import lines_of_files
from orchestration.sources import writing
from orchestration.sources.header import Mapping
from orchestration.sources.lines import LONGEST_RECORD, may_be_misread, read_header, read_lines
from orchestration.sources.reading import ReadableExtract

OPEN = "a quote is opened and never closed"
WRONG = "its quotes do not follow the rules of CSV"

CELLS = st.text(
    alphabet=st.one_of(
        st.sampled_from(",;\"\n\r\t  ab\\'"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=12,
)
TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)
SLOW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(path: Path, text: str, delimiter: str = ",") -> list[Any]:
    """Per line its cells, or the reason why it has none."""
    path.write_bytes(text.encode())
    lines = list(read_lines(path, delimiter))
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    return [line.error or line.cells for line in lines]


def read_quickly(path: Path, text: str, width: int, delimiter: str = ",") -> list[Any] | None:
    """The cells that DuckDB reads, or none where it is not sure."""
    path.write_bytes(text.encode())
    names = [f"n{position}" for position in range(width)]
    columns = [Column(name=n, source=n, description="x", privacy="publish") for n in names]
    mapping = Mapping(listed={n: i for i, n in enumerate(names)}, unlisted={})
    constants = {"_extract_id": "'x'", "_extracted_at": "timestamp '2022-01-01'", "_grain": "'g'"}
    readable = ReadableExtract(path=path, delimiter=delimiter, content_hash="")
    target = path.with_name("rows.parquet")
    with duckdb.connect() as connection:
        dataset: Any = SimpleNamespace(id="things", landed=columns)
        if not writing._written_quickly(connection, readable, mapping, dataset, constants, target):
            return None
        query = f"select {', '.join(names)} from {lines_of_files([target])} order by _line"
        return [[cell or "" for cell in row] for row in connection.execute(query).fetchall()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1,2\n", [["1", "2"]], id="plain"),
        pytest.param("1,2", [["1", "2"]], id="no newline at the end"),
        pytest.param("1,2\r\n3,4\n5,6\r7,8", [["1", "2"], *(["3", "4"], ["5", "6"], ["7", "8"])],
                     id="mixed line endings"),
        pytest.param("\n1,2\n\r\n\n3,4\n\n", [["1", "2"], ["3", "4"]], id="blank lines"),
        pytest.param('1,"a\nb\r\n\nc"\n3,4\n', [["1", "a\nb\r\n\nc"], ["3", "4"]], id="newlines"),
        pytest.param('1,"a ""b"", c"\n', [["1", 'a "b", c']], id="quotes inside"),
        pytest.param('1,5" pipe\n2,b\n', [["1", '5" pipe'], ["2", "b"]], id="quote as text"),
        pytest.param('1, "a"\n', [["1", ' "a"']], id="blank before a quote"),
        pytest.param("1\n2,b\n", ["1 cell for 2 headings", ["2", "b"]], id="too short"),
        pytest.param("1,2,3\n2,b\n", ["3 cells for 2 headings", ["2", "b"]], id="too long"),
        pytest.param("1,2,\n2,b\n", ["3 cells for 2 headings", ["2", "b"]], id="delimiter at the end"),
        pytest.param('1,"a\n2,b\n3,c\n', [OPEN, ["2", "b"], ["3", "c"]], id="open quote"),
        pytest.param('1,a\n2,"b', [["1", "a"], OPEN], id="open quote in the last line"),
        pytest.param('1,a\n2,"', [["1", "a"], OPEN], id="open quote at the very end"),
        pytest.param('1,"a\n2,b\n3,"c"\n', [OPEN, ["2", "b"], ["3", "c"]], id="open, then quoted"),
        pytest.param('1,"a\n2,"b\n3,c\n', [OPEN, OPEN, ["3", "c"]], id="two open quotes"),
        pytest.param('1,"a\n2,b\n3,"c\nd"\n', [OPEN, ["2", "b"], ["3", "c\nd"]],
                     id="open, then a quoted newline"),
        pytest.param('1,"a"b\n2,b\n', [WRONG, ["2", "b"]], id="text behind a quote"),
        pytest.param('1,"a\nx\nb",3\n2,b\n', ["3 cells for 2 headings", ["2", "b"]],
                     id="ragged with newlines is one line"),
        pytest.param("1,a\x00b\n", ["a NUL character in cell 2"], id="NUL"),
        pytest.param("1,a\u2028b\x0b\x0c\x1c\x85c\n", [["1", "a\u2028b\x0b\x0c\x1c\x85c"]],
                     id="other separators are text"),
    ],
)  # fmt: skip
def test_lines(tmp_path: Path, text: str, expected: list[Any]) -> None:
    """Every line is there, as its cells or with the reason why it has none."""
    assert read(tmp_path / "x.csv", "h1,h2\n" + text) == expected


def test_long_text_in_a_cell_is_kept(tmp_path: Path) -> None:
    """A cell of 1,000 lines beside a ragged line stays one cell."""
    story = "\n".join(f"line {number}, and more" for number in range(1_000))
    found = read(tmp_path / "x.csv", f'h1,h2\n1,"{story}"\nragged\n')
    assert found == [["1", story], "1 cell for 2 headings"]


def test_cell_beyond_the_limit_of_python_is_kept(tmp_path: Path) -> None:
    """Python's csv refuses cells above 131,072 characters by default; here none is lost."""
    cell = "x" * 300_000
    assert read(tmp_path / "x.csv", f'h1,h2\n1,"{cell}"\n') == [["1", cell]]


def test_open_quote_does_not_swallow_a_big_file(tmp_path: Path) -> None:
    """Behind a quote that is never closed every line survives, however many follow."""
    following = "".join(f"{number},abcdefgh\n" for number in range(200_000))
    assert len(following) > LONGEST_RECORD
    found = read(tmp_path / "x.csv", f'h1,h2\n1,"a\n{following}')
    assert found[0] == OPEN
    assert len(found) == 200_001


def test_many_open_quotes_take_no_longer_than_the_file(tmp_path: Path) -> None:
    """Every line with an open quote is read on its own, without reading the rest for each."""
    found = read(tmp_path / "x.csv", "h1,h2\n" + '1,"a\n' * 50_000)
    assert found == [OPEN] * 50_000


def test_header_with_newline(tmp_path: Path) -> None:
    """A heading may hold a newline; the first line of data is still line 1."""
    path = tmp_path / "x.csv"
    assert read(path, '"a\nb",c\n1,2\n') == [["1", "2"]]
    assert read_header(path, ",") == ["a\nb", "c"]


def test_header_with_an_open_quote_is_none(tmp_path: Path) -> None:
    """What an open quote swallows is data, which must not become a heading."""
    path = tmp_path / "x.csv"
    path.write_text('"a,b\n1,2\n')
    assert read_header(path, ",") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a,"b" \n', True),
        ('a, "b"\n', True),
        ('a,"b"\t,c\n', True),
        ('"b" ', True),
        ("a\rb\n", True),
        ("a\r", True),
        ('a,"say ""b"" now"\r\n', False),
        ("a , b\r\n", False),
    ],
)
@pytest.mark.parametrize("shift", [0, 1, 2, 3, 4])
def test_doubt_across_chunks(tmp_path: Path, text: str, expected: bool, shift: int) -> None:
    """What readers disagree on is seen wherever the file is cut for reading."""
    path = tmp_path / "x.csv"
    path.write_text("x" * ((1 << 20) - shift - 1) + "\n" + text, newline="")
    assert may_be_misread(path, ",") is expected


@given(table=TABLES, newline=st.sampled_from(["\n", "\r\n"]), delimiter=st.sampled_from(",;\t|"))
@SLOW
def test_clean_table_comes_back(
    tmp_path: Path, table: list[list[str]], newline: str, delimiter: str
) -> None:
    """What csv.writer wrote comes back cell by cell, carefully, and quickly where DuckDB is sure."""
    out = io.StringIO()
    # Quoting nothing but what needs it, a lone \r was left bare before Python 3.13.
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerows([[f"h{position}" for position in range(len(table[0]))], *table])
    path = tmp_path / "x.csv"
    assert read(path, out.getvalue(), delimiter) == table
    quick = read_quickly(path, out.getvalue(), len(table[0]), delimiter)
    assert quick in (None, table)
    if "\r" not in out.getvalue().replace("\r\n", ""):
        assert quick is not None or may_be_misread(path, delimiter)


@given(text=st.text(alphabet='ab,,,""\n\n\r ', max_size=40))
@SLOW
def test_quick_reader_never_disagrees(tmp_path: Path, text: str) -> None:
    """Whatever a file holds, DuckDB is not sure, or reads what the careful reader reads."""
    text = "h1,h2,h3\n" + text
    quick = read_quickly(tmp_path / "x.csv", text, 3)
    assert quick is None or quick == read(tmp_path / "x.csv", text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1,2,3,\n", id="a delimiter at the end"),
        pytest.param("1,2,3,,4\n", id="cells behind an empty one too many"),
        pytest.param('1,2,3,"",4\n', id="cells behind a quoted empty one too many"),
        pytest.param("1,2,,,,,\n", id="many delimiters at the end"),
        pytest.param('1,2,3\n"', id="an open quote at the very end"),
        pytest.param('1,"2\n",3\n4,5,"6\n7,8,9\n', id="an open quote behind a quoted newline"),
        pytest.param("1,2\n", id="a cell too few"),
    ],
)
def test_quick_reader_forgives_nothing(tmp_path: Path, text: str) -> None:
    """DuckDB alone would take these lines, or lose some without a word."""
    assert read_quickly(tmp_path / "x.csv", "h1,h2,h3\n" + text, 3) is None


def test_quick_reader_takes_quoted_newlines(tmp_path: Path) -> None:
    """A clean file with newlines in cells and empty cells at the end needs no careful reader."""
    text = 'h1,h2,h3\n1,"a\nb",\n4,5,6\n'
    assert read_quickly(tmp_path / "x.csv", text, 3) == [["1", "a\nb", ""], ["4", "5", "6"]]


def test_quick_reader_keeps_the_order(tmp_path: Path) -> None:
    """Lines of a file of many buffers are numbered in their order."""
    text = "h1,h2\n" + "".join(f"{number},{'x' * 50}\n" for number in range(400_000))
    quick = read_quickly(tmp_path / "x.csv", text, 2)
    assert quick is not None
    assert [row[0] for row in quick] == [str(number) for number in range(400_000)]


@given(table=TABLES, data=st.data())
@SLOW
def test_nul_anywhere_costs_its_own_line_only(
    tmp_path: Path, table: list[list[str]], data: st.DataObject
) -> None:
    """Wherever a NUL stands in a cell, that cell is at fault, and every other cell comes back."""
    line = data.draw(st.integers(0, len(table) - 1))
    place = data.draw(st.integers(0, len(table[0]) - 1))
    cell = table[line][place]
    at = data.draw(st.integers(0, len(cell)))
    spoilt = [list(cells) for cells in table]
    spoilt[line][place] = f"{cell[:at]}\0{cell[at:]}"
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([[f"h{position}" for position in range(len(table[0]))], *spoilt])
    path = tmp_path / "x.csv"
    expected: list[Any] = list(table)
    expected[line] = f"a NUL character in cell {place + 1}"
    assert read(path, out.getvalue()) == expected
    assert may_be_misread(path, ",")
    assert list(read_lines(path, ","))[line].cells == [
        "" if number == place else kept for number, kept in enumerate(table[line])
    ]
