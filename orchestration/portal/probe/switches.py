"""Finds what each switch of `behaviour` is set to on a domain, by trying.

A finder answers with the value, or None where it could not be seen. What takes many requests or
large bodies is tried only as far as `Effort` allows, for on a real domain it is somebody else's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from orchestration.portal.probe.scratch import Scratch

FINDERS: dict[str, Callable[[Scratch, Effort], Any]] = {}
_ERROR_KEYS = {(True, True): "both", (True, False): "edge", (False, True): "service"}
_LARGEST_LIMIT = 50_000
_LAG_TRIES = 3
_SMALLEST_LAG = 0.1
"""Below this, a lag cannot be distinguished from a round trip."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How far the probe may go with what costs the domain something."""

    body_bytes: int = 4 * 1024 * 1024
    """The largest body that is sent to find the limit."""
    requests_without_token: int = 0
    """How many are sent within a minute to find the throttle."""


def finds(function: Callable[[Scratch, Effort], Any]) -> Callable[[Scratch, Effort], Any]:
    """Enters a finder under the name of its switch."""
    FINDERS[function.__name__] = function
    return function


def _try(scratch: Scratch, row: dict[str, Any]) -> dict[str, Any] | None:
    """What is stored of a row, or None when it is not taken."""
    scratch.start()
    answer = scratch.post([{"key": "a", **row}])
    rows = scratch.rows()
    return rows[0] if answer.status_code == 200 and rows else None


@finds
def bad_values(scratch: Scratch, effort: Effort) -> str:
    """A number that is none, beside a good row."""
    scratch.start()
    answer = scratch.post([{"key": "a"}, {"key": "b", "amount": "much"}])
    return "count" if answer.status_code == 200 and len(scratch.rows()) == 1 else "refuse"


@finds
def unknown_columns(scratch: Scratch, effort: Effort) -> str:
    """A field that the dataset has not."""
    taken = _try(scratch, {"no_such_column_here": 1})
    return "refuse" if taken is None else "ignore"


@finds
def text_booleans(scratch: Scratch, effort: Effort) -> bool:
    """`"true"` for a checkbox."""
    return (_try(scratch, {"is_open": "true"}) or {}).get("is_open") is True


@finds
def bare_urls(scratch: Scratch, effort: Effort) -> bool:
    """A string for a url."""
    return "link" in (_try(scratch, {"link": "https://example.org/"}) or {})


@finds
def us_dates(scratch: Scratch, effort: Effort) -> bool:
    """`01/31/2024` for a calendar_date."""
    return "happened_at" in (_try(scratch, {"happened_at": "01/31/2024"}) or {})


@finds
def csv_us_dates(scratch: Scratch, effort: Effort) -> bool:
    """The same in CSV."""
    scratch.start()
    scratch.csv("key,happened_at\na,01/31/2024 10:05:06 PM\n")
    return scratch.row("a") == {"happened_at": "2024-01-31T22:05:06.000"}


@finds
def empty_text(scratch: Scratch, effort: Effort) -> str:
    """An empty string."""
    return "keep" if (_try(scratch, {"name": ""}) or {}).get("name") == "" else "null"


@finds
def broken_points(scratch: Scratch, effort: Effort) -> int:
    """A GeoJSON object without coordinates."""
    scratch.start()
    return (
        500 if scratch.post([{"key": "a", "place": {"type": "Point"}}]).status_code >= 500 else 400
    )


@finds
def counters(scratch: Scratch, effort: Effort) -> str:
    """Which counters there are."""
    scratch.start()
    return "six" if "By SID" in scratch.post([{"key": "a"}]).json() else "four"


@finds
def errors_counter(scratch: Scratch, effort: Effort) -> str:
    """Whether there is one for no errors."""
    scratch.start()
    return "always" if "Errors" in scratch.post([{"key": "a"}]).json() else "when any"


