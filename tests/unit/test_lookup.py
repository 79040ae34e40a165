"""Functions made of data: whatever the texts hold, and as persisted as the database."""

from pathlib import Path

import pytest

from orchestration.duck import connect
from orchestration.lookup import define_lookup

TEXTS = [
    "plain",
    "it's",
    "no\0thing",
    "{{ x }}",
    "%s",
    "\\",
    "a|b",
    "a,b",
    "one\ntwo",
    "'); drop",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_leads_to_any_text(tmp_path: Path, text: str) -> None:
    """Also through another connection to the same file; two texts may lead to one."""
    found = {text: f"right {text}", f"{text} too": f"right {text}", "nowhere": None}
    with connect(tmp_path / "one.duckdb") as connection:
        define_lookup(connection, "right_one(cell)", found)
    with connect(tmp_path / "one.duckdb") as connection:
        asked = [*found, "other"]
        rows = connection.execute("select right_one(unnest(?::varchar[]))", [asked]).fetchall()
    assert [row[0] for row in rows] == [f"right {text}", f"right {text}", None, None]


def test_a_lookup_of_several_arguments() -> None:
    """What is looked up may be made of the arguments; nothing leads nowhere."""
    with connect() as connection:
        define_lookup(connection, "found_at(a, b)", {"x:1": "here"}, of="a || ':' || b")
        define_lookup(connection, "nowhere(a)", {})
        assert connection.execute(
            "select found_at('x', 1), found_at('x', 2), nowhere('x')"
        ).fetchone() == (
            "here",
            None,
            None,
        )


def test_lines_keep_their_order(tmp_path: Path) -> None:
    """A join would lose it."""
    with connect(tmp_path / "one.duckdb") as connection:
        define_lookup(connection, "right_one(cell)", {f"w{n}": f"r{n % 7}" for n in range(3_000)})
        connection.execute(
            "create table lines as select n, 'w' || n % 9000 as cell from range(400000) t(n)"
        )
        connection.execute("create table made as select n, right_one(cell) as cell from lines")
        counted = connection.execute("select count(*) from made where n <> rowid").fetchone()
    assert counted == (0,)
