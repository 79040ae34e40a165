"""The doctor notices what is not alive and says what to do; the heartbeat is missing then.

Daemon and schedule are real in `tests/browser/test_living_daemon.py`; here they are not in use,
except where their silence is what is looked at.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestration.health.checks import Health, examine
from orchestration.health.heartbeat import beat, beat_if_due, tell
from orchestration.state.alerts import AlertStore
from tests.receivers import Webhook, free_port
from tests.town import Town, new_town, rule

SUMMERWARE = str(Path(sys.executable).with_name("summerware"))


@pytest.fixture
def town(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webhook: Webhook
) -> Iterator[Town]:
    """A town where all is well: channels with addresses, another scheduler than Dagster's."""
    monkeypatch.setenv("SUMMERWARE_DAEMON", "no")
    for channel in ("OWNERS", "ENGINEERS", "SUPERVISORS"):
        monkeypatch.setenv(f"SUMMERWARE_CHANNEL_{channel}", webhook.url)
    monkeypatch.setenv("SUMMERWARE_HEARTBEAT_URL", f"http://127.0.0.1:{webhook.port}/beat")
    with new_town(tmp_path, monkeypatch) as made:
        made.watch()
        yield made


def _unwell(town: Town, *, moment: datetime | None = None) -> dict[str, Health]:
    return {one.name: one for one in examine(town.settings, moment=moment) if not one.is_well}


def _assert_missed(town: Town, webhook: Webhook) -> None:
    """The switch outside hears nothing."""
    beaten = beat(town.settings, town.state)
    assert not beaten.is_healthy
    assert not beaten.was_answered
    assert webhook.beats == 0


def test_a_healthy_home_beats_once_a_day(town: Town, webhook: Webhook) -> None:
    """All is well, the switch hears of it, and not again that day."""
    assert _unwell(town) == {}
    noon = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)
    for hours in (0, 1, 2, 24):
        beat_if_due(town.settings, town.state, moment=noon + timedelta(hours=hours))
    assert webhook.beats == 2
    last = AlertStore(town.state).last_beat(answered=True)
    assert last is not None
    assert last.day == "2026-07-02"


def test_the_day_is_not_told_before_its_runs_were_due(town: Town, webhook: Webhook) -> None:
    """At five in the morning nobody knows yet how the day goes."""
    five = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert beat_if_due(town.settings, town.state, moment=five) is None
    assert webhook.beats == 0


def test_a_switch_that_does_not_answer_is_tried_again(town: Town, webhook: Webhook) -> None:
    """Not at every look, but until the day is over."""
    webhook.mood = "failing"
    beaten = beat_if_due(town.settings, town.state)
    # Before six in the morning it is not time yet, whenever this test runs: then nothing was tried.
    if beaten is None:
        pytest.skip("before six in New Orleans the day's runs are not due")
    assert "did not answer" in tell(beaten)
    assert beat_if_due(town.settings, town.state) is None
    webhook.mood = "up"
    later = datetime.now(UTC) + timedelta(minutes=11)
    again = beat_if_due(town.settings, town.state, moment=later)
    assert again is None or again.was_answered


