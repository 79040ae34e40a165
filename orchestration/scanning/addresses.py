"""Homes: a house number and its street, an apartment, a post box, coordinates.

A block (`012XX Canal St`, `1200 block of Canal St`) and a crossing are no homes. What a column of
places may hold is the grammar of places, not this.
"""

import re
from collections.abc import Collection, Iterable

from orchestration.scanning.writing import Writing

_SUFFIX = (
    r"(?:STREET|STR|ST|AVENUE|AVEN?|AV|BOULEVARD|BLVD|BL|ROAD|RD|DRIVE|DR|LANE|LN|COURT|CT"
    r"|PLACE|PL|HIGHWAY|HWY|"
    r"PARKWAY|PKWY|PKY|CIRCLE|CIR|TERRACE|TERR?|TRAIL|TRL|ALLEY|ALY|SQUARE|SQ|CRESCENT|CRES"
    r"|COVE|CV|LOOP|PLAZA|PLZ|"
    r"CROSSING|XING|BEND|BND|WAY|WALK|ROW|EXPRESSWAY|EXPY|CAUSEWAY|TURNPIKE|ESPLANADE|PROMENADE"
    r"|POINT|PT)"
)
# What may stand between a number and a street's suffix in a sentence, and is no street.
_NO_STREET = (
    r"(?!(?:BLK|BLOCKS?|BLOC|OF|ON|IN|AT|TO|FROM|THE|AND|OR|BY|FOR|WITH|NEAR|OFF|PER|AM|PM|HRS?"
    r"|HOURS?|MIN|MINS|MINUTES?"
    r"|FT|FEET|FOOT|YARDS?|YDS|MILES?|MPH|LBS?|POUNDS?|INCH(?:ES)?|COUNTS?|CTS?|DAYS?|WEEKS?"
    r"|MONTHS?|YEARS?|YRS?|YOA|YO"
    r"|DOORS?|DR|W/M|B/M|W/F|B/F|MALES?|FEMALES?|SUBJECTS?|PEOPLE|PERSONS?|MEN|WOMEN|OFFICERS?"
    r"|VEHICLES?|CARS?|UNITS?"
    r"|TIRES?|BAGS?|CARTS?|CANS?|SHOTS?|TIMES?|HUNDRED|SERIES|GRAMS?|DOLLARS?|FORD|TOYOTA|HONDA"
    r"|NISSAN|DODGE|CHEVROLET"
    r"|CHEVY|KIA|HYUNDAI|BMW|GMC|JEEP|LEXUS|MAZDA|ACURA|INFINITI|BUICK|CADILLAC|CHRYSLER"
    r"|MERCURY|PONTIAC|SUBARU|VOLVO)\b)"
)
_HOUSE = (
    r"(?<![0-9A-Z:.$/-])(?<!EXIT )(?<!HWY )(?<!MILE )(?<!POLE )(?<!ROUTE )(?<!\bUS )(?<!\bI )"
    r"[0-9]{1,5}(?:(?<=[0-9]{2})[A-Z]|[-/][0-9]{1,5}| ?[-&] ?[0-9]{1,5}| 1/2|-1/2|\u00bd)?"
)
_DIRECTION = r"(?:(?:N|S|E|W|NE|NW|SE|SW|NORTH|SOUTH|EAST|WEST)\.?,? )?"
_STREET_WORD = r"(?:[0-9]{1,3}(?:ST|ND|RD|TH)|[A-Z][A-Z'.]*)"
_HOUSE_AND_STREET = re.compile(
    rf"{_HOUSE},? {_DIRECTION}(?:{_NO_STREET}{_STREET_WORD}[ ,]{{1,2}}){{1,4}}{_SUFFIX}\b(?!['])"
)
_HOUSE_AND_SIDE = re.compile(
    r"(?<![0-9A-Z:.$/#-])[0-9]{3,5}(?:[A-Z]|[-/][0-9]{1,5}| 1/2)?,? (?:N|S|E|W|NORTH|SOUTH|EAST"
    r"|WEST)\.? "
    rf"{_NO_STREET}[A-Z][A-Z'.]{{3,}}"
)
_HOUSE_AND_AVENUE = re.compile(
    rf"{_HOUSE},? (?:AVE(?:NUE)?|RUE|HIGHWAY|HWY|OLD HWY|CALLE|VIA|BAYOU) [A-Z0-9]"
    r"|\b(?:RUE|CALLE|VIA) [A-Z][A-Z'.]+ [0-9]{2,5}(?![0-9:/-])"
    rf"|{_HOUSE},? (?:SAINT|ST\.?) [A-Z]{{3}}"
)
_STREET_AND_HOUSE = re.compile(
    r"\b[A-Z][A-Z'.]* (?:STREET|ST|AVENUE|AVE|AV|BLVD|ROAD|RD|DRIVE|DR|LANE|LN|COURT|CT"
    r"|PLACE|PL|TERRACE|CIRCLE|PKWY)\.?,? ?(?:#|NO\.?"
    r"|NUMBER|HOUSE|BLDG)? ?#? ?"
    r"[0-9]{2,5}(?![0-9A-Z:/-]| ?(?:BLK|BLOCK|HRS|FT|FEET|MPH|AM|PM))"
)
_SPOKEN = re.compile(
    r"\b(?:ADDRESS|ADDR?|LIVES?|LIVING|RESID(?:ES?|ENCE|ING)|RES|HOME|HOUSE|STAYS?|STAYING"
    r"|DOMICILE|LOC(?:ATED|ATION)?"
    r"|AT|@|FROM|BEHIND|OUTSIDE|INSIDE|FRONT OF)\b[ :#.,=-]{0,3}(?:(?:IS|AT|OF|ON|NUMBER"
    r"|NO\.?)[ :#]{1,2}){0,2}"
    rf"[0-9]{{2,5}}[A-Z]?,? {_DIRECTION}{_NO_STREET}(?!MG\b|CC\b|PSI\b|PERCENT\b|SHIFT\b|PROOF\b"
    rf"|BLOOD\b|BAC\b)[A-Z][A-Z'.]{{2,}}"
)
_APARTMENT = re.compile(
    r"\b(?:APT|APTS|APPT|APART|APARTMENT|APARTMENTS?|SUITE)\b\.? ?(?:NUMBER|NO\.?|NUM\.?"
    r"|NBR)? ?[#:]? ?-?"
    r"(?:[A-Z]?-?[0-9]{1,5}-?[A-Z]?|[A-HJ-Z])(?![A-Z0-9'])"
)
_OF_A_STREET = re.compile(
    rf"\b{_SUFFIX}\.?,? ?(?:UNIT|STE|LOT|TRLR|TRAILER|RM|ROOM|BLDG|FLOOR|FL"
    rf"|#) ?#?[A-Z]?-?[0-9]{{1,5}}[A-Z]?\b"
)
_BOX = re.compile(r"\bP\.? ?O\.? ?(?:BOX|B\.?) ?#?[0-9]+")

