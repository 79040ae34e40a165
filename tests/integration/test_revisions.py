"""Publications as drafts, by the vendor's own client over TLS: the same proof, nothing half applied."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration import reports
from orchestration.cli import app
from orchestration.errors import NotVerified, TransientError
from orchestration.portal.behaviour import Behaviour, with_switches
from orchestration.publishing.revisions import DraftSender
from tests.integration.conftest import BY_DRAFTS, dying_once_applied
from tests.park import AFTER, OAKS, Killed, Park
from tests.unit.publishing.conftest import tree

LATER = "2022-09-12T00:00:00"


@pytest.fixture
def park(by_drafts: Park) -> Park:
    return by_drafts


def _revisions(park: Park) -> list[Any]:
    publication = park.publications()[-1]
    return [chunk.revision for chunk in park.state.chunks(publication.id)]


def test_rows_go_by_drafts_and_are_proven(park: Park) -> None:
    """First load, update, delete: the portal holds every value, and the receipt names revisions."""
    first = [*OAKS, tree("T4", height_feet=29.95, is_alive=True, place="POINT (-90.07 29.95)")]
    assert park.publish_rows(first).state == "verified"
    assert park.on_portal() == {row["tree_id"]: row for row in first}
    after = [tree("T1", species='elm, "red"'), tree("T2", height_feet=3.5), *first[3:], tree("T5")]
    outcome = park.publish_rows(after, extracted_at=AFTER)
    assert outcome.state == "verified"
    assert park.on_portal() == {row["tree_id"]: row for row in after}
    assert [chunk["kind"] for chunk in park.receipts()[-1].body["chunks"]] == ["upsert", "delete"]
    assert len(_revisions(park)) == 2


def test_second_time_makes_no_draft(park: Park) -> None:
    """Law 6 holds for drafts."""
    park.publish_rows(OAKS)
    assert park.publish_rows(OAKS).state == "unchanged"
    assert _revisions(park) == []


@pytest.mark.parametrize("species", [" | oak", "oak | ", " |  | oak | "])
def test_blank_places_of_lists_come_through(park: Park, species: str) -> None:
    """The file is read without trimming: a list may begin and end with a blank place."""
    row = tree("T1", species=species)
    assert park.publish_rows([row]).state == "verified"
    assert park.on_portal() == {"T1": row}


def test_cleared_cell_is_cleared(park: Park) -> None:
    """An empty cell of the file is a null, and not «as it was»."""
    park.publish_rows([tree("T1", species="elm"), tree("T2")])
    park.publish_rows([tree("T1", species=None), tree("T2")], extracted_at=AFTER)
    assert park.on_portal()["T1"]["species"] is None


def test_waiting_for_approval_is_not_published(park: Park) -> None:
    """The publication stays open with its one draft, and the portal is as it was."""
    park.publish_rows(OAKS)
    park.portal.behaviour = with_switches(Behaviour(), {"dsmapi_approval": True})
    drafts = []
    for _ in range(2):
        with pytest.raises(NotVerified, match="waits for approval"):
            park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
        drafts.append(_revisions(park))
        assert set(park.on_portal()) == {"T1", "T2", "T3"}
        assert park.states() == ["verified", "released"]
    assert drafts[0] == drafts[1]
    address = f"/api/publishing/v1/revision/{park.portal_id()}/{drafts[0][0]}"
    park.http("DELETE", address)
    park.portal.behaviour = Behaviour()
    # Rejected on the portal: it has failed, and the run goes on with a fresh plan.
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert park.states() == ["verified", "failed", "verified"]


def test_killed_between_draft_and_apply_leaves_no_second_one(
    park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rerun discards what the dead process drafted, and applies its own."""
    park.publish_rows(OAKS)

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(DraftSender, "_apply", die)
        with pytest.raises(Killed):
            park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    (left,) = _revisions(park)
    assert park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER).state == "unchanged"
    assert set(park.on_portal()) == {"T1", "T2", "T3", "T4"}
    address = f"/api/publishing/v1/revision/{park.portal_id()}/{left}"
    assert park.http("GET", address).json()["resource"]["closed_at"]


