"""The plan: what it inserts, updates, deletes and leaves alone, and what it says of that."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.dataset import Dataset
from orchestration.duck import connect, copy_to_parquet, parquet
from orchestration.errors import ModelFault
from orchestration.publishing.planning import FILES, Plan, make_plan
from tests.unit.publishing.conftest import (
    Row,
    read_rows,
    tree,
    trees,
    write_ledger,
    write_rows,
)

EXTRACTED_AT = "2022-09-10T00:00:00"
BY_YEAR = {
    "partition": {"column": "planted_at", "ids": {2020: "year-2020", 2021: "year-2021"}},
}
IN_2020, IN_2021 = datetime(2020, 5, 1), datetime(2021, 5, 1)

LEAVES = {"name": "leaves", "source": "leaves", "description": "Colors.", "privacy": "publish"}


@dataclass(frozen=True)
class Planned:
    plan: Plan
    folder: Path

    def keys(self, name: str) -> list[tuple[str, str]]:
        """Partition and key of every row of a file."""
        rows = read_rows(self.folder / f"{name}.parquet")
        return [(row["_partition"], row["tree_id"]) for row in rows]

    def rows(self, name: str) -> list[dict[str, Any]]:
        return read_rows(self.folder / f"{name}.parquet")

    @property
    def changes(self) -> dict[str, str]:
        return {row["row_key"]: row["change"] for row in self.rows("changes")}


class Planner:
    """Plans against the snapshot of an earlier plan, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    def __call__(
        self,
        rows: Sequence[Row],
        *,
        before: Sequence[Row] | Planned | None = None,
        fates: Mapping[str, str] | None = None,
        dataset: Dataset | None = None,
        before_dataset: Dataset | None = None,
        frozen: Sequence[str] = (),
    ) -> Planned:
        dataset = dataset or trees()
        if before is not None and not isinstance(before, Planned):
            before = self(before, dataset=before_dataset or dataset)
        folder = self._folder / f"plan-{next(self._numbers)}"
        folder.mkdir()
        plan = make_plan(
            dataset,
            mart=write_rows(folder / "mart.parquet", dataset, rows),
            ledger=write_ledger(folder / "ledger.parquet", fates or {}),
            baseline=before.folder / "snapshot.parquet" if before else None,
            extracted_at=EXTRACTED_AT,
            folder=folder,
            frozen=_write_keys(folder / "frozen.parquet", frozen) if frozen else None,
        )
        return Planned(plan, folder)

    def back(self, to: Planned, *, before: Planned, dataset: Dataset | None = None) -> Planned:
        """Plans a rollback: an older snapshot is what should be there."""
        folder = self._folder / f"plan-{next(self._numbers)}"
        folder.mkdir()
        plan = make_plan(
            dataset or trees(),
            mart=to.folder / "snapshot.parquet",
            ledger=None,
            baseline=before.folder / "snapshot.parquet",
            extracted_at=EXTRACTED_AT,
            folder=folder,
            whole=True,
        )
        return Planned(plan, folder)


def _write_keys(path: Path, keys: Sequence[str]) -> Path:
    pq.write_table(pa.table({"row_key": pa.array(keys, type=pa.string())}), path)
    return path


@pytest.fixture
def planned(tmp_path: Path) -> Planner:
    return Planner(tmp_path)


def test_all_is_inserted_where_nothing_was(planned: Planner) -> None:
    """Without a baseline every row is an insert, and there is nothing to delete."""
    found = planned([tree("T2"), tree("T1")])
    assert found.changes == {"T1": "insert", "T2": "insert"}
    assert found.keys("upserts") == found.keys("snapshot") == [("", "T1"), ("", "T2")]
    assert (found.plan.inserts, found.plan.rows, found.plan.deletes) == (2, 2, 0)


def test_each_kind_of_change_is_told_apart(planned: Planner) -> None:
    """New, changed, gone and equal rows are an insert, an update, a delete and nothing."""
    found = planned(
        [tree("new"), tree("changed", species="elm"), tree("same")],
        before=[tree("changed"), tree("same"), tree("gone")],
    )
    assert found.changes == {"new": "insert", "changed": "update", "gone": "delete"}
    assert found.keys("upserts") == [("", "changed"), ("", "new")]
    assert found.keys("deletes") == [("", "gone")]
    plan = found.plan
    assert (plan.inserts, plan.updates, plan.deletes, plan.unchanged) == (1, 1, 1, 1)
    assert plan.writes == 3


