"""`python -m benchmarks.linkage`: near duplicates of the same calls, ours and Splink's defaults.

Each way is a process of its own, one after the other: seconds, peak memory, and the ratio. Splink's
way is its documentation's: comparisons by its library's defaults, two blocking rules, training by
random sampling and expectation maximisation, prediction. `--big` adds ten times the rows for ours.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

WAYS = ("ours", "splink")
SOURCE = "calls_for_service"
DAY = date(2026, 3, 1)
NO_DECISIONS = (
    "(select '' as left_key, '' as right_key, '' as verdict, '' as decision_id where false)"
)


def make_rows(folder: Path, rows: int) -> None:
    """Calls of the generator under their published names, one per key, as Parquet."""
    from orchestration.dataset import load_dataset, plain_heading
    from orchestration.duck import connect, copy_to_parquet, quoted, sql_path
    from orchestration.sources.sample import generate

    (extract,) = generate(
        folder, rows=round(rows * 1.16), seed=7, as_of=DAY, datasets=[SOURCE], compress=False
    )
    dataset = load_dataset(_datasets() / f"{SOURCE}.yaml")
    named = {
        plain_heading(heading): column for column in dataset.columns for heading in column.headings
    }
    with connect(spill=folder) as connection:
        source = f"read_csv({sql_path(extract)}, all_varchar = true, header = true)"
        chosen = []
        for heading, *_ in connection.sql(f"describe from {source}").fetchall():
            column = named[plain_heading(heading)]
            formats = ", ".join(map(quoted, column.formats))
            value = (
                f'try_strptime("{heading}", [{formats}])'
                if column.type == "timestamp"
                else f"nullif(trim(\"{heading}\"), 'POINT (0 0)')"
            )
            chosen.append(f'{value} as "{column.name}"')
        key = quoted(dataset.key).replace("'", '"')
        query = (
            f"select * from (select distinct on ({key}) {', '.join(chosen)} from {source}) "
            f"limit {rows}"
        )
        connection.execute(copy_to_parquet(query, folder / f"rows_{rows}.parquet"))
    extract.unlink()


def _datasets() -> Path:
    import orchestration

    return Path(orchestration.__file__).parent / "datasets"


def ours(rows: Path) -> int:
    """The project's linkage with its kept weights; gives the pairs compared."""
    from orchestration.cleaning.linkage import link, weights_path
    from orchestration.dataset import load_dataset
    from orchestration.duck import connect, parquet

    with connect(spill=rows.parent / "spill") as connection:
        return link(
            connection,
            load_dataset(_datasets() / f"{SOURCE}.yaml"),
            rows=parquet(rows),
            decisions=NO_DECISIONS,
            weights=weights_path(_datasets(), SOURCE),
            target=rows.with_name("pairs.parquet"),
        ).compared_pairs


def splink(rows: Path) -> int:
    """Splink as its documentation shows it: train, then predict; gives the pairs compared."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    api = DuckDBAPI()
    api.duckdb_con.execute(
        f"create table calls as select *, item_number as unique_id, "
        f"strftime(created_at, '%Y-%m-%d %H') as hour from '{rows}'"
    )
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("block_address"),
            cl.ExactMatch("call_type_code"),
            cl.ExactMatch("initial_call_type_code"),
            cl.ExactMatch("priority_code"),
            cl.ExactMatch("disposition_code"),
            cl.AbsoluteTimeDifferenceAtThresholds(
                "closed_at", input_is_string=False, metrics=["minute", "hour"], thresholds=[15, 1]
            ),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("hour", "block_address"),
            block_on("hour", "call_type_code", "zip_code"),
        ],
    )
    linker = Linker(api.register("calls"), settings, log_level=None)
    certain = block_on("hour", "block_address", "call_type_code")
    linker.training.estimate_probability_two_random_records_match([certain], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("hour", "block_address"), block_on("hour", "call_type_code")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    found = linker.inference.predict().physical_name
    counted = api.duckdb_con.sql(f"select count(*) from {found}").fetchone()
    return int(counted[0]) if counted else 0


def measure(way: str, rows: Path) -> dict[str, float]:
    """One way in a process of its own: seconds with start-up, peak in MB, pairs compared."""
    started = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.linkage", "--way", way, "--file", str(rows)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    said = json.loads(process.stdout.splitlines()[-1])
    return {"seconds": time.perf_counter() - started, **said}


def main() -> None:
    """Runs the ways on the same rows and prints what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--big", action="store_true", help="ten times the rows as well, ours only")
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--file", type=Path)
    chosen = parser.parse_args()
    if chosen.way:
        pairs = {"ours": ours, "splink": splink}[chosen.way](chosen.file)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"peak": peak, "pairs": pairs}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_rows(folder, chosen.rows)
        took = {way: measure(way, folder / f"rows_{chosen.rows}.parquet") for way in WAYS}
        for way, one in took.items():
            print(
                f"{way:8} {one['seconds']:7.1f} s {one['peak']:6.0f} MB {one['pairs']:>12,} pairs"
            )
        print(f"Splink's defaults take {took['splink']['seconds'] / took['ours']['seconds']:.1f}x")
        if chosen.big:
            make_rows(folder, chosen.rows * 10)
            one = measure("ours", folder / f"rows_{chosen.rows * 10}.parquet")
            times = one["seconds"] / took["ours"]["seconds"]
            print(f"ten times {one['seconds']:6.1f} s {one['peak']:6.0f} MB: {times:.1f}x")


if __name__ == "__main__":
    main()
