"""Drafts what a column may hold from what it was published with: a profiler, and a careful one.

A draft is for a person to look at. What decides a policy gets a closed vocabulary of the words that
are public and of the policies' own, without words that resemble a protected one: those wait. Every
other draft is `open` where it can be. No value of a person's or of a free-text column becomes part of
a draft. Files are written elsewhere.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from orchestration.classification.likeness import Likeness
from orchestration.column import Column
from orchestration.dataset import Dataset, Policy
from orchestration.domains.classes import plain
from orchestration.warehouse.vocabularies import STREETS

REASON = "Drafted from what was published; nobody has looked at it yet."

_FEW = 300
"""More different values than this are no vocabulary."""
_REPEATED = 3
"""A vocabulary's values stand on so many rows each, on average; those of an identifier do not."""
_TWICE = 2
"""A value on fewer rows may be anything: it stays out of a vocabulary that decides nothing."""
_LONGEST_WORDS = 8
_SHAPES = 12
"""A pattern of more different shapes would let anything through."""
_LONGEST_CODE = 40
_COVERED = "a policy"
_LISTS = " | "
"""What stands between the parts where cells are lists, and the dataset file says so."""
_POINT = re.compile(r"POINT \((-?\d+(?:\.\d+)?) (-?\d+(?:\.\d+)?)\)")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A drafted `domain`, and the words that a seed of its own must hold, each with its source."""

    column: str
    domain: dict[str, Any]
    words: Mapping[str, str] = field(default_factory=dict)
    resembling: int = 0
    """Published words that resemble a protected one: left out, so that a person is asked."""


def draft(
    dataset: Dataset,
    column: Column,
    values: Mapping[Any, int],
    *,
    until: date,
    known: Iterable[str] = (),
    source: str,
    policies: str,
) -> Draft:
    """The draft of one column; `values` are its published values and how many rows have each.

    `known` are the words of the vocabularies that the dataset file already names for the column;
    `source` and `policies` are the sources of words that were published, and that policies name.
    """
    typed = _of_type(column, values, until=until)
    if typed is not None:
        return _closed(typed) if column.name in dataset.deciding else typed
    texts = _parts(column, values)
    words = {_plain(text) for text in known}
    if column.name in dataset.deciding:
        return _deciding(
            dataset, column, texts, words, until=until, source=source, policies=policies
        )
    own = dict(_separated(column, values))
    if _is_place(dataset, column):
        return _open(column, {"place": True} | own, until)
    if column.spelling and column.spelling.vocabulary:
        more = _words(column, texts, source, without=words)
        return _vocabulary(dataset, column, own, more, until)
    if _is_listable(column, texts):
        return _vocabulary(dataset, column, own, _words(column, texts, source), until)
    pattern = shape_pattern(texts)
    if pattern is not None:
        return _open(column, {"pattern": pattern} | own, until)
    return _free_text(column, own, until)


def _open(column: Column, kind: dict[str, Any], until: date, **more: Any) -> Draft:
    domain = kind | {"open": True, "reason": REASON, "until": until}
    return Draft(column=column.name, domain=domain, **more)


def _closed(drafted: Draft) -> Draft:
    """What decides a policy is never open."""
    domain = {name: said for name, said in drafted.domain.items() if name not in ("open", "reason")}
    return replace(drafted, domain=domain)


def _free_text(column: Column, own: dict[str, str], until: date) -> Draft:
    return Draft(column=column.name, domain={"free_text": True} | own | {"until": until})


# Columns of another type than text


def _of_type(column: Column, values: Mapping[Any, int], *, until: date) -> Draft | None:
    """The draft of a column whose type says what kind of domain it has; none for text."""
    given = [value for value in values if value is not None]
    if column.type == "boolean":
        return Draft(column=column.name, domain={"either": True})
    if column.type in ("timestamp", "date"):
        return _open(column, {"since": _begin(given)}, until)
    if column.type == "number":
        return _open(column, _range([float(value) for value in given]), until)
    if column.type == "point":
        return _open(column, _box([str(value) for value in given]), until)
    return None


def _begin(times: Sequence[date | datetime]) -> date:
    """The first day of the earliest year."""
    years = [one.year for one in times]
    return date(min(years, default=2000), 1, 1)


def _range(numbers: Sequence[float]) -> dict[str, Any]:
    """From the least to the greatest, rounded outwards to two digits; from zero where that is near."""
    finite = [number for number in numbers if math.isfinite(number)]
    least, greatest = min(finite, default=0.0), max(finite, default=0.0)
    if 0 < least < greatest / 2:
        least = 0.0
    if least / 2 < greatest < 0:
        greatest = 0.0
    ends = (_rounded(least, up=False), _rounded(greatest, up=True))
    found: dict[str, Any] = {"range": [_whole(end) for end in ends]}
    decimals = max((_decimals(repr(number)) for number in finite), default=0)
    return found | ({"decimals": decimals} if decimals else {})


def _rounded(number: float, *, up: bool) -> float:
    if not number:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(number))) - 1)
    return (math.ceil if up else math.floor)(number / step) * step


def _whole(number: float) -> float | int:
    return int(number) if number == int(number) else round(number, 6)


def _box(points: Sequence[str]) -> dict[str, Any]:
    """Around all points, rounded out to a tenth of a degree, and as fine as the finest of them."""
    found = [match for match in map(_POINT.fullmatch, points) if match]
    places = [(float(match[1]), float(match[2])) for match in found] or [(-180, -90), (180, 90)]
    low, high = (
        [math.floor(min(axis) * 10) / 10 for axis in zip(*places, strict=True)],
        [math.ceil(max(axis) * 10) / 10 for axis in zip(*places, strict=True)],
    )
    fine = max((_decimals(part) for match in found for part in match.groups()), default=0)
    return {"box": [*low, *high]} | ({"decimals": fine} if fine else {})


def _decimals(number: str) -> int:
    exponent = Decimal(number).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


# Text


def _separated(column: Column, values: Mapping[Any, int]) -> list[tuple[str, str]]:
    separator = _separator(column, values)
    return [("separator", separator)] if separator else []


def _separator(column: Column, values: Mapping[Any, int]) -> str | None:
    if column.spelling and column.spelling.separator and not column.spelling.prefix:
        return column.spelling.separator
    if column.survivorship == "union" or any(_LISTS in str(value) for value in values):
        return _LISTS
    return None


def _parts(column: Column, values: Mapping[Any, int]) -> Counter[str]:
    """The texts that are judged by themselves: cells, or the parts of those that are lists."""
    separator = _separator(column, values)
    counted: Counter[str] = Counter()
    for value, rows in values.items():
        cell = "" if value is None else str(value)
        for part in cell.split(separator) if separator else [cell]:
            if part.strip():
                counted[part.strip()] += rows
    return counted


def _is_place(dataset: Dataset, column: Column) -> bool:
    if any(one.action == "generalize" and one.column == column.name for one in dataset.policies):
        return True
    spelling = column.spelling
    return bool(spelling and (spelling.prefix or set(spelling.vocabulary) & set(STREETS)))


def _is_listable(column: Column, texts: Mapping[str, int]) -> bool:
    """Whether a column's words may be listed: few, repeated, short, nobody's."""
    if column.person != "none" or not texts or len(texts) > _FEW:
        return False
    if sum(texts.values()) < _REPEATED * len(texts):
        return False
    return not any(_is_free_text(text) for text in texts)


def _is_free_text(text: str) -> bool:
    """Whether a text looks written by hand, or names somebody, rather than chosen from a list."""
    words = text.split()
    return len(words) > _LONGEST_WORDS or "@" in text or bool(re.search(r"\d{5}", text))


def _words(
    column: Column, texts: Mapping[str, int], source: str, *, without: Iterable[str] = ()
) -> dict[str, str]:
    """The words for a seed, the most frequent form of each; none of a person's column."""
    if column.person != "none":
        return {}
    seen = set(without)
    found = {}
    for text, rows in sorted(texts.items(), key=lambda one: (-one[1], one[0])):
        word = " ".join(text.split())
        if (
            rows >= _TWICE
            and word.isprintable()
            and not _is_free_text(word)
            and _plain(word) not in seen
        ):
            seen.add(_plain(word))
            found[word] = source
    return dict(sorted(found.items()))


