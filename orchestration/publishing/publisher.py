"""Moves one publication through its states: planned, held, released, sent, verified.

Refuses content without passing gate records for itself and everything upstream. One publication of
a dataset at a time, by a lock that dies with its owner. What was released and not finished by a dead
process is finished first, from its own files: every write is keyed, so sending again is harmless.
What nobody released is `abandoned`; what the portal refuses a second time has `failed`, and the next
plan starts from the portal's own rows.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.duck import connect, copy_to_parquet, quoted
from orchestration.errors import GateNotPassed, PortalFault, PublicationRefused, RowsRefused
from orchestration.file_lock import file_lock
from orchestration.gates.gate import newer_stop, require_passed, upstream_chain
from orchestration.gates.suites import SUITES
from orchestration.layers import finish_folder, hash_folder, layer_file, workspace
from orchestration.publishing.planning import FILES, NO_PARTITION, Plan, make_plan
from orchestration.publishing.sending import Chunk, Patience, planned_chunks, send_chunk
from orchestration.publishing.targets import Target, open_target
from orchestration.publishing.transport.reading import SQL_TYPES
from orchestration.settings import Settings
from orchestration.state.store import Layer, Publication, State, new_id, now

CHUNK_ROWS = 5_000
PATIENCE = Patience(attempts=1)
AUTOMATIC = "automatic release"
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a layer: `verified`, `unchanged`, `held`, `planned` (dry run), `superseded`."""

    state: str
    plan: Plan | None
    publication_id: str | None
    message: str


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
        PublicationRefused: it may not go to this target.
        PortalFault: the portal does not hold what it should.
    """
    if hash_folder(settings.home / layer.path) != layer.content_hash:
        raise GateNotPassed(
            f"{dataset.id}: the files of the deduplicated layer are not what was gated; "
            "run the dataset again"
        )
    require_passed(settings, state, dataset, layer)
    with file_lock(settings, f"{dataset.id}.publication"), open_target(settings, dataset) as target:
        publisher = _Publisher(settings, state, dataset, target, progress)
        if not dry_run:
            publisher.finish_what_was_released()
        raw = upstream_chain(state, layer)[0].facts
        last = _last_finished(state, dataset, target)
        _refuse_other_source(dataset, target, last, raw["source"])
        if last is not None and last.newest_extract_at > raw["extracted_at"]:
            return Outcome(
                state="superseded",
                plan=None,
                publication_id=None,
                message=f"a newer extract ({last.newest_extract_at}) is already published",
            )
        return publisher.publish(layer, raw, run_id=run_id, dry_run=dry_run)


def release(
    settings: Settings,
    state: State,
    dataset: Dataset,
    publication_id: str,
    *,
    by: str,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Releases a held publication and sends it; the release is for its exact content.

    Raises:
        PublicationRefused: it is not held, or something was published since it was planned.
    """
    with file_lock(settings, f"{dataset.id}.publication"), open_target(settings, dataset) as target:
        publisher = _Publisher(settings, state, dataset, target, progress)
        publisher.finish_what_was_released()
        found = [
            one
            for one in state.publications(dataset.id, target=target.name, states=("held",))
            if one.id == publication_id
        ]
        if not found:
            raise PublicationRefused(f"{dataset.id}: no held publication {publication_id}")
        require_passed(settings, state, dataset, state.layer(found[0].layer_id))
        last = _last_finished(state, dataset, target)
        if last is not None and (last.verified_at or last.planned_at) > found[0].planned_at:
            raise PublicationRefused(
                f"{dataset.id}: {last.id} was published after {publication_id} was planned; "
                "run the dataset again for a fresh plan"
            )
        return publisher.send(publisher.release(found[0], by=by))