def test_same_content_is_an_empty_plan(planned: Planner) -> None:
    """Law 6: nothing is sent for what the portal holds already."""
    rows = [tree("T1", height_feet=3.5), tree("T2", species=None)]
    found = planned(rows, before=rows)
    assert found.plan.writes == 0
    assert found.plan.unchanged == 2
    assert found.rows("upserts") == found.rows("deletes") == found.rows("changes") == []


def test_updates_are_counted_by_column(planned: Planner) -> None:
    """A row that changed in two columns counts for both, and for one update."""
    before = [tree("T1", height_feet=3), tree("T2", height_feet=4)]
    after = [tree("T1", height_feet=5, species="elm"), tree("T2", height_feet=6)]
    plan = planned(after, before=before).plan
    assert plan.updates == 2
    assert plan.updates_by_column == {"height_feet": 2, "species": 1}


@pytest.mark.parametrize(("before", "after"), [("oak", None), (None, "oak")], ids=["lost", "found"])
def test_null_is_a_value_like_any(planned: Planner, before: str | None, after: str | None) -> None:
    """To and from null is an update of a column that holds values elsewhere."""
    kept = tree("T2", species="elm")
    found = planned([tree("T1", species=after), kept], before=[tree("T1", species=before), kept])
    assert found.changes == {"T1": "update"}


def test_volatile_column_alone_changes_nothing(planned: Planner) -> None:
    """What moves by itself is no reason to write, and the snapshot keeps what the portal holds."""
    found = planned([tree("T1", age_years=11)], before=[tree("T1", age_years=10)])
    assert found.plan.writes == 0
    assert found.rows("snapshot")[0]["age_years"] == 10


def test_volatile_column_goes_along_with_an_update(planned: Planner) -> None:
    """A row that is written anyway takes the present volatile value."""
    before = [tree("T1", age_years=10)]
    found = planned([tree("T1", age_years=11, species="elm")], before=before)
    assert found.plan.updates_by_column == {"species": 1}
    assert found.rows("snapshot")[0]["age_years"] == 11


def test_null_volatile_cell_that_gets_a_value_is_a_fill(planned: Planner) -> None:
    """Null to value is written, and counted apart from updates."""
    before = [tree("T1"), tree("T2", age_years=3)]
    found = planned([tree("T1", age_years=11), tree("T2", age_years=4)], before=before)
    assert found.changes == {"T1": "first_fill"}
    assert found.plan.first_fills_by_column == {"age_years": 1}
    assert found.plan.updates == 0
    assert found.plan.updates_by_column == {}


def test_dead_volatile_column_keeps_its_last_live_value(planned: Planner) -> None:
    """An updated row keeps what the column last held; new rows have null; the column is named."""
    before = [tree("T1", age_years=10), tree("T2", age_years=20)]
    found = planned([tree("T1", species="elm"), tree("T2"), tree("T3")], before=before)
    ages = {row["tree_id"]: row["age_years"] for row in found.rows("upserts")}
    assert ages == {"T1": 10, "T3": None}
    assert found.plan.dead_columns == ["age_years"]
    assert found.changes == {"T1": "update", "T3": "insert"}


@pytest.mark.parametrize(
    ("leaves", "kept"),
    [("red | blue", "3 | 4"), ("red | green", None), ("red", None), ("red | blue | blue", None)],
)
def test_dead_list_is_kept_only_beside_the_same_places(
    planned: Planner, leaves: str, kept: str | None
) -> None:
    """The last live years must not stand beside another officer: where places moved, they are null."""
    together = {"list": {"places": "leaf"}}
    years = {**LEAVES, "name": "years", "source": "years", "volatile": True}
    dataset = trees(more_columns=[LEAVES | together, years | together])
    before = tree("T1", leaves="red | blue", years="3 | 4")
    after = before | {"species": "elm", "leaves": leaves, "years": None}
    found = planned([after], before=[before], dataset=dataset)
    assert found.changes == {"T1": "update"}
    assert [row["years"] for row in found.rows("snapshot")] == [kept]


def test_live_volatile_column_is_not_called_dead(planned: Planner) -> None:
    """One value is enough."""
    assert planned([tree("T1", age_years=1), tree("T2")]).plan.dead_columns == []


