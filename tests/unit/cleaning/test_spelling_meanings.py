"""Values that look alike and say something else, and values that are short for another one."""

import json

import pytest

from tests.unit.cleaning.spelling_bench import SpellingBench, bench

__all__ = ["bench"]


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("Between 7pm - 7am", "Between 7am - 7pm"),
        ("Betwen 7pm - 7am", "Between 7am - 7pm"),
        ("Open until 7 am", "Open until 7 pm"),
        ("2nd Platoon Watch", "1st Platoon Watch"),
        ("Section 21 before 12", "Section 12 before 21"),
        ("NORTHBOUND RAMP", "SOUTHBOUND RAMP"),
        ("N RAMPART CROSSING", "S RAMPART CROSSING"),
        ("ENTRANCE OF THE PARK", "EXIT OF THE PARK"),
        ("WITHOUT INJURIES", "WITH INJURIES"),
        ("UNFOUNDED REPORT", "FOUNDED REPORT"),
        ("NOT SUSTAINED", "SUSTAINED"),
        ("MONDAY MORNING", "SUNDAY MORNING"),
        ("FEMALE SUBJECT", "MALE SUBJECT"),
    ],
)
def test_another_meaning_is_no_misspelling(bench: SpellingBench, value: str, other: str) -> None:
    """Other numbers, another order of them, the opposite: neither applied nor asked."""
    bench.know(other)
    bench.see(other, 5_000)
    bench.see(value, 2)
    assert not [row for row in bench.find() if row[2] in ("applied", "proposed")]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("Betwen 7am - 7pm", "Between 7am - 7pm"),
        ("Between 7am-7pm", "Between 7am - 7pm"),
        ("SOUTHBOND RAMP", "SOUTHBOUND RAMP"),
        ("W INJUREIS ONLY", "W INJURIES ONLY"),
        ("UNFUONDED REPORT", "UNFOUNDED REPORT"),
    ],
)
def test_a_slip_beside_a_meaning_is_a_slip(bench: SpellingBench, wrong: str, right: str) -> None:
    """The same numbers and words in the same order: the rest is judged as ever."""
    bench.know(right)
    bench.see(right, 5_000)
    bench.see(wrong)
    assert (wrong, right) in {row[:2] for row in bench.find() if row[2] in ("applied", "proposed")}


def test_words_in_another_order_are_a_question(bench: SpellingBench) -> None:
    """Where no number or opposite moves, people are asked."""
    bench.know("HARLEY DAVIDSON")
    bench.see("HARLEY DAVIDSON", 500)
    bench.see("DAVIDSON HARLEY")
    assert bench.find() == {("DAVIDSON HARLEY", "HARLEY DAVIDSON", "proposed")}


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("Tchoupitoulas Exit", "Tchoupitoulas St"),
        ("Washington Ct", "Washington St"),
        ("E Napoleon Av", "W Napoleon Av"),
    ],
    ids=["exit", "court", "direction"],
)
def test_a_suffix_is_not_another_suffix(bench: SpellingBench, value: str, other: str) -> None:
    """Members of what keeps streets apart are never made of each other."""
    bench.keep_apart("last", EXIT="Exit", ST="St", STREET="St", CT="Ct", AV="Av")
    bench.keep_apart("first", E="E", EAST="E", W="W")
    bench.know(other)
    bench.see(other, 5_000, district="1")
    bench.see(value, 1, district="1")
    assert not [row for row in bench.find() if row[2] in ("applied", "proposed")]


@pytest.mark.parametrize("wrong", ["Tchoupitoulas Stt", "Tchoupitoulas S", "Tchoupitoulsa St"])
def test_no_suffix_may_be_one(bench: SpellingBench, wrong: str) -> None:
    """What is no member may be a slip of one."""
    bench.keep_apart("last", ST="St", AV="Av")
    bench.keep_apart("first", S="S", N="N")
    bench.know("Tchoupitoulas St")
    bench.see("Tchoupitoulas St", 5_000)
    bench.see(wrong)
    found = bench.find()
    assert {row[:2] for row in found} == {(wrong, "Tchoupitoulas St")}
    assert {row[2] for row in found} <= {"applied", "proposed"}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("MB", "MERCEDES BENZ"),
        ("M B", "MERCEDES BENZ"),
        ("M.B.", "MERCEDES BENZ"),
        ("MBENZ", "MERCEDES BENZ"),
        ("M BENZ", "MERCEDES BENZ"),
        ("MERC BNZ", "MERCEDES BENZ"),
        ("HD", "HARLEY DAVIDSON"),
        ("H-D", "HARLEY DAVIDSON"),
        ("L ROVER", "LAND ROVER"),
        ("LROVER", "LAND ROVER"),
        ("VWAGEN", "VOLKSWAGEN"),
        ("INTL", "INTERNATIONAL"),
        ("BWM", "BMW"),
        ("GCM", "GMC"),
        ("WV", "VW"),
        ("TYTO", "TOYT"),
        ("OYTT", "TOYT"),
    ],
)
def test_a_short_form_reaches_people(bench: SpellingBench, wrong: str, right: str) -> None:
    """Initials, an initial before the rest, letters turned round: proposed, never applied."""
    bench.know("MERCEDES BENZ", "HARLEY DAVIDSON", "LAND ROVER", "VOLKSWAGEN", "INTERNATIONAL")
    bench.know("BMW", "GMC", "VW", "TOYT")
    bench.see(right, 50)
    bench.see(wrong)
    assert (wrong, right, "proposed") in bench.find()
    assert bench.changed() == {}


