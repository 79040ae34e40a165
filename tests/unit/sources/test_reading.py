"""Making a file readable: compression, encodings, JSON, spreadsheets, and files that are not that."""

import csv
import gzip
import io
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError, ExtractRefused, TransientError
from orchestration.sources import reading
from orchestration.sources.reading import make_readable
from tests.unit.sources.workbooks import rezipped, workbook

MIB = 1 << 20
HEAD = "Item,Type,Place\n"

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def read(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> Callable[..., str]:
    """Writes a file and gives the text that it became."""

    def read_it(content: str | bytes, name: str = "things.csv", **source: str) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = make_readable(make_dataset(**source), path, tmp_path)
        return found.path.read_bytes().decode()

    return read_it


@pytest.fixture
def read_rows(read: Callable[..., str]) -> Callable[..., list[list[str]]]:
    """The same as rows of cells."""
    return lambda *args, **source: list(csv.reader(io.StringIO(read(*args, **source), newline="")))


# Encodings


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", "Item\né\u201c\U0001f600\n".encode()),
        ("latin-1", "Item\né\n".encode("latin-1")),
        ("cp1252", "Item\n\u201csmart\u201d \u2013 \u20ac\n".encode("cp1252")),
        ("utf-16", "Item\né\U0001f600\n".encode("utf-16")),
        ("utf-16-le", "Item\né\n".encode("utf-16-le")),
        ("utf-8", b"\xef\xbb\xbfItem\n1\n"),
        ("utf-8-sig", b"\xef\xbb\xbfItem\n1\n"),
        ("utf-8", b"\n\r\nItem\n1\n"),
    ],
    ids=["utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "bom", "utf-8-sig", "blank lines"],
)
def test_declared_encoding(read: Callable[..., str], encoding: str, content: bytes) -> None:
    """A file is decoded as declared; a BOM, or blank lines before the header, are no content."""
    expected = content.decode(encoding).removeprefix("\ufeff").lstrip("\r\n")
    assert read(content, encoding=encoding) == expected


