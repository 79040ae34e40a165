"""A dataset as the portal knows it: columns, settings and its metadata JSON (protocol 2.5).

Making one from a create request, changing one, and showing one. How it is kept is in `store`, its
rows are in `writes` and `reads`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Any

from orchestration.portal.datatypes import TYPES, DataType
from orchestration.portal.errors import PortalError, invalid_request
from orchestration.portal.identifiers import FIELD_NAME, field_name_from, fold

MAX_COLUMNS = 400
"""One expression makes a row's JSON, and SQLite follows expressions 1,000 deep."""

_COLUMN_EXTRAS = ("description", "format", "width", "flags")
_COMPUTED = frozenset(
    [
        "id",
        "assetType",
        "columns",
        "createdAt",
        "displayType",
        "downloadCount",
        "grants",
        "newBackend",
        "owner",
        "permissions",
        "provenance",
        "publicationAppendEnabled",
        "publicationDate",
        "publicationGroup",
        "publicationStage",
        "query",
        "rights",
        "rowIdentifierColumnId",
        "rowsUpdatedAt",
        "rowsUpdatedBy",
        "tableId",
        "viewCount",
        "viewLastModified",
        "viewType",
        "blobId",
        "blobFilename",
        "blobFileSize",
        "blobMimeType",
        "locked",
    ]
)
OWNER = {"id": "summ-ware", "displayName": "Local portal"}
SCOPES = ("public", "private")
_READER_RIGHTS = ["read"]
_OWNER_RIGHTS = [
    "read",
    "write",
    "add",
    "delete",
    "grant",
    "add_column",
    "remove_column",
    "update_column",
    "update_view",
    "delete_view",
]


@dataclass(frozen=True)
class Column:
    """One column; `field` is its API name, `name` what people read."""

    id: int
    field: str
    name: str
    type: DataType
    extras: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def sql(self) -> str:
        """The column's name in SQL."""
        return f'"{self.field}"'

    @property
    def description(self) -> str:
        """What the column means, or nothing."""
        return str(self.extras.get("description") or "")


@dataclass(frozen=True)
class Dataset:
    """One dataset: what is kept of it besides its rows. Times are milliseconds since 1970, UTC."""

    number: int
    id: str
    document: dict[str, Any]
    """The metadata that people set: name, description, tags, …"""
    columns: tuple[Column, ...]
    row_identifier: str | None
    """The field name of the publisher's key."""
    published_at: int | None
    public: bool
    created_at: int
    modified_at: int
    rows_updated_at: int | None
    data_version: int
    row_count: int

    @property
    def table(self) -> str:
        """The name, in SQL, of the table with the rows."""
        return f'"rows_{self.number}"'

    @property
    def name(self) -> str:
        """The title."""
        return str(self.document["name"])

    @property
    def key(self) -> Column | None:
        """The publisher's key, when there is one."""
        return next((c for c in self.columns if c.field == self.row_identifier), None)

    @property
    def open_to_all(self) -> bool:
        """Whether people without a login may read it."""
        return self.public and self.published_at is not None

    def column(self, name: str) -> Column | None:
        """The column with this field name, compared as names are."""
        folded = fold(name)
        return next((column for column in self.columns if column.field == folded), None)


def columns_from(payload: Any, dataset_number: int) -> tuple[Column, ...]:
    """The columns of a create request.

    Raises: PortalError (400) for a missing name, an unknown type or two columns of one name.
    """
    if not isinstance(payload, list) or len(payload) > MAX_COLUMNS:
        raise invalid_request(f"columns: expected a list of at most {MAX_COLUMNS}")
    columns = tuple(
        _column_from(item, dataset_number * 1000 + position)
        for position, item in enumerate(payload, start=1)
    )
    fields = [column.field for column in columns]
    for name in fields:
        if fields.count(name) > 1:
            raise invalid_request(f"columns: {name} is there twice")
    return columns


def _column_from(item: Any, column_id: int) -> Column:
    if not isinstance(item, dict):
        raise invalid_request("columns: expected objects")
    name = item.get("name") or item.get("fieldName")
    if not isinstance(name, str):
        raise invalid_request("columns: every column needs a name")
    field_name = item.get("fieldName") or field_name_from(name)
    if not isinstance(field_name, str) or not FIELD_NAME.fullmatch(fold(field_name)):
        raise invalid_request(f"columns: {field_name!r} is no field name")
    kind = item.get("dataTypeName", "text")
    if not isinstance(kind, str) or kind not in TYPES:
        raise invalid_request(f"columns: the type {kind!r} is none of {', '.join(TYPES)}")
    return Column(column_id, fold(field_name), name, TYPES[kind], _extras(item))


