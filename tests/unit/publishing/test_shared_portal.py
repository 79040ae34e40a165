"""Two runs at once share one local portal, and the first to end does not pull it away."""

import threading
import time

import requests

from orchestration.portal.server import running_address
from orchestration.publishing.targets import local_portal
from orchestration.settings import Settings


def test_the_portal_stays_while_somebody_uses_it(tmp_path, monkeypatch) -> None:
    """Who started the portal waits for the other user before it stops."""
    monkeypatch.setenv("SUMMERWARE_HOME", str(tmp_path / "home"))
    settings = Settings.from_environment().prepare()
    inside, leave, seen = threading.Event(), threading.Event(), []

    def other() -> None:
        with local_portal(settings) as address:
            inside.set()
            leave.wait(30)
            seen.append(requests.get(f"http://{address}/", timeout=10).status_code)

    user = threading.Thread(target=other)
    ended: list[float] = []

    def starter() -> None:
        with local_portal(settings):
            user.start()
            assert inside.wait(30)
        ended.append(time.monotonic())

    first = threading.Thread(target=starter)
    first.start()
    assert inside.wait(30)
    time.sleep(0.5)
    assert not ended
    leave.set()
    user.join(30)
    first.join(30)
    assert seen == [200]
    assert ended
    assert running_address(settings.portal_home) is None


def test_two_that_start_at_once_get_one_portal(tmp_path, monkeypatch) -> None:
    """The one that comes second waits until the first says where it serves."""
    monkeypatch.setenv("SUMMERWARE_HOME", str(tmp_path / "home"))
    settings = Settings.from_environment().prepare()
    together, addresses = threading.Barrier(3), []

    def use() -> None:
        together.wait(30)
        with local_portal(settings) as address:
            addresses.append(address)
            together.wait(30)

    users = [threading.Thread(target=use) for _ in range(3)]
    for user in users:
        user.start()
    for user in users:
        user.join(60)
    assert len(addresses) == 3
    assert len(set(addresses)) == 1
