"""Alerts, their messages, how far those came, and the daily heartbeat."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes their tables."""
    op.create_table(
        "alert",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.String(), nullable=False),
        sa.Column("last_seen_at", sa.String(), nullable=False),
        sa.Column("last_run_id", sa.String(), nullable=True),
        sa.Column("acked_at", sa.String(), nullable=True),
        sa.Column("acked_by", sa.String(), nullable=True),
        sa.Column("escalated_at", sa.String(), nullable=True),
        sa.Column("resolved_at", sa.String(), nullable=True),
        sa.Column("resolved_run_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    op.create_index("ix_alert_fingerprint", "alert", ["fingerprint"])
    op.create_index("ix_alert_resolved_at", "alert", ["resolved_at"])
    op.create_index("ix_alert_scope", "alert", ["scope"])
    op.create_table(
        "alert_message",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_message"),
    )
    op.create_index("ix_alert_message_alert_id", "alert_message", ["alert_id"])
    op.create_table(
        "alert_delivery",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.Integer(), nullable=False),
        sa.Column("is_digest", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_at", sa.String(), nullable=True),
        sa.Column("sent_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert_delivery"),
    )
    op.create_index("ix_alert_delivery_message_id", "alert_delivery", ["message_id"])
    op.create_index("ix_alert_delivery_state", "alert_delivery", ["state"])
    op.create_table(
        "alert_scope",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_alert_scope"),
    )
    op.create_table(
        "alert_position",
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("recent", sa.JSON(), nullable=False),
        sa.Column("began_at", sa.String(), nullable=False),
        sa.Column("moved_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("reader", name="pk_alert_position"),
    )
    op.create_table(
        "heartbeat",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("is_healthy", sa.Boolean(), nullable=False),
        sa.Column("was_answered", sa.Boolean(), nullable=False),
        sa.Column("unwell", sa.JSON(), nullable=False),
        sa.Column("beaten_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_heartbeat"),
    )
    op.create_index("ix_heartbeat_day", "heartbeat", ["day"])


def downgrade() -> None:
    """Drops them."""
    op.drop_table("heartbeat")
    op.drop_table("alert_position")
    op.drop_table("alert_scope")
    op.drop_table("alert_delivery")
    op.drop_table("alert_message")
    op.drop_table("alert")
