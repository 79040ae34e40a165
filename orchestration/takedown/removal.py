"""Takes what is taken down off every portal that the dataset was ever published to.

What a removal is stands in `orchestration/publishing/removal.py`; here is which portals it is for.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.publishing.publisher import open_publisher
from orchestration.publishing.removal import Removed
from orchestration.settings import LOCAL, Settings
from orchestration.state.store import State

Progress = Callable[[str], None]


def remove_everywhere(
    settings: Settings,
    state: State,
    dataset: Dataset,
    *,
    by: str,
    authority: str,
    run_id: str,
    keys: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> list[Removed]:
    """Removes and proves it on every portal that the dataset was ever published to.

    `keys` are those named just now: the portal is asked for them whatever our snapshots say.

    Raises:
        ConfigurationError: one of the portals cannot be reached with the present configuration.
        PortalFault: a portal still shows something of it.
        TransientError: a portal could not be reached or read back.
    """
    removed: list[Removed] = []
    unreached: list[str] = []
    for target in dict.fromkeys(one.target for one in state.publications(dataset.id)):
        try:
            chosen = _settings_for(settings, dataset, target)
            with open_publisher(chosen, state, dataset, progress) as publisher:
                removed.append(
                    publisher.take_down(by=by, authority=authority, run_id=run_id, keys=keys)
                )
        except ConfigurationError as error:
            # The other portals come first; then somebody must know.
            unreached.append(f"{target}: {error}")
    if unreached:
        raise ConfigurationError(
            f"{dataset.id}: it is recorded and obeyed, but may still be shown where this "
            f"configuration does not reach: {'; '.join(unreached)}. Give the command again then"
        )
    return removed


def _settings_for(settings: Settings, dataset: Dataset, target: str) -> Settings:
    if target == LOCAL:
        return replace(settings, portal="local")
    if target == dataset.publish.domain:
        return replace(settings, portal="live")
    raise ConfigurationError("the dataset file names another domain now; remove it there by hand")
