"""Rows whose newest version is protected leave the portal whatever stops a publication, and come back."""

from pathlib import Path

import pytest

from orchestration.duck import parquet
from orchestration.errors import GuardTripped
from orchestration.publishing.publisher import open_publisher
from orchestration.publishing.withdrawing import withdraw_protected
from orchestration.state.withdrawals import WithdrawalStore
from tests.park import AFTER, BEFORE, DAY, Park, tree
from tests.unit.publishing.conftest import write_staged

POLICY = {
    "statement": "S.", "authority": "A", "source": "S", "approved_by": "B",
    "approved_on": "2020-01-01", "review_on": "2030-01-01", "column": "species",
}  # fmt: skip
POLICIES = [
    {
        "id": "rare_place_blank",
        "action": "redact",
        "values": ["ghost"],
        "redacts": ["place"],
        **POLICY,
    },
    {"id": "secret_withheld", "action": "withhold", "values": ["secret"], **POLICY},
]
SHOWN = [tree(f"T{number}", place="POINT (1 2)") for number in range(1, 5)]


@pytest.fixture
def guarded(park: Park) -> Park:
    """Four trees with their places on the portal, under two policies."""
    park.write_dataset(policies=POLICIES)
    assert park.publish_rows(SHOWN, extracted_at=BEFORE).state == "verified"
    return park


def withdraw(park: Park, folder: Path, protected: dict[str, str]) -> int:
    """What a step does that stopped before anything could be planned."""
    staged = write_staged(folder / "stg.parquet", DAY, [], protected)
    with open_publisher(park.settings, park.state, park.dataset) as publisher:
        return withdraw_protected(publisher, parquet(staged), run_id="stopped")


@pytest.mark.parametrize("cause", ["rare_place_blank", "secret_withheld", "unclassified"])
def test_protected_row_leaves_after_a_stopped_gate(
    guarded: Park, tmp_path: Path, cause: str
) -> None:
    """The newest version, readable or not, decides: its old row leaves in the same run."""
    assert withdraw(guarded, tmp_path, {"T2": cause}) == 1
    assert sorted(guarded.on_portal()) == ["T1", "T3", "T4"]


def test_row_that_shows_nothing_protected_stays(guarded: Park, tmp_path: Path) -> None:
    """A policy that blanks a place has nothing against a row without one."""
    guarded.publish_rows([*SHOWN, tree("T5")], extracted_at=DAY)
    assert withdraw(guarded, tmp_path, {"T5": "rare_place_blank"}) == 0
    assert "T5" in guarded.on_portal()


def test_right_version_brings_it_back(guarded: Park, tmp_path: Path) -> None:
    """A run that publishes the row as the policy wants it ends the withdrawal."""
    withdraw(guarded, tmp_path, {"T2": "rare_place_blank"})
    right = [*(row for row in SHOWN if row["tree_id"] != "T2"), tree("T2", species="ghost")]
    guarded.publish_rows(right, extracted_at=AFTER, protected={"T2": "rare_place_blank"})
    assert guarded.on_portal()["T2"]["place"] is None
    assert not WithdrawalStore(guarded.state).withdrawals("trees", open_only=True)


def test_held_publication_keeps_nothing_on_show(guarded: Park) -> None:
    """A release that people wait with does not keep the place of a covered row public."""
    guarded.write_dataset(policies=POLICIES, release="one")
    rows = [*SHOWN[1:], tree("T1", species="ghost")]
    outcome = guarded.publish_rows(rows, extracted_at=DAY, protected={"T1": "rare_place_blank"})
    assert outcome.state == "held"
    assert sorted(guarded.on_portal()) == ["T2", "T3", "T4"]
    assert guarded.release(outcome.publication_id).state == "verified"
    assert guarded.on_portal()["T1"]["place"] is None


def test_guard_keeps_nothing_on_show(guarded: Park) -> None:
    """Nor does a guard, and what it stopped is planned anew from what is left."""
    guards = {"deletes_share": 0.01, "updates_share": 1, "rows_drop_share": 1}
    guarded.write_dataset(policies=POLICIES, guards=guards)
    fates = {"T1": "withheld"}
    with pytest.raises(GuardTripped):
        guarded.publish_rows(
            SHOWN[2:], extracted_at=DAY, fates=fates, protected={"T1": "secret_withheld"}
        )
    assert sorted(guarded.on_portal()) == ["T2", "T3", "T4"]


def test_rollback_does_not_show_it_again(guarded: Park, tmp_path: Path) -> None:
    """What a row held before it was protected stays away from every rollback."""
    first = guarded.publications("verified")[0].id
    right = [*SHOWN[1:], tree("T1", species="ghost")]
    guarded.publish_rows(right, extracted_at=DAY, protected={"T1": "rare_place_blank"})
    assert guarded.rollback(first).state in ("verified", "unchanged")
    assert guarded.on_portal()["T1"]["place"] is None
