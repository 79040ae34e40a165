"""Spelling on truth that was not planted: a person's merge log, and the real words of the city.

`MERGE_LOG` names another log of the same form to measure on.
"""

import csv
import gzip
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.cleaning.spelling_engine import SpelledColumn
from orchestration.evaluation.runs import HARMFUL as HARMFUL_PAIRS
from orchestration.evaluation.runs import correct
from orchestration.evaluation.spelling_truth import (
    HumanTruth,
    Misspelling,
    Outcome,
    human_truth,
    plant,
    score_human,
    score_planted,
)

ROOT = Path(__file__).parents[2]
SEEDS = (901, 902, 903)
"""Not used while tuning."""
HARMFUL = set(HARMFUL_PAIRS)
HARMFUL_ELSEWHERE = {"Model 1": ("F250", "F150"), "Driver City 1": ("IRVINGTON", "IRVING")}
CODES = {"TOYT", "HOND", "MERZ", "MERC", "FRHT", "STRN"}
Values = Iterable[tuple[str, str, int]]
Contexts = Iterable[tuple[str, str, str, str, int]]


def find(
    folder: Path, values: Values, contexts: Contexts = (), known: Iterable[tuple[str, str]] = ()
) -> list[Outcome]:
    """What the engine makes of values, with the thresholds a dataset file has by default."""
    seen = [*values]
    columns = [
        SpelledColumn(name=name, apply_above=0.98, propose_above=0.6)
        for name in sorted({row[0] for row in seen})
    ]
    return correct(columns, seen, contexts, known, folder)


def seed_values(name: str) -> list[str]:
    """The values of a vocabulary."""
    with (ROOT / f"dbt_project/seeds/{name}.csv").open(encoding="utf-8", newline="") as file:
        return [row["value"] for row in csv.DictReader(file)]


def merges(shared: Path, column: str) -> list[tuple[str, str]]:
    """The merges of one column, in the order they were made."""
    half = shared / "vehicle_text_dirt/openrefine_human_merge_pairs_half_A.csv.gz"
    with gzip.open(os.environ.get("MERGE_LOG", half), "rt", encoding="utf-8", newline="") as file:
        return [(row["from"], row["to"]) for row in csv.DictReader(file) if row["column"] == column]


@pytest.fixture(scope="module", params=[True, False], ids=["with codes", "makes alone"])
def judged(
    request: pytest.FixtureRequest, shared_extracts: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Outcome], HumanTruth]:
    """Outcomes and truth of Make, with the whole vocabulary and with the makes of it alone.

    Counts and models are those of the sample of stops; values of the log alone have one row.
    """
    log = merges(shared_extracts, "Make 1")
    with (ROOT / "dbt_project/seeds/vehicle_makes.csv").open(encoding="utf-8", newline="") as file:
        known = {
            row["value"] for row in csv.DictReader(file) if request.param or row["kind"] == "make"
        }
    stops = (
        f"read_csv('{shared_extracts}/vehicle_text_dirt/"
        "montgomery_md_traffic_violations_sample_2013-2015.csv.gz', all_varchar = true)"
    )
    counts = dict(
        duckdb.sql(f"select Make, count(*) from {stops} where Make <> '' group by all").fetchall()
    )
    models = duckdb.sql(
        f"select 'Make', Make, 'Model', Model, count(*) from {stops} "
        "where Make <> '' and Model <> '' group by all"
    ).fetchall()
    for wrong, _ in log:
        counts.setdefault(wrong, 1)
    for wrong, _ in HARMFUL:
        counts.setdefault(wrong, 1)
    outcomes = find(
        tmp_path_factory.mktemp("human"),
        [("Make", value, rows) for value, rows in counts.items()],
        models,
        [("Make", value) for value in known],
    )
    return outcomes, human_truth(log, column="Make", vocabulary=known, harmful=HARMFUL)


def test_no_harmful_merge_is_applied(judged: tuple[list[Outcome], HumanTruth]) -> None:
    """FRHT is no FORD and SAAB no SUBARU, and no code is corrected, whether known or not."""
    outcomes, _ = judged
    applied = {(one.wrong, one.right) for one in outcomes if one.outcome == "applied"}
    assert not applied & HARMFUL
    assert not {wrong for wrong, _ in applied} & CODES


def test_what_a_person_merged_is_found(judged: tuple[list[Outcome], HumanTruth]) -> None:
    """Nine in ten are applied or proposed, and what is applied is what the person meant."""
    outcomes, truth = judged
    score = score_human(outcomes, truth)
    assert len(truth.pairs) > 200
    assert score.applied_precision.of > 100
    assert score.applied_precision.share >= 0.99, score.applied_wrong
    assert score.found_recall.share >= 0.90, score.missed


@pytest.mark.parametrize("column", HARMFUL_ELSEWHERE)
def test_models_and_cities_are_not_harmed(
    shared_extracts: Path, tmp_path: Path, column: str
) -> None:
    """F250 is no F150 and IRVINGTON no IRVING, beside all else that the log has in the column."""
    wrong, right = HARMFUL_ELSEWHERE[column]
    values = dict.fromkeys([value for pair in merges(shared_extracts, column) for value in pair], 1)
    values |= {wrong: 3, right: 5_000}
    contexts = [(column, value, "beside", "FORD", rows) for value, rows in values.items()]
    for known in ([], [(column, right)]):
        outcomes = find(tmp_path, [(column, *one) for one in values.items()], contexts, known)
        assert (wrong, right) not in {
            (one.wrong, one.right) for one in outcomes if one.outcome == "applied"
        }


