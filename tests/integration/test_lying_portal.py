"""A portal that lies is never believed, and one that only stammers is asked again.

Each lie is in force while six of ten trees are changed, and two of four others deleted. Either the
publication ends verified, and then the public sees exactly what it should, or it says that it does not.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import SummerwareError, TransientError
from orchestration.portal.server import PortalServer
from orchestration.publishing import delivery, verification
from orchestration.settings import Settings
from orchestration.state.store import State
from tests.lying_portal import HONEST, Lie, LyingPortal, Rows, lying_portal
from tests.park import AFTER, Park
from tests.unit.publishing.conftest import Row, tree

LATER = "2022-09-12T00:00:00"
SEEN = datetime(2021, 3, 4, 5, 6, 7)


def _tree(number: int, species: str) -> Row:
    return tree(
        f"T{number}",
        species=species,
        height_feet=10.0 + number,
        planted_at=SEEN + timedelta(days=number),
        is_alive=number % 2 == 0,
        place=f"POINT ({-90 - number / 8!r} {29 + number / 8!r})",
    )


UNTOUCHED = [_tree(6, "fir"), _tree(7, "fir")]
BEFORE = [*(_tree(n, "oak") for n in range(6)), *UNTOUCHED, _tree(8, "yew"), _tree(9, "yew")]
WANTED = [*(_tree(n, "elm") | {"height_feet": 20.0 + n} for n in range(6)), *UNTOUCHED]


def each(change: Callable[[dict[str, Any]], dict[str, Any]], *keys: str) -> Callable[[Rows], Rows]:
    """Changes the rows of these keys, of all where none is named; what is deleted stays so."""

    def changed(rows: Rows) -> Rows:
        return [
            change(dict(row))
            if ":deleted" not in row and (not keys or row.get("tree_id") in keys)
            else row
            for row in rows
        ]

    return changed


def cell(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Changes one cell, where the row has it."""
    return lambda row: row | {name: change(row[name])} if row.get(name) is not None else row


def swapped(rows: Rows, one: str, other: str, column: str) -> Rows:
    """Two rows with each other's cell: no count and no sum tells."""
    cells = {row["tree_id"]: row.get(column) for row in rows if row.get("tree_id") in (one, other)}
    turned = {one: cells.get(other), other: cells.get(one)} if len(cells) == 2 else cells
    return [
        row | {column: turned[row["tree_id"]]} if row.get("tree_id") in turned else row
        for row in rows
    ]


def without(key: str) -> Callable[[Rows], Rows]:
    return lambda rows: [row for row in rows if row.get("tree_id") != key]


def an_hour_on(text: str) -> str:
    return (datetime.fromisoformat(text) + timedelta(hours=1)).isoformat(timespec="milliseconds")


def as_wanted(told: dict[str, Any], asked: Any) -> dict[str, Any]:
    """Every count is what it should be, whatever is there."""
    return told | {
        name: str(len(WANTED))
        for name, what in asked.items()
        if what in ("count(*)", "count(species)")
    }


