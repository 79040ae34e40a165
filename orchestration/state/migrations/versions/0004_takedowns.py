"""What was taken down by order, and may never come back."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table of tombstones."""
    op.create_table(
        "takedown",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=True),
        sa.Column("column_name", sa.String(), nullable=True),
        sa.Column("secret_id", sa.String(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=False),
        sa.Column("taken_at", sa.String(), nullable=False),
        sa.Column("landed_hashes", sa.JSON(), nullable=False),
        sa.Column("purge_at", sa.String(), nullable=True),
        sa.Column("purged_at", sa.String(), nullable=True),
        sa.Column("lifted_at", sa.String(), nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.Column("lift_authority", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_takedown"),
    )
    op.create_index("ix_takedown_dataset", "takedown", ["dataset"])


def downgrade() -> None:
    """Drops it."""
    op.drop_table("takedown")
