"""The drop folder: which files are extracts, and when they were taken."""

import logging
import os
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError, ExtractRefused
from orchestration.sources import FoundExtract
from orchestration.sources.files import FilesSource

Drop = Callable[[str, str, str | bytes], Path]


@pytest.fixture
def find(tmp_path: Path, things: Dataset) -> Callable[..., list[FoundExtract]]:
    """What the source finds of things in the drop folder."""

    def find_them(as_of: date | None = None) -> list[FoundExtract]:
        return list(FilesSource(tmp_path / "drop").find(things, as_of=as_of))

    return find_them


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("x_2022-08-31.csv", "2022-08-31T23:59:59"),
        ("2022-02.csv.gz", "2022-02-28T23:59:59"),
        ("2020-02_things.xlsx", "2020-02-29T23:59:59"),
        ("of_2022-01-01_to_2022-08-31.csv", "2022-08-31T23:59:59"),
        ("X 2022-08-31.CSV", "2022-08-31T23:59:59"),
        ("x_2022-08-31-0600.csv", "2022-08-31T23:59:59"),
        ("2022-01-2022-03.csv", "2022-03-31T23:59:59"),
    ],
)
def test_time_in_the_name(
    drop: Drop, find: Callable[..., list[FoundExtract]], name: str, moment: str
) -> None:
    """A day or month in the name is its end; of several the last, as none is taken before it."""
    drop("things", name, "x")
    (found,) = find()
    assert (found.extracted_at.isoformat(), found.time_source) == (moment, "name")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("extracted_at: 2022-08-31", "2022-08-31T23:59:59"),
        ("extracted_at: '2022-08-31'", "2022-08-31T23:59:59"),
        ("extracted_at: 2022-08-31 06:00:00", "2022-08-31T06:00:00"),
        ("extracted_at: '2022-08-31T06:00:00'", "2022-08-31T06:00:00"),
        ("extracted_at: 2022-08-31T12:00:00Z", "2022-08-31T07:00:00"),
        ("extracted_at: 2022-12-31T12:00:00Z", "2022-12-31T06:00:00"),
    ],
)
def test_time_in_a_sidecar(
    drop: Drop, find: Callable[..., list[FoundExtract]], text: str, moment: str
) -> None:
    """A sidecar says a day, which is its end, or a moment, local to the city or with an offset."""
    drop("things", "x.csv", "x")
    drop("things", "x.csv.yaml", text)
    (found,) = find()
    assert (found.extracted_at.isoformat(), found.time_source) == (moment, "sidecar")


def test_name_goes_before_sidecar(drop: Drop, find: Callable[..., list[FoundExtract]]) -> None:
    """Where both say a time, it is the name's."""
    drop("things", "x_2022-08-31.csv", "x")
    drop("things", "x_2022-08-31.csv.yaml", "extracted_at: 2021-01-01")
    assert find()[0].time_source == "name"


@pytest.mark.parametrize(
    "text",
    ["extracted_at: soon", "other: 1", "", "- CANARY", "a: [CANARY", b"\xff", "extracted_at: 2022-13-45"],
)  # fmt: skip
def test_bad_sidecar(
    drop: Drop, find: Callable[..., list[FoundExtract]], text: str | bytes
) -> None:
    """A sidecar that says no time is refused by name, without its content."""
    drop("things", "x.csv", "x")
    drop("things", "x.csv.yaml", text)
    with pytest.raises(ExtractRefused, match=r"x\.csv\.yaml") as caught:
        find()
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "name",
    [
        "x.csv",
        "x_2022-02-31.csv",
        "20220831.csv",
        "12022-08-311.csv",
        "2022-08-3.csv",
        "31-08-2022.csv",
        "2022-08-32.csv",
    ],
)
def test_time_of_the_file(
    drop: Drop,
    find: Callable[..., list[FoundExtract]],
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    """Where nothing says the time, the file's own is taken, local to the city, with a warning."""
    path = drop("things", name, "x")
    os.utime(path, (1661947200, 1661947200))
    (found,) = find()
    assert found.extracted_at == datetime(2022, 8, 31, 7)
    assert found.time_source == "file time"
    assert f"{name} says nowhere when it was extracted" in caplog.text


def test_as_of_leaves_later_ones(drop: Drop, find: Callable[..., list[FoundExtract]]) -> None:
    """An extract of the day counts, one of the day after does not."""
    for day in ("2022-08-30", "2022-08-31", "2022-09-01"):
        drop("things", f"{day}.csv", "x")
    found = [extract.path.name for extract in find(as_of=date(2022, 8, 31))]
    assert found == ["2022-08-30.csv", "2022-08-31.csv"]


def test_what_is_no_extract(
    drop: Drop,
    find: Callable[..., list[FoundExtract]],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Folders, pipes, dead links and other endings are left alone with a word; dot files without."""
    folder = drop("things", ".hidden_2022-01.csv", "x").parent
    (folder / "folder_2022-01.csv").mkdir()
    os.mkfifo(folder / "pipe_2022-01.csv")
    (folder / "dead_2022-01.csv").symlink_to(tmp_path / "nowhere")
    drop("things", "half_2022-01.csv.part", "x")
    assert find() == []
    for name in ("folder_2022-01.csv", "pipe_2022-01.csv", "dead_2022-01.csv", "csv.part"):
        assert f"{name} is left alone" in caplog.text
    assert "hidden" not in caplog.text


def test_tables_that_nothing_reads_are_found(
    drop: Drop, find: Callable[..., list[FoundExtract]], caplog: pytest.LogCaptureFixture
) -> None:
    """A table in another format is an extract, so that it is refused by name and somebody is told."""
    for ending in ("xls", "XLSB", "xlsm", "ods", "zip"):
        drop("things", f"x_2022-01.{ending}", "x")
    drop("things", "~$x_2022-01.xlsx", "x")
    assert len(find()) == 5
    assert "~$x_2022-01.xlsx is left alone" in caplog.text


def test_link_to_an_extract(
    drop: Drop, find: Callable[..., list[FoundExtract]], tmp_path: Path
) -> None:
    """A link is read as the file that it leads to."""
    other = drop("other", "x.csv", "x")
    (tmp_path / "drop" / "things").mkdir()
    (tmp_path / "drop" / "things" / "2022-08.csv").symlink_to(other)
    assert len(find()) == 1


def test_no_folder_for_the_dataset(drop: Drop, find: Callable[..., list[FoundExtract]]) -> None:
    """A dataset without a sub-folder has no extracts."""
    drop("other", "x_2022-01.csv", "x")
    assert find() == []


def test_no_drop_folder(tmp_path: Path) -> None:
    """A drop folder that is not there is a mistake in the settings."""
    with pytest.raises(ConfigurationError, match=re.escape("--extracts")):
        FilesSource(tmp_path / "nowhere")


def test_strange_names_can_be_logged(
    drop: Drop, find: Callable[..., list[FoundExtract]], caplog: pytest.LogCaptureFixture
) -> None:
    """A name that is not UTF-8, or holds a newline, cannot break or forge a line of the log."""
    folder = drop("things", "plain_2022-01.csv", "x").parent
    Path(os.fsdecode(bytes(folder) + b"/caf\xe9.csv")).write_text("x")
    drop("things", "a\nERROR b.csv", "x")
    with caplog.at_level(logging.WARNING):
        assert len(find()) == 3
    assert r"caf\udce9.csv" in caplog.text
    assert r"a\nERROR b.csv" in caplog.text