def test_killed_after_applying_is_not_applied_twice(
    park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rerun finds the draft of its journal applied, and only proves it."""
    park.publish_rows(OAKS)
    with dying_once_applied(monkeypatch), pytest.raises(Killed):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert park.states() == ["verified", "verified", "unchanged"]
    (chunk,) = park.state.chunks(park.publications()[1].id)
    assert chunk.answer["settled"] == "read_back"


def test_rows_in_error_are_named_and_the_rest_applied(
    park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draft with cells in error is never applied: it is made again without their rows."""
    # Values that our own check lets through and the portal does not take cannot be had otherwise.
    csv = DraftSender._csv

    def spoilt(self: DraftSender, *options: Any) -> bytes:
        return csv(self, *options).replace(b"3.5", b"tall")

    monkeypatch.setattr(DraftSender, "_csv", spoilt)
    outcome = park.publish_rows(OAKS)
    assert outcome.state == "verified"
    assert set(park.on_portal()) == {"T1", "T3"}
    (row,) = reports.refused_rows(
        park.settings, park.state, park.dataset, str(outcome.publication_id)
    )
    assert (row["row_key"], row["column"], row["reason"]) == (
        "T2", "height_feet", "not a value of type number",
    )  # fmt: skip


def test_portal_that_does_not_answer_leaves_it_open(park: Park) -> None:
    """The publication stays open, and the rerun makes it right."""
    park.publish_rows(OAKS)
    park.portal.faults.add("500@PUT /api/publishing/")
    with pytest.raises(TransientError, match="the next run goes on or starts it again"):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    park.portal.faults.clear()
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert set(park.on_portal()) == {"T1", "T2", "T3", "T4"}


# What waits for people


def _open_drafts(park: Park) -> list[int]:
    address = f"/api/publishing/v1/revision/{park.portal_id()}"
    listed = [one["resource"] for one in park.http("GET", address).json()]
    return [one["revision_seq"] for one in listed if one["closed_at"] is None]


def _held(park: Park, *rows: Any, extracted_at: str = AFTER) -> Any:
    park.write_dataset(publish=BY_DRAFTS, release="one")
    outcome = park.publish_rows([*OAKS, *rows], extracted_at=extracted_at)
    assert outcome.state == "held"
    return outcome


def test_held_publication_is_a_draft_to_look_at(park: Park) -> None:
    """One draft, whose address is told and which shows nothing to the public; kept by the next run."""
    park.publish_rows(OAKS)
    told = _held(park, tree("T4")).message
    (number,) = _open_drafts(park)
    assert f"/d/{park.portal_id()}/revisions/{number}" in told
    assert set(park.on_portal()) == {"T1", "T2", "T3"}
    again = park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert (again.message, _open_drafts(park)) == (told, [number])


def test_released_draft_is_what_was_planned(park: Park) -> None:
    """The one to look at is discarded, since people may have changed it, and made anew."""
    park.publish_rows(OAKS)
    held = _held(park, tree("T4"))
    (looked_at,) = _open_drafts(park)
    assert park.release(held.publication_id).state == "verified"
    assert set(park.on_portal()) == {"T1", "T2", "T3", "T4"}
    assert _open_drafts(park) == []
    (applied,) = _revisions(park)
    assert applied != looked_at


def test_newer_plan_withdraws_the_draft_of_the_older(park: Park) -> None:
    """At most one draft of ours waits on the portal."""
    park.publish_rows(OAKS)
    _held(park, tree("T4"))
    (older,) = _open_drafts(park)
    _held(park, tree("T4"), tree("T5"), extracted_at=LATER)
    (newer,) = _open_drafts(park)
    assert newer != older


def test_takedown_discards_a_draft_that_holds_the_row(
    park: Park, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draft is on the portal too."""
    for name in ("datasets", "expectations"):
        monkeypatch.setenv(f"SUMMERWARE_{name.upper()}", str(tmp_path / name))
    park.publish_rows(OAKS)
    _held(park, tree("T4"))
    order = ["takedown", "trees", "T4", "--authority", "Court, 22-1", "--yes"]
    result = CliRunner().invoke(app, order)
    assert result.exit_code == 0, result.output
    assert _open_drafts(park) == []


def test_portal_without_drafts_at_the_moment_holds_all_the_same(park: Park) -> None:
    """A draft is for looking; the hold does not depend on it, and the next run leaves it."""
    park.publish_rows(OAKS)
    park.portal.faults.add("500:every=1@PUT /api/publishing/")
    park.portal.faults.add("500:every=1@POST /api/publishing/")
    assert "revisions" not in _held(park, tree("T4")).message
    park.portal.faults.clear()
    assert "revisions" in park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER).message
    assert len(_open_drafts(park)) == 1
