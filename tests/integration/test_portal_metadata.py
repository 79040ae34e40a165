"""Titles, descriptions, licence and columns on the real local portal: set once, and only ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.portal.server import PortalServer
from orchestration.publishing.portal_metadata import describe
from orchestration.publishing.targets import open_target
from orchestration.settings import Settings
from orchestration.state.store import State
from tests.park import OAKS, Park


@pytest.fixture
def park(tmp_path: Path, settings: Settings, state: State) -> Iterator[Park]:
    with PortalServer(settings.portal_home) as portal:
        park = Park(tmp_path, settings, state, portal)
        park.publish_rows(OAKS)
        yield park


def _describe(park: Park) -> list[str]:
    with open_target(park.settings, park.dataset) as target:
        return describe(target.transport, park.dataset, park.portal_id())


def _metadata(park: Park) -> dict[str, Any]:
    found: dict[str, Any] = park.http("GET", f"/api/views/{park.portal_id()}.json").json()
    return found


def test_publication_describes_the_dataset(park: Park) -> None:
    """Licence, row label, frequency and contact stand there, and the receipt says what was set."""
    found = _metadata(park)
    assert found["license"] == {"name": "None"}
    assert found["metadata"]["rowLabel"] == "tree"
    assert found["metadata"]["custom_fields"]["Publication"] == {
        "Update Frequency": "Daily", "Contact": "parks@example.org",
    }  # fmt: skip
    assert f"{park.portal_id()}: license" in park.receipts()[-1].body["metadata_changed"]


def test_second_time_sets_nothing(park: Park) -> None:
    """Only what differs is sent; here nothing does."""
    assert _describe(park) == []


def test_only_what_changed_is_set(park: Park) -> None:
    """A new title and a new description of one column, and no word of the others."""
    columns = [
        {**column, "description": "How high."} if column["name"] == "height_feet" else column
        for column in park.dataset.model_dump()["columns"]
    ]
    park.write_dataset(columns=columns, publish={"id": "tree-tree", "title": "Our trees"})
    assert _describe(park) == ["column height_feet", "name"]
    found = _metadata(park)
    assert found["name"] == "Our trees"
    described = {column["fieldName"]: column["description"] for column in found["columns"]}
    assert (described["height_feet"], described["species"]) == ("How high.", "The species.")


def test_what_the_file_does_not_speak_of_stays(park: Park) -> None:
    """Somebody's own custom fields and settings are none of our business."""
    theirs = {"custom_fields": {"Theirs": {"Steward": "Ann"}}, "renderTypeConfig": {"visible": 1}}
    before = _metadata(park)["metadata"]
    merged = {**before, **theirs}
    park.http("PUT", f"/api/views/{park.portal_id()}.json", json={"metadata": merged})
    assert _describe(park) == ["metadata"]
    after = _metadata(park)["metadata"]
    assert after["custom_fields"]["Theirs"] == {"Steward": "Ann"}
    assert after["renderTypeConfig"] == {"visible": 1}
    assert after["rowIdentifier"] == before["rowIdentifier"]
