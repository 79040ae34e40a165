"""Cells judged as the gate judges them: in DuckDB, with the vocabularies as facts."""

from collections.abc import Mapping, Sequence

import duckdb

from orchestration.domains.places import VOCABULARIES, judged_places
from orchestration.settings import Settings
from orchestration.warehouse.vocabularies import load_vocabulary


def vocabulary_facts() -> dict[str, list[str]]:
    """The vocabularies of places as the gate hands them over."""
    settings = Settings.from_environment()
    return {
        f"vocabulary_{name}": [entry.value for entry in load_vocabulary(settings, name)]
        for name in VOCABULARIES
    }


class Judge:
    """Says of cells what the queries of places say: `known`, `unknown` (street) or `no place`."""

    def __init__(self, facts: Mapping[str, list[str]] | None = None) -> None:
        self.facts = facts or vocabulary_facts()
        self.connection = duckdb.connect()
        columns = ", ".join(f"?::varchar[] as {name}" for name in self.facts)
        self.connection.execute(f"create table facts as select {columns}", [*self.facts.values()])
        self.connection.execute("create table cells (cell varchar)")

    def __call__(self, *cells: str) -> list[str]:
        """One word per cell, in their order."""
        self.connection.execute("delete from cells")
        self.connection.execute("insert into cells select unnest(?::varchar[])", [list(cells)])
        found = self.connection.execute(judged_places("from cells")).fetchall()
        said = {
            cell: "no place" if not is_place else "known" if is_known else "unknown"
            for cell, is_place, is_known in found
        }
        return [said[cell] for cell in cells]

    def places(self, cells: Sequence[str]) -> list[str]:
        """The cells that would leave."""
        return [cell for cell, word in zip(cells, self(*cells), strict=True) if word != "no place"]
