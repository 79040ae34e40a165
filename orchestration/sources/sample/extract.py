"""One extract file and the truth about it.

What belongs here: repeating lines, writing the file, and the three tables and the summary that say
what is wrong with it. Where files lie and how many units there are is ``generator.py``'s.

The truth counts lines from 1, header not counted. ``repeats`` names for every line that equals an
earlier one the first such line; ``damage`` names every cell that is not what it was meant to be;
``changes`` (from the second extract on) every cell of a line that the previous extract had too and
that reads differently now.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.sample.batch import Array, Batch, Source, Stretch, as_mask
from orchestration.sources.sample.dirt import Cells, soil
from orchestration.sources.sample.render import bytes_of, csv_lines

# Level 1 is three times as fast as the default and costs a fifth more space.
_GZIP_LEVEL = 1
_COINCIDENCE = "coincidence"


class Sink(Protocol):
    """A file to write to, packed or not."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Take some bytes."""


@dataclass
class Tally:
    """What the summary says."""

    units: int = 0
    new_units: int = 0
    lines: int = 0
    repeats: Counter[str] = field(default_factory=Counter)
    damage: dict[str, Counter[str]] = field(default_factory=dict)
    changes: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Files:
    """Open files of one extract."""

    extract: Sink
    repeats: Sink
    damage: Sink
    changes: Sink | None