def test_first_fill_of_a_column_is_told_apart(planned: Planner) -> None:
    """A column that held nothing anywhere gets its first values: no row of it was corrected."""
    before = [tree("T1"), tree("T2"), tree("T3")]
    after = [tree("T1", height_feet=3), tree("T2", height_feet=4, species="elm"), tree("T3")]
    found = planned(after, before=before)
    assert found.changes == {"T1": "first_fill", "T2": "update"}
    assert found.plan.first_fills_by_column == {"height_feet": 2}
    assert found.plan.updates_by_column == {"species": 1}


def test_column_newly_listed_is_filled(planned: Planner) -> None:
    """A snapshot from before the column was listed counts as holding nulls in it."""
    found = planned(
        [tree("T1", species="oak"), tree("T2", species=None)],
        before=[tree("T1"), tree("T2")],
        before_dataset=trees(leave_out=["species"]),
    )
    assert found.changes == {"T1": "first_fill"}
    assert found.plan.first_fills_by_column == {"species": 1}


def test_column_no_longer_listed_is_gone_from_the_plan(planned: Planner) -> None:
    """Law 3: it is in no file of the plan, and its going is no update."""
    found = planned(
        [tree("T1"), tree("T2")], before=[tree("T1")], dataset=trees(leave_out=["species"]),
        before_dataset=trees(),
    )  # fmt: skip
    assert found.changes == {"T2": "insert"}
    assert all("species" not in row for name in FILES for row in found.rows(name))


def test_columns_that_stay_inside_are_in_no_file(planned: Planner) -> None:
    """Law 3: only what the dataset file publishes is planned."""
    found = planned([tree("T1")])
    assert "keeper" not in found.rows("upserts")[0]


def test_quarantined_key_keeps_its_published_row(planned: Planner) -> None:
    """Held back: the row on the portal stays as it was, is counted and is listed."""
    found = planned(
        [tree("T2")],
        before=[tree("T1", species="elm"), tree("T2")],
        fates={"T1": "quarantined", "T2": "published"},
    )
    assert found.changes == {"T1": "held_back"}
    assert (found.plan.held_back, found.plan.writes, found.plan.rows) == (1, 0, 2)
    assert found.rows("snapshot")[0]["species"] == "elm"


def test_quarantined_key_that_was_never_published_is_not_held_back(planned: Planner) -> None:
    """There is nothing on the portal to keep."""
    found = planned([tree("T2")], before=[tree("T2")], fates={"T1": "quarantined"})
    assert (found.plan.held_back, found.changes) == (0, {})


COMPLETE = {"kind": "complete"}
WINDOW = {"kind": "window", "window": {"column": "planted_at", "days": 30}}
INCREMENT = {"kind": "increment"}


@pytest.mark.parametrize(
    ("source", "planted_at", "is_deleted"),
    [
        (COMPLETE, datetime(2020, 1, 1), True),
        (COMPLETE, None, True),
        (WINDOW, datetime(2022, 9, 1), True),
        (WINDOW, datetime(2022, 8, 11), True),
        (WINDOW, datetime(2022, 8, 10, 23, 59), False),
        (WINDOW, None, False),
        (INCREMENT, datetime(2022, 9, 9), False),
    ],
    ids=["complete", "complete-null", "inside", "edge", "outside", "window-null", "increment"],
)
def test_absence_deletes_only_what_the_extract_covers(
    planned: Planner, source: Row, planted_at: datetime | None, is_deleted: bool
) -> None:
    """A key that is not in the extract is deleted where the extract claims to hold it."""
    before = [tree("T1", planted_at=planted_at), tree("T2")]
    found = planned([tree("T2")], before=before, dataset=trees(source=source))
    assert found.changes == ({"T1": "delete"} if is_deleted else {})
    assert found.plan.rows == (1 if is_deleted else 2)


@pytest.mark.parametrize("source", [COMPLETE, WINDOW, INCREMENT], ids=lambda source: source["kind"])
def test_withheld_key_is_deleted_whatever_is_covered(planned: Planner, source: Row) -> None:
    """A policy that keeps a row back takes it off the portal at once."""
    found = planned([], before=[tree("T1")], fates={"T1": "withheld"}, dataset=trees(source=source))
    assert found.changes == {"T1": "delete"}
    assert found.keys("deletes") == [("", "T1")]


def test_partition_that_changes_moves_the_row(planned: Planner) -> None:
    """The row is deleted in the old year's dataset and written to the new one's: one update."""
    found = planned(
        [tree("T1", planted_at=IN_2021)],
        before=[tree("T1", planted_at=IN_2020)],
        dataset=trees(publish=BY_YEAR),
    )
    assert found.changes == {"T1": "update"}
    assert found.keys("upserts") == [("2021", "T1")]
    assert found.keys("deletes") == [("2020", "T1")]
    assert found.plan.rows_by_partition == {"2021": 1}
    assert found.plan.deletes == 0


