"""Keys under which two spellings of one value meet, as macros of a DuckDB connection.

Here is only what turns one text into keys. Which pairs are made of them is in `candidates.py`, what
a pair is worth in `scoring.py`. Every macro is a pure function of its text.

| macro | of `Wolkswagon of Gravs` | what it forgives |
|---|---|---|
| `spelling_tokens` | [WOLKSWAGON, OF, GRAVS] | case, accents, punctuation, spaces |
| `spelling_compact` | WOLKSWAGONOFGRAVS | the same, and where words are parted |
| `spelling_fingerprint` | GRAVS OF WOLKSWAGON | order and repetition of words |
| `spelling_collapsed` | of a compact text | doubled letters |
| `spelling_ngrams` | of a compact text: its pairs of letters, sorted, each once | repeated parts |
| `spelling_letters` | of a compact text: its letters, sorted | order of letters |
| `spelling_sound` | of a compact text: 42512612 | vowels, doubled letters, letters that sound alike |

The sound is Soundex's classes of letters over the whole word, the first letter by its class too:
a slip in the first letter is as good as any other.
"""

import duckdb


def _sound() -> str:
    """Classes, repeated ones put together: a regular expression here cannot look back."""
    classes = "translate(compact, 'BFPVCGJKQSXZDTLMNRAEIOUYHW', '111122222222334556')"
    for digit in "123456":
        classes = f"regexp_replace({classes}, '{digit}{digit}+', '{digit}', 'g')"
    return classes


MACROS = {
    # An apostrophe stands inside a word, anything else that is no letter or digit parts words.
    "spelling_tokens(text)": (
        "list_filter(string_split(regexp_replace(regexp_replace("
        "upper(strip_accents(text)), '['''||chr(8217)||'`]', '', 'g'), '[^A-Z0-9]+', ' ', 'g'), ' '), "
        "lambda token: token <> '')"
    ),
    "spelling_compact(text)": "regexp_replace(upper(strip_accents(text)), '[^A-Z0-9]', '', 'g')",
    "spelling_fingerprint(text)": (
        "array_to_string(list_sort(list_distinct(spelling_tokens(text))), ' ')"
    ),
    "spelling_collapsed(compact)": (
        "array_to_string([compact[i] for i in range(1, length(compact) + 1) "
        "if i = 1 or compact[i] <> compact[i - 1]], '')"
    ),
    "spelling_ngrams(compact)": (
        "array_to_string(list_sort(list_distinct("
        "[compact[i:i + 1] for i in range(1, greatest(length(compact), 2))])), '')"
    ),
    "spelling_letters(compact)": "array_to_string(list_sort(string_split(compact, '')), '')",
    "spelling_sound(compact)": _sound(),
    "spelling_digits(text)": "regexp_replace(text, '[^0-9]', '', 'g')",
}


def define_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Defines the macros on a connection, for as long as it is open."""
    for head, body in MACROS.items():
        connection.execute(f"create or replace temp macro {head} as {body}")