@pytest.mark.parametrize(
    ("content", "where"),
    [
        pytest.param(b"Item\nab\xe9c\n", "byte 7 (line 2)", id="latin-1"),
        pytest.param(b"\xff\xfeI\x00", "byte 0 (line 1)", id="utf-16"),
        pytest.param(b"I\n" + b"x\n" * (MIB // 2) + b"\xe9!\n", f"byte {MIB + 2} (line {MIB // 2 + 2})",
                     id="second chunk"),
        pytest.param(b"x" * (MIB - 1) + b"\xe2\x82!\n", f"byte {MIB - 1} (line 1)", id="across chunks"),
        pytest.param(b"x\n" * (MIB // 2 - 1) + b"x\xe2" + b"\xe9\n", f"byte {MIB - 1} (line {MIB // 2})",
                     id="across chunks, lines"),
        pytest.param(b"Item\nab\xe2\x82", "byte 7 (line 2)", id="cut at the end"),
    ],
)  # fmt: skip
def test_wrong_encoding_names_byte_and_line(
    read: Callable[..., str], content: bytes, where: str
) -> None:
    """What is not in the declared encoding stops the file, with the place and not the content."""
    with pytest.raises(ExtractRefused) as caught:
        read(content)
    assert f"things: things.csv: {where} is not utf-8" in str(caught.value)


@pytest.mark.parametrize("before", range(MIB - 4, MIB + 1))
def test_characters_split_over_chunks(read: Callable[..., str], before: int) -> None:
    """A character of several bytes may lie across two chunks."""
    text = "x" * before + "\U0001f600é\n"
    assert read(text) == text


def test_utf_16_without_its_mark(read: Callable[..., str]) -> None:
    """A declared UTF-16 whose byte order is not said is refused like any other wrong encoding."""
    with pytest.raises(ExtractRefused, match=r"byte 0 \(line 1\) is not utf-16"):
        read("Item\n1\n".encode("utf-16-le"), encoding="utf-16")


@pytest.mark.parametrize("name", ["things.csv", "things.json"])
@pytest.mark.parametrize("encoding", ["klingon", "base64"])
def test_unknown_encoding_is_a_setting(read: Callable[..., str], name: str, encoding: str) -> None:
    """An encoding that does not exist is a mistake in the dataset file, whose key is named."""
    with pytest.raises(ConfigurationError, match=r"things\.yaml: source\.encoding"):
        read("[{}]", name, encoding=encoding)


@pytest.mark.parametrize("delimiter", ["||", '"', "\n", ""])
def test_impossible_delimiter_is_a_setting(read: Callable[..., str], delimiter: str) -> None:
    """A delimiter is one character; '' falls back on that of the file's name."""
    if delimiter:
        with pytest.raises(ConfigurationError, match=r"source\.delimiter"):
            read(HEAD, delimiter=delimiter)
    else:
        assert read(HEAD, delimiter=delimiter) == HEAD


# Not what the name says


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\r\n\n", "is empty"),
        ("a.csv", b"\xef\xbb\xbf", "is empty"),
        ("a.csv.gz", gzip.compress(b""), "is empty"),
        ("a.json", b" \n", "is empty"),
        ("a.csv.gz", gzip.compress(b"Item\n" + os.urandom(99_999).hex().encode())[:-30_000],
         "compression breaks off"),
        ("a.csv.gz", gzip.compress(b"Item\n1\n")[:-4], "compression breaks off"),
        ("a.csv.gz", gzip.compress(b"Item\n1\n" * 99)[:20] + b"\0" * 40, "compression breaks off"),
        ("a.json.gz", gzip.compress(b'[{"Item": 1}]' * 99)[:-12], "compression breaks off"),
        ("a.csv.gz", b"Item\n1\n", "is not gzip"),
        ("a.csv", gzip.compress(b"Item\n1\n"), "is gzip"),
        ("a.csv", workbook([["Item"], [1]]), "is a zip or spreadsheet"),
        ("a.csv.gz", gzip.compress(b"PK\x03\x04" + b"abc"), "holds a zip"),
        ("a.csv", b"\n <!DOCTYPE html><html>", "is a web page"),
        ("a.csv", b'[{"Item": "1"}]', "is JSON"),
        ("a.csv", b'{"error": true}', "is JSON"),
        ("a.xlsx", b"Item\n1\n", "is not a spreadsheet"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "is not a spreadsheet"),
        ("a.csv", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "is an old workbook"),
        ("a.xls", b"\xd0\xcf\x11\xe0" + b"\0" * 600, r"\.xls is not read; save it as .xlsx or CSV"),
        ("A.XLSB", workbook([["Item"]]), r"\.xlsb is not read; save it as .xlsx or CSV"),
        ("a.ods", b"PK\x03\x04", r"\.ods is not read; save it as .xlsx or CSV"),
        ("a.csv", b"\0" * 99, "begins with NUL characters only"),
        ("a.csv", "Item,Type\n".encode("utf-16-le"), "declare source.encoding: utf-16"),
        ("a.json", b"Item,Type\n1,2\n", "is not JSON, though its name says so"),
        ("a.xlsx", rezipped(workbook([["Item"]]), lambda name, part: part, more="xl/workbook.bin"),
                            "is an .xlsb workbook"),
        ("a.xlsx", workbook([["Item"]])[:-30], "cannot be opened as a spreadsheet"),
        ("a.xlsx", rezipped(workbook([["Item"]]), lambda name, part: part if "workbook" not in name
                            else b"x"), "cannot be opened as a spreadsheet"),
        ("a.xlsx", rezipped(workbook([["Item"]]), lambda name, part: part[:-40] if "sheet1" in name
                            else part), "cannot be opened as a spreadsheet"),
        ("a.xlsx", workbook([], []), "0 of its sheets hold rows"),
        ("a.xlsx", workbook([["Item"]], [["Item"]]), "2 of its sheets hold rows"),
        ("a.json", b'[{"Item": 1}, {"It', "is not whole JSON: .* at line 1, column 16"),
        ("a.json", b'{"Item": 1}', "is not a list of rows"),
        ("a.json", b'["Item"]', "is not a list of rows"),
        ("a.json", b"[]", "holds no rows"),
        ("a.json", b'[{"Item": ' + b"[" * 100_000, "nested too deeply"),
        ("a.json", b'[{"Item":"\xe9"}]', r"byte 10 \(line 1\) is not utf-8"),
    ],
    # What gzip writes holds the time.
    ids=lambda value: "" if isinstance(value, bytes) else None,
)  # fmt: skip
def test_refused(read: Callable[..., str], name: str, content: bytes, message: str) -> None:
    """A file that cannot be what its name says is refused, and the message says why."""
    with pytest.raises(ExtractRefused, match=message):
        read(content, name)


def test_headings_in_brackets_are_not_json(read: Callable[..., str]) -> None:
    """SQL Server writes headings in brackets."""
    assert read("[Item],[Type]\n1,2\n") == "[Item],[Type]\n1,2\n"


