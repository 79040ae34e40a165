"""The same alerts where the state is in PostgreSQL, and its backup."""

import os
import subprocess
from pathlib import Path

import pytest

from orchestration.health.checks import examine
from orchestration.settings import PROJECT
from tests.integration.postgresql import folder_of_programs, postgresql
from tests.receivers import Webhook, serving
from tests.town import PASSED, new_town, rule


def test_an_alert_lives_and_is_backed_up(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens, says what is new, is sent once, ends; the doctor is content, the dump can be read."""
    with postgresql() as url, serving(Webhook()) as webhook:
        monkeypatch.setenv("SUMMERWARE_STATE_URL", url)
        monkeypatch.setenv("SUMMERWARE_DAEMON", "no")
        for name in ("OWNERS", "ENGINEERS", "SUPERVISORS"):
            monkeypatch.setenv(f"SUMMERWARE_CHANNEL_{name}", webhook.url)
        with new_town(tmp_path, monkeypatch) as town:
            town.watch()
            for found in ([rule(failing=2)], [rule(failing=5)], [PASSED]):
                town.run(found)
                town.watch()
            assert [one.kind for one in town.outbox()] == ["opened", "news", "resolved"]
            assert len(webhook.subjects) == 3
            assert [one.name for one in examine(town.settings) if not one.is_well] == []
            backup = tmp_path / "backup"
            programs = folder_of_programs()
            subprocess.run(
                ["sh", str(PROJECT / "docs" / "operations" / "backup.sh")],
                env={
                    **os.environ,
                    "BACKUP": str(backup),
                    "PATH": f"{programs}:{os.environ['PATH']}",
                },
                check=True,
            )
            listed = subprocess.run(
                [programs / "pg_restore", "--list", backup / "state.dump"],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            assert "alert_delivery" in listed.stdout
