"""Number plates and vehicle identification numbers: both lead to whose the vehicle is."""

import re

from orchestration.scanning.writing import Writing, words

_VALUES = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9,
), strict=True))  # fmt: skip
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_ALIKE = str.maketrans("OQI", "001")
_SEVENTEEN = re.compile(r"(?<![A-Z0-9])[A-Z0-9](?:[- ]?[A-Z0-9]){16}(?![A-Z0-9])")
_SEVENTEEN_CLOSE = re.compile(
    r"(?<![A-Z0-9])(?=[A-Z]*[0-9])(?=[0-9]*[A-Z])[A-Z0-9]{17}(?![A-Z0-9])"
)
_VIN_WORD = (
    r"(?:\bV\.?I\.?N\b\.?|\bVIN#|\bVEH(?:ICLE)? ?ID(?:ENTIFICATION)?\b|\bSERIAL\b|\bCHASSIS\b)"
)
_AFTER_VIN = re.compile(
    _VIN_WORD + r"[^0-9|;]{0,24}?(?<![0-9A-Z])(?=(?:[- ]?[A-Z]){0,8}[- ]?[0-9])"
    r"[A-Z0-9](?:[- ]?[A-Z0-9*]){5,19}(?![A-Z0-9])"
)

_MAY_BE_VIN = re.compile(r"V\.?I\.?N|VEH|SERIAL|CHASSIS")


def has_vin(writing: Writing) -> bool:
    """Whether a text holds a VIN: by its check digit, by its form, or part of it beside its word."""
    if writing.digits < 4:
        return False
    text = writing.upper
    for found in _SEVENTEEN_CLOSE.finditer(text):
        # European makers put no check digit: seventeen signs of which four or more are digits.
        if sum(map(str.isdigit, found.group())) >= 4:
            return True
    if writing.digits > 4 and any(
        _is_checked(found.group()) for found in _SEVENTEEN.finditer(text)
    ):
        return True
    return _MAY_BE_VIN.search(text) is not None and any(
        sum(map(str.isdigit, found.group())) >= 4
        for found in _AFTER_VIN.finditer(writing.without_laws)
    )


