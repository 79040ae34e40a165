"""Random dirt in every dataset, from a program that knows none of its rules: none of it is published.

Words, codes, homes, numbers of persons and whole columns are put anywhere into extracts that are good
otherwise. What went in is known, so what must not come out is looked for in what the portal holds.
"""

import csv
import gzip
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.column import Domain
from orchestration.dataset import Dataset, load_datasets
from orchestration.domains.classes import plain
from orchestration.settings import PACKAGE
from orchestration.sources.sample import generate
from tests.acceptance.city import City

DAY = "2026-03-08"
ROWS = 600
"""Raw lines of the biggest dataset; the others have their share."""
FEW = 0.01
"""The share of lines that may get any dirt: more than the limit of 0.02 would only stop the gate."""
DATASETS = load_datasets(PACKAGE / "datasets")
STREETS = ["Canal St", "S Claiborne Ave", "Zaubrecher Ln", "DAUPHINE", "N. Rampart", "Rue Neuve"]
UNLISTED = "Reporting Person"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One cell of dirt: `kind`, its column's heading, the text, and what tells it."""

    kind: str
    heading: str
    text: str
    mark: str


def a_number(draw: random.Random, digits: int) -> str:
    """A number without a round end, that no good cell has by chance."""
    return f"{draw.randint(10 ** (digits - 1), 10**digits - 1) // 10 * 10 + draw.randint(1, 9)}"


def a_home(draw: random.Random) -> tuple[str, str]:
    """An exact place in some writing, and its house number."""
    number, street = a_number(draw, 5), draw.choice(STREETS)
    before = draw.choice(
        ["", "", "#", "No. ", "AT ", "c/o ", "near ", "(", "Apt 4, ", "New Orleans LA "]
    )
    between = draw.choice([" ", "  ", ", ", " - ", "/", "; ", ") ", " #"])
    behind = draw.choice(
        ["", "", ".", " APT 5", " UNIT B", " Rear", ", 70112", " LA", "?", " (blue)"]
    )
    form = draw.choice(
        ["{a}{n}{b}{s}{c}", "{a}{s}{b}{n}{c}", "{a}{n}B{b}{s}{c}", "{s} & {n}{b}{s}{c}"]
    )
    return form.format(a=before, n=number, b=between, s=street, c=behind), number


def a_person(draw: random.Random) -> tuple[str, str]:
    """Something that tells a person, and the part that must not be seen."""
    d = [str(draw.randint(2, 9)) for _ in range(10)]
    number = "".join(d)
    area, middle, last = number[:3], number[3:6], number[6:]
    name = "".join(draw.choices("bcdfghklmnprstvz", k=9))
    return draw.choice(
        [
            (f"call 504-{middle}-{last}", f"{middle}-{last}"),
            (f"({area}) {middle}-{last}", f"{middle}-{last}"),
            (f"504.{middle}.{last}", f"{middle}.{last}"),
            (f"mail {name}@example.org", name),
            (f"{name}.{last}@mail.example.com please", f"{name}.{last}"),
            (f"SSN {area}-{middle[:2]}-{last}", f"-{last}"),
            (f"DOB 0{d[0]}/1{d[1][:1]}/19{last[:2]}", f"/19{last[:2]}"),
            (f"license plate {name[:3].upper()}{middle}", f"{name[:3].upper()}{middle}"),
        ]
    )


def a_word(draw: random.Random, cells: Sequence[str]) -> tuple[str, str]:
    """A word that nobody has said: made up, near one that stands there, or of two."""
    mark = "".join(draw.choices("QXZJKV", k=6))
    known = draw.choice([cell for cell in cells if cell] or ["WORD"])
    near = f"{known} {mark}"
    return draw.choice(
        [mark, near, f"{mark}/{known}", f"{known}, {mark.lower()}", f"21{mark}"]
    ), mark


