"""What people decided about spellings, as the engine reads it: checked before anything is judged.

Where decisions are kept and how they are read is in `orchestration.review`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import duckdb

from orchestration.errors import ConfigurationError

Decision = tuple[str, str, str | None, str, str]
"""Column, from, to, verdict, id."""


REFUSED = "refused"
"""The verdict in place of `apply` where a decision would lead a value into another class."""

Classes = Mapping[str, Mapping[str, Collection[str]]]
"""Per column that decides something, the classes of its values, these in upper case."""


def read_decisions(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], decisions: str, classes: str
) -> None:
    """Makes `spelling_decision` of a relation of decisions; equal ones are one, of the first id.

    And `spelling_class`, one row per column and value. What crosses classes is `refused`: it is not
    followed, and nobody is asked again.

    Raises:
        ConfigurationError: a decision names another column, or decisions contradict each other or
            form a cycle; the message has columns and decision ids, never a value.
    """
    connection.execute(
        "create or replace temp table spelling_decision as "
        "select column_name::varchar as column_name, from_value::varchar as from_value, "
        "to_value::varchar as to_value, verdict::varchar as verdict, "
        "min(decision_id)::varchar as decision_id "
        f"from {decisions} where column_name is not null group by all"
    )
    made: list[Decision] = connection.execute(
        "select column_name, from_value, to_value, verdict, decision_id from spelling_decision "
        "order by all"
    ).fetchall()
    _check_each(made, set(columns))
    _check_together(made)
    _check_cycles([one for one in made if one[3] == "apply"])
    connection.execute(
        "create or replace temp table spelling_class as "
        "select column_name::varchar as column_name, upper(value::varchar) as value, "
        f"list_sort(list(distinct class::varchar)) as classes from {classes} "
        "where value is not null and class is not null group by all"
    )
    classes_of: dict[str, dict[str, Collection[str]]] = {}
    for column, value, found in connection.execute("from spelling_class").fetchall():
        classes_of.setdefault(column, {})[value] = found
    crossing = find_crossing(made, classes_of)
    if crossing:
        connection.execute(
            f"update spelling_decision set verdict = '{REFUSED}' "
            "where verdict = 'apply' and decision_id in (select unnest(?::varchar[]))",
            [crossing],
        )


def find_crossing(decisions: Iterable[Decision], classes: Classes) -> list[str]:
    """The ids of decisions that would lead a value of a deciding column into another class, sorted.

    A value without a class is of none, so nothing leads from it or to it: it is to be classified.
    """
    return sorted(
        name
        for column, wrong, right, verdict, name in decisions
        if verdict == "apply"
        and right is not None
        and (known := classes.get(column))
        and (
            not known.get(wrong.upper())
            or set(known.get(wrong.upper(), ())) != set(known.get(right.upper(), ()))
        )
    )


def _check_each(decisions: Sequence[Decision], columns: set[str]) -> None:
    for column, wrong, right, verdict, name in decisions:
        if column not in columns:
            raise ConfigurationError(
                f"decision {name} is about the column `{column}`, whose spelling is not looked at; "
                "remove the decision or give the column a `spelling`"
            )
        if verdict not in ("apply", "keep"):
            raise ConfigurationError(
                f"decision {name} about `{column}` must say apply or keep, not {verdict}"
            )
        if verdict == "apply" and (right is None or right == wrong):
            raise ConfigurationError(
                f"decision {name} about `{column}` applies a value that is no other one"
            )


def _check_together(decisions: Sequence[Decision]) -> None:
    applied: dict[tuple[str, str], Decision] = {}
    for one in decisions:
        if one[3] == "apply":
            other = applied.setdefault(one[:2], one)
            if other is not one:
                raise ConfigurationError(
                    f"decisions {other[4]} and {one[4]} about `{one[0]}` correct one value to two; "
                    "keep one of them"
                )
    for one in decisions:
        applying = applied.get(one[:2])
        if one[3] == "keep" and applying is not None and one[2] in (None, applying[2]):
            raise ConfigurationError(
                f"decisions {applying[4]} and {one[4]} about `{one[0]}` apply and keep the same "
                "value; keep one of them"
            )


def _check_cycles(applied: Sequence[Decision]) -> None:
    by_value = {(one[0], one[1]): one for one in applied}
    for start in applied:
        path = [start]
        while (following := by_value.get((start[0], str(path[-1][2])))) is not None:
            if following is start:
                names = ", ".join(sorted(one[4] for one in path))
                raise ConfigurationError(
                    f"decisions {names} about `{start[0]}` correct each other in a circle; "
                    "remove one of them"
                )
            if following in path:
                break
            path.append(following)
