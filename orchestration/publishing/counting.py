"""What a publication did to the portal, in counts: its plan, less what the portal refused.

A new row that was refused is not there; a changed one that was refused stands there as it was before.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from orchestration.duck import connect, keys_table, parquet
from orchestration.publishing.journal import plan_of
from orchestration.publishing.planning import Plan
from orchestration.state.records import PlanCounts
from orchestration.state.store import Publication

REFUSED: Final = "refused_by_change"
"""Under which name the journal keeps, beside the plan, how many rows of each change were refused."""


def count_refused(folder: Path, keys: Iterable[str]) -> dict[str, int]:
    """How many refused rows a plan's folder counts under each kind of change."""
    with connect() as connection:
        keys_table(connection, "refused", keys)
        return dict(
            connection.execute(
                f"select change, count(distinct row_key) from {parquet(folder / 'changes.parquet')} "
                "semi join refused using (row_key) group by change"
            ).fetchall()
        )


_NOTHING: PlanCounts = {
    "rows": 0,
    "inserts": 0,
    "updates": 0,
    "first_fills": 0,
    "deletes": 0,
    "held_back": 0,
    "unchanged": 0,
    "updates_by_column": {},
    "first_fills_by_column": {},
    "rows_by_partition": {},
    "dead_columns": [],
}
"""What a record says nothing of: one that an earlier version wrote lacks some counts."""


def plan_as_carried_out(publication: Publication) -> Plan:
    """The counts of a publication as the portal has them; of one that has not ended, as planned.

    Which columns the changed rows differ in, and the partitions, are those of the plan.
    """
    plan = plan_of(replace(publication, plan={**_NOTHING, **publication.plan}))
    refused = publication.plan.get(REFUSED) or {}
    return replace(
        plan,
        rows=plan.rows - refused.get("insert", 0),
        inserts=plan.inserts - refused.get("insert", 0),
        updates=plan.updates - refused.get("update", 0),
        first_fills=plan.first_fills - refused.get("first_fill", 0),
    )