class _Publisher:
    """One dataset on one target, the lock held."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        dataset: Dataset,
        target: Target,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._state = state
        self._dataset = dataset
        self._target = target
        self._progress = progress

    def finish_what_was_released(self) -> None:
        """Ends the publications that a dead process left open, oldest first."""
        open_ones = self._state.publications(
            self._dataset.id, target=self._target.name, states=("planned", "released", "sent")
        )
        for publication in open_ones:
            if publication.state == "planned":
                self._state.move_publication(publication.id, state="abandoned")
                continue
            self._progress(f"finishing publication {publication.id}")
            try:
                self.send(publication)
            except (PortalFault, PublicationRefused) as error:
                # It would fail at every run and keep newer content away: the next plan starts
                # from the portal's own rows.
                self._state.move_publication(publication.id, state="failed")
                self._progress(f"publication {publication.id} is given up: {error}")

    def publish(self, layer: Layer, raw: dict[str, Any], *, run_id: str, dry_run: bool) -> Outcome:
        """Plans, and goes as far as the release allows."""
        with workspace(self._settings, run_id, f"{self._dataset.id}-publication") as folder:
            plan = make_plan(
                self._dataset,
                mart=layer_file(self._settings, layer, self._dataset.id),
                ledger=layer_file(self._settings, layer, f"ledger_{self._dataset.id}"),
                baseline=self._baseline(folder),
                extracted_at=raw["extracted_at"],
                folder=folder,
            )
            if not plan.writes:
                self._refuse_if_newer_was_stopped(layer)
            if dry_run:
                return Outcome(
                    state="planned", plan=plan, publication_id=None, message="dry run: nothing sent"
                )
            publication = self._record(layer, raw, plan, folder, run_id)
        if not plan.writes:
            self._state.move_publication(publication.id, state="unchanged", verified_at=now())
            return Outcome(
                state="unchanged",
                plan=plan,
                publication_id=publication.id,
                message="the portal holds exactly this already",
            )
        if self._must_hold():
            self._state.move_publication(publication.id, state="held")
            return Outcome(
                state="held",
                plan=plan,
                publication_id=publication.id,
                message=f"held until somebody releases it: summerware release {self._dataset.id} "
                f"{publication.id}",
            )
        return self.send(self.release(publication, by=AUTOMATIC))

    def _refuse_if_newer_was_stopped(self, layer: Layer) -> None:
        """Nothing to send is no success where newer content was stopped at a gate."""
        stopped = newer_stop(self._state, self._dataset, layer)
        if stopped is not None:
            raise GateNotPassed(
                f"{self._dataset.id}: the newest extract was stopped at the "
                f"{SUITES[stopped.layer]} gate ({stopped.verdict}), and what passed before is "
                f"published already. Look at `summerware gates {self._dataset.id}`"
            )

    def release(self, publication: Publication, *, by: str) -> Publication:
        """Notes who let exactly this content go."""
        moment = now()
        self._state.move_publication(
            publication.id, state="released", released_by=by, released_at=moment
        )
        return replace(publication, state="released", released_by=by, released_at=moment)

    def send(self, publication: Publication) -> Outcome:
        """Sends what has not been acknowledged, verifies, and ends the publication."""
        plan = _plan_of(publication)
        folder = self._settings.home / publication.path
        if hash_folder(folder) != publication.plan["files"]:
            raise PublicationRefused(
                f"{self._dataset.id}: the files of {publication.id} are not what was planned and "
                "released; run the dataset again for a fresh plan"
            )
        if publication.state == "released":
            self._send_chunks(publication, folder)
            self._state.move_publication(publication.id, state="sent", sent_at=now())
        self._verify(plan)
        self._state.move_publication(publication.id, state="verified", verified_at=now())
        return Outcome(
            state="verified",
            plan=plan,
            publication_id=publication.id,
            message=f"sent and verified: {plan.rows:,} rows on the portal",
        )

    def _must_hold(self) -> bool:
        if self._dataset.release != "automatic":
            return True
        first = not self._state.publications(
            self._dataset.id, target=self._target.name, states=("verified",)
        )
        return self._target.is_live and first

    def _record(
        self, layer: Layer, raw: dict[str, Any], plan: Plan, folder: Path, run_id: str
    ) -> Publication:
        publication_id = new_id()
        kept = self._settings.publications / self._dataset.id / publication_id
        finish_folder([folder / f"{name}.parquet" for name in FILES], kept)
        publication = Publication(
            id=publication_id,
            dataset=self._dataset.id,
            target=self._target.name,
            state="planned",
            content_hash=layer.content_hash,
            layer_id=layer.id,
            run_id=run_id,
            newest_extract_at=raw["extracted_at"],
            plan={
                **plan.as_json(),
                "extracts": raw["extracts"],
                "source": raw["source"],
                "files": hash_folder(kept),
            },
            path=str(kept.relative_to(self._settings.home)),
            released_by=None,
            planned_at=now(),
            released_at=None,
            sent_at=None,
            verified_at=None,
        )
        self._state.add_publication(publication)
        return publication

    def _baseline(self, folder: Path) -> Path | None:
        """What the portal holds: our last snapshot where it still agrees, else the portal's rows."""
        last = _last_finished(self._state, self._dataset, self._target)
        held = {
            partition: self._target.transport.count(portal_id)
            for partition, portal_id in self._portal_ids().items()
        }
        if last is not None and not self._may_have_sent_after(last):
            expected = {name: n for name, n in last.plan["rows_by_partition"].items() if n}
            if expected == {name: count for name, count in held.items() if count}:
                return self._settings.home / last.path / "snapshot.parquet"
        if last is not None:
            self._progress("the portal does not hold what was last published; reading its rows")
        if not any(held.values()):
            return None
        return self._read_portal(folder)

    def _may_have_sent_after(self, last: Publication) -> bool:
        """Whether a publication after the last finished one may have left rows on the portal."""
        unfinished = self._state.publications(
            self._dataset.id, target=self._target.name, states=("released", "sent", "failed")
        )
        return any(one.planned_at > last.planned_at for one in unfinished)

    def _portal_ids(self) -> dict[str, str]:
        """The 4x4 of every partition that exists on the portal.

        Raises:
            PublicationRefused: one of them has not our columns or not our key.
        """
        known = self._state.portal_ids(self._target.name, self._dataset.id)
        found = {}
        for partition, portal_id in {**_declared_ids(self._dataset), **known}.items():
            metadata = self._target.transport.metadata(portal_id)
            if metadata is not None:
                self._check_schema(portal_id, metadata)
                found[partition] = portal_id
        return found

    def _read_portal(self, folder: Path) -> Path:
        """The portal's rows in the shape of a snapshot."""
        columns = self._dataset.published
        target = folder / "baseline.parquet"
        with connect(spill=folder) as connection:
            types = ", ".join(f"{column.name} {SQL_TYPES[column.type]}" for column in columns)
            connection.execute(f"create table rows (_partition varchar, {types})")
            for partition, portal_id in self._portal_ids().items():
                pages = self._target.transport.rows(portal_id, columns, order=self._dataset.key)
                for page in pages:
                    connection.register("page", page)
                    connection.execute(f"insert into rows select {quoted(partition)}, * from page")
            connection.execute(copy_to_parquet(f"from rows order by {self._dataset.key}", target))
        return target

    def _send_chunks(self, publication: Publication, folder: Path) -> None:
        done = self._state.acknowledged_chunks(publication.id)
        total = publication.plan["inserts"] + publication.plan["updates"]
        total += publication.plan["first_fills"] + publication.plan["deletes"]
        sent = 0
        for chunk in planned_chunks(self._dataset, folder, rows=CHUNK_ROWS):
            sent += chunk.rows
            if chunk.number in done:
                continue
            portal_id = self._portal_id(chunk.partition)
            self._note(publication, chunk, "pending")
            answer = send_chunk(
                self._target.transport, portal_id, self._dataset, chunk, patience=PATIENCE
            )
            if answer.refused:
                raise RowsRefused(
                    f"{self._dataset.id}: {portal_id} took chunk {chunk.number} but not every row: "
                    f"{len(answer.refused)} of {chunk.rows} were refused"
                )
            self._note(publication, chunk, "acknowledged", asdict(answer) | {"refused": 0})
            self._progress(f"{sent:,} of {total:,} rows sent")

    def _note(
        self,
        publication: Publication,
        chunk: Chunk,
        state: str,
        answer: dict[str, Any] | None = None,
    ) -> None:
        self._state.move_chunk(
            publication.id,
            chunk.number,
            partition=chunk.partition,
            kind=chunk.kind,
            rows=chunk.rows,
            state=state,
            answer=answer,
        )

    def _portal_id(self, partition: str) -> str:
        """The 4x4 of a partition, the dataset made where the portal has none.

        Raises:
            PublicationRefused: a live portal lacks a dataset that the dataset file names.
        """
        transport = self._target.transport
        known = self._state.portal_id(self._target.name, self._dataset.id, partition)
        if known is not None and transport.metadata(known) is not None:
            return known
        declared = _declared_ids(self._dataset).get(partition)
        if declared is not None:
            found = transport.metadata(declared)
            if found is not None:
                self._check_schema(declared, found)
                return declared
            if self._target.is_live:
                raise PublicationRefused(
                    f"{self._dataset.id}: {self._target.name} has no dataset {declared}; correct "
                    "publish in the dataset file"
                )
        title = self._dataset.publish.title + (f" {partition}" if partition else "")
        made = transport.create(self._dataset, title=title)
        self._state.set_portal_id(self._target.name, self._dataset.id, partition, made)
        return made

    def _check_schema(self, portal_id: str, metadata: dict[str, Any]) -> None:
        """A dataset that was there before us must have our columns and our key."""
        held = {column["fieldName"]: column for column in metadata.get("columns", [])}
        missing = [c.name for c in self._dataset.published if c.name not in held]
        if missing:
            raise PublicationRefused(
                f"{self._dataset.id}: {portal_id} lacks the columns {', '.join(missing)}; add them "
                "on the portal or correct their names in the dataset file"
            )
        key_id = metadata.get("rowIdentifierColumnId")
        if key_id is None or held[self._dataset.key].get("id") != key_id:
            raise PublicationRefused(
                f"{self._dataset.id}: the row identifier of {portal_id} is not "
                f"{self._dataset.key!r}: rows would be repeated. Set it on the portal"
            )

    def _verify(self, plan: Plan) -> None:
        ids = self._portal_ids()
        for partition in sorted({*ids, *plan.rows_by_partition}):
            expected = plan.rows_by_partition.get(partition, 0)
            portal_id = ids.get(partition)
            held = self._target.transport.count(portal_id) if portal_id else 0
            if held != expected:
                raise PortalFault(
                    f"{self._dataset.id}: {portal_id} holds {held:,} rows, but should hold "
                    f"{expected:,}; the publication is not verified"
                )


def _declared_ids(dataset: Dataset) -> dict[str, str]:
    publish = dataset.publish
    if publish.partition is not None:
        return {str(year): portal_id for year, portal_id in publish.partition.ids.items()}
    return {NO_PARTITION: publish.id} if publish.id else {}


def _plan_of(publication: Publication) -> Plan:
    fields = Plan.__dataclass_fields__
    return Plan(**{name: value for name, value in publication.plan.items() if name in fields})


def _last_finished(state: State, dataset: Dataset, target: Target) -> Publication | None:
    finished = state.publications(dataset.id, target=target.name, states=("verified", "unchanged"))
    return finished[-1] if finished else None


def _refuse_other_source(
    dataset: Dataset, target: Target, last: Publication | None, source: str
) -> None:
    """Sample rows never go to the public, nor over real ones, nor real ones over them."""
    if target.is_live and source == "sample":
        raise PublicationRefused(f"{dataset.id}: sample extracts are never sent to a live portal")
    if last is not None and last.plan["source"] != source:
        raise PublicationRefused(
            f"{dataset.id}: {target.name} was last published from the source "
            f"{last.plan['source']!r}, this run reads {source!r}. Use another SUMMERWARE_HOME for "
            "one of them"
        )
