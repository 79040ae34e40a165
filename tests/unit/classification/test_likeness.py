"""What an unclassified value resembles; that a protected one is missed is what must not happen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.classification.likeness import Likeness
from orchestration.dataset import load_datasets
from orchestration.domains.classes import load_classes, plain
from orchestration.settings import PACKAGE, Settings

KNOWN = {
    "MISSING JUVENILE": ("juveniles",),
    "AGGRAVATED RAPE": ("assaults",),
    "SIMPLE RAPE": ("assaults",),
    "PROSTITUTION": ("assaults",),
    "MENTAL PATIENT": ("patients",),
    "21J": ("juveniles",),
    "SIMPLE BURGLARY": (),
    "AUTO THEFT": (),
    "21": (),
}


@pytest.mark.parametrize(
    ("word", "other", "is_covered"),
    [
        ("JUVENILE MISSING", "MISSING JUVENILE", True),
        ("MISSING JUVENILE: UNDER 13", "MISSING JUVENILE", True),
        ("JUV RUNAWAY / JUVENILE", "MISSING JUVENILE", True),
        ("AGGRAVATED RAPE - MALE", "AGGRAVATED RAPE", True),
        ("PROSTITUTON", "PROSTITUTION", True),
        ("21J / 3A", "21J", True),
        ("RAPE", "SIMPLE RAPE", True),
        ("AUTO THEFTS", "AUTO THEFT", False),
        ("PARADE", None, False),
    ],
)
def test_resemblance(word: str, other: str | None, is_covered: bool) -> None:
    """Its words in another order, more words, fewer letters, one telling word; a code in more text."""
    assert Likeness(KNOWN).of(word) == (other, KNOWN.get(other or "", ()))
    assert bool(KNOWN.get(other or "")) == is_covered


def test_word_that_harmless_values_share_tells_nothing() -> None:
    """SIMPLE stands in a harmless value; without that one it would be asked about."""
    assert Likeness(KNOWN).of("SIMPLE MISCHIEF")[1] == ()
    assert Likeness({"SIMPLE RAPE": ("assaults",)}).of("SIMPLE MISCHIEF")[1] == ("assaults",)


OWN = [
    (values, value)
    for dataset in load_datasets(PACKAGE / "datasets").values()
    for values in load_classes(Settings.from_environment(), dataset).known.values()
    for value in sorted(values)
    if values[value] and len(value) > 3
]
"""Every covered value of the project's own datasets, with all classified ones of its column."""


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(OWN), st.integers(0, 99), st.sampled_from(["drop", "turn", "more", "order"]))
def test_no_form_of_a_protected_value_is_missed(
    own: tuple[dict[str, tuple[str, ...]], str], place: int, how: str
) -> None:
    """A letter left out or two turned, another order of the words, more text behind it."""
    known, value = own
    at = place % (len(value) - 1)
    word = {
        "drop": value[:at] + value[at + 1 :],
        "turn": value[:at] + value[at + 1] + value[at] + value[at + 2 :],
        "more": f"{value} / {place}A",
        "order": " ".join(reversed(value.split())),
    }[how]
    assert plain(word) in known or Likeness(known).of(plain(word))[1]
