"""The portal refuses some rows among many: exactly those are named, and the rest is published.

`make soak`: 83 among 100,000, as a city once met them and could not tell which; `make test`: 7 among
5,000. Both ways of refusing: counted in the answer, or the whole request failed without a word.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration import reports
from orchestration.portal.faults import Fault
from orchestration.portal.server import PortalServer
from orchestration.publishing import delivery, retry
from orchestration.settings import Settings
from orchestration.state.publishing import PublishingStore
from orchestration.state.store import State
from tests.park import AFTER, Park
from tests.soak import SOAK
from tests.unit.publishing.conftest import tree

ROWS, REFUSED = (100_000, 83) if SOAK else (5_000, 7)


@pytest.fixture
def park(
    tmp_path: Path, settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Park]:
    retry_policy = retry.RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.05)
    monkeypatch.setattr(delivery, "PATIENCE", retry_policy)
    with PortalServer(settings.portal_home) as portal:
        yield Park(tmp_path, settings, state, portal)


@pytest.mark.campaign
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("kind", ["row-errors", "poison"])
def test_exactly_the_refused_rows_are_named(park: Park, kind: str) -> None:
    """Key, column, value and reason of each; quarantined by the ledger; everything else is there."""
    rows = [tree(f"T{n:06}", species=f"species {n}") for n in range(ROWS)]
    chosen = random.Random(7).sample(range(ROWS), REFUSED)
    keys = {f"T{n:06}" for n in chosen}
    park.portal.faults.add(Fault(kind=kind, keys=frozenset(keys), column="species"))
    fates = dict.fromkeys((row["tree_id"] for row in rows), "published")
    layer = park.passed(park.layer(rows, fates=fates))
    outcome = park.publish(layer)
    assert outcome.state == "verified"
    named = reports.refused_rows(
        park.settings, park.state, park.dataset, str(outcome.publication_id)
    )
    assert {(row["row_key"], row["column"], row["value"]) for row in named} == {
        (f"T{n:06}", "species", f"species {n}") for n in chosen
    }
    assert all(row["reason"] for row in named)
    told = reports.fates_of(park.settings, park.state, park.dataset, layer)
    assert told == {"published": ROWS - REFUSED, "quarantined": REFUSED}
    (counted,) = park.http(
        "GET", f"/resource/{park.portal_id()}.json", params={"$select": "count(*) as n"}
    ).json()
    assert int(counted["n"]) == ROWS - REFUSED
    assert outcome.message.endswith(f"{ROWS - REFUSED:,} rows on the portal, {REFUSED:,} refused")
    (listed,) = reports.publications(park.state, park.dataset)
    figures = [listed[name] for name in ("rows", "inserts", "refused")]
    assert figures == [ROWS - REFUSED, ROWS - REFUSED, REFUSED]


def test_counts_are_what_the_portal_holds(park: Park) -> None:
    """A refused new row is not there; a refused change leaves the old row: both are no success."""
    before = [tree(key) for key in ("T1", "T2")]
    park.publish(park.passed(park.layer(before)))
    after = [tree(key, species="Elm") for key in ("T1", "T2", "T3", "T4")]
    refused = Fault(kind="row-errors", keys=frozenset({"T2", "T4"}), column="species")
    park.portal.faults.add(refused)
    fates = dict.fromkeys(("T1", "T2", "T3", "T4"), "published")
    outcome = park.publish(park.passed(park.layer(after, fates=fates, extracted_at=AFTER)))
    assert outcome.message == "sent and verified: 3 rows on the portal, 2 refused"
    *_, listed = reports.publications(park.state, park.dataset)
    figures = {name: listed[name] for name in ("rows", "inserts", "updates", "refused")}
    assert figures == {"rows": 3, "inserts": 1, "updates": 1, "refused": 2}
    (receipt,) = PublishingStore(park.state).receipts(park.dataset.id, publication_id=listed["id"])
    assert (receipt.body["plan"]["inserts"], receipt.body["rows_refused"]) == (2, 2)
    counted = [one for chunk in receipt.body["chunks"] for one in chunk["refused"]]
    assert [(one["column"], one["rows"]) for one in counted] == [("species", 2)]
    # A receipt is for ever: it names no row.
    assert not re.search(r"\bT\d\b", json.dumps(receipt.body))
