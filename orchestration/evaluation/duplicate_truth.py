"""Truth for near duplicates: clean rows, some entered twice, some only looking so; and the score.

What belongs here: a planter over rows of the sample generator and a scorer of pairs. What does not:
anything that looks for duplicates. Nothing here is shared with the linkage that is measured.

Rows of the generator that look alike by accident are two events and count as such. Two of its calls
share a block 1.6 times as often as two of the city's of 2022 do (13 against 8 pairs in 10,000), so
accidents are rather too many than too few.
"""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import combinations
from math import cos, pi, radians, sin
from pathlib import Path
from typing import Any

import yaml

from orchestration.dataset import Dataset, plain_heading
from orchestration.duck import connect, quoted, sql_path
from orchestration.shares import Share
from orchestration.sources.sample import generate
from orchestration.sources.sample.spec import HERE
from orchestration.yaml_text import parse_yaml

Row = dict[str, Any]
Pair = tuple[str, str]

REENTERED_SHARE = 0.03
"""Rows that are entered again, of all rows."""
LOOKALIKE_SHARE = 0.03
"""Rows that get a neighbour in time and place that is an event of its own."""
WITHHELD = ("withheld_point", "no_district", "details_withheld")
"""Dirt that stays: what the source withholds is blank in a clean row too."""
SAME_HOUSE = {"same_kind": 0.1, "other_kind": 0.25}
"""Lookalikes that stand at the very same exact point, where a dataset has one; the others are of
another house. Of the 91 records of 2016-11 with a place, 15 pairs share an address, and with it the
point to the last digit; 7 of them are of another kind, and no two addresses share a point."""
HOUSE_METRES = (8, 90)
"""How far another house of the block is: lots are 8 to 10 m wide, a block about 100 m long."""
NEXT_BLOCK_METRES = (60, 160)
NEXT_DOOR_METRES = (8, 20)
"""A second caller of one event who gives another house gives one or two further on."""
OWN_WORDS, A_LETTER_OFF = 0.2, 0.2
"""How often a second caller of one event says it all otherwise, or nearly the same."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a planter must know of a dataset's columns, by their published names."""

    key: str
    time: str
    place: str
    kind: tuple[str, ...]
    """Code and text of what happened."""
    first_kind: tuple[str, ...]
    """Code and text of what was first thought to have happened."""
    times: tuple[str, ...]
    """Other times of the row, each after the other."""
    ending: tuple[str, ...]
    """How it ended: what another unit, or another desk, may say otherwise."""
    points: tuple[str, ...]
    exact: tuple[str, ...]
    """Points that tell houses apart; they are internal, and coarse ones are made of them."""
    details: tuple[str, ...]
    """What the caller said."""
    may_lack: tuple[str, ...]
    """What a second entry may leave blank."""
    farthest: timedelta
    """How long after the first entry the second may come."""
    closed_together: float
    """How often both entries are closed at one time."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Rows with what is known of them."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    same: Mapping[Pair, str]
    """Pairs of one event, by the kind of their re-entry; keys in order."""
    lookalikes: Mapping[Pair, str]
    """Pairs planted to look like one event and not to be, by kind."""
    events: Mapping[str, int]
    """The event of every key."""


def shape_of(dataset: Dataset) -> Shape:
    """What the planter uses of a dataset, known from types and names of its columns alone.

    Raises:
        ValueError: the dataset names no time and place in `duplicates`.
    """
    duplicates = dataset.duplicates
    if duplicates is None:
        raise ValueError(f"{dataset.id}: has no `duplicates`")
    names = [column.name for column in dataset.columns]

    def listed(*endings: str, without: str | None = None) -> tuple[str, ...]:
        return tuple(
            name
            for name in names
            if name.endswith(endings) and not (without and name.startswith(without))
        )

    times = tuple(c.name for c in dataset.columns if c.type == "timestamp")
    later = tuple(name for name in times if name != duplicates.time)
    first = tuple(name for name in names if name.startswith("initial_"))
    kind = listed("type", "type_code", "type_text", "priority_code", without="initial_")
    points = listed("location", "latitude", "longitude")
    ending = listed("disposition_code", "disposition_text", "status")
    return Shape(
        key=dataset.key,
        time=duplicates.time,
        place=duplicates.place,
        kind=kind,
        first_kind=first,
        times=later,
        ending=ending,
        points=points,
        exact=tuple(
            c.name for c in dataset.columns if c.type == "point" and c.privacy == "internal"
        ),
        details=tuple(
            c.name
            for c in dataset.columns
            if c.name.endswith("description") and c.privacy == "internal"
        ),
        may_lack=(*first, *later, *points, *listed("zip_code", "disposition_code", "initiated")),
        farthest=timedelta(minutes=duplicates.within_minutes),
        closed_together=0.75 if first else 0.85,
    )


def plant(
    dataset: Dataset, *, rows: int, seed: int, folder: Path, per_day: float | None = None
) -> Planted:
    """Clean rows of the generator with re-entries and lookalikes, the same for the same arguments.

    ``per_day`` is how many events a day has, by default the city's own number.
    """
    shape = shape_of(dataset)
    columns, clean = _clean_rows(
        dataset, shape, rows=rows, seed=seed, folder=folder, per_day=per_day
    )
    return _Planter(shape, columns, clean, seed).planted()


def _clean_rows(
    dataset: Dataset, shape: Shape, *, rows: int, seed: int, folder: Path, per_day: float | None
) -> tuple[tuple[str, ...], list[Row]]:
    """One row per key under the published names: no dirt but what the source withholds."""
    specs = folder / f"specs_{seed}"
    shutil.copytree(HERE / "vocabulary", specs / "vocabulary")
    spec = parse_yaml((HERE / f"{dataset.id}.yaml").read_text(encoding="utf-8"))
    spec |= {"share": 1.0, "at_least": 1, "repeats": {**spec["repeats"], "share": 0.0}}
    spec["timeline"]["at_least_days"] = 1
    spec["timeline"]["per_day"] = per_day or spec["timeline"]["per_day"]
    spec["dirt"] = [one for one in spec["dirt"] if one["kind"] in WITHHELD]
    (specs / f"{dataset.id}.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    (extract,) = generate(
        folder / f"extracts_{seed}",
        rows=rows,
        seed=seed,
        as_of=date(2026, 3, 1),
        datasets=[dataset.id],
        compress=False,
        specs=specs,
    )
    named = {
        plain_heading(heading): column for column in dataset.columns for heading in column.headings
    }
    with connect() as connection:
        source = f"read_csv({sql_path(extract)}, all_varchar = true, header = true)"
        found = [one[0] for one in connection.sql(f"describe from {source}").fetchall()]
        chosen = {heading: named[plain_heading(heading)] for heading in found}
        typed = [
            f'try_strptime("{heading}", [{", ".join(map(quoted, column.formats))}])'
            if column.type == "timestamp"
            else f"nullif(nullif(\"{heading}\", 'None'), 'POINT (0 0)')"
            for heading, column in chosen.items()
        ]
        columns = tuple(column.name for column in chosen.values())
        clean = [
            dict(zip(columns, row, strict=True))
            for row in connection.sql(f"select {', '.join(typed)} from {source}").fetchall()
        ]
    for row in clean:
        row[shape.place] = _block_of(row[shape.place])
        for name in shape.points:
            row[name] = _coarse(row[name])
    return columns, clean


def _block_of(place: str | None) -> str | None:
    """`1766 ELYSIAN FIELDS AVE` as `017XX ELYSIAN FIELDS AVE`."""
    number, _, street = (place or "").partition(" ")
    if street and number.isdigit():
        return f"{int(number) // 100:03}XX {street.upper()}"
    return place.upper() if place else None


def _coarse(value: str | None) -> str | None:
    """A coordinate to three decimals, or a point as it is; what is no degree is blank."""
    if value is None or value.startswith(("POINT", "{")):
        return value
    degrees = float(value)
    return f"{degrees:.3f}" if abs(degrees) <= 180 else None


@dataclass
class _Planter:
    shape: Shape
    columns: tuple[str, ...]
    clean: list[Row]
    seed: int
    same: dict[Pair, str] = field(default_factory=dict)
    lookalikes: dict[Pair, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.again: dict[str, list[str]] = {}
        self.keys = {row[self.shape.key] for row in self.clean}
        self.by_kind: dict[str, list[Row]] = {}
        for row in self.clean:
            self.by_kind.setdefault(row[self.shape.kind[0]], []).append(row)

    def planted(self) -> Planted:
        """Every row once, then the planted ones, shuffled."""
        rows = list(self.clean)
        events = {row[self.shape.key]: number for number, row in enumerate(rows)}
        placed = [row for row in self.clean if row[self.shape.place]]
        late = [row for row in placed if row[self.shape.time].hour == 23]
        for row in self.random.sample(placed, round(len(self.clean) * REENTERED_SHARE)):
            kind = self.random.choices(list(_REENTRIES), list(_REENTRIES.values()))[0]
            if kind == "across_midnight":
                row = self.random.choice(late)
            self._enter_again(row, kind, rows, events)
        for row in self.random.sample(placed, round(len(self.clean) * LOOKALIKE_SHARE)):
            made, kind = self._lookalike(row)
            rows.append(made)
            events[made[self.shape.key]] = len(events)
            self.lookalikes[_pair(row[self.shape.key], made[self.shape.key])] = kind
        self.random.shuffle(rows)
        return Planted(
            columns=self.columns,
            rows=rows,
            same=self.same,
            lookalikes=self.lookalikes,
            events=events,
        )

    def _enter_again(self, row: Row, kind: str, rows: list[Row], events: dict[str, int]) -> None:
        """One more entry of an event, one time in twenty two."""
        first = row[self.shape.key]
        for _ in range(2 if self.random.random() < 0.05 else 1):
            again = self._reentry(row, kind)
            key = again[self.shape.key]
            rows.append(again)
            events[key] = events[first]
            self.same[_pair(first, key)] = kind
            for other in self.again.setdefault(first, []):
                self.same[_pair(other, key)] = "both_entered_again"
            self.again[first].append(key)

    def _reentry(self, row: Row, kind: str) -> Row:
        shape, chance = self.shape, self.random.random
        again = self._copy(row)
        again[shape.time] = row[shape.time] + self._delay(row, kind)
        self._move_times(row, again, kind)
        donor = self.random.choice(self.clean)
        if kind == "other_unit" or chance() < 0.25:
            again |= {name: donor[name] for name in shape.ending}
        if chance() < 0.08:
            again |= {name: donor[name] for name in shape.kind}
        elif chance() < 0.05:
            again |= {name: donor[name] for name in shape.first_kind}
        if kind == "letter_dropped" or chance() < 0.1:
            again[shape.place] = self._slip(row[shape.place])
            if chance() < 0.3:
                again |= dict.fromkeys(shape.points)
        elif chance() < 0.1:
            self._move_point(again, NEXT_DOOR_METRES)
        again |= {name: self._say_again(row, name) for name in shape.details}
        if kind == "missing_fields":
            lacking = self.random.sample(shape.may_lack, self.random.randint(1, 3))
            for name in lacking:
                again |= dict.fromkeys(shape.points if name in shape.points else [name])
        return again

    def _delay(self, row: Row, kind: str) -> timedelta:
        """How much later the second entry comes, in whole minutes, inside what is looked for."""
        longest = self.shape.farthest // timedelta(minutes=1)
        if kind == "hour_later":
            return timedelta(minutes=self.random.randint(longest * 4 // 9, longest * 5 // 6))
        if kind == "across_midnight":
            left = 60 - row[self.shape.time].minute
            return timedelta(minutes=left + self.random.randint(0, longest // 4))
        if kind == "moved_minutes":
            return timedelta(minutes=self.random.randint(-5, 5))
        return timedelta(minutes=self.random.randint(0, longest // 8))

    def _move_times(self, row: Row, again: Row, kind: str) -> None:
        """Later times of a second entry: the same, minutes off, or its own where it came too late."""
        together = self.random.random() < self.shape.closed_together
        for name in self.shape.times:
            moved = row[name]
            if moved is None:
                continue
            if kind in ("moved_minutes", "other_unit") or not together:
                moved += timedelta(minutes=self.random.randint(-10, 10))
            if moved < again[self.shape.time]:
                last = name == self.shape.times[-1]
                late = again[self.shape.time] + timedelta(minutes=self.random.randint(1, 20))
                moved = late if last else None
            again[name] = moved

    def _lookalike(self, row: Row) -> tuple[Row, str]:
        """An event of its own at the same block within minutes, with all else of another row."""
        kind = self.random.choices(list(_LOOKALIKES), list(_LOOKALIKES.values()))[0]
        shape = self.shape
        numbered = row[shape.place].partition("XX ")[0].isdigit()
        kind = "other_kind" if kind == "next_block" and not numbered else kind
        donor = self.random.choice(
            self.clean if kind == "other_kind" else self.by_kind[row[shape.kind[0]]]
        )
        while kind == "other_kind" and donor[shape.kind[0]] == row[shape.kind[0]]:
            donor = self.random.choice(self.clean)
        made = self._copy(donor)
        minutes = self.random.randint(0, shape.farthest // timedelta(minutes=6))
        made[shape.time] = row[shape.time] + timedelta(minutes=minutes)
        for name in shape.times:
            if donor[name] is not None:
                made[name] = made[shape.time] + (donor[name] - donor[shape.time])
        own = {shape.key, shape.time, *shape.times, *shape.kind, *shape.first_kind, *shape.ending}
        own |= {*shape.details}
        made |= {name: row[name] for name in self.columns if name not in own}
        made |= {name: donor[name] for name in self.columns if name.endswith("initiated")}
        if kind == "next_block":
            made[shape.place] = _next_block(row[shape.place])
            self._move_point(made, NEXT_BLOCK_METRES)
        elif shape.exact and self.random.random() >= SAME_HOUSE[kind]:
            self._move_point(made, HOUSE_METRES)
        return made, kind

    def _say_again(self, row: Row, name: str) -> str | None:
        """The details of one event as a second caller gives them."""
        said: str | None = row[name]
        chance = self.random.random()
        if said is None or chance >= OWN_WORDS + A_LETTER_OFF:
            return said
        if chance >= OWN_WORDS:
            return self._slip(said)
        other: str | None = self.random.choice(self.by_kind[row[self.shape.kind[0]]])[name]
        return other

    def _copy(self, row: Row) -> Row:
        """The row under a number that nobody has."""
        key = row[self.shape.key]
        while key in self.keys:
            key = key[:3] + "".join(
                self.random.choice("0123456789") if sign.isdigit() else sign for sign in key[3:]
            )
        self.keys.add(key)
        return {**{name: row[name] for name in self.columns}, self.shape.key: key}

    def _slip(self, place: str) -> str:
        """A letter of a street dropped, doubled, swapped with the next, or mistaken."""
        words = place.split(" ")
        long = [at for at, word in enumerate(words) if len(word) > 2 and word.isalpha()]
        if not long:
            return place
        at = self.random.choice(long)
        word = words[at]
        spot = self.random.randrange(len(word) - 1)
        slips: dict[Callable[[], str], int] = {
            lambda: word[:spot] + word[spot + 1 :]: 70,
            lambda: word[:spot] + word[spot] + word[spot:]: 10,
            lambda: word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]: 10,
            lambda: word[:spot] + self.random.choice("AEIORST") + word[spot + 1 :]: 10,
        }
        words[at] = self.random.choices(list(slips), list(slips.values()))[0]()
        return " ".join(words)

    def _move_point(self, row: Row, metres: tuple[int, int]) -> None:
        """A house or two further on: exact points by so many metres, others by about a hundred."""
        for name in self.shape.exact:
            if row[name] is not None:
                self._move_exact_point(row, name, metres)
        if self.shape.exact:
            return
        for name in self.shape.points:
            value = row[name]
            if value is None:
                continue
            step = self.random.choice((-0.001, 0.001))
            if value.startswith("POINT"):
                x, y = value.removeprefix("POINT (").removesuffix(")").split(" ")
                row[name] = f"POINT ({float(x) + step:.6f} {float(y) + step / 2:.6f})"

    def _move_exact_point(self, row: Row, name: str, metres: tuple[int, int]) -> None:
        """Another house: its point, and the coarse coordinates that are made of it."""
        point = json.loads(row[name])
        x, y = point["coordinates"]
        if abs(x) > 180:
            return
        way, far = self.random.uniform(0, 2 * pi), self.random.uniform(*metres)
        x += far * cos(way) / (METRES_OF_A_DEGREE * cos(radians(y)))
        y += far * sin(way) / METRES_OF_A_DEGREE
        point["coordinates"] = [round(x, 6), round(y, 6)]
        row[name] = json.dumps(point)
        for coarse in self.shape.points:
            if row[coarse] is not None and coarse.endswith(("longitude", "latitude")):
                row[coarse] = f"{x if coarse.endswith('longitude') else y:.3f}"


METRES_OF_A_DEGREE = 111_195
_REENTRIES = {
    "minutes_later": 25,
    "hour_later": 15,
    "across_midnight": 10,
    "letter_dropped": 15,
    "moved_minutes": 10,
    "missing_fields": 15,
    "other_unit": 10,
}
_LOOKALIKES = {"other_kind": 65, "same_kind": 15, "next_block": 20}


def _next_block(place: str) -> str:
    number, _, street = place.partition("XX ")
    return f"{int(number) + 1:03}XX {street}"


def _pair(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


def write_rows(planted: Planted, target: Path) -> None:
    """The rows as Parquet, times as timestamps, everything else as text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: [row[name] for row in planted.rows] for name in planted.columns})
    pq.write_table(table, target)


