"""What the models make of lines: standardized cells, fates, survivors, published rows, incidents.

dbt builds each project once; then its compiled SQL runs on a fresh DuckDB per test. `toys` is a
dataset made for these tests that uses every option of a dataset file.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.dataset import Dataset, load_datasets
from orchestration.domains.classes import load_classes
from orchestration.duck import parquet
from orchestration.settings import PACKAGE, PROJECT, Settings
from orchestration.steps.functions import define_known, define_no_suspicion
from orchestration.steps.modelled_layer import deduplicate, standardize
from tests.soak import SOAK

Row = dict[str, Any]

TOYS = """
id: toys
title: Toys
description: Toys.
owner: {team: Nobody, email: nobody@example.org}
schedule: "0 6 * * *"
source: {kind: complete}
grain: {published: toy, line: toy}
key: toy_id
version_order: [changed_at]
limits: {quarantined_share: 1, volume_drop_share: 1, stale_days: 1}
columns:
  - {name: toy_id, source: Toy, required: true, privacy: publish, description: Key.}
  - {name: kind, source: Kind, privacy: publish, description: What policies look at.}
  - {name: full_name, source: Name, survivorship: longest, privacy: publish, description: Longest.}
  - {name: seen_date, source: Seen, type: date, formats: ["%Y-%m-%d"],
     survivorship: earliest, privacy: publish, description: Earliest.}
  - {name: note, source: Note, survivorship: filled, privacy: internal, description: Filled.}
  - {name: colors, source: Colors, list: {set: true}, survivorship: union, privacy: publish,
     description: A set.}
  - {name: changed_at, source: Changed, type: timestamp, formats: ["%Y-%m-%d"],
     privacy: publish, description: Order.}
  - {name: price, source: Price, type: number, privacy: publish, description: Number.}
  - {name: is_new, source: New, type: boolean, privacy: publish, description: Yes or no.}
  - {name: place, source: Place, type: point, privacy: publish, description: Place.}
  - {name: wear, source: Wear, volatile: true, privacy: publish, description: Moves by itself.}
  - {name: owner_name, source: Owner, privacy: never, person: private, description: Stays inside.}
policies:
  - &policy {id: secret_withheld, action: withhold, column: kind, values: [SECRET, "CHILD'S"],
     statement: S., authority: A, source: S, approved_by: B, approved_on: 2020-01-01,
     review_on: 2030-01-01}
  - {<<: *policy, id: shy_has_no_place, action: redact, values: [SHY], redacts: [place]}
  - {<<: *policy, id: worn_tells_no_wear, action: redact, values: [WORN], redacts: [wear]}
publish: {domain: example.org, id: aaaa-bbbb, title: T, description: D, licence: L, attribution: A,
          category: C, row_label: toy, contact: c}
"""

TOY_STEPS = """{% macro steps_of_toys(texts, deciding) %}
    {{ return({'toy_id': [upper_case('toy_id')], 'note': [null_word('note')]}) }}
{% endmacro %}
"""


class Models:
    """The compiled models of a dataset, to be run on lines."""

    def __init__(self, settings: Settings, dataset: Dataset, folder: Path) -> None:
        self.dataset = dataset
        self.settings = settings
        self.sql: dict[str, str] = {}
        empty = folder / "raw.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"create table raw ({self._raw_columns()})")
            connection.execute(f"copy raw to '{empty}' (format parquet)")
            quarantine = folder / "quarantine.parquet"
            connection.execute(f"create table quarantine ({_QUARANTINE})")
            connection.execute(f"copy quarantine to '{quarantine}' (format parquet)")
        above, below = folder / "standardized", folder / "deduplicated"
        for made in (above, below):
            made.mkdir()
        datasets = {dataset.id: dataset}
        standardize(settings, datasets, dataset, parquet(empty), (), above)
        staged = parquet(above / f"stg_{dataset.id}.parquet")
        deduplicate(settings, datasets, dataset, staged, parquet(quarantine), (), below)
        for made in (above, below):
            compiled = sorted((made / "target" / "compiled").rglob("models/**/*.sql"))
            found = {path.stem: path.read_text() for path in compiled}
            self.sql |= dict(sorted(found.items(), key=lambda item: _ORDER.index(_kind(*item))))

    def _raw_columns(self) -> str:
        landed = ", ".join(f"{column.name} varchar" for column in self.dataset.landed)
        return (
            "_extract_id varchar, _line bigint, _extracted_at timestamp, _grain varchar, "
            f"_parse_error varchar, {landed}"
        )

    def run(
        self,
        lines: Sequence[Row],
        quarantined: Sequence[tuple[str, int, str]] = (),
        taken_down: Sequence[str] = (),
        waiting: Sequence[tuple[str, int, str]] = (),
    ) -> "Outcome":
        """Every model's rows for these lines; a line lacks what it does not name."""
        connection = duckdb.connect()
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("use warehouse")
        connection.execute("create schema raw; create schema gate; create schema takedown")
        keys = f"takedown.keys_{self.dataset.id}"
        connection.execute(f"create table {keys} (row_key varchar)")
        for key in taken_down:
            connection.execute(f"insert into {keys} values (?)", [key])
        connection.execute(f"create table raw.{self.dataset.id} ({self._raw_columns()})")
        connection.execute(f"create table gate.quarantine_{self.dataset.id} ({_QUARANTINE})")
        for number, line in enumerate(lines, start=1):
            cells = {
                "_extract_id": "a", "_line": number, "_extracted_at": datetime(2022, 1, 1),
                "_grain": self.dataset.grain.line, **line,
            }  # fmt: skip
            names = ", ".join(cells)
            marks = ", ".join("?" for _ in cells)
            connection.execute(
                f"insert into raw.{self.dataset.id} ({names}) values ({marks})",
                list(cells.values()),
            )
        for row, waits in [
            *((one, False) for one in quarantined),
            *((one, True) for one in waiting),
        ]:
            connection.execute(
                f"insert into gate.quarantine_{self.dataset.id} values (?, ?, ?, ?)",
                [*row, waits],
            )
        classes = load_classes(self.settings, self.dataset)
        define_known(
            connection, self.settings, self.dataset, classes, lines=f"raw.{self.dataset.id}"
        )
        define_no_suspicion(connection, self.dataset)
        for name, sql in self.sql.items():
            connection.execute(f'create table "{name}" as {sql}')
        return Outcome(connection, self.dataset)


