"""Erases lines and columns of a landed extract: the line stays, its cells are gone.

A landed file keeps its order and its number of rows, since a line's number is its row's place. What
is left of an erased line is that it was one; its fate is `withheld`, by the policy `takedown`.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.dataset import Dataset
from orchestration.duck import connect, copy_to_parquet, quoted, sql_path
from orchestration.tombstones.tombstones import ERASED, Tombstones

_KEPT = ("_extract_id", "_extracted_at", "_grain", "_parse_error")


def erase_from_extract(
    tombstones: Tombstones,
    dataset: Dataset,
    rows: Path,
    target: Path,
    *,
    spill: Path,
    lines: Sequence[int] = (),
) -> bool:
    """Writes the extract without what is to be erased; false, and nothing, where it holds none.

    `lines` are erased beside those that the tombstones tell by their key's cells, from 1.
    """
    with connect(spill=spill) as connection:
        tombstones.declare(connection)
        held = _columns(connection, rows)
        erased = _erased_lines(tombstones, dataset, held, lines)
        columns = [name for name in tombstones.erased_columns if name in held]
        source = f"read_parquet({sql_path(rows)}, file_row_number = true)"
        is_new = f"({erased} and _parse_error is distinct from {quoted(ERASED)})"
        found = connection.execute(
            f"select 1 from {source} where "
            f"{' or '.join([is_new, *(f'{name} is not null' for name in columns)])} limit 1"
        ).fetchone()
        if found is None:
            return False
        connection.execute(
            copy_to_parquet(
                f"select {_select(held, columns)} from (select *, {erased} as _erased from {source}) "
                "order by file_row_number",
                target,
            )
        )
    return True


def _erased_lines(
    tombstones: Tombstones, dataset: Dataset, held: Sequence[str], lines: Sequence[int]
) -> str:
    tests = []
    if all(name in held for name in dataset.landed_key):
        tests.append(tombstones.is_line([f'"{name}"' for name in dataset.landed_key]))
    if lines:
        tests.append(f"file_row_number in ({', '.join(str(line - 1) for line in lines)})")
    return f"({' or '.join(tests) or 'false'})"


def _select(held: Sequence[str], columns: Sequence[str]) -> str:
    cells = []
    for name in held:
        if name == "_parse_error":
            cell = f"case when _erased then {quoted(ERASED)} else _parse_error end"
        elif name in _KEPT:
            cell = f'"{name}"'
        elif name in columns:
            cell = "null::varchar"
        else:
            cell = f'case when not _erased then "{name}" end'
        cells.append(f'{cell} as "{name}"')
    return ", ".join(cells)


def _columns(connection: duckdb.DuckDBPyConnection, rows: Path) -> list[str]:
    described = connection.execute(f"describe from read_parquet({sql_path(rows)})").fetchall()
    return [row[0] for row in described]
