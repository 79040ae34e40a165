"""What is wrong by the present state, whatever Dagster says: publications, late runs, old data.

Looked at anew each time; what is no more is over.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from orchestration.alerts.findings import (
    CRITICAL,
    DATA_STALE,
    FILE_BROKEN,
    PUBLICATION_HELD,
    PUBLICATION_STOPPED,
    PUBLICATION_UNPROVEN,
    ROWS_WITHDRAWN,
    SCHEDULE_LATE,
    WARNING,
    Finding,
    Settlement,
    View,
    looked_at,
    without_numbers,
)
from orchestration.alerts.lateness import missed_tick
from orchestration.city_time import city_time
from orchestration.dataset import Dataset
from orchestration.file_lock import is_locked
from orchestration.state.store import Publication
from orchestration.state.withdrawals import WithdrawalStore

if TYPE_CHECKING:
    from dagster import DagsterInstance, ScheduleDefinition

SCHEDULES = "schedule/"
"""What the scopes of schedules begin with."""
_PASSED_OVER = frozenset({"planned", "abandoned"})


def present_conditions(
    instance: "DagsterInstance",
    view: View,
    schedules: Sequence["ScheduleDefinition"],
    *,
    moment: datetime,
    holding_since: Mapping[str, str],
) -> Iterator[Settlement]:
    """Every condition of every dataset and schedule, whose name says since when each holds."""
    for dataset in view.datasets.values():
        # Whoever holds the lease is at work: what stands there now is no result.
        if not is_locked(view.settings, f"{dataset.id}.publication"):
            yield from _looked(
                view, f"publication/{dataset.id}", partial(_of_publication, view, dataset)
            )
        yield from _looked(view, f"age/{dataset.id}", partial(_of_age, view, dataset, moment))
        yield from _looked(view, f"withdrawn/{dataset.id}", partial(_of_withdrawn, view, dataset))
    for schedule in schedules:
        since = holding_since[schedule.name]
        look = partial(_of_schedule, instance, view, schedule, moment=moment, since=since)
        yield from _looked(view, f"{SCHEDULES}{schedule.name}", look)


def _looked(view: View, scope: str, look: Callable[[], list[Finding]]) -> list[Settlement]:
    return looked_at(view, scope, lambda: [Settlement(scope=scope, findings=look())])


def of_files(view: View, mistakes: Mapping[str, str]) -> list[Settlement]:
    """Dataset files that cannot be read: their datasets stand still, the others go on."""
    files = {*mistakes, *view.datasets}
    return [
        Settlement(scope=f"file/{name}", findings=_of_file(view, name, mistakes.get(name)))
        for name in sorted(files)
    ]


def _of_file(view: View, name: str, mistake: str | None) -> list[Finding]:
    if mistake is None:
        return []
    facts = view.facts(name, kind=FILE_BROKEN, run_id=None) | {
        "headline": f"Its dataset file cannot be read: {mistake}",
        "not_published": "Nothing of this dataset is run or published; the others go on.",
        "to_do": "Mend the file (`summerware check`), then `summerware run " + name + "`.",
    }
    return [
        Finding(
            dataset=name, kind=FILE_BROKEN, severity=CRITICAL, cause="not readable", facts=facts
        )
    ]


def _of_publication(view: View, dataset: Dataset) -> list[Finding]:
    known = [
        one
        for one in view.publications(dataset)
        # A removal that is done says nothing of what still waits.
        if one.state not in _PASSED_OVER and not (one.kind == "takedown" and one.verified_at)
    ]
    last = known[-1] if known else None
    if last is None:
        return []
    plan = last.plan
    changes = (
        f"{plan['inserts']:,} new, {plan['updates']:,} changed, {plan['deletes']:,} deleted rows"
    )
    if last.state == "stopped":
        why = last.failure or "; ".join(last.held_because)
        return [
            _publication_finding(
                view, dataset, last, kind=PUBLICATION_STOPPED, severity=CRITICAL,
                cause=without_numbers(why),
                headline=f"A guard stopped publication {last.id}: {why}.",
                not_published=f"The whole plan: {changes}.",
                to_do=(
                    f"Look at it: `summerware plan {dataset.id} --publication {last.id}`. If it is "
                    f"right: `summerware override {dataset.id} {last.id} --reason … --by …`."
                ),
            )
        ]  # fmt: skip
    if last.state == "held":
        return [
            _publication_finding(
                view, dataset, last, kind=PUBLICATION_HELD, severity=WARNING,
                cause=without_numbers("; ".join(last.held_because)),
                headline=(
                    f"Publication {last.id} waits for people: "
                    f"{'; '.join(last.held_because) or 'its release'}."
                ),
                not_published=f"The whole plan: {changes}.",
                to_do=(
                    f"Look at it: `summerware plan {dataset.id} --publication {last.id}`. Let it "
                    f"go: `summerware release {dataset.id} {last.id} --by NAME`."
                ),
            )
        ]  # fmt: skip
    if last.state in ("failed", "sent", "released"):
        why = last.failure or "it was sent, and nobody has read it back yet"
        return [
            _publication_finding(
                view, dataset, last, kind=PUBLICATION_UNPROVEN, severity=CRITICAL,
                cause=f"{last.state}: {without_numbers(why)}",
                headline=f"Publication {last.id} is not proven: {why}.",
                not_published="Nobody may say that the portal is right.",
                to_do=(
                    f"Run the dataset again: it goes on from its journal. Then `summerware verify "
                    f"{dataset.id} --full`."
                ),
            )
        ]  # fmt: skip
    return []


def _of_withdrawn(view: View, dataset: Dataset) -> list[Finding]:
    """Rows that were taken off the portal because their newest version is protected."""
    away = WithdrawalStore(view.state).withdrawals(dataset.id, open_only=True)
    proven = [one for one in view.publications(dataset) if one.verified_at]
    if not away or not proven:
        return []
    causes = Counter(cause for one in away for cause in one.cause.split())
    listed = ", ".join(f"{cause} ({count:,})" for cause, count in sorted(causes.items()))
    before = max(len(away), *(one.plan.get("rows_before", 0) for one in proven[-3:]))
    newest = max(away, key=lambda one: one.withdrawn_at)
    is_much = len(away) > dataset.guards.deletes_share * before
    return [
        Finding(
            dataset=dataset.id,
            kind=ROWS_WITHDRAWN,
            severity=CRITICAL if is_much else WARNING,
            gate=None,
            rule=None,
            cause="protected",
            facts=view.facts(dataset.id, kind=ROWS_WITHDRAWN, run_id=newest.run_id)
            | {
                "headline": (
                    f"{len(away):,} rows are off the portal because their newest version is protected: "
                    f"{listed}." + (" More than the delete guard allows." if is_much else "")
                ),
                "failing": len(away),
                "not_published": (
                    "These rows, until a run publishes a right version of them: the newest version "
                    "of a row decides what may be shown of it, whatever gates and guards say."
                ),
                "to_do": (
                    f"What waits for a person: `summerware classify {dataset.id}`. What stopped the "
                    f"publication: `summerware gates {dataset.id}`, `summerware publications "
                    f"{dataset.id}`."
                ),
            },
        )
    ]


def _publication_finding(
    view: View,
    dataset: Dataset,
    publication: Publication,
    *,
    kind: str,
    severity: str,
    cause: str,
    headline: str,
    not_published: str,
    to_do: str,
) -> Finding:
    facts = view.facts(dataset.id, kind=kind, run_id=publication.run_id) | {
        "headline": headline.replace("..", "."),
        "rows": publication.plan["rows"],
        "not_published": not_published,
        "to_do": to_do,
    }
    return Finding(dataset=dataset.id, kind=kind, severity=severity, cause=cause, facts=facts)


def _of_age(view: View, dataset: Dataset, moment: datetime) -> list[Finding]:
    landed = view.state.newest_landing(dataset.id)
    if landed is None:
        return []
    age = moment - datetime.fromisoformat(landed)
    if age <= timedelta(days=dataset.limits.stale_days):
        return []
    facts = view.facts(dataset.id, kind=DATA_STALE, run_id=None) | {
        "headline": (
            f"No new extract came for {age.days} days (limit {dataset.limits.stale_days})."
        ),
        "not_published": "Whatever happened since then.",
        "to_do": "Ask whoever makes the extract; `summerware doctor` tells whether runs take place.",
    }
    return [
        Finding(
            dataset=dataset.id,
            kind=DATA_STALE,
            severity=WARNING,
            cause="no new extract",
            facts=facts,
        )
    ]


def _of_schedule(
    instance: "DagsterInstance",
    view: View,
    schedule: "ScheduleDefinition",
    *,
    moment: datetime,
    since: str,
) -> list[Finding]:
    missed = missed_tick(instance, schedule, moment=moment, since=since)
    if missed is None:
        return []
    facts = view.facts(None, kind=SCHEDULE_LATE, run_id=None) | {
        "title": f"the schedule {schedule.name}",
        "headline": f"No run of {schedule.job_name} began since it was due at {city_time(missed)}.",
        "not_published": "This day's extracts of every dataset.",
        "to_do": "`summerware doctor` says what is not alive. Meanwhile: `summerware run`.",
    }
    return [
        Finding(
            dataset=None,
            kind=SCHEDULE_LATE,
            severity=CRITICAL,
            cause=f"{schedule.name} is late",
            facts=facts,
        )
    ]
