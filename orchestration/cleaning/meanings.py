"""What makes two values say different things, however alike they are spelt.

Numbers, times of day and words that exclude each other tell a value from another: `Between 7am - 7pm`
is one letter or none away from `Between 7pm - 7am`, and is its opposite. Here are plain English words
and what is made of them. The words of a city (its suffixes of streets) come from its vocabularies, as
words that are apart; what a slip is, is in `scoring.py`.

Leaves macros on a connection: `spelling_opposed(tokens)`, the numbers and opposed words of a value in
their order, each as its group and its side; `spelling_is_opposed` of two such lists; and
`spelling_is_denied`, of the words of one value that the other lacks.
"""

import duckdb

OPPOSED = (
    ("AM", "PM"),
    (
        "N NORTH NB NORTHBOUND",
        "S SOUTH SB SOUTHBOUND",
        "E EAST EB EASTBOUND",
        "W WEST WB WESTBOUND",
    ),
    ("NORTHEAST NE", "NORTHWEST NW", "SOUTHEAST SE", "SOUTHWEST SW"),
    ("UP", "DOWN"),
    ("UPPER", "LOWER"),
    ("UPSTAIRS", "DOWNSTAIRS"),
    ("IN", "OUT"),
    ("INSIDE", "OUTSIDE"),
    ("INDOOR INDOORS", "OUTDOOR OUTDOORS"),
    ("INBOUND", "OUTBOUND"),
    ("INTERNAL", "EXTERNAL"),
    ("ON", "OFF"),
    ("ENTRY ENTRANCE", "EXIT"),
    ("FRONT", "REAR BACK"),
    ("LEFT", "RIGHT"),
    ("BEFORE", "AFTER"),
    ("OVER", "UNDER"),
    ("ABOVE", "BELOW"),
    ("EARLY", "LATE"),
    ("DAY DAYS", "NIGHT NIGHTS", "EVENING EVENINGS", "MORNING MORNINGS"),
    ("DAWN", "DUSK"),
    ("OPEN OPENED", "CLOSED"),
    ("ACTIVE", "INACTIVE"),
    ("YES", "NO"),
    ("TRUE", "FALSE"),
    ("WITH", "WITHOUT"),
    ("MALE", "FEMALE"),
    ("MAN", "WOMAN"),
    ("MEN", "WOMEN"),
    ("BOY", "GIRL"),
    ("ADULT ADULTS", "JUVENILE JUVENILES CHILD CHILDREN"),
    ("MISSING LOST", "FOUND"),
    ("ARMED", "UNARMED"),
    ("ALIVE", "DEAD"),
    ("FATAL", "NONFATAL"),
    ("SIMPLE", "AGGRAVATED"),
    ("MAJOR", "MINOR"),
    ("FELONY", "MISDEMEANOR"),
    ("FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH", "EIGHTH", "NINTH", "TENTH"),
    ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "TEN"),
    ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"),
)
"""Groups of sides that exclude each other; one side's words mean the same."""
DENYING = ("NOT", "NO", "NON", "NEVER", "WITHOUT")
DENYING_BEGINNINGS = ("UN", "NON", "IN", "DIS")
"""Before a word of four letters or more: `FOUNDED`, `UNFOUNDED`."""


def _words() -> str:
    return ", ".join(f"'{word}'" for sides in OPPOSED for words in sides for word in words.split())


def _sides() -> str:
    return ", ".join(
        f"'{word}': 'g{group:02}:{side}'"
        for group, sides in enumerate(OPPOSED)
        for side, words in enumerate(sides)
        for word in words.split()
    )


MACROS = {
    # What says nothing is put aside before anything is looked up.
    "spelling_opposed(tokens)": (
        "flatten(list_transform(list_filter(tokens, lambda token: "
        f"regexp_matches(token, '[0-9]') or token in ({_words()})), lambda token: "
        "case when regexp_matches(token, '[0-9]') then list_concat("
        "['#00:' || regexp_replace(token, '[^0-9]', '', 'g')], "
        "case when regexp_matches(token, '^[0-9]+(AM|PM)$') "
        f"then [map {{{_sides()}}}[right(token, 2)]] else [] end) "
        f"else [map {{{_sides()}}}[token]] end))"
    ),
    # As many of a group, and not the same ones, or not in the same order.
    "spelling_is_opposed(f, t)": (
        "len(list_filter(list_distinct(list_transform(f, lambda one: left(one, 4))), lambda kind: "
        "len(list_filter(f, lambda one: left(one, 4) = kind)) "
        "= len(list_filter(t, lambda one: left(one, 4) = kind)) "
        "and list_filter(f, lambda one: left(one, 4) = kind) "
        "<> list_filter(t, lambda one: left(one, 4) = kind))) > 0"
    ),
    # `words` are those of one value that the other does not have.
    "spelling_is_denied(words, other_words)": (
        f"len(words) > 0 and len(other_words) = 0 and list_has_all({list(DENYING)}, words) "
        "or len(words) = 1 and len(other_words) = 1 and length(other_words[1]) >= 4 "
        f"and list_contains(list_transform({list(DENYING_BEGINNINGS)}, "
        "lambda beginning: beginning || other_words[1]), words[1])"
    ),
}


def define_meanings(connection: duckdb.DuckDBPyConnection) -> None:
    """Defines the macros on a connection, for as long as it is open."""
    for head, body in MACROS.items():
        connection.execute(f"create or replace temp macro {head} as {body}")
