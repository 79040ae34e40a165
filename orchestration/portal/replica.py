"""The query replica: which committed state a read gets to see (protocol 2.7).

Writes commit in the truth at once; with a lag, reads see an earlier state for a while. A state is
held by a SQLite connection that keeps its read transaction open. How rows are written and which
datasets there are is in `store`.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestration.portal.store import Store

_MAX_STATES = 64
"""With more writes than this within one lag, some states are passed over."""


class Snapshot:
    """One committed state, for as long as it is not let go."""

    def __init__(self, store: Store) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = store.pin()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """The connection, for one reader at a time; None when it was let go meanwhile."""
        with self._lock:
            yield self._connection

    def let_go(self) -> None:
        """Closes it once nobody reads."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class Replica:
    """What reads see of a store, some time behind its writes."""

    def __init__(self, store: Store, lag: Callable[[], float]) -> None:
        self._store = store
        self._lag = lag
        self._lock = threading.Lock()
        self._seen: Snapshot | None = None
        self._coming: deque[tuple[float, Snapshot]] = deque()
        self._writing = False
        store.around_write = self._around_write

    @contextmanager
    def reading(self, held: Snapshot | None = None) -> Iterator[sqlite3.Connection]:
        """A connection to what the replica has, or to the state that is held for this reader."""
        while True:
            snapshot = held or self._current()
            if snapshot is None:
                with self._store.reading() as connection:
                    yield connection
                return
            with snapshot.reading() as pinned:
                if pinned is not None:
                    yield pinned
                    return
            held = None

    def close(self) -> None:
        """Lets every state go, so that reads see the truth."""
        with self._lock:
            states = [snapshot for _, snapshot in self._coming]
            states += [self._seen] if self._seen else []
            self._coming.clear()
            self._seen = None
        for snapshot in states:
            snapshot.let_go()

    def _current(self) -> Snapshot | None:
        if self._lag() <= 0:
            self.close()
            return None
        passed = []
        with self._lock:
            now = time.monotonic()
            while self._coming and self._coming[0][0] <= now:
                if self._seen is not None:
                    passed.append(self._seen)
                self._seen = self._coming.popleft()[1]
            if self._seen is not None and not self._coming and not self._writing:
                passed.append(self._seen)
                self._seen = None
            current = self._seen
        for snapshot in passed:
            snapshot.let_go()
        return current

    @contextmanager
    def _around_write(self) -> Iterator[None]:
        """Keeps the state that readers go on seeing; no two writes are here at once."""
        lag = self._lag()
        self._current()
        with self._lock:
            self._writing = True
            if lag > 0 and self._seen is None:
                self._seen = Snapshot(self._store)
        try:
            yield
            self._written(lag)
        finally:
            self._writing = False

    def _written(self, lag: float) -> None:
        with self._lock:
            if self._seen is None:
                return
            if len(self._coming) >= _MAX_STATES:
                self._coming.pop()[1].let_go()
            self._coming.append((time.monotonic() + lag, Snapshot(self._store)))
