"""Classes: what each value of a column that decides a policy means, as people classified it.

A value is covered by one policy or several, or harmless, or unclassified. A policy's own values and
codes are covered by it. All others stand in `<id>.classes.csv` beside the dataset file (column, value,
class, source, until), where the class is `harmless` or ids of policies, or were classified in the
state database, signed. Values that differ in case or runs of blanks alone are one.

Here classes are read, put together and given to the models as functions; asking people about what is
unclassified belongs to `orchestration/classification/`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.dataset import Dataset
from orchestration.duck import make_table, quoted
from orchestration.errors import ConfigurationError
from orchestration.lookup import define_lookup
from orchestration.settings import Settings
from orchestration.tabular import read_table

HARMLESS = "harmless"
NOT_OURS = "not_ours"
"""Stands beside the ids of policies: values of another agency's records, which are never published."""
COLUMNS = ("column", "value", "class", "source", "until")


@dataclass(frozen=True, kw_only=True)
class Classified:
    """One value of a deciding column and its class, as a line of a file or a signed answer says."""

    column: str
    value: str
    policies: tuple[str, ...]
    """The policies that cover it; none: it is harmless."""
    source: str
    until: date | None = None
    """From this day on it is unclassified again."""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes in force: by the column that is asked for, plain value, covering policies."""

    deciding: Mapping[str, str]
    """Deciding columns, each with the one whose classes it shares."""
    known: Mapping[str, Mapping[str, tuple[str, ...]]]

    def of(self, column: str, value: str | None) -> tuple[str, ...] | None:
        """The policies that cover a value of a deciding column; none where nobody classified it."""
        if value is None or not plain(value):
            return None
        return self.known[self.deciding[column]].get(plain(value))

    def covered_by(self, policy: str, column: str) -> list[str]:
        """The plain values of a column that a policy covers, in order."""
        known = self.known.get(self.deciding.get(column, ""), {})
        return sorted(value for value, policies in known.items() if policy in policies)

    @property
    def class_names(self) -> dict[str, dict[str, str]]:
        """Per deciding column the class of each plain value: `harmless` or its policies with blanks."""
        return {
            column: {
                value: " ".join(sorted(policies)) or HARMLESS
                for value, policies in self.known[asked].items()
            }
            for column, asked in self.deciding.items()
        }

    @property
    def hash(self) -> str:
        """Changes whenever the class of any value does; '' where no column decides a policy."""
        if not self.deciding:
            return ""
        policies = {column: dict(sorted(values.items())) for column, values in self.known.items()}
        text = json.dumps([dict(self.deciding), policies], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def plain(value: str) -> str:
    """A value without what does not tell two apart: case, ends, runs of blanks."""
    return " ".join(value.upper().split())


def classes_path(settings: Settings, dataset_id: str) -> Path:
    """Where a dataset's classes file is, if it has one."""
    return settings.datasets_dir / f"{dataset_id}.classes.csv"


def load_classes(
    settings: Settings,
    dataset: Dataset,
    signed: Iterable[Classified] = (),
    *,
    today: date | None = None,
) -> Classes:
    """The classes in force: the policies' own, the file's, and over both what was `signed`.

    What a policy lists it always covers, whatever else is said of the value.

    Raises:
        ConfigurationError: the classes file is wrong; names file and line.
    """
    known: dict[str, dict[str, tuple[str, ...]]] = {
        column: {} for column in dataset.deciding.values()
    }
    for one in (*load_classes_file(settings, dataset), *signed):
        if one.column in known and (one.until is None or (today or date.today()) < one.until):
            known[one.column][plain(one.value)] = one.policies
    for (column, value), policies in listed_values(dataset).items():
        others = known[column].get(value) or ()
        known[column][value] = tuple(dict.fromkeys((*others, *policies)))
    return Classes(deciding=dataset.deciding, known=known)


