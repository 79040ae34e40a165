"""Looking without sending: what would change, beside whom, and whether the portal is as it was left.

Nothing is recorded as a publication and nothing is written to the portal.
"""

import secrets
from datetime import date

from orchestration.classification.answering import unsigned_classes
from orchestration.errors import GateNotPassed, PublicationRefused
from orchestration.gates.gate import require_passed
from orchestration.gates.rule_hashes import rules_hashes
from orchestration.layers import snapshot_file, workspace
from orchestration.publishing.baseline import BaselineReader
from orchestration.publishing.guards import tripped_guards
from orchestration.publishing.holds import reasons_to_hold
from orchestration.publishing.journal import Content, grain_of
from orchestration.publishing.plan_view import PlanView, view_plan
from orchestration.publishing.planning import Plan
from orchestration.publishing.publisher import Publisher
from orchestration.publishing.shadow import ShadowReport, shadow_report
from orchestration.publishing.verification import SHARES, Verification, Verifier
from orchestration.state.store import Layer, Publication


def look(publisher: Publisher, layer: Layer, *, examples: int, run_id: str) -> PlanView:
    """What would become of a deduplicated layer, gated or not; nothing is sent or recorded."""
    content = publisher.content(layer)
    last = publisher.journal.last_finished()
    with workspace(publisher.settings, run_id, f"{publisher.dataset.id}-plan") as folder:
        plan = publisher.plan(layer, content, folder, baseline=publisher.baseline(folder).rows)
        return view_plan(
            publisher.dataset,
            plan,
            folder,
            examples=examples,
            notes=_notes(publisher, layer, plan, last, content),
        )


def shadow_day(publisher: Publisher, layer: Layer, *, day: date, run_id: str) -> ShadowReport:
    """What we would do beside the portal's present publisher; reads, and nothing else.

    Raises:
        PublicationRefused: the portal has no such dataset, or none of our columns.
    """
    content = publisher.content(layer)
    datasets = publisher.datasets.found(to_write=False)
    if not datasets:
        raise PublicationRefused(
            f"{publisher.dataset.id}: {publisher.target.name} has none of its datasets; correct publish "
            "in the dataset file"
        )
    with workspace(publisher.settings, run_id, f"{publisher.dataset.id}-shadow") as folder:
        reader = BaselineReader(publisher, datasets)
        plan = publisher.plan(layer, content, folder, baseline=reader.read_portal(folder))
        return shadow_report(
            publisher.settings,
            publisher.state,
            publisher.dataset,
            layer,
            plan,
            folder,
            compared_with=publisher.target.name,
            day=day,
        )


def verify_portal(publisher: Publisher, *, full: bool, run_id: str) -> Verification:
    """Holds the portal against the last proven snapshot, at any time.

    Not `full`, it reads back any share of the rows, by chance.

    Raises:
        PublicationRefused: nothing was published yet.
    """
    last = publisher.journal.last_finished()
    if last is None:
        raise PublicationRefused(f"{publisher.dataset.id}: nothing was published yet")
    with workspace(publisher.settings, run_id, f"{publisher.dataset.id}-verify") as folder:
        found = publisher.datasets.found(to_write=False)
        return Verifier(publisher.dataset, publisher.target.transport).verify(
            {partition: one.portal_id for partition, one in found.items()},
            snapshot=snapshot_file(publisher.settings, last),
            changed=None,
            deleted=None,
            full=full,
            turn=secrets.randbelow(SHARES),
            spill=folder,
        )


def _notes(
    publisher: Publisher, layer: Layer, plan: Plan, last: Publication | None, content: Content
) -> list[str]:
    """What stands between a plan and the portal, in words."""
    notes = []
    try:
        require_passed(publisher.settings, publisher.state, publisher.dataset, layer)
    except GateNotPassed as error:
        notes.append(f"Would not be sent. {error}")
    if last is not None and last.newest_extract_at > content.newest_extract_at:
        notes.append(f"A newer extract ({last.newest_extract_at}) is already published.")
    tripped = tripped_guards(
        publisher.dataset, plan, grain_before=grain_of(last), grain=content.grain
    )
    notes += [f"Would be stopped by the guard {one.guard}: {one.why}." for one in tripped]
    rules = rules_hashes(publisher.settings, publisher.state, publisher.dataset)
    notes += [
        f"Would wait for a release: {reason}."
        for reason in reasons_to_hold(
            publisher.dataset,
            plan,
            last,
            rules=rules,
            follows=publisher.journal.last_kind(),
            is_live=publisher.target.is_live,
            unsigned_classes=unsigned_classes(
                publisher.settings, publisher.state, publisher.dataset
            ),
        )
        if plan.writes
    ]
    notes += [
        f"{one.portal_id} has no row identifier: all of its {plan.rows_by_partition.get(name, 0):,} "
        "rows would be sent, in one request."
        for name, one in publisher.datasets.found(to_write=False).items()
        if plan.writes and not one.is_keyed
    ]
    return notes
