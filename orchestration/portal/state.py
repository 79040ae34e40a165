"""What every route shares: the store, the account and the limits of one portal."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.portal.access import Account
from orchestration.portal.errors import PortalError
from orchestration.portal.store import Store


@dataclass(frozen=True)
class Portal:
    """One portal, as its routes see it."""

    store: Store
    account: Account
    max_body_bytes: int


def split_name(name: str, *, allowed: tuple[str, ...]) -> tuple[str, str]:
    """`abcd-1234.json` as its 4x4 and its extension; without one, the first that is allowed.

    Raises: PortalError (406) for an extension that is not served here.
    """
    fourfour, _, extension = name.partition(".")
    if extension and extension not in allowed:
        message = f"Not available as {extension[:20]}; ask for {' or '.join(allowed)}"
        raise PortalError(406, "not-acceptable", message)
    return fourfour, extension or allowed[0]
