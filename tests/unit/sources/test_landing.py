"""Landing: what is kept of an extract, what is not, and what is left when it fails."""

import csv
import gzip
import logging
import multiprocessing
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import tempfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from orchestration.dataset import Dataset
from orchestration.errors import (
    ConfigurationError,
    ExtractRefused,
    Fault,
    SummerwareError,
    TransientError,
)
from orchestration.hash_key import hash_key
from orchestration.settings import Settings
from orchestration.sources import FoundExtract, landing
from orchestration.sources.header import refuse_other_tables
from orchestration.sources.landing import land
from orchestration.sources.lines import read_header, read_lines
from orchestration.state.database import open_database
from orchestration.state.store import Extract, State
from tests.unit.sources.conftest import dataset_of_tests
from tests.unit.sources.workbooks import workbook

HEAD = "Item,Type,Place\n"
Land = Callable[..., Extract]
Read = Callable[[Extract], list[Any]]


def contents(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below these folders with its bytes, and unpacked where it is Parquet."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield path, path.read_bytes()
                if path.suffix == ".parquet":
                    rows = duckdb.execute(f"select * from '{path}'").fetchall()
                    yield path, repr(rows).encode()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder for temporary files, to see what is left in it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def left_over(settings: Settings, temporary: Path) -> Callable[[], list[str]]:
    """What lies about beside landed extracts, the state database, locks and the key."""

    def look() -> list[str]:
        lasting = ("state.db", "locks", "hash.key")
        return [
            str(path)
            for path in (*settings.home.rglob("*"), *temporary.rglob("*"))
            if not (path.is_dir() and path.parent in (settings.home, settings.extracts))
            and not path.relative_to(settings.home.parent).parts[1].startswith(lasting)
        ]

    return look


# Cells


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(HEAD + "1,a,x\n2,b,y\n", [("1", "a", "x"), ("2", "b", "y")], id="plain"),
        pytest.param("\n\n" + HEAD + "1,a,x\n", [("1", "a", "x")], id="blank lines first"),
        pytest.param(HEAD + '1,"",x\n2,,\n', [("1", None, "x"), ("2", None, None)], id="null"),
        pytest.param(HEAD + "1, a ,x\n", [("1", " a ", "x")], id="blanks are kept"),
        pytest.param(HEAD + "1,None,NULL\n", [("1", "None", "NULL")], id="words are kept"),
        pytest.param(HEAD.replace("\n", "\r\n") + "1,a,x\r\n2,b,y\n",
                     [("1", "a", "x"), ("2", "b", "y")], id="mixed line endings"),
        pytest.param(HEAD + "1,a,x\n2,b\n3,c,z\n",
                     [("1", "a", "x"), "2 cells for 3 headings", ("3", "c", "z")], id="ragged"),
        pytest.param(HEAD + "1,a,x,\n", ["4 cells for 3 headings"], id="delimiter at the end"),
        pytest.param(HEAD + '1,"a,x\n2,b,y\n',
                     ["a quote is opened and never closed", ("2", "b", "y")], id="open quote"),
        pytest.param(HEAD + '1,a,x\n2,b,"y\n',
                     [("1", "a", "x"), "a quote is opened and never closed"], id="at the end"),
        pytest.param(HEAD + '1,"a\nb",x\n2,b,y\n', [("1", "a\nb", "x"), ("2", "b", "y")],
                     id="quoted newline"),
        pytest.param(HEAD + "1,a\x00b,x\n", ["a NUL character in cell 2"], id="NUL"),
        pytest.param('Type,"Item",place \nb,2,y\n', [("2", "b", "y")], id="other order and case"),
        pytest.param(HEAD, [], id="header only"),
        pytest.param(HEAD.strip(), [], id="header only, no newline"),
    ],
)  # fmt: skip
def test_cells(land_text: Land, landed_cells: Read, content: str, expected: list[Any]) -> None:
    """Cells land as they came; '' is null; a line that cannot be parsed is a line with a reason."""
    extract = land_text(content)
    assert landed_cells(extract) == expected
    assert extract.lines == len(expected)
    assert extract.unparseable == sum(isinstance(line, str) for line in expected)


