"""Texts that a screen, a page, a spreadsheet or SQL would obey; and whether one got through."""

import unicodedata

HOSTILE_TEXTS = {
    "markup": "[/red] [bold]x[/] [link=file:///etc/passwd]y[/link]",
    "unclosed markup": "[red",
    "emoji name": ":red_circle:",
    "colour": "\x1b[31mred\x1b[0m",
    "title of the window": "\x1b]0;owned\x07",
    "cursor": "\x1b[2J\x1b[1;1H\rover",
    "eight-bit escape": "\x9b31mred",
    "delete": "a\x7f\x08b",
    "turned round": "\u202egnp.exe\u202c \u2066x\u2069 \u200f",
    "line of its own": "a\u2028b\u2029c\x0bd\x0ce\x85f",
    "html": "<img src=x onerror=alert(1)>",
    "format": "%s %(x)s {0} {x!r} ${HOME}",
}
LINE_ENDS = "\n\t"


def obeyed_signs(text: str, *, keep: str = LINE_ENDS) -> set[str]:
    """Signs of a text that a terminal obeys or that turn a line round."""
    return {
        sign
        for sign in text
        if sign not in keep and unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }
