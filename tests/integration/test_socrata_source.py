"""The `socrata` source against the local portal, through the real client."""

import gzip
import json
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from orchestration.dataset import TIME_ZONE, Dataset
from orchestration.errors import ConfigurationError, ExtractRefused, PassingFault, PortalFault
from orchestration.portal.server import PortalServer
from orchestration.settings import Settings
from orchestration.sources import socrata
from orchestration.sources.raw_layer import make_raw_layer
from orchestration.sources.socrata import SocrataSource
from orchestration.state.store import State

TODAY = datetime.now(ZoneInfo(TIME_ZONE)).date()
COLUMNS = {"fieldinterviewid": "text", "subjectid": "text", "nopd_item": "text"}
SECRET = "officer_name"


class CountingAdapter(HTTPAdapter):
    """The real transport, counting what goes through it, which can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []
        self.cut_after = 1_000

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if "$order" in request.url or "%24order" in request.url:
            self.queries.append(request.url)
            if len(self.queries) > self.cut_after:
                raise requests.ConnectionError("cut")
        return super().send(request, *args, **kwargs)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Socrata]:
    with PortalServer(tmp_path_factory.mktemp("portal") / "home") as server:
        adapter = {"prefix": "http://", "adapter": HTTPAdapter()}
        login = {"username": "local", "password": "local"}
        with Socrata(server.address, "local", session_adapter=adapter, **login) as client:
            yield client


@pytest.fixture(scope="module")
def stops_on_portal(portal: Socrata) -> str:
    """The id of a public dataset with seven rows and a column that we do not list."""
    columns = [
        {"fieldName": name, "name": name, "dataTypeName": kind}
        for name, kind in {**COLUMNS, SECRET: "text"}.items()
    ]
    identifier = str(portal.create("Stops", columns=columns)["id"])
    rows = [{"fieldinterviewid": f"5{n}", "subjectid": f"8{n}", SECRET: "CANARY"} for n in range(7)]
    portal.upsert(identifier, rows)
    portal.publish(identifier)
    portal.set_permission(identifier, "public")
    return identifier


@pytest.fixture
def stops(datasets: dict[str, Dataset], portal: Socrata, stops_on_portal: str) -> Dataset:
    """The dataset file of stops, read from the local portal."""
    stops = datasets["stops"]
    where = {"domain": portal.domain, "ids": (stops_on_portal,)}
    source = stops.source.model_copy(
        update={"socrata": stops.source.socrata.model_copy(update=where)}  # type: ignore[union-attr]
    )
    return stops.model_copy(update={"source": source})


@pytest.fixture
def adapter() -> CountingAdapter:
    return CountingAdapter()


@pytest.fixture
def source(
    settings: Settings, adapter: CountingAdapter, monkeypatch: pytest.MonkeyPatch
) -> SocrataSource:
    # Pages of three rows, because a page of the real size would need 50,000 rows here.
    monkeypatch.setattr(socrata, "PAGE", 3)
    return SocrataSource(settings, session_adapter={"prefix": "http://", "adapter": adapter})


def downloaded(home: Path) -> Path:
    (extract,) = (home / "downloads" / "stops").glob("*.json.gz")
    return extract


def test_all_rows_in_pages(
    source: SocrataSource, adapter: CountingAdapter, stops: Dataset, home: Path
) -> None:
    """Every row comes once, over as many pages as it takes, listed columns only."""
    (found,) = source.find(stops, as_of=None)
    assert found.time_source == "portal"
    assert found.extracted_at.date() == TODAY
    text = gzip.decompress(found.path.read_bytes()).decode()
    rows = json.loads(text)
    assert [row["subjectid"] for row in rows] == [f"8{n}" for n in range(7)]
    assert set(rows[0]) == set(COLUMNS)
    assert len(adapter.queries) == 3
    assert "CANARY" not in text
    assert SECRET not in text
    assert [path.name for path in found.path.parent.iterdir()] == [downloaded(home).name]


def test_lands(source: SocrataSource, stops: Dataset, settings: Settings, state: State) -> None:
    """A download is an extract like any other; a listed column without any value is not missing."""
    outcome = make_raw_layer(settings, state, stops, source, as_of=None, run_id="run")
    assert outcome is not None
    assert outcome.layer.facts["lines"] == 7
    assert outcome.layer.facts["columns"] == ["field_interview_id", "item_number", "subject_id"]


def test_one_download_a_day(
    source: SocrataSource, adapter: CountingAdapter, stops: Dataset
) -> None:
    """What was downloaded today is not downloaded again."""
    first = list(source.find(stops, as_of=None))
    assert list(source.find(stops, as_of=TODAY)) == first
    assert len(adapter.queries) == 3


def test_as_of_an_earlier_day(
    source: SocrataSource, adapter: CountingAdapter, stops: Dataset, home: Path
) -> None:
    """An earlier day has the downloads of then; the portal is not asked."""
    list(source.find(stops, as_of=None))
    earlier = downloaded(home).with_name("stops_2022-01-01.json.gz")
    shutil.copy(downloaded(home), earlier)
    asked = len(adapter.queries)
    (found,) = source.find(stops, as_of=TODAY - timedelta(days=1))
    assert found.path == earlier
    assert found.extracted_at.date() == date(2022, 1, 1)
    assert len(adapter.queries) == asked


def test_goes_on_where_it_was_cut(
    source: SocrataSource, adapter: CountingAdapter, stops: Dataset
) -> None:
    """After a broken connection the pages that came are not asked for again."""
    adapter.cut_after = 2
    with pytest.raises(PassingFault, match="what came is kept"):
        source.find(stops, as_of=None)
    adapter.cut_after = 1_000
    (found,) = source.find(stops, as_of=None)
    assert len(adapter.queries) == 2 + 1 + 1
    assert len(json.loads(gzip.decompress(found.path.read_bytes()))) == 7


def test_pages_of_another_day_are_thrown_away(
    source: SocrataSource, stops: Dataset, home: Path
) -> None:
    """Pages of two days would be of two states of the portal."""
    old = home / "downloads" / "stops" / ".stops_2022-01-01.json.gz.pages"
    old.mkdir(parents=True)
    (old / "page.json").write_text("[]")
    list(source.find(stops, as_of=None))
    assert not old.exists()


def test_modes(source: SocrataSource, stops: Dataset, home: Path) -> None:
    """Downloads can be read by their owner alone."""
    mask = os.umask(0)
    try:
        (found,) = source.find(stops, as_of=None)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(found.path.parent.stat().st_mode) == 0o700


def with_ids(dataset: Dataset, *ids: str, domain: str | None = None) -> Dataset:
    where: dict[str, Any] = {"ids": ids}
    if domain:
        where["domain"] = domain
    assert dataset.source.socrata is not None
    portal = dataset.source.socrata.model_copy(update=where)
    return dataset.model_copy(
        update={"source": dataset.source.model_copy(update={"socrata": portal})}
    )


def test_several_portal_datasets_are_one_extract(
    source: SocrataSource, stops: Dataset, stops_on_portal: str, portal: Socrata
) -> None:
    """Years that have a portal dataset each are read one after the other."""
    columns = [{"fieldName": "subjectid", "name": "s", "dataTypeName": "text"}]
    second = str(portal.create("More stops", columns=columns)["id"])
    portal.upsert(second, [{"subjectid": "more"}])
    portal.publish(second)
    portal.set_permission(second, "public")
    (found,) = source.find(with_ids(stops, stops_on_portal, second), as_of=None)
    rows = json.loads(gzip.decompress(found.path.read_bytes()))
    assert sorted(row["subjectid"] for row in rows) == [*(f"8{n}" for n in range(7)), "more"]


def test_refusal_is_not_tried_again(source: SocrataSource, stops: Dataset) -> None:
    """A dataset that the portal does not have will not be there in five seconds either."""
    with pytest.raises(PortalFault, match="HTTP 404"):
        source.find(with_ids(stops, "none-here"), as_of=None)


def test_portal_out_of_reach(source: SocrataSource, stops: Dataset) -> None:
    """A portal that does not answer may answer next time."""
    with pytest.raises(PassingFault, match="could not be read"):
        source.find(with_ids(stops, "none-here", domain="127.0.0.1:9"), as_of=None)


def test_no_listed_column(source: SocrataSource, stops: Dataset, portal: Socrata) -> None:
    """A portal dataset without any listed column is the wrong one."""
    columns = [{"fieldName": "other", "name": "o", "dataTypeName": "text"}]
    other = str(portal.create("Other", columns=columns)["id"])
    portal.publish(other)
    portal.set_permission(other, "public")
    with pytest.raises(ExtractRefused, match="none of the columns"):
        source.find(with_ids(stops, other), as_of=None)


def test_dataset_that_no_portal_has(source: SocrataSource, stops: Dataset) -> None:
    """A dataset file without `source.socrata` cannot be read from a portal."""
    without = stops.source.model_copy(update={"socrata": None})
    with pytest.raises(ConfigurationError, match=r"stops\.yaml: source\.socrata"):
        source.find(stops.model_copy(update={"source": without}), as_of=None)
