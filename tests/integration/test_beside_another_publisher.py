"""Beside a city's present publisher: plans for people, the shadow, and taking a dataset over."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from orchestration.dataset import Dataset
from orchestration.errors import PublicationRefused
from orchestration.portal.server import PortalServer
from orchestration.publishing import publisher, targets
from orchestration.publishing.adoption import adopt_dataset
from orchestration.publishing.inspection import look, shadow_day
from orchestration.publishing.journal import plan_of
from orchestration.publishing.plan_view import view_plan
from orchestration.publishing.publisher import open_publisher
from orchestration.publishing.shadow import ShadowReport, shadow_page
from orchestration.publishing.targets import Target, open_target
from orchestration.publishing.transport import Credentials, SodaTransport
from orchestration.settings import Settings
from orchestration.state.store import Layer, State
from tests.park import AFTER, OAKS, Park
from tests.unit.publishing.conftest import read_rows, tree

THEIRS = [tree("T1"), tree("T2", species="OAK"), tree("T8"), tree("T9")]


@pytest.fixture
def park(tmp_path: Path, settings: Settings, state: State) -> Iterator[Park]:
    with PortalServer(settings.portal_home) as portal:
        park = Park(tmp_path, settings, state, portal)
        yield park


@pytest.fixture
def live(park: Park) -> str:
    """A dataset that somebody else publishes, named in the dataset file."""
    portal_id = park.make_on_portal(THEIRS)
    park.write_dataset(publish={"id": portal_id})
    return portal_id


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local portal with a login that may only read."""

    @contextmanager
    def open_as_viewer(settings: Settings, dataset: Dataset, **_: Any) -> Iterator[Target]:
        viewer = Credentials(app_token="local", username="viewer", password="viewer")
        with open_target(settings, dataset) as target, targets.local_portal(settings) as address:
            transport = SodaTransport(address, viewer, scheme="http")
            yield replace(target, transport=transport)
            transport.close()

    monkeypatch.setattr(publisher, "open_target", open_as_viewer)


def _layer(park: Park) -> Layer:
    fates = {"T1": "published", "T2": "published", "T3": "published", "T8": "withheld"}
    return park.layer(OAKS, fates=fates, corrections=[("2", "species", "species_spelled")])


def _shadow(park: Park, day: date = date(2022, 9, 10)) -> ShadowReport:
    with open_publisher(park.settings, park.state, park.dataset, to_read=True) as opened:
        return shadow_day(opened, _layer(park), day=day, run_id="shadow")


@pytest.mark.usefixtures("live", "reading")
def test_shadow_needs_read_rights_only(park: Park, live: str) -> None:
    """A login that may not write sees the whole comparison, and the rows stay as they are."""
    before = park.on_portal(live)
    plan = _shadow(park).plan
    assert (plan.inserts, plan.updates, plan.deletes) == (1, 1, 2)
    assert park.on_portal(live) == before


