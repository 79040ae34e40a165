"""Functions that look a text up, made of data: the texts go into the database, never into SQL.

What belongs here: the one way to give a model a function from texts to texts. What the texts are is
the caller's. A cell may hold anything (a quote, a NUL, a brace), so a statement that is put together
from cells breaks on one of them.

A function and not a join, because a join loses the order of the lines; so does a subquery in a
function. Finding a text among the members of an enum is one look into a hash table, and the members
of another enum are a constant when a query is planned (measured in docs/adr/0026).
"""

from collections.abc import Mapping

import duckdb

from orchestration.duck import make_table


def define_lookup(
    connection: duckdb.DuckDBPyConnection,
    head: str,
    found: Mapping[str, str | None],
    *,
    of: str | None = None,
) -> None:
    """Makes the function `head`, as `name(cell)`: the text that `of` leads to, else null.

    `of` is SQL of the function's arguments; without it the one argument itself is looked up.
    """
    name, _, arguments = head.partition("(")
    texts = {wrong: right for wrong, right in found.items() if right is not None}
    if not texts:
        connection.execute(f"create macro {head} as null::varchar")
        return
    make_table(connection, "given_lookup", {"wrong": [*texts], "right": [*texts.values()]})
    connection.execute(
        f"create type {name}_from as enum (select wrong from given_lookup order by rowid)"
    )
    connection.execute(
        f"create type {name}_to as enum "
        '(select "right" from given_lookup group by "right" order by min(rowid))'
    )
    places = connection.execute(
        f"select string_agg(enum_code(\"right\"::{name}_to) + 1, ',' order by rowid) "
        "from given_lookup"
    ).fetchone()
    connection.execute("drop table given_lookup")
    asked = of or arguments.removesuffix(")")
    # One text of numbers: thousands of literals take half a second to plan.
    connection.execute(
        f"create macro {head} as list_extract(enum_range(null::{name}_to)::varchar[], "
        f"list_extract(string_split('{places[0] if places else ''}', ',')::integer[], "
        f"enum_code(try_cast({asked} as {name}_from)) + 1))"
    )
