"""Which kinds of personal data a text holds, never which: `find_persons`.

The finders know nothing of datasets; which cells are scanned and for what is `scanned.py`'s.
"""

import re
from collections.abc import Callable, Collection
from typing import Final

from orchestration.scanning.addresses import has_exact_address
from orchestration.scanning.health import has_health_words
from orchestration.scanning.identities import (
    has_birth_date,
    has_drivers_licence,
    has_social_security_number,
)
from orchestration.scanning.names import has_name
from orchestration.scanning.telephones import has_mail_address, has_telephone
from orchestration.scanning.vehicles import has_plate, has_vin
from orchestration.scanning.writing import Writing, read_text

TELEPHONE: Final = "telephone"
MAIL: Final = "mail address"
SSN: Final = "social security number"
BIRTH_DATE: Final = "birth date"
PLATE: Final = "number plate"
VIN: Final = "VIN"
LICENCE: Final = "driver's licence"
ADDRESS: Final = "exact address"
NAME: Final = "name"
HEALTH: Final = "health words"
NUMBER: Final = "unknown number"

PERSONAL: Final = (TELEPHONE, MAIL, SSN, BIRTH_DATE, PLATE, VIN, LICENCE, ADDRESS, NAME)
"""What no published text may hold."""
KINDS: Final = (*PERSONAL, HEALTH)
"""What may identify a person, in the order in which it is listed; health is looked for where it is
asked. A `NUMBER`, which may be anybody's, is looked for where words alone are expected."""

_SEPARATOR = re.compile(r"\|| ?; ?")
_TORN = re.compile(r"[0-9][A-Za-z]?\W*[|;]\W*[A-Za-z]|[A-Za-z]\W*[|;]\W*[0-9]")
_LONG_NUMBER = re.compile("[0-9]{3}")
_SHORTEST = 3
"""A text with fewer signs is nobody's number or name."""


def find_persons(
    text: str,
    *,
    kinds: Collection[str] = KINDS,
    born_until: int | None = None,
    streets: Collection[str] = (),
) -> frozenset[str]:
    """The kinds of personal data in a text, each part of a list read by itself.

    A date beside no word of birth counts as one where its year is `born_until` or before; without
    it, any date does. `streets` are names of known ones, as `names_of_streets` gives them.
    """
    found: set[str] = set()
    for part in split_parts(text):
        found |= find_in_part(part, kinds=kinds, born_until=born_until, streets=streets)
    if ADDRESS in kinds and has_torn_address(text, streets=streets):
        found.add(ADDRESS)
    return frozenset(found)


def split_parts(text: str) -> list[str]:
    """The parts of a cell that may be a list: words of one never speak of another."""
    return [part for one in _SEPARATOR.split(text) if len(part := one.strip()) >= _SHORTEST]


def has_torn_address(text: str, *, streets: Collection[str] = ()) -> bool:
    """Whether a number and its street stand on two sides of what may separate a list: 1234; Canal St."""
    if not _TORN.search(text):
        return False
    return has_exact_address(read_text(_SEPARATOR.sub(" ", text)), streets=streets)


def find_in_part(
    part: str, *, kinds: Collection[str], born_until: int | None, streets: Collection[str]
) -> frozenset[str]:
    """The kinds in one part of a list."""
    writing = read_text(part)
    found = set()
    may_hold_number = writing.digits or _SIGN.search(writing.upper)
    for kind in kinds:
        if kind == BIRTH_DATE:
            if writing.digits and has_birth_date(writing, born_until=born_until):
                found.add(kind)
        elif kind == ADDRESS:
            if may_hold_number and has_exact_address(writing, streets=streets):
                found.add(kind)
        elif (may_hold_number or kind in _OF_WORDS) and _FINDERS[kind](writing):
            found.add(kind)
    return frozenset(found)


_FINDERS: dict[str, Callable[[Writing], bool]] = {
    TELEPHONE: has_telephone,
    MAIL: has_mail_address,
    SSN: has_social_security_number,
    PLATE: has_plate,
    VIN: has_vin,
    LICENCE: has_drivers_licence,
    NAME: has_name,
    HEALTH: has_health_words,
    NUMBER: lambda writing: _LONG_NUMBER.search(writing.numbers) is not None,
}
_OF_WORDS = (NAME, HEALTH)
_SIGN = re.compile(
    r"[@*#]|\b(?:APT|APPT|APART|SUITE|PLATE|TAG|POINT)|[\W_]AT[\W_]|GMAIL|YAHOO|HOTMAIL|ICLOUD|PROTON|YMAIL"
)
"""What a text without a digit has where it holds anything but a name: most cells have none of it."""
