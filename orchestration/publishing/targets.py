"""Which portal a publication goes to: the local one unless the configuration says otherwise.

A live portal needs SUMMERWARE_PORTAL=live and credentials from the environment. The local portal is
started for as long as it is needed where none is running for this home.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestration.dataset import Dataset, load_sound_datasets
from orchestration.errors import ConfigurationError
from orchestration.file_lock import Users, shared_lock
from orchestration.portal.errors import PortalInUseError
from orchestration.portal.server import PortalServer, running_address, running_tls
from orchestration.publishing.revisions import DraftPortal
from orchestration.publishing.transport import Credentials, SodaTransport
from orchestration.settings import LOCAL, Settings

progress = logging.getLogger("summerware.progress")

_START_SECONDS = 30
_PATIENCE_SECONDS = 600
"""How long a finished run keeps its portal for others; then they start one of their own."""
_VARIABLES = ("SOCRATA_APP_TOKEN", "SOCRATA_USERNAME", "SOCRATA_PASSWORD")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A portal: its name in the journal, how to reach it, and whether the public sees it."""

    name: str
    is_live: bool
    transport: SodaTransport
    drafts: DraftPortal | None = None
    """How the Data Management API is reached, where it is."""


@contextmanager
def open_target(settings: Settings, dataset: Dataset, *, to_read: bool = False) -> Iterator[Target]:
    """The portal of a dataset under the present configuration; `to_read` needs no login.

    Raises:
        ConfigurationError: a live portal is asked for without credentials.
    """
    if settings.portal == "live":
        domain, login = dataset.publish.domain, _live_credentials(to_read=to_read)
        with _closing(SodaTransport(domain, login)) as transport:
            live = DraftPortal(domain=domain, credentials=login)
            yield Target(name=domain, is_live=True, transport=transport, drafts=live)
        return
    with local_portal(settings) as address:
        credentials = Credentials(
            app_token=os.environ.get("SUMMERWARE_PORTAL_APP_TOKENS", "local").split(",")[0],
            username=os.environ.get("SUMMERWARE_PORTAL_USERNAME", "local"),
            password=os.environ.get("SUMMERWARE_PORTAL_PASSWORD", "local"),
        )
        with _closing(SodaTransport(address, credentials, scheme="http")) as transport:
            encrypted = running_tls(settings.portal_home)
            drafts = encrypted and DraftPortal(
                domain=encrypted[0],
                credentials=credentials,
                ca_file=encrypted[1],
                pause_seconds=0.05,
            )
            yield Target(name=LOCAL, is_live=False, transport=transport, drafts=drafts)


@contextmanager
def local_portal(settings: Settings) -> Iterator[str]:
    """The address of this home's local portal, started here where none is running.

    Who started it stops it when nobody uses it any more: two runs at once share one.
    """
    with shared_lock(settings, "portal.users") as users, ExitStack() as stack:
        address = running_address(settings.portal_home) or _start(
            settings.portal_home, stack, users, tls=_wants_tls(settings)
        )
        yield address


def _wants_tls(settings: Settings) -> bool:
    """Whether a dataset goes by drafts, whose client knows nothing but TLS."""
    return any(
        dataset.publish.transport == "dsmapi"
        for dataset in load_sound_datasets(settings.datasets_dir)[0].values()
    )


def _start(home: Path, stack: ExitStack, users: Users, *, tls: bool) -> str:
    """Starts a portal that ends with the stack; gives the address of another's if that was quicker."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server = stack.enter_context(PortalServer(home, tls=tls))
        except PortalInUseError:
            # Another process is just starting it, and has not said yet where.
            address = running_address(home)
            if address is not None:
                return address
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            stack.callback(_wait_for_others, users)
            return server.address


def _wait_for_others(users: Users) -> None:
    if not users.wait_until_alone(1):
        progress.info("another run still uses the local portal; waiting for it to be done")
        users.wait_until_alone(_PATIENCE_SECONDS)


@contextmanager
def _closing(transport: SodaTransport) -> Iterator[SodaTransport]:
    try:
        yield transport
    finally:
        transport.close()


def _live_credentials(*, to_read: bool) -> Credentials:
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing and not to_read:
        raise ConfigurationError(
            f"a live portal needs {', '.join(missing)} in the environment; see .env.example"
        )
    token, username, password = (os.environ.get(name, "") for name in _VARIABLES)
    if not (username and password):
        username = password = ""
    return Credentials(app_token=token, username=username, password=password)
