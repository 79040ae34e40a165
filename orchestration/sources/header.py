"""Finds out which cell of an extract's records is which column of the dataset.

The error on a header that does not fit says what it seems to be: another delimiter, a title above
the headings, another dataset's file. What a required column that is missing may be called now is
said here, too; that it stops the extract is the business of the raw gate.
"""

import csv
import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from orchestration.column import Column
from orchestration.dataset import Dataset, plain_heading
from orchestration.errors import ExtractRefused
from orchestration.sources.lines import read_header

_LONGEST_HEADING = 200
"""A longer one is no heading: a quote was not closed, or the header is missing."""
_LONGEST_UNLISTED = 60
_LONGEST_LINE = 1 << 16
_LOOKED_AT = 20
"""Lines among which headings are looked for that do not stand in the first."""
_MARKS_TRIED = 10
_SHOWN = 5
_ALIKE = 0.6
"""From here on two headings may be the same one."""
_DELIMITERS = {"\t": "a tab"}
"""Those that need words."""


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """Which cell of a record is which column."""

    listed: dict[str, int]
    unlisted: dict[str, int]

    @property
    def width(self) -> int:
        """Cells of a whole record."""
        return len(self.listed) + len(self.unlisted)


def listed_columns(dataset: Dataset, headings: Iterable[str]) -> dict[int, Column]:
    """The columns that headings mean, by the place of the heading; of several the first."""
    columns = {
        plain_heading(heading): column for column in dataset.landed for heading in column.headings
    }
    found: dict[int, Column] = {}
    for place, heading in enumerate(headings):
        column = columns.pop(plain_heading(heading), None)
        if column is not None:
            found[place] = column
            for other in column.headings:
                columns.pop(plain_heading(other), None)
    return found


def map_header(dataset: Dataset, header: list[str] | None, where: str) -> Mapping:
    """Finds every heading's column.

    Raises:
        ExtractRefused: there is no header, it holds a NUL, or two headings mean one listed column.
    """
    broken = next((n for n, text in enumerate(header or (), start=1) if "\0" in text), None)
    if broken is not None:
        raise ExtractRefused(
            f"{where}: its heading {broken} holds a NUL character; ask the source to write it again"
        )
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
    # What is made up here may be another column's own heading.
    while name in taken:
        name = f"{name}_in_{position + 1}"
    return name


def refuse_other_tables(
    dataset: Dataset,
    others: MappingOf[str, Dataset],
    path: Path,
    delimiter: str,
    header: Sequence[str] | None,
    where: str,
) -> None:
    """Refuses a text file whose header shows that it is not a table of this dataset, and says why.

    `header` is its first line, split by `delimiter`, none where it cannot be. A header that only lacks
    columns is none of them.

    Raises:
        ExtractRefused: the delimiter is another one, something stands above the headings, or the
            file looks like an extract of another dataset.
    """
    if header is not None and not missing_columns(dataset, header):
        return
    known = len(listed_columns(dataset, header or ()))
    other = _other_delimiter(dataset, path, delimiter, known)
    if other is not None:
        raise ExtractRefused(
            f"{where}: its delimiter is {_name_of(other)}, not {_name_of(delimiter)}; set "
            f"source.delimiter of {dataset.id}.yaml, or have the source write {_name_of(delimiter)}"
        )
    if not known:
        line = _line_of_headings(dataset, path, delimiter)
        if line is not None:
            raise ExtractRefused(
                f"{where}: its headings stand in line {line}; remove the {line - 1} lines above them"
            )
    if header is not None:
        _refuse_other_dataset(dataset, others, header, known, where)


def _other_delimiter(dataset: Dataset, path: Path, delimiter: str, known: int) -> str | None:
    """What splits the first line into more of the headings than the declared delimiter does."""
    with path.open(encoding="utf-8", newline="") as file:
        first = file.readline(_LONGEST_LINE)
    counted = Counter(
        mark for mark in first if not mark.isalnum() and mark not in '_"\r\n' + delimiter
    )
    # The header is split anew for each, and a hostile one holds thousands.
    marks = {mark for mark, _ in counted.most_common(_MARKS_TRIED)}
    counts = {
        mark: len(listed_columns(dataset, read_header(path, mark) or ())) for mark in sorted(marks)
    }
    best = max(counts, key=lambda mark: counts[mark], default=None)
    return best if best is not None and counts[best] > max(known, 1) else None


def _name_of(delimiter: str) -> str:
    return _DELIMITERS.get(delimiter, repr(delimiter))


def _line_of_headings(dataset: Dataset, path: Path, delimiter: str) -> int | None:
    """The number of a line below the first that has at least two headings."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(
            (line[:_LONGEST_LINE] for line in islice(file, _LOOKED_AT)), delimiter=delimiter
        )
        try:
            for cells in lines:
                if len(listed_columns(dataset, cells)) > 1:
                    return lines.line_num
        except csv.Error:
            pass
    return None


def _refuse_other_dataset(
    dataset: Dataset,
    others: MappingOf[str, Dataset],
    header: Sequence[str],
    known: int,
    where: str,
) -> None:
    counts = {
        other.id: len(listed_columns(other, header))
        for other in others.values()
        if other.id != dataset.id and not missing_columns(other, header)
    }
    best = max(counts, key=lambda name: counts[name], default=None)
    if best is None or counts[best] <= known:
        return
    missing = missing_columns(dataset, header)
    lacks = ", ".join(repr(column.source) for column in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    raise ExtractRefused(
        f"{where}: looks like an extract of {best} ({counts[best]} of its headings), and lacks the "
        f"headings {lacks}{more} of {dataset.id}; put it into the folder {best}"
    )


def missing_columns(dataset: Dataset, headings: Iterable[str]) -> list[Column]:
    """The required columns that no heading means."""
    found = {column.name for column in listed_columns(dataset, headings).values()}
    return [column for column in dataset.landed if column.required and column.name not in found]


def propose_aliases(
    dataset: Dataset, missing: Iterable[str], unlisted: Collection[str]
) -> list[str]:
    """Sentences that say which unlisted heading may be a missing required column under a new name.

    `unlisted` are headings as `plain_heading` writes them. Of one missing and one unlisted heading
    they are named however little they resemble.
    """
    missing = list(missing)
    hints = []
    for name in missing:
        column = dataset.column(name)
        alike = {heading: _likeness(column, heading) for heading in unlisted}
        best = max(alike, key=lambda heading: alike[heading], default=None)
        if best is None:
            continue
        if alike[best] >= _ALIKE:
            how = f"resembles {column.source!r}"
        elif len(missing) == len(unlisted) == 1:
            how = "is the only heading that is not listed"
        else:
            continue
        hints.append(
            f"{best!r} {how}: if it is the same, add it to the aliases of {name} in "
            f"{dataset.id}.yaml"
        )
    return hints


def _likeness(column: Column, heading: str) -> float:
    """0 to 1: how much a heading resembles one that the column is known by."""
    return max(
        difflib.SequenceMatcher(a=plain_heading(known), b=heading, autojunk=False).ratio()
        for known in column.headings
    )
