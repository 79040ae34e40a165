"""What a transport is: the calls that publishing makes of a portal, and what comes back.

Publishing knows portals by this protocol alone. A call is one request, or as many pages as a read
needs; none is tried again here (that is for `sending`) and none follows a redirect.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.state.chunks import RefusedRow


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a portal asks for; never logged."""

    app_token: str
    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(...)"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the portal says of a write: hints, never proof. Counters that it left out are 0."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    errors: int = 0
    row_errors: tuple[RefusedRow, ...] = ()
    """The rows that it left out, as far as it lists them; a column that it names may be none of ours."""
    request_id: str = ""
    has_counters: bool = True
    written_at: datetime | None = None
    """When the rows were stored, by the portal's clock, where it says so; compare it with the
    `truth` of a `Freshness`."""

    @property
    def counted(self) -> int:
        """The rows that the counters account for."""
        return self.created + self.updated + self.deleted + self.errors

    def refused_by_index(self, rows: int) -> dict[int, RefusedRow] | None:
        """The rows that it left out by their place in a request of `rows`; none unless it names all."""
        found = {
            row.index: row for row in self.row_errors if row.index is not None and row.index < rows
        }
        return found if len(found) == len(self.row_errors) == self.errors else None


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How far the rows that can be read are behind those that were written; times are in UTC."""

    out_of_date: bool
    truth: datetime | None
    secondary: datetime | None


@dataclass(frozen=True, kw_only=True)
class Aggregates:
    """What a portal says of a dataset as a whole, by column; None where there is no value.

    `sums` are of number columns. `minima` and `maxima` are of numbers (as exact decimals), of times
    (as the portal writes them, `2022-03-04T05:06:07.890`) and of text where asked for.
    """

    rows: int
    non_null: Mapping[str, int]
    sums: Mapping[str, Decimal | None]
    minima: Mapping[str, Decimal | str | None]
    maxima: Mapping[str, Decimal | str | None]


class Transport(Protocol):
    """One portal. Every call raises `PortalFault` or `TransientError`, as its errors say."""

    domain: str

    def close(self) -> None:
        """Ends the session."""

    def metadata(self, portal_id: str) -> dict[str, Any] | None:
        """What the portal says of a dataset; none where it has none of that id."""

    def create(self, dataset: Dataset, *, title: str) -> str:
        """Makes a public dataset with key and described columns; returns its 4x4."""

    def update_metadata(self, portal_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Replaces the named fields of the metadata; returns the metadata as it is then."""

    def count(self, portal_id: str) -> int:
        """How many rows the dataset holds."""

    def aggregates(
        self, portal_id: str, columns: Sequence[Column], *, key: str | None = None
    ) -> Aggregates:
        """Counts, sums and bounds of the columns; of texts only the key has bounds."""

    def rows(
        self, portal_id: str, columns: Sequence[Column], *, order: str | None = None
    ) -> Iterator[pa.Table]:
        """Every row by a column, or in the portal's own order, page by page, typed as in a snapshot."""

    def rows_by_key(
        self, portal_id: str, columns: Sequence[Column], key: str, values: Sequence[Any]
    ) -> Iterator[pa.Table]:
        """The rows of these keys, in any order; keys that are not there have no row."""

    def rows_updated_since(
        self, portal_id: str, columns: Sequence[Column], mark: str
    ) -> Iterator[pa.Table]:
        """The rows written after a mark of `newest_update`."""

    def newest_update(self, portal_id: str) -> str | None:
        """When a row was written last, by the portal's clock; none where it holds no row."""

    def freshness(self, portal_id: str) -> Freshness:
        """Whether what is read is what was written."""

    def upsert(self, portal_id: str, body: bytes, rows: int) -> Answer:
        """Inserts or updates the rows of a JSON array by key; missing cells would be kept."""

    def delete(self, portal_id: str, key: str, values: Sequence[Any]) -> Answer:
        """Deletes rows by key; those already gone count as errors, and were wanted gone."""

    def replace(self, portal_id: str, body: Path) -> Answer:
        """Leaves the rows of a file with a JSON array, and no others; all or nothing."""

    def empty(self, portal_id: str) -> Answer:
        """Leaves no row."""
