"""A portal's dataset without a row identifier: only ever replaced whole, and proven like any other."""

import time
from datetime import date, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import (
    ExternalEdit,
    GuardTripped,
    NotVerified,
    PortalFault,
    PublicationRefused,
    TransientError,
)
from orchestration.portal.behaviour import Behaviour, with_switches
from orchestration.publishing import delivery, retry, verification
from orchestration.publishing.adoption import adopt_dataset
from orchestration.publishing.inspection import shadow_day
from orchestration.publishing.publisher import open_publisher
from orchestration.publishing.revisions import DraftSender
from orchestration.publishing.shadow import shadow_page
from orchestration.state.store import Publication
from orchestration.takedown.orders import Order, record
from tests.integration.conftest import BY_DRAFTS, OAKS, Sent, dying_once_applied
from tests.park import AFTER, Killed, Park
from tests.unit.publishing.conftest import Row, tree


def rows_of(park: Park) -> list[tuple[Any, Any]]:
    """Key and species of every row, repeated ones too."""
    found = park.http("GET", f"/resource/{park.portal_id()}.json", params={"$limit": 1000}).json()
    return sorted(
        ((row.get("tree_id"), row.get("species")) for row in found), key=lambda row: str(row)
    )


def by_key(rows: list[Row]) -> dict[Any, Row]:
    return {row["tree_id"]: row for row in rows}


def adopt(park: Park) -> Publication:
    with open_publisher(park.settings, park.state, park.dataset) as publisher:
        return adopt_dataset(publisher, by="Ann", reason="ours now", run_id="adopt")


def take_down(*keys: str) -> None:
    order = ["takedown", "trees", *keys, "--authority", "Court, 22-1", "--yes"]
    result = CliRunner().invoke(app, order)
    assert result.exit_code == 0, result.output


def test_every_change_goes_as_one_replacement(park: Park, sent: Sent) -> None:
    """First load, then new, changed and gone rows; the same again writes nothing."""
    park.make_unkeyed()
    sent.requests.clear()
    first = [*OAKS, tree("T4", height_feet=29.95, is_alive=True, place="POINT (-90.07 29.95)")]
    assert park.publish_rows(first).state == "verified"
    assert park.on_portal() == by_key(first)
    after = [tree("T1", species='elm, "red"'), first[3], tree("T5", species="")]
    assert park.publish_rows(after, extracted_at=AFTER).state == "verified"
    assert park.on_portal() == by_key(after)
    assert park.publish_rows(after, extracted_at=AFTER).state == "unchanged"
    assert sent.requests == ["replace", "replace"]
    chunks = park.receipts()[1].body["chunks"]
    assert [(one["kind"], one["rows"], one["state"]) for one in chunks] == [
        ("replace", 3, "verified")
    ]


def test_wrong_identifier_is_refused_and_none_is_not(park: Park) -> None:
    """Another key would make rows one; none at all is what replacing is for."""
    park.make_unkeyed(identifier="species")
    with pytest.raises(PublicationRefused, match="row identifier is not 'tree_id'"):
        park.publish_rows(OAKS)


def test_columns_of_others_would_be_emptied(park: Park) -> None:
    """What a replacement would take along is a reason not to replace."""
    park.write_dataset(publish={"id": "tree-tree", "other_columns": ["keeper"]})
    park.make_unkeyed(more=["keeper"])
    with pytest.raises(PublicationRefused, match="would empty keeper: make 'tree_id'"):
        park.publish_rows(OAKS)


