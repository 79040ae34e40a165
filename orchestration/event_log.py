"""Dagster's event log in SQLite with its connections kept, and a batch stored in one transaction.

Dagster makes an engine, a connection and a commit for each of the up to four writes of an event, and
SQLite folds its log into the file whenever the last connection closes: 26 ms of CPU and 100 ms on a
busy disk for one asset check (docs/adr/0040-a-check-per-rule.md). The files and their content are
Dagster's own: with or without this class a home has the same history.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import StringSource
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import StaticPool

from orchestration.dagster_private import SqliteEventLogStorage

if TYPE_CHECKING:
    from dagster import EventLogEntry

_INDEX = "index"
_KEPT = 8
"""How many files stay open: the index and the last runs; a UI looks at hundreds of runs."""
_BUSY_SECONDS = 30


class KeptEventLogStorage(SqliteEventLogStorage):
    """What `dagster.yaml` names as the event log of a home."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._turn = threading.RLock()
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._begun: dict[str, Connection] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        """The instance's folder; `dagster.yaml` takes it from the environment, so a home can move."""
        return {"dagster_home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "KeptEventLogStorage":
        """The storage over the files where Dagster keeps them by itself."""
        return cls(str(Path(config_value["dagster_home"]) / "history" / "runs"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._turn:
            if shard in self._begun:
                yield self._begun[shard]
                return
            with self._engine(shard).begin() as connection:
                yield connection

    def store_event_batch(self, events: Sequence["EventLogEntry"]) -> None:
        """Stores all of them or, where one cannot be stored, none."""
        with self._turn, ExitStack() as batch:
            for shard in sorted({_INDEX, *(event.run_id for event in events)}):
                self._begun[shard] = batch.enter_context(self._engine(shard).begin())
            try:
                super().store_event_batch(events)
            finally:
                self._begun.clear()

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; Dagster asks for each check that it stores."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Closes the files."""
        super().dispose()
        with self._turn:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            with super()._connect(shard):
                pass  # Dagster makes the file, and brings an old one up to date.
            self._engines[shard] = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                # One connection, which threads use in turns.
                connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            )
        self._engines.move_to_end(shard)
        if len(self._engines) > _KEPT:
            oldest = next(one for one in self._engines if one not in self._begun)
            self._engines.pop(oldest).dispose()
        return self._engines[shard]
