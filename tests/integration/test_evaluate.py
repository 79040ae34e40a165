"""The measurements in small, with fresh seeds; `make soak` and `summerware evaluate` run them in full."""

import json
from pathlib import Path

import pytest

from orchestration.dataset import load_datasets
from orchestration.evaluation.page import as_markdown, write_page
from orchestration.evaluation.runs import Measure, Results, measure_all
from orchestration.settings import Settings

PLANTED = "spelling, planted"
CALLS = "near duplicates, planted: calls_for_service"
REQUESTS = "near duplicates, planted: service_requests"
SUBJECTS = "two people of one event, planted: stops"
FEBRL = "linkage engine: FEBRL 1 to 3 without the social security number"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    settings = Settings.from_environment()
    return measure_all(
        settings,
        load_datasets(settings.datasets_dir),
        extracts=None,
        folder=tmp_path_factory.mktemp("evaluate"),
        seeds=(921,),
        rows=15_000,
    )


def _measures(results: Results, truth: str) -> dict[str, Measure]:
    return {one.name: one for one in results.measures if one.truth == truth}


def test_planted_misspellings_are_found_and_nothing_right_is_touched(results: Results) -> None:
    """Precision 0.995, recall 0.85 and 0.95, over every vocabulary of every dataset."""
    found = _measures(results, PLANTED)
    assert len(found) == 4
    assert found["precision of applied"].of > 2_000
    assert [one.name for one in found.values() if not one.is_reached] == []


def test_planted_duplicates_of_calls_are_found(results: Results) -> None:
    """With few rows a single pair is a thousandth: a little less is asked of the linked ones."""
    found = _measures(results, CALLS)
    assert found["precision of linked pairs"].value >= 0.995
    assert found["F1 of pairs, linked or proposed"].value >= 0.975
    assert found["F1 of clusters, linked or proposed"].is_reached


def test_planted_duplicates_of_service_requests_are_found(results: Results) -> None:
    """Few rows again: a little less is asked of pairs, and nothing less of their clusters."""
    found = _measures(results, REQUESTS)
    assert found["precision of linked pairs"].value >= 0.995
    assert found["F1 of pairs, linked or proposed"].value >= 0.97
    assert found["F1 of clusters, linked or proposed"].is_reached


def test_two_subjects_of_one_stop_stay_two_rows(results: Results) -> None:
    """Whether they differ in all that is known of a person, in the age, or in the number alone."""
    (found,) = _measures(results, SUBJECTS).values()
    assert found.of >= 250
    assert found.value == 0


def test_the_linkage_engine_is_sound(results: Results) -> None:
    """FEBRL 1 to 3."""
    found = _measures(results, FEBRL)
    assert len(found) == 3
    assert all(one.is_reached for one in found.values())


def test_what_is_not_on_this_machine_is_said(results: Results) -> None:
    """A truth that was not measured is no truth that was reached."""
    assert results.left_out == ["spelling, human: the merge log is not on this machine"]


def test_the_page_shows_every_figure_and_the_one_before(results: Results, tmp_path: Path) -> None:
    """Misses say by how much."""
    page = tmp_path / "evaluation.md"
    write_page(results, page)
    first = page.read_text()
    for one in results.measures:
        assert f"| {one.truth} | {one.name} |" in first
    kept = json.loads(page.with_suffix(".json").read_text())
    kept["measures"][0]["value"] = 0.1234
    page.with_suffix(".json").write_text(json.dumps(kept))
    write_page(results, page)
    assert "| 0.1234 |" in page.read_text()
    missed = Measure(truth="t", name="n", value=0.9, low=0.8, high=0.95, of=10, wanted=0.98)
    assert "**no**, by 0.0800" in as_markdown(Results(measures=[missed]), {})


def test_the_committed_page_has_every_truth(results: Results) -> None:
    """docs/evaluation.md is of these measurements."""
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
    for one in results.measures:
        assert f"| {one.truth} | {one.name} |" in page