_QUARANTINE = "_extract_id varchar, _line bigint, rule_id varchar, waits boolean"
_ORDER = ["base", "stg", "corrections", "fates", "int", "mart"]


def _kind(name: str, _: str) -> str:
    if name.endswith("__fates"):
        return "fates"
    prefix = name.split("_")[0]
    return prefix if prefix in _ORDER else "mart"


class Outcome:
    """What became of some lines."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
        self.connection = connection
        self.dataset = dataset

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def row(self, table: str) -> Row:
        """The only row of a table."""
        found = self.connection.execute(f"select * from {table}")
        names = [column[0] for column in found.description]
        (row,) = found.fetchall()
        return dict(zip(names, row, strict=True))

    def fates(self) -> dict[int, str]:
        return dict(self.rows(f"select _line, fate from ledger_{self.dataset.id} order by _line"))

    def reasons(self) -> dict[int, str]:
        return dict(self.rows(f"select _line, reason from ledger_{self.dataset.id}"))

    def survivors(self) -> dict[int, int | None]:
        return dict(self.rows(f"select _line, survivor_line from ledger_{self.dataset.id}"))

    def changes(self) -> set[tuple[Any, ...]]:
        return set(
            self.rows(
                "select column_name, rule_id, from_value, to_value "
                f"from corrections_{self.dataset.id}"
            )
        )

    def decided(self) -> list[tuple[Any, ...]]:
        return self.rows(f"select * from decided_cells_{self.dataset.id}")

    def parquet(self, path: Path) -> bytes:
        """The mart as its file."""
        self.connection.execute(f"copy {self.dataset.id} to '{path}' (format parquet)")
        return path.read_bytes()


def _settings(home: Path, project: Path) -> Settings:
    return replace(Settings.from_environment(), home=home, dbt_project_dir=project)


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Generated models of a dataset with every option."""
    folder = tmp_path_factory.mktemp("toys")
    project = folder / "project"
    for part in ("macros", "seeds", "templates"):
        shutil.copytree(PROJECT / "dbt_project" / part, project / part)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / "dbt_project" / name, project)
    (project / "macros" / "steps" / "toys.sql").write_text(TOY_STEPS)
    dataset = Dataset.model_validate(yaml.safe_load(TOYS))
    return Models(_settings(folder / "home", project), dataset, folder)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Models]:
    """The models of calls and of use of force."""
    datasets = load_datasets(PACKAGE / "datasets")
    made = {}
    for name in ("calls_for_service", "stops", "use_of_force"):
        folder = tmp_path_factory.mktemp(name)
        home = _settings(folder / "home", PROJECT / "dbt_project")
        made[name] = Models(home, datasets[name], folder)
    return made


@pytest.fixture
def calls(real: dict[str, Models]) -> Models:
    return real["calls_for_service"]


@pytest.fixture
def force(real: dict[str, Models]) -> Models:
    return real["use_of_force"]


# Standardizing


@pytest.mark.parametrize(
    ("column", "cell", "value", "rule"),
    [
        ("beat_code", "None", None, "null_word_is_null"),
        ("beat_code", "nan", None, "null_word_is_null"),
        ("beat_code", "NONESUCH", "NONESUCH", None),
        ("beat_code", "1.00E+01", "1E01", "excel_number_is_code"),
        ("beat_code", "8.00E+04", "8E04", "excel_number_is_code"),
        ("beat_code", "1.25E+01", "1.25E+01", None),
        ("beat_code", "8I01", "8I01", None),
        ("zip_code", " null ", None, "null_word_is_null"),
        ("item_number", " a0000122 ", "A0000122", "upper_case"),
        ("disposition_text", "Report  to follow", "REPORT TO FOLLOW", "upper_case"),
        ("disposition_text", "REPORT  TO\u00a0FOLLOW", "REPORT TO FOLLOW", "blanks_collapsed"),
        ("block_address", "001XX \t Bourbon\nSt", "001XX Bourbon St", "blanks_collapsed"),
        ("block_address", "\u00a0001XX Bourbon St\u00a0", "001XX Bourbon St", None),
        ("block_address", "   ", None, None),
        ("location", "POINT (0 0)", None, "location_missing_at_source"),
        ("location", "POINT (0.0 0.0)", None, "location_missing_at_source"),
        ("location", "POINT (-90.1 29.9)", "POINT (-90.1 29.9)", None),
    ],
)
def test_cells_are_standardized_and_explained(calls, column, cell, value, rule):
    """Each step makes its value and says so; a cell that no step touches is not explained."""
    made = calls.run([{column: cell}])
    assert made.row("stg_calls_for_service")[column] == value
    assert {(one[0], one[1]) for one in made.changes()} == ({(column, rule)} if rule else set())


