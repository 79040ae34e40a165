"""What is asked of the state database, in the pipeline's own words.

One class, plain frozen records out. No SQL outside this folder; no rows of data inside it.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from orchestration.state import tables
from orchestration.state.chunks import DRAFT_STATES, ChunkId, ChunkKind, ChunkRecord
from orchestration.state.database import for_writing
from orchestration.state.records import LayerFacts, PlanRecord, PortalMarks, RuleRecord

Row = TypeVar("Row")
_AT_ONCE = 50


def now() -> str:
    """This moment, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def new_id(moment: datetime | None = None) -> str:
    """A short id that sorts by time: `20261122T174500-3f9a2c41`."""
    return f"{(moment or datetime.now(UTC)):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


@dataclass(frozen=True, kw_only=True)
class Extract:
    """One landed extract. `extracted_at` is local to the city, without offset."""

    id: str
    dataset: str
    content_hash: str
    file_hash: str
    file_name: str
    source: str
    extracted_at: str
    time_source: str
    grain: str
    lines: int
    unparseable: int
    columns: list[str]
    path: str
    landed_at: str
    discarded_at: str | None = None
    discarded_by: str | None = None
    discard_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One finished layer: immutable Parquet in `path`, known by the hash of its content."""

    id: str
    dataset: str
    layer: str
    run_id: str
    content_hash: str
    upstream_id: str | None
    path: str
    facts: LayerFacts
    finished_at: str


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """The verdict of one suite on one exact content."""

    dataset: str
    layer: str
    content_hash: str
    suite_hash: str
    verdict: str
    rows: int
    quarantined: int
    quarantine_path: str | None
    run_id: str
    results: list[RuleRecord]
    recorded_at: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is kept of a gate's verdict over time, content and files left aside."""

    verdict: str
    rows: int
    quarantined: int
    run_id: str
    results: list[RuleRecord]
    recorded_at: str


FINISHED = ("verified", "unchanged")
"""The states of a publication that was proven."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One publication and how far it came: planned, stopped, held, released, sent, verified.

    Else `unchanged` (nothing to send), `abandoned` (nobody released it) or `failed` (`failure` says
    why). `plan["files"]` is the hash of its files, which a release is for; `marks` are the portal's
    own of each 4x4 when it was verified; `outcome_path` holds the snapshot of what is really there
    where rows were refused.
    """

    id: str
    dataset: str
    target: str
    state: str
    content_hash: str
    layer_id: str
    run_id: str
    newest_extract_at: str
    plan: PlanRecord
    path: str
    released_by: str | None
    planned_at: str
    released_at: str | None
    sent_at: str | None
    verified_at: str | None
    kind: str = "publish"
    held_because: list[str] = field(default_factory=list)
    rules_hash: str = ""
    marks: dict[str, PortalMarks] = field(default_factory=dict)
    refused: int = 0
    outcome_path: str | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunProcess:
    """Which process of which machine a Dagster run lives in."""

    run_id: str
    host: str
    pid: int
    process_started: str
    recorded_at: str


