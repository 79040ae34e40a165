"""Delivers a released publication: sends its chunks, proves the result, notes what is really there.

Goes on where a dead process stopped, by the journal of chunks. Rows that must not be sent, or that
the portal refuses, are left out, named with their column, value and reason in `refused.parquet`,
and the rest is published. Rows that the proof finds different are sent once more; if they still
differ, the publication has failed. Partitions whose 4x4 has no row identifier are replaced whole
instead, unless somebody else wrote there since the plan.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.duck import connect, copy_to_parquet, keys_table, parquet
from orchestration.errors import ExternalEdit, NotVerified, PortalFault, PublicationRefused
from orchestration.layers import finish_folder, hash_folder, workspace
from orchestration.publishing.baseline import BaselineReader
from orchestration.publishing.chunks import CHUNK_BYTES, CHUNK_ROWS, Chunk, Kind, planned_chunks
from orchestration.publishing.counting import REFUSED, count_refused
from orchestration.publishing.journal import Journal, plan_of
from orchestration.publishing.left_out import LeftOut, Refused, told
from orchestration.publishing.portal_datasets import PortalDataset, PortalDatasets
from orchestration.publishing.receipts import write_receipt
from orchestration.publishing.replacing import (
    Replacement,
    gaining_first,
    planned_replacements,
    send_replacement,
    somebody_wrote,
    touched_partitions,
)
from orchestration.publishing.revisions import Draft, DraftSender, planned_drafts
from orchestration.publishing.sending import RetryPolicy, send_chunk
from orchestration.publishing.targets import Target
from orchestration.publishing.verification import Verification, Verifier
from orchestration.publishing.withdrawing import kept_away
from orchestration.settings import Settings
from orchestration.state.store import DRAFT_STATES, FINISHED, Publication, State, now
from orchestration.tombstones.plan_filter import refuse_taken_down

PATIENCE = RetryPolicy()
"""How often and how long one chunk is tried; tests have less of it."""
_REPAIRS = 1_000_000
"""Chunks that are sent once more are numbered from here."""
_READINGS = 3
"""So often a portal is read back on which somebody writes meanwhile."""
_TOLD = 5


class Delivery:
    """One released publication on its way to the portal."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        dataset: Dataset,
        target: Target,
        journal: Journal,
        datasets: PortalDatasets,
        progress: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._state = state
        self._dataset = dataset
        self._target = target
        self._journal = journal
        self._datasets = datasets
        self._progress = progress
        self._left_out = LeftOut(dataset, journal, progress)
        self._portal_ids: dict[str, str] = {}

    def deliver(self, publication: Publication) -> Publication:
        """Sends, proves and ends the publication; gives it as it is then.

        Raises:
            PublicationRefused: its files or its columns are not what was released.
            PortalFault: the portal refuses it, or does not hold it in the end.
            TransientError: trying again later may help.
        """
        folder = self._journal.folder(publication)
        if hash_folder(folder) != publication.plan["files"]:
            raise PublicationRefused(
                f"{self._dataset.id}: the files of {publication.id} are not what was planned and "
                "released; run the dataset again for a fresh plan"
            )
        tombstones = kept_away(self._settings, self._state, self._dataset)
        refuse_taken_down(tombstones, self._dataset, folder)
        replaced = self._replaced(folder)
        with workspace(self._settings, publication.run_id, "delivery") as work:
            sendable, refused = self._left_out.sendable(folder, work)
            self._left_out.refuse_too_many(publication, refused)
            if publication.state == "released":
                self._refuse_if_moved(publication, folder)
                self._send_all(publication, sendable, refused, replaced, work)
                publication = self._journal.move(publication, "sent", sent_at=now())
            refused += self._left_out.by_portal(publication)
            sendable = self._left_out.keeping(sendable, refused, work / "kept")
            snapshot = self._left_out.what_should_be_there(publication, refused, work)
            verification, marks = self._prove(publication, sendable, snapshot, replaced, work)
            # Last, so that what a replacement left out of the portal's old rows is back by then.
            self._left_out.refuse_too_many(publication, refused)
            return self._end(publication, verification, marks, refused, snapshot, work)

    # Drafts of what waits for people

    def preview(self, publication: Publication) -> list[str]:
        """Leaves what is held as drafts on the portal; returns their addresses. None without drafts."""
        if self._dataset.publish.transport != "dsmapi" or self._target.drafts is None:
            return []
        folder = self._journal.folder(publication)
        found = self._datasets.found()
        replaced = self._replaced(folder)
        sender = DraftSender(self._target.drafts, self._dataset)
        known = {chunk["number"]: chunk for chunk in self._state.chunks(publication.id)}
        addresses = []
        with workspace(self._settings, publication.run_id, "preview") as work:
            sendable, refused = self._left_out.sendable(folder, work)
            drafts = [one for one in planned_drafts(sendable) if one.partition not in replaced]
            whole = (
                self._left_out.what_should_be_there(publication, refused, work)
                if replaced
                else folder
            )
            for draft in chain(drafts, _whole_drafts(self._dataset, whole, replaced, work)):
                if draft.partition not in found:
                    continue  # What is not there yet is not made before its release.
                before = known.get(draft.number) or {}
                addresses.append(
                    sender.preview(
                        found[draft.partition].portal_id,
                        draft,
                        work,
                        before.get("answer"),
                        partial(self._note, publication, draft.number, draft),
                        is_whole=before.get("state") == "drafted",
                    )
                )
        return addresses

    def withdraw(self, publication: Publication) -> None:
        """Discards the drafts of what is not waited for any more."""
        left = [
            chunk
            for chunk in self._state.chunks(publication.id)
            if chunk["state"] in DRAFT_STATES and "revision" in (chunk["answer"] or {})
        ]
        if not left:
            return
        if self._target.drafts is None:
            raise PublicationRefused(
                f"{self._dataset.id}: {publication.id} left drafts on {self._target.name}, which can "
                "be reached only with `transport: dsmapi` and TLS. Discard them on the portal"
            )
        found = self._datasets.found(to_write=False)
        sender = DraftSender(self._target.drafts, self._dataset)
        for chunk in left:
            if chunk["partition"] in found:
                portal_id = found[chunk["partition"]].portal_id
                is_gone = sender.withdraw(portal_id, chunk["answer"]["revision"])
                self._state.move_chunk(
                    publication.id,
                    chunk["number"],
                    partition=chunk["partition"],
                    kind=chunk["kind"],
                    rows=chunk["rows"],
                    state="withdrawn" if is_gone else "closed",
                    answer=chunk["answer"],
                )

    # Sending

    def _send_all(
        self,
        publication: Publication,
        sendable: Path,
        refused: Sequence[Refused],
        replaced: Mapping[str, PortalDataset],
        work: Path,
    ) -> None:
        """Sends everything; a row that moves to another 4x4 arrives before it is deleted.

        One that does not arrive stays where it was.
        """
        self._send(publication, sendable, without=replaced, kinds=["upsert"])
        if replaced:
            known = [*refused, *self._left_out.by_portal(publication)]
            whole = self._left_out.what_should_be_there(publication, known, work)
            self._replace(publication, whole, replaced, work)
        known = [*refused, *self._left_out.by_portal(publication)]
        sendable = self._left_out.keeping(sendable, known, work / "deletes")
        self._send(publication, sendable, without=replaced, kinds=["delete"])

    def _send(
        self,
        publication: Publication,
        folder: Path,
        *,
        without: Collection[str],
        kinds: Collection[Kind],
    ) -> None:
        """Sends what is told apart by key; `without` are the partitions that are replaced."""
        if self._dataset.publish.transport == "dsmapi":
            for draft in planned_drafts(folder):
                if draft.partition not in without and draft.kind in kinds:
                    self._send_draft(publication, draft, folder)
            return
        done = self._state.acknowledged_chunks(publication.id)
        total = plan_of(publication).writes
        sent = 0
        chunks = planned_chunks(
            self._dataset, folder, rows=CHUNK_ROWS, size=CHUNK_BYTES, kinds=kinds
        )
        # Closed here whatever happens: not by a collector in the thread that makes the next one.
        with closing(chunks):
            for chunk in chunks:
                sent += chunk.rows
                if chunk.number not in done and chunk.partition not in without:
                    self._send_one(publication, chunk, chunk.number)
                    told = f"{sent:,} of {total:,} rows sent"
                    self._progress(told if chunk.kind == "upsert" else f"{sent:,} rows deleted")

    def _send_draft(
        self,
        publication: Publication,
        draft: Draft,
        work: Path,
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        if self._target.drafts is None:
            raise PublicationRefused(
                f"{self._dataset.id}: goes by drafts, which need TLS, and the local portal was "
                "started without: start it with --tls-port"
            )
        sender = DraftSender(self._target.drafts, self._dataset)
        known = {chunk["number"]: chunk for chunk in self._state.chunks(publication.id)}
        before = known.get(draft.number)
        if before is not None and before["state"] in ("acknowledged", "verified"):
            return
        note = partial(self._note, publication, draft.number, draft)
        portal_id = self._portal_id(draft.partition)
        answer = before["answer"] if before else None
        sender.send(portal_id, draft, work, answer, note, check=check)
        self._progress(f"a draft of {draft.rows:,} rows was applied to {portal_id}")

    def _note(
        self,
        publication: Publication,
        number: int,
        sent: Chunk | Draft | Replacement,
        state: str,
        answer: dict[str, Any] | None = None,
    ) -> None:
        self._state.move_chunk(
            publication.id,
            number,
            partition=sent.partition,
            kind=sent.kind,
            rows=sent.rows,
            state=state,
            answer=answer,
        )

    def _portal_id(self, partition: str) -> str:
        found = self._portal_ids.get(partition)
        if found is None:
            found = self._portal_ids[partition] = self._datasets.find_or_make(partition)
        return found

    def _send_one(self, publication: Publication, chunk: Chunk, number: int) -> None:
        portal_id = self._portal_id(chunk.partition)
        note = partial(self._note, publication, number, chunk)
        note("pending")
        send_chunk(
            self._target.transport,
            portal_id,
            self._dataset,
            chunk,
            note=note,
            retry_policy=PATIENCE,
        )

    # Replacing what has no row identifier

    def _replaced(self, folder: Path) -> dict[str, PortalDataset]:
        """The partitions that the plan changes and whose 4x4 has no row identifier."""
        found = self._datasets.found()
        if all(one.is_keyed for one in found.values()):
            return {}
        touched = touched_partitions(folder)
        return {name: one for name, one in found.items() if not one.is_keyed and name in touched}

    def _refuse_if_moved(self, publication: Publication, folder: Path) -> None:
        """What somebody else wrote since the plan would be written over, or pass for proven.

        Raises:
            ExternalEdit: somebody wrote to a 4x4 to which nothing of ours was sent yet.
        """
        sent = {
            chunk["partition"]
            for chunk in self._state.chunks(publication.id)
            if chunk["state"] in ("sent", "acknowledged")
        }
        found = self._datasets.found(to_write=False)
        for partition in touched_partitions(folder) - sent:
            if partition in found:
                self._refuse_if_written_since(publication, found[partition])

    def _refuse_if_written_since(self, publication: Publication, one: PortalDataset) -> None:
        planned_on = (publication.plan.get("marks") or {}).get(one.portal_id)
        marks = self._reader({one.partition: one}).marks()[one.portal_id]
        is_new = planned_on is None and not marks["rows"]
        if planned_on != marks and not is_new:
            raise ExternalEdit(
                f"{self._dataset.id}: {one.portal_id} was written since {publication.id} was planned, "
                "and that would be written over. Run the dataset again for a fresh plan"
            )

    def _reader(self, datasets: Mapping[str, PortalDataset]) -> BaselineReader:
        return BaselineReader(self._settings, self._dataset, self._target, self._journal, datasets)

    def _replace(
        self,
        publication: Publication,
        snapshot: Path,
        replaced: Mapping[str, PortalDataset],
        work: Path,
        *,
        again: bool = False,
    ) -> None:
        """Replaces the rows of these partitions by a snapshot's; `again` is the repair."""
        tombstones = kept_away(self._settings, self._state, self._dataset)
        refuse_taken_down(tombstones, self._dataset, snapshot.parent, file=snapshot.stem)
        known = {chunk["number"]: chunk["state"] for chunk in self._state.chunks(publication.id)}
        order = gaining_first(self._journal.folder(publication), self._dataset.key, replaced)
        for planned in planned_replacements(self._dataset, snapshot, order, work):
            number = planned.number + (_REPAIRS if again else 0)
            portal_id = replaced[planned.partition].portal_id
            if known.get(number) == "acknowledged":
                continue
            check = partial(
                self._refuse_if_somebody_wrote,
                publication,
                portal_id,
                planned,
                has_arrived=again,
            )
            self._progress(
                f"{portal_id} has no row identifier, so all of its {planned.rows:,} rows are sent"
            )
            if self._dataset.publish.transport == "dsmapi":
                draft = _whole_draft(planned, number)
                self._send_draft(publication, draft, work, check=check)
                continue
            was_sent = again or known.get(number) == "sent"
            if not was_sent:
                # Once more: sending the other years may have taken a while.
                self._refuse_if_written_since(publication, replaced[planned.partition])
            note = partial(self._note, publication, number, planned)
            send_replacement(
                self._target.transport,
                portal_id,
                self._dataset,
                planned,
                note=note,
                retry_policy=PATIENCE,
                check=check,
                was_sent=was_sent,
            )

    def _refuse_if_somebody_wrote(
        self,
        publication: Publication,
        portal_id: str,
        planned: Replacement,
        *,
        has_arrived: bool,
    ) -> None:
        """What was sent before may have arrived, so that the marks do not tell; the rows do.

        Raises:
            ExternalEdit: there are rows that are neither ours nor were there before.
        """
        keys = somebody_wrote(
            self._dataset,
            self._target.transport,
            portal_id,
            planned,
            self._journal.folder(publication),
            has_arrived=has_arrived,
        )
        if keys:
            raise ExternalEdit(
                f"{self._dataset.id}: {len(keys):,} rows of {portal_id} ({', '.join(keys[:_TOLD])}) are "
                f"neither as they were nor as {publication.id} has them: somebody else wrote or deleted "
                "them. Without a row identifier it is replaced whole, and that would be lost. The next "
                "run asks whose rows stay"
            )

    # The proof

    def prove_unchanged(self, publication: Publication) -> tuple[Verification, Mapping[str, Any]]:
        """Proves that the portal holds what it should where nothing has to be sent.

        Raises:
            PortalFault: it does not.
            TransientError: it could not be read back.
        """
        folder = self._journal.folder(publication)
        with workspace(self._settings, publication.run_id, "delivery") as work:
            verification, marks = self._verify(
                publication, folder, folder / "snapshot.parquet", (), work
            )
        return _or_fail(self._dataset, verification), marks

    def _prove(
        self,
        publication: Publication,
        sendable: Path,
        snapshot: Path,
        replaced: Mapping[str, PortalDataset],
        work: Path,
    ) -> tuple[Verification, Mapping[str, Any]]:
        """The verification and the portal's own marks of what was proven."""
        verification, marks = self._verify(publication, sendable, snapshot, replaced, work)
        if any(verification.differing.values()):
            self._progress("rows are not as they were sent; sending them once more")
            self._repair(publication, sendable, verification, work, without=replaced)
            self._replace(publication, snapshot, replaced, work, again=True)
            verification, marks = self._verify(publication, sendable, snapshot, replaced, work)
        return _or_fail(self._dataset, verification), marks

    def _verify(
        self,
        publication: Publication,
        sendable: Path,
        snapshot: Path,
        replaced: Collection[str],
        work: Path,
    ) -> tuple[Verification, Mapping[str, Any]]:
        """Reads back until nobody wrote meanwhile.

        Raises:
            NotVerified: somebody else does all the time.
        """
        self._progress("reading the portal back")
        verifier = Verifier(self._dataset, self._target.transport)
        written = self._written(publication)
        planned_on = publication.plan.get("marks") or {}
        for _ in range(_READINGS):
            found = self._datasets.found(to_write=False)
            for partition, one in found.items():
                verifier.wait_until_fresh(one.portal_id, not_before=written.get(partition))
            marks = self._reader(found).marks()
            verification = verifier.verify(
                {partition: one.portal_id for partition, one in found.items()},
                snapshot=snapshot,
                changed=sendable / "upserts.parquet",
                deleted=sendable / "deletes.parquet",
                written=written,
                since={
                    partition: (planned_on.get(one.portal_id) or {}).get("newest_update")
                    for partition, one in found.items()
                },
                whole=replaced,
                turn=len(self._journal.publications(*FINISHED)),
                spill=work,
            )
            if marks == self._reader(self._datasets.found(to_write=False)).marks():
                return verification, marks
        raise NotVerified(
            f"{self._dataset.id}: somebody else writes to it while it is read back; the next run "
            "verifies it"
        )

    def _written(self, publication: Publication) -> dict[str, datetime]:
        """When each partition was written last, by the portal's clock."""
        moments: dict[str, datetime] = {}
        for chunk in self._state.chunks(publication.id):
            text = (chunk["answer"] or {}).get("written_at")
            if text:
                moment = datetime.fromisoformat(text)
                name = chunk["partition"]
                moments[name] = max(moment, moments.get(name, moment))
        return moments

    def _repair(
        self,
        publication: Publication,
        sendable: Path,
        verification: Verification,
        work: Path,
        *,
        without: Collection[str],
    ) -> None:
        """Sends the rows again that differ; keyed writes make that harmless."""
        keys = sorted({key for keys in verification.differing.values() for key in keys})
        folder = work / "repair"
        folder.mkdir()
        with connect(spill=work) as connection:
            keys_table(connection, "again", keys)
            for name in ("upserts", "deletes"):
                connection.execute(
                    copy_to_parquet(
                        f"from {parquet(sendable / f'{name}.parquet')} as rows "
                        f"semi join again on rows.{self._dataset.key} = again.row_key "
                        f"order by _partition, {self._dataset.key}",
                        folder / f"{name}.parquet",
                    )
                )
        for chunk in planned_chunks(self._dataset, folder, rows=CHUNK_ROWS, size=CHUNK_BYTES):
            if chunk.partition not in without:
                self._send_one(publication, chunk, _REPAIRS + chunk.number)

    # The end

    def _end(
        self,
        publication: Publication,
        verification: Verification,
        marks: Mapping[str, Any],
        refused: Sequence[Refused],
        snapshot: Path,
        work: Path,
    ) -> Publication:
        outcome_path, plan = None, publication.plan
        if refused:
            keys = {row.key for row in refused}
            plan = {**plan, REFUSED: count_refused(self._journal.folder(publication), keys)}
            kept = self._journal.folder(publication).with_name(f"{publication.id}-outcome")
            finish_folder([snapshot, work / "refused.parquet"], kept)
            outcome_path = str(kept.relative_to(self._settings.home))
            self._progress(f"{len(refused):,} rows could not be published. {told(refused)}")
        self._state.verify_chunks(publication.id)
        described = self._datasets.describe()
        ended = self._journal.move(
            publication,
            "verified",
            verified_at=now(),
            marks=dict(marks),
            plan=plan,
            refused=len({row.key for row in refused}),
            outcome_path=outcome_path,
            failure=None,
        )
        write_receipt(
            self._state, self._dataset, ended, verification=verification, described=described
        )
        return ended


def _whole_drafts(
    dataset: Dataset, snapshot: Path, partitions: Collection[str], work: Path
) -> Iterator[Draft]:
    """Drafts that replace partitions whole."""
    if partitions:
        for planned in planned_replacements(dataset, snapshot, sorted(partitions), work):
            yield _whole_draft(planned, planned.number)


def _whole_draft(planned: Replacement, number: int) -> Draft:
    return Draft(
        number=number,
        kind=planned.kind,
        partition=planned.partition,
        rows=planned.rows,
        file=planned.file,
    )


def _or_fail(dataset: Dataset, verification: Verification) -> Verification:
    """The verification, where all of it holds.

    Raises:
        PortalFault: it does not; says which figures and how many rows.
    """
    if verification.holds:
        return verification
    wrong = [
        f"{check.portal_id}: {check.what} is {check.found or 'none'}, should be "
        f"{check.expected or 'none'}"
        for check in verification.failures[:_TOLD]
    ]
    wrong += [f"{len(keys):,} rows {how}" for how, keys in verification.differing.items() if keys]
    raise PortalFault(
        f"{dataset.id}: the publication is not verified: the portal does not hold what was sent. "
        f"{'; '.join(wrong)}. The next run starts from the portal's own rows; which rows they are "
        f"says `summerware verify {dataset.id} --full`"
    )
