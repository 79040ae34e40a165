"""The baseline: what the portal holds before a plan, and whether somebody else changed it.

Our last proven snapshot, where the portal's own marks (rows, time of the last change) are still
those of its proof; otherwise the portal's rows, read and compared. Rows that somebody else changed
stop the publication until a person says whose are to stay; what a publication of ours that did not
end well may have left there is no stranger's edit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.duck import connect, parquet
from orchestration.errors import ExternalEdit, PublicationRefused
from orchestration.layers import snapshot_file
from orchestration.publishing.comparing import SQL_TYPES, differing_keys, digests, foreign_keys
from orchestration.publishing.context import Context
from orchestration.publishing.ordering import parquet_writer, write_in_order
from orchestration.publishing.portal_datasets import PortalDataset
from orchestration.publishing.verification import Verifier
from orchestration.state.records import PortalMarks
from orchestration.state.store import Publication

_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Edits:
    """How the portal's rows differ from what we proved last, and who touched which 4x4 when."""

    keys: Mapping[str, list[str]]
    """`missing` (deleted there), `extra` (added there), `changed`."""
    touched: tuple[str, ...]

    @property
    def all_keys(self) -> list[str]:
        """Every row that somebody else changed."""
        return sorted({key for keys in self.keys.values() for key in keys})

    def __bool__(self) -> bool:
        return bool(self.all_keys)

    def __str__(self) -> str:
        counts = ", ".join(
            f"{len(self.keys[how])} {word}"
            for how, word in (("extra", "added"), ("changed", "changed"), ("missing", "deleted"))
            if self.keys[how]
        )
        keys = self.all_keys
        examples = ", ".join(keys[:_EXAMPLES]) + (", …" if len(keys) > _EXAMPLES else "")
        return f"{'; '.join(self.touched)}: rows {counts} ({examples})"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the portal holds before a plan."""

    rows: Path | None
    """A snapshot file; none where the portal holds no row."""
    marks: Mapping[str, PortalMarks]
    """The portal's own of each 4x4, from right before the rows were read."""


