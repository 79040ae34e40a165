"""Law 12 from the source's file to the portal: what is not known is not published.

Small invented extracts of calls go through the whole daily run, with dirt of every kind that was ever
published by mistake. What stands on the portal afterwards is asked of the portal itself.
"""

import csv
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import expect

from orchestration.classification.answering import propose, sign
from orchestration.classification.in_force import classes_in_force
from orchestration.classification.questions import open_questions
from orchestration.errors import ConfigurationError
from orchestration.settings import PACKAGE
from orchestration.state.classifications import Answer
from tests.acceptance.city import City, copied, environment_of
from tests.browser.conftest import opened_page

CALLS = "calls_for_service"
DAY = "2026-11-27"
HEADINGS = (
    "NOPD_Item", "Type_", "TypeText", "Priority", "InitialType", "InitialTypeText",
    "InitialPriority", "MapX", "MapY", "TimeCreate", "TimeDispatch", "TimeArrive", "TimeClosed",
    "Disposition", "DispositionText", "SelfInitiated", "Beat", "BLOCK_ADDRESS", "Zip",
    "PoliceDistrict", "Location",
)  # fmt: skip
"""The headings of calls for service, as the city writes them."""
BEHIND = "{n}B Canal St Rear"
"""The one exact place whose block is told for certain: it goes out as the block."""
HOMES = [
    "{n}, Canal St", "{n} - Canal St", "({n}) Canal St", "Canal St {n}", "Canal St # {n}",
    "012XX Canal St APT {n}", "New Orleans LA {n} Canal St", "29.95{n},-90.07{n}", "#{n} Canal St",
    "Canal St & Bourbon St Unit {n}", "c/o {n} Canal St", BEHIND, "Canal St No. {n}",
]  # fmt: skip
"""Exact places in forms that no list of ours has, but one."""
WORDS = [
    "RAPE / SEXUAL ASSAULT / {n}A", "JUVENILE MISSING {n}", "SIMPLE RAPE {n}", "NEW WORD {n}", "#N/A",
]  # fmt: skip
"""Types that nobody classified, some of which resemble a covered one."""


def call(number: int, **cells: str) -> dict[str, str]:
    """A good call of the last days before the extract."""
    day, minute = 23 + number % 4, number % 60
    good = {
        "NOPD_Item": f"K{number:05}26", "Type_": "21", "TypeText": "COMPLAINT OTHER", "Priority": "1A",
        "InitialType": "21", "InitialTypeText": "COMPLAINT OTHER", "InitialPriority": "1A",
        "MapX": "3680000", "MapY": "530000", "TimeCreate": f"11/{day}/2026 10:{minute:02}:00",
        "TimeDispatch": f"11/{day}/2026 11:00:00", "TimeArrive": f"11/{day}/2026 11:10:00",
        "TimeClosed": f"11/{day}/2026 12:00:00", "Disposition": "NAT",
        "DispositionText": "NECESSARY ACTION TAKEN", "SelfInitiated": "N", "Beat": "8I01",
        "BLOCK_ADDRESS": "004XX Bourbon St", "Zip": "70112", "PoliceDistrict": "8",
        "Location": "POINT (-90.06812345 29.95612345)",
    }  # fmt: skip
    return good | cells


def write_calls(folder: Path, rows: Sequence[Mapping[str, str]], *, day: str = DAY) -> Path:
    """Writes one extract into a drop folder; returns the folder."""
    path = folder / CALLS / f"calls_{day}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEADINGS)
        writer.writeheader()
        writer.writerows(rows)
    return folder