def test_repeated_rows_and_rows_without_key_go(park: Park, sent: Sent) -> None:
    """What appending twice left is surplus: counted, guarded, and gone after one replacement."""
    twice = [tree("T1"), tree("T1"), tree("T2"), tree("T2", species="elm"), tree(None), tree(None)]
    park.make_unkeyed([*twice, tree("T3")])
    wanted = [tree("T1"), tree("T2"), tree("T3")]
    park.write_dataset(guards={"deletes_share": 0.5, "updates_share": 1, "rows_drop_share": 1})
    with pytest.raises(GuardTripped, match="4 of 7 rows would be deleted"):
        park.publish_rows(wanted)
    park.write_dataset(guards={"deletes_share": 1, "updates_share": 1, "rows_drop_share": 1})
    sent.requests.clear()
    outcome = park.publish_rows(wanted)
    assert outcome.plan is not None
    assert (outcome.plan.surplus, outcome.plan.rows_before, outcome.plan.rows) == (4, 7, 3)
    assert (sent.requests, park.on_portal()) == (["replace"], by_key(wanted))
    assert park.publish_rows(wanted).state == "unchanged"


def test_adopted_as_it_is_and_cleaned_by_the_next_run(park: Park, sent: Sent) -> None:
    """Adopting writes nothing, repeated rows or not; our first publication sets it right."""
    park.make_unkeyed([tree("T1"), tree("T1"), tree(None), tree("T2")])
    sent.requests.clear()
    assert adopt(park).plan["rows"] == 4
    assert (sent.requests, len(rows_of(park))) == ([], 4)
    outcome = park.publish_rows([tree("T1"), tree("T2")])
    assert outcome.plan is not None
    assert (outcome.plan.surplus, outcome.plan.updates, outcome.plan.unchanged) == (2, 0, 2)
    assert (sent.requests, rows_of(park)) == (["replace"], [("T1", "oak"), ("T2", "oak")])


def test_shadow_tells_what_repeats(park: Park) -> None:
    """Beside a publisher who appends, repeated rows are a difference of their own."""
    park.make_unkeyed([tree("T1"), tree("T1"), tree(None), tree("T2")])
    with open_publisher(park.settings, park.state, park.dataset, to_read=True) as opened:
        layer = park.layer([tree("T1"), tree("T2")])
        report = shadow_day(opened, layer, day=date(2022, 9, 10), run_id="shadow")
    (difference,) = report.differences
    assert (difference.change, difference.count, report.plan.rows_before) == ("surplus", 2, 4)
    assert "repeats another row" in shadow_page(report, title="Trees", examples=5)


def test_somebody_appended_a_row_again(park: Park) -> None:
    """An edit is an edit, also where it only repeats a row; ours sets it right, theirs keeps it."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.upsert([tree("T1"), tree(None)])
    with pytest.raises(ExternalEdit, match="2 added"):
        park.publish_rows(OAKS)
    assert sorted(park.edits(keep="ours").all_keys) == ["(no key)", "T1"]
    assert park.publish_rows(OAKS).state == "verified"
    assert park.on_portal() == by_key(OAKS)
    park.upsert([tree("T1"), tree(None)])
    park.edits(keep="theirs")
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert len(rows_of(park)) == 6


def test_edit_after_the_plan_is_not_taken_along(park: Park, sent: Sent) -> None:
    """A replacement would lose what came since; it is told, and the next run asks whose rows stay."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.write_dataset(release="one")
    held = park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    park.upsert([tree("T9")])
    sent.requests.clear()
    with pytest.raises(ExternalEdit, match=r"was written since .* was planned"):
        park.release(held.publication_id)
    assert (park.states()[-1], sent.requests) == ("abandoned", [])
    with pytest.raises(ExternalEdit, match="1 added"):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)


def test_rollback_replaces_by_what_was(park: Park, sent: Sent) -> None:
    """An earlier state comes back whole."""
    park.make_unkeyed()
    before = park.publish_rows(OAKS).publication_id
    park.publish_rows([tree("T1", species="elm"), tree("T4")], extracted_at=AFTER)
    sent.requests.clear()
    assert park.rollback(before).state == "verified"
    assert (park.on_portal(), sent.requests) == (by_key(OAKS), ["replace"])


