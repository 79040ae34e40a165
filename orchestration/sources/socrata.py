"""The `socrata` source: today's rows of the city's own datasets, paged by `:id` through sodapy.

Only columns that are kept in the clear are asked for: of those that are `never` kept, the portal's
cells would stand in the file. Each page is kept as soon as it is whole, so a broken download
goes on where it stopped; when the last page is in, the pages become one extract file. Once that has
landed it goes, and a marker with the extract's id stays in its place.
"""

import codecs
import errno
import gzip
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, TextIO

import requests
from sodapy import Socrata

from orchestration.bounded_answers import BoundedAdapter
from orchestration.bounds import Bounds
from orchestration.city_time import CITY
from orchestration.dataset import Dataset, plain_heading
from orchestration.errors import (
    ConfigurationError,
    ExtractRefused,
    PortalFault,
    PortalMoved,
    TooMuch,
    TransientError,
)
from orchestration.file_lock import file_lock
from orchestration.no_answers import AnswerTooLarge, Redirected
from orchestration.settings import Settings
from orchestration.sources import FoundExtract
from orchestration.sources.json_rows import as_json, read_rows
from orchestration.sources.landing import ROWS

_CHUNK = 1 << 20
PAGE = 50_000
TIMEOUT_SECONDS = 120
PACKED = ".json.gz"
MARKER = ".landed"
"""How a file ends that stands for a download which has landed."""


