"""A quarantined key's entry: opened, stays open, closed when well, opened again."""

from typing import Any

import sqlalchemy as sa

from orchestration.state import tables
from tests.unit.gates.conftest import NAMED, Kennel

SICK = [{"dog_id": "D1", "name": None}, {"dog_id": "D2", "name": "Fido"}]
WELL = [{"dog_id": "D1", "name": "Rex"}, {"dog_id": "D2", "name": "Fido"}]


def _entries(kennel: Kennel) -> list[tuple[Any, ...]]:
    table = tables.quarantined_key
    wanted = sa.select(
        table.c.key,
        table.c.rule_id,
        table.c.opened_run_id,
        table.c.last_run_id,
        table.c.closed_run_id,
    ).order_by(table.c.opened_at, table.c.key)
    with kennel.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(wanted)]


def test_life_of_an_entry(kennel: Kennel) -> None:
    """Each time that a key falls ill anew is an entry of its own."""
    kennel.suite("standardized", NAMED)
    kennel.gate(kennel.standardized(SICK), run_id="monday")
    assert _entries(kennel) == [("D1", "name_present", "monday", "monday", None)]
    kennel.gate(kennel.standardized(SICK), run_id="tuesday")
    assert _entries(kennel) == [("D1", "name_present", "monday", "tuesday", None)]
    kennel.gate(kennel.standardized(WELL), run_id="wednesday")
    closed = ("D1", "name_present", "monday", "tuesday", "wednesday")
    assert _entries(kennel) == [closed]
    kennel.gate(kennel.standardized(SICK), run_id="thursday")
    assert _entries(kennel) == [closed, ("D1", "name_present", "thursday", "thursday", None)]


def test_line_without_key_is_known_by_its_place(kennel: Kennel) -> None:
    """A line that has no key is in quarantine all the same."""
    kennel.suite("standardized", NAMED)
    kennel.gate(kennel.standardized([*WELL, {"dog_id": None, "name": None}]), run_id="monday")
    assert _entries(kennel) == [("e1:3", "name_present", "monday", "monday", None)]


def test_two_lines_of_a_key_are_one_entry(kennel: Kennel) -> None:
    """Quarantine is by key."""
    kennel.suite("standardized", NAMED)
    kennel.gate(kennel.standardized([SICK[0], SICK[0], *WELL]), run_id="monday")
    assert _entries(kennel) == [("D1", "name_present", "monday", "monday", None)]
