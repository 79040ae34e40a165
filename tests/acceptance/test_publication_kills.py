"""A publication killed at any moment is finished by the next; two at once take turns.

The publisher runs in processes of its own, against a portal that survives them. `make soak` kills
fifty publications of 100,000 rows; `make test` three of 4,000.
"""

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orchestration.layers import snapshot_file
from orchestration.portal.server import PortalServer
from orchestration.settings import PROJECT, Settings
from orchestration.state.store import Layer, State
from tests.park import Park
from tests.soak import SOAK
from tests.unit.publishing.conftest import Row, read_rows, tree

ROWS, CHUNK_ROWS, KILLS = (100_000, 5_000, 50) if SOAK else (4_000, 200, 3)
SEED = 20


@pytest.fixture
def park(
    tmp_path: Path, settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Park]:
    with PortalServer(settings.portal_home) as portal:
        for name in ("datasets", "expectations"):
            monkeypatch.setenv(f"SUMMERWARE_{name.upper()}", str(tmp_path / name))
        yield Park(tmp_path, settings, state, portal)


def _rows(version: int) -> list[Row]:
    """All change with each version; the first hundred change places with new ones."""
    return [tree(f"T{n:06}", species=f"species {version}") for n in range(version * 100, ROWS)]


def _start(layer: Layer) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.acceptance.publishing_process", layer.id, str(CHUNK_ROWS)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: "subprocess.Popen[str]") -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.strip()


def _layer(park: Park, version: int) -> Layer:
    day = f"2022-{1 + version // 28:02}-{1 + version % 28:02}T00:00:00"
    return park.passed(park.layer(_rows(version), extracted_at=day))


def _on_portal(park: Park) -> dict[str, str]:
    found: dict[str, str] = {}
    while True:
        page = park.http(
            "GET",
            f"/resource/{park.portal_id()}.json",
            params={"$limit": 50_000, "$offset": len(found), "$order": "tree_id"},
        ).json()
        assert not {row["tree_id"] for row in page} & set(found)
        found |= {row["tree_id"]: row["species"] for row in page}
        if len(page) < 50_000:
            return found


def _wanted(rows: Sequence[Row]) -> dict[str, str]:
    return {row["tree_id"]: row["species"] for row in rows}


@pytest.mark.campaign
@pytest.mark.timeout(3_600)
def test_killed_at_random_moments(park: Park) -> None:
    """The rerun ends as the undisturbed run would: portal, snapshot, nothing twice, nobody blocked."""
    started = time.monotonic()
    assert _finish(_start(_layer(park, 0))) == "verified"
    whole = time.monotonic() - started
    chance = random.Random(SEED)
    for version in range(1, KILLS + 1):
        layer = _layer(park, version)
        process = _start(layer)
        time.sleep(chance.uniform(0.2, 1.0) * whole)
        process.kill()
        process.communicate()
        assert _finish(_start(layer)) in ("verified", "unchanged")
        rows = _rows(version)
        assert _on_portal(park) == _wanted(rows)
        snapshot = read_rows(snapshot_file(park.settings, park.publications()[-1]))
        assert {row["tree_id"]: row["species"] for row in snapshot} == _wanted(rows)
    assert not park.publications("planned", "released", "sent")


def test_two_at_once_take_turns(park: Park) -> None:
    """Chunks of two publications never interleave, and the newer extract stands in the end."""
    park.publish(_layer(park, 0))
    older, newer = _layer(park, 1), _layer(park, 2)
    processes = [_start(older), _start(newer)]
    assert {_finish(process) for process in processes} <= {"verified", "superseded"}
    assert _on_portal(park) == _wanted(_rows(2))
    moved = [
        (chunk.moved_at, one.id)
        for one in park.publications("verified")[1:]
        for chunk in park.state.chunks(one.id)
    ]
    turns = [publication for _, publication in sorted(moved)]
    assert len({*turns}) == 1 + sum(a != b for a, b in itertools.pairwise(turns))
