"""Vocabularies, decisions and weights that are wrong: told with file and line before anything runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.settings import PACKAGE
from tests.acceptance.city import City, copied

STOPS, FORCE = "stops", "use_of_force"
SIGNED = "jane.doe,2026-11-22,looked it up"


def _append(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _vocabulary(city: City) -> None:
    _append(city.settings.dbt_project_dir / "seeds" / "stop_reasons.csv", "TRAFFIC VIOLATION,again")


def _decisions(*lines: str) -> Callable[[City], None]:
    def write(city: City) -> None:
        head = "kind,column,from,to,verdict,by,on,reason"
        signed = [f"{line},{SIGNED}" for line in lines]
        _append(city.settings.datasets_dir / f"{STOPS}.decisions.csv", head, *signed)

    return write


BAD: dict[str, tuple[Callable[[City], None], str]] = {
    "vocabulary says a thing twice": (_vocabulary, "stop_reasons.csv: line "),
    "circle of corrections": (
        _decisions(
            "spelling,vehicle_make,A,B,apply",
            "spelling,vehicle_make,B,A,apply",
        ),
        "stops.decisions.csv: line 3: makes a circle",
    ),
    "missing column": (
        _decisions("spelling,vehicle_maker,A,B,apply"),
        "stops.decisions.csv: line 2: column: stops has no column of that name",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), BAD.values(), ids=BAD)
def test_wrong_input_stops_its_dataset_before_a_line_is_read(
    new_city: Callable[[], City], tmp_path: Path, spoil: Callable[[City], None], said: str
) -> None:
    """No layer, no gate, no publication of that dataset; another one is not stopped."""
    city = new_city()
    city.use(
        SUMMERWARE_DATASETS=copied(PACKAGE / "datasets", tmp_path / "datasets"),
        SUMMERWARE_DBT_PROJECT=copied(PACKAGE.parent / "dbt_project", tmp_path / "dbt_project"),
        SUMMERWARE_SAMPLE_ROWS=Path("2000"),
    )
    spoil(city)
    summary = city.run(STOPS, FORCE, source="sample")
    told = {one["dataset"]: one for one in summary.datasets}
    assert summary.exit_code == 2
    assert said in told[STOPS]["stopped_by"]
    assert told[STOPS]["gates"] == {}
    assert city.state.newest_layer(STOPS, "raw") is None
    assert told[FORCE]["publication"]["state"] == "verified"
