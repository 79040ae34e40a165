"""One publication of a dataset at a time: a lease that dies with its owner.

A lock on a file under the home keeps the processes of one machine apart; where the state database
is PostgreSQL, a lock of a session there keeps machines apart that share it. Both go when the process
does, however it dies.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from orchestration.dataset import Dataset
from orchestration.file_lock import file_lock, is_locked
from orchestration.settings import Settings
from orchestration.state.store import State


@contextmanager
def publication_lease(
    settings: Settings, state: State, dataset: Dataset, progress: Callable[[str], None]
) -> Iterator[None]:
    """Waits until nobody else publishes the dataset, then keeps others waiting."""
    name = f"{dataset.id}.publication"
    if is_locked(settings, name):
        progress("waiting for another publication of this dataset to end")
    with file_lock(settings, name), _session_lock(state.engine, name):
        yield


@contextmanager
def _session_lock(engine: sa.Engine, name: str) -> Iterator[None]:
    if engine.dialect.name != "postgresql":
        yield
        return
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(number)))
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))
