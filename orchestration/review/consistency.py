"""Which decisions can stand together: one target per value, no circle, no pair both ways.

Decisions are taken in one by one. One that cannot stand with those before it is not taken in, and
the answer names those it clashes with. Who comes first is the caller's business.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

Name = TypeVar("Name")


@dataclass(frozen=True)
class Clash(Generic[Name]):
    """Why a decision cannot be taken in, and with which earlier ones it clashes."""

    why: str
    earlier: list[Name]


class Together(Generic[Name]):
    """Decisions of both kinds that stand together, each under a name of the caller's."""

    def __init__(self) -> None:
        self._corrections: Corrections[Name] = Corrections()
        self._pairs: Pairs[Name] = Pairs()

    def take(
        self, kind: str, column: str, left: str, right: str, verdict: str, name: Name
    ) -> Clash[Name] | None:
        """Takes a decision in, or says what it clashes with."""
        if kind == "spelling":
            return self._corrections.take(column, left, right, verdict, name)
        return self._pairs.take(left, right, verdict, name)


@dataclass
class Corrections(Generic[Name]):
    """Spelling decisions that stand together, each under a name of the caller's."""

    _verdicts: dict[tuple[str, str, str], tuple[str, Name]] = field(default_factory=dict)
    _targets: dict[tuple[str, str], tuple[str, Name]] = field(default_factory=dict)

    def take(
        self, column: str, wrong: str, right: str, verdict: str, name: Name
    ) -> Clash[Name] | None:
        """Takes in that `wrong` becomes `right` (`apply`), or does not (`keep`)."""
        known = self._verdicts.get((column, wrong, right))
        if known is not None:
            why = "says the same as" if known[0] == verdict else "contradicts"
            return Clash(why, [known[1]])
        if verdict == "apply":
            target = self._targets.get((column, wrong))
            if target is not None:
                return Clash("gives the same value another correction than", [target[1]])
            circle = self._path(column, right, wrong)
            if circle:
                return Clash("makes a circle of corrections with", circle)
            self._targets[column, wrong] = (right, name)
        self._verdicts[column, wrong, right] = (verdict, name)
        return None

    def _path(self, column: str, start: str, end: str) -> list[Name]:
        """The corrections that lead from one value to another; empty where they do not."""
        steps: list[Name] = []
        value = start
        while value != end:
            step = self._targets.get((column, value))
            if step is None:
                return []
            value = step[0]
            steps.append(step[1])
        return steps


@dataclass
class Pairs(Generic[Name]):
    """Decisions on pairs of keys that stand together: what is the same is so all round."""

    _verdicts: dict[tuple[str, str], tuple[str, Name]] = field(default_factory=dict)
    _root: dict[str, str] = field(default_factory=dict)
    _different: dict[str, dict[str, Name]] = field(default_factory=dict)
    """Of each root, the roots that are decided to be different, and by which decision."""

    def take(self, left: str, right: str, verdict: str, name: Name) -> Clash[Name] | None:
        """Takes in that two keys are the `same` event, or `different` ones."""
        pair = (left, right) if left < right else (right, left)
        known = self._verdicts.get(pair)
        if known is not None:
            why = "says the same as" if known[0] == verdict else "contradicts"
            return Clash(why, [known[1]])
        one, other = self._find(left), self._find(right)
        if verdict == "different":
            if one == other:
                return Clash("contradicts what follows from", self._same_between(one))
            self._different.setdefault(one, {})[other] = name
            self._different.setdefault(other, {})[one] = name
        elif one != other:
            denied = self._different.get(one, {}).get(other)
            if denied is not None:
                return Clash("contradicts what follows from", [denied])
            self._join(one, other)
        self._verdicts[pair] = (verdict, name)
        return None

    def _find(self, key: str) -> str:
        while key in self._root:
            key = self._root[key]
        return key

    def _join(self, one: str, other: str) -> None:
        """The one with fewer denials goes into the other, so that no long list moves often."""
        few, many = sorted((one, other), key=lambda root: len(self._different.get(root, {})))
        self._root[few] = many
        for denied, name in self._different.pop(few, {}).items():
            self._different[denied].pop(few)
            self._different[denied].setdefault(many, name)
            self._different.setdefault(many, {}).setdefault(denied, name)

    def _same_between(self, root: str) -> list[Name]:
        """The decisions that made one of these keys."""
        return [
            name
            for (left, _), (verdict, name) in self._verdicts.items()
            if verdict == "same" and self._find(left) == root
        ]
