"""What a screen, a page or a log shows of a text that came from outside: nothing that it obeys.

Cells, keys, headings, file names and a portal's words may hold escapes that move a cursor, signs that
turn a line round, and markup. Markup is what is printed with (`terminal.py`, the pages' templates);
signs that nobody sees stand as their numbers, here.
"""

import unicodedata
from typing import Any

_UNSEEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")


def visible(text: str, *, keep: str = "") -> str:
    """A text in which signs that are not seen stand as their numbers, such as ⟨U+202E⟩.

    `keep` are signs that stay: line ends where a text of ours has several lines.
    """
    if text.isprintable():
        return text
    return "".join(
        f"⟨U+{ord(sign):04X}⟩"
        if sign not in keep and unicodedata.category(sign) in _UNSEEN
        else sign
        for sign in text
    )


def in_page(value: Any) -> Any:
    """What a page's template writes of a value: a text's unseen signs as numbers, line ends kept.

    What a template made itself is of a type of its own, and stays.
    """
    return visible(value, keep="\n\t") if type(value) is str else value