def put_dirt(path: Path, seed: int) -> list[Planted]:
    """Writes dirt into an extract and an unlisted column beside; what was put where."""
    draw = random.Random(f"{seed} {path.name}")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        heading, *lines = csv.reader(file)
    lines = [line for line in lines if len(line) == len(heading)]
    deciding = _deciding_places(DATASETS[path.parent.name], heading)
    planted = []
    for line in draw.sample(lines, max(1, int(len(lines) * FEW))):
        at = draw.randrange(len(heading))
        planted.append(_plant(draw, heading, lines, line, at, draw.choice(KINDS)))
    for line in draw.sample(lines, len(lines) // 5) if deciding else []:
        planted.append(_plant(draw, heading, lines, line, draw.choice(deciding), "word"))
    person = "".join(draw.choices("bcdfghklmnprstvz", k=12))
    planted.append(Planted(kind="column", heading=UNLISTED, text=person, mark=person))
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([[*heading, UNLISTED], *([*line, person] for line in lines)])
    return planted


KINDS = ("home", "person", "word")


def _plant(
    draw: random.Random,
    heading: Sequence[str],
    lines: Sequence[list[str]],
    line: list[str],
    at: int,
    kind: str,
) -> Planted:
    text, mark = {
        "home": lambda: a_home(draw),
        "person": lambda: a_person(draw),
        "word": lambda: a_word(draw, [one[at] for one in lines[:50]]),
    }[kind]()
    line[at] = text
    return Planted(kind=kind, heading=heading[at], text=text, mark=mark)


def _deciding_places(dataset: Dataset, heading: Sequence[str]) -> list[int]:
    sources = [
        source
        for column in dataset.columns
        if column.name in dataset.deciding
        for source in ([column.source] if isinstance(column.source, str) else column.source or [])
    ]
    return [place for place, name in enumerate(heading) if name in sources]


def leaks(dataset: Dataset, snapshot: Path, planted: Sequence[Planted]) -> Iterator[Planted]:
    """What of the dirt stands in published cells."""
    table = duckdb.sql(f"select * from read_parquet('{snapshot}')")
    texts = {
        name: {str(cell) for cell in cells if cell is not None}
        for name, cells in table.to_df().items()
    }
    everything = "\n".join(text for cells in texts.values() for text in cells)
    deciding = "\n".join(plain(text) for name in dataset.deciding for text in texts[name])
    closed = "\n".join(
        text.upper()
        for column in dataset.columns
        if column.name in texts and column.domain and not is_free(column.domain)
        for text in texts[column.name]
    )
    for one in planted:
        if one.kind == "word":
            found = plain(one.mark) in deciding or one.mark in closed
        elif one.kind == "home":
            found = bool(re.search(rf"(?<![0-9]){one.mark}(?![0-9])", everything))
        else:
            found = one.mark in everything
        if found:
            yield one


def is_free(domain: Domain) -> bool:
    """Whether any word may stand in a column that tells of nobody."""
    return domain.open or domain.free_text


def publish_dirt(city: City, seed: int) -> dict[str, list[Planted]]:
    """A day of all datasets with dirt; what leaked, by the datasets that published."""
    drop = city.root / f"drop-{seed}"
    paths = generate(drop, rows=ROWS, seed=seed, as_of=date.fromisoformat(DAY))
    planted = {path.parent.name: put_dirt(path, seed) for path in paths if path.suffix == ".gz"}
    city.run(source="files", extracts_dir=drop, as_of=DAY)
    return {
        name: list(leaks(DATASETS[name], city.snapshot(name), dirt))
        for name, dirt in planted.items()
        if city.publications(name)
    }


def test_no_blind_dirt_is_published(new_city: Callable[[], City]) -> None:
    """A day of all four datasets; each of them is published without what was put in."""
    found = publish_dirt(new_city(), 1)
    assert found == {name: [] for name in DATASETS}


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("first", range(2, 252, 10))
def test_no_blind_dirt_is_published_at_length(new_city: Callable[[], City], first: int) -> None:
    """A thousand runs, ten of each dataset at a time, most of which published."""
    published = 0
    for seed in range(first, first + 10):
        found = publish_dirt(new_city(), seed)
        assert not any(found.values()), (seed, found)
        published += len(found)
    assert published >= 20
