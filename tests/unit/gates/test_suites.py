"""A suite file's mistakes are told with file, rule and key, before anything runs."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.errors import ConfigurationError
from orchestration.gates.rule_hashes import suite_hash
from orchestration.gates.suites import load_suite, suite_path
from tests.suite_files import rule
from tests.unit.gates.conftest import NAMED, Kennel, query


def _with(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(NAMED) | changes


def _with_meta(**changes: Any) -> dict[str, Any]:
    return _with(meta=NAMED["meta"] | changes)


LINE = "select _extract_id, _line from {batch} where "

MISTAKES = {
    "unknown field": (
        _with(serverity="critical"),
        "expectations.name_present.serverity: unknown key",
    ),
    "unknown meta": (_with_meta(owner="me"), "expectations.name_present.meta.owner: unknown key"),
    "no reason": (
        _with(meta={k: v for k, v in NAMED["meta"].items() if k != "reason"}),
        "expectations.name_present.meta.reason: Field required",
    ),
    "bad id": (_with_meta(rule_id="Name-Present"), "expectations.Name-Present.meta.rule_id: "),
    "severity and what becomes of a row": (
        _with(severity="warning"),
        "expectations.name_present: a warning keeps no row back: no `on_failure`, or severity",
    ),
    "strength said twice": (
        _with_meta(strength="row"),
        "expectations.name_present.meta.strength: unknown key",
    ),
    "severity that blocks nothing": (
        _with(severity="info"),
        "expectations.name_present.severity: Input should be 'critical' or 'warning'",
    ),
    "argument of our own missing": (
        rule("expect_block_address", "warning", "blocks", column="name"),
        "expectations.blocks: kwargs: missing a required argument: 'key'",
    ),
    "argument of our own unknown": (
        rule("expect_times_to_exist", "row", "times", columns=["name"], zone="UTC"),
        "expectations.times: kwargs: got an unexpected keyword argument 'zone'",
    ),
    "mostly": (
        _with(kwargs={"column": "name", "mostly": 0.9}),
        "expectations.name_present: a row rule keeps every row back that breaks it: no `mostly`",
    ),
    "number in braces": (
        query(LINE + "name similar to '[A-Z]{3}'", "row", "three_letters"),
        "expectations.three_letters.kwargs: unexpected_rows_query: only {batch} is filled in, and {3} "
        "stands there; write a brace that belongs to the SQL twice: {{3}}",
    ),
    "name in braces": (
        query(LINE + "name = '{name}'", "row", "braces"),
        "expectations.braces.kwargs: unexpected_rows_query: only {batch} is filled in, and {name}",
    ),
    "nothing in braces": (query(LINE + "name = '{}'", "row", "braces"), "and {} stands there"),
    "open brace": (query(LINE + "name = '{'", "row", "braces"), "a brace has no partner"),
    "closing brace": (query(LINE + "name = '}'", "row", "braces"), "a brace has no partner"),
    "formatted batch": (query(LINE + "'{batch!r}' = name", "row", "braces"), "only {batch}"),
}


@pytest.mark.parametrize(("wrong", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_names_file_rule_and_key(
    kennel: Kennel, wrong: dict[str, Any], message: str
) -> None:
    """Whoever wrote the rule finds the place without looking for it."""
    kennel.suite("standardized", wrong)
    with pytest.raises(ConfigurationError) as found:
        load_suite(kennel.settings, "dogs", "standardized")
    assert str(found.value).startswith("expectations/dogs/standardized.yaml: ")
    assert message in str(found.value)


def test_rule_id_stands_once(kennel: Kennel) -> None:
    """Two rules of one name would hide each other's results."""
    kennel.suite("standardized", NAMED, NAMED)
    with pytest.raises(
        ConfigurationError, match=r"standardized\.yaml: rule ids stand twice: name_p"
    ):
        load_suite(kennel.settings, "dogs", "standardized")


@pytest.mark.parametrize("layer", ["raw", "deduplicated"])
def test_row_rules_stand_in_standardized_suites_only(kennel: Kennel, layer: str) -> None:
    """No other gate quarantines: there a row rule would do nothing."""
    kennel.suite(layer, NAMED)
    with pytest.raises(
        ConfigurationError, match=r"expectations\.name_present\.meta\.on_failure: only the"
    ):
        load_suite(kennel.settings, "dogs", layer)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "name: x", "name: x\nexpectations: 3", "name: x\nexpectations: [3]",
        "name: x\nexpectations: [{]", "expectations: []", "name: x\nexpectations: []\nrules: []",
        "rules: 3", "rules: [3]", "rules: [{]", "rules: []\nmore: 1",
    ],
)  # fmt: skip
def test_file_that_is_no_suite(kennel: Kennel, text: str) -> None:
    """A file of another shape is a mistake of configuration, not a crash."""
    suite_path(kennel.settings, "dogs", "raw").write_text(text)
    with pytest.raises(ConfigurationError, match=r"^expectations/dogs/raw\.yaml: [^:]"):
        load_suite(kennel.settings, "dogs", "raw")


def test_missing_file(kennel: Kennel) -> None:
    """A gate without its suite is a mistake of configuration."""
    suite_path(kennel.settings, "dogs", "raw").unlink()
    with pytest.raises(ConfigurationError, match=r"^expectations/dogs/raw\.yaml: cannot be read"):
        load_suite(kennel.settings, "dogs", "raw")


def test_rules_of_a_grain(kennel: Kennel) -> None:
    """A rule for one line grain is not asked of lines of another."""
    pack = rule("expect_column_to_exist", "table", "for_packs", column="name", grain="pack")
    kennel.suite("raw", pack)
    suite = load_suite(kennel.settings, "dogs", "raw")
    assert [rule.meta.rule_id for rule in suite.for_grain("dog")] == ["key_is_there"]
    assert [rule.meta.rule_id for rule in suite.for_grain("pack")] == ["key_is_there", "for_packs"]


def test_hash_changes_with_suite_and_dataset_file(kennel: Kennel) -> None:
    """A pass is good under the rules and settings that gave it, and no others."""

    def found() -> str:
        return suite_hash(kennel.settings, kennel.dataset, "raw", classes="")

    before = found()
    assert found() == before
    kennel.limit(stale_days=11)
    after_limit = found()
    kennel.suite("raw", rule("expect_column_to_exist", "table", "another", column="name"))
    assert len({before, after_limit, found()}) == 3


def test_hash_is_of_one_layer(kennel: Kennel) -> None:
    """A change of one gate's rules leaves the passes of the others alone."""
    before = suite_hash(kennel.settings, kennel.dataset, "raw", classes="")
    kennel.suite("standardized", NAMED)
    assert suite_hash(kennel.settings, kennel.dataset, "raw", classes="") == before


def test_suite_files_of_the_project_are_of_their_dataset(kennel: Kennel) -> None:
    """Every folder of suites holds the three gates and nothing else."""
    for folder in Path("expectations").iterdir():
        names = {path.stem for path in folder.iterdir()}
        assert names == {"raw", "standardized", "publishable"}, folder
        for path in folder.iterdir():
            assert yaml.safe_load(path.read_text(encoding="utf-8"))["expectations"]