@pytest.mark.usefixtures("live", "reading")
def test_shadow_sends_nothing_but_reads(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a single POST, PUT or DELETE leaves, though the portal would refuse it."""
    sent: list[str] = []
    send = requests.Session.send

    def note(self: requests.Session, request: requests.PreparedRequest, **how: Any) -> Any:
        sent.append(str(request.method))
        return send(self, request, **how)

    monkeypatch.setattr(requests.Session, "send", note)
    _shadow(park)
    assert set(sent) == {"GET"}


@pytest.mark.usefixtures("live", "reading")
def test_shadow_files_are_for_their_owner_alone(park: Park) -> None:
    """The report, the rows and their folder."""
    folder = Path(_shadow(park).folder)
    modes = {path.name: oct(path.stat().st_mode)[-3:] for path in [folder, *folder.iterdir()]}
    assert modes == {"2022-09-10": "700", "differences.parquet": "600", "report.json": "600"}


@pytest.mark.usefixtures("live", "reading")
def test_shadow_gives_each_difference_its_rule(park: Park) -> None:
    """A corrected cell its correction, a row withheld its policy, and what nothing explains a word."""
    report = _shadow(park)
    told = {(one.change, one.column, one.rule): one.count for one in report.differences}
    assert told == {
        ("update", "species", "species_spelled"): 1,
        ("update", "height_feet", "as the extract has it"): 1,
        ("insert", "", "not on the portal"): 1,
        ("delete", "", "withheld_by_rule"): 1,
        ("delete", "", "not in the extract"): 1,
    }
    assert report.withheld == {"withheld_by_rule": 1}


@pytest.mark.usefixtures("live", "reading")
def test_shadow_keeps_each_day_and_tells_the_day_before(park: Park) -> None:
    """Row by row in Parquet, readable by the owner alone; the next day's counts stand beside."""
    first = _shadow(park)
    second = _shadow(park, date(2022, 9, 11))
    assert second.previous_day == "2022-09-10"
    assert all(one.count == one.before for one in second.differences)
    file = Path(first.folder) / "differences.parquet"
    assert oct(file.stat().st_mode)[-3:] == "600"
    (changed,) = [row for row in read_rows(file) if row["column_name"] == "species"]
    assert (changed["before"], changed["after"]) == ("OAK", "oak")


@pytest.mark.usefixtures("live", "reading")
def test_shadow_page_shows_each_difference_with_examples(park: Park) -> None:
    """Rule, counts and the first rows side by side; whole in itself, and every cell escaped."""
    report = _shadow(park)
    page = shadow_page(report, title="Trees <of> the city", examples=5)
    assert "Trees &lt;of&gt; the city" in page
    assert re.search(r"species</td><td>species_spelled</td>\s*<td class=\"number\">1</td>", page)
    assert re.search(r'<td>T2</td>\s*<td class="gone">OAK</td>\s*<td class="come">oak</td>', page)
    assert not re.search(r"<script|https?://|src=|keeper", page)
    assert "<td>T2</td>" not in shadow_page(report, title="Trees", examples=0)


def test_adopting_writes_nothing_and_neither_does_the_run_after(park: Park, live: str) -> None:
    """An unchanged dataset is taken over without rewriting a row."""
    updated = park.http("GET", f"/api/views/{live}.json").json()["rowsUpdatedAt"]
    with open_publisher(park.settings, park.state, park.dataset) as opened:
        adopted = adopt_dataset(opened, by="Ann", reason="we take over", run_id="adopt")
    assert (adopted.state, adopted.kind, adopted.plan["rows"]) == ("verified", "adopt", 4)
    outcome = park.publish_rows(THEIRS)
    assert outcome.state == "unchanged"
    assert park.http("GET", f"/api/views/{live}.json").json()["rowsUpdatedAt"] == updated
    assert [one.body["kind"] for one in park.receipts()] == ["adopt", "publish"]


@pytest.mark.usefixtures("live")
def test_plan_of_an_adoption_can_be_shown(park: Park) -> None:
    """It moved nothing, and says so."""
    with open_publisher(park.settings, park.state, park.dataset) as opened:
        adopted = adopt_dataset(opened, by="Ann", reason="we take over", run_id="adopt")
    folder = park.settings.home / adopted.path
    view = view_plan(park.dataset, plan_of(adopted), folder, examples=5, publication_id=adopted.id)
    assert (view.plan.writes, view.plan.unchanged) == (0, 4)
    assert not any(view.examples.values())


@pytest.mark.usefixtures("live")
def test_adopting_twice_is_refused(park: Park) -> None:
    """What changed since is an edit, and people decide it."""
    park.publish_rows(OAKS)
    with (
        open_publisher(park.settings, park.state, park.dataset) as opened,
        pytest.raises(PublicationRefused, match=r"a publication of ours .* already"),
    ):
        adopt_dataset(opened, by="Ann", reason="again", run_id="adopt")


# Plans for people


def _view(park: Park, layer: Layer) -> Any:
    with open_publisher(park.settings, park.state, park.dataset) as opened:
        return look(opened, layer, examples=5, run_id="plan")


def test_plan_shows_rows_before_and_after(park: Park) -> None:
    """Inserted, changed and deleted rows, cell by cell, by month and by the columns asked for."""
    park.write_dataset(plan_by=["species"])
    park.publish_rows(OAKS)
    after = [tree("T1", species="elm"), tree("T2", height_feet=3.5), tree("T4")]
    view = _view(park, park.passed(park.layer(after, extracted_at=AFTER)))
    changed = [cell for cell in view.examples["update"][0].cells if cell.changed]
    assert [(cell.column, cell.before, cell.after) for cell in changed] == [
        ("species", "oak", "elm")
    ]
    assert [one.key for one in view.examples["insert"]] == ["T4"]
    assert [one.key for one in view.examples["delete"]] == ["T3"]
    counts = {group.value: group.counts for group in view.groups["species"]}
    assert counts == {"elm": {"update": 1}, "oak": {"delete": 1, "insert": 1}}
    assert park.states() == ["verified"]


def test_plan_says_what_stands_between_it_and_the_portal(park: Park) -> None:
    """A gate that did not pass, a guard that would stop it: shown, marked, not sent."""
    park.write_dataset(guards={"deletes_share": 0.01})
    park.publish_rows(OAKS)
    notes = " ".join(_view(park, park.layer(OAKS[:2], extracted_at=AFTER)).notes)
    assert "Would not be sent. trees: the raw gate was never run" in notes
    assert "guard deletes: 1 of 3 rows would be deleted" in notes


def test_plan_page_is_whole_and_escaped(park: Park) -> None:
    """One file without scripts or links; what stands in a cell stays text."""
    view = _view(park, park.layer([tree("T1", species="<script>alert(1)</script>")]))
    page = view.as_page()
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"<script|https?://|src=", page)
    assert json.loads(json.dumps(view.as_json()))["plan"]["inserts"] == 1


def test_plan_shows_published_columns_only(park: Park) -> None:
    """What is internal is not in the plan's files, and so not on the page."""
    view = _view(park, park.layer(OAKS))
    assert "keeper" not in view.as_page()