def _vocabulary(
    dataset: Dataset,
    column: Column,
    own: dict[str, str],
    words: Mapping[str, str],
    until: date,
) -> Draft:
    spelling = column.spelling
    seeds = [*(spelling.vocabulary if spelling else ()), *seed_names(dataset, column, words)]
    domain: dict[str, Any] = {"vocabulary": seeds}
    if spelling and spelling.kinds:
        # The words of another kind are none of this column's; ours have no kind.
        domain |= {"kinds": list(spelling.kinds)}
        domain["vocabulary"], words = list(spelling.vocabulary), {}
    return _open(column, domain | own, until, words=words)


def seed_names(dataset: Dataset, column: Column, words: Mapping[str, str]) -> list[str]:
    """The seed that holds a column's own words, where it has any."""
    return [f"{dataset.id}_{column.name}"] if words else []


# What decides a policy


def _deciding(
    dataset: Dataset,
    column: Column,
    texts: Mapping[str, int],
    known: set[str],
    *,
    until: date,
    source: str,
    policies: str,
) -> Draft:
    """A closed vocabulary: what is public, what policies name, nothing that resembles the latter."""
    covered = {_plain(value): value for value in _protected(dataset, column.name)}
    words = {
        " ".join(value.split()): policies for plain, value in covered.items() if plain not in known
    }
    taken = known | set(covered)
    likeness = Likeness(
        {plain(word): [] for word in known}
        | {plain(value): [_COVERED] for value in covered.values()}
    )
    resembling = 0
    for text, _ in sorted(texts.items(), key=lambda one: (-one[1], one[0])):
        word = " ".join(text.split())
        if _plain(word) in taken or not word.isprintable():
            continue
        if likeness.of(plain(word))[1]:
            resembling += 1
        elif column.person == "none":
            taken.add(_plain(word))
            words[word] = source
    named = column.spelling.vocabulary if column.spelling else ()
    seeds = [*named, *seed_names(dataset, column, words)]
    if not seeds:
        return _free_text(column, {}, until)
    domain = {"vocabulary": seeds, "until": until}
    return Draft(
        column=column.name, domain=domain, words=dict(sorted(words.items())), resembling=resembling
    )


