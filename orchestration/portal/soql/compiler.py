"""A whole query to parameterized SQLite SQL. Running the SQL is for `reads`.

What one expression becomes is in `expressions`; here the clauses are put together: names of what is
selected, grouping, order, paging.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from orchestration.portal.dataset import Dataset
from orchestration.portal.datatypes import SYSTEM_FIELDS
from orchestration.portal.errors import QueryError
from orchestration.portal.identifiers import fold
from orchestration.portal.soql.expressions import (
    AGGREGATES,
    EQUATED,
    Expressions,
    Scope,
)
from orchestration.portal.soql.parser import Call, Name, Node, Ordering, Query, Selection
from orchestration.portal.soql.terms import Expression
from orchestration.portal.values import Stored


@dataclass(frozen=True)
class Compiled:
    """A query in pieces of SQL; `statement` puts them together around what a row should be."""

    table: str
    outputs: tuple[tuple[str, Expression], ...]
    where: str
    groups: str
    """The GROUP BY and the HAVING."""
    order: tuple[tuple[str, str], ...]
    """What is ordered by, and how."""
    paging: str
    grouped: bool
    distinct: bool
    parameters: dict[str, Stored]

    def statement(self, *row: str) -> str:
        """The SELECT, with the given SQL as its columns.

        The rows wanted are found first and made into text afterwards: sorting moves ids, not rows.
        """
        if self.distinct:
            return self._distinct(row)
        columns = ", ".join(row)
        order = _order_by(f"{sql}{how}" for sql, how in self.order)
        rows = f"from {self.table} where {self.where} {self.groups} {order} {self.paging}"
        if self.grouped:
            return f"select {columns} {rows}"
        wanted = f'select ":id" as ":wanted" {rows}'
        return (
            f"select {columns} from ({wanted}) as wanted"
            f' cross join {self.table} as kept on kept.":id" = wanted.":wanted"'
        )

    def _distinct(self, row: tuple[str, ...]) -> str:
        """Rows whose every output is equal come once; numbers are equal however they are written."""
        columns = [f"{sql} as c{place}" for place, sql in enumerate(row)]
        keys = [f"{output.sorting} as k{place}" for place, (_, output) in enumerate(self.outputs)]
        order = [f"{sql} as o{place}" for place, (sql, _) in enumerate(self.order)]
        rows = f"from {self.table} where {self.where} {self.groups}"
        inner = f"select {', '.join([*columns, *keys, *order])} {rows}"
        outer = ", ".join(f"c{place}" for place in range(len(columns)))
        grouping = ", ".join(f"k{place}" for place in range(len(keys))) or "1"
        sorting = _order_by(f"o{place}{how}" for place, (_, how) in enumerate(self.order))
        return f"select {outer} from ({inner}) group by {grouping} {sorting} {self.paging}"

    def count(self) -> str:
        """A SELECT of how many rows the conditions leave, before limit and offset."""
        return f"select count(*) from {self.table} where {self.where}"


class Compiler:
    """Compiles the clauses of one query."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._expressions = Expressions(dataset)

    def compile(self, query: Query, *, default_limit: int) -> Compiled:
        """The whole query.

        Raises: QueryError for unknown columns, types that do not go together, columns outside the
            group.
        """
        aliases = self._aliases(query.selections)
        self._expressions.scope = Scope(aliases)
        where = self._conditions(query)
        group = tuple(self._expanded(node, aliases) for node in query.group)
        self._expressions.scope = Scope(aliases)
        group_sql = ", ".join(self._expressions.compile(node).sorting for node in group)
        grouped = bool(group) or query.having is not None or self._aggregated(query, aliases)
        self._expressions.scope = Scope(
            aliases, True, aggregates=grouped, grouped=grouped, group=group
        )
        outputs = self._outputs(query.selections)
        groups = f"group by {group_sql}" if group else ""
        if query.having is not None:
            groups += f" having {self._expressions.flag(query.having)}"
        order = self._order(query.order, one_of_a_kind=grouped or query.distinct)
        if query.distinct:
            self._check_selected(query, aliases)
        limit = default_limit if query.limit is None else query.limit
        bind = self._expressions.bind
        return Compiled(
            self._dataset.table,
            outputs,
            where,
            groups,
            order,
            f"limit {bind(limit)} offset {bind(query.offset)}",
            grouped,
            query.distinct,
            self._expressions.parameters,
        )

    def _conditions(self, query: Query) -> str:
        conditions = [self._expressions.flag(query.where)] if query.where is not None else []
        texts = [column.sql for column in self._dataset.columns if column.type.name == "text"]
        for word in query.search.lower().split():
            found = " or ".join(
                f"instr(soql_lower({sql}), {self._expressions.bind(word)})" for sql in texts
            )
            conditions.append(f"({found or 0})")
        return " and ".join(conditions) or "1"

    def _aliases(self, selections: tuple[Selection, ...]) -> dict[str, Node]:
        """What is selected, by the name it goes out under, be it given or made up."""
        return {fold(alias): node for alias, node in self._named(selections) if node != Name(alias)}

    def _aggregated(self, query: Query, aliases: dict[str, Node]) -> bool:
        nodes = [s.node for s in query.selections if s.node is not None]
        nodes += [self._expanded(ordering.node, aliases) for ordering in query.order]
        return any(_has_aggregate(node) for node in nodes)

    def _expanded(self, node: Node, aliases: dict[str, Node]) -> Node:
        return aliases.get(node.name, node) if isinstance(node, Name) else node

    def _outputs(self, selections: tuple[Selection, ...]) -> tuple[tuple[str, Expression], ...]:
        self._expressions.scope.alias_first = False
        outputs: dict[str, Expression] = {}
        for alias, node in self._named(selections):
            if alias in outputs:
                raise QueryError("duplicate-alias", f"The name {alias} is selected twice")
            outputs[alias] = self._expressions.compile(node)
        self._expressions.scope.alias_first = True
        return tuple(outputs.items())

    def _named(self, selections: tuple[Selection, ...]) -> list[tuple[str, Node]]:
        taken = {column.field for column in self._dataset.columns}
        taken |= {selection.alias for selection in selections if selection.alias}
        named: list[tuple[str, Node]] = []
        for selection in selections:
            if selection.node is None:
                fields = [column.field for column in self._dataset.columns]
                names = fields if selection.star == "*" else list(SYSTEM_FIELDS)
                named += [(name, Name(name)) for name in names]
            elif selection.alias or isinstance(selection.node, Name):
                alias = selection.alias or _implicit_alias(selection.node)
                named.append((alias, selection.node))
            else:
                alias = _free(_implicit_alias(selection.node), taken)
                taken.add(alias)
                named.append((alias, selection.node))
        return named

    def _order(
        self, order: tuple[Ordering, ...], *, one_of_a_kind: bool
    ) -> tuple[tuple[str, str], ...]:
        """The ORDER BY; rows that it leaves equal come in an order of their own each version."""
        terms = []
        unique = one_of_a_kind
        for ordering in order:
            expression = self._ordered(ordering.node)
            indexed = ordering.node in (Name(":id"), Name(self._dataset.row_identifier or ":id"))
            place = ordering.nulls or ("first" if ordering.descending else "last")
            nulls = "" if indexed else f" nulls {place}"
            terms.append((expression.sorting, f"{' desc' if ordering.descending else ''}{nulls}"))
            unique = unique or indexed
        if not unique:
            seed = self._expressions.bind(self._dataset.data_version * 7919 % 1_000_003)
            terms.append((f'(":id" + {seed}) * 2654435761 & 4294967295', ""))
        return tuple(terms)

    def _check_selected(self, query: Query, aliases: dict[str, Node]) -> None:
        """Refuses an order of distinct rows by what they do not show. Raises: QueryError."""
        shown = {node for _, node in self._named(query.selections)}
        if not {self._expanded(ordering.node, aliases) for ordering in query.order} <= shown:
            message = "Distinct rows can be ordered by what is selected alone"
            raise QueryError("order-by-must-be-selected", message)

    def _ordered(self, node: Node) -> Expression:
        expression = self._expressions.compile(node)
        if expression.type not in EQUATED:
            raise self._expressions.mismatch("order", expression.type)
        return expression


def _order_by(terms: Iterable[str]) -> str:
    listed = ", ".join(terms)
    return f"order by {listed}" if listed else ""


def _has_aggregate(node: Node) -> bool:
    return isinstance(node, Call) and (
        node.function in AGGREGATES or any(_has_aggregate(child) for child in node.arguments)
    )


def _implicit_alias(node: Node) -> str:
    if isinstance(node, Name):
        return node.name
    words = re.findall(r"[a-z0-9_]+", " ".join(_words(node)).lower())
    return "_".join(word.strip("_") for word in words)[:100] or "expression"


def _words(node: Node) -> list[str]:
    if isinstance(node, Call):
        return [node.function, *(word for child in node.arguments for word in _words(child))]
    return [node.name if isinstance(node, Name) else node.text]


def _free(alias: str, taken: set[str]) -> str:
    candidate, number = alias, 0
    while candidate in taken:
        number += 1
        candidate = f"{alias}_{number}"
    return candidate
