"""What a client sends, taken apart: JSON and CSV bodies to rows of kept values.

Every cell is checked against its column's type here, before anything is written; the first that
does not fit refuses the request (protocol 2.3). What the rows then do is in `writes`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from math import isfinite
from typing import Any, NamedTuple

from orchestration.portal.behaviour import Behaviour
from orchestration.portal.dataset import Column, Dataset
from orchestration.portal.datatypes import SYSTEM_FIELDS
from orchestration.portal.errors import PortalError, invalid_request, malformed_json
from orchestration.portal.identifiers import fold
from orchestration.portal.lenient_values import BrokenPointError, reader_of
from orchestration.portal.values import EXACT_DIGITS, JsonNumber, MaltypedError, Stored

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_PASSED_OVER = ":deleted", *SYSTEM_FIELDS


class Row(NamedTuple):
    """One row of a request: what to set, and which row of the dataset is meant."""

    fields: tuple[str, ...]
    values: list[Stored]
    key: Stored
    """The publisher's key or, in a dataset without one, the number behind `:id`."""
    deleted: bool = False
    version: Stored = None
    """The number behind a `:version` that the client believes to be the row's."""
    problem: str = ""
    """Why the row is left out and counted, where a bad value fails no request."""


def load_json(body: bytes) -> Any:
    """A JSON text; numbers with a fraction keep the way they were written.

    Raises: PortalError (400) for anything else, NaN and lone surrogates included.
    """
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_float=JsonNumber, parse_constant=_refuse_constant)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise malformed_json(error.msg, error.lineno, error.colno) from error
    except RecursionError as error:
        raise malformed_json("nested too deep") from error
    except ValueError as error:
        raise malformed_json("unreadable characters or numbers") from error
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def load_object(body: bytes) -> dict[str, Any]:
    """A JSON object, as the metadata calls take it."""
    value = load_json(body)
    if not isinstance(value, dict):
        raise PortalError(400, "req.content.json.invalid", "Expected a JSON object")
    plain: dict[str, Any] = _plain(value)
    return plain


