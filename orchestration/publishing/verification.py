"""The proof: what the portal holds after a publication is what should be there.

Waits until the portal's replica has caught up, compares counts, non-null counts, sums, minima and
maxima of every column, then reads back every changed row by value, and a share of those that nobody
touched, another one at each proof: a portal may change a row and leave its time of change. `full`
reads back all of them and compares one hash over all rows in key order. What could not be looked at
is never called right.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import cast

import duckdb

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import FEW, connect, fetch_all, parquet, quoted
from orchestration.errors import NotVerified
from orchestration.publishing.comparing import differing_keys, digests, read_digests, rows_hash
from orchestration.publishing.transport import Aggregates, Transport
from orchestration.state.records import CheckRecord, VerificationRecord

READ_ALL_SHARE = 0.05
"""From this share of changed rows on, reading all rows in pages is quicker than naming keys."""
SAMPLED = 1_000
"""At least so many untouched rows are read back at each proof, or a hundredth where that is more."""
SHARES = 100
"""Untouched rows are so many shares by a hash of their key: after so many proofs all were read back."""
_WINDOWS = (1, 2, 4, 5, 10, 20, 25, 50, SHARES)
"""How many shares are read at once: each divides all of them, so that windows never drift apart."""
FRESH_SECONDS = 600.0
"""How long a replica may lag behind before the publication counts as not verified."""
Figure = int | float | Decimal | str | None
_RELATIVE = 1e-9
"""How far sums of doubles may differ: their order of adding is the portal's own."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One figure of one 4x4: what should be there and what was found."""

    portal_id: str
    what: str
    expected: str
    found: str
    holds: bool


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Every figure looked at, and the keys of rows that are not as they should be."""

    checks: list[Check] = field(default_factory=list)
    differing: dict[str, list[str]] = field(default_factory=dict)
    rows_read_back: dict[str, int] = field(default_factory=dict)
    rows_sampled: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether everything is as it should be."""
        return all(check.holds for check in self.checks) and not any(self.differing.values())

    @property
    def failures(self) -> list[Check]:
        """The figures that are wrong."""
        return [check for check in self.checks if not check.holds]

    def as_json(self) -> VerificationRecord:
        """For the receipt: figures and counts; keys of rows are not in it."""
        return {
            "checks": [cast(CheckRecord, asdict(check)) for check in self.checks],
            "rows_read_back": sum(self.rows_read_back.values()),
            "rows_sampled": sum(self.rows_sampled.values()),
            "rows_differing": {how: len(keys) for how, keys in self.differing.items()},
            "hashes": self.hashes,
        }


