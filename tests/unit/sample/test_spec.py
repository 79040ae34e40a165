"""A mistake in a specification is refused with the file and the key in the message."""

import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

from orchestration.sources.sample.conditions import SpecError
from orchestration.sources.sample.generator import generate
from orchestration.sources.sample.spec import HERE, load

GOOD = """
share: 1.0
key: id
levels: [{name: thing}]
timeline:
  per_day: 10
  at_least_days: 10
  at_most_days: 100
  number: {period: month, first: 1, digits: 5, per_day: 10}
  hours: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]
tables:
  words: {columns: [word, weight], rows: [[a, 1], [b, 2]]}
hidden:
  word: {make: pick, table: words}
columns:
  id: {make: template, text: "{index}"}
  word_text: {make: look_up, row: word, column: word}
repeats: {share: 0.1, kind: repeat, place: scattered}
dirt:
  - {do: set, kind: blanked, share: 0.1, cells: {word_text: null}}
"""


def test_the_small_specification_is_valid(tmp_path: Path) -> None:
    """What the other tests break is good before."""
    path = tmp_path / "things.yaml"
    path.write_text(GOOD)
    assert list(load(path).columns) == ["id", "word_text"]


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.yaml")))
def test_specification_is_valid(name: str) -> None:
    """Each file of the package loads."""
    assert load(HERE / name).columns


FAULTS: dict[str, tuple[str, str, str]] = {
    "typo_in_a_key": ("at_least_days", "atleast_days", "timeline.atleast_days"),
    "unknown_kind_of_field": ("make: look_up", "make: lookup", "columns.word_text"),
    "unknown_kind_of_dirt": ("do: set", "do: sett", "dirt.0"),
    "undefined_field": ('"{index}"', '"{indx}"', "`indx`: not defined"),
    "undefined_table": ("table: words}", "table: wrods}", "table `wrods` is not defined"),
    "undefined_table_column": ("column: word}", "column: wrod}", "no column"),
    "undefined_column_in_dirt": ("{word_text: null}", "{word_txt: null}", "is no column"),
    "circle": ("{make: pick, table: words}", '{make: template, text: "{word}"}', "circle"),
    "yaml_no_taken_for_a_word": ("[b, 2]", "[no, 2]", "tables.words.rows.1.0"),
    "short_row": ("[b, 2]", "[b]", "has not the columns"),
    "own_name": ("  word: {make", "  index: {make", "engine's own"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(tmp_path: Path, fault: str) -> None:
    """File and key are in the message."""
    old, new, message = FAULTS[fault]
    assert old in GOOD
    path = tmp_path / f"{fault}.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(SpecError) as caught:
        load(path)
    assert path.name in str(caught.value)
    assert message in str(caught.value)


def test_too_many_rows_for_the_numbers_is_refused(tmp_path: Path) -> None:
    """Rather than numbers with a digit more than the source has."""
    with pytest.raises(SpecError, match="ask for fewer rows"):
        generate(
            tmp_path,
            rows=60_000_000,
            seed=1,
            as_of=date(2026, 11, 20),
            datasets=["calls_for_service"],
        )


def test_one_more_column_changes_no_other(tmp_path: Path) -> None:
    """Each field has random numbers of its own."""
    lines = {}
    for name in ("same", "more"):
        specs = tmp_path / name / "specs"
        shutil.copytree(HERE, specs, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        if name == "more":
            content = yaml.safe_load((specs / "stops.yaml").read_text())
            extra = {"make": "choice", "values": {"x": 1.0, "y": 1.0}}
            content["columns"] = {"extra": extra, **content["columns"]}
            (specs / "stops.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        (path,) = generate(
            tmp_path / name,
            rows=400,
            seed=1,
            as_of=date(2026, 11, 20),
            datasets=["stops"],
            compress=False,
            specs=specs,
        )
        lines[name] = path.read_text().splitlines()
    assert [line.split(",", 1)[1] for line in lines["more"]] == lines["same"]
