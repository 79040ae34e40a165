"""Near duplicates: what is linked, what is not, decisions, bad input, and the same bytes always."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from orchestration.cleaning.blocking import BLOCK_CAP, blocking_rules
from orchestration.cleaning.comparisons import (
    LEVELS,
    Weight,
    Weights,
    compared_columns,
    splink_settings,
    write_weights,
)
from orchestration.cleaning.linkage import Linked, link
from orchestration.dataset import Comparison, Dataset, Duplicates, load_dataset
from orchestration.duck import connect
from orchestration.errors import ConfigurationError

CALLS = Path(__file__).parents[3] / "orchestration" / "datasets" / "calls_for_service.yaml"
DUPLICATES = Duplicates(
    time="created_at",
    within_minutes=90,
    place="block_address",
    compare=(
        Comparison(column="created_at", how="time"),
        Comparison(column="block_address", how="place"),
        Comparison(column="location", how="point"),
        Comparison(column="call_type_code", how="code"),
        Comparison(column="call_type_text", how="text"),
        Comparison(column="closed_at", how="time"),
    ),
    link_above=0.9,
    propose_above=0.5,
)
HERE = '{"type": "Point", "coordinates": [-90.0885, 29.9391]}'
NOON = datetime(2026, 2, 1, 12, 0)
Found = dict[tuple[str, str], dict[str, Any]]
NO_DECISIONS: list[tuple[str, str, str, str]] = []


def _weights(duplicates: Duplicates = DUPLICATES) -> Weights:
    """By hand: better levels weigh more, the worst against."""
    levels = {}
    for one in duplicates.compare:
        names = LEVELS[one.how]
        shares = [0.9 - 0.8 * place / (len(names) - 1) for place in range(len(names))]
        levels[one.column] = {
            name: Weight(m=share, u=1 - share) for name, share in zip(names, shares, strict=True)
        }
    return Weights(within_minutes=90, match_share=0.02, levels=levels, note={"by": "hand"})


@pytest.fixture
def calls() -> Dataset:
    return load_dataset(CALLS).model_copy(update={"duplicates": DUPLICATES})


def _call(key: str, minutes: float = 0, **given: Any) -> dict[str, Any]:
    return {
        "item_number": key,
        "created_at": NOON + timedelta(minutes=minutes),
        "block_address": "027XX JACKSON AVE",
        "location": "POINT (-90.0885 29.9391)",
        "call_type_code": "62A",
        "call_type_text": "BURGLAR ALARM, SILENT",
        "closed_at": NOON + timedelta(hours=2),
    } | given


Linking = Callable[..., tuple[Found, Linked]]


@pytest.fixture
def linking(tmp_path: Path, calls: Dataset) -> Linking:
    """Links rows with decisions; gives the pairs by their keys and what linking said."""

    def run(
        rows: Sequence[dict[str, Any]],
        decisions: Sequence[tuple[str, str, str, str]] = NO_DECISIONS,
        *,
        threads: int = 2,
        duplicates: Duplicates = DUPLICATES,
        target: Path = tmp_path / "pairs.parquet",
    ) -> tuple[Found, Linked]:
        write_weights(_weights(duplicates), tmp_path / "weights.json")
        with connect(spill=tmp_path) as connection:
            connection.execute(f"set threads = {threads}")
            _fill(connection, rows, decisions)
            before = connection.sql("show all tables").fetchall()
            said = link(
                connection,
                calls.model_copy(update={"duplicates": duplicates}),
                rows="calls",
                decisions="decisions",
                weights=tmp_path / "weights.json",
                target=target,
            )
            assert connection.sql("show all tables").fetchall() == before
            found = connection.sql(f"from read_parquet('{target}')")
            names = found.columns
            pairs = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        return {(one["left_key"], one["right_key"]): one for one in pairs}, said

    return run


def _fill(
    connection: duckdb.DuckDBPyConnection,
    rows: Sequence[dict[str, Any]],
    decisions: Sequence[tuple[str, str, str, str]],
) -> None:
    connection.execute(
        "create table calls (item_number varchar, created_at timestamp, block_address varchar, "
        "location varchar, call_type_code varchar, call_type_text varchar, closed_at timestamp)"
    )
    connection.executemany(
        "insert into calls values (?, ?, ?, ?, ?, ?, ?)", [list(row.values()) for row in rows]
    )
    connection.execute(
        "create table decisions (left_key varchar, right_key varchar, verdict varchar, "
        "decision_id varchar)"
    )
    if decisions:
        connection.executemany("insert into decisions values (?, ?, ?, ?)", decisions)


@pytest.mark.parametrize(
    "again",
    [
        pytest.param({"minutes": 3}, id="minutes later"),
        pytest.param({"minutes": 75}, id="across the hour"),
        pytest.param({"block_address": "027XX JACKON AVE"}, id="letter dropped"),
        pytest.param({"block_address": "027XX ACKSON AVE"}, id="first letter dropped"),
        pytest.param({"location": None, "closed_at": None}, id="fields missing"),
        pytest.param({"closed_at": NOON + timedelta(hours=2, minutes=9)}, id="other unit"),
    ],
)
def test_an_event_entered_twice_is_linked(linking: Linking, again: dict[str, Any]) -> None:
    """Each kind of second entry, and both keys stay."""
    found, _ = linking([_call("A1"), _call("A2", **again)])
    assert found["A1", "A2"]["outcome"] == "linked"
    assert found["A1", "A2"]["cluster_id"]


def test_midnight_is_no_border(linking: Linking) -> None:
    """Five minutes before midnight and five after are ten minutes apart."""
    found, _ = linking([_call("A1", 12 * 60 - 5), _call("A2", 12 * 60 + 5)])
    assert ("A1", "A2") in found


@pytest.mark.parametrize("minutes", range(0, 400, 37))
def test_no_pair_within_the_minutes_is_lost(linking: Linking, minutes: int) -> None:
    """Wherever the first entry lies, one exactly 90 minutes later shares a block with it."""
    _, said = linking([_call("A1", minutes), _call("A2", minutes + 90)])
    assert said.compared_pairs == 1
    assert linking([_call("A1", minutes), _call("A2", minutes + 91)])[1].compared_pairs == 0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            {"minutes": 4, "call_type_code": "20", "call_type_text": "AUTO ACCIDENT"}, id="type"
        ),
        pytest.param({"block_address": "029XX JACKSON AVE", "location": None}, id="block"),
        pytest.param({"block_address": "027XX 2ND ST", "location": None}, id="street"),
    ],
)
def test_another_event_is_not_linked(linking: Linking, other: dict[str, Any]) -> None:
    """Two real calls at one time: another type, block or street, and closed at its own time."""
    mine = {"closed_at": NOON + timedelta(hours=9)}
    found, _ = linking([_call("A1"), _call("A2", **{**mine, **other})])
    assert ("A1", "A2") not in found or found["A1", "A2"]["outcome"] == "proposed"


def test_numbered_and_north_streets_are_not_slips(linking: Linking) -> None:
    """7th and 8th, North and South differ by one sign and are two streets."""
    places = ["017XX 7TH ST", "017XX 8TH ST", "008XX N RAMPART ST", "008XX S RAMPART ST"]
    rows = [_call(f"A{n}", block_address=place) for n, place in enumerate(places)]
    found, _ = linking(rows)
    for one in found.values():
        assert json.loads(one["evidence"])["levels"]["block_address"] not in ("one_edit", "equal")


def test_evidence_says_each_level_and_its_hash_only_kinds(linking: Linking) -> None:
    """Levels by column with sorted names; another minute of the same level, the same hash."""
    one, _ = linking([_call("A1"), _call("A2", 5)])
    other, _ = linking([_call("A1"), _call("A2", 6)])
    evidence = json.loads(one["A1", "A2"]["evidence"])
    assert evidence["levels"]["created_at"] == "15_minutes"
    assert list(evidence["levels"]) == sorted(evidence["levels"])
    assert one["A1", "A2"]["evidence_hash"] == other["A1", "A2"]["evidence_hash"]


def test_a_decision_that_they_are_two_wins(linking: Linking) -> None:
    """The pair stays with its decision and in no cluster, and is not proposed again."""
    found, _ = linking([_call("A1"), _call("A2", 1)], [("A2", "A1", "different", "d1")])
    pair = found["A1", "A2"]
    assert (pair["outcome"], pair["cluster_id"], pair["decision_id"]) == (
        "decided_different",
        None,
        "d1",
    )


def test_a_decision_that_they_are_one_wins(linking: Linking) -> None:
    """Also where the machine would never have compared them; it says what it sees all the same."""
    rows = [_call("A1"), _call("A2", 9_000, block_address="001XX CANAL ST")]
    found, _ = linking(rows, [("A1", "A2", "same", "d2"), ("A1", "B7", "same", "d3")])
    pair = found["A1", "A2"]
    assert (pair["outcome"], pair["decision_id"]) == ("decided_same", "d2")
    assert pair["cluster_id"]
    assert json.loads(pair["evidence"])["levels"]["block_address"] == "other"


def test_a_decision_splits_what_others_connect(linking: Linking) -> None:
    """Three entries, two told apart: the weakest link is proposed again and names the decision."""
    rows = [_call("A1"), _call("A2", 1), _call("A3", 60)]
    found, _ = linking(rows, [("A1", "A3", "different", "d4")])
    assert found["A1", "A2"]["outcome"] == "linked"
    cut = found["A2", "A3"]
    assert (cut["outcome"], cut["cluster_id"]) == ("proposed", None)
    assert json.loads(cut["evidence"])["cut_by"] == "d4"


def test_contradicting_decisions_are_refused(linking: Linking) -> None:
    """One pair decided both ways is an error that names a decision."""
    with pytest.raises(ConfigurationError, match="d5"):
        linking([_call("A1")], [("A1", "A2", "same", "d5"), ("A2", "A1", "different", "d6")])


def test_decisions_without_rows_are_counted(linking: Linking) -> None:
    """A decision whose row is gone waits, and is not lost in silence."""
    _, said = linking([_call("A1")], [("A1", "Z9", "same", "d")])
    assert said.decisions_without_rows == 1


def test_a_busy_block_is_cut_and_counted(linking: Linking) -> None:
    """Equal calls beyond the cap are compared in parts, neighbours in time first; never silent."""
    many = 4 * BLOCK_CAP
    found, said = linking([_call(f"A{n:04}", n * 0.01) for n in range(many)])
    assert said.cut_blocks > 0
    assert said.cut_rows >= many
    assert said.compared_pairs < many * BLOCK_CAP
    assert ("A0000", "A0001") in found


def test_shuffled_rows_and_threads_give_the_same_bytes(linking: Linking, tmp_path: Path) -> None:
    """Three hundred calls, backwards on one thread and forwards on two."""
    rows = [
        _call(f"A{n:03}", n * 7 % 300, call_type_code=str(n % 5), closed_at=None)
        for n in range(300)
    ]
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    linking(rows, [("A001", "A002", "same", "d")], target=one)
    linking(rows[::-1], [("A001", "A002", "same", "d")], threads=1, target=other)
    assert one.read_bytes() == other.read_bytes()


def test_rows_without_time_or_place_are_never_linked(linking: Linking) -> None:
    """Two blanks are not the same."""
    found, _ = linking(
        [
            _call("A1", created_at=None),
            _call("A2", created_at=None),
            _call("A3", 900, block_address=None, location=None),
            _call("A4", 900, block_address=None, location=None),
        ]
    )
    assert found == {}


def test_splink_is_silent(linking: Linking, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing on either stream."""
    linking([_call("A1"), _call("A2", 1)])
    assert capfd.readouterr() == ("", "")


