"""The datasets of a portal that belong to one of ours: which 4x4, and whether rows may go there.

Reads metadata only, and makes a dataset where the local portal has none yet. Every reason against
writing is reported at once, before anything is planned: wrong shape, wrong key, no rights, a
working copy, a portal that answers under another name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.dataset import Dataset
from orchestration.errors import PublicationRefused
from orchestration.publishing.planning import NO_PARTITION
from orchestration.publishing.portal_metadata import describe, title_of
from orchestration.publishing.targets import Target
from orchestration.publishing.transport.soda import TYPES
from orchestration.state.store import State

RIGHTS = ("write", "add", "delete")
"""What a login must be allowed to do with the rows."""


@dataclass(frozen=True, kw_only=True)
class PortalDataset:
    """One 4x4 with what the portal says of it."""

    partition: str
    portal_id: str
    metadata: Mapping[str, Any]

    @property
    def is_keyed(self) -> bool:
        """Whether the portal tells rows apart by our key; without, it is only ever replaced whole."""
        return self.metadata.get("rowIdentifierColumnId") is not None


class PortalDatasets:
    """The 4x4s of one dataset on one target."""

    def __init__(self, state: State, dataset: Dataset, target: Target) -> None:
        self._state = state
        self._dataset = dataset
        self._target = target

    def found(self, *, to_write: bool = True) -> dict[str, PortalDataset]:
        """The 4x4 of every partition that exists on the portal, by partition.

        Raises:
            PublicationRefused: rows may not go to one of them; says everything that is wrong.
        """
        known = self._state.portal_ids(self._target.name, self._dataset.id)
        found = {}
        for partition, portal_id in {**declared_ids(self._dataset), **known}.items():
            metadata = self._target.transport.metadata(portal_id)
            if metadata is not None:
                self._check(portal_id, metadata, to_write=to_write)
                found[partition] = PortalDataset(
                    partition=partition, portal_id=portal_id, metadata=metadata
                )
        return found

    def find_or_make(self, partition: str) -> str:
        """The 4x4 of a partition, the dataset made where the local portal has none.

        Raises:
            PublicationRefused: a live portal lacks a dataset that the dataset file names.
        """
        known = self._state.portal_ids(self._target.name, self._dataset.id).get(partition)
        if known is not None and self._target.transport.metadata(known) is not None:
            return known
        declared = declared_ids(self._dataset).get(partition)
        if declared is not None:
            metadata = self._target.transport.metadata(declared)
            if metadata is not None:
                self._check(declared, metadata, to_write=True)
                return declared
        if self._target.is_live:
            raise PublicationRefused(self._lacking(partition, declared))
        title = title_of(self._dataset, partition)
        made = self._target.transport.create(self._dataset, title=title)
        self._state.set_portal_id(self._target.name, self._dataset.id, partition, made)
        return made

    def describe(self) -> list[str]:
        """Sets what the portal says of the dataset beside its rows; returns what was set where."""
        return [
            f"{one.portal_id}: {name}"
            for one in self.found().values()
            for name in describe(
                self._target.transport, self._dataset, one.portal_id, partition=one.partition
            )
        ]

    def _lacking(self, partition: str, declared: str | None) -> str:
        start = f"{self._dataset.id}: {self._target.name} has no dataset "
        if declared is None:
            return (
                f"{start}for {partition or 'rows without a year'}: make one there and name its 4x4 "
                "under publish in the dataset file"
            )
        return f"{start}{declared}; correct publish in the dataset file"

    def _check(self, portal_id: str, metadata: Mapping[str, Any], *, to_write: bool) -> None:
        wrong = _wrong_columns(self._dataset, metadata)
        if to_write:
            wrong += _wrong_state(self._dataset, metadata)
        if wrong:
            raise PublicationRefused(
                f"{self._dataset.id}: nothing is sent to {portal_id}: {'; '.join(wrong)}"
            )


def declared_ids(dataset: Dataset) -> dict[str, str]:
    """The 4x4 of each partition that the dataset file names."""
    publish = dataset.publish
    if publish.partition is not None:
        return {str(year): portal_id for year, portal_id in publish.partition.ids.items()}
    return {NO_PARTITION: publish.id} if publish.id else {}


def _wrong_state(dataset: Dataset, metadata: Mapping[str, Any]) -> list[str]:
    """What keeps rows from being written: key, rights, kind and stage of the dataset."""
    wrong = []
    columns = _columns(metadata)
    key_id = metadata.get("rowIdentifierColumnId")
    others = [name for name in dataset.publish.other_columns if name in columns]
    if key_id is not None and columns.get(dataset.key, {}).get("id") != key_id:
        wrong.append(
            f"the row identifier is not {dataset.key!r}, so rows would be repeated: set it on the "
            "portal"
        )
    if key_id is None and others:
        wrong.append(
            f"it has no row identifier, so it could only be replaced whole, which would empty "
            f"{', '.join(others)}: make {dataset.key!r} the row identifier on the portal"
        )
    if metadata.get("viewType", "tabular") != "tabular":
        wrong.append(f"it is {metadata['viewType']!r}, not a table of rows")
    if metadata.get("publicationStage", "published") != "published":
        wrong.append("it is a working copy: publish it on the portal first")
    rights = metadata.get("rights")
    if rights is not None:
        lacking = [right for right in RIGHTS if right not in rights]
        if lacking:
            wrong.append(f"this login may not {', '.join(lacking)} rows: ask for the right")
    return wrong


def _wrong_columns(dataset: Dataset, metadata: Mapping[str, Any]) -> list[str]:
    """How the portal's columns differ from ours, column by column."""
    held = _columns(metadata)
    ours = {column.name: TYPES[column.type] for column in dataset.published}
    missing = [name for name in ours if name not in held]
    extra = [
        name
        for name in held
        if name not in ours
        and name not in dataset.publish.other_columns
        and not name.startswith(":")
    ]
    wrong = []
    for name in list(missing):
        alike = [other for other in extra if _says(held[other]) == ours[name]]
        if len(missing) == len(extra) == 1 and alike:
            wrong.append(f"it has {alike[0]} where {name} should be: renamed?")
            missing, extra = [], []
    if missing:
        wrong.append(
            f"it lacks the columns {', '.join(missing)}: add them on the portal or correct their "
            "names in the dataset file"
        )
    if extra:
        wrong.append(
            f"it has the columns {', '.join(extra)}, which are not published here: remove them on "
            "the portal, or list them under publish.other_columns to leave them alone"
        )
    wrong += [
        f"{name} is {_says(held[name])} there and should be {kind}"
        for name, kind in ours.items()
        if name in held and _says(held[name]) != kind
    ]
    return wrong


def _columns(metadata: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {column["fieldName"]: column for column in metadata.get("columns") or []}


def _says(column: Mapping[str, Any]) -> str:
    return str(column.get("dataTypeName"))
