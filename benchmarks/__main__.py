"""`make bench`: the same million calls five ways, each in a process of its own, and the ratios.

Machines differ and are noisy: compare within one run. `python -m benchmarks --rows 200000` is the
quick version; `--big` adds ten times the rows for the pipeline and bare DuckDB.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

WAYS = {
    "clean": "bare DuckDB, the cleaning alone",
    "artefacts": "bare DuckDB, the same artefacts",
    "pipeline": "this pipeline, landing to publish-ready, all gates",
    "suspecting": "the same with spelling and near duplicates",
    "pandas": "pandas and GX on pandas",
}
DAY = date(2026, 3, 1)


@dataclass(frozen=True)
class Timing:
    """One way's whole process: seconds, seconds by step, peak memory in MB."""

    seconds: float
    steps: dict[str, float]
    peak: float


def measure(way: str, folder: Path, environment: dict[str, str] | None = None) -> Timing:
    """Runs one way as a process of its own."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{way}", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{way} ended with status {status}")
    steps = json.loads(said.strip().splitlines()[-1])
    return Timing(seconds=seconds, steps=steps, peak=usage.ru_maxrss / 1024)


def make_extract(folder: Path, rows: int) -> None:
    """The extract that every way reads: one CSV of calls."""
    from orchestration.sources.sample import generate

    generate(folder, rows=rows, seed=7, as_of=DAY, datasets=["calls_for_service"], compress=False)


def show(title: str, timings: dict[str, Timing]) -> None:
    """Prints one table."""
    print(f"\n{title}")
    print(f"{'way':<52} {'seconds':>8} {'in steps':>9} {'peak MB':>8}")
    for way, timing in timings.items():
        inside = sum(timing.steps.values())
        print(f"{WAYS[way]:<52} {timing.seconds:8.1f} {inside:9.1f} {timing.peak:8.0f}")
    for way, timing in timings.items():
        steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in timing.steps.items())
        print(f"  {way}: {steps}")


def start_up(folder: Path) -> float:
    """Seconds of a whole run of four datasets on extracts so small that only the start counts."""
    from orchestration.sources.sample import generate

    generate(folder / "small", rows=400, seed=7, as_of=DAY)
    environment = {"SUMMERWARE_HOME": str(folder / "home"), "SUMMERWARE_SETTLING_SECONDS": "0"}
    command = [str(Path(sys.executable).parent / "summerware"), "run", "--extracts"]
    seconds = 0.0
    for _ in range(2):  # the first run parses the models
        started = time.perf_counter()
        subprocess.run(
            [*command, str(folder / "small")],
            check=True,
            capture_output=True,
            env={**os.environ, **environment},
        )
        seconds = time.perf_counter() - started
    return seconds


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--big", action="store_true", help="ten times the rows as well")
    parser.add_argument("--without-pandas", action="store_true")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ways = [way for way in WAYS if way != "pandas" or not options.without_pandas]
    with tempfile.TemporaryDirectory(prefix="summerware-bench-") as name:
        folder = Path(name)
        make_extract(folder / "extract", options.rows)
        timings = {way: measure(way, folder) for way in ways}
        show(f"{options.rows:,} calls", timings)
        ratio = sum(timings["pipeline"].steps.values()) / sum(timings["artefacts"].steps.values())
        print(f"pipeline / bare DuckDB, same artefacts: {ratio:.2f} (wanted: at most 1.5)")
        if "pandas" in timings:
            faster = sum(timings["pandas"].steps.values()) / sum(timings["pipeline"].steps.values())
            print(f"pandas / pipeline: {faster:.1f} (wanted: at least 5)")
        print(f"start-up, four small datasets: {start_up(folder):.1f} s (wanted: at most 25)")
    if options.big:
        _big(options.rows, timings["pipeline"])


def _big(rows: int, small: Timing) -> None:
    with tempfile.TemporaryDirectory(prefix="summerware-bench-") as name:
        folder = Path(name)
        make_extract(folder / "extract", rows * 10)
        timings = {way: measure(way, folder) for way in ("artefacts", "pipeline", "suspecting")}
        show(f"{rows * 10:,} calls", timings)
        ratio = sum(timings["pipeline"].steps.values()) / sum(small.steps.values())
        print(f"ten times the rows take {ratio:.1f} times as long (wanted: at most 11)")


if __name__ == "__main__":
    main()
