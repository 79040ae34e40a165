"""The audit: a random sample of the publishable rows, and the error rate that people find in it.

Every row is as likely as any other to be drawn, so what is wrong in the sample tells how much is
wrong in all. The intervals are Clopper and Pearson's. How the sample goes out and comes back stands
in `audit_sheets.py`.
"""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast

from orchestration.dataset import Dataset
from orchestration.duck import connect, parquet
from orchestration.errors import ConfigurationError
from orchestration.layers import hash_file
from orchestration.review.proposals import mart_file
from orchestration.settings import Settings
from orchestration.shares import exact_interval
from orchestration.state.records import Estimate, RateRecord
from orchestration.state.store import State

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows drawn without putting back; cells as text, in the order of `columns`."""

    content_hash: str
    population: int
    seed: int
    columns: tuple[str, ...]
    rows: list[tuple[str | None, ...]]


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a person found in one row. `wrong_columns` may be empty where the row should not be."""

    verdict: str
    wrong_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How many were wrong of how many, and what that says of all: rates between 0 and 1.

    `probably`, `at_least` and `at_most` are numbers of all rows or cells of the dataset.
    """

    wrong: int
    checked: int
    rate: float
    low: float
    high: float
    probably: int
    at_least: int
    at_most: int


def draw_sample(
    settings: Settings, state: State, dataset: Dataset, *, size: int, seed: int
) -> Sample:
    """A simple random sample of the newest publishable rows, published columns alone.

    The same seed draws the same rows of the same content.

    Raises:
        ConfigurationError: no run has finished yet, or there is no row.
    """
    mart = mart_file(settings, state, dataset)
    columns = tuple(column.name for column in dataset.published)
    key = f'"{dataset.key}"'
    with connect(spill=settings.workspaces) as connection:
        counted = connection.execute(f"select count(*) from {parquet(mart)}").fetchone()
        population = int(counted[0]) if counted else 0
        if population == 0:
            raise ConfigurationError(f"{dataset.id}: the newest run left no row to look at")
        places = random.Random(seed).sample(range(1, population + 1), min(size, population))
        cells = ", ".join(f'"{name}"::varchar' for name in columns)
        # No column of a dataset begins with an underscore.
        rows = connection.execute(
            f"with placed as (select {key}, row_number() over (order by {key}) as _place "
            f"from {parquet(mart)}) select {cells} from {parquet(mart)} "
            f"join placed using ({key}) where _place in ({', '.join(map(str, places))}) "
            "order by _place"
        ).fetchall()
    return Sample(
        content_hash=hash_file(mart),
        population=population,
        seed=seed,
        columns=columns,
        rows=rows,
    )


def estimate(marks: Sequence[Marks], *, population: int, columns: Sequence[str]) -> Estimate:
    """The error rates that follow from a checked sample: of rows, of cells, and per column.

    Rows that could not be judged are left out and counted.

    Raises:
        ConfigurationError: no row could be judged.
    """
    judged = [one for one in marks if one.verdict != "unsure"]
    if not judged:
        raise ConfigurationError("no row of the sample could be judged, so it says nothing")
    wrong_rows = sum(one.verdict == "wrong" for one in judged)
    wrong_by_column = {name: sum(name in one.wrong_columns for one in judged) for name in columns}
    is_whole = len(judged) == population
    cells = len(judged) * len(columns)

    def rate(wrong: int, checked: int, of_all: int) -> RateRecord:
        return cast(RateRecord, asdict(_rate(wrong, checked, of_all, is_whole=is_whole)))

    return {
        "population": population,
        "sampled": len(marks),
        "unsure": len(marks) - len(judged),
        "is_whole": is_whole,
        "confidence": CONFIDENCE,
        "rows": rate(wrong_rows, len(judged), population),
        "cells": rate(sum(wrong_by_column.values()), cells, population * len(columns)),
        "columns": {
            name: rate(wrong, len(judged), population) for name, wrong in wrong_by_column.items()
        },
        "notes": _notes(len(judged), population, is_whole=is_whole),
    }


def in_words(rate: RateRecord, of_what: str) -> str:
    """A rate as police departments print theirs: `1.78 % of rows (374 of 21,014)`."""
    share = percent(rate["rate"])
    return f"{share} of {of_what} ({rate['wrong']:,} of {rate['checked']:,})"


def percent(share: float) -> str:
    """A share in per cent, two digits."""
    return f"{100 * share:.2f} %"


def marks_hash(marks: Mapping[str, Marks]) -> str:
    """One hash for what was found, whatever the order of the rows."""
    said = [[name, one.verdict, sorted(one.wrong_columns)] for name, one in sorted(marks.items())]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _rate(wrong: int, checked: int, of_all: int, *, is_whole: bool) -> Rate:
    share = wrong / checked
    # Where every row was checked nothing is left to chance.
    low, high = (share, share) if is_whole else exact_interval(wrong, checked)
    unchecked = of_all - checked
    return Rate(
        wrong=wrong,
        checked=checked,
        rate=share,
        low=low,
        high=high,
        probably=round(share * of_all),
        # What was found is certain, and what was found right as well.
        at_least=max(wrong, round(low * of_all)),
        at_most=min(wrong + unchecked, round(high * of_all)),
    )


def _notes(judged: int, population: int, *, is_whole: bool) -> list[str]:
    if is_whole:
        return ["Every row was checked: the rates are exact, and the intervals have no width."]
    return [
        f"{judged:,} of {population:,} rows were checked ({percent(judged / population)}). The intervals "
        "take the dataset for endless; as it is not, they are a little wider than they need be.",
        "Cells of one row are often wrong together: the interval for all cells is a little narrow, "
        "those for rows and for single columns are not.",
    ]
