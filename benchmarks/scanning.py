"""`python -m benchmarks.scanning`: a million lines of stops scanned, and a million different cells.

The lines have few values per column, as real ones do, in Parquet behind a view as the base model is
one. The cells of the second part are actions taken, each with a number of its own. Timed are finding
the distinct cells, the scan and the functions for the models; the base model's own work is not.
"""

import argparse
import tempfile
import time
from pathlib import Path

from orchestration.dataset import load_dataset
from orchestration.duck import connect, copy_to_parquet, parquet
from orchestration.scanning.persons import PERSONAL
from orchestration.scanning.scanned import find_in_cells, scan_lines, scanned_columns

DATASET = Path(__file__).parents[1] / "orchestration" / "datasets" / "stops.yaml"
VALUES = 50
"""Different cells of each column; one of them has a telephone."""


def main() -> None:
    """Prints seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--distinct", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{chosen.rows:,} lines of few values: {_scan(Path(folder), chosen.rows):.2f} s")
    cells = [
        f"Stop Results: Citation Issued;Subject Type: Driver;Search Occurred: No;Note {number}"
        for number in range(chosen.distinct)
    ]
    begun = time.perf_counter()
    find_in_cells(cells, kinds=PERSONAL, born_until=2016)
    print(f"{chosen.distinct:,} different cells: {time.perf_counter() - begun:.2f} s")


def _scan(folder: Path, rows: int) -> float:
    dataset = load_dataset(DATASET)
    cells = ", ".join(
        f"case i % {VALUES} when 0 then 'call 504-555-0142' else 'value of words ' || i % {VALUES} "
        f"end as {column.name}, {column.name} as {column.name}__read"
        for column in scanned_columns(dataset)
    )
    lines = folder / "lines.parquet"
    with connect() as connection:
        query = (
            f"select timestamp '2026-11-27' as _extracted_at, {cells} from range({rows}) as t(i)"
        )
        connection.execute(copy_to_parquet(query, lines))
        connection.execute(f"create view base as from {parquet(lines)}")
        begun = time.perf_counter()
        scan_lines(connection, dataset, base="base", lines="base", vocabularies={})
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()
