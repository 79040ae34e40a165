"""The `files` source: a drop folder with one sub-folder per dataset, `DIR/<id>/*`.

Finds files and tells their extract times. What is inside them is read elsewhere, where tables in
formats that nothing reads are refused by name, so that somebody hears of them.
"""

import calendar
import logging
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import yaml

from orchestration.city_time import CITY
from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError, ExtractRefused
from orchestration.sources import FoundExtract, printable_name
from orchestration.sources.reading import UNREAD_ENDINGS

logger = logging.getLogger(__name__)

ENDINGS = (".csv", ".tsv", ".json", ".csv.gz", ".tsv.gz", ".json.gz", ".xlsx")
# A month alone has no day behind it: `2026-11-2` is no name of November.
_DATE_IN_NAME = re.compile(
    r"(?<!\d)(20\d{2})-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])(?!\d)|(?!-?\d))"
)
_END_OF_DAY = time(23, 59, 59)


class FilesSource:
    """Reads a drop folder."""

    name = "files"

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigurationError(
                f"{folder}: is not a folder; point --extracts (or SUMMERWARE_EXTRACTS) at the "
                "folder that holds one sub-folder per dataset"
            )
        self.folder = folder

    def find(self, dataset: Dataset, *, as_of: date | None) -> Iterable[FoundExtract]:
        """Every extract file of the dataset's sub-folder; names that start with a dot are left.

        Raises:
            ExtractRefused: a sidecar says no time, or the sub-folder may not be read.
        """
        found = []
        folder = self.folder / dataset.id
        try:
            paths = sorted(folder.iterdir()) if folder.is_dir() else []
        except PermissionError:
            raise ExtractRefused(
                f"{dataset.id}: {folder} may not be read by this user; change its permissions"
            ) from None
        for path in paths:
            reason = _not_an_extract(path)
            if reason is None:
                found.append(self._with_time(dataset, path))
            elif reason:
                logger.warning("%s: %s is left alone: %s", dataset.id, printable_name(path), reason)
        return [
            extract for extract in found if as_of is None or extract.extracted_at.date() <= as_of
        ]

    def has_landed(self, dataset: Dataset, found: FoundExtract, extract_id: str) -> None:
        """Nothing: a drop folder is the city's own."""

    def _with_time(self, dataset: Dataset, path: Path) -> FoundExtract:
        moment, time_source = _time_in_name(path.name), "name"
        if moment is None:
            moment, time_source = _time_in_sidecar(path), "sidecar"
        if moment is None:
            moment, time_source = _time_of_file(path), "file time"
            logger.warning(
                "%s: %s says nowhere when it was extracted; its file time %s is taken. Put "
                "YYYY-MM-DD into its name, or `extracted_at:` into %s.yaml",
                dataset.id,
                printable_name(path),
                moment.isoformat(),
                printable_name(path),
            )
        return FoundExtract(path=path, extracted_at=moment, time_source=time_source)


def _not_an_extract(path: Path) -> str | None:
    """Why a file is none, for the log; '' where nobody needs to know; none where it is one."""
    name = path.name.lower()
    if name.startswith(".") or name.endswith((".yaml", ".yml")):
        return ""
    if not path.is_file():
        return "it is a link to nothing" if path.is_symlink() else "it is not a file"
    if name.startswith("~$"):
        return "it only says that somebody has a workbook open"
    if not name.endswith(ENDINGS + UNREAD_ENDINGS):
        return f"its ending is none of {', '.join(ENDINGS)}"
    return None


def _time_in_name(name: str) -> datetime | None:
    """The end of the day, or month, in a name; of several the last one, none taken before it."""
    days = []
    for match in _DATE_IN_NAME.finditer(name):
        year, month = int(match[1]), int(match[2])
        last_day = calendar.monthrange(year, month)[1]
        day = int(match[3]) if match[3] else last_day
        if day > last_day:
            return None
        days.append(date(year, month, day))
    return datetime.combine(max(days), _END_OF_DAY) if days else None


def _time_in_sidecar(path: Path) -> datetime | None:
    sidecar = path.with_name(f"{path.name}.yaml")
    if not sidecar.is_file():
        return None
    name = printable_name(sidecar)
    try:
        content: Any = yaml.safe_load(sidecar.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        # The parser's own message shows a piece of the file.
        raise ExtractRefused(f"{name}: is not YAML; write `extracted_at: ...`") from None
    moment = content.get("extracted_at") if isinstance(content, dict) else None
    if isinstance(moment, str):
        moment = _time_in_text(moment)
    if isinstance(moment, datetime):
        if moment.tzinfo is not None:
            moment = moment.astimezone(CITY).replace(tzinfo=None)
        return moment
    if isinstance(moment, date):
        return datetime.combine(moment, _END_OF_DAY)
    raise ExtractRefused(
        f"{name}: `extracted_at` must be a date or a time such as 2022-08-31T06:00:00"
    )


def _time_in_text(text: str) -> date | datetime | None:
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _time_of_file(path: Path) -> datetime:
    moment = datetime.fromtimestamp(path.stat().st_mtime, CITY)
    return moment.replace(tzinfo=None, microsecond=0)