def _protected(dataset: Dataset, column: str) -> list[str]:
    return [
        value
        for policy in dataset.policies
        if policy.action != "generalize"
        for value in _values_for(policy, column)
    ]


def _values_for(policy: Policy, column: str) -> tuple[str, ...]:
    if column in (policy.column, *policy.also):
        return policy.values
    if policy.codes and column in policy.codes.columns:
        return policy.codes.values
    return ()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


# Codes


def shape_pattern(texts: Iterable[str]) -> str | None:
    """A pattern that matches each text as a whole, made of runs of digits and letters; none if wild.

    It holds no text itself: of letters only their case, of runs only their shortest and longest.
    """
    given = list(texts)
    if not given or any(not text or len(text) > _LONGEST_CODE or " " in text for text in given):
        return None
    lengths: dict[tuple[str, ...], list[tuple[int, ...]]] = {}
    for text in given:
        runs = re.findall(r"[0-9]+|[A-Z]+|[a-z]+|.", text, flags=re.DOTALL)
        kinds = tuple(map(_kind, runs))
        if "" in kinds:
            return None
        lengths.setdefault(kinds, []).append(tuple(map(len, runs)))
    if len(lengths) > _SHAPES:
        return None
    shapes = [
        "".join(
            kind if len(kind) < len("[0-9]") else kind + _times(min(run), max(run))
            for kind, run in zip(kinds, zip(*found, strict=True), strict=True)
        )
        for kinds, found in sorted(lengths.items())
    ]
    pattern = shapes[0] if len(shapes) == 1 else f"(?:{'|'.join(shapes)})"
    return pattern if all(re.fullmatch(pattern, text) for text in given) else None


def _kind(run: str) -> str:
    """What a run of a code is; empty where it is of no code."""
    for kind in ("[0-9]", "[A-Z]", "[a-z]"):
        if re.fullmatch(f"{kind}+", run):
            return kind
    return re.escape(run).replace(r"\-", "-") if run in "-_./:" else ""


def _times(shortest: int, longest: int) -> str:
    if shortest == longest:
        return "" if longest == 1 else f"{{{longest}}}"
    return f"{{{shortest},{longest}}}"
