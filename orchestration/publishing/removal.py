"""Takes what is taken down off one portal, whatever the gates say, and proves that it is gone.

A removal is a publication of its own, from what the portal holds to the same without the rows and
the column's values, so that it is journaled, proven and the baseline of what follows. It needs no
pass and no signature but the order's, and goes before whatever waits: what is held and holds a row
is abandoned, what a dead process left open is given up. In the end the portal is asked once more,
past all our own memory: no row of these keys, no value in these columns.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from orchestration.errors import ExternalEdit, PortalFault, PublicationRefused, TransientError
from orchestration.layers import snapshot_file, workspace
from orchestration.publishing.baseline import Baseline, BaselineReader
from orchestration.publishing.chunks import CHUNK_BYTES, CHUNK_ROWS, planned_chunks
from orchestration.publishing.journal import OPEN, WAITING, Content
from orchestration.publishing.planning import Plan, make_plan
from orchestration.publishing.previews import discard_drafts
from orchestration.publishing.replacing import (
    Replacement,
    ReplacementSender,
    planned_replacements,
    somebody_wrote,
    touched_partitions,
)
from orchestration.publishing.retry import RetryPolicy
from orchestration.publishing.senders import unnoted
from orchestration.publishing.sending import RowSender
from orchestration.publishing.verification import Verifier
from orchestration.publishing.withdrawing import keys_named
from orchestration.state.chunks import ChunkKind, RefusedRow
from orchestration.state.records import PortalMarks
from orchestration.state.store import Publication, now
from orchestration.tombstones.plan_filter import count_taken_down, refuse_taken_down

if TYPE_CHECKING:
    from orchestration.publishing.publisher import Publisher

KIND = "takedown"
_TRIES = 3
_SHOWN = 5
GONE_SECONDS = 600.0
"""How long the portal may go on showing what was removed."""


class _OrderedBy(TypedDict):
    """On whose word and in which run something is removed."""

    by: str
    authority: str
    run_id: str


class _WrittenMeanwhile(TransientError):
    """Somebody else wrote between the reading and the replacing."""


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What was taken off one portal. No publication where it held nothing of it."""

    target: str
    rows: int
    cells: int
    publication_id: str | None


