"""What the YAML of the models says, from a dataset file: descriptions, contracts, tests, exposures.

A column of the city is described in the dataset file; here stand the words of our own columns, each
once. What the SQL is belongs to `generated.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from orchestration.dataset import LINK, Dataset

TYPES = {
    "text": "varchar",
    "point": "varchar",
    "number": "double",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
}
"""DuckDB's types of a column's types."""

_Columns = dict[str, tuple[str, str]]
"""Names of columns, each with its type in DuckDB and what it is."""

_LINE = {
    "_extract_id": ("varchar", "Extract that the line came in."),
    "_line": ("bigint", "Number of the line in its extract, from 1, the header not counted."),
    "_extracted_at": ("timestamp", "When the city made the extract, local to the city."),
    "_grain": ("varchar", "What one line of the extract is."),
    "_parse_error": ("varchar", "Why the line could not be read; null for nearly every line."),
    "_unparsed": (
        "varchar",
        "Names of the columns whose text is no value of their type, joined by a comma.",
    ),
    "_mangled": (
        "varchar",
        "Names of the columns that hold a sign that nobody sees or what a spreadsheet left of a text, "
        "joined by a comma.",
    ),
}
_STAGED = {
    "_shifted": (
        "varchar",
        "Where cells begin to stand in a neighbour's column, and to which side; null for nearly every "
        "line.",
    ),
    "_persons": (
        "varchar",
        "Columns in which the scan found something personal and which kinds of it, never what; null "
        "for nearly every line.",
    ),
    "_policies": (
        "varchar",
        "Ids of the policies that cover the line, with blanks between; null for most lines.",
    ),
    "_unclassified": (
        "varchar",
        "Names of the deciding columns that say nothing, or what nobody classified yet, joined by a "
        "comma; null for nearly every line.",
    ),
    "_uneven": (
        "varchar",
        "What the lists stand for that go together and have unequally many places; null for nearly "
        "every line.",
    ),
}
_CHANGES = (
    "struct(column_name varchar, rule_id varchar, from_value varchar, to_value varchar)[]",
    "What standardizing and corrected misspellings changed, a cell each.",
)
_KEY = ("varchar", "Published key; null where the line has none.")
_FATE = ("varchar", "published, merged, superseded, quarantined or withheld.")
_REASON = (
    "varchar",
    "Rules, policy or comparison that decided; null for most published lines.",
)
_SURVIVOR = {
    "survivor_extract_id": ("varchar", "Extract of the line that absorbed this one."),
    "survivor_line": ("bigint", "Number of the line that absorbed this one."),
}


def model_properties(dataset: Dataset, kind: str, name: str) -> dict[str, Any]:
    """The YAML of a model: its grain and columns, a contract where its file is kept."""
    description, columns = _DESCRIBED[kind](dataset)
    is_kept = kind in ("stg", "corrections", "mart", "ledger", "decided_cells")
    model: dict[str, Any] = {"name": name, "description": description}
    if is_kept:
        model["config"] = {"contract": {"enforced": True}}
    model["columns"] = []
    for column, (data_type, words) in columns.items():
        one: dict[str, Any] = {"name": column}
        if is_kept:
            one["data_type"] = data_type
        one["description"] = words
        if kind == "mart" and column == dataset.key:
            one["data_tests"] = ["unique", "not_null"]
        model["columns"].append(one)
    whole: dict[str, Any] = {"version": 2, "models": [model]}
    if kind == "mart":
        whole["exposures"] = list(_exposures(dataset))
    return whole


def _base(dataset: Dataset) -> tuple[str, _Columns]:
    entries = "One entry per cell that may change: what changed it, from what and to what, or null."
    return (
        f"One row per raw line of {dataset.title}. Every landed column twice: `<column>__read` as "
        "parsed from the extract, `<column>` standardized by the steps of "
        f"`macros/steps/{dataset.id}.sql`.",
        _LINE | {"_changes": ("", entries)},
    )


def _stg(dataset: Dataset) -> tuple[str, _Columns]:
    listed = [one for one in dataset.columns if one.privacy != "never" and one.name != LINK]
    return (
        f"One row per raw line of {dataset.title}, typed and standardized, in the order of the "
        "extracts.",
        _LINE | _STAGED | _described(listed) | {"_changes": _CHANGES},
    )


def _corrections(dataset: Dataset) -> tuple[str, _Columns]:
    return (
        f"One row per cell of {dataset.title} that standardizing changed, whatever becomes of its "
        "line.",
        {
            "_extract_id": _LINE["_extract_id"],
            "_line": _LINE["_line"],
            "column_name": ("varchar", "Column of the cell."),
            "rule_id": ("varchar", "Rule that changed it."),
            "from_value": ("varchar", "What the cell held, after its declared parse."),
            "to_value": ("varchar", "What it holds now; null where it is blank."),
        },
    )


def _fates(dataset: Dataset) -> tuple[str, _Columns]:
    return (
        f"One row per raw line of {dataset.title}: its fate and why.",
        {
            "_extract_id": _LINE["_extract_id"],
            "_line": _LINE["_line"],
            "row_key": _KEY,
            "fate": _FATE,
            **_SURVIVOR,
            "reason": _REASON,
            "version_rank": (
                "bigint",
                "1 for the winner among the versions of a row, more for the others; null for a line "
                "that is no version.",
            ),
            "gives": (
                "varchar[]",
                "Columns with a survivorship of their own whose value the row takes from this line.",
            ),
            "policies": (
                "varchar",
                "Ids of the policies that cover any newest line of the row, with blanks between.",
            ),
        },
    )


def _surviving_rows(dataset: Dataset) -> tuple[str, _Columns]:
    key = dataset.column(dataset.key)
    return (
        f"One row per {_words(dataset)}: every listed column of {dataset.title} as it survives, "
        "before policies.",
        {
            key.name: ("varchar", key.description),
            "_policies": (
                "varchar",
                "Ids of the policies that cover the row, with blanks between; null for most rows.",
            ),
            "_survivorship": (
                "",
                "Cells that came from another version than the winner: column, from, to; null or "
                "empty for most rows.",
            ),
        },
    )


def _mart(dataset: Dataset) -> tuple[str, _Columns]:
    return (
        f"One row per {_words(dataset)}, as it is published. {dataset.description}",
        _described(dataset.published),
    )


def _ledger(dataset: Dataset) -> tuple[str, _Columns]:
    return (
        f"One row per raw line of {dataset.title}, by key: its one fate, why, and the line that "
        "absorbed it.",
        {
            "_extract_id": _LINE["_extract_id"],
            "_line": _LINE["_line"],
            "row_key": _KEY,
            "fate": _FATE,
            "reason": _REASON,
            **_SURVIVOR,
        },
    )


def _decided_cells(dataset: Dataset) -> tuple[str, _Columns]:
    return (
        f"One row per cell of {dataset.title} that a decision changed after standardizing: a "
        "policy, survivorship or a dead column.",
        {
            "row_key": ("varchar", "Published key of the row."),
            "column_name": ("varchar", "Column of the cell."),
            "rule_id": ("varchar", "Policy or rule that decided."),
            "from_value": ("varchar", "What the cell would have held."),
            "to_value": ("varchar", "What it holds; null where it is blank."),
        },
    )


_DESCRIBED: dict[str, Callable[[Dataset], tuple[str, _Columns]]] = {
    "base": _base,
    "stg": _stg,
    "corrections": _corrections,
    "fates": _fates,
    "surviving_rows": _surviving_rows,
    "mart": _mart,
    "ledger": _ledger,
    "decided_cells": _decided_cells,
}


def _described(columns: Iterable[Any]) -> _Columns:
    return {column.name: (TYPES[column.type], column.description) for column in columns}


def _words(dataset: Dataset) -> str:
    return dataset.grain.published.replace("_", " ")


def _exposures(dataset: Dataset) -> Iterable[dict[str, Any]]:
    """Where the mart is published, one entry per 4x4: an id of a dataset on a Socrata portal."""
    publish = dataset.publish
    ids = {"": publish.id} if publish.id else publish.partition.ids if publish.partition else {}
    for part, portal_id in ids.items():
        yield {
            "name": f"{dataset.id}_{part}_on_portal" if part else f"{dataset.id}_on_portal",
            "label": f"{publish.title} {part}".strip(),
            "type": "application",
            "url": f"https://{publish.domain}/d/{portal_id}",
            "description": f"{publish.title} on the city's portal, one row per {publish.row_label}.",
            "owner": {"name": dataset.owner.team, "email": dataset.owner.email},
            "depends_on": [f"ref('{dataset.id}')"],
        }


_SOURCES = {
    "raw": "What a run reads: the landed extracts that it chose.",
    "gate": "What the gate behind the staging model found.",
    "linked": "What the comparison of rows found, and what people decided about it.",
    "takedown": "What was taken down by order.",
}


def sources(dataset: Dataset) -> dict[str, Any]:
    """What the models read and no model makes."""
    tables = {
        "raw": {
            dataset.id: f"Landed extracts of {dataset.title}, one row per raw line, listed columns as "
            "text under their published names."
        },
        "gate": {
            f"quarantine_{dataset.id}": "What the gate after staging quarantined or lets wait: one row "
            "per line and broken rule (_extract_id, _line, rule_id, waits)."
        },
        "linked": {
            f"possible_duplicates_{dataset.id}": "One row per linked key (row_key) with the first key of "
            "its cluster (possible_duplicate_of); the first itself is not there.",
            f"merged_keys_{dataset.id}": "One row per key that people merged into another (row_key, "
            "survivor_key, decision_id).",
        },
        "takedown": {
            f"keys_{dataset.id}": "One row per key of the staging model that was taken down (row_key).",
            f"columns_{dataset.id}": "One row per published column that was taken down (column_name).",
        },
    }
    if dataset.duplicates is None:
        del tables["linked"]
    return {
        "version": 2,
        "sources": [
            {
                "name": schema,
                "description": _SOURCES[schema],
                "schema": schema,
                "tables": [
                    {"name": name, "description": words} for name, words in described.items()
                ],
            }
            for schema, described in tables.items()
        ],
    }


def as_yaml(content: Mapping[str, Any]) -> str:
    """The text of a generated YAML file."""
    text = yaml.safe_dump(dict(content), sort_keys=False, width=100, allow_unicode=True)
    return "# Generated from the dataset file by `summerware generate`.\n" + text
