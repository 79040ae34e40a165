"""The standardizing models of a real dataset on lines of a test: the whole step, once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from orchestration.dataset import load_datasets
from orchestration.duck import parquet
from orchestration.settings import PACKAGE, Settings
from orchestration.warehouse.modelled_layer import standardize


class Standardized:
    """What became of lines whose other columns are null; `_line` counts from 1."""

    def __init__(self, dataset: str, folder: Path) -> None:
        self.dataset = dataset
        self.folder = folder

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Asks `stg` and `corrections`."""
        with duckdb.connect() as connection:
            for name in ("stg", "corrections"):
                file = parquet(self.folder / f"{name}_{self.dataset}.parquet")
                connection.execute(f"create view {name} as from {file}")
            return connection.execute(query).fetchall()


def standardized_cells(
    folder: Path, dataset: str, column: str, cells: Sequence[str | None], *, spelled: bool = False
) -> Standardized:
    """Runs the models on one column's cells; `spelled` corrects what is misspelt, too."""
    with duckdb.connect() as connection:
        connection.execute("create table cells (cell varchar)")
        connection.executemany("insert into cells values (?)", [[cell] for cell in cells])
        connection.execute(f"copy cells to '{folder}/cells.parquet' (format parquet)")
    query = f"from '{folder}/cells.parquet'"
    return standardized_query(folder, dataset, column, query, spelled=spelled)


def standardized_query(
    folder: Path, dataset: str, column: str, query: str, *, spelled: bool = False
) -> Standardized:
    """Runs the models on the cells that a query gives in its only column, in their order."""
    datasets = load_datasets(PACKAGE / "datasets")
    settings = replace(Settings.from_environment(), home=folder / "home")
    chosen = datasets[dataset]
    if not spelled:
        # What the dataset file suspects of being misspelt is another step.
        plain = tuple(one.model_copy(update={"spelling": None}) for one in chosen.columns)
        chosen = chosen.model_copy(update={"columns": plain})
    others = ", ".join(
        f"{'cell' if one.name == column else 'null::varchar'} as {one.name}"
        for one in chosen.landed
    )
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select 'a' as _extract_id, row_number() over () as _line, "
            f"timestamp '2022-09-01' as _extracted_at, '{chosen.grain.line}' as _grain, "
            f"null::varchar as _parse_error, {others} from (select #1 as cell from ({query}))) "
            f"to '{folder}/lines.parquet' (format parquet)"
        )
    made = folder / "made"
    made.mkdir()
    lines = parquet(folder / "lines.parquet")
    standardize(settings, {**datasets, dataset: chosen}, chosen, lines, (), made)
    return Standardized(dataset, made)
