"""Looks for alerts again and again until it is killed; says when it begins to.

`python -m tests.acceptance.watching_process READY_FILE`
"""

import sys
import time
from pathlib import Path

import dagster as dg

from orchestration.alerts.watch import watch
from orchestration.dataset import load_datasets
from orchestration.instance import prepare_instance
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State


def main(ready: Path) -> None:
    settings = Settings.from_environment()
    prepare_instance(settings)
    state = State(open_database(settings))
    datasets = load_datasets(settings.datasets_dir)
    with dg.DagsterInstance.get() as instance:
        ready.touch()
        while True:
            watch(settings, state, datasets, instance)
            time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
