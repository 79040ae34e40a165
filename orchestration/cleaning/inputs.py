"""What people give to the cleaning, looked at before a run reads its first line.

What belongs here: one question, whether a dataset's decisions file, vocabularies and weights can be
used, and every mistake in them with its file and line. What does not: reading them for a purpose
(each has its own module), and the rest of a project (``checking.py``).
"""

from orchestration.cleaning.comparisons import compared_columns, read_weights
from orchestration.cleaning.linkage import weights_path
from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.review.decisions_file import load_decisions_file
from orchestration.settings import Settings
from orchestration.warehouse.vocabularies import STREETS, load_vocabulary


def require_sound_inputs(settings: Settings, dataset: Dataset) -> None:
    """Returns where nothing is wrong.

    Raises:
        ConfigurationError: every mistake of all of them, a line each; nothing was read or applied.
    """
    mistakes = []
    names = [
        name for column in dataset.spelled if column.spelling for name in column.spelling.vocabulary
    ]
    for name in dict.fromkeys((*names, *STREETS)):
        try:
            load_vocabulary(settings, name)
        except ConfigurationError as error:
            mistakes.append(str(error))
    try:
        load_decisions_file(settings, dataset)
    except ConfigurationError as error:
        mistakes.append(str(error))
    if dataset.duplicates:
        try:
            read_weights(
                weights_path(settings.datasets_dir, dataset.id),
                compared=compared_columns(dataset.duplicates),
                within_minutes=dataset.duplicates.within_minutes,
            )
        except ConfigurationError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
