"""What a rule about a whole extract tells people to do, in the project's own suites."""

import pytest

from orchestration.gates.suites import load_suite
from orchestration.settings import Settings

SETTINGS = Settings.from_environment()
DATASETS = sorted(path.stem for path in SETTINGS.datasets_dir.glob("*.yaml"))


@pytest.mark.parametrize("dataset_id", DATASETS)
def test_rules_about_the_extract_name_a_way_out(dataset_id: str) -> None:
    """A new grain is declared, a heading becomes an alias, a limit is raised: each says where."""
    ways = {
        rule.meta.rule_id: rule.meta.to_do or ""
        for rule in load_suite(SETTINGS, dataset_id, "raw").rules
    }
    grains = [way for rule_id, way in ways.items() if rule_id.startswith("line_is_one_")]
    assert grains
    assert all("`grain: changes` in {file}" in way for way in grains)
    assert "`aliases` in {file}" in ways["required_columns_present"]
    assert "`limits.volume_drop_share` in {file}" in ways["volume_close_to_last_good"]
