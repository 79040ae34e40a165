"""Drafts on the portal of what waits for people: left there to look at, and discarded again."""

from functools import partial
from itertools import chain

from orchestration.errors import PublicationRefused
from orchestration.layers import workspace
from orchestration.publishing.chunks import FILES
from orchestration.publishing.context import Context
from orchestration.publishing.left_out import LeftOut
from orchestration.publishing.replacing import planned_replacements, replaced_partitions
from orchestration.publishing.revisions import DraftSender, planned_drafts
from orchestration.state.store import Publication


def leave_drafts(context: Context, publication: Publication) -> list[str]:
    """Leaves what is held as drafts; returns their addresses. None where it does not go by drafts."""
    dataset, drafts = context.dataset, context.target.drafts
    if dataset.publish.transport != "dsmapi" or drafts is None:
        return []
    folder = context.journal.folder(publication)
    found = context.datasets.found()
    replaced = replaced_partitions(context.datasets, folder)
    sender = DraftSender(drafts, dataset)
    known = context.journal.chunks(publication)
    left_out = LeftOut(dataset, context.journal, context.progress)
    addresses = []
    with workspace(context.settings, publication.run_id, "preview") as work:
        sendable, refused = left_out.sendable(folder, work)
        snapshot = left_out.what_should_be_there(publication, refused, work)
        whole = planned_replacements(dataset, snapshot, sorted(replaced), work)
        for draft in chain(
            (one for one in planned_drafts(sendable, work, FILES) if one.partition not in replaced),
            (one.as_draft() for one in whole),
        ):
            if draft.partition in found:  # What is not there yet is not made before its release.
                address = sender.preview(
                    found[draft.partition].portal_id,
                    draft,
                    note=partial(context.journal.note, publication, draft),
                    before=known.get(draft.id),
                )
                addresses.append(address)
    return addresses


def discard_drafts(context: Context, publication: Publication) -> None:
    """Discards the drafts of what is not waited for any more.

    Raises:
        TransientError: one of them could not be reached.
        PublicationRefused: drafts cannot be reached with this dataset file.
    """
    left = [chunk for chunk in context.state.chunks(publication.id) if chunk.is_open_draft]
    if not left:
        return
    if context.target.drafts is None:
        raise PublicationRefused(
            f"{context.dataset.id}: {publication.id} left drafts on {context.target.name}, which can "
            "be reached only with `transport: dsmapi` and TLS. Discard them on the portal"
        )
    found = context.datasets.found(to_write=False)
    sender = DraftSender(context.target.drafts, context.dataset)
    for chunk in left:
        if chunk.partition in found and chunk.revision is not None:
            is_gone = sender.withdraw(found[chunk.partition].portal_id, chunk.revision)
            state = "withdrawn" if is_gone else "closed"
            context.journal.note(publication, chunk, state, chunk.answer)
