"""What a screen, a page or a log shows of a text that came from outside: nothing that it obeys.

Cells, keys, headings, file names and a portal's words may hold escapes that move a cursor, signs that
turn a line round, and markup. Markup is what is printed with (`terminal.py`, the pages' templates);
signs that nobody sees stand as their numbers, here.
"""

import unicodedata
from typing import Any

from orchestration.unseen import CLEANED, NO_TEXT

_NOT_DRAWN = ("Cc", "Cn", "Co", "Cs")
"""Categories; what else nobody sees is listed."""


def visible(text: str, *, keep: str = "") -> str:
    """A text in which signs that are not seen stand as their numbers, such as ⟨U+202E⟩.

    `keep` are signs that stay: line ends where a text of ours has several lines.
    """
    if text.isascii() and text.isprintable():
        return text
    listed = {found.start() for found in NO_TEXT.finditer(text)}
    return "".join(
        f"⟨U+{ord(sign):04X}⟩"
        if sign not in keep
        and (place in listed or sign in CLEANED or unicodedata.category(sign) in _NOT_DRAWN)
        else sign
        for place, sign in enumerate(text)
    )


def in_page(value: Any) -> Any:
    """What a page's template writes of a value: a text's unseen signs as numbers, line ends kept.

    What a template made itself is of a type of its own, and stays.
    """
    return visible(value, keep="\n\t") if type(value) is str else value