def _record(kind: type[Row], row: Mapping[Any, Any]) -> Row:
    return kind(**{field.name: row[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def _newest_verdict(dataset: str, layer: str, content_hash: str) -> sa.Select[Any]:
    table = tables.gate_record
    return (
        sa.select(table)
        .where(
            table.c.dataset == dataset,
            table.c.layer == layer,
            table.c.content_hash == content_hash,
        )
        .order_by(table.c.id.desc())
        .limit(1)
    )


def _chunk(row: Mapping[Any, Any]) -> ChunkRecord:
    return ChunkRecord(
        id=ChunkId(
            kind=ChunkKind(row["kind"]), number=row["number"], is_repair=bool(row["is_repair"])
        ),
        answer=row["answer"] or {},
        **{name: row[name] for name in ("partition", "rows", "state", "moved_at")},
    )


class State:
    """The state database, opened."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writing = for_writing(engine)

    @property
    def engine(self) -> sa.Engine:
        """The opened database, for the other stores of this folder."""
        return self._engine

    # Extracts

    def add_extract(self, extract: Extract) -> None:
        """Records a landed extract; once the record stands, the extract exists."""
        self._insert(tables.extract, extract)

    def extract(self, extract_id: str) -> Extract | None:
        """The extract of that id, if it was landed."""
        table = tables.extract
        return self._first(Extract, sa.select(table).where(table.c.id == extract_id))

    def extracts(self, dataset: str, *, source: str) -> list[Extract]:
        """The extracts of a dataset from one source, oldest first, ties by content."""
        table = tables.extract
        return self._all(
            Extract,
            sa.select(table)
            .where(table.c.dataset == dataset, table.c.source == source)
            .order_by(table.c.extracted_at, table.c.content_hash),
        )

    def newest_landing(self, dataset: str) -> str | None:
        """When an extract of a dataset was landed last, from whatever source."""
        table = tables.extract
        with self._engine.connect() as connection:
            newest: str | None = connection.scalar(
                sa.select(sa.func.max(table.c.landed_at)).where(table.c.dataset == dataset)
            )
        return newest

    def discard_extract(self, extract_id: str, *, by: str, reason: str) -> None:
        """Notes that an extract must never be used again; its file stays for the record."""
        table = tables.extract
        with self._writing.begin() as connection:
            connection.execute(
                table.update()
                .where(table.c.id == extract_id)
                .values(discarded_at=now(), discarded_by=by, discard_reason=reason)
            )

    def report_unlisted(self, dataset: str, names: Iterable[str], extract_id: str) -> list[str]:
        """Which of these column names are new; they are remembered, so each is reported once."""
        table = tables.unlisted_column
        with self._writing.begin() as connection:
            known = set(
                connection.scalars(sa.select(table.c.name).where(table.c.dataset == dataset))
            )
            new = [name for name in names if name not in known]
            for name in new:
                connection.execute(
                    table.insert().values(
                        dataset=dataset, name=name, extract_id=extract_id, reported_at=now()
                    )
                )
        return new

    # Layers

    def add_layer(self, layer: Layer) -> None:
        """Records a finished layer; once the record stands, the layer exists."""
        self._insert(tables.layer, layer)

    def layer(self, layer_id: str) -> Layer:
        """The layer of that id."""
        found = self.find_layer(layer_id)
        if found is None:
            raise LookupError(f"no layer {layer_id}")
        return found

    def find_layer(self, layer_id: str) -> Layer | None:
        """The layer of that id, if it is still kept."""
        table = tables.layer
        return self._first(Layer, sa.select(table).where(table.c.id == layer_id))

    def newest_layer(self, dataset: str, layer: str, *, run_id: str | None = None) -> Layer | None:
        """The layer finished last: of this run where it has one, else of any."""
        table = tables.layer
        query = (
            sa.select(table)
            .where(table.c.dataset == dataset, table.c.layer == layer)
            .order_by(table.c.finished_at.desc(), table.c.id.desc())
            .limit(1)
        )
        if run_id is not None:
            own = self._first(Layer, query.where(table.c.run_id == run_id))
            if own is not None:
                return own
        return self._first(Layer, query)

    def layers(self, dataset: str, layer: str) -> list[Layer]:
        """Every finished layer of that name, newest first."""
        table = tables.layer
        return self._all(
            Layer,
            sa.select(table)
            .where(table.c.dataset == dataset, table.c.layer == layer)
            .order_by(table.c.finished_at.desc(), table.c.id.desc()),
        )

    # Gates

    def add_gate_record(self, record: GateRecord) -> None:
        """Records a verdict; records are only ever added."""
        self._insert(tables.gate_record, record)

    def gate_record(
        self, dataset: str, layer: str, content_hash: str, *suite_hashes: str
    ) -> GateRecord | None:
        """The newest verdict on exactly this content of exactly these rules, by their hashes."""
        query = _newest_verdict(dataset, layer, content_hash)
        return self._first(
            GateRecord, query.where(tables.gate_record.c.suite_hash.in_(suite_hashes))
        )

    def newest_gate_record(self, dataset: str, layer: str, content_hash: str) -> GateRecord | None:
        """The newest verdict on exactly this content, under whatever rules."""
        return self._first(GateRecord, _newest_verdict(dataset, layer, content_hash))

    def has_passed(self, dataset: str, layer: str, content_hash: str) -> bool:
        """Whether that content once passed its gate, under whatever rules."""
        query = _newest_verdict(dataset, layer, content_hash)
        with self._engine.connect() as connection:
            found = connection.scalar(query.where(tables.gate_record.c.verdict == "passed"))
        return found is not None

    def latest_gates(self, dataset: str | None = None) -> list[GateRecord]:
        """The newest verdict of every gate, by dataset and layer."""
        table = tables.gate_record
        newest = sa.select(sa.func.max(table.c.id)).group_by(table.c.dataset, table.c.layer)
        query = sa.select(table).where(table.c.id.in_(newest)).order_by(table.c.dataset, table.c.id)
        if dataset is not None:
            query = query.where(table.c.dataset == dataset)
        return self._all(GateRecord, query)

    def gates_of_run(self, run_id: str) -> list[GateRecord]:
        """Every verdict of one run, in the order given."""
        table = tables.gate_record
        return self._all(
            GateRecord, sa.select(table).where(table.c.run_id == run_id).order_by(table.c.id)
        )

    def quarantine_folders(self, dataset: str) -> list[tuple[str, str]]:
        """Every quarantine that was written, with the content it belongs to."""
        table = tables.gate_record
        query = sa.select(table.c.quarantine_path, table.c.content_hash).where(
            table.c.dataset == dataset, table.c.quarantine_path.is_not(None)
        )
        with self._engine.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def verdicts(self, dataset: str, layer: str, *, last: int | None = None) -> list[Verdict]:
        """Every verdict of one gate, or the last so many, newest first."""
        table = tables.gate_record
        query = (
            sa.select(*(table.c[field.name] for field in fields(Verdict)))
            .where(table.c.dataset == dataset, table.c.layer == layer)
            .order_by(table.c.id.desc())
        )
        return self._all(Verdict, query if last is None else query.limit(last))

    def verdicts_backwards(self, dataset: str, layer: str) -> Iterator[Verdict]:
        """The verdicts of one gate, newest first, read only as far as somebody asks."""
        table = tables.gate_record
        query = (
            sa.select(table)
            .where(table.c.dataset == dataset, table.c.layer == layer)
            .order_by(table.c.id.desc())
            .limit(_AT_ONCE)
        )
        last: int | None = None
        while True:
            part = query if last is None else query.where(table.c.id < last)
            with self._engine.connect() as connection:
                rows = connection.execute(part).mappings().all()
            yield from (_record(Verdict, row) for row in rows)
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1]["id"]

    def move_quarantine(self, dataset: str, failing: set[tuple[str, str]], run_id: str) -> None:
        """Opens an entry per newly quarantined (key, rule), closes those that are well again."""
        table = tables.quarantined_key
        moment = now()
        with self._writing.begin() as connection:
            open_entries = {
                (row.key, row.rule_id)
                for row in connection.execute(
                    sa.select(table.c.key, table.c.rule_id).where(
                        table.c.dataset == dataset, table.c.closed_at.is_(None)
                    )
                )
            }
            opened = [
                {
                    "dataset": dataset,
                    "key": key,
                    "rule_id": rule_id,
                    "opened_at": moment,
                    "opened_run_id": run_id,
                    "last_run_id": run_id,
                }
                for key, rule_id in sorted(failing - open_entries)
            ]
            if opened:
                connection.execute(table.insert(), opened)
            for key, rule_id in sorted(open_entries - failing):
                connection.execute(
                    table.update()
                    .where(
                        table.c.dataset == dataset,
                        table.c.key == key,
                        table.c.rule_id == rule_id,
                        table.c.closed_at.is_(None),
                    )
                    .values(closed_at=moment, closed_run_id=run_id)
                )
            connection.execute(
                table.update()
                .where(table.c.dataset == dataset, table.c.closed_at.is_(None))
                .values(last_run_id=run_id)
            )

    def newly_quarantined(self, dataset: str, run_id: str) -> dict[str, int]:
        """How many keys each rule quarantined in a run that it had not quarantined before."""
        table = tables.quarantined_key
        query = (
            sa.select(table.c.rule_id, sa.func.count())
            .where(table.c.dataset == dataset, table.c.opened_run_id == run_id)
            .group_by(table.c.rule_id)
        )
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    # Publications

    def add_publication(self, publication: Publication) -> None:
        """Records a planned publication."""
        self._insert(tables.publication, publication)

    def move_publication(self, publication_id: str, **values: Any) -> None:
        """Moves a publication to another state."""
        table = tables.publication
        with self._writing.begin() as connection:
            connection.execute(table.update().where(table.c.id == publication_id).values(**values))

    def publications(
        self,
        dataset: str,
        *,
        target: str | None = None,
        states: Iterable[str] | None = None,
        last: int | None = None,
    ) -> list[Publication]:
        """Publications of a dataset, or the last so many, oldest first."""
        table = tables.publication
        query = (
            sa.select(table)
            .where(table.c.dataset == dataset)
            .order_by(table.c.planned_at, table.c.id)
        )
        if target is not None:
            query = query.where(table.c.target == target)
        if states is not None:
            query = query.where(table.c.state.in_(list(states)))
        if last is not None:
            newest = query.order_by(None).order_by(table.c.planned_at.desc(), table.c.id.desc())
            return self._all(Publication, newest.limit(last))[::-1]
        return self._all(Publication, query)

    def move_chunk(
        self,
        publication_id: str,
        chunk: ChunkId,
        *,
        partition: str,
        rows: int,
        state: str,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        """Notes how far one chunk came; see `ChunkRecord`."""
        table = tables.publication_chunk
        values = {"state": state, "answer": answer, "moved_at": now()}
        key = {"publication_id": publication_id, **vars(chunk), "kind": chunk.kind.value}
        with self._writing.begin() as connection:
            moved = connection.execute(
                table.update()
                .where(*(table.c[name] == value for name, value in key.items()))
                .values(**values)
            )
            if moved.rowcount == 0:
                connection.execute(
                    table.insert().values(**key, partition=partition, rows=rows, **values)
                )

    def chunks(self, publication_id: str) -> list[ChunkRecord]:
        """The journal of a publication, chunk by chunk: rows by key, their repairs, replacements."""
        table = tables.publication_chunk
        kind = table.c.kind
        query = (
            sa.select(table)
            .where(table.c.publication_id == publication_id)
            .order_by(kind == ChunkKind.REPLACE, table.c.is_repair, kind.desc(), table.c.number)
        )
        with self._engine.connect() as connection:
            return [_chunk(row) for row in connection.execute(query).mappings()]

    def with_open_drafts(self, dataset: str) -> set[str]:
        """The publications with drafts on a portal that were neither applied nor discarded."""
        chunk, publication = tables.publication_chunk, tables.publication
        query = (
            sa.select(chunk)
            .join(publication, publication.c.id == chunk.c.publication_id)
            .where(publication.c.dataset == dataset, chunk.c.state.in_(DRAFT_STATES))
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).mappings().all()
        return {row["publication_id"] for row in found if _chunk(row).is_open_draft}

    def verify_chunks(self, publication_id: str) -> None:
        """Notes that everything acknowledged was read back."""
        table = tables.publication_chunk
        with self._writing.begin() as connection:
            connection.execute(
                table.update()
                .where(table.c.publication_id == publication_id, table.c.state == "acknowledged")
                .values(state="verified", moved_at=now())
            )

    def set_portal_id(self, target: str, dataset: str, partition: str, portal_id: str) -> None:
        """Remembers the 4x4 that a portal gave."""
        table = tables.portal_dataset
        with self._writing.begin() as connection:
            connection.execute(
                table.delete().where(
                    table.c.target == target,
                    table.c.dataset == dataset,
                    table.c.partition == partition,
                )
            )
            connection.execute(
                table.insert().values(
                    target=target,
                    dataset=dataset,
                    partition=partition,
                    portal_id=portal_id,
                    created_at=now(),
                )
            )

    def portal_ids(self, target: str, dataset: str) -> dict[str, str]:
        """The 4x4 of every partition of a dataset that we made on a portal."""
        table = tables.portal_dataset
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(table.c.partition, table.c.portal_id).where(
                    table.c.target == target, table.c.dataset == dataset
                )
            )
            return {row.partition: row.portal_id for row in rows}

    # Runs

    def record_process(self, process: RunProcess) -> None:
        """Notes in which process a run lives; the first note of a run stays."""
        table = tables.run_process
        with self._writing.begin() as connection:
            known = connection.scalar(
                sa.select(table.c.run_id).where(table.c.run_id == process.run_id)
            )
            if known is None:
                connection.execute(table.insert().values(**_values(process)))

    def process_of_run(self, run_id: str) -> RunProcess | None:
        """The process that a run lives in, where it was noted."""
        table = tables.run_process
        return self._first(RunProcess, sa.select(table).where(table.c.run_id == run_id))

    def processes(self) -> list[RunProcess]:
        """Every process that a run was noted to live in."""
        return self._all(RunProcess, sa.select(tables.run_process))

    def _insert(self, table: sa.Table, record: Any) -> None:
        with self._writing.begin() as connection:
            connection.execute(table.insert().values(**_values(record)))

    def _all(self, kind: type[Row], query: sa.Select[Any]) -> list[Row]:
        with self._engine.connect() as connection:
            return [_record(kind, row) for row in connection.execute(query).mappings()]

    def _first(self, kind: type[Row], query: sa.Select[Any]) -> Row | None:
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _record(kind, row)


def _values(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