def test_settings_are_sql_that_spark_reads() -> None:
    """Every rule and level parses as Spark's SQL, and uses no function that is only DuckDB's."""
    rules = blocking_rules(["block_head_a"], within_minutes=90)
    settings = splink_settings(
        DUPLICATES.compare, weights=_weights(), within_minutes=90, rules=rules
    ).create_settings_dict("spark")
    conditions = [
        level["sql_condition"]
        for comparison in settings["comparisons"]
        for level in comparison["comparison_levels"]
        if level["sql_condition"] != "ELSE"
    ]
    conditions += [
        rule["blocking_rule"] for rule in settings["blocking_rules_to_generate_predictions"]
    ]
    known = {
        "abs",
        "levenshtein",
        "jaro_winkler",
        "and",
        "or",
        "acos",
        "sin",
        "cos",
        "radians",
        "least",
        "greatest",
        "cast",
        "case",
        "atan2",
        "sqrt",
        "asin",
        "if",
        "try_cast",
        "pow",
    }
    for condition in conditions:
        parsed = sqlglot.parse_one(condition, read="spark")
        used = {
            one.sql_name().lower() if one.sql_name() != "ANONYMOUS" else one.name.lower()
            for one in parsed.find_all(sqlglot.exp.Func)
        }
        assert used <= known, condition