def test_words_of_use_of_force_and_call_types(shared_extracts: Path, tmp_path: Path) -> None:
    """The misspellings that are known of are applied or proposed; rare right values stay."""
    types: Counter[str] = Counter()
    path = shared_extracts / "reference/vera_new_orleans_call_types_2014_2018.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            types[row["value"]] += int(row["count"])
    force = {
        "Room clearing": 22, "room clearing": 6, "Room Clearing": 4, "Room CLearing": 3,
        "Patrol": 400, "patrol": 6, "patr": 1, "Administrative Staff": 20,
        "Adminstrative Staff": 3, "Asian/Pacific Islander": 30, "Asian/Pacifi": 3,
        "Not Specified": 90, "Not Specifie": 4, "Alcohol": 1, "Other": 1_672, "Escape": 174,
    }  # fmt: skip
    code = [("types", "DESECRATION OF GRAVES", "code", "52G", 9)]
    code += [("types", "DESCRICATION OF GRAV", "code", "52G", 1)]
    outcomes = find(
        tmp_path,
        [("types", *one) for one in types.items()] + [("force", *one) for one in force.items()],
        code,
    )
    found = {(one.wrong, one.right) for one in outcomes if one.outcome in ("applied", "proposed")}
    assert found >= {
        ("OBSCENITY ,EXPOSING", "OBSCENITY, EXPOSING"),
        ("CAR JACKING", "CARJACKING"),
        ("DESCRICATION OF GRAV", "DESECRATION OF GRAVES"),
        ("room clearing", "Room clearing"),
        ("Room Clearing", "Room clearing"),
        ("Room CLearing", "Room clearing"),
        ("patrol", "Patrol"),
        ("patr", "Patrol"),
        ("Adminstrative Staff", "Administrative Staff"),
        ("Asian/Pacifi", "Asian/Pacific Islander"),
        ("Not Specifie", "Not Specified"),
    }
    rare = {"RIOT", "ABORTION", "FLAG DESECRATION", "HOSTAGE SITUATION"}
    assert not {wrong for wrong, _ in found} & rare
    assert rare <= set(types)


def planted_columns(shared: Path) -> dict[str, tuple[dict[str, int], dict[str, str], int | None]]:
    """Right values with rows, the codes beside them, and where the column is cut."""
    sample = ROOT / "orchestration/sources/sample"
    calls = yaml.safe_load((sample / "calls_for_service.yaml").read_text(encoding="utf-8"))
    streets = yaml.safe_load((sample / "vocabulary/streets.yaml").read_text(encoding="utf-8"))
    types = calls["tables"]["types"]["rows"]
    real: dict[str, Counter[str]] = {"call_types": Counter(), "dispositions": Counter()}
    for name, counts in real.items():
        path = shared / f"reference/vera_new_orleans_{name}_2014_2018.csv"
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                counts[row["value"].upper()] += int(row["count"])
    spread = [1 + place * 7919 % 997 for place in range(2000)]
    return {
        "sample types": (
            {row[1]: int(row[3] * 100) + 1 for row in types},
            {row[1]: row[0] for row in types},
            20,
        ),
        "real types": (
            dict(real["call_types"]),
            {value: f"C{place}" for place, value in enumerate(sorted(real["call_types"]))},
            20,
        ),
        "sample streets": ({row[0]: row[-1] * 500 for row in streets["rows"]}, {}, None),
        "streets": (dict(zip(seed_values("street_names"), spread, strict=False)), {}, 14),
        "dispositions": (dict(real["dispositions"]), {}, None),
        "neighborhoods": (dict(zip(seed_values("neighborhoods"), spread, strict=False)), {}, None),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_misspellings(shared_extracts: Path, tmp_path: Path, seed: int) -> None:
    """Of misspellings planted into right values, rare ones and near neighbours among them."""
    columns = planted_columns(shared_extracts)
    planted = [
        plant(
            right,
            column=name,
            seed=seed,
            count=min(400, max(60, 2 * len(right))),
            beside=codes,
            width=width,
        )
        for name, (right, codes, width) in columns.items()
    ]
    known = [(name, value) for name, (right, _, _) in columns.items() for value in right]
    score = score_planted(
        find(
            tmp_path,
            [row for one in planted for row in one.values],
            [row for one in planted for row in one.contexts],
            known,
        ),
        [pair for one in planted for pair in one.truth],
        right_values=known,
    )
    assert score.applied_recall.of > 1_000
    assert score.untouchable_touched == []
    assert score.applied_precision.share >= 0.995, score.applied_wrong
    assert score.applied_recall.share >= 0.85
    assert score.found_recall.share >= 0.95, score.missed


def test_the_log_is_followed_to_its_end() -> None:
    """Merges are gone through in their order; what ends outside the vocabulary is not scored."""
    log = [("A1", "B2"), ("C3", "C4"), ("B2", "MAKE"), ("OTHER", "MAKE"), ("BAD", "MAKE")]
    truth = human_truth(log, column="Make", vocabulary={"MAKE", "OTHER"}, harmful={("BAD", "MAKE")})
    assert truth.pairs == [
        Misspelling(column="Make", wrong="A1", right="MAKE"),
        Misspelling(column="Make", wrong="B2", right="MAKE"),
    ]
    assert [one.wrong for one in truth.outside] == ["C3", "OTHER"]
    assert [one.wrong for one in truth.harmful] == ["BAD"]
