"""What a gate's verdict is in words: what failed, how bad, since when, and what to do next.

Markdown for the check and its page, one line for the run. Counts, shares, rule ids, line ids and what
the suites say of their rules: never a cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from orchestration.dataset import TIME_ZONE, Dataset
from orchestration.gates.gate import upstream_chain
from orchestration.gates.history import Streak, failing_since, stopped_since
from orchestration.gates.suites import SUITES, RuleMeta, load_suite
from orchestration.settings import Settings
from orchestration.state.store import GateRecord, Layer, State

SHOWN = 5
"""How many rules are told in words; the table has them all."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A verdict in words. `headline` is one line; the others are Markdown, empty where it passed."""

    headline: str
    what_failed: str
    since: str
    what_to_do: str
    """Numbered, the likeliest first."""
    since_run: str | None
    """The first run in a row that did not pass this gate."""
    streaks: Mapping[str, Streak]
    """Of every rule that did not pass, warnings included."""
    statements: Mapping[str, RuleMeta]
    """What the suite says of each rule."""


def tell(
    settings: Settings, state: State, dataset: Dataset, layer: Layer, record: GateRecord
) -> Told:
    """The verdict on a layer in words.

    Raises:
        ConfigurationError: the suite cannot be read any more.
    """
    rules = load_suite(settings, dataset.id, record.layer).rules
    statements = {rule.meta.rule_id: rule.meta for rule in rules}
    streaks = failing_since(state, record)
    if record.verdict == "passed":
        return Told(
            headline=f"passed: {reason(record)}",
            what_failed="",
            since="",
            what_to_do="",
            since_run=None,
            streaks=streaks,
            statements=statements,
        )
    stopped = stopped_since(state, record)
    extracts = upstream_chain(state, layer)[0].facts["extracts"]
    steps = _steps(dataset, record, extracts[-1] if extracts else "EXTRACT")
    return Told(
        headline=(
            f"{dataset.id}: {SUITES[record.layer]} gate {record.verdict}: {_bad(dataset, record)}. "
            f"Since {_run(stopped)}. Next: {steps[0]} The check's page has the rest."
        ),
        what_failed=_what_failed(dataset, record, statements),
        since=_since(stopped, {one["rule_id"]: one for one in _stoppers(record)}, streaks),
        what_to_do="\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1)),
        since_run=stopped.run_id,
        streaks=streaks,
        statements=statements,
    )


def as_markdown(told: Told) -> str:
    """What failed, since when and what to do, as one text; the headline where the gate passed."""
    if told.since_run is None:
        return told.headline
    return (
        f"{told.what_failed}\n\n**Since when:** {told.since}\n\n"
        f"**What to do:**\n\n{told.what_to_do}"
    )


def reason(record: GateRecord) -> str:
    """The verdict's reason in a few words."""
    found = [rule for rule in record.results if rule["outcome"] != "passed"]
    if record.verdict == "passed":
        warned = sum(rule["outcome"] == "failed" for rule in found)
        return (
            f"{len(record.results)} rules, {record.quarantined} lines quarantined, {warned} to see"
        )
    if record.verdict == "broken":
        return ", ".join(
            f"{rule['rule_id']} crashed ({rule['cause']})"
            for rule in found
            if rule["outcome"] == "broken"
        )
    stopped = [rule["rule_id"] for rule in found if rule["strength"] == "table"]
    return ", ".join(stopped) or (
        f"{record.quarantined:,} of {record.rows:,} lines quarantined, more than the limit"
    )


def quarantined_share(record: GateRecord) -> float:
    """Lines quarantined of lines looked at, 0 to 1."""
    return round(record.quarantined / record.rows, 6) if record.rows else 0.0


def _stoppers(record: GateRecord) -> list[dict[str, Any]]:
    """The rules that stopped the gate, the worst first."""
    if record.verdict == "broken":
        return [rule for rule in record.results if rule["outcome"] == "broken"]
    failed = [rule for rule in record.results if rule["outcome"] == "failed"]
    tables = [rule for rule in failed if rule["strength"] == "table"]
    rows = [rule for rule in failed if rule["strength"] == "row"]
    return sorted(tables or rows, key=lambda rule: (-rule["failing"], rule["rule_id"]))


