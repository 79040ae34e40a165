"""What a publication was held for, who signed it, its receipts, and edits that people keep."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_APPEND_ONLY = "receipts are only ever added"


def upgrade() -> None:
    """Adds the columns and tables; receipts refuse to be changed."""
    with op.batch_alter_table("publication") as batch:
        batch.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="publish"))
        batch.add_column(sa.Column("held_because", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("rules_hash", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("marks", sa.JSON(), nullable=False, server_default="{}"))
        batch.add_column(sa.Column("refused", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("outcome_path", sa.String(), nullable=True))
        batch.add_column(sa.Column("failure", sa.String(), nullable=True))
    with op.batch_alter_table("publication") as batch:
        for name in ("kind", "held_because", "rules_hash", "marks", "refused"):
            batch.alter_column(name, server_default=None)
    op.create_table(
        "publication_signature",
        sa.Column("publication_id", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("signed_by", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("signed_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "publication_id", "act", "signed_by", name="pk_publication_signature"
        ),
    )
    op.create_table(
        "receipt",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("publication_id", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "number", name="pk_receipt"),
    )
    op.create_index("ix_receipt_publication_id", "receipt", ["publication_id"])
    op.create_table(
        "kept_edit",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kept_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("kept_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "target", "key", name="pk_kept_edit"),
    )
    _refuse_changes_of_receipts()


def _refuse_changes_of_receipts() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for act in ("update", "delete"):
            op.execute(
                f"create trigger receipt_no_{act} before {act} on receipt "
                f"begin select raise(abort, '{_APPEND_ONLY}'); end"
            )
        return
    op.execute(
        "create function refuse_change_of_receipt() returns trigger language plpgsql as "
        f"$$ begin raise exception '{_APPEND_ONLY}'; end $$"
    )
    op.execute(
        "create trigger receipt_is_append_only before update or delete on receipt "
        "for each row execute function refuse_change_of_receipt()"
    )


def downgrade() -> None:
    """Drops them."""
    for table in ("kept_edit", "receipt", "publication_signature"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop function refuse_change_of_receipt()")
    with op.batch_alter_table("publication") as batch:
        for name in (
            "failure", "outcome_path", "refused", "marks", "rules_hash", "held_because", "kind",
        ):  # fmt: skip
            batch.drop_column(name)
