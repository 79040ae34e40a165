"""Rows and columns that are taken down off the real local portal, and stay off it.

Erasing them from this machine, with extracts and models, is in `tests/acceptance/test_takedown.py`.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import ConfigurationError, GateNotPassed, PublicationRefused
from orchestration.portal.faults import Fault
from orchestration.portal.server import PortalServer
from orchestration.publishing import publisher
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State
from orchestration.state.takedowns import TakedownStore
from orchestration.takedown.orders import Done, Order, carry_out
from orchestration.tombstones.journal import NAME, VARIABLE, all_tombstones, remember
from orchestration.tombstones.tombstones import load_tombstones
from tests.byte_scan import places_of
from tests.park import AFTER, OAKS, Park
from tests.unit.publishing.conftest import tree


@pytest.fixture
def park(tmp_path: Path, settings: Settings, state: State) -> Iterator[Park]:
    with PortalServer(settings.portal_home) as portal:
        yield Park(tmp_path, settings, state, portal)


def take_down(park: Park, *keys: str, column: str | None = None, purge: bool = False) -> Done:
    """A court orders it."""
    order = Order(
        keys=keys, column=column, authority="Civil District Court 22-1", reason="", by="Ann",
        purge=purge,
    )  # fmt: skip
    datasets = {"trees": park.dataset}
    return carry_out(park.settings, park.state, datasets, park.dataset, order)


def lift(park: Park, done: Done) -> None:
    for one in done.tombstones:
        remember(
            park.settings,
            park.state,
            replace(one, lifted_at="2022-10-01", lifted_by="Ann", lift_authority="Court"),
        )


# From the portal


def test_row_is_gone_with_every_gate_red(park: Park) -> None:
    """No pass is asked for, and the removal is a proven publication of its own."""
    park.publish_rows(OAKS)
    park.passed(park.layer(OAKS), verdict="failed")
    done = take_down(park, "T2")
    assert list(park.on_portal()) == ["T1", "T3"]
    assert [(one.rows, one.cells) for one in done.removed] == [(1, 0)]
    ended = park.publications()[-1]
    assert (ended.kind, ended.state, ended.released_by) == ("takedown", "verified", "Ann")


def test_column_is_emptied(park: Park) -> None:
    """In every row that held a value; other columns keep theirs."""
    park.publish_rows([tree("T1", height_feet=1.5), tree("T2", height_feet=2.5), tree("T3")])
    done = take_down(park, column="height_feet")
    assert [one.cells for one in done.removed] == [2]
    found = park.on_portal()
    assert {row["height_feet"] for row in found.values()} == {None}
    assert {row["species"] for row in found.values()} == {"oak"}


def test_next_run_neither_brings_it_back_nor_writes(park: Park) -> None:
    """The baseline after a takedown is what it left."""
    park.publish_rows(OAKS)
    take_down(park, "T2")
    outcome = park.publish_rows(OAKS, extracted_at=AFTER)
    assert (outcome.state, list(park.on_portal())) == ("unchanged", ["T1", "T3"])


@pytest.mark.parametrize("fate", ["published", "quarantined"])
def test_window_does_not_keep_it(park: Park, fate: str) -> None:
    """Neither an extract that does not cover the row nor quarantine keeps it on the portal."""
    window = {"kind": "window", "window": {"column": "planted_at", "days": 1}}
    park.write_dataset(source=window)
    park.publish_rows(OAKS)
    take_down(park, "T2")
    park.upsert([tree("T2")])
    rows = OAKS if fate == "published" else [OAKS[0], OAKS[2]]
    park.publish(park.passed(park.layer(rows, extracted_at=AFTER, fates={"T2": fate})))
    assert list(park.on_portal()) == ["T1", "T3"]


def test_rollback_leaves_it_out(park: Park) -> None:
    """An older snapshot that holds the row and the column brings back neither."""
    first = park.publish_rows([tree("T1", height_feet=1.5), tree("T2")])
    park.publish_rows([tree("T1", species="elm", height_feet=1.5), tree("T2")], extracted_at=AFTER)
    take_down(park, "T2")
    take_down(park, column="height_feet")
    park.rollback(first.publication_id)
    row = park.on_portal()["T1"]
    assert (list(park.on_portal()), row["species"], row["height_feet"]) == (["T1"], "oak", None)


def test_held_publication_with_the_row_is_abandoned(park: Park) -> None:
    """Nobody can release it any more; one that does not hold it goes on waiting."""
    park.write_dataset(release="one")
    held = park.publish_rows(OAKS)
    other = park.publish_rows([tree("T9")], extracted_at=AFTER)
    take_down(park, "T2")
    assert park.states() == ["abandoned", "held"]
    with pytest.raises(PublicationRefused):
        park.release(held.publication_id)
    park.release(other.publication_id)
    assert list(park.on_portal()) == ["T9"]


def test_tombstone_stops_what_is_sent_after_it(park: Park) -> None:
    """A publication that was planned before the order, and comes to be sent after it, is refused."""
    park.write_dataset(release="one")
    held = park.publish_rows(OAKS)
    (other,) = take_down(park, "T9").tombstones
    taken = load_tombstones(park.settings, park.state, park.dataset).hash_of("T2")
    remember(park.settings, park.state, replace(other, id="later", key_hash=taken))
    with pytest.raises(PublicationRefused, match="taken down"):
        park.release(held.publication_id)
    assert park.states() == ["failed"]


def test_strangers_edit_is_no_hindrance_and_stays_a_question(park: Park) -> None:
    """The row goes although somebody else changed the portal, and that is still asked about."""
    park.publish_rows(OAKS)
    park.upsert([tree("T3", species="elm")])
    take_down(park, "T2")
    assert list(park.on_portal()) == ["T1", "T3"]
    assert park.edits().all_keys == ["T3"]


def test_link_to_the_row_goes_with_it(park: Park) -> None:
    """No other row names a row that was taken down."""
    link = {
        "name": "possible_duplicate_of", "type": "text", "description": "-", "privacy": "publish",
    }  # fmt: skip
    duplicates = {
        "time": "planted_at", "within_minutes": 1, "place": "species",
        "compare": [{"column": "species", "how": "text"}],
    }  # fmt: skip
    park.write_dataset(duplicates=duplicates, more_columns=[link])
    park.publish_rows(
        [
            {**tree("T1"), "possible_duplicate_of": None},
            {**tree("T2"), "possible_duplicate_of": "T1"},
        ]
    )
    take_down(park, "T1")
    assert {key: row["possible_duplicate_of"] for key, row in park.on_portal().items()} == {
        "T2": None
    }


def test_every_partition_is_asked(park: Park) -> None:
    """A row that our snapshot knows in one year's dataset is looked for in all of them."""
    park.write_dataset(
        publish={
            "partition": {"column": "planted_at", "ids": {2020: "year-2020", 2021: "year-2021"}}
        }
    )
    from datetime import datetime

    park.publish_rows(
        [tree("T1", planted_at=datetime(2020, 1, 1)), tree("T2", planted_at=datetime(2021, 1, 1))]
    )
    park.upsert([tree("T1")], park.portal_id("2021"))
    take_down(park, "T1")
    assert list(park.on_portal(park.portal_id("2020"))) == []
    assert list(park.on_portal(park.portal_id("2021"))) == ["T2"]


