"""Weights of linkage: `python -m orchestration.evaluation.training DATASET_FILE --seeds 1 2 3`.

What belongs here: counting how often each level is met among pairs of one event and among others,
on generated rows whose truth is known; and, where no truth is at hand, Splink's own estimate by
expectation maximisation. A run never trains: it reads what was kept beside the dataset file.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from math import exp, log
from pathlib import Path
from typing import Any

import duckdb

from orchestration.cleaning.comparisons import (
    KEY,
    LEVELS,
    Weight,
    Weights,
    compared_columns,
    prepared_columns,
    splink_settings,
    write_weights,
)
from orchestration.cleaning.linkage import score_pairs, splink_in, weights_path, work_database
from orchestration.dataset import Comparison, Dataset, load_dataset
from orchestration.duck import connect, parquet
from orchestration.errors import ConfigurationError

"""Where the trained weights of every dataset lie: `<id>.json`."""
_DIGITS = 9
_SMOOTHING = 0.5
_HELD = 2.0
"""How strongly a fitted weight is held to what its level says by itself: as by so many pairs."""
_ROUNDS = 60


def train(
    dataset: Dataset, *, seeds: Sequence[int], rows: int, per_day: float | None = None
) -> Weights:
    """Weights from planted duplicates: of each seed so many rows, the same for the same arguments.

    Raises:
        ConfigurationError: the dataset file has no `duplicates`.
    """
    from orchestration.evaluation.duplicate_truth import plant, write_rows

    duplicates = dataset.duplicates
    if duplicates is None:
        raise ConfigurationError(f"{dataset.id}: duplicates: the dataset file has no such section")
    compared = compared_columns(duplicates)
    patterns: dict[tuple[bool, ...], int] = {}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            planted = plant(dataset, rows=rows, seed=seed, folder=folder, per_day=per_day)
            write_rows(planted, folder / "rows.parquet")
            with connect(spill=folder) as connection:
                found = _labelled_patterns(
                    connection, dataset, list(planted.same), rows=parquet(folder / "rows.parquet")
                )
        for pattern, count in found.items():
            patterns[pattern] = patterns.get(pattern, 0) + count
    return weights_of_patterns(
        patterns,
        compared,
        within_minutes=duplicates.within_minutes,
        note={
            "trained_by": "python -m orchestration.evaluation.training",
            "seeds": list(seeds),
            "rows_per_seed": rows,
            "events_per_day": per_day or "the sample's own",
            "pairs": sum(patterns.values()),
            "pairs_of_one_event": sum(count for pattern, count in patterns.items() if pattern[0]),
            "versions": {name: version(name) for name in ("splink", "duckdb")},
        },
    )


def _labelled_patterns(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    same: list[tuple[str, str]],
    *,
    rows: str,
) -> dict[tuple[Any, ...], int]:
    """How many pairs have which truth and levels: (same event, level number per column) to count."""
    import pyarrow as pa

    assert dataset.duplicates is not None
    compared = compared_columns(dataset.duplicates)
    truth = pa.table({"left_key": [one[0] for one in same], "right_key": [one[1] for one in same]})
    connection.register("linkage_truth", truth)
    try:
        with work_database(connection) as work:
            score_pairs(
                connection, dataset.key, dataset.duplicates, work=work, rows=rows, weights=None
            )
            levels = ", ".join(f'"gamma_{one.column}"' for one in compared)
            found = connection.sql(
                f"""select truth.left_key is not null, {levels}, count(*) as pairs
                    from {work}.scored left join linkage_truth as truth
                        using (left_key, right_key)
                    group by all order by all"""
            ).fetchall()
    finally:
        connection.unregister("linkage_truth")
    return {row[:-1]: row[-1] for row in found}


def weights_of_patterns(
    patterns: Mapping[tuple[Any, ...], int],
    compared: Sequence[Comparison],
    *,
    within_minutes: int,
    note: Mapping[str, Any],
) -> Weights:
    """Weights of levels that tell pairs of one event from the others best, all columns together.

    Columns that agree or differ together (an arrival and a closing) would count twice if each were
    counted by itself, so the weights are a logistic regression held near those single counts. Only
    the ratio of m and u matters to a score; they are given so that they add up to 1.
    """
    import numpy as np

    places = [
        (column, number)
        for column, one in enumerate(compared, start=1)
        for number in range(len(LEVELS[one.how]))
    ]
    met = np.array(
        [[1.0, *(pattern[column] == number for column, number in places)] for pattern in patterns]
    )
    same = np.array([float(pattern[0]) for pattern in patterns])
    counts = np.array([float(count) for count in patterns.values()])
    start = np.array([_log_odds(counts[same == 1].sum(), counts[same == 0].sum())])
    single = []
    for column, number in places:
        known = np.array([pattern[column] >= 0 for pattern in patterns])
        here = np.array([pattern[column] == number for pattern in patterns])
        shares = [
            (counts[here & (same == truth)].sum() + _SMOOTHING)
            / (counts[known & (same == truth)].sum() + 1)
            for truth in (1, 0)
        ]
        single.append(np.log(shares[0] / shares[1]))
    start = np.concatenate((start, single))
    fitted = start.copy()
    held = np.full(len(fitted), _HELD)
    held[0] = 0.0
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(met @ fitted, -30, 30)))
        slope = met.T @ (counts * (same - chance)) - held * (fitted - start)
        bend = (met * (counts * chance * (1 - chance))[:, None]).T @ met + np.diag(held + 1e-9)
        step = np.linalg.solve(bend, slope)
        fitted += np.clip(step, -1, 1)
    ratios = dict(zip(places, (float(value) for value in fitted[1:]), strict=True))
    return Weights(
        within_minutes=within_minutes,
        match_share=round(1 / (1 + exp(-float(fitted[0]))), _DIGITS),
        levels={
            one.column: {
                name: _weight(ratios[column, len(LEVELS[one.how]) - 1 - place])
                for place, name in enumerate(LEVELS[one.how])
            }
            for column, one in enumerate(compared, start=1)
        },
        note=note,
    )


def _log_odds(hits: float, misses: float) -> float:
    return log((hits + _SMOOTHING) / (misses + _SMOOTHING))


def _weight(log_ratio: float) -> Weight:
    return Weight(
        m=round(1 / (1 + exp(-log_ratio)), _DIGITS), u=round(1 / (1 + exp(log_ratio)), _DIGITS)
    )


def train_unlabelled(
    connection: duckdb.DuckDBPyConnection,
    compared: Sequence[Comparison],
    *,
    rows: str,
    key: str,
    rules: Sequence[str],
    certain: Sequence[str],
    seed: int,
) -> list[tuple[str, str, float]]:
    """Scores pairs by weights that Splink estimates from the rows alone: left, right, score.

    ``rules`` are the pairs to compare, in SQL on `l` and `r`; ``certain`` are rules that hardly ever
    bring two together that are not one. It is how the machinery is measured on data that is not ours.
    """
    prepared = ", ".join(f'{sql} as "{name}"' for name, sql in prepared_columns(compared).items())
    with work_database(connection) as work:
        connection.execute(
            f'create table {work}.prepared as select cast("{key}" as varchar) as {KEY}, {prepared} '
            f"from {rows} order by {KEY}"
        )
        settings = splink_settings(compared, weights=None, within_minutes=60, rules=rules)
        with splink_in(connection, work) as splink:
            from splink import Linker

            linker = Linker(splink.register("prepared"), settings, log_level=None)
            training = linker.training
            training.estimate_probability_two_random_records_match(list(certain), recall=0.8)
            training.estimate_u_using_random_sampling(max_pairs=2e6, seed=seed)
            for rule in certain:
                training.estimate_parameters_using_expectation_maximisation(rule)
            scores = linker.inference.predict(warning_mode="never").physical_name
            found = splink.duckdb_con.execute(
                f"select {KEY}_l, {KEY}_r, round(match_probability, {_DIGITS}) from {scores} "
                "order by all"
            ).fetchall()
    return [(left, right, score) for left, right, score in found]


def main() -> None:
    """Trains the weights of one dataset file and keeps them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset_file", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--per-day", type=float, default=None)
    parser.add_argument("--out", type=Path, help="folder; that of the dataset file where none")
    chosen = parser.parse_args()
    dataset = load_dataset(chosen.dataset_file)
    weights = train(dataset, seeds=chosen.seeds, rows=chosen.rows, per_day=chosen.per_day)
    write_weights(weights, weights_path(chosen.out or chosen.dataset_file.parent, dataset.id))


if __name__ == "__main__":
    main()