def write_extract(
    source: Source,
    stretches: list[tuple[Stretch, int]],
    *,
    day: int,
    made_on: date,
    path: Path,
    truth: Path,
) -> None:
    """Write one extract (stretches with the number of lines to repeat in each) and its truth."""
    stem = f"{source.name}_{made_on.isoformat()}"
    tally = Tally()
    with ExitStack() as stack:

        def opened(where: Path, header: str) -> Sink:
            file = stack.enter_context(_whole_or_nothing(where))
            file.write(f"{header}\n".encode())
            return file

        files = Files(
            extract=stack.enter_context(_whole_or_nothing(path)),
            repeats=opened(truth / f"{stem}_repeats.csv", "line,repeats_line,kind"),
            damage=opened(truth / f"{stem}_damage.csv", "line,column,kind,from,to"),
            changes=opened(truth / f"{stem}_changes.csv", "line,column,kind,from,to")
            if day
            else None,
        )
        header = csv_lines([pa.array([name]) for name in source.spec.columns])
        files.extract.write(bytes_of(header))
        for stretch, repeats in stretches:
            _write_stretch(source, stretch, repeats, day=day, files=files, tally=tally)
    summary = _summary(source, tally, day=day, made_on=made_on, file=path.name)
    (truth / f"{stem}.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _whole_or_nothing(path: Path) -> Iterator[Sink]:
    """A file that has its name only when it is complete; gzip without time or name inside."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", compresslevel=_GZIP_LEVEL, fileobj=raw, mtime=0) as packed:
                yield packed
        else:
            yield raw
    part.replace(path)


def _write_stretch(
    source: Source, stretch: Stretch, repeats: int, *, day: int, files: Files, tally: Tally
) -> None:
    batch = Batch(source, stretch, day)
    cells = soil(batch)
    texts = csv_lines([cells.now[name] for name in source.spec.columns])
    origin = _repeated(batch, repeats)
    out = texts.take(pa.array(origin))
    files.extract.write(bytes_of(out))
    offset = tally.lines + 1
    _tell_repeats(out, origin, source.spec.repeats.kind, offset, files, tally)
    _tell_damage(cells, origin, offset, files, tally)
    if files.changes is not None and stretch.born < day:
        previous = soil(Batch(source, stretch, day - 1))
        _tell_changes(previous, cells, origin, offset, files.changes, tally)
    tally.lines += len(origin)
    tally.units += stretch.units
    tally.new_units += stretch.units if stretch.born == day else 0


def _repeated(batch: Batch, count: int) -> Array:
    """For each line of the file, the line of the batch that it is a copy of."""
    lines = batch.size(batch.bottom)
    rng = batch.stream("repeats")
    copied = np.sort((rng.random(count) * lines).astype(np.int64))
    if batch.spec.repeats.place == "beside":
        place = copied + 0.5
    else:
        place = copied + 0.5 + rng.random(count) * (lines - copied)
    order = np.argsort(np.concatenate((np.arange(lines, dtype=float), place)), kind="stable")
    return np.concatenate((np.arange(lines), copied))[order]


def _tell_repeats(
    out: Any, origin: Array, kind: str, offset: int, files: Files, tally: Tally
) -> None:
    codes = out.dictionary_encode().indices.to_numpy()
    _, first, back = np.unique(codes, return_index=True, return_inverse=True)
    first = first[back]
    line = np.arange(len(origin))
    repeats = np.flatnonzero(first != line)
    seen, first_of = np.unique(origin, return_index=True)
    planted = first_of[np.searchsorted(seen, origin)] != line
    kinds = pa.array([_COINCIDENCE, kind]).take(pa.array(planted[repeats].astype(np.int64)))
    _write_rows(
        files.repeats, [pa.array(repeats + offset), pa.array(first[repeats] + offset), kinds]
    )
    tally.repeats.update({name: n for name, n in _counted(kinds).items() if n})


def _tell_damage(cells: Cells, origin: Array, offset: int, files: Files, tally: Tally) -> None:
    parts = []
    for column in cells.batch.spec.columns:
        line = np.flatnonzero(cells.damaged(column)[origin])
        if len(line):
            at = pa.array(origin[line])
            kinds = pa.array(cells.kinds).take(pa.array(cells.marks[column][origin[line]]))
            tally.damage.setdefault(column, Counter()).update(_counted(kinds))
            parts.append((line, column, kinds, cells.clean[column], cells.now[column], at))
    _write_cells(files.damage, parts, offset)


def _tell_changes(
    before: Cells, now: Cells, origin: Array, offset: int, file: Sink, tally: Tally
) -> None:
    parts = []
    spec = now.batch.spec
    for column in spec.columns:
        old, new = before.now[column], now.now[column]
        differs = as_mask(pc.not_equal(pc.fill_null(old, ""), pc.fill_null(new, "")))
        line = np.flatnonzero(differs[origin])
        if len(line):
            kind = "volatile" if column in spec.volatile else "changed"
            tally.changes.setdefault(column, Counter()).update({kind: len(line)})
            kinds = pa.array([kind] * len(line))
            parts.append((line, column, kinds, old, new, pa.array(origin[line])))
    _write_cells(file, parts, offset)


def _write_cells(file: Sink, parts: list[tuple[Any, ...]], offset: int) -> None:
    """Rows (line, column, kind, from, to), by line and within it in the order of the columns."""
    if not parts:
        return
    lines = np.concatenate([part[0] for part in parts])
    order = pa.array(np.argsort(lines, kind="stable"))
    columns = [
        pa.array(lines + offset),
        pa.concat_arrays([pa.array([name] * len(line)) for line, name, *_ in parts]),
        pa.concat_arrays([part[2] for part in parts]),
        pa.concat_arrays([part[3].take(part[5]) for part in parts]),
        pa.concat_arrays([part[4].take(part[5]) for part in parts]),
    ]
    _write_rows(file, [column.take(order) for column in columns])


def _write_rows(file: Sink, columns: list[Any]) -> None:
    texts = [pc.cast(column, pa.string()) for column in columns]
    file.write(bytes_of(csv_lines(texts)))


def _counted(values: Any) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(values).to_pylist()}


def _summary(source: Source, tally: Tally, *, day: int, made_on: date, file: str) -> dict[str, Any]:
    def ordered(counts: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
        return {name: dict(sorted(kinds.items())) for name, kinds in counts.items()}

    return {
        "dataset": source.name,
        "extract": made_on.isoformat(),
        "file": file,
        "seed": source.seed,
        "key": source.spec.key,
        "lines": tally.lines,
        "units": tally.units,
        "new_units": tally.new_units if day else tally.units,
        "repeats": dict(sorted(tally.repeats.items())),
        "damage": ordered(tally.damage),
        "changes": ordered(tally.changes),
    }
