"""The decisions file, what it refuses, and how it goes together with what reviewers decided."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import ConfigurationError
from orchestration.review.consistency import Together
from orchestration.review.decisions import (
    decisions_in_force,
    duplicate_decisions,
    spelling_decisions,
)
from orchestration.review.decisions_file import FileDecision, load_decisions_file
from orchestration.review.listing import HIDDEN, list_decisions
from tests.unit.review.desk import ANN, BOB, Desk

HEADER = "kind,column,from,to,verdict,by,on,reason"
SIGNED = "Cleo,2026-11-20,Seen at the source"


def write(desk: Desk, *lines: str, header: str = HEADER) -> None:
    desk.file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def load(desk: Desk) -> list[FileDecision]:
    return load_decisions_file(desk.settings, desk.dataset)


def spelled(desk: Desk) -> list[tuple[str, str, str]]:
    found = spelling_decisions(desk.settings, desk.state, desk.dataset)
    return [(one.from_value, one.to_value, one.verdict) for one in found]


def test_no_file_decides_nothing(desk: Desk):
    assert load(desk) == []
    assert spelling_decisions(desk.settings, desk.state, desk.dataset) == []
    assert duplicate_decisions(desk.settings, desk.state, desk.dataset) == []


def test_lines_become_decisions(desk: Desk):
    """Sorted, keys of a pair in order, with an id that does not hang on the place or the signature."""
    write(desk, f"spelling,breed,POODEL,POODLE,keep,{SIGNED}", f"duplicate,,D3,D2,same,{SIGNED}")
    before = spelling_decisions(desk.settings, desk.state, desk.dataset)
    (pair,) = duplicate_decisions(desk.settings, desk.state, desk.dataset)
    assert (pair.left_key, pair.right_key, pair.verdict) == ("D2", "D3", "same")
    assert spelled(desk) == [("POODEL", "POODLE", "keep")]
    assert all(one.decision_id.startswith("file:") for one in (*before, pair))
    write(
        desk,
        f"duplicate,,D2,D3,same,{SIGNED}",
        "",
        "spelling,breed,POODEL,POODLE,keep,Dora,2026-01-01,Other",
    )
    assert spelling_decisions(desk.settings, desk.state, desk.dataset) == before
    assert duplicate_decisions(desk.settings, desk.state, desk.dataset) == [pair]


def test_semicolons_of_excel_are_read(desk: Desk):
    write(
        desk,
        f"spelling,breed,POODEL,POODLE,keep,{SIGNED}".replace(",", ";"),
        header="\ufeff" + HEADER.replace(",", ";"),
    )
    assert spelled(desk) == [("POODEL", "POODLE", "keep")]


BAD = {
    "unknown kind": (["speling,breed,A,B,keep"], ["line 2: kind: must be spelling or duplicate"]),
    "unknown verdict": (["spelling,breed,A,B,same"], ["line 2: verdict: must be apply or keep"]),
    "verdict of the other kind": (["duplicate,,A,B,keep"], ["line 2: verdict: must be same or diff"]),
    "unknown column": (["spelling,breeed,A,B,keep"], ["line 2: column: dogs has no column of that"]),
    "no spelling": (["spelling,place,A,B,keep"], ["line 2: column: place has no `spelling`"]),
    "column of a pair": (["duplicate,breed,A,B,same"], ["line 2: column: must be empty"]),
    "same on both sides": (["spelling,breed,A,A,keep"], ["line 2: from and to are the same"]),
    "nothing to": (["spelling,breed,A,,keep"], ["line 2: to: is empty"]),
    "contradiction": (
        ["spelling,breed,A,B,keep", "spelling,breed,A,B,apply"], ["line 3: contradicts line 2"],
    ),
    "twice": (
        ["spelling,breed,A,B,keep", "spelling,breed,A,B,keep"],
        ["line 3: says the same as line 2"],
    ),
    "two targets": (
        ["spelling,breed,A,B,apply", "spelling,breed,A,C,apply"],
        ["line 3: gives the same value another correction than line 2"],
    ),
    "short circle": (
        ["spelling,breed,A,B,apply", "spelling,breed,B,A,apply"],
        ["line 3: makes a circle of corrections with line 2"],
    ),
    "long circle": (
        ["spelling,breed,C,A,apply", "spelling,breed,A,B,apply", "spelling,breed,B,C,apply"],
        ["line 4: makes a circle of corrections with lines 2, 3"],
    ),
    "pair both ways": (
        ["duplicate,,A,B,same", "duplicate,,B,A,different"], ["line 3: contradicts line 2"],
    ),
    "what follows is denied": (
        ["duplicate,,A,B,same", "duplicate,,B,C,same", "duplicate,,A,C,different"],
        ["line 4: contradicts what follows from lines 2, 3"],
    ),
    "what is denied follows": (
        ["duplicate,,A,C,different", "duplicate,,A,B,same", "duplicate,,B,C,same"],
        ["line 4: contradicts what follows from line 2"],
    ),
    "several at once": (
        ["x,breed,A,B,keep", "spelling,breed,A,B,keep", "spelling,breed,B,,what"],
        ["line 2: kind", "line 4: to: is empty", "line 4: verdict: must be"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "said"), BAD.values(), ids=BAD)
def test_wrong_line_is_told_with_file_and_line(desk: Desk, lines: list[str], said: list[str]):
    """All at once, and no value with it."""
    write(desk, *(f"{line},{SIGNED}" for line in lines))
    with pytest.raises(ConfigurationError) as refused:
        load(desk)
    told = str(refused.value).splitlines()
    assert len(told) == len(said)
    for line, one in zip(told, said, strict=True):
        assert line.startswith(f"dogs.decisions.csv: {one}")


@pytest.mark.parametrize(("signed", "said"), [
    (",2026-11-20,Why", "by: is empty"), (" ,2026-11-20,Why", "by: is empty"),
    ("Cleo,2026-11-20,", "reason: is empty"), ("Cleo,,Why", "on: is not a date YYYY-MM-DD"),
    ("Cleo,20.11.2026,Why", "on: is not a date"), ("Cleo,2026-02-30,Why", "on: is not a date"),
    ("Cleo,20261120,Why", "on: is not a date"),
    ("Cleo,2026-11-20,Why,not", "has more cells than there are headings"),
])  # fmt: skip
def test_unsigned_line_is_refused(desk: Desk, signed: str, said: str):
    """Who, when, why."""
    write(desk, f"spelling,breed,A,B,keep,{signed}")
    with pytest.raises(ConfigurationError, match=f"dogs.decisions.csv: line 2: {said}"):
        load(desk)


@pytest.mark.parametrize(("header", "said"), [
    (HEADER.replace("reason", "why"), "line 1: the column reason is missing"),
    (HEADER + ",note", "line 1: the heading of column 9 is unknown"),
    (HEADER + ",by", "line 1: the column by stands twice"),
    ("a,b,c", "is no sheet of ours"),
])  # fmt: skip
def test_wrong_headings_are_told(desk: Desk, header: str, said: str):
    write(desk, header=header)
    with pytest.raises(ConfigurationError, match=f"dogs.decisions.csv: .*{said}"):
        load(desk)


def test_pair_needs_a_dataset_that_looks_for_pairs(desk: Desk):
    desk.change(duplicates=None)
    write(desk, f"duplicate,,A,B,same,{SIGNED}")
    with pytest.raises(ConfigurationError, match=r"line 2: kind: dogs\.yaml has no `duplicates`"):
        load(desk)


# Together with the reviewers


@pytest.fixture
def agreed(desk: Desk) -> Desk:
    """Two reviewers decided that POODEL is POODLE."""
    desk.run()
    desk.judge(ANN, "yes")
    desk.judge(BOB, "yes")
    return desk


@pytest.mark.parametrize(("line", "why"), [
    ("spelling,breed,POODEL,POODLE,keep", "contradicts"),
    ("spelling,breed,POODEL,BEAGLE,apply", "gives the same value another correction than"),
    ("spelling,breed,POODLE,POODEL,apply", "makes a circle of corrections with"),
    ("spelling,breed,POODEL,POODLE,apply", "says the same as"),
])  # fmt: skip
def test_file_wins_over_reviewers_and_the_list_says_so(agreed: Desk, line: str, why: str):
    write(agreed, f"{line},{SIGNED}")
    _, _, left, right, verdict = line.split(",")
    assert spelled(agreed) == [(left, right, verdict)]
    (conflict,) = list_decisions(agreed.settings, agreed.state, agreed.dataset)["conflicts"]
    assert (conflict["from"], conflict["why"]) == ("POODEL", why)
    assert conflict["overruled_by"] == [load(agreed)[0].id]


def test_a_line_that_is_taken_away_gives_the_reviewers_back(agreed: Desk):
    """Only that line, and only what it said."""
    write(agreed, f"spelling,breed,POODEL,POODLE,keep,{SIGNED}")
    agreed.file.unlink()
    assert spelled(agreed) == [("POODEL", "POODLE", "apply")]


def test_line_on_something_else_changes_nothing(agreed: Desk):
    write(agreed, f"spelling,breed,POODEL,BEAGLE,keep,{SIGNED}")
    assert spelled(agreed) == [("POODEL", "BEAGLE", "keep"), ("POODEL", "POODLE", "apply")]


@pytest.mark.parametrize("line", ["POODEL,POODLE,keep", "POODEL,BEAGLE,apply"])
def test_what_the_file_decides_is_not_asked(desk: Desk, line: str):
    desk.run()
    write(desk, f"spelling,breed,{line},{SIGNED}")
    assert "POODEL" not in desk.asked(ANN)
    assert "BEAGEL" in desk.asked(ANN)


def test_newer_decision_wins_over_an_older_one(desk: Desk):
    """Two suggestions for one value, both agreed to one after the other."""
    for target in ("POODLE", "BEAGLE"):
        desk.run(spellings=[{"column_name": "breed", "from_value": "POODEL", "to_value": target,
                             "score": 0.9}], pairs=[])  # fmt: skip
        desk.judge(ANN, "yes")
        desk.judge(BOB, "yes")
    assert spelled(desk) == [("POODEL", "BEAGLE", "apply")]
    found = decisions_in_force(desk.settings, desk.state, desk.dataset)
    assert [one.decision.right_value for one in found.overruled] == ["POODLE"]


def test_column_that_is_not_looked_at_any_more_is_left_out(agreed: Desk):
    """The engine would not know what to do with it."""
    columns = [column.model_dump(mode="json") for column in agreed.dataset.columns]
    columns[1]["spelling"] = None
    agreed.change(columns=columns)
    assert spelled(agreed) == []


def test_list_hides_internal_values_of_the_file(desk: Desk):
    write(desk, f"spelling,chip,secret-1,secret-2,keep,{SIGNED}")
    (one,) = list_decisions(desk.settings, desk.state, desk.dataset)["decisions"]
    assert (one["column"], one["from"], one["to"]) == ("chip", HIDDEN, HIDDEN)


# What can stand together

KEYS = st.sampled_from("ABCDE")
SAID: Any = st.lists(
    st.tuples(KEYS, KEYS, st.booleans()).filter(lambda one: one[0] != one[1]), max_size=15
)


@given(said=SAID)
def test_corrections_taken_in_lead_somewhere(said: list[tuple[str, str, bool]]):
    """One target per value at most, and every chain ends."""
    together: Together[int] = Together()
    targets: dict[str, str] = {}
    for number, (left, right, positive) in enumerate(said):
        verdict = "apply" if positive else "keep"
        if together.take("spelling", "c", left, right, verdict, number) is None and positive:
            assert left not in targets
            targets[left] = right
    for start in targets:
        seen = {start}
        value = start
        while (value := targets.get(value, "")) != "":
            assert value not in seen
            seen.add(value)


@given(said=SAID)
def test_pairs_taken_in_contradict_nothing_that_follows(said: list[tuple[str, str, bool]]):
    """And what is refused, does: checked against groups that are made by hand."""
    together: Together[int] = Together()
    taken: dict[frozenset[str], bool] = {}
    for number, (left, right, same) in enumerate(said):
        verdict = "same" if same else "different"
        refused = together.take("duplicate", "", left, right, verdict, number) is not None
        pair = frozenset((left, right))
        assert refused == (pair in taken or not consistent({**taken, pair: same}))
        if not refused:
            taken[pair] = same


def consistent(pairs: dict[frozenset[str], bool]) -> bool:
    groups = [{key} for key in "ABCDE"]
    for pair, same in pairs.items():
        if same:
            joined = [group for group in groups if group & pair]
            groups = [group for group in groups if not group & pair] + [set().union(*joined)]
    return not any(pair <= group for group in groups for pair, same in pairs.items() if not same)
