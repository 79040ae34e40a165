"""The audit: a random sample, checked by a person, and the error rate that follows from it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from orchestration.errors import ConfigurationError
from orchestration.review.audit import Marks, draw_sample, estimate, in_words
from orchestration.review.audit_sheets import read_sample, write_sample
from orchestration.review.review_sheets import import_sheet
from orchestration.shares import exact_interval
from orchestration.state.judgements import Audit
from tests.unit.review.desk import ANN, Desk, lines_of, rewrite

DOGS = [
    {"dog_id": f"D{n:03}", "breed": "POODLE", "colours": None, "place": "=1", "chip": f"secret-{n}"}
    for n in range(50)
]


@pytest.fixture
def ran(desk: Desk) -> Desk:
    desk.run(rows=DOGS, spellings=[], pairs=[])
    return desk


def write(desk: Desk, size: int = 10, seed: int = 1) -> Path:
    """The CSV of a sample."""
    written = write_sample(
        desk.settings, desk.state, desk.dataset, size=size, seed=seed, folder=desk.sheets
    )
    return written.files[1]


def mark(path: Path, marks: dict[int, tuple[str, str]] | None = None) -> None:
    """Every row is right but those of some numbers."""
    lines = []
    for line in lines_of(path):
        verdict, wrong = (marks or {}).get(int(line.cells["row number"]), ("right", ""))
        lines.append({**line.cells, "row verdict": verdict, "wrong columns": wrong})
    rewrite(path, lines)


def read(desk: Desk, path: Path) -> Audit:
    return read_sample(desk.state, desk.dataset, path, by=ANN)


# The sample


def test_sample_is_of_published_columns_alone(ran: Desk):
    """Law 3, in both files."""
    path = write(ran)
    for one in (path, path.with_suffix(".xlsx")):
        lines = lines_of(one)
        assert len(lines) == 10
        assert not any("secret" in cell for line in lines for cell in line.cells.values())
    assert list(lines[0].cells)[:5] == ["row number", "dog_id", "breed", "colours", "place"]


def test_the_same_seed_draws_the_same_rows(ran: Desk):
    """In any order of rows; another seed draws others."""
    drawn = draw_sample(ran.settings, ran.state, ran.dataset, size=10, seed=1).rows
    ran.run(rows=DOGS[::-1], spellings=[], pairs=[])
    assert draw_sample(ran.settings, ran.state, ran.dataset, size=10, seed=1).rows == drawn
    assert draw_sample(ran.settings, ran.state, ran.dataset, size=10, seed=2).rows != drawn


def test_every_row_is_as_likely_as_any_other(ran: Desk):
    """Over 60 seeds each of 50 rows is drawn about 12 times."""
    counts = dict.fromkeys((row["dog_id"] for row in DOGS), 0)
    for seed in range(60):
        for row in draw_sample(ran.settings, ran.state, ran.dataset, size=10, seed=seed).rows:
            counts[row[0]] += 1
    assert sum(counts.values()) == 600
    assert 0 < min(counts.values()) <= max(counts.values()) < 30


def test_no_row_is_drawn_twice_and_no_more_than_there_are(ran: Desk):
    rows = draw_sample(ran.settings, ran.state, ran.dataset, size=400, seed=3).rows
    assert [row[0] for row in rows] == [row["dog_id"] for row in DOGS]


def test_nothing_to_draw_is_told(desk: Desk):
    with pytest.raises(ConfigurationError, match="no run has finished yet"):
        write(desk)


# The estimate


def test_rates_of_rows_cells_and_columns(ran: Desk):
    path = write(ran)
    mark(path, {2: ("wrong", "breed, place"), 5: ("Wrong", "breed"), 7: ("wrong", "whole row")})
    result = read(ran, path).result
    assert (result["rows"]["wrong"], result["rows"]["checked"]) == (3, 10)
    assert (result["cells"]["wrong"], result["cells"]["checked"]) == (3, 40)
    assert {name: rate["wrong"] for name, rate in result["columns"].items()} == {
        "dog_id": 0, "breed": 2, "colours": 0, "place": 1,
    }  # fmt: skip
    assert (result["population"], result["sampled"], result["unsure"]) == (50, 10, 0)
    assert result["rows"]["probably"] == 15
    assert "10 of 50 rows were checked (20.00 %)" in result["notes"][0]


def test_rate_is_told_as_the_police_department_tells_its_own():
    """Their figure for 2012, in their words."""
    marks = [Marks(verdict="wrong")] * 374 + [Marks(verdict="right")] * 20_640
    rate = estimate(marks, population=1_000_000, columns=["a"])["rows"]
    assert in_words(rate, "serious-call events") == (
        "1.78 % of serious-call events (374 of 21,014)"
    )


@given(checked=st.integers(1, 2000), data=st.data())
def test_interval_is_the_exact_one(checked: int, data: st.DataObject):
    """As scipy's own test of a share gives it."""
    wrong = data.draw(st.integers(0, checked))
    expected = binomtest(wrong, checked).proportion_ci(0.95, method="exact")
    assert exact_interval(wrong, checked) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(wrong=st.integers(0, 20), right=st.integers(1, 20), others=st.integers(0, 1000))