def seeded_dirt(seed: int, *, count: int) -> list[dict[str, str]]:
    """Bad calls of every kind, by a seed; their keys begin with L."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        n = str(draw.randint(2, 9999))
        cells = draw.choice(
            [
                {"BLOCK_ADDRESS": draw.choice(HOMES).format(n=n)},
                {"TypeText": draw.choice(WORDS).format(n=n)},
                {"InitialTypeText": draw.choice(WORDS).format(n=n)},
                {"Type_": f"{n}ZZ"},
                {"TypeText": ""},
                {"DispositionText": f"CALL 504-555-{int(n):04}"},
                {"DispositionText": f"SUBJECT DOB 01/02/19{n[:2]:0>2}"},
            ]
        )
        rows.append(call(number, NOPD_Item=f"L{number:05}26", **cells))
    return rows


def only_good(city: City, dirt: Sequence[Mapping[str, str]]) -> bool:
    """Whether the good calls are on the portal, and of the bad ones blocks of certain homes alone."""
    blocks = {row["NOPD_Item"]: block for row in dirt if (block := _block(row["BLOCK_ADDRESS"]))}
    wanted = {row["NOPD_Item"]: row["BLOCK_ADDRESS"] for row in GOOD} | blocks
    query = f"select item_number, block_address from read_parquet('{city.snapshot(CALLS)}')"
    return keys_on_portal(city) == set(wanted) and dict(duckdb.sql(query).fetchall()) == wanted


def _block(cell: str) -> str | None:
    number = re.fullmatch(BEHIND.format(n="([0-9]+)"), cell)
    return f"{int(number[1]) // 100:03}XX Canal St" if number else None


def keys_on_portal(city: City) -> set[str]:
    """The keys that the last proven publication left there."""
    rows = duckdb.sql(f"select item_number from read_parquet('{city.snapshot(CALLS)}')").fetchall()
    assert city.portal_rows("Calls") == len(rows)
    return {key for (key,) in rows}


GOOD = [call(number) for number in range(60)]
NEW_WORD = "PARADE ROUTE CHECK"


@pytest.fixture(scope="module")
def first_day(new_city: Callable[[], City]) -> City:
    """A city after a day of 60 good calls, 40 bad ones and two of a type that is new."""
    city = new_city()
    datasets = copied(PACKAGE / "datasets", city.root / "datasets")
    (datasets / "signers.csv").write_text("name,roles\nAnn,engineer\nBob,custodian releaser\n")
    city.use(SUMMERWARE_DATASETS=datasets)
    new = [call(200 + n, TypeText=NEW_WORD, InitialTypeText=NEW_WORD) for n in range(2)]
    drop = write_calls(city.root / "drop", [*GOOD, *seeded_dirt(1, count=40), *new])
    city.run(CALLS, source="files", extracts_dir=drop, as_of=DAY)
    return city


def test_no_dirt_reaches_the_portal(first_day: City) -> None:
    """Of a day of good and bad calls exactly the good ones are on the portal."""
    assert only_good(first_day, seeded_dirt(1, count=40))


def test_waiting_counts_as_no_failure(first_day: City) -> None:
    """All bad rows wait, many more than the limit of quarantined ones, and the gate passes."""
    fates = first_day.ledger(CALLS)["fates"]
    assert fates == {
        "published": 60, "merged": 0, "superseded": 0, "quarantined": 0, "withheld": 42
    }  # fmt: skip


def test_new_word_is_asked_once(first_day: City) -> None:
    """A word is one question, however many lines say it; those that resemble a covered one go first."""
    found = open_questions(first_day.settings, first_day.state, first_day._dataset(CALLS))
    assert [one.lines for one in found if one.value == NEW_WORD] == [2]
    urgent = [one.is_urgent for one in found]
    assert urgent == sorted(urgent, reverse=True)
    assert any(one.is_urgent and one.value.startswith("JUVENILE MISSING") for one in found)


def test_blank_cell_is_shown_with_what_stands_beside_it(first_day: City) -> None:
    """Nobody can answer for it; the list says so, and what the lines' other deciding columns say."""
    told = first_day.command("classify", CALLS).stdout
    (line,) = [one for one in told.splitlines() if "a blank cell" in one]
    assert line.strip().startswith("call_type_text: a blank cell on ")
    assert "“21” in call_type_code on" in line
    assert line.endswith("only the source can say it")


def test_signed_word_goes_on_by_itself(first_day: City, tmp_path: Path) -> None:
    """Proposed by one person and signed by the custodian, its rows are published by the next run."""
    city, dataset = first_day.copy(tmp_path), first_day._dataset(CALLS)
    settings, state = city.settings, city.state
    answer = Answer(column="call_type_text", value=NEW_WORD, verdict="harmless", reason="a parade")
    classes = classes_in_force(settings, state, dataset)
    ids = propose(settings, state, dataset, classes, [answer], by="Ann")
    city.run(CALLS, source="files", extracts_dir=first_day.root / "drop", as_of=DAY)
    assert len(keys_on_portal(city)) == 60, "a proposal alone changes nothing"
    for name, why in (("Ann", "as custodian"), ("Nobody", "as custodian")):
        with pytest.raises(ConfigurationError, match=why):
            sign(settings, state, dataset, ids, by=name)
    assert sign(settings, state, dataset, ids, by="Bob") == 1
    city.run(CALLS, source="files", extracts_dir=first_day.root / "drop", as_of=DAY)
    assert len(keys_on_portal(city)) == 62


@contextmanager
def signing_page(city: City) -> Iterator[dict[str, str]]:
    """`summerware classify --page` over a city, as a process of its own; the link of each person."""
    command = [str(Path(sys.executable).with_name("summerware")), "classify", CALLS, "--page"]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment_of(city)
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            lines = [process.stdout.readline().strip().partition(": ") for _ in ("Ann", "Bob")]
            yield {name: link for name, _, link in lines}
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0, "Ctrl-C is how it ends"


def test_word_signed_on_the_page_is_published(first_day: City, tmp_path: Path) -> None:
    """In a real browser: proposed by Ann, signed by Bob without a command line, published by a run."""
    city = first_day.copy(tmp_path)
    city.use(SUMMERWARE_HOME=city.home)
    with signing_page(city) as links, opened_page() as page:
        page.goto(links["Ann"])
        card = page.locator("section", has=page.get_by_text(NEW_WORD, exact=True))
        card.get_by_label("What is it?").select_option("harmless")
        card.get_by_label("Why?").fill("A parade is no secret.")
        card.get_by_role("button", name="Propose").click()
        expect(page.get_by_role("status")).to_contain_text("a custodian signs")
        page.goto(links["Bob"])
        card = page.locator("section", has=page.get_by_text(NEW_WORD, exact=True))
        expect(card).to_contain_text("2 lines of the newest extracts")
        expect(card).to_contain_text("A parade is no secret.")
        card.get_by_label("I have read this one").check()
        page.get_by_role("button", name="Sign", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("The next run goes by it")
        page.reload()
        expect(page.get_by_text(f"signed that “{NEW_WORD}”")).to_be_visible()
    city.run(CALLS, source="files", extracts_dir=first_day.root / "drop", as_of=DAY)
    assert len(keys_on_portal(city)) == 62


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 102))
def test_no_dirt_of_any_seed_reaches_the_portal(new_city: Callable[[], City], seed: int) -> None:
    """The same for a hundred days of other dirt, ten kinds of it in each."""
    city = new_city()
    dirt = seeded_dirt(seed, count=200)
    drop = write_calls(city.root / "drop", [*GOOD, *dirt])
    city.run(CALLS, source="files", extracts_dir=drop, as_of=DAY)
    assert only_good(city, dirt)
