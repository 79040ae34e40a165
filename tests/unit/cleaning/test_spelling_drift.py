"""Values that are new together are drift, a single new one is not."""

from datetime import datetime, timedelta

import pytest

from tests.unit.cleaning.spelling_bench import SpellingBench, bench

__all__ = ["bench"]

OPENS = datetime(2020, 1, 1)
SWITCH = datetime(2021, 6, 1)
CLOSES = datetime(2022, 1, 1)
TYPES = [
    "AUTO ACCIDENT",
    "SIMPLE BURGLARY",
    "MEDICAL CALL",
    "TRAFFIC STOP",
    "DISTURBANCE",
    "SUSPICIOUS PERSON",
]


def switch(bench: SpellingBench, *, ends: datetime = CLOSES, rows: int = 900) -> None:
    """A whole system of texts that gives way to another within a week, and one value that stays."""
    bench.see("COMPLAINT OTHER", 9_000, (OPENS, ends))
    for number, text in enumerate(TYPES):
        day = SWITCH + timedelta(days=number)
        new = rows * max(1, (ends - day).days) // 900
        bench.see(text, rows, (OPENS, day), code=f"C{number}")
        bench.see(f"{text}S", new, (day + timedelta(hours=1), ends), code=f"C{number}")


@pytest.mark.parametrize("known", [True, False], ids=["vocabulary", "no vocabulary"])
def test_a_switch_of_a_whole_system_is_drift(bench: SpellingBench, known: bool) -> None:
    """Every new value is reported with the old one it follows; none is corrected to it."""
    bench.know(*([*TYPES, "COMPLAINT OTHER"] if known else []))
    switch(bench)
    assert bench.find() == {(f"{text}S", text, "drift") for text in TYPES}


def test_its_first_days_are_drift(bench: SpellingBench) -> None:
    """Two days after the switch nothing has been silent for long; the new values' pace tells."""
    bench.know(*TYPES, "COMPLAINT OTHER")
    switch(bench, ends=SWITCH + timedelta(days=8), rows=90_000)
    assert bench.changed() == {}
    assert ("AUTO ACCIDENTS", "AUTO ACCIDENT", "drift") in bench.find()


def test_codes_of_another_system_are_drift(bench: SpellingBench) -> None:
    """New codes that resemble no old one are reported too, by the text they stand beside or alone."""
    bench.see("21", 9_000, (OPENS, CLOSES))
    for number, new in enumerate(["DIST", "ACC", "MED", "STOP"]):
        bench.see(str(100 + number), 900, (OPENS, SWITCH), text=TYPES[number])
        bench.see(new, 900, (SWITCH, CLOSES), text=TYPES[number])
    found = bench.find()
    assert {wrong for wrong, _, outcome in found if outcome == "drift"} >= {"DIST", "ACC", "MED"}
    assert bench.changed() == {}


def test_one_new_slip_is_no_drift(bench: SpellingBench) -> None:
    """A slip is corrected though it is new: what it resembles goes on."""
    bench.know(*TYPES)
    for text in TYPES:
        bench.see(text, 900, (OPENS, CLOSES))
    bench.see("AUTO ACCIDNET", 1, (SWITCH, SWITCH))
    assert bench.changed() == {"AUTO ACCIDNET": "AUTO ACCIDENT"}


def test_many_new_slips_of_one_week_are_no_drift(bench: SpellingBench) -> None:
    """Also a week of bad typing is not drift, while the right values go on."""
    bench.know(*TYPES)
    for number, text in enumerate(TYPES):
        day = CLOSES - timedelta(days=3, hours=number)
        bench.see(text, 900, (OPENS, CLOSES))
        bench.see(f"{text[:3]}{text[2]}{text[3:]}", 2, (day, CLOSES))
    assert len(bench.changed()) == len(TYPES)


def test_a_slip_beside_a_switch_is_corrected(bench: SpellingBench) -> None:
    """In the week of a switch, the slip of a value that stays is still a slip."""
    bench.know(*TYPES, "COMPLAINT OTHER")
    switch(bench)
    bench.see("COMPLIANT OTHER", 2, (SWITCH + timedelta(days=1), SWITCH + timedelta(days=9)))
    assert bench.changed() == {"COMPLIANT OTHER": "COMPLAINT OTHER"}


def test_without_times_nothing_is_drift(bench: SpellingBench) -> None:
    """Values without times are judged by the rest."""
    bench.know(*TYPES)
    for text in TYPES:
        bench.see(text, 900)
        bench.see(f"{text}S", 3)
    assert not [row for row in bench.find() if row[2] == "drift"]


def test_a_decision_wins_over_drift(bench: SpellingBench) -> None:
    """People may say that a new value is the old one."""
    bench.know(*TYPES, "COMPLAINT OTHER")
    switch(bench)
    bench.decide("DISTURBANCES", "DISTURBANCE", "apply", "d1")
    assert bench.changed() == {"DISTURBANCES": "DISTURBANCE"}


def test_streets_of_a_few_rows_are_no_drift(bench: SpellingBench) -> None:
    """Of hundreds of rare values some stop and others begin in one week, near each other or not."""
    names = [f"{first}{second} St" for first in STREETS for second in STREETS]
    bench.know(*names[::2])
    bench.see("Canal St", 9_000, (OPENS, CLOSES))
    for number, name in enumerate(names):
        half = (OPENS, SWITCH) if number % 3 else (SWITCH + timedelta(days=number % 7), CLOSES)
        bench.see(name, 1 + number % 4, half, district=str(number % 8))
    assert not [row for row in bench.find() if row[2] == "drift"]


def test_two_known_values_are_no_news(bench: SpellingBench) -> None:
    """What the vocabulary has both of did not take the place of each other."""
    bench.know(*TYPES, *(f"{text}S" for text in TYPES), "COMPLAINT OTHER")
    switch(bench)
    assert bench.find() == set()


STREETS = ("Al", "Bar", "Ched", "Dor", "El", "Fran", "Gent", "Hol", "Is", "Jack", "Kerl", "Lau")
