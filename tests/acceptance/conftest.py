"""Fixtures of the acceptance tests: cities, and the real extracts beside the checkout."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.city import City

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_extracts() -> Path:
    """The real extracts; they are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"the real extracts are not at {SHARED}")
    return SHARED


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Environment variables for the length of a module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def new_city(
    tmp_path_factory: pytest.TempPathFactory, environment: pytest.MonkeyPatch
) -> Callable[[], City]:
    """Makes a city with an empty home; the newest one is the one that the environment names."""
    return lambda: City(tmp_path_factory.mktemp("city"), environment)
