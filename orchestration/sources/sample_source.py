"""The `sample` source: extracts of invented rows, made once per day and kept under the home.

The first extract made there begins a world; every later day's has its keys, new ones, and what
became known since, as a real source's would.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

from orchestration.city_time import city_today
from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.sources import FoundExtract
from orchestration.sources.files import FilesSource
from orchestration.sources.sample import available, generate

SEED = 7


class SampleSource:
    """Makes the extract of the day, or of `as_of`, where it has not been made."""

    name = "sample"

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.home / "sample"
        text = os.environ.get("SUMMERWARE_SAMPLE_ROWS", "20000")
        if not text.isdigit() or int(text) < 1:
            raise ConfigurationError(f"SUMMERWARE_SAMPLE_ROWS is {text!r}: it must be a number")
        self._rows = int(text)

    def find(self, dataset: Dataset, *, as_of: date | None) -> Iterable[FoundExtract]:
        """The day's extract, and those of earlier days that are still there."""
        if dataset.id not in available():
            return []
        day = as_of or city_today()
        folder = self._folder / f"{self._rows}-{SEED}"
        made = list((folder / dataset.id).glob(f"*{day.isoformat()}*"))
        if not made:
            generate(
                folder,
                rows=self._rows,
                seed=SEED,
                as_of=day,
                since=_first_day(folder / dataset.id) or day,
                datasets=[dataset.id],
            )
        return [
            replace(found, is_whole=True) for found in FilesSource(folder).find(dataset, as_of=day)
        ]

    def has_landed(self, dataset: Dataset, found: FoundExtract, extract_id: str) -> None:
        """Nothing: what is invented may stay."""


def _first_day(folder: Path) -> date | None:
    """The day of the first extract that was made, by the names of the files."""
    days = [date.fromisoformat(path.name.split(".")[0][-10:]) for path in folder.glob("*.csv.gz")]
    return min(days, default=None)
