"""What every route shares: the store, its replica, the account, the behaviour and the faults."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.portal.access import Account
from orchestration.portal.behaviour import Behaviour
from orchestration.portal.errors import PortalError
from orchestration.portal.faults import Faults
from orchestration.portal.replica import Replica, Snapshot
from orchestration.portal.store import Store


@dataclass
class Portal:
    """One portal, as its routes see it. The behaviour can be changed while it runs."""

    store: Store
    account: Account
    behaviour: Behaviour
    faults: Faults

    def __post_init__(self) -> None:
        self.replica = Replica(self.store, lambda: self.behaviour.replica_lag_seconds)
        self.faults.attach(lambda: Snapshot(self.store))

    @property
    def max_body_bytes(self) -> int:
        """The size of the largest body that is taken."""
        return self.behaviour.max_body_bytes

    def close(self) -> None:
        """Closes what is open; nothing may be under way."""
        self.faults.clear()
        self.replica.close()
        self.store.close()


def split_name(name: str, *, allowed: tuple[str, ...]) -> tuple[str, str]:
    """`abcd-1234.json` as its 4x4 and its extension; without one, the first that is allowed.

    Raises: PortalError (406) for an extension that is not served here.
    """
    fourfour, _, extension = name.partition(".")
    if extension and extension not in allowed:
        message = f"Not available as {extension[:20]}; ask for {' or '.join(allowed)}"
        raise PortalError(406, "not-acceptable", message)
    return fourfour, extension or allowed[0]
