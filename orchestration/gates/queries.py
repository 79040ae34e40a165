"""A rule's query as a person can run it: in any DuckDB, on the real Parquet, with nothing prepared.

Inside a gate a query speaks of views (`standardized`, `facts`) and of functions (`parsed_time`),
which are gone with the gate. Here they are written into the query. It holds what the rules and the
dataset file say and paths of this machine, never a cell.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.duck import quoted, sql_path


def without_changes(table: str) -> str:
    """A table without the list of what standardizing changed: SQLAlchemy knows no lists."""
    return f"select columns(lambda c: c <> '_changes') from {table}"


def runnable(
    query: str,
    *,
    gated: str,
    views: Mapping[str, str],
    facts: Mapping[str, Any],
    functions: Mapping[str, str],
    vocabularies: Mapping[str, Path],
    by_line: bool,
) -> str:
    """The query that lists every row a rule found, standing alone.

    Where a rule names lines (`by_line`), the whole line stands beside what the rule tells of it.
    Facts that are `vocabularies` are read from their files: one is 1,300 streets.
    """
    named = {name: without_changes(table) for name, table in views.items() if _says(query, name)}
    if by_line:
        named[gated] = without_changes(views[gated])
    if _says(query, "facts"):
        literals = {
            name: _vocabulary(vocabularies[name]) if name in vocabularies else _literal(value)
            for name, value in facts.items()
            if _says(query, name)
        }
        named["facts"] = "select " + ", ".join(
            f'{said} as "{name}"' for name, said in literals.items()
        )
    made = [
        f"create or replace temp {definition};\n"
        for name, definition in functions.items()
        if _says(query, name)
    ]
    start = "".join(made) + "with "
    start += ",\n".join(f"{name} as ({table})" for name, table in named.items())
    body = f"select * from (\n{query}\n) as failing"
    if by_line:
        body += (
            f"\nleft join {gated} as line using (_extract_id, _line)\norder by _extract_id, _line"
        )
    return f"{start}\n{body};"


def _says(query: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", query) is not None


def _vocabulary(path: Path) -> str:
    return (
        f"(select list(value) from read_csv({sql_path(path)}, header = true, all_varchar = true))"
    )


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, datetime):
        return f"timestamp {quoted(value.isoformat(sep=' '))}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(one) for one in value)}]::varchar[]"
    return str(value)
