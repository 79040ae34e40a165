"""What stands where under the home, byte by byte: each class of column where it may, by every source.

| class | may stand in |
|---|---|
| publish | extracts, layers, publications, the local portal |
| internal | extracts, layers |
| never, unlisted | nowhere |

A taken-down row leaves nothing behind, an erased column none of its cells.
"""

import csv
import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import requests
import yaml
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.dataset import TIME_ZONE
from orchestration.portal.server import PortalServer
from orchestration.settings import PACKAGE
from orchestration.sources.sample import generate
from tests.acceptance.city import City, copied
from tests.byte_scan import places_of

DATASET = "service_requests"
DAY = datetime.now(ZoneInfo(TIME_ZONE)).date()
"""A portal is read as it is today."""
CANARIES = {
    "issue_type": "Zebrafinch",
    "issue_description": "Quibblecanary",
    "officer_name": "Janeroecanary",
    "unlisted": "Strangercanary",
}
"""A value of a column of each class: publish, internal, never, unlisted."""
ALLOWED = {
    "issue_type": {"extracts", "layers", "publications", "portal"},
    "issue_description": {"extracts", "layers"},
    "officer_name": set(),
    "unlisted": set(),
}


def _extract(city: City) -> tuple[list[str], list[list[str]]]:
    """A day of tickets: heading and rows, of which the third and fourth hold the canaries."""
    generate(city.root / "made", rows=600, seed=7, as_of=DAY, datasets=[DATASET])
    (file,) = (city.root / "made" / DATASET).glob("*.csv.gz")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as source:
        heading, *rows = csv.reader(source)
    heading = [*heading, "officer_name", "unlisted"]
    for number, row in enumerate(rows):
        row += ["", ""]
        for name in CANARIES if number in (2, 3) else ():
            row[heading.index(name)] = CANARIES[name] + ("one" if number == 2 else "two")
    return heading, rows


def _as_csv(city: City, heading: list[str], rows: list[list[str]], file: Path) -> None:
    with file.with_suffix(".csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([heading, *rows])


def _as_json(city: City, heading: list[str], rows: list[list[str]], file: Path) -> None:
    cells = [dict(zip(heading, row, strict=True)) for row in rows]
    file.with_suffix(".json").write_text(json.dumps(cells))


def _as_workbook(city: City, heading: list[str], rows: list[list[str]], file: Path) -> None:
    book = openpyxl.Workbook()
    for row in [heading, *rows]:
        book.active.append(row)
    book.save(file.with_suffix(".xlsx"))


def _on_a_portal(address: str, heading: list[str], rows: list[list[str]]) -> str:
    """A public dataset of the city's own with all of it; its id."""
    fields = [name.lower() for name in heading]

    def post(path: str, **options: Any) -> Any:
        answer = requests.post(
            f"http://{address}{path}", auth=("local", "local"), timeout=60, **options
        )
        answer.raise_for_status()
        return answer.json()

    columns = [{"fieldName": one, "name": one, "dataTypeName": "text"} for one in fields]
    made = post("/api/views.json", json={"name": "Tickets", "columns": columns})["id"]
    post(f"/resource/{made}.json", json=[dict(zip(fields, row, strict=True)) for row in rows])
    post(f"/api/views/{made}/publication.json", json={})
    requests.put(
        f"http://{address}/api/views/{made}.json",
        params={"method": "setPermission", "value": "public.read"},
        auth=("local", "local"),
        timeout=60,
    ).raise_for_status()
    return str(made)


FILES = {"csv": _as_csv, "json": _as_json, "workbook": _as_workbook}
SOURCES = [
    "csv",
    "socrata",
    *(pytest.param(one, marks=pytest.mark.soak) for one in ("json", "workbook")),
]


def _city(city: City, **more: Any) -> None:
    """A column more in the dataset file."""
    city.use(SUMMERWARE_DATASETS=copied(PACKAGE / "datasets", city.root / "datasets"))
    path = city.settings.datasets_dir / f"{DATASET}.yaml"
    content = yaml.safe_load(path.read_text())
    content["columns"].append(
        {"name": "officer_name", "source": "officer_name", "privacy": "never", "description": "-"}
    )
    content["source"] |= more
    path.write_text(yaml.safe_dump(content))


def _places(city: City, canary: str) -> set[str]:
    """The folders under the home in which it stands."""
    return {Path(found.partition(":")[0]).parts[0] for found in places_of(city.home, [canary])}


def _take_down(*words: str) -> None:
    ordered = ["takedown", DATASET, *words, "--authority", "Court, 26-1", "--purge", "--yes"]
    result = CliRunner().invoke(app, ordered, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("source", SOURCES)
def test_cells_stand_where_their_class_allows(
    source: str, new_city: Callable[[], City], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After a run, after a row was erased, and after a column was."""
    city = new_city()
    heading, rows = _extract(city)
    if source in FILES:
        _city(city)
        folder = city.root / "drop" / DATASET
        folder.mkdir(parents=True)
        FILES[source](city, heading, rows, folder / f"tickets_{DAY}")
        ran = city.run(DATASET, source="files", extracts_dir=folder.parent)
    else:
        portal = tmp_path / "theirs"
        with PortalServer(portal, tls=True) as theirs:
            where = {
                "domain": theirs.tls_address,
                "ids": [_on_a_portal(theirs.address, heading, rows)],
            }
            _city(city, socrata=where)
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(theirs.ca_file))
            ran = city.run(DATASET, source="socrata")
    assert ran.exit_code == 0, ran
    assert {name: _places(city, canary) for name, canary in CANARIES.items()} == ALLOWED
    _take_down(rows[2][heading.index("ticket_id")])
    assert not any(_places(city, canary + "one") for canary in CANARIES.values())
    _take_down("--column", "issue_type")
    left = {name: _places(city, canary) for name, canary in CANARIES.items()}
    assert left == ALLOWED | {"issue_type": set()}
