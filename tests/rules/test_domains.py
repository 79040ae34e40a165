"""Every published column has a domain; the rule made of it flags what is not in it, nothing else."""

from functools import lru_cache
from typing import Any

import pytest

from orchestration.column import Column, Domain
from orchestration.gates.domain_rules import domain_rules
from tests.rules import bench_of_rules as bench

DATASETS = sorted(bench.datasets())
COLUMNS = [
    (dataset, column.name)
    for dataset in DATASETS
    for column in bench.datasets()[dataset].published
    if column.name not in bench.datasets()[dataset].deciding
]
RULES = [
    (dataset, rule.meta.rule_id)
    for dataset in DATASETS
    for rule in domain_rules(bench.datasets()[dataset])
]


@pytest.mark.parametrize(("dataset", "name"), COLUMNS)
def test_published_column_has_a_domain(dataset: str, name: str) -> None:
    """A value leaves only if the dataset file says what its column may hold."""
    assert bench.datasets()[dataset].column(name).domain is not None


@pytest.mark.parametrize(("dataset", "rule_id"), RULES)
def test_rule_flags_exactly_its_rows(dataset: str, rule_id: str) -> None:
    """Of a good row, one without a value and one with a bad value only the last is flagged."""
    outcome, owners = _run(dataset)
    assert not outcome.broken
    assert {owners[line] for line in outcome.lines.get(rule_id, set())} == {rule_id}


@lru_cache
def _run(dataset_id: str) -> tuple[bench.Outcome, dict[int, str]]:
    dataset = bench.datasets()[dataset_id]
    rules = domain_rules(dataset)
    changes: list[tuple[str, dict[str, Any]]] = [("good", {}), ("nothing", _nothing(dataset_id))]
    for rule in rules:
        name = rule.meta.rule_id
        column = dataset.column(_column(name))
        for bad in _bad(name, column):
            changes.append(
                (name, {"_unclassified" if name.endswith("_classified") else column.name: bad})
            )
    rows = [bench._row(dataset_id, line, cells) for line, (_, cells) in enumerate(changes, start=1)]
    tables = {
        "raw": (bench._raw_columns(dataset_id), rows),
        "standardized": (bench._standardized_columns(dataset_id), rows),
    }
    outcome = bench.evaluate_rules(
        dataset_id, "standardized", rules, tables, facts={}, grain=dataset.grain.line
    )
    return outcome, {line: name for line, (name, _) in enumerate(changes, start=1)}


def _nothing(dataset_id: str) -> dict[str, Any]:
    return {column.name: None for column in bench.datasets()[dataset_id].landed}


def _column(rule_id: str) -> str:
    for end in ("_classified", "_street_known", "_in_domain"):
        if rule_id.endswith(end):
            return rule_id.removesuffix(end)
    raise AssertionError(rule_id)


def _bad(rule_id: str, column: Column) -> list[Any]:
    if rule_id.endswith("_classified"):
        return [column.name]
    if rule_id.endswith("_street_known"):
        return ["004XX Nobodyknows Blvd"]
    domain = column.domain
    assert isinstance(domain, Domain)
    if domain.since:
        late = "2023-01-01T00:00:00"
        return ["1999-12-31T00:00:00", late]
    if domain.range:
        beyond = [str(domain.range[0] - 1), str(domain.range[1] + 1)]
        return [*beyond, f"{domain.range[0]} | {beyond[1]}"] if column.list else beyond
    if domain.box:
        return ["POINT (0 0)", "POINT (-90.068 29.956) 1234 Canal St", "-90.068, 29.956"]
    if domain.place:
        return ["1234 Canal St", "#REF!", "29.95,-90.07", "Somewhere"]
    return ["#REF!", "no such word"]