_DEGREES = r"-?[0-9]{1,3}\.[0-9]{2,}"
_COORDINATES = tuple(
    re.compile(form)
    for form in (
        # A latitude and a longitude, in either order, of which one is negative or has its letter.
        r"(?<![0-9.])-?[0-9]{1,2}\.[0-9]{2,}[\u00b0 ]{0,2}[NS]?[ ,;/|]{1,3}-[0-9]{2,3}\.[0-9]{2,}",
        r"(?<![0-9.])-[0-9]{2,3}\.[0-9]{2,}[ ,;/|]{1,3}[0-9]{1,2}\.[0-9]{2,}",
        r"(?<![0-9.])[0-9]{1,2}\.[0-9]{2,}[\u00b0 ]{0,2}[NS][ ,;/|]{0,3}"
        r"[0-9]{2,3}\.[0-9]{2,}[\u00b0 ]{0,2}[EW]\b",
        r"\b[NS] ?[0-9]{1,2}\.[0-9]{2,}[\u00b0 ,;/]{0,3}[EW] ?[0-9]{2,3}\.[0-9]{2,}",
        r"(?<![0-9.])[0-9]{1,2}\.[0-9]{3,}[ ,;/|]{1,3}[0-9]{2,3}\.[0-9]{3,}(?![.0-9])",
        rf"\b(?:LAT|LON|LONG|LNG|LATITUDE|LONGITUDE|GPS|COORDS?"
        rf"|COORDINATES?)\b[^0-9;|]{{0,12}}{_DEGREES}",
        r"\bPOINT ?\(",
        r"[0-9]{1,3} ?(?:\u00b0|DEG) ?[0-9]{1,2} ?['\u2032\u2019M]? ?(?:[0-9]{1,2}"
        r"(?:\.[0-9]+)? ?(?:\"|''|\u2032\u2032|\u2033|\u201d|S)? ?)?[NSEW]\b",
    )
)


