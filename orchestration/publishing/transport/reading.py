"""Rows of a portal's JSON as Arrow tables in the shape of a snapshot.

One page at a time: the bytes of an answer become a table without a Python object per cell. What is
no value of its column's type is the portal's fault, and is never quoted.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.column import Column
from orchestration.duck import FEW, connect, sql_path, with_enough_memory
from orchestration.publishing.comparing import SQL_TYPES


class NoRows(ValueError):
    """A body that is no JSON list of rows with values of the columns' types."""


class NoJson(ValueError):
    """A body that is no JSON at all: an error page, half an answer."""


class RowReader:
    """Turns pages into tables; keeps a throw-away DuckDB and a folder of its own until closed."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._folder = tempfile.TemporaryDirectory(prefix="rows-")
        self._connection = connect(spill=Path(self._folder.name), memory=FEW)

    def __enter__(self) -> "RowReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def read(self, body: bytes, *, most: int | None = None) -> pa.Table:
        """The rows of one page, in its order; a cell that is not there is null.

        Raises:
            NoRows: the body is something else, or holds more rows than the `most` that were asked for.
            NoJson: it is no JSON.
        """
        # DuckDB reads the rows of half a list, and says nothing.
        if not (body.lstrip()[:1] == b"[" and body.rstrip()[-1:] == b"]"):
            raise _fault(body, "the answer is no list")
        page = Path(self._folder.name) / "page.json"
        page.write_bytes(body)
        types = ", ".join(f"'{column.name}': '{_json_type(column)}'" for column in self._columns)
        values = ", ".join(f"{_typed(column)} as {column.name}" for column in self._columns)
        query = (
            f"select {values} from read_json({sql_path(page)}, format = 'array', "
            f"columns = {{{types}}}){f' limit {most + 1}' if most else ''}"
        )
        try:
            rows = with_enough_memory(self._connection, query, lambda found: found.to_arrow_table())
            if most and rows.num_rows > most:
                raise NoRows(f"more than the {most:,} rows that were asked for")
            return rows
        except duckdb.Error as error:
            # Its words quote the cell.
            raise _fault(body, f"the rows cannot be read: {type(error).__name__}") from None
        finally:
            page.unlink()


def _fault(body: bytes, reason: str) -> NoRows | NoJson:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return NoJson("the answer is no JSON")
    return NoRows(reason)


def _json_type(column: Column) -> str:
    return "boolean" if column.type == "boolean" else "varchar"


def _typed(column: Column) -> str:
    name = f'"{column.name}"'
    if column.type == "date":
        return f"cast(left({name}, 10) as date)"
    if column.type == "point":
        return (
            f"case when starts_with({name}, '{{') then 'POINT (' "
            f"|| cast({name} ->> '$.coordinates[0]' as double) || ' ' "
            f"|| cast({name} ->> '$.coordinates[1]' as double) || ')' else {name} end"
        )
    return f"cast({name} as {SQL_TYPES[column.type]})"
