"""One text as the finders read it: one form of blanks, dashes and letters, and finer views of it.

People hide numbers, and keyboards write them in many ways: 504-555-O142 with a letter for a digit is
a telephone. What is made alike here need not be said again in every pattern. What is personal is said
in the other modules.
"""

import re
import unicodedata

from orchestration.unseen import CLEANED, UNSEEN

_DASHES = dict.fromkeys(
    map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe63\uff0d"), "-"
)
# A blank of Braille is drawn as one, and the standard calls it a symbol.
_AS_BLANKS = dict.fromkeys(map(ord, CLEANED + "\u2800"), " ")
_ALIKE_SIGNS = dict.fromkeys(map(ord, UNSEEN), None) | _DASHES | _AS_BLANKS
_MARKS = ("Mn", "Mc", "Me", "Cn", "Co")
_BLANKS = re.compile(r"\s+")

_ZERO = re.compile(r"(?<=[0-9])O(?![A-Z])|(?<=[0-9][-. (/])O(?=[0-9O])|(?<![A-Z0-9])O(?=[0-9])")
_ONE = re.compile(
    r"(?<=[0-9])[IL](?=[0-9])|(?<=[0-9][-. (/])[IL](?=[0-9])|(?<=[0-9])[L|](?![A-Z0-9])|"
    r"(?<![A-Z0-9])[IL](?=[0-9]{2}[-. ][0-9])"
)

_DIGITS = {
    "ZERO": "0", "OH": "0", "ONE": "1", "TWO": "2", "THREE": "3", "FOUR": "4",
    "FIVE": "5", "SIX": "6", "SEVEN": "7", "EIGHT": "8", "NINE": "9",
}  # fmt: skip
_WORD = rf"(?:{'|'.join(_DIGITS)})"
_SPELT_ANY = re.compile(r"ZERO|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE")
_ALIKE = re.compile("[0-9][-. (/]?[OIL|]|[OIL][0-9]")
_NO_DIGITS = str.maketrans("", "", "0123456789")
_SPELT = re.compile(rf"\b{_WORD}(?:[-., ]+{_WORD})+\b")

# Louisiana writes its laws as title:section, 14:35 or 40:967(C); times of day look alike.
_STATUTE = re.compile(
    r"(?<![0-9A-Z:/.-])[0-9]{1,2}:[0-9]{1,4}(?:[.:][0-9]+)*(?:\([A-Z0-9]{1,3}\))*(?![0-9A-Z-])"
)


class Writing:
    """A text, trimmed and with single blanks, and the views of it that patterns read."""

    __slots__ = ("digits", "numbers", "text", "upper", "without_laws")

    text: str
    """In the letters it came in."""
    upper: str
    """In upper case."""
    numbers: str
    """Letters that stand for digits among digits, and digits in words, written as digits."""
    digits: int
    """How many digits it has then: every kind but names needs some."""
    without_laws: str
    """Without statutes and times of day, whose numbers belong to nobody."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.upper = self.numbers = self.without_laws = text.upper()
        if _SPELT_ANY.search(self.upper):
            self.numbers = _SPELT.sub(lambda found: _as_digits(found.group()), self.upper)
        if _ALIKE.search(self.numbers):
            self.numbers = _ONE.sub("1", _ZERO.sub("0", self.numbers))
        self.digits = len(self.numbers) - len(self.numbers.translate(_NO_DIGITS))
        if ":" in text:
            self.without_laws = _STATUTE.sub("\u00a7", self.upper)


def read_text(text: str) -> Writing:
    """A text in one form of its blanks and dashes, without what nobody sees."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_ALIKE_SIGNS))
        # Neither an accent on a digit nor one on a name's letter makes another of it.
        text = "".join(sign for sign in text if unicodedata.category(sign) not in _MARKS)
    return Writing(_BLANKS.sub(" ", text).strip())


def words(text: str) -> frozenset[str]:
    """A list of words, written in lines."""
    return frozenset(text.split())


def _as_digits(words: str) -> str:
    return "".join(_DIGITS[word] for word in re.findall(_WORD, words))
