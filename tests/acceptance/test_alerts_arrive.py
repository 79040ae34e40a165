"""200 failures of 40 causes, while receivers are down, slow, failing or dying, and watchers are killed.

`make soak`: 24 kills of whoever watches; `make test`: 12.
In the end each receiver has 40 alerts and 40 endings; a second copy only of what had no answer.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestration.alerts.delivery import deliver
from orchestration.state.alerts import SENT
from tests.receivers import MailServer, Webhook
from tests.soak import SOAK
from tests.town import PASSED, Town, new_town, rule

CAUSES = 40
DATASETS, RULES = 10, 4
RUNS = 5
KILLS = 20 if SOAK else 12


@pytest.fixture
def town(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webhook: Webhook, mails: MailServer
) -> Iterator[Town]:
    """Ten datasets, told by mail and webhook at once."""
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", f"{mails.url} {webhook.url}")
    monkeypatch.setenv("SUMMERWARE_ALERT_RETRY_SECONDS", "0.2")
    with new_town(tmp_path, monkeypatch, datasets=DATASETS) as made:
        made.watch()
        yield made


def _fail(town: Town) -> None:
    """Every rule of every dataset fails: 40 causes."""
    found = [rule(f"rule_{number}") for number in range(RULES)]
    town.run(dict.fromkeys(town.ids, found))


def _mend(town: Town) -> None:
    town.run({name: [PASSED] for name in town.ids})


def _empty_the_outbox(town: Town) -> None:
    deadline = time.monotonic() + 60
    later = datetime.now(UTC) + timedelta(hours=1)
    while deliver(town.store, moment=later).waiting:
        assert time.monotonic() < deadline, town.outbox()[-1]


def _assert_all_arrived(town: Town, *receivers: MailServer | Webhook) -> None:
    """Forty alerts and forty endings each; more copies only where attempts had no answer."""
    deliveries = town.outbox()
    assert {one.state for one in deliveries} == {SENT}
    assert len(deliveries) == 2 * 2 * CAUSES
    for address, receiver in enumerate(receivers):
        for over, kind in ((False, "opened"), (True, "resolved")):
            copies = receiver.ids(over=over)
            attempts = Counter(
                {
                    one.alert_id: one.attempts
                    for one in deliveries
                    if one.address == address and one.kind == kind
                }
            )
            assert len(copies) == CAUSES
            assert copies.keys() == attempts.keys()
            assert all(copies[name] <= attempts[name] for name in copies)
            seconds = sum(copies.values()) - CAUSES
            sys.stdout.write(
                f"{type(receiver).__name__:<11} {kind:<9} {CAUSES} alerts, {seconds} copies more\n"
            )


MOODS = ("down", "slow", "failing", "dying", "up")


@pytest.mark.parametrize("mood", MOODS)
def test_every_cause_arrives_once(
    town: Town, webhook: Webhook, mails: MailServer, mood: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the receivers do meanwhile: exactly 40, and 40 endings when the causes go."""
    for receiver in (webhook, mails):
        receiver.mood = mood
        if mood == "down":
            receiver.stop()
    for _ in range(RUNS):
        _fail(town)
        town.watch()
    for receiver in (webhook, mails):
        receiver.mood = "up"
        if mood == "down":
            receiver.start()
    _mend(town)
    town.watch()
    _empty_the_outbox(town)
    with capsys.disabled():
        sys.stdout.write(f"\nreceivers {mood}:\n")
        _assert_all_arrived(town, mails, webhook)
    if mood in ("down", "failing", "slow", "up"):
        assert set(webhook.ids(over=False).values()) == {1}


@pytest.mark.campaign
def test_killed_watchers_lose_nothing(
    town: Town, webhook: Webhook, mails: MailServer, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """`kill -9` of whoever watches, at random moments, moods changing all the while."""
    seed = int(os.environ.get("SUMMERWARE_SEED") or time.time())
    dice = random.Random(seed)
    kills = 0
    stages = [_fail] * RUNS + [_mend]
    for happen in stages:
        happen(town)
        for _ in range(-(-KILLS // len(stages))):
            webhook.mood = dice.choice(("slow", "failing", "dying", "up"))
            mails.mood = dice.choice(("failing", "dying", "up"))
            _watch_and_kill(tmp_path / "ready", dice.uniform(0.0, 0.6))
            kills += 1
    webhook.mood = mails.mood = "up"
    town.watch()
    _empty_the_outbox(town)
    with capsys.disabled():
        sys.stdout.write(f"\n{kills} kills, seed {seed}:\n")
        _assert_all_arrived(town, mails, webhook)


def _watch_and_kill(ready: Path, seconds: float) -> None:
    """Kills a watcher so long after it began to look."""
    ready.unlink(missing_ok=True)
    watcher = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.acceptance.watching_process", str(ready)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < deadline:
        assert watcher.poll() is None
        time.sleep(0.005)
    time.sleep(seconds)
    watcher.send_signal(signal.SIGKILL)
    watcher.wait()


@pytest.mark.campaign
def test_killed_daemons_lose_nothing(
    town: Town, webhook: Webhook, mails: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same with Dagster's real daemon and code server: 20 kills in `make soak`, 3 otherwise."""
    seed = int(os.environ.get("SUMMERWARE_SEED") or time.time())
    dice = random.Random(seed)
    kills = 0
    stages = [_fail] * RUNS + [_mend] if SOAK else [_fail, _fail, _mend]
    for happen in stages:
        happen(town)
        for _ in range(-(-KILLS // len(stages)) if SOAK else 1):
            webhook.mood = dice.choice(("slow", "failing", "dying", "up"))
            mails.mood = dice.choice(("failing", "dying", "up"))
            _run_daemon_and_kill(town, dice.uniform(0.0, 4.0))
            kills += 1
    webhook.mood = mails.mood = "up"
    town.watch()
    _empty_the_outbox(town)
    with capsys.disabled():
        sys.stdout.write(f"\n{kills} kills of the daemon, seed {seed}:\n")
        _assert_all_arrived(town, mails, webhook)


def _run_daemon_and_kill(town: Town, seconds: float) -> None:
    """Kills the daemon so long after it began to tick; its code server ends as well."""
    ticks = _ticks(town)
    daemon = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("dagster-daemon")),
            *("run", "-m", "tests.acceptance.town_definitions"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while _ticks(town) == ticks:
            assert daemon.poll() is None
            assert time.monotonic() < deadline, "the sensor never ticked"
            time.sleep(0.05)
        time.sleep(seconds)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
    finally:
        os.killpg(daemon.pid, signal.SIGKILL)


def _ticks(town: Town) -> int:
    """How often the sensor began to look."""
    return sum(
        len(town.instance.get_ticks(one.instigator_origin_id, one.selector_id, limit=1_000))
        for one in town.instance.all_instigator_state()
        if one.name == "alerts"
    )
