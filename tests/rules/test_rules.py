"""Every rule flags its violating rows, all of them and no others. The cases stand in `cases/`."""

import pytest

from orchestration.gates.suites import BY_ROW
from tests.rules import bench_of_rules as bench

SUITES = list(bench.all_suites())
ROW_SUITES = [dataset for dataset, layer in SUITES if layer == "standardized"]
ROW_RULES = [
    (dataset, rule.meta.rule_id)
    for dataset in ROW_SUITES
    for rule in bench.rules_of(dataset, "standardized")
]
TABLE_CASES = [
    case
    for dataset, layer in SUITES
    if layer != "standardized"
    for case in bench.cases_of(dataset, layer)
]


@pytest.mark.parametrize(("dataset", "layer"), SUITES)
def test_every_rule_has_its_cases(dataset: str, layer: str) -> None:
    """A rule without a violating row in a test may be doing nothing."""
    kinds: dict[str, set[str]] = {
        rule.meta.rule_id: set() for rule in bench.rules_of(dataset, layer)
    }
    for case in bench.cases_of(dataset, layer):
        assert case.rule_id in kinds, f"tests/rules/cases/{dataset}.yaml: no rule {case.rule_id}"
        kinds[case.rule_id].add(case.kind.removesuffix("_passes").removesuffix("_violates"))
    wanted = {"passes", "violates", "null"}
    missing = {rule_id: wanted - found for rule_id, found in kinds.items() if wanted - found}
    assert not missing, f"add to tests/rules/cases/{dataset}.yaml: {missing}"


@pytest.mark.parametrize("dataset", ROW_SUITES)
def test_no_row_rule_crashes(dataset: str) -> None:
    """No rule of a standardized suite breaks on any row that the cases hold."""
    outcome, _ = bench.run_row_cases(dataset)
    assert not outcome.broken


@pytest.mark.parametrize(("dataset", "rule_id"), ROW_RULES)
def test_row_rule_flags_exactly_its_rows(dataset: str, rule_id: str) -> None:
    """Of all rows of all cases a rule flags those that break it, and quarantines them if critical."""
    outcome, owners = bench.run_row_cases(dataset)
    expected = {line for line, case in owners.items() if rule_id in case.broken_rules}
    flagged = outcome.lines.get(rule_id, set())
    assert {owners[line].id for line in flagged - expected} == set(), "flagged, and should not be"
    assert {owners[line].id for line in expected - flagged} == set(), "should be flagged"
    assert outcome.results[rule_id].failing == len(expected)
    quarantined = {line for line, name in outcome.quarantine if name == rule_id}
    assert quarantined == (expected if outcome.results[rule_id].strength in BY_ROW else set())


@pytest.mark.parametrize("case", TABLE_CASES, ids=lambda case: case.id)
def test_table_rule_fails_exactly_on_its_table(case: bench.Case) -> None:
    """Of a whole suite only the rules that a table breaks fail, and none crashes."""
    outcome = bench.run_table_case(case)
    assert outcome.broken == set()
    assert outcome.failed == case.broken_rules
    if "flags" in case.spec:
        assert outcome.lines[case.rule_id] == set(case.spec["flags"])
