"""The state database, on SQLite and on a real PostgreSQL: one battery for both.

Each test has a database of its own. The processes that race are real ones.
"""

import json
import multiprocessing
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from orchestration.settings import Settings
from orchestration.state import database, tables
from orchestration.state.chunks import ChunkId, ChunkKind, RefusedRow
from orchestration.state.database import for_writing, open_database
from orchestration.state.store import (
    Extract,
    GateRecord,
    Layer,
    Publication,
    RunProcess,
    State,
    now,
)
from tests.integration.postgresql import postgresql

PROCESSES = 4
ROUNDS = 20

EXTRACT = Extract(
    id="e1",
    dataset="dogs",
    content_hash="c1",
    file_hash="f1",
    file_name="dogs_2026-01-01.csv",
    source="files",
    extracted_at="2026-01-01T00:00:00",
    time_source="name",
    grain="dog",
    lines=3,
    unparseable=1,
    columns=["dog_id", "Straße"],
    path="extracts/dogs/e1",
    landed_at=now(),
)
LAYER = Layer(
    id="l1",
    dataset="dogs",
    layer="raw",
    run_id="monday",
    content_hash="h1",
    upstream_id=None,
    path="layers/dogs/raw/l1",
    facts={"rows": 3, "newest": None},
    finished_at="2026-01-01T00:00:00+00:00",
)
RECORD = GateRecord(
    dataset="dogs",
    layer="raw",
    content_hash="h1",
    suite_hash="s1",
    verdict="passed",
    rows=3,
    quarantined=0,
    quarantine_path=None,
    run_id="monday",
    results=[{"rule_id": "dog_id_present", "failing": 0, "share": 0.5}],
    recorded_at=now(),
)
PUBLICATION = Publication(
    id="p1",
    dataset="dogs",
    target="portal.example",
    state="planned",
    content_hash="h1",
    layer_id="l1",
    run_id="monday",
    newest_extract_at="2026-01-01T00:00:00",
    plan={"rows": 3, "updates_by_column": {"name": 1}},
    path="publications/dogs/p1",
    released_by=None,
    planned_at="2026-01-01T06:00:00+00:00",
    released_at=None,
    sent_at=None,
    verified_at=None,
)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    server = sa.make_url(request.getfixturevalue("server"))
    name = f"test_{secrets.token_hex(6)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
    engine.dispose()


