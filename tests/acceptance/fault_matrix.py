"""Every fault of the portal, at every chunk of every kind of publication, with a reader watching.

A case prepares a small dataset of several chunks on a real portal, sets one fault, publishes, and
says what came of it. A publication ends proven and right, or it fails and says why; the next one
makes it right. A reader who polls all the while never sees too few rows.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestration.errors import SummerwareError
from orchestration.portal.behaviour import Behaviour, with_switches
from orchestration.publishing.publisher import Outcome
from tests.park import AFTER, Park
from tests.unit.publishing.conftest import Row, tree

CHUNK_ROWS = 2
COUNT = 6
"""Rows that move in each case: three chunks."""

FAULTS = {
    "429": "429:{when}",
    "429 with Retry-After": "429:seconds=0,{when}",
    "408": "408:{when}",
    "409": "409:{when}",
    "413": "413:{when}",
    "500": "500:{when}",
    "502": "502:{when}",
    "503": "503:{when}",
    "504": "504:{when}",
    "500, but stored": "500:stored,{when}",
    "slow": "slow:seconds=0.2,{when}",
    "reset before commit": "reset-before:{when}",
    "reset after commit": "reset-after:{when}",
    "202": "202:{when}",
    "202, stored": "202:stored,how=location,{when}",
    "redirect": "redirect:{when}",
    "HTML error page": "html:{when}",
    "HTML page that looks well": "html:status=200,{when}",
    "Errors > 0": "row-errors:rows=1,{when}",
    "counters are zeros": "wrong-counters:how=zeros,{when}",
    "counters say updated": "wrong-counters:how=updated,{when}",
    "counters doubled": "wrong-counters:how=doubled,{when}",
    "dropped chunk": "dropped-chunk:{when}",
    "duplicated chunk": "duplicated-chunk:{when}",
    "disk full": "disk-full:{when}",
}
READ_FAULTS = {
    "stale replica": "stale-replica:how=honest",
    "stale replica that lies": "stale-replica:how=lying",
}

_BASE = [tree(f"B{n}") for n in range(4)]
_MOVED = [tree(f"T{n}", species="oak") for n in range(COUNT)]
_CHANGED = [tree(f"T{n}", species="elm") for n in range(COUNT)]
OPERATIONS: Mapping[str, tuple[Sequence[Row], Sequence[Row]]] = {
    "initial load": ([], _MOVED),
    "update": ([*_BASE, *_MOVED], [*_BASE, *_CHANGED]),
    "delete": ([*_BASE, *_MOVED], _BASE),
    "rollback": ([*_BASE, *_MOVED], [*_BASE, *_CHANGED]),
}
"""What the portal holds before and after; a rollback goes from the second back to the first."""
REPLACED = "replaced, "
"""How operations begin on a dataset without a row identifier: one request each."""


@dataclass
class Reader:
    """Somebody who polls the dataset: the smallest count seen, and keys that were missing."""

    keys: frozenset[str]
    smallest: int | None = None
    missed: set[str] = field(default_factory=set)
    reads: int = 0

    def look(self, rows: Mapping[str, Any]) -> None:
        self.reads += 1
        self.smallest = len(rows) if self.smallest is None else min(self.smallest, len(rows))
        self.missed |= self.keys - set(rows)


@dataclass(frozen=True)
class Result:
    """What came of one case, first and, unless it was `right at once`, by the rerun.

    `proven but for N` names N refused rows and proves the rest; else the error that it failed with.
    """

    first: str
    message: str
    rerun: str
    right: bool
    reader: Reader
    at_least: int


@contextmanager
def _watched(park: Park, keys: frozenset[str]) -> Iterator[Reader]:
    reader, done = Reader(keys), threading.Event()

    def poll() -> None:
        while not done.is_set():
            reader.look(park.on_portal())
            done.wait(0.02)

    watching = threading.Thread(target=poll, daemon=True)
    if keys:
        watching.start()
    try:
        yield reader
    finally:
        done.set()
        if keys:
            watching.join()


def prepare(park: Park, operation: str) -> None:
    """Publishes what the portal holds before a case, whatever its fault."""
    before, after = OPERATIONS[operation.removeprefix(REPLACED)]
    if operation.startswith(REPLACED):
        park.make_unkeyed()
    if before:
        park.publish_rows(before)
    if operation.endswith("rollback"):
        park.publish_rows(after, extracted_at=AFTER)


def run_case(park: Park, *, operation: str, fault: str) -> Result:
    """Plays one case on a park that was prepared for its operation."""
    if operation.startswith(REPLACED):
        # A portal that leaves rows out of a replacement that it takes is one that readers see it of;
        # what is done about it then is tested with replacing.
        park.portal.behaviour = with_switches(Behaviour(), {"errors_are_fatal": True})
    operation = operation.removeprefix(REPLACED)
    before, after = OPERATIONS[operation]
    if operation == "rollback":
        before, after = after, before
    both = frozenset(row["tree_id"] for row in before) & {row["tree_id"] for row in after}

    def publish() -> Outcome:
        if operation == "rollback":
            return park.rollback(park.publications()[0].id)
        return park.publish_rows(after, extracted_at=AFTER)

    with _watched(park, both) as reader:
        standing = park.portal.faults.add(fault)
        first, message = _outcome(park, publish)
        struck = len(standing.struck)
        park.portal.faults.clear()
        rerun = "-"
        if first != "right at once":
            rerun, _ = _outcome(park, publish)
    wanted = {row["tree_id"]: dict(row) for row in after}
    assert struck, f"{operation}, {fault}: the fault never struck"
    return Result(
        first=first,
        message=message,
        rerun=rerun,
        right=park.on_portal() == wanted,
        reader=reader,
        at_least=min(len(before), len(after)),
    )


def _outcome(park: Park, publish: Callable[[], Outcome]) -> tuple[str, str]:
    try:
        outcome = publish()
    except SummerwareError as error:
        return type(error).__name__, str(error)
    refused = park.publications()[-1].refused
    return (f"proven but for {refused}", outcome.message) if refused else ("right at once", "")
