"""Which untouched rows a proof reads back: at least a thousand and one in a hundred, in time all."""

import duckdb
import pytest

from orchestration.publishing.verification import SAMPLED, SHARES, _add_sample


@pytest.mark.parametrize(
    ("rows", "proofs"), [(0, 1), (7, 1), (1_500, 2), (5_000, 5), (60_000, 50), (250_000, SHARES)]
)
def test_every_row_is_read_back_in_time(rows: int, proofs: int) -> None:
    """Whatever the number of rows; what was touched is read anyway and counts for nothing."""
    with duckdb.connect() as connection:
        connection.execute(
            f"create table expected as select 'T' || range as key from range({rows})"
        )
        connection.execute("create table seen (row_key varchar)")
        for turn in range(proofs):
            connection.execute(
                "create or replace table touched as select key as row_key from expected limit 3"
            )
            sampled = _add_sample(connection, "key", turn)
            untouched = max(rows - 3, 0)
            assert sampled >= min(untouched, max(SAMPLED, untouched / SHARES))
            assert connection.sql("from touched").shape[0] == sampled + min(rows, 3)
            connection.execute("insert into seen from touched")
        assert connection.sql("select distinct row_key from seen").shape[0] == rows