def _is_checked(written: str) -> bool:
    if any(len(group) > 3 and group.isalpha() for group in re.split("[- ]", written)):
        return False
    vin = re.sub("[- ]", "", written).translate(_ALIKE)
    if vin.isdigit() or sum(map(str.isdigit, vin)) < 5:
        return False
    rest = sum(_VALUES[sign] * weight for sign, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return vin[8] == "0123456789X"[rest]


# Three letters before a number that is no plate: models of vehicles, streets, units, counts.
_NO_PLATE = words("""
    AMG BMW CBR CHR CLA CLC CLK CLS CRF CRV CTS CTX DRZ DTS ECO EXC FJR FLH FTN FZR GLA GLB
    GLC GLE GLK GLS GMC GSX GTO GTS GTX HMV HRV JKU KIA KLR KLX LBS LLX LTD LTZ MAC MDX MKC
    MKS MKT MKX MKZ MPV NSR NSX PRO PUG QTY RAM RAV RDX RLX RSX RVR SEL SLC SLK SLR SLS SRT
    SRX STS SUV SVX TDI TLX TRX TSX TTR VAN VFR VLX VTX WRX XJR XKE XKR XLR XLT XTS YFZ YZF
    ZDX ZRX ZZR NPR APT AVE BAY BLK BOX BUS CAR CFS CTR DAY DIV EXT FIG FLR FOR HRS HWY INT
    LOT MAP MIN MPH NUM PCT PIN PKG PLT PSI REG REV RTE SEC SGT STE TAC TAX TEN THE TOP TWO
    UNI VOL YRS ACT AGE ALL AND ANY ARE ART BAC BAR BED CAL CAN CTS CUT DID DOG DUE END FEE
    FEW FIT GET GOT GUN HAD HAS HIT ITS JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC LAB
    LAW LED LEG LOW MAN MEN NEW NOT NOW OFF OLD ONE OUT OWN PER PUT RAN RED RUN SAW SET SHE
    SIX TAN TOW TRY USE VIA WAS WAY WET WHO YES YET DUI RUI DWI UOF FIT PIB TVM CCW CDS PDP
    UCR NFA USC LRS LSA CCP ORD MCS PST CST EST
""")
# A number before three letters that is no plate: measures, doors, models.
_NO_PLATE_AFTER = words("""
    BLK LBS LBR FTS YDS MPH HRS MIN SEC DAY MOS YRS PSI AMP GAL OZS KGS CTS PCS PCT PPL MEN
    MAN AND FOR OUT THE TOW GLE GLT SEL SDL SEC SLC SLK SDX SRT GTS GTX GTO GTI TDI TDT CSI
    XLS XLT AWD FWD RWD SXT SXL ABS DTS XIT LCI RTR CDX CDI CGI CLK MAG WIN ACP CAL REM LBV
    AVE STS HWY EXT UNK SUV VAN CAB DRS
""")
_STATE = r"(?:LA|TX|MS|AL|FL|GA|AR|TN|CA|NY|NC|SC|VA|IL|NJ|MD|KY|AZ|NV|WA|KS|WI|MN)"
_PLATE_WORD = (
    r"(?:\b(?:LICEN[SC]E|LIC\.?|LISC\.?|NUMBER|TEMP|REAR|VEH(?:ICLE)?)? ?(?:PLATES?|TAGS?|PLT"
    r"|PL8)\b"
    r"|\bLIC(?:ENSE|ENCE)?\b\.?|\bLISC\b\.?|\bL[./]?P\b\.?|\bLPN\b|\bLPR\b|\bREG(?:ISTRATION"
    r"|IS)?\b\.?|\bOLN/LIC\b)"
)
_BETWEEN = (
    r"(?:[ :#.,=/()-]|\bNUMBER\b|\bNUM\b|\bNO\b\.?|\bNBR\b|\bIS\b|\bWAS\b|\bREADS?\b"
    r"|\bPLATES?\b|\bTAGS?\b"
    rf"|\bSTATE\b|\bOF\b|\bLOUISIANA\b|\bTEXAS\b|\bMISSISSIPPI\b|\b{_STATE}\b){{0,8}}"
)
_AFTER_PLATE = re.compile(
    _PLATE_WORD
    + _BETWEEN
    + r"(?<![A-Z0-9])([A-Z]{3}[- ][A-Z][0-9]{2}|[A-Z]{1,4}[- .]?[0-9]{1,4}[- .]?[A-Z0-9]{0,4}"
    r"|[0-9]{1,4}[- .]?[A-Z]{1,4}[0-9]{0,3}|[0-9]{5,7}|[A-Z0-9]{5,8})(?![A-Z0-9:\u00a7])"
)
_BEFORE_PLATE = re.compile(
    r"(?<![A-Z0-9])(?:[A-Z]{3}[- ]?[0-9]{3,4}|[0-9]{3}[- ]?[A-Z]{3}) ?\(?(?:PLATE|TAG|LP)\b"
)
_VANITY = re.compile(
    r"\b(?:PLATE|TAG) ?(?:NUMBER|NO\.?|#|READS)? ?[:=\"'] ?([A-Z][A-Z0-9 -]{2,7})\b"
)
_AFTER_STATE = re.compile(
    rf"\b{_STATE}[-: ]{{1,2}}((?:[A-Z]{{2,4}}[- ]?[0-9]{{3,4}}|[0-9]{{3,4}}[- ]?[A-Z]{{2,4}}"
    rf"|[A-Z][0-9]{{6}}|[0-9]{{1,3}}[A-Z]{{1,3}}[0-9]{{2,4}}))(?![A-Z0-9-])"
)
_LETTERS_FIRST = re.compile(r"(?<![A-Z0-9-])([A-Z]{3})[- ]?([0-9]{3,4})(?![A-Z0-9]|[-:.][0-9A-Z])")
_DIGITS_FIRST = re.compile(r"(?<![A-Z0-9:.-])([0-9]{3})[- ]?([A-Z]{3})(?![A-Z0-9]|-[0-9])")
_CALIFORNIA = re.compile(r"(?<![A-Z0-9])[0-9][A-Z]{3}[0-9]{3}(?![A-Z0-9])")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_NO_VALUE = words("""
    NONE UNKNOWN UNK MISSING EXPIRED STOLEN SWITCHED TEMP PAPER OUT NOT LIGHT READER CHECK
    YES NO VALID INVALID REVOKED SUSPENDED VISIBLE DISPLAYED COVERED OBSTRUCTED IMPROPER
    LOUISIANA TEXAS
""")

_MAY_SAY_PLATE = re.compile(r"PLATE|TAG|PLT|PL8|LIC|LISC|L[./]?P|REG")
_MAY_STAND_ALONE = re.compile(r"[A-Z]{3}[- ]?[0-9]{3}|[0-9]{3}[- ]?[A-Z]{3}|[0-9][A-Z]{3}[0-9]{3}")


def has_plate(writing: Writing) -> bool:
    """Whether a text holds a number plate: beside its word or its state, or in a plate's form."""
    text = writing.without_laws
    if _MAY_SAY_PLATE.search(text) and _is_said(text):
        return True
    if writing.digits < 3:
        return False
    if _MAY_STAND_ALONE.search(text) and _stands_alone(writing.text, text):
        return True
    return any(
        _is_plate_form(found.group(1)) and found.group(1)[:3] not in _NO_PLATE
        for found in _AFTER_STATE.finditer(text)
    )


def _is_said(text: str) -> bool:
    """After a word for a plate: a sign with digits that is no year, or letters after a colon."""
    for found in _AFTER_PLATE.finditer(text):
        sign = found.group(1)
        if any(map(str.isdigit, sign)) and not _YEAR.fullmatch(sign) and _is_plate_form(sign):
            return True
    if _BEFORE_PLATE.search(text):
        return True
    return any(found.group(1).split(" ")[0] not in _NO_VALUE for found in _VANITY.finditer(text))


_MEASURES = words("BLK BLOCK HRS FT LBS AM PM XX CTS DR")


def _is_plate_form(sign: str) -> bool:
    """Whether letters and digits may be a plate: not a year, a unit or a number with its ordinal."""
    letters = re.sub("[^A-Z]", "", sign)
    if re.fullmatch(r"[0-9]+(?:ST|ND|RD|TH)", sign):
        return False
    if not letters:
        return True
    return len(sign) >= 4 and letters not in (
        "BLK",
        "BLOCK",
        "HRS",
        "FT",
        "LBS",
        "AM",
        "PM",
        "XX",
        "CTS",
        "DR",
    )


def _stands_alone(as_written: str, text: str) -> bool:
    """Three letters and three or four digits, in either order, that are no model, unit or measure."""
    if _CALIFORNIA.search(text):
        return True
    for found in _LETTERS_FIRST.finditer(text):
        letters, number = found.groups()
        close = " " not in found.group()
        if (
            letters in _NO_PLATE
            or _YEAR.fullmatch(number)
            or (number.endswith("00") and len(number) == 4)
        ):
            continue
        if close or found.group() in as_written:
            return True
    for found in _DIGITS_FIRST.finditer(text):
        number, letters = found.groups()
        close = " " not in found.group()
        if letters in _NO_PLATE_AFTER or (not close and found.group() not in as_written):
            continue
        return True
    return False
