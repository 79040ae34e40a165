"""Columns as Dagster shows them: type, description, what the dataset file says, and where from.

Only listed columns and the pipeline's own, which begin with an underscore. The open-source UI shows
`dagster/column_lineage` as text only, so the columns of what was made say the same in words.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.warehouse.lineage import Lineage

_LINE_WORDS = {
    "_extract_id": ("text", "Extract that the line came in."),
    "_extracted_at": ("timestamp", "When the city made the extract, local to New Orleans."),
    "_grain": ("text", "What one line of the extract is."),
    "_parse_error": ("text", "Why the line could not be read; null for nearly every line."),
    "_line": ("bigint", "Number of the line in its extract, from 1, the header not counted."),
}
_ALL_ROWS = dg.TableColumnConstraints(nullable=True)
_SHOWN = 6


def source_schema(dataset: Dataset) -> dg.TableSchema:
    """The headings of the city's extracts, each with those of other years."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=str(column.source),
                type="text",
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required,
                    other=[f"also {alias}" for alias in column.aliases],
                ),
                tags={"read_as": column.name},
            )
            for column in dataset.landed
        ]
    )


def raw_schema(dataset: Dataset) -> dg.TableSchema:
    """The columns of landed lines: the file's, as text under their published names, and ours."""
    own = [
        dg.TableColumn(name=name, type=kind, description=words)
        for name, (kind, words) in _LINE_WORDS.items()
    ]
    landed = [
        dg.TableColumn(
            name=column.name,
            type="text",
            description=column.description
            + (" Kept as a keyed hash, never in the clear." if column.is_hashed else ""),
            constraints=_ALL_ROWS,
            tags=_tags(dataset, column),
        )
        for column in dataset.landed
    ]
    return dg.TableSchema(columns=[*own, *landed])


def modelled_schema(dataset: Dataset, layer: str, model: Mapping[str, Any]) -> dg.TableSchema:
    """The columns of a layer's dbt model, with its types and words."""
    listed = {column.name: column for column in dataset.columns}
    key = dg.TableColumnConstraints(nullable=False, unique=True)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=column.get("data_type") or "varchar",
                description=column["description"],
                constraints=key if layer == "deduplicated" and name == dataset.key else _ALL_ROWS,
                tags=_tags(dataset, listed[name]) if name in listed else {},
            )
            for name, column in model["columns"].items()
            if name in listed or name.startswith("_")
        ],
        constraints=_grain(dataset) if layer == "deduplicated" else None,
    )


def published_schema(dataset: Dataset) -> dg.TableSchema:
    """The columns that leave the machine, with the portal's types."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=False, unique=True)
                if column.name == dataset.key
                else _ALL_ROWS,
                tags=_tags(dataset, column),
            )
            for column in dataset.published
        ],
        constraints=_grain(dataset),
    )


def heading_lineage(dataset: Dataset) -> Lineage:
    """Raw columns, each from its heading in the city's extracts."""
    return {column.name: [str(column.source)] for column in dataset.landed}


def published_lineage(dataset: Dataset) -> Lineage:
    """Published columns, each from its namesake of the layer that passed the last gate."""
    return {column.name: [column.name] for column in dataset.published}


def lineage_metadata(
    schema: dg.TableSchema, lineage: Lineage, *, upstream: dg.AssetKey
) -> dict[str, Any]:
    """The lineage as Dagster keeps it, and the schema with the same in words."""
    known = {column.name for column in schema.columns}
    deps = {name: origins for name, origins in lineage.items() if name in known and origins}
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                name: [dg.TableColumnDep(asset_key=upstream, column_name=one) for one in origins]
                for name, origins in deps.items()
            }
        ),
        "dagster/column_schema": dg.TableSchema(
            columns=[_with_origins(column, deps.get(column.name, ())) for column in schema.columns],
            constraints=schema.constraints,
        ),
    }


def _with_origins(column: dg.TableColumn, origins: Iterable[str]) -> dg.TableColumn:
    """The column with what it is made of, where that is not simply its namesake."""
    names = list(origins)
    if names in ([], [column.name]):
        return column
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    # The UI takes descriptions and tags from the definition, and only constraints from here.
    made_of = f"from {', '.join(names[:_SHOWN])}{more}"
    return dg.TableColumn(
        name=column.name,
        type=column.type,
        description=column.description,
        constraints=dg.TableColumnConstraints(
            nullable=column.constraints.nullable,
            unique=column.constraints.unique,
            other=[*(column.constraints.other or []), made_of],
        ),
        tags=column.tags,
    )


def _grain(dataset: Dataset) -> dg.TableConstraints:
    return dg.TableConstraints(other=[f"one row per {dataset.grain.published.replace('_', ' ')}"])


def _tags(dataset: Dataset, column: Column) -> dict[str, str]:
    """What the dataset file says of a column, where it is not the usual."""
    policies = [
        policy.id
        for policy in dataset.policies
        if column.name in policy.redacts
        or (policy.action == "generalize" and policy.column == column.name)
    ]
    return {
        **({"privacy": column.privacy} if column.privacy != "publish" else {}),
        **({"person": column.person} if column.person != "none" else {}),
        **({"volatile": "alone it never causes an update"} if column.volatile else {}),
        **({"policy": ", ".join(policies)} if policies else {}),
    }
