"""What was found wrong, in which place, with what a person has to know of it.

Facts are counts, ids of lines, names and sentences; never a cell. The kinds are the headings of
`docs/runbook.md`.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError, place_of
from orchestration.gates.domain_rules import classified_rules, gate_rules
from orchestration.gates.report import (
    numbered,
    over_the_limit,
    quarantined_share,
    sentence,
    steps_of,
)
from orchestration.gates.suites import SUITES, Rule
from orchestration.publishing.counting import plan_as_carried_out
from orchestration.settings import LOCAL, Settings
from orchestration.state.records import RuleRecord
from orchestration.state.store import GateRecord, Publication, State

logger = logging.getLogger(__name__)

CRITICAL, WARNING = "critical", "warning"

GATE_FAILED = "gate_failed"
ROWS_QUARANTINED = "rows_quarantined"
ROWS_WAIT = "rows_wait"
WORDS_WAIT = "words_wait"
WORDS_RESEMBLE = "words_resemble"
ROWS_WITHDRAWN = "rows_withdrawn"
RULE_WARNED = "rule_warned"
RULE_BROKEN = "rule_broken"
STEP_STOPPED = "step_stopped"
STEP_BROKEN = "step_broken"
RUN_FAILED = "run_failed"
PUBLICATION_STOPPED = "publication_stopped"
PUBLICATION_HELD = "publication_held"
PUBLICATION_UNPROVEN = "publication_unproven"
SCHEDULE_LATE = "schedule_late"
DATA_STALE = "data_stale"
FILE_BROKEN = "file_broken"
WATCH_BROKEN = "watch_broken"

FOR_ENGINEERS = frozenset(
    {RULE_BROKEN, STEP_BROKEN, RUN_FAILED, SCHEDULE_LATE, FILE_BROKEN, WATCH_BROKEN}
)
"""What is broken rather than wrong: the data's owner cannot mend it."""
CAN_WAIT = frozenset({ROWS_QUARANTINED, ROWS_WAIT, RULE_WARNED, DATA_STALE})
"""What goes into the daily digest."""
WEEKLY = frozenset({WORDS_WAIT})
"""What goes into the weekly digest, and comes again every week until it is over."""

