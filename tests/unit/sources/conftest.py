"""A small dataset with a column of every class, and what lands its extracts and reads them back."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.dataset import Dataset
from orchestration.duck import lines_of_files
from orchestration.settings import Settings
from orchestration.sources import FoundExtract
from orchestration.sources.landing import ROWS, land
from orchestration.state.store import Extract, State

DATASET = {
    "id": "things",
    "title": "Things",
    "description": "Things.",
    "owner": {"team": "desk", "email": "desk@example.org"},
    "schedule": "0 6 * * *",
    "source": {"kind": "complete"},
    "grain": {"published": "thing", "line": "thing"},
    "key": "item_number",
    "columns": [
        {"name": "item_number", "source": "Item", "required": True, "privacy": "publish"},
        {"name": "type_text", "source": "Type", "aliases": ["TypeText"], "privacy": "publish"},
        {"name": "place", "source": "Place", "required": True, "privacy": "publish"},
        {"name": "remark", "source": "Remark", "privacy": "never"},
        {"name": "memo", "source": "Memo", "privacy": "never", "keep_internal": True},
    ],
    "limits": {"quarantined_share": 0.1, "volume_drop_share": 0.5, "stale_days": 30},
    "publish": {
        "domain": "example.org",
        "id": "abcd-1234",
        "title": "Things",
        "licence": "none",
        "description": "Things.",
        "attribution": "x",
        "category": "x",
        "row_label": "thing",
        "contact": "desk@example.org",
    },
}


def dataset_of_tests(**source: Any) -> Dataset:
    """The dataset `things`; keywords change its source."""
    content = json.loads(json.dumps(DATASET))
    content["source"].update(source)
    for column in content["columns"]:
        column["description"] = "A column."
    return Dataset.model_validate(content)


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    return dataset_of_tests


@pytest.fixture
def things(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset()


@pytest.fixture
def land_file(settings: Settings, state: State, things: Dataset) -> Callable[..., Extract]:
    """Lands a file as an extract of things."""

    def land_it(path: Path, *, dataset: Dataset = things, day: str = "2022-08-31") -> Extract:
        moment = datetime.fromisoformat(f"{day}T23:59:59")
        found = FoundExtract(path=path, extracted_at=moment, time_source="name")
        return land(settings, state, dataset, found, source="files")

    return land_it


@pytest.fixture
def land_text(
    drop: Callable[[str, str, str | bytes], Path], land_file: Callable[..., Extract]
) -> Callable[..., Extract]:
    """Writes a file and lands it."""

    def land_it(content: str | bytes, *, name: str = "things.csv", **more: Any) -> Extract:
        return land_file(drop("things", name, content), **more)

    return land_it


@pytest.fixture
def landed_rows(settings: Settings) -> Callable[[Extract], list[dict[str, Any]]]:
    """The rows of a landed extract, by line."""

    def read(extract: Extract) -> list[dict[str, Any]]:
        lines = lines_of_files([settings.home / extract.path / ROWS])
        rows = duckdb.execute(f"from {lines} order by _line")
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]

    return read


@pytest.fixture
def landed_cells(
    landed_rows: Callable[[Extract], list[dict[str, Any]]],
) -> Callable[[Extract], list[Any]]:
    """Per line: item, type and place, or the reason why it could not be parsed."""

    def read(extract: Extract) -> list[Any]:
        return [
            row["_parse_error"] or (row["item_number"], row["type_text"], row["place"])
            for row in landed_rows(extract)
        ]

    return read