@pytest.mark.parametrize(
    ("dataset", "column", "cell", "value"),
    [
        ("calls_for_service", "created_at", "1/1/2022 7:30", datetime(2022, 1, 1, 7, 30)),
        ("calls_for_service", "created_at", "01/01/2017 12:00:05 AM", datetime(2017, 1, 1, 0, 0, 5)),
        ("calls_for_service", "created_at", "2011-01-01T00:00:02", datetime(2011, 1, 1, 0, 0, 2)),
        ("calls_for_service", "created_at", "2016-10-21T08:55:58.000", datetime(2016, 10, 21, 8, 55, 58)),
        ("use_of_force", "occurred_date", "01/01/2016", date(2016, 1, 1)),
        ("use_of_force", "occurred_date", "2016-10-21T00:00:00.000", date(2016, 10, 21)),
        ("use_of_force", "occurred_date", "2016-10-21", date(2016, 10, 21)),
        ("calls_for_service", "is_self_initiated", "Y", True),
        ("calls_for_service", "is_self_initiated", "n", False),
        ("calls_for_service", "map_x_feet", "3687514", 3687514.0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_cells_are_parsed_as_declared(real, dataset, column, cell, value):
    """Every format that occurs is read, and a parse is no change of a cell."""
    made = real[dataset].run([{column: f" {cell} "}])
    staged = made.row(f"stg_{dataset}")
    assert (staged[column], staged["_unparsed"]) == (value, None)
    assert made.changes() == set()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("created_at", "yesterday"),
        ("created_at", "2/30/2022 7:30"),
        ("created_at", "11/26/26 13:09"),
        ("created_at", "26-11-26T13:09:00"),
        ("created_at", "2022-01-01T07:30:00Z"),
        ("created_at", "infinity"),
        ("map_x_feet", "37O"),
        ("is_self_initiated", "maybe"),
    ],
)
def test_what_cannot_be_parsed_is_named(calls, column, cell):
    """A cell that is no value of its type is null and its column is in `_unparsed`."""
    staged = calls.run([{column: cell, "closed_at": "1/1/2022 7:30"}]).row("stg_calls_for_service")
    assert (staged[column], staged["_unparsed"]) == (None, column)


@pytest.mark.parametrize(
    "place", [("37369000", "3513814"), ("0", "0")], ids=["placeholder", "zero"]
)
@pytest.mark.parametrize(
    ("types", "rule"),
    [
        ({"call_type_text": "PROSTITUTION"}, "location_redacted_at_source"),
        ({"initial_call_type_text": "mental patient"}, "location_redacted_at_source"),
        ({"call_type_text": "THEFT"}, "location_missing_at_source"),
        ({}, "location_missing_at_source"),
    ],
    ids=["final type listed", "initial type listed", "not listed", "no type"],
)
def test_placeholders_are_blank_and_say_who_left_them_out(calls, place, types, rule):
    """No place is null, and the reason tells the city's list from a mere gap."""
    made = calls.run([{"map_x_feet": place[0], "map_y_feet": place[1], **types}])
    assert made.row("stg_calls_for_service")["map_x_feet"] is None
    assert {(one[0], one[1]) for one in made.changes()} == {
        ("map_x_feet", rule),
        ("map_y_feet", rule),
    }


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", None),
        ("-1", None),
        ("25", "25"),
        ("10", "10"),
        ("25 | 0", "25 | "),
        ("-1 | 25", " | 25"),
        ("0 | -1", None),
        ("0 | 0 | 30", " |  | 30"),
        ("N/A", None),
        (None, None),
    ],
)
def test_unknown_ages_are_null(force, cell, value):
    """0 and -1 are no ages; the other ages of a list keep their places; each change is explained."""
    made = force.run([{"subject_age": cell}])
    assert made.row("stg_use_of_force")["subject_age"] == value
    rule = "null_word_is_null" if cell == "N/A" else "unknown_age_is_null"
    assert {one[1] for one in made.changes()} == ({rule} if cell != value else set())


@pytest.mark.parametrize("cell", ["Race-Unknown", "Unknown", "Not Used", "None detected"])
def test_unknown_is_a_value(force, cell):
    """A word that says that nobody knew is kept; only words for nothing are null."""
    made = force.run([{"subject_race": cell}])
    assert (made.row("stg_use_of_force")["subject_race"], made.changes()) == (cell, set())