LIES = {
    "takes one row of each request": Lie(keeps=lambda rows: rows[:1]),
    "takes all but the last row": Lie(keeps=lambda rows: rows[:-1] or rows),
    "never takes a row, and counts them all": Lie(keeps=without("T1"), counts=as_wanted),
    "keeps the old text": Lie(keeps=each(cell("species", lambda _: "oak"))),
    "adds a blank": Lie(keeps=each(cell("species", lambda text: f"{text} "))),
    "writes in capitals": Lie(keeps=each(cell("species", str.upper))),
    "cuts texts": Lie(keeps=each(cell("species", lambda text: text[:2]))),
    "rounds numbers": Lie(keeps=each(cell("height_feet", lambda value: float(value) // 10 * 10))),
    "makes a number a little more": Lie(keeps=each(cell("height_feet", lambda v: float(v) + 1e-6))),
    "swaps two numbers": Lie(keeps=lambda rows: swapped(rows, "T1", "T2", "height_feet")),
    "shifts times": Lie(keeps=each(cell("planted_at", an_hour_on))),
    "forgets a yes": Lie(keeps=each(cell("is_alive", lambda _: False))),
    "loses a point": Lie(keeps=each(cell("place", lambda _: None))),
    "fills an empty cell": Lie(keeps=each(lambda row: row | {"surveyed_date": "2022-01-01"})),
    "writes to another row": Lie(keeps=each(lambda row: row | {"tree_id": "T6"}, "T1")),
    "writes one row more": Lie(keeps=lambda rows: [*rows, {"tree_id": "T99", "species": "ash"}]),
    "deletes one row more": Lie(keeps=lambda rows: [*rows, {"tree_id": "T7", ":deleted": True}]),
    "keeps what is deleted": Lie(keeps=lambda rows: [r for r in rows if ":deleted" not in r] or rows[:0]),
    "changes a text that nobody touched": Lie(shows=each(cell("species", lambda _: "ash"), "T6")),
    "swaps two numbers that nobody touched": Lie(
        shows=lambda rows: swapped(rows, "T6", "T7", "height_feet")
    ),
    "leaves a row out": Lie(shows=without("T3")),
    "shows a row that is not there": Lie(
        shows=lambda rows: [*rows, rows[0] | {"tree_id": "T98"}] if len(rows) > 1 else rows
    ),
    "shows a column empty": Lie(
        shows=lambda rows: [{k: v for k, v in row.items() if k != "planted_at"} for row in rows]
    ),
    "counts one row less": Lie(
        counts=lambda told, asked: told
        | {name: str(int(told[name]) - 1) for name, what in asked.items() if what == "count(*)"},
        after_writing=True,
    ),
}  # fmt: skip
STAMMERS = {
    "slow": Lie(seconds=0.1),
    "a page": Lie(answers=lambda _: ("text/html", b"<p>We are down."), after_writing=True),
    "a page called JSON": Lie(
        answers=lambda _: ("application/json", b"<p>We are down."), after_writing=True
    ),
    "half an answer": Lie(
        answers=lambda body: ("application/json", body[: len(body) // 2]), after_writing=True
    ),
    "no answer": Lie(answers=lambda _: ("application/json", b""), after_writing=True),
}  # fmt: skip


@pytest.fixture
def liar(
    tmp_path: Path, settings: Settings, state: State, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Park, LyingPortal]]:
    monkeypatch.setattr(verification, "FRESH_SECONDS", 1.0)
    monkeypatch.setattr(delivery, "PATIENCE", replace(delivery.PATIENCE, sleep=lambda _: None))
    with (
        PortalServer(settings.portal_home) as portal,
        lying_portal(settings.portal_home, portal.address) as liar,
    ):
        park = Park(tmp_path, settings, state, portal)
        assert park.publish_rows(BEFORE).state == "verified"
        yield park, liar


def seen(park: Park) -> dict[str, Row]:
    """What the public sees."""
    return park.on_portal()


def wanted() -> dict[str, Row]:
    return {row["tree_id"]: row for row in WANTED}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_lie_never_ends_verified(liar: tuple[Park, LyingPortal], lie: Lie) -> None:
    """Unless sending once more what was missing made it true."""
    park, portal = liar
    portal.begin(lie)
    try:
        park.publish_rows(WANTED, extracted_at=AFTER)
    except SummerwareError:
        assert park.states() == ["verified", "failed"]
    else:
        assert seen(park) == wanted()


@pytest.mark.parametrize("lie", STAMMERS.values(), ids=STAMMERS)
def test_what_only_stammers_is_proven_later(liar: tuple[Park, LyingPortal], lie: Lie) -> None:
    """Not yet proven is not failed: nothing is sent twice, and the next run ends it."""
    park, portal = liar
    portal.begin(lie)
    try:
        park.publish_rows(WANTED, extracted_at=AFTER)
    except TransientError:
        assert park.states()[-1] in ("released", "sent")
    portal.begin(HONEST)
    park.publish_rows(WANTED, extracted_at=LATER)
    assert set(park.states()) <= {"verified", "unchanged"}
    assert seen(park) == wanted()


def test_untouched_row_is_looked_at_where_nothing_was_sent(
    liar: tuple[Park, LyingPortal],
) -> None:
    """A day without news is a proof, too."""
    park, portal = liar
    portal.begin(LIES["changes a text that nobody touched"])
    with pytest.raises(SummerwareError, match="1 rows changed"):
        park.publish_rows(BEFORE, extracted_at=AFTER)
    assert park.states() == ["verified", "failed"]
