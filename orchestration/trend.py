"""How gates and rules went over time: every verdict that was ever recorded, drawn for a terminal.

From the state database alone; no row of data. Imports neither Dagster, dbt nor Great Expectations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict, cast

from orchestration.errors import ConfigurationError
from orchestration.gates.suites import SUITES
from orchestration.state.records import RuleRecord
from orchestration.state.store import State, Verdict


class VerdictJson(TypedDict):
    """One gate's verdict in one run; `rows` and `quarantined` are lines, `recorded_at` is UTC."""

    run_id: str
    recorded_at: str
    verdict: str
    rows: int
    quarantined: int


class PointJson(TypedDict):
    """What one rule said in one run, as `Point`; `failing` and `rows` are rows."""

    run_id: str
    recorded_at: str
    outcome: str
    failing: int
    rows: int
    share: float | None


class RuleTrendJson(TypedDict):
    """One rule of one gate, one entry of `runs` per run, oldest first."""

    gate: str
    rule: str
    strength: str
    runs: list[PointJson]


class TrendJson(TypedDict):
    """A dataset's verdicts by gate, oldest first, and its rules."""

    dataset: str
    gates: dict[str, list[VerdictJson]]
    rules: list[RuleTrendJson]


BLOCKS = "▁▂▃▄▅▆▇█"
NOT_JUDGED = "·"


@dataclass(frozen=True, kw_only=True)
class Point:
    """What one rule said in one run; `share` is of the rows looked at, none where it was broken."""

    run_id: str
    recorded_at: str
    outcome: str
    failing: int
    rows: int
    share: float | None


@dataclass(frozen=True, kw_only=True)
class RuleTrend:
    """One rule of one gate over all its runs, oldest first."""

    gate: str
    rule_id: str
    strength: str
    points: list[Point]

    @property
    def last(self) -> Point:
        """What it said last."""
        return self.points[-1]

    @property
    def failing_since(self) -> Point | None:
        """The first of the runs in a row in which it did not pass, up to the last; else none."""
        first = None
        for point in reversed(self.points):
            if not _is_off(point):
                break
            first = point
        return first

    @property
    def runs_failing(self) -> int:
        """How many runs in a row it has not passed, up to the last."""
        since = self.failing_since
        return 0 if since is None else len(self.points) - self.points.index(since)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A dataset's gates over time: verdicts in the order in which they were given, and rules."""

    dataset: str
    verdicts: dict[str, list[Verdict]]
    rules: list[RuleTrend]


def trend(state: State, dataset: str, *, last: int | None = None) -> Trend:
    """The verdicts of a dataset's gates, of all runs or the last so many, and what each rule said."""
    verdicts: dict[str, list[Verdict]] = {}
    points: dict[tuple[str, str], list[Point]] = {}
    strengths: dict[tuple[str, str], str] = {}
    for layer, gate in SUITES.items():
        verdicts[gate] = state.verdicts(dataset, layer, last=last)[::-1]
        for verdict in verdicts[gate]:
            for one in verdict.results:
                key = gate, one["rule_id"]
                strengths[key] = one["strength"]
                points.setdefault(key, []).append(_point(verdict, one))
    return Trend(
        dataset=dataset,
        verdicts={gate: found for gate, found in verdicts.items() if found},
        rules=[
            RuleTrend(gate=gate, rule_id=rule_id, strength=strengths[gate, rule_id], points=found)
            for (gate, rule_id), found in points.items()
        ],
    )


def rule_trend(found: Trend, rule_id: str) -> RuleTrend:
    """One rule's trend.

    Raises:
        ConfigurationError: no verdict knows the rule.
    """
    for one in found.rules:
        if one.rule_id == rule_id:
            return one
    known = ", ".join(sorted(one.rule_id for one in found.rules)) or "none yet"
    raise ConfigurationError(
        f"{found.dataset}: no rule {rule_id} was ever judged; there are: {known}"
    )


def sparkline(values: Sequence[float | None], *, width: int) -> str:
    """Values as one line of blocks, the highest as high as can be; each block the most of its runs."""
    buckets = [_most(bucket) for bucket in _buckets(values, width)]
    top = max((value for value in buckets if value is not None), default=0.0)
    return "".join(_block(value, top) for value in buckets)


def plot(values: Sequence[float | None], *, width: int, height: int) -> list[str]:
    """Values as lines of blocks, from the top down."""
    buckets = [_most(bucket) for bucket in _buckets(values, width)]
    top = max((value for value in buckets if value is not None), default=0.0)
    return [
        "".join(_block_of_row(value, top, row, height) for value in buckets)
        for row in range(height - 1, -1, -1)
    ]


def as_json(found: Trend, rule_id: str | None) -> TrendJson:
    """As a script reads it."""
    rules: Iterable[RuleTrend] = found.rules if rule_id is None else [rule_trend(found, rule_id)]
    return {
        "dataset": found.dataset,
        "gates": {
            gate: [
                {"run_id": one.run_id, "recorded_at": one.recorded_at, "verdict": one.verdict,
                 "rows": one.rows, "quarantined": one.quarantined}
                for one in verdicts
            ]
            for gate, verdicts in found.verdicts.items()
        },
        "rules": [
            {"gate": one.gate, "rule": one.rule_id, "strength": one.strength,
             "runs": [cast(PointJson, vars(point)) for point in one.points]}
            for one in rules
        ],
    }  # fmt: skip


def _point(verdict: Verdict, result: RuleRecord) -> Point:
    is_broken = result["outcome"] == "broken"
    return Point(
        run_id=verdict.run_id,
        recorded_at=verdict.recorded_at,
        outcome=result["outcome"],
        failing=result["failing"],
        rows=verdict.rows,
        share=None if is_broken else _share(result),
    )


def _share(result: RuleRecord) -> float:
    # A rule about the whole table that fails has no rows to count: all of it is off.
    if result["outcome"] == "failed" and not result["failing"]:
        return 1.0
    return float(result["share"])


def _is_off(point: Point) -> bool:
    return point.outcome != "passed" or point.failing > 0


def _buckets(values: Sequence[float | None], width: int) -> list[Sequence[float | None]]:
    if len(values) <= width:
        return [[value] for value in values]
    edges = [round(number * len(values) / width) for number in range(width + 1)]
    return [values[start:end] for start, end in pairwise(edges)]


def _most(bucket: Sequence[float | None]) -> float | None:
    return max((value for value in bucket if value is not None), default=None)


def _block(value: float | None, top: float) -> str:
    if value is None:
        return NOT_JUDGED
    if not value:
        return " "
    return BLOCKS[min(len(BLOCKS) - 1, int(value / top * len(BLOCKS)))]


def _block_of_row(value: float | None, top: float, row: int, height: int) -> str:
    if value is None:
        return NOT_JUDGED if row == 0 else " "
    eighths = round(value / top * height * len(BLOCKS)) if top else 0
    if value and not eighths:
        eighths = 1
    rest = eighths - row * len(BLOCKS)
    return " " if rest <= 0 else BLOCKS[min(rest, len(BLOCKS)) - 1]
