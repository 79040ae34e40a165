"""The rows that cannot be published: what no portal's types hold, and what a portal refused.

They are left out of what is sent, keep on the portal what it held before, and are named with their
column, value and reason in `refused.parquet`. More of them than the dataset's limit are a failure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.duck import connect, copy_to_parquet, keys_table, parquet
from orchestration.errors import PortalFault
from orchestration.publishing.checking import local_faults
from orchestration.publishing.journal import Journal, plan_of
from orchestration.state.chunks import RefusedRow
from orchestration.state.store import Publication

_SHOWN = 5


class LeftOut:
    """What a publication's files and snapshot are without the rows that cannot be published."""

    def __init__(self, dataset: Dataset, journal: Journal, progress: Callable[[str], None]) -> None:
        self._dataset = dataset
        self._journal = journal
        self._progress = progress

    def sendable(self, folder: Path, work: Path) -> tuple[Path, list[RefusedRow]]:
        """The plan's files without the rows that the portal's types cannot hold, and those rows."""
        faults = local_faults(self._dataset, folder / "upserts.parquet").to_pylist()
        if not faults:
            return folder, []
        refused = [RefusedRow(**fault) for fault in faults]
        return self.keeping(folder, refused, work / "sendable", also_upserts=True), refused

    def keeping(
        self,
        folder: Path,
        refused: Sequence[RefusedRow],
        target: Path,
        *,
        also_upserts: bool = False,
    ) -> Path:
        """A plan's files without the deletes of refused rows, which keep their old place.

        `also_upserts`: without the upserts of these rows, too.
        """
        if not refused:
            return folder
        target.mkdir()
        key = self._dataset.key
        with connect(spill=target) as connection:
            keys_table(connection, "left_out", keys_of(refused))
            for name in ("upserts", "deletes"):
                path = target / f"{name}.parquet"
                if name == "upserts" and not also_upserts:
                    path.hardlink_to(folder / path.name)
                    continue
                connection.execute(
                    copy_to_parquet(
                        f"from {parquet(folder / path.name)} as rows "
                        f"anti join left_out on rows.{key} = left_out.row_key "
                        f"where rows.{key} is not null order by _partition, {key}",
                        path,
                    )
                )
        return target

    def by_portal(self, publication: Publication) -> list[RefusedRow]:
        """What the portal refused, by the journal.

        A row that the plan does not change, and that only a replacement sent again, is still wanted.
        """
        folder = self._journal.folder(publication)
        refused = self._journal.refused(publication)
        if not refused:
            return []
        key = self._dataset.key
        with connect() as connection:
            keys_table(connection, "refused", keys_of(refused))
            moved = {
                found
                for name in ("upserts", "deletes")
                for (found,) in connection.execute(
                    f"select row_key from refused semi join {parquet(folder / f'{name}.parquet')} "
                    f"as rows on rows.{key}::varchar = refused.row_key"
                ).fetchall()
            }
        return [row for row in refused if row.key in moved]

    def refuse_too_many(self, publication: Publication, refused: Sequence[RefusedRow]) -> None:
        """Raises: PortalFault: more rows cannot be published than the dataset's limit."""
        allowed = self._dataset.limits.quarantined_share * max(plan_of(publication).rows, 1)
        rows = len({row.key for row in refused})
        if rows > allowed:
            self._progress(first_of(refused))
            raise PortalFault(
                f"{self._dataset.id}: {rows:,} rows cannot be published, more than the "
                f"dataset's limit of {allowed:,.0f}: {_reasons(refused)}"
            )

    def what_should_be_there(
        self, publication: Publication, refused: Sequence[RefusedRow], work: Path
    ) -> Path:
        """The snapshot, refused rows put back to what the portal held before."""
        folder = self._journal.folder(publication)
        if not refused:
            return folder / "snapshot.parquet"
        target = work / "snapshot.parquet"
        key = self._dataset.key
        with connect(spill=work) as connection:
            keys_table(connection, "left_out", keys_of(refused))
            connection.execute(
                copy_to_parquet(
                    f"from {parquet(folder / 'snapshot.parquet')} as rows "
                    f"anti join left_out on rows.{key} = left_out.row_key union all by name "
                    f"from {parquet(folder / 'preimages.parquet')} as rows "
                    f"semi join left_out on rows.{key} = left_out.row_key "
                    f"order by _partition, {key}",
                    target,
                )
            )
            self._write_refused(connection, folder, refused, work / "refused.parquet")
        return target

    def _write_refused(
        self, connection: Any, folder: Path, refused: Sequence[RefusedRow], target: Path
    ) -> None:
        """Key, column, value and reason; where only the column is known, its value is looked up."""
        connection.execute(
            "create table refused (row_key varchar, column_name varchar, value varchar, "
            "reason varchar)"
        )
        connection.executemany(
            "insert into refused values (?, ?, ?, ?)",
            [(row.key, row.column, row.value, row.reason) for row in refused],
        )
        names = [column.name for column in self._dataset.published]
        cases = " ".join(f"when '{name}' then rows.{name}::varchar" for name in names)
        connection.execute(
            copy_to_parquet(
                "select row_key, column_name, coalesce(value, case column_name "
                f"{cases} end) as value, reason from refused left join "
                f"{parquet(folder / 'upserts.parquet')} as rows "
                f"on rows.{self._dataset.key} = refused.row_key order by all",
                target,
            )
        )


def _reasons(refused: Sequence[RefusedRow]) -> str:
    """Why rows were refused, and how many each; no key, for it is kept on the receipt."""
    counted = Counter(_why(row) for row in refused)
    return "; ".join(f"{why} ({count:,})" for why, count in counted.most_common(_SHOWN))


def keys_of(refused: Iterable[RefusedRow]) -> set[str]:
    """The keys of the rows that have one."""
    return {row.key for row in refused if row.key is not None}


def first_of(refused: Sequence[RefusedRow]) -> str:
    """The first refused rows, without their values."""
    named = "; ".join(f"{row.key}: {_why(row)}" for row in refused[:_SHOWN])
    return f"{named}{'; …' if len(refused) > _SHOWN else ''}"


def _why(row: RefusedRow) -> str:
    return f"{row.column + ', ' if row.column else ''}{row.reason}"
