"""What the commands share: how they open the state, find a dataset, and print JSON.

No command is here, and nothing that needs Dagster, dbt or Great Expectations.
"""

import json
import sys
from typing import Any

from orchestration.dataset import Dataset, load_dataset
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State


def open_state() -> tuple[Settings, State]:
    """The environment's settings and their state database."""
    settings = Settings.from_environment()
    return settings, State(open_database(settings))


def find_dataset(settings: Settings, name: str) -> Dataset:
    """The dataset of that id.

    Raises:
        ConfigurationError: there is none, or its file is wrong.
    """
    path = settings.datasets_dir / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in settings.datasets_dir.glob("*.yaml")))
        raise ConfigurationError(f"no dataset is named {name}; there are {known}")
    return load_dataset(path)


def print_json(value: Any) -> None:
    """Prints JSON, and nothing else, on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
