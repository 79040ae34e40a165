"""The fault matrix: whatever the portal does, rows are neither lost nor twice, and nobody is lied to.

`make test` plays every fault at the middle chunk of every operation; `make soak` at every chunk, once
and standing. Each prints its matrix.
"""

import itertools
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from orchestration.portal.server import PortalServer
from orchestration.publishing import delivery, retry, verification
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State
from tests.acceptance.fault_matrix import (
    CHUNK_ROWS,
    FAULTS,
    OPERATIONS,
    READ_FAULTS,
    REPLACED,
    Result,
    prepare,
    run_case,
)
from tests.park import Park
from tests.soak import SOAK

WHEN = (
    {"first": "at=1", "middle": "at=2", "last": "at=3", "from the middle on": "at=2+3+4+5+6+7+8+9"}
    if SOAK
    else {"middle": "at=2"}
)
REPLACEMENTS = [REPLACED + one for one in (OPERATIONS if SOAK else ("update", "delete"))]
CASES = (
    [
        (operation, f"{name}, {when}", text.format(when=at))
        for operation, (name, text), (when, at) in itertools.product(
            OPERATIONS, FAULTS.items(), WHEN.items()
        )
    ]
    + [
        (operation, f"{name}, first", text.format(when="at=1"))
        for operation, (name, text) in itertools.product(REPLACEMENTS, FAULTS.items())
    ]
    + [
        (operation, name, text)
        for operation, (name, text) in itertools.product(
            [*OPERATIONS, *REPLACEMENTS], READ_FAULTS.items()
        )
        if not operation.endswith("initial load")
    ]
)
_AFTER_PREPARING = 100
"""The number of a case's first run: those of its preparation have smaller ones."""
MATRIX: dict[tuple[str, str], Result] = {}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks, and pauses of a test's length."""
    monkeypatch.setattr(delivery, "CHUNK_ROWS", CHUNK_ROWS)
    monkeypatch.setattr(
        delivery,
        "PATIENCE",
        retry.RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.05, fresh_seconds=0.3),
    )
    monkeypatch.setattr(verification, "FRESH_SECONDS", 0.3)


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path
) -> Callable[[Settings, str], Path]:
    """Homes in which what the portal holds before an operation was published; made once, copied."""

    @cache
    def home_for(operation: str) -> Path:
        folder = tmp_path_factory.mktemp("prepared")
        home = folder / "home"
        settings = Settings.from_environment()
        settings = replace(
            settings, home=home, state_url=f"sqlite:///{home / 'state.db'}"
        ).prepare()
        shutil.copy(migrated_database, settings.home / "state.db")
        with _park(folder, settings, first_run=1) as park:
            prepare(park, operation)
        return settings.home

    def give(settings: Settings, operation: str) -> Path:
        return Path(shutil.copytree(home_for(operation), settings.home, dirs_exist_ok=True))

    return give


@contextmanager
def _park(folder: Path, settings: Settings, *, first_run: int) -> Iterator[Park]:
    engine = open_database(settings)
    try:
        with PortalServer(settings.portal_home) as portal:
            yield Park(folder, settings, State(engine), portal, first_run=first_run)
    finally:
        engine.dispose()


@pytest.fixture(scope="module", autouse=True)
def _printed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prints the matrix when every case was played."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        for (operation, fault), result in sorted(MATRIX.items()):
            then = f" -> {result.rerun}" if result.rerun != "-" else ""
            sys.stdout.write(f"{operation:<13} {fault:<42} {result.first}{then}\n")


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("operation", "name", "fault"), CASES, ids=[f"{case[0]}: {case[1]}" for case in CASES]
)
def test_proven_or_failed_and_then_right(
    tmp_path: Path, settings: Settings, prepared: Callable[[Settings, str], Path],
    operation: str, name: str, fault: str,
) -> None:  # fmt: skip
    """It ends proven and right, or fails and says why, and a rerun makes it right."""
    prepared(settings, operation)
    with _park(tmp_path, settings, first_run=_AFTER_PREPARING) as park:
        result = run_case(park, operation=operation, fault=fault)
    MATRIX[operation, name] = result
    assert result.right
    assert result.first == "right at once" or (result.message and result.rerun == "right at once")
    assert not result.reader.missed
    assert result.reader.smallest is None or result.reader.smallest >= result.at_least
