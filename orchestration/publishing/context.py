"""What everything that publishes works with: one dataset on one portal, the lease held."""

from collections.abc import Callable
from typing import Any

from orchestration.dataset import Dataset
from orchestration.publishing.journal import Journal
from orchestration.publishing.portal_datasets import PortalDatasets
from orchestration.publishing.receipts import write_receipt
from orchestration.publishing.targets import Target
from orchestration.publishing.verification import Verification
from orchestration.publishing.withdrawing import kept_away
from orchestration.settings import Settings
from orchestration.state.publishing import PublishingStore
from orchestration.state.store import Publication, State
from orchestration.tombstones.tombstones import Tombstones

Progress = Callable[[str], None]


class Context:
    """One dataset on one target: where it stands in our books and on the portal."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        dataset: Dataset,
        target: Target,
        progress: Progress,
    ) -> None:
        self.settings = settings
        self.state = state
        self.dataset = dataset
        self.target = target
        self.progress = progress
        self.store = PublishingStore(state)
        self.journal = Journal(settings, state, dataset, target)
        self.datasets = PortalDatasets(state, dataset, target)

    def sign(self, publication: Publication, *, act: str, by: str, reason: str = "") -> None:
        """Notes a person's act on exactly the content of a publication."""
        files = publication.plan["files"]
        self.store.sign(publication.id, act=act, by=by, content_hash=files, reason=reason)

    def end(
        self,
        publication: Publication,
        state: str,
        *,
        proof: Verification | None = None,
        described: list[str] | None = None,
        **values: Any,
    ) -> Publication:
        """Moves a publication to its last state, and adds its receipt to the chain."""
        ended = self.journal.move(publication, state, **values)
        write_receipt(self.state, self.dataset, ended, verification=proof, described=described)
        return ended

    @property
    def tombstones(self) -> Tombstones:
        """What may not be there at this moment: an order may come while a publication is on its way."""
        return kept_away(self.settings, self.state, self.dataset)