def test_a_full_disk_is_noticed(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Little room is told before there is none."""
    monkeypatch.setenv("SUMMERWARE_MIN_FREE_MB", str(10**9))
    found = _unwell(town)["disk"]
    assert "less than" in found.seen
    assert "summerware prune" in found.advice
    _assert_missed(town, webhook)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_without_any_room_is_noticed(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real disk of two megabytes, filled up: the doctor answers all the same."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(small)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this container may not mount")
    try:
        _fill(small)
        monkeypatch.setenv("SUMMERWARE_HOME", str(small / "home"))
        ended = subprocess.run(
            [SUMMERWARE, "doctor", "--json"], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 3, ended.stderr
        found = {one["name"]: one for one in json.loads(ended.stdout)}
        assert "No space left on device" in found["disk"]["seen"]
        assert not found["state"]["is_well"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _fill(folder: Path) -> None:
    """Leaves not a byte."""
    with (folder / "filler").open("wb", buffering=0) as filler:
        for size in (65536, 1):
            with suppress(OSError):
                while filler.write(b"\0" * size):
                    pass


def test_an_unreachable_portal_is_noticed(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live portal that does not answer; what waits is not lost."""
    monkeypatch.setenv("SUMMERWARE_PORTAL", "live")
    domain = f"127.0.0.1:{free_port()}"
    target = {
        "domain": domain, "id": "tree-tree", "title": "Trees", "description": "-", "licence": "-",
        "attribution": "-", "category": "-", "row_label": "tree", "contact": "-",
    }  # fmt: skip
    town.write_dataset(publish=target)
    from orchestration.settings import Settings

    town.settings = Settings.from_environment()
    found = _unwell(town)["portal"]
    assert f"{domain} does not answer" in found.seen
    assert "status page" in found.advice
    _assert_missed(town, webhook)


def test_a_silent_daemon_is_noticed(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that never ran, and one that stopped talking, and with it the sensor."""
    from dagster._daemon.types import DaemonHeartbeat

    monkeypatch.setenv("SUMMERWARE_DAEMON", "yes")
    assert _unwell(town)["daemon"].seen == "none ever ran here"
    assert "summerware ui" in _unwell(town)["daemon"].advice
    moment = datetime.now(UTC)
    for kind in ("SCHEDULER", "SENSOR"):
        town.instance.add_daemon_heartbeat(
            DaemonHeartbeat(moment.timestamp(), kind, daemon_id="d", errors=[])
        )
    assert "daemon" not in _unwell(town)
    later = _unwell(town, moment=moment + timedelta(minutes=5))
    assert "scheduler silent since" in later["daemon"].seen
    assert "sensor alerts" in later
    _assert_missed(town, webhook)


def test_a_late_schedule_is_noticed(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody started the run that was due."""
    from dagster._daemon.types import DaemonHeartbeat

    monkeypatch.setenv("SUMMERWARE_DAEMON", "yes")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    town.instance.add_daemon_heartbeat(
        DaemonHeartbeat(tomorrow.timestamp(), "SCHEDULER", daemon_id="d", errors=[])
    )
    found = _unwell(town, moment=tomorrow)["schedule daily_at_six"]
    assert "no run began since it was due" in found.seen
    assert "summerware run" in found.advice
    _assert_missed(town, webhook)
    # Its time was changed since the last look: nothing was due at the new one yet.
    town.write_dataset(schedule="0 3 * * *")
    assert "schedule grove_0_on_time" not in _unwell(town, moment=tomorrow)


def test_a_damaged_state_is_noticed(town: Town) -> None:
    """The other checks are made all the same."""
    town.state.engine.dispose()
    (town.settings.home / "state.db").write_bytes(b"no database at all" * 500)
    for name in ("state.db-wal", "state.db-shm"):
        (town.settings.home / name).unlink(missing_ok=True)
    found = _unwell(town)
    assert set(found) == {"state"}
    assert "backup" in found["state"].advice


def test_a_receiver_that_takes_nothing_is_noticed(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour later; and a channel without an address at once."""
    webhook.mood = "failing"
    town.run([rule()])
    town.watch()
    later = datetime.now(UTC) + timedelta(hours=2)
    assert "owners has not taken 1 messages" in _unwell(town, moment=later)["channels"].seen
    monkeypatch.delenv("SUMMERWARE_CHANNEL_ENGINEERS")
    found = _unwell(town)["channels"]
    assert found.seen == "nobody is told through engineers"
    assert "SUMMERWARE_CHANNEL_ENGINEERS" in found.advice


def test_the_secret_of_the_switch_gets_nowhere(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither said nor kept, whether it answers or not."""
    secret = "canary-0815-secret"
    for port in (webhook.port, free_port()):
        monkeypatch.setenv("SUMMERWARE_HEARTBEAT_URL", f"http://127.0.0.1:{port}/{secret}")
        ended = subprocess.run(
            [SUMMERWARE, "heartbeat"], capture_output=True, text=True, check=False
        )
        assert secret not in ended.stdout + ended.stderr
    kept = b"".join(path.read_bytes() for path in town.settings.home.rglob("*") if path.is_file())
    assert secret.encode() not in kept
