"""Two windows of uneven width at the same rate are no loss; a loss is one, whatever the widths."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.dataset import Dataset, Source
from orchestration.gates.volume import days_to_compare, keys_of_last, measure_volume
from orchestration.sources.counting import count_keys_by_day
from orchestration.state.store import Layer
from tests.suite_files import rule
from tests.unit.gates.conftest import Kennel

CLAIMED, LAST = 10, date(2022, 8, 31)
ALLOWED = 0.5
"""A limit of 0.5: what half of the last good extract's keys would be."""
widths = st.integers(CLAIMED, 400)
rates = st.integers(2, 40)


def _window(width: int, rate: int, *, last: date = LAST) -> dict[str, int]:
    """Some keys a day, the last days of it."""
    days = [last - timedelta(days=back) for back in range(width)]
    return {day.isoformat(): rate for day in days}


def _is_loss(new: Mapping[str, int], before: Mapping[str, int]) -> bool:
    days = days_to_compare(new, before, claimed=CLAIMED)
    return keys_of_last(new, days) < int(keys_of_last(before, days) * ALLOWED)


def _brief(test: Any) -> Any:
    return settings(max_examples=150, derandomize=True, deadline=None)(test)


@_brief
@given(width=widths, before=widths, rate=rates, days_apart=st.integers(0, 60))
def test_uneven_windows_of_the_same_rate_are_no_loss(
    width: int, before: int, rate: int, days_apart: int
) -> None:
    """Ten days after thirty, a first year and then a daily window, the other way round, with a gap."""
    earlier = _window(before, rate, last=LAST - timedelta(days=days_apart))
    assert not _is_loss(_window(width, rate), earlier)


@_brief
@given(width=widths, before=widths, rate=st.integers(5, 40), noise=st.randoms())
def test_an_uneven_rate_within_the_limit_is_no_loss(
    width: int, before: int, rate: int, noise: Any
) -> None:
    """Quiet and busy days, up to a quarter more or less."""
    found = [
        {day: round(keys * noise.uniform(0.76, 1.24)) for day, keys in _window(wide, rate).items()}
        for wide in (width, before)
    ]
    assert not _is_loss(*found)


@_brief
@given(
    width=widths,
    before=widths,
    rate=st.integers(5, 40),
    lost=st.floats(0.6, 1),
    days_apart=st.integers(0, 60),
)
def test_a_window_that_lost_more_than_its_limit_is_a_loss(
    width: int, before: int, rate: int, lost: float, days_apart: int
) -> None:
    """Whichever of the two is the wider: each of its days lacks more than half of its keys."""
    earlier = _window(before, rate, last=LAST - timedelta(days=days_apart))
    new = {day: int(keys * (1 - lost)) for day, keys in _window(width, rate).items()}
    assert _is_loss({day: keys for day, keys in new.items() if keys}, earlier)


@_brief
@given(before=widths, rate=rates, days=st.integers(0, 4), is_newest=st.booleans())
def test_a_window_that_lacks_days_which_it_claims_is_a_loss(
    before: int, rate: int, days: int, is_newest: bool
) -> None:
    """Four of ten days, the first or the last of them: what stood in the others would be deleted."""
    last = LAST if is_newest else LAST - timedelta(days=CLAIMED - days)
    assert _is_loss(_window(days, rate, last=last), _window(before, rate))


@_brief
@given(width=widths, before=widths, year=st.sampled_from(["1922-01-01", "2202-08-31"]))
@pytest.mark.parametrize("which", ["new", "before", "both"])
def test_a_mistyped_year_is_no_cover(which: str, width: int, before: int, year: str) -> None:
    """One key of another century makes no window wider: neither a false stop nor a loss that passes."""
    new, earlier = _window(width, 9), _window(before, 9)
    lossy = dict.fromkeys(new, 3)
    for name, windows in (("new", (new, lossy)), ("before", (earlier,))):
        for window in windows if which in (name, "both") else ():
            window[year] = 1
    assert not _is_loss(new, earlier)
    assert _is_loss(lossy, earlier)


