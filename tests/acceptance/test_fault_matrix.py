"""The fault matrix: whatever the portal does, rows are neither lost nor twice, and nobody is lied to.

`make test` plays every fault at the middle chunk of every operation; `make soak` at every chunk, once
and standing. Each prints its matrix.
"""

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.portal.server import PortalServer
from orchestration.publishing import delivery, sending, verification
from orchestration.settings import Settings
from orchestration.state.store import State
from tests.acceptance.fault_matrix import (
    CHUNK_ROWS,
    FAULTS,
    OPERATIONS,
    READ_FAULTS,
    REPLACED,
    Result,
    run_case,
)
from tests.park import Park

SOAK = bool(os.environ.get("SUMMERWARE_SOAK"))
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
MATRIX: dict[tuple[str, str], Result] = {}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks, and pauses of a test's length."""
    monkeypatch.setattr(delivery, "CHUNK_ROWS", CHUNK_ROWS)
    monkeypatch.setattr(
        delivery,
        "PATIENCE",
        sending.Patience(first_wait_seconds=0.01, longest_wait_seconds=0.05, fresh_seconds=0.3),
    )
    monkeypatch.setattr(verification, "FRESH_SECONDS", 0.3)


@pytest.fixture
def portal(settings: Settings) -> Iterator[PortalServer]:
    with PortalServer(settings.portal_home) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def _printed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prints the matrix when every case was played."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        for (operation, fault), result in sorted(MATRIX.items()):
            then = f" -> {result.rerun}" if result.rerun != "-" else ""
            sys.stdout.write(f"{operation:<13} {fault:<42} {result.first}{then}\n")


@pytest.mark.parametrize(
    ("operation", "name", "fault"), CASES, ids=[f"{case[0]}: {case[1]}" for case in CASES]
)
def test_proven_or_failed_and_then_right(
    tmp_path: Path, settings: Settings, state: State, portal: PortalServer,
    operation: str, name: str, fault: str,
) -> None:  # fmt: skip
    """It ends proven and right, or fails and says why, and a rerun makes it right."""
    park = Park(tmp_path, settings, state, portal)
    result = run_case(park, operation=operation, fault=fault)
    MATRIX[operation, name] = result
    assert result.right
    assert result.first == "right at once" or (result.message and result.rerun == "right at once")
    assert not result.reader.missed
    assert result.reader.smallest is None or result.reader.smallest >= result.at_least