def test_tsv_and_declared_delimiter(
    land_text: Land, landed_cells: Read, make_dataset: Callable[..., Dataset]
) -> None:
    """Tabs by the file's name, another delimiter by the dataset file."""
    content = 'Item;Type;Place\n1;"a;b";x,y\n'
    assert landed_cells(land_text(content.replace(";", "\t"), name="a.tsv")) == [
        ("1", "a\tb", "x,y")
    ]
    declared = make_dataset(delimiter=";")
    assert landed_cells(land_text(content, name="b.csv", dataset=declared)) == [("1", "a;b", "x,y")]


@pytest.mark.parametrize("size", [200_000, 17_000_000], ids=["over 128 KiB", "over 16 MiB"])
def test_very_long_cell(
    land_text: Land, landed_cells: Read, make_dataset: Callable[..., Dataset], size: int
) -> None:
    """A cell beyond the limits of Python's csv or DuckDB's lands whole, ragged lines beside it."""
    dataset = make_dataset(bounds={"line_mb": 32})
    cell = "x" * size
    expected = [("1", cell, "x"), "2 cells for 3 headings", ("2", "b", "y")]
    text = HEAD + f'1,"{cell}",x\nragged,\n2,b,y\n'
    assert landed_cells(land_text(text, dataset=dataset)) == expected


def test_two_thousand_columns(land_text: Land, landed_cells: Read) -> None:
    """Unlisted columns, as many as the bounds allow, do not stop a run."""
    more = "".join(f",extra {number}" for number in range(1_997))
    extract = land_text(f"Item,Type,Place{more}\n1,a,x{',z' * 1_997}\n1,a,x\n")
    assert landed_cells(extract) == [("1", "a", "x"), "3 cells for 2000 headings"]


def test_smart_quotes_of_windows(
    land_text: Land, landed_cells: Read, make_dataset: Callable[..., Dataset]
) -> None:
    """Windows-1252 stops as UTF-8 and lands as what it is, though both have the same bytes."""
    content = (HEAD + "1,\u201ca\u201d,x\n").encode("cp1252")
    with pytest.raises(ExtractRefused, match="is not utf-8"):
        land_text(content)
    wrong = land_text(content, dataset=make_dataset(encoding="latin-1"))
    right = land_text(content, dataset=make_dataset(encoding="cp1252"))
    assert wrong.id != right.id
    assert landed_cells(right) == [("1", "\u201ca\u201d", "x")]


# Headers


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("Item,Type,Place,item", "two headings mean 'item_number' (cells 1 and 4)"),
        ("Item,Type,TypeText", "two headings mean 'type_text' (cells 2 and 3)"),
        ("1,CANARY,2", "names no column of things; is the header missing"),
        ("Item;Type;Place", "its delimiter is ';', not ','; set source.delimiter of things.yaml"),
        ("Item\tType\tPlace", "its delimiter is a tab, not ','"),
        ('Item,"Type,Place\n1,CANARY,x', "cannot be read as a header"),
        (f'Item,"Type,Place\n{"CANARY," * 50}"', "cannot be read as a header"),
    ],
)
def test_bad_header(land_text: Land, header: str, message: str) -> None:
    """A header that says too much or too little is refused; a message shows no cell."""
    with pytest.raises(ExtractRefused) as caught:
        land_text(header + "\n1,CANARY,x\n")
    assert message in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_headings_below_the_first_line(land_text: Land) -> None:
    """Where a title stands above the headings, their line is named."""
    with pytest.raises(ExtractRefused, match="its headings stand in line 3; remove the 2 lines"):
        land_text("All things,,\n,,\nItem,Type,Place\n1,CANARY,x\n")


