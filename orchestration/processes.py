"""Which process a run lives in, and which runs have lost theirs.

A killed in-process run stays `STARTED` in Dagster's history and keeps its slots. Before a run
starts, every unfinished run whose noted process is gone from this machine is reported failed; a
live one, or one of another machine, is never touched.
"""

import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.state.store import RunProcess, State, now

if TYPE_CHECKING:
    from dagster import DagsterInstance


def process_started(pid: int) -> str | None:
    """When a process of this machine started; none where it is no more, or only waits to be reaped."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self/stat").exists():
            # The command's name may hold blanks and brackets: fields are counted behind it.
            fields = stat.read_text().rpartition(")")[2].split()
            return None if fields[0] in "ZX" else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        return None
    asked = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


def note_process(state: State, run_id: str) -> None:
    """Notes that a run lives in this process."""
    state.record_process(
        RunProcess(
            run_id=run_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            process_started=process_started(os.getpid()) or "",
            recorded_at=now(),
        )
    )


def report_dead_runs(instance: "DagsterInstance", state: State) -> list[str]:
    """Reports unfinished runs without a process as failed; returns their ids."""
    from dagster import DagsterRunStatus, RunsFilter

    unfinished = instance.get_runs(
        filters=RunsFilter(
            statuses=[
                DagsterRunStatus.STARTING,
                DagsterRunStatus.STARTED,
                DagsterRunStatus.CANCELING,
            ]
        )
    )
    dead = []
    for run in unfinished:
        process = state.process_of_run(run.run_id)
        if process is None or process.host != socket.gethostname():
            continue
        if process_started(process.pid) == process.process_started:
            continue
        instance.report_run_failed(
            run, f"Its process {process.pid} is gone: killed, or the machine went down."
        )
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        dead.append(run.run_id)
    return dead