def test_deletes_know_their_partition(planned: Planner) -> None:
    """A gone row is deleted where it was."""
    found = planned(
        [tree("T2", planted_at=IN_2021)],
        before=[tree("T1", planted_at=IN_2020), tree("T2", planted_at=IN_2021)],
        dataset=trees(publish=BY_YEAR),
    )
    assert found.keys("deletes") == [("2020", "T1")]


def test_preimages_hold_every_row_that_moves_as_it_was(planned: Planner) -> None:
    """Updated, filled, deleted and moved rows; new, equal, held-back rows have nothing to keep."""
    found = planned(
        [tree("moved", planted_at=IN_2021), tree("same"), tree("changed", species="elm"),
         tree("filled", age_years=2), tree("new")],
        before=[tree("moved", planted_at=IN_2020), tree("same"), tree("changed"), tree("filled"),
                tree("gone", height_feet=3), tree("held"), tree("old", age_years=1)],
        fates={"held": "quarantined"},
        dataset=trees(publish=BY_YEAR),
    )  # fmt: skip
    assert found.keys("preimages") == [
        ("", "changed"), ("", "filled"), ("", "gone"), ("", "old"), ("2020", "moved"),
    ]  # fmt: skip
    was = {row["tree_id"]: row for row in found.rows("preimages")}
    assert (was["changed"]["species"], was["gone"]["height_feet"]) == ("oak", 3)


def test_kept_keys_stay_as_the_portal_has_them(planned: Planner) -> None:
    """What people keep is neither changed, nor moved, nor deleted, nor called unchanged."""
    found = planned(
        [tree("T1", species="elm"), tree("T3", planted_at=IN_2021), tree("T4")],
        before=[tree("T1"), tree("T2"), tree("T3", planted_at=IN_2020), tree("T4")],
        frozen=["T1", "T2", "T3"],
        dataset=trees(publish=BY_YEAR),
    )
    assert found.changes == {"T1": "kept", "T2": "kept", "T3": "kept"}
    plan = found.plan
    assert (plan.writes, plan.kept, plan.unchanged, plan.rows) == (0, 3, 1, 4)
    assert found.rows("deletes") == found.rows("preimages") == []
    assert found.rows("snapshot")[0]["species"] == "oak"


def test_key_that_somebody_deleted_and_people_keep_so_is_not_inserted(planned: Planner) -> None:
    """Kept as it is there means: not there."""
    found = planned([tree("T1"), tree("T2")], before=[tree("T2")], frozen=["T1"])
    assert found.plan.writes == 0
    assert found.keys("snapshot") == [("", "T2")]


def test_rollback_brings_back_the_whole_snapshot(planned: Planner) -> None:
    """Whatever extracts cover: new rows go, gone rows come back, volatile values as they were."""
    dataset = trees(source=INCREMENT)
    old = planned([tree("T1", age_years=1), tree("T2")], dataset=dataset)
    now = planned(
        [tree("T1", age_years=5, species="elm"), tree("T3", age_years=2)],
        before=old, fates={"T2": "withheld"}, dataset=dataset,
    )  # fmt: skip
    back = planned.back(old, before=now, dataset=dataset)
    assert back.changes == {"T1": "update", "T2": "insert", "T3": "delete"}
    assert back.rows("snapshot") == old.rows("snapshot")


def test_rollback_of_a_volatile_value_alone_is_an_update(planned: Planner) -> None:
    """A rollback means every cell, also those that move by themselves."""
    old = planned([tree("T1", age_years=1), tree("T2", age_years=7)])
    now = planned([tree("T1", age_years=5, species="elm"), tree("T2", age_years=7)], before=old)
    same_but_age = planned([tree("T1", age_years=4, species="elm"), tree("T2", age_years=7)])
    assert planned.back(same_but_age, before=now).changes == {"T1": "update"}


def test_rollback_behind_a_new_column_empties_it(planned: Planner) -> None:
    """An older snapshot lacks what was listed later: null again, and guards hear of it."""
    old = planned([tree("T1")], dataset=trees(leave_out=["species"]))
    now = planned([tree("T1", species="elm")])
    back = planned.back(old, before=now)
    assert back.rows("snapshot")[0]["species"] is None
    assert back.plan.emptied_columns == ["species"]


