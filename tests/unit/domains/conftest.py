"""Cells judged as the gate judges them: in DuckDB, with the vocabularies as facts."""

import pytest

from tests.places_judged import Judge


@pytest.fixture(scope="session")
def judge() -> Judge:
    """One database for all tests of places."""
    return Judge()
