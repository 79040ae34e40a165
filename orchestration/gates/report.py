"""What a gate's verdict is in words: what failed, how bad, since when, and what to do next.

Markdown for the check and its page, one line for the run. Counts, shares, rule ids, line ids and what
the suites say of their rules: never a cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestration.city_time import city_time
from orchestration.dataset import Dataset
from orchestration.gates.domain_rules import gate_rules
from orchestration.gates.gate import upstream_chain
from orchestration.gates.history import Streak, failing_since, stopped_since
from orchestration.gates.suites import COMMON, SUITES, RuleMeta
from orchestration.settings import Settings
from orchestration.state.records import RuleRecord
from orchestration.state.store import GateRecord, Layer, State

SHOWN = 5
"""How many rules are described in words; the table has them all."""


@dataclass(frozen=True, kw_only=True)
class GateReport:
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
) -> GateReport:
    """The verdict on a layer in words.

    Raises:
        ConfigurationError: the suite cannot be read any more.
    """
    rules = gate_rules(settings, dataset, record.layer).rules
    statements = {rule.meta.rule_id: rule.meta for rule in rules}
    streaks = failing_since(state, record)
    if record.verdict == "passed":
        return GateReport(
            headline=f"passed: {reason(record)}",
            what_failed="",
            since="",
            what_to_do="",
            since_run=None,
            streaks=streaks,
            statements=statements,
        )
    stopped = stopped_since(state, record)
    steps = steps_after(dataset, record, statements, extract=_extract_of(state, layer))
    return GateReport(
        headline=(
            f"{dataset.id}: {SUITES[record.layer]} gate {record.verdict}: {_bad(dataset, record)}. "
            f"Since {_run(stopped)}. Next: {steps[0]} The gate's page has the rest."
        ),
        what_failed=_what_failed(dataset, record, statements),
        since=_since(stopped, {one["rule_id"]: one for one in _stoppers(record)}, streaks),
        what_to_do="\n".join(numbered(steps)),
        since_run=stopped.run_id,
        streaks=streaks,
        statements=statements,
    )


def _extract_of(state: State, layer: Layer | None) -> str:
    """The newest extract of a layer, as commands name it."""
    extracts = upstream_chain(state, layer)[0].facts["extracts"] if layer else ()
    return extracts[-1] if extracts else "EXTRACT"


def numbered(steps: Sequence[str]) -> list[str]:
    """Steps with their numbers, the likeliest first."""
    return [f"{number}. {step}" for number, step in enumerate(steps, start=1)]


def as_markdown(report: GateReport) -> str:
    """What failed, since when and what to do, as one text; the headline where the gate passed."""
    if report.since_run is None:
        return report.headline
    return (
        f"{report.what_failed}\n\n**Since when:** {report.since}\n\n"
        f"**What to do:**\n\n{report.what_to_do}"
    )


def as_text(report: GateReport) -> str:
    """The same for a terminal: no marks of Markdown, and no words on a gate that passed."""
    if report.since_run is None:
        return ""
    what_failed = report.what_failed.replace("**", "").replace("\n\n", "\n")
    return f"{what_failed}\nWhat to do:\n{report.what_to_do}"


def steps_of(
    state: State, dataset: Dataset, record: GateRecord, statements: Mapping[str, RuleMeta]
) -> list[str]:
    """What a person does after a verdict, where only its record is at hand."""
    layer = state.newest_layer(record.dataset, record.layer, run_id=record.run_id)
    return steps_after(dataset, record, statements, extract=_extract_of(state, layer))


def sentence(rule: RuleRecord, rows: int) -> str:
    """What one rule found, as a sentence without its full stop."""
    if rule["outcome"] == "broken":
        return f"{rule['rule_id']} crashed with {rule['cause']}"
    if rule["failing"] and not _is_of_the_table(rule):
        keys = f", {rule['keys']:,} key{'s' * (rule['keys'] != 1)}" if rule["keys"] else ""
        found = f" for {rule['failing']:,} of {rows:,} rows ({rule['share']:.1%}){keys}"
        return f"{rule['rule_id']} does not hold{found}" + _observed(rule)
    return f"{rule['rule_id']} does not hold" + (_observed(rule) or " for the table as a whole")


def _is_of_the_table(rule: RuleRecord) -> bool:
    """Whether a rule names no line: a query about all lines together names line 0."""
    return bool(rule["examples"]) and all(line.endswith(":0") for line in rule["examples"])


def _observed(rule: RuleRecord) -> str:
    """What was found, where it says more than how many rows fail."""
    says_more = rule["observed"] and rule["observed"] != str(rule["failing"])
    return f": {rule['observed']}" if says_more else ""


def over_the_limit(dataset: Dataset, record: GateRecord) -> str:
    """That too many lines were quarantined, as a sentence without its full stop."""
    return (
        f"{record.quarantined:,} of {record.rows:,} lines quarantined, more than the limit of "
        f"{dataset.limits.quarantined_share:.1%}"
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


def _stoppers(record: GateRecord) -> list[RuleRecord]:
    """The rules that stopped the gate, the worst first."""
    if record.verdict == "broken":
        return [rule for rule in record.results if rule["outcome"] == "broken"]
    failed = [rule for rule in record.results if rule["outcome"] == "failed"]
    tables = [rule for rule in failed if rule["strength"] == "table"]
    rows = [rule for rule in failed if rule["strength"] == "row"]
    return sorted(tables or rows, key=lambda rule: (-rule["failing"], rule["rule_id"]))


def _bad(dataset: Dataset, record: GateRecord) -> str:
    """How bad it is, in one line."""
    stoppers = _stoppers(record)
    worst = "; ".join(sentence(one, record.rows) for one in stoppers[:SHOWN])
    if record.verdict == "broken" or any(one["strength"] == "table" for one in stoppers):
        return worst
    return f"{over_the_limit(dataset, record)}: {worst}"


def _what_failed(dataset: Dataset, record: GateRecord, statements: Mapping[str, RuleMeta]) -> str:
    stoppers = _stoppers(record)
    if record.verdict == "broken":
        first = "broken: a rule crashed. That says nothing of the data, and nothing goes on"
    elif any(one["strength"] == "table" for one in stoppers):
        first = f"failed: a rule about the whole of its {record.rows:,} rows does not hold"
    else:
        first = f"failed: {over_the_limit(dataset, record)}"
    lines = [f"**{first}**", ""]
    for rule in stoppers[:SHOWN]:
        meta = statements.get(rule["rule_id"])
        said = sentence(rule, record.rows).removeprefix(rule["rule_id"])
        must = f". Must be true: {meta.statement}" if meta else ""
        lines.append(f"- `{rule['rule_id']}`{said}{must}")
    if len(stoppers) > SHOWN:
        lines.append(f"- and {len(stoppers) - SHOWN} more, in the table of rules")
    return "\n".join(lines)


def _since(
    stopped: Streak, stoppers: Mapping[str, RuleRecord], streaks: Mapping[str, Streak]
) -> str:
    lines = [f"Nothing has passed this gate since {_run(stopped)}."]
    others = [(rule_id, streaks[rule_id]) for rule_id in stoppers if rule_id in streaks]
    if any(streak != stopped for _, streak in others):
        lines.append("")
        lines += [f"- `{rule_id}`: {_run(streak)}" for rule_id, streak in others[:SHOWN]]
    return "\n".join(lines)


def _run(streak: Streak) -> str:
    times = "this run" if streak.runs == 1 else f"{streak.runs} runs in a row"
    return f"run {streak.run_id[:8]} of {city_time(streak.since)} ({times})"


def steps_after(
    dataset: Dataset,
    record: GateRecord,
    statements: Mapping[str, RuleMeta],
    *,
    extract: str = "EXTRACT",
) -> list[str]:
    """What a person does next, the likeliest first."""
    name = f"{SUITES[record.layer]}.yaml"
    suite = f"expectations/{dataset.id}/{name}` or `expectations/{COMMON}/{name}"
    file = f"orchestration/datasets/{dataset.id}.yaml"
    again = f"run `summerware run {dataset.id}`"
    owner = f"{dataset.owner.team} ({dataset.owner.email})"
    meanwhile = "Until then the portal keeps what was published last; the other datasets go on."
    if record.verdict == "broken":
        return [
            f"Mend the rule in `{suite}`; `summerware check` finds many mistakes.",
            f"Then {again}: the same extract is judged again.",
            meanwhile,
        ]
    if record.layer == "deduplicated":
        return [
            f"Look at `dbt_project/models/marts/{dataset.id}.sql` and what it is made from: this gate "
            "guards our own models, the extract has passed.",
            f"Mend the model, and {again}.",
            meanwhile,
        ]
    discard = f'`summerware discard {dataset.id} {extract} --reason "..."`'
    broken = f"If the extract is broken, {discard} and ask {owner} for a new one."
    if record.layer == "raw":
        return [
            *_ways_out(record, statements, file),
            broken,
            f"If the extract is right and the rule is not, mend the rule in `{suite}`. Then {again}.",
            meanwhile,
        ]
    return [
        f"See all failing lines by the queries on the gate's page (`gates/{dataset.id}/"
        f"{SUITES[record.layer]}.html` in the home), and ask {owner} what happened.",
        broken,
        f"If the values are right, mend the rule in `{suite}` or the vocabulary; if so many bad lines "
        f"are acceptable, raise `limits.quarantined_share` in `{file}`. Then {again}.",
        meanwhile,
    ]


def _ways_out(record: GateRecord, statements: Mapping[str, RuleMeta], file: str) -> list[str]:
    """What the failed rules themselves name as the way out, each once; else where to look first."""
    said = [
        statements[one["rule_id"]].to_do
        for one in _stoppers(record)
        if one["rule_id"] in statements
    ]
    ways = [way.replace("{file}", f"`{file}`") for way in dict.fromkeys(said) if way]
    return ways or [
        "Compare the extract with what the rule found; if the source renamed a column, add its "
        f"heading to the column's `aliases` in `{file}`."
    ]
