"""A town's dogs for the tests of review: real layers in a real home, proposals as the engines write.

One dataset file, published and internal columns, a column that is a list, near duplicates.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration.dataset import Dataset, load_dataset
from orchestration.layers import finish_layer, workspace
from orchestration.review.review_sheets import Imported, export_sheets, import_sheet
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.judgements import ReviewStore
from orchestration.state.store import State
from orchestration.tabular import Line, read_table

ANN, BOB, CLEO = "Ann Smith", "Bob", "Cleo"
ROWS = [
    {"dog_id": "D1", "breed": "POODEL", "colours": "BLACK, WITE", "place": "=1+1"},
    {"dog_id": "D2", "breed": "POODLE", "colours": "WHITE", "place": "2 Elm St"},
    {"dog_id": "D3", "breed": "POODLE", "colours": None, "place": "2 Elm Street"},
    {"dog_id": "D4", "breed": "BEAGEL", "colours": "BLACK", "place": None},
    {"dog_id": "D5", "breed": "BEAGEL", "colours": "WHITE", "place": "5 Oak St"},
    {"dog_id": "D6", "breed": "BEAGLE", "colours": "WHITE", "place": "6 Oak St"},
]
POODEL = {"column_name": "breed", "from_value": "POODEL", "to_value": "POODLE", "score": 0.9}
BEAGEL = {"column_name": "breed", "from_value": "BEAGEL", "to_value": "BEAGLE", "score": 0.7}
WITE = {"column_name": "colours", "from_value": "WITE", "to_value": "WHITE", "score": 0.8}
CHIP = {"column_name": "chip", "from_value": "secret-1", "to_value": "secret-2", "score": 0.9}
UNSEEN = {"column_name": "breed", "from_value": "WITHHELD", "to_value": "POODLE", "score": 0.9}
PAIR = {"left_key": "D2", "right_key": "D3", "score": 0.75}
SPELLINGS = (POODEL, BEAGEL, WITE, CHIP, UNSEEN)


def dataset_file() -> dict[str, Any]:
    """The dataset file of the dogs, as YAML will hold it."""
    columns: list[dict[str, Any]] = [
        {"name": "dog_id", "source": "id", "description": "Tag.", "privacy": "publish"},
        {"name": "breed", "source": "b", "description": "Breed.", "privacy": "publish"},
        {"name": "colours", "source": "c", "description": "Colours.", "privacy": "publish"},
        {"name": "place", "source": "p", "description": "Where.", "privacy": "publish"},
        {"name": "seen_at", "source": "s", "description": "When.", "privacy": "internal"},
        {"name": "chip", "source": "chip", "description": "Chip.", "privacy": "internal"},
    ]
    columns[1]["spelling"] = {}
    columns[2]["spelling"] = {"separator": ", "}
    columns[5]["spelling"] = {}
    return {
        "id": "dogs",
        "title": "Dogs",
        "description": "Dogs, one row per dog.",
        "owner": {"team": "Kennel", "email": "kennel@example.org"},
        "schedule": "0 6 * * *",
        "source": {"kind": "complete"},
        "grain": {"published": "dog", "line": "dog"},
        "key": "dog_id",
        "columns": columns,
        "limits": {"quarantined_share": 0.5, "volume_drop_share": 0.25, "stale_days": 10},
        "duplicates": {
            "time": "seen_at",
            "within_minutes": 60,
            "place": "place",
            "compare": [{"column": "breed", "how": "text"}],
        },
        "review": {"reviewers": [ANN, BOB], "steward": CLEO},
        "publish": {
            "domain": "example.org",
            "id": "dogs-dogs",
            "title": "Dogs",
            "description": "Dogs.",
            "licence": "None",
            "attribution": "Kennel",
            "category": "Animals",
            "row_label": "dog",
            "contact": "kennel@example.org",
        },
    }


_JUDGED = ["outcome", "score", "evidence", "evidence_hash", "decision_id"]
_COLUMNS = {
    "spelling": ["column_name", "from_value", "to_value", "rows", *_JUDGED],
    "duplicates": ["left_key", "right_key", "cluster_id", *_JUDGED],
}
_TYPES = {"score": "double", "rows": "bigint"}


class Desk:
    """A home whose newest run left proposals, and what people do with them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.sheets = folder / "sheets"
        self.file = settings.datasets_dir / "dogs.decisions.csv"
        self.engine = open_database(settings)
        self.state = State(self.engine)
        self.store = ReviewStore(self.state)

    @property
    def dataset(self) -> Dataset:
        return load_dataset(self.settings.datasets_dir / "dogs.yaml")

    def change(self, **keys: Any) -> None:
        """Other values in the dataset file; None takes a key out."""
        path = self.settings.datasets_dir / "dogs.yaml"
        content = {**yaml.safe_load(path.read_text()), **keys}
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))

    def run(
        self,
        *,
        rows: Sequence[Mapping[str, Any]] = ROWS,
        spellings: Sequence[Mapping[str, Any]] = SPELLINGS,
        pairs: Sequence[Mapping[str, Any]] = (PAIR,),
    ) -> None:
        """Finishes the layers of one run."""
        paired = [
            {"outcome": "proposed", "evidence": "{}", "evidence_hash": "h1", "cluster_id": None,
             "decision_id": None, **one} for one in pairs
        ]  # fmt: skip
        published = [column.name for column in self.dataset.published]
        self.finish_standardized(spellings)
        mart = [{name: row.get(name) for name in published} for row in rows]
        self._finish("deduplicated", {"dogs": mart, "duplicates_dogs": paired})

    def finish_standardized(self, spellings: Sequence[Mapping[str, Any]]) -> None:
        """The layer that a run has which its next gate stopped."""
        spelled = [
            {"outcome": "proposed", "rows": 7, "evidence": "{}", "evidence_hash": "h1",
             "decision_id": None, **one} for one in spellings
        ]  # fmt: skip
        self._finish("standardized", {"spelling_dogs": spelled, "stg_dogs": ROWS})

    def export(self, person: str, *, n: int = 200) -> list[Path]:
        """The person's files, XLSX first; none where there is nothing to judge."""
        (exported,), _ = export_sheets(
            self.settings, self.state, self.dataset, people=[person], limit=n, folder=self.sheets
        )
        return exported.files

    def import_(self, path: Path, person: str) -> Imported:
        return import_sheet(self.state, self.dataset, path, reviewer=person)

    def judge(self, person: str, verdict: str, *, about: str = "POODEL") -> Imported:
        """Exports a sheet, answers one question of it by its `first` cell, and imports it."""
        path = self.export(person)[1]
        fill_in(path, {about: verdict})
        return self.import_(path, person)

    def asked(self, person: str) -> list[str]:
        """The `first` cells of what a person would be asked now, in order."""
        files = self.export(person)
        return [line.cells["first"] for line in read_table(files[1], ["first"])] if files else []

    def judgements(self) -> list[tuple[str, str]]:
        return [(one.person, one.verdict) for one in self.store.judgements("dogs")]

    def verdicts(self) -> list[str]:
        return [one.verdict for one in self.store.decisions("dogs")]

    def _finish(self, layer: str, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        with workspace(self.settings, "run", layer) as folder:
            finish_layer(
                self.settings,
                self.state,
                dataset="dogs",
                layer=layer,
                run_id="run",
                upstream=None,
                files=[write_parquet(folder / f"{name}.parquet", rows)
                       for name, rows in files.items()],
                facts={},
            )  # fmt: skip


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Rows as Parquet; numbers as such, the rest as text."""
    names = list(rows[0]) if rows else _COLUMNS[path.stem.partition("_")[0]]
    typed = ", ".join(f'"{name}" {_TYPES.get(name, "varchar")}' for name in names)
    with duckdb.connect() as connection:
        connection.execute(f"create table made ({typed})")
        marks = ", ".join("?" for _ in names)
        for row in rows:
            connection.execute(f"insert into made values ({marks})", [row[name] for name in names])
        connection.execute(f"copy made to '{path}' (format parquet)")
    return path


def lines_of(path: Path) -> list[Line]:
    """A sheet as it can be read."""
    return read_table(path, ["sheet id", "row id"])


def rewrite(path: Path, lines: Sequence[Mapping[str, str]]) -> None:
    """A CSV sheet with other cells, the headings of the first line."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def fill_in(path: Path, verdicts: Mapping[str, str]) -> None:
    """Answers questions of a CSV sheet, told by their `first` cell."""
    rewrite(
        path,
        [
            {**line.cells, "verdict": verdicts.get(line.cells["first"], "")}
            for line in lines_of(path)
        ],
    )
