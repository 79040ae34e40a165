"""What tests of publications share: a park with its portal, and a spy on the requests that write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.portal.server import PortalServer
from orchestration.publishing import delivery, retry
from orchestration.publishing.revisions import DraftSender
from orchestration.publishing.transport import Answer, SodaTransport
from orchestration.settings import Settings
from orchestration.state.store import State
from tests.grove import Grove, served
from tests.park import Killed, Park
from tests.unit.publishing.conftest import tree

OAKS = [tree("T1"), tree("T2"), tree("T3")]
BY_DRAFTS = {"id": "tree-tree", "transport": "dsmapi"}


class Sent:
    """The requests that wrote, where the process dies, and what happens once after the next write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[str] = []
        self.dies: str | None = None
        self.meanwhile: Callable[[], object] | None = None
        sent = self

        # Spies on the real transport; only the death of the process is made up.
        def spied(name: str) -> Any:
            real = getattr(SodaTransport, name)

            def call(*options: Any) -> Answer:
                if sent.dies == "before":
                    raise Killed
                answer: Answer = real(*options)
                if sent.dies == "after":
                    raise Killed
                sent.requests.append(name)
                happens, sent.meanwhile = sent.meanwhile, None
                if happens:
                    happens()
                return answer

            return call

        for name in ("upsert", "replace", "empty"):
            monkeypatch.setattr(SodaTransport, name, spied(name))
        retry_policy = retry.RetryPolicy(attempts=3, sleep=lambda _: None)
        monkeypatch.setattr(delivery, "PATIENCE", retry_policy)


@pytest.fixture
def park(
    tmp_path: Path, settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Park]:
    with _standing(tmp_path, settings, state, monkeypatch) as park:
        yield park


@pytest.fixture
def by_drafts(
    tmp_path: Path, settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Park]:
    """A park whose publications go by drafts, over TLS."""
    with _standing(tmp_path, settings, state, monkeypatch, tls=True) as park:
        park.write_dataset(publish=BY_DRAFTS)
        yield park


@pytest.fixture
def drafts(by_drafts: Park) -> Park:
    """By drafts, to a 4x4 without a row identifier that holds `OAKS`."""
    by_drafts.make_unkeyed()
    by_drafts.publish_rows(OAKS)
    return by_drafts


@contextmanager
def _standing(
    folder: Path,
    settings: Settings,
    state: State,
    monkeypatch: pytest.MonkeyPatch,
    *,
    tls: bool = False,
) -> Iterator[Park]:
    """A park that the command line finds, too."""
    for name in ("datasets", "expectations"):
        monkeypatch.setenv(f"SUMMERWARE_{name.upper()}", str(folder / name))
    with PortalServer(settings.portal_home, tls=tls) as portal:
        yield Park(folder, settings, state, portal)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    return Sent(monkeypatch)


@contextmanager
def dying_once_applied(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process dies after a draft was applied, before its journal learns of it."""
    apply = DraftSender._apply

    def die(self: DraftSender, *options: Any) -> None:
        note = options[-1]
        apply(self, *options[:-1], lambda state, facts: state == "sent" and note(state, facts))
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(DraftSender, "_apply", die)
        yield


@pytest.fixture
def grove(
    settings: Settings, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Grove]:
    """A grove, with the page for signing over it."""
    monkeypatch.setenv("SUMMERWARE_DATASETS", str(tmp_path / "datasets"))
    with served(replace(settings, datasets_dir=tmp_path / "datasets"), state) as grove:
        yield grove