def test_a_beginning_is_completed_wherever_it_ends(bench: SpellingBench) -> None:
    """One value that ends within a word is enough: no other one has to end at the same place."""
    bench.know("Asian/Pacific Islander", "Asian")
    bench.see("Asian/Pacifi", 3)
    assert bench.changed() == {"Asian/Pacifi": "Asian/Pacific Islander"}


def test_whole_words_of_a_value_are_not_completed(bench: SpellingBench) -> None:
    """A value that is whole words of another one says less, and may mean it."""
    bench.know("SIMPLE BURGLARY VEHICLE")
    bench.see("SIMPLE BURGLARY VEHICLE", 5_000)
    bench.see("SIMPLE BURGLARY", 2)
    assert bench.changed() == {}


CLASSES = ("rape", "SIMPLE RAPE"), ("theft", "THEFT BY FRAUD", "THEFT OF FRUIT"), ("", "MEDICAL")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("SIMPLE RAPEE", "SIMPLE RAPE"),
        ("THEFT BY FRAUDD", "THEFT BY FRAUD"),
        ("MEDICALL", "MEDICAL"),
    ],
)
@pytest.mark.parametrize("classified", [True, False])
def test_no_correction_crosses_classes(
    bench: SpellingBench, wrong: str, right: str, classified: bool
) -> None:
    """Where a value decides, one that nobody classified is at most asked about."""
    bench.know("SIMPLE RAPE", "THEFT BY FRAUD", "MEDICAL")
    bench.see(right, 5_000)
    bench.see(wrong)
    if classified:
        for name, *values in CLASSES:
            bench.classify(name, *values)
    outcome = "proposed" if classified else "applied"
    assert (wrong, right, outcome) in bench.find()
    ((held,),) = bench.rows("evidence->'$.held_by'")
    assert ("another class" in json.loads(str(held))) == classified


def test_within_a_class_a_correction_is_applied(bench: SpellingBench) -> None:
    """Case is no class of its own, and a word that was classified as the same may be mended."""
    bench.know("SIMPLE RAPE")
    bench.classify("rape", "SIMPLE RAPE", "SIMPLE RAPEE")
    bench.see("SIMPLE RAPE", 5_000)
    bench.see("Simple Rape", 3)
    bench.see("SIMPLE RAPEE")
    assert bench.changed() == {"Simple Rape": "SIMPLE RAPE", "SIMPLE RAPEE": "SIMPLE RAPE"}


@pytest.mark.parametrize(
    ("wrong", "right", "is_followed"),
    [
        ("SIMPLE RAPE", "THEFT BY FRAUD", False),
        ("THEFT BY FRAUD", "SIMPLE RAPE", False),
        ("SIMPLE RAPEE", "SIMPLE RAPE", False),
        ("THEFT BY FRAUD", "UNHEARD OF", False),
        ("THEFT BY FRAUD", "THEFT OF FRUIT", True),
    ],
    ids=["out", "in", "unclassified", "to unclassified", "within"],
)
def test_no_decision_crosses_classes(
    bench: SpellingBench, wrong: str, right: str, is_followed: bool
) -> None:
    """Neither do people lead a value into another class by a spelling."""
    for name, *values in CLASSES:
        bench.classify(name, *values)
    bench.see(wrong, 9)
    bench.decide(wrong, right, "apply", "d1")
    outcome = "applied" if is_followed else "left"
    assert bench.rows("from_value, to_value, outcome, decision_id") == [
        (wrong, right, outcome, "d1")
    ]
