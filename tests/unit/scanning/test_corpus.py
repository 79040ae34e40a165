"""How much of a seeded corpus is recognized: cells of a set that no pattern was tuned on."""

from collections.abc import Mapping

import pytest

from orchestration.scanning.persons import KINDS, NAME, PERSONAL, find_persons
from tests.unit.scanning.corpus import CELLS, MEASURED, PER_KIND, Cell, make_corpus, named

SEED = 20_261_129
BORN_UNTIL = 2016


@pytest.fixture(scope="module")
def found() -> Mapping[Cell, frozenset[str]]:
    """What is found in each cell of the corpus; health is asked of all that are not clean."""
    return {
        cell: find_persons(cell.text, kinds=KINDS if cell.kind else PERSONAL, born_until=BORN_UNTIL)
        for cell in make_corpus(SEED, MEASURED)
    }


def test_corpus_is_as_large_as_is_said() -> None:
    """5,000 cells, 300 or more of each kind, the same ones each time."""
    cells = make_corpus(SEED, MEASURED)
    assert len(cells) == CELLS
    assert PER_KIND >= 300
    assert all(len(list(named(cells, kind))) == PER_KIND for kind in KINDS)
    assert cells == make_corpus(SEED, MEASURED)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != NAME])
def test_kinds_with_a_pattern_are_found(found: Mapping[Cell, frozenset[str]], kind: str) -> None:
    """At least 99 of 100 cells of each kind, told as that kind."""
    cells = [cell for cell in found if cell.kind == kind]
    assert sum(kind in found[cell] for cell in cells) >= 0.99 * len(cells)


def test_frequent_names_are_found(found: Mapping[Cell, frozenset[str]]) -> None:
    """At least 95 of 100 names that the census has; a rare name is found beside its word only."""
    cells = [cell for cell in found if cell.kind == NAME]
    assert sum(NAME in found[cell] for cell in cells) >= 0.95 * len(cells)
    assert NAME in find_persons("Name: Xyqal Vontrep")
    assert not find_persons("Xyqal Vontrep")


def test_clean_cells_are_left_alone(found: Mapping[Cell, frozenset[str]]) -> None:
    """At most one of two hundred is taken for somebody's."""
    clean = [cell for cell in found if cell.kind is None]
    assert sum(bool(found[cell]) for cell in clean) <= 0.005 * len(clean)
