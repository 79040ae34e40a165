"""The Dagster instance of this home: telemetry off, its folder made, its variable set."""

import os

from orchestration.settings import Settings

_CONFIG = """\
telemetry:
  enabled: false
nux:
  enabled: false
# The daemon tells whether raw and published assets are late (`orchestration/assets/specs.py`).
freshness:
  enabled: true
# A run that somebody launches starts at once, daemon or not; publications take turns by themselves.
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
"""


def prepare_instance(settings: Settings) -> None:
    """Makes the instance's folder and points this process, and its children, at it."""
    folder = settings.prepare().dagster_home
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "dagster.yaml"
    if not config.exists():
        config.write_text(_CONFIG, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["SUMMERWARE_HOME"] = str(settings.home)
    os.environ.setdefault("DO_NOT_TRACK", "1")
