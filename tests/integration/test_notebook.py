"""The blocks of `docs/notebook.md`, executed one after the other on a layer of sample rows."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.running import run_daily
from orchestration.settings import PROJECT, Settings
from orchestration.sources.sample import generate

PAGE = PROJECT / "docs" / "notebook.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DAY = date(2026, 11, 1)


def test_blocks_run_in_their_order(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a reader pastes works: suites open, the layer is judged as its gate did, lines are named."""
    (wanted,) = set(re.findall(r'load_datasets\([^)]*\)\["(\w+)"\]', PAGE.read_text()))
    drop = tmp_path / "drop"
    generate(drop, rows=800, seed=3, as_of=DAY, datasets=[wanted])
    summary = run_daily(
        settings, (wanted,), source="files", extracts_dir=drop, as_of=DAY.isoformat(), dry_run=True
    )
    assert summary.exit_code == 0
    capsys.readouterr()
    names: dict[str, Any] = {}
    for number, block in enumerate(BLOCK.findall(PAGE.read_text(encoding="utf-8"))):
        exec(compile(block, f"{PAGE.name}, block {number + 1}", "exec"), names)
    record = names["state"].newest_gate_record(wanted, "standardized", names["layer"].content_hash)
    names["state"].engine.dispose()
    by_gate = {one["rule_id"] for one in record.results if one["outcome"] == "failed"}
    failed = {one.expectation_config.meta["rule_id"] for one in names["failed"]}
    assert failed
    assert failed == by_gate & {one.meta["rule_id"] for one in names["suite"].expectations}
    said = capsys.readouterr().out
    assert all(re.search(rf"^{rule_id} \[\('\w+', \d+\)", said, re.MULTILINE) for rule_id in failed)
