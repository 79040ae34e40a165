"""Truth for people who share an event: two subjects of one stop are two rows, however alike.

What belongs here: subjects planted beside others of their event, taken through the two modelled
layers as a run would take them, and a count of those that were merged, lost or linked. What does not:
any other near duplicate (``duplicate_truth.py``). No source is shared with what is measured but the
generator.
"""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.dataset import LINK, Dataset, plain_heading
from orchestration.duck import connect, parquet, sql_path
from orchestration.settings import Settings
from orchestration.sources.sample import generate
from orchestration.steps.modelled_layer import deduplicate, standardize

PLANTED_SHARE = 0.2
"""Lines that get another subject of their event beside them."""
KINDS = ("another_person", "another_age", "nothing_else")
"""In what the planted subject differs: in all that is known of a person, in the age, in its number
alone (two boys of one age and build)."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What became of planted subjects, by kind: how many there were, and how many were not kept apart."""

    planted: Mapping[str, int]
    harmed: Mapping[str, int]


def has_subjects(dataset: Dataset) -> bool:
    """Whether a row is one of several people of an event: its key is made of both, one line a row."""
    return len(dataset.key_from) > 1 and dataset.grain.line == dataset.grain.published


def keep_subjects_apart(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    *,
    rows: int,
    seed: int,
    folder: Path,
) -> Kept:
    """Plants subjects into generated lines and takes them through both layers."""
    lines = _generated(dataset, rows=rows, seed=seed, folder=folder)
    planted = _plant(dataset, lines, random.Random(seed))
    _write_lines(dataset, [*lines, *(line for line, _, _ in planted)], folder / "lines.parquet")
    for layer in ("standardized", "deduplicated"):
        (folder / layer).mkdir()
    standardize(
        settings, datasets, dataset, parquet(folder / "lines.parquet"), (), folder / "standardized"
    )
    nothing = "(select '' as _extract_id, 0 as _line, '' as rule_id, false as waits where false)"
    staged = parquet(folder / "standardized" / f"stg_{dataset.id}.parquet")
    deduplicate(settings, datasets, dataset, staged, nothing, (), folder / "deduplicated")
    with connect(spill=folder) as connection:
        mart = connection.sql(f"from {parquet(folder / 'deduplicated' / f'{dataset.id}.parquet')}")
        link = LINK if LINK in mart.columns else "null"
        found = dict(mart.select(f"{dataset.key}, {link}").fetchall())
    counts = dict.fromkeys(KINDS, 0)
    harmed = dict.fromkeys(KINDS, 0)
    for line, beside, kind in planted:
        keys = [_key(dataset, one) for one in (line, beside)]
        counts[kind] += 1
        harmed[kind] += any(key not in found or found[key] is not None for key in keys)
    return Kept(planted=counts, harmed=harmed)


Line = dict[str, str | None]


def _generated(dataset: Dataset, *, rows: int, seed: int, folder: Path) -> list[Line]:
    (extract,) = generate(
        folder / "extract",
        rows=rows,
        seed=seed,
        as_of=date(2026, 3, 1),
        datasets=[dataset.id],
        compress=False,
    )
    named = {
        plain_heading(heading): column.name
        for column in dataset.landed
        for heading in column.headings
    }
    with extract.open(encoding=dataset.source.encoding, newline="") as file:
        return [
            {named[plain_heading(name)]: cell or None for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]


def _plant(
    dataset: Dataset, lines: Sequence[Line], chance: random.Random
) -> list[tuple[Line, Line, str]]:
    """Another subject of a line's event, the line, and in what the two differ."""
    subject = dataset.key_from[-1]
    people = [one.name for one in dataset.landed if one.person == "private" and one.name != subject]
    ages = [name for name in people if name.endswith("_age")]
    made = []
    for number, line in enumerate(chance.sample(lines, round(len(lines) * PLANTED_SHARE))):
        kind = KINDS[number % len(KINDS)]
        other = {**line, subject: f"planted {number}"}
        if kind == "another_person":
            donor = chance.choice(lines)
            other |= {name: donor[name] for name in people}
        elif kind == "another_age":
            other |= {name: str(chance.randint(17, 70)) for name in ages}
        made.append((other, line, kind))
    return made


def _key(dataset: Dataset, line: Line) -> str:
    return "-".join((line[name] or "").strip() for name in dataset.key_from)


def _write_lines(dataset: Dataset, lines: Sequence[Line], target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = {
        one.name: pa.array([line.get(one.name) for line in lines], pa.string())
        for one in dataset.landed
    }
    count = len(lines)
    pq.write_table(pa.table(texts), target.with_suffix(".cells"))
    with connect() as connection:
        connection.execute(
            f"copy (select 'planted' as _extract_id, row_number() over () as _line, "
            f"timestamp '2026-03-01' as _extracted_at, '{dataset.grain.line}' as _grain, "
            f"null::varchar as _parse_error, cells.* from (from {parquet(target.with_suffix('.cells'))} "
            f"limit {count}) as cells) to {sql_path(target)} (format parquet)"
        )
