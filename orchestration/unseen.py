"""Signs of a text that nobody sees, said once: for the scanner, the models, the publisher and screens.

Between the digits of a number they hide it from whoever looks for numbers, and on a screen it reads as
the number; some turn a line round, or are obeyed by a terminal. No text that leaves has one, but for
the two signs that join the pictures of an emoji, behind a picture. Blanks are none: they are seen.
"""

import re

_NO_TEXT = (
    # Control characters. Tabs, line ends and form feeds are blanks, which every text column collapses.
    *((0x00, 0x08), (0x0B, 0x0B), (0x0E, 0x1F), (0x7F, 0x9F)),
    # Format characters (category Cf) and ends of lines (Zl, Zp), as of Unicode 16.
    *((0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891)),
    *((0x8E2, 0x8E2), (0x200B, 0x200C), (0x200E, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F)),
    *((0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0x110BD, 0x110BD), (0x110CD, 0x110CD)),
    *((0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    # What else the standard calls Default_Ignorable_Code_Point: drawn as nothing at all.
    *((0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164)),
    *((0xFE00, 0xFE0E), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)),
    # No characters, and none ever.
    *((0xFDD0, 0xFDEF), (0xFFFE, 0xFFFF)),
)
_JOINS = (0x200D, 0x200D)
_COLOURED = (0xFE0F, 0xFE0F)
_PICTURES = (
    *((0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122)),
    *((0x2139, 0x2139), (0x2190, 0x245F), (0x2500, 0x27FF), (0x2900, 0x2BFF), (0x3030, 0x3030)),
    *((0x303D, 0x303D), (0x3297, 0x3297), (0x3299, 0x3299), (0x1F000, 0x1F0FF), (0x1F170, 0x1FAFF)),
)
CLEANED = "\f\uffa0"
"""Signs that the cleaning makes blanks, and that no text has after it. Two extracts of Sacramento's
activity log have U+FFA0, a filler of Korean writing, where an editor typed a no-break space (0xA0)."""


def _in_re2(*ranges: tuple[int, int]) -> str:
    return "".join(rf"\x{{{first:X}}}-\x{{{last:X}}}" for first, last in ranges)


def _in_python(*ranges: tuple[int, int]) -> str:
    return "".join(rf"\U{first:08x}-\U{last:08x}" for first, last in ranges)


NO_TEXT_RE2 = (
    f"[{_in_re2(*_NO_TEXT)}]"
    f"|(^|[^{_in_re2(*_PICTURES)}])[{_in_re2(_COLOURED)}]"
    f"|(^|[^{_in_re2(*_PICTURES, _COLOURED)}])[{_in_re2(_JOINS)}]"
)
"""Matches a cell that holds a sign that is no text, as DuckDB reads patterns."""
NO_TEXT = re.compile(
    f"[{_in_python(*_NO_TEXT)}]"
    f"|(?<![{_in_python(*_PICTURES)}])[{_in_python(_COLOURED)}]"
    f"|(?<![{_in_python(*_PICTURES, _COLOURED)}])[{_in_python(_JOINS)}]"
)
"""Each such sign of a text."""
UNSEEN = "".join(
    chr(number)
    for first, last in (*_NO_TEXT, _JOINS, _COLOURED)
    for number in range(first, last + 1)
)
"""All of them, the two of emoji included, wherever they stand."""
UNSEEN_CLASS = _in_python(*_NO_TEXT, _JOINS, _COLOURED)
"""The same within the brackets of a pattern of Python's."""
