"""A seeded corpus of cells with and without persons, in the styles of the four datasets.

It knows what a kind is and nothing of how it is recognized: values are made as people write them, put
into cells as the datasets have them. There are three sets of ways to write and of cells around them:
patterns were tuned on `TUNED`, then on `WIDENED`; `MEASURED` is the one that is measured, under seeds
of its own. Numbers and names are invented.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TUNED, WIDENED, MEASURED = "tuned", "widened", "measured"
CELLS = 5_000
PER_KIND = 320

Make = Callable[[random.Random], str]


@dataclass(frozen=True)
class Cell:
    """A text and the kind that was put into it; none where it is clean."""

    text: str
    kind: str | None


def make_corpus(seed: int, ways: str) -> list[Cell]:
    """The cells of one seed, in a random order."""
    chance = random.Random(seed)
    told = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))[ways]
    cells = [
        Cell(_cell(chance, kind, told), kind) for kind in told["written"] for _ in range(PER_KIND)
    ]
    cells += [Cell(_clean(chance, told["clean"]), None) for _ in range(CELLS - len(cells))]
    chance.shuffle(cells)
    return cells


def _cell(chance: random.Random, kind: str, told: Mapping[str, Any]) -> str:
    value = _fill(chance, chance.choice(told["written"][kind]))
    around = chance.choice([*told["around"].get(kind, ()), *told["around"]["any"]])
    return chance.choice((str, str, str.upper, str.lower))(around.format(value))


def _clean(chance: random.Random, clean: Mapping[str, Any]) -> str:
    """A text with parts filled in, one of some values, or a list of them, each as often as any other."""
    texts, ones, lists = clean["texts"], clean["one of"], clean["lists of"]
    place = chance.randrange(len(texts) + len(ones) + len(lists))
    if place < len(texts):
        return _fill(chance, texts[place])
    if place < len(texts) + len(ones):
        return chance.choice(ones[place - len(texts)])
    values = lists[place - len(texts) - len(ones)]
    return " | ".join(chance.choices(values, k=chance.randint(1, 4)))


def _fill(chance: random.Random, text: str) -> str:
    """`{name}` is a part of that name, made anew each time."""
    while "{" in text:
        start, end = text.index("{"), text.index("}")
        text = text[:start] + PARTS[text[start + 1 : end]](chance) + text[end + 1 :]
    return text


def _digits(form: str) -> Make:
    def make(chance: random.Random) -> str:
        signs = {"9": "0123456789", "8": "23456789", "A": "ABCDEFGHJKLMNPRSTUVWXYZ"}
        return "".join(chance.choice(signs[sign]) if sign in signs else sign for sign in form)

    return make


def _one_of(*values: str) -> Make:
    return lambda chance: chance.choice(values)


def _number(low: int, high: int, form: str = "{}") -> Make:
    return lambda chance: form.format(chance.randint(low, high))


def _vin(chance: random.Random) -> str:
    """Seventeen signs with their check digit (49 CFR 565)."""
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    vin = [*_digits("9AAAA9999")(chance), *_digits("AA999999")(chance)]
    total = sum(int(values.get(s, s)) * w for s, w in zip(vin, weights, strict=True)) % 11
    vin[8] = "X" if total == 10 else str(total)
    return "".join(vin)


def _spaced_vin(chance: random.Random) -> str:
    vin = _vin(chance)
    return f"{vin[:5]} {vin[5:11]} {vin[11:]}"


GIVEN = """
    James Maria Robert Patricia Michael Jennifer William Linda David Barbara Richard Elizabeth
    Joseph Susan Thomas Jessica Charles Sarah Christopher Karen Daniel Nancy Matthew Lisa
    Anthony Betty Marcus Tyrone Latoya Jamal Keisha Darnell Ebony Terrence Nguyen Carlos Luis
    Jose Andre Brandon Kevin Jasmine Derrick Kendrick Travis Monique
"""
FAMILY = """
    Smith Johnson Williams Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez
    Gonzalez Wilson Anderson Taylor Moore Jackson Martin Lee Perez Thompson Harris Sanchez
    Clark Lewis Robinson Walker Allen Landry Boudreaux Batiste Guidry Hebert Broussard
    Washington Jefferson Tran Robertson Henderson Coleman Alexander Butler Simmons
"""
STREETS = """
    Canal Dauphine Burgundy Magazine Prytania Tchoupitoulas Bienville Marengo Napoleon Freret
    Willow Oak Hampson Dumaine Governor Nicholls Washington Louisiana General Pershing Elysian
    Fields Franklin Gentilly Chef Menteur Jackson Felicity
"""
MONTHS = (
    "Jan",
    "Feb",
    "March",
    "April",
    "May",
    "June",
    "Jul",
    "Aug",
    "Sept",
    "October",
    "Nov",
    "December",
)

PARTS: Mapping[str, Make] = {
    "area": _digits("899"),
    "exchange": _digits("899"),
    "line": _digits("9999"),
    "3": _digits("999"),
    "2": _digits("99"),
    "4": _digits("9999"),
    "5": _digits("99999"),
    "6": _digits("999999"),
    "7": _digits("9999999"),
    "8": _digits("99999999"),
    "9": _digits("9"),
    "A": _digits("A"),
    "AAA": _digits("AAA"),
    "mm": _number(1, 12, "{:02}"),
    "dd": _number(1, 28, "{:02}"),
    "m": _number(1, 12),
    "d": _number(1, 28),
    "yyyy": _number(1941, 2009),
    "yy": _number(41, 99, "{:02}"),
    "month": _one_of(*MONTHS),
    "given": _one_of(*GIVEN.split()),
    "family": _one_of(*FAMILY.split()),
    "initial": _digits("A"),
    "street": _one_of(*STREETS.split()),
    "house": _number(101, 9899),
    "kind_of_street": _one_of("St", "Ave", "Street", "Blvd", "Dr", "Rd", "Ct", "Pl", "Ln"),
    "user": _one_of(
        "k.landry", "jsmith82", "marie_t", "big-boy504", "t.robinson.99", "nola1987", "x"
    ),
    "host": _one_of("example", "mail", "some-company", "gmail", "school.example", "yahoo"),
    "end": _one_of("com", "net", "org", "edu"),
    "vin": _vin,
    "spaced_vin": _spaced_vin,
    "law": _number(30, 140, "14:{}"),
    "age": _number(17, 70),
}


def named(cells: Sequence[Cell], kind: str | None) -> Iterator[str]:
    """The texts into which a kind was put."""
    return (cell.text for cell in cells if cell.kind == kind)