def test_rollback_leaves_out_columns_no_longer_listed(planned: Planner) -> None:
    """Law 3: an older snapshot publishes nothing that the dataset file does not list today."""
    old = planned([tree("T1", species="elm"), tree("T2")])
    narrow = trees(leave_out=["species"])
    now = planned([tree("T1")], dataset=narrow)
    back = planned.back(old, before=now, dataset=narrow)
    assert back.changes == {"T2": "insert"}
    assert all("species" not in row for name in FILES for row in back.rows(name))


def test_guards_get_their_counts(planned: Planner) -> None:
    """Rows before, keys in both, updates of columns that held something; fills are not among them."""
    plan = planned(
        [tree("T1", species="elm", height_feet=1), tree("T2", height_feet=2), tree("T4")],
        before=[tree("T1"), tree("T2"), tree("T3")],
    ).plan
    assert (plan.rows_before, plan.common_keys, plan.guarded_updates) == (3, 2, 1)
    assert (plan.emptied_columns, plan.new_columns) == ([], [])


def test_emptied_column_is_named(planned: Planner) -> None:
    """A column that loses every value; a volatile one may."""
    before = [tree("T1", age_years=1), tree("T2", species="elm")]
    plan = planned([tree("T1", species=None), tree("T2", species=None)], before=before).plan
    assert plan.emptied_columns == ["species"]


def test_column_that_the_baseline_lacks_is_new(planned: Planner) -> None:
    """Also where no row has a value of it yet."""
    lacking = trees(leave_out=["species", "place"])
    plan = planned([tree("T1")], before=[tree("T1")], before_dataset=lacking).plan
    assert plan.new_columns == ["species", "place"]


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        ("place", "POINT (-90.0 30)", "POINT (-90 30.00)"),
        ("species", "", None),
        ("planted_at", datetime(2020, 5, 1, 0, 0, 0, 400), datetime(2020, 5, 1)),
    ],
    ids=["point", "blank", "below-the-millisecond"],
)
def test_other_spelling_of_the_same_is_no_change(
    planned: Planner, column: str, before: Any, after: Any
) -> None:
    """What is compared in full decides, not that the bytes are others."""
    found = planned([tree("T1", **{column: after})], before=[tree("T1", **{column: before})])
    assert found.plan.writes == 0


@pytest.mark.parametrize("other", ["red; blue", "blue;red;", ";blue;  red;blue"])
def test_a_set_in_another_order_is_no_change(planned: Planner, other: str) -> None:
    """The portal keeps its own order, also of a cell that an older version wrote with blank parts."""
    dataset = trees(more_columns=[{**LEAVES, "list": {"separator": ";", "set": True}}])
    row = tree("T1", leaves="blue;red")
    found = planned([row], before=[row | {"leaves": other}], dataset=dataset)
    assert (found.plan.writes, found.rows("snapshot")[0]["leaves"]) == (0, other)


@pytest.mark.parametrize("other", ["blue;red;red leaf", "blue", "red blue", None])
def test_another_set_is_an_update(planned: Planner, other: str | None) -> None:
    """One part more, one less, two in one."""
    dataset = trees(more_columns=[{**LEAVES, "list": {"separator": ";", "set": True}}])
    row = tree("T1", leaves="blue;red")
    found = planned(
        [row], before=[row | {"leaves": other}, tree("T2", leaves="x")], dataset=dataset
    )
    assert found.changes["T1"] == "update"


@pytest.mark.parametrize("other", ["red | blue", "blue | red | ", " | blue | red"])
def test_places_in_another_order_are_an_update(planned: Planner, other: str) -> None:
    """Which officer or subject a part is about is what the list says."""
    dataset = trees(more_columns=[{**LEAVES, "list": {}}])
    row = tree("T1", leaves="blue | red")
    found = planned([row], before=[row | {"leaves": other}], dataset=dataset)
    assert found.changes == {"T1": "update"}


