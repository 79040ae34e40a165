"""Moves one publication through its states: planned, stopped or held, released, sent, verified.

Refuses content without passing gate records for itself and everything upstream. One publication of
a dataset at a time, by a lease that dies with its owner. What was released and not finished by a
dead process is finished first, from its own files and journal: every write is keyed, so sending
again is harmless. What nobody released is `abandoned`; what cannot be proven has `failed`, and the
next plan starts from the portal's own rows. A rollback is a publication with an older snapshot as
its target.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.classification.answering import unsigned_classes
from orchestration.dataset import Dataset
from orchestration.duck import parquet
from orchestration.errors import (
    ExternalEdit,
    Fault,
    GateNotPassed,
    GuardTripped,
    PortalFault,
    PublicationRefused,
    SummerwareError,
    TransientError,
)
from orchestration.gates.gate import newer_stop, require_passed, upstream_chain
from orchestration.gates.rule_hashes import rules_hash, rules_hashes
from orchestration.gates.suites import SUITES
from orchestration.layers import hash_folder, hash_planned, layer_file, snapshot_file, workspace
from orchestration.publishing.baseline import Baseline, BaselineReader
from orchestration.publishing.context import Context, Progress
from orchestration.publishing.counting import plan_as_carried_out
from orchestration.publishing.delivery import Delivery
from orchestration.publishing.guards import tripped_guards
from orchestration.publishing.holds import reasons_to_hold, signatures_needed
from orchestration.publishing.journal import (
    OPEN,
    WAITING,
    Content,
    grain_of,
    is_aside,
    plan_of,
)
from orchestration.publishing.lease import publication_lease
from orchestration.publishing.planning import FILES, Plan, make_plan
from orchestration.publishing.previews import discard_drafts, leave_drafts
from orchestration.publishing.proving import Prover
from orchestration.publishing.removal import Removal, Removed
from orchestration.publishing.targets import Target, open_target
from orchestration.publishing.withdrawing import (
    bring_back_right,
    frozen_keys,
    remember_protected,
    withdraw_protected,
)
from orchestration.settings import Settings
from orchestration.signers import require_signer
from orchestration.state.records import PlanRecord, PortalMarks
from orchestration.state.store import FINISHED, Layer, Publication, State, now

AUTOMATIC = "automatic release"
ADOPTED = "adopted"
"""The source of rows that somebody else had published: ours may be any."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a layer: `verified`, `unchanged`, `held`, `planned` (dry run), `superseded`."""

    state: str
    message: str
    plan: Plan | None = None
    publication_id: str | None = None


