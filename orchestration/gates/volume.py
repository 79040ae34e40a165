"""How many keys an extract must have: as many as the last good one, less what the limits allow.

Extracts that claim a window may hold more than it, as a first one of a year does, so two of them are
compared over equally many days: as many as the last good one covers, and no more than the new one
covers or claims. A new one that lacks days which it claims is held to all of them: rows that it lacks
there would be deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orchestration.dataset import Dataset
from orchestration.layers import layer_file
from orchestration.settings import Settings
from orchestration.sources.counting import count_keys, count_keys_by_day
from orchestration.sources.landing import ROWS
from orchestration.state.store import Layer, State

_TRIMMED = 0.02
"""The share of keys at either end whose days may be typing errors: one key of 1922 is no century."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """What the keys of an extract are held against."""

    keys: int
    """Of this extract, in the days that are compared; all of them where `days` is none."""
    before: int
    """Of the last good extract, likewise; 0 where there is none."""
    at_least: int
    outside: int = 0
    """Keys of this extract in other days: nothing to compare them with."""
    days: int | None = None
    since: str | None = None
    """When the last good extract was made."""

    @property
    def keys_at_least(self) -> int:
        """How many keys the whole extract has where the days that are compared have enough."""
        return max(1, self.at_least + self.outside)


def measure_volume(settings: Settings, state: State, dataset: Dataset, layer: Layer) -> Volume:
    """The keys of a raw layer beside those of the last one of its grain before it that passed."""
    found = _last_good(settings, state, dataset, layer)
    keys = int(layer.facts["keys"])
    if found is None:
        return Volume(keys=keys, before=0, at_least=1)
    earlier, before = found
    allowed = 1 - dataset.limits.volume_drop_share
    since = earlier.facts["extracted_at"]
    by_day, by_day_before = (_by_day(settings, dataset, one) for one in (layer, earlier))
    window = dataset.source.window
    if window is None or not by_day_before:
        return Volume(keys=keys, before=before, at_least=int(before * allowed), since=since)
    days = days_to_compare(by_day, by_day_before, claimed=window.days)
    inside, before = keys_of_last(by_day, days), keys_of_last(by_day_before, days)
    return Volume(
        keys=inside,
        before=before,
        at_least=int(before * allowed),
        outside=keys - inside,
        days=days,
        since=since,
    )


def days_to_compare(by_day: Mapping[str, int], before: Mapping[str, int], *, claimed: int) -> int:
    """How many days of two windows can be compared.

    All that the earlier one covers, and at most those that the new one covers or claims.
    """
    return min(_days(before), max(_days(by_day), claimed))


def keys_of_last(by_day: Mapping[str, int], days: int) -> int:
    """The keys of the last days that a window covers."""
    if not by_day:
        return 0
    _, last = _cover(by_day)
    first = last - timedelta(days=days - 1)
    return sum(keys for day, keys in by_day.items() if first <= date.fromisoformat(day) <= last)


def _last_good(
    settings: Settings, state: State, dataset: Dataset, layer: Layer
) -> tuple[Layer, int] | None:
    """The last extract before this one, and of its grain, that passed, and its keys."""
    for earlier in state.layers(dataset.id, "raw"):
        if earlier.id == layer.id or earlier.facts["grain"] != layer.facts["grain"]:
            continue
        if earlier.facts["extracted_at"] > layer.facts["extracted_at"]:
            continue
        if not state.has_passed(dataset.id, "raw", earlier.content_hash):
            continue
        keys = _keys_of_extract(settings, dataset, earlier)
        if keys is not None:
            return earlier, keys
    return None


def _keys_of_extract(settings: Settings, dataset: Dataset, layer: Layer) -> int | None:
    """The keys of a raw layer's newest extract: of several, all together are no measure of one.

    None where there were several and the file went: it cannot be counted any more.
    """
    *others, extract_id = layer.facts["extracts"]
    if not others:
        return int(layer.facts["keys"])
    newest = _file_of(settings, layer, extract_id)
    return count_keys(dataset, [newest], spill=settings.workspaces) if newest else None


def _file_of(settings: Settings, layer: Layer, extract_id: str) -> Path | None:
    """The rows of one extract of a raw layer; none where they went."""
    linked = layer_file(settings, layer, extract_id)
    # The same file under the name that it was landed by.
    landed = settings.extracts / layer.dataset / extract_id / ROWS
    return next((file for file in (linked, landed) if file.is_file()), None)


def _by_day(settings: Settings, dataset: Dataset, layer: Layer) -> Mapping[str, int]:
    """The keys of a raw layer by day; none where nobody counted them and the files are gone."""
    if "keys_by_day" in layer.facts:
        return dict(layer.facts["keys_by_day"])
    files = [_file_of(settings, layer, extract_id) for extract_id in layer.facts["extracts"]]
    there = [file for file in files if file is not None]
    if len(there) < len(files):
        return {}
    return count_keys_by_day(dataset, there, spill=settings.workspaces)


def _days(by_day: Mapping[str, int]) -> int:
    """How many days are covered, from the first to the last."""
    if not by_day:
        return 0
    first, last = _cover(by_day)
    return (last - first).days + 1


def _cover(by_day: Mapping[str, int]) -> tuple[date, date]:
    days = sorted(by_day)
    return _first(days, by_day), _first(days[::-1], by_day)


def _first(days: Sequence[str], by_day: Mapping[str, int]) -> date:
    """The first of some days behind which there are more keys than may be typing errors."""
    passed, spare = 0, sum(by_day.values()) * _TRIMMED
    for day in days:
        passed += by_day[day]
        if passed > spare:
            break
    return date.fromisoformat(day)
