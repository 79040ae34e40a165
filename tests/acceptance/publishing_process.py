"""Publishes one finished layer of the park in a process of its own, which a test may kill.

python -m tests.acceptance.publishing_process LAYER_ID CHUNK_ROWS
"""

import sys

from orchestration.dataset import load_dataset
from orchestration.publishing import delivery
from orchestration.publishing.publisher import publish
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State


def main(layer_id: str, chunk_rows: str) -> None:
    """Publishes the layer; says so when it is done."""
    delivery.CHUNK_ROWS = int(chunk_rows)
    settings = Settings.from_environment()
    state = State(open_database(settings))
    dataset = load_dataset(settings.datasets_dir / "trees.yaml")
    layer = state.layer(layer_id)
    outcome = publish(settings, state, dataset, layer, run_id=layer.run_id)
    sys.stdout.write(outcome.state + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
