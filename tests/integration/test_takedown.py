"""Takedowns by the command: what a dead process left, columns, and orders that are none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.portal.server import PortalServer
from orchestration.settings import Settings
from orchestration.state.store import State
from tests.integration.test_publisher import Writes
from tests.park import AFTER, OAKS, Killed, Park
from tests.unit.publishing.conftest import tree

LATER = "2022-09-12T00:00:00"
SECRET_SPECIES = "quercus secreta"
TREES = [*OAKS, tree("T4", species=SECRET_SPECIES, height_feet=9.5)]


@pytest.fixture
def park(
    tmp_path: Path, settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Park]:
    with PortalServer(settings.portal_home) as portal:
        park = Park(tmp_path, settings, state, portal)
        for name in ("datasets", "expectations"):
            monkeypatch.setenv(f"SUMMERWARE_{name.upper()}", str(tmp_path / name))
        yield park


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(monkeypatch)


def _takedown(*words: str) -> str:
    order = [] if "--lift" in words and "--authority" in words else ["--authority", "Court, 22-1"]
    result = CliRunner().invoke(app, ["takedown", "trees", *words, *order, "--yes"])
    assert result.exit_code == 0, result.output
    return result.output


def test_publication_left_by_a_dead_process_does_not_send_it(park: Park, writes: Writes) -> None:
    """Released before the order and not finished: it is given up, not resumed."""
    park.publish_rows(OAKS)
    writes.recover()
    writes.fail(after=0, taken=False)
    with pytest.raises(Killed):
        park.publish_rows(TREES, extracted_at=AFTER)
    writes.recover()
    _takedown("T4")
    park.publish_rows(TREES, extracted_at=AFTER)
    assert set(park.on_portal()) == {"T1", "T2", "T3"}


def test_column_is_emptied_and_stays_empty(park: Park) -> None:
    """Every value of it, in rows that today's extract does not have, too."""
    park.publish_rows(TREES)
    assert "values of 4 rows" in _takedown("--column", "species")
    assert {row["species"] for row in park.on_portal().values()} == {None}
    park.publish_rows([*TREES, tree("T5")], extracted_at=AFTER)
    assert {row["species"] for row in park.on_portal().values()} == {None}
    assert len(park.on_portal()) == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["T1"], "--authority is missing"),
        (["--column", "keeper", "--authority", "x"], "no published column is named 'keeper'"),
        (["--column", "tree_id", "--authority", "x"], "is the key"),
        (["--lift", "nonsense", "--authority", "x"], "no takedown nonsense is in force"),
    ],
)
def test_wrong_orders_are_refused(park: Park, words: list[str], message: str) -> None:
    """Before anything is recorded, with what to do."""
    result = CliRunner().invoke(app, ["takedown", "trees", *words])
    assert message in str(result.exception)
    assert (
        not (park.settings.home / "takedowns.jsonl").exists()
        or not (park.settings.home / "takedowns.jsonl").read_text()
    )
