"""A domain is put into a dataset file, and nothing else of the file changes."""

from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.errors import ConfigurationError
from orchestration.settings import PACKAGE
from orchestration.upgrading.dataset_file import says_the_same, with_domains

DOMAIN: dict[str, Any] = {
    "pattern": "[A-Z]'\"#: {2}",
    "open": True,
    "reason": "It's so: a #reason, {really}.",
    "until": date(2027, 2, 27),
}
FILE = """\
# A comment of the file.
id: trees  # and one of a line
columns:
  # Before the key.
  - name: tree_id   # behind the name
    source: Baum
    description: >-
      Its number,
      on two lines.

  - {{name: species, source: "Art, deutsch", formats: &times ["%d", "%m"]}}
  - description: Wann?
    name: planted_at
    formats: *times
  - {{
      name: place,   # flow, on lines
      source: Ort,
    }}
  - name: "last"
    source: [a, b]{end}
{rest}"""
NAMES = ["tree_id", "species", "planted_at", "place", "last"]


def inserted(text: str, names: list[str]) -> str:
    after = with_domains(text, dict.fromkeys(names, DOMAIN), file="trees.yaml")
    assert says_the_same(text, after, dict.fromkeys(names, DOMAIN))
    return after


@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("rest", ["", "# The end.\nrelease: one\n"], ids=["last", "goes on"])
@pytest.mark.parametrize("end", ["", "\n", "  # a remark\n"], ids=["cut", "line", "remark"])
def test_every_way_to_write_a_column(line_break: str, rest: str, end: str) -> None:
    """Block and flow, folded texts, anchors, comments, no line end at the end: all else stays."""
    text = FILE.format(end=end or ("\n" if rest else ""), rest=rest).replace("\n", line_break)
    after = inserted(text, NAMES)
    columns = yaml.safe_load(after)["columns"]
    assert [column["domain"] for column in columns] == [DOMAIN] * len(NAMES)
    at = 0
    for character in text:
        at = after.index(character, at) + 1
    assert after.count("\n") - after.count("\r\n") == (
        0 if line_break == "\r\n" else after.count("\n")
    )


def test_only_the_columns_that_are_asked_for() -> None:
    """A domain that a person wrote is never touched."""
    after = yaml.safe_load(inserted(FILE.format(end="\n", rest=""), ["species"]))
    assert [name["name"] for name in after["columns"] if "domain" in name] == ["species"]


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "datasets").glob("*.yaml")), ids=lambda p: p.stem
)
def test_shipped_files(path: Any) -> None:
    """Our own dataset files, whatever they look like today."""
    text = path.read_bytes().decode()
    columns = yaml.safe_load(text)["columns"]
    names = [column["name"] for column in columns if "domain" not in column]
    inserted(text, names)


@pytest.mark.parametrize(
    "columns",
    ["[{<<: *base, source: x}]", "*base", "[a, b]"],
    ids=["merge", "no list", "no mappings"],
)
def test_what_cannot_be_told_is_refused(columns: str) -> None:
    """The file is left to a person, who is told which column."""
    text = f"base: &base {{name: a}}\ncolumns: {columns}\n"
    with pytest.raises(ConfigurationError, match=r"trees.yaml: columns.a: is not written out"):
        with_domains(text, {"a": DOMAIN, "b": DOMAIN}, file="trees.yaml")


SCALARS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30),
    st.integers(),
    st.booleans(),
    st.none(),
    st.dates(),
)
COLUMN = st.dictionaries(
    st.sampled_from(["source", "type", "description", "aliases", "spelling"]),
    st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text("ab"), SCALARS)),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(COLUMN, min_size=1, max_size=4),
    st.sampled_from([None, True, False]),
    st.sampled_from([20, 80, 1000]),
    st.booleans(),
)
def test_any_file(
    columns: list[dict[str, Any]], flow: bool | None, width: int, named: bool
) -> None:
    """Whatever values stand in a file, written as YAML writes them."""
    content = [
        {"name": f"c{number}"} | column if named else column | {"name": f"c{number}"}
        for number, column in enumerate(columns)
    ]
    text = yaml.safe_dump(
        {"id": "x", "columns": content, "release": "one"},
        default_flow_style=flow, sort_keys=False, width=width, allow_unicode=True,
    )  # fmt: skip
    inserted(text, [f"c{number}" for number in range(len(columns))])
