"""Takedowns on the real local portal: gone at once whatever the gates say, and gone for good."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import GateNotPassed, PublicationRefused
from orchestration.portal.server import PortalServer
from orchestration.settings import Settings
from orchestration.state.store import State
from tests.integration.test_publisher import Killed, Writes
from tests.park import AFTER, OAKS, Park
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


def test_row_is_gone_with_every_gate_red(park: Park) -> None:
    """Removing data never needs a pass; everything else stays, and the receipt names the order."""
    park.publish_rows(TREES)
    park.passed(park.layer(TREES, extracted_at=AFTER), verdict="failed")
    assert "gone from local: 1 rows" in _takedown("T4")
    assert set(park.on_portal()) == {"T1", "T2", "T3"}
    body = park.receipts()[-1].body
    assert (body["kind"], body["signatures"][0]["reason"]) == ("takedown", "Court, 22-1")
    assert "T4" not in json.dumps(body)


def test_row_stays_gone_in_later_runs(park: Park) -> None:
    """The source still has it: it is neither published nor asked about again."""
    park.publish_rows(TREES)
    _takedown("t4")
    outcome = park.publish_rows(TREES, extracted_at=AFTER)
    assert outcome.state == "unchanged"
    assert park.publish_rows([*TREES, tree("T5")], extracted_at=LATER).state == "verified"
    assert set(park.on_portal()) == {"T1", "T2", "T3", "T5"}


def test_rollback_does_not_bring_it_back(park: Park) -> None:
    """An older snapshot has the row; the way back passes it over."""
    first = park.publish_rows(TREES).publication_id
    park.publish_rows([*TREES, tree("T5")], extracted_at=AFTER)
    _takedown("T4")
    assert park.rollback(first).state == "verified"
    assert set(park.on_portal()) == {"T1", "T2", "T3"}


def test_held_publication_with_the_row_is_abandoned(park: Park) -> None:
    """What was planned before the order and holds the row can never be released."""
    park.publish_rows(OAKS)
    park.write_dataset(release="one")
    held = park.publish_rows(TREES, extracted_at=AFTER)
    _takedown("T4")
    with pytest.raises(PublicationRefused, match="no held publication"):
        park.release(held.publication_id)
    assert "T4" not in park.on_portal()


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


def test_row_that_somebody_else_edited_goes_too(park: Park) -> None:
    """An order does not wait for the question whose rows are to stay."""
    park.publish_rows(TREES)
    park.upsert([tree("T4", species="elm"), tree("T8")])
    _takedown("T4")
    assert "T4" not in park.on_portal()
    assert "T8" in park.on_portal()


def test_lost_state_learns_it_again(park: Park) -> None:
    """A state database restored from before the order finds the journal beside it."""
    park.publish_rows(TREES)
    with (
        closing(sqlite3.connect(park.settings.home / "state.db")) as live,
        closing(sqlite3.connect(":memory:")) as backup,
    ):
        live.backup(backup)
        _takedown("T4")
        backup.backup(live)
    park.edits(keep="ours")
    park.publish_rows(TREES, extracted_at=AFTER)
    assert set(park.on_portal()) == {"T1", "T2", "T3"}


def test_home_restored_as_a_whole_learns_it_from_outside(
    park: Park, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SUMMERWARE_TAKEDOWNS is where no restore of the home reaches."""
    monkeypatch.setenv("SUMMERWARE_TAKEDOWNS", str(tmp_path / "elsewhere.jsonl"))
    park.publish_rows(TREES)
    _takedown("T4")
    (park.settings.home / "takedowns.jsonl").unlink()
    with park.state.engine.begin() as connection:
        connection.exec_driver_sql("delete from takedown")
    park.publish_rows([*TREES, tree("T5")], extracted_at=AFTER)
    assert "T4" not in park.on_portal()


def test_lifted_by_another_order_it_comes_back(park: Park) -> None:
    """Lifting is recorded, and the next run publishes what passes."""
    park.publish_rows(TREES)
    _takedown("T4")
    (listed,) = json.loads(CliRunner().invoke(app, ["takedown", "trees", "--json"]).output)
    _takedown("--lift", listed["id"], "--authority", "Court, 23-7")
    park.publish_rows(TREES, extracted_at=AFTER)
    assert "T4" in park.on_portal()
    (lifted,) = json.loads(CliRunner().invoke(app, ["takedown", "trees", "--json"]).output)
    assert lifted["lift_authority"] == "Court, 23-7"


def test_no_memory_of_it_holds_the_key(park: Park) -> None:
    """Journal and state database know a keyed hash; so does whoever lists takedowns."""
    park.publish_rows(OAKS)
    _takedown("T4711")
    assert "T4711" not in (park.settings.home / "takedowns.jsonl").read_text()
    assert "T4711" not in CliRunner().invoke(app, ["takedown", "trees", "--json"]).output


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


def test_gates_still_matter_for_what_is_added(park: Park) -> None:
    """A takedown is no way round them."""
    park.publish_rows(TREES)
    _takedown("T4")
    with pytest.raises(GateNotPassed):
        park.publish(park.layer([*TREES, tree("T5")], extracted_at=AFTER))
