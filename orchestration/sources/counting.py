"""How many keys landed extracts hold: all of them, and those of each day in the window's column.

Counts and days only. What they are held against is said in `gates/volume.py`.
"""

from collections.abc import Sequence
from pathlib import Path

from orchestration.dataset import Dataset
from orchestration.duck import columns_of, connect, parquet, quoted


def count_keys(dataset: Dataset, files: Sequence[Path], *, spill: Path) -> int:
    """The keys of some files together; 0 where a column of the key is missing in one of them."""
    if not _have_columns(files, dataset.landed_key):
        return 0
    cells, known = _key(dataset)
    with connect(spill=spill) as connection:
        counted = connection.execute(
            f"select count(distinct ({cells})) filter ({known}) from {parquet(files)}"
        ).fetchone()
    return int(counted[0]) if counted else 0


def count_keys_by_day(dataset: Dataset, files: Sequence[Path], *, spill: Path) -> dict[str, int]:
    """The keys by the day (ISO) that each first stands at in the column of the window.

    Empty for other datasets, and where a column is missing. A key without a time is in none.
    """
    window = dataset.source.window
    if window is None or not _have_columns(files, (*dataset.landed_key, window.column)):
        return {}
    cells, known = _key(dataset)
    # DuckDB wants a format, also where the column has none.
    formats = ", ".join(map(quoted, dataset.column(window.column).formats or ("%Y-%m-%d",)))
    moment = f'try_strptime(trim("{window.column}"), [{formats}])'
    with connect(spill=spill) as connection:
        counted = connection.execute(
            f"""
            with dated as (
                select min({moment})::date as day
                from {parquet(files)}
                where {known}
                group by {cells}
            )
            select day::varchar, count(*) from dated where day is not null group by day order by day
            """
        ).fetchall()
    return dict(counted)


def _have_columns(files: Sequence[Path], names: Sequence[str]) -> bool:
    return all(set(names) <= {*columns_of(parquet(file))} for file in files)


def _key(dataset: Dataset) -> tuple[str, str]:
    """The cells of the key as they are compared, and that all of them are there; as SQL."""
    cells = ", ".join(f'upper(trim("{name}"))' for name in dataset.landed_key)
    known = " and ".join(f'"{name}" is not null' for name in dataset.landed_key)
    return cells, known
