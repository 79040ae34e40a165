"""The operations page's backup and image: no password where others look, nothing that is secret."""

import os
import subprocess
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

from orchestration.settings import PROJECT, Settings
from orchestration.state.database import open_database
from tests.integration.postgresql import folder_of_programs, postgresql

BACKUP_SH = str(PROJECT / "docs" / "operations" / "backup.sh")
PASSWORD = "a p@ss/w%rd?"
SPY = """#!/bin/sh
tr '\\0' ' ' < /proc/$$/cmdline > "{seen}"
printf %s "$PGPASSWORD" > "{seen}.password"
exec "{real}" "$@"
"""


@pytest.mark.parametrize("form", ["login", "option"])
def test_backup_tells_no_password(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The real client gets it whole, and its command line does not have it."""
    programs, seen = folder_of_programs(), tmp_path / "seen"
    spy = tmp_path / "bin" / "pg_dump"
    spy.parent.mkdir()
    spy.write_text(SPY.format(seen=seen, real=programs / "pg_dump"))
    spy.chmod(0o755)
    written = "a%20p%40ss%2Fw%25rd%3F"
    with postgresql() as url:
        url = (
            url.replace("tester@", f"tester:{written}@")
            if form == "login"
            else f"{url}?connect_timeout=9&password={written}"
        )
        monkeypatch.setenv("SUMMERWARE_STATE_URL", url)
        open_database(Settings.from_environment()).dispose()
        environment = {
            **os.environ, "BACKUP": str(tmp_path / "backup"),
            "PATH": f"{spy.parent}:{os.environ['PATH']}",
        }  # fmt: skip
        environment.pop("PGPASSWORD", None)
        subprocess.run(["sh", BACKUP_SH], env=environment, check=True, capture_output=True)
    said = seen.read_text()
    assert "postgresql://tester@127.0.0.1" in said
    assert not [part for part in (PASSWORD, written, "a%20p", "a+p", "p@ss") if part in said]
    assert seen.with_name("seen.password").read_text() == PASSWORD
    dump = tmp_path / "backup" / "state.dump"
    listed = subprocess.run(
        [programs / "pg_restore", "--list", dump], check=True, capture_output=True, text=True
    )
    assert "alembic_version" in listed.stdout
    assert dump.stat().st_mode & 0o077 == 0


def test_backup_of_any_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks, quotes and dollars in the home's and the backup's own path are letters like others."""
    monkeypatch.delenv("SUMMERWARE_STATE_URL", raising=False)
    home, backup = tmp_path / 'a ?{b} $C "d" it\'s', tmp_path / "to 'x' $Y \"z\""
    monkeypatch.setenv("SUMMERWARE_HOME", str(home))
    open_database(Settings.from_environment()).dispose()
    (home / "hash.key").write_text("k")
    subprocess.run(
        ["sh", BACKUP_SH],
        env={**os.environ, "BACKUP": str(backup)},
        check=True,
        capture_output=True,
    )
    assert sorted(path.name for path in backup.iterdir()) == ["hash.key", "state.db"]
    assert (backup / "state.db").read_bytes()[:6] == b"SQLite"


def goes_into_the_image(path: str) -> bool:
    """As the builder reads .dockerignore: the last pattern that fits a path or a folder of it."""
    place = PurePosixPath(path)
    kept = True
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        pattern = line.lstrip("!")
        if not pattern or pattern.startswith("#"):
            continue
        for part in (place, *place.parents[:-1]):
            inside = pattern.removeprefix("**/")
            name = part.name if inside != pattern else str(part)
            if fnmatch(name, inside) and (inside != pattern or "/" in inside or "/" not in name):
                kept = line.startswith("!")
    return kept


@pytest.mark.parametrize(
    "path",
    [
        ".env", ".env.production", "orchestration/.env", "hash.key", ".summerware/hash.key",
        "orchestration/.summerware/state.db", "docs/hash.key", ".git/config", ".venv/bin/python",
        "state.db", "backup/state.dump", "docs/privkey.pem", "orchestration/__pycache__/cli.pyc",
        "tests/conftest.py", ".summerware/extracts/x.parquet", "dbt_project/target/manifest.json",
    ],
)  # fmt: skip
def test_image_holds_no_secret(path: str) -> None:
    """Neither settings, keys, homes nor history, wherever somebody put them in the checkout."""
    assert not goes_into_the_image(path)


def test_image_holds_what_runs() -> None:
    """Every file of the folders that the project runs from, and what installs them."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout.split()
    folders = ("orchestration/", "dbt_project/", "expectations/", "requirements/")
    needed = [path for path in tracked if path.startswith(folders)]
    alone = ["Makefile", "pyproject.toml", "workspace.yaml", "README.md", "LICENSE"]
    assert len(needed) > 300
    assert [path for path in (*needed, *alone) if not goes_into_the_image(path)] == []


def test_container_runs_as_its_own_user() -> None:
    """From before the project is copied in, and what it keeps is that user's."""
    lines = (PROJECT / "docs" / "operations" / "Containerfile").read_text().splitlines()
    user = [number for number, line in enumerate(lines) if line.startswith("USER ")]
    copied = next(number for number, line in enumerate(lines) if line.startswith("COPY "))
    assert [lines[number] for number in user] == ["USER summerware"]
    assert user[0] < copied
    assert "--chown=summerware" in lines[copied]
    assert any("--owner=summerware" in line and " /data" in line for line in lines)