def test_order_given_twice_is_recorded_once(park: Park) -> None:
    """After a crash the same command goes on."""
    park.publish_rows(OAKS)
    first, second = take_down(park, "T2"), take_down(park, " t2 ")
    assert [one.id for one in first.tombstones] == [one.id for one in second.tombstones]
    assert len(park.publications("verified")) == 2


def test_killed_takedown_is_obeyed_and_finished_by_the_next_run(
    park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tombstone comes first: dying right after it loses nothing."""
    park.publish_rows(OAKS)
    with monkeypatch.context() as dying:
        dying.setattr(publisher.Publisher, "take_down", _die)
        with pytest.raises(KeyboardInterrupt):
            take_down(park, "T2")
    park.publish_rows(OAKS, extracted_at=AFTER)
    assert list(park.on_portal()) == ["T1", "T3"]


def _die(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def test_lifted_takedown_lets_the_row_come_back(park: Park) -> None:
    """By another order, which stands beside the first one."""
    park.publish_rows(OAKS)
    lift(park, take_down(park, "T2"))
    park.publish_rows(OAKS, extracted_at=AFTER)
    assert set(park.on_portal()) == {"T1", "T2", "T3"}
    (kept,) = all_tombstones(park.settings, park.state)
    assert (kept.authority, kept.lift_authority) == ("Civil District Court 22-1", "Court")


def test_unpublished_dataset_obeys_from_its_first_publication(park: Park) -> None:
    """An order may come before the row does."""
    assert take_down(park, "T2").removed == []
    park.publish_rows(OAKS)
    assert list(park.on_portal()) == ["T1", "T3"]


# The memory of it


def test_key_stands_nowhere_in_the_records(park: Park) -> None:
    """The state database, the journal and the receipts know its keyed hash alone."""
    key = "SEALED-0815"
    park.publish_rows([*OAKS, tree(key)])
    take_down(park, key)
    tables = ("layers", "publications", "portal")
    found = places_of(park.settings.home, [key])
    assert not [place for place in found if place.split("/")[0] not in tables]


def test_key_that_was_refused_is_in_no_receipt(park: Park) -> None:
    """A receipt cannot be changed, so that no purge would get a key out of it."""
    key = "SEALED-0815"
    park.portal.faults.add(Fault(kind="row-errors", keys=frozenset({key}), column="species"))
    park.publish_rows([*OAKS, tree(key)])
    places = places_of(park.settings.home, [key])
    assert "state.db: publication_chunk" in places
    assert "state.db: receipt" not in places


@pytest.mark.parametrize("lost", ["state", "journal"])
def test_restored_memory_learns_it_again(park: Park, lost: str) -> None:
    """A state database or a journal from before the order is told by the other."""
    before = park.settings.home.parent / "before.db"
    with (
        sqlite3.connect(park.settings.home / "state.db") as source,
        sqlite3.connect(before) as copy,
    ):
        source.backup(copy)
    take_down(park, "T2")
    if lost == "journal":
        (park.settings.home / NAME).unlink()
        state = park.state
    else:
        state = State(open_database(replace(park.settings, state_url=f"sqlite:///{before}")))
    assert load_tombstones(park.settings, state, park.dataset).holds("T2")
    assert TakedownStore(state).tombstones()
    assert (park.settings.home / NAME).read_text().count("\n") == 1
    state.engine.dispose()


def test_restored_home_learns_it_from_outside(
    park: Park, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole home from before the order obeys, where the journal is also kept outside."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "safe" / NAME))
    park.publish_rows(OAKS)
    shutil.copytree(park.settings.home, tmp_path / "backup")
    take_down(park, "T2")
    restored = replace(
        park.settings,
        home=tmp_path / "backup",
        state_url=f"sqlite:///{tmp_path / 'backup' / 'state.db'}",
    )
    state = State(open_database(restored))
    assert load_tombstones(restored, state, park.dataset).holds("T2")
    state.engine.dispose()


def test_lifting_is_not_forgotten_by_an_older_memory(park: Park) -> None:
    """Of two memories the one that knows more wins."""
    done = take_down(park, "T2")
    earlier = (park.settings.home / NAME).read_text()
    lift(park, done)
    (park.settings.home / NAME).write_text(earlier)
    assert not load_tombstones(park.settings, park.state, park.dataset)


def test_torn_last_line_of_the_journal_is_no_line(park: Park) -> None:
    """A process that died while writing it had not told anybody yet."""
    take_down(park, "T2")
    path = park.settings.home / NAME
    path.write_text(path.read_text() + '{"id": "torn')
    take_down(park, "T3")
    assert len(all_tombstones(park.settings, park.state)) == 2
    assert path.read_text().count("\n") == 2


def test_broken_journal_stops_everything(park: Park) -> None:
    """Who cannot read what was taken down must not publish."""
    layer = park.passed(park.layer(OAKS))
    (park.settings.home / NAME).write_text("not a tombstone\n")
    with pytest.raises(ConfigurationError, match="line 1"):
        park.publish(layer)


def test_lost_secret_stops_everything(park: Park) -> None:
    """Hashes that nobody can make again would let everything through."""
    take_down(park, "T2")
    (park.settings.home / "hash.key").unlink()
    with pytest.raises(ConfigurationError, match=r"hash\.key"):
        park.publish_rows(OAKS)


def test_removal_does_not_open_the_gates(park: Park) -> None:
    """After it, content without a pass is refused as before."""
    park.publish_rows(OAKS)
    take_down(park, "T2")
    with pytest.raises(GateNotPassed):
        park.publish(park.layer([tree("T7")], extracted_at=AFTER))
