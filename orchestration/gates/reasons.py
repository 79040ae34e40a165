"""What a failed rule cannot say by counting: why lines could not be read, what a heading became.

Read off the landed lines and their columns. Reasons and headings are ours or the source's names, never
a cell.
"""

from collections.abc import Sequence
from dataclasses import replace

from orchestration.dataset import Dataset
from orchestration.duck import columns_of, query
from orchestration.gates.evaluation import RuleResult
from orchestration.gates.suites import Rule
from orchestration.sources.header import propose_aliases

UNREADABLE = "_parse_error"
UNLISTED = "unlisted__"
_COLUMNS_RULE = "expect_table_columns_to_match_set"
_SHOWN = 3


def with_reasons(
    dataset: Dataset, rules: Sequence[Rule], results: Sequence[RuleResult], raw: str
) -> list[RuleResult]:
    """The results, those of failed rules on headings, keys and unreadable lines with the reason.

    `raw` are the landed lines, as SQL.
    """
    by_id = {rule.meta.rule_id: rule for rule in rules}
    return [
        replace(result, observed=_joined(result.observed, reasons))
        if result.outcome == "failed" and (reasons := _reasons(dataset, by_id[result.rule_id], raw))
        else result
        for result in results
    ]


def _reasons(dataset: Dataset, rule: Rule, raw: str) -> list[str]:
    if rule.type == _COLUMNS_RULE:
        return _renamed(dataset, raw)
    if rule.kwargs.get("column") in (UNREADABLE, *dataset.landed_key):
        return _unreadable(raw)
    return []


def _renamed(dataset: Dataset, raw: str) -> list[str]:
    names = [*columns_of(raw)]
    missing = [
        column.name for column in dataset.landed if column.required and column.name not in names
    ]
    unlisted = [name.removeprefix(UNLISTED) for name in names if name.startswith(UNLISTED)]
    return propose_aliases(dataset, missing, unlisted)


def _unreadable(raw: str) -> list[str]:
    """The most frequent reasons, each with its count; those of single cells name the cell."""
    if UNREADABLE not in columns_of(raw):
        return []
    found = query(
        f"select {UNREADABLE}, count(*), count(*) over () from {raw} "
        f"where {UNREADABLE} is not null group by {UNREADABLE} "
        f"order by count(*) desc, min(_line) limit {_SHOWN}"
    )
    lines = [
        f"{count:,} line{'' if count == 1 else 's'} not read: {reason}"
        for reason, count, _ in found
    ]
    others = found[0][2] - len(found) if found else 0
    return [*lines, f"{others:,} more reasons"] if others else lines


def _joined(observed: str | None, reasons: Sequence[str]) -> str:
    # A bare count says nothing beside a reason.
    counted = observed is None or observed.replace(".", "", 1).isdigit()
    return "; ".join(([] if counted else [str(observed)]) + list(reasons))