@pytest.mark.parametrize("dies", ["before", "after"])
def test_killed_at_the_replacement(park: Park, sent: Sent, dies: str) -> None:
    """The rerun looks whether it is there, and sends it only where it is not."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    after = [tree("T1"), tree("T4")]
    sent.dies = dies
    with pytest.raises(Killed):
        park.publish_rows(after, extracted_at=AFTER)
    sent.dies = None
    sent.requests.clear()
    park.publish_rows(after, extracted_at=AFTER)
    assert park.on_portal() == by_key(after)
    assert sent.requests == (["replace"] if dies == "before" else [])
    assert park.states()[:2] == ["verified", "verified"]


def test_edit_after_a_crash_is_not_taken_along(park: Park, sent: Sent) -> None:
    """What a dead process may have sent is not there, and somebody wrote since: people are asked."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    sent.dies = "before"
    with pytest.raises(Killed):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    sent.dies = None
    park.upsert([tree("T9")])
    with pytest.raises(ExternalEdit, match="T9"):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert park.states()[-1] == "failed"
    assert "T9" in park.on_portal()
    park.edits(keep="theirs")
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert set(park.on_portal()) == {"T1", "T2", "T3", "T4", "T9"}


def test_each_year_is_judged_by_itself(park: Park, sent: Sent) -> None:
    """One 4x4 has a row identifier and goes by key, another has none and is replaced."""
    ids = {2021: "aaaa-2021", 2022: "bbbb-2022"}
    park.write_dataset(publish={"partition": {"column": "planted_at", "ids": ids}})
    keyed = park.make_on_portal()
    park.state.set_portal_id("local", "trees", "2021", keyed)
    unkeyed = park.make_unkeyed(partition="2022")
    old, new = datetime(2021, 5, 1), datetime(2022, 5, 1)
    first = [tree("T1", planted_at=old), tree("T2", planted_at=new), tree("T3", planted_at=new)]
    assert park.publish_rows(first).state == "verified"
    assert (set(park.on_portal(keyed)), set(park.on_portal(unkeyed))) == ({"T1"}, {"T2", "T3"})
    assert sorted(sent.requests) == ["replace", "upsert"]
    sent.requests.clear()
    # A row moves from the one to the other.
    moved = [tree("T1", planted_at=old), tree("T2", planted_at=old), tree("T3", planted_at=new)]
    assert park.publish_rows(moved, extracted_at=AFTER).state == "verified"
    assert (set(park.on_portal(keyed)), set(park.on_portal(unkeyed))) == ({"T1", "T2"}, {"T3"})
    assert sorted(sent.requests) == ["replace", "upsert"]


def test_too_large_for_one_request_says_what_to_do(park: Park) -> None:
    """It cannot go in parts, and what was there stays."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.faults.add("413:at=1")
    with pytest.raises(
        PortalFault, match=r"4 rows, 0 MB, are more .* Make 'tree_id' the row identi"
    ):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert (park.on_portal(), park.states()[-1]) == (by_key(OAKS), "failed")
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert len(park.on_portal()) == 4


def test_refused_row_says_its_column(park: Park) -> None:
    """The request is refused whole: the old rows stay, and the message has no cell."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.faults.add("poison:column=species")
    with pytest.raises(PortalFault, match="refuses a row in the column species") as caught:
        park.publish_rows([*OAKS, tree("T4", species="secret")], extracted_at=AFTER)
    assert "secret" not in str(caught.value)
    assert park.on_portal() == by_key(OAKS)


def test_rows_left_out_are_named_and_the_old_ones_come_back(park: Park) -> None:
    """What the portal refuses inside a request that it takes keeps its old value, or is not there."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.faults.add("row-errors:rows=1,at=1")
    after = [tree("T1", species="elm"), *OAKS[1:], tree("T4")]
    outcome = park.publish_rows(after, extracted_at=AFTER)
    assert outcome.state == "verified"
    assert park.publications()[-1].refused == 1
    assert park.on_portal() == by_key([OAKS[0], *OAKS[1:], tree("T4")])
    park.publish_rows(after, extracted_at=AFTER)
    assert park.on_portal() == by_key(after)


def test_row_that_did_not_change_comes_back(park: Park, sent: Sent) -> None:
    """A portal that leaves it out of a replacement is sent it again; it is nobody's refused row."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.faults.add("row-errors:rows=1,at=1")
    sent.requests.clear()
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert park.publications()[-1].refused == 0
    assert park.on_portal() == by_key([*OAKS, tree("T4")])
    assert sent.requests == ["replace", "replace"]


