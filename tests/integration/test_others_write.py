"""Somebody else writes to the portal at the worst moment, or a row does not arrive where it moves to.

What others wrote is never written over, taken along or taken for proven without a word; our own rows
are nobody's edit; and a row that is refused at its new place stays at its old one.
"""

from datetime import datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import (
    ExternalEdit,
    Fault,
    NotVerified,
    PortalFault,
)
from orchestration.portal.behaviour import Behaviour, with_switches
from orchestration.publishing import delivery, removal, replacing, retry
from orchestration.publishing.portal_datasets import PortalDatasets
from orchestration.publishing.revisions import DraftSender
from orchestration.publishing.transport.values import Unsendable
from tests.integration.conftest import BY_DRAFTS, OAKS, Sent
from tests.integration.test_replacing import open_drafts, take_down, years_apart
from tests.park import AFTER, Killed, Park
from tests.unit.publishing.conftest import tree

LATER, LAST = "2022-09-12T00:00:00", "2022-09-13T00:00:00"
MORE = [*OAKS, tree("T4")]
OLD, NEW = datetime(2021, 5, 1), datetime(2022, 5, 1)
T3_GOES = ["takedown", "trees", "T3", "--authority", "Court, 22-1", "--yes"]
either_kind = pytest.mark.parametrize("keyed", [True, False], ids=["by key", "whole"])


def make(park: Park, *, keyed: bool) -> None:
    if not keyed:
        park.make_unkeyed()
    park.publish_rows(OAKS)


# While it waits, is sent, is proven


def test_edit_while_a_plan_waits(park: Park) -> None:
    """Also of a row that the plan leaves alone, and also of a text, which no figure shows."""
    park.publish_rows(OAKS)
    park.write_dataset(release="one")
    held = park.publish_rows(MORE, extracted_at=AFTER)
    park.upsert([tree("T1", species="elm")])
    with pytest.raises(ExternalEdit, match="was written since"):
        park.release(held.publication_id)
    with pytest.raises(ExternalEdit, match=r"1 changed \(T1\)"):
        park.publish_rows(MORE, extracted_at=LATER)


def test_touch_while_a_plan_waits_is_no_edit(park: Park) -> None:
    """The next run plans the same, and its release goes through."""
    park.publish_rows(OAKS)
    park.write_dataset(release="one")
    held = park.publish_rows(MORE, extracted_at=AFTER)
    park.upsert([tree("T1")])
    assert park.publish_rows(MORE, extracted_at=AFTER).publication_id == held.publication_id
    assert park.release(held.publication_id).state == "verified"


def test_edit_after_a_crash(park: Park, sent: Sent) -> None:
    """What was written since the plan is read back, whoever wrote it."""
    park.publish_rows(OAKS)
    sent.dies = "after"
    with pytest.raises(Killed):
        park.publish_rows(MORE, extracted_at=AFTER)
    sent.dies = None
    park.upsert([tree("T1", species="elm")])
    with pytest.raises(ExternalEdit, match=r"rows 1 changed \(T1\)"):
        park.publish_rows(MORE, extracted_at=AFTER)


@either_kind
@pytest.mark.parametrize("ends", ["verified", "unchanged"])
def test_edit_right_after_reading(
    park: Park, monkeypatch: pytest.MonkeyPatch, *, keyed: bool, ends: str
) -> None:
    """It is not in the marks of what was proven, so that the next run finds it."""
    make(park, keyed=keyed)
    describe = PortalDatasets.describe

    def then_somebody(self: PortalDatasets) -> list[str]:
        park.upsert([tree("T9")])
        return describe(self)

    rows = OAKS if ends == "unchanged" else MORE
    with monkeypatch.context() as patched:
        patched.setattr(PortalDatasets, "describe", then_somebody)
        assert park.publish_rows(rows, extracted_at=AFTER).state == ends
    with pytest.raises(ExternalEdit, match=r"rows 1 added \(T9\)"):
        park.publish_rows(rows, extracted_at=LATER)


