"""How plans and files that wait to be sent obey the tombstones.

A plan is made from a mart, a ledger and a baseline. Whatever these hold, a taken-down row is no
longer in what should be there and is deleted where the portal has it; a taken-down column holds
nothing. Files that were planned before a takedown and hold what it forbids are not sent.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.dataset import LINK, Dataset
from orchestration.duck import connect, copy_to_parquet, parquet
from orchestration.errors import PublicationRefused
from orchestration.tombstones.tombstones import POLICY, Tombstones


@dataclass(frozen=True, kw_only=True)
class PlanInputs:
    """What a plan is made from; see `planning.make_plan`."""

    dataset: Dataset
    mart: Path
    ledger: Path | None
    baseline: Path | None
    frozen: Path | None = None


def obey(
    tombstones: Tombstones,
    inputs: PlanInputs,
    *,
    extracted_at: str,
    folder: Path,
    whole: bool = False,
) -> PlanInputs:
    """The same inputs without what is taken down; new files, where needed, are in the folder.

    `whole` says that a row absent from the mart is to go, whatever the extract covers.
    """
    if not tombstones:
        return inputs
    with connect(spill=folder) as connection:
        tombstones.declare(connection)
        return _Obeying(tombstones, inputs, connection, folder, extracted_at, whole).inputs()


def count_taken_down(tombstones: Tombstones, dataset: Dataset, rows: Path) -> int:
    """How many rows of a mart, a snapshot or upserts hold what is taken down."""
    if not tombstones:
        return 0
    with connect() as connection:
        tombstones.declare(connection)
        held = _columns(connection, rows)
        forbidden = [tombstones.is_row(dataset.key)]
        forbidden += [f"{name} is not null" for name in tombstones.columns if name in held]
        forbidden += [tombstones.is_row(LINK)] if LINK in held else []
        return _count(connection, f"{parquet(rows)} where {' or '.join(forbidden)}")


def refuse_taken_down(
    tombstones: Tombstones, dataset: Dataset, folder: Path, *, file: str = "upserts"
) -> None:
    """Looks through the rows of a planned publication, just before they are sent.

    Raises:
        PublicationRefused: they hold what was taken down since they were planned.
    """
    found = count_taken_down(tombstones, dataset, folder / f"{file}.parquet")
    if found:
        raise PublicationRefused(
            f"{dataset.id}: {found:,} of its rows hold what was taken down since it was planned; "
            "run the dataset again for a fresh plan"
        )


class _Obeying:
    """One plan's inputs on one connection that knows the tombstones."""

    def __init__(
        self,
        tombstones: Tombstones,
        inputs: PlanInputs,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        extracted_at: str,
        whole: bool,
    ) -> None:
        self._tombstones = tombstones
        self._given = inputs
        self._connection = connection
        self._folder = folder
        self._extracted_at = extracted_at
        self._whole = whole
        self._key = inputs.dataset.key

    def inputs(self) -> PlanInputs:
        """The inputs that obey."""
        return PlanInputs(
            dataset=self._dataset(),
            mart=self._mart(),
            ledger=self._ledger(),
            baseline=self._given.baseline,
            frozen=self._frozen(),
        )

    def _dataset(self) -> Dataset:
        """A taken-down column does not keep its last live value, as a volatile one would."""
        columns = tuple(
            column.model_copy(update={"volatile": False})
            if column.name in self._tombstones.columns
            else column
            for column in self._given.dataset.columns
        )
        return Dataset.model_construct(**{**dict(self._given.dataset), "columns": columns})

    def _mart(self) -> Path:
        mart = self._given.mart
        held = _columns(self._connection, mart)
        taken = [name for name in self._tombstones.columns if name in held]
        forbidden = [self._tombstones.is_row(self._key), *(f"{name} is not null" for name in taken)]
        forbidden += [self._tombstones.is_row(LINK)] if LINK in held else []
        left_over = self._left_over(held)
        if not left_over and not _count(
            self._connection, f"{parquet(mart)} where {' or '.join(forbidden)}"
        ):
            return mart
        kept = f"select {self._without(held)} from {parquet(mart)} where not {forbidden[0]}"
        more = f" union all by name {left_over}" if left_over else ""
        return self._write(f"{kept}{more} order by {self._key}", "obeyed_mart")

    def _left_over(self, held: dict[str, str]) -> str:
        """Rows of the portal that the mart does not have, that stay, and that must lose a column."""
        baseline = self._given.baseline
        if baseline is None or self._whole:
            return ""
        there = _columns(self._connection, baseline)
        filled = [f"{name} is not null" for name in self._tombstones.columns if name in there]
        filled += [self._tombstones.is_row(LINK)] if LINK in there and self._tombstones.rows else []
        if not filled:
            return ""
        names = {name: held[name] for name in there if name in held}
        query = (
            f"select {self._without(names)} from {parquet(baseline)} as before "
            f"where ({' or '.join(filled)}) and not {self._tombstones.is_row(self._key)} "
            f"and not ({self._gone()}) "
            f"and {self._key} not in (select {self._key} from {parquet(self._given.mart)})"
        )
        return query if _count(self._connection, f"({query})") else ""

    def _gone(self) -> str:
        """Where absence from the mart means that the row goes anyway."""
        source, ledger = self._given.dataset.source, self._given.ledger
        covered = "true" if source.kind == "complete" else "false"
        if source.window is not None:
            covered = (
                f"coalesce({source.window.column} >= timestamp '{self._extracted_at}' "
                f"- interval {source.window.days} day, false)"
            )
        if ledger is None:
            return covered
        fates = f"select row_key from {parquet(ledger)} where row_key is not null and fate"
        return (
            f"{self._key} in ({fates} in ('withheld', 'merged')) "
            f"or ({covered} and {self._key} not in ({fates} = 'quarantined'))"
        )

    def _ledger(self) -> Path | None:
        """Every taken-down key of the ledger or the portal as withheld, whatever befell it before."""
        ledger, baseline = self._given.ledger, self._given.baseline
        if ledger is None or not self._tombstones.rows:
            return ledger
        known = f"select row_key from {parquet(ledger)} where {self._tombstones.is_row('row_key')}"
        if baseline is not None:
            known += (
                f" union select {self._key}::varchar from {parquet(baseline)} "
                f"where {self._tombstones.is_row(self._key)}"
            )
        return self._write(
            f"select * from {parquet(ledger)} where not {self._tombstones.is_row('row_key')} "
            f"union all by name select row_key, 'withheld' as fate, '{POLICY}' as reason "
            f"from ({known})",
            "obeyed_ledger",
        )

    def _frozen(self) -> Path | None:
        frozen = self._given.frozen
        if frozen is None:
            return None
        query = f"from {parquet(frozen)} where not {self._tombstones.is_row('row_key')}"
        return self._write(query, "obeyed_frozen")

    def _without(self, held: dict[str, str]) -> str:
        """Columns to select, without values that are taken down or name a row that is."""
        cells = dict.fromkeys(held, "")
        cells[LINK] = f"case when not {self._tombstones.is_row(LINK)} then {LINK} end as "
        cells |= {name: f"null::{held.get(name)} as " for name in self._tombstones.columns}
        return ", ".join(f"{cells[name]}{name}" for name in held)

    def _write(self, query: str, name: str) -> Path:
        target = self._folder / f"{name}.parquet"
        self._connection.execute(copy_to_parquet(query, target))
        return target


def _columns(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    described = connection.execute(f"describe from {parquet(path)}").fetchall()
    return {row[0]: row[1] for row in described}


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    counted = connection.execute(f"select count(*) from {table}").fetchone()
    return int(counted[0]) if counted else 0
