"""Takes what is taken down off every portal that the dataset was published to, whatever gates say.

A removal is a publication of its own, from what the portal holds to the same without the rows and
the column's values, so that it is journaled, proven and the baseline of what follows. It needs no
pass and no signature but the order's, and goes before whatever waits: what is held and holds a row
is abandoned, what a dead process left open is given up. In the end the portal is asked once more,
past all our own memory: no row of these keys, no value in these columns.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestration.dataset import Dataset
from orchestration.duck import connect, parquet
from orchestration.errors import (
    ConfigurationError,
    PortalEdited,
    PortalFault,
    PublicationRefused,
)
from orchestration.layers import workspace
from orchestration.publishing.delivery import PATIENCE
from orchestration.publishing.journal import OPEN, WAITING, Content, plan_of, snapshot_file
from orchestration.publishing.planning import Plan, make_plan
from orchestration.publishing.publisher import Publisher, open_publisher
from orchestration.publishing.receipts import write_receipt
from orchestration.publishing.sending import planned_chunks, send_chunk
from orchestration.publishing.targets import LOCAL
from orchestration.publishing.verification import Verifier
from orchestration.settings import Settings
from orchestration.state.publishing import PublishingStore
from orchestration.state.store import Publication, State, now
from orchestration.takedown.obeying import refuse_taken_down
from orchestration.takedown.tombstones import Tombstones

KIND = "takedown"
GONE_SECONDS = 600.0
"""How long the portal may go on showing what was removed."""
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What was taken off one portal. No publication where it held nothing of it."""

    target: str
    rows: int
    cells: int
    publication_id: str | None


