"""Faults on purpose: what goes wrong, at which requests, and what has gone wrong so far.

A fault is written `KIND[:option=value,…][@[METHOD ]PATH]`, or made as a `Fault`; docs/portal.md has
the kinds and options. Every standing fault counts the requests that fit its methods and path, from
the moment it was set, and strikes at those that `at`, `every`, `share` and `times` choose; without
them, at each. The line of middleware that strikes is in `fault_middleware`, what a fault does to rows in
`fault_effects`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from orchestration.portal.replica import Snapshot

STATUSES = frozenset(("408", "409", "413", "429", "500", "502", "503", "504"))
TRANSPORT = STATUSES | {"202", "redirect", "html", "slow", "reset-before", "reset-after"}
ROWS = frozenset(
    (
        "row-errors",
        "poison",
        "wrong-counters",
        "dropped-chunk",
        "duplicated-chunk",
        "disk-full",
    )
)
READS = frozenset(("stale-replica",))
KINDS = TRANSPORT | ROWS | READS
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))
_HOW = {
    "202": ("ticket", "location"),
    "wrong-counters": ("zeros", "updated", "doubled"),
    "stale-replica": ("honest", "lying"),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of fault and when it strikes."""

    kind: str
    methods: frozenset[str] = frozenset()
    """Empty: POST and PUT, or GET for what happens to reads."""
    path: str = "/resource/"
    """How the path of a request begins."""
    at: frozenset[int] = frozenset()
    """Only at these requests, counted from 1."""
    every: int = 0
    """Only at each N-th request."""
    share: float = 0.0
    """Only at this share of the requests, chosen by `seed`."""
    seed: int = 0
    times: int = 0
    """At most so often."""
    stored: bool = False
    """Whether the rows are stored before the answer is lost or replaced."""
    seconds: float | None = None
    """How long `slow` takes; what a 429, 503 or 202 says in `Retry-After`."""
    status: int = 0
    """Of `redirect`, `html` and `poison`."""
    rows: int = 1
    """How many rows `row-errors` leaves out, from the first, where no keys are named."""
    keys: frozenset[str] = frozenset()
    """The rows that `row-errors` and `poison` mean."""
    column: str = ""
    """The column that `row-errors` and `poison` blame, cell and all."""
    how: str = ""
    """A variant of `202`, `wrong-counters` and `stale-replica`."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind}: no such fault; there are {', '.join(sorted(KINDS))}")
        if self.how and self.how not in _HOW.get(self.kind, ()):
            raise ValueError(f"{self.kind}: how={self.how} is none of {_HOW.get(self.kind, ())}")
        if self.methods - _METHODS:
            raise ValueError(f"{self.kind}: unknown method {' '.join(self.methods - _METHODS)}")
        if not 0 <= self.share <= 1 or min(self.every, self.times, self.rows, *self.at, 0) < 0:
            raise ValueError(f"{self.kind}: a share is from 0 to 1, and counts are not negative")
        if self.stored and self.kind not in TRANSPORT:
            raise ValueError(f"{self.kind}: `stored` is for faults of the answer")

    def variant(self) -> str:
        """`how`, or the first there is."""
        return self.how or _HOW.get(self.kind, ("",))[0]

    def fits(self, method: str, path: str) -> bool:
        """Whether a request is one of those that this fault counts."""
        usual = ("GET",) if self.kind in READS else ("POST", "PUT")
        return method in (self.methods or usual) and path.startswith(self.path)

    def chooses(self, number: int, struck: int) -> bool:
        """Whether it strikes at the request of this number, having struck so often before."""
        if self.times and struck >= self.times:
            return False
        if self.at and number not in self.at:
            return False
        if self.every and number % self.every:
            return False
        return not self.share or random.Random(f"{self.seed} {number}").random() < self.share


def parse_fault(text: str) -> Fault:
    """A fault as it is written on the command line.

    Raises: ValueError for a kind, an option or a method that there is not.
    """
    what, _, where = text.partition("@")
    kind, _, listed = what.strip().partition(":")
    settings: dict[str, Any] = {"kind": kind}
    for option in filter(None, listed.split(",")):
        name, equals, value = option.strip().partition("=")
        read = _OPTIONS.get(name)
        if read is None or (not equals and name != "stored"):
            raise ValueError(f"{text}: {option!r} is none of {', '.join(_OPTIONS)} with a value")
        try:
            read(settings, value)
        except ValueError:
            raise ValueError(f"{text}: {value!r} is no value for {name}") from None
    methods, _, path = where.strip().rpartition(" ")
    if where.strip() and not path.startswith("/"):
        raise ValueError(f"{text}: expected a path that begins with / after @")
    if path:
        settings["path"] = path
    settings["methods"] = frozenset(method.upper() for method in methods.replace("|", " ").split())
    return Fault(**settings)


def _single(name: str, kind: Callable[[str], Any]) -> Callable[[dict[str, Any], str], None]:
    def read(settings: dict[str, Any], value: str) -> None:
        settings[name] = kind(value)

    return read


def _read_at(settings: dict[str, Any], value: str) -> None:
    settings["at"] = frozenset(int(number) for number in value.split("+"))


def _read_key(settings: dict[str, Any], value: str) -> None:
    settings["keys"] = settings.get("keys", frozenset()) | {value}


def _read_stored(settings: dict[str, Any], value: str) -> None:
    if value not in ("", "yes", "no"):
        raise ValueError(value)
    settings["stored"] = value != "no"


_OPTIONS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "at": _read_at,
    "every": _single("every", int),
    "share": _single("share", float),
    "seed": _single("seed", int),
    "times": _single("times", int),
    "stored": _read_stored,
    "seconds": _single("seconds", float),
    "status": _single("status", int),
    "rows": _single("rows", int),
    "key": _read_key,
    "column": _single("column", str),
    "how": _single("how", str),
}
assert set(_OPTIONS) ^ {f.name for f in fields(Fault)} == {"kind", "methods", "path", "key", "keys"}


@dataclass(frozen=True)
class Struck:
    """One request that a fault has struck."""

    fault: Fault
    number: int
    """Which of the requests that fit, counted from 1."""
    method: str
    path: str
    request_id: str


@dataclass(eq=False)
class Standing:
    """A fault that is set: how many requests it has seen, and which it has struck."""

    fault: Fault
    seen: int = 0
    struck: list[Struck] = field(default_factory=list)
    snapshot: Snapshot | None = None
    """What a stale replica goes on showing: the state when the fault was set."""


class Faults:
    """The faults of one portal; they can be set and taken back while it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing: list[Standing] = []
        self._hold: Callable[[], Snapshot] | None = None

    def add(self, fault: Fault | str, **options: Any) -> Standing:
        """Sets a fault, as a `Fault` or as it is written, with options of `Fault` beside it.

        Raises: ValueError as `parse_fault`.
        """
        known = parse_fault(fault) if isinstance(fault, str) else fault
        standing = Standing(replace(known, **options))
        with self._lock:
            self._hold_state(standing)
            self._standing.append(standing)
        return standing

    def remove(self, standing: Standing) -> None:
        """Takes a fault back; one that was taken back already stays so."""
        with self._lock:
            self._standing = [other for other in self._standing if other is not standing]
        if standing.snapshot is not None:
            standing.snapshot.let_go()

    def clear(self) -> None:
        """Takes every fault back."""
        for standing in list(self._standing):
            self.remove(standing)

    def attach(self, hold: Callable[[], Snapshot]) -> None:
        """Gives the faults a way to hold the present state; the portal does this as it starts."""
        with self._lock:
            self._hold = hold
            for standing in self._standing:
                self._hold_state(standing)

    def strike(self, method: str, path: str, request_id: str) -> list[Standing]:
        """Counts one request, and says which faults strike it, in the order they were set."""
        with self._lock:
            return [s for s in self._standing if self._strikes(s, method, path, request_id)]

    def _strikes(self, standing: Standing, method: str, path: str, request_id: str) -> bool:
        if not standing.fault.fits(method, path):
            return False
        standing.seen += 1
        if not standing.fault.chooses(standing.seen, len(standing.struck)):
            return False
        standing.struck.append(Struck(standing.fault, standing.seen, method, path, request_id))
        return True

    def _hold_state(self, standing: Standing) -> None:
        if standing.fault.kind in READS and self._hold is not None and standing.snapshot is None:
            standing.snapshot = self._hold()
