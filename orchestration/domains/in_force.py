"""The classes in force: the classes file and what people classified and signed in the state database."""

from orchestration.dataset import Dataset
from orchestration.domains.classes import Classes, load_classes
from orchestration.settings import Settings
from orchestration.state.store import State


def classes_in_force(settings: Settings, state: State, dataset: Dataset) -> Classes:
    """Every class that counts at this moment.

    Raises:
        ConfigurationError: the classes file is wrong.
    """
    return load_classes(settings, dataset)
