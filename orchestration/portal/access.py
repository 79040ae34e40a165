"""Who asks, and what they may do (protocol 2.2).

One account, from the environment or the documented local defaults; there are no sessions. Every
refusal is made here, and none of them repeats what was sent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from dataclasses import dataclass

from starlette.requests import Request

from orchestration.portal.dataset import Dataset
from orchestration.portal.errors import AccessError

LOCAL_USERNAME = "local"
LOCAL_PASSWORD = "local"
LOCAL_APP_TOKEN = "local"


@dataclass(frozen=True, repr=False)
class Account:
    """The one account that may write, and the app tokens that are known."""

    username: str
    password: str
    app_tokens: frozenset[str]

    @classmethod
    def from_environment(
        cls,
        *,
        username: str | None = None,
        password: str | None = None,
        app_tokens: tuple[str, ...] | None = None,
    ) -> Account:
        """The given values, else `SUMMERWARE_PORTAL_…`, else user, password and token `local`."""
        if app_tokens is None:
            listed = os.environ.get("SUMMERWARE_PORTAL_APP_TOKENS", LOCAL_APP_TOKEN)
            app_tokens = tuple(token.strip() for token in listed.split(","))
        environ = os.environ
        return cls(
            username or environ.get("SUMMERWARE_PORTAL_USERNAME") or LOCAL_USERNAME,
            password or environ.get("SUMMERWARE_PORTAL_PASSWORD") or LOCAL_PASSWORD,
            frozenset(token for token in app_tokens if token),
        )

    def knows(self, request: Request) -> bool:
        """Whether the caller has logged in; False for a caller who did not try.

        Raises: AccessError: 403 for an unknown app token, which no login makes up for; 401 for a
            login that is wrong, on public data too.
        """
        token = request.headers.get("x-app-token") or request.query_params.get("$$app_token")
        if token and token not in self.app_tokens:
            raise AccessError(403, "permission_denied", "Invalid app_token specified")
        header = request.headers.get("authorization")
        if not header:
            return False
        if not self._accepts(header):
            raise AccessError(401, "authentication_required", "Invalid username or password")
        return True

    def require(self, request: Request) -> None:
        """Refuses a caller who has not logged in. Raises: AccessError (401 or 403)."""
        if not self.knows(request):
            raise login_required()

    def _accepts(self, header: str) -> bool:
        scheme, _, credentials = header.partition(" ")
        if scheme.lower() == "oauth":
            return _same(credentials.strip(), self.password)
        if scheme.lower() != "basic":
            return False
        try:
            decoded = base64.b64decode(credentials.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return False
        username, _, password = decoded.partition(":")
        return _same(username, self.username) & _same(password, self.password)


def require_readable(dataset: Dataset, *, logged_in: bool) -> None:
    """Refuses a stranger a dataset that is private or not published. Raises: AccessError (403)."""
    if not dataset.open_to_all and not logged_in:
        raise login_required()


def login_required() -> AccessError:
    """What a caller without a login gets where one is needed."""
    message = "You must be logged in to access this resource"
    return AccessError(403, "authentication_required", message)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
