"""Today's policies, domains and scans over everything that is already public, reading only.

A law that is new says nothing of the rows of before: a row older than every extract is never looked at
again. Here the rows that a portal holds are held against what the dataset file says today. What was
found may be withdrawn in one go, signed by a custodian: removed like what is taken down, and back as
soon as a run publishes a right version of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.classification.in_force import classes_in_force
from orchestration.dataset import Dataset
from orchestration.domains.classes import define_classes
from orchestration.duck import connect, parquet
from orchestration.gates.domain_rules import domain_facts, domain_rules, domain_vocabularies
from orchestration.layers import snapshot_file
from orchestration.publishing.publisher import open_publisher
from orchestration.publishing.withdrawing import UNCLASSIFIED, withdraw
from orchestration.scanning.scanned import (
    define_found,
    distinct_cells,
    find_in_cells,
    kinds_of,
    scanned_columns,
)
from orchestration.settings import Settings
from orchestration.signers import require_signer
from orchestration.state.store import FINISHED, State
from orchestration.warehouse.vocabularies import load_vocabulary, official_values

PERSON = "no_person_in_text"
EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What would not be published today: the rule or policy, the column, and the keys of the rows."""

    rule: str
    column: str
    keys: tuple[str, ...]
    first_shown: str | None
    """When the first of these rows went out; none where that is no longer kept."""

    @property
    def examples(self) -> tuple[str, ...]:
        """The first keys, in order."""
        return self.keys[:EXAMPLES]


def look_back(settings: Settings, state: State, dataset: Dataset) -> list[Finding]:
    """Everything public that today's dataset file keeps back, the most frequent first.

    Asks what was last proven on the portals; warnings and open domains are no reason.
    """
    files = list(_snapshots(settings, state, dataset))
    if not files:
        return []
    with connect(spill=settings.workspaces) as connection:
        _prepare(connection, settings, state, dataset, files)
        found = [*_by_policy(connection, dataset), *_by_domain(connection, dataset)]
        found += _by_scan(connection, settings, dataset)
        findings = [
            Finding(
                rule=rule,
                column=column,
                keys=tuple(keys),
                first_shown=_first_shown(connection, settings, state, dataset, keys),
            )
            for rule, column, keys in found
            if keys
        ]
    return sorted(findings, key=lambda one: (-len(one.keys), one.rule, one.column))


def remove_found(
    settings: Settings,
    state: State,
    dataset: Dataset,
    findings: Sequence[Finding],
    *,
    by: str,
    run_id: str,
) -> int:
    """Withdraws every row that was found; how many.

    Raises:
        ConfigurationError: nobody of that name may sign it.
        PortalFault: the portal still shows something of it.
    """
    name = require_signer(settings, by, "custodian", of_file=True)
    causes: dict[str, str] = {}
    for one in findings:
        for key in one.keys:
            causes.setdefault(key, one.rule)
    if not causes:
        return 0
    with open_publisher(settings, state, dataset) as publisher:
        authority = "looked back: today's dataset file keeps it back"
        withdraw(publisher, causes, by=name, authority=authority, run_id=run_id)
    return len(causes)


def _snapshots(settings: Settings, state: State, dataset: Dataset) -> Iterator[Path]:
    newest = {one.target: one for one in state.publications(dataset.id, states=FINISHED)}
    for publication in newest.values():
        file = snapshot_file(settings, publication)
        if file.is_file():
            yield file


def _prepare(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    state: State,
    dataset: Dataset,
    files: Sequence[Path],
) -> None:
    """`public` as a gate sees a layer, its facts, and the functions that rules and policies ask for."""
    # Nothing says any more when the extract of a public row was taken: today is late enough.
    connection.execute(
        "create table public as select *, 'portal' as _extract_id, row_number() over () as _line, "
        f"now()::timestamp as _extracted_at from {parquet(list(files))}"
    )
    facts: dict[str, Any] = {
        f"vocabulary_{name}": [one.value for one in load_vocabulary(settings, name)]
        for name in domain_vocabularies(dataset)
    } | domain_facts(settings, dataset)
    facts.setdefault("nothing", [])
    columns = ", ".join(f'? as "{name}"' for name in facts)
    connection.execute(f"create table facts as select {columns}", list(facts.values()))
    define_classes(connection, classes_in_force(settings, state, dataset))


def _by_policy(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset
) -> Iterator[tuple[str, str, list[str]]]:
    held = _columns(connection)
    for column in dataset.deciding:
        if column not in held:
            continue
        yield UNCLASSIFIED, column, _keys(connection, dataset, f"class_{column}({column}) is null")
        for policy in dataset.policies:
            if policy.action == "generalize":
                continue
            shown = [f"{name} is not null" for name in policy.redacts if name in held]
            if policy.action == "redact" and not shown:
                continue
            covers = f"contains(' ' || class_{column}({column}) || ' ', ' {policy.id} ')"
            also = f" and ({' or '.join(shown)})" if policy.action == "redact" else ""
            yield policy.id, column, _keys(connection, dataset, covers + also)


def _by_domain(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset
) -> Iterator[tuple[str, str, list[str]]]:
    held = _columns(connection)
    for rule in domain_rules(dataset):
        name = rule.meta.rule_id
        column = name.removesuffix("_street_known").removesuffix("_in_domain")
        if rule.strength == "warning" or column not in held:
            continue
        query = str(rule.query()).format(batch="public")
        yield name, column, _keys(connection, dataset, f"_line in (select _line from ({query}))")


def _by_scan(
    connection: duckdb.DuckDBPyConnection, settings: Settings, dataset: Dataset
) -> Iterator[tuple[str, str, list[str]]]:
    held, known = _columns(connection), official_values(settings, dataset)
    streets = {one.value.casefold() for one in load_vocabulary(settings, "street_names")}
    for column in scanned_columns(dataset):
        if column.name not in held:
            continue
        found = find_in_cells(
            distinct_cells(connection, "public", {column.name: (column.name,)})[column.name],
            kinds=kinds_of(dataset, column),
            known=known.get(column.name, ()),
            streets=streets,
        )
        define_found(connection, column.name, found)
        holds = f"persons_in_{column.name}({column.name}) is not null"
        yield PERSON, column.name, _keys(connection, dataset, holds)


def _keys(connection: duckdb.DuckDBPyConnection, dataset: Dataset, condition: str) -> list[str]:
    found = connection.execute(
        f"select distinct {dataset.key}::varchar from public "
        f"where {condition} and {dataset.key} is not null order by all"
    ).fetchall()
    return [key for (key,) in found]


def _columns(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in connection.execute("describe public").fetchall()}


def _first_shown(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    state: State,
    dataset: Dataset,
    keys: Sequence[str],
) -> str | None:
    """The publication that inserted the first of the rows, of those whose changes are kept."""
    for publication in state.publications(dataset.id, states=FINISHED):
        changes = settings.home / publication.path / "changes.parquet"
        if not changes.is_file():
            continue
        found = connection.execute(
            f"select 1 from {parquet(changes)} where change = 'insert' "
            "and list_contains(?, row_key) limit 1",
            [list(keys)],
        ).fetchone()
        if found is not None:
            return publication.verified_at
    return None
