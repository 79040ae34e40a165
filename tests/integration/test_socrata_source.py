"""The `socrata` source against the local portal, through the real client."""

import gzip
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from orchestration.dataset import TIME_ZONE, Dataset
from orchestration.errors import (
    ConfigurationError,
    ExtractRefused,
    PortalFault,
    TransientError,
)
from orchestration.portal.server import PortalServer
from orchestration.settings import Settings
from orchestration.sources import socrata
from orchestration.sources.socrata import SocrataSource
from orchestration.state.store import State
from orchestration.steps.raw_layer import make_raw_layer
from orchestration.takedown.orders import Order, record

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


def hashing(dataset: Dataset, name: str) -> Dataset:
    """The dataset with one column that is kept as hashes only."""
    columns = [
        column.model_copy(update={"privacy": "never"}) if column.name == name else column
        for column in dataset.columns
    ]
    return dataset.model_copy(update={"columns": tuple(columns)})


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


def test_download_goes_once_it_has_landed(
    source: SocrataSource,
    adapter: CountingAdapter,
    stops: Dataset,
    settings: Settings,
    state: State,
) -> None:
    """What it held is kept as landed, and the same day asks for it no more."""
    raw = make_raw_layer(settings, state, stops, source, as_of=None, run_id="run")
    again = make_raw_layer(settings, state, stops, source, as_of=None, run_id="again")
    assert raw is not None
    assert again is not None
    assert again.extracts == raw.extracts
    assert len(adapter.queries) == 3
    (left,) = (settings.home / "downloads" / "stops").iterdir()
    assert "fieldinterviewid" not in left.read_text()


@pytest.mark.parametrize("cause", ["the rows are gone", "the dataset file reads them otherwise"])
def test_landed_day_is_downloaded_again_where_it_must_be(
    source: SocrataSource,
    adapter: CountingAdapter,
    stops: Dataset,
    settings: Settings,
    state: State,
    cause: str,
) -> None:
    """A marker stands for rows that are there, read as the dataset file says today."""
    raw = make_raw_layer(settings, state, stops, source, as_of=None, run_id="run")
    assert raw is not None
    if cause == "the rows are gone":
        shutil.rmtree(settings.home / raw.extracts[0].path)
    else:
        stops = hashing(stops, "item_number")
    (found,) = source.find(stops, as_of=None)
    assert found.landed_as is None
    assert len(adapter.queries) == 6


def test_landed_day_that_a_restored_state_does_not_know_is_downloaded_again(
    source: SocrataSource,
    adapter: CountingAdapter,
    stops: Dataset,
    settings: Settings,
    state: State,
) -> None:
    """Markers are in no backup: one may tell of more than the state that was put back."""
    make_raw_layer(settings, state, stops, source, as_of=None, run_id="run")
    with state.engine.begin() as connection:
        connection.exec_driver_sql("delete from extract")
    again = make_raw_layer(settings, state, stops, source, as_of=None, run_id="again")
    assert again is not None
    assert again.layer.facts["lines"] == 7
    assert len(adapter.queries) == 6


@pytest.mark.parametrize("cut_after", [1, 1_000], ids=["in its pages", "before it landed"])
def test_download_read_otherwise_is_another(
    source: SocrataSource, adapter: CountingAdapter, stops: Dataset, cut_after: int
) -> None:
    """Pages without a column that was listed since would be rows without it."""
    fewer = tuple(column for column in stops.columns if column.name != "item_number")
    adapter.cut_after = cut_after
    with suppress(TransientError):
        source.find(stops.model_copy(update={"columns": fewer}), as_of=None)
    adapter.cut_after = 1_000
    asked = len(adapter.queries)
    (found,) = source.find(stops, as_of=None)
    assert len(adapter.queries) == asked + 3
    assert "nopd_item" in json.loads(gzip.decompress(found.path.read_bytes()))[0]
    assert [path.name for path in found.path.parent.iterdir()] == [found.path.name]


def test_erased_column_is_never_asked_for(
    source: SocrataSource,
    adapter: CountingAdapter,
    stops: Dataset,
    settings: Settings,
    state: State,
) -> None:
    """What an order erased does not come back under the home, however shortly."""
    order = Order(
        keys=(), column="item_number", authority="Court, 26-1", reason="", by="Ann", purge=True
    )
    record(settings, state, stops, order)
    make_raw_layer(settings, state, stops, source, as_of=None, run_id="run")
    assert not [query for query in adapter.queries if "nopd_item" in query]


def test_what_is_only_hashed_is_never_asked_for(
    source: SocrataSource, adapter: CountingAdapter, stops: Dataset
) -> None:
    """Its heading is known and its cells stay where they are."""
    (found,) = source.find(hashing(stops, "item_number"), as_of=None)
    assert not [query for query in adapter.queries if "nopd_item" in query]
    rows = json.loads(gzip.decompress(found.path.read_bytes()))
    assert {row["nopd_item"] for row in rows if "nopd_item" in row} == {None}


def test_as_of_an_earlier_day(
    source: SocrataSource,
    adapter: CountingAdapter,
    stops: Dataset,
    settings: Settings,
    state: State,
) -> None:
    """An earlier day has what landed then; the portal is not asked."""
    raw = make_raw_layer(settings, state, stops, source, as_of=None, run_id="run")
    assert raw is not None
    (marker,) = (settings.home / "downloads" / "stops").iterdir()
    earlier = marker.rename(marker.with_name(marker.name.replace(str(TODAY), "2022-01-01")))
    asked = len(adapter.queries)
    (found,) = source.find(stops, as_of=TODAY - timedelta(days=1))
    assert (found.path, found.landed_as) == (earlier, raw.extracts[0].id)
    assert found.extracted_at.date() == date(2022, 1, 1)
    assert len(adapter.queries) == asked


def test_downloads_of_an_earlier_version_go(
    source: SocrataSource, stops: Dataset, settings: Settings, state: State
) -> None:
    """They were kept for ever; of a complete dataset only the newest ever lands."""
    complete = stops.model_copy(
        update={"source": stops.source.model_copy(update={"kind": "complete"})}
    )
    old = settings.home / "downloads" / "stops" / "stops_2022-01-01.json.gz"
    old.parent.mkdir(parents=True)
    old.write_bytes(gzip.compress(b"[]"))
    make_raw_layer(settings, state, complete, source, as_of=None, run_id="run")
    assert not [*old.parent.glob("*.json.gz")]


def test_goes_on_where_it_was_cut(
    source: SocrataSource, adapter: CountingAdapter, stops: Dataset
) -> None:
    """After a broken connection the pages that came are not asked for again."""
    adapter.cut_after = 2
    with pytest.raises(TransientError, match="what came is kept"):
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
    with pytest.raises(TransientError, match="could not be read"):
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
