"""What is asked of the state database about withdrawn rows: keyed hashes, since when, and whether back.

What a withdrawal is stands in `orchestration/publishing/withdrawing.py`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from orchestration.state import tables
from orchestration.state.database import for_writing
from orchestration.state.store import State, now


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """One row whose newest version is protected, and that left the portal for it.

    `cause` is `unclassified` or ids of policies with blanks between. `returned_at` is when a right
    version of it was planned again; none while it has to stay away.
    """

    dataset: str
    key_hash: str
    cause: str
    run_id: str
    withdrawn_at: str
    returned_at: str | None = None


class WithdrawalStore:
    """The part of the state database that keeps withdrawals."""

    def __init__(self, state: State) -> None:
        self._engine = state.engine
        self._writing = for_writing(state.engine)

    def withdrawals(self, dataset: str, *, open_only: bool = False) -> list[Withdrawal]:
        """The withdrawals of a dataset, also those that are over where not asked otherwise."""
        table = tables.withdrawal
        query = sa.select(table).where(table.c.dataset == dataset)
        if open_only:
            query = query.where(table.c.returned_at.is_(None))
        with self._engine.connect() as connection:
            return [Withdrawal(**row) for row in connection.execute(query).mappings()]

    def withdraw(
        self, dataset: str, causes: Mapping[str, str], *, run_id: str, is_over: bool = False
    ) -> None:
        """Notes rows, by the hashes of their keys, as withdrawn; those that are already stay so.

        `is_over` is for rows that a publication itself blanks or removes: that they were protected once
        is remembered, so that no rollback brings back what they held before.
        """
        table = tables.withdrawal
        with self._writing.begin() as connection:
            known = {
                row.key_hash: row.returned_at
                for row in connection.execute(sa.select(table).where(table.c.dataset == dataset))
            }
            again = [] if is_over else [one for one in causes if known.get(one) is not None]
            for part in _parts(again):
                connection.execute(
                    table.delete().where(table.c.dataset == dataset, table.c.key_hash.in_(part))
                )
            rows = [
                {"dataset": dataset, "key_hash": key_hash, "cause": cause, "run_id": run_id,
                 "withdrawn_at": now(), "returned_at": now() if is_over else None}
                for key_hash, cause in causes.items()
                if key_hash not in known or key_hash in set(again)
            ]  # fmt: skip
            if rows:
                connection.execute(table.insert(), rows)

    def bring_back(self, dataset: str, key_hashes: Collection[str]) -> None:
        """Notes that rows need to stay away no longer."""
        table = tables.withdrawal
        with self._writing.begin() as connection:
            for part in _parts(list(key_hashes)):
                connection.execute(
                    table.update()
                    .where(table.c.dataset == dataset, table.c.key_hash.in_(part))
                    .values(returned_at=now())
                )


def _parts(hashes: list[str], size: int = 500) -> list[list[str]]:
    """So few that a statement may name them."""
    return [hashes[start : start + size] for start in range(0, len(hashes), size)]
