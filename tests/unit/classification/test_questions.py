"""What `open_questions` finds in landed extracts: words, blank cells, and what waits in older ones."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.classification.desk import Office
from orchestration.classification.in_force import classes_in_force
from orchestration.classification.questions import Beside, Question, open_questions, tell_blanks
from orchestration.dataset import Dataset
from orchestration.domains.classes import classes_path
from orchestration.layers import finish_layer, workspace
from orchestration.settings import Settings
from orchestration.sources.files import FilesSource
from orchestration.state.store import State, new_id
from orchestration.steps.raw_layer import make_raw_layer
from tests.unit.publishing.conftest import trees, write_ledger

POLICY = {
    "id": "ghosts_withheld", "action": "withhold", "column": "species", "values": ["GHOST ORCHID"],
    "also": ["first_species"], "codes": {"columns": ["species_code"], "values": ["G1"]},
    "statement": "S.", "authority": "A", "source": "S", "approved_by": "B",
    "approved_on": "2020-01-01", "review_on": "2030-01-01",
}  # fmt: skip
CLASSES = "column,value,class,source,until\nspecies,OAK,harmless,P,\nspecies_code,O1,harmless,P,\n"
HEAD = "tree_id,species,first_species,species_code\n"


class Nursery:
    """Lands extracts of trees and asks what nobody knows."""

    def __init__(self, settings: Settings, state: State, datasets: Path, drop: Any) -> None:
        from dataclasses import replace

        self.settings = replace(settings, datasets_dir=datasets)
        self.state = state
        self._drop = drop
        datasets.mkdir(exist_ok=True)
        classes_path(self.settings, "trees").write_text(CLASSES)

    def land(self, dataset: Dataset, day: str, *lines: str) -> list[str]:
        """The raw layer after another extract; its extracts."""
        text = HEAD + "\n".join(lines) + "\n"
        source = FilesSource(self._drop("trees", f"trees_{day}.csv", text).parents[1])
        made = make_raw_layer(
            self.settings, self.state, dataset, source, as_of=None, run_id=new_id()
        )
        assert made is not None
        return [extract.id for extract in made.extracts]

    def waits(self, dataset: Dataset, *extracts: str) -> None:
        """What a run notes of extracts with lines that wait."""
        run_id = new_id()
        with workspace(self.settings, run_id, "deduplicated") as folder:
            files = [write_ledger(folder / "trees.parquet", {})]
            finish_layer(
                self.settings, self.state, dataset="trees", layer="deduplicated", run_id=run_id,
                upstream=None, files=files, facts={"waiting": dict.fromkeys(extracts, "h")},
            )  # fmt: skip

    def asked(self, dataset: Dataset) -> list[Question]:
        return open_questions(self.settings, self.state, dataset)


@pytest.fixture
def nursery(settings: Settings, state: State, tmp_path: Path, drop: Callable[..., Path]) -> Nursery:
    return Nursery(settings, state, tmp_path / "datasets", drop)


def dataset(kind: str = "complete") -> Dataset:
    columns = [
        {"name": name, "source": name, "description": "-", "privacy": "internal"}
        for name in ("first_species", "species_code")
    ]
    return trees(policies=[POLICY], more_columns=columns, source={"kind": kind})


def test_word_of_columns_that_share_their_classes_is_one_question(nursery: Nursery) -> None:
    """Final and initial text together, in whatever case."""
    nursery.land(dataset(), "2026-07-01", "T1,Palm,OAK,O1", "T2,OAK,PALM,O1", "T3,OAK,OAK,O1")
    (one,) = nursery.asked(dataset())
    assert (one.column, one.value, one.lines, one.since[:10]) == (
        "species", "PALM", 2, "2026-07-01",
    )  # fmt: skip


def test_blank_cell_tells_what_stands_beside_it(nursery: Nursery) -> None:
    """How many, of which so many have another deciding column, and what that says."""
    nursery.land(
        dataset(), "2026-07-01", "T1,,,G1", "T2,,OAK,O1", "T3,,,O1", "T4,,,", "T5,OAK,OAK,O1"
    )
    told = {one.column: one for one in nursery.asked(dataset())}
    assert {name: one.lines for name, one in told.items()} == {
        "species": 4, "first_species": 3, "species_code": 1,
    }  # fmt: skip
    blank = told["species"]
    assert blank.told_beside == 3
    assert blank.beside == (
        Beside(column="species_code", value="O1", lines=2, policies=()),
        Beside(column="first_species", value="OAK", lines=1, policies=()),
        Beside(column="species_code", value="G1", lines=1, policies=("ghosts_withheld",)),
    )
    assert tell_blanks(blank, "“{}”".format) == (
        "a blank cell on 4 lines since 2026-07-01, with another deciding column on 3: "
        "“O1” in species_code on 2 (harmless), “OAK” in first_species on 1 (harmless), "
        "“G1” in species_code on 1 (covered by ghosts_withheld); only the source can say it"
    )


def test_extract_without_a_column_is_not_asked_for_it(nursery: Nursery) -> None:
    """Earlier years have no codes: their blanks wait for nobody; what a policy names first does."""
    nursery.land(dataset(), "2026-07-01", "T1,OAK,,", "T2,,,")
    assert [(one.column, one.lines) for one in nursery.asked(dataset())] == [("species", 1)]


def test_what_waits_in_an_older_increment_is_still_asked(nursery: Nursery) -> None:
    """A later increment does not hold the row, which waits on; the date is that of the first."""
    of = dataset("increment")
    (first,) = nursery.land(of, "2026-07-01", "T1,PALM,OAK,O1", "T2,,OAK,O1", "T3,YUCCA,OAK,O1")
    nursery.waits(of, first)
    nursery.land(of, "2026-07-02", "T3,OAK,OAK,O1", "T4,PALM,OAK,O1", "T2,OAK,OAK,O1")
    (one,) = nursery.asked(of)
    assert (one.value, one.lines, one.since[:10]) == ("PALM", 2, "2026-07-01")


def test_older_complete_extract_is_over(nursery: Nursery) -> None:
    """Its rows are those of the newest one, whatever a former run noted."""
    (first,) = nursery.land(dataset(), "2026-07-01", "T1,PALM,OAK,O1")
    nursery.waits(dataset(), first)
    nursery.land(dataset(), "2026-07-02", "T1,OAK,OAK,O1")
    assert nursery.asked(dataset()) == []


def test_page_asks_again_once_a_run_noted_what_waits(nursery: Nursery) -> None:
    """Counting is kept between two answers of the page, but not past a run of the models."""
    of = dataset("increment")
    (first,) = nursery.land(of, "2026-07-01", "T1,PALM,OAK,O1")
    office = Office(nursery.settings, nursery.state, of.id)
    desk = SimpleNamespace(
        dataset=of, classes=classes_in_force(nursery.settings, nursery.state, of)
    )
    counted = office.words(desk)[0]
    assert office.words(desk)[0] is counted
    nursery.waits(of, first)
    assert office.words(desk)[0] is not counted