class BaselineReader:
    """Finds the baseline of one dataset on one target."""

    def __init__(self, context: Context, datasets: Mapping[str, PortalDataset]) -> None:
        self._settings = context.settings
        self._dataset = context.dataset
        self._target = context.target
        self._journal = context.journal
        self._datasets = datasets

    def find(self, folder: Path) -> Baseline:
        """Our last proven snapshot, or the portal's rows.

        Raises:
            ExternalEdit: somebody else changed rows since they were proven.
            PublicationRefused: a live dataset that held rows is gone.
        """
        marks = self.marks()
        return Baseline(rows=self._rows(folder, marks), marks=marks)

    def _rows(self, folder: Path, marks: Mapping[str, PortalMarks]) -> Path | None:
        last = self._journal.last_finished()
        if last is None:
            return self._rows_if_any(folder)
        unproven = self._journal.unproven()
        if not unproven and last.marks and last.marks == marks:
            return snapshot_file(self._settings, last)
        gone = self._gone(last)
        if gone and self._target.is_live:
            raise PublicationRefused(
                f"{self._dataset.id}: {', '.join(gone)} held rows and is gone from "
                f"{self._target.name}. Restore it there, or correct publish in the dataset file"
            )
        if gone:
            return self._rows_if_any(folder)
        if unproven and not self._holds_rows():
            return None
        edits, rows = self.edits(last, folder)
        if edits:
            raise ExternalEdit(
                f"{self._dataset.id}: somebody else changed {self._target.name} since the last "
                f"publication. {edits}. Whose rows are to stay? Say so with `summerware edits "
                f"{self._dataset.id} --keep ours` or `--keep theirs`, with --by and --reason"
            )
        return rows

    def edits(self, last: Publication, folder: Path) -> tuple[Edits, Path]:
        """What somebody else changed since the last proof, and the portal's rows as they are."""
        rows = self.read_portal(folder)
        columns, key = self._dataset.published, self._dataset.key
        with connect(spill=folder) as connection:
            ours = self._comparable(snapshot_file(self._settings, last), connection)
            for name, table in (("ours", f"({ours})"), ("theirs", parquet(rows))):
                connection.execute(f"create table {name} as {digests(columns, key, table)}")
            keys = differing_keys(connection, expected="ours", found="theirs")
            unproven = self._journal.unproven()
            if unproven:
                keys = self._not_left_by(unproven, keys, connection)
        return Edits(keys=keys, touched=self._touched(last)), rows

    def _not_left_by(
        self, unproven: Sequence[Publication], keys: Mapping[str, list[str]], connection: Any
    ) -> dict[str, list[str]]:
        """Of the keys that differ from what was proven last, those whose rows are not ours either.

        A missing row is ours where we meant to delete it, or where the portal reported it as left
        out. Where it is not known any more what we sent, nothing is called an edit.
        """
        columns, key = self._dataset.published, self._dataset.key
        files = [snapshot_file(self._settings, one) for one in unproven]
        deletes = [self._journal.folder(one) / "deletes.parquet" for one in unproven]
        if not all(file.is_file() for file in (*files, *deletes)):
            return {how: [] for how in keys}
        sent = " union all ".join(
            digests(columns, key, f"({self._comparable(file, connection)})") for file in files
        )
        connection.execute(f"create table explained as from ours union all {sent}")
        foreign = set(foreign_keys(connection, held="theirs", explained="explained"))
        gone = " union ".join(f"select {key}::varchar from {parquet(file)}" for file in deletes)
        ours = {found for (found,) in connection.execute(gone).fetchall()}
        ours |= {row.key for one in unproven for row in self._journal.refused(one)}
        return {
            how: [one for one in found if (one not in ours if how == "missing" else one in foreign)]
            for how, found in keys.items()
        }

    def marks(self) -> dict[str, PortalMarks]:
        """The portal's own marks of each 4x4: rows, time of the last change and of the newest row."""
        return {
            one.portal_id: {
                "partition": one.partition,
                "rows": self._target.transport.count(one.portal_id),
                "rows_updated_at": (one.metadata or {}).get("rowsUpdatedAt"),
                "newest_update": self._target.transport.newest_update(one.portal_id),
            }
            for one in self._datasets.values()
        }

    def read_portal(self, folder: Path) -> Path:
        """The portal's rows in the shape of a snapshot, once its replica shows all of them."""
        columns, key = self._dataset.published, self._dataset.key
        target, as_read = folder / "baseline.parquet", folder / "as_read.parquet"
        verifier = Verifier(self._dataset, self._target.transport)
        with connect(spill=folder) as connection:
            types = ", ".join(f"null::{SQL_TYPES[one.type]} as {one.name}" for one in columns)
            empty = connection.execute(
                f"select ''::varchar as _partition, {types} limit 0"
            ).to_arrow_table()
            with parquet_writer(as_read, empty.schema, key) as writer:
                for partition, one in sorted(self._datasets.items()):
                    verifier.wait_until_fresh(one.portal_id)
                    for page in self._target.transport.rows(one.portal_id, columns, order=key):
                        named = page.add_column(0, "_partition", pa.array([partition] * len(page)))
                        writer.write_table(named.select(empty.column_names).cast(empty.schema))
            write_in_order(connection, f"from {parquet(as_read)}", key, target)
        as_read.unlink()
        return target

    def _rows_if_any(self, folder: Path) -> Path | None:
        return self.read_portal(folder) if self._holds_rows() else None

    def _holds_rows(self) -> bool:
        transport = self._target.transport
        return any(transport.count(one.portal_id) for one in self._datasets.values())

    def _gone(self, last: Publication) -> list[str]:
        held = {name for name, rows in last.plan["rows_by_partition"].items() if rows}
        lost = held - set(self._datasets)
        known = {mark["partition"]: portal_id for portal_id, mark in last.marks.items()}
        return [known.get(partition, partition or "the dataset") for partition in sorted(lost)]

    def _comparable(self, snapshot: Path, connection: Any) -> str:
        """A snapshot's rows under today's columns: what it lacks is null."""
        held = {
            row[0] for row in connection.execute(f"describe from {parquet(snapshot)}").fetchall()
        }
        names = ", ".join(
            column.name
            if column.name in held
            else f"null::{SQL_TYPES[column.type]} as {column.name}"
            for column in self._dataset.published
        )
        return f"select {names} from {parquet(snapshot)}"

    def _touched(self, last: Publication) -> tuple[str, ...]:
        """Who wrote last to the 4x4s whose marks moved, and when, as far as the portal says."""
        marks = self.marks()
        touched = []
        for one in self._datasets.values():
            if marks[one.portal_id] == last.marks.get(one.portal_id):
                continue
            who = one.metadata.get("rowsUpdatedBy") or "somebody"
            moment = one.metadata.get("rowsUpdatedAt")
            when = (
                datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
                if moment
                else "a time that the portal does not say"
            )
            touched.append(f"{one.portal_id} was written by {who} at {when}")
        return tuple(touched)