def test_portal_that_heeds_all_or_nothing(park: Park) -> None:
    """Asked to, it refuses the replacement rather than leave a row out."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.behaviour = with_switches(Behaviour(), {"errors_are_fatal": True})
    park.portal.faults.add("row-errors:rows=1,at=1")
    with pytest.raises(PortalFault, match="refuses a row"):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert park.on_portal() == by_key(OAKS)


def test_nothing_is_left_only_on_a_persons_word(park: Park, sent: Sent) -> None:
    """The guard stops it; overridden and released, the dataset is emptied by name."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    with pytest.raises(GuardTripped, match="nothing would be left"):
        park.publish_rows([], extracted_at=AFTER)
    stopped = park.publications()[-1].id
    park.override(stopped)
    sent.requests.clear()
    assert park.release(stopped).state == "verified"
    assert (sent.requests, rows_of(park)) == (["empty"], [])


def test_taken_down_without_touching_the_rest(park: Park, sent: Sent) -> None:
    """A sealed row goes from among repeated and foreign rows, which stay as they are."""
    park.make_unkeyed([tree("T1"), tree("T1"), tree("T2"), tree(None)])
    adopt(park)
    sent.requests.clear()
    take_down("T2")
    assert rows_of(park) == [("T1", "oak"), ("T1", "oak"), (None, "oak")]
    assert sent.requests == ["replace"]


def test_taken_down_beside_somebodys_edits(park: Park, sent: Sent) -> None:
    """Edits are a question for people, also when a row of theirs goes at once."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.upsert([tree("T9"), tree("T9"), tree("T3", species="elm")])
    take_down("T3")
    assert rows_of(park) == [("T1", "oak"), ("T2", "oak"), ("T9", "oak"), ("T9", "oak")]
    with pytest.raises(ExternalEdit, match="T9"):
        park.publish_rows(OAKS, extracted_at=AFTER)


def test_portal_that_stays_away_is_tried_again_later(park: Park) -> None:
    """Nothing is lost: the publication stays open, and the next run ends it."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    fault = park.portal.faults.add("503:every=1@PUT /resource")
    with pytest.raises(TransientError):
        park.publish_rows([tree("T1")], extracted_at=AFTER)
    park.portal.faults.clear()
    assert fault
    park.publish_rows([tree("T1")], extracted_at=AFTER)
    assert park.states() == ["verified", "verified", "unchanged"]
    assert park.on_portal() == by_key([tree("T1")])


@pytest.mark.parametrize("keyed", [True, False], ids=["by key", "whole"])
def test_write_that_was_taken_and_lost(
    park: Park, monkeypatch: pytest.MonkeyPatch, *, keyed: bool
) -> None:
    """The portal's own time of it never comes: comparing tells, and it is sent again."""
    monkeypatch.setattr(verification, "FRESH_SECONDS", 0.2)
    if not keyed:
        park.make_unkeyed()
    park.publish_rows(OAKS)
    time.sleep(1.1)  # Times are in whole seconds.
    park.portal.faults.add("dropped-chunk:at=1")
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert park.on_portal() == by_key([*OAKS, tree("T4")])
    assert park.states() == ["verified", "verified"]


# What others write in between


