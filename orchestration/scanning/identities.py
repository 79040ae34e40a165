"""Numbers and days that are one person's: social security, birth, driver's licence."""

import re
from collections.abc import Iterator

from orchestration.scanning.writing import Writing

_SSN = tuple(
    re.compile(form)
    for form in (
        r"(?<![0-9A-Z.:-])[0-9]{3}[-. /_]{1,3}[0-9]{2}[-. /_]{1,3}[0-9]{4}(?![0-9A-Z]|[-./][0-9])",
        # Nine digits alone: a social security number or a Louisiana licence, nothing of a city's.
        r"(?<![0-9A-Z.:-])[0-9]{9}(?![0-9A-Z]|[-.][0-9])",
        r"(?<![0-9A-Z])(?:[0-9][-. ]){8}[0-9](?![0-9]|[-. ][0-9])",
        r"(?<![0-9])[0-9]{4} ?\(?(?:SSN|SOCIAL)\b",
        r"(?<![A-Z0-9])[X*#]{3}[- ]?[X*#]{2}[- ]?[0-9]{4}(?![0-9])",
        r"(?:\bSSN|\bSSAN|\bS\.S\.N|\bS\.S\.|\bSS ?#|\bSOC\b|\bSOCIAL\b)[^0-9|;]{0,24}"
        r"[0-9](?:[-. /]{0,3}[0-9]){3,8}(?![0-9A-Z:])",
        r"\bSS (?:NO|NUM|NUMBER|NBR|IS)\b[^0-9|;]{0,8}[0-9](?:[-. /]{0,3}[0-9]){3,8}(?![0-9])",
    )
)

_MAY_BE_PART = re.compile(r"SS|S\.S|SOC|[X*#]{3}")


def has_social_security_number(writing: Writing) -> bool:
    """Whether a text holds a social security number, whole, masked or its last four digits."""
    if writing.digits < 4:
        return False
    forms = _SSN if _MAY_BE_PART.search(writing.numbers) else _SSN[:3] if writing.digits > 8 else ()
    return any(form.search(writing.numbers) for form in forms)


_MONTHS = (
    r"(?:JAN(?:UARY)?|FEB(?:RUARY)?|MAR(?:CH)?|APR(?:IL)?|MAY|JUNE?|JULY?|AUG(?:UST)?|SEPT?(?:EMBER)?"
    r"|OCT(?:OBER)?|NOV(?:EMBER)?|ENE(?:RO)?|ABR(?:IL)?|AGO(?:STO)?|DIC(?:IEMBRE)?|DEC(?:EMBER)?)\.?"
)
_MONTH = re.compile(r"JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|ENE|ABR|AGO|DIC")
_NUMBER = r"(?<![0-9A-Z:.])"
_DAY_OR_MONTH = re.compile(
    _NUMBER
    + r"(?<![0-9][-/])([0-9]{1,2})( ?[-/.,\\] ?| )([0-9]{1,2})\2'?((?:1[89]|20)[0-9]{2}|[0-9]{2})"
    r"(?![0-9:]|[-/.][0-9])"
)
_YEAR_FIRST = re.compile(
    r"(?<![0-9A-Z:.])(?<![0-9][-/])((?:1[89]|20)[0-9]{2})( ?[-/.] ?| )([0-9]{1,2})\2"
    r"([0-9]{1,2})(?![0-9]|[-/.][0-9])"
)
_DAY_FIRST_NAMED = re.compile(
    rf"(?<![0-9])([0-9]{{1,2}})(?:ST|ND|RD|TH)?(?: OF)?[-. /,]{{0,3}}{_MONTHS}[-. /,]{{0,3}}'?"
    rf"([0-9]{{4}}|[0-9]{{2}})(?![0-9])"
)
_MONTH_NAMED_FIRST = re.compile(
    rf"\b{_MONTHS}[-. /]{{0,3}}([0-9]{{1,2}})(?:ST|ND|RD|TH)?[-., /]{{1,3}}'?([0-9]{{4}}"
    rf"|[0-9]{{2}})(?![0-9:])"
)
_YEAR_FIRST_NAMED = re.compile(
    rf"(?<![0-9])((?:19|20)[0-9]{{2}})[-. /,]{{0,3}}{_MONTHS}[-. /,]{{0,3}}[0-9]{{1,2}}(?![0-9])"
)
_CLOSE = re.compile(r"(?<![0-9A-Z])([0-9]{2})([0-9]{2})([0-9]{4})(?![0-9A-Z])")
_CLOSE_YEAR_FIRST = re.compile(r"(?<![0-9A-Z])((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})(?![0-9A-Z])")

