"""The standardizing models of a real dataset on lines of a test: the whole step, once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.dataset import load_datasets
from orchestration.duck import parquet
from orchestration.settings import PACKAGE, Settings
from orchestration.steps.modelled_layer import standardize


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
    folder: Path,
    dataset: str,
    column: str,
    cells: Sequence[str | None],
    *,
    beside: Mapping[str, Sequence[str | None]] | None = None,
    spelled: bool = False,
) -> Standardized:
    """Runs the models on one column's cells; `beside` are those of other columns.

    `spelled` corrects what is misspelt, too.
    """
    others = dict(beside or {})
    table = pa.table(
        {name: pa.array(values, pa.string()) for name, values in {"cell": cells, **others}.items()}
    )
    pq.write_table(table, folder / "cells.parquet")
    query = f"from '{folder}/cells.parquet'"
    return standardized_query(folder, dataset, column, query, beside=list(others), spelled=spelled)


def standardized_query(
    folder: Path,
    dataset: str,
    column: str,
    query: str,
    *,
    beside: Sequence[str] = (),
    spelled: bool = False,
) -> Standardized:
    """Runs the models on the cells that a query gives in its first column, in their order."""
    datasets = load_datasets(PACKAGE / "datasets")
    settings = replace(Settings.from_environment(), home=folder / "home")
    chosen = datasets[dataset]
    if not spelled:
        # What the dataset file suspects of being misspelt is another step.
        plain = tuple(one.model_copy(update={"spelling": None}) for one in chosen.columns)
        chosen = chosen.model_copy(update={"columns": plain})
    others = ", ".join(
        f"{'cell' if one.name == column else one.name if one.name in beside else 'null::varchar'}"
        f" as {one.name}"
        for one in chosen.landed
    )
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select 'a' as _extract_id, row_number() over () as _line, "
            f"timestamp '2022-09-01' as _extracted_at, '{chosen.grain.line}' as _grain, "
            f"null::varchar as _parse_error, {others} from (select #1 as cell"
            f"{''.join(f', {name}' for name in beside)} from ({query}))) "
            f"to '{folder}/lines.parquet' (format parquet)"
        )
    made = folder / "made"
    made.mkdir()
    lines = parquet(folder / "lines.parquet")
    standardize(settings, {**datasets, dataset: chosen}, chosen, lines, (), made)
    return Standardized(dataset, made)


class LiveColumn:
    """The standardizing of one column, built once and asked again and again.

    Building the models takes seconds; asking their view, hundredths of one.
    """

    def __init__(self, folder: Path, dataset: str, column: str) -> None:
        self._folder = standardized_cells(folder, dataset, column, ["-"]).folder
        chosen = load_datasets(PACKAGE / "datasets")[dataset]
        others = ", ".join(
            f"{'cell' if one.name == column else 'null::varchar'} as {one.name}"
            for one in chosen.landed
        )
        self.connection = duckdb.connect(self._folder / "warehouse.duckdb")
        self.connection.execute("create table given (line bigint, cell varchar)")
        self.connection.execute(
            f"create or replace view raw.{dataset} as select 'a' as _extract_id, line as _line, "
            f"timestamp '2022-09-01' as _extracted_at, '{chosen.grain.line}' as _grain, "
            f"null::varchar as _parse_error, {others} from given"
        )
        self._question = f"select {column} from main.base_{dataset} order by _line"

    def standardize(self, cells: Sequence[str]) -> list[str | None]:
        """What becomes of cells, in their order, before misspellings are looked for."""
        self.connection.execute("delete from given")
        self.connection.execute(
            "insert into given select unnest(range(len(?))), unnest(?::varchar[])",
            [list(cells), list(cells)],
        )
        return [cell for (cell,) in self.connection.execute(self._question).fetchall()]