def _plain(value: Any) -> Any:
    """The value with its numbers as numbers again."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, JsonNumber):
        if not isfinite(float(value)):
            raise malformed_json("a number out of range")
        return float(value)
    return value


class _Layout(NamedTuple):
    """How the rows with one set of keys are read; positions are those in the row."""

    names: tuple[str, ...]
    converters: tuple[Callable[[Any], Stored], ...]
    fields: tuple[str, ...]
    kept: tuple[int, ...] | None
    """The positions of user columns, or None when all are."""
    key: int | None
    deleted: int | None
    version: int | None


_USUAL = Behaviour()


class RowReader:
    """Reads the rows of one request for one dataset."""

    def __init__(
        self, dataset: Dataset, *, text: bool = False, behaviour: Behaviour = _USUAL
    ) -> None:
        self._dataset = dataset
        self._behaviour = behaviour
        self._key = dataset.key
        self._text = text
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._columns = {column.field: column for column in dataset.columns}

    def read_all(self, rows: Iterable[Any]) -> Iterator[Row]:
        """The rows, one by one. Raises: PortalError (400) at the first that does not fit."""
        for row in rows:
            if type(row) is dict:
                yield self.read(tuple(row), row.values())
            elif type(row) is list and len(row) == 1:
                yield self._deletion(row[0])
            else:
                message = "A row must be an object, or a list of the key to delete"
                raise PortalError(400, "soda.row.upsert-row-not-an-object", message)

    def read(self, names: tuple[str, ...], cells: Iterable[Any]) -> Row:
        """One row, from its field names and cells; null is None."""
        layout = self._layouts.get(names) or self._layout(names)
        values: list[Stored] = []
        try:
            for convert, cell in zip(layout.converters, cells, strict=True):
                values.append(None if cell is None else convert(cell))
        except MaltypedError as error:
            refusal = self._maltyped(layout, len(values), list(cells), error)
            if self._behaviour.bad_values == "refuse" or refusal.status >= 500:
                raise refusal from error
            return Row((), [], self._key_if_good(layout, list(cells)), problem=refusal.message)
        key = key_value(self._key, values[layout.key]) if layout.key is not None else None
        deleted = layout.deleted is not None and values[layout.deleted] == 1
        version = values[layout.version] if layout.version is not None else None
        if layout.kept is not None:
            values = [values[position] for position in layout.kept]
        if deleted and key is None:
            raise _keyless_deletion()
        return Row(layout.fields, values, key, deleted, version)

    def key_from_text(self, text: str) -> Stored:
        """The key of a row as it stands in a URL; None when no row can have it."""
        kind = self._key.type if self._key else SYSTEM_FIELDS[":id"]
        try:
            return key_value(self._key, kind.from_text(text))
        except (MaltypedError, PortalError):
            return None

    def _deletion(self, key: Any) -> Row:
        name = self._key.field if self._key else ":id"
        row = self.read((name,), (key,))
        if row.key is None:
            raise _keyless_deletion()
        return row._replace(deleted=True)

    def _layout(self, names: tuple[str, ...]) -> _Layout:
        folded = tuple(name if name in self._columns else fold(name) for name in names)
        if len(set(folded)) != len(folded):
            raise invalid_request("a column is there twice in one row")
        for name, known in zip(names, folded, strict=True):
            is_known = known in self._columns or known in _PASSED_OVER
            if not is_known and self._behaviour.unknown_columns == "refuse":
                raise self._unknown(name[:100])
        positions = {name: position for position, name in enumerate(folded)}
        kept = tuple(p for p, name in enumerate(folded) if name in self._columns)
        layout = _Layout(
            names=folded,
            converters=tuple(self._converter(name) for name in folded),
            fields=tuple(folded[position] for position in kept),
            kept=None if len(kept) == len(folded) else kept,
            key=positions.get(self._key.field if self._key else ":id"),
            deleted=positions.get(":deleted"),
            version=positions.get(":version"),
        )
        self._layouts[names] = layout
        return layout

    def _converter(self, name: str) -> Callable[[Any], Stored]:
        if name == ":deleted":
            return _deleted_text if self._text else _deleted_json
        if name in (":created_at", ":updated_at") or (name == ":id" and self._key is not None):
            return _ignored
        kind = self._columns[name].type if name in self._columns else SYSTEM_FIELDS.get(name)
        return _ignored if kind is None else reader_of(kind, self._behaviour, text=self._text)

    def _key_if_good(self, layout: _Layout, cells: list[Any]) -> Stored:
        if layout.key is None or cells[layout.key] is None:
            return None
        try:
            return key_value(self._key, layout.converters[layout.key](cells[layout.key]))
        except MaltypedError:
            return None

    def _unknown(self, name: str) -> PortalError:
        refusal = invalid_request(f"Unrecognized column {name}")
        if self._behaviour.error_codes == "streaming":
            return refusal
        return PortalError(400, "soda.row.column-not-found", refusal.message, {"value": name})

    def _maltyped(
        self, layout: _Layout, position: int, cells: list[Any], error: MaltypedError
    ) -> PortalError:
        name = layout.names[position]
        column: Column | None = self._columns.get(name)
        kind = column.type.name if column else SYSTEM_FIELDS[name].name
        got = json.dumps(cells[position])
        got = got if len(got) <= 200 else f"{got[:200]}…"
        if isinstance(error, BrokenPointError):
            return PortalError(500, "internal-error", "Internal error", {"tag": name})
        message = f"Expected {kind} type for column {name}, but got value {got}"
        if self._behaviour.error_codes == "streaming":
            return invalid_request(message)
        data = {"field": name, "expected": kind, "got": got}
        return PortalError(400, "soda.column.maltyped", f"Invalid request: {message}", data)


def key_value(column: Column | None, value: Stored) -> Stored:
    """A value of the row identifier as rows are looked up by it.

    Raises: PortalError (400) for a number that doubles do not tell from its neighbours.
    """
    if isinstance(value, str) and column is not None and column.type.name == "number":
        if sum(map(str.isdigit, value)) > EXACT_DIGITS:
            raise invalid_request(f"{value[:50]} has too many digits for a row identifier")
        return column.type.from_literal(value)
    return value


def _deleted_json(value: Any) -> Stored:
    """Only `true` deletes; anything else, `"true"` included, does not (protocol 2.3)."""
    return int(value is True)


def _deleted_text(text: str) -> Stored:
    return int(text.strip().lower() == "true")


def _ignored(value: Any) -> Stored:
    return None


def _keyless_deletion() -> PortalError:
    message = "A row to delete has no row identifier"
    return PortalError(400, "soda.row.delete-without-primary-key", message)


def csv_rows(dataset: Dataset, body: bytes, behaviour: Behaviour = _USUAL) -> Iterator[Row]:
    """The rows of a CSV body: a header of field names or display names, empty cells are null.

    Raises: PortalError (400) for a body that is no CSV in UTF-8, unknown columns, ragged rows and
        cells that do not fit.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, None)
        if header is None:
            raise PortalError(400, "req.content.csv.invalid", "Expected a header row")
        names = _header(dataset, header)
        reader = RowReader(dataset, text=True, behaviour=behaviour)
        for line in lines:
            if line:
                _check_width(line, names, lines.line_num)
                yield reader.read(names, [cell or None for cell in line])
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"The body is no CSV in UTF-8: {error.__class__.__name__}"
        raise PortalError(400, "req.content.csv.invalid", message) from error


def _header(dataset: Dataset, header: list[str]) -> tuple[str, ...]:
    by_title = {column.name.strip().lower(): column.field for column in dataset.columns}
    return tuple(
        by_title.get(name.strip().lower(), name.strip())
        if dataset.column(name.strip()) is None
        else fold(name.strip())
        for name in header
    )


def _check_width(line: list[str], names: tuple[str, ...], number: int) -> None:
    if len(line) != len(names):
        message = f"Line {number} has {len(line)} cells, and the header {len(names)}"
        raise PortalError(400, "req.content.csv.invalid", message, {"line": number})