def test_weights_of_other_comparisons_are_refused(tmp_path: Path, calls: Dataset) -> None:
    """A column, or the minutes, changed in the dataset file: train again, and say so."""
    write_weights(_weights(), tmp_path / "weights.json")
    changed = {
        "closed_at": DUPLICATES.model_copy(update={"compare": DUPLICATES.compare[:-1]}),
        "90 minutes": DUPLICATES.model_copy(update={"within_minutes": 30}),
    }
    for said, duplicates in changed.items():
        with connect() as connection, pytest.raises(ConfigurationError, match=said):
            link(
                connection,
                calls.model_copy(update={"duplicates": duplicates}),
                rows="nothing",
                decisions="nothing",
                weights=tmp_path / "weights.json",
                target=tmp_path / "x",
            )


def test_time_and_place_are_always_compared() -> None:
    """Also where the dataset file lists only other columns."""
    fewer = DUPLICATES.model_copy(update={"compare": DUPLICATES.compare[3:]})
    assert [one.column for one in compared_columns(fewer)][:2] == ["created_at", "block_address"]


@pytest.mark.parametrize("dataset", ["stops", "use_of_force"])
def test_two_subjects_of_one_event_are_two_rows(dataset: str) -> None:
    """Where people are rows, no duplicates are looked for at all."""
    assert load_dataset(CALLS.with_name(f"{dataset}.yaml")).duplicates is None


@pytest.mark.parametrize(
    ("point", "metres"),
    [
        (HERE, "equal"),
        ('{"type": "Point", "coordinates": [-90.0886, 29.9391]}', "25_metres"),
        ('{"type": "Point", "coordinates": [-90.0890, 29.9391]}', "100_metres"),
        ('{"type": "Point", "coordinates": [-90.0985, 29.9391]}', "other"),
        ('{"type": "Point", "coordinates": [3678691.8167, 530187.70942]}', "blank"),
        (None, "blank"),
    ],
)
def test_houses_are_told_apart_by_their_exact_point(
    linking: Linking, point: str | None, metres: str
) -> None:
    """Ten metres are next door, fifty the same block; a placeholder of the source says nothing."""
    compare = tuple(
        one.model_copy(update={"how": "house"}) if one.how == "point" else one
        for one in DUPLICATES.compare
    )
    rows = [_call("a", location=HERE), _call("b", 1, location=point)]
    found, _ = linking(
        rows,
        [("a", "b", "same", "d")],
        duplicates=DUPLICATES.model_copy(update={"compare": compare}),
    )
    assert json.loads(found["a", "b"]["evidence"])["levels"]["location"] == metres
