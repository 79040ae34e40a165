"""What people are asked, judge and decide, and the audits of published rows."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables of review and audit."""
    op.create_table(
        "audit",
        sa.Column("questionnaire_id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("marks_hash", sa.String(), nullable=False),
        sa.Column("read_by", sa.String(), nullable=False),
        sa.Column("read_at", sa.String(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("questionnaire_id", name="pk_audit"),
    )
    op.create_index("ix_audit_dataset", "audit", ["dataset"])
    op.create_table(
        "decision",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("proposal_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("column_name", sa.String(), nullable=False),
        sa.Column("left_value", sa.String(), nullable=False),
        sa.Column("right_value", sa.String(), nullable=False),
        sa.Column("evidence_hash", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("decided_by", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.String(), nullable=False),
        sa.Column("decided_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("replaced_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_decision"),
    )
    op.create_index("ix_decision_dataset", "decision", ["dataset"])
    op.create_index("ix_decision_proposal_id", "decision", ["proposal_id"])
    op.create_table(
        "judgement",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("questionnaire_id", sa.String(), nullable=False),
        sa.Column("proposal_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("column_name", sa.String(), nullable=False),
        sa.Column("left_value", sa.String(), nullable=False),
        sa.Column("right_value", sa.String(), nullable=False),
        sa.Column("evidence_hash", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("asked_at", sa.String(), nullable=False),
        sa.Column("judged_at", sa.String(), nullable=False),
        sa.Column("voided_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_judgement"),
        sa.UniqueConstraint(
            "questionnaire_id", "proposal_id", name="uq_judgement_questionnaire_id"
        ),
    )
    op.create_index("ix_judgement_dataset", "judgement", ["dataset"])
    op.create_index("ix_judgement_proposal_id", "judgement", ["proposal_id"])
    op.create_table(
        "questionnaire",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_questionnaire"),
    )
    op.create_index("ix_questionnaire_dataset", "questionnaire", ["dataset"])


def downgrade() -> None:
    """Drops them."""
    for table in ("questionnaire", "judgement", "decision", "audit"):
        op.drop_table(table)
