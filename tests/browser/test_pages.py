"""What people look at, in a real browser: the Dagster UI over a stopped gate, and the portal's page.

Sample rows only. `SUMMERWARE_PICTURES=docs/images` also keeps the pictures that the README shows.
"""

import csv
import gzip
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from playwright.sync_api import Page, expect

from orchestration.publishing.targets import local_portal
from orchestration.sources.sample import generate
from tests.acceptance.city import City, dagster_daemon, dagster_webserver

FORCE = "use_of_force"
GATE = "view=checks&checkDetail=standardized_gate"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Use of force published on one day and stopped at the standardized gate on the next."""
    with pytest.MonkeyPatch.context() as environment:
        made = City(tmp_path_factory.mktemp("city"), environment)
        drop = made.root / "drop"
        generate(drop, rows=2_000, seed=7, as_of=date(2026, 3, 1), datasets=[FORCE])
        assert made.run(FORCE, extracts_dir=drop).exit_code == 0
        generate(drop, rows=2_000, seed=7, as_of=date(2026, 3, 2), datasets=[FORCE])
        (file,) = (drop / FORCE).glob("*2026-03-02*")
        _shift_cells(file)
        assert made.run(FORCE, extracts_dir=drop).exit_code == 1
        yield made


def _shift_cells(file: Path) -> None:
    """Every fourth line has another column's text under Officer Injured."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))
    position = rows[0].index("Officer Injured")
    for row in rows[1::4]:
        row[position] = "refuse verbal commands"
    with gzip.open(file, "wt", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(rows)


@pytest.fixture(scope="module")
def dagster(city: City) -> Iterator[str]:
    """The real Dagster webserver over the city."""
    with dagster_webserver(city) as address:
        yield address


_SOME_CHECK_FAILED = """() => [...document.body.innerText.matchAll(/(\\d+) \\/ (\\d+) Passed/g)]
    .some(([, passed, all]) => Number(passed) < Number(all))"""


def test_asset_graph_shows_every_layer(
    dagster: str, page: Page, picture: Callable[[Page, str], None]
) -> None:
    """The dataset's group shows four assets in a row, the gate's failure among them."""
    page.goto(f"{dagster}/locations/orchestration.definitions/asset-groups/{FORCE}/lineage")
    for layer in ("raw", "standardized", "deduplicated", "published"):
        expect(page.get_by_text(layer, exact=True).first).to_be_visible()
    page.wait_for_function(_SOME_CHECK_FAILED)
    picture(page, "asset-graph")


def test_failed_check_tells_what_failed(
    dagster: str, page: Page, city: City, picture: Callable[[Page, str], None]
) -> None:
    """The check's page says what failed, how bad, since when and what to do, without a log or click."""
    page.goto(f"{dagster}/assets/standardized/{FORCE}?{GATE}")
    expect(page.get_by_text("lines quarantined, more than the limit").first).to_be_visible()
    expect(page.get_by_text("officer_injured_in_domain").first).to_be_visible()
    expect(page.get_by_text("Since when:").first).to_be_visible()
    expect(page.get_by_text("What to do:").first).to_be_visible()
    shown = page.inner_text("body")
    stopped = city.layer(FORCE, "standardized").run_id
    assert f"Nothing has passed this gate since run {stopped[:8]}" in shown
    assert "Every officer_injured is a list, each part of it of the form Yes|No." in shown
    assert f"summerware discard {FORCE}" in shown
    assert "quarantined_lines" in shown
    assert "refuse verbal commands" not in shown
    picture(page, "failed-gate")


def test_failed_check_draws_its_counts(dagster: str, page: Page) -> None:
    """Rows, quarantined lines and each rule's failing rows are plots."""
    page.goto(f"{dagster}/assets/standardized/{FORCE}?{GATE}")
    for name in ("rows", "quarantined_share", "failing/officer_injured_in_domain"):
        # Once among the figures, and once as the title of a plot.
        expect(page.get_by_text(name, exact=True)).to_have_count(2)


def test_failed_check_lists_all_failing_rows(dagster: str, page: Page, city: City) -> None:
    """The query that a click shows names the layer's real file, and finds as many rows as it says."""
    page.goto(f"{dagster}/assets/standardized/{FORCE}?{GATE}")
    row = page.locator("tr", has_text="all_failing_rows").last
    row.get_by_text("[Show Markdown]").click()
    query = page.locator("pre", has_text="officer_injured").first
    expect(query).to_be_visible()
    text = query.inner_text()
    assert f"{city.layer(FORCE, 'standardized').path}/stg_{FORCE}.parquet" in text
    rule = city.rule(FORCE, "standardized", "officer_injured_in_domain")
    assert len(duckdb.connect().execute(text).fetchall()) == rule["failing"]
    assert "refuse verbal commands" not in page.inner_text("body")


def test_run_page_of_a_failed_gate_answers(dagster: str, page: Page, city: City) -> None:
    """The failed run's page says in its error what failed, how bad, since when and what comes next."""
    run_id = city.layer(FORCE, "standardized").run_id
    page.goto(f"{dagster}/runs/{run_id}")
    told = page.get_by_text(f"{FORCE}: standardized gate failed:").last
    expect(told).to_be_visible()
    line = " ".join(told.inner_text().split())
    for part in (
        "lines quarantined, more than the limit of 2.0%",
        "officer_injured_in_domain",
        f"Since run {run_id[:8]}",
        "Next: See all failing lines by the queries on the gate's page",
    ):
        assert part in line
    assert "refuse verbal commands" not in page.inner_text("body")


def test_columns_show_where_they_come_from(dagster: str, page: Page) -> None:
    """A raw column names its heading in the city's extract, which has a page of its own."""
    page.goto(f"{dagster}/assets/raw/{FORCE}")
    expect(page.get_by_text("from PIB File Number")).to_be_visible()
    expect(page.get_by_text("Freshness policy").first).to_be_visible()
    page.goto(f"{dagster}/assets/source/{FORCE}")
    expect(page.get_by_text("read_as: pib_file_number")).to_be_visible()


def test_daemon_tells_whether_an_asset_is_fresh(dagster: str, page: Page, city: City) -> None:
    """With the real daemon a published asset's page says that it is fresh, and when it will be late."""
    page.goto(f"{dagster}/assets/published/{FORCE}")
    expect(page.get_by_text("Not evaluated").first).to_be_visible()
    with dagster_daemon(city), dg.DagsterInstance.get() as instance:
        key = dg.AssetKey(["published", FORCE])
        deadline = time.monotonic() + 120
        while not instance.get_freshness_state_records([key]):
            assert time.monotonic() < deadline, "the daemon evaluated nothing"
            time.sleep(0.5)
    page.reload()
    expect(page.get_by_text("Passing").first).to_be_visible()
    expect(page.get_by_text("Warns if more than 30 hours").first).to_be_visible()


def test_portal_page_shows_the_published_rows(
    city: City, page: Page, picture: Callable[[Page, str], None]
) -> None:
    """The portal's page lists the dataset and shows the rows of the last good publication."""
    (publication,) = city.publications(FORCE)
    with local_portal(city.settings) as address:
        page.goto(f"http://{address}/")
        page.get_by_text("NOPD Use of Force Incidents").first.click()
        expect(page.get_by_text("pib file number").first).to_be_visible()
        shown = page.inner_text("body")
        assert f"{publication['rows']:,}" in shown
        assert "FTN20" in shown
        picture(page, "portal")
