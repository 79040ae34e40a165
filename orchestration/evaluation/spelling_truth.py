"""Truth about misspellings, planted or of a person's merge log, and outcomes scored against it.

Pure functions on plain rows: reading files and running the engine are the caller's.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestration.shares import Share

KINDS = (
    "dropped letter",
    "doubled letter",
    "swapped neighbours",
    "neighbouring key",
    "inserted letter",
    "missing space",
    "extra space",
    "case",
    "cut at width",
    "dropped repeated letter",
)
"""Kinds of damage that can be planted."""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class Misspelling:
    """One pair of truth: what stands in the data, what is meant, and how it came about."""

    column: str
    wrong: str
    right: str
    kind: str = "person"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the engine made of one value."""

    column: str
    wrong: str
    right: str | None
    outcome: str
    score: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SpellingScore:
    """How outcomes compare with truth, in distinct values.

    `applied_wrong` are corrections of values that the truth has otherwise or does not have at all;
    `untouchable_touched` those of them whose value was right; `missed` is what was neither applied
    nor proposed as the truth has it.
    """

    applied_precision: Share
    applied_recall: Share
    found_recall: Share
    """Applied or proposed, of all."""
    by_column: dict[str, dict[str, Share]]
    by_kind: dict[str, dict[str, Share]]
    applied_wrong: list[Outcome] = field(default_factory=list)
    untouchable_touched: list[Outcome] = field(default_factory=list)
    missed: list[Misspelling] = field(default_factory=list)
    only_proposed: list[Misspelling] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A column with misspellings put in: its values with rows, what stands beside them, the truth."""

    values: list[tuple[str, str, int]]
    """Column, value, rows."""
    contexts: list[tuple[str, str, str, str, int]]
    """Column, value, other column, its value, rows."""
    truth: list[Misspelling]


@dataclass(frozen=True, kw_only=True)
class HumanTruth:
    """What a person's merge log says about one column."""

    pairs: list[Misspelling]
    """Scored: the target is in the vocabulary and the value is not."""
    outside: list[Misspelling]
    """Listed, not scored: the target is outside the vocabulary, or the value is a member of it."""
    harmful: list[Misspelling]
    """Merges that must not be made."""


def score_planted(
    outcomes: Iterable[Outcome],
    truth: Sequence[Misspelling],
    *,
    right_values: Collection[tuple[str, str]],
) -> SpellingScore:
    """Scores against a truth that is complete: a correction that it does not have is wrong.

    `right_values` are the columns and values that must not be touched.
    """
    meant = {(one.column, one.wrong): one.right for one in truth}
    outcomes = list(outcomes)
    applied = outcomes_of(outcomes, "applied")
    wrong = [one for one in applied if meant.get((one.column, one.wrong)) != one.right]
    return _score(outcomes, truth, applied, wrong, set(right_values))


def score_human(outcomes: Iterable[Outcome], truth: HumanTruth) -> SpellingScore:
    """Scores against a person's log: corrections of values that it does not have are not judged.

    A harmful merge that was applied counts as wrong.
    """
    outcomes = list(outcomes)
    meant = {(one.column, one.wrong): one.right for one in truth.pairs}
    harmful = {(one.column, one.wrong, one.right) for one in truth.harmful}
    applied = [
        one
        for one in outcomes_of(outcomes, "applied")
        if (one.column, one.wrong) in meant or (one.column, one.wrong, one.right) in harmful
    ]
    wrong = [one for one in applied if meant.get((one.column, one.wrong)) != one.right]
    return _score(outcomes, truth.pairs, applied, wrong, set())


def outcomes_of(outcomes: Iterable[Outcome], *kinds: str) -> list[Outcome]:
    """The outcomes of some kinds."""
    return [one for one in outcomes if one.outcome in kinds]


def _score(
    outcomes: Sequence[Outcome],
    truth: Sequence[Misspelling],
    applied: Sequence[Outcome],
    wrong: Sequence[Outcome],
    right_values: set[tuple[str, str]],
) -> SpellingScore:
    made = {(one.column, one.wrong, one.right) for one in outcomes_of(outcomes, "applied")}
    shown = {(one.column, one.wrong, one.right) for one in outcomes_of(outcomes, "proposed")}

    def shares(
        pairs: Sequence[Misspelling], ones: Sequence[Outcome], bad: Sequence[Outcome]
    ) -> dict[str, Share]:
        keys = [(pair.column, pair.wrong, pair.right) for pair in pairs]
        return {
            "applied_precision": Share(hits=len(ones) - len(bad), of=len(ones)),
            "applied_recall": Share(hits=sum(key in made for key in keys), of=len(keys)),
            "found_recall": Share(
                hits=sum(key in made or key in shown for key in keys), of=len(keys)
            ),
        }

    def part(name: str, value: str) -> dict[str, Share]:
        pairs = [pair for pair in truth if getattr(pair, name) == value]
        about = {(pair.column, pair.wrong) for pair in pairs}
        ones, bad = (
            [
                one
                for one in some
                if one.column == value or (name == "kind" and (one.column, one.wrong) in about)
            ]
            for some in (applied, wrong)
        )
        return shares(pairs, ones, bad)

    return SpellingScore(
        **shares(truth, applied, wrong),
        by_column={name: part("column", name) for name in sorted({one.column for one in truth})},
        by_kind={name: part("kind", name) for name in sorted({one.kind for one in truth})},
        applied_wrong=sorted(wrong, key=_order),
        untouchable_touched=sorted(
            (one for one in applied if (one.column, one.wrong) in right_values), key=_order
        ),
        missed=[
            pair for pair in truth if (pair.column, pair.wrong, pair.right) not in made | shown
        ],
        only_proposed=[
            pair for pair in truth if (pair.column, pair.wrong, pair.right) in shown - made
        ],
    )


