"""A small dataset of dogs with its own suites: real layers, real state, real Great Expectations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.dataset import Dataset
from orchestration.gates.gate import run_gate
from orchestration.gates.suites import SUITES
from orchestration.layers import finish_layer, workspace
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import GateRecord, Layer, State
from tests.suite_files import rule, write_suite

ROWS = [
    {"dog_id": "D1", "name": "Rex", "weight_pounds": "30"},
    {"dog_id": "D2", "name": "Fido", "weight_pounds": "45"},
    {"dog_id": "D3", "name": "Bella", "weight_pounds": None},
    {"dog_id": "D4", "name": None, "weight_pounds": "20"},
]
QUERY = "unexpected_rows_expectation"


def query(sql: str, strength: str, rule_id: str, **more: Any) -> dict[str, Any]:
    """A rule that is a query."""
    return rule(QUERY, strength, rule_id, unexpected_rows_query=sql, **more)


NAMED = rule("expect_column_values_to_not_be_null", "row", "name_present", column="name")


class Kennel:
    """A home with one dataset, its suites and its state."""

    def __init__(self, home: Path) -> None:
        self.settings = replace(
            Settings.from_environment(),
            home=home / "home",
            expectations_dir=home / "expectations",
            state_url=f"sqlite:///{home / 'home' / 'state.db'}",
        )
        self.engine = open_database(self.settings)
        self.state = State(self.engine)
        self.dataset = Dataset.model_validate(
            {
                "id": "dogs",
                "title": "Dogs",
                "description": "Dogs, one row per dog.",
                "owner": {"team": "Kennel", "email": "kennel@example.org"},
                "schedule": "0 6 * * *",
                "source": {"kind": "complete"},
                "grain": {"published": "dog", "line": "dog"},
                "key": "dog_id",
                "columns": [
                    {"name": name, "source": name, "description": name, "privacy": "publish"}
                    for name in ("dog_id", "name", "weight_pounds")
                ],
                "limits": {"quarantined_share": 0.5, "volume_drop_share": 0.25, "stale_days": 10},
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
        )
        for layer in SUITES:
            self.suite(layer)

    def suite(self, layer: str, *rules: Mapping[str, Any]) -> None:
        """Replaces the rules of a layer."""
        always = rule("expect_column_to_exist", "table", "key_is_there", column="dog_id")
        write_suite(self.settings.expectations_dir, "dogs", SUITES[layer], always, *rules)

    def limit(self, **limits: float) -> None:
        """Changes the limits of the dataset file."""
        changed = self.dataset.limits.model_copy(update=limits)
        self.dataset = self.dataset.model_copy(update={"limits": changed})

    def raw(
        self,
        rows: Sequence[Mapping[str, Any]] = ROWS,
        *,
        extract_ids: Sequence[str] = ("e1",),
        run_id: str = "run",
        **facts: Any,
    ) -> Layer:
        """A raw layer of one file per extract, all with the same rows."""
        known = {
            "extracts": list(extract_ids),
            "extracted_at": "2022-09-01T00:00:00",
            "time_source": "name",
            "grain": "dog",
            "keys": len({row["dog_id"] for row in rows}),
        }
        files = {
            extract_id: [{"_extract_id": extract_id, **row} for row in rows]
            for extract_id in extract_ids
        }
        return self._finish("raw", files, None, known | facts, run_id=run_id)

    def standardized(
        self, rows: Sequence[Mapping[str, Any]] = ROWS, *, upstream: Layer | None = None
    ) -> Layer:
        """A standardized layer, over a raw one of the same rows where none is given."""
        files = {"stg_dogs": _lines(rows, "e1")}
        return self._finish("standardized", files, upstream or self.raw(rows), {})

    def deduplicated(
        self, rows: Sequence[Mapping[str, Any]] = ROWS, *, upstream: Layer | None = None
    ) -> Layer:
        """A publishable layer and its ledger, over those that it takes."""
        ledger = [{"_extract_id": "e1", "_line": "1", "row_key": "D1", "fate": "published"}]
        files = {"dogs": list(rows), "ledger_dogs": ledger}
        return self._finish("deduplicated", files, upstream or self.standardized(rows), {})

    def gate(self, layer: Layer, *, run_id: str = "run") -> GateRecord:
        return run_gate(self.settings, self.state, self.dataset, layer, run_id=run_id)

    def _finish(
        self,
        layer: str,
        files: Mapping[str, Sequence[Mapping[str, Any]]],
        upstream: Layer | None,
        facts: dict[str, Any],
        *,
        run_id: str = "run",
    ) -> Layer:
        with workspace(self.settings, run_id, layer) as folder:
            paths = [_write(folder / f"{name}.parquet", rows) for name, rows in files.items()]
            return finish_layer(
                self.settings,
                self.state,
                dataset="dogs",
                layer=layer,
                run_id=run_id,
                upstream=upstream,
                files=paths,
                facts=facts,
            )


def _lines(rows: Sequence[Mapping[str, Any]], extract_id: str) -> list[dict[str, Any]]:
    return [
        {"_extract_id": extract_id, "_line": str(number), **row}
        for number, row in enumerate(rows, start=1)
    ]


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    names = list(rows[0])
    cells = ", ".join("?::bigint" if name == "_line" else "?::varchar" for name in names)
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{name}"' for name in names)
        values = ", ".join(f"({cells})" for _ in rows)
        connection.execute(
            f"copy (select * from (values {values}) as rows ({columns})) to '{path}'",
            [row.get(name) for row in rows for name in names],
        )
    return path


@pytest.fixture
def kennel(tmp_path: Path) -> Any:
    made = Kennel(tmp_path)
    yield made
    made.engine.dispose()
