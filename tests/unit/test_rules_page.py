"""`docs/rules.md` says what the suites say."""

from pathlib import Path

import pytest

from orchestration.dataset import load_datasets
from orchestration.gates.suites import COMMON, SUITES, load_suite
from orchestration.rules_page import rules_page
from orchestration.settings import PROJECT, Settings

PAGE = PROJECT / "docs" / "rules.md"


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings.from_environment()


@pytest.fixture(scope="module")
def page(settings: Settings) -> str:
    return rules_page(settings)


def test_page_in_docs_is_true(page: str) -> None:
    """The page that people read is made from the suites that run."""
    assert PAGE.read_text(encoding="utf-8") == page, (
        "docs/rules.md is out of date: `.venv/bin/summerware rules > docs/rules.md`"
    )


def test_page_names_every_rule_of_every_dataset(settings: Settings, page: str) -> None:
    """No rule is left out, and each says what, why, and which fault it would have caught."""
    for dataset in load_datasets(settings.datasets_dir):
        assert f'<a id="{dataset}"></a>' in page
        for layer in SUITES:
            for rule in load_suite(settings, dataset, layer).rules:
                meta = rule.meta
                assert f"| `{meta.rule_id}` |" in page
                for text in (meta.statement, meta.reason, meta.fault):
                    assert text.replace("|", "\\|") in page


def test_table_rows_have_five_cells(page: str) -> None:
    """A bar or a line break in a suite's text does not break the table."""
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}


def test_every_dataset_has_its_suites(settings: Settings) -> None:
    """A dataset file without a folder of suites would have no gate; a folder without one is dead."""
    folders = {path.name for path in Path(settings.expectations_dir).iterdir() if path.is_dir()}
    assert folders == {COMMON, *load_datasets(settings.datasets_dir)}