@pytest.mark.parametrize(
    ("column", "narrow", "wide"),
    [
        ("height_feet", "3::integer", "3.5::double"),
        ("height_feet", "3.5::decimal(4, 2)", "123456.75::decimal(12, 2)"),
        ("planted_at", "date '2020-05-01'", "timestamp '2020-05-01 10:00'"),
    ],
)
def test_column_that_the_model_types_wider_than_before(
    tmp_path: Path, column: str, narrow: str, wide: str
) -> None:
    """Rows that stay and rows that come are written to one file all the same."""
    given = write_rows(tmp_path / "given.parquet", trees(), [tree(f"T{n}") for n in range(9)])
    baseline = None
    for name, cell in (
        ("before", narrow),
        ("after", f"case when tree_id = 'T1' then {wide} else {narrow} end"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        with connect() as connection:
            query = f"select * replace ({cell} as {column}) from {parquet(given)}"
            connection.execute(copy_to_parquet(query, folder / "mart.parquet"))
        plan = make_plan(
            trees(),
            mart=folder / "mart.parquet",
            ledger=write_ledger(folder / "ledger.parquet", {}),
            baseline=baseline,
            extracted_at=EXTRACTED_AT,
            folder=folder,
        )
        baseline = folder / "snapshot.parquet"
    assert (plan.updates, plan.unchanged) == (1, 8)
    with connect() as connection:
        query = f"select {column} = {wide} from {parquet(folder / 'snapshot.parquet')}"
        found = connection.execute(f"{query} where tree_id = 'T1'").fetchall()
    assert found == [(True,)]


def test_type_that_is_not_the_declared_one_is_named(tmp_path: Path) -> None:
    """Before anything is compared, and without a cell."""
    mart = write_rows(tmp_path / "mart.parquet", trees(), [tree("T1")])
    with connect() as connection:
        query = f"select * replace ('12 feet' as height_feet) from {parquet(mart)}"
        connection.execute(copy_to_parquet(query, tmp_path / "wrong.parquet"))
    ledger = write_ledger(tmp_path / "ledger.parquet", {})
    with pytest.raises(ModelFault, match="height_feet is VARCHAR, not number"):
        make_plan(
            trees(), mart=tmp_path / "wrong.parquet", ledger=ledger, baseline=None,
            extracted_at=EXTRACTED_AT, folder=tmp_path,
        )  # fmt: skip


def test_order_of_rows_decides_nothing(planned: Planner) -> None:
    """Law 5: the same rows in another order give the same bytes in every file."""
    before = [tree(f"T{number}", height_feet=number) for number in range(40)]
    after = [tree(f"T{number}", height_feet=number % 7) for number in range(20, 60)]
    one = planned(after, before=before)
    other = planned(after[::-1], before=before[::-1])
    for name in FILES:
        first, second = (found.folder / f"{name}.parquet" for found in (one, other))
        assert first.read_bytes() == second.read_bytes()


CELLS = st.fixed_dictionaries(
    {
        "species": st.sampled_from(["oak", "elm", "", None]),
        "height_feet": st.sampled_from([1.5, 2, None]),
        "planted_at": st.sampled_from([IN_2020, IN_2021, datetime(2022, 9, 1), None]),
        "age_years": st.sampled_from([1, 2, None]),
    }
)
FORESTS = st.dictionaries(st.sampled_from([f"T{number}" for number in range(8)]), CELLS, max_size=8)
FATES = st.dictionaries(
    st.sampled_from([f"T{number}" for number in range(8)]),
    st.sampled_from(["quarantined", "withheld"]),
    max_size=3,
)
KINDS = st.sampled_from([COMPLETE, WINDOW, INCREMENT])
TARGETS = st.sampled_from([{"id": "tree-tree"}, BY_YEAR])
Forest = dict[str, dict[str, Any]]


@settings(max_examples=40, deadline=None)
@given(before=FORESTS, after=FORESTS, fates=FATES, source=KINDS, publish=TARGETS)
def test_snapshot_is_what_the_portal_holds_afterwards(
    before: Forest, after: Forest, fates: dict[str, str], source: Row, publish: Row
) -> None:
    """Upserts and deletes applied to the baseline give the snapshot; planning again gives nothing."""
    dataset = trees(source=source, publish=publish)
    rows = [tree(key, **cells) for key, cells in after.items() if key not in fates]
    with TemporaryDirectory() as folder:
        plan = Planner(Path(folder))
        first = plan([tree(key, **cells) for key, cells in before.items()], dataset=dataset)
        second = plan(rows, before=first, fates=fates, dataset=dataset)
        portal = _by_place(first.rows("snapshot"))
        portal |= _by_place(second.rows("upserts"))
        for place in second.keys("deletes"):
            del portal[place]
        assert portal == _by_place(second.rows("snapshot"))
        assert second.plan.rows == len(portal)
        assert sum(second.plan.rows_by_partition.values()) == len(portal)
        assert plan(rows, before=second, fates=fates, dataset=dataset).plan.writes == 0


def _by_place(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
    return {(row["_partition"], row["tree_id"]): row for row in rows}
