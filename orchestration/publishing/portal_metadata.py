"""What the portal says of a dataset beside its rows: title, description, licence, columns.

From the dataset file, and only where the portal says something else. What the dataset file does not
speak of is never touched, other custom fields and columns among it. Field names as in the metadata
of real datasets (read 2026-11); protocol 2.5.
"""

from collections.abc import Mapping
from typing import Any

from orchestration.dataset import Dataset
from orchestration.publishing.transport import Transport

GROUP = "Publication"
"""The group of custom fields that holds what a portal has no field of its own for."""


def describe(
    transport: Transport, dataset: Dataset, portal_id: str, *, partition: str = ""
) -> list[str]:
    """Sets what differs, in one request, or in none; returns the names of what was set.

    Raises:
        PortalFault: the portal has no such dataset, or refuses.
    """
    found = transport.metadata(portal_id) or {}
    changes = differences(dataset, found, partition=partition)
    if changes:
        transport.update_metadata(portal_id, changes)
    return sorted(_changed_names(changes))


def differences(
    dataset: Dataset, found: Mapping[str, Any], *, partition: str = ""
) -> dict[str, Any]:
    """The fields to set, whole, as the portal wants them; empty where nothing differs."""
    changes = {
        name: value
        for name, value in _fields(dataset, partition).items()
        if not _same(found.get(name), value)
    }
    settings = dict(found.get("metadata") or {})
    wanted = _settings(dataset, settings)
    if wanted != settings:
        changes["metadata"] = wanted
    columns = _columns(dataset, found)
    if columns:
        changes["columns"] = columns
    return changes


def title_of(dataset: Dataset, partition: str) -> str:
    """The title of a 4x4: of a partition, with its year."""
    return dataset.publish.title + (f" {partition}" if partition else "")


def _fields(dataset: Dataset, partition: str) -> dict[str, Any]:
    publish = dataset.publish
    return {
        "name": title_of(dataset, partition),
        "description": publish.description,
        "attribution": publish.attribution,
        "category": publish.category,
        "tags": list(publish.tags),
        "license": {"name": publish.licence},
    }


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(found.get(k) == v for k, v in wanted.items())
    if isinstance(wanted, list):
        return sorted(found or []) == sorted(wanted)
    return bool((found or "") == wanted)


def _settings(dataset: Dataset, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with ours set; whatever else is in them stays."""
    publish = dataset.publish
    fields = {
        group: dict(values) for group, values in (settings.get("custom_fields") or {}).items()
    }
    fields.setdefault(GROUP, {}).update(
        {"Update Frequency": publish.update_frequency, "Contact": publish.contact}
    )
    return {**settings, "rowLabel": publish.row_label, "custom_fields": fields}


def _columns(dataset: Dataset, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The columns whose description differs, as the portal has them with ours in it."""
    held = {column.get("fieldName"): column for column in found.get("columns") or []}
    return [
        {
            "id": held[column.name].get("id"),
            "fieldName": column.name,
            "name": held[column.name].get("name"),
            "description": column.description,
        }
        for column in dataset.published
        if column.name in held
        and (held[column.name].get("description") or "") != column.description
    ]


def _changed_names(changes: Mapping[str, Any]) -> list[str]:
    columns = [f"column {column['fieldName']}" for column in changes.get("columns", [])]
    return [*(name for name in changes if name != "columns"), *columns]
