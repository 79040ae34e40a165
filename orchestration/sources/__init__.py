"""Where extracts come from, and how they land.

A source finds extract files (`files`, `socrata`, `sample`); `reading` makes one readable, `lines`
splits it into lines without losing any, `landing` keeps it as Parquet. What the cells mean is the
business of dbt; whether they are right, of the gates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from orchestration.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class FoundExtract:
    """A file that claims to be an extract. `extracted_at` is local to the city, without offset."""

    path: Path
    extracted_at: datetime
    time_source: str
    """Where the time comes from: `name`, `sidecar`, `portal` or, as a guess, `file time`."""
    landed_as: str | None = None
    """The id of the extract as which it was landed before, where nothing else is left of it."""
    is_whole: bool = False
    """The source wrote it and gave it its name once it was complete: nobody is still writing it."""


def printable_name(path: Path) -> str:
    """A file's name as text that can be logged and stored, whatever bytes the name is made of."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in path.name
    )


class Source(Protocol):
    """Finds the extracts of a dataset; `name` keeps extracts of different sources apart."""

    name: str

    def find(self, dataset: Dataset, *, as_of: date | None) -> Iterable[FoundExtract]:
        """The extracts at hand, those later than `as_of` left out, in no particular order."""
        ...

    def has_landed(self, dataset: Dataset, found: FoundExtract, extract_id: str) -> None:
        """Hears that what it found is landed: what a source made for that alone may go."""
        ...
