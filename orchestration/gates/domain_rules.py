"""Gate rules made of the dataset file: what every column may hold, and that deciding values are known.

They are rules like those of the suites, run by the standardized gate beside them, each an
`unexpected_rows_expectation`. A suite says what relates cells to one another; what one cell may be is
its column's domain. The rules work on the distinct values of a column, which are few.
"""

from collections.abc import Callable
from typing import Literal

from orchestration.column import Column, Domain
from orchestration.dataset import Dataset
from orchestration.domains.places import VOCABULARIES as PLACES
from orchestration.domains.places import (
    cells_that_are_no_place,
    cells_that_are_no_point,
    cells_with_unknown_street,
)
from orchestration.duck import quoted
from orchestration.gates.row_queries import QUERY
from orchestration.gates.suites import Rule, RuleMeta, Suite, load_suite
from orchestration.settings import Settings
from orchestration.times import outside_extract
from orchestration.warehouse.vocabularies import load_vocabulary

_ON_FAILURE: dict[str, Literal["quarantine", "wait"] | None] = {
    "row": "quarantine",
    "waiting": "wait",
    "warning": None,
}
LINES = "select _extract_id, _line from {batch} where "


def gate_rules(settings: Settings, dataset: Dataset, layer: str) -> Suite:
    """The rules of one gate: its suite's, and behind the standardized layer those of the domains.

    Raises:
        ConfigurationError: the suite is wrong; names file, rule and key.
    """
    suite = load_suite(settings, dataset.id, layer)
    if layer != "standardized":
        return suite
    return Suite(rules=(*suite.rules, *domain_rules(dataset)))


def domain_rules(dataset: Dataset) -> list[Rule]:
    """The rules of a dataset's domains, in the order of its columns."""
    rules = []
    for column in dataset.columns:
        if column.name in dataset.deciding:
            rules.append(_classified(column))
        elif column.privacy == "publish" and column.domain is not None:
            rules += _of_domain(column, column.domain)
    return rules


def classified_rules(dataset: Dataset) -> frozenset[str]:
    """The ids of the rules that ask whether deciding values are classified."""
    return frozenset(map(_classified_id, dataset.deciding))


def domain_vocabularies(dataset: Dataset) -> list[str]:
    """The seeds that domains of a dataset name."""
    domains = [one.domain for one in dataset.columns if one.domain]
    named = {name for one in domains for name in one.vocabulary}
    return sorted(named | (set(PLACES) if any(one.place for one in domains) else set()))


def domain_facts(settings: Settings, dataset: Dataset) -> dict[str, list[str]]:
    """What rules of domains compare with beside whole vocabularies: the members of some kinds.

    Raises:
        ConfigurationError: a vocabulary is wrong.
    """
    return {
        f"domain_{column.name}": [
            entry.value
            for name in column.domain.vocabulary
            for entry in load_vocabulary(settings, name)
            if entry.kind in column.domain.kinds
        ]
        for column in dataset.columns
        if column.domain and column.domain.kinds
    }


def _classified_id(column: str) -> str:
    return f"{column}_classified"


def _classified(column: Column) -> Rule:
    named = f"list_contains(string_split(_unclassified, ', '), {quoted(column.name)})"
    return _rule(
        _classified_id(column.name),
        "waiting",
        LINES + named,
        statement=f"Somebody said of every value of {column.name} which policies cover it, or none.",
        reason="A value that nobody thought of passes every policy.",
        fault="Law 12. A policy that lists old words, and a code system that changed in a week.",
    )


def _of_domain(column: Column, domain: Domain) -> list[Rule]:
    query = _QUERIES[_kind(domain)](column, domain)
    if query is None:
        return []
    # What is no place waits whether or not new streets may be published.
    strength = "waiting" if domain.place else "warning" if domain.open else "row"
    rules = [
        _rule(
            f"{column.name}_in_domain",
            strength,
            query,
            statement=f"Every {column.name} is {_words(domain, domain.separator or column.separator)}.",
            reason=domain.reason or "What is not known is not published.",
            fault="Law 12.",
        )
    ]
    if domain.place:
        rules.append(
            _rule(
                f"{column.name}_street_known",
                "warning" if domain.open else "waiting",
                cells_with_unknown_street(column.name),
                statement="Every street of an address is in the vocabulary of streets.",
                reason=domain.reason or "An unknown name may be a misspelt street, or no street.",
                fault="200 of 5,489 calls of 2022 name a street that no list of the city has.",
            )
        )
    return rules


