"""The SODA transport: what publishing asks of a portal, in the words of SODA 2, through sodapy.

One request for each call, or as many pages as a read needs. Rows go as ready-made JSON with explicit
nulls; deletes as `":deleted": true` through upsert; where rows have no identifier, all of them as one
request that replaces a dataset. sodapy itself is in `client`, what answers mean
in `responses`, trying again in `sending`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import requests

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.errors import PortalFault, TransientError
from orchestration.publishing.transport.client import (
    TIMEOUT_SECONDS,
    OutOfReach,
    SodaClient,
)
from orchestration.publishing.transport.protocol import Aggregates, Answer, Credentials, Freshness
from orchestration.publishing.transport.reading import NoJson, NoRows, RowReader
from orchestration.publishing.transport.responses import NO_JSON, answer_of, fault_of
from orchestration.publishing.transport.values import deletions

PAGE = 20_000
"""Fewer than the 50,000 that SODA 2.0 gives at once: while a page is read it is held three times."""
ADDRESS_BYTES = 6_000
"""Longer addresses are cut into several: proxies refuse them from 8 kB on."""
_ONE_ROW_BYTES = 1_000_000
TYPES = {
    "text": "text",
    "number": "number",
    "timestamp": "calendar_date",
    "date": "calendar_date",
    "boolean": "checkbox",
    "point": "point",
}
"""What a portal calls our types in its metadata."""
_BOUNDED = frozenset(("number", "timestamp", "date"))


class SodaTransport:
    """One portal, spoken to through sodapy."""

    def __init__(
        self,
        domain: str,
        credentials: Credentials,
        *,
        scheme: str = "https",
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.domain = domain
        self._client = SodaClient(
            domain,
            credentials.app_token,
            username=credentials.username,
            password=credentials.password,
            scheme=scheme,
            timeout=timeout,
        )

    def close(self) -> None:
        """Ends the session."""
        self._client.close()

    def metadata(self, portal_id: str) -> dict[str, Any] | None:
        """What the portal says of a dataset; none where it has none of that id.

        Raises:
            PortalFault: the portal answered something else, or sends us to another host.
        """
        try:
            found = self._call(
                "read the metadata of", portal_id, self._client.get_metadata, reads=True
            )
            if not isinstance(found, dict):
                raise self._no_json("read the metadata of", portal_id)
        except PortalFault:
            answer = self._client.answer
            if answer is not None and answer.status_code == 404:
                return None
            raise
        return self._own_metadata(found, portal_id)

    def create(self, dataset: Dataset, *, title: str) -> str:
        """Makes a dataset with key and described columns, public; returns its 4x4."""
        publish = dataset.publish
        made = self._call(
            "create",
            title,
            lambda name: self._client.create(
                name,
                description=publish.description,
                columns=[_column(column) for column in dataset.published],
                category=publish.category,
                tags=list(publish.tags),
                row_identifier=dataset.key,
                attribution=publish.attribution,
                new_backend=True,
            ),
        )
        if not isinstance(made, dict) or "id" not in made:
            raise PortalFault(f"{self.domain}: {title} was created, but the answer has no id")
        portal_id = str(made["id"])
        self._call("publish", portal_id, self._client.publish)
        self._call("open", portal_id, lambda name: self._client.set_permission(name, "public"))
        return portal_id

    def update_metadata(self, portal_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Replaces the named fields of the metadata; returns the metadata as it is then."""
        answer = self._call(
            "update the metadata of",
            portal_id,
            lambda name: self._client.update_metadata(name, dict(changes)),
        )
        return self._own_metadata(answer, portal_id)

    def count(self, portal_id: str) -> int:
        """How many rows the dataset holds."""
        found = self._one_row("count", portal_id, {"n": "count(*)"})
        return self._whole_number(portal_id, found.get("n"))

    def aggregates(
        self, portal_id: str, columns: Sequence[Column], *, key: str | None = None
    ) -> Aggregates:
        """Counts, sums and bounds of the columns; of texts only the key has bounds.

        Texts are compared as the portal does, which need not be as DuckDB does.
        """
        asked: dict[str, str] = {"n": "count(*)"}
        for place, column in enumerate(columns):
            asked[f"c{place}"] = f"count({column.name})"
            if column.type == "number":
                asked[f"s{place}"] = f"sum({column.name})"
            if column.type in _BOUNDED or column.name == key:
                asked[f"l{place}"] = f"min({column.name})"
                asked[f"h{place}"] = f"max({column.name})"
        answer: dict[str, Any] = {}
        for part in _within_an_address(asked):
            answer |= self._one_row("sum up", portal_id, part)
        return self._summed_up(portal_id, columns, answer, asked)

    def rows(
        self, portal_id: str, columns: Sequence[Column], *, order: str | None = None
    ) -> Iterator[pa.Table]:
        """Every row by a column, or in the portal's own order, page by page, typed as in a snapshot."""
        return self._pages(portal_id, columns, {"$order": f"{order},:id" if order else ":id"})

    def rows_by_key(
        self, portal_id: str, columns: Sequence[Column], key: str, values: Sequence[Any]
    ) -> Iterator[pa.Table]:
        """The rows of these keys, in any order; keys that are not there have no row."""
        for condition in _conditions(key, values, room=ADDRESS_BYTES - _length(columns)):
            yield from self._pages(portal_id, columns, {"$where": condition, "$order": ":id"})

    def rows_updated_since(
        self, portal_id: str, columns: Sequence[Column], mark: str
    ) -> Iterator[pa.Table]:
        """The rows written after a mark of `newest_update`."""
        condition = f":updated_at > {_literal(mark)}"
        return self._pages(portal_id, columns, {"$where": condition, "$order": ":id"})

    def newest_update(self, portal_id: str) -> str | None:
        """When a row was written last, by the portal's clock; none where it holds no row."""
        found = self._one_row("read the newest mark of", portal_id, {"mark": "max(:updated_at)"})
        mark = found.get("mark")
        return str(mark) if mark is not None else None

    def freshness(self, portal_id: str) -> Freshness:
        """Whether what is read is what was written; times are in whole seconds, in UTC.

        Where the portal does not say whether it is behind, its two times decide.
        """
        answer = self._read("read", portal_id, {"$select": ":id", "$limit": "1"})
        truth = _truth(answer)
        secondary = _moment(answer.headers.get("X-SODA2-Secondary-Last-Modified"))
        said = answer.headers.get("X-SODA2-Data-Out-Of-Date", "").strip().lower()
        behind = truth is not None and secondary is not None and secondary < truth
        return Freshness(
            out_of_date=said == "true" if said in ("true", "false") else behind,
            truth=truth,
            secondary=secondary,
        )

    def upsert(self, portal_id: str, body: bytes, rows: int) -> Answer:
        """Inserts or updates the rows of a JSON array by key; missing cells would be kept.

        Raises:
            OutcomeUnknown: nobody knows whether the rows were written.
            TransientError: they were not, and may be another time.
            RequestTooLarge: they were not; fewer may be.
            RequestRefused: the portal cannot take one of them.
            PortalMoved: the portal sends us elsewhere.
            PortalFault: it does not let us write at all.
        """
        if rows < 1 or body.strip() in (b"", b"[]"):
            raise ValueError("an empty request is never sent")
        return self._write("write to", portal_id, lambda name: self._client.upsert(name, body))

    def replace(self, portal_id: str, body: Path) -> Answer:
        """Leaves the rows of a file with a JSON array, and no others; all or nothing, in one request.

        Raises: as `upsert`.
        """
        with body.open("rb") as file:
            return self._write("replace", portal_id, lambda name: self._client.replace(name, file))

    def empty(self, portal_id: str) -> Answer:
        """Leaves no row.

        Raises: as `upsert`.
        """
        return self._write("empty", portal_id, self._client.empty)

    def _write(self, verb: str, portal_id: str, call: Callable[[str], Any]) -> Answer:
        said = self._call(verb, portal_id, call, writes=True)
        heard = self._client.answer
        return answer_of(
            said, self._client.request_id, written_at=_truth(heard) if heard is not None else None
        )

    def delete(self, portal_id: str, key: str, values: Sequence[Any]) -> Answer:
        """Deletes rows by key; those already gone count as errors, and were wanted gone.

        Raises: as `upsert`.
        """
        return self.upsert(portal_id, deletions(key, values), len(values))

    def _pages(
        self, portal_id: str, columns: Sequence[Column], query: dict[str, str]
    ) -> Iterator[pa.Table]:
        query = {"$select": ",".join(column.name for column in columns), **query}
        offset = 0
        with RowReader(columns) as reader:
            while True:
                paging = {"$limit": str(PAGE), "$offset": str(offset)}
                body = self._read("read", portal_id, query | paging).content
                self._client.forget()
                try:
                    page = reader.read(body, most=PAGE)
                except NoJson:
                    raise self._no_json("read", portal_id) from None
                except NoRows as error:
                    raise PortalFault(
                        f"{self.domain}: {portal_id} answered a read without rows: {error}"
                    ) from None
                rows = page.num_rows
                del body
                if rows:
                    yield page
                if rows < PAGE:
                    return
                # A page takes as much as all else together: the last one goes before the next comes.
                del page
                offset += PAGE

    def _read(self, verb: str, portal_id: str, query: Mapping[str, str]) -> requests.Response:
        answer = self._call(
            verb, portal_id, lambda name: self._client.read(name, dict(query)), reads=True
        )
        assert isinstance(answer, requests.Response)
        return answer

    def _one_row(self, verb: str, portal_id: str, asked: Mapping[str, str]) -> dict[str, Any]:
        """What aggregates without a group answer: one row, in which nulls are left out."""
        query = {"$select": ",".join(f"{sql} as {name}" for name, sql in asked.items())}
        answer = self._read(verb, portal_id, query)
        try:
            # One row is no page of them.
            rows = answer.json() if len(answer.content) <= _ONE_ROW_BYTES else None
        except (ValueError, RecursionError):
            raise self._no_json(verb, portal_id) from None
        if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
            raise PortalFault(
                f"{self.domain}: could not {verb} {portal_id}: it answered something else"
            )
        return rows[0]

    def _no_json(self, verb: str, portal_id: str) -> TransientError:
        """What answers with a page says nothing about rows, and may be gone next time."""
        return TransientError(f"{self.domain}: could not {verb} {portal_id}: {NO_JSON}")

    def _summed_up(
        self,
        portal_id: str,
        columns: Sequence[Column],
        answer: Mapping[str, Any],
        asked: Mapping[str, str],
    ) -> Aggregates:
        found: dict[str, dict[str, Any]] = {"s": {}, "l": {}, "h": {}}
        for kind, values in found.items():
            for place, column in enumerate(columns):
                if f"{kind}{place}" in asked:
                    values[column.name] = self._exact(
                        portal_id, column, answer.get(f"{kind}{place}")
                    )
        return Aggregates(
            rows=self._whole_number(portal_id, answer.get("n")),
            non_null={
                column.name: self._whole_number(portal_id, answer.get(f"c{place}"))
                for place, column in enumerate(columns)
            },
            sums=found["s"],
            minima=found["l"],
            maxima=found["h"],
        )

    def _exact(self, portal_id: str, column: Column, value: Any) -> Decimal | str | None:
        if value is None:
            return None
        if column.type != "number":
            return str(value)
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise PortalFault(
                f"{self.domain}: {portal_id} summed {column.name} up to what is no number"
            ) from None

    def _whole_number(self, portal_id: str, value: Any) -> int:
        if value is None or not str(value).isdecimal():
            raise PortalFault(f"{self.domain}: {portal_id} did not answer with its count")
        return int(value)

    def _own_metadata(self, found: Any, portal_id: str) -> dict[str, Any]:
        if not isinstance(found, dict) or found.get("id") != portal_id:
            raise PortalFault(f"{self.domain}: {portal_id} did not answer with its own metadata")
        return found

    def _call(
        self,
        verb: str,
        name: str,
        call: Callable[[str], Any],
        *,
        writes: bool = False,
        reads: bool = False,
    ) -> Any:
        try:
            return call(name)
        except OutOfReach:
            raise
        except Exception as error:  # noqa: BLE001 - sodapy has no error of its own
            # The body may quote a cell, and sodapy copies it into its error: neither the message
            # nor the traceback may have it.
            what = f"{self.domain}: could not {verb} {name}"
            refused = error.response if isinstance(error, requests.RequestException) else None
            if refused is not None:
                self._client.see(refused)
            heard = self._client.answer
            fault = fault_of(error, heard, what=what, writes=writes, reads=reads)
            fault.request_id = self._client.request_id
        raise fault


