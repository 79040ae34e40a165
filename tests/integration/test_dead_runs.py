"""Runs that lost their process, in a real Dagster instance with real processes."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.utils import make_new_run_id

from orchestration.instance import prepare_instance
from orchestration.processes import note_process, process_started, report_dead_runs
from orchestration.settings import Settings
from orchestration.state.store import RunProcess, State, now

POOL = "warehouse"


@dg.op(pool=POOL)
def work() -> None:
    """Holds a slot of the pool while it works."""


@dg.job
def daily() -> None:
    work()


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare_instance(settings)
    with dg.DagsterInstance.get() as opened:
        opened.event_log_storage.set_concurrency_slots(POOL, 1)
        yield opened


@pytest.fixture
def worker() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that does nothing for as long as the test."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def unfinished(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
) -> str:
    """A run that began and never ended, and holds the only slot."""
    run = instance.create_run_for_job(daily, run_id=make_new_run_id(), status=status)
    claim = instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, "work")
    assert claim.is_claimed
    return run.run_id


def note(state: State, run_id: str, pid: int) -> RunProcess:
    process = RunProcess(
        run_id=run_id,
        host=socket.gethostname(),
        pid=pid,
        process_started=process_started(pid) or "",
        recorded_at=now(),
    )
    state.record_process(process)
    return process


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def holders(instance: dg.DagsterInstance) -> list[str]:
    info = instance.event_log_storage.get_concurrency_info(POOL)
    return [slot.run_id for slot in info.claimed_slots]


UNFINISHED = ("STARTING", "STARTED", "CANCELING")


@pytest.mark.parametrize("name", UNFINISHED)
def test_run_of_a_killed_process_is_reported_failed(
    instance: dg.DagsterInstance, state: State, worker: "subprocess.Popen[bytes]", name: str
):
    """Its slot is free for the next run, and the UI says which process is gone."""
    run_id = unfinished(instance, dg.DagsterRunStatus[name])
    note(state, run_id, worker.pid)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert report_dead_runs(instance, state) == [run_id]
    assert status(instance, run_id) == dg.DagsterRunStatus.FAILURE
    assert holders(instance) == []
    (failure,) = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.RUN_FAILURE
    ).records
    event = failure.event_log_entry.dagster_event
    assert event is not None
    assert f"Its process {worker.pid} is gone" in (event.message or "")


def test_run_is_reported_once(
    instance: dg.DagsterInstance, state: State, worker: "subprocess.Popen[bytes]"
):
    """The next start finds nothing left to report."""
    note(state, unfinished(instance), worker.pid)
    worker.kill()
    worker.wait()
    assert len(report_dead_runs(instance, state)) == 1
    assert report_dead_runs(instance, state) == []


def test_killed_process_that_nobody_waited_for_is_gone(
    instance: dg.DagsterInstance, state: State, worker: "subprocess.Popen[bytes]"
):
    """A zombie has a process id and works no more."""
    run_id = unfinished(instance)
    note(state, run_id, worker.pid)
    worker.kill()
    while Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    assert report_dead_runs(instance, state) == [run_id]


def test_live_run_is_left_alone(
    instance: dg.DagsterInstance, state: State, worker: "subprocess.Popen[bytes]"
):
    """Law 9: it keeps its state and its slot."""
    run_id = unfinished(instance)
    note(state, run_id, worker.pid)
    assert report_dead_runs(instance, state) == []
    assert status(instance, run_id) == dg.DagsterRunStatus.STARTED
    assert holders(instance) == [run_id]


def test_run_of_this_process_is_left_alone(instance: dg.DagsterInstance, state: State):
    """What `note_process` notes is alive."""
    run_id = unfinished(instance)
    note_process(state, run_id)
    assert report_dead_runs(instance, state) == []


def test_run_of_another_machine_is_left_alone(
    instance: dg.DagsterInstance, state: State, worker: "subprocess.Popen[bytes]"
):
    """Its process id means nothing here."""
    run_id = unfinished(instance)
    process = note(state, "elsewhere", worker.pid)
    state.record_process(replace(process, run_id=run_id, host="elsewhere"))
    worker.kill()
    worker.wait()
    assert report_dead_runs(instance, state) == []
    assert holders(instance) == [run_id]


def test_run_without_a_note_is_left_alone(instance: dg.DagsterInstance, state: State):
    """Nobody knows where it lives."""
    run_id = unfinished(instance)
    assert report_dead_runs(instance, state) == []
    assert status(instance, run_id) == dg.DagsterRunStatus.STARTED


def test_process_id_that_another_process_has_now(
    instance: dg.DagsterInstance, state: State, worker: "subprocess.Popen[bytes]"
):
    """The same number with another start time is another process: the run's own is gone."""
    run_id = unfinished(instance)
    process = note(state, "before", worker.pid)
    state.record_process(replace(process, run_id=run_id, process_started="1"))
    assert report_dead_runs(instance, state) == [run_id]
    assert worker.poll() is None


def test_finished_run_is_left_alone(instance: dg.DagsterInstance, state: State):
    """Only runs that began and did not end are asked about."""
    run = instance.create_run_for_job(
        daily, run_id=make_new_run_id(), status=dg.DagsterRunStatus.SUCCESS
    )
    state.record_process(
        RunProcess(
            run_id=run.run_id,
            host=socket.gethostname(),
            pid=2**22 + 1,
            process_started="1",
            recorded_at=now(),
        )
    )
    assert report_dead_runs(instance, state) == []
