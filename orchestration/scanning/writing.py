"""One text as the finders read it: one form of blanks, dashes and letters, and finer views of it.

People hide numbers, and keyboards write them in many ways: 504-555-O142 with a letter for a digit is
a telephone. What is made alike here need not be said again in every pattern. What is personal is said
in the other modules.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

_DASHES = dict.fromkeys(
    map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad\u2043\ufe63\uff0d"), "-"
)
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\x00"), None)
_BLANKS = re.compile(r"\s+")

_ZERO = re.compile(r"(?<=[0-9])O(?![A-Z])|(?<=[0-9][-. (/])O(?=[0-9O])|(?<![A-Z0-9])O(?=[0-9])")
_ONE = re.compile(
    r"(?<=[0-9])[IL](?=[0-9])|(?<=[0-9][-. (/])[IL](?=[0-9])|(?<=[0-9])[L|](?![A-Z0-9])|"
    r"(?<![A-Z0-9])[IL](?=[0-9]{2}[-. ]?[0-9])"
)

_DIGITS = {
    "ZERO": "0", "OH": "0", "ONE": "1", "TWO": "2", "THREE": "3", "FOUR": "4",
    "FIVE": "5", "SIX": "6", "SEVEN": "7", "EIGHT": "8", "NINE": "9",
}  # fmt: skip
_WORD = rf"(?:{'|'.join(_DIGITS)})"
_SPELT_ANY = re.compile(r"ZERO|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE")
_DIGIT = re.compile("[0-9]")
_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))
_SPELT = re.compile(rf"\b{_WORD}(?:[-., ]+{_WORD})+\b")

# Louisiana writes its laws as title:section, 14:35 or 40:967(C); times of day look alike.
_STATUTE = re.compile(
    r"(?<![0-9A-Z:/.-])[0-9]{1,2}:[0-9]{1,4}(?:[.:][0-9]+)*(?:\([A-Z0-9]{1,3}\))*(?![0-9A-Z-])"
)


@dataclass(frozen=True)
class Writing:
    """A text, trimmed and with single blanks, in the letters it came in."""

    text: str

    @cached_property
    def upper(self) -> str:
        """In upper case."""
        return self.text.upper()

    @cached_property
    def digits(self) -> int:
        """How many digits it has, those in words among them: what most kinds need some of."""
        return len(self.numbers) - len(self.numbers.translate(_NO_DIGITS))

    @cached_property
    def numbers(self) -> str:
        """Letters that stand for digits among digits, and digits in words, written as digits."""
        text = self.upper
        if _SPELT_ANY.search(text):
            text = _SPELT.sub(lambda found: _as_digits(found.group()), text)
        return _ONE.sub("1", _ZERO.sub("0", text)) if _DIGIT.search(text) else text

    @cached_property
    def without_laws(self) -> str:
        """Without statutes and times of day, whose numbers belong to nobody."""
        return _STATUTE.sub("\u00a7", self.upper) if ":" in self.upper else self.upper


def read_text(text: str) -> Writing:
    """A text in one form of its blanks and dashes."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE | _DASHES))
    return Writing(_BLANKS.sub(" ", text).strip())


def words(text: str) -> frozenset[str]:
    """A list of words, written in lines."""
    return frozenset(text.split())


def _as_digits(words: str) -> str:
    return "".join(_DIGITS[word] for word in re.findall(_WORD, words))
