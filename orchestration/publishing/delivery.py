"""Delivers a released publication: sends its parts, has the result proven, notes what is really there.

Goes on where a dead process stopped, by the journal of chunks. Rows that must not be sent, or that
the portal refuses, are left out, named with their column, value and reason in `refused.parquet`,
and the rest is published. Rows that the proof finds different are sent once more; if they still
differ, the publication has failed. Partitions whose 4x4 has no row identifier are replaced whole
instead, unless somebody else wrote there since the plan.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from orchestration.duck import connect, copy_to_parquet, keys_table, parquet
from orchestration.errors import PublicationRefused
from orchestration.layers import finish_folder, hash_folder, workspace
from orchestration.publishing.chunks import CHUNK_BYTES, CHUNK_ROWS, FILES, Chunk, planned_chunks
from orchestration.publishing.context import Context
from orchestration.publishing.counting import REFUSED, count_refused
from orchestration.publishing.journal import plan_of
from orchestration.publishing.left_out import LeftOut, first_of, keys_of
from orchestration.publishing.others_writing import refuse_if_moved, refuse_if_taken_along
from orchestration.publishing.portal_datasets import PortalDataset
from orchestration.publishing.proving import Proof, Prover
from orchestration.publishing.replacing import (
    Replacement,
    ReplacementSender,
    gaining_first,
    planned_replacements,
    replaced_partitions,
)
from orchestration.publishing.retry import RetryPolicy
from orchestration.publishing.revisions import Draft, DraftSender, planned_drafts
from orchestration.publishing.senders import Part, PartT, Sender
from orchestration.publishing.sending import RowSender
from orchestration.publishing.verification import Verification
from orchestration.state.chunks import ChunkKind, RefusedRow
from orchestration.state.store import Publication, now
from orchestration.tombstones.plan_filter import refuse_taken_down

PATIENCE = RetryPolicy()
"""How often and how long one part is tried; tests have less of it."""


class Delivery:
    """One released publication on its way to the portal."""

    def __init__(self, context: Context, publication: Publication) -> None:
        self._context = context
        self._dataset = context.dataset
        self._publication = publication
        self._folder = context.journal.folder(publication)
        self._left_out = LeftOut(context.dataset, context.journal, context.progress)
        self._replaced: Mapping[str, PortalDataset] = {}
        self._portal_ids: dict[str, str] = {}

    def deliver(self) -> Publication:
        """Sends, proves and ends the publication; gives it as it is then.

        Raises:
            PublicationRefused: its files or its columns are not what was released.
            PortalFault: the portal refuses it, or does not hold it in the end.
            TransientError: trying again later may help.
        """
        context, publication = self._context, self._publication
        if hash_folder(self._folder) != publication.plan["files"]:
            raise PublicationRefused(
                f"{self._dataset.id}: the files of {publication.id} are not what was planned and "
                "released; run the dataset again for a fresh plan"
            )
        refuse_taken_down(context.tombstones, self._dataset, self._folder)
        self._replaced = replaced_partitions(context.datasets, self._folder)
        with workspace(context.settings, publication.run_id, "delivery") as work:
            sendable, refused = self._left_out.sendable(self._folder, work)
            self._left_out.refuse_too_many(publication, refused)
            if publication.state == "released":
                refuse_if_moved(context, publication)
                self._send_all(sendable, refused, work)
                publication = context.journal.move(publication, "sent", sent_at=now())
            refused += self._left_out.by_portal(publication)
            sendable = self._left_out.keeping(sendable, refused, work / "kept")
            snapshot = self._left_out.what_should_be_there(publication, refused, work)
            proof = self._prove(sendable, snapshot, work)
            # Last, so that what a replacement left out of the portal's old rows is back by then.
            self._left_out.refuse_too_many(publication, refused)
            return self._end(publication, proof, refused, snapshot, work)

    # Sending

    def _send_all(self, sendable: Path, refused: Sequence[RefusedRow], work: Path) -> None:
        """Sends everything; a row that moves to another 4x4 arrives before it is deleted.

        One that does not arrive stays where it was.
        """
        self._send_rows(sendable, ChunkKind.UPSERT, work)
        if self._replaced:
            known = [*refused, *self._left_out.by_portal(self._publication)]
            whole = self._left_out.what_should_be_there(self._publication, known, work)
            self._replace(whole, work)
        known = [*refused, *self._left_out.by_portal(self._publication)]
        sendable = self._left_out.keeping(sendable, known, work / "deletes")
        self._send_rows(sendable, ChunkKind.DELETE, work)

    def _send_rows(self, folder: Path, kind: ChunkKind, work: Path) -> None:
        """Sends the rows that a key identifies."""
        if self._dataset.publish.transport == "dsmapi":
            self._send(planned_drafts(folder, work, [kind]), self._draft_sender())
        else:
            self._send(self._chunks(folder, kinds=[kind]), self._row_sender())

    def _replace(self, snapshot: Path, work: Path, *, is_repair: bool = False) -> None:
        """Replaces the rows of partitions without a row identifier by a snapshot's."""
        tombstones = self._context.tombstones
        refuse_taken_down(tombstones, self._dataset, snapshot.parent, file=snapshot.stem)
        order = gaining_first(self._folder, self._dataset.key, self._replaced)
        whole = planned_replacements(self._dataset, snapshot, order, work, is_repair=is_repair)
        if self._dataset.publish.transport == "dsmapi":
            self._send((one.as_draft() for one in whole), self._draft_sender())
        else:
            transport = self._context.target.transport
            self._send(whole, ReplacementSender(transport, self._dataset, PATIENCE))

    def _repair(self, sendable: Path, verification: Verification, work: Path) -> None:
        """Sends the rows again that differ; keyed writes make that harmless."""
        keys = sorted({key for keys in verification.differing.values() for key in keys})
        folder = work / "repair"
        folder.mkdir()
        with connect(spill=work) as connection:
            keys_table(connection, "again", keys)
            for name in FILES.values():
                connection.execute(
                    copy_to_parquet(
                        f"from {parquet(sendable / name)} as rows "
                        f"semi join again on rows.{self._dataset.key} = again.row_key "
                        f"order by _partition, {self._dataset.key}",
                        folder / name,
                    )
                )
        self._send(self._chunks(folder, is_repair=True), self._row_sender())

    def _send(self, parts: Generator[PartT], sender: Sender[PartT]) -> None:
        """Sends the parts that the portal has not answered for; keyed ones only where it has keys."""
        known = self._context.journal.chunks(self._publication)
        total, sent = plan_of(self._publication).writes, 0
        # Closed here whatever happens: not by a collector in the thread that makes the next one.
        with closing(parts):
            for part in parts:
                sent += part.rows
                before, is_whole = known.get(part.id), part.id.kind is ChunkKind.REPLACE
                if part.id.is_repair and not is_whole:
                    before = None  # Cut from what differs now: the number had other rows before.
                is_done = before is not None and before.is_done
                if is_done or (part.partition in self._replaced and not is_whole):
                    continue
                portal_id = self._portal_id(part.partition)
                if is_whole:
                    self._context.progress(
                        f"{portal_id} has no row identifier, so all of its {part.rows:,} rows are sent"
                    )
                sender.send(
                    portal_id,
                    part,
                    note=partial(self._context.journal.note, self._publication, part),
                    before=before,
                    check=partial(self._check, part),
                )
                if part.id.kind is ChunkKind.UPSERT:
                    self._context.progress(f"{sent:,} of {total:,} rows sent")
                elif not is_whole:
                    self._context.progress(f"{sent:,} rows deleted")

    def _check(self, part: Part, *, was_sent: bool) -> None:
        """Raises: ExternalEdit: sending the part would take along what somebody else wrote."""
        if isinstance(part, Replacement | Draft) and part.id.kind is ChunkKind.REPLACE:
            replaced = self._replaced[part.partition]
            refuse_if_taken_along(
                self._context, self._publication, replaced, part, was_sent=was_sent
            )

    def _chunks(self, folder: Path, **options: Any) -> Generator[Chunk]:
        return planned_chunks(self._dataset, folder, rows=CHUNK_ROWS, size=CHUNK_BYTES, **options)

    def _row_sender(self) -> RowSender:
        return RowSender(self._context.target.transport, self._dataset, PATIENCE)

    def _draft_sender(self) -> DraftSender:
        drafts = self._context.target.drafts
        if drafts is None:
            raise PublicationRefused(
                f"{self._dataset.id}: goes by drafts, which need TLS, and the local portal was "
                "started without: start it with --tls-port"
            )
        return DraftSender(drafts, self._dataset)

    def _portal_id(self, partition: str) -> str:
        if partition in self._replaced:
            return self._replaced[partition].portal_id
        if partition not in self._portal_ids:
            self._portal_ids[partition] = self._context.datasets.find_or_make(partition)
        return self._portal_ids[partition]

    # The proof and the end

    def _prove(self, sendable: Path, snapshot: Path, work: Path) -> Proof:
        """The proof, where need be after sending once more what differs."""
        prover = Prover(self._context)
        verify = partial(
            prover.verify,
            self._publication,
            sendable,
            snapshot=snapshot,
            whole=self._replaced,
            work=work,
        )
        proof = verify()
        if any(proof.verification.differing.values()):
            self._context.progress("rows are not as they were sent; sending them once more")
            self._repair(sendable, proof.verification, work)
            self._replace(snapshot, work, is_repair=True)
            proof = verify()
        return prover.or_fail(proof)

    def _end(
        self,
        publication: Publication,
        proof: Proof,
        refused: Sequence[RefusedRow],
        snapshot: Path,
        work: Path,
    ) -> Publication:
        context, outcome_path, plan = self._context, None, publication.plan
        if refused:
            plan = {**plan, REFUSED: count_refused(self._folder, keys_of(refused))}
            kept = self._folder.with_name(f"{publication.id}-outcome")
            finish_folder([snapshot, work / "refused.parquet"], kept)
            outcome_path = str(kept.relative_to(context.settings.home))
            context.progress(f"{len(refused):,} rows could not be published. {first_of(refused)}")
        context.state.verify_chunks(publication.id)
        return context.end(
            publication,
            "verified",
            proof=proof.verification,
            described=context.datasets.describe(),
            verified_at=now(),
            marks=dict(proof.marks),
            plan=plan,
            refused=len({row.key for row in refused}),
            outcome_path=outcome_path,
            failure=None,
        )