def years_apart(park: Park, *, keyed: tuple[int, ...] = ()) -> dict[int, str]:
    """One 4x4 a year, with and without a row identifier."""
    ids = {2021: "aaaa-2021", 2022: "bbbb-2022"}
    park.write_dataset(publish={"partition": {"column": "planted_at", "ids": ids}})
    made = {}
    for year in ids:
        if year in keyed:
            made[year] = park.make_on_portal()
            park.state.set_portal_id("local", "trees", str(year), made[year])
        else:
            made[year] = park.make_unkeyed(partition=str(year))
    return made


def test_edit_before_the_repair_is_not_taken_along(park: Park, sent: Sent) -> None:
    """What the portal left out is sent again only where nobody wrote since."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.faults.add("row-errors:rows=1,at=1")
    sent.meanwhile = lambda: park.upsert([tree("T9")])
    after = [*OAKS, tree("T4")]
    with pytest.raises(ExternalEdit, match=r"1 rows of .* \(T9\) are neither"):
        park.publish_rows(after, extracted_at=AFTER)
    assert set(park.on_portal()) == {"T2", "T3", "T4", "T9"}
    # What the failed publication left there, or left out, is nobody's edit.
    assert park.states()[-1] == "failed"
    with pytest.raises(ExternalEdit, match=r"1 added.*T9"):
        park.publish_rows(after, extracted_at=AFTER)
    park.edits(keep="ours")
    park.publish_rows(after, extracted_at=AFTER)
    assert park.on_portal() == by_key(after)


def test_own_rows_of_a_part_that_was_sent_are_no_edits(park: Park, sent: Sent) -> None:
    """One year is replaced, then the process dies, and somebody writes to the other year."""
    years = years_apart(park)
    old, new = datetime(2021, 5, 1), datetime(2022, 5, 1)
    before = [tree("T1", planted_at=old), tree("T2", planted_at=new)]
    park.publish_rows(before)

    def die() -> None:
        raise Killed

    sent.meanwhile = die
    after = [{**row, "species": "elm"} for row in before]
    with pytest.raises(Killed):
        park.publish_rows(after, extracted_at=AFTER)
    park.upsert([tree("T9", planted_at=new)], years[2022])
    with pytest.raises(ExternalEdit, match=r"rows 1 added \(T9\)\. "):
        park.publish_rows(after, extracted_at=AFTER)
    assert park.states()[-1] == "failed"
    park.edits(keep="ours")
    park.publish_rows(after, extracted_at=AFTER)
    assert park.on_portal(years[2021]) | park.on_portal(years[2022]) == by_key(after)


def test_edit_while_another_year_is_sent(park: Park, sent: Sent) -> None:
    """Looked for again right before each replacement."""
    years = years_apart(park)
    old, new = datetime(2021, 5, 1), datetime(2022, 5, 1)
    before = [tree("T1", planted_at=old), tree("T2", planted_at=new)]
    park.publish_rows(before)
    sent.meanwhile = lambda: park.upsert([tree("T9", planted_at=new)], years[2022])
    with pytest.raises(ExternalEdit, match="written since"):
        park.publish_rows([{**row, "species": "elm"} for row in before], extracted_at=AFTER)
    assert set(park.on_portal(years[2022])) == {"T2", "T9"}


def test_row_missing_after_a_crash_is_asked_about(park: Park, sent: Sent) -> None:
    """The portal left it out of what the dead process sent; it might be somebody's deletion."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.faults.add("row-errors:rows=1,at=1")
    sent.dies = "after"
    after = [*OAKS, tree("T4")]
    with pytest.raises(Killed):
        park.publish_rows(after, extracted_at=AFTER)
    assert set(park.on_portal()) == {"T2", "T3", "T4"}
    sent.dies = None
    with pytest.raises(ExternalEdit, match=r"rows 1 deleted \(T1\)"):
        park.publish_rows(after, extracted_at=AFTER)
    park.edits(keep="ours")
    park.publish_rows(after, extracted_at=AFTER)
    assert park.on_portal() == by_key(after)