def listed_values(dataset: Dataset) -> dict[tuple[str, str], tuple[str, ...]]:
    """What policies list, by column and plain value: the policies that always cover it."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for policy in dataset.policies:
        if policy.action == "generalize":
            continue
        lists = [(policy.column, policy.values)]
        if policy.codes:
            lists.append((policy.codes.columns[0], policy.codes.values))
        for column, values in lists:
            for value in map(plain, values):
                found[column, value] = (*found.get((column, value), ()), policy.id)
    return found


def load_classes_file(settings: Settings, dataset: Dataset) -> list[Classified]:
    """The lines of a dataset's classes file, in their order; none where there is no file.

    Raises:
        ConfigurationError: a line is wrong; names every such line.
    """
    path = classes_path(settings, dataset.id)
    if not path.exists():
        return []
    found: dict[tuple[str, str], Classified] = {}
    faults = []
    asked = list(dict.fromkeys(dataset.deciding.values()))
    known = {policy.id for policy in dataset.policies if policy.action != "generalize"}
    for line in read_table(path, COLUMNS, only=True):
        fault, one = _read(line.cells, asked=asked, known=known)
        if one is not None and found.setdefault((one.column, plain(one.value)), one) is not one:
            fault = "this value was classified on a line before"
        if fault:
            faults.append(f"{path.name}: line {line.number}: {fault}")
    if faults:
        raise ConfigurationError("\n".join(faults))
    return list(found.values())


def _read(
    cells: Mapping[str, str], *, asked: Sequence[str], known: Set[str]
) -> tuple[str | None, Classified | None]:
    column, value, source = cells["column"], cells["value"], cells["source"]
    policies = tuple(one for one in cells["class"].split() if one != HARMLESS)
    until = None
    if column not in asked:
        return f"column: must be one that decides a policy: {', '.join(asked)}", None
    if not plain(value):
        return "value: is missing", None
    if not cells["class"].strip() or not set(policies) <= known:
        return f"class: must be {HARMLESS} or policies of {', '.join(sorted(known))}", None
    if not source:
        return "source: is missing; say who or what classified it", None
    if cells["until"]:
        try:
            until = date.fromisoformat(cells["until"])
        except ValueError:
            return "until: must be a date such as 2027-02-27", None
    return None, Classified(
        column=column, value=value, policies=policies, source=source, until=until
    )


def define_classes(
    connection: duckdb.DuckDBPyConnection, classes: Classes, *, schema: str = "main"
) -> None:
    """Makes a function `class_<column>(cell)` per deciding column, for the models of a step.

    It gives the ids of the covering policies with blanks between, '' for what is harmless, and null
    for what nobody classified and for nothing.
    """
    for column, asked in classes.deciding.items():
        known = sorted(classes.known[asked].items())
        class_names = {value: " ".join(sorted(policies)) for value, policies in known}
        define_lookup(connection, f"{schema}.class_of_{column}(text)", class_names)
        # Most cells have no blanks to fold, and folding costs more than looking.
        folded = r"trim(regexp_replace(upper(cell), '[\s\x{00A0}]+', ' ', 'g'))"
        connection.execute(
            f"create macro {schema}.class_{column}(cell) as coalesce("
            f"{schema}.class_of_{column}(upper(cell)), {schema}.class_of_{column}({folded}))"
        )


def list_classes(connection: duckdb.DuckDBPyConnection, classes: Classes) -> str:
    """Makes a table of the classified values (`column_name`, `value`, `class`); its name.

    Looking for misspellings asks it: a correction in a deciding column stays within a class.
    """
    rows = [
        (column, value, class_name)
        for column, values in classes.class_names.items()
        for value, class_name in sorted(values.items())
    ]
    cells = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    names = ("column_name", "value", "class")
    make_table(connection, "classified_values", dict(zip(names, cells, strict=True)))
    return "classified_values"


def always_asked(dataset: Dataset) -> frozenset[str]:
    """The columns that every extract has to say something in: what policies name first."""
    return frozenset(policy.column for policy in dataset.policies)


def define_asked(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, *, lines: str, schema: str = "main"
) -> None:
    """Makes a function `is_asked_<column>(extract_id)` per deciding column.

    A blank cell says nothing of what happened, so its row waits; but an extract of a year that had no
    initial type or no codes cannot be asked for them. What a policy names first is always asked for.
    """
    first = always_asked(dataset)
    for column in dataset.deciding:
        if column in first:
            connection.execute(f"create macro {schema}.is_asked_{column}(extract_id) as true")
            continue
        saying = connection.execute(
            f"select distinct _extract_id from {lines} where trim({column}) <> '' order by all"
        ).fetchall()
        # Ids that we gave, and a list: a join would lose the order of the lines.
        listed = ", ".join(quoted(extract_id) for (extract_id,) in saying)
        connection.execute(
            f"create macro {schema}.is_asked_{column}(extract_id) as "
            f"list_contains([{listed}]::varchar[], extract_id)"
        )
