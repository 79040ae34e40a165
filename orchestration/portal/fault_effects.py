"""What faults do to the rows of a request: some are refused, none or all twice stored, miscounted.

`resource` asks here at each step of a write and of a read; without faults nothing is changed.
Which faults strike a request was decided in `fault_middleware`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from orchestration.portal.bodies import Row
from orchestration.portal.errors import PortalError
from orchestration.portal.fault_middleware import SCOPE_KEY
from orchestration.portal.faults import Fault, Standing
from orchestration.portal.replica import Snapshot
from orchestration.portal.writes import Outcome

_POISONED = "Invalid request: a value could not be stored"


class FaultEffects:
    """The faults that strike one request."""

    def __init__(self, request: Request) -> None:
        standing: list[Standing] = request.scope.get(SCOPE_KEY, [])
        self._faults = {s.fault.kind: s.fault for s in reversed(standing)}
        self._held = next((s.snapshot for s in standing if s.snapshot is not None), None)

    @property
    def keeps(self) -> bool:
        """Whether what is written stays."""
        return "dropped-chunk" not in self._faults

    @property
    def repeats(self) -> bool:
        """Whether the request is applied once more."""
        return "duplicated-chunk" in self._faults

    @property
    def held(self) -> Snapshot | None:
        """The state that a stale replica shows."""
        return self._held

    @property
    def lies(self) -> bool:
        """Whether a stale replica says that it is fresh."""
        stale = self._faults.get("stale-replica")
        return stale is not None and stale.variant() == "lying"

    def rows(self, rows: Iterable[Row]) -> Iterable[Row]:
        """The rows, with those that are to fail marked. Raises: PortalError at a poisoned one."""
        poison, failing = self._faults.get("poison"), self._faults.get("row-errors")
        if poison is not None:
            rows = _poisoned(rows, poison)
        return rows if failing is None else _failing(rows, failing)

    def before_commit(self) -> None:
        """Raises: sqlite3.OperationalError, as SQLite does, when the disk is to be full."""
        if "disk-full" in self._faults:
            raise sqlite3.OperationalError("database or disk is full")

    def counted(self, outcome: Outcome) -> Outcome:
        """The outcome as the answer states it (protocol 2.3: counters are not always right)."""
        wrong = self._faults.get("wrong-counters")
        if wrong is None:
            return outcome
        if wrong.variant() == "zeros":
            return replace(outcome, created=0, updated=0, deleted=0)
        if wrong.variant() == "updated":
            return replace(outcome, created=0, updated=outcome.done, deleted=0)
        doubled: dict[str, Any] = {
            name: 2 * getattr(outcome, name) for name in ("created", "updated", "deleted")
        }
        return replace(outcome, **doubled)


def _names(fault: Fault, row: Row) -> bool:
    return row.key is not None and str(row.key) in fault.keys


def _poisoned(rows: Iterable[Row], fault: Fault) -> Iterator[Row]:
    """Fails the whole request at a named row, without a word about which row it was."""
    for index, row in enumerate(rows):
        if _names(fault, row) or (not fault.keys and index < fault.rows):
            code = "invalid-request" if fault.status < 500 else "internal-error"
            raise PortalError(fault.status or 400, code, _blame(fault, row) or _POISONED)
        yield row


def _failing(rows: Iterable[Row], fault: Fault) -> Iterator[Row]:
    for index, row in enumerate(rows):
        if _names(fault, row) or (not fault.keys and index < fault.rows):
            row = row._replace(problem=_blame(fault, row) or "the row could not be stored")
        yield row


def _blame(fault: Fault, row: Row) -> str:
    """What is said of a column that is to blame: as the real server does, it quotes the cell."""
    if not fault.column:
        return ""
    cells = dict(zip(row.fields, row.values, strict=False))
    got = json.dumps(cells.get(fault.column))
    return f"Invalid request: Bad value for column {fault.column}: got value {got}"
