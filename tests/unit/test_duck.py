"""DuckDB within bounds: any path, lines numbered as they stand in a file, a limit on memory."""

from pathlib import Path

import duckdb
import pytest

from orchestration.duck import (
    columns_of,
    connect,
    copy_to_parquet,
    fetch_all,
    lines_of_files,
    parquet,
    query,
)


@pytest.mark.parametrize("name", ["plain", "o'hara", "a*b", "what?", "[x]", "a b"])
def test_any_path_is_read_as_itself(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    file, other = tmp_path / name / "rows.parquet", tmp_path / "axb"
    other.mkdir()
    with connect() as connection:
        connection.execute(copy_to_parquet("select 1 as one", file))
        connection.execute(copy_to_parquet("select 2 as one", other / "rows.parquet"))
        assert connection.execute(f"from {parquet(file)}").fetchall() == [(1,)]


def test_lines_are_numbered_per_file_in_its_order(tmp_path: Path) -> None:
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    with connect(spill=tmp_path) as connection:
        # More than one row group, so that several threads read.
        connection.execute(
            copy_to_parquet("select 'a' as e, r from range(1, 300001) t (r)", files[0])
        )
        connection.execute(copy_to_parquet("select 'b' as e, 7 as r, 'new' as more", files[1]))
        lines = lines_of_files(files)
        wrong = connection.execute(f"select count(*) from {lines} where e = 'a' and r <> _line")
        assert wrong.fetchone() == (0,)
        found = connection.execute(f"select _line, more from {lines} where e = 'b'").fetchall()
        assert found == [(1, "new")]


def test_memory_has_a_bound_and_the_rest_is_spilled(tmp_path: Path) -> None:
    with connect(spill=tmp_path / "spill") as connection:
        connection.execute("set memory_limit = '60MB'")
        connection.execute(
            "create table big as select r, md5(r::varchar) as m from range(2000000) t (r)"
        )
        ordered = connection.execute("select count(*) from (from big order by m limit 1900000)")
        assert ordered.fetchone() == (1_900_000,)


def test_no_connection_takes_more_than_its_bound_or_loads_anything() -> None:
    with connect() as connection:
        for setting, value in (
            ("memory_limit", "1.8 GiB"),
            ("autoinstall_known_extensions", False),
        ):
            found = connection.execute(f"select current_setting('{setting}')").fetchone()
            assert found == (value,)


def test_too_little_memory_is_no_reason_to_fail(tmp_path: Path) -> None:
    """A statement that needs more than the connection was given gets the usual."""
    listed = "string_agg(r::varchar, ' ' order by md5(r::varchar))"
    aggregate = f"select length({listed}) from range(400000) t (r)"
    with connect(spill=tmp_path / "spill", memory="16MB") as connection:
        with pytest.raises(duckdb.OutOfMemoryException):
            connection.execute(aggregate).fetchall()
        assert fetch_all(connection, aggregate) == [(2_688_889,)]


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    """The connection that a process keeps knows nothing of what it read before."""
    file = tmp_path / "rows.parquet"
    for made in ("select 1 as one", "select 'b' as two from range(3)"):
        with connect() as connection:
            connection.execute(copy_to_parquet(made, file))
            expected = connection.execute(made).fetchall()
        assert query(f"from {parquet(file)}") == expected
    assert columns_of(parquet(file)) == {"two": "VARCHAR"}