def test_rows_that_cannot_be_read_decide_nothing(
    park: Park, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash an old replica neither proves nor refutes: the next run looks again."""
    monkeypatch.setattr(delivery, "PATIENCE", retry.RetryPolicy(fresh_seconds=0.2))
    park.make_unkeyed()
    park.publish_rows(OAKS)
    sent.dies = "after"
    park.portal.faults.add("stale-replica")
    with pytest.raises(Killed):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    sent.dies = None
    sent.requests.clear()
    with pytest.raises(TransientError):
        park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert (park.states()[-1], sent.requests) == ("released", [])
    park.portal.faults.clear()
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert sent.requests == []
    assert park.on_portal() == by_key([*OAKS, tree("T4")])


# What is left out, and what moves


def test_too_many_left_out_only_after_the_old_ones_are_back(park: Park, sent: Sent) -> None:
    """The publication fails, and the portal does not stay without the rows that it had."""
    limits = {"quarantined_share": 0.1, "volume_drop_share": 0.25, "stale_days": 10}
    park.write_dataset(limits=limits)
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.faults.add("row-errors:rows=2,at=1")
    with pytest.raises(PortalFault, match="2 rows cannot be published, more than"):
        park.publish_rows([{**row, "species": "elm"} for row in OAKS], extracted_at=AFTER)
    assert park.on_portal() == by_key([*OAKS[:2], tree("T3", species="elm")])
    assert park.states()[-1] == "failed"


def test_too_many_that_no_portal_takes_are_not_sent(park: Park, sent: Sent) -> None:
    """Known before: nothing is written."""
    limits = {"quarantined_share": 0.1, "volume_drop_share": 0.25, "stale_days": 10}
    park.write_dataset(limits=limits)
    park.make_unkeyed()
    park.publish_rows(OAKS)
    sent.requests.clear()
    with pytest.raises(PortalFault, match="1 rows cannot be published, more than"):
        park.publish_rows([*OAKS, tree("T4", species="a\x00b")], extracted_at=AFTER)
    assert (sent.requests, park.on_portal()) == ([], by_key(OAKS))


def test_rows_left_out_without_a_name_are_found_by_reading(park: Park) -> None:
    """Counters that say how many and not which."""
    park.make_unkeyed()
    park.publish_rows(OAKS)
    park.portal.behaviour = with_switches(Behaviour(), {"version_two": False})
    park.portal.faults.add("row-errors:rows=1,at=1")
    after = [tree("T1", species="elm"), *OAKS[1:]]
    assert park.publish_rows(after, extracted_at=AFTER).state == "verified"
    assert (park.publications()[-1].refused, park.on_portal()) == (1, by_key(OAKS))


@pytest.mark.parametrize("to", [2022, 2021], ids=["to what is replaced", "from what is replaced"])
def test_row_that_moves_arrives_before_it_leaves(park: Park, sent: Sent, to: int) -> None:
    """A reader finds it at every moment in one of the two years."""
    years = years_apart(park, keyed=(2021,))
    days = {year: datetime(year, 5, 1) for year in years}
    stay = [tree("T2", planted_at=days[2021]), tree("T3", planted_at=days[2022])]
    park.publish_rows([tree("T1", planted_at=days[2021 + 2022 - to]), *stay])
    seen: list[bool] = []
    sent.meanwhile = lambda: seen.append("T1" in park.on_portal(years[to]))
    sent.requests.clear()
    after = [tree("T1", planted_at=days[to]), *stay]
    assert park.publish_rows(after, extracted_at=AFTER).state == "verified"
    assert seen == [True]
    assert sent.requests == (["replace", "upsert"] if to == 2022 else ["upsert", "replace"])
    assert park.on_portal(years[2021]) | park.on_portal(years[2022]) == by_key(after)


def test_old_row_does_not_bring_back_what_was_taken_down(park: Park) -> None:
    """A plan that waits clears a column; that is taken down, and the portal then refuses a row."""
    park.make_unkeyed()
    park.publish_rows([{**row, "species": "sealed"} for row in OAKS])
    after = [{**row, "species": None} for row in OAKS]
    with pytest.raises(GuardTripped, match="lose every value"):
        park.publish_rows(after, extracted_at=AFTER)
    held = park.publications()[-1].id
    park.override(held)
    # Recorded, and not removed from the portal yet.
    order = Order(
        keys=(), column="species", authority="Court", reason="sealed", by="Ann", purge=False
    )
    record(park.settings, park.state, park.dataset, order)
    park.portal.faults.add("row-errors:rows=1,at=1")
    with pytest.raises(PublicationRefused, match="taken down"):
        park.release(held)
    assert {row["species"] for row in park.on_portal().values()} == {None}
    park.publish_rows(after, extracted_at=AFTER)
    assert park.on_portal() == by_key(after)


# Drafts that replace


def open_drafts(park: Park) -> list[int]:
    listed = park.http("GET", f"/api/publishing/v1/revision/{park.portal_id()}").json()
    closed = {one["resource"]["revision_seq"]: one["resource"]["closed_at"] for one in listed}
    return [number for number, when in closed.items() if when is None]


def test_takedown_discards_a_held_draft_of_all_rows(drafts: Park) -> None:
    """Such a draft shows every row, also those that the plan leaves as they are."""
    drafts.write_dataset(publish=BY_DRAFTS, release="one")
    drafts.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert len(open_drafts(drafts)) == 1
    take_down("T1")
    assert (open_drafts(drafts), set(drafts.on_portal())) == ([], {"T2", "T3"})


def test_takedown_discards_a_draft_that_waits_for_approval(drafts: Park) -> None:
    drafts.portal.behaviour = with_switches(Behaviour(), {"dsmapi_approval": True})
    with pytest.raises(NotVerified, match="waits for approval"):
        drafts.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    (with_it,) = open_drafts(drafts)
    order = ["takedown", "trees", "T1", "--authority", "Court, 22-1", "--yes"]
    result = CliRunner().invoke(app, order)
    assert result.exit_code == 1
    assert "waits for approval" in str(result.exception)
    # Its own draft is to be approved now; the one that showed the row is gone.
    (without_it,) = open_drafts(drafts)
    assert without_it != with_it
    address = f"/api/publishing/v1/revision/{drafts.portal_id()}/{without_it}"
    drafts.http("DELETE", address)
    drafts.portal.behaviour = Behaviour()
    drafts.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert set(drafts.on_portal()) == {"T2", "T3", "T4"}


def test_edit_between_draft_and_apply_is_not_taken_along(
    drafts: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The draft of a dead process is discarded, and people are asked."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(DraftSender, "_apply", die)
        with pytest.raises(Killed):
            drafts.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    drafts.upsert([tree("T9")])
    with pytest.raises(ExternalEdit, match="T9"):
        drafts.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert (open_drafts(drafts), set(drafts.on_portal())) == ([], {"T1", "T2", "T3", "T9"})


def test_killed_after_applying_a_draft_of_all_rows(
    drafts: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found applied, and only proven."""
    with dying_once_applied(monkeypatch), pytest.raises(Killed):
        drafts.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    drafts.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert drafts.states() == ["verified", "verified", "unchanged"]
    assert drafts.on_portal() == by_key([*OAKS, tree("T4")])


def test_by_drafts_too(by_drafts: Park) -> None:
    """One revision that replaces, without making a row identifier of its own."""
    portal_id = by_drafts.make_unkeyed([tree("T1"), tree("T1")])
    after = [tree("T1", height_feet=3.5), tree("T2", place="POINT (-90.07 29.95)")]
    assert by_drafts.publish_rows(after).state == "verified"
    assert by_drafts.on_portal() == by_key(after)
    assert by_drafts.publish_rows(after).state == "unchanged"
    metadata = by_drafts.http("GET", f"/api/views/{portal_id}.json").json()
    assert metadata.get("rowIdentifierColumnId") is None