class Removal:
    """One removal on one portal, the lease held."""

    def __init__(self, publisher: "Publisher") -> None:
        self._publisher = publisher
        self._settings = publisher.settings
        self._state = publisher.state
        self._dataset = publisher.dataset
        self._journal = publisher.journal
        self._progress = publisher.progress
        self._transport = publisher.target.transport
        self._tombstones = publisher.tombstones
        self._left_drafts: list[str] = []

    def remove(self, *, by: str, authority: str, run_id: str, keys: Sequence[str]) -> Removed:
        """Plans, sends, proves, and asks once more; again where somebody else wrote meanwhile."""
        for _ in range(_TRIES - 1):
            try:
                return self._remove(by=by, authority=authority, run_id=run_id, keys=keys)
            except _WrittenMeanwhile as fault:
                self._progress(f"starting again: {fault}")
        return self._remove(by=by, authority=authority, run_id=run_id, keys=keys)

    def _remove(self, *, by: str, authority: str, run_id: str, keys: Sequence[str]) -> Removed:
        self._left_drafts.clear()
        self._pre_empt()
        with workspace(self._settings, run_id, f"{self._dataset.id}-takedown") as folder:
            last = self._journal.last_finished()
            there, is_ours = self._what_is_there(folder)
            if there.rows is not None:
                keys = sorted({*keys, *keys_named(self._tombstones, self._dataset, there.rows)})
            plan = self._plan(there.rows, last, folder)
            order: _OrderedBy = {"by": by, "authority": authority, "run_id": run_id}
            publication = None
            if last is not None and not is_ours:
                # What we proved last stays the measure of what others edited.
                aside = folder / "ours"
                recorded = self._plan(snapshot_file(self._settings, last), last, aside)
                if recorded is not None:
                    publication = self._record(
                        recorded, aside, last, there.marks, **order, aside=True
                    )
                self._send_aside(publication, folder if plan else None, last, there.marks)
            elif plan is not None:
                publication = self._record(plan, folder, last, there.marks, **order)
                self._progress(f"removing it from the portal: {plan.writes:,} rows to write")
                self._publisher.send(publication)
            self._confirm(keys)
        if self._left_drafts:
            raise TransientError(
                f"{self._dataset.id}: it is off the datasets, but drafts that hold some of it are left: "
                f"{'; '.join(self._left_drafts)}. Discard them on the portal"
            )
        return Removed(
            target=self._publisher.target.name,
            rows=plan.deletes if plan else 0,
            cells=plan.updates + plan.first_fills if plan else 0,
            publication_id=publication.id if publication else None,
        )

    # Before

    def _pre_empt(self) -> None:
        """What waits and holds something of it is abandoned; what is open is given up."""
        for publication in self._journal.publications(*WAITING):
            try:
                for file in self._shown(publication):
                    refuse_taken_down(
                        self._tombstones,
                        self._dataset,
                        self._journal.folder(publication),
                        file=file,
                    )
            except PublicationRefused as error:
                self._journal.move(publication, "abandoned", failure=str(error))
                self._progress(f"publication {publication.id} is abandoned: it holds some of it")
        for publication in self._journal.publications(*OPEN):
            state = "abandoned" if publication.state == "planned" else "failed"
            self._publisher.end(publication, state, failure="a takedown came first")
        waiting = {one.id for one in self._journal.publications(*WAITING)}
        for publication in self._journal.with_drafts():
            if publication.id not in waiting:
                self._withdraw(publication)

    def _shown(self, publication: Publication) -> tuple[str, ...]:
        """The files of which a draft on the portal may show rows, or a release would send some."""
        chunks = self._state.chunks(publication.id)
        is_whole = any(chunk.id.kind is ChunkKind.REPLACE for chunk in chunks)
        return ("upserts", "deletes", *(["snapshot"] if is_whole else []))

    def _withdraw(self, publication: Publication) -> None:
        """Discards drafts; one that stays is named at the end, as the removal itself goes first."""
        try:
            discard_drafts(self._publisher, publication)
        except (TransientError, PublicationRefused) as error:
            self._left_drafts.append(f"of {publication.id}: {error}")

    def _what_is_there(self, folder: Path) -> tuple[Baseline, bool]:
        """The portal's rows, and whether they are what we proved last."""
        try:
            return self._publisher.baseline(folder), True
        except ExternalEdit:
            # Somebody else's edits are a question for people; a takedown does not wait for it.
            apart = folder / "edited"
            apart.mkdir()
            return self._read(apart), False

    def _read(self, folder: Path) -> Baseline:
        """The portal's rows as they are, whoever wrote them."""
        reader = BaselineReader(self._publisher, self._publisher.datasets.found())
        marks = reader.marks()
        return Baseline(rows=reader.read_portal(folder), marks=marks)

    def _plan(self, rows: Path | None, last: Publication | None, folder: Path) -> Plan | None:
        """From rows to the same without what is taken down; none where they hold nothing of it."""
        if rows is None or not count_taken_down(self._tombstones, self._dataset, rows):
            return None
        folder.mkdir(exist_ok=True)
        return make_plan(
            self._dataset,
            mart=rows,
            ledger=None,
            baseline=rows,
            extracted_at=last.newest_extract_at if last else "",
            folder=folder,
            whole=True,
            tombstones=self._tombstones,
        )

    # The publication

    def _record(
        self,
        plan: Plan,
        folder: Path,
        last: Publication | None,
        marks: Mapping[str, PortalMarks],
        *,
        by: str,
        authority: str,
        run_id: str,
        aside: bool = False,
    ) -> Publication:
        """Notes the removal, signed by whoever ordered it."""
        publication = self._journal.record(
            _content(last or self._journal.publications()[-1], proven=last is not None),
            plan,
            folder,
            run_id=run_id,
            kind=KIND,
            # The next publication is held against the rules that were in force before.
            rules_hash=last.rules_hash if last else "",
            marks=marks,
            aside=aside,
        )
        self._publisher.sign(publication, act=KIND, by=by, reason=authority)
        return self._journal.move(publication, "released", released_by=by, released_at=now())

    def _send_aside(
        self,
        publication: Publication | None,
        folder: Path | None,
        last: Publication,
        marks: Mapping[str, PortalMarks],
    ) -> None:
        """Sends another plan than the recorded one, and leaves others' edits as they are.

        The journal holds the chunks of the recorded plan alone.
        """
        if folder is not None:
            unkeyed = self._unkeyed()
            sender = RowSender(self._transport, self._dataset, RetryPolicy())
            for chunk in planned_chunks(self._dataset, folder, rows=CHUNK_ROWS, size=CHUNK_BYTES):
                if chunk.partition not in unkeyed:
                    portal_id = self._publisher.datasets.find_or_make(chunk.partition)
                    sender.send(portal_id, chunk, note=unnoted)
            self._replace(unkeyed, folder, marks)
        if publication is not None:
            self._publisher.end(publication, "verified", verified_at=now(), marks=last.marks)

    def _unkeyed(self) -> dict[str, str]:
        """The 4x4s that can only be replaced whole, by partition."""
        found = self._publisher.datasets.found(to_write=False)
        return {name: one.portal_id for name, one in found.items() if not one.is_keyed}

    def _replace(
        self, portal_ids: Mapping[str, str], folder: Path, marks: Mapping[str, PortalMarks]
    ) -> None:
        """Replaces the rows that a plan touches by what it leaves, others' edits among them.

        `marks` are the portal's own from before its rows were read.
        """
        touched = sorted(touched_partitions(folder) & set(portal_ids))
        sender = ReplacementSender(self._transport, self._dataset, RetryPolicy())
        for planned in planned_replacements(
            self._dataset, folder / "snapshot.parquet", touched, folder
        ):
            portal_id = portal_ids[planned.partition]
            refused: Sequence[RefusedRow] = ()
            # What the portal leaves out of the first is sent once more.
            for is_repair in (False, True):
                part = replace(planned, id=replace(planned.id, is_repair=is_repair))
                check = partial(self._check, portal_id, part, folder, marks)
                refused = sender.send(portal_id, part, note=unnoted, check=check).refused
                if not refused:
                    break
            if refused:
                keys = ", ".join(str(row.key) for row in refused[:_SHOWN])
                raise PortalFault(
                    f"{self._dataset.id}: {portal_id} leaves out {len(refused):,} rows that it held "
                    f"({keys}): they have to be put back there. Then give the command again"
                )

    def _check(
        self,
        portal_id: str,
        part: Replacement,
        folder: Path,
        marks: Mapping[str, PortalMarks],
        *,
        was_sent: bool,
    ) -> None:
        """Raises: TransientError: somebody else wrote while the rows were read, or since."""
        if was_sent:
            # What is missing was left out by the portal, and is sent again.
            wrote = bool(
                somebody_wrote(
                    self._dataset, self._transport, portal_id, part, folder, has_arrived=True
                )
            )
        else:
            reader = BaselineReader(self._publisher, self._publisher.datasets.found())
            wrote = reader.marks()[portal_id] != marks[portal_id]
        if wrote:
            raise _WrittenMeanwhile(
                f"{self._dataset.id}: {portal_id} was written by somebody else while its rows were "
                "read; give the command again"
            )

    # After

    def _confirm(self, keys: Sequence[str]) -> None:
        """Asks every 4x4 of the dataset for the rows and the values.

        Raises:
            PortalFault: something of it is still there.
            NotVerified: the portal's replica did not catch up.
        """
        unkeyed = self._unkeyed()
        for partition, portal_id in self._portal_ids():
            deadline = time.monotonic() + GONE_SECONDS
            left = self._left(portal_id, keys)
            if left and keys and partition not in unkeyed:
                # Rows that our snapshots did not know, or that came in between.
                self._transport.delete(portal_id, self._dataset.key, keys)
            elif left and partition in unkeyed:
                self._replace_again(partition, portal_id)
            while left and time.monotonic() < deadline:
                time.sleep(0.2)
                left = self._left(portal_id, keys)
            if left:
                raise PortalFault(
                    f"{self._dataset.id}: {portal_id} still shows {left}; give the command again"
                )
        self._progress("the portal was asked once more: nothing of it is there")

    def _left(self, portal_id: str, keys: Sequence[str]) -> str:
        """What is still to be seen, in words; nothing where all is gone."""
        transport = self._transport
        Verifier(self._dataset, transport).wait_until_fresh(portal_id)
        key = self._dataset.column(self._dataset.key)
        tables = transport.rows_by_key(portal_id, [key], key.name, list(keys)) if keys else ()
        rows = sum(len(table) for table in tables)
        columns = [self._dataset.column(name) for name in self._tombstones.columns]
        columns = [column for column in columns if column.privacy == "publish"]
        filled = []
        if columns:
            held = transport.aggregates(portal_id, columns).non_null
            filled = [column.name for column in columns if held[column.name]]
        parts = [f"{rows:,} rows"] if rows else []
        return " and ".join([*parts, *(f"values of {name}" for name in filled)])

    def _replace_again(self, partition: str, portal_id: str) -> None:
        """Replaces what came in between by the same without what is taken down."""
        with workspace(self._settings, "confirm", f"{self._dataset.id}-takedown") as folder:
            there, planned = self._read(folder), folder / "planned"
            if self._plan(there.rows, None, planned) is not None:
                self._replace({partition: portal_id}, planned, there.marks)

    def _portal_ids(self) -> Iterator[tuple[str, str]]:
        for one in self._publisher.datasets.found(to_write=False).values():
            yield one.partition, one.portal_id


def _content(publication: Publication, *, proven: bool) -> Content:
    content = Content.of_publication(
        publication, newest_extract_at=publication.newest_extract_at if proven else ""
    )
    # What was never proven to be published holds no extract that later runs could stand on.
    return content if proven else replace(content, extracts=())