@dataclass(frozen=True, kw_only=True)
class PairScore:
    """How good pairs are: each share with what it is of, and the wrong ones by kind."""

    found: int
    right: int
    real: int
    false_positives: Mapping[str, int]
    """Pairs of two events: which lookalike, or `accident`."""
    false_negatives: Mapping[str, int]
    """Pairs of one event that were not found, by the kind of re-entry."""

    @property
    def precision(self) -> Share:
        """Right ones of those found."""
        return Share(hits=self.right, of=self.found)

    @property
    def recall(self) -> Share:
        """Right ones of those that are there."""
        return Share(hits=self.right, of=self.real)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / (self.found + self.real) if self.found + self.real else 0.0

    @property
    def f1_interval(self) -> tuple[float, float]:
        """Exact interval of right pairs among all found or real, as an F1."""
        low, high = Share(hits=self.right, of=self.found + self.real - self.right).interval
        return 2 * low / (1 + low), 2 * high / (1 + high)

    def __add__(self, other: "PairScore") -> "PairScore":
        return PairScore(
            found=self.found + other.found,
            right=self.right + other.right,
            real=self.real + other.real,
            false_positives=_sum(self.false_positives, other.false_positives),
            false_negatives=_sum(self.false_negatives, other.false_negatives),
        )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted((Counter(one) + Counter(other)).items()))


def judge_pairs(planted: Planted, found: Iterable[Pair]) -> PairScore:
    """Found pairs (keys in order) against the planted truth."""
    pairs = set(found)
    right = pairs & planted.same.keys()
    return PairScore(
        found=len(pairs),
        right=len(right),
        real=len(planted.same),
        false_positives=_sum(
            Counter(planted.lookalikes.get(pair, "accident") for pair in pairs - right), {}
        ),
        false_negatives=_sum(
            Counter(kind for pair, kind in planted.same.items() if pair not in right), {}
        ),
    )


def judge_clusters(planted: Planted, found: Iterable[Pair]) -> PairScore:
    """The clusters that found pairs make, by all pairs in them, also those that were never found.

    The F1 of this score is the pairwise cluster F1.
    """
    together: dict[str, set[str]] = {}
    for left, right in found:
        one, other = together.setdefault(left, {left}), together.setdefault(right, {right})
        if one is not other:
            one |= other
            together |= dict.fromkeys(other, one)
    clusters = {id(keys): keys for keys in together.values()}
    return judge_pairs(
        planted, (pair for keys in clusters.values() for pair in combinations(sorted(keys), 2))
    )