@pytest.mark.parametrize(
    ("column", "cell", "value", "rule"),
    [
        ("subject_age", "-1", None, "unknown_age_is_null"),
        ("subject_age", "0", None, "unknown_age_is_null"),
        ("subject_age", "17", 17.0, None),
        ("vehicle_year", "2202", None, "impossible_year_is_null"),
        ("vehicle_year", "0", None, "impossible_year_is_null"),
        ("vehicle_year", "1995", "1995", None),
        ("vehicle_year", "95", "95", None),
        ("vehicle_make", "NONE", None, "null_word_is_null"),
        ("subject_race", "UNKNOWN", "UNKNOWN", None),
        ("item_number", "J -22275-19", "J2227519", "item_number_repaired"),
    ],
)
def test_ages_and_years_of_stops(real, column, cell, value, rule):
    """What is no age and no year is null, explained; what is only odd stays for a rule."""
    made = real["stops"].run([{column: cell}])
    assert made.row("stg_stops")[column] == value
    assert {(one[0], one[1]) for one in made.changes()} == ({(column, rule)} if rule else set())


@pytest.mark.parametrize("kind", ["CAD TEST", "cad test", "TEXT-TO-911 TESTING"])
def test_test_calls_are_withheld(calls, kind):
    """Calls that try the system out are kept back by the policy, and the policy is named."""
    made = calls.run([{"item_number": "A0000122", "call_type_text": kind}])
    assert (made.fates(), made.reasons()) == ({1: "withheld"}, {1: "test_calls_withheld"})


def test_column_that_must_not_leave_is_not_staged(toys):
    """A `never` column ends at the base model."""
    made = toys.run([{"toy_id": "T1", "owner_name": "Jane"}])
    assert "owner_name" not in made.row("stg_toys")


# Fates


def fates_of(models: Models, *lines: Row, quarantined: Sequence[Any] = ()) -> list[str]:
    made = models.run(lines, quarantined)
    assert len(made.fates()) == len(lines)
    return list(made.fates().values())


def test_equal_lines_are_merged_into_the_first(toys):
    """Repeats, case and blanks of the key aside, name their survivor."""
    made = toys.run([{"toy_id": "T1"}, {"toy_id": " t1 "}, {"toy_id": "T1", "owner_name": "Jane"}])
    assert list(made.fates().values()) == ["published", "merged", "merged"]
    assert made.survivors() == {1: None, 2: 1, 3: 1}
    assert made.reasons()[2] == "equal_in_every_column"


def test_lines_without_key_stand_alone(toys):
    """Equal lines without a key are not repeats of one another, nor versions of a row."""
    made = toys.run([{"kind": "car"}, {"kind": "car"}, {"kind": "SECRET"}], [("a", 1, "has_key")])
    assert list(made.fates().values()) == ["quarantined", "published", "withheld"]


def test_newer_extract_supersedes(toys):
    """Only the newest extract that holds the key counts, whatever its line number."""
    old = {"toy_id": "T1", "full_name": "Very long old name", "_extract_id": "b", "_line": 9}
    new = {"toy_id": "T1", "full_name": "New", "_extracted_at": datetime(2022, 1, 2)}
    made = toys.run([new, old, old | {"_line": 8}])
    assert made.fates() == {1: "published", 8: "superseded", 9: "superseded"}
    assert (made.survivors()[9], made.reasons()[9]) == (1, "newer_extract_has_key")
    assert made.row("toys")["full_name"] == "New"


def test_newest_version_wins(toys):
    """`version_order` decides, and the loser names the winner."""
    newer = {"toy_id": "T1", "changed_at": "2022-02-01"}
    made = toys.run(
        [{"toy_id": "T1", "changed_at": "2022-01-01", "price": "5", "place": "p"}, newer]
    )
    assert made.fates() == {1: "superseded", 2: "published"}
    assert (made.survivors()[1], made.reasons()[1]) == (2, "another_version_won")
    assert made.row("toys")["price"] is None


def test_fuller_version_wins_a_tie(toys):
    """Without an order the version that says more wins."""
    assert fates_of(toys, {"toy_id": "T1"}, {"toy_id": "T1", "price": "5"}) == [
        "superseded",
        "published",
    ]


@pytest.mark.parametrize("kind", ["SECRET", "secret", "Child's"])
def test_policy_withholds_the_row(toys, kind):
    """One withheld version keeps the whole key back; repeats stay merged."""
    made = toys.run([{"toy_id": "T1", "kind": kind}, {"toy_id": "T1"}, {"toy_id": "T1"}])
    assert list(made.fates().values()) == ["withheld", "withheld", "merged"]
    assert made.reasons()[2] == "secret_withheld"
    assert made.rows("from toys") == []


def test_unclassified_row_waits(toys):
    """A line that waits withholds all lines of its key, and more than a broken rule says."""
    lines = [{"toy_id": "T1", "kind": "car"}, {"toy_id": "T1", "kind": "new"}, {"toy_id": "T2"}]
    made = toys.run(lines, [("a", 2, "is_toy")], waiting=[("a", 2, "kind_classified")])
    assert made.fates() == {1: "withheld", 2: "withheld", 3: "published"}
    assert made.reasons() == {1: "unclassified", 2: "unclassified", 3: None}


def test_deciding_value_that_nobody_knows_is_named(toys):
    """Neither a new word nor a blank cell says that no policy covers the row."""
    made = toys.run(
        [{"toy_id": "T1", "kind": "new"}, {"toy_id": "T2"}, {"toy_id": "T3", "kind": "shy"}]
    )
    assert made.rows("select _unclassified, _policies from stg_toys order by _line") == [
        ("kind", None), ("kind", None), (None, "shy_has_no_place"),
    ]  # fmt: skip


