"""A source that changes a whole system of words in one week: said by the run and by a command."""

import csv
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from orchestration.sources.sample import generate
from tests.acceptance.city import City

CALLS = "calls_for_service"
SWITCH = datetime(2025, 10, 15)


def _switch(extract: Path) -> dict[str, str]:
    """Rewrites the disposition texts of all calls after the switch; gives new text to old."""
    with extract.open(newline="") as file:
        rows = list(csv.DictReader(file))
    new = {}
    for row in rows:
        said = row["DispositionText"].strip().upper()
        if datetime.strptime(row["TimeCreate"], "%m/%d/%Y %H:%M") > SWITCH and said:
            row["DispositionText"] = f"{said} BY OFFICER"
            new[row["DispositionText"]] = said
    with extract.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return new


def test_a_switch_of_a_whole_system_is_told(new_city: Callable[[], City], tmp_path: Path) -> None:
    """Not corrected into the old words: counted in the run's summary, listed by the command."""
    city = new_city()
    (extract,) = generate(
        tmp_path / "sample", rows=6_000, seed=5, as_of=date(2026, 3, 1), datasets=[CALLS],
        compress=False,
    )  # fmt: skip
    new = _switch(extract)
    summary = city.run(CALLS, extracts_dir=city.drop("2026-03-01", CALLS, extract))
    (told,) = summary.datasets
    assert told["drift"] >= 3
    listed = json.loads(city.command("drift", CALLS, "--json").stdout)["changes"]
    texts = [one for one in listed if one["column"] == "disposition_text"]
    assert len(texts) >= 3
    assert {one["value"] for one in texts} <= set(new)
    assert {one["since"][:7] for one in texts} == {"2025-10"}
