"""How long a home that was at work before has time to say what its columns may hold."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DAYS = 90
"""As `state/upgrades.py` has it; repeated, because a migration never changes."""


def upgrade() -> None:
    """Makes the table; a home that has published gets its time from today on."""
    op.create_table(
        "upgrade",
        sa.Column("duty", sa.String(), nullable=False),
        sa.Column("began_on", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("duty", name="pk_upgrade"),
    )
    connection = op.get_bind()
    if connection.scalar(sa.text("select count(*) from publication")):
        today = datetime.now(UTC).date()
        connection.execute(
            sa.text("insert into upgrade (duty, began_on, until) values ('domains', :on, :until)"),
            {"on": today.isoformat(), "until": (today + timedelta(days=_DAYS)).isoformat()},
        )


def downgrade() -> None:
    """Drops it."""
    op.drop_table("upgrade")