def test_no_version_takes_a_row_out_of_a_policy(toys):
    """What covers any newest line of a key covers the row, whichever version wins."""
    made = toys.run(
        [
            {"toy_id": "T1", "kind": "shy", "place": "here"},
            {"toy_id": "T1", "kind": "car", "place": "here", "price": "3", "is_new": "yes"},
        ]
    )
    assert made.rows("select kind, place from toys") == [("car", None)]


def test_code_covers_a_row_without_text(calls):
    """A covered code withholds the call whatever its text says, in the initial type too."""
    made = calls.run(
        [
            {"item_number": "A0000122", "call_type_code": "21J"},
            {"item_number": "A0000222", "initial_call_type_code": "21j", "call_type_code": "20"},
            {"item_number": "A0000322", "call_type_code": "20", "call_type_text": "AUTO ACCIDENT"},
        ]
    )
    assert made.fates() == {1: "withheld", 2: "withheld", 3: "published"}


def test_taken_down_key_is_withheld(toys):
    """Every line of it, older, equal, quarantined or under another policy; no other key is."""
    old = {"toy_id": "T1", "_extract_id": "b", "_extracted_at": datetime(2021, 1, 1)}
    lines = [old, {"toy_id": "T1"}, {"toy_id": "t1"}, {"toy_id": "T1", "kind": "SECRET"}]
    made = toys.run([*lines, {"toy_id": "T2"}], [("a", 2, "is_toy")], taken_down=["T1"])
    assert list(made.fates().values()) == [*["withheld"] * 4, "published"]
    assert set(made.reasons().values()) == {"takedown", None}
    assert made.row("toys")["toy_id"] == "T2"


def test_erased_line_is_withheld(toys):
    """A line whose cells were erased by order has no key, and still has its fate."""
    made = toys.run([{"_parse_error": "taken_down"}, {"toy_id": "T2"}])
    assert (made.fates(), made.reasons()[1]) == ({1: "withheld", 2: "published"}, "takedown")


def test_quarantine_is_by_key(toys):
    """One bad line keeps back every line of its key, and only of its key."""
    made = toys.run(
        [{"toy_id": "T1"}, {"toy_id": "T1", "kind": "x"}, {"toy_id": "T2"}, {"toy_id": "T3"}],
        [("a", 1, "second_rule"), ("a", 1, "a_rule"), ("a", 4, "a_rule")],
    )
    assert list(made.fates().values()) == ["quarantined", "quarantined", "published", "quarantined"]
    assert made.reasons()[1] == "a_rule, second_rule"
    assert made.reasons()[2] == "another_line_of_row: a_rule, second_rule"


def test_bad_repeat_keeps_its_key_back(toys):
    """A rule that only a repeat broke is not lost with it."""
    assert fates_of(toys, {"toy_id": "T1"}, {"toy_id": "T1"}, quarantined=[("a", 2, "a_rule")]) == [
        "quarantined",
        "merged",
    ]


def test_lines_with_different_garbage_are_not_equal(toys):
    """A date that cannot be read is not the same as no date."""
    made = toys.run([{"toy_id": "T1", "seen_date": "soon"}, {"toy_id": "T1"}], [("a", 1, "parsed")])
    assert list(made.fates().values()) == ["quarantined", "quarantined"]


def test_older_bad_line_does_not_matter(toys):
    """What a newer extract replaced cannot keep the new row back."""
    new = {"toy_id": "T1", "_extract_id": "b", "_extracted_at": datetime(2022, 1, 2)}
    assert fates_of(toys, {"toy_id": "T1"}, new, quarantined=[("a", 1, "a_rule")]) == [
        "superseded",
        "published",
    ]


def test_lines_that_add_up_are_all_published(toys):
    """Where a line is less than a row, equal lines are no repeats."""
    part = {"toy_id": "T1", "_grain": "part"}
    assert fates_of(toys, part, part, part | {"price": "1"}) == ["published"] * 3
    newer = part | {"_extracted_at": datetime(2022, 1, 2)}
    assert fates_of(toys, part, newer, newer) == ["superseded", "published", "published"]


def test_one_bad_part_keeps_the_row_back(toys):
    """The lines that add up to a row are kept back together."""
    part = {"toy_id": "T1", "_grain": "part"}
    assert fates_of(toys, part, part, quarantined=[("a", 2, "a_rule")]) == ["quarantined"] * 2


# Survivorship


