"""How words of extracts are shown to people: no person's data, and nothing that a screen obeys.

Of a word that names a person only the kinds found in it and its line are shown. Signs that
nobody sees, or that turn a line round, stand as their numbers. Pages escape what they are given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from orchestration.scanning.addresses import names_of_streets
from orchestration.scanning.persons import KINDS, PERSONAL, find_persons
from orchestration.settings import Settings
from orchestration.visible import visible
from orchestration.warehouse.vocabularies import load_vocabulary

LONGEST = 160
"""Signs of a word that are shown at once."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A word as people may see it."""

    text: str
    """At most `LONGEST` signs, or what stands instead of a word that is not shown."""
    whole: str | None = None
    """All of it, where that is more."""
    persons: str = ""
    """The kinds of personal data found in it: then it is not shown."""

    def __str__(self) -> str:
        return f"({self.text})" if self.persons else f"“{self.text}”"


def show_words(settings: Settings) -> Callable[[str], Shown]:
    """A function that shows words, made once for many: it knows the streets.

    Raises:
        ConfigurationError: the vocabulary of streets is wrong.
    """
    streets = names_of_streets(entry.value for entry in load_vocabulary(settings, "street_names"))

    @lru_cache(maxsize=100_000)
    def show(word: str) -> Shown:
        found = find_persons(word, kinds=PERSONAL, streets=streets)
        if found:
            kinds = ", ".join(kind for kind in KINDS if kind in found)
            return Shown(text=f"not shown here, it may hold: {kinds}", persons=kinds)
        whole = visible(word)
        if len(word) <= LONGEST:
            return Shown(text=whole)
        return Shown(text=f"{visible(word[:LONGEST])}… ({len(word):,} signs)", whole=whole)

    return show
