"""What the state database remembers of an upgrade: how long a city has time, and what changed form alone.

The migration that brings a new duty writes it for a home that was at work before; a new home has no
such time. What the duty is stands where it is checked (`orchestration/checking.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from orchestration.state import tables
from orchestration.state.database import for_writing
from orchestration.state.store import State, now

DOMAINS = "domains"
"""The duty to say what each published column may hold."""
SUITES = "suites"
"""The duty to keep suites in Great Expectations' own form."""
GRACE = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Grace:
    """The time that a home has for a new duty; `until` is the first day on which it is owed."""

    began_on: date
    until: date


class UpgradeStore:
    """Asks and notes."""

    def __init__(self, state: State) -> None:
        self._engine = state.engine

    def grace(self, duty: str) -> Grace | None:
        """The time for a duty; none for a home that had it from its first day."""
        table = tables.upgrade
        with self._engine.connect() as connection:
            found = connection.execute(
                sa.select(table.c.began_on, table.c.until).where(table.c.duty == duty)
            ).one_or_none()
        if found is None:
            return None
        return Grace(
            began_on=date.fromisoformat(found.began_on), until=date.fromisoformat(found.until)
        )

    def begin(self, duty: str, *, on: date) -> Grace:
        """Begins the time for a duty, where it has not begun: asking again never lengthens it."""
        table = tables.upgrade
        with for_writing(self._engine).begin() as connection:
            known = connection.scalar(sa.select(table.c.duty).where(table.c.duty == duty))
            if known is None:
                connection.execute(
                    sa.insert(table).values(
                        duty=duty, began_on=on.isoformat(), until=(on + GRACE).isoformat()
                    )
                )
        grace = self.grace(duty)
        assert grace is not None
        return grace

    def former_hashes(self, rules_hash: str) -> list[str]:
        """The hashes under which the same rules were recorded before their file changed its form."""
        table = tables.rules_in_former_form
        with self._engine.connect() as connection:
            found = connection.scalars(
                sa.select(table.c.former_hash)
                .where(table.c.rules_hash == rules_hash)
                .order_by(table.c.former_hash)
            )
            return list(found)

    def note_same(self, hashes: Mapping[str, str]) -> None:
        """Notes hashes of rules in a former form, each with that of the same rules in today's."""
        table = tables.rules_in_former_form
        with for_writing(self._engine).begin() as connection:
            for former, present in hashes.items():
                where = (table.c.former_hash == former, table.c.rules_hash == present)
                if connection.scalar(sa.select(table.c.former_hash).where(*where)) is None:
                    connection.execute(
                        sa.insert(table).values(
                            former_hash=former, rules_hash=present, noted_at=now()
                        )
                    )
