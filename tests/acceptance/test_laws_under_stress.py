"""Two runs at once, another order of files and rows, kills, and columns nobody listed.

The full campaign of kills runs under `make soak`; a short one always.
"""

import csv
import gzip
import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.sources.sample import generate
from tests.acceptance.city import City, environment_of
from tests.soak import SOAK

FORCE = "use_of_force"
CALLS = "calls_for_service"
KILLS = 10 if SOAK else 3
RERUN_SECONDS = 120


def _summerware(city: City, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).parent / "summerware"), *words],
        env=environment_of(city),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _snapshot_rows(city: City, dataset: str) -> list[tuple[object, ...]]:
    return duckdb.sql(f"select * from '{city.snapshot(dataset)}'").fetchall()


def test_two_runs_at_once_never_mix(new_city: Callable[[], City]) -> None:
    """Two extracts of one dataset at once: own tables each, one publication after the other."""
    city = new_city()
    days = [date(2026, 3, 2), date(2026, 3, 9)]
    folders = []
    for day in days:
        folder = city.root / f"drop-{day}"
        generate(folder, rows=2_000, seed=7, as_of=day, since=days[0], datasets=[FORCE])
        folders.append(folder)
    assert city.run(FORCE, extracts_dir=folders[0], dry_run=True).exit_code == 0
    runs = [_summerware(city, "run", FORCE, "--extracts", str(folder)) for folder in folders]
    said = [run.communicate(timeout=RERUN_SECONDS)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    for layer in ("standardized", "deduplicated"):
        for made in city.state.layers(FORCE, layer):
            assert city.state.layer(made.upstream_id or "").run_id == made.run_id
    done = city.state.publications(FORCE, states=("verified", "unchanged"))
    times = sorted((one.planned_at, one.verified_at or "") for one in done)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(times))
    # Whichever came first, the newer extract is what stands; a row that it quarantines is held back.
    alone = new_city()
    assert alone.run(FORCE, extracts_dir=folders[1]).exit_code == 0
    keys, changes = city.snapshot(FORCE), city.snapshot(FORCE).with_name("changes.parquet")
    standing = duckdb.sql(
        f"select pib_file_number from '{keys}' anti join (select row_key from '{changes}' "
        "where change = 'held_back') on pib_file_number = row_key"
    ).fetchall()
    assert (
        standing == duckdb.sql(f"select pib_file_number from '{alone.snapshot(FORCE)}'").fetchall()
    )


def _shuffled(file: Path, target: Path, seed: int) -> None:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as source:
        header, *rows = list(csv.reader(source))
    random.Random(seed).shuffle(rows)
    with gzip.open(target, "wt", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([header, *rows])


@pytest.mark.parametrize("dataset", [FORCE, CALLS])
def test_order_of_rows_and_files_decides_nothing(
    new_city: Callable[[], City], dataset: str
) -> None:
    """Shuffled rows under other file names give byte-identical published rows."""
    city, other = new_city(), new_city()
    drop, shuffled = city.root / "drop", city.root / "shuffled"
    generate(drop, rows=3_000, seed=11, as_of=date(2026, 3, 2), days=2, datasets=[dataset])
    (shuffled / dataset).mkdir(parents=True)
    for number, file in enumerate(sorted((drop / dataset).glob("*.csv.gz"))):
        day = file.name.split("_")[-1]
        _shuffled(file, shuffled / dataset / f"{'ba'[number]}_{day}", seed=number)
    assert city.run(dataset, extracts_dir=drop).exit_code == 0
    first, first_fates = city.snapshot(dataset).read_bytes(), city.ledger(dataset)["fates"]
    assert other.run(dataset, extracts_dir=shuffled).exit_code == 0
    assert other.snapshot(dataset).read_bytes() == first
    assert other.ledger(dataset)["fates"] == first_fates


@pytest.mark.campaign
def test_killed_at_any_moment_the_next_run_finishes(new_city: Callable[[], City]) -> None:
    """`kill -9` at random moments, then a rerun under a time limit: as if nothing had happened."""
    city = new_city()
    drop = city.root / "drop"
    generate(drop, rows=6_000, seed=5, as_of=date(2026, 3, 2), datasets=[FORCE])
    started = time.monotonic()
    undisturbed = _summerware(city, "run", FORCE, "--extracts", str(drop))
    said, _ = undisturbed.communicate(timeout=RERUN_SECONDS)
    assert undisturbed.returncode == 0, said
    length = time.monotonic() - started
    wanted = _snapshot_rows(city, FORCE)
    chance = random.Random(2026)
    for _ in range(KILLS):
        victim = new_city()
        run = _summerware(victim, "run", FORCE, "--extracts", str(drop))
        time.sleep(chance.uniform(0.3, 1.0) * length)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        begun = time.monotonic()
        assert victim.run(FORCE, extracts_dir=drop).exit_code == 0
        assert time.monotonic() - begun < RERUN_SECONDS
        assert _snapshot_rows(victim, FORCE) == wanted
        assert victim.portal_rows("Use of Force") == len(wanted)


def test_unlisted_columns_are_nowhere_in_the_clear(new_city: Callable[[], City]) -> None:
    """`Officer_Name` and `Officer_Badge_ID` appear: nothing of them is kept, logged or sent."""
    city = new_city()
    drop = city.root / "drop"
    generate(drop, rows=1_000, seed=3, as_of=date(2026, 3, 2), datasets=[CALLS])
    (file,) = (drop / CALLS).glob("*.csv.gz")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as source:
        header, *rows = list(csv.reader(source))
    with gzip.open(file, "wt", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*header, "Officer_Name", "Officer_Badge_ID"])
        writer.writerows([*row, "Canary Quackenbush", "BADGE-773311"] for row in rows)
    run = _summerware(city, "run", CALLS, "--extracts", str(drop))
    said, _ = run.communicate(timeout=RERUN_SECONDS)
    assert run.returncode == 0, said
    assert "officer_name" in said
    assert "officer_badge_id" in said
    for canary in ("Quackenbush", "BADGE-773311"):
        assert canary not in said
        for path in city.everything():
            assert canary.encode() not in path.read_bytes(), path
    again = _summerware(city, "run", CALLS, "--extracts", str(drop))
    said, _ = again.communicate(timeout=RERUN_SECONDS)
    assert again.returncode == 0
    assert "officer_name" not in said