@pytest.mark.parametrize("fault", ["503:at=1@PUT /resource", "reset-before:at=1@PUT /resource"])
def test_edit_between_two_tries(park: Park, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Waiting for a portal may take an hour; the next try looks first."""
    make(park, keyed=False)
    waits: list[float] = []

    def somebody_writes(seconds: float) -> None:
        if not waits:
            park.upsert([tree("T9")])
        waits.append(seconds)

    monkeypatch.setattr(delivery, "PATIENCE", retry.RetryPolicy(attempts=3, sleep=somebody_writes))
    park.portal.faults.add(fault)
    with pytest.raises(ExternalEdit, match="T9"):
        park.publish_rows(MORE, extracted_at=AFTER)
    assert "T9" in park.on_portal()


def test_edit_while_a_draft_is_made(drafts: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked for right before it is applied."""
    made = DraftSender._without_errors

    def then_somebody(self: DraftSender, *options: Any) -> Any:
        found = made(self, *options)
        drafts.upsert([tree("T9")])
        return found

    monkeypatch.setattr(DraftSender, "_without_errors", then_somebody)
    with pytest.raises(ExternalEdit, match="T9"):
        drafts.publish_rows(MORE, extracted_at=AFTER)
    assert ("T9" in drafts.on_portal(), open_drafts(drafts)) == (True, [])


def test_edit_while_a_draft_waits_for_approval(drafts: Park) -> None:
    """It is discarded before anybody approves it."""
    drafts.portal.behaviour = with_switches(Behaviour(), {"dsmapi_approval": True})
    with pytest.raises(NotVerified):
        drafts.publish_rows(MORE, extracted_at=AFTER)
    drafts.upsert([tree("T9")])
    with pytest.raises(ExternalEdit, match="T9"):
        drafts.publish_rows(MORE, extracted_at=AFTER)
    assert open_drafts(drafts) == []


# Whose rows they are


@either_kind
def test_own_rows_of_a_dead_publication_after_a_takedown(
    park: Park, sent: Sent, *, keyed: bool
) -> None:
    """A takedown beside somebody's edits proves nothing of what was sent before it."""
    make(park, keyed=keyed)
    sent.dies = "after"
    with pytest.raises(Killed):
        park.publish_rows([*MORE, tree("T5")], extracted_at=AFTER)
    sent.dies = None
    park.upsert([tree("T9")])
    take_down("T3")
    with pytest.raises(ExternalEdit, match=r"rows 1 added \(T9\)"):
        park.publish_rows(MORE, extracted_at=AFTER)


@either_kind
def test_what_failed_before_sending_hides_no_deletion(park: Park, *, keyed: bool) -> None:
    """Nothing of it can have reached the portal, so that what is missing there is somebody's doing."""
    park.write_dataset(
        limits={"quarantined_share": 0.1, "volume_drop_share": 0.25, "stale_days": 9}
    )
    make(park, keyed=keyed)
    with pytest.raises(PortalFault, match="cannot be published"):
        park.publish_rows([*OAKS, tree("T4", species="a\x00b")], extracted_at=AFTER)
    if keyed:
        park.delete("T2", "T3")
    else:
        rows = [{"tree_id": "T1", "species": "oak"}]
        park.http("PUT", f"/resource/{park.portal_id()}.json", json=rows)
    with pytest.raises(ExternalEdit, match=r"rows 2 deleted"):
        park.publish_rows(OAKS, extracted_at=LATER)


@either_kind
@pytest.mark.parametrize("dies", ["before", "after"])
def test_deletion_after_a_crash_is_asked_about(
    park: Park, sent: Sent, *, keyed: bool, dies: str
) -> None:
    """We wanted T2 gone, and somebody else deleted T3, which is not put back without a word."""
    make(park, keyed=keyed)
    sent.dies = dies
    with pytest.raises(Killed):
        park.publish_rows([OAKS[0], OAKS[2], tree("T4")], extracted_at=AFTER)
    sent.dies = None
    if keyed:
        park.delete("T3")
    else:
        left = [{"tree_id": key, "species": "oak"} for key in park.on_portal() if key != "T3"]
        park.http("PUT", f"/resource/{park.portal_id()}.json", json=left)
    with pytest.raises(ExternalEdit, match=r"1 deleted \(T3\)"):
        park.publish_rows([OAKS[0], OAKS[2], tree("T4")], extracted_at=AFTER)
    assert "T3" not in park.on_portal()


def test_fault_of_any_kind_ends_the_publication(
    park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None stays open for ever, to stop every later run at the same place."""
    make(park, keyed=False)

    def unsendable(_: Any) -> bytes:
        raise Unsendable("a row cannot be sent")

    with monkeypatch.context() as patched:
        patched.setattr(replacing, "body_of", unsendable)
        with pytest.raises(Fault, match="cannot be sent"):
            park.publish_rows(MORE, extracted_at=AFTER)
    assert park.states() == ["verified", "failed"]
    assert park.publish_rows(MORE, extracted_at=AFTER).state == "verified"


def test_dry_run_of_a_rollback_finishes_nothing(park: Park, sent: Sent) -> None:
    before = park.publish_rows(OAKS).publication_id
    sent.dies = "before"
    with pytest.raises(Killed):
        park.publish_rows(MORE, extracted_at=AFTER)
    sent.dies = None
    sent.requests.clear()
    park.rollback(before, dry_run=True)
    assert (sent.requests, park.states()) == ([], ["verified", "released"])


# A row that moves


def moving(park: Park, years: dict[int, str], **cells: Any) -> list[Any]:
    """T1 goes from 2021 to 2022; T2 and T3 stay, one in each."""
    stay = [tree("T2", planted_at=OLD), tree("T3", planted_at=NEW)]
    park.publish_rows([tree("T1", planted_at=OLD), *stay])
    return [tree("T1", planted_at=NEW, **cells), *stay]


@pytest.mark.parametrize("keyed", [(2021, 2022), (2021,), (2022,), ()])
def test_moved_row_that_no_portal_takes_stays_where_it_was(
    park: Park, monkeypatch: pytest.MonkeyPatch, keyed: tuple[int, ...]
) -> None:
    """It keeps its last published values, at its last place."""
    years = years_apart(park, keyed=keyed)
    after = moving(park, years, species="a\x00b")
    for moment in (AFTER, LATER):
        assert park.publish_rows(after, extracted_at=moment).state == "verified"
        assert set(park.on_portal(years[2021])) == {"T1", "T2"}
    assert park.publications()[-1].refused == 1


@pytest.mark.parametrize("keyed", [(2021, 2022), (2022,)])
def test_moved_row_that_this_portal_refuses_stays_where_it_was(
    park: Park, keyed: tuple[int, ...]
) -> None:
    years = years_apart(park, keyed=keyed)
    after = moving(park, years)
    park.portal.faults.add(f"row-errors:key=T1@POST /resource/{years[2022]}")
    for moment in (AFTER, LATER):
        assert park.publish_rows(after, extracted_at=moment).state == "verified"
        assert set(park.on_portal(years[2021])) == {"T1", "T2"}
    park.portal.faults.clear()
    park.publish_rows(after, extracted_at=LAST)
    assert set(park.on_portal(years[2022])) == {"T1", "T3"}
    assert set(park.on_portal(years[2021])) == {"T2"}


@pytest.mark.parametrize("swapped", [False, True])
def test_moved_row_between_two_that_are_replaced(park: Park, sent: Sent, *, swapped: bool) -> None:
    """The year that gains it is replaced first, whichever it is; if that fails, nothing is lost."""
    years = years_apart(park)
    old, new = (NEW, OLD) if swapped else (OLD, NEW)
    stay = [tree("T2", planted_at=old), tree("T3", planted_at=new)]
    park.publish_rows([tree("T1", planted_at=old), *stay])
    fault = park.portal.faults.add(f"413:every=1@PUT /resource/{years[new.year]}")
    after = [tree("T1", planted_at=new), *stay]
    with pytest.raises(PortalFault, match="more than it takes at once"):
        park.publish_rows(after, extracted_at=AFTER)
    assert fault
    assert set(park.on_portal(years[old.year])) == {"T1", "T2"}
    park.portal.faults.clear()
    seen: list[bool] = []
    sent.meanwhile = lambda: seen.append("T1" in park.on_portal(years[new.year]))
    assert park.publish_rows(after, extracted_at=LATER).state == "verified"
    assert seen == [True]


# Takedowns beside others' edits


@either_kind
@pytest.mark.parametrize("again", ["run", "command"])
def test_takedown_beside_edits_that_dies(
    park: Park, monkeypatch: pytest.MonkeyPatch, *, keyed: bool, again: str
) -> None:
    """It is planned anew from what the portal holds then; the edits stay, and are asked about."""
    make(park, keyed=keyed)
    park.upsert([tree("T1", species="elm"), *([] if keyed else [tree("T9")])])

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(removal.RowSender, "send", die)
        patched.setattr(removal.ReplacementSender, "send", die)
        with pytest.raises(Killed):
            CliRunner().invoke(app, T3_GOES, catch_exceptions=False)
    park.upsert([tree("T8")])
    if again == "command":
        take_down("T3")
    with pytest.raises(ExternalEdit, match="T8"):
        park.publish_rows(OAKS, extracted_at=AFTER)
    assert {"T1", "T2", "T8"} <= set(_keys(park))
    assert "T3" not in _keys(park)


def _keys(park: Park) -> list[str]:
    found = park.http("GET", f"/resource/{park.portal_id()}.json", params={"$limit": 1000}).json()
    return [row["tree_id"] for row in found]


def test_edit_while_a_takedown_reads(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts again from the rows of then."""
    make(park, keyed=False)
    park.upsert([tree("T9")])
    aside, times = removal.Removal._send_aside, []

    def somebody_writes(self: removal.Removal, *options: Any) -> None:
        if not times:
            park.upsert([tree("T8")])
        times.append(1)
        aside(self, *options)

    monkeypatch.setattr(removal.Removal, "_send_aside", somebody_writes)
    take_down("T3")
    assert sorted(_keys(park)) == ["T1", "T2", "T8", "T9"]
    assert len(times) == 2


def test_takedown_sends_again_what_the_portal_leaves_out(park: Park) -> None:
    """Rows that are not ours are nobody's refused rows."""
    make(park, keyed=False)
    park.upsert([tree("T0")])
    park.portal.faults.add("row-errors:rows=1,at=1@PUT /resource")
    take_down("T3")
    assert sorted(_keys(park)) == ["T0", "T1", "T2"]


def test_takedown_says_what_the_portal_goes_on_leaving_out(park: Park) -> None:
    """It is not called done."""
    make(park, keyed=False)
    park.upsert([tree("T0")])
    park.portal.faults.add("row-errors:rows=1@PUT /resource")
    result = CliRunner().invoke(app, T3_GOES)
    assert (result.exit_code, park.states()[-1]) != (0, "verified")
    assert "leaves out 1 rows that it held (T0)" in str(result.exception)


# Drafts that are left


def test_takedown_discards_what_could_not_be_discarded_before(drafts: Park) -> None:
    """The first says what is left, and exits with it; given again, it is gone."""
    drafts.write_dataset(publish=BY_DRAFTS, release="one")
    drafts.publish_rows([*OAKS, tree("T4", species="sealed")], extracted_at=AFTER)
    (left,) = open_drafts(drafts)
    order = ["takedown", "trees", "T4", "--authority", "Court, 22-1", "--yes"]
    drafts.portal.faults.add("500:every=1@DELETE /api/publishing/")
    result = CliRunner().invoke(app, order)
    assert result.exit_code == 1
    assert "drafts" in str(result.exception)
    drafts.portal.faults.clear()
    assert open_drafts(drafts) == [left]
    take_down("T4")
    assert open_drafts(drafts) == []


def test_takedown_discards_the_draft_of_what_failed(
    drafts: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever became of its publication."""

    def refuse(*_: Any, **__: Any) -> None:
        raise PortalFault("the portal could not apply it")

    drafts.portal.faults.add("500:every=1@DELETE /api/publishing/")
    with monkeypatch.context() as patched:
        patched.setattr(DraftSender, "_apply", refuse)
        with pytest.raises(PortalFault):
            drafts.publish_rows([*OAKS, tree("T4", species="sealed")], extracted_at=AFTER)
    drafts.portal.faults.clear()
    assert len(open_drafts(drafts)) == 1
    take_down("T4")
    assert open_drafts(drafts) == []


def test_next_run_discards_what_is_left(drafts: Park) -> None:
    """A draft that could not be discarded is asked for again."""
    drafts.write_dataset(publish=BY_DRAFTS, release="one")
    drafts.publish_rows(MORE, extracted_at=AFTER)
    (left,) = open_drafts(drafts)
    drafts.portal.faults.add("500:every=1@DELETE /api/publishing/")
    drafts.publish_rows([*MORE, tree("T5")], extracted_at=LATER)
    assert left in open_drafts(drafts)
    drafts.portal.faults.clear()
    drafts.publish_rows([*MORE, tree("T6")], extracted_at=LAST)
    assert len(open_drafts(drafts)) == 1
    assert left not in open_drafts(drafts)


def test_takedown_discards_a_draft_that_deletes_the_row(by_drafts: Park) -> None:
    """It names the key."""
    by_drafts.publish_rows(MORE)
    by_drafts.write_dataset(publish=BY_DRAFTS, release="one")
    by_drafts.publish_rows(OAKS, extracted_at=AFTER)
    assert len(open_drafts(by_drafts)) == 1
    take_down("T4")
    assert open_drafts(by_drafts) == []


def test_dataset_that_goes_by_chunks_now(drafts: Park) -> None:
    """Its drafts of before are looked for all the same."""
    drafts.write_dataset(publish=BY_DRAFTS, release="one")
    drafts.publish_rows(MORE, extracted_at=AFTER)
    drafts.write_dataset(publish={"id": "tree-tree"}, release="one")
    take_down("T1")
    assert (open_drafts(drafts), set(drafts.on_portal())) == ([], {"T2", "T3"})
