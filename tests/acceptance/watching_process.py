"""Looks for alerts again and again until it is killed; says when it begins to.

`python -m tests.acceptance.watching_process READY_FILE`
"""

import sys
import time
from pathlib import Path

import dagster as dg

from orchestration.alerts.watch import watch
from orchestration.instance import prepare_instance
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State


def main(ready: Path) -> None:
    settings = Settings.from_environment()
    prepare_instance(settings)
    state = State(open_database(settings))
    with dg.DagsterInstance.get() as instance:
        ready.touch()
        while True:
            watch(settings, state, instance)
            time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
