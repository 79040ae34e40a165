"""What a rule about a whole table found, in figures that a person can act on.

The keys beside those of the last good extract and the limit; the headings that are missing beside those
that nobody listed; a number beside the bound that it broke. Names of columns and counts, never a cell.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from orchestration.dataset import Dataset
from orchestration.gates.evaluation import COLUMNS_RULE, RuleResult
from orchestration.gates.suites import Rule
from orchestration.gates.volume import Volume

SHOWN = 5
"""How many headings are named."""
ALIKE = 0.6
"""From here on two headings may be the same one."""
UNLISTED = "unlisted__"
"""What the names of such columns begin with in a landed extract."""
_VOLUME = ("keys_at_least", "keys_before")
_BOUNDS = (("min_value", "at least"), ("max_value", "at most"))


def with_figures(
    results: Iterable[RuleResult],
    rules: Sequence[Rule],
    dataset: Dataset,
    *,
    volume: Callable[[], Volume],
    columns: Callable[[], Collection[str]],
) -> list[RuleResult]:
    """The results, those of failed rules about the table with figures.

    `volume` and `columns`, of the gated table, are asked for only where a rule failed for them.
    """
    by_id = {rule.meta.rule_id: rule for rule in rules}
    return [
        replace(one, observed=_figures(one, by_id[one.rule_id], dataset, volume, columns))
        if one.outcome == "failed" and one.strength != "row"
        else one
        for one in results
    ]


def _figures(
    result: RuleResult,
    rule: Rule,
    dataset: Dataset,
    volume: Callable[[], Volume],
    columns: Callable[[], Collection[str]],
) -> str | None:
    if rule.type == COLUMNS_RULE:
        return _headings(dataset, columns()) or result.observed
    if any(name in str(rule.kwargs) for name in _VOLUME):
        return _volume(dataset, volume())
    if result.observed is None:
        return None
    bounds = [
        f"{word} {rule.kwargs[name]:g}"
        for name, word in _BOUNDS
        if isinstance(rule.kwargs.get(name), int | float)
    ]
    return ", ".join([result.observed, *bounds])


def _volume(dataset: Dataset, volume: Volume) -> str:
    """The keys, how many were wanted, and the extract and the limit that say so."""
    where = f" in its last {volume.days} days" if volume.days else ""
    if volume.since is None:
        return f"{volume.keys:,} keys{where}, at least {volume.keys_at_least:,} wanted"
    return (
        f"{volume.keys:,} keys{where}; the last good extract, of {volume.since[:10]}, has "
        f"{volume.before:,}{' in as many' if volume.days else ''}, so that at least "
        f"{max(1, volume.at_least):,} are wanted (limits.volume_drop_share: "
        f"{dataset.limits.volume_drop_share:g})"
    )


def _headings(dataset: Dataset, columns: Collection[str]) -> str | None:
    """Which columns are missing, and which headings nobody listed; `reasons.py` proposes aliases."""
    missing = [one for one in dataset.landed if one.required and one.name not in columns]
    if not missing:
        return None
    listed = {column.name for column in dataset.columns}
    unlisted = sorted(
        name.removeprefix(UNLISTED)
        for name in columns
        if name not in listed and not name.startswith("_")
    )
    said = [f"missing: {_named([f'{one.name} (heading {one.source})' for one in missing])}"]
    if unlisted:
        said.append(f"not listed in the dataset file: {_named(unlisted)}")
    return "; ".join(said)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
