"""From a number of rows to files: which datasets, how many units, which stretches, which days.

What belongs here: sizes and places. What a line looks like is the specification's.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from orchestration.sources.sample.batch import UNITS, Source, Stretch
from orchestration.sources.sample.extract import write_extract
from orchestration.sources.sample.spec import HERE, Spec, load
from orchestration.sources.sample.timeline import Timeline


def available(specs: Path = HERE) -> list[str]:
    """Ids of the datasets that have a specification."""
    return sorted(path.stem for path in specs.glob("*.yaml"))


def generate(
    out: Path,
    *,
    rows: int,
    seed: int,
    as_of: date,
    datasets: Sequence[str] | None = None,
    days: int = 1,
    since: date | None = None,
    compress: bool = True,
    specs: Path = HERE,
) -> list[Path]:
    """Write sample extracts to ``out/<id>/<id>_YYYY-MM-DD.csv.gz`` and the truth to ``out/truth``.

    ``rows`` is the number of raw lines of the biggest dataset's first extract; the others have
    their share of it. ``days`` successive extracts are written, the last made on ``as_of`` at
    06:00 local time; each has all keys of the one before, new ones, and what became known since.
    The first of them is the same as with ``days=1`` for its own date. With ``since``, the day of the
    first extract, only the one of ``as_of`` is written, as if every day between had been too. The
    same arguments give the same bytes (with the same zlib, where the files are compressed).

    Raises:
        SpecError: a specification is wrong, or cannot hold so many rows.
        ValueError: there is no such dataset, or less than one row or day.
    """
    known = available(specs)
    wanted = list(datasets) if datasets is not None else known
    if unknown := sorted(set(wanted) - set(known)):
        raise ValueError(f"no sample specification for {unknown}: there are {known}")
    if rows < 1 or days < 1:
        raise ValueError(f"rows and days are at least 1, not {rows} and {days}")
    if since is not None:
        days = max((as_of - since).days + 1, 1)
    truth = out / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    suffix = ".csv.gz" if compress else ".csv"
    paths = []
    for name in wanted:
        described = specs / f"{name}.yaml"
        written = range(days) if since is None else range(days - 1, days)
        paths += _write_dataset(described, out, rows, seed, as_of, days, written, suffix)
    return paths


def _write_dataset(
    described: Path,
    out: Path,
    rows: int,
    seed: int,
    as_of: date,
    days: int,
    written: range,
    suffix: str,
) -> list[Path]:
    name, spec = described.stem, load(described)
    first = as_of - timedelta(days=days - 1)
    lines = min(rows, max(round(rows * spec.share), spec.at_least))
    units, repeats = _size(name, spec, seed, lines, first)
    timeline = Timeline.plan(spec.timeline, units=units, first_extract=first)
    source = Source(name=name, seed=seed, spec=spec, timeline=timeline, first_extract=first)
    stretches = _planned(source, units, repeats)
    (out / name).mkdir(parents=True, exist_ok=True)
    paths = []
    for day in range(days):
        if day:
            stretches += _new(source, day)
        if day not in written:
            continue
        made_on = first + timedelta(days=day)
        path = out / name / f"{name}_{made_on.isoformat()}{suffix}"
        write_extract(source, stretches, day=day, made_on=made_on, path=path, truth=out / "truth")
        paths.append(path)
    return paths


def _size(name: str, spec: Spec, seed: int, lines: int, first: date) -> tuple[int, int]:
    """Number of units whose lines, with the repeated ones, are just ``lines``."""
    own = max(1, round(lines * (1 - spec.repeats.share)))
    units, counted = own, own
    if len(spec.levels) > 1:
        units, counted = _fit(name, spec, seed, own, first)
    return units, max(0, lines - counted) if spec.repeats.share else 0


def _fit(name: str, spec: Spec, seed: int, lines: int, first: date) -> tuple[int, int]:
    """Most units that have not more than ``lines`` lines, and how many they have."""
    timeline = Timeline.plan(spec.timeline, units=1, first_extract=first)
    source = Source(name=name, seed=seed, spec=spec, timeline=timeline, first_extract=first)
    units = counted = 0
    while True:
        per_unit = source.lines_per_unit(Stretch(start=units, units=UNITS, born=0))
        total = np.concatenate(([0], np.cumsum(per_unit)))
        fitting = int(np.searchsorted(counted + total, lines, side="right")) - 1
        if units == 0:
            fitting = max(fitting, 1)
        units, counted = units + fitting, counted + int(total[fitting])
        if fitting < UNITS:
            return units, counted


def _planned(source: Source, units: int, repeats: int) -> list[tuple[Stretch, int]]:
    """The first extract, in stretches; the repeated lines go in proportion to units."""
    bounds = [*range(0, units, UNITS), units]
    done = [repeats * bound // units for bound in bounds]
    return [
        (Stretch(start=start, units=stop - start, born=0), until - since)
        for (start, stop), (since, until) in zip(pairwise(bounds), pairwise(done), strict=True)
    ]


def _new(source: Source, day: int) -> list[tuple[Stretch, int]]:
    """Units since the extract before, with their share of repeated lines."""
    start = source.timeline.units if day == 1 else source.timeline.starts_of_day(day - 1)
    stop = source.timeline.starts_of_day(day)
    made = []
    for low in range(start, stop, UNITS):
        stretch = Stretch(start=low, units=min(UNITS, stop - low), born=day)
        lines = int(source.lines_per_unit(stretch).sum())
        share = source.spec.repeats.share
        made.append((stretch, round(lines * share / (1 - share))))
    return made