def _rule(
    rule_id: str, strength: str, query: str, *, statement: str, reason: str, fault: str
) -> Rule:
    return Rule(
        type="unexpected_rows_expectation",
        kwargs={QUERY: query},
        severity="warning" if strength == "warning" else "critical",
        meta=RuleMeta(
            rule_id=rule_id,
            on_failure=_ON_FAILURE[strength],
            statement=statement,
            reason=reason,
            fault=fault,
        ),
    )


def _kind(domain: Domain) -> str:
    for name in ("vocabulary", "pattern", "range", "since", "place", "box", "free_text", "either"):
        if getattr(domain, name) not in ((), None, False):
            return name
    raise AssertionError("a domain is of exactly one kind")


def _by_parts(column: Column, domain: Domain, fails: str) -> str:
    """Lines whose cell has a part that `fails`, an expression of `part`; blank parts are none."""
    cell = f"{column.name}::varchar"
    cells = f"select distinct {cell} as cell from {{batch}} where {column.name} is not null"
    parts = f"select cell, cell as part from ({cells})"
    separator = domain.separator or column.separator
    if separator:
        listed = f"string_split(cell, {_sql(separator.strip())})"
        parts = f"select cell, trim(unnest({listed})) as part from ({cells})"
    failing = f"select cell from ({parts}) where part <> '' and ({fails})"
    return f"{LINES}{cell} in ({failing})"


def _sql(text: str) -> str:
    """A text of the dataset file as SQL within a query whose braces are filled in."""
    return quoted(text).replace("{", "{{").replace("}", "}}")


def _vocabulary(column: Column, domain: Domain) -> str:
    lists = [f"vocabulary_{name}" for name in domain.vocabulary]
    if domain.kinds:
        lists = [f"domain_{column.name}"]
    members = " union all ".join(f"select upper(unnest({name})) from facts" for name in lists)
    return _by_parts(column, domain, f"upper(part) not in ({members})")


def _pattern(column: Column, domain: Domain) -> str:
    assert domain.pattern is not None
    return _by_parts(column, domain, f"not regexp_full_match(part, {_sql(domain.pattern)})")


def _range(column: Column, domain: Domain) -> str:
    assert domain.range is not None
    least, most = domain.range
    number = "try_cast(part as double)"
    fails = f"{number} is null or {number} not between {least} and {most}"
    if domain.decimals is not None:
        fails += f" or round({number}, {domain.decimals}) <> {number}"
    return _by_parts(column, domain, fails)


def _since(column: Column, domain: Domain) -> str:
    assert domain.since is not None
    is_day = column.type == "date"
    return LINES + outside_extract(column.name, domain.since, is_day=is_day)


def _place(column: Column, domain: Domain) -> str:
    return cells_that_are_no_place(column.name)


def _box(column: Column, domain: Domain) -> str:
    assert domain.box is not None
    return cells_that_are_no_point(column.name, box=domain.box, decimals=domain.decimals)


def _nothing(column: Column, domain: Domain) -> None:
    """Its values are looked at elsewhere: texts by the scan, true and false by the parse."""


_QUERIES: dict[str, Callable[[Column, Domain], str | None]] = {
    "vocabulary": _vocabulary,
    "pattern": _pattern,
    "range": _range,
    "since": _since,
    "place": _place,
    "box": _box,
    "free_text": _nothing,
    "either": _nothing,
}


def _words(domain: Domain, separator: str | None) -> str:
    """What a domain asks for, in words."""
    each = "a list, each part of it " if separator else ""
    if domain.vocabulary:
        kinds = f" ({', '.join(domain.kinds)})" if domain.kinds else ""
        return f"{each}in the vocabulary {', '.join(domain.vocabulary)}{kinds}"
    if domain.pattern:
        return f"{each}of the form `{domain.pattern}`"
    if domain.range:
        fine = f", to {domain.decimals} decimals" if domain.decimals is not None else ""
        return f"{each}a number from {domain.range[0]:g} to {domain.range[1]:g}{fine}"
    if domain.since:
        return f"a time from {domain.since} until the extract was taken"
    if domain.box:
        return "a point in the declared box, no finer than the source's own"
    return "a block, a crossing or a named place"
