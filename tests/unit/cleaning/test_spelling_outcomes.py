"""What is applied, proposed and left, and what forbids applying."""

import json

import pytest

from tests.unit.cleaning.spelling_bench import SpellingBench, bench

__all__ = ["bench"]


@pytest.mark.parametrize(
    "wrong",
    ["TOYTOTA", "TOOYOTA", "TOYOAT", "TOYPTA", "toyota", "TOY OTA", "TOYOTAA"],
    ids=["extra", "doubled", "swapped", "key", "case", "space", "end"],
)
def test_a_slip_is_corrected(bench: SpellingBench, wrong: str) -> None:
    """A rare value one slip away from a member of the vocabulary is applied."""
    bench.know("TOYOTA", "HONDA")
    bench.see("TOYOTA", 500)
    bench.see(wrong)
    assert bench.changed() == {wrong: "TOYOTA"}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("F250", "F150"),
        ("MERC", "MERZ"),
        ("TOTY", "TOYT"),
        ("IRVINGTON", "IRVING"),
        ("FORD TK", "FORD"),
        ("DAKOTA", "DUCATI"),
        ("B Platoon", "A Platoon"),
        ("2nd Platoon", "1st Platoon"),
        ("MISTU", "MAZDA"),
        ("SABB", "SAAB"),
    ],
)
def test_a_doubtful_one_is_never_applied(bench: SpellingBench, wrong: str, right: str) -> None:
    """Digits, codes, whole words and far spellings are for people, however frequent the target."""
    bench.know(right)
    bench.see(right, 100_000)
    bench.see(wrong)
    assert bench.changed() == {}


@pytest.mark.parametrize(
    ("wrong", "held"),
    [
        ("ABANDONED BOAT LOT 7", True),
        ("ABANDONED BOAT LOT 17", True),
        ("ABANDONED BOAT LOT", True),
        ("ABANDONED BOAT LOT I", False),
        ("ABANDONED B0AT LOT 1", False),
        ("ABANDONED BOATLOT 1", False),
    ],
    ids=["other digit", "more digits", "no digit", "I for 1", "0 for O", "space"],
)
def test_other_digits_are_never_a_slip(bench: SpellingBench, wrong: str, held: bool) -> None:
    """Where nothing else holds it back: thresholds at zero, the same beside, a member, frequent."""
    bench.apply_above = bench.propose_above = 0.0
    bench.know("ABANDONED BOAT LOT 1")
    bench.see("ABANDONED BOAT LOT 1", 100_000, code="B")
    bench.see(wrong, 1, code="B")
    ((outcome, evidence),) = bench.rows("outcome, evidence")
    assert ("digits differ" in json.loads(str(evidence))["held_by"]) == held
    assert (outcome == "applied") == (not held)


@pytest.mark.parametrize("with_codes", [True, False], ids=["codes known", "codes unknown"])
def test_codes_are_no_misspellings(bench: SpellingBench, with_codes: bool) -> None:
    """TOYT, HOND, MERZ, MERC, FRHT and STRN stay what they are, also when nobody knows them."""
    codes = ["TOYT", "HOND", "MERZ", "MERC", "FRHT", "STRN"]
    makes = ["TOYOTA", "HONDA", "MERCEDES", "MERCURY", "FORD", "FREIGHTLINER", "SATURN"]
    bench.know(*makes, *(codes if with_codes else []))
    for make in makes:
        bench.see(make, 5_000)
    for code in codes:
        bench.see(code, 2)
    assert bench.changed() == {}


def test_rare_members_are_not_touched(bench: SpellingBench) -> None:
    """A member of the vocabulary stays, one letter beside a frequent one and seen once."""
    bench.know("CONTI ST", "TONTI ST")
    bench.see("CONTI ST", 90_000)
    bench.see("TONTI ST")
    assert bench.find() == set()


def test_two_targets_are_for_people(bench: SpellingBench) -> None:
    """A value as near to two members is proposed for both."""
    bench.know("CONTI ST", "TONTI ST")
    bench.see("CONTI ST", 900)
    bench.see("TONTI ST", 900)
    bench.see("ONTI ST")
    assert bench.find() == {
        ("ONTI ST", "CONTI ST", "proposed"),
        ("ONTI ST", "TONTI ST", "proposed"),
    }


def test_without_a_vocabulary_the_right_one_is_far_more_frequent(bench: SpellingBench) -> None:
    """A count of 50 to 1 vouches for a value, one of 5 to 1 does not."""
    bench.see("HARRISBURG", 500)
    bench.see("HARISBURG", 100)
    assert bench.find() == {("HARISBURG", "HARRISBURG", "proposed")}
    bench.values = []
    bench.see("HARRISBURG", 500)
    bench.see("HARISBURG", 3)
    assert bench.changed() == {"HARISBURG": "HARRISBURG"}


