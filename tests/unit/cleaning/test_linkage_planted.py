"""Planted truth: the weights that are kept, on seeds that they were not trained on.

The full figures (three seeds, more than 5,000 linked pairs) run under `make soak`.
"""

from pathlib import Path

import pytest

from orchestration.cleaning.linkage import link, weights_path
from orchestration.dataset import Comparison, Dataset, Duplicates, load_dataset
from orchestration.duck import connect, parquet, quoted
from orchestration.evaluation.duplicate_truth import (
    SAME_HOUSE,
    Pair,
    PairScore,
    Planted,
    judge_clusters,
    judge_pairs,
    plant,
    write_rows,
)
from orchestration.evaluation.training import train
from orchestration.shares import Share
from tests.soak import SOAK

DATASETS = Path(__file__).parents[3] / "orchestration" / "datasets"
SEEDS, ROWS = ((901, 902, 903), 80_000) if SOAK else ((901,), 20_000)
TIMES = ("created_at", "dispatched_at", "arrived_at", "closed_at")
CODES = (
    "call_type_code",
    "initial_call_type_code",
    "initial_priority_code",
    "priority_code",
    "disposition_code",
    "is_self_initiated",
)
DUPLICATES = Duplicates(
    time="created_at",
    within_minutes=90,
    place="block_address",
    compare=(
        Comparison(column="block_address", how="place"),
        Comparison(column="location", how="point"),
        *(Comparison(column=name, how="time") for name in TIMES),
        *(Comparison(column=name, how="code") for name in CODES),
    ),
    link_above=0.996,
    propose_above=0.5,
)
NO_DECISIONS = (
    "(select '' as left_key, '' as right_key, '' as verdict, '' as decision_id where false)"
)


@pytest.fixture(scope="module")
def calls() -> Dataset:
    dataset = load_dataset(DATASETS / "calls_for_service.yaml")
    return dataset.model_copy(update={"duplicates": dataset.duplicates or DUPLICATES})


def _found(dataset: Dataset, planted: Planted, folder: Path) -> dict[Pair, str]:
    write_rows(planted, folder / "rows.parquet")
    with connect(spill=folder) as connection:
        link(
            connection,
            dataset,
            rows=parquet(folder / "rows.parquet"),
            decisions=NO_DECISIONS,
            weights=weights_path(DATASETS, dataset.id),
            target=folder / "pairs.parquet",
        )
        pairs = connection.sql(
            f"select left_key, right_key, outcome from {quoted(str(folder / 'pairs.parquet'))}"
        ).fetchall()
    return {(left, right): outcome for left, right, outcome in pairs}


@pytest.mark.soak
def test_planted_duplicates_are_found(calls: Dataset, tmp_path: Path) -> None:
    """Suspected pairs and their clusters: F1 0.98 and 0.97; linked ones: precision 0.999."""
    nothing = PairScore(found=0, right=0, real=0, false_positives={}, false_negatives={})
    linked = suspected = clustered = nothing
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        planted = plant(calls, rows=ROWS, seed=seed, folder=folder)
        found = _found(calls, planted, folder)
        linked += judge_pairs(planted, [pair for pair, said in found.items() if said == "linked"])
        suspected += judge_pairs(planted, found)
        clustered += judge_clusters(planted, found)
    assert linked.found >= (5_000 if SOAK else 400)
    assert linked.precision.share >= (0.999 if SOAK else 0.995), linked.false_positives
    assert suspected.f1 >= (0.98 if SOAK else 0.97), (suspected, suspected.f1_interval)
    assert clustered.f1 >= 0.97, clustered


def test_planting_is_the_same_again_and_hard(calls: Dataset, tmp_path: Path) -> None:
    """One seed, one truth; as many lookalikes as re-entries, of every kind."""
    folders = [tmp_path / "one", tmp_path / "other"]
    one, other = (plant(calls, rows=5_000, seed=3, folder=folder) for folder in folders)
    assert one == other
    assert len(one.lookalikes) == 150
    assert set(one.lookalikes.values()) == {"other_kind", "same_kind", "next_block"}
    assert {"across_midnight", "hour_later", "letter_dropped"} <= set(one.same.values())
    assert not one.same.keys() & one.lookalikes.keys()


@pytest.fixture(scope="module")
def tickets() -> Dataset:
    return load_dataset(DATASETS / "service_requests.yaml")


@pytest.fixture(scope="module")
def planted_tickets(tickets: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tickets, rows=20_000, seed=901, folder=tmp_path_factory.mktemp("tickets"))


def test_planted_tickets_are_told_apart(
    tickets: Dataset, planted_tickets: Planted, tmp_path: Path
) -> None:
    """Of service requests, too, on a seed that nothing was fitted on."""
    found = _found(tickets, planted_tickets, tmp_path)
    linked = judge_pairs(planted_tickets, [pair for pair in found if found[pair] == "linked"])
    assert linked.precision.share >= 0.995, linked.false_positives
    assert judge_pairs(planted_tickets, found).f1 >= 0.97
    assert judge_clusters(planted_tickets, found).f1 >= 0.96


def test_another_house_has_another_point(planted_tickets: Planted) -> None:
    """A lookalike of the next block never copies a point; in one block, a stated share does."""
    points = {row["ticket_id"]: row["location"] for row in planted_tickets.rows}
    copied: dict[str, list[bool]] = {}
    for (one, other), kind in planted_tickets.lookalikes.items():
        if points[one] is not None:
            copied.setdefault(kind, []).append(points[one] == points[other])
    shares = {kind: sum(same) / len(same) for kind, same in copied.items()}
    assert shares["next_block"] == 0
    assert shares["same_kind"] == pytest.approx(SAME_HOUSE["same_kind"], abs=0.08)
    assert shares["other_kind"] == pytest.approx(SAME_HOUSE["other_kind"], abs=0.08)


def test_training_is_the_same_again(calls: Dataset) -> None:
    """One seed, the same weights."""
    assert train(calls, seeds=[11], rows=4_000) == train(calls, seeds=[11], rows=4_000)


def test_intervals_are_those_of_the_books() -> None:
    """Clopper and Pearson: 0 of 10, 3 of 10, all of 10."""
    assert Share(hits=0, of=10).interval == pytest.approx((0, 0.3085), abs=1e-4)
    assert Share(hits=3, of=10).interval == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert Share(hits=10, of=10).interval == pytest.approx((0.6915, 1), abs=1e-4)


def test_clusters_are_judged_by_all_their_pairs() -> None:
    """Two pairs that share a key make three; a pair by way of others counts as found."""
    same = {("a", "b"): "minutes_later", ("a", "c"): "minutes_later", ("b", "c"): "both"}
    planted = Planted(columns=(), rows=[], same=same, lookalikes={("c", "d"): "x"}, events={})
    assert judge_pairs(planted, [("a", "b"), ("b", "c")]).recall.hits == 2
    assert judge_clusters(planted, [("a", "b"), ("b", "c")]).f1 == 1.0
    wrong = judge_clusters(planted, [("a", "b"), ("c", "d")])
    assert dict(wrong.false_positives) == {"x": 1}
