"""What goes is what nothing needs: everything that is asked for afterwards still answers."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration import retention
from orchestration.duck import connect
from orchestration.errors import PublicationRefused
from orchestration.portal.server import PortalServer
from orchestration.publishing.inspection import verify_portal
from orchestration.publishing.publisher import open_publisher
from orchestration.reports import _standing
from orchestration.retention import prune
from orchestration.settings import Settings
from orchestration.state.store import State
from tests.park import Park
from tests.unit.publishing.conftest import tree

SOON = {"layers_days": 1, "runs": 2, "publications": 3}


@pytest.fixture
def park(tmp_path: Path, settings: Settings, state: State) -> Iterator[Park]:
    """Eight days of trees, all published; a day ago is long ago."""
    with PortalServer(settings.portal_home) as portal:
        made = Park(tmp_path, settings, state, portal)
        made.write_dataset(retention=SOON)
        yield made


@pytest.fixture
def days(park: Park, monkeypatch: pytest.MonkeyPatch) -> Park:
    for day in range(1, 9):
        rows = [tree(f"T{number}", height_feet=float(day)) for number in range(day)]
        assert (
            park.publish_rows(rows, extracted_at=f"2022-09-{day:02}T00:00:00").state == "verified"
        )
    # Everything is as old as it would be next month.
    monkeypatch.setattr(retention, "_cutoff", lambda _: "2100-01-01T00:00:00.000+00:00")
    return park


def _folders(park: Park, kind: str) -> int:
    """Layers that are there, or publications whose rows are."""
    pattern = "*/snapshot.parquet" if kind == "publications" else "*/*"
    return len(list((park.settings.home / kind / "trees").glob(pattern)))


def test_what_is_old_goes_and_what_is_needed_stays(days: Park) -> None:
    """The last runs, the last snapshots; a rollback and a proof of them work."""
    gone = prune(days.settings, days.state, days.dataset)
    assert (gone.layers, gone.publications) == (3 * 6, 5)
    assert _folders(days, "layers") == 3 * 2
    assert _folders(days, "publications") == 3
    with open_publisher(days.settings, days.state, days.dataset) as publisher:
        assert verify_portal(publisher, full=True, run_id="proof").holds
    good = days.publications("verified")[-3].id
    assert days.rollback(good).state == "verified"
    assert len(days.on_portal()) == 6


def test_the_story_of_a_row_outlives_its_rows(days: Park) -> None:
    """Which publication touched a key last is known for good, however long ago it was."""
    days.publish_rows([tree("T1", height_feet=8.0)], extracted_at="2022-09-09T00:00:00")
    first = days.publications("verified")[0].id
    days.publish_rows(
        [tree("T1", height_feet=8.0), tree("OLD")], extracted_at="2022-09-10T00:00:00"
    )
    prune(days.settings, days.state, days.dataset)
    with connect() as connection:
        told = _standing(connection, days.settings, days.state, days.dataset, "T5")
        assert told is not None
        assert (told["on_portal"], told["change"]) == (False, "delete")
        assert _standing(connection, days.settings, days.state, days.dataset, "NEVER") is None
    assert [path.name for path in (days.settings.publications / "trees" / first).iterdir()] == [
        "changes.parquet"
    ]


def test_a_rollback_beyond_what_is_kept_is_refused_by_name(days: Park) -> None:
    """It says that the files went, and by which setting."""
    first = days.publications("verified")[0].id
    prune(days.settings, days.state, days.dataset)
    with pytest.raises(PublicationRefused, match="no longer kept"):
        days.rollback(first)


def test_a_dry_run_removes_nothing(days: Park) -> None:
    """It counts the same."""
    said = prune(days.settings, days.state, days.dataset, dry_run=True)
    assert _folders(days, "publications") == 8
    assert prune(days.settings, days.state, days.dataset) == said
    assert said.bytes > 0


def test_what_waits_for_people_stays_with_all_it_stands_on(
    park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A held publication is released after all the newer layers came and a prune."""
    park.publish_rows([tree("T1")], extracted_at="2022-09-01T00:00:00")
    park.write_dataset(retention=SOON, release="one")
    held = park.publish_rows([tree("T1"), tree("T2")], extracted_at="2022-09-02T00:00:00")
    for day in range(3, 9):
        park.layer([tree("T1"), tree(f"T{day}")], extracted_at=f"2022-09-{day:02}T00:00:00")
    monkeypatch.setattr(retention, "_cutoff", lambda _: "2100-01-01T00:00:00.000+00:00")
    prune(park.settings, park.state, park.dataset)
    assert park.release(held.publication_id).state == "verified"
    assert set(park.on_portal()) == {"T1", "T2"}


def test_a_killed_prune_is_finished_by_the_next(
    days: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever folder it dies: each is there whole or not at all."""
    real, calls = shutil.rmtree, []

    def dying(path: Path, **options: bool) -> None:
        calls.append(path)
        if len(calls) == 4:
            raise KeyboardInterrupt
        real(path, **options)

    with monkeypatch.context() as broken:
        broken.setattr(shutil, "rmtree", dying)
        with pytest.raises(KeyboardInterrupt):
            prune(days.settings, days.state, days.dataset)
    assert all(
        list(folder.glob("*.parquet")) for folder in (days.settings.layers / "trees").glob("*/*")
    )
    prune(days.settings, days.state, days.dataset)
    assert _folders(days, "layers") == 3 * 2
    assert not list(days.settings.workspaces.glob(".going-*"))


def test_what_nobody_recorded_goes_when_it_is_old(days: Park) -> None:
    """A folder that a dead process left; a young one may be just on its way."""
    left = days.settings.layers / "trees" / "raw" / "leftover"
    left.mkdir()
    assert prune(days.settings, days.state, days.dataset).layers == 18
    assert left.is_dir()
    import os

    os.utime(left, (0, 0))
    assert prune(days.settings, days.state, days.dataset).layers == 1
    assert not left.exists()