def _extras(item: dict[str, Any]) -> dict[str, Any]:
    extras = {name: item[name] for name in _COLUMN_EXTRAS if item.get(name) is not None}
    if not isinstance(extras.get("description", ""), str):
        raise invalid_request("columns: a description is text")
    return extras


def columns_updated(columns: tuple[Column, ...], payload: Any) -> tuple[Column, ...]:
    """The columns with new display names and descriptions.

    Raises: PortalError (400) when a column would appear or change its type; one that the payload
        leaves out stays as it is.
    """
    if not isinstance(payload, list) or not all(isinstance(item, dict) for item in payload):
        raise invalid_request("columns: expected a list of objects")
    known = {column.field: column for column in columns}
    for item in payload:
        column = known.get(fold(str(item.get("fieldName", ""))))
        if column is None:
            raise invalid_request(f"columns: there is no column {item.get('fieldName')!r}")
        if item.get("dataTypeName", column.type.name) != column.type.name:
            raise invalid_request(f"columns: the type of {column.field} cannot change")
        name = item.get("name", column.name)
        if not isinstance(name, str) or not name:
            raise invalid_request("columns: every column needs a name")
        extras = {**column.extras, **_extras(item)}
        known[column.field] = replace(column, name=name, extras=extras)
    return tuple(known[column.field] for column in columns)


def document_from(payload: dict[str, Any]) -> dict[str, Any]:
    """The settable part of a metadata object; what the portal computes is left out.

    Raises: PortalError (400) for a setting of the wrong kind.
    """
    kinds: dict[str, type] = {"name": str, "description": str, "tags": list, "metadata": dict}
    for name, kind in kinds.items():
        if payload.get(name) is not None and not isinstance(payload[name], kind):
            raise invalid_request(f"{name}: expected {kind.__name__}")
    if "name" in payload and not payload["name"]:
        raise invalid_request("name: expected a title")
    return {name: value for name, value in payload.items() if name not in _COMPUTED}


def row_identifier_from(payload: dict[str, Any], columns: tuple[Column, ...]) -> str | None:
    """The field name of the key that a payload asks for, or None when it asks for none.

    Raises: PortalError (400) when there is no such column, or it is neither text nor number.
    """
    wanted = (payload.get("metadata") or {}).get("rowIdentifier")
    if wanted is None:
        return None
    column = next(
        (c for c in columns if wanted == c.id or fold(str(wanted)) == c.field),
        None,
    )
    if column is None or not column.type.keyable:
        message = f"The row identifier {wanted!r} is no text or number column of the dataset"
        raise PortalError(400, "soda.invalid-row-identifier", message)
    return column.field


def scope(dataset: Dataset) -> str:
    """Whom a dataset is for, as permissions say it."""
    return "public" if dataset.public else "private"


def metadata(dataset: Dataset, *, owner: bool) -> dict[str, Any]:
    """The metadata JSON, with the rights of whoever asks. Times in it are whole seconds."""
    published = dataset.published_at is not None
    settings = dict(dataset.document.get("metadata") or {})
    settings.pop("rowIdentifier", None)
    if dataset.row_identifier:
        settings["rowIdentifier"] = dataset.row_identifier
    computed: dict[str, Any] = {
        "id": dataset.id,
        "assetType": "dataset",
        "createdAt": dataset.created_at // 1000,
        "displayType": "table",
        "downloadCount": 0,
        "grants": [{"inherited": False, "type": "viewer", "flags": ["public"]}]
        if dataset.public
        else [],
        "locked": False,
        "newBackend": True,
        "owner": {**OWNER, "type": "interactive"},
        "permissions": {"scope": scope(dataset)},
        "provenance": "official",
        "publicationAppendEnabled": not published,
        "publicationGroup": dataset.number,
        "publicationStage": "published" if published else "unpublished",
        "query": {},
        "rights": _OWNER_RIGHTS if owner else _READER_RIGHTS,
        "tableId": dataset.number,
        "viewLastModified": dataset.modified_at // 1000,
        "viewType": "tabular",
        "metadata": settings,
        "columns": [_column_json(c, n) for n, c in enumerate(dataset.columns, start=1)],
    }
    if dataset.published_at is not None:
        computed["publicationDate"] = dataset.published_at // 1000
    if dataset.rows_updated_at is not None:
        computed["rowsUpdatedAt"] = dataset.rows_updated_at // 1000
        computed["rowsUpdatedBy"] = OWNER["id"]
    if dataset.key is not None:
        computed["rowIdentifierColumnId"] = dataset.key.id
    return {**dataset.document, **computed}


def _column_json(column: Column, position: int) -> dict[str, Any]:
    return {
        "id": column.id,
        "name": column.name,
        "dataTypeName": column.type.name,
        "renderTypeName": column.type.name,
        "fieldName": column.field,
        "position": position,
        "tableColumnId": column.id,
        "format": {},
        **column.extras,
    }
