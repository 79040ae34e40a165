"""Dagster's own command line knows the project: its layout, its definitions."""

import json
import os
import subprocess
import sys
from pathlib import Path

from orchestration.dataset import load_datasets
from orchestration.layers import LAYERS
from orchestration.schedules import DAILY
from orchestration.settings import PROJECT, Settings


def dg(*arguments: str) -> str:
    """What `dg` prints in the checkout."""
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "dg"), *arguments],
        cwd=PROJECT,
        env={**os.environ, "DAGSTER_DISABLE_TELEMETRY": "yes"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2_000:]
    assert "warning" not in ended.stderr.lower()
    return ended.stdout


def test_definitions_are_sound(settings: Settings) -> None:
    """`dg check defs` finds nothing."""
    assert "All definitions loaded successfully." in dg("check", "defs")


def test_definitions_are_listed(settings: Settings) -> None:
    """`dg list defs` names every asset, its gate, the jobs, their schedules and the sensor."""
    listed = json.loads(dg("list", "defs", "--json"))
    keys = {one["asset_key"] for one in listed["assets"]}
    datasets = load_datasets(settings.datasets_dir)
    assert {f"{layer}/{name}" for layer in (*LAYERS, "published") for name in datasets} <= keys
    assert len(listed["asset_checks"]) >= len(LAYERS) * len(datasets)
    assert [one["name"] for one in listed["sensors"]] == ["alerts"]
    assert {one["name"] for one in listed["jobs"]} == {DAILY, *datasets}
    assert listed["schedules"]
