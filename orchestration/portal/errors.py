"""What the portal says when it refuses: one kind of error, with the codes of the real server.

    PortalError                 any refusal that a client can act on; becomes a JSON object
    ├── AccessError             401 or 403: who asks, not what is asked
    ├── QueryError              400: a read that cannot be understood (`query.soql.*`)
    └── NotFoundError           404: no such dataset, row or page
    PortalInUseError            a second portal was started on the same home (never over HTTP)

The edge says `code`, the SODA service says `errorCode`; clients read either, so a body has both.
"""

from __future__ import annotations

from typing import Any

_CODE_KEYS = {
    "both": ("code", "errorCode"),
    "edge": ("code",),
    "service": ("errorCode",),
    "neither": (),
}


class PortalError(Exception):
    """A refusal: the HTTP status, a stable code, a sentence, and data for machines."""

    def __init__(
        self, status: int, code: str, message: str, data: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.data = data or {}

    def body(self, keys: str = "both") -> dict[str, Any]:
        """The error object that clients get; always an object, never a list.

        `keys` is the switch `error_keys`: what the code is called.
        """
        names = _CODE_KEYS[keys]
        return {
            **dict.fromkeys(names, self.code),
            "error": True,
            "message": self.message,
            "data": self.data,
        }


class AccessError(PortalError):
    """The caller is unknown (401) or may not do this (403)."""


class QueryError(PortalError):
    """A query that cannot be answered because of what it says."""

    def __init__(self, code: str, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(400, f"query.soql.{code}", message, data)


class NotFoundError(PortalError):
    """There is no such dataset or row, or the caller may not know that there is."""

    def __init__(self, code: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(404, code, "Not found", data)


class PortalInUseError(RuntimeError):
    """Another process serves this home already."""


def invalid_request(reason: str) -> PortalError:
    """A value or a column that the dataset cannot take (protocol 2.3, `invalid-request`)."""
    return PortalError(400, "invalid-request", f"Invalid request: {reason}")


def malformed_json(reason: str, row: int = 1, column: int = 1) -> PortalError:
    """A body that is no JSON, with the place where that was noticed."""
    data = {"row": row, "column": column}
    return PortalError(400, "req.body.malformed-json", f"Malformed JSON: {reason}", data)


def bad_parameter(name: str, value: str, expected: str) -> PortalError:
    """A query parameter whose value makes no sense."""
    shown = value if len(value) <= 100 else f"{value[:100]}…"
    message = f"Parameter {name}: expected {expected}, but got {shown!r}"
    return PortalError(400, "req.bad-parameter", message, {"parameter": name})
