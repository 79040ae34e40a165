"""Taking the portal's rows as they are for the baseline of what follows: nothing is written there.

A dataset that somebody else published is adopted; rows that somebody else changed are kept, or set
right by the next run, as a person says.
"""

from collections.abc import Mapping
from pathlib import Path

from orchestration.errors import PublicationRefused
from orchestration.gates.rule_hashes import rules_hash
from orchestration.layers import hash_file, workspace
from orchestration.publishing.baseline import BaselineReader, Edits
from orchestration.publishing.journal import Content
from orchestration.publishing.planning import make_plan
from orchestration.publishing.publisher import ADOPTED, Publisher
from orchestration.state.records import PortalMarks
from orchestration.state.store import Publication, now


def settle_edits(
    publisher: Publisher, *, keep: str | None, by: str, reason: str, run_id: str
) -> Edits:
    """What somebody else changed on the portal; `keep` says whose rows stay.

    `ours`: the next run sets the portal right. `theirs`: these rows are left as they are there.
    Either way the portal's rows become the baseline, and nothing is written.
    """
    publisher.finish_what_was_released()
    last = publisher.journal.last_finished()
    if last is None:
        raise PublicationRefused(f"{publisher.dataset.id}: nothing was published yet")
    with workspace(publisher.settings, run_id, f"{publisher.dataset.id}-edits") as folder:
        reader = BaselineReader(publisher, publisher.datasets.found())
        marks = reader.marks()
        edits, rows = reader.edits(last, folder)
        if edits and keep is not None:
            if keep == "theirs":
                publisher.store.keep_edits(
                    publisher.dataset.id,
                    publisher.target.name,
                    edits.all_keys,
                    by=by,
                    reason=reason,
                )
            content = Content.of_publication(last, newest_extract_at=last.newest_extract_at)
            record_as_it_is(
                publisher,
                rows,
                content,
                kind="edits",
                by=by,
                reason=f"keep {keep}: {reason}",
                run_id=run_id,
                folder=folder,
                marks=marks,
            )
    return edits


def adopt_dataset(publisher: Publisher, *, by: str, reason: str, run_id: str) -> Publication:
    """Takes the portal's rows, which somebody else published, as our baseline; writes nothing.

    Raises:
        PublicationRefused: we published there before, or there is no row.
    """
    if publisher.journal.last_finished() is not None:
        raise PublicationRefused(
            f"{publisher.dataset.id}: there is a publication of ours on {publisher.target.name} already; "
            "what somebody else changed since is for `summerware edits`"
        )
    with workspace(publisher.settings, run_id, f"{publisher.dataset.id}-adopt") as folder:
        baseline = publisher.baseline(folder)
        if baseline.rows is None:
            raise PublicationRefused(
                f"{publisher.dataset.id}: {publisher.target.name} holds no row to adopt"
            )
        content = Content(
            layer_id="",
            content_hash=hash_file(baseline.rows),
            newest_extract_at="",
            source=ADOPTED,
            grain="",
            extracts=(),
        )
        return record_as_it_is(
            publisher,
            baseline.rows,
            content,
            kind="adopt",
            by=by,
            reason=reason,
            run_id=run_id,
            folder=folder,
            marks=baseline.marks,
        )


def record_as_it_is(
    publisher: Publisher,
    rows: Path,
    content: Content,
    *,
    kind: str,
    by: str,
    reason: str,
    run_id: str,
    folder: Path,
    marks: Mapping[str, PortalMarks],
) -> Publication:
    """Takes the portal's rows as the baseline of what follows; writes nothing there.

    `marks` are the portal's own of right before the rows were read: what others write later differs.
    """
    plan = make_plan(
        publisher.dataset,
        mart=rows,
        ledger=None,
        baseline=rows,
        extracted_at=content.newest_extract_at,
        folder=folder,
        whole=True,
    )
    publication = publisher.journal.record(
        content,
        plan,
        folder,
        run_id=run_id,
        kind=kind,
        rules_hash=rules_hash(publisher.settings, publisher.dataset),
    )
    publisher.sign(publication, act=kind, by=by, reason=reason)
    return publisher.end(publication, "verified", verified_at=now(), marks=dict(marks))
