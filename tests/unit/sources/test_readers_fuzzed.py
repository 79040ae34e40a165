"""Readers driven by chance: whatever a file holds, it lands or is refused in one sentence."""

import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.errors import DataStopped
from orchestration.sources.header import map_header
from orchestration.sources.lines import read_header, read_lines
from orchestration.sources.reading import make_readable
from tests.hostile import obeyed_signs
from tests.soak import SOAK
from tests.unit.sources.conftest import dataset_of_tests
from tests.unit.sources.workbooks import rezipped, workbook

THINGS = dataset_of_tests(
    bounds={"unpacked_mb": 2, "rows": 5_000, "columns": 50, "line_mb": 1, "depth": 20}
)
ODD = st.sampled_from(
    ["Item", "Type", "Place", "x in 2", "x", "X", '"', "'", "\n", "\r", ",", "\t", "\0", "\ufeff",
     "[/red]", "\x1b[31m", "\u202e", "=1+1", "é", "\U0001f600", ";", "[", "{", "]", "}", ":", "1e9"]
)  # fmt: skip
TEXT = st.lists(st.one_of(ODD, st.text(max_size=8)), max_size=60).map("".join)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=30,
)
ROWS = st.lists(st.dictionaries(st.one_of(ODD, TEXT), VALUES, max_size=8), max_size=8)
JSON = st.one_of(VALUES, ROWS).map(lambda value: json.dumps(value).encode())
CSV = st.one_of(TEXT, TEXT.map("Item,Type,Place\n".__add__)).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)
BOOK = workbook([["Item", "Type", "Place"], ["1", 2, "x"]])
PARTS = zipfile.ZipFile(io.BytesIO(BOOK)).namelist()


def _cut(content: bytes, cuts: list[tuple[int, bytes]]) -> bytes:
    """The content with bytes put in place of others."""
    for place, other in cuts:
        at = place % (len(content) + 1)
        content = content[:at] + other + content[at + len(other) :]
    return content


CUTS = st.lists(st.tuples(st.integers(0, 100_000), st.binary(max_size=6)), max_size=5)
DAMAGED_BOOKS = st.one_of(
    st.builds(_cut, st.just(BOOK), CUTS),
    st.builds(
        lambda part, cuts, end: rezipped(
            BOOK, lambda name, old: _cut(old, cuts)[:end] if name == part else old
        ),
        st.sampled_from(PARTS),
        CUTS,
        st.integers(1, 100_000),
    ),
)
FILES = st.one_of(
    st.tuples(st.just("a.csv"), st.one_of(CSV, st.builds(_cut, CSV, CUTS), st.binary())),
    st.tuples(st.just("a.tsv"), CSV),
    st.tuples(st.just("a.json"), st.one_of(JSON, st.builds(_cut, JSON, CUTS), st.binary())),
    st.tuples(st.just("a.csv.gz"), st.builds(_cut, CSV.map(gzip.compress), CUTS)),
    st.tuples(st.just("a.json.gz"), JSON.map(gzip.compress)),
    st.tuples(st.just("a.xlsx"), DAMAGED_BOOKS),
)


@pytest.mark.campaign
@pytest.mark.timeout(3_600)
@pytest.mark.usefixtures("home")
@settings(
    max_examples=20_000 if SOAK else 200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(FILES)
def test_whatever_comes_is_read_or_refused(file: tuple[str, bytes]) -> None:
    """No other error than a refusal, whose sentence has no sign that a screen obeys."""
    name, content = file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        said = ""
        try:
            readable = make_readable(THINGS, path, Path(folder))
            header = read_header(readable.path, readable.delimiter)
            mapping = map_header(THINGS, header, "things: a")
            names = [*mapping.listed, *mapping.unlisted]
            assert len(set(names)) == len(names) == len(header or [])
            for line in read_lines(readable.path, readable.delimiter):
                assert line.error or len(line.cells) == mapping.width
        except DataStopped as error:
            said = str(error)
        assert obeyed_signs(said, keep="") == set()