def test_same_content_same_hash(tmp_path: Path, things: Dataset) -> None:
    """The hash is of what is inside: compression and name are not content."""
    (tmp_path / "a.csv").write_bytes(b"Item\n1\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"Item\n1\n"))
    found = [make_readable(things, tmp_path / name, tmp_path) for name in ("a.csv", "b.csv.gz")]
    assert found[0].content_hash == found[1].content_hash


# JSON


def test_json_rows(read_rows: Callable[..., list[list[str]]]) -> None:
    """SODA leaves nulls out; numbers stay as written, what is nested stays JSON."""
    rows = read_rows(
        '[{"Item": "1", "n": 1.50, "where": {"type": "Point", "coordinates": [-90.10, 30]}},'
        ' {"Item": "é\\n\\"", "b": true, "n": null, "big": 12345678901234567890.0}]',
        "things.json",
    )
    assert rows == [
        ["Item", "n", "where", "b", "big"],
        ["1", "1.50", '{"type":"Point","coordinates":[-90.10,30]}', "", ""],
        ['é\n"', "", "", "true", "12345678901234567890.0"],
    ]


def test_half_an_emoji_is_no_reason_to_stop(read_rows: Callable[..., list[list[str]]]) -> None:
    """A text that was cut within an emoji keeps the half as JSON writes it."""
    assert read_rows('[{"Item": "a\\ud83d"}]', "things.json") == [["Item"], ["a\\ud83d"]]


def test_lone_carriage_return_stays_in_its_cell(read_rows: Callable[..., list[list[str]]]) -> None:
    """Python before 3.13 writes a lone carriage return without quotes."""
    assert read_rows('[{"Item": "a\\rb", "c": 1}]', "x.json") == [["Item", "c"], ["a\rb", "1"]]


# Files that are at work


def test_growing_file_is_left_for_the_next_run(
    tmp_path: Path, things: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that somebody still writes to is not read."""
    monkeypatch.setenv("SUMMERWARE_SETTLING_SECONDS", "0.3")
    path, stop = tmp_path / "a.csv", threading.Event()
    path.write_text(HEAD)

    def write() -> None:
        while not stop.wait(0.01):
            with path.open("a") as file:
                file.write("1,2,3\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(TransientError, match="is still being written"):
            make_readable(things, path, tmp_path)
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize(
    "content", [HEAD.encode(), gzip.compress(HEAD.encode())[:-4]], ids=["whole", "broken"]
)
def test_file_that_changes_while_it_is_read(
    tmp_path: Path, things: Dataset, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """What changed meanwhile is read again, be it whole or, so far, broken."""
    path = tmp_path / ("a.csv" if content == HEAD.encode() else "a.csv.gz")
    path.write_bytes(content)
    # A mock, because no thread hits the moment between the first look and the last every time.
    check = reading._check_first_bytes

    def check_and_append(*args: Any) -> None:
        check(*args)
        with path.open("ab") as file:
            file.write(b"\n")

    monkeypatch.setattr(reading, "_check_first_bytes", check_and_append)
    with pytest.raises(TransientError, match="changed while it was read"):
        make_readable(things, path, tmp_path)


def test_finished_file_is_not_waited_for(
    tmp_path: Path, things: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a file younger than the settling time is looked at twice."""
    monkeypatch.setenv("SUMMERWARE_SETTLING_SECONDS", "60")
    path = tmp_path / "a.csv"
    path.write_text(HEAD)
    os.utime(path, (time.time() - 61, time.time() - 61))
    make_readable(things, path, tmp_path)


def test_whole_file_is_not_waited_for(
    tmp_path: Path, things: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a source of ours wrote and named when it was complete is read at once, however young."""
    monkeypatch.setenv("SUMMERWARE_SETTLING_SECONDS", "3600")
    path = tmp_path / "a.csv"
    path.write_text(HEAD)
    make_readable(things, path, tmp_path, is_whole=True)


def test_settling_time_must_be_a_number(
    read: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that cannot be read is named."""
    monkeypatch.setenv("SUMMERWARE_SETTLING_SECONDS", "soon")
    with pytest.raises(ConfigurationError, match="SUMMERWARE_SETTLING_SECONDS"):
        read(HEAD)


def test_vanished_file(tmp_path: Path, things: Dataset) -> None:
    """A file that was taken away may be back at the next run."""
    with pytest.raises(TransientError, match="is gone"):
        make_readable(things, tmp_path / "a.csv", tmp_path)


def test_unreadable_file(things: Dataset) -> None:
    """A file that this user may not read is refused with what to change."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text(HEAD)
        path.chmod(0)
        is_root = os.geteuid() == 0
        Path(folder).chmod(0o755)
        if is_root:
            os.seteuid(65534)
        try:
            with pytest.raises(ExtractRefused, match="may not be read by this user"):
                make_readable(things, path, Path(folder))
        finally:
            if is_root:
                os.seteuid(0)
