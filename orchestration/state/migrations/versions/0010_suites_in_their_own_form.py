"""Under which hashes the rules of today were recorded before, and how long a home may keep old suites."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_DAYS = 90
"""As `state/upgrades.py` has it; repeated, because a migration never changes."""


def upgrade() -> None:
    """Makes the table; a home that has published gets its time from today on."""
    op.create_table(
        "rules_in_former_form",
        sa.Column("former_hash", sa.String(), nullable=False),
        sa.Column("rules_hash", sa.String(), nullable=False),
        sa.Column("noted_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("former_hash", "rules_hash", name="pk_rules_in_former_form"),
    )
    connection = op.get_bind()
    if connection.scalar(sa.text("select count(*) from publication")):
        today = datetime.now(UTC).date()
        connection.execute(
            sa.text("insert into upgrade (duty, began_on, until) values ('suites', :on, :until)"),
            {"on": today.isoformat(), "until": (today + timedelta(days=_DAYS)).isoformat()},
        )


def downgrade() -> None:
    """Drops it."""
    op.drop_table("rules_in_former_form")
    op.execute(sa.text("delete from upgrade where duty = 'suites'"))
