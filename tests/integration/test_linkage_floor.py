"""A floor: the machinery, untrained by us, on people that are not ours (FEBRL 1 to 3, no SSN)."""

import pytest

from orchestration.evaluation.linkage_floor import FILES, score


@pytest.mark.parametrize("number", FILES)
def test_febrl_is_linked(number: int) -> None:
    """F1 of at least 0.99 at a score of one half."""
    found = score(number)
    assert found.real == FILES[number]
    assert found.f1 >= 0.99