@finds
def version_two(scratch: Scratch, effort: Effort) -> bool:
    """The reasons of row errors."""
    scratch.start()
    answer = scratch.post([{"key": "zz", ":deleted": True}], **{"$$version": "2.0"})
    return answer.status_code == 200 and isinstance(answer.json().get("errors"), list)


@finds
def error_keys(scratch: Scratch, effort: Effort) -> str:
    """How a refusal names its code."""
    body = scratch.post(["nonsense"]).json()
    return _ERROR_KEYS.get(("code" in body, "errorCode" in body), "neither")


@finds
def error_codes(scratch: Scratch, effort: Effort) -> str | None:
    """The code of a bad value or, where that is no refusal, of an unknown column."""
    scratch.start()
    for row in ({"amount": "much"}, {"no_such_column_here": 1}):
        answer = scratch.post([{"key": "a", **row}])
        code = _code(answer) if answer.status_code == 400 else None
        if code is not None:
            return "truth" if code.startswith("soda.") else "streaming"
    return None


def _code(answer: requests.Response) -> str | None:
    body = answer.json()
    code = body.get("code") or body.get("errorCode")
    return None if code is None else str(code)


@finds
def errors_are_fatal(scratch: Scratch, effort: Effort) -> bool:
    """`errorsAreFatal=true`."""
    scratch.start()
    answer = scratch.post([{"key": "zz", ":deleted": True}], errorsAreFatal="true")
    return answer.status_code >= 400


@finds
def expected_version(scratch: Scratch, effort: Effort) -> bool:
    """`expectedDataVersion` of another time."""
    scratch.start()
    return scratch.post([{"key": "a"}], expectedDataVersion="999999999").status_code == 409


@finds
def unknown_token(scratch: Scratch, effort: Effort) -> str:
    """A token that nobody was given."""
    headers = {"X-App-Token": "no-such-token-1234567890"}
    refused = scratch.call("GET", scratch.path, headers=headers).status_code == 403
    return "refuse" if refused else "ignore"


@finds
def max_limit(scratch: Scratch, effort: Effort) -> int:
    """The largest `$limit`, up to one more than the documented one."""
    scratch.start()

    def is_taken(limit: int) -> bool:
        answer = scratch.call("GET", scratch.path, params={"$limit": str(limit)})
        return answer.status_code == 200

    if is_taken(_LARGEST_LIMIT + 1):
        return 0
    return _boundary(0, _LARGEST_LIMIT + 1, is_taken)


@finds
def max_body_bytes(scratch: Scratch, effort: Effort) -> int | None:
    """The size of the largest body, with empty arrays full of blanks."""
    scratch.start()

    def is_taken(size: int) -> bool:
        body = b"[" + b" " * (size - 2) + b"]"
        return scratch.call("POST", scratch.path, data=body).status_code != 413

    size = 64 * 1024
    while size <= effort.body_bytes:
        if not is_taken(size):
            return _boundary(2, size, is_taken)
        size *= 2
    return None


def _boundary(taken: int, refused: int, is_taken: Callable[[int], bool]) -> int:
    """The largest number that is taken."""
    while refused - taken > 1:
        middle = (taken + refused) // 2
        if is_taken(middle):
            taken = middle
        else:
            refused = middle
    return taken


@finds
def replica_lag_seconds(scratch: Scratch, effort: Effort) -> float:
    """The longest of a few waits from the answer to a write until reads are up to date."""
    waits = []
    for number in range(_LAG_TRIES):
        scratch.start([{"key": f"k{number}"}])
        began = time.monotonic()
        scratch.read()
        waits.append(time.monotonic() - began)
    longest = max(waits)
    return 0.0 if longest < _SMALLEST_LAG else round(longest, 1)


def throttle(scratch: Scratch, effort: Effort) -> dict[str, Any]:
    """How many requests without a token pass within a minute, and whether the 429 says when."""
    for number in range(effort.requests_without_token):
        answer = scratch.stranger.get(scratch.access.base + scratch.path)
        if answer.status_code == 429:
            return {"throttle_per_minute": number, "retry_after": "Retry-After" in answer.headers}
    return {}