_LOOKED_BACK = 100
_NUMBER = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong: the same cause in the same place has the same fingerprint."""

    dataset: str | None
    kind: str
    severity: str
    cause: str
    facts: dict[str, Any]
    gate: str | None = None
    rule: str | None = None
    is_consequence: bool = False
    """Another finding is its root: it keeps what is open open, and opens nothing."""
    of_a_gate: bool = False
    """Its root is a gate's alert of the same dataset, where one is open."""

    @property
    def fingerprint(self) -> str:
        """Dataset, gate, rule and cause, as one short name."""
        text = "|".join(
            (self.dataset or "", self.kind, self.gate or "", self.rule or "", self.cause)
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What one place looked like when it was looked at: what is not among the findings is over.

    `unseen` are rules that were not judged: their alerts stay. `event_id` is the event of Dagster's
    log that it was read from; None where it was read from the present state.
    """

    scope: str
    findings: Sequence[Finding]
    run_id: str | None = None
    event_id: int | None = None
    unseen: frozenset[str] = field(default_factory=frozenset)


class View:
    """What messages on findings of a dataset add: its file, its owner, what the portal shows."""

    def __init__(self, settings: Settings, state: State, datasets: Mapping[str, Dataset]) -> None:
        self.settings = settings
        self.state = state
        self.datasets = datasets
        self._shown: dict[str, str] = {}

    def facts(self, dataset_id: str | None, *, kind: str, run_id: str | None) -> dict[str, Any]:
        """Whose it is, what the portal shows meanwhile, and where to look."""
        links = {"runbook": f"{self.settings.docs_url}/runbook.md#{kind}"}
        if run_id is not None:
            links["run"] = f"{self.settings.ui_url}/runs/{run_id}"
        dataset = self.datasets.get(dataset_id or "")
        if dataset is None:
            return {"title": dataset_id or "the pipeline", "links": links}
        return {
            "title": dataset.title,
            "owner": dataset.owner.team,
            "owner_email": dataset.owner.email,
            "portal_shows": self.portal_shows(dataset),
            "links": links,
        }

    def portal_shows(self, dataset: Dataset) -> str:
        """What the public sees at this moment, in a sentence."""
        if dataset.id not in self._shown:
            self._shown[dataset.id] = self._what_the_portal_shows(dataset)
        return self._shown[dataset.id]

    def _what_the_portal_shows(self, dataset: Dataset) -> str:
        proven = [
            one for one in self.publications(dataset) if one.state in ("verified", "unchanged")
        ]
        if not proven:
            return "Nothing of this dataset was ever published there by us."
        last = max(proven, key=lambda one: one.verified_at or one.planned_at)
        return (
            f"The portal shows the extract of {last.newest_extract_at[:10]}: "
            f"{plan_as_carried_out(last).rows:,} rows, as publication {last.id} left them."
        )

    def publications(self, dataset: Dataset) -> list[Publication]:
        """The latest publications to the portal that is in use, oldest first."""
        target = dataset.publish.domain if self.settings.portal == "live" else LOCAL
        return self.state.publications(dataset.id, target=target, last=_LOOKED_BACK)

    def rules(self, dataset_id: str, layer: str) -> dict[str, Rule]:
        """The rules of a gate by id; none where the suite cannot be read any more."""
        try:
            suite = gate_rules(self.settings, self.datasets[dataset_id], layer)
        except (ConfigurationError, KeyError):
            return {}
        return {rule.meta.rule_id: rule for rule in suite.rules}


def looked_at(
    view: View, scope: str, look: Callable[[], Sequence[Settlement]], *, event_id: int | None = None
) -> list[Settlement]:
    """What a look found; a look that crashes is a finding itself, and never hides the others."""
    broken: list[Finding] = []
    found: list[Settlement] = []
    try:
        found = list(look())
    except Exception as error:  # noqa: BLE001 - whatever it is, the other looks must go on
        # Its text may quote what the look was at.
        logger.error("%s: %s at %s", scope, type(error).__name__, place_of(error))
        facts = view.facts(None, kind=WATCH_BROKEN, run_id=None) | {
            "title": "the alerts themselves",
            "headline": f"{scope} could not be looked at ({type(error).__name__}).",
            "not_published": None,
            "to_do": "Nobody is told of what is wrong there: see `summerware gates`, and mend this.",
        }
        broken = [
            Finding(
                dataset=None,
                kind=WATCH_BROKEN,
                severity=CRITICAL,
                cause=f"{scope}: {type(error).__name__}",
                facts=facts,
            )
        ]
    return [*found, Settlement(scope=f"watch/{scope}", findings=broken, event_id=event_id)]


def of_gate(view: View, record: GateRecord, *, event_id: int | None) -> Settlement:
    """What a gate found. A gate over its limit is one finding, whatever rules took it there.

    Words that nobody classified are reported by `words`, not rule by rule.
    """
    gate = SUITES[record.layer]
    rules = view.rules(record.dataset, record.layer)
    fresh = view.state.newly_quarantined(record.dataset, record.run_id)
    is_over_limit = record.verdict == "failed" and not any(
        one["outcome"] == "failed" and one["strength"] == "table" for one in record.results
    )
    about_words = classified_rules(view.datasets[record.dataset])
    findings = [
        _of_rule(view, record, gate, one, rules, fresh, is_over_limit=is_over_limit)
        for one in record.results
        if one["outcome"] == "broken"
        or (one["outcome"] == "failed" and one["rule_id"] not in about_words)
    ]
    if is_over_limit:
        findings.append(_over_limit(view, record, gate, rules))
    judged = {one["rule_id"] for one in record.results if one["outcome"] != "broken"}
    if record.verdict == "passed":
        unseen: frozenset[str] = frozenset()
    else:
        # A rule that crashed, or was left out for a missing column, says nothing of its old finding.
        unseen = frozenset(rules) - judged
    return Settlement(
        scope=gate_scope(record.dataset, gate),
        findings=findings,
        run_id=record.run_id,
        event_id=event_id,
        unseen=unseen,
    )


def gate_scope(dataset_id: str, gate: str) -> str:
    """The place that a gate's findings are in."""
    return f"gate/{dataset_id}/{gate}"


def _of_rule(
    view: View,
    record: GateRecord,
    gate: str,
    result: RuleRecord,
    rules: Mapping[str, Rule],
    fresh: Mapping[str, int],
    *,
    is_over_limit: bool,
) -> Finding:
    rule_id, failing = result["rule_id"], result["failing"]
    kind, severity, cause, headline, effect, to_do = _words_of(view, record, gate, result, rules)
    facts = _gate_facts(view, record, gate, kind)
    facts |= {
        "headline": headline,
        "statement": rules[rule_id].meta.statement if rule_id in rules else None,
        "failing": failing,
        "share": result["share"],
        "keys": result["keys"],
        "new_keys": fresh.get(rule_id) if record.layer == "standardized" else None,
        "examples": list(result["examples"]),
        "observed": result["observed"],
        "not_published": effect,
        "to_do": to_do,
    }
    return Finding(
        dataset=record.dataset,
        kind=kind,
        severity=severity,
        gate=gate,
        rule=rule_id,
        cause=cause,
        facts=facts,
        is_consequence=is_over_limit and result["strength"] == "row",
    )


def _words_of(
    view: View,
    record: GateRecord,
    gate: str,
    result: RuleRecord,
    rules: Mapping[str, Rule],
) -> tuple[str, str, str, str, str, str]:
    """Kind, severity, cause, headline, what is not published and what to do, by what the rule may do."""
    said = sentence(result, record.rows)
    return {
        "broken": (
            RULE_BROKEN,
            CRITICAL,
            f"crashed: {result['cause']}",
            f"The check {said}; that says nothing of the data.",
            "Nothing of this extract was published: what cannot be checked does not go out.",
            _steps(view, record, rules),
        ),
        "table": (
            GATE_FAILED,
            CRITICAL,
            "failed",
            f"The {gate} gate stopped everything. {said}.",
            "Nothing of this extract was published.",
            _steps(view, record, rules, result),
        ),
        "row": (
            ROWS_QUARANTINED,
            WARNING,
            "quarantined",
            f"{said}; they were quarantined.",
            "The rows of their keys were not published; what the portal already had of them stays.",
            f"See which: `summerware ledger {record.dataset}`, `summerware why {record.dataset} KEY`.",
        ),
        "waiting": (
            ROWS_WAIT,
            WARNING,
            "waiting",
            f"{said}; they wait for a person.",
            "The rows of their keys are not on the portal: what is not known is not published.",
            "The owner of the source mends what is no place or names a person; a new street belongs "
            f"into its vocabulary. See which: `summerware ledger {record.dataset}`.",
        ),
        "warning": (
            RULE_WARNED,
            WARNING,
            "failed",
            f"{said}.",
            "This alone keeps nothing back.",
            "Look at it when there is time; it is told again when it grows or lasts.",
        ),
    }["broken" if result["outcome"] == "broken" else result["strength"]]


def _steps(
    view: View,
    record: GateRecord,
    rules: Mapping[str, Rule],
    result: RuleRecord | None = None,
) -> str:
    """What the gate's page says, too; of one rule alone where each has an alert of its own."""
    of_rule = replace(record, results=[result]) if result else record
    statements = {rule_id: rule.meta for rule_id, rule in rules.items()}
    dataset = view.datasets[record.dataset]
    return " ".join(numbered(steps_of(view.state, dataset, of_rule, statements)))


def _over_limit(view: View, record: GateRecord, gate: str, rules: Mapping[str, Rule]) -> Finding:
    worst = sorted(
        (one for one in record.results if one["outcome"] == "failed" and one["strength"] == "row"),
        key=lambda one: -one["failing"],
    )
    facts = _gate_facts(view, record, gate, GATE_FAILED) | {
        "headline": (
            f"{over_the_limit(view.datasets[record.dataset], record)}: the {gate} gate stopped "
            "everything."
        ),
        "statement": "Most by: "
        + ", ".join(f"{one['rule_id']} ({one['failing']:,})" for one in worst[:3]),
        "failing": record.quarantined,
        "share": quarantined_share(record),
        "examples": list(worst[0]["examples"]) if worst else [],
        "not_published": "Nothing of this extract was published.",
        "to_do": _steps(view, record, rules),
    }
    return Finding(
        dataset=record.dataset,
        kind=GATE_FAILED,
        severity=CRITICAL,
        gate=gate,
        cause="more quarantined than the limit",
        facts=facts,
    )


def _gate_facts(view: View, record: GateRecord, gate: str, kind: str) -> dict[str, Any]:
    facts = view.facts(record.dataset, kind=kind, run_id=record.run_id)
    facts["rows"] = record.rows
    check = f"{record.layer}/{record.dataset}?view=checks&checkDetail={gate}_gate"
    facts["links"] |= {
        "check": f"{view.settings.ui_url}/assets/{check}",
        "rule": f"{view.settings.docs_url}/rules.md#{record.dataset}",
    }
    return facts


def without_numbers(text: str) -> str:
    """A sentence as a cause: the same one tomorrow, with other numbers in it."""
    return _NUMBER.sub("#", text)


def what_is_new(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """What a finding has that it had not when it was seen last; none where it is the same again."""
    if "words" in after:
        fresh = set(after["words"]) - set(before.get("words", ()))
        return f"{_counted(len(fresh), 'word')} more" if fresh else None
    if after.get("new_keys"):
        return f"{_counted(after['new_keys'], 'key')} new since then"
    grown = (after.get("failing") or 0) - (before.get("failing") or 0)
    if grown > 0:
        return f"{_counted(grown, 'row')} more than then"
    observed = after.get("observed")
    # The same with other figures is nothing new.
    if without_numbers(observed or "") != without_numbers(before.get("observed") or ""):
        return f"now {observed}" if observed else None
    return None


def carried_on(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a finding that is seen again: it remembers every word that it ever was about."""
    if "words" not in after:
        return dict(after)
    return {**after, "words": sorted({*before.get("words", ()), *after["words"]})}


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