def test_counts_lie_within_what_is_possible(wrong: int, right: int, others: int):
    """Not fewer than were found, not more than found and unchecked."""
    marks = [Marks(verdict="wrong", wrong_columns=frozenset("a"))] * wrong
    marks += [Marks(verdict="right")] * right
    found = estimate(marks, population=wrong + right + others, columns=["a", "b"])
    for rate, unchecked in ((found["rows"], others), (found["cells"], 2 * others)):
        assert rate["low"] <= rate["rate"] <= rate["high"]
        assert wrong <= rate["at_least"] <= rate["probably"] <= rate["at_most"]
        assert rate["at_most"] <= wrong + unchecked


def test_whole_dataset_checked_leaves_nothing_to_chance(ran: Desk):
    path = write(ran, size=50)
    mark(path, {1: ("wrong", "breed")})
    result = read(ran, path).result
    assert (result["rows"]["low"], result["rows"]["high"]) == (0.02, 0.02)
    assert result["notes"] == [
        "Every row was checked: the rates are exact, and the intervals have no width."
    ]


def test_rows_that_could_not_be_judged_are_left_out_and_counted(ran: Desk):
    path = write(ran)
    mark(path, {1: ("unsure", ""), 2: ("wrong", "breed")})
    result = read(ran, path).result
    assert (result["unsure"], result["rows"]["checked"], result["rows"]["wrong"]) == (1, 9, 1)


def test_sample_of_doubts_says_nothing(ran: Desk):
    path = write(ran)
    mark(path, dict.fromkeys(range(1, 11), ("unsure", "")))
    with pytest.raises(ConfigurationError, match="no row of the sample could be judged"):
        read(ran, path)


# Kept once


def test_audit_is_kept_with_the_content_that_was_drawn_from(ran: Desk):
    """A later run does not change what was checked; reading twice changes nothing."""
    path = write(ran)
    drawn = draw_sample(ran.settings, ran.state, ran.dataset, size=1, seed=0).content_hash
    ran.run(spellings=[], pairs=[])
    mark(path)
    first = read(ran, path)
    assert (first.content_hash, first.read_by) == (drawn, ANN)
    assert read(ran, path) == first
    assert ran.store.audits("dogs") == [first]


def test_other_marks_on_a_sample_that_was_read_are_refused(ran: Desk):
    """Nobody marks until the rate pleases."""
    path = write(ran)
    mark(path, {1: ("wrong", "breed")})
    first = read(ran, path)
    mark(path)
    with pytest.raises(ConfigurationError, match=r"read this sample on 20.* with other marks"):
        read(ran, path)
    assert ran.store.audits("dogs") == [first]


# What is refused

BAD = {
    "unknown verdict": (("bad", ""), "row verdict: must be right, wrong or unsure"),
    "not checked": (("", ""), "row verdict: is blank; a sample is random only as a whole"),
    "wrong without a column": (("wrong", " "), "wrong columns: name the columns that are wrong"),
    "right with a column": (("right", "breed"), "wrong columns: must be blank where the row is"),
    "unknown column": (("wrong", "breed; chip"), "wrong columns: names 1 that are no columns"),
}


@pytest.mark.parametrize(("marks", "said"), BAD.values(), ids=BAD)
def test_wrong_mark_is_refused_with_its_line(ran: Desk, marks: tuple[str, str], said: str):
    path = write(ran)
    mark(path, {3: marks})
    with pytest.raises(ConfigurationError) as refused:
        read(ran, path)
    assert str(refused.value).startswith(f"{path.name}: line 4 (row 3): {said}")
    assert ran.store.audits("dogs") == []


def test_edited_cells_and_missing_rows_are_refused_at_once(ran: Desk):
    path = write(ran)
    mark(path)
    lines = [line.cells for line in lines_of(path)]
    rewrite(path, [{**lines[0], "breed": "PUDEL"}, *lines[1:5]])
    with pytest.raises(ConfigurationError) as refused:
        read(ran, path)
    told = str(refused.value)
    assert "line 2 (row 1): the cell breed was changed" in told
    assert "line 1: 5 of 10 rows are missing: rows 6, 7, 8, 9, 10" in told
    assert "PUDEL" not in told


@pytest.mark.parametrize(("by", "said"), [
    ("Mallory", "'Mallory' is no reviewer"), (" ", "--by: say who checked"),
])  # fmt: skip
def test_only_somebody_known_checks(ran: Desk, by: str, said: str):
    path = write(ran)
    mark(path)
    with pytest.raises(ConfigurationError, match=said):
        read_sample(ran.state, ran.dataset, path, by=by)


def test_dataset_without_reviewers_can_be_audited(ran: Desk):
    """By whoever signs."""
    ran.change(review=None)
    path = write(ran)
    mark(path)
    assert read_sample(ran.state, ran.dataset, path, by="Dora").read_by == "Dora"


def test_sheets_are_not_mixed_up(ran: Desk):
    """A sheet of the one command is refused by the other, which is named."""
    path = write(ran)
    with pytest.raises(ConfigurationError, match="is a sheet of `summerware audit-sample`"):
        import_sheet(ran.state, ran.dataset, path, reviewer=ANN)
