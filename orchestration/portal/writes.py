"""What a request does to the rows of a dataset: insert, update, delete, one by one and in order.

The rules of protocol 2.3. All rows of a request are planned in memory first, so a key that comes
twice ends as its last mention says, and SQLite then gets three bulk statements. How bodies become
rows is in `bodies`; the transaction around all this is the `store`'s.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from orchestration.portal.behaviour import Behaviour
from orchestration.portal.bodies import Row
from orchestration.portal.dataset import Dataset
from orchestration.portal.identifiers import row_id
from orchestration.portal.store import now_ms, save_dataset
from orchestration.portal.values import Stored, comparable_number, utc_text


@dataclass(frozen=True)
class RowError:
    """A row that was left out of a request that went through."""

    code: str
    error: str
    input_index: int
    primary_key: Stored


@dataclass
class Outcome:
    """What a request did."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    by_key: bool = False
    errors: list[RowError] = field(default_factory=list)
    last_row: int | None = None
    """The number of the row that was written last."""

    @property
    def done(self) -> int:
        """How many rows went through."""
        return self.created + self.updated + self.deleted

    def counters(self, behaviour: Behaviour) -> dict[str, int]:
        """The public answer: counts, and no word about which row failed."""
        counters = {
            "Rows Created": self.created,
            "Rows Updated": self.updated,
            "Rows Deleted": self.deleted,
        }
        if self.errors or behaviour.errors_counter == "always":
            counters["Errors"] = len(self.errors)
        if behaviour.counters == "six":
            counters["By RowIdentifier"] = self.done if self.by_key else 0
            counters["By SID"] = 0 if self.by_key else self.done
        return counters

    def report(self) -> dict[str, Any]:
        """The answer to `$$version=2.0`: counts, and every row that failed."""
        errors = [
            {"error": e.error, "input_index": e.input_index, "primary_key": e.primary_key}
            for e in self.errors
        ]
        return {
            "rows_created": self.created,
            "rows_updated": self.updated,
            "rows_deleted": self.deleted,
            "errors": errors,
        }


@dataclass
class _Planned:
    """What will become of one row; `number` is None for one that is not there yet."""

    number: int | None
    fields: tuple[str, ...]
    values: list[Stored]
    deleted: bool = False

    def merge(self, row: Row) -> None:
        """Takes over what a later mention of the same row sets, and keeps the rest."""
        if not self.fields or row.fields == self.fields:
            self.fields, self.values = row.fields, row.values
            return
        merged = dict(zip(self.fields, self.values, strict=True))
        merged.update(zip(row.fields, row.values, strict=True))
        self.fields, self.values = tuple(merged), list(merged.values())