@pytest.fixture
def engine(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.setenv("SUMMERWARE_STATE_URL", url)
    opened = open_database(Settings.from_environment())
    yield opened
    opened.dispose()


@pytest.fixture
def state(engine: sa.Engine) -> State:
    return State(engine)


# Migrations


def alembic_config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def test_migrated_tables_are_those_of_the_code(engine: sa.Engine):
    """From empty to head: no table, column, index or key differs from `tables.py`."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == database.HEAD
        assert compare_metadata(context, tables.metadata) == []


def test_downgrade_leaves_nothing_and_upgrade_comes_back(engine: sa.Engine):
    """Every migration can be undone, and done again."""
    with for_writing(engine).begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    open_database(Settings.from_environment()).dispose()
    assert set(tables.metadata.tables) < set(sa.inspect(engine).get_table_names())


def test_killed_migration_leaves_nothing_behind(
    home: Path, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Law 7: killed between two tables, the next process makes them all."""
    monkeypatch.setenv("SUMMERWARE_STATE_URL", url)
    process = multiprocessing.get_context("spawn").Process(target=migrate_and_die)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    engine = open_database(Settings.from_environment())
    assert set(tables.metadata.tables) < set(sa.inspect(engine).get_table_names())
    engine.dispose()


def test_processes_migrate_at_once(
    home: Path, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Each with a home of its own, as on several machines: one migrates, none fails."""
    monkeypatch.setenv("SUMMERWARE_STATE_URL", url)
    assert race(migrate, tmp_path) == [0] * PROCESSES


def test_sqlite_file_is_its_owners_alone(settings: Settings):
    """It names people's decisions."""
    open_database(settings).dispose()
    assert (settings.home / "state.db").stat().st_mode & 0o777 == 0o600


# One battery for both


def test_extracts_come_back_in_order(state: State):
    """As they went in; oldest first, ties by content, other sources apart."""
    later = replace(EXTRACT, id="e0", extracted_at="2026-01-02T00:00:00")
    tied = replace(EXTRACT, id="e2", content_hash="c0")
    other = replace(EXTRACT, id="e3", source="sample")
    for extract in (later, EXTRACT, tied, other):
        state.add_extract(extract)
    assert state.extracts("dogs", source="files") == [tied, EXTRACT, later]
    assert (state.extract("e3"), state.extract("e9")) == (other, None)


def test_extract_is_landed_once(state: State):
    """A second record of the same id is refused, and the first stays."""
    state.add_extract(EXTRACT)
    with pytest.raises(sa.exc.IntegrityError):
        state.add_extract(replace(EXTRACT, lines=99))
    assert state.extract("e1") == EXTRACT


def test_discarded_extract_says_by_whom_and_why(state: State):
    """Its record stays."""
    state.add_extract(EXTRACT)
    state.add_extract(replace(EXTRACT, id="e2"))
    state.discard_extract("e1", by="ana", reason='it\'s "half" a file')
    found = state.extract("e1")
    assert found is not None
    assert found.discarded_at is not None
    assert (found.discarded_by, found.discard_reason) == ("ana", 'it\'s "half" a file')
    assert [one.discarded_at is None for one in state.extracts("dogs", source="files")] == [
        False,
        True,
    ]


def test_unlisted_column_is_reported_once(state: State):
    """Once per dataset and name."""
    assert state.report_unlisted("dogs", ["Owner", "Chip"], "e1") == ["Owner", "Chip"]
    assert state.report_unlisted("dogs", ["Owner", "Vet"], "e2") == ["Vet"]
    assert state.report_unlisted("cats", ["Owner"], "e3") == ["Owner"]


def test_newest_layer_is_the_runs_own_where_it_has_one(state: State):
    """Law 9: another run's newer layer is only taken where this run has made none."""
    newer = replace(LAYER, id="l2", run_id="tuesday", finished_at="2026-01-02T00:00:00+00:00")
    state.add_layer(newer)
    state.add_layer(LAYER)
    assert state.newest_layer("dogs", "raw") == newer
    assert state.newest_layer("dogs", "raw", run_id="monday") == LAYER
    assert state.newest_layer("dogs", "raw", run_id="friday") == newer
    assert state.newest_layer("dogs", "standardized") is None
    assert state.layers("dogs", "raw") == [newer, LAYER]
    assert state.layer("l1") == LAYER
    with pytest.raises(LookupError, match="no layer l9"):
        state.layer("l9")


def test_gate_record_is_for_exactly_this_content_and_suite(state: State):
    """The newest of several; a changed content or suite has none."""
    state.add_gate_record(replace(RECORD, verdict="failed"))
    state.add_gate_record(RECORD)
    assert state.gate_record("dogs", "raw", "h1", "s1") == RECORD
    assert state.gate_record("dogs", "raw", "h2", "s1") is None
    assert state.gate_record("dogs", "raw", "h1", "s2") is None
    assert state.newest_gate_record("dogs", "raw", "h1") == RECORD
    assert state.has_passed("dogs", "raw", "h1")
    assert not state.has_passed("dogs", "standardized", "h1")


@pytest.mark.parametrize("verdict", ["failed", "broken"])
def test_only_a_pass_has_passed(state: State, verdict: str):
    """Law 2."""
    state.add_gate_record(replace(RECORD, verdict=verdict))
    assert not state.has_passed("dogs", "raw", "h1")


def test_latest_gates_are_one_for_each_gate(state: State):
    """By dataset; and those of a run are all of it, in the order given."""
    first = [RECORD, replace(RECORD, layer="standardized"), replace(RECORD, dataset="cats")]
    second = replace(RECORD, run_id="tuesday", verdict="failed")
    for record in (*first, second):
        state.add_gate_record(record)
    assert state.latest_gates("dogs") == [first[1], second]
    assert state.latest_gates() == [first[2], first[1], second]
    assert state.gates_of_run("monday") == first


def entries(engine: sa.Engine) -> list[tuple[Any, ...]]:
    table = tables.quarantined_key
    wanted = sa.select(
        table.c.key, table.c.rule_id, table.c.opened_run_id, table.c.last_run_id,
        table.c.closed_run_id,
    ).order_by(table.c.opened_at, table.c.key)  # fmt: skip
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(wanted)]


def test_quarantine_opens_stays_closes_and_opens_again(
    state: State, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
):
    """Each illness is an entry of its own."""
    moments = (f"2026-01-0{day}T00:00:00+00:00" for day in range(1, 9))
    monkeypatch.setattr("orchestration.state.store.now", lambda: next(moments))
    state.move_quarantine("dogs", {("D1", "named"), ("D2", "named")}, "monday")
    state.move_quarantine("dogs", {("D1", "named")}, "tuesday")
    state.move_quarantine("dogs", {("D1", "named"), ("D2", "named")}, "wednesday")
    assert entries(engine) == [
        ("D1", "named", "monday", "wednesday", None),
        ("D2", "named", "monday", "monday", "tuesday"),
        ("D2", "named", "wednesday", "wednesday", None),
    ]


def test_publication_goes_through_its_states(state: State):
    """Found by state and by target, oldest first."""
    second = replace(PUBLICATION, id="p0", planned_at="2026-01-02T06:00:00+00:00", target="other")
    state.add_publication(second)
    state.add_publication(PUBLICATION)
    for step in ("held", "released", "sent", "verified"):
        state.move_publication("p1", state=step)
        assert [one.id for one in state.publications("dogs", states=[step])] == ["p1"]
    state.move_publication("p1", released_by="ana", verified_at="2026-01-03T00:00:00+00:00")
    moved = replace(
        PUBLICATION,
        state="verified",
        released_by="ana",
        verified_at="2026-01-03T00:00:00+00:00",
    )
    assert state.publications("dogs") == [moved, second]
    assert state.publications("dogs", target="other") == [second]
    assert state.publications("dogs", states=["planned", "verified"]) == [moved, second]


def test_chunk_counts_once_it_is_acknowledged(state: State):
    """A resumed publication sends the others again."""
    for number in (1, 2):
        state.move_chunk("p1", upsert(number), partition="2026", rows=9, state="pending")
    state.move_chunk(
        "p1", upsert(2), partition="2026", rows=9, state="acknowledged", answer={"Rows Created": 9}
    )
    assert acknowledged(state, "p1") == [2]
    assert acknowledged(state, "p2") == []


def upsert(number: int) -> ChunkId:
    return ChunkId(kind=ChunkKind.UPSERT, number=number)


def acknowledged(state: State, publication: str) -> list[int]:
    return [chunk.id.number for chunk in state.chunks(publication) if chunk.is_done]


def test_chunks_of_before_are_read_by_kind(engine: sa.Engine, state: State):
    """Version 0008 told kinds and repairs apart by ranges of numbers, drafts but by their kind."""
    upserts, deletes, replacements = "upsert", "delete", "replace"
    refused = {"key": "D1", "column": None, "reason": "no such row"}
    before = {
        "by_rows": [(0, upserts), (12, upserts), (500_000, deletes), (500_003, deletes),
                    (1_000_001, upserts), (1_500_000, deletes),
                    (2_000_000, replacements), (2_002_025, replacements), (3_002_025, replacements)],
        "by_drafts": [(0, upserts), (1, upserts), (2, deletes)],
        "by_both": [(0, deletes), (500_000, deletes)],
    }  # fmt: skip
    with for_writing(engine).begin() as connection:
        command.downgrade(alembic_config(connection), "0008")
        for publication, chunks in before.items():
            for number, kind in chunks:
                connection.execute(
                    sa.text(
                        "insert into publication_chunk values "
                        "(:publication, :number, '2025', :kind, 9, 'acknowledged', :answer, 'then')"
                    ),
                    {
                        "publication": publication,
                        "number": number,
                        "kind": kind,
                        "answer": json.dumps({"refused": [refused], "number": number}),
                    },
                )
    open_database(Settings.from_environment()).dispose()
    found = {name: state.chunks(name) for name in before}
    assert {
        name: [(one.id.kind.value, one.id.number, one.id.is_repair) for one in chunks]
        for name, chunks in found.items()
    } == {
        "by_rows": [
            (upserts, 0, False), (upserts, 12, False), (deletes, 0, False), (deletes, 3, False),
            (upserts, 1, True), (deletes, 0, True),
            (replacements, 0, False), (replacements, 2025, False), (replacements, 2025, True),
        ],
        "by_drafts": [(upserts, 0, False), (upserts, 1, False), (deletes, 2, False)],
        "by_both": [(deletes, 0, False)],
    }  # fmt: skip
    assert [one.answer["number"] for one in found["by_rows"]] == [
        number for number, _ in before["by_rows"]
    ]
    assert found["by_both"][0].answer["number"] == 500_000
    assert found["by_rows"][0].refused == [RefusedRow(**refused)]
    assert {one.rows for one in found["by_rows"]} == {9}
    with for_writing(engine).begin() as connection:
        command.downgrade(alembic_config(connection), "0008")
        rows = connection.execute(
            sa.text("select number, kind from publication_chunk where publication_id = 'by_rows'")
        ).all()
    assert sorted((row.number, row.kind) for row in rows) == before["by_rows"]


def test_portal_ids_are_remembered_by_target_and_partition(state: State):
    """The last one given counts."""
    state.set_portal_id("here", "dogs", "2025", "aaaa-0001")
    state.set_portal_id("here", "dogs", "2026", "aaaa-0002")
    state.set_portal_id("here", "dogs", "2026", "aaaa-0003")
    state.set_portal_id("there", "dogs", "2026", "bbbb-0001")
    assert state.portal_ids("here", "dogs") == {"2025": "aaaa-0001", "2026": "aaaa-0003"}
    assert state.portal_ids("there", "dogs") == {"2026": "bbbb-0001"}


def test_first_note_of_a_run_stays(state: State):
    """A run lives in the process that noted it first."""
    first = RunProcess(run_id="monday", host="here", pid=1, process_started="1", recorded_at=now())
    state.record_process(first)
    state.record_process(replace(first, pid=2))
    assert state.process_of_run("monday") == first
    assert state.process_of_run("tuesday") is None


# Several at once


def test_writers_at_once_lose_nothing(state: State, engine: sa.Engine, tmp_path: Path):
    """Same keys, columns and chunks from every side: each is there once, nobody fails."""
    assert race(write, tmp_path) == [0] * PROCESSES
    numbers = range(ROUNDS)
    found = entries(engine)
    assert [(key, rule) for key, rule, *_ in found] == sorted(
        (f"D{number:02}", "named") for number in numbers
    )
    assert acknowledged(state, "p1") == list(numbers)
    assert len(state.gates_of_run("race")) == PROCESSES * ROUNDS
    assert len(state.extracts("dogs", source="files")) == PROCESSES * ROUNDS
    reported = " ".join(path.read_text() for path in tmp_path.glob("reported_*")).split()
    assert sorted(reported) == sorted(f"Column{number}" for number in numbers)


def test_reader_does_not_wait_for_a_writer(state: State, engine: sa.Engine):
    """A transaction that writes is open, and the answer comes, as of before."""
    state.add_layer(LAYER)
    with for_writing(engine).begin() as connection:
        connection.execute(tables.layer.delete())
        assert state.layers("dogs", "raw") == [LAYER]
    assert state.layers("dogs", "raw") == []


def race(what: Any, folder: Path) -> list[int | None]:
    """Does the same in several processes at the same moment; their exit codes."""
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(PROCESSES)
    processes = [
        context.Process(target=what, args=(begin, number, folder)) for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    return [process.exitcode for process in processes]


def migrate(begin: Any, number: int, folder: Path) -> None:
    os.environ["SUMMERWARE_HOME"] = str(folder / f"home{number}")
    begin.wait()
    open_database(Settings.from_environment()).dispose()


def migrate_and_die() -> None:
    """Is killed when some of the tables have been made."""

    def die_at_a_late_table(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "CREATE TABLE publication_chunk" in statement:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", die_at_a_late_table)
    open_database(Settings.from_environment())


def write(begin: Any, number: int, folder: Path) -> None:
    engine = open_database(Settings.from_environment())
    state = State(engine)
    reported = []
    begin.wait()
    for turn in range(ROUNDS):
        failing = {(f"D{one:02}", "named") for one in range(ROUNDS)}
        state.move_quarantine("dogs", failing, f"run{number}")
        reported += state.report_unlisted("dogs", [f"Column{turn}"], "e1")
        state.add_extract(replace(EXTRACT, id=f"{number}-{turn}"))
        state.add_gate_record(replace(RECORD, run_id="race"))
        state.move_chunk("p1", upsert(turn), partition="all", rows=1, state="acknowledged")
        state.set_portal_id("here", "dogs", "all", f"aaaa-000{number}")
        state.record_process(
            RunProcess(run_id="race", host="here", pid=number, process_started="", recorded_at="")
        )
    (folder / f"reported_{number}").write_text(" ".join(reported))
    engine.dispose()