@pytest.mark.parametrize(
    ("column", "winner", "loser", "value", "gives"),
    [
        ("full_name", "Car", "Racing car", "Racing car", True),
        ("full_name", "Racing car", "Car", "Racing car", False),
        ("full_name", "Bus", "Car", "Bus", False),
        ("full_name", "Car", "Bus", "Bus", True),
        ("full_name", None, "Car", "Car", True),
        ("seen_date", "2020-02-02", "2020-01-01", date(2020, 1, 1), True),
        ("seen_date", "2020-02-02", None, date(2020, 2, 2), False),
        ("seen_date", None, "2020-01-01", date(2020, 1, 1), True),
        ("colors", "red | blue", "blue | green", "red | blue | green", True),
        ("colors", "red | blue", "blue", "red | blue", False),
        ("colors", None, "red", "red", True),
        ("colors", "red", None, "red", False),
        ("price", None, "5", None, False),
        ("place", None, "POINT (1 1)", None, False),
        ("wear", "1", "2", "1", False),
    ],
)
def test_survivorship_takes_the_declared_value(toys, column, winner, loser, value, gives):
    """Per strategy; a place is never filled in (law 11); who gives a cell is published (law 1)."""
    lines = [
        {"toy_id": "T1", "changed_at": "2022-02-01", column: winner},
        {"toy_id": "T1", "changed_at": "2022-01-01", "kind": "x", column: loser},
    ]
    made = toys.run(lines)
    assert made.row("toys")[column] == value
    assert made.fates() == {1: "published", 2: "published" if gives else "superseded"}
    named = [(one[1], one[2]) for one in made.decided()]
    assert named == ([(column, "survivorship")] if gives else [])


def test_filled_takes_the_best_ranked_value(toys):
    """`filled` asks the versions in their order, and the account says from what to what."""
    made = toys.run(
        [
            {"toy_id": "T1", "changed_at": "2022-01-01", "note": "aaa"},
            {"toy_id": "T1", "changed_at": "2022-02-01", "note": "bbb"},
            {"toy_id": "T1", "changed_at": "2022-03-01", "note": "None"},
        ]
    )
    assert made.fates() == {1: "superseded", 2: "published", 3: "published"}
    assert made.reasons()[2] == "gives: note"
    assert made.decided() == [("T1", "note", "survivorship", None, "bbb")]


# Published rows


def test_policy_blanks_cells_and_says_so(toys):
    """A redacted cell is null in the row and kept in the account."""
    made = toys.run(
        [{"toy_id": "T1", "kind": "Shy", "place": "here"}, {"toy_id": "T2", "place": "p"}]
    )
    assert made.rows("select toy_id, place from toys") == [("T1", None), ("T2", "p")]
    assert made.decided() == [("T1", "place", "shy_has_no_place", "here", None)]


@pytest.mark.parametrize(
    ("cells", "published"),
    [(["0", None], [None, None]), (["0 | 0", "0.0"], [None, None]), (["0", "3"], ["0", "3"])],
    ids=["dead", "dead lists", "alive"],
)
def test_dead_volatile_column_is_null(toys, cells, published):
    """A column that moves by itself and says 0 everywhere says nothing."""
    made = toys.run([{"toy_id": f"T{n}", "wear": cell} for n, cell in enumerate(cells)])
    assert [row[0] for row in made.rows("select wear from toys order by toy_id")] == published
    dead = published == [None, None]
    assert len(made.decided()) == (sum(cell is not None for cell in cells) if dead else 0)


def test_a_policy_blanks_a_column_that_moves_by_itself(toys):
    """Being alive is no reason to be published."""
    made = toys.run(
        [
            {"toy_id": "T1", "kind": "worn", "wear": "5"},
            {"toy_id": "T2", "kind": "car", "wear": "6"},
        ]
    )
    assert made.rows("select toy_id, wear from toys") == [("T1", None), ("T2", "6")]
    assert made.decided() == [("T1", "wear", "worn_tells_no_wear", "5", None)]


def test_only_published_columns_are_in_the_mart(toys):
    """Internal columns end before it (law 3)."""
    names = [row[0] for row in toys.run([]).rows("describe toys")]
    assert names == [column.name for column in toys.dataset.published]


def test_withheld_location_stays_withheld(calls):
    """A newer version without a place is not given that of an older one (law 11)."""
    call = {"item_number": "A0000122", "block_address": "001XX BOURBON ST"}
    made = calls.run(
        [call | {"location": "POINT (0 0)", "beat_code": "8I01"}, call | {"location": "POINT (-90 30)"}]
    )  # fmt: skip
    published = made.row("calls_for_service")["location"]
    winner = [line for line, fate in made.fates().items() if fate == "published"]
    assert published == (None if winner == [1] else "POINT (-90 30)")
    assert made.decided() == []


# Incidents of use of force

OFFICERS = [
    {"force_type": "Hands", "officer_race": "Black", "officer_age": "30", "division": "2nd"},
    {"force_type": "CEW", "officer_race": "White", "officer_age": None, "division": "2nd"},
    {"force_type": "CEW", "officer_race": "White", "officer_age": None, "division": "2nd"},
]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_incident_lists_its_officers_in_their_own_order(force, order):
    """Entry n of each officer column is the same officer, in whatever order the lines came."""
    made = force.run([{"pib_file_number": "FTN2016-0001", **OFFICERS[n]} for n in order])
    row = made.row("use_of_force")
    assert row["force_type"] == "CEW | CEW | Hands"
    assert row["officer_race"] == "White | White | Black"
    assert row["officer_age"] == " |  | 30"


def test_incident_column_with_one_value_is_that_value(force):
    """What is the same on every line is said once; what differs keeps its places."""
    made = force.run(
        [{"pib_file_number": "F1", **officer, "shift": "A"} for officer in OFFICERS[:2]]
        + [{"pib_file_number": "F1", **OFFICERS[2], "shift": None}]
    )
    row = made.row("use_of_force")
    assert (row["division"], row["unit"], row["officer_injured"]) == ("2nd", None, None)
    assert sorted(row["shift"].split(" | ")) == ["", "A", "A"]