def publish(
    settings: Settings,
    state: State,
    dataset: Dataset,
    layer: Layer,
    *,
    run_id: str,
    dry_run: bool = False,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Publishes a deduplicated layer, or says why nothing had to be done.

    Raises:
        GateNotPassed: the content, or something it was made from, has no passing record.
        GuardTripped: it would change more than the dataset file allows.
        PublicationRefused: it may not go to this target, or somebody else edited the portal.
        PortalFault: the portal does not hold what it should.
        TransientError: the portal could not be reached, or read back; the next run goes on.
    """
    if hash_folder(settings.home / layer.path) != layer.content_hash:
        raise GateNotPassed(
            f"{dataset.id}: the files of the deduplicated layer are not what was gated; "
            "run the dataset again"
        )
    require_passed(settings, state, dataset, layer)
    with open_publisher(settings, state, dataset, progress) as publisher:
        return publisher.publish(layer, run_id=run_id, dry_run=dry_run)


def release(
    settings: Settings,
    state: State,
    dataset: Dataset,
    publication_id: str,
    *,
    by: str,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Signs a held publication; sends it once as many people signed as the file asks for.

    A signature is for the exact content that was planned.

    Raises:
        PublicationRefused: it is not held, or something was published since it was planned.
    """
    by = require_signer(settings, by, "releaser")
    with open_publisher(settings, state, dataset, progress) as publisher:
        return publisher.release(publication_id, by=by)


def override(
    settings: Settings,
    state: State,
    dataset: Dataset,
    publication_id: str,
    *,
    by: str,
    reason: str,
) -> Publication:
    """Lets a publication past its guards, on a person's word; it is held then, not sent.

    Raises:
        PublicationRefused: no guard stopped it.
    """
    if not reason.strip() or not by.strip():
        raise PublicationRefused(f"{dataset.id}: overriding a guard needs a name and a reason")
    by = require_signer(settings, by, "releaser")
    with open_publisher(settings, state, dataset, lambda _: None) as publisher:
        return publisher.override(publication_id, by=by, reason=reason)


def rollback(
    settings: Settings,
    state: State,
    dataset: Dataset,
    to: str,
    *,
    by: str,
    reason: str,
    run_id: str,
    dry_run: bool = False,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Brings the portal back to what a proven publication left there.

    Planned, guarded and verified like any publication; who asks for it is its first signature.

    Raises:
        PublicationRefused: there is no such proven publication to this portal.
    """
    with open_publisher(settings, state, dataset, progress) as publisher:
        return publisher.roll_back(to, by=by, reason=reason, run_id=run_id, dry_run=dry_run)


@contextmanager
def open_publisher(
    settings: Settings,
    state: State,
    dataset: Dataset,
    progress: Progress = lambda _: None,
    *,
    to_read: bool = False,
) -> Iterator["Publisher"]:
    """The publisher of one dataset on its target, for as long as the lease is held.

    `to_read` asks for no login: it is for those who only look.
    """
    with (
        publication_lease(settings, state, dataset, progress),
        open_target(settings, dataset, to_read=to_read) as target,
    ):
        yield Publisher(settings, state, dataset, target, progress)


class Publisher(Context):
    """What people and runs ask of one dataset on one target."""

    def publish(self, layer: Layer, *, run_id: str, dry_run: bool) -> Outcome:
        """Plans a gated layer, and goes as far as guards and release allow.

        Whatever keeps it from being sent, what is protected in it leaves the portal.
        """
        try:
            outcome = self._publish(layer, run_id=run_id, dry_run=dry_run)
        except SummerwareError as error:
            withdrawn = not dry_run and self._withdraw_protected(layer, run_id=run_id)
            if not (withdrawn and isinstance(error, GuardTripped)):
                raise
        else:
            if outcome.state != "held" or not self._withdraw_protected(layer, run_id=run_id):
                return outcome
        # What waits must be what people would let go: it is planned anew from what is left.
        return self._publish(layer, run_id=run_id, dry_run=dry_run)

    def _withdraw_protected(self, layer: Layer, *, run_id: str) -> bool:
        """Takes off the portal what is protected; whether there was any of it."""
        return withdraw_protected(self, self._staged(layer), run_id=run_id) > 0

    def _staged(self, layer: Layer) -> str:
        """The standardized lines that a deduplicated layer was made from, as SQL."""
        standardized = upstream_chain(self.state, layer)[-2]
        return parquet(layer_file(self.settings, standardized, f"stg_{self.dataset.id}"))

    def _publish(self, layer: Layer, *, run_id: str, dry_run: bool) -> Outcome:
        if not dry_run:
            bring_back_right(self.settings, self.state, self.dataset, layer)
            self.finish_what_was_released()
            self.take_down_again(run_id=run_id)
        content = self.content(layer)
        last = self.journal.last_finished()
        _refuse_other_source(self.dataset, self.target, last, content.source)
        if last is not None and last.newest_extract_at > content.newest_extract_at:
            return Outcome(
                state="superseded",
                message=f"a newer extract ({last.newest_extract_at}) is already published",
            )
        with workspace(self.settings, run_id, f"{self.dataset.id}-publication") as folder:
            if not dry_run:
                remember_protected(self, self._staged(layer), run_id=run_id)
            baseline = self.baseline(folder)
            plan = self.plan(layer, content, folder, baseline=baseline.rows)
            if not plan.writes:
                self._refuse_if_newer_was_stopped(layer)
            return self._go_on(
                content,
                plan,
                folder,
                marks=baseline.marks,
                run_id=run_id,
                dry_run=dry_run,
            )

    def content(self, layer: Layer) -> Content:
        """What a deduplicated layer is to be published as."""
        return Content.of_layer(layer, upstream_chain(self.state, layer)[0])

    def plan(self, layer: Layer, content: Content, folder: Path, *, baseline: Path | None) -> Plan:
        """From what the portal holds to what a layer says."""
        return make_plan(
            self.dataset,
            mart=layer_file(self.settings, layer, self.dataset.id),
            ledger=layer_file(self.settings, layer, f"ledger_{self.dataset.id}"),
            baseline=baseline,
            extracted_at=content.newest_extract_at,
            folder=folder,
            frozen=frozen_keys(self, folder),
            tombstones=self.tombstones,
        )

    def roll_back(
        self, to: str, *, by: str, reason: str, run_id: str, dry_run: bool = False
    ) -> Outcome:
        """Plans what an earlier publication left on the portal as the target."""
        if not dry_run:
            self.finish_what_was_released()
            self.take_down_again(run_id=run_id)
        last, earlier = self.journal.last_finished(), self.journal.find(to)
        if last is None or earlier is None or earlier.state not in ("verified", "unchanged"):
            raise PublicationRefused(
                f"{self.dataset.id}: no publication {to} was proven on {self.target.name}; see "
                f"`summerware publications {self.dataset.id}`"
            )
        if not snapshot_file(self.settings, earlier).is_file():
            raise PublicationRefused(
                f"{self.dataset.id}: what {to} left on the portal is no longer kept (`retention:` "
                "of the dataset file says how many publications are)"
            )
        with workspace(self.settings, run_id, f"{self.dataset.id}-rollback") as folder:
            baseline = self.baseline(folder)
            plan = make_plan(
                self.dataset,
                mart=snapshot_file(self.settings, earlier),
                ledger=None,
                baseline=baseline.rows,
                extracted_at=last.newest_extract_at,
                folder=folder,
                frozen=frozen_keys(
                    self, folder, rolled_back_to=snapshot_file(self.settings, earlier)
                ),
                whole=True,
                tombstones=self.tombstones,
            )
            content = Content.of_publication(earlier, newest_extract_at=last.newest_extract_at)
            return self._go_on(
                content,
                plan,
                folder,
                marks=baseline.marks,
                run_id=run_id,
                dry_run=dry_run,
                kind="rollback",
                asked=(by, f"rollback to {to}: {reason}"),
            )

    def take_down(
        self, *, by: str, authority: str, run_id: str, keys: Sequence[str] = ()
    ) -> Removed:
        """Takes what is taken down off the portal, whatever gates and guards say, and proves it.

        `keys` are asked for on the portal whatever our snapshots say.

        Raises:
            PortalFault: the portal still shows something of it.
            TransientError: the portal could not be reached or read back.
        """
        return Removal(self).remove(by=by, authority=authority, run_id=run_id, keys=keys)

    def take_down_again(self, *, run_id: str) -> None:
        """The same for what came back behind our back: a restored backup, a stranger's edit.

        It goes before the plan, so that no guard and no release keeps it on the portal.
        """
        tombstones = self.tombstones
        if tombstones and any(self.journal.publications(*FINISHED)):
            self.take_down(
                by=AUTOMATIC,
                authority=", ".join(tombstones.ids)[:200] or "withdrawn",
                run_id=run_id,
            )

    def override(self, publication_id: str, *, by: str, reason: str) -> Publication:
        """Turns a stopped publication into a held one."""
        found = self.journal.find(publication_id)
        if found is None or found.state != "stopped":
            raise PublicationRefused(
                f"{self.dataset.id}: no guard stopped a publication {publication_id}"
            )
        self.sign(found, act="override", by=by, reason=reason)
        return self.journal.move(found, "held")

    def release(self, publication_id: str, *, by: str) -> Outcome:
        """Adds a signature, and sends when there are enough."""
        self.finish_what_was_released()
        found = self.journal.find(publication_id)
        if found is None or found.state != "held":
            raise PublicationRefused(f"{self.dataset.id}: no held publication {publication_id}")
        if found.kind == "publish":
            require_passed(
                self.settings, self.state, self.dataset, self.state.layer(found.layer_id)
            )
        last = self.journal.last_finished()
        if last is not None and (last.verified_at or last.planned_at) > found.planned_at:
            raise PublicationRefused(
                f"{self.dataset.id}: {last.id} was published after {publication_id} was planned; "
                "run the dataset again for a fresh plan"
            )
        return self._sign_and_send(found, by=by)

    # What they have in common

    def baseline(self, folder: Path) -> Baseline:
        """What the portal holds; see `BaselineReader.find`."""
        return BaselineReader(self, self.datasets.found()).find(folder)

    def finish_what_was_released(self) -> None:
        """Ends the publications that a dead process left open, oldest first."""
        for publication in self.journal.publications(*OPEN):
            if publication.state == "planned":
                self.journal.move(publication, "abandoned")
                continue
            if is_aside(publication):
                # What was sent is another plan, from the portal's rows of then.
                self._give_up(publication, TransientError("it ended halfway and is planned anew"))
                self.take_down_again(run_id=publication.run_id)
                continue
            self.progress(f"finishing publication {publication.id}")
            try:
                self.send(publication)
            except TransientError:
                raise
            except (Fault, PublicationRefused) as error:
                # It would fail at every run and keep newer content away: the next plan starts
                # from the portal's own rows.
                self.progress(f"publication {publication.id} is given up: {error}")

    def send(self, publication: Publication) -> Outcome:
        """Sends what has not been acknowledged, proves it, and ends the publication.

        Raises:
            Fault, PublicationRefused: it has failed, and says why.
            TransientError: it stays open, and the next run goes on.
        """
        try:
            ended = Delivery(self, publication).deliver()
        except TransientError as error:
            self.state.move_publication(publication.id, failure=str(error))
            raise
        except duckdb.Error as error:
            # Its words may quote a cell. It would stop every later run at the same place.
            fault = Fault(
                f"{self.dataset.id}: {type(error).__name__} while {publication.id} was sent or proven; "
                "what is on the portal is not known. The next run starts from the portal's own rows"
            )
            self._give_up(publication, fault)
            raise fault from None
        except (Fault, PublicationRefused) as error:
            self._give_up(publication, error)
            raise
        self._withdraw_if_possible([ended])
        plan = plan_as_carried_out(ended)
        refused = f", {ended.refused:,} refused" if ended.refused else ""
        return Outcome(
            state="verified",
            plan=plan,
            publication_id=ended.id,
            message=f"sent and verified: {plan.rows:,} rows on the portal{refused}",
        )

    def _give_up(self, publication: Publication, error: SummerwareError) -> None:
        """Ends what cannot be sent or proven: `failed`, or `abandoned` where nothing was sent."""
        unsent = not any(chunk.was_sent for chunk in self.state.chunks(publication.id))
        ended = self.end(
            self.journal.find(publication.id) or publication,
            "abandoned" if isinstance(error, ExternalEdit) and unsent else "failed",
            failure=str(error),
        )
        self._withdraw_if_possible([ended])

    def _withdraw_if_possible(self, publications: Iterable[Publication]) -> None:
        """Takes drafts of what ended, or of what is older than a new plan, off the portal."""
        for publication in publications:
            try:
                discard_drafts(self, publication)
            except (TransientError, PublicationRefused) as fault:
                # Asked for again by the next run.
                self.progress(f"{self.dataset.id}: a draft of {publication.id} is left: {fault}")

    def _preview(self, publication: Publication) -> str:
        """Leaves drafts of what is held, where it goes by drafts; says where they are."""
        try:
            drafts = leave_drafts(self, publication)
        except (TransientError, PortalFault, PublicationRefused) as error:
            # It is held all the same, and its release makes the drafts that are applied.
            self.progress(f"{self.dataset.id}: no draft could be left to look at: {error}")
            return ""
        return f". To look at: {', '.join(drafts)}" if drafts else ""

    def _go_on(
        self,
        content: Content,
        plan: Plan,
        folder: Path,
        *,
        marks: Mapping[str, PortalMarks],
        run_id: str,
        dry_run: bool,
        kind: str = "publish",
        asked: tuple[str, str] | None = None,
    ) -> Outcome:
        """From a plan to as far as it may go. `asked` is who wanted it by name, and why.

        `marks` are the portal's own of before, by which whoever sends later sees that others wrote.
        """
        if dry_run:
            return Outcome(state="planned", plan=plan, message="dry run: nothing sent")
        rules = rules_hash(self.settings, self.dataset)
        last = self.journal.last_finished()
        waiting = self.journal.waiting_with(hash_planned(folder, FILES))
        if waiting is not None and plan.writes:
            # The same as planned now: what others wrote until now is in it.
            planned: PlanRecord = {**waiting.plan, "marks": dict(marks)}
            waiting = self.journal.move(waiting, waiting.state, plan=planned)
            waiting = self._judged_again(waiting, content, plan, last, rules=rules)
            if waiting.state in WAITING:
                return self._wait(waiting)
            return self.send(self._released(waiting, by=AUTOMATIC))
        publication = self.journal.record(
            content,
            plan,
            folder,
            run_id=run_id,
            kind=kind,
            rules_hash=rules,
            marks=marks,
        )
        self._withdraw_if_possible(self.journal.with_drafts())
        if not plan.writes:
            return self._end_unchanged(publication, plan)
        if asked is not None:
            self.sign(publication, act="ask", by=asked[0], reason=asked[1])
        publication = self._stop_or_hold(publication, content, plan, last)
        if asked is not None and publication.state != "stopped":
            return self._sign_and_send(self.journal.move(publication, "held"), by=asked[0])
        if publication.state != "planned":
            return self._wait(publication)
        return self.send(self._released(publication, by=AUTOMATIC))

    def _judged_again(
        self,
        waiting: Publication,
        content: Content,
        plan: Plan,
        last: Publication | None,
        *,
        rules: str,
    ) -> Publication:
        """The same plan under the dataset file of today, unless a person has overridden its guard."""
        if self.store.signatures(waiting.id, act="override"):
            return waiting
        planned = self.journal.move(
            waiting, "planned", held_because=[], failure=None, rules_hash=rules
        )
        return self._stop_or_hold(planned, content, plan, last)

    def _stop_or_hold(
        self, publication: Publication, content: Content, plan: Plan, last: Publication | None
    ) -> Publication:
        """The publication as guards and holds leave it: `stopped`, `held`, or as it is."""
        reasons = reasons_to_hold(
            self.dataset,
            plan,
            last,
            rules=rules_hashes(self.settings, self.state, self.dataset),
            follows=self.journal.last_kind(),
            is_live=self.target.is_live,
            unsigned_classes=unsigned_classes(self.settings, self.state, self.dataset),
        )
        tripped = tripped_guards(
            self.dataset, plan, grain_before=grain_of(last), grain=content.grain
        )
        if tripped:
            return self.journal.move(
                publication,
                "stopped",
                held_because=[*reasons, *(f"guard {one.guard}: {one.why}" for one in tripped)],
                failure="; ".join(one.why for one in tripped),
            )
        if reasons:
            return self.journal.move(publication, "held", held_because=reasons)
        return publication

    def _wait(self, publication: Publication) -> Outcome:
        """Says what a publication waits for.

        Raises:
            GuardTripped: a guard stopped it.
        """
        where = f"{self.dataset.id} {publication.id}"
        if publication.state == "stopped":
            raise GuardTripped(
                f"{self.dataset.id}: nothing was sent, since {publication.failure}. Look at "
                f"`summerware plan {self.dataset.id} --publication {publication.id}`; if it is "
                f"right, `summerware override {where} --by NAME --reason …`, then `summerware "
                f"release {where}`"
            )
        because = "; ".join(publication.held_because)
        return Outcome(
            state="held",
            plan=plan_of(publication),
            publication_id=publication.id,
            message=f"held ({because}) until somebody releases it: summerware release {where}"
            f"{self._preview(publication)}",
        )

    def _sign_and_send(self, publication: Publication, *, by: str) -> Outcome:
        if hash_folder(self.journal.folder(publication)) != publication.plan["files"]:
            raise PublicationRefused(
                f"{self.dataset.id}: the files of {publication.id} are not what was planned; run "
                "the dataset again for a fresh plan"
            )
        self.sign(publication, act="release", by=by)
        signed = [one.signed_by for one in self.store.signatures(publication.id, act="release")]
        needed = signatures_needed(self.dataset, publication.held_because)
        people = {" ".join(name.casefold().split()) for name in signed}
        if len(people) < needed:
            return Outcome(
                state="held",
                plan=plan_of(publication),
                publication_id=publication.id,
                message=f"signed by {', '.join(signed)}; {needed - len(people)} more must release "
                f"it: summerware release {self.dataset.id} {publication.id}",
            )
        return self.send(self._released(publication, by=", ".join(signed)))

    def _released(self, publication: Publication, *, by: str) -> Publication:
        """Notes who let exactly this content go."""
        return self.journal.move(publication, "released", released_by=by, released_at=now())

    def _end_unchanged(self, publication: Publication, plan: Plan) -> Outcome:
        try:
            proof = Prover(self).prove_unchanged(publication)
        except TransientError:
            raise
        except Fault as error:
            self._give_up(publication, error)
            raise
        self.end(
            publication,
            "unchanged",
            proof=proof.verification,
            described=self.datasets.describe(),
            verified_at=now(),
            marks=dict(proof.marks),
        )
        return Outcome(
            state="unchanged",
            plan=plan,
            publication_id=publication.id,
            message="the portal holds exactly this already",
        )

    def _refuse_if_newer_was_stopped(self, layer: Layer) -> None:
        """Nothing to send is no success where newer content was stopped at a gate."""
        stopped = newer_stop(self.state, self.dataset, layer)
        if stopped is not None:
            raise GateNotPassed(
                f"{self.dataset.id}: the newest extract was stopped at the "
                f"{SUITES[stopped.layer]} gate ({stopped.verdict}), and what passed before is "
                f"published already. Look at `summerware gates {self.dataset.id}`"
            )


def _refuse_other_source(
    dataset: Dataset, target: Target, last: Publication | None, source: str
) -> None:
    """Sample rows never go to the public, nor over real ones, nor real ones over them."""
    if target.is_live and source == "sample":
        raise PublicationRefused(f"{dataset.id}: sample extracts are never sent to a live portal")
    if last is not None and last.plan["source"] not in (source, ADOPTED):
        raise PublicationRefused(
            f"{dataset.id}: {target.name} was last published from the source "
            f"{last.plan['source']!r}, this run reads {source!r}. Use another SUMMERWARE_HOME for "
            "one of them"
        )
