"""Signs that nobody sees hide nothing from anybody: one list for the scanner, SQL, screens and sheets."""

import csv
import sys
import unicodedata
from pathlib import Path

import duckdb
import pytest

from orchestration.publishing.checking import local_faults
from orchestration.scanning.addresses import names_of_streets
from orchestration.scanning.persons import find_persons
from orchestration.tabular import Heading, read_table, shown, write_csv
from orchestration.unseen import CLEANED, NO_TEXT, NO_TEXT_RE2, UNSEEN
from orchestration.visible import visible
from tests.unit.publishing.conftest import tree, trees, write_rows

PERSONAL = {
    "social security number": "123-45-6789",
    "telephone": "504-555-0142",
    "mail address": "someone@example.org",
    "name": "SMITH, JOHN",
    "birth date": "James Smith born 01/02/1999",
    "exact address": "1234 Canal St",
}
IN_EMOJI = ["❤\ufe0f", "👩\u200d🚒", "🏳\ufe0f\u200d🌈", "👍🏽", "👩🏽\u200d🚒", "©\ufe0f"]
OUT_OF_PLACE = [
    "\ufe0f",
    "a\u200db",
    "1\ufe0f\u20e3",
    "❤\ufe0f\ufe0f",
    "❤\u200d\u200d",
    "❤ \ufe0f",
    "\n\u200d",
]
# What Python knows of signs, apart from the list: control and format characters, ends of lines.
LISTED_ELSEWHERE = [
    sign
    for sign in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") and sign not in "\t\n\r\f"
]


def held_by_sql(texts: list[str]) -> list[str]:
    """Those in which the models see a sign that is no text."""
    pattern = NO_TEXT_RE2
    query = "select text from (select unnest(?) as text) where regexp_matches(text, ?)"
    with duckdb.connect() as connection:
        return [row[0] for row in connection.execute(query, [texts, pattern]).fetchall()]


@pytest.mark.parametrize(("kind", "text"), PERSONAL.items(), ids=PERSONAL)
def test_no_sign_hides_a_person(kind: str, text: str) -> None:
    """Each one between all characters is found as if it were not there, or the cell is refused.

    Control characters are refused alone; all others are found, too, whoever publishes them.
    """
    streets = names_of_streets(["Canal St"])
    hidden = {sign: sign.join(text) for sign in UNSEEN}
    refused = set(held_by_sql(list(hidden.values())))
    assert refused == set(hidden.values())
    for sign in set(UNSEEN) - set(map(chr, range(0xA0))):
        assert kind in find_persons(hidden[sign], streets=streets), ascii(sign)


@pytest.mark.parametrize("sign", ["\u0301", "\u20e3", "\ue000", "\u0378", "\U0001d165"], ids=ascii)
def test_a_mark_on_a_digit_hides_no_number(sign: str) -> None:
    """Nor does a sign that nobody has defined: these are seen, and not refused."""
    found = find_persons(sign.join("123-45-6789") + " " + sign.join("Mr. Person"))
    assert found >= {"social security number", "name"}


@pytest.mark.parametrize("text", PERSONAL.values(), ids=PERSONAL)
@pytest.mark.parametrize("blank", [*CLEANED, "\u2800"], ids=ascii)
def test_what_becomes_a_blank_is_read_as_one(blank: str, text: str) -> None:
    words = text.replace("-", " ")
    assert find_persons(words.replace(" ", blank)) == find_persons(words) != frozenset()


def test_the_list_has_all_that_python_knows() -> None:
    """No control or format character and no end of a line is left out; what is seen stays out."""
    assert set(LISTED_ELSEWHERE) <= set(UNSEEN)
    assert not set(UNSEEN + CLEANED) & set(map(chr, range(0x20, 0x7F)))
    assert not [
        sign
        for sign in UNSEEN
        if unicodedata.category(sign)[0] in "NPSZ" and sign not in "\u2028\u2029"
    ]


def test_python_and_sql_see_the_same(tmp_path: Path) -> None:
    """Every defined character, in a text and behind a picture; and what the publisher names."""
    planes = (*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE1000))
    texts = [begin + chr(sign) + end for sign in planes for begin, end in (("a", "b"), ("❤", ""))]
    texts += OUT_OF_PLACE + IN_EMOJI
    ours = {text for text in texts if NO_TEXT.search(text)}
    assert set(held_by_sql(texts)) == ours
    assert ours >= {f"a{sign}b" for sign in UNSEEN} | set(OUT_OF_PLACE)
    assert not ours & set(IN_EMOJI)
    # The publisher's pattern also refuses what cleaning should have made a blank.
    rows = [tree(f"T{place}", species=f"a{sign}b") for place, sign in enumerate(UNSEEN + CLEANED)]
    rows += [tree(f"E{place}", species=text) for place, text in enumerate(IN_EMOJI)]
    named = local_faults(trees(), write_rows(tmp_path / "rows.parquet", trees(), rows)).to_pylist()
    assert {row["key"] for row in named} == {f"T{place}" for place in range(len(UNSEEN + CLEANED))}


def test_a_sign_is_seen_behind_another_columns_picture(tmp_path: Path) -> None:
    """Cells are looked at together: what one ends with excuses nothing in the next."""
    rows = [tree("❤", species="\ufe0fOAK")]
    (named,) = local_faults(
        trees(), write_rows(tmp_path / "rows.parquet", trees(), rows)
    ).to_pylist()
    assert named["column"] == "species"


def test_a_screen_shows_them_as_numbers() -> None:
    for sign in UNSEEN + CLEANED:
        assert visible(f"a{sign}b") == f"a⟨U+{ord(sign):04X}⟩b"
    assert [visible(text) for text in IN_EMOJI] == IN_EMOJI


def test_no_formula_hides_behind_them(tmp_path: Path) -> None:
    """With signs and blanks before it, a formula gets its apostrophe, and comes back as it was."""
    before = [*UNSEEN, *CLEANED, "\t", "\u00a0", " ", "\u3000", "'", " '\u200b"]
    texts = [shown(sign + begin) for sign in before for begin in ("=1+1", "\uff1d1", "@A1", "-1")]
    path = tmp_path / "sheet.csv"
    write_csv(path, [Heading("text")], [[text] for text in texts])
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [row[0] for row in csv.reader(file)][1:]
    # What a workbook cannot hold is shown as a picture, which is seen.
    assert {one[0] for one in cells} <= {"'", "\ufffd", *map(chr, range(0x2400, 0x2420))}
    assert [line.cells["text"] for line in read_table(path, ["text"])] == texts
