"""What may be asked: published columns and rows alone, most public impact first, stable ids."""

from dataclasses import replace

import pytest

from orchestration.errors import ConfigurationError
from orchestration.review.proposals import Found, find_proposals, proposal_id, published_records
from tests.unit.review.desk import BEAGEL, PAIR, POODEL, ROWS, SPELLINGS, Desk


def find(desk: Desk) -> Found:
    return find_proposals(desk.settings, desk.state, desk.dataset)


def test_most_public_impact_comes_first(desk: Desk):
    """Published rows affected, then the score; a pair touches two rows."""
    desk.run()
    found = find(desk).proposals
    assert [(one.left, one.rows) for one in found] == [
        ("D2", 2), ("BEAGEL", 2), ("POODEL", 1), ("WITE", 1),
    ]  # fmt: skip


def test_internal_columns_and_unpublished_values_are_counted_alone(desk: Desk):
    """Law 3: neither a chip number nor a value that a policy keeps back is shown."""
    desk.run()
    found = find(desk)
    assert (found.internal, found.unpublished) == (1, 1)
    assert not any("secret" in str(one) or "WITHHELD" in str(one) for one in found.proposals)


def test_suggestion_must_be_published_too(desk: Desk):
    """A value that stands on withheld rows alone is not shown as a suggestion."""
    desk.run(spellings=[{**POODEL, "to_value": "WITHHELD"}], pairs=[])
    assert (find(desk).proposals, find(desk).unpublished) == ([], 1)


def test_value_that_the_database_cannot_keep_is_counted_alone(desk: Desk):
    """PostgreSQL has no text with a zero in it."""
    zero = [{**row, "breed": "A\0"} if row["dog_id"] == "D1" else row for row in ROWS]
    desk.run(rows=zero, spellings=[{**POODEL, "from_value": "A\0"}], pairs=[])
    assert (find(desk).proposals, find(desk).unpublished) == ([], 1)


def test_suggestion_may_come_from_a_vocabulary(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """A right value that nobody wrote yet is public knowledge, and so is a better label."""
    seeds = desk.sheets.parent / "dbt" / "seeds"
    seeds.mkdir(parents=True)
    (seeds / "breeds.csv").write_text("value,source,better\nPUDEL,Test,PUDELHUND\n")
    desk.settings = replace(desk.settings, dbt_project_dir=seeds.parent)
    columns = [column.model_dump(mode="json") for column in desk.dataset.columns]
    columns[1]["spelling"] = {"vocabulary": ["breeds"]}
    desk.change(columns=columns)
    desk.run(
        spellings=[{**POODEL, "to_value": name} for name in ("PUDEL", "PUDELHUND", "OTHER")],
        pairs=[],
    )
    assert {one.right for one in find(desk).proposals} == {"PUDEL", "PUDELHUND"}


def test_pair_with_an_unpublished_row_is_counted_alone(desk: Desk):
    """A withheld row is not shown beside a published one."""
    desk.run(rows=ROWS[:2], spellings=[])
    assert (find(desk).proposals, find(desk).unpublished) == ([], 1)


def test_parts_of_lists_and_what_stands_before_them(desk: Desk):
    """`WITE` is counted within its list, `Elm` behind its number."""
    columns = [column.model_dump(mode="json") for column in desk.dataset.columns]
    columns[3]["spelling"] = {"prefix": "[0-9]+ "}
    desk.change(columns=columns)
    oak = {**POODEL, "column_name": "place", "from_value": "Oak St", "to_value": "Elm St"}
    desk.run(spellings=[oak, SPELLINGS[2]], pairs=[])
    assert [(one.left, one.rows) for one in find(desk).proposals] == [("Oak St", 2), ("WITE", 1)]


def test_ids_do_not_depend_on_the_order_of_rows(desk: Desk):
    """The same suspicion, the same id, in every run."""
    desk.run()
    first = find(desk).proposals
    desk.run(rows=ROWS[::-1], spellings=SPELLINGS[::-1])
    assert find(desk).proposals == first


@pytest.mark.parametrize("other", [
    ("cats", "spelling", "breed", "a", "b"), ("dogs", "duplicate", "breed", "a", "b"),
    ("dogs", "spelling", "colours", "a", "b"), ("dogs", "spelling", "breed", "b", "a"),
    ("dogs", "spelling", "bree", "da", "b"), ("dogs", "spelling", "breed", 'a", "b', ""),
])  # fmt: skip
def test_ids_tell_suspicions_apart(other: tuple[str, str, str, str, str]):
    assert proposal_id(*other) != proposal_id("dogs", "spelling", "breed", "a", "b")


def test_layers_without_proposals_propose_nothing(desk: Desk):
    """What an older run left has no such files."""
    desk._finish("standardized", {"stg_dogs": ROWS})
    desk._finish("deduplicated", {"dogs": ROWS})
    assert find(desk) == Found(proposals=[], internal=0, unpublished=0)


def test_before_the_first_run_the_next_command_is_told(desk: Desk):
    with pytest.raises(ConfigurationError, match="start one with `summerware run dogs`"):
        find(desk)


def test_applied_and_linked_are_no_proposals(desk: Desk):
    """Only what is proposed is asked."""
    outcomes = ("applied", "left", "drift")
    desk.run(
        spellings=[{**BEAGEL, "outcome": one} for one in outcomes],
        pairs=[{**PAIR, "outcome": "linked"}],
    )
    assert find(desk).proposals == []


def test_records_hold_published_columns_alone(desk: Desk):
    """Chip and time are internal; a key that is not there is left out."""
    desk.run()
    assert published_records(desk.settings, desk.state, desk.dataset, ["D3", "it's"]) == {
        "D3": {"dog_id": "D3", "breed": "POODLE", "colours": None, "place": "2 Elm Street"}
    }