def test_incident_in_one_line_is_taken_as_it_is(force):
    """From 2021-05 a line is an incident: repeats are merged, lists are the city's."""
    line = {"pib_file_number": "F1", "_grain": "incident", "force_type": "Hands | CEW"}
    made = force.run([line, line])
    assert list(made.fates().values()) == ["published", "merged"]
    assert made.row("use_of_force")["force_type"] == "Hands | CEW"


# Lists


@pytest.mark.parametrize(
    ("cell", "value", "rule"),
    [
        ("White", "White", None),
        (" | White | Black", " | White | Black", None),
        ("| White | Black", " | White | Black", None),
        ("White | ", "White | ", None),
        ("White |", "White | ", None),
        ("White|Black", "White | Black", None),
        ("  White\u00a0|\t| Black ", "White |  | Black", None),
        (" |  | ", None, None),
        ("|", None, None),
        (" | Two  or more", " | Two or more", "blanks_collapsed"),
        ("N/A | White", " | White", "null_word_is_null"),
        ("None | nan", None, "null_word_is_null"),
        ("N/A | Two  or more", " | Two or more", "null_word_is_null"),
        (None, None, None),
    ],
)
def test_list_keeps_its_places(force, cell, value, rule):
    """Blanks are written in one way, which is its parse; what is more than that is explained."""
    made = force.run([{"officer_race": cell}])
    assert made.row("stg_use_of_force")["officer_race"] == value
    assert {one[1] for one in made.changes()} == ({rule} if rule else set())


@pytest.mark.parametrize("cell", ["red|blue", " | red | blue |", "red |  | blue"])
def test_set_has_no_blank_parts(toys, cell):
    """Its places say nothing; its order is the source's."""
    assert toys.run([{"toy_id": "T1", "colors": cell}]).row("toys")["colors"] == "red | blue"


def test_text_that_is_no_list_is_left(toys):
    """Only what the dataset file calls a list is one."""
    made = toys.run([{"toy_id": "T1", "kind": "red|blue |"}])
    assert made.row("toys")["kind"] == "red|blue |"


@pytest.mark.parametrize(
    ("cells", "uneven"),
    [
        ({"officer_race": " | White", "officer_sex": "Male | "}, None),
        ({"officer_race": "White | Black", "officer_sex": None}, None),
        ({"officer_race": "White | Black", "officer_sex": "Male"}, "officer"),
        ({"subject_age": "0 | 3", "subject_sex": "Male | Male | "}, "subject"),
        ({"officer_race": "a | b", "officer_sex": "c", "distance": "1", "subject_sex": "|"}, "officer"),
        ({"officer_race": "a | b", "officer_sex": "c", "distance": "1", "subject_sex": "a|"},
         "officer, subject"),
        ({"officer_race": "White | Black", "subject_race": "White", "division": "a | b | c"}, None),
    ],
)  # fmt: skip
def test_lists_that_go_together_are_counted(force, cells, uneven):
    """Officers with officers, subjects with subjects; a blank cell is blank at every place."""
    assert force.run([cells]).row("stg_use_of_force")["_uneven"] == uneven


