"""Applies a revision: metadata, columns, rows and permission, in one transaction (protocol 3.1).

A replacement gets the columns of its schema; an update adds those that the dataset has not; a
deletion needs the row identifier alone. Cells with errors become null, or their rows are left out,
as the switch `dsmapi_bad_cells` says: the sources do not settle it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from orchestration.portal.behaviour import Behaviour
from orchestration.portal.bodies import Row, key_value
from orchestration.portal.dataset import MAX_COLUMNS, Column, Dataset, document_from
from orchestration.portal.datatypes import TYPES
from orchestration.portal.dsmapi.schemas import computed, transforms_of
from orchestration.portal.dsmapi.sheets import Sheet
from orchestration.portal.errors import invalid_request
from orchestration.portal.store import (
    find_dataset,
    now_ms,
    reshape,
    save_dataset,
    set_row_identifier,
)
from orchestration.portal.writes import Mutation, Outcome

_BATCH = 5_000
PLAN = (
    "prepare_draft_for_import",
    "set_schema",
    "apply_metadata",
    "upsert_task",
    "set_display_type",
    "publish",
    "wait_for_replication",
    "set_permission",
)


def apply_metadata(
    connection: sqlite3.Connection, dataset: Dataset, revision: dict[str, Any]
) -> Dataset:
    """The dataset with the revision's metadata and permission, published."""
    permission = revision["action"].get("permission")
    changed = replace(
        dataset,
        document={**dataset.document, **document_from(revision["metadata"] or {})},
        public=dataset.public if permission is None else permission == "public",
        published_at=dataset.published_at or now_ms(),
        modified_at=now_ms(),
    )
    save_dataset(connection, changed)
    return changed


def apply_rows(
    connection: sqlite3.Connection,
    dataset: Dataset,
    *,
    action: str,
    columns: list[dict[str, Any]],
    sheet: Sheet,
    behaviour: Behaviour,
) -> Outcome:
    """Brings the dataset into the schema and the rows of the file into the dataset.

    Raises: PortalError (400) where the schema does not go with the dataset or the rows not with the
        row identifier; nothing is kept then.
    """
    dataset = _shaped(connection, dataset, action=action, columns=columns, sheet=sheet)
    fields = tuple(column["field_name"] for column in columns)
    if action == "delete" and (dataset.row_identifier is None or dataset.key is None):
        raise invalid_request("a delete revision needs a dataset with a row identifier")
    total = Outcome(by_key=dataset.key is not None)
    rows = _rows(dataset, fields, columns, sheet, behaviour, deleted=action == "delete")
    truncate = action == "replace"
    while batch := list(islice(rows, _BATCH)):
        _add(total, Mutation(connection, dataset).run(batch, truncate=truncate))
        truncate = False
        dataset = _now(connection, dataset)
    if truncate:
        Mutation(connection, dataset).run([], truncate=True)
    return total


def _shaped(
    connection: sqlite3.Connection,
    dataset: Dataset,
    *,
    action: str,
    columns: list[dict[str, Any]],
    sheet: Sheet,
) -> Dataset:
    kinds = [transform.type for transform in transforms_of(columns, sheet)]
    known = {column.field: column for column in dataset.columns}
    wanted: list[Column] = []
    number = max((column.id for column in dataset.columns), default=dataset.number * 1000)
    for item, kind in zip(columns, kinds, strict=True):
        column = known.get(item["field_name"])
        if column is not None and column.type.name != kind and action != "replace":
            message = f"column {column.field} is {column.type.name}, and the schema has {kind}"
            raise invalid_request(message)
        number += column is None
        extras = dict(column.extras) if column else {}
        if item["description"]:
            extras["description"] = item["description"]
        identifier = column.id if column else number
        title = item["display_name"]
        wanted.append(Column(identifier, item["field_name"], title, TYPES[kind], extras))
    if action == "delete":
        return dataset
    if action == "update":
        named = {column.field: column for column in wanted}
        kept = [named.pop(column.field, column) for column in dataset.columns]
        wanted = [*kept, *named.values()]
    if len(wanted) > MAX_COLUMNS:
        raise invalid_request(f"there are at most {MAX_COLUMNS} columns")
    keys = [column["field_name"] for column in columns if column["is_primary_key"]]
    identifier_field = keys[0] if keys else dataset.row_identifier
    shaped = reshape(connection, dataset, tuple(wanted), keep_rows=action == "update")
    is_there = identifier_field is not None and shaped.column(identifier_field) is not None
    if identifier_field is not None and is_there and shaped.row_identifier != identifier_field:
        shaped = set_row_identifier(connection, shaped, identifier_field)
    save_dataset(connection, shaped)
    return shaped


def _rows(
    dataset: Dataset,
    fields: tuple[str, ...],
    columns: list[dict[str, Any]],
    sheet: Sheet,
    behaviour: Behaviour,
    *,
    deleted: bool,
) -> Iterator[Row]:
    key = dataset.key
    place = fields.index(key.field) if key is not None and key.field in fields else None
    for cells in computed(columns, sheet):
        error = next((cell.error for cell in cells if cell.error), "")
        problem = error if behaviour.dsmapi_bad_cells == "drop" else ""
        values = [cell.value for cell in cells]
        value = key_value(key, values[place]) if place is not None else None
        if deleted:
            yield Row((), [], value, deleted=value is not None, problem=problem)
        else:
            yield Row(fields, values, value, problem=problem)


def _now(connection: sqlite3.Connection, dataset: Dataset) -> Dataset:
    return find_dataset(connection, dataset.id)


def _add(total: Outcome, part: Outcome) -> None:
    total.created += part.created
    total.updated += part.updated
    total.deleted += part.deleted
    total.errors += part.errors
