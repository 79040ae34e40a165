"""The plan of a publication: the difference between what the portal holds and what should be there.

Works on Parquet alone, in DuckDB. Leaves six files in a folder, sorted by partition and key:

    upserts.parquet    rows to insert or update: `_partition`, then every published column
    deletes.parquet    `_partition` and the key
    snapshot.parquet   what the portal holds afterwards: `_partition`, every published column
    preimages.parquet  what the portal holds before of every row that moves, in the same columns
    changes.parquet    one row per inserted, updated, deleted, held-back or kept key: `row_key`, `change`
    surplus.parquet    rows to leave that repeat another's key or have none, in the same columns

A volatile column that moved changes nothing; a volatile value that is null keeps the last live one.
Fills are counted apart from updates: a column that held nothing before gets its first values, or a
volatile cell that was null gets one. Keys that people keep as the portal has them never move. A
portal's dataset without a row identifier may hold a key several times, or none: the first row of a
key is the one that is compared, the others are surplus.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import duckdb

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import (
    FEW,
    connect,
    copy_to_parquet,
    parquet,
    quoted,
)
from orchestration.publishing.checking import holds_only, require_types
from orchestration.publishing.comparing import NO_KEY, SQL_TYPES, differ
from orchestration.publishing.ordering import merge_in_order, write_in_order
from orchestration.state.records import PlanCounts
from orchestration.tombstones.plan_filter import PlanInputs, obey
from orchestration.tombstones.tombstones import Tombstones

NO_PARTITION = ""
FILES = ("upserts", "deletes", "snapshot", "preimages", "changes", "surplus")
_MERGED_AT_MOST = 200_000
"""So many rows that move are held in memory; of more, all rows are sorted again."""
_PARTITIONS_APART = 50
"""So many can be written one after the other, each by a look through the mart."""
_ELSEWHERE = "before._partition is distinct from after._partition"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan in counts of rows; the rows themselves are in the folder's files."""

    rows: int
    inserts: int
    updates: int
    updates_by_column: dict[str, int]
    first_fills: int
    first_fills_by_column: dict[str, int]
    deletes: int
    held_back: int
    unchanged: int
    dead_columns: list[str]
    rows_by_partition: dict[str, int]
    kept: int = 0
    """Rows that somebody else changed on the portal and that people keep as they are there."""
    rows_before: int = 0
    common_keys: int = 0
    """Keys that the portal holds and that should be there."""
    guarded_updates: int = 0
    """Of those, the ones that change in a column that is not volatile and held something before."""
    emptied_columns: list[str] = field(default_factory=list)
    """Columns, not volatile ones, that held values and would lose all of them."""
    new_columns: list[str] = field(default_factory=list)
    """Columns that the portal's rows did not have."""
    surplus: int = 0
    """Rows that repeat another's key or have none, and go."""

    @property
    def writes(self) -> int:
        """Rows that have to change on the portal."""
        return self.inserts + self.updates + self.first_fills + self.deletes + self.surplus

    def as_json(self) -> PlanCounts:
        """As it is kept in the journal."""
        return cast(PlanCounts, asdict(self))


def make_plan(
    dataset: Dataset,
    *,
    mart: Path,
    ledger: Path | None,
    baseline: Path | None,
    extracted_at: str,
    folder: Path,
    frozen: Path | None = None,
    whole: bool = False,
    tombstones: Tombstones | None = None,
) -> Plan:
    """Compares the mart with the baseline and writes the plan's files into the folder.

    `baseline` is an earlier `snapshot.parquet`, or the portal's rows in that shape; none where the
    portal holds nothing. `frozen` has the keys, as `row_key`, that stay as the portal has them.
    `whole` is for a mart that is itself such a snapshot: what it lacks is gone, whatever extracts
    cover, and its volatile values count. What the tombstones take down is not in what should be there.

    Raises:
        ModelFault: a column of the mart has not the type that the dataset file declares.
    """
    require_types(dataset, mart)
    if tombstones:
        given = PlanInputs(
            dataset=dataset, mart=mart, ledger=ledger, baseline=baseline, frozen=frozen
        )
        obeyed = obey(tombstones, given, extracted_at=extracted_at, folder=folder, whole=whole)
        dataset, mart, ledger = obeyed.dataset, obeyed.mart, obeyed.ledger
        frozen = obeyed.frozen
    inputs = (mart, ledger, baseline, frozen)
    if baseline is None:
        try:
            return _plan(dataset, folder, extracted_at, inputs, whole=whole, memory=FEW)
        except duckdb.OutOfMemoryException:
            # Too little for rows that are wide, or come in no order.
            for name in FILES:
                (folder / f"{name}.parquet").unlink(missing_ok=True)
    return _plan(dataset, folder, extracted_at, inputs, whole=whole, memory=None)


