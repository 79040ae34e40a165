"""What an unclassified value resembles: by the words that only covered values have, else by its letters.

Errs to yes: a value that is asked about once too often does no harm.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache

ALIKE = 0.72
"""How alike two values are that resemble one another, by `SequenceMatcher`."""
_STEM = 4
"""Letters by which two words may be one: `JUV.` is no sign of JUVENILE, `JUVE` is."""


def most_alike(
    value: str, known: Mapping[str, Sequence[str]]
) -> tuple[str | None, tuple[str, ...]]:
    """The classified value that another is most like, and its policies; a covered one goes first.

    A value is like a covered one, too, if it shares a word with it that no harmless value has.
    """
    telling = _telling_words(known)
    shared = [
        (other, tuple(policies))
        for other, policies in known.items()
        if policies and _words(value, telling) & _words(other, telling)
    ]
    # Comparing closely takes most of the time: only what can count is compared.
    compared = [one for one, _ in shared] or [one for one in known if _may_be_alike(value, one)]
    likeness = {other: SequenceMatcher(None, value, other).ratio() for other in compared}
    alike = [(other, tuple(known[other])) for other, score in likeness.items() if score >= ALIKE]
    found = shared or [one for one in alike if one[1]] or alike
    if not found:
        return None, ()
    return max(found, key=lambda one: (likeness[one[0]], one[0]))


def _may_be_alike(value: str, other: str) -> bool:
    """By their lengths and letters: no comparison finds two values more alike than these allow."""
    length = len(value) + len(other)
    if 2 * min(len(value), len(other)) < ALIKE * length:
        return False
    return 2 * (_letters(value) & _letters(other)).total() >= ALIKE * length


@lru_cache(maxsize=10_000)
def _letters(value: str) -> Counter[str]:
    return Counter(value)


def _telling_words(known: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The stems that stand in covered values and in no harmless one."""
    stems: dict[bool, set[str]] = {True: set(), False: set()}
    for value, policies in known.items():
        stems[bool(policies)] |= _stems(value)
    return frozenset(stems[True] - stems[False])


def _words(value: str, telling: frozenset[str]) -> frozenset[str]:
    return _stems(value) & telling


@lru_cache(maxsize=10_000)
def _stems(value: str) -> frozenset[str]:
    words = "".join(one if one.isalpha() else " " for one in value).split()
    return frozenset(word[:_STEM] for word in words if len(word) >= _STEM)
