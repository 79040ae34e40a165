"""Switches: names, values, profiles; what each does is in `test_switches`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from orchestration.portal.behaviour import Behaviour, from_words, read_profile, with_switches
from orchestration.portal.faults import KINDS

PAGE = Path(__file__).parents[3] / "docs" / "portal.md"


def test_profile_is_read_back(tmp_path):
    """What is written as a profile is what is read."""
    behaviour = with_switches(Behaviour(), {"bad_values": "count", "replica_lag_seconds": 0.5})
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump({"switches": behaviour.as_profile()}))
    assert read_profile(path) == behaviour
    assert behaviour.differences(Behaviour()) == {
        "bad_values": ("count", "refuse"),
        "replica_lag_seconds": (0.5, 0.0),
    }


@pytest.mark.parametrize("content", ["", "[]", "a: 1", "switches: 3", "switches: {x: 1}", "a: [b"])
def test_what_is_no_profile_is_refused(tmp_path, content):
    """A file that is something else is not taken for the defaults."""
    path = tmp_path / "profile.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"profile\.yaml|no such switch"):
        read_profile(path)


@pytest.mark.parametrize(
    "word",
    ["nonsense=1", "bad_values", "bad_values=maybe", "us_dates=perhaps", "max_limit=-1"],
)
def test_switch_is_refused(word):
    """A misspelt switch or value is an error."""
    with pytest.raises(ValueError, match=r"\w"):
        from_words(Behaviour(), [word])


def test_switches_are_read_from_words():
    """On the command line they are `name=value`; `-` will do for `_`."""
    behaviour = from_words(Behaviour(), ["us-dates=yes", "max_limit=0", "broken_points=500"])
    assert (behaviour.us_dates, behaviour.max_limit, behaviour.broken_points) == (True, 0, 500)


def test_every_switch_and_fault_is_explained():
    """docs/portal.md has a line for each."""
    page = PAGE.read_text(encoding="utf-8")
    names = [item.name for item in fields(Behaviour)] + sorted(KINDS)
    assert [name for name in names if f"`{name}`" not in page] == []
