"""The order of the rooms: whoever reads one package need not read those above it."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from orchestration.settings import PACKAGE


def _imported(path: Path) -> Iterator[str]:
    """The rooms of the package that a module names, be it at its top or within a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{one.name}" for one in node.names]
        elif isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        else:
            continue
        for name in names:
            package, *rest = name.split(".")
            if package == PACKAGE.name and rest:
                yield rest[0]


def _rooms() -> dict[str, set[str]]:
    """Every package and module at the top of the tree, and those that it imports."""
    found = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found[room] |= set(_imported(path)) - {room}
    return found


def test_no_circle_of_rooms() -> None:
    """There is an order in which every room imports only those before it."""
    order = list(TopologicalSorter(_rooms()).static_order())
    assert order.index("errors") < order.index("state") < order.index("publishing")


def test_nobody_imports_a_command() -> None:
    """Commands are how work is asked for, never how it is done."""
    assert [room for room, used in _rooms().items() if "cli" in used] == []


def test_the_laboratory_has_a_border() -> None:
    """ADR 42: the local portal and the evaluation can be taken out without touching a rule or a step."""
    rooms = _rooms()
    assert rooms["portal"] == {"guarding"}
    assert [room for room, used in rooms.items() if "evaluation" in used] == ["cli"]
    used = set().union(*map(_imported, (PACKAGE / "sources" / "sample").glob("*.py")))
    assert used == {"sources", "dataset", "times", "yaml_text"}


def test_private_names_of_dagster_stand_in_one_module() -> None:
    """Who raises Dagster's version looks there, and nowhere else."""
    private = re.compile(r"^\s*(from|import) dagster\w*(\.\w+)*\._", re.MULTILINE)
    found = [path.name for path in PACKAGE.rglob("*.py") if private.search(path.read_text())]
    assert found == ["dagster_private.py"]
