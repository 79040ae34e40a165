"""Which rows of two tables differ, and one hash over all: alike whatever the memory and the order."""

from pathlib import Path

import duckdb
import pytest

from orchestration.duck import FEW, connect
from orchestration.publishing.comparing import SQL_TYPES, digests, foreign_keys, rows_hash
from tests.unit.publishing.conftest import trees

ROWS = (
    "select 'key ' || lpad(r::varchar, 40, '0') as row_key, md5_number(r::varchar) as cells from "
)


@pytest.mark.parametrize("threads", [1, 8])
def test_a_million_rows_have_one_hash(tmp_path: Path, threads: int) -> None:
    """Within the little memory that reading back has, however many threads there are."""
    hashes = set()
    for order in ("range(1000000) t (r)", "(from range(1000000) t (r) order by hash(r)) t (r)"):
        with connect(spill=tmp_path / "spill", memory=FEW) as connection:
            connection.execute(f"set threads = {threads}")
            connection.execute(f"create table held as {ROWS}{order}")
            hashes.add(rows_hash(connection, "held"))
    assert len(hashes) == 1


def test_sets_in_another_order_have_one_hash() -> None:
    """Reading back holds what the portal has against what was sent as the plan does."""
    leaves = {"name": "leaves", "source": "leaves", "description": "-", "privacy": "publish"}
    columns = trees(more_columns=[{**leaves, "list": {"separator": ";", "set": True}}]).published
    cells = ", ".join(f"null::{SQL_TYPES[c.type]} as {c.name}" for c in columns if c != columns[-1])
    with connect() as connection:
        hashes = {
            connection.execute(
                digests(columns, "tree_id", f"(select {cells}, ? as leaves)"), [written]
            ).fetchone()
            for written in ("a;b", "b; a;", "a;b;a")
        }
    assert len(hashes) == 1


def test_one_cell_makes_another_hash() -> None:
    with connect() as connection:
        connection.execute(f"create table held as {ROWS}range(3) t (r)")
        before = rows_hash(connection, "held")
        connection.execute("update held set cells = cells + 1 where row_key like '%2'")
        assert rows_hash(connection, "held") != before


def _table(connection: duckdb.DuckDBPyConnection, name: str, rows: str) -> None:
    connection.execute(f"create table {name} as from (values {rows}) as t (row_key, cells)")


def test_foreign_is_what_nothing_explains() -> None:
    """Another key or other cells; how often it stands decides nothing; no key is a key, too."""
    with connect() as connection:
        _table(connection, "held", "('a', 1), ('a', 1), ('b', 2), ('c', 3), (null, 4), (null, 5)")
        _table(connection, "explained", "('a', 1), ('b', 1), ('b', 3), ('d', 3), (null, 4)")
        found = foreign_keys(connection, held="held", explained="explained")
    assert found == ["(no key)", "b", "c"]
