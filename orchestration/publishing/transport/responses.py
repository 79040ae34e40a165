"""What a portal answered, as one of our errors or as an `Answer`.

Decided by HTTP status and by what the body is, never by one code: portals differ in theirs
(protocol 2.3). A body may quote cells, so no word of it goes further than its code, where that is
one, and the name that it calls a column.
"""

import re
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ReadTimeoutError

from orchestration.errors import (
    Fault,
    OutcomeUnknown,
    PortalFault,
    PortalMoved,
    RequestRefused,
    RequestTooLarge,
    TransientError,
)
from orchestration.no_answers import AnswerTooLarge, NoAnswerYet, Redirected
from orchestration.publishing.transport.protocol import Answer
from orchestration.state.chunks import RefusedRow

NO_JSON = "the answer is no JSON, so nothing is known yet; is the domain a portal's, and is it up?"
PASSING = frozenset((408, 409, 429, 500, 502, 503, 504))
_COUNTERS = {
    "created": ("Rows Created", "rows_created"),
    "updated": ("Rows Updated", "rows_updated"),
    "deleted": ("Rows Deleted", "rows_deleted"),
}
_ERRORS = ("Errors", "errors")
_CODE = re.compile(r"[a-z][a-z0-9_.-]{0,80}", re.IGNORECASE)
_COLUMN = re.compile(r"\bcolumn:? [\"'`]?([a-z_][a-z0-9_]{0,120})\b", re.IGNORECASE)
_EXPECTED = re.compile(r"\bExpected ([a-z_]{1,40}) type for column\b")
_TYPES = frozenset(
    ("text", "number", "double", "checkbox", "boolean", "point", "location", "url", "document")
) | {"calendar_date", "floating_timestamp", "date", "fixed_timestamp"}
_GONE = re.compile(r"no record is found|no such row", re.IGNORECASE)
_LONGEST_WAIT = 86_400.0


def fault_of(
    error: Exception,
    answer: requests.Response | None,
    *,
    what: str,
    writes: bool = False,
    reads: bool = False,
) -> Fault:
    """The error of ours for what a call of the client raised.

    `what` says which portal was asked for what; it begins the message. Where rows were on their way
    (`writes`), whatever does not say that they were refused leaves their fate unknown. What only
    `reads` can be asked again, whatever stood in the answer's place.
    """
    unknown = OutcomeUnknown if writes else TransientError
    if isinstance(error, Redirected):
        return _moved(error.response, what)
    if isinstance(error, NoAnswerYet):
        return unknown(
            f"{what}: HTTP 202, the portal has not finished",
            status=202,
            retry_after=_retry_after(error.response),
        )
    if answer is not None and answer.status_code >= 400:
        return _refusal(answer, what)
    if isinstance(error, requests.ConnectTimeout) or _never_connected(error):
        return TransientError(f"{what}: {type(error).__name__}; is the portal up?")
    is_half = isinstance(error, requests.JSONDecodeError)
    if isinstance(error, requests.RequestException) and not is_half:
        is_much = isinstance(error, AnswerTooLarge)
        says = str(error) if is_much else f"{type(error).__name__}; is the portal up?"
        lost = unknown(f"{what}: {says}")
        if isinstance(lost, OutcomeUnknown):
            lost.too_slow = isinstance(error, requests.Timeout) or _timed_out(error)
        return lost
    # sodapy has no error of its own: it raises plain exceptions for what is neither JSON nor CSV.
    return (unknown if writes or reads else PortalFault)(f"{what}: {NO_JSON}")


def answer_of(body: Any, request_id: str, *, written_at: datetime | None = None) -> Answer:
    """The counters of a write, in either of their two shapes; those left out are 0."""
    if not isinstance(body, dict):
        return Answer(request_id=request_id, has_counters=False)
    counts = {
        name: next((_count(body[key]) for key in keys if key in body), None)
        for name, keys in _COUNTERS.items()
    }
    listed = next((body[key] for key in _ERRORS if key in body), None)
    rows = tuple(_row_error(one) for one in listed) if isinstance(listed, list) else ()
    errors = len(rows) if isinstance(listed, list) else _count(listed)
    found = [count for count in (*counts.values(), errors) if count is not None]
    return Answer(
        **{name: count or 0 for name, count in counts.items()},
        errors=errors or 0,
        row_errors=rows,
        request_id=request_id,
        has_counters=bool(found) and not body.get("error"),
        written_at=written_at,
    )


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _row_error(error: Any) -> RefusedRow:
    """One of `$$version=2.0`: `input_index`, `primary_key`, `error`."""
    if not isinstance(error, dict):
        return RefusedRow(key=None, column=None, reason="no reason given")
    index, key = error.get("input_index"), error.get("primary_key")
    column, reason = _column_and_reason(str(error.get("error") or ""))
    return RefusedRow(
        key=None if key is None else str(key),
        column=column,
        reason=reason or "no reason that we know",
        index=index if type(index) is int and index >= 0 else None,
    )


def _column_and_reason(words: str) -> tuple[str | None, str]:
    """The column that a message names, and its reason where it is one of those we know."""
    column = _COLUMN.search(words)
    expected = _EXPECTED.search(words)
    known = expected is not None and expected[1] in _TYPES
    reason = f"not a value of type {expected[1]}" if expected and known else ""
    if _GONE.search(words):
        reason = "no such row"
    return (column[1].lower() if column else None), reason


def _refusal(answer: requests.Response, what: str) -> Fault:
    status = answer.status_code
    code, words = _error_object(answer)
    message = f"{what}: HTTP {status} {code}".rstrip()
    if status in PASSING:
        return TransientError(message, status=status, retry_after=_retry_after(answer))
    if status == 413:
        return RequestTooLarge(message)
    if status in (400, 422):
        column, reason = _column_and_reason(words)
        return RequestRefused(message, code=code, column=column, reason=reason)
    return PortalFault(f"{message}{_ADVICE.get(status, '')}")


_ADVICE = {
    401: "; the login is not known there: correct SOCRATA_USERNAME and SOCRATA_PASSWORD",
    403: "; check the login, its rights on this dataset and SOCRATA_APP_TOKEN",
    404: "; the portal has no such dataset, or hides it from this login",
}


def _error_object(answer: requests.Response) -> tuple[str, str]:
    """The code and the words of an error; neither is always there (protocol 2.3)."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    code = str(body.get("code") or body.get("errorCode") or "")
    return (code if _CODE.fullmatch(code) else ""), str(body.get("message") or "")


def _moved(answer: requests.Response | None, what: str) -> PortalMoved:
    host = urlsplit(answer.headers.get("Location", "")).netloc if answer is not None else ""
    host = host.rpartition("@")[2]
    status = answer.status_code if answer is not None else 0
    return PortalMoved(
        f"{what}: HTTP {status}, the portal sends us to {host or 'another address'}, and a request "
        "must not follow: it would lose its rows. Put the portal's own name in the dataset file",
        host=host,
    )


def _retry_after(answer: requests.Response | None) -> float | None:
    """Seconds, from a number or a date."""
    text = answer.headers.get("Retry-After", "").strip() if answer is not None else ""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT) if seconds == seconds else None


def _never_connected(error: Exception) -> bool:
    """Whether no byte left: nobody listens, or the name is nobody's."""
    reason = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    return isinstance(reason, NewConnectionError)


def _timed_out(error: Exception) -> bool:
    """Whether the wait for the answer ended inside a connection error, as requests has it."""
    return bool(error.args) and isinstance(error.args[0], ReadTimeoutError)
