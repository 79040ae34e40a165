"""What holds of the spelling engine whatever the values are."""

import random
import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.evaluation.spelling_truth import plant
from tests.unit.cleaning.spelling_bench import SpellingBench, bench

__all__ = ["bench"]

WORDS = st.text(alphabet="ABCDE 1-", min_size=1, max_size=9)
COUNTS = st.dictionaries(WORDS, st.integers(1, 5_000), min_size=1, max_size=14)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    counts=COUNTS,
    known=st.sets(WORDS, max_size=6),
    decided=st.dictionaries(WORDS, WORDS, max_size=3),
)
def test_members_stay_and_nobody_is_corrected_twice(
    counts: dict[str, int], known: set[str], decided: dict[str, str]
) -> None:
    """Without a decision no member is corrected; each value at most once, to one that stays."""
    with tempfile.TemporaryDirectory() as name:
        bench = SpellingBench(folder=Path(name), apply_above=0.7, propose_above=0.3)
        bench.know(*sorted(known))
        for value, rows in counts.items():
            bench.see(value, rows, code=value[:1])
        for wrong, right in decided.items():
            if wrong < right:
                bench.decide(wrong, right, "apply", f"d-{wrong}")
        rows = bench.rows("from_value, to_value, outcome, decision_id")
    applied = [row for row in rows if row[2] == "applied"]
    assert not [row for row in applied if row[0] in known and row[3] is None]
    assert len({row[0] for row in applied}) == len(applied)
    assert not {row[0] for row in applied} & {row[1] for row in applied}


@pytest.mark.parametrize("threads", [1, 4])
def test_order_and_threads_change_no_byte(bench: SpellingBench, threads: int) -> None:
    """Shuffled rows and another number of threads give the same file."""
    right = {"Saint Charles Ave": 900, "Carondelet St": 300, "Carrollton Ave": 400, "Canal St": 9}
    planted = plant(right, column="make", seed=5, count=80, beside=dict.fromkeys(right, "x"))
    bench.values = [(*value, None, None) for value in planted.values]
    bench.contexts = planted.contexts
    bench.know(*right)
    first = bench.write(bench.folder / "first.parquet").read_bytes()
    shuffle = random.Random(3).shuffle
    for rows in (bench.values, bench.contexts, bench.vocabulary):
        shuffle(rows)
    again = bench.write(bench.folder / "again.parquet", threads=threads).read_bytes()
    assert first == again


def test_nothing_is_left_on_the_connection(tmp_path: Path) -> None:
    """The engine works in temporary tables and takes them away."""
    from orchestration.cleaning.spelling_engine import SpelledColumn, find_misspellings

    nothing = "(select null::varchar as column_name, null::varchar as value, {} where false)"
    with duckdb.connect() as connection:
        find_misspellings(
            connection,
            [SpelledColumn(name="make", apply_above=0.9, propose_above=0.5)],
            values=nothing.format("1 as rows, null as first_at, null as last_at"),
            contexts=nothing.format("'' as context_column, '' as context_value, 1 as rows"),
            vocabulary="(select '' as column_name, '' as value where false)",
            decisions=(
                "(select '' as column_name, '' as from_value, '' as to_value, '' as verdict, "
                "'' as decision_id where false)"
            ),
            target=tmp_path / "none.parquet",
        )
        assert connection.execute("select count(*) from duckdb_tables()").fetchone() == (0,)
        assert connection.execute(
            f"select count(*) from '{tmp_path / 'none.parquet'}'"
        ).fetchone() == (0,)
