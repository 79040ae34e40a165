"""Who asks, and what they may do (protocol 2.2).

One account that may write, from the environment or the documented local defaults, and one that may
only look (`viewer`, `viewer`), to try out what happens without rights; there are no sessions. Every
refusal is made here, and none of them repeats what was sent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from dataclasses import dataclass
from enum import Enum

from starlette.requests import Request

from orchestration.portal.behaviour import Behaviour
from orchestration.portal.dataset import Dataset
from orchestration.portal.errors import AccessError

LOCAL_USERNAME = "local"
LOCAL_PASSWORD = "local"
LOCAL_APP_TOKEN = "local"
LOCAL_VIEWER = "viewer"


class Role(Enum):
    """What a caller may do."""

    STRANGER = "stranger"
    VIEWER = "viewer"
    OWNER = "owner"


@dataclass(frozen=True, repr=False)
class Account:
    """The one account that may write, the one that may only look, and the app tokens known."""

    username: str
    password: str
    app_tokens: frozenset[str]
    viewer: tuple[str, str] = (LOCAL_VIEWER, LOCAL_VIEWER)

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

    def role(self, request: Request) -> Role:
        """Who the caller is: one who did not try to log in is a stranger.

        Raises: AccessError: 403 for an unknown app token, which no login makes up for, and for a
            login in the clear where that is refused; 401 for a login that is wrong, on public data
            too.
        """
        behaviour: Behaviour = request.app.state.portal.behaviour
        token = request.headers.get("x-app-token") or request.query_params.get("$$app_token")
        if token and token not in self.app_tokens and behaviour.unknown_token == "refuse":
            raise AccessError(403, "permission_denied", "Invalid app_token specified")
        header = request.headers.get("authorization")
        if not header:
            return Role.STRANGER
        if behaviour.require_tls and request.url.scheme != "https":
            raise AccessError(403, "permission_denied", "You must log in over HTTPS")
        role = self._role_of(header)
        if role is Role.STRANGER:
            raise AccessError(401, "authentication_required", "Invalid username or password")
        return role

    def knows(self, request: Request) -> bool:
        """Whether the caller has logged in. Raises: as `role`."""
        return self.role(request) is not Role.STRANGER

    def require(self, request: Request) -> None:
        """Refuses a caller who has not logged in or may only look.

        Raises: AccessError (401 or 403).
        """
        role = self.role(request)
        if role is Role.STRANGER:
            raise login_required()
        if role is Role.VIEWER:
            raise AccessError(403, "permission_denied", "You may not change this")

    def _role_of(self, header: str) -> Role:
        scheme, _, credentials = header.partition(" ")
        if scheme.lower() == "oauth":
            known = _same(credentials.strip(), self.password)
            return Role.OWNER if known else Role.STRANGER
        if scheme.lower() != "basic":
            return Role.STRANGER
        try:
            decoded = base64.b64decode(credentials.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return Role.STRANGER
        username, _, password = decoded.partition(":")
        if _same(username, self.username) & _same(password, self.password):
            return Role.OWNER
        viewer, secret = self.viewer
        looking = _same(username, viewer) & _same(password, secret)
        return Role.VIEWER if looking else Role.STRANGER


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
