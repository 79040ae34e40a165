"""A value's end rests on what is known about it, not on what else is in the batch."""

import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.cleaning.spelling_bench import Row, SpellingBench, bench

__all__ = ["bench"]

PAIRS = [
    ("TOYTOTA", "TOYOTA"),
    ("toyota", "TOYOTA"),
    ("CARANDELAT STATION", "CARONDELET STATION"),
    ("NEGLIENT INJURY", "NEGLIGENT INJURY"),
    ("ASIAN PACIFI", "ASIAN PACIFIC ISLANDER"),
    ("TYTO", "TOYT"),
    ("M BENZ", "MERCEDES BENZ"),
    ("DESCRICATION OF GRAV", "DESECRATION OF GRAVES"),
]
OTHERS = st.text(alphabet="QXZ", min_size=3, max_size=9)
"""Of letters that no value of the pairs has, but one."""


def end_of(
    pair: tuple[str, str], rows: tuple[int, int], known: bool, others: dict[str, int]
) -> set[Row]:
    """What becomes of the wrong one of a pair, beside others that have nothing in common with it."""
    with tempfile.TemporaryDirectory() as name:
        bench = SpellingBench(folder=Path(name))
        wrong, right = pair
        bench.see(right, rows[1], code="A")
        bench.see(wrong, rows[0], code="A")
        if known:
            bench.know(right)
        for place, (value, count) in enumerate(sorted(others.items())):
            bench.see(value, count, code=f"C{place % 7}")
            if known and place % 3 == 0:
                bench.know(value)
        return {row for row in bench.find() if row[0] == wrong}


def unrelated_change_nothing(
    pair: tuple[str, str], rows: tuple[int, int], known: bool, others: dict[str, int]
) -> None:
    assert end_of(pair, rows, known, others) == end_of(pair, rows, known, {})


CASES = given(
    pair=st.sampled_from(PAIRS),
    rows=st.tuples(st.integers(1, 9), st.integers(1, 9_000)),
    known=st.booleans(),
    others=st.dictionaries(OTHERS, st.integers(1, 9_000), max_size=150),
)
BRIEF = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

test_what_has_nothing_in_common_changes_nothing = BRIEF(CASES(unrelated_change_nothing))
test_what_has_nothing_in_common_changes_nothing_soaked = pytest.mark.soak(
    settings(BRIEF, max_examples=300, derandomize=False)(CASES(unrelated_change_nothing))
)


@pytest.mark.parametrize("pair", [PAIRS[2], PAIRS[4], PAIRS[7]], ids=lambda pair: pair[0])
def test_a_crowd_that_begins_and_ends_alike_changes_nothing(pair: tuple[str, str]) -> None:
    """A key is not passed over because many share it: 78 begin and end as the pair does."""
    start, end = pair[1][:4], pair[1][-3:]
    crowd = {
        f"{start}{'QXZ'[place % 3] * 7}{one}{two}{'ZQX'[place % 3] * 7}{end}": 40
        for place, one in enumerate(string.ascii_uppercase)
        for two in "QXZ"
    }
    unrelated_change_nothing(pair, (1, 5_000), True, crowd)