def remove_everywhere(
    settings: Settings,
    state: State,
    dataset: Dataset,
    tombstones: Tombstones,
    *,
    by: str,
    authority: str,
    run_id: str,
    keys: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> list[Removed]:
    """Removes and proves it on every portal that the dataset was ever published to.

    `keys` are those named just now: the portal is asked for them whatever our snapshots say.

    Raises:
        ConfigurationError: one of the portals cannot be reached with the present configuration.
        PortalFault: a portal still shows something of it.
        PassingFault: a portal could not be reached or read back.
    """
    removed: list[Removed] = []
    unreached: list[str] = []
    for target in dict.fromkeys(one.target for one in state.publications(dataset.id)):
        try:
            chosen = _settings_for(settings, dataset, target)
            with open_publisher(chosen, state, dataset, progress) as publisher:
                work = _Removal(chosen, state, dataset, publisher, tombstones, progress)
                removed.append(
                    work.remove(target, by=by, authority=authority, run_id=run_id, keys=keys)
                )
        except ConfigurationError as error:
            # The other portals come first; then somebody must know.
            unreached.append(f"{target}: {error}")
    if unreached:
        raise ConfigurationError(
            f"{dataset.id}: it is recorded and obeyed, but may still be shown where this "
            f"configuration does not reach: {'; '.join(unreached)}. Give the command again then"
        )
    return removed


def _settings_for(settings: Settings, dataset: Dataset, target: str) -> Settings:
    if target == LOCAL:
        return replace(settings, portal="local")
    if target == dataset.publish.domain:
        return replace(settings, portal="live")
    raise ConfigurationError("the dataset file names another domain now; remove it there by hand")


class _Removal:
    """One removal on one portal, the lease held."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        dataset: Dataset,
        publisher: Publisher,
        tombstones: Tombstones,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._state = state
        self._dataset = dataset
        self._publisher = publisher
        self._journal = publisher.journal
        self._tombstones = tombstones
        self._progress = progress

    def remove(
        self, target: str, *, by: str, authority: str, run_id: str, keys: Sequence[str]
    ) -> Removed:
        """Plans, sends, proves, and asks once more."""
        self._pre_empt()
        with workspace(self._settings, run_id, f"{self._dataset.id}-takedown") as folder:
            last = self._journal.last_finished()
            rows, is_ours = self._what_is_there(folder)
            publication = None
            plan = None
            wanted = set(keys)
            if rows is not None:
                wanted |= set(self._keys_in(rows))
                plan = self._plan(rows, last, folder)
            if plan is not None and plan.writes:
                publication = self._record(
                    plan, folder, rows, last, is_ours=is_ours, by=by, authority=authority,
                    run_id=run_id,
                )  # fmt: skip
                self._send(publication, folder, last, is_ours=is_ours)
            self._confirm(sorted(wanted))
        return Removed(
            target=target,
            rows=plan.deletes if plan else 0,
            cells=plan.updates + plan.first_fills if plan else 0,
            publication_id=publication.id if publication else None,
        )

    # Before

    def _pre_empt(self) -> None:
        """What waits and holds something of it is abandoned; what is open is given up."""
        for publication in self._journal.publications(*WAITING):
            try:
                refuse_taken_down(
                    self._tombstones, self._dataset, self._journal.folder(publication)
                )
            except PublicationRefused as error:
                self._journal.move(publication, "abandoned", failure=str(error))
                self._progress(f"publication {publication.id} is abandoned: it holds some of it")
        for publication in self._journal.publications(*OPEN):
            state = "abandoned" if publication.state == "planned" else "failed"
            ended = self._journal.move(publication, state, failure="a takedown came first")
            write_receipt(self._state, self._dataset, ended)

    def _what_is_there(self, folder: Path) -> tuple[Path | None, bool]:
        """The portal's rows, and whether they are what we proved last."""
        try:
            return self._publisher.baseline(folder), True
        except PortalEdited:
            # Somebody else's edits are a question for people; a takedown does not wait for it.
            return self._publisher.reader().read_portal(folder), False

    def _keys_in(self, rows: Path) -> list[str]:
        with connect() as connection:
            self._tombstones.declare(connection)
            found = connection.execute(
                f"select {self._dataset.key}::varchar from {parquet(rows)} "
                f"where {self._tombstones.is_row(self._dataset.key)}"
            ).fetchall()
        return [key for (key,) in found]

    def _plan(self, rows: Path, last: Publication | None, folder: Path) -> Plan:
        """From the rows that are there to the same without what is taken down."""
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
        rows: Path | None,
        last: Publication | None,
        *,
        is_ours: bool,
        by: str,
        authority: str,
        run_id: str,
    ) -> Publication:
        """Notes the removal; where others edited, over what we proved, so that they stay edits."""
        files = folder
        if last is not None and not is_ours:
            files = folder / "ours"
            files.mkdir()
            plan = self._plan(snapshot_file(self._settings, last), last, files)
        publication = self._journal.record(
            _content(last or self._journal.publications()[-1], proven=last is not None),
            plan,
            files,
            run_id=run_id,
            kind=KIND,
            # The next publication is held against the rules that were in force before.
            rules_hash=last.rules_hash if last else "",
        )
        PublishingStore(self._state).sign(
            publication.id,
            act=KIND,
            by=by,
            content_hash=publication.plan["files"],
            reason=authority,
        )
        return self._journal.move(publication, "released", released_by=by, released_at=now())

    def _send(
        self, publication: Publication, folder: Path, last: Publication | None, *, is_ours: bool
    ) -> None:
        if is_ours:
            self._progress(f"removing {plan_of(publication).writes:,} rows' worth from the portal")
            self._publisher.send(publication)
            return
        for chunk in planned_chunks(self._dataset, folder):
            send_chunk(
                self._publisher.transport,
                self._publisher.datasets.find_or_make(chunk.partition),
                self._dataset,
                chunk,
                patience=PATIENCE,
            )
        ended = self._journal.move(
            publication, "verified", verified_at=now(), marks=last.marks if last else {}
        )
        write_receipt(self._state, self._dataset, ended)

    # After

    def _confirm(self, keys: Sequence[str]) -> None:
        """Asks every 4x4 of the dataset for the rows and the values.

        Raises:
            PortalFault: something of it is still there.
            NotVerified: the portal's replica did not catch up.
        """
        for portal_id in self._portal_ids():
            deadline = time.monotonic() + GONE_SECONDS
            left = self._left(portal_id, keys)
            if left and keys:
                # Rows that our snapshots did not know, or that came in between.
                transport = self._publisher.transport
                transport.delete(portal_id, self._dataset.key, keys)
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
        transport = self._publisher.transport
        Verifier(self._dataset, transport).wait_until_fresh(portal_id)
        rows = 0
        if keys:
            key = self._dataset.key
            pages = transport.rows_by_key(portal_id, [self._dataset.column(key)], key, list(keys))
            rows = sum(page.num_rows for page in pages)
        columns = [self._dataset.column(name) for name in self._tombstones.columns]
        columns = [column for column in columns if column.privacy == "publish"]
        filled = []
        if columns:
            held = transport.aggregates(portal_id, columns, key=self._dataset.key).non_null
            filled = [column.name for column in columns if held[column.name]]
        told = [f"{rows:,} rows"] if rows else []
        return " and ".join([*told, *(f"values of {name}" for name in filled)])

    def _portal_ids(self) -> Iterator[str]:
        for one in self._publisher.datasets.found(to_write=False).values():
            yield one.portal_id


def _content(publication: Publication, *, proven: bool) -> Content:
    content = Content.of_publication(
        publication, newest_extract_at=publication.newest_extract_at if proven else ""
    )
    # What was never proven to be published holds no extract that later runs could stand on.
    return content if proven else replace(content, extracts=())
