"""The words that a home had published before values were classified keep their treatment for a while.

A city that upgrades over night has classified nothing yet. Words of deciding columns that its portal
showed on that day, and that resemble nothing protected, count as harmless until its time is over; all
others are asked about at once. The day is the one that the migration noted (`state/upgrades.py`).
"""

from datetime import date

from orchestration.classification.likeness import Likeness
from orchestration.dataset import Dataset
from orchestration.domains.classes import Classified, classes_path, load_classes, plain
from orchestration.duck import connect, parquet
from orchestration.layers import snapshot_file
from orchestration.settings import Settings
from orchestration.state.classifications import (
    HARMLESS,
    Answer,
    Classification,
    ClassificationStore,
)
from orchestration.state.store import FINISHED, State
from orchestration.state.upgrades import DOMAINS, UpgradeStore

UPGRADE = "the upgrade"
"""Who signed what was taken over; nobody of signers.csv may have that name."""


def words_of_before(
    settings: Settings, state: State, dataset: Dataset, *, today: date
) -> list[Classified]:
    """The words taken over that still count; none for a home that never had to upgrade."""
    grace = UpgradeStore(state).grace(DOMAINS)
    if grace is None or today >= grace.until or classes_path(settings, dataset.id).is_file():
        return []
    taken = _taken(state, dataset) or _take_over(settings, state, dataset)
    return [
        Classified(
            column=one.column_name,
            value=one.value,
            policies=(),
            source="public before the upgrade",
            until=grace.until,
        )
        for one in taken
    ]


def _taken(state: State, dataset: Dataset) -> list[Classification]:
    found = ClassificationStore(state).classifications(dataset.id)
    return [one for one in found if one.signed_by == UPGRADE]


def _take_over(settings: Settings, state: State, dataset: Dataset) -> list[Classification]:
    published = state.publications(dataset.id, states=FINISHED)
    file = snapshot_file(settings, published[-1]) if published else None
    if file is None or not file.is_file():
        return []
    classes = load_classes(settings, dataset)
    answers = []
    with connect() as connection:
        held = {row[0] for row in connection.execute(f"describe from {parquet(file)}").fetchall()}
        for column, asked in dataset.deciding.items():
            if column not in held:
                continue
            likeness = Likeness(classes.known[asked])
            for (cell,) in connection.execute(
                f"select distinct {column} from {parquet(file)} where {column} is not null"
            ).fetchall():
                if classes.of(column, cell) is None and not likeness.of(plain(cell))[1]:
                    answers.append(Answer(column=asked, value=plain(cell), verdict=HARMLESS))
    store = ClassificationStore(state)
    unique = list({(one.column, one.value): one for one in answers}.values())
    store.end(dataset.id, store.propose(dataset.id, unique, by=UPGRADE), by=UPGRADE, is_signed=True)
    return _taken(state, dataset)
