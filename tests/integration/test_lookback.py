"""What is already public is held against today's dataset file, and leaves when a custodian signs."""

import pytest

from orchestration.errors import ConfigurationError
from orchestration.publishing.lookback import look_back, remove_found
from tests.integration.test_withdrawing import POLICIES
from tests.park import Park, tree

ROWS = [
    tree("T1", species="oak"),
    tree("T2", species="secret"),
    tree("T3", species="ghost", place="POINT (1 2)"),
    tree("T4", species="ghost"),
    tree("T5", species="oak", height_feet=900.0),
]


@pytest.fixture
def old_park(park: Park) -> Park:
    """Rows that were published before anybody made a policy or a domain."""
    park.publish_rows(ROWS)
    columns = [
        {**one, "domain": {"range": [0, 400]}} if one["name"] == "height_feet" else one
        for one in park.dataset.model_dump(mode="json", exclude_defaults=True)["columns"]
    ]
    park.write_dataset(policies=POLICIES, columns=columns)
    classes = park.settings.datasets_dir / "trees.classes.csv"
    classes.write_text("column,value,class,source,until\nspecies,oak,harmless,a list,\n")
    return park


def found(park: Park) -> dict[tuple[str, str], tuple[str, ...]]:
    findings = look_back(park.settings, park.state, park.dataset)
    return {(one.rule, one.column): one.keys for one in findings}


def test_every_kind_is_found(old_park: Park) -> None:
    """Covered rows that show what their policy keeps back, and values outside of a domain; no others."""
    assert found(old_park) == {
        ("secret_withheld", "species"): ("T2",),
        ("rare_place_blank", "species"): ("T3",),
        ("height_feet_in_domain", "height_feet"): ("T5",),
    }


def test_first_publication_is_named(old_park: Park) -> None:
    """A finding says since when its rows have been public."""
    findings = look_back(old_park.settings, old_park.state, old_park.dataset)
    assert {one.first_shown for one in findings} == {old_park.publications()[0].verified_at}


def test_removal_needs_a_custodian(old_park: Park) -> None:
    """Nobody but the custodian of the signers' file takes the rows off."""
    findings = look_back(old_park.settings, old_park.state, old_park.dataset)
    signers = old_park.settings.datasets_dir / "signers.csv"
    signers.write_text("name,roles\nAnn,releaser\nBob,custodian\n")
    order = (old_park.settings, old_park.state, old_park.dataset, findings)
    with pytest.raises(ConfigurationError, match="names nobody 'Ann' as custodian"):
        remove_found(*order, by="Ann", run_id="look")
    assert remove_found(*order, by="Bob", run_id="look") == 3
    assert sorted(old_park.on_portal()) == ["T1", "T4"]
    assert found(old_park) == {}