def _bad(dataset: Dataset, record: GateRecord) -> str:
    """How bad it is, in one line."""
    if record.verdict == "broken":
        return reason(record)
    worst = "; ".join(f"{one['rule_id']}{_count(one)}" for one in _stoppers(record)[:SHOWN])
    if any(one["strength"] == "table" for one in _stoppers(record)):
        return worst
    return f"{reason(record)} of {dataset.limits.quarantined_share:.1%}: {worst}"


def _count(rule: Mapping[str, Any]) -> str:
    if rule["failing"]:
        keys = f" of {rule['keys']:,} keys" if rule["keys"] else ""
        return f" {rule['failing']:,} ({rule['share']:.1%}){keys}"
    return f" ({rule['observed']})" if rule["observed"] else ""


def _is_told(rule: Mapping[str, Any]) -> bool:
    """Whether what was found is more than a count."""
    return not str(rule["observed"] or "0").replace(".", "", 1).isdigit()


def _what_failed(dataset: Dataset, record: GateRecord, statements: Mapping[str, RuleMeta]) -> str:
    stoppers = _stoppers(record)
    if record.verdict == "broken":
        first = "broken: a rule crashed. That says nothing of the data, and lets none through"
    elif any(one["strength"] == "table" for one in stoppers):
        first = "failed: a rule about the whole table does not hold"
    else:
        first = f"failed: {reason(record)} of {dataset.limits.quarantined_share:.1%}"
    lines = [f"**{first}**", ""]
    for rule in stoppers[:SHOWN]:
        meta = statements.get(rule["rule_id"])
        cause = f" crashed with {rule['cause']}" if rule["cause"] else ""
        said = f". Must be true: {meta.statement}" if meta else ""
        found = f" Found: {rule['observed']}." if rule["failing"] and _is_told(rule) else ""
        lines.append(f"- `{rule['rule_id']}`{cause}{_count(rule)}{said}{found}")
    if len(stoppers) > SHOWN:
        lines.append(f"- and {len(stoppers) - SHOWN} more, in the table of rules")
    return "\n".join(lines)


def _since(stopped: Streak, stoppers: Mapping[str, Any], streaks: Mapping[str, Streak]) -> str:
    lines = [f"Nothing has passed this gate since {_run(stopped)}."]
    others = [(rule_id, streaks[rule_id]) for rule_id in stoppers if rule_id in streaks]
    if any(streak != stopped for _, streak in others):
        lines.append("")
        lines += [f"- `{rule_id}`: {_run(streak)}" for rule_id, streak in others[:SHOWN]]
    return "\n".join(lines)


def _run(streak: Streak) -> str:
    moment = datetime.fromisoformat(streak.since).astimezone(ZoneInfo(TIME_ZONE))
    times = "this run" if streak.runs == 1 else f"{streak.runs} runs in a row"
    return f"run {streak.run_id[:8]} of {moment:%Y-%m-%d %H:%M} {TIME_ZONE} ({times})"


def _steps(dataset: Dataset, record: GateRecord, extract: str) -> Sequence[str]:
    """What a person does next, the likeliest first."""
    suite = f"expectations/{dataset.id}/{SUITES[record.layer]}.yaml"
    file = f"orchestration/datasets/{dataset.id}.yaml"
    again = f"run `summerware run {dataset.id}`"
    owner = f"{dataset.owner.team} ({dataset.owner.email})"
    meanwhile = (
        "Until then nothing below this gate is made and the portal keeps what was published last; "
        "the other datasets go on."
    )
    if record.verdict == "broken":
        return (
            f"Mend the rule in `{suite}`; `summerware check` finds many mistakes.",
            f"Then {again}: the same extract is judged again.",
            meanwhile,
        )
    if record.layer == "deduplicated":
        return (
            f"Look at `dbt_project/models/marts/{dataset.id}.sql` and what it is made from: this gate "
            "guards our own models, the extract has passed.",
            f"Mend the model, and {again}.",
            meanwhile,
        )
    discard = f'`summerware discard {dataset.id} {extract} --reason "..."`'
    broken = f"If the extract is broken, {discard} and ask {owner} for a new one."
    if record.layer == "raw":
        return (
            f"Compare the extract with what the rule found; if the source renamed a column, add its "
            f"heading to the column's `aliases` in `{file}` and {again}.",
            broken,
            meanwhile,
        )
    return (
        f"Run the queries for all failing lines, on the check's page, and ask {owner} what happened.",
        broken,
        f"If the values are right, mend the rule in `{suite}` or the vocabulary; if so many bad lines "
        f"are to be borne, raise `limits.quarantined_share` in `{file}`. Then {again}.",
        meanwhile,
    )
