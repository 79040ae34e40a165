"""People's decisions come before the machine's, chains are followed, circles refused."""

import pytest

from orchestration.errors import ConfigurationError
from tests.unit.cleaning.spelling_bench import SpellingBench, bench

__all__ = ["bench"]


@pytest.fixture
def makes(bench: SpellingBench) -> SpellingBench:
    """Two makes with slips that the machine corrects."""
    bench.know("TOYOTA", "NISSAN")
    bench.see("TOYOTA", 500)
    bench.see("NISSAN", 300)
    bench.see("TOYTOTA")
    bench.see("NISSSAN")
    return bench


def test_keep_reverses_one_and_only_that(makes: SpellingBench) -> None:
    """A line of keep leaves its value, with its id, and no other row changes."""
    before = makes.find()
    makes.decide("TOYTOTA", "TOYOTA", "keep", "d1")
    assert makes.find() ^ before == {
        ("TOYTOTA", "TOYOTA", "applied"),
        ("TOYTOTA", "TOYOTA", "left"),
    }
    assert ("TOYTOTA", "left", "d1") in makes.rows("from_value, outcome, decision_id")


def test_what_else_a_kept_value_resembles_is_proposed_at_most(bench: SpellingBench) -> None:
    """After a no to one correction the machine does not make another one by itself."""
    bench.know("DODGE")
    bench.see("DODGE", 900)
    bench.see("DOGDE")
    assert bench.changed() == {"DOGDE": "DODGE"}
    bench.decide("DOGDE", "DODGER", "keep", "d1")
    assert bench.changed() == {}
    assert ("DOGDE", "DODGE", "proposed") in bench.find()


@pytest.mark.parametrize("verdict", ["apply", "keep"])
def test_a_decided_label_is_not_asked_again(bench: SpellingBench, verdict: str) -> None:
    """The kind of evidence is the same before and after the decision."""
    bench.know("Alchohol", better="Alcohol")
    bench.see("Alchohol", 400)
    before = bench.rows("evidence_hash")
    bench.decide("Alchohol", "Alcohol", verdict, "d1")
    assert bench.rows("evidence_hash") == before


def test_keep_without_a_target_keeps_the_value(makes: SpellingBench) -> None:
    """A decision may say that a value is right, whatever it resembles."""
    makes.decide("TOYTOTA", None, "keep", "d1")
    assert makes.changed() == {"NISSSAN": "NISSAN"}


def test_a_decision_applies_what_the_machine_would_not(makes: SpellingBench) -> None:
    """Also to a member of the vocabulary, and to a value the machine knows nothing of."""
    makes.decide("NISSAN", "DATSUN", "apply", "d1")
    makes.decide("ZZ9", "TOYOTA", "apply", "d2")
    assert makes.changed() == {
        "NISSAN": "DATSUN",
        "NISSSAN": "DATSUN",
        "TOYTOTA": "TOYOTA",
        "ZZ9": "TOYOTA",
    }


def test_chains_are_followed_to_the_end(makes: SpellingBench) -> None:
    """a to b and b to c is a to c, with b in the evidence."""
    makes.decide("A1", "B2", "apply", "d1")
    makes.decide("B2", "TOYTOTA", "apply", "d2")
    assert makes.changed()["A1"] == "TOYOTA"
    [(evidence,)] = [row[1:] for row in makes.rows("from_value, evidence") if row[0] == "A1"]
    assert '"via":["B2","TOYTOTA"]' in str(evidence)


def test_a_decision_against_the_machine_wins(makes: SpellingBench) -> None:
    """Where the machine would go back to where a decision came from, it does not."""
    makes.decide("TOYOTA", "TOYTOTA", "apply", "d1")
    assert makes.changed() == {"TOYOTA": "TOYTOTA", "NISSSAN": "NISSAN"}


def test_a_circle_is_refused(makes: SpellingBench) -> None:
    """The message names the column and the decisions, and no value."""
    makes.decide("AAA", "BBB", "apply", "d1")
    makes.decide("BBB", "CCC", "apply", "d2")
    makes.decide("CCC", "AAA", "apply", "d3")
    with pytest.raises(ConfigurationError, match="d1, d2, d3 about `make`") as refused:
        makes.find()
    assert "AAA" not in str(refused.value)


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ([("model", "A", "B", "apply", "d1")], "`model`"),
        ([("make", "A", "B", "guess", "d1")], "apply or keep"),
        ([("make", "A", "A", "apply", "d1")], "no other one"),
        ([("make", "A", None, "apply", "d1")], "no other one"),
        ([("make", "A", "B", "apply", "d1"), ("make", "A", "C", "apply", "d2")], "d1 and d2"),
        ([("make", "A", "B", "apply", "d1"), ("make", "A", "B", "keep", "d2")], "apply and keep"),
        ([("make", "A", "B", "apply", "d1"), ("make", "A", None, "keep", "d2")], "apply and keep"),
    ],
    ids=["column", "verdict", "itself", "nothing", "two", "both", "both, no target"],
)
def test_a_wrong_decision_is_refused(
    makes: SpellingBench,
    decisions: list[tuple[str, str, str | None, str, str]],
    message: str,
) -> None:
    """Before anything is written."""
    makes.decisions += decisions
    with pytest.raises(ConfigurationError, match=message):
        makes.find()
    assert not (makes.folder / "spelling.parquet").exists()


def test_the_same_decision_twice_is_one(makes: SpellingBench) -> None:
    """Two reviewers may say the same."""
    makes.decide("ZZ9", "TOYOTA", "apply", "d2")
    makes.decide("ZZ9", "TOYOTA", "apply", "d1")
    assert [row for row in makes.rows("from_value, decision_id") if row[1]] == [("ZZ9", "d1")]
