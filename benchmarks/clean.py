"""Bare DuckDB doing the cleaning alone: read, standardize, deduplicate, write Parquet."""

import sys
from pathlib import Path

import duckdb

from benchmarks.bare_sql import COLUMNS, cleaned, read
from benchmarks.steps import Steps


def main(folder: Path) -> None:
    """Runs and times it."""
    steps = Steps()
    with duckdb.connect() as connection, steps.step("read, clean, write"):
        connection.execute(
            f"copy (select distinct {', '.join(COLUMNS)} from ({cleaned(read(folder))})) "
            f"to '{folder / 'clean.parquet'}' (format parquet)"
        )
    steps.report()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
