"""Rows that were withdrawn until they are right or known, and what people said of deciding values."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes their tables."""
    op.create_table(
        "withdrawal",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("withdrawn_at", sa.String(), nullable=False),
        sa.Column("returned_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", "key_hash", name="pk_withdrawal"),
    )
    op.create_table(
        "classification",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("column_name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("means", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", sa.String(), nullable=False),
        sa.Column("signed_by", sa.String(), nullable=True),
        sa.Column("signed_at", sa.String(), nullable=True),
        sa.Column("refused_by", sa.String(), nullable=True),
        sa.Column("refused_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_classification"),
    )
    op.create_index("ix_classification_dataset", "classification", ["dataset"])
    op.create_table(
        "classes_signature",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("file_hash", sa.String(), nullable=False),
        sa.Column("signed_by", sa.String(), nullable=False),
        sa.Column("signed_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "file_hash", name="pk_classes_signature"),
    )


def downgrade() -> None:
    """Drops them."""
    op.drop_table("classes_signature")
    op.drop_table("classification")
    op.drop_table("withdrawal")
