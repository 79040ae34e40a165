"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes every table."""
    op.create_table(
        "extract",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("file_hash", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("extracted_at", sa.String(), nullable=False),
        sa.Column("time_source", sa.String(), nullable=False),
        sa.Column("grain", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("unparseable", sa.Integer(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("landed_at", sa.String(), nullable=False),
        sa.Column("discarded_at", sa.String(), nullable=True),
        sa.Column("discarded_by", sa.String(), nullable=True),
        sa.Column("discard_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_extract"),
    )
    op.create_index("ix_extract_dataset", "extract", ["dataset"])
    op.create_table(
        "gate_record",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("suite_hash", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("quarantine_path", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gate_record"),
    )
    op.create_index("ix_gate_record_content_hash", "gate_record", ["content_hash"])
    op.create_index("ix_gate_record_dataset", "gate_record", ["dataset"])
    op.create_index("ix_gate_record_run_id", "gate_record", ["run_id"])
    op.create_table(
        "layer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("upstream_id", sa.String(), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("finished_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_layer"),
    )
    op.create_index("ix_layer_dataset", "layer", ["dataset"])
    op.create_index("ix_layer_run_id", "layer", ["run_id"])
    op.create_table(
        "portal_dataset",
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("portal_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("target", "dataset", "partition", name="pk_portal_dataset"),
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("layer_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("newest_extract_at", sa.String(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("released_by", sa.String(), nullable=True),
        sa.Column("planned_at", sa.String(), nullable=False),
        sa.Column("released_at", sa.String(), nullable=True),
        sa.Column("sent_at", sa.String(), nullable=True),
        sa.Column("verified_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_publication"),
    )
    op.create_index("ix_publication_dataset", "publication", ["dataset"])
    op.create_index("ix_publication_run_id", "publication", ["run_id"])
    op.create_table(
        "publication_chunk",
        sa.Column("publication_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("moved_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("publication_id", "number", name="pk_publication_chunk"),
    )
    op.create_table(
        "quarantined_key",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(), nullable=False),
        sa.Column("opened_run_id", sa.String(), nullable=False),
        sa.Column("last_run_id", sa.String(), nullable=False),
        sa.Column("closed_at", sa.String(), nullable=True),
        sa.Column("closed_run_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint(
            "dataset", "key", "rule_id", "opened_at", name="pk_quarantined_key"
        ),
    )
    op.create_table(
        "run_process",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_started", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_process"),
    )
    op.create_table(
        "unlisted_column",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("extract_id", sa.String(), nullable=False),
        sa.Column("reported_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "name", name="pk_unlisted_column"),
    )


def downgrade() -> None:
    """Drops every table."""
    for table in (
        "unlisted_column",
        "run_process",
        "quarantined_key",
        "publication_chunk",
        "publication",
        "portal_dataset",
        "layer",
        "gate_record",
        "extract",
    ):
        op.drop_table(table)