def _column(column: Column) -> dict[str, Any]:
    return {
        "fieldName": column.name,
        "name": column.name.replace("_", " "),
        "dataTypeName": TYPES[column.type],
        "description": column.description,
    }


def _within_an_address(asked: Mapping[str, str]) -> Iterator[dict[str, str]]:
    part: dict[str, str] = {}
    length = 0
    for name, sql in asked.items():
        added = len(quote_plus(f"{sql} as {name},"))
        if part and length + added > ADDRESS_BYTES:
            yield part
            part, length = {}, 0
        part[name] = sql
        length += added
    yield part


def _conditions(key: str, values: Sequence[Any], *, room: int) -> Iterator[str]:
    """Conditions that together mean all the values, none longer in an address than there is room."""
    literals: list[str] = []
    length = 0
    for value in values:
        literal = _literal(value)
        added = len(quote_plus(f"{literal},"))
        if literals and length + added > room:
            yield f"{key} in ({','.join(literals)})"
            literals, length = [], 0
        literals.append(literal)
        length += added
    if literals:
        yield f"{key} in ({','.join(literals)})"


def _length(columns: Sequence[Column]) -> int:
    """What the rest of an address takes."""
    return len(quote_plus(",".join(column.name for column in columns))) + 300


def _literal(value: Any) -> str:
    """A value in SoQL; text in quotes, its own quotes doubled."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _truth(answer: requests.Response) -> datetime | None:
    return _moment(answer.headers.get("X-SODA2-Truth-Last-Modified"))


def _moment(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