# What begins with an apostrophe may be a spreadsheet's guard, which is undone.
word = st.text("aZ-.'", min_size=1, max_size=3).filter(lambda text: not text.startswith("'"))
gap = st.text(" \t\u00a0", max_size=2)
OFFICER = ("force_type", "officer_race", "officer_sex", "officer_age", "officer_injured")
SUBJECT = ("subject_race", "subject_sex", "subject_build", "distance")
a_few = settings(
    max_examples=100 if SOAK else 5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def listed(draw):
    """A line that is an incident: its people, and its cells with blanks in any place and number."""
    cells, people = {"_grain": "incident"}, {}
    for names in (OFFICER, SUBJECT):
        count = draw(st.integers(1, 5))
        for name in names:
            parts = draw(st.lists(st.just("") | word, min_size=count, max_size=count))
            cells[name] = "|".join(draw(gap) + part + draw(gap) for part in parts)
            people[name] = parts if any(parts) else None
    return cells, people


def _by_key(incidents):
    """Every line of each incident, under the incident's key."""
    return [
        {"pib_file_number": f"F{number}", **line}
        for number, lines in enumerate(incidents)
        for line in lines
    ]


@pytest.mark.campaign
@a_few
@given(drawn=st.lists(listed(), min_size=1, max_size=8))
def test_entry_n_is_person_n_however_blanks_are_written(force, drawn):
    """From the city's line to the mart, and once more from the mart's own cells."""
    names = [*OFFICER, *SUBJECT]
    lines = [[cells] for cells, _ in drawn]
    for _ in range(2):
        made = force.run(_by_key(lines))
        rows = made.rows(f"select {', '.join(names)} from use_of_force order by pib_file_number")
        found = [[cell and cell.split(" | ") for cell in row] for row in rows]
        assert found == [[people[name] for name in names] for _, people in drawn]
        assert made.rows("select count(_uneven) from stg_use_of_force") == [(0,)]
        lines = [[{"_grain": "incident", **dict(zip(names, row, strict=True))}] for row in rows]


officers = st.lists(
    st.fixed_dictionaries({name: st.none() | st.sampled_from("ab") for name in OFFICER + SUBJECT}),
    min_size=1,
    max_size=5,
)


@a_few
@given(incidents=st.lists(officers, min_size=1, max_size=8))
def test_entry_n_of_an_incident_is_line_n(force, incidents):
    """Lines put side by side are the same lines when they are taken apart again."""
    made = force.run(_by_key(incidents))
    for names in (OFFICER, SUBJECT):
        rows = made.rows(f"select {', '.join(names)} from use_of_force order by pib_file_number")
        for lines, row in zip(incidents, rows, strict=True):
            cells = [cell and cell.split(" | ") for cell in row]
            count = max((len(cell) for cell in cells if cell), default=1)
            found = zip(*(cell or [""] * count for cell in cells), strict=True)
            expected = sorted(tuple(line[name] or "" for name in names) for line in lines)
            # Said once where all lines say the same.
            assert sorted(found) == (expected if count > 1 else expected[:1])


def test_lines_with_several_places_keep_them(force):
    """A cell that is blank as a whole takes as many places as the others of its line."""
    made = force.run(
        [
            {"pib_file_number": "F1", "subject_race": "Black | White", "subject_sex": None},
            {"pib_file_number": "F1", "subject_race": "Asian", "subject_sex": "Male"},
        ]
    )
    row = made.row("use_of_force")
    pairs = zip(row["subject_race"].split(" | "), row["subject_sex"].split(" | "), strict=True)
    assert sorted(pairs) == [("Asian", "Male"), ("Black", ""), ("White", "")]


def test_one_subject_does_not_become_one_of_two(force):
    """Where one column of the subjects needs places, each of them has them."""
    line = {"pib_file_number": "F1", "subject_race": "Black"}
    row = force.run([line | {"subject_sex": "Male"}, line]).row("use_of_force")
    assert row["subject_race"] == "Black | Black"
    assert sorted(row["subject_sex"].split(" | ")) == ["", "Male"]


# Laws on random lines

cell = st.sampled_from([None, "", "x", "X ", "SECRET", "SHY"])
toy = st.fixed_dictionaries(
    {
        "toy_id": st.sampled_from(["T1", "t1 ", "T2", "T3", None]),
        "kind": cell,
        "full_name": st.sampled_from([None, "Car", "Bus", "Racing car"]),
        "seen_date": st.sampled_from([None, "2020-01-01", "2021-01-01", "soon"]),
        "note": st.sampled_from([None, "None", "a"]),
        "changed_at": st.sampled_from([None, "2022-01-01", "2022-02-01"]),
        "place": st.sampled_from([None, "POINT (1 1)"]),
        "wear": st.sampled_from([None, "0", "1"]),
        "_grain": st.sampled_from(["toy"]),
    }
)
extracts = st.lists(st.lists(toy, max_size=7), min_size=1, max_size=3)
quick = settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _numbered(held: Sequence[Sequence[Row]]) -> Iterator[Row]:
    for day, lines in enumerate(held, start=1):
        for number, line in enumerate(lines, start=1):
            yield {
                "_extract_id": f"e{day}",
                "_line": number,
                "_extracted_at": datetime(2022, 1, min(day, 2)),
                **line,
            }


def _bad(lines: Sequence[Row]) -> list[tuple[str, int, str]]:
    return [
        (line["_extract_id"], line["_line"], "key_and_date_are_read")
        for line in lines
        if line["seen_date"] == "soon" or line["toy_id"] is None
    ]


@quick
@given(held=extracts)
def test_every_line_has_exactly_one_fate(toys, held):
    """Law 1 on any lines: one fate each, rows and published keys agree, survivors are real."""
    lines = list(_numbered(held))
    made = toys.run(lines, _bad(lines))
    counted = made.rows("select _extract_id, _line from ledger_toys order by all")
    assert counted == sorted((line["_extract_id"], line["_line"]) for line in lines)
    assert made.rows("select toy_id from toys order by all") == made.rows(
        "select row_key from ledger_toys where fate = 'published' group by all order by all"
    )
    assert (
        made.rows(
            "from ledger_toys where fate in ('merged', 'superseded') and "
            "(survivor_extract_id, survivor_line) not in (select (_extract_id, _line) from ledger_toys)"
        )
        == []
    )


@quick
@given(held=extracts, data=st.data())
def test_order_of_lines_and_files_decides_nothing(toys, tmp_path_factory, held, data):
    """Law 5: shuffled, and cut into other files of the same time, the mart is the same bytes."""
    lines = list(_numbered(held))
    shuffled = [
        line | {"_extract_id": data.draw(st.sampled_from("xyz")), "_line": number}
        for number, line in enumerate(data.draw(st.permutations(lines)), start=1)
    ]
    folder = tmp_path_factory.mktemp("marts")
    made, again = toys.run(lines, _bad(lines)), toys.run(shuffled, _bad(shuffled))
    assert made.parquet(folder / "a") == again.parquet(folder / "b")
    counts = "select fate, count(*) from ledger_toys group by all order by all"
    assert made.rows(counts) == again.rows(counts)
    assert made.decided() == again.decided()
