"""The decisions file of a city, `<id>.decisions.csv` beside the dataset files: one line, one decision.

Columns: kind (spelling, duplicate), column (spelling alone), from, to (for duplicates two keys),
verdict (apply, keep; same, different), by, on, reason. A line wins over the machine and over the
reviewers. What has become of both stands in `decisions.py`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.review.consistency import Together
from orchestration.review.proposals import DUPLICATE, SPELLING
from orchestration.settings import Settings
from orchestration.tabular import Line, read_table

COLUMNS = ("kind", "column", "from", "to", "verdict", "by", "on", "reason")
VERDICTS = {SPELLING: ("apply", "keep"), DUPLICATE: ("same", "different")}


@dataclass(frozen=True, kw_only=True)
class FileDecision:
    """One line. Of duplicates `column` is empty and `left` is the key that sorts first."""

    line: int
    kind: str
    column: str
    left: str
    right: str
    verdict: str
    by: str
    on: date
    reason: str

    @property
    def id(self) -> str:
        """The same wherever the line stands and whoever signed it: a hash of what it decides."""
        said = json.dumps([self.kind, self.column, self.left, self.right, self.verdict])
        return f"file:{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    @property
    def settles(self) -> list[tuple[str, str, str, str]]:
        """The suspicions that need no answer any more: the last part empty for any."""
        subject = (self.kind, self.column, self.left)
        if self.verdict == "apply":
            return [(*subject, "")]
        return [(*subject, self.right)]


def decisions_path(settings: Settings, dataset: Dataset) -> Path:
    """Where a dataset's decisions file is, if it has one."""
    return settings.datasets_dir / f"{dataset.id}.decisions.csv"


def load_decisions_file(settings: Settings, dataset: Dataset) -> list[FileDecision]:
    """The decisions of a dataset's file, in its order; none where there is no file.

    Raises:
        ConfigurationError: a line is wrong; names every such line.
    """
    path = decisions_path(settings, dataset)
    if not path.exists():
        return []
    lines = read_table(path, COLUMNS, only=True)
    faults: list[tuple[int, str]] = []
    decisions = []
    for line in lines:
        mistakes = _mistakes(dataset, line)
        faults += [(line.number, mistake) for mistake in mistakes]
        if not mistakes:
            decisions.append(_decision(line))
    faults += _clashes(decisions)
    if faults:
        raise ConfigurationError(
            "\n".join(f"{path.name}: line {number}: {fault}" for number, fault in sorted(faults))
        )
    return decisions


def _decision(line: Line) -> FileDecision:
    cells = line.cells
    left, right = cells["from"], cells["to"]
    kind = cells["kind"].strip()
    if kind == DUPLICATE:
        left, right = sorted((left.strip(), right.strip()))
    return FileDecision(
        line=line.number,
        kind=kind,
        column=cells["column"].strip(),
        left=left,
        right=right,
        verdict=cells["verdict"].strip(),
        by=cells["by"].strip(),
        on=date.fromisoformat(cells["on"].strip()),
        reason=cells["reason"].strip(),
    )


def _mistakes(dataset: Dataset, line: Line) -> list[str]:
    """What is wrong with a line by itself; never quotes a value."""
    cells = {name: line.cells[name].strip() for name in COLUMNS}
    kind = cells["kind"]
    found = [
        f"{name}: is empty"
        for name in ("from", "to", "by", "reason")
        if not cells[name]
    ]  # fmt: skip
    if line.is_too_long:
        found.append("has more cells than there are headings; is a quote missing?")
    if not _is_day(cells["on"]):
        found.append("on: is not a date YYYY-MM-DD")
    if cells["from"] and line.cells["from"] == line.cells["to"]:
        found.append("from and to are the same")
    if kind not in VERDICTS:
        return [*found, "kind: must be spelling or duplicate"]
    if cells["verdict"] not in VERDICTS[kind]:
        found.append(f"verdict: must be {' or '.join(VERDICTS[kind])} for a {kind}")
    if kind == SPELLING:
        return found + _of_spelling(dataset, cells["column"], cells["to"])
    return found + _of_duplicates(dataset, cells["column"])


def _of_spelling(dataset: Dataset, column: str, better: str) -> list[str]:
    if column not in {one.name for one in dataset.columns}:
        return [f"column: {dataset.id} has no column of that name"]
    listing = dataset.column(column).list
    if dataset.column(column).spelling is None:
        return [f"column: {column} has no `spelling` in {dataset.id}.yaml, so nothing applies this"]
    if listing and listing.mark in better:
        return [f"to: holds {listing.mark}, which would make another place in a list of {column}"]
    return []


def _of_duplicates(dataset: Dataset, column: str) -> list[str]:
    found = ["column: must be empty for a duplicate; from and to are keys"] if column else []
    if dataset.duplicates is None:
        found.append(f"kind: {dataset.id}.yaml has no `duplicates`, so nothing applies this")
    return found


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _clashes(decisions: Sequence[FileDecision]) -> list[tuple[int, str]]:
    together: Together[int] = Together()
    found = []
    for one in decisions:
        clash = together.take(one.kind, one.column, one.left, one.right, one.verdict, one.line)
        if clash is not None:
            lines = ", ".join(str(number) for number in sorted(clash.earlier))
            plural = "s" if len(clash.earlier) > 1 else ""
            found.append((one.line, f"{clash.why} line{plural} {lines}"))
    return found