def _dogs_by_day(kennel: Kennel) -> None:
    """Dogs come as windows of ten days of `seen_at`, and half of them may be gone."""
    told = kennel.dataset.model_dump()
    seen = {"name": "seen_at", "source": "seen_at", "type": "timestamp", "description": "Seen."}
    told["columns"] = [*told["columns"], {**seen, "formats": ["%Y-%m-%d"], "privacy": "publish"}]
    told["source"] = {"kind": "window", "window": {"column": "seen_at", "days": CLAIMED}}
    told["limits"]["volume_drop_share"] = ALLOWED
    kennel.dataset = Dataset.model_validate(told)
    kind = "expect_column_unique_value_count_to_be_between"
    limit = {"$PARAMETER": "keys_at_least"}
    kennel.suite("raw", rule(kind, "table", "volume", column="dog_id", min_value=limit))


def _dogs(kennel: Kennel, window: Mapping[str, int], *, day: int) -> Layer:
    rows = [
        {"dog_id": f"D{seen}-{number}", "name": "Rex", "weight_pounds": "9", "seen_at": seen}
        for seen, keys in window.items()
        for number in range(keys)
    ]
    return kennel.raw(rows, extracted_at=f"2022-09-{day:02}T00:00:00")


def test_gate_takes_the_width_of_a_window_into_account(kennel: Kennel) -> None:
    """A backfill of eighty days, a window of ten passes; with two fifths of its rows it does not."""
    _dogs_by_day(kennel)
    assert kennel.gate(_dogs(kennel, _window(80, 5), day=1)).verdict == "passed"
    assert kennel.gate(_dogs(kennel, _window(10, 5), day=2)).verdict == "passed"
    lossy = _dogs(kennel, _window(10, 2), day=3)
    assert kennel.gate(lossy).verdict == "failed"
    found = measure_volume(kennel.settings, kennel.state, kennel.dataset, lossy)
    assert (found.keys, found.before, found.at_least, found.days) == (20, 50, 25, 10)
    assert kennel.gate(_dogs(kennel, _window(60, 2), day=4)).verdict == "failed"


def test_extracts_of_an_earlier_version_are_counted_where_their_files_are(kennel: Kennel) -> None:
    """A layer that knows no days is read; without its file all of its keys are held against."""
    _dogs_by_day(kennel)
    earlier = _dogs(kennel, _window(80, 5), day=1)
    assert kennel.gate(earlier).verdict == "passed"
    today = _dogs(kennel, _window(10, 5), day=2)
    assert measure_volume(kennel.settings, kennel.state, kennel.dataset, today).before == 50
    (kennel.settings.home / earlier.path / "e1.parquet").unlink()
    assert measure_volume(kennel.settings, kennel.state, kennel.dataset, today).before == 400


def test_a_key_stands_at_its_first_time(kennel: Kennel, tmp_path: Path) -> None:
    """Lines of one key are one; a key without a time, or whose time cannot be read, is in no day."""
    _dogs_by_day(kennel)
    seen = [
        ("D1", "2022-08-02"),
        (" d1 ", "2022-08-01"),
        ("D2", None),
        ("D3", "soon"),
        (None, LAST),
    ]
    layer = kennel.raw([{"dog_id": dog, "seen_at": moment} for dog, moment in seen])
    files = [kennel.settings.home / layer.path / "e1.parquet"]
    assert count_keys_by_day(kennel.dataset, files, spill=tmp_path) == {"2022-08-01": 1}
    whole = kennel.dataset.model_copy(
        update={"source": Source.model_validate({"kind": "complete"})}
    )
    assert isinstance(whole, Dataset)
    assert count_keys_by_day(whole, files, spill=tmp_path) == {}
