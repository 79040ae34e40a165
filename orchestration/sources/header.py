"""Finds out which cell of an extract's records is which column of the dataset."""

from dataclasses import dataclass

from orchestration.dataset import Dataset, plain_heading
from orchestration.errors import ExtractRefused

_LONGEST_HEADING = 200
"""A longer one is no heading: a quote was not closed, or the header is missing."""
_LONGEST_UNLISTED = 60


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """Which cell of a record is which column."""

    listed: dict[str, int]
    unlisted: dict[str, int]

    @property
    def width(self) -> int:
        """Cells of a whole record."""
        return len(self.listed) + len(self.unlisted)


def map_header(dataset: Dataset, header: list[str] | None, where: str) -> Mapping:
    """Finds every heading's column.

    Raises:
        ExtractRefused: there is no header, or two headings mean one listed column.
    """
    if header is None or any(len(heading) > _LONGEST_HEADING for heading in header):
        raise ExtractRefused(
            f"{where}: its first line cannot be read as a header: a quote is not closed, or a "
            f"heading is longer than {_LONGEST_HEADING} characters; mend the file"
        )
    columns = {
        plain_heading(heading): column for column in dataset.landed for heading in column.headings
    }
    listed: dict[str, int] = {}
    unlisted: dict[str, int] = {}
    for position, heading in enumerate(header):
        column = columns.get(plain_heading(heading))
        if column is None:
            unlisted[_unlisted_name(heading, position, unlisted)] = position
        elif column.name in listed:
            raise ExtractRefused(
                f"{where}: two headings mean {column.name!r} (cells {listed[column.name] + 1} and "
                f"{position + 1}); remove one of them"
            )
        else:
            listed[column.name] = position
    if not listed:
        raise ExtractRefused(
            f"{where}: its first line names no column of {dataset.id}; is the header missing, or "
            "the delimiter another one (source.delimiter of the dataset file)?"
        )
    return Mapping(listed=listed, unlisted=unlisted)


def _unlisted_name(heading: str, position: int, taken: dict[str, int]) -> str:
    """A name fit for a column; nothing that is not listed may stop a run, twice the same neither."""
    name = plain_heading(heading)[:_LONGEST_UNLISTED] or f"unnamed_{position + 1}"
    return f"{name}_in_{position + 1}" if name in taken else name
