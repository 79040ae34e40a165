"""What an erasure finds on this machine, beside what the acceptance tests let whole days leave there."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from orchestration.errors import TransientError
from orchestration.hash_key import hash_key
from orchestration.portal.server import PortalServer
from orchestration.settings import Settings
from orchestration.state.judgements import Questionnaire, ReviewStore
from orchestration.state.publishing import PublishingStore
from orchestration.state.store import RunProcess, State, now
from orchestration.takedown import purge as purging
from orchestration.takedown.databases import erase_texts, write_anew
from orchestration.takedown.files import FilePurge
from orchestration.takedown.orders import Order, carry_out
from orchestration.takedown.traces import GONE, Traces
from orchestration.tombstones.extract_filter import erase_from_extract
from orchestration.tombstones.tombstones import ERASED, Tombstones, hash_in_sql, keyed_hash
from tests.byte_scan import places_of
from tests.park import AFTER, OAKS, Park
from tests.unit.publishing.conftest import read_rows, tree, trees

KEY = "SEALED-0815"
SPECIES = "quercus secreta"
TREES = [*OAKS, tree(KEY, species=SPECIES)]


@pytest.fixture
def park(tmp_path: Path, settings: Settings, state: State) -> Iterator[Park]:
    with PortalServer(settings.portal_home) as portal:
        yield Park(tmp_path, settings, state, portal)


def erase(park: Park, *keys: str) -> None:
    order = Order(keys=keys, column=None, authority="Court, 22-1", reason="", by="Ann", purge=True)
    carry_out(park.settings, park.state, {"trees": park.dataset}, park.dataset, order)


def test_layers_publications_and_portal_hold_nothing(park: Park) -> None:
    """Everything but the row is as it was, and what the journal says of the files is true."""
    first = park.publish_rows(TREES).publication_id
    erase(park, KEY)
    assert places_of(park.settings.home, [KEY]) == []
    assert park.publish_rows([*OAKS, tree("T5")], extracted_at=AFTER).state == "verified"
    assert park.rollback(first).state == "verified"
    assert set(park.on_portal()) == {"T1", "T2", "T3"}


def test_databases_for_dbt_by_hand_go(park: Park, tmp_path: Path) -> None:
    """The last steps' beside the layers, and what somebody built of them in the dbt project."""
    park.publish_rows(TREES)
    project = tmp_path / "dbt"
    park.settings = replace(park.settings, dbt_project_dir=project)
    (project / "target").mkdir(parents=True)
    kept = [
        park.settings.layers / "trees" / "standardized.duckdb",
        park.settings.layers / "trees" / "deduplicated.duckdb",
        project / "target" / "warehouse.duckdb",
    ]
    for path in kept:
        with duckdb.connect(path) as connection:
            connection.execute(f"create table rows as select '{KEY}' as tree_id")
    erase(park, KEY)
    assert not any(path.exists() for path in kept)


def test_records_that_quote_the_row_are_emptied(park: Park) -> None:
    """Quarantine, kept edits, questions that people were asked; other records stay."""
    park.state.move_quarantine("trees", {(KEY, "is_tree"), ("T1", "is_tree")}, "run")
    PublishingStore(park.state).keep_edits("trees", "local", [KEY, "T1"], by="Ann", reason="seen")
    asked = [{"id": "q1", "text": f"is {KEY.lower()} an oak?"}, {"id": "q2", "text": "is T1?"}]
    ReviewStore(park.state).add_questionnaire(
        Questionnaire(
            id="n1", dataset="trees", purpose="review", person="Ann", facts={}, questions=asked,
            asked_at=now(),
        )
    )  # fmt: skip
    erase(park, KEY)
    assert places_of(park.settings.home, [KEY]) == []
    assert PublishingStore(park.state).kept_edits("trees", "local") == ["T1"]
    with park.state.engine.connect() as connection:
        keys = connection.exec_driver_sql("select key from quarantined_key").scalars().all()
        questions = connection.exec_driver_sql("select questions from questionnaire").scalar()
    assert keys == ["T1"]
    assert GONE in str(questions)
    assert "is T1?" in str(questions)


def test_logs_and_histories_of_others_are_emptied(park: Park) -> None:
    """A text of a log is overwritten in its place, one in a SQLite file is replaced."""
    log = park.settings.dagster_home / "storage" / "run" / "compute_logs" / "step.err"
    log.parent.mkdir(parents=True)
    log.write_text(f"row {KEY} was odd\nrow T1 too\n")
    with closing(sqlite3.connect(park.settings.dagster_home / "index.db")) as history:
        history.execute("create table events (event text)")
        history.execute("insert into events values (?)", [f'{{"said": "row {KEY}"}}'])
        history.commit()
    erase(park, KEY)
    assert places_of(park.settings.home, [KEY]) == []
    assert log.read_text() == f"row {'*' * len(KEY)} was odd\nrow T1 too\n"


