"""Guards: what a plan must not do unless a named person says that it is right.

They judge counts of a plan, not rows: a short extract that would empty a dataset, a column that
went dead, half of the rows restyled overnight. What is wrong with single rows is the gates' to say.
"""

from dataclasses import dataclass

from orchestration.dataset import Dataset
from orchestration.publishing.planning import Plan


@dataclass(frozen=True, kw_only=True)
class Tripped:
    """One guard that stops a plan, and why in plain words."""

    guard: str
    why: str


def tripped_guards(
    dataset: Dataset, plan: Plan, *, grain_before: str | None, grain: str
) -> list[Tripped]:
    """Every guard that stops this plan; none where the portal held nothing before.

    `grain` is what one line of the newest extract is; before, of what was published last.
    """
    if not plan.rows_before:
        return []
    shares = [
        (
            "deletes",
            plan.deletes + plan.surplus,
            plan.rows_before,
            dataset.guards.deletes_share,
            f"{plan.deletes + plan.surplus:,} of {plan.rows_before:,} rows would be deleted",
        ),
        (
            "updates",
            plan.guarded_updates,
            plan.common_keys,
            dataset.guards.updates_share,
            f"{plan.guarded_updates:,} of {plan.common_keys:,} rows would change",
        ),
        (
            "row_count",
            plan.rows_before - plan.rows,
            plan.rows_before,
            dataset.guards.rows_drop_share,
            f"the rows would go from {plan.rows_before:,} down to {plan.rows:,}",
        ),
    ]
    found = [
        Tripped(guard=guard, why=f"{why} (limit {limit:.0%})")
        for guard, count, of, limit, why in shares
        if of and count / of > limit
    ]
    if not plan.rows:
        found.append(Tripped(guard="empty", why="nothing would be left of the dataset"))
    found += [
        Tripped(guard="emptied_column", why=f"the column {name} would lose every value")
        for name in plan.emptied_columns
    ]
    if grain_before is not None and grain_before != grain:
        found.append(
            Tripped(guard="grain", why=f"a line was one {grain_before} and is one {grain} now")
        )
    return found