class Mutation:
    """One request against one dataset, inside one transaction."""

    def __init__(self, connection: sqlite3.Connection, dataset: Dataset) -> None:
        self._connection = connection
        self._dataset = dataset
        self._keyed = dataset.key is not None
        self._outcome = Outcome(by_key=self._keyed)
        self._known: dict[Stored, tuple[int, int]] = {}
        self._current: dict[Stored, _Planned] = {}
        self._plans: list[_Planned] = []

    def run(self, rows: Iterable[Row], *, truncate: bool = False) -> Outcome:
        """Applies the rows, after emptying the dataset when it is a replacement."""
        listed = list(rows)
        if truncate:
            self._connection.execute(f"delete from {self._dataset.table}")
        else:
            self._look_up({row.key for row in listed if row.key is not None})
        for index, row in enumerate(listed):
            self._plan(index, row)
        self._apply(truncate)
        return self._outcome

    def _look_up(self, keys: set[Stored]) -> None:
        """Which of the keys are there, under which number and version."""
        key = self._dataset.key
        sql = key.type.comparable.format(key.sql) if key else '":id"'
        found = self._connection.execute(
            f'select {sql}, ":id", ":version" from {self._dataset.table}'
            f" where {sql} in (select value from json_each(?))",
            (json.dumps(list(keys)),),
        )
        self._known = {value: (number, version) for value, number, version in found}

    def _plan(self, index: int, row: Row) -> None:
        if row.problem:
            self._fail("bad_row", index, row, row.problem)
            return
        if row.key is None:
            self._plan_keyless(index, row)
            return
        current = self._current.get(row.key)
        if current is None and row.key in self._known:
            current = _Planned(self._known[row.key][0], (), [])
        gone = current is None or current.deleted
        if row.version is not None and self._stale(index, row, gone):
            return
        if row.deleted:
            self._plan_deletion(index, row, None if gone else current)
        elif current is not None and not gone:
            self._plan_update(row, current)
        elif self._keyed:
            self._plan_insert(row)
        else:
            self._fail("no_such_row_to_update", index, row, "no record is found for this :id")

    def _plan_keyless(self, index: int, row: Row) -> None:
        if self._keyed:
            message = "the row identifier is missing or null"
            self._fail("no_primary_key", index, row, message)
        elif row.version is not None:
            self._fail("version_on_new_row", index, row, "a new row has no version")
        else:
            self._plan_insert(row)

    def _stale(self, index: int, row: Row, gone: bool) -> bool:
        if gone:
            self._fail("version_on_new_row", index, row, "a new row has no version")
            return True
        if self._known.get(row.key, (0, None))[1] != row.version:
            self._fail("version_mismatch", index, row, "the row has another version")
            return True
        return False

    def _plan_insert(self, row: Row) -> None:
        planned = _Planned(None, row.fields, row.values)
        self._plans.append(planned)
        if row.key is not None:
            self._current[row.key] = planned
        self._outcome.created += 1

    def _plan_update(self, row: Row, current: _Planned) -> None:
        if row.key not in self._current:
            self._current[row.key] = current
            self._plans.append(current)
        current.merge(row)
        self._outcome.updated += 1

    def _plan_deletion(self, index: int, row: Row, current: _Planned | None) -> None:
        if current is None:
            self._fail("no_such_row_to_delete", index, row, "no record is found to delete")
            return
        if row.key not in self._current:
            self._current[row.key] = current
            self._plans.append(current)
        current.deleted = True
        self._outcome.deleted += 1

    def _fail(self, code: str, index: int, row: Row, message: str) -> None:
        key = row.key
        if not self._keyed and isinstance(key, int):
            key = row_id(key)
        self._outcome.errors.append(RowError(code, message, index, key))

    def _apply(self, truncate: bool) -> None:
        if not self._outcome.done and not truncate:
            return
        before = self._dataset
        moment = max(now_ms(), (before.rows_updated_at or 0) + 1)
        version = before.data_version + 1
        stamp = utc_text(datetime.fromtimestamp(moment / 1000, UTC))
        self._delete()
        self._update(stamp, version)
        self._insert(stamp, version)
        kept = 0 if truncate else before.row_count
        changed = replace(
            before,
            data_version=version,
            rows_updated_at=moment,
            row_count=kept + self._outcome.created - self._outcome.deleted,
        )
        save_dataset(self._connection, changed)

    def _delete(self) -> None:
        numbers = [(p.number,) for p in self._plans if p.deleted and p.number is not None]
        sql = f'delete from {self._dataset.table} where ":id" = ?'
        self._connection.executemany(sql, numbers)

    def _update(self, stamp: str, version: int) -> None:
        updates = [p for p in self._plans if p.number is not None and not p.deleted]
        for fields, plans in _by_fields(updates).items():
            settings = "".join(f', "{name}" = ?' for name in fields)
            self._connection.executemany(
                f'update {self._dataset.table} set ":updated_at" = ?, ":version" = ?{settings}'
                ' where ":id" = ?',
                ([stamp, version, *p.values, p.number] for p in plans),
            )
        if updates:
            self._outcome.last_row = updates[-1].number

    def _insert(self, stamp: str, version: int) -> None:
        inserts = [p for p in self._plans if p.number is None and not p.deleted]
        for fields, plans in _by_fields(inserts).items():
            names = "".join(f', "{name}"' for name in fields)
            marks = ", ?" * len(fields)
            self._connection.executemany(
                f'insert into {self._dataset.table} (":created_at", ":updated_at", ":version"'
                f"{names}) values (?, ?, ?{marks})",
                ([stamp, stamp, version, *p.values] for p in plans),
            )
        if inserts:
            (self._outcome.last_row,) = self._connection.execute(
                "select last_insert_rowid()"
            ).fetchone()


def _by_fields(plans: list[_Planned]) -> dict[tuple[str, ...], list[_Planned]]:
    """The plans by what they set, in order; most requests have one shape."""
    groups: dict[tuple[str, ...], list[_Planned]] = {}
    for plan in plans:
        groups.setdefault(plan.fields, []).append(plan)
    return groups


def look_up_row(connection: sqlite3.Connection, dataset: Dataset, key: Stored) -> int | None:
    """The number of the row with this key, or None."""
    column = dataset.key
    sql = column.type.comparable.format(column.sql) if column else '":id"'
    if isinstance(key, str) and column is not None and column.type.name == "number":
        key = comparable_number(key)
    found = connection.execute(f'select ":id" from {dataset.table} where {sql} = ?', (key,))
    row = found.fetchone()
    return int(row[0]) if row else None
