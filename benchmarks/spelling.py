"""`python -m benchmarks.spelling`: misspellings of a million calls, and all pairs by rapidfuzz beside.

The calls are one table: type texts with their codes, streets, dispositions and neighbourhoods, the
words of the sample generator, one cell in fifty misspelt. Timed are the distinct values with counts
and contexts and the engine; rapidfuzz gets the same distinct values and measures every pair of a
column. `--rows 10000000` is the big one; `--distinct 100000` times one column of so many values.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path

import duckdb
import yaml
from rapidfuzz.distance import DamerauLevenshtein
from rapidfuzz.process import cdist

from orchestration.cleaning.spelling_engine import SpelledColumn, find_misspellings
from orchestration.duck import connect
from orchestration.evaluation.spelling_truth import KINDS, damage

SAMPLE = Path(__file__).parents[1] / "orchestration" / "sources" / "sample"
COLUMNS = ("type_text", "street", "neighborhood", "disposition")
DISPOSITIONS = (
    "REPORT TO FOLLOW",
    "GONE ON ARRIVAL",
    "Necessary Action Taken",
    "VOID",
    "DUPLICATE",
)
SPELLINGS = 5
"""Misspellings of one right value."""


def make_calls(connection: duckdb.DuckDBPyConnection, rows: int) -> None:
    """A table `calls`, and `known`: the right values."""
    spec = yaml.safe_load((SAMPLE / "calls_for_service.yaml").read_text(encoding="utf-8"))
    streets = yaml.safe_load((SAMPLE / "vocabulary/streets.yaml").read_text(encoding="utf-8"))
    types = {row[1]: row[0] for row in spec["tables"]["types"]["rows"]}
    words = {
        "type_text": sorted(types),
        "street": sorted({row[0] for row in streets["rows"]}),
        "neighborhood": sorted({row[3] for row in streets["rows"]}),
        "disposition": list(DISPOSITIONS),
    }
    chance = random.Random(7)
    connection.execute("create table known (column_name varchar, value varchar)")
    connection.execute("create table words (name varchar, place int, way int, text varchar)")
    for name, values in words.items():
        spelt = []
        for place, value in enumerate(values):
            connection.execute("insert into known values (?, ?)", [name, value])
            wrongs = [
                damage(value, chance.choice(KINDS), chance, width=20) for _ in range(SPELLINGS)
            ]
            spelt += [(name, place, way, text) for way, text in enumerate([value, *wrongs])]
        connection.executemany("insert into words values (?, ?, ?, ?)", spelt)
    connection.execute(
        "create table codes as select unnest($1) as text, unnest($2) as code",
        [list(types), list(types.values())],
    )
    chosen = ", ".join(
        f"(hash(i, '{name}') % {len(values)})::int as {name}_place, "
        f"(case when hash(i, 'w{name}') % 50 = 0 then hash(i, 'x{name}') % {SPELLINGS} + 1 "
        f"else 0 end)::int as {name}_way"
        for name, values in words.items()
    )
    joins = " ".join(
        f"join words as {name} on {name}.name = '{name}' and {name}.place = {name}_place "
        f"and {name}.way = {name}_way"
        for name in words
    )
    texts = ", ".join(f"{name}.text as {name}" for name in words)
    connection.execute(
        "create table calls as select timestamp '2018-01-01' + to_seconds(i * 60) as created_at, "
        f"code.code as type_code, {texts} from (select i, {chosen} from range({rows}) as t(i)) "
        f"{joins} join words as right_one on right_one.name = 'type_text' and right_one.way = 0 "
        "and right_one.place = type_text_place join codes as code on code.text = right_one.text"
    )


def find(connection: duckdb.DuckDBPyConnection, target: Path) -> dict[str, float]:
    """Seconds of the distinct values and of the engine."""
    started = time.perf_counter()
    connection.execute(
        "create table values_seen as "
        + " union all ".join(
            f"select '{name}' as column_name, {name} as value, count(*) as rows, "
            f"min(created_at) as first_at, max(created_at) as last_at from calls group by {name}"
            for name in COLUMNS
        )
    )
    connection.execute(
        "create table beside as select 'type_text' as column_name, type_text as value, "
        "'type_code' as context_column, type_code as context_value, count(*) as rows "
        "from calls group by all"
    )
    read = time.perf_counter()
    _engine(connection, COLUMNS, target, contexts="beside")
    return {"distinct": read - started, "engine": time.perf_counter() - read}


def _engine(
    connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...], target: Path, *, contexts: str
) -> None:
    find_misspellings(
        connection,
        [SpelledColumn(name=name, apply_above=0.98, propose_above=0.6) for name in columns],
        values="values_seen",
        contexts=contexts,
        vocabulary="known",
        decisions=(
            "(select null::varchar as column_name, null::varchar as from_value, "
            "null::varchar as to_value, null::varchar as verdict, null::varchar as decision_id "
            "where false)"
        ),
        target=target,
    )


def all_pairs(connection: duckdb.DuckDBPyConnection) -> tuple[float, int]:
    """Seconds of the edit distance of every pair of distinct values, and how many values.

    Of a column of more than 10,000 values a thousand rows of the matrix are measured and the time is
    multiplied: the whole of it would take an hour or more.
    """
    columns: dict[str, list[str]] = {}
    for name, value in connection.execute(
        "select column_name, value from values_seen where value is not null"
    ).fetchall():
        columns.setdefault(name, []).append(value)
    seconds = 0.0
    for values in columns.values():
        every = len(values) // 1000 if len(values) > 10_000 else 1
        started = time.perf_counter()
        for start in range(0, len(values), 1000 * every):  # the whole matrix would be 10 GB
            some = values[start : start + 1000]
            cdist(some, values, scorer=DamerauLevenshtein.distance, workers=2, score_cutoff=3)
        seconds += (time.perf_counter() - started) * every
    return seconds, sum(map(len, columns.values()))


def make_column(connection: duckdb.DuckDBPyConnection, distinct: int) -> None:
    """One column of so many values: a tenth right and frequent, the rest one slip away or alone."""
    chance = random.Random(7)
    letters = "abcdefghijklmnoprstuvwyz"
    right = [
        " ".join("".join(chance.choices(letters, k=chance.randint(4, 9))) for _ in range(2))
        for _ in range(distinct // 10)
    ]
    seen = {value: 500 + place for place, value in enumerate(right)}
    while len(seen) < distinct:
        seen.setdefault(damage(chance.choice(right), chance.choice(KINDS[:7]), chance), 1)
    connection.execute("create table known as select '' as column_name, '' as value where false")
    connection.execute(
        "create table values_seen as select 'column' as column_name, unnest($1) as value, "
        "unnest($2) as rows, null::timestamp as first_at, null::timestamp as last_at",
        [list(seen), list(seen.values())],
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spelling", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--distinct", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="summerware-bench-") as name, connect() as connection:
        target = Path(name) / "spelling.parquet"
        if options.distinct:
            make_column(connection, options.distinct)
            started = time.perf_counter()
            nothing = (
                "(select null::varchar as column_name, null::varchar as value, null::varchar as "
                "context_column, null::varchar as context_value, 0 as rows where false)"
            )
            _engine(connection, ("column",), target, contexts=nothing)
            seconds = {"engine": time.perf_counter() - started}
        else:
            make_calls(connection, options.rows)
            seconds = find(connection, target)
        ours = sum(seconds.values())
        steps = ", ".join(f"{step} {took:.2f}" for step, took in seconds.items())
        what = f"one column of {options.distinct:,} values"
        what = what if options.distinct else f"{options.rows:,} calls"
        print(f"misspellings of {what}: {ours:.2f} s ({steps})")
        theirs, values = all_pairs(connection)
        print(f"rapidfuzz, all pairs of {values:,} distinct values, distance alone: {theirs:.2f} s")
        print(f"all pairs / misspellings: {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