@pytest.mark.parametrize("dies_in", ["purge_tables", "purge_rest", "purge_extracts"])
def test_killed_erasure_is_finished_by_the_next(
    park: Park, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    """Wherever it died, the same command goes on."""
    park.publish_rows(TREES)

    def die(_: FilePurge) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(FilePurge, dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            erase(park, KEY)
    erase(park, KEY)
    assert places_of(park.settings.home, [KEY]) == []


def test_erasing_needs_no_key(park: Park) -> None:
    """What was taken down before is told by its hash, as after a restored backup."""
    park.publish_rows(TREES)
    order = Order(keys=(KEY,), column=None, authority="Court", reason="", by="Ann", purge=False)
    carry_out(park.settings, park.state, {"trees": park.dataset}, park.dataset, order)
    assert places_of(park.settings.home, [KEY])
    erase(park)
    assert places_of(park.settings.home, [KEY]) == []


def test_run_at_work_is_waited_for(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is off the portal all the same; what is open on disk is not torn from its hands."""
    park.publish_rows(TREES)
    started = purging.process_started
    monkeypatch.setattr(purging.os, "getpid", lambda: 1)
    import os
    import socket

    pid = os.getppid()
    park.state.record_process(
        RunProcess(
            run_id="busy", host=socket.gethostname(), pid=pid,
            process_started=started(pid) or "", recorded_at=now(),
        )
    )  # fmt: skip
    with pytest.raises(TransientError, match="is at work"):
        erase(park, KEY)
    assert KEY not in park.on_portal()


# Parts


def test_erased_line_keeps_its_place(tmp_path: Path) -> None:
    """Only its cells go; lines around it, in their order, do not."""
    rows, target = tmp_path / "rows.parquet", tmp_path / "erased.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select 'e' as _extract_id, timestamp '2022-01-01' as _extracted_at, "
            "'tree' as _grain, null::varchar as _parse_error, 'T' || i as tree_id, "
            f"'oak' as species from range(100000) as numbers(i)) to '{rows}' (format parquet)"
        )
    landed = frozenset({keyed_hash("secret", "trees", "landed", ["t70000 "])})
    tombstones = Tombstones(dataset="trees", secret="secret", rows=frozenset({"x"}), landed=landed)
    dataset = trees()
    assert erase_from_extract(tombstones, dataset, rows, target, spill=tmp_path, lines=[3])
    found = read_rows(target)
    assert [row["tree_id"] for row in found] == [
        None if number in (2, 70_000) else f"T{number}" for number in range(100_000)
    ]
    assert (found[2]["_parse_error"], found[2]["species"]) == (ERASED, None)
    again = tmp_path / "again.parquet"
    assert not erase_from_extract(tombstones, dataset, target, again, spill=tmp_path, lines=[3])


@pytest.mark.parametrize("key", ["T1", " t1", "Étoile  7", "a|b", "x'y"])
def test_hashes_of_python_and_sql_are_one(key: str) -> None:
    """Whatever case, blanks and signs a key has."""
    tombstones = Tombstones(dataset="trees", secret="s'ecret", rows=frozenset({"0"}))
    with duckdb.connect() as connection:
        tombstones.declare(connection)
        found = connection.execute(
            f"select {hash_in_sql('key', ['k'])} from (select ? as k)", [key]
        )
        assert found.fetchall() == [(tombstones.hash_of(key),)]


def test_hash_is_of_home_and_dataset(settings: Settings) -> None:
    """The same key elsewhere has another one."""
    secret = hash_key(settings)
    hashes = {
        keyed_hash(secret, "trees", "key", ["T1"]),
        keyed_hash(secret, "shrubs", "key", ["T1"]),
        keyed_hash(secret, "trees", "landed", ["T1"]),
        keyed_hash("another", "trees", "key", ["T1"]),
    }
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("text", "erased"),
    [
        ("SEALED-0815", GONE),
        ("row sealed-0815, seen", f"row {GONE}, seen"),
        ("SEALED-08151", "SEALED-08151"),
        ("Quercus\n Secreta", GONE),
        ("T1", GONE),
        ("row T1", "row T1"),
    ],
)
def test_texts_are_erased_as_words(text: str, erased: str) -> None:
    """Whole words in any case; a short key only where it stands alone."""
    traces = Traces(keys=frozenset({"SEALED-0815", "T1"}), words=frozenset({SPECIES.upper()}))
    assert traces.erase(text) == erased


def test_freed_pages_are_written_anew(tmp_path: Path) -> None:
    """A deleted row is gone from the file's bytes, and from its log."""
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table rows (cell text)")
        connection.executemany("insert into rows values (?)", [[f"{KEY} {n}"] for n in range(999)])
        connection.commit()
        connection.execute("delete from rows")
        connection.commit()
        assert places_of(tmp_path, [KEY])
    erase_texts(path, Traces(keys=frozenset({KEY})))
    write_anew(path)
    assert places_of(tmp_path, [KEY]) == []


def test_busy_database_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may call erased what another process still reads."""
    monkeypatch.setattr("orchestration.takedown.databases._PATIENCE_SECONDS", 0)
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("create table rows (cell text)")
        connection.execute("begin exclusive")
        with pytest.raises(TransientError, match="busy"):
            write_anew(path)
        connection.rollback()


def test_partly_known_tombstones_are_merged(park: Park) -> None:
    """Two memories of one takedown: what either knows is known."""
    order = Order(keys=("T9",), column=None, authority="Court", reason="", by="Ann", purge=False)
    done = carry_out(park.settings, park.state, {"trees": park.dataset}, park.dataset, order)
    (one,) = done.tombstones
    erased = replace(one, purged_at="2022-10-02", landed_hashes=("a",))
    lifted = replace(one, lifted_at="2022-10-01", lifted_by="Ann", lift_authority="Court")
    merged = erased.merged(lifted)
    assert (merged.purged_at, merged.lifted_by) == ("2022-10-02", "Ann")
    assert merged == replace(lifted.merged(erased))