class SocrataSource:
    """Downloads one extract per dataset and day into the home."""

    name = "socrata"

    def __init__(
        self, settings: Settings, *, session_adapter: dict[str, Any] | None = None
    ) -> None:
        self._settings = settings
        self._folder = settings.home / "downloads"
        self._session_adapter = session_adapter

    def find(self, dataset: Dataset, *, as_of: date | None) -> Iterable[FoundExtract]:
        """Today's extract, downloaded if it has not been; earlier ones where `as_of` asks.

        Raises:
            ConfigurationError: the dataset file names no Socrata dataset.
            TransientError: the portal cannot be reached; the pages so far are kept.
            PortalFault: the portal refuses, or answers with something else than rows.
        """
        if dataset.source.socrata is None:
            raise ConfigurationError(f"{dataset.id}.yaml: source.socrata: names no dataset to read")
        moment = datetime.now(CITY).replace(tzinfo=None, microsecond=0)
        folder = self._folder / dataset.id
        if as_of is None or as_of >= moment.date():
            extract = folder / _name(dataset, moment.date())
            with file_lock(self._settings, f"{dataset.id}.download"):
                for other in folder.glob(f"{dataset.id}_{moment.date().isoformat()}*{PACKED}"):
                    if other != extract:
                        other.unlink()
                if self._landed_as(dataset, _marker(extract)) is None and not extract.exists():
                    self._download(dataset, extract)
        return [
            found
            for found in self._at_hand(dataset, folder)
            if as_of is None or found.extracted_at.date() <= as_of
        ]

    def has_landed(self, dataset: Dataset, found: FoundExtract, extract_id: str) -> None:
        """Leaves a marker where a download was; older ones of a complete dataset are of no use either."""
        if found.landed_as is not None:
            return
        marker = _marker(found.path)
        marker.touch(mode=0o600)
        marker.write_text(json.dumps({"extract": extract_id}), encoding="utf-8")
        for path in found.path.parent.glob(f"*{PACKED}"):
            is_older = _end_of_day(path) < found.extracted_at
            if path == found.path or (is_older and dataset.source.kind == "complete"):
                path.unlink(missing_ok=True)

    def _at_hand(self, dataset: Dataset, folder: Path) -> Iterable[FoundExtract]:
        """Downloads, and for every other day the extract that the last one was landed as."""
        days: dict[datetime, FoundExtract] = {}
        markers = sorted(folder.glob(f"*{MARKER}"), key=lambda path: path.stat().st_mtime)
        for path in (*markers, *folder.glob(f"*{PACKED}")):
            landed_as = self._landed_as(dataset, path) if path.suffix == MARKER else None
            if landed_as is not None or path.suffix == ".gz":
                days[_end_of_day(path)] = FoundExtract(
                    path=path,
                    extracted_at=_end_of_day(path),
                    time_source="portal",
                    landed_as=landed_as,
                    is_whole=True,
                )
        return days.values()

    def _landed_as(self, dataset: Dataset, marker: Path) -> str | None:
        """The extract that a marker names, where its rows are still there."""
        try:
            extract_id = str(json.loads(marker.read_text(encoding="utf-8"))["extract"])
        except (FileNotFoundError, ValueError):
            return None
        rows = self._settings.extracts / dataset.id / extract_id / ROWS
        return extract_id if rows.is_file() else None

    def _download(self, dataset: Dataset, extract: Path) -> None:
        source = dataset.source.socrata
        assert source is not None
        pages = extract.with_name(f".{extract.name}.pages")
        for folder in (self._folder, extract.parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        for unfinished in extract.parent.glob(".*"):
            # Pages of another day are of another state of the portal.
            if unfinished != pages:
                shutil.rmtree(unfinished, ignore_errors=True)
        pages.mkdir(exist_ok=True, mode=0o700)
        client = Socrata(
            source.domain,
            os.environ.get("SOCRATA_APP_TOKEN"),
            timeout=TIMEOUT_SECONDS,
            session_adapter=self._session_adapter
            or {"prefix": "https://", "adapter": BoundedAdapter()},
        )
        fields: dict[str, None] = {}
        try:
            for portal_id in source.ids:
                fields |= dict.fromkeys(self._download_pages(client, dataset, portal_id, pages))
            _join_pages(pages, extract, list(fields), dataset.id, dataset.source.bounds)
        except requests.RequestException as error:
            raise _fault(f"{dataset.id}: {source.domain}", error) from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise TransientError(
                    f"{dataset.id}: the disk is full; the pages so far are kept. Make room"
                ) from None
            raise
        finally:
            client.close()

    def _download_pages(
        self, client: Socrata, dataset: Dataset, portal_id: str, pages: Path
    ) -> list[str]:
        listed, selected = _listed_fields(client, dataset, portal_id)
        where, bounds = f"{dataset.id}: {portal_id}", dataset.source.bounds
        last_id, number = "", 0
        while True:
            page = pages / f"{portal_id}-{number:06}.json"
            if not page.exists():
                body = _ask(client, portal_id, [":id", *selected], last_id)
                _write_page(page, body, where, bounds)
            rows, newest = _look_at(page, where, bounds)
            if rows < PAGE:
                return listed
            if newest in ("", last_id):
                raise PortalFault(f"{where} gives the same page again and again; look at it")
            last_id, number = newest, number + 1
            if number * PAGE > bounds.rows:
                raise bounds.exceeded(where, "rows")


def _ask(client: Socrata, portal_id: str, fields: list[str], last_id: str) -> bytes:
    """A page as the portal wrote it: sodapy would make an object of each cell."""
    query = {"$select": ",".join(fields), "$order": ":id", "$limit": str(PAGE)}
    if last_id:
        query["$where"] = f":id > '{last_id}'"
    address = f"{client.uri_prefix}{client.domain}/resource/{portal_id}.json"
    answer: requests.Response = client.session.get(address, params=query, timeout=client.timeout)
    answer.raise_for_status()
    return answer.content


def _read_page(body: IO[bytes], where: str, bounds: Bounds) -> Iterator[dict[str, Any]]:
    texts = codecs.iterdecode(iter(lambda: body.read(_CHUNK), b""), "utf-8")
    try:
        for number, row in enumerate(read_rows(texts, where, bounds), start=1):
            if number > PAGE:
                raise PortalFault(f"{where} gives more rows than it is asked for; look at it")
            yield row
    except TooMuch:
        raise
    except (ExtractRefused, UnicodeDecodeError):
        raise PortalFault(f"{where} answers without rows; look at it") from None


def _write_page(path: Path, body: bytes, where: str, bounds: Bounds) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.touch(mode=0o600)
    rows = _read_page(io.BytesIO(body), where, bounds)
    with unfinished.open("w", encoding="utf-8", errors="backslashreplace") as out:
        _write_rows(out, rows, where, bounds)
    unfinished.rename(path)


def _look_at(page: Path, where: str, bounds: Bounds) -> tuple[int, str]:
    """How many rows a page holds, and the id of its last one."""
    rows, newest = 0, ""
    with page.open("rb") as body:
        for row in _read_page(body, where, bounds):
            rows, newest = rows + 1, str(row.get(":id") or "")
    return rows, newest


def _write_rows(out: TextIO, rows: Iterable[dict[str, Any]], where: str, bounds: Bounds) -> None:
    # A text cut within an emoji leaves half a character, which is written as JSON does: \\ud83d.
    separator = "["
    for row in rows:
        out.write(separator + as_json(row, where, bounds))
        separator = "\n,"
    out.write("]" if separator != "[" else "[]")


def _name(dataset: Dataset, day: date) -> str:
    """A download, named after what the dataset file says of columns: read otherwise, it is another."""
    reading = [(one.name, one.headings, one.is_hashed, one.required) for one in dataset.landed]
    digest = hashlib.sha256(repr((reading, dataset.source.socrata)).encode()).hexdigest()[:12]
    return f"{dataset.id}_{day.isoformat()}.{digest}{PACKED}"


def _marker(extract: Path) -> Path:
    return extract.with_name(extract.name.removesuffix(PACKED) + MARKER)


def _listed_fields(
    client: Socrata, dataset: Dataset, portal_id: str
) -> tuple[list[str], list[str]]:
    """The portal's names of the listed columns, and those of them whose cells may be asked for."""
    listed = {
        plain_heading(heading): column for column in dataset.landed for heading in column.headings
    }
    try:
        fields = [str(one["fieldName"]) for one in client.get_metadata(portal_id)["columns"]]
    except requests.RequestException:
        raise
    except Exception as error:  # noqa: BLE001 - sodapy raises whatever comes, and quotes answers
        raise PortalFault(
            f"{dataset.id}: {portal_id} answers without its columns ({type(error).__name__}); look at it"
        ) from None
    found = [field for field in fields if plain_heading(field) in listed]
    if not found:
        raise ExtractRefused(f"{dataset.id}: {portal_id} has none of the columns that are listed")
    return found, [field for field in found if not listed[plain_heading(field)].is_hashed]


def _join_pages(pages: Path, extract: Path, fields: list[str], where: str, bounds: Bounds) -> None:
    """One file of all rows, a row at a time; the first one has every field, null where empty."""

    def rows() -> Iterator[dict[str, Any]]:
        empty: dict[str, Any] = dict.fromkeys(fields)
        for page in sorted(pages.glob("*.json")):
            with page.open("rb") as body:
                for row in _read_page(body, where, bounds):
                    yield empty | {name: value for name, value in row.items() if name != ":id"}
                    empty = {}

    unfinished = pages / "whole.gz"
    unfinished.touch(mode=0o600)
    with gzip.open(unfinished, "wt", encoding="utf-8", errors="backslashreplace") as out:
        _write_rows(out, rows(), where, bounds)
    unfinished.rename(extract)
    shutil.rmtree(pages)


def _fault(where: str, error: requests.RequestException) -> TransientError | PortalFault:
    """A refusal is lasting, whatever else may pass; neither message repeats what the portal said."""
    if isinstance(error, Redirected):
        return PortalMoved(
            f"{where} sends us to another address; look at `source: socrata: domain`"
        )
    status = error.response.status_code if error.response is not None else None
    if status is not None and 400 <= status < 500 and status not in (408, 425, 429):
        return PortalFault(f"{where} refuses to be read (HTTP {status}); look at ids and token")
    if isinstance(error, AnswerTooLarge) and status is not None and status < 400:
        return PortalFault(f"{where}: {error}")
    return TransientError(
        f"{where} could not be read ({status or type(error).__name__}); what came is kept, the "
        "next try goes on from there"
    )


def _end_of_day(path: Path) -> datetime:
    return datetime.fromisoformat(f"{path.name.split('_')[-1][:10]}T23:59:59")
