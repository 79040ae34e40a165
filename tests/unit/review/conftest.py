"""A desk with a dataset file of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orchestration.settings import Settings
from tests.unit.review.desk import Desk, dataset_file


@pytest.fixture
def desk(
    home: Path, tmp_path: Path, migrated_database: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Nothing has run yet."""
    datasets = tmp_path / "datasets"
    datasets.mkdir()
    (datasets / "dogs.yaml").write_text(yaml.safe_dump(dataset_file()))
    monkeypatch.setenv("SUMMERWARE_DATASETS", str(datasets))
    settings = Settings.from_environment().prepare()
    shutil.copy(migrated_database, settings.home / "state.db")
    made = Desk(settings, tmp_path)
    yield made
    made.engine.dispose()