def _order(one: Outcome) -> tuple[str, str, str]:
    return one.column, one.wrong, one.right or ""


def human_truth(
    log: Iterable[tuple[str, str]],
    *,
    column: str,
    vocabulary: Collection[str],
    harmful: Collection[tuple[str, str]],
) -> HumanTruth:
    """The truth in a merge log (from, to, in the order they were made), chains followed to the end.

    A value goes through the merges that came after each other, as the cells did. Scored is where it
    ends in the vocabulary and does not begin there; members are right by definition. Nothing else is
    sorted out: also what a person merged wrongly, and is not listed as harmful, counts as missed.
    """
    merges = list(log)
    pairs, outside = [], []
    named = dict(harmful)
    for value in sorted({wrong for wrong, _ in merges}):
        end = value
        for wrong, right in merges:
            if end == wrong:
                end = right
        one = Misspelling(column=column, wrong=value, right=end)
        if end == value or value in named:
            continue
        if end in vocabulary and value not in vocabulary:
            pairs.append(one)
        else:
            outside.append(one)
    return HumanTruth(
        pairs=pairs,
        outside=outside,
        harmful=[Misspelling(column=column, wrong=a, right=b) for a, b in sorted(harmful)],
    )


def plant(
    right: Mapping[str, int],
    *,
    column: str,
    seed: int,
    count: int,
    beside: Mapping[str, str] | None = None,
    beside_column: str = "code",
    width: int | None = None,
    kinds: Sequence[str] = KINDS,
) -> Planted:
    """Puts misspellings into a column of right values with their rows.

    A misspelling stands in one to three rows, beside what stands beside the right value. One that is
    another right value, or two right values misspelt the same, is none. The more frequent a value,
    the likelier it is misspelt.
    """
    chance = random.Random(f"{seed}/{column}")
    names = sorted(right)
    weights = [max(1, right[name]) ** 0.5 for name in names]
    forms = {_form(name) for name in names}
    wrongs: dict[str, Misspelling] = {}
    for number in range(count):
        kind = kinds[number % len(kinds)]
        for _ in range(_ATTEMPTS):
            name = chance.choices(names, weights)[0]
            wrong = damage(name, kind, chance, width=width)
            same_form = _form(wrong) == _form(name)
            if wrong in (name, "") or wrong in right or wrong in wrongs:
                continue
            if not same_form and _form(wrong) in forms:
                continue
            wrongs[wrong] = Misspelling(column=column, wrong=wrong, right=name, kind=kind)
            break
    rows = {wrong: chance.choice((1, 1, 1, 2, 3)) for wrong in wrongs}
    every = Counter(dict(right)) + Counter(rows)
    beside = beside or {}
    meant = {name: name for name in names} | {wrong: one.right for wrong, one in wrongs.items()}
    return Planted(
        values=[(column, value, count) for value, count in sorted(every.items())],
        contexts=[
            (column, value, beside_column, beside[meant[value]], count)
            for value, count in sorted(every.items())
            if meant[value] in beside
        ],
        truth=[wrongs[wrong] for wrong in sorted(wrongs)],
    )


def damage(text: str, kind: str, chance: random.Random, *, width: int | None = None) -> str:
    """The text with one misspelling of a kind, or as it is where the kind does not fit it."""
    letters = [place for place, letter in enumerate(text) if letter.isalpha()]
    if not letters:
        return text
    place = chance.choice(letters)
    letter = text[place]
    match kind:
        case "dropped letter":
            return _tidy(text[:place] + text[place + 1 :])
        case "doubled letter":
            return text[:place] + letter + text[place:]
        case "swapped neighbours":
            pairs = [one for one in letters if one + 1 in letters and text[one] != text[one + 1]]
            if not pairs:
                return text
            place = chance.choice(pairs)
            return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        case "neighbouring key":
            return (
                text[:place] + _like(chance.choice(_neighbours(letter)), letter) + text[place + 1 :]
            )
        case "inserted letter":
            new = _like(chance.choice("abcdefghijklmnopqrstuvwxyz"), letter)
            return text[:place] + new + text[place:]
        case "missing space":
            spaces = [one for one, sign in enumerate(text) if sign == " "]
            return _without(text, chance.choice(spaces)) if spaces else text
        case "extra space":
            inner = [one for one in letters if one - 1 in letters]
            place = chance.choice(inner) if inner else 0
            return text[:place] + " " + text[place:] if inner else text
        case "case":
            other = {text.lower(), text.upper(), text.title(), _swapped(text, place)} - {text}
            return chance.choice(sorted(other))
        case "cut at width":
            return text[:width].rstrip() if width else text
        case "dropped repeated letter":
            twice = [one for one in letters if text[one : one + 1] == text[one + 1 : one + 2]]
            return _without(text, chance.choice(twice)) if twice else text
    raise ValueError(f"no such kind of damage: {kind}")


def _form(text: str) -> str:
    return "".join(sign for sign in text.upper() if sign.isalnum())


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _without(text: str, place: int) -> str:
    return text[:place] + text[place + 1 :]


def _swapped(text: str, place: int) -> str:
    return text[:place] + text[place].swapcase() + text[place + 1 :]


def _like(letter: str, model: str) -> str:
    return letter.upper() if model.isupper() else letter


def _neighbours(letter: str) -> str:
    for row, keys in enumerate(_ROWS):
        place = keys.find(letter.lower())
        if place >= 0:
            near = [keys[place - 1 : place], keys[place + 1 : place + 2]]
            near += [other[place : place + 1] for other in _ROWS[max(0, row - 1) : row + 2]]
            return "".join(one for one in near if one and one != letter.lower())
    return "e"
