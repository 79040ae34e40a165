"""The Dagster instance of this home: telemetry off, its folder and databases made, its variable set."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestration.file_lock import file_lock
from orchestration.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_CONFIG = """\
telemetry:
  enabled: false
nux:
  enabled: false
# The daemon tells whether raw and published assets are late (`orchestration/defs/specs.py`).
freshness:
  enabled: true
# A run that somebody launches starts at once, daemon or not; publications take turns by themselves.
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
# Dagster's files, written with fewer connections: docs/adr/0040-a-check-per-rule.md.
event_log_storage:
  module: orchestration.event_log
  class: KeptEventLogStorage
  config:
    dagster_home:
      env: DAGSTER_HOME
"""


def prepare_instance(settings: Settings) -> None:
    """Makes the instance's folder and points this process, and its children, at it."""
    folder = settings.prepare().dagster_home
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "dagster.yaml"
    before = config.read_text(encoding="utf-8") if config.exists() else ""
    # A file that we wrote with an earlier version is the beginning of this one; others are people's.
    if before != _CONFIG and _CONFIG.startswith(before):
        config.write_text(_CONFIG, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    # What a run plans is stored in one transaction: some three hundred events.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    os.environ["SUMMERWARE_HOME"] = str(settings.home)
    os.environ.setdefault("DO_NOT_TRACK", "1")


@contextmanager
def open_instance(settings: Settings) -> Iterator["DagsterInstance"]:
    """The instance, its databases made by one process at a time.

    Dagster's processes that start at once in a new home would each make its SQLite files, and leave
    them with two revisions that no later process can read.
    """
    from dagster import DagsterInstance

    prepare_instance(settings)
    with file_lock(settings, "dagster.instance"):
        instance = DagsterInstance.get()
    with instance:
        yield instance