class Verifier:
    """Holds one dataset's expected rows against one portal."""

    def __init__(
        self,
        dataset: Dataset,
        transport: Transport,
        *,
        fresh_seconds: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dataset = dataset
        self._columns = dataset.published
        self._key = dataset.key
        self._transport = transport
        self._fresh_seconds = FRESH_SECONDS if fresh_seconds is None else fresh_seconds
        self._sleep = sleep

    def verify(
        self,
        portal_ids: Mapping[str, str],
        *,
        snapshot: Path,
        changed: Path | None,
        deleted: Path | None,
        written: Mapping[str, datetime] | None = None,
        since: Mapping[str, str | None] | None = None,
        full: bool = False,
        whole: Collection[str] = (),
        turn: int = 0,
        spill: Path,
    ) -> Verification:
        """Compares every partition.

        `snapshot` has `_partition` and the published columns; `changed` and `deleted` have
        `_partition` and the key of rows that were written and deleted. `written` is when, by the
        portal's clock, each partition was written last: no older read proves anything. `since` is a
        mark of `newest_update`: what was written later, by whomever, is read back too. `full` reads
        back every row, of the partitions in `whole` at any rate. `turn` is the number of this proof:
        it says which share of the untouched rows is read back, too.

        Raises:
            NotVerified: the portal's replica did not catch up in time.
            TransientError: the portal cannot be read.
        """
        found = Verification()
        with connect(spill=spill, memory=FEW) as connection:
            connection.execute(f"create view snapshot as from {parquet(snapshot)}")
            for partition in sorted({*portal_ids, *_partitions(connection)}):
                portal_id = portal_ids.get(partition)
                if portal_id is None:
                    found.checks.append(_no_dataset(partition))
                    continue
                self.wait_until_fresh(portal_id, not_before=(written or {}).get(partition))
                self._expect(connection, partition)
                self._compare_figures(connection, portal_id, found)
                self._read_back(
                    connection,
                    partition,
                    portal_id,
                    changed,
                    deleted,
                    since=(since or {}).get(partition),
                    full=full or partition in whole,
                    turn=turn,
                    found=found,
                )
        return found

    def wait_until_fresh(self, portal_id: str, *, not_before: datetime | None = None) -> None:
        """Waits until reads show what was written.

        Raises:
            NotVerified: they still did not after the retry policy ran out.
        """
        deadline = time.monotonic() + self._fresh_seconds
        pause = 0.05
        while True:
            freshness = self._transport.freshness(portal_id)
            truth = freshness.truth
            behind = freshness.out_of_date or (
                truth is not None
                and freshness.secondary is not None
                and freshness.secondary < truth
            )
            unheard_of = truth is not None and not_before is not None and truth < not_before
            if not (behind or unheard_of):
                return
            if time.monotonic() >= deadline:
                if not behind:
                    # The portal shows all that it has: what it said it took is lost, and comparing
                    # the rows will tell which.
                    return
                raise NotVerified(
                    f"{self._dataset.id}: {portal_id} still shows old rows after "
                    f"{self._fresh_seconds:,.0f} seconds, so what was sent could not be verified. "
                    "The next run verifies it"
                )
            self._sleep(min(pause, max(deadline - time.monotonic(), 0)))
            pause = min(pause * 2, 10)

    def _expect(self, connection: duckdb.DuckDBPyConnection, partition: str) -> None:
        connection.execute(
            "create or replace view expected as select * exclude (_partition) from snapshot "
            f"where _partition = {quoted(partition)}"
        )

    def _compare_figures(
        self, connection: duckdb.DuckDBPyConnection, portal_id: str, found: Verification
    ) -> None:
        held = _figures(
            self._transport.aggregates(portal_id, self._columns, key=self._key), self._columns
        )
        for what, wanted in expected_figures(connection, self._columns, "expected").items():
            there = held.get(what)
            found.checks.append(
                Check(
                    portal_id=portal_id,
                    what=what,
                    expected=_text(wanted),
                    found=_text(there),
                    holds=_equal(wanted, there),
                )
            )

    def _touch_what_was_written(
        self, connection: duckdb.DuckDBPyConnection, portal_id: str, since: str
    ) -> None:
        """Adds the keys of rows that were written after a mark, by us or by somebody else."""
        key = [self._dataset.column(self._key)]
        for page in self._transport.rows_updated_since(portal_id, key, since):
            connection.register("page", page)
            connection.execute(
                f"insert into touched select {self._key}::varchar from page "
                f"where {self._key} is not null"
            )
            connection.unregister("page")
        connection.execute(
            "create or replace table touched as select distinct row_key from touched"
        )

    def _read_back(
        self,
        connection: duckdb.DuckDBPyConnection,
        partition: str,
        portal_id: str,
        changed: Path | None,
        deleted: Path | None,
        *,
        since: str | None,
        full: bool,
        turn: int,
        found: Verification,
    ) -> None:
        fetch_all(
            connection,
            f"create or replace table touched as {_keys(self._key, partition, changed)} "
            f"union {_keys(self._key, partition, deleted)}",
        )
        if since is not None and not full:
            self._touch_what_was_written(connection, portal_id, since)
        if not full:
            found.rows_sampled[portal_id] = _add_sample(connection, self._key, turn)
        touched, rows = _count(connection, "touched"), _count(connection, "expected")
        read_all = full or touched > max(1_000, rows * READ_ALL_SHARE)
        if not (touched or full):
            return
        if read_all:
            wanted = "expected"
            tables = self._transport.rows(portal_id, self._columns)
        else:
            wanted = f"(from expected semi join touched on expected.{self._key} = touched.row_key)"
            keys = [row[0] for row in connection.execute("from touched order by all").fetchall()]
            tables = self._transport.rows_by_key(portal_id, self._columns, self._key, keys)
        read_digests(connection, tables, self._columns, self._key, into="held")
        fetch_all(
            connection,
            f"create or replace table wanted as {digests(self._columns, self._key, wanted)}",
        )
        for how, keys_now in differing_keys(connection, expected="wanted", found="held").items():
            found.differing.setdefault(how, []).extend(keys_now)
        found.rows_read_back[portal_id] = _count(connection, "held")
        if full:
            found.hashes[portal_id] = rows_hash(connection, "held")


def _add_sample(connection: duckdb.DuckDBPyConnection, key: str, turn: int) -> int:
    """Adds this proof's share of the untouched rows to `touched`; how many they are."""
    untouched = f"(from expected anti join touched on expected.{key} = touched.row_key)"
    share = f"(hash({key}) % {SHARES})::integer"
    counts = dict(
        connection.execute(f"select {share}, count(*) from {untouched} group by all").fetchall()
    )
    total = sum(counts.values())
    wanted = min(max(SAMPLED, math.ceil(total / SHARES)), total)
    width = next(one for one in _WINDOWS if one * total >= SHARES * wanted)
    shares: list[int] = []
    # Shares are not quite equal: one more is read where these are too few.
    for place in range(turn * width, turn * width + SHARES):
        if len(shares) >= width and sum(counts.get(one, 0) for one in shares) >= wanted:
            break
        shares.append(place % SHARES)
    connection.execute(
        f"insert into touched select {key}::varchar from {untouched} "
        f"where {share} in ({', '.join(map(str, shares))})"
    )
    return sum(int(counts.get(one, 0)) for one in shares)


def _no_dataset(partition: str) -> Check:
    return Check(
        portal_id=partition or "-",
        what="dataset",
        expected="a dataset that holds these rows",
        found="none on the portal",
        holds=False,
    )


def _partitions(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The partitions that should hold rows."""
    return [
        name
        for (name,) in connection.execute("select distinct _partition from snapshot").fetchall()
    ]


def _keys(key: str, partition: str, path: Path | None) -> str:
    if path is None:
        return "select null::varchar as row_key where false"
    return (
        f"select {key}::varchar as row_key from {parquet(path)} "
        f"where _partition = {quoted(partition)}"
    )


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    counted = connection.execute(f"select count(*) from {table}").fetchone()
    return int(counted[0]) if counted else 0


def expected_figures(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], table: str
) -> dict[str, Figure]:
    """The figures of a table of ours, under the names that the transport gives the portal's.

    Texts have no minimum and maximum here: their order is the portal's own.
    """
    wanted = {"rows": "count(*)"}
    for column in columns:
        wanted[f"non_null({column.name})"] = f"count({column.name})"
        if column.type == "number":
            wanted[f"sum({column.name})"] = f"sum({column.name})"
        if column.type in ("number", "date", "timestamp"):
            for what in ("min", "max"):
                bound = f"{what}({column.name})"
                wanted[bound] = bound if column.type == "number" else _moment(bound)
    (row,) = fetch_all(connection, f"select {', '.join(wanted.values())} from {table}")
    return dict(zip(wanted, row, strict=True))


def _moment(bound: str) -> str:
    """A time as the portal writes it."""
    return f"strftime(({bound})::timestamp, '%Y-%m-%dT%H:%M:%S.%g')"


def _figures(held: Aggregates, columns: Sequence[Column]) -> dict[str, Figure]:
    """What the portal says, under the same names."""
    figures: dict[str, Figure] = {"rows": held.rows}
    for column in columns:
        figures[f"non_null({column.name})"] = held.non_null[column.name]
        for what, values in (("sum", held.sums), ("min", held.minima), ("max", held.maxima)):
            figures[f"{what}({column.name})"] = values.get(column.name)
    return figures


def _equal(expected: Figure, found: Figure) -> bool:
    if isinstance(expected, float) and isinstance(found, Decimal):
        return math.isclose(expected, float(found), rel_tol=_RELATIVE, abs_tol=_RELATIVE)
    return expected == found


def _text(figure: Figure) -> str:
    return "" if figure is None else str(figure)
