"""What code, rules and tests cite can be looked up in `docs/`, and what those pages name is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from orchestration.portal.probe.checks import CHECKS
from orchestration.settings import PROJECT

PAGES = ("architecture.md", "laws.md", "protocol.md", "incidents.md")
TREES = ("orchestration", "tests", "expectations", "dbt_project", "docs", "benchmarks")
TEXTS = {".py", ".yaml", ".yml", ".sql", ".md"}
NUMBER = r"\d+(?:\.\d+)*"
PROTOCOL = re.compile(
    rf"\bprotocol\s({NUMBER}(?:(?:,|,?\sand|,?\sand\sthe\send\sof)\s{NUMBER})*)", re.I
)
IN_BRACKETS = re.compile(r"\(([0-8]\.[1-9][^)]*)\)")
INCIDENT = re.compile(r"\bIncidents?\s(\d+)\b")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PLACE = re.compile(rf"`((?:{'|'.join(TREES)})/[^`\s]*?)(?:::\w+)?`")


@cache
def page(name: str) -> str:
    return (PROJECT / "docs" / name).read_text(encoding="utf-8")


def headings(name: str, pattern: str) -> list[str]:
    return re.findall(rf"^##+ {pattern}", page(name), re.M)


def texts(*trees: str) -> Iterator[tuple[str, str]]:
    """Every text of these folders but this one, by its path."""
    for path in chain.from_iterable((PROJECT / tree).rglob("*") for tree in trees):
        if path.suffix in TEXTS and path.is_file() and path != Path(__file__):
            yield str(path.relative_to(PROJECT)), path.read_text(encoding="utf-8")


def docstrings(text: str) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, documented))
    return (found for node in nodes if (found := ast.get_docstring(node)))


def paragraphs() -> set[str]:
    """Numbers of the protocol's headings, and of the points below them as `3.1.7`."""
    found, heading = set(), ""
    for line in page("protocol.md").splitlines():
        if number := re.match(rf"##+ ({NUMBER})", line):
            heading = number[1]
            found.add(heading)
        elif point := re.match(r"(\d+)\. ", line):
            found.add(f"{heading}.{point[1]}")
    return found


def test_cited_paragraphs_of_the_protocol_are_headings() -> None:
    """Whoever reads `protocol 2.3` in code or a test finds that heading."""
    cited = {
        (number, path)
        for path, text in texts("orchestration", "tests")
        for words in PROTOCOL.findall(text)
        for number in re.findall(NUMBER, words)
    }
    known = headings("protocol.md", rf"({NUMBER})")
    assert {number for number, _ in cited} >= {"1.2", "1.4", "2.7", "3.1", "7.1", "8"}
    assert [one for one in sorted(cited) if one[0] not in known] == []


def test_paragraphs_in_brackets_are_in_the_protocol() -> None:
    """The portal and its tests cite `(3.1.7)`, a point, and the probe's checks a paragraph."""
    cited = {
        (number, path)
        for path, text in texts("orchestration/portal", "tests/unit/portal", "tests/integration")
        if path.endswith(".py") and "portal" in path
        for docstring in docstrings(text)
        for words in IN_BRACKETS.findall(re.sub(r"`[^`]*`", "", docstring))
        for number in re.findall(r"\b[0-8](?:\.\d)+\b", words)
    } | {(check.paragraph, name) for name, check in CHECKS.items()}
    assert {number for number, _ in cited} >= {"0.4", "1.3", "2.3", "3.1.7"}
    assert [one for one in sorted(cited) if one[0] not in paragraphs()] == []


def test_there_are_twelve_laws_each_with_its_tests() -> None:
    """Numbered 1 to 12, in order; none is only claimed."""
    assert headings("laws.md", r"(\d+)\. ") == [str(number) for number in range(1, 13)]
    assert all(len(TEST.findall(part)) >= 2 for part in page("laws.md").split("\n## ")[1:])


@pytest.mark.parametrize("name", ["laws.md", "incidents.md"])
def test_every_test_that_a_page_names_exists(name: str) -> None:
    """As a function of that file: a proof that was renamed or removed is no proof."""
    missing = []
    for path, test in TEST.findall(page(name)):
        file = PROJECT / path
        tree = ast.parse(file.read_text(encoding="utf-8") if file.is_file() else "")
        if test not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
            missing.append(f"{path}::{test}")
    assert missing == []


def test_cited_incidents_are_told() -> None:
    """Ten of them, each with a test; whoever reads `Incident 4` of a rule or a test finds it."""
    known = headings("incidents.md", r"Incident (\d+)$")
    cited = {(number, path) for path, text in texts(*TREES) for number in INCIDENT.findall(text)}
    assert known == [str(number) for number in range(1, 11)]
    assert all(TEST.search(part) for part in page("incidents.md").split("\n## ")[1:])
    assert [one for one in sorted(cited) if one[0] not in known] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_a_page_names_is_there(name: str) -> None:
    """Where `<id>` or the like stands for any, at least one such file is."""
    places = {re.sub(r"<\w+>", "*", place) for place in PLACE.findall(page(name))}
    assert [place for place in sorted(places) if not any(PROJECT.glob(place))] == []


def test_every_package_has_its_sentence() -> None:
    """The page of the architecture says of each folder of `orchestration/` what it is for."""
    folders = {path.parent.name for path in (PROJECT / "orchestration").glob("[a-z]*/*.*")}
    told = re.findall(r"^\| `orchestration/(\w+)/` \| \w", page("architecture.md"), re.M)
    assert sorted(told) == sorted(folders)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_linked_from_the_readme(name: str) -> None:
    """A page that nobody leads to is not read; links between pages lead somewhere."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert f"(docs/{name})" in readme
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page(name))
    assert [link for link in links if not (PROJECT / "docs" / link).exists()] == []