_DIGIT = re.compile("[0-9]")
_MAY_BE_HOUSE = re.compile(rf"[0-9][A-Z]?,? .*\b{_SUFFIX}\b|\b{_SUFFIX}\b.*[0-9]")
_MAY_BE_COORDINATES = re.compile(r"[0-9]\.[0-9]{2}|POINT|[0-9] ?(?:\u00b0|DEG)")
_MAY_BE_HOME = re.compile(r"[0-9][A-Z]?,? [A-Z]|\b(?:RUE|CALLE|VIA) ")


_HOUSE_AND_WORDS = re.compile(
    r"(?<![0-9A-Z:.$/-])(?P<number>[0-9]{3,5})(?:[A-Z]|[-/][0-9]{1,5}|-1/2| 1/2)?,? "
    r"(?:[NSEW]\.? )?(?P<words>[A-Z][A-Z'.]+(?: [A-Z][A-Z'.]+){0,2})"
)
_WORDS_AND_HOUSE = re.compile(
    rf"(?P<words>[A-Z][A-Z'.]+(?: [A-Z][A-Z'.]+){{0,2}}?)(?: {_SUFFIX})?\.? "
    r"(?P<number>[0-9]{3,5})(?![0-9:/-]| ?(?:BLK|BLOCK|HRS|FT|FEET|MPH|AM|PM|XX))"
)
_PUNCTUATION = re.compile(r"(?:(?![0-9A-Z'&.:/-]).|(?<![0-9])[.:/-]|[.:/-](?![0-9]))+")
"""What may stand between a number and its street in writing; not within a date, a time or a number."""
_YEAR_OR_MODEL = re.compile(r"19[0-9]{2}|20[0-5][0-9]|[1-5]500")


def names_of_streets(streets: Iterable[str]) -> frozenset[str]:
    """The names of streets in upper case, without direction and suffix: as people say them."""
    named = set()
    for street in streets:
        spoken = street.upper().split()
        while len(spoken) > 1 and spoken[0] in ("N", "S", "E", "W"):
            del spoken[0]
        if len(spoken) > 1 and re.fullmatch(_SUFFIX, spoken[-1]):
            del spoken[-1]
        named.add(" ".join(spoken))
    return frozenset(name for name in named if len(name) > 3 and not name[0].isdigit())


def has_exact_address(writing: Writing, *, streets: Collection[str] = ()) -> bool:
    """Whether a text names one home: by its house number, its door or its coordinates.

    `streets` are known ones, as `names_of_streets` gives them: beside a number they need no suffix.
    """
    text = writing.without_laws
    if _APARTMENT.search(text):
        return True
    if not _DIGIT.search(text):
        return False
    return (
        (_MAY_BE_COORDINATES.search(text) is not None and _any(_COORDINATES, text))
        or _BOX.search(text) is not None
        or any(_has_house(view, streets) for view in {text, _PUNCTUATION.sub(" ", text)})
    )


def _has_house(text: str, streets: Collection[str]) -> bool:
    """Whether a house's number stands beside its street."""
    return (
        (_MAY_BE_HOUSE.search(text) is not None and _any(_WITH_SUFFIX, text))
        or (_MAY_BE_HOME.search(text) is not None and _any(_WITHOUT_SUFFIX, text))
        or (bool(streets) and _stands_at_known(text, streets))
    )


def _stands_at_known(text: str, streets: Collection[str]) -> bool:
    """Whether a number stands beside the name of a known street; a year or a model does not."""
    for form, of_the_name in ((_HOUSE_AND_WORDS, _beginnings), (_WORDS_AND_HOUSE, _endings)):
        for found in form.finditer(text):
            if not _YEAR_OR_MODEL.fullmatch(found["number"]) and any(
                name in streets for name in of_the_name(found["words"].split(" "))
            ):
                return True
    return False


def _beginnings(words: list[str]) -> list[str]:
    return [" ".join(words[:count]) for count in range(1, len(words) + 1)]


def _endings(words: list[str]) -> list[str]:
    return [" ".join(words[-count:]) for count in range(1, len(words) + 1)]


_WITH_SUFFIX = (_HOUSE_AND_STREET, _STREET_AND_HOUSE, _OF_A_STREET)
_WITHOUT_SUFFIX = (_SPOKEN, _HOUSE_AND_AVENUE, _HOUSE_AND_SIDE)


def _any(forms: Iterable[re.Pattern[str]], text: str) -> bool:
    return any(form.search(text) for form in forms)
