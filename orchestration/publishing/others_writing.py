"""Whether somebody else wrote to a portal since a publication was planned: that would be lost.

Before anything of ours is sent, the portal's own marks tell. Afterwards they do not any more; where a
partition is replaced whole, its rows do.
"""

from orchestration.errors import ExternalEdit
from orchestration.publishing.baseline import BaselineReader
from orchestration.publishing.context import Context
from orchestration.publishing.portal_datasets import PortalDataset
from orchestration.publishing.replacing import Replacement, somebody_wrote, touched_partitions
from orchestration.publishing.revisions import Draft
from orchestration.state.store import Publication

_EXAMPLES = 5


def refuse_if_moved(context: Context, publication: Publication) -> None:
    """What somebody else wrote since the plan would be written over, or pass for proven.

    Raises:
        ExternalEdit: somebody wrote to a 4x4 to which nothing of ours was sent yet.
    """
    sent = {chunk.partition for chunk in context.state.chunks(publication.id) if chunk.was_sent}
    found = context.datasets.found(to_write=False)
    for partition in touched_partitions(context.journal.folder(publication)) - sent:
        if partition in found:
            _refuse_if_marked(context, publication, found[partition])


def refuse_if_taken_along(
    context: Context,
    publication: Publication,
    replaced: PortalDataset,
    part: Replacement | Draft,
    *,
    was_sent: bool,
) -> None:
    """The check of a replacement; see `Check`.

    Raises:
        ExternalEdit: there are rows that are neither ours nor were there before.
    """
    if not was_sent:
        _refuse_if_marked(context, publication, replaced)
        return
    keys = somebody_wrote(
        context.dataset,
        context.target.transport,
        replaced.portal_id,
        part,
        context.journal.folder(publication),
        has_arrived=part.id.is_repair,
    )
    if keys:
        raise ExternalEdit(
            f"{context.dataset.id}: {len(keys):,} rows of {replaced.portal_id} "
            f"({', '.join(keys[:_EXAMPLES])}) are neither as they were nor as {publication.id} has "
            "them: somebody else wrote or deleted them. Without a row identifier it is replaced whole, "
            "and that would be lost. The next run asks whose rows stay"
        )


def _refuse_if_marked(context: Context, publication: Publication, one: PortalDataset) -> None:
    planned_on = (publication.plan.get("marks") or {}).get(one.portal_id)
    marks = BaselineReader(context, {one.partition: one}).marks()[one.portal_id]
    is_new = planned_on is None and not marks["rows"]
    if planned_on != marks and not is_new:
        raise ExternalEdit(
            f"{context.dataset.id}: {one.portal_id} was written since {publication.id} was planned, "
            "and that would be written over. Run the dataset again for a fresh plan"
        )
