"""Chunks are told apart by their kind; before, by the range that their number was in.

Upserts were numbered from 0, deletes from 500,000 (those of drafts went on behind the upserts),
replacements by their year from 2,000,000, and what was sent once more the same, from a million more.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_IS_REPAIR = "number >= case kind when 'replace' then 3000000 else 1000000 end"
_IN_KIND = (
    "number % 1000000 - case when kind = 'delete' and number % 1000000 >= 500000 then 500000 "
    "else 0 end"
)
_IN_RANGE = (
    "number + case when is_repair then 1000000 else 0 end + case when kind = 'replace' then 2000000 "
    "when kind = 'delete' and coalesce(cast(answer as text), '') not like '%\"revision\"%' "
    "then 500000 else 0 end"
)


def upgrade() -> None:
    """Numbers the chunks of a home anew."""
    is_repair: sa.Column[bool] = sa.Column("is_repair", sa.Boolean(), nullable=False)
    _remake(
        ["kind", "is_repair", "number"], [is_repair], {"is_repair": _IS_REPAIR, "number": _IN_KIND}
    )


def downgrade() -> None:
    """Gives them their old numbers."""
    _remake(["number"], [], {"number": _IN_RANGE})


def _remake(key: Sequence[str], more: Sequence[sa.Column[bool]], values: dict[str, str]) -> None:
    """The table with another key, and its rows with other values."""
    op.execute("create table publication_chunk_before as select * from publication_chunk")
    op.drop_table("publication_chunk")
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
        *more,
        sa.PrimaryKeyConstraint("publication_id", *key, name="pk_publication_chunk"),
    )
    same = 'publication_id, "partition", kind, rows, state, answer, moved_at'
    # A dataset that went by drafts and then by rows may have both under one number: rows were sent.
    op.execute(
        f"insert into publication_chunk ({same}, {', '.join(values)}) "
        f"select {same}, {', '.join(values.values())} from publication_chunk_before "
        "where true order by number desc on conflict do nothing"
    )
    op.drop_table("publication_chunk_before")
