"""Names of persons, as far as words tell them: beside a word that says whose, or a frequent name.

No list holds every name and many names are words, so this is the one kind that is recognized only in
part: the tests say in which. `given_names.txt` and `family_names.txt` are the most frequent ones of
the United States census of 1990, without those that are words of cars, colors, places and reports.
"""

import re
from functools import lru_cache
from pathlib import Path

from orchestration.scanning.writing import Writing, words

_LISTS = Path(__file__).parent
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['.-](?=[^\W\d_]))*")
_N = r"[^\W\d_](?:[^\W\d_]|['-])+"
_INITIAL = r"(?:[A-Z]\.? )?"
_TITLE = re.compile(rf"\b(?:MR|MRS|MISTER)\b\.? ?({_N})|\bMS\b(?:\. ?| )({_N})|\bMISS ({_N}) {_N}")
_SAYS_NAME = re.compile(
    r"(?<!STREET )(?<!ST )(?<!BUSINESS )(?<!STORE )(?<!PARK )(?<!SCHOOL )(?<!COMPANY )"
    r"(?<!FILE )(?<!SHOP )(?<!BRAND )"
    r"\b(?:(?:LAST|FIRST|FULL|MAIDEN|LEGAL|STREET|NICK|SUBJECT|VICTIM|SUSPECT|OFFICER|CALLER"
    r"|DRIVER|OWNER)?'?S? ?"
    rf"(?:NAME|NAMES|NAMED|NM)|A[/.]?K[/.]?A\.?|ALIAS|KNOWN AS|GOES BY|IDENTIFIED AS|ID'?D AS)"
    rf"(?![A-Z])"
    rf"([ :=.,#\"'-]{{0,3}}(?:IS |WAS |OF |AS )?\"?)({_N})"
)
_ROLE = (
    r"(?:VICTIM|VIC|VICT|VCT|SUSPECT|SUSP|SUBJECT|SUBJ|COMPLAINANT|COMPL?|CALLER|WITNESS|WIT"
    r"|OWNER|R/O|DRIVER|DRVR"
    r"|PASSENGER|RP|R/P|REPORTING PERSON|ARRESTEE|PERP|PERPETRATOR|DEFENDANT|JUVENILE|JUV"
    r"|MOTHER|FATHER|MOM|DAD"
    r"|SON|DAUGHTER|WIFE|HUSBAND|BROTHER|SISTER|BOYFRIEND|GIRLFRIEND|GUARDIAN|PARENT|NEIGHBOR"
    r"|TENANT|LANDLORD|RESIDENT"
    r"|OFFICER|OFC|P/O|SGT|SERGEANT|DET|DETECTIVE|LT|CAPT|ATTN|ASK FOR|SPOKE (?:TO|WITH))"
)
_NAMED = re.compile(
    rf"\b({_ROLE})\b[ :=.,#(\"'-]{{1,3}}(?:IS |WAS |IN |NAMED )?({_N})(,? ){_INITIAL}({_N})"
)
_NO_GIVEN_END = ("ING", "ED", "LY")

# Words of reports that stand where a name might.
_NO_NAME = words("""
    A ABOUT ACCIDENT ACTION ACTIVITY ADDRESS ADVISED AGAINST AGE ALLEY ALONE ALSO
    ALTERCATION AN AND ANOTHER ANY APPREHENDED ARE ARMED ARREST ARRESTED ARRESTING AS ASKED
    ASSAULT AT ATTEMPTED AUTO AVENUE AVE AV AWAY BACK BATTERY BEAT BECAME BEFORE BEHIND
    BEING BEHAVIOR BIT BITTEN BLACK BLOCK BLUE BLVD BODY BOTH BROKE BROWN BUILDING BURGLARY
    BUSINESS BY CALL CALLED CALLING CAN CANCELLED CANNOT CAR CARRYING CASE CASH CHARGE
    CHARGED CHARGES CHARGING CHECK CHILD CITATION CITED CITIZEN CITY CLAIMS CLEAR CLEARING
    CLOSED COMBATIVE COMMAND COMMANDS COMMITTED COMPLAINT COMPLIED COMPLY CONDUCT CONFIRMED
    CONFRONTED CONSENT CONTACT CONTROL COULD COURT CRIMINAL CRITICAL CURRENT CUSTODY DAMAGED
    DARK DATE DECEASED DECLINED DENIED DEPARTMENT DESCRIPTION DETAINED DETAIL DID DISPLAYED
    DISTRICT DISTURBANCE DIVISION DOB DOES DOG DOMESTIC DOOR DRIVE DRIVER DRIVERS DRIVING
    DROPPED DRUG DRUGS DUI DURING ENTERED ESCAPE ESCAPED EVADING EVIDENCE EXHIBITED EXIT
    EXPIRED FAILED FAILURE FATHER FEET FELL FELONY FEMALE FIELD FIGHT FIGHTING FILE FIREARM
    FIRST FLED FLEEING FLEES FLIGHT FOOT FOR FORCE FOUND FROM FRONT GAVE GENERAL GIVEN GOLD
    GRABBED GRAY GREEN GREY GUN HAD HANDCUFFED HANDGUN HANDS HAS HAVE HAVING HE HEIGHT HER
    HIM HIS HIT HOME HOSPITAL HOUSE ID IDENTIFIED IF IMMEDIATE IMPROPER IN INCIDENT INFO
    INFORMATION INJURED INJURY INSIDE INSPECTION INSURANCE INTERFERED INTERVIEW INTO
    INVOLVED IS ISSUE ISSUED IT ITEM JUVENILE JUMPED KICKED KIND KNIFE KNOWN LAST LATE
    LAWFUL LEFT LEGAL LESS LEVEL LICENSE LICENSES LIGHT LOCATION LOOKING MADE MAKE MALE MAN
    MATCHED MATCHING MEDIUM MENTION MINOR MISDEMEANOR MISSING MODEL MORE MOTHER MOTOR MOVED
    MULTIPLE MUST N/A NAME CHANGE CHANGED INCORRECT CORRECTION MISSPELLED WRONG PROCESSING
    NEAR NEEDS NEIGHBOR NEW NO NONE NOT NUMBER NUMEROUS OBSERVED OBTAINED OF OFF OFFENSE
    OFFICER OFFICERS OLD ON ONE ONLY OPEN OPERATING OR ORANGE ORDER ORDERS OTHER OUT OUTSIDE
    OVER OWNER PARK PARKED PARTY PASSENGER PATROL PEDESTRIAN PEOPLE PERMIT PERSON PERSONAL
    PERSONS PHONE PHYSICAL PINK PLACE PLACED PLATE PLATES POINTED POLICE POSSESSION
    POSSESSING POSSIBLE POSSIBLY PRESENCE PRESENT PRIOR PROBABLE PROPERTY PROVIDED PUBLIC
    PULLED PUNCHED PURPLE PURSUIT PUSHED RACE RAN REACHED RECKLESS RECORD RED REFUSED
    REFUSES REFUSING REGISTERED REGISTRATION RELEASED REMOVED REPLACE REPORT REPORTED
    REPORTING REPORTS REQUEST REQUESTED REQUESTS RESIDENCE RESISTANCE RESISTED RESISTING
    RESTRAINED RESULTS RETURNED REVERSED RIGHT ROAD ROBBERY ROLE ROOM RUNNING SAFETY SAID
    SAME SAYS SCENE SEARCH SEARCHED SEAT SEATBELT SECOND SECTION SECURITY SERVICE SEVERAL
    SEX SHE SHOT SHOULD SHOWN SIGN SIGNAL SILVER SIMPLE SLAPPED SOME SPEED SPEEDING SPIT
    SQUAD STAFF STATE STATED STATES STATING STATUS STOLEN STOP STOPPED STREET STRUCK STUDENT
    SUBJECT SUBJECTS SUSPECT SUSPECTED SUSPICIOUS SUSPENDED SWUNG TACTICAL TAG TAKEN TAKES
    TAN TASK TAZED THAT THE THEIR THEM THEN THERE THEY THIS THREATENED THREW THROUGH THROWN
    TO TOOK TOWARD TRAFFIC TRANSPORTED TREE TRESPASS TRESPASSING TRIED TRUCK TRYING TWO TYPE
    TYPES UNDER UNIT UNKNOWN UNIFORM UNLAWFUL UNTIL UP UPON URGENT USE USED USING VALID
    VEHICLE VERBAL VERY VICTIM VICTIMS VIOLATION VIOLATIONS VIOLENT WAIT WALKED WANTED WANTS
    WARNING WARRANT WARRANTS WAS WATER WEAPON WEAPONS WEIGHT WENT WERE WHEN WHERE WHILE
    WHITE WHO WILL WITH WITHOUT WITNESS WITNESSES WOULD YELLOW YES YOUNG ST SAINT RD DR LN
    CT BRANCH BRANCHES CART TRASH POLE NEUTRAL GROUND CATCH BASIN DRAIN SIDEWALK WIRE WIRES
    WEEDS GRASS LOT LINE LINES LEAKING DAMAGE DIRECTED DIRECTING ASSISTANCE ASSIST WELL
    WELFARE FAMILY FRIEND FRIENDS CREW CREWS INSTALL REPAIR REMOVE PICK PICKUP ATTEMPTING
    BELIEVED BELONGING BROUGHT CAUSED CHARGING CONTINUED DISOBEYED DISPLAYING ENGAGED EXITED
    FORCED FORCIBLY GIVING HIDING INTOXICATED KNOCKED LUNGED MAKING MEETING PULLING PUSHING
    REACHING RELATED RELEASE SHOOTING SHOWED STANDING STARTED STRIKING TAKING TENSED
    THROWING TURNED WALKING WANTING WEARING YELLING
""")
_AFTER_STREET = words("""
    ST STREET AV AVE AVENUE BLVD BOULEVARD RD ROAD DR DRIVE LN LANE CT COURT PL PLACE HWY
    HIGHWAY PKWY PARKWAY SCHOOL PARK PLAYGROUND HOSPITAL CHURCH UNIVERSITY BRIDGE CANAL
    CENTER CENTRE STATION AIRPORT APARTMENTS HOMES BLDG BUILDING STORE FISH FIELD STADIUM
    CAR TOWN MOTOR COMPANY DEPARTMENT SHERIFF CEMETERY SQUARE CIRCLE PARISH ALLEY WAY BEACH
    HEIGHTS CREEK RIVER GARDENS HILL HILLS DALE OAKS VILLAGE BLV HEAD LIBRARY HALL HOUSE
    ISLAND PROJECT DEV
""")
_BEFORE_PLACE = words("""
    ST SAINT PORT FORT MOUNT MONTE RUE PARC PLACE LAKE BAYOU NORTH SOUTH EAST WEST N S E W
    STREET BLOCK XX BLK AT
""")


_PLACE_NAME = re.compile(
    rf"[^ ]+(?:[ &]+[A-Z.]+){{0,2}}[ &]+(?:{'|'.join(sorted(_AFTER_STREET))})\b"
)
_BETWEEN_NAMES = re.compile(r" (?:[A-Z]\.? )?|[.-]| \"?| '")


def has_name(writing: Writing) -> bool:
    """Whether a text holds what reads as a person's name."""
    text = writing.upper
    spoken = _WORD.findall(text)
    if len(spoken) < 2:
        return False
    if not _LABELS.isdisjoint(spoken) and (_is_titled(text) or _is_said(text) or _is_role(text)):
        return True
    return not _frequent("given_names.txt").isdisjoint(spoken) and _holds_pair(text)


_LABELS = words("""
    MR MRS MISTER MS MISS NAME NAMES NAMED NM AKA A.K.A A ALIAS KNOWN GOES IDENTIFIED ID'D
    LASTNAME FIRSTNAME NICKNAME VICTIM VIC VICT VCT SUSPECT SUSP SUBJECT SUBJ COMPLAINANT
    COMP COMPL CALLER WITNESS WIT OWNER R DRIVER DRVR PASSENGER RP REPORTING ARRESTEE PERP
    PERPETRATOR DEFENDANT JUVENILE JUV MOTHER FATHER MOM DAD SON DAUGHTER WIFE HUSBAND
    BROTHER SISTER BOYFRIEND GIRLFRIEND GUARDIAN PARENT NEIGHBOR TENANT LANDLORD RESIDENT
    OFFICER OFC P SGT SERGEANT DET DETECTIVE LT CAPT ATTN ASK SPOKE VICTIM'S SUSPECT'S
    DRIVER'S OWNER'S CALLER'S
""")
"""The words that titles, labels and roles begin with."""


def _is_said(text: str) -> bool:
    """After a word that announces a name: any word after a colon, else a frequent name."""
    for found in _SAYS_NAME.finditer(text):
        between, word = found.groups()
        label = text[found.start() : found.start(1)]
        sure = label[-2:] not in ("ME", "ES", "NM") or any(
            sign in between for sign in (":", "=", '"', "IS ", "WAS ", "AS ")
        )
        if _is_no_word(word) and (
            sure or word in _frequent("given_names.txt") or word in _frequent("family_names.txt")
        ):
            return True
    return False


def _is_role(text: str) -> bool:
    """After what somebody is: two words, one of them a frequent name in its place."""
    given, family = _frequent("given_names.txt"), _frequent("family_names.txt")
    for found in _NAMED.finditer(text):
        _, one, between, other = found.groups()
        if not _is_no_word(one) or _PLACE_NAME.match(text, found.start(2)):
            continue
        if one in given and (_is_no_word(other) or other in family):
            return True
        if between == ", " and other in given:
            return True
        if other in family and _is_no_word(other) and not one.endswith(_NO_GIVEN_END):
            return True
    return False


_ALSO_NAMES = words("PERSON YOUNG WHITE BROWN BLACK GREEN GRAY PARK")
"""Words of reports that are names where a title stands before them."""


def _is_titled(text: str) -> bool:
    return any(
        word in ("PERSON", "YOUNG", "WHITE", "BROWN", "BLACK", "GREEN", "GRAY", "PARK")
        or _is_no_word(word)
        for found in _TITLE.finditer(text)
        for word in found.groups()
        if word
    )


def _is_no_word(word: str) -> bool:
    return word not in _NO_NAME and word.removesuffix("'S") not in _NO_NAME


def _holds_pair(text: str) -> bool:
    """A frequent given name and a frequent family name side by side, in either order."""
    given, family = _frequent("given_names.txt"), _frequent("family_names.txt")
    words = [found for found in _WORD.finditer(text) if len(found.group()) > 1]
    before, beginning = "", 0
    for place, found in enumerate(words):
        word = found.group()
        if word in given:
            after = words[place + 1] if place + 1 < len(words) else None
            if (
                after is not None
                and after.group().partition("-")[0] in family
                and after.group() not in _AFTER_STREET
                and before not in _BEFORE_PLACE
                and _BETWEEN_NAMES.fullmatch(text, found.end(), after.start())
                and not _PLACE_NAME.match(text, after.start())
            ):
                return True
            if before in family and text[beginning : found.start()] in (
                f"{before}, ",
                f"{before},",
            ):
                return True
        before, beginning = word, found.start()
    # Nothing but a family name and a given one, as in a list of names.
    if len(words) != 2:
        return False
    first, second = (found.group() for found in words)
    return first in family - given - _BEFORE_PLACE and second in given - family


@lru_cache
def _frequent(file: str) -> frozenset[str]:
    lines = (_LISTS / file).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
