"""The `files` source: a drop folder with one sub-folder per dataset, `DIR/<id>/*`.

Finds files and tells their extract times. What is inside them is read elsewhere.
"""

import calendar
import logging
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from orchestration.dataset import TIME_ZONE, Dataset
from orchestration.errors import ConfigurationError, ExtractRefused
from orchestration.sources import FoundExtract

logger = logging.getLogger(__name__)

ENDINGS = (".csv", ".tsv", ".json", ".csv.gz", ".tsv.gz", ".json.gz", ".xlsx")
_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d{2})-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?(?!\d)")
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
        """Every extract file of the dataset's sub-folder; names that start with a dot are left."""
        found = []
        folder = self.folder / dataset.id
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = path.name.lower()
            if name.startswith(".") or not path.is_file() or name.endswith((".yaml", ".yml")):
                continue
            if not name.endswith(ENDINGS):
                logger.warning(
                    "%s: %s is left alone: its ending is none of %s",
                    dataset.id,
                    path.name,
                    ", ".join(ENDINGS),
                )
                continue
            found.append(self._with_time(dataset, path))
        return [
            extract for extract in found if as_of is None or extract.extracted_at.date() <= as_of
        ]

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
                path.name,
                moment.isoformat(),
                path.name,
            )
        return FoundExtract(path=path, extracted_at=moment, time_source=time_source)


def _time_in_name(name: str) -> datetime | None:
    match = _DATE_IN_NAME.search(name)
    if match is None:
        return None
    year, month = int(match[1]), int(match[2])
    last_day = calendar.monthrange(year, month)[1]
    day = int(match[3]) if match[3] else last_day
    if day > last_day:
        return None
    return datetime.combine(date(year, month, day), _END_OF_DAY)


def _time_in_sidecar(path: Path) -> datetime | None:
    sidecar = path.with_name(f"{path.name}.yaml")
    if not sidecar.is_file():
        return None
    try:
        content: Any = yaml.safe_load(sidecar.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ExtractRefused(f"{sidecar.name}: is not YAML; write `extracted_at: ...`") from error
    moment = content.get("extracted_at") if isinstance(content, dict) else None
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            moment = None
    if isinstance(moment, datetime):
        if moment.tzinfo is not None:
            moment = moment.astimezone(ZoneInfo(TIME_ZONE)).replace(tzinfo=None)
        return moment
    if isinstance(moment, date):
        return datetime.combine(moment, _END_OF_DAY)
    raise ExtractRefused(
        f"{sidecar.name}: `extracted_at` must be a date or a time such as 2022-08-31T06:00:00"
    )


def _time_of_file(path: Path) -> datetime:
    moment = datetime.fromtimestamp(path.stat().st_mtime, ZoneInfo(TIME_ZONE))
    return moment.replace(tzinfo=None, microsecond=0)
