"""What an unclassified value resembles: by the words that only covered values have, else by its letters.

Errs to yes: a value that is asked about once too often does no harm.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

ALIKE = 0.72
"""How alike two values are that resemble one another, by `SequenceMatcher`."""
_STEM = 4
"""Letters by which two words may be one: `JUV.` is no sign of JUVENILE, `JUVE` is."""


class Likeness:
    """Asks of one value after another which of the known ones it is like.

    `known` are plain values (`domains/classes.py`), each with the policies that cover it; none: harmless.
    """

    def __init__(self, known: Mapping[str, Sequence[str]]) -> None:
        self._known = {value: tuple(policies) for value, policies in known.items()}
        self._tokens = {value: _tokens(value) for value, policies in known.items() if policies}
        stems: dict[bool, set[str]] = {True: set(), False: set()}
        for value, policies in known.items():
            stems[bool(policies)] |= _stems(value)
        self._telling = stems[True] - stems[False]
        # What a matcher knows of its second text it knows once.
        self._matchers = {value: SequenceMatcher(None, b=value) for value in known}
        self._stems = {value: _stems(value) & self._telling for value in self._tokens}

    def of(self, value: str) -> tuple[str | None, tuple[str, ...]]:
        """The known value that another is most like, and its policies; a covered one goes first.

        A value is like a covered one, too, if it shares a word with it that no harmless value has, or if
        all words of one stand in the other.
        """
        stems, tokens = _stems(value), _tokens(value)
        shared = [
            other
            for other, words in self._tokens.items()
            if self._stems[other] & stems
            or (tokens and (tokens <= words or tokens >= words > set()))
        ]
        likeness = {
            other: score
            for other in self._known
            if (score := self._ratio(value, other, at_least=ALIKE)) is not None
        }
        found = shared or [other for other in likeness if self._known[other]] or list(likeness)
        if not found:
            return None, ()
        for other in shared:
            likeness.setdefault(other, self._ratio(value, other, at_least=0) or 0)
        best = max(found, key=lambda other: (likeness[other], other))
        return best, self._known[best]

    def _ratio(self, value: str, other: str, *, at_least: float) -> float | None:
        """How alike two values are; none where they are less. Their letters tell most pairs apart."""
        matcher = self._matchers[other]
        matcher.set_seq1(value)
        if matcher.real_quick_ratio() < at_least or matcher.quick_ratio() < at_least:
            return None
        score = matcher.ratio()
        return score if score >= at_least else None


def _stems(value: str) -> set[str]:
    words = "".join(one if one.isalpha() else " " for one in value).split()
    return {word[:_STEM] for word in words if len(word) >= _STEM}


def _tokens(value: str) -> set[str]:
    return set(re.findall(r"\w+", value))