_BIRTH = (
    r"(?:\bD ?[./]? ?O ?[./]? ?B(?![A-Z])|\bB ?/ ?D\b|\bBORN\b|\bBIRTH"
    r"|\bB-?DAY\b|\bB-?DATE\b|\bYOB\b|\bBDAY)"
)
_AFTER_BIRTH = re.compile(
    rf"{_BIRTH}[^0-9|;]{{0,24}}?(?:{_MONTHS}[^0-9|;]{{0,3}})?[0-9](?:[-. /,']{{0,3}}[0-9]){{3,7}}"
    rf"|{_BIRTH}[^0-9|;]{{0,16}}?[0-9]{{1,2}}(?:ST|ND|RD|TH)?(?: OF)?[-. /,]{{0,3}}{_MONTHS}"
    rf"|{_BIRTH}[^0-9|;]{{0,16}}?{_MONTHS} ?[0-9]{{1,2}}\b"
    rf"|{_BIRTH}[^0-9|;]{{0,12}}?[0-9]{{1,2}}[-/.][0-9]{{1,2}}\b"
)
_SHORT_BIRTH = re.compile(
    r"(?<![A-Z0-9./])B[.:] ?[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}(?![0-9])"
)
_BEFORE_BIRTH = re.compile(
    rf"[0-9]{{1,4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{2,4}}[^0-9A-Z|;]{{0,3}}\(?{_BIRTH}"
)
_MAY_BE_BIRTH = re.compile(r"B(?:OR|IR|[- ]?D| ?/|[.:])|O ?[. /]? ?B")
_MAY_BE_DAY = re.compile(
    r"[0-9] ?[-/., \\] ?[0-9]{1,2} ?[-/., \\] ?'?[0-9]|[0-9]{8}"
    r"|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|ENE|ABR|AGO|DIC"
)
_FIRST_YEAR = 1900


def has_birth_date(writing: Writing, *, born_until: int | None) -> bool:
    """Whether a text holds a day of birth: beside a word that says so, or any day old enough.

    Old enough is a day of the year `born_until` or before; without it, every day is.
    """
    text = writing.numbers
    if (
        writing.digits
        and _MAY_BE_BIRTH.search(text)
        and (_AFTER_BIRTH.search(text) or _BEFORE_BIRTH.search(text) or _SHORT_BIRTH.search(text))
    ):
        return True
    if writing.digits < 3 or not _MAY_BE_DAY.search(text):
        return False
    latest = 9_999 if born_until is None else born_until
    return any(_FIRST_YEAR <= year <= latest for year in _years_of_days(text, latest))


def _years_of_days(text: str, latest: int) -> Iterator[int]:
    """The years of the whole dates of a text."""
    for found in _DAY_OR_MONTH.finditer(text):
        one, sep, other, year = found.groups()
        # Two digits of a year between dots or blanks are a section of a law, or a count.
        if _is_day(one, other) and (len(year) == 4 or sep.strip() in ("/", "-", "\\")):
            yield _whole(year, latest)
    for form in (_YEAR_FIRST, _CLOSE_YEAR_FIRST):
        for found in form.finditer(text):
            year, one, other = found.group(1), *found.groups()[-2:]
            if _is_day(one, other):
                yield int(year)
    for found in _CLOSE.finditer(text):
        one, other, year = found.groups()
        if _is_day(one, other):
            yield int(year)
    if not _MONTH.search(text):
        return
    yield from (int(found.group(1)) for found in _YEAR_FIRST_NAMED.finditer(text))
    for form in (_DAY_FIRST_NAMED, _MONTH_NAMED_FIRST):
        for found in form.finditer(text):
            day, year = found.groups()
            if 1 <= int(day) <= 31:
                yield _whole(year, latest)


def _is_day(one: str, other: str) -> bool:
    """Whether two numbers may be a day and a month, in any order."""
    least, most = sorted((int(one), int(other)))
    return 1 <= least <= 12 and 1 <= most <= 31


def _whole(year: str, latest: int) -> int:
    """A year of two digits is of the century in which somebody may have been born in it."""
    if len(year) == 4:
        return int(year)
    return 2000 + int(year) if 2000 + int(year) <= latest else 1900 + int(year)


_LICENCE_WORD = (
    r"(?:\bO\.? ?L\.? ?N\b\.?|\bOL ?#|\b(?:[A-Z]{2})?D\.?L\.?(?:N|#|\b|(?=[0-9]))|\bD/L\b"
    r"|\bCDL\b|\bLIC(?:ENSE"
    r"|ENCE)?S?\b\.?"
    r"|\bDRIVER'?S?'? LIC\w*\.?|\bOPERATOR'?S? LIC\w*\.?|\bOPER LIC\b|\bDRIVER'?S? ID\b"
    r"|\bSTATE ID\b|\bID CARD\b"
    r"|\b[A-Z]{2} ID\b"
    r"|\bPERMIT\b|\bPASSPORT\b)"
)
_LICENCE = re.compile(
    _LICENCE_WORD
    + r"(?! ?PLATE)[^0-9|;\u00a7]{0,24}?(?:(?<![0-9A-Z])|(?<=DL)|(?<=OLN))"
    + r"(?=[A-Z0-9-]{0,16}[0-9][A-Z0-9-]?[0-9])[A-Z]{0,2}[- ]?[0-9](?:[- ]?[0-9A-Z*]){5,13}"
    r"(?![0-9A-Z])"
)

_LAW_WORD = re.compile(
    r"\b(?:UNDER|SECTIONS?|SEC|ART|ARTICLE|TITLE|R\.?S|MC|CODE|ORD|ITEM|CITATION|PLATES?|TAGS?)\b"
)
_MAY_BE_LICENCE = re.compile(r"LIC|L[. ]*[N#]|D[./]?L|PERMIT|PASSPORT|ID\b")


def has_drivers_licence(writing: Writing) -> bool:
    """Whether a text holds the number of a driver's licence or another card beside its word."""
    if writing.digits < 5 or not _MAY_BE_LICENCE.search(writing.upper):
        return False
    return any(
        _digits(found.group(), 5) and not _LAW_WORD.search(found.group())
        for found in _LICENCE.finditer(writing.without_laws)
    )


def _digits(text: str, least: int) -> bool:
    return sum(character.isdigit() for character in text) >= least