def _plan(
    dataset: Dataset,
    folder: Path,
    extracted_at: str,
    inputs: tuple[Path, Path | None, Path | None, Path | None],
    *,
    whole: bool,
    memory: str | None,
) -> Plan:
    with connect(spill=folder, memory=memory) as connection:
        planner = _Planner(dataset, connection, extracted_at, whole=whole)
        planner.open(*inputs)
        return planner.write(folder)


class _Planner:
    """The comparison, step by step, each a table of the throw-away connection."""

    def __init__(
        self,
        dataset: Dataset,
        connection: duckdb.DuckDBPyConnection,
        extracted_at: str,
        *,
        whole: bool,
    ) -> None:
        self._dataset = dataset
        self._connection = connection
        self._key = dataset.key
        self._columns = {column.name: column for column in dataset.published}
        self._names = list(self._columns)
        self._volatile = (
            set() if whole else {column.name for column in dataset.published if column.volatile}
        )
        self._extracted_at = extracted_at
        self._whole = whole

    def write(self, folder: Path) -> Plan:
        """Compares, writes the files and counts."""
        self._compare()
        key, names = self._key, ", ".join(self._names)
        if self._is_first and not self._count_rows("kept"):
            # Every row moves: all of them may be too many to be sorted again.
            write_in_order(
                self._connection, self._by_partition(names), key, folder / "upserts.parquet"
            )
        else:
            self._copy(
                folder,
                "upserts",
                f"select _partition, {names} from wanted "
                f"semi join moved on wanted.{key} = moved.row_key order by _partition, {key}",
            )
        self._copy(
            folder,
            "deletes",
            f"select _partition, {key} from gone union all "
            f"select before._partition, before.{key} from before "
            f"join (from wanted semi join moved on wanted.{key} = moved.row_key) as wanted using ({key}) "
            f"anti join kept on before.{key} = kept.row_key "
            f"where before._partition <> wanted._partition union all "
            f"select distinct _partition, {key} from surplus where {key} is not null "
            f"and (_partition, {key}) not in (select _partition, {key} from wanted) order by all",
        )
        if self._is_first:
            (folder / "snapshot.parquet").hardlink_to(folder / "upserts.parquet")
        else:
            self._write_snapshot(folder, names)
        self._copy(
            folder,
            "preimages",
            f"select _partition, {names} from before where {key} in "
            f"(select row_key from moved union all select {key} from gone) "
            f"order by _partition, {key}",
        )
        self._copy(
            folder,
            "changes",
            f"select row_key, change from moved union all "
            f"select {key}, 'delete' from gone union all "
            f"select row_key, 'held_back' from held union all select row_key, 'kept' from kept "
            f"order by all",
        )
        self._copy(folder, "surplus", f"select _partition, {names} from surplus order by all")
        return self._count(folder)

    def _write_snapshot(self, folder: Path, names: str) -> None:
        """What stays as it is, in the baseline's order, and what moved put in its places."""
        key = self._key
        stays = (
            f"select _partition, {names} from before anti join moved on before.{key} = moved.row_key "
            f"anti join gone on before.{key} = gone.{key}"
        )
        comes = (
            f"select _partition, {names} from {parquet(folder / 'upserts.parquet')} "
            f"union all select _partition, {names} from kept_extra"
        )
        target = folder / "snapshot.parquet"
        if self._count_rows(f"({comes})") <= _MERGED_AT_MOST:
            merge_in_order(self._connection, stays, comes, key, target)
        else:
            self._copy(folder, "snapshot", f"{stays} union all {comes} order by _partition, {key}")

    def _by_partition(self, names: str) -> str:
        """The wanted rows, one partition after the other, each in the order of the mart."""
        rows = f"select _partition, {names} from wanted"
        partitions = self._connection.execute(
            "select distinct _partition from wanted order by all"
        ).fetchall()
        if not 1 < len(partitions) <= _PARTITIONS_APART:
            return rows
        return " union all ".join(
            f"{rows} where _partition = {quoted(one)}" for (one,) in partitions
        )

    def open(
        self, mart: Path, ledger: Path | None, baseline: Path | None, frozen: Path | None
    ) -> None:
        """Views of what should be there (`after`), what is (`before`), and who may not move."""
        key = self._key
        partition = "_partition" if self._whole else f"{self._partition()} as _partition"
        self._tell_apart(
            "after",
            f"select {partition}, {self._selected(mart)} from {parquet(mart)}",
            unique=not self._whole,
        )
        self._is_first = baseline is None
        self._new: list[str] = []
        if baseline is None:
            self._tell_apart("before", "from after limit 0", unique=True)
        else:
            self._tell_apart(
                "before", f"select _partition, {self._selected(baseline)} from {parquet(baseline)}"
            )
            held = self._columns_of(baseline)
            self._new = [name for name in self._names if name not in held]
        self._connection.execute(
            f"create view ledger as select row_key, fate from {parquet(ledger)}"
            if ledger is not None
            else "create view ledger as select null::varchar as row_key, '' as fate where false"
        )
        self._connection.execute(
            f"create table kept as select row_key from {parquet(frozen)}"
            if frozen is not None
            else "create table kept (row_key varchar)"
        )
        self._connection.execute(
            f"create table held as select distinct row_key from ledger "
            f"semi join before on ledger.row_key = before.{key} where fate = 'quarantined'"
        )
        self._part_with_surplus()

    def _tell_apart(self, side: str, rows: str, *, unique: bool = False) -> None:
        """Views of the rows that a key identifies, and `…_extra` of those that it does not.

        `…_rows` has both. `unique` saves the look for what cannot be.
        """
        key, execute = self._key, self._connection.execute
        execute(f"create view {side}_rows as {rows}")
        repeats = 0 if unique else self._count_extra(f"{side}_rows")
        if not repeats:
            execute(f"create view {side} as from {side}_rows")
            execute(f"create view {side}_extra as select *, 0 as copy from {side}_rows limit 0")
            return
        numbered = (
            f"select *, row_number() over (partition by {key} order by _partition, "
            f"{', '.join(self._names)}) as copy from {side}_rows"
        )
        extra = f"copy > 1 or {key} is null"
        execute(
            f"create view {side} as select * exclude (copy) from ({numbered}) where not ({extra})"
        )
        execute(f"create table {side}_extra as from ({numbered}) where {extra}")

    def _part_with_surplus(self) -> None:
        """`kept_extra` stay beside the rows of their key, `surplus` go.

        Stay: those of keys that people keep, and as many as the mart has where it is itself what a
        portal holds.
        """
        key, names = self._key, ", ".join(self._names)
        is_kept = f"coalesce({key}::varchar, '{NO_KEY}') in (select row_key from kept)"
        self._connection.execute(
            f"create table kept_extra as select _partition, {names} from before_extra where {is_kept} "
            f"union all select _partition, {names} from after_extra as extra where not {is_kept} "
            f"and exists (select 1 from before_extra as held where held.copy = extra.copy "
            f"and held.{key} is not distinct from extra.{key})"
        )
        self._connection.execute(
            f"create table surplus as select _partition, {names} from before_extra "
            f"except all from kept_extra"
        )

    def _selected(self, path: Path) -> str:
        """The published columns of a file in the types of a snapshot; null where it lacks one.

        What is no value of its column's type stays as it is: it is named before anything is sent.
        """
        held = self._columns_of(path)
        return ", ".join(
            f"{name if name in held else 'null'}::{SQL_TYPES[column.type]} as {name}"
            if name not in held or holds_only(column, held[name])
            else name
            for name, column in self._columns.items()
        )

    def _partition(self) -> str:
        partition = self._dataset.publish.partition
        if partition is None:
            return f"'{NO_PARTITION}'"
        return f"coalesce(year({partition.column})::varchar, '{NO_PARTITION}')"

    def _compare(self) -> None:
        """Tables: `wanted` rows, `moved` keys and how, `gone` keys."""
        key = self._key
        filled, self._filled_before = self._filled("after"), self._filled("before")
        self._dead = [name for name in self._volatile if not filled[name]]
        held = self._count_rows("before")
        first = [
            name
            for name in self._names
            if name not in self._volatile
            and held
            and filled[name]
            and not self._filled_before[name]
        ]
        self._want()
        changed = {
            name: "false"
            if self._is_first
            else f"before.{name} is null and after.{name} is not null"
            if name in self._volatile
            else differ(self._columns[name], f"before.{name}", f"after.{name}")
            for name in self._names
            if name != key
        }
        first += [name for name in self._names if name in self._volatile]
        old = [name for name in changed if name not in first]
        flags = ", ".join(f"({test}) as {name}" for name, test in changed.items())
        any_old = " or ".join([*(f"({changed[name]})" for name in old), _ELSEWHERE])
        any_first = " or ".join(f"({changed[name]})" for name in first) or "false"
        self._suspect()
        # Only rows that move are kept: on most days that is a handful of a million.
        kept_as = "view" if self._is_first else "table"
        self._connection.execute(
            f"create {kept_as} moved as select after.{key} as row_key, case "
            f"when before.{key} is null then 'insert' when {any_old} then 'update' "
            f"else 'first_fill' end as change, {flags} "
            f"from suspected as after left join held_before as before on after.{key} = before.{key} "
            f"anti join kept on after.{key} = kept.row_key "
            f"where before.{key} is null or {any_old} or {any_first}"
        )
        self._connection.execute(
            f"create table gone as select before._partition, before.{key} from before "
            f"anti join after on before.{key} = after.{key} "
            f"anti join held on before.{key} = held.row_key "
            f"anti join kept on before.{key} = kept.row_key "
            f"where {self._covered()} or before.{key} in "
            f"(select row_key from ledger where fate in ('withheld', 'merged'))"
        )
        self._old, self._first = old, first

    def _suspect(self) -> None:
        """`suspected` rows of the mart, and what the baseline has of them as `held_before`.

        Leaves out the rows whose cells are the very same by their hash of 64 bits, so that the wide
        comparison sees a handful of a million; two unlike rows of one key share it once in 10^19.
        """
        key = self._key
        if self._is_first:
            self._connection.execute("create view suspected as from after")
            self._connection.execute("create view held_before as from before")
            return
        cells = ", ".join(
            f"{name} is null" if name in self._volatile else name
            for name in ("_partition", *self._names)
        )
        hashed = {
            side: f"(select {key}, hash({cells}) as cells from {side}) as {side}"
            for side in ("after", "before")
        }
        self._connection.execute(
            f"create table suspects as select after.{key} as row_key from {hashed['after']} "
            f"anti join {hashed['before']} "
            f"on after.{key} = before.{key} and after.cells = before.cells"
        )
        for name, side in (("suspected", "after"), ("held_before", "before")):
            self._connection.execute(
                f"create view {name} as from {side} "
                f"semi join suspects on {side}.{key} = suspects.row_key"
            )

    def _want(self) -> None:
        """`wanted`: the mart's rows, a null volatile value replaced by the last live one.

        A list that goes with others is kept only where those are what they were: at the places of
        other officers it would speak of other officers.
        """
        if not self._volatile or self._is_first:
            self._connection.execute("create view wanted as from after")
            return
        key = self._key
        values = ", ".join(
            f"coalesce(after.{name}, case when {self._is_in_place(column)} then before.{name} end) "
            f"as {name}"
            if name in self._volatile
            else f"after.{name}"
            for name, column in self._columns.items()
        )
        self._connection.execute(
            f"create view wanted as select after._partition, {values} from after "
            f"left join before on after.{key} = before.{key}"
        )

    def _is_in_place(self, column: Column) -> str:
        """Where a value of before still stands beside what it stood beside."""
        together = self._dataset.places.get((column.list and column.list.places) or "", ())
        beside = [
            one for one in together if one.name in self._columns and one.name not in self._volatile
        ]
        # A list that said nothing before, as one of a column that is new, contradicts nobody's place.
        same = (
            f"(before.{one.name} is null or "
            f"not ({differ(one, f'before.{one.name}', f'after.{one.name}')}))"
            for one in beside
        )
        return " and ".join(same) or "true"

    def _covered(self) -> str:
        """Where absence from the extract means that the row is gone."""
        source = self._dataset.source
        if self._whole or source.kind == "complete":
            return "true"
        if source.window is None:
            return "false"
        return (
            f"before.{source.window.column} >= timestamp '{self._extracted_at}' "
            f"- interval {source.window.days} day"
        )

    def _count(self, folder: Path) -> Plan:
        changes = dict(
            self._connection.execute(
                "select change, count(*) from moved group by change"
            ).fetchall()
        )
        partitions = self._connection.execute(
            f"select _partition, count(*) from {parquet(folder / 'snapshot.parquet')} "
            "group by _partition order by _partition"
        ).fetchall()
        moved = sum(changes.values())
        return Plan(
            rows=sum(count for _, count in partitions),
            inserts=changes.get("insert", 0),
            updates=changes.get("update", 0),
            updates_by_column=self._by_column("update", self._old),
            first_fills=changes.get("first_fill", 0),
            first_fills_by_column=self._by_column(None, self._first),
            deletes=self._count_rows("gone"),
            held_back=self._count_rows("held"),
            unchanged=self._count_rows(f"after anti join kept on after.{self._key} = kept.row_key")
            - moved,
            dead_columns=sorted(self._dead) if self._count_rows("after") else [],
            rows_by_partition=dict(partitions),
            kept=self._count_rows("kept"),
            rows_before=self._count_rows("before_rows"),
            common_keys=self._common_keys(changes.get("insert", 0)),
            guarded_updates=changes.get("update", 0),
            emptied_columns=self._emptied(folder),
            new_columns=self._new,
            surplus=self._count_rows("surplus"),
        )

    def _common_keys(self, inserts: int) -> int:
        if self._count_rows("kept"):
            # People may keep a row that is not there.
            key = self._key
            return self._count_rows(f"after semi join before on after.{key} = before.{key}")
        return self._count_rows("after") - inserts

    def _emptied(self, folder: Path) -> list[str]:
        if not self._count_rows("after"):
            return []
        after = self._filled(parquet(folder / "snapshot.parquet"))
        return [
            name
            for name in self._names
            if name not in self._volatile and self._filled_before[name] and not after[name]
        ]

    def _by_column(self, change: str | None, names: list[str]) -> dict[str, int]:
        if not names:
            return {}
        counted = self._connection.execute(
            f"select {', '.join(f'count(*) filter ({name})' for name in names)} from moved "
            + (f"where change = '{change}'" if change else "where change <> 'insert'")
        ).fetchone()
        assert counted is not None
        return {name: count for name, count in zip(names, counted, strict=True) if count}

    def _count_rows(self, table: str) -> int:
        counted = self._connection.execute(f"select count(*) from {table}").fetchone()
        return int(counted[0]) if counted else 0

    def _count_extra(self, table: str) -> int:
        counted = self._connection.execute(
            f"select count(*) - count(distinct {self._key}) from {table}"
        ).fetchone()
        return int(counted[0]) if counted else 0

    def _filled(self, table: str) -> dict[str, int]:
        """How many values each column holds."""
        counts = ", ".join(f"count({name})" for name in self._names)
        counted = self._connection.execute(f"select {counts} from {table}").fetchone()
        assert counted is not None
        return dict(zip(self._names, counted, strict=True))

    def _columns_of(self, path: Path) -> dict[str, str]:
        """A file's columns and DuckDB's names of their types."""
        described = self._connection.execute(f"describe from {parquet(path)}").fetchall()
        return {row[0]: row[1] for row in described}

    def _copy(self, folder: Path, name: str, query: str) -> None:
        self._connection.execute(copy_to_parquet(query, folder / f"{name}.parquet"))
