"""Proves a publication: its rows are read back from the portal, until nobody wrote meanwhile.

What is compared how is for `verification`; what follows from a difference, for `delivery`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.errors import NotVerified, PortalFault
from orchestration.layers import workspace
from orchestration.publishing.baseline import BaselineReader
from orchestration.publishing.context import Context
from orchestration.publishing.verification import Verification, Verifier
from orchestration.state.records import PortalMarks
from orchestration.state.store import FINISHED, Publication

_READINGS = 3
"""So often a portal is read back on which somebody writes meanwhile."""
_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was found on the portal, and the portal's own marks of what was looked at."""

    verification: Verification
    marks: Mapping[str, PortalMarks]


class Prover:
    """Holds the portal against what a publication should have left there."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def prove_unchanged(self, publication: Publication) -> Proof:
        """Proves that the portal holds what it should where nothing has to be sent.

        Raises:
            PortalFault: it does not.
            TransientError: it could not be read back.
        """
        folder = self._context.journal.folder(publication)
        with workspace(self._context.settings, publication.run_id, "delivery") as work:
            proof = self.verify(
                publication, folder, snapshot=folder / "snapshot.parquet", whole=(), work=work
            )
        return self.or_fail(proof)

    def verify(
        self,
        publication: Publication,
        sent: Path,
        *,
        snapshot: Path,
        whole: Collection[str],
        work: Path,
    ) -> Proof:
        """Reads back until nobody wrote meanwhile.

        `sent` is the folder of what was sent, `snapshot` what should be there, `whole` the partitions
        of which every row is read.

        Raises:
            NotVerified: somebody else does all the time.
        """
        context = self._context
        context.progress("reading the portal back")
        verifier = Verifier(context.dataset, context.target.transport)
        written = self._written(publication)
        planned_on: Mapping[str, Mapping[str, Any]] = publication.plan.get("marks") or {}
        for _ in range(_READINGS):
            found = context.datasets.found(to_write=False)
            for partition, one in found.items():
                verifier.wait_until_fresh(one.portal_id, not_before=written.get(partition))
            marks = BaselineReader(context, found).marks()
            verification = verifier.verify(
                {partition: one.portal_id for partition, one in found.items()},
                snapshot=snapshot,
                changed=sent / "upserts.parquet",
                deleted=sent / "deletes.parquet",
                written=written,
                since={
                    partition: (planned_on.get(one.portal_id) or {}).get("newest_update")
                    for partition, one in found.items()
                },
                whole=whole,
                turn=len(context.journal.publications(*FINISHED)),
                spill=work,
            )
            if marks == BaselineReader(context, context.datasets.found(to_write=False)).marks():
                return Proof(verification=verification, marks=marks)
        raise NotVerified(
            f"{context.dataset.id}: somebody else writes to it while it is read back; the next run "
            "verifies it"
        )

    def or_fail(self, proof: Proof) -> Proof:
        """The proof, where all of it holds.

        Raises:
            PortalFault: it does not; says which figures and how many rows.
        """
        verification, dataset = proof.verification, self._context.dataset.id
        if verification.holds:
            return proof
        wrong = [
            f"{check.portal_id}: {check.what} is {check.found or 'none'}, should be "
            f"{check.expected or 'none'}"
            for check in verification.failures[:_EXAMPLES]
        ]
        wrong += [
            f"{len(keys):,} rows {how}" for how, keys in verification.differing.items() if keys
        ]
        raise PortalFault(
            f"{dataset}: the publication is not verified: the portal does not hold what was sent. "
            f"{'; '.join(wrong)}. The next run starts from the portal's own rows; which rows they are "
            f"says `summerware verify {dataset} --full`"
        )

    def _written(self, publication: Publication) -> dict[str, datetime]:
        """When each partition was written last, by the portal's clock."""
        moments: dict[str, datetime] = {}
        for chunk in self._context.state.chunks(publication.id):
            if chunk.written_at:
                moments[chunk.partition] = max(
                    chunk.written_at, moments.get(chunk.partition, chunk.written_at)
                )
        return moments