def test_outside_the_vocabulary_is_no_target(bench: SpellingBench) -> None:
    """Where there is a vocabulary, a frequent value outside it vouches for nothing."""
    bench.know("VOLKSWAGEN")
    bench.see("KAWASAKI", 5_000)
    bench.see("KAWASKI")
    assert bench.find() == {("KAWASKI", "KAWASAKI", "proposed")}


def test_the_code_beside_decides(bench: SpellingBench) -> None:
    """The same short value is applied beside its code, and not beside another one."""
    bench.know("RIOT", "FIRE", "THEFT")
    bench.see("FIRE", 400, code="52F")
    bench.see("THEFT", 400, code="67")
    bench.see("FIRRE", 2, code="52F")
    bench.see("FIRER", 2, code="67")
    assert bench.changed() == {"FIRRE": "FIRE"}


def test_a_known_word_is_another_value(bench: SpellingBench) -> None:
    """Where what differs is a word of other values, it is no slip."""
    bench.know("SIMPLE BURGLARY SHOP", "SIMPLE BURGLARY SHIP YARD", "SHIP")
    bench.see("SIMPLE BURGLARY SHOP", 9_000)
    bench.see("SIMPLE BURGLARY SHIP")
    assert bench.changed() == {}


def test_values_cut_at_the_width_are_completed(bench: SpellingBench) -> None:
    """Two values that end where the column was cut are the beginnings of others."""
    bench.know("Asian/Pacific Islander", "Asian", "Not Specified", "White")
    bench.see("Asian/Pacifi", 3)
    bench.see("Not Specifie", 4)
    assert bench.changed() == {
        "Asian/Pacifi": "Asian/Pacific Islander",
        "Not Specifie": "Not Specified",
    }


def test_of_two_forms_the_nearer_is_meant(bench: SpellingBench) -> None:
    """Where members differ in spaces alone, a slip is corrected to the one it was made in."""
    bench.know("CAR JACKING", "CARJACKING")
    bench.see("CARJACKING", 1567)
    bench.see("CAR JACKING", 148)
    bench.see("CAR JACKINNG")
    assert bench.changed() == {"CAR JACKINNG": "CAR JACKING"}


def test_a_misspelt_official_value_is_proposed(bench: SpellingBench) -> None:
    """A member with a better label is proposed to its owner with score 1, and stays."""
    bench.know("Alchohol", better="Alcohol")
    bench.know("Unknown")
    bench.see("Alchohol", 433)
    found = bench.rows("from_value, to_value, outcome, score")
    assert found == [("Alchohol", "Alcohol", "proposed", 1.0)]


def test_a_short_form_leads_to_what_it_is_short_for(bench: SpellingBench) -> None:
    """What resembles a code is not corrected to it, and proposed for the make as well."""
    bench.know("MAZD", "MAZDA")
    bench.see("MAZDA", 70)
    bench.see("MAZD", 30)
    bench.see("MRZD")
    assert {("MRZD", "MAZDA", "proposed"), ("MRZD", "MAZD", "proposed")} <= bench.find()
    assert bench.changed() == {}


def test_an_ending_that_many_share_hides_a_value(bench: SpellingBench) -> None:
    """Beginnings of values before an ending that many values have are proposed."""
    bench.know("TOYOTA", "HYUNDAI", "NISSAN", "SUBARU")
    for wrong in ("TOYOVAL2001", "HYUNVAL2014", "NISSVAL1999", "SUBAVAL2000"):
        bench.see(wrong)
    assert {
        ("TOYOVAL2001", "TOYOTA", "proposed"),
        ("HYUNVAL2014", "HYUNDAI", "proposed"),
    } <= bench.find()


def test_evidence_says_why(bench: SpellingBench) -> None:
    """The evidence is JSON with sorted keys, and its hash is blind to counts."""
    bench.know("TOYOTA")
    bench.see("TOYOTA", 500)
    bench.see("TOYTOTA")
    [(text, digest)] = bench.rows("evidence, evidence_hash")
    evidence = json.loads(str(text))
    assert list(evidence) == sorted(evidence)
    assert (evidence["change"], evidence["edits"], evidence["target_rows"]) == (
        "extra letter",
        1,
        500,
    )
    bench.values = []
    bench.see("TOYOTA", 700)
    bench.see("TOYTOTA", 2)
    assert bench.rows("evidence_hash") == [(digest,)]


def test_empty_cells_are_no_values(bench: SpellingBench) -> None:
    """Blanks, signs and nothing at all are passed over."""
    for value in ("", "  ", "???", "-"):
        bench.see(value, 30)
    assert bench.find() == set()