def test_file_of_another_dataset(
    land_text: Land, things: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which dataset it looks like is said, and which headings it lacks for this one."""
    toys = things.model_copy(
        update={
            "id": "toys",
            "columns": tuple(
                column.model_copy(
                    update={"name": f"toy_{column.name}", "source": f"Toy {column.source}"}
                )
                for column in things.columns
            ),
        }
    )
    monkeypatch.setattr(
        landing, "load_sound_datasets", lambda _: ({"toys": toys, "things": things}, {})
    )
    with pytest.raises(ExtractRefused) as caught:
        land_text("Toy Item,Type,Toy Place,Toy Memo\n1,a,x,CANARY\n")
    assert str(caught.value) == (
        "things: things.csv: looks like an extract of toys (3 of its headings), and lacks the "
        "headings 'Item', 'Place' of things; put it into the folder toys"
    )


@given(
    delimiter=st.sampled_from(";\t|^~:#"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    headings=st.permutations(["Item", "Type", "Place", "Other, more", "Officer Name"]),
)
@settings_of_hypothesis(max_examples=25, deadline=None)
def test_another_delimiter_is_named(
    tmp_path_factory: pytest.TempPathFactory,
    delimiter: str,
    quoting: Any,
    headings: list[str],
) -> None:
    """Whatever splits the headings instead of the declared delimiter, it is named as that."""
    things = dataset_of_tests()
    path = tmp_path_factory.mktemp("delimiters") / "x.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
        writer.writerows([headings, ["1", "CANARY", "x", "y", "z"]])
    header = read_header(path, ",")
    name = "a tab" if delimiter == "\t" else repr(delimiter)
    with pytest.raises(ExtractRefused, match=re.escape(f"its delimiter is {name}, not ','")):
        refuse_other_tables(things, {}, path, ",", header, "things: x.csv")
    found = read_header(path, delimiter)
    refuse_other_tables(things, {}, path, delimiter, found, "things: x.csv")
    assert found == headings


RAGGED = {
    "a delimiter at each end": (
        1,
        1.0,
        "4 cells for 3 headings on every line (a delimiter at each",
    ),
    "a cell too few": (-1, 1.0, "2 cells for 3 headings on every line; ask the source"),
    "another delimiter": (-2, 1.0, "1 cell for 3 headings on every line (another delimiter than"),
    "most lines": (1, 0.75, "4 cells for 3 headings on 30 of 40 lines (a delimiter at each"),
}


@pytest.mark.parametrize(("more", "share", "said"), RAGGED.values(), ids=RAGGED)
def test_file_that_is_ragged_as_a_whole(
    land_text: Land,
    state: State,
    left_over: Callable[[], list[str]],
    more: int,
    share: float,
    said: str,
) -> None:
    """Where most lines have the same fault it is the file's: it is named, and nothing lands."""
    bad = ",".join(["CANARY"] * (3 + more))
    lines = [bad if number < 40 * share else "1,a,x" for number in range(40)]
    with pytest.raises(ExtractRefused) as caught:
        land_text(HEAD + "\n".join(lines) + "\n")
    assert said in str(caught.value)
    assert "CANARY" not in str(caught.value)
    assert left_over() == []
    assert state.extracts("things", source="files") == []


def test_most_lines_at_fault_in_several_ways(land_text: Land) -> None:
    """Where no fault is that of most lines, their number and the most frequent one are told."""
    with pytest.raises(ExtractRefused, match="9 of 12 lines cannot be read; line 2: 2 cells for 3"):
        land_text(HEAD + "1,a,x\n1,a\n1,a,x,y\n1,a,x,y,z\n" * 3)


@given(widths=st.lists(st.integers(1, 6), min_size=1, max_size=30))
@settings_of_hypothesis(max_examples=25, deadline=None)
def test_every_ragged_line_lands_with_its_count(
    tmp_path_factory: pytest.TempPathFactory, widths: list[int]
) -> None:
    """Among whole lines every ragged one is a line, with how many cells it has for how many headings."""
    path = tmp_path_factory.mktemp("ragged") / "x.csv"
    lines = [["x"] * width for width in widths for _ in (0, 1) if width == 3 or not _]
    text = HEAD + "\n".join(",".join(line) for line in lines) + "\n"
    path.write_text(text)
    found = [line.error or line.cells for line in read_lines(path, ",")]
    assert found == [
        line if len(line) == 3 else f"{len(line)} cell{'s' * (len(line) > 1)} for 3 headings"
        for line in lines
    ]


def test_nul_costs_its_own_line(land_text: Land, landed_rows: Read) -> None:
    """A NUL's cell is empty and its line not read; its other cells, the key among them, are kept."""
    extract = land_text(HEAD + '1,"a\n\0b",x\n2,b,y\n\0,c,\0\n')
    assert [
        (row["item_number"], row["type_text"], row["place"], row["_parse_error"])
        for row in landed_rows(extract)
    ] == [
        ("1", None, "x", "a NUL character in cell 2"),
        ("2", "b", "y", None),
        (None, "c", None, "a NUL character in cells 1, 3"),
    ]
    json = land_text('[{"Item":"1","Type":"a\\u0000","Place":"x"}]', name="things.json")
    assert landed_rows(json)[0]["_parse_error"] == "a NUL character in cell 2"


def test_nul_in_a_heading(land_text: Land) -> None:
    """A heading with a NUL means nothing that can be trusted."""
    with pytest.raises(ExtractRefused, match="its heading 2 holds a NUL character"):
        land_text("Item,Ty\0pe,Place\n1,a,x\n")


def test_fault_of_a_spreadsheet(land_text: Land, landed_rows: Read, make_dataset: Any) -> None:
    """A row's fault is told by address, and its other cells are kept; read otherwise it is another."""
    content = workbook([["Item", "Type", "Place"], [1, "a", "x"], [2, datetime(2022, 3, 5), "y"]])
    extract = land_text(content, name="things.xlsx")
    assert [
        (row["item_number"], row["type_text"], row["place"], row["_parse_error"])
        for row in landed_rows(extract)
    ] == [
        ("1", "a", "x", None),
        ("2", None, "y", "cell B3 is a date, which its column does not hold; type it as text"),
    ]
    filled = make_dataset(workbook={"merged": "fill"})
    assert land_text(content, name="things.xlsx", dataset=filled).id != extract.id


def test_missing_required_column(land_text: Land, landed_rows: Read) -> None:
    """A required column that is not there is not in the Parquet, so the raw gate can stop on it."""
    extract = land_text("Item,Type\n1,a\n")
    assert "place" not in landed_rows(extract)[0]
    assert extract.columns == ["item_number", "type_text"]


def test_missing_optional_column(land_text: Land, landed_rows: Read) -> None:
    """An optional column that is not there is null."""
    assert landed_rows(land_text("Item,Place\n1,x\n"))[0]["type_text"] is None


def test_header_ending_with_a_delimiter(
    land_text: Land, landed_cells: Read, landed_rows: Read
) -> None:
    """An unnamed last column is an unlisted one."""
    extract = land_text("Item,Type,Place,\n1,a,x,\n")
    assert landed_cells(extract) == [("1", "a", "x")]
    assert landed_rows(extract)[0]["unlisted__unnamed_4"] is None


def test_unlisted_columns_of_one_name(land_text: Land, landed_rows: Read) -> None:
    """What is not listed stops no run, not even when its heading stands twice."""
    (row,) = landed_rows(land_text(HEAD.strip() + ",Über,über,?\n1,a,x,b,b,c\n"))
    names = [name for name in row if name.startswith("unlisted__")]
    assert names == ["unlisted__ber", "unlisted__ber_in_5", "unlisted__unnamed_6"]
    assert row[names[0]] != row[names[1]]


# What is kept secret


SECRETS = {
    "remark": "CANARY-REMARK",
    "Officer_Name": "CANARY-NAME",
    "Officer_Badge_ID": "CANARY-ID",
}


@pytest.mark.parametrize("ragged", ["", "9,CANARY-LINE\n", '9,"CANARY-QUOTE,,,\n'])
def test_unknown_and_never_columns(
    land_text: Land,
    landed_rows: Read,
    home: Path,
    temporary: Path,
    caplog: pytest.LogCaptureFixture,
    ragged: str,
) -> None:
    """Their content, and that of bad lines, is nowhere in the clear; equal ones stay equal."""
    caplog.set_level(logging.DEBUG)
    header = ",".join(["Item,Type,Place,Memo", *SECRETS])
    line = ",".join(["a,x,kept", *SECRETS.values()])
    extract = land_text(f"{header}\n1,{line}\n2,{line}\n{ragged}")
    for path, content in contents(home, temporary):
        assert b"CANARY" not in content, path
    assert "CANARY" not in caplog.text
    first, second = landed_rows(extract)[:2]
    assert first["memo"] == "kept"
    for name in ("remark", "unlisted__officer_name", "unlisted__officer_badge_id"):
        assert len(first[name]) == 32
        assert first[name] == second[name]
    assert first["unlisted__officer_name"] != first["unlisted__officer_badge_id"]


def break_engine(*_: Any, **__: Any) -> Any:
    raise duckdb.InternalException("CANARY-NAME")


def fill_disk(*_: Any, **__: Any) -> Any:
    raise duckdb.IOException("No space left on device: CANARY-NAME")


def lose_database(*_: Any) -> Any:
    raise sa.exc.OperationalError("insert CANARY-NAME", {}, Exception("disk is full"))


@pytest.mark.parametrize(
    ("part", "breaks", "kind"),
    [
        ("write_lines", break_engine, Fault),
        ("write_lines", fill_disk, TransientError),
        ("hash_file", fill_disk, TransientError),
        ("_report_unlisted", lose_database, TransientError),
    ],
)
def test_nothing_is_left_of_a_failed_landing(
    land_text: Land,
    landed_cells: Read,
    home: Path,
    temporary: Path,
    left_over: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    part: str,
    breaks: Callable[..., Any],
    kind: type[SummerwareError],
) -> None:
    """A failure leaves no file, no record and no word of content; the next landing works."""
    content = HEAD.strip() + ",Officer_Name\n1,a,x,CANARY-NAME\n"
    # A mock, because no input makes these parts fail in these ways.
    with monkeypatch.context() as patch:
        patch.setattr(landing, part, breaks)
        with pytest.raises(kind) as caught:
            land_text(content)
    assert "CANARY" not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert all(b"CANARY" not in found for _, found in contents(home, temporary))
    assert left_over() == []
    assert landed_cells(land_text(content)) == [("1", "a", "x")]


def test_new_columns_are_reported_once(land_text: Land, caplog: pytest.LogCaptureFixture) -> None:
    """Each new name is reported at its first extract, and not again."""
    land_text(HEAD.strip() + ",Officer_Name\n1,a,x,b\n")
    assert caplog.text.count("'officer_name' is not listed") == 1
    land_text(HEAD.strip() + ",Officer Name,Badge\n1,a,x,b,c\n", name="second.csv")
    assert caplog.text.count("'officer_name' is not listed") == 1
    assert caplog.text.count("'badge' is not listed") == 1


def test_modes(land_text: Land, settings: Settings) -> None:
    """What is kept can be read by its owner alone, whatever the user's mask."""
    mask = os.umask(0)
    try:
        extract = land_text(HEAD + "1,a,x\n")
    finally:
        os.umask(mask)
    for path in (settings.home, settings.extracts, *settings.extracts.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE((settings.home / "hash.key").stat().st_mode) == 0o600
    assert (settings.home / extract.path).is_dir()


def test_key_is_made_once_and_private(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key stays the same for a home, and is another for another home."""
    first = hash_key(settings)
    assert hash_key(settings) == first
    assert len(first) == 64
    monkeypatch.setenv("SUMMERWARE_HOME", str(tmp_path / "other"))
    assert hash_key(Settings.from_environment()) != first


def test_key_left_unfinished_by_a_dead_process_of_the_same_number(settings: Settings) -> None:
    """In a container every process has the number of the one that crashed."""
    (settings.home / f"hash.key.{os.getpid()}").write_text("")
    assert len(hash_key(settings)) == 64


# One extract is one extract


def test_same_content_is_one_extract(land_text: Land, settings: Settings, state: State) -> None:
    """Another name, day or compression makes no other extract."""
    content = (HEAD + "1,a,x\n").encode()
    first = land_text(content)
    assert land_text(content, name="other.csv", day="2022-09-30") == first
    assert land_text(gzip.compress(content), name="other.csv.gz") == first
    assert state.extracts("things", source="files") == [first]
    assert len(list((settings.extracts / "things").iterdir())) == 1


def test_content_that_comes_back_is_a_new_extract(land_text: Land, state: State) -> None:
    """A city that sends an earlier extract again after another one has taken that one back."""
    before, after = HEAD + "1,a,x\n", HEAD + "1,b,x\n"
    days = ("2022-01-31", "2022-02-28", "2022-03-31")
    landed = [
        land_text(text, day=day) for text, day in zip((before, after, before), days, strict=True)
    ]
    assert [extract.extracted_at[:10] for extract in landed] == list(days)
    assert len({extract.id for extract in landed}) == 3
    assert land_text(before, day=days[0]) == landed[0]
    assert land_text(before, day=days[2]) == landed[2]
    assert state.extracts("things", source="files") == landed


def test_other_privacy_is_another_reading(
    land_text: Land, landed_rows: Read, things: Dataset
) -> None:
    """What was landed in the clear is not taken for a column that must not be any more."""
    content = HEAD + "1,a,x\n"
    land_text(content)
    columns = tuple(
        column.model_copy(update={"privacy": "never"}) if column.name == "type_text" else column
        for column in things.columns
    )
    stricter = things.model_copy(update={"columns": columns})
    (row,) = landed_rows(land_text(content, dataset=stricter))
    assert row["type_text"] != "a"


def test_extract_whose_file_was_removed_comes_back(
    land_text: Land, landed_rows: Read, settings: Settings
) -> None:
    """After retention took the Parquet, landing the file again restores the same extract."""
    content = HEAD + "1,a,x\n"
    first = land_text(content)
    before = landed_rows(first)
    shutil.rmtree(settings.home / first.path)
    assert land_text(content, day="2022-09-30") == first
    assert landed_rows(first) == before


def land_in_another_process(path: str, dataset: Dataset, begin: Any, ids: Any) -> None:
    """Lands when everybody is ready."""
    begin.wait()
    ids.put(land_here(path, dataset).id)


def land_and_die(path: str, dataset: Dataset) -> None:
    """Is killed when the clear text lies in the scratch folder and a Parquet is half written."""

    def die(*_: Any, **__: Any) -> None:
        (landing_folder() / "rows.parquet").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    landing.write_lines = die  # type: ignore[assignment]
    land_here(path, dataset)


def land_with_small_files(path: str, dataset: Dataset, limit: int, messages: Any) -> None:
    """Lands where no file can grow beyond the limit, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        land_here(path, dataset)
    except TransientError as error:
        messages.put(str(error))
    else:
        messages.put("landed")


def land_here(path: str, dataset: Dataset) -> Extract:
    settings = Settings.from_environment()
    engine = open_database(settings)
    found = FoundExtract(path=Path(path), extracted_at=datetime(2022, 8, 31), time_source="name")
    extract = land(settings, State(engine), dataset, found, source="files")
    engine.dispose()
    return extract


def random_lines(count: int) -> str:
    """Lines that no compression makes much smaller than half."""
    return "".join(f"{number},{os.urandom(45).hex()},x\n" for number in range(count))


def landing_folder() -> Path:
    return Settings.from_environment().extracts / "things" / ".landing"


def test_two_processes_land_the_same_file(
    drop: Callable[..., Path], things: Dataset, state: State, settings: Settings
) -> None:
    """They take turns: one extract, one record, one key, nothing left over."""
    path = drop("things", "a.csv", HEAD + "1,a,x\n" * 10_000)
    context = multiprocessing.get_context("spawn")
    begin, ids = context.Barrier(2), context.SimpleQueue()
    processes = [
        context.Process(target=land_in_another_process, args=(str(path), things, begin, ids))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    found = {ids.get() for _ in processes}
    assert found == {extract.id for extract in state.extracts("things", source="files")}
    assert [path.name for path in (settings.extracts / "things").iterdir()] == list(found)


def test_leftovers_of_a_killed_landing_are_swept(
    drop: Callable[..., Path],
    things: Dataset,
    land_file: Land,
    landed_cells: Read,
    temporary: Path,
    left_over: Callable[[], list[str]],
) -> None:
    """What a killed process left, clear text in the temporary folder too, goes at the next one."""
    path = drop("things", "a.csv", HEAD + "1,a,x\n")
    process = multiprocessing.get_context("spawn").Process(
        target=land_and_die, args=(str(path), things)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert any("extract.csv" in name for name in left_over())
    extract = land_file(path)
    assert landed_cells(extract) == [("1", "a", "x")]
    assert [Path(name).name for name in left_over()] == [extract.id, "rows.parquet"]


# Names and places


@pytest.mark.parametrize(
    "name",
    [
        "it's.csv",
        'a "b".csv',
        "a b;c.csv",
        "größe 日本.csv",
        "*.csv",
        "[a]?.csv",
        "$(x)`y`.csv",
        "-.csv",
    ],
)
def test_names_of_files(land_text: Land, landed_cells: Read, name: str) -> None:
    """No character of a name means anything to the database or the file system."""
    extract = land_text(HEAD + "1,a,x\n", name=name)
    assert landed_cells(extract) == [("1", "a", "x")]
    assert extract.file_name == name


def test_name_that_is_not_utf_8(land_text: Land, landed_cells: Read) -> None:
    """A name in another encoding is kept as text that can be stored."""
    extract = land_text(HEAD + "1,a,x\n", name=os.fsdecode(b"caf\xe9.csv"))
    assert extract.file_name == r"caf\udce9.csv"
    assert landed_cells(extract) == [("1", "a", "x")]


@pytest.mark.parametrize("content", [HEAD + "1,a,x\n", HEAD + '1,"a\nb",x\n', HEAD + "1\n"])
def test_temporary_folder_of_any_name(
    land_text: Land, temporary: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """Quotes and wildcards in the path of the temporary folder are plain characters."""
    odd = temporary / "it's [a] *?"
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    assert land_text(content).lines == 1


# The disk


def test_too_little_room_is_said_before(
    land_text: Land, monkeypatch: pytest.MonkeyPatch, left_over: Callable[[], list[str]]
) -> None:
    """Landing does not start without room for it."""
    usage = namedtuple("usage", "total used free")(10, 9, 1)
    # A mock, because a test cannot fill the disk of the machine that it runs on.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(TransientError, match="make room and run again"):
        land_text(HEAD + "1,a,x\n")
    assert left_over() == []


def test_disk_that_fills_while_landing(
    drop: Callable[..., Path],
    things: Dataset,
    state: State,
    land_file: Land,
    left_over: Callable[[], list[str]],
) -> None:
    """A disk that is full in the middle is said, leaves nothing, and lands later."""
    path = drop("things", "a.csv", HEAD + random_lines(8_000))
    context = multiprocessing.get_context("spawn")
    messages = context.SimpleQueue()
    process = context.Process(
        target=land_with_small_files, args=(str(path), things, 400_000, messages)
    )
    process.start()
    process.join()
    assert "the disk is full" in messages.get()
    assert left_over() == []
    assert state.extracts("things", source="files") == []
    assert land_file(path).lines == 8_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB, where mounting is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_home_that_fills_while_landing(
    small_disk: Path,
    drop: Callable[..., Path],
    things: Dataset,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The Parquet that does not fit any more leaves nothing; when there is room, it lands."""
    path = drop("things", "a.csv", HEAD + random_lines(40_000))
    monkeypatch.setenv("SUMMERWARE_HOME", str(small_disk / "home"))
    (small_disk / "filler").write_bytes(b"x" * 3_000_000)
    # The disk fills after the check.
    monkeypatch.setattr(landing, "_check_room", lambda *_: None)
    with pytest.raises(TransientError, match="the disk is full"):
        land_here(str(path), things)
    assert [*temporary.iterdir(), *(small_disk / "home" / "extracts").rglob("*.parquet")] == []
    assert list((small_disk / "home" / "extracts" / "things").iterdir()) == []
    (small_disk / "filler").unlink()
    assert land_here(str(path), things).lines == 40_000


@pytest.mark.parametrize("text", ["", "\n", " " * 64, "changeme", "a" * 31])
def test_key_that_hides_nothing_is_refused(land_text: Land, settings: Settings, text: str) -> None:
    """With no key, or one that can be guessed, everybody could make the hashes of all names."""
    (settings.prepare().home / "hash.key").write_text(text)
    with pytest.raises(ConfigurationError, match="shorter than 32 signs"):
        land_text(HEAD + "1,a,x\n")


def test_columns_share_no_hash(land_text: Land, settings: Settings) -> None:
    """The same text in two columns is not told to be the same."""
    extract = land_text(HEAD.strip() + ",Officer,Witness\n1,a,x,Roe,Roe\n2,b,x,Roe,Roe\n")
    rows = duckdb.sql(
        "select unlisted__officer, unlisted__witness "
        f"from read_parquet('{settings.home / extract.path}/rows.parquet')"
    ).fetchall()
    assert rows[0] == rows[1]
    assert len({*rows[0]}) == 2
