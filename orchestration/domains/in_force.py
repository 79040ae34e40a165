"""The classes in force: the classes file, and over it what people classified and signed in the state."""

from datetime import date

from orchestration.classification.taking_over import UPGRADE, words_of_before
from orchestration.dataset import Dataset
from orchestration.domains.classes import (
    NOT_OURS,
    Classes,
    Classified,
    load_classes,
    plain,
)
from orchestration.settings import Settings
from orchestration.state import classifications as kept
from orchestration.state.classifications import Classification, ClassificationStore
from orchestration.state.store import State


def classes_in_force(settings: Settings, state: State, dataset: Dataset) -> Classes:
    """Every class that counts at this moment.

    Raises:
        ConfigurationError: the classes file is wrong.
    """
    if not dataset.deciding:
        return load_classes(settings, dataset)
    signed = [
        one
        for one in ClassificationStore(state).classifications(dataset.id)
        if one.signed_at is not None and one.signed_by != UPGRADE
    ]
    before = words_of_before(settings, state, dataset, today=date.today())
    own = load_classes(settings, dataset)
    return load_classes(settings, dataset, [*before, *(_classified(one, own) for one in signed)])


def _classified(one: Classification, own: Classes) -> Classified:
    policies: tuple[str, ...] = ()
    if one.verdict == kept.COVERED:
        policies = tuple((one.means or "").split())
    elif one.verdict == kept.NOT_OURS:
        policies = (NOT_OURS,)
    elif one.verdict == kept.MISSPELLING:
        # What it means was classified when this was signed; should that be over, nobody knows.
        policies = own.known.get(one.column_name, {}).get(plain(one.means or ""), (NOT_OURS,))
    return Classified(
        column=one.column_name,
        value=one.value,
        policies=policies,
        source=f"signed by {one.signed_by}",
    )
