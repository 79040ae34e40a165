"""The suite files as Great Expectations opens them, and our own expectations as it sees them."""

import logging
from pathlib import Path
from typing import Any

import great_expectations as gx
import pytest
import yaml
from great_expectations.exceptions import ExpectationNotFoundError
from great_expectations.expectations.registry import get_expectation_impl

from orchestration.errors import ConfigurationError
from orchestration.gates import expectations
from orchestration.gates.expectations import EXPECTATIONS, load_gx_suite
from orchestration.gates.row_queries import QUERIES
from orchestration.gates.suites import COMMON, SUITES, load_suite, load_suite_file
from orchestration.settings import PROJECT, Settings
from tests.suite_files import rule
from tests.unit.gates.conftest import Kennel

FILES = sorted((PROJECT / "expectations").glob("*/*.yaml"))
SETTINGS = Settings.from_environment()
FOLDERS = sorted({path.parent.name for path in FILES})


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_file_is_a_suite(path: Path) -> None:
    """Great Expectations itself opens every file, and leaves no rule out."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    suite = gx.ExpectationSuite(**content)
    assert suite.name == f"{path.parent.name}.{path.stem}"
    assert [one.meta["rule_id"] for one in suite.expectations] == [
        one["meta"]["rule_id"] for one in content["expectations"]
    ]
    assert len(load_gx_suite(path).expectations) == len(content["expectations"])


@pytest.mark.parametrize("dataset", [name for name in FOLDERS if name != COMMON])
@pytest.mark.parametrize("layer", SUITES)
def test_gate_runs_the_common_rules_and_its_own(dataset: str, layer: str) -> None:
    """What every dataset has is written once."""
    common = load_suite_file(SETTINGS, COMMON, layer)
    own = load_suite_file(SETTINGS, dataset, layer)
    assert common
    assert load_suite(SETTINGS, dataset, layer).rules == (*common, *own)


def test_rule_of_every_dataset_is_common() -> None:
    """A rule that says the same in each dataset's own file belongs into the common one."""
    for layer in SUITES:
        files = [
            {one.model_dump_json() for one in load_suite_file(SETTINGS, name, layer)}
            for name in FOLDERS
            if name != COMMON
        ]
        assert set.intersection(*files) == set()


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    """A suite of two rules, one of a type that nobody registered."""
    path = tmp_path / "raw.yaml"
    known = rule("expect_column_to_exist", "table", "key_is_there", column="dog_id")
    wonders = rule("expect_wonders", "table", "wonders_happen")
    content = {"name": "dogs.raw", "expectations": [known, wonders]}
    path.write_text(yaml.safe_dump(content))
    return path


def test_unknown_type_is_lost_to_gx_alone(unknown: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Why nobody loads a suite without counting: the rule is gone, and a log line is all."""
    with caplog.at_level(logging.CRITICAL):
        suite = gx.ExpectationSuite(**yaml.safe_load(unknown.read_text()))
    assert [one.meta["rule_id"] for one in suite.expectations] == ["key_is_there"]


def test_unknown_type_is_an_error_of_ours(unknown: Path) -> None:
    """The suite does not open, and the error names file, type and how many rules it would lose."""
    with pytest.raises(
        ConfigurationError, match=r"raw\.yaml: .* no expect_wonders; .* leave out 1 of"
    ):
        load_gx_suite(unknown)


def test_unknown_type_breaks_the_gate(kennel: Kennel) -> None:
    """A gate never passes with a rule fewer than its suite holds."""
    kennel.suite("raw", rule("expect_wonders", "warning", "wonders_happen"))
    record = kennel.gate(kennel.raw())
    assert record.verdict == "broken"
    causes = {one["rule_id"]: one["cause"] for one in record.results}
    assert causes == {"key_is_there": None, "wonders_happen": ExpectationNotFoundError.__name__}


def test_own_types_are_registered_and_used() -> None:
    """Each type is a class with a name; the cases of `tests/rules/` try each on real rows."""
    used = {
        one.type
        for name in FOLDERS
        for layer in SUITES
        for one in load_suite_file(SETTINGS, name, layer)
    }
    assert used >= set(QUERIES)
    assert all(get_expectation_impl(kind).__name__ in EXPECTATIONS for kind in QUERIES)
    assert expectations.ExpectBlockAddress is EXPECTATIONS["ExpectBlockAddress"]
    with pytest.raises(AttributeError):
        _ = expectations.ExpectWonders


EXAMPLES: dict[str, Any] = {
    "key": "k", "column": "c", "columns": ["a", "b"], "written": ["c"], "usual": ".*", "code": "c",
    "earlier": "a", "later": ["b"], "text": "t", "policy": "p",
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_own_types_by_the_diagnostics_of_gx(name: str) -> None:
    """Described, renderable, with metadata: what its checklist can say without the databases it wants."""
    kind = EXPECTATIONS[name]
    wanted = {
        name: EXAMPLES[name] for name in kind.own if kind.__fields__[name].required is not False
    }
    told = kind(**wanted).run_diagnostics()
    done = {
        check["message"]: check["passed"] for check in told["maturity_checklist"]["experimental"]
    }
    done |= {check["message"]: check["passed"] for check in told["maturity_checklist"]["beta"]}
    for claim in ("library_metadata", "docstring", "statement Renderers"):
        assert [passed for message, passed in done.items() if claim in message] == [True], claim
    assert told["errors"] == []


def test_suite_parameter_becomes_part_of_the_query() -> None:
    """A gate gives the key; until then its name stands in the query."""
    ours = expectations.ExpectNoRowKeptBack(key={"$PARAMETER": "key"})
    assert "select $key from {batch}" in ours.unexpected_rows_query
    assert ours.suite_parameter_options == ("key",)
