"""From findings to messages: an alert opens once, says what is new, and ends with a word.

The same cause in the same place is one alert, however many runs find it. A warning that lasts and a
critical alert that nobody acknowledges escalate, once; a warning that becomes critical does at once. What
goes into the weekly digest does not: it comes again every week, as it is then.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from orchestration.alerts.findings import (
    CRITICAL,
    GATE_FAILED,
    RULE_BROKEN,
    WARNING,
    WEEKLY,
    Finding,
    Settlement,
    carried_on,
    what_is_new,
)
from orchestration.alerts.routing import Router
from orchestration.state.alerts import Alert, AlertWriter
from orchestration.state.store import now

OPENED, NEWS, ESCALATED, RESOLVED = "opened", "news", "escalated", "resolved"


def settle(writer: AlertWriter, router: Router, settlements: Iterable[Settlement]) -> None:
    """Opens, renews and ends alerts by what was found, in this order."""
    for settlement in settlements:
        event_id = settlement.event_id
        if event_id is not None and not writer.is_newer(settlement.scope, event_id):
            continue
        _settle_scope(writer, router, settlement)


def _settle_scope(writer: AlertWriter, router: Router, settlement: Settlement) -> None:
    opened = {alert.fingerprint: alert for alert in writer.open_alerts(settlement.scope)}
    found = {finding.fingerprint: finding for finding in settlement.findings}
    for fingerprint, finding in found.items():
        if fingerprint in opened:
            _renew(writer, router, opened[fingerprint], finding, settlement.run_id)
        elif not _has_root_elsewhere(writer, finding):
            _open(writer, router, settlement, finding)
    for fingerprint, alert in opened.items():
        if fingerprint not in found and alert.rule not in settlement.unseen:
            writer.change(alert.id, resolved_at=router.now, resolved_run_id=settlement.run_id)
            _tell(writer, router, alert, RESOLVED)


def _has_root_elsewhere(writer: AlertWriter, finding: Finding) -> bool:
    if finding.is_consequence:
        return True
    return finding.of_a_gate and any(
        alert.dataset == finding.dataset and alert.kind in (GATE_FAILED, RULE_BROKEN)
        for alert in writer.open_alerts()
    )


def _open(writer: AlertWriter, router: Router, settlement: Settlement, finding: Finding) -> None:
    moment = router.now
    alert = Alert(
        id=writer.new_alert_id(finding.fingerprint),
        fingerprint=finding.fingerprint,
        scope=settlement.scope,
        dataset=finding.dataset,
        kind=finding.kind,
        severity=finding.severity,
        gate=finding.gate,
        rule=finding.rule,
        cause=finding.cause,
        facts=finding.facts,
        runs=1,
        opened_at=moment,
        last_seen_at=moment,
        last_run_id=settlement.run_id,
    )
    writer.add(alert)
    _tell(writer, router, alert, OPENED)


def _renew(
    writer: AlertWriter, router: Router, alert: Alert, finding: Finding, run_id: str | None
) -> None:
    is_another_run = run_id is not None and run_id != alert.last_run_id
    seen = replace(
        alert,
        facts=carried_on(alert.facts, finding.facts),
        runs=alert.runs + is_another_run,
        last_seen_at=router.now,
        last_run_id=run_id or alert.last_run_id,
    )
    writer.change(
        alert.id,
        facts=seen.facts,
        runs=seen.runs,
        last_seen_at=seen.last_seen_at,
        last_run_id=seen.last_run_id,
    )
    if seen.kind in WEEKLY:
        if is_another_run:
            _tell_again(writer, router, seen)
        return
    if finding.severity == CRITICAL != alert.severity:
        writer.change(alert.id, severity=CRITICAL)
        _escalate(writer, router, replace(seen, severity=CRITICAL), "It was a warning before.")
        return
    # What the present state says, and no run, is news whenever it is seen.
    news = what_is_new(alert.facts, finding.facts) if is_another_run or run_id is None else None
    lasts = router.escalation(seen).warning_after_runs
    if seen.severity == WARNING and is_another_run and seen.runs >= lasts and not seen.escalated_at:
        _escalate(writer, router, seen, f"It was found by {seen.runs} runs in a row.")
    elif news is not None:
        _tell(writer, router, seen, NEWS, news=news)


def end_what_nobody_has(
    writer: AlertWriter, router: Router, known: Collection[str], *, gone: Callable[[str], bool]
) -> None:
    """Ends the alerts of datasets and scopes that are gone: nothing will ever look there again."""
    for alert in writer.open_alerts():
        is_without_file = alert.dataset is not None and alert.dataset not in known
        if is_without_file or gone(alert.scope):
            writer.change(alert.id, resolved_at=router.now)
            _tell(writer, router, alert, RESOLVED)


def escalate_unacknowledged(writer: AlertWriter, router: Router, moment: datetime) -> None:
    """Tells of critical alerts that nobody took on in time."""
    for alert in writer.open_alerts():
        minutes = router.escalation(alert).critical_after_minutes
        age = moment - datetime.fromisoformat(alert.opened_at)
        if (
            alert.severity == CRITICAL
            and alert.acked_at is None
            and alert.escalated_at is None
            and age >= timedelta(minutes=minutes)
        ):
            _escalate(writer, router, alert, f"Nobody has acknowledged it for {minutes} minutes.")


def acknowledge(
    writer: AlertWriter, alerts: Sequence[str], *, by: str, unknown: Callable[[str], Exception]
) -> list[Alert]:
    """Notes who takes these alerts on; they escalate no more."""
    known = {alert.id: alert for alert in writer.open_alerts()}
    taken = []
    for alert_id in alerts:
        if alert_id not in known:
            raise unknown(alert_id)
        writer.change(alert_id, acked_at=now(), acked_by=by)
        taken.append(known[alert_id])
    return taken


def _escalate(writer: AlertWriter, router: Router, alert: Alert, why: str) -> None:
    writer.change(alert.id, escalated_at=router.now)
    _tell(writer, router, alert, ESCALATED, news=why)


def _tell_again(writer: AlertWriter, router: Router, alert: Alert) -> None:
    """What a weekly digest says when it goes: as things are then, and what is new since the last one."""
    sent = writer.last_sent(alert.id)
    news = (what_is_new(sent, alert.facts) or "nothing since the last digest") if sent else None
    if not writer.rephrase(alert.id, _facts(alert, news=news)):
        _tell(writer, router, alert, NEWS, news=news)


def _tell(
    writer: AlertWriter, router: Router, alert: Alert, kind: str, *, news: str | None = None
) -> None:
    addressed = router.addressed(alert, is_escalation=kind == ESCALATED)
    writer.tell(alert.id, kind, _facts(alert, news=news), addressed)


def _facts(alert: Alert, *, news: str | None) -> dict[str, Any]:
    """What a message about an alert is made of."""
    return {
        **alert.facts,
        "alert": alert.id,
        "kind": alert.kind,
        "severity": alert.severity,
        "dataset": alert.dataset,
        "rule": alert.rule,
        "gate": alert.gate,
        "since": alert.opened_at,
        "runs": alert.runs,
        "news": news,
        "acked_by": alert.acked_by,
    }
