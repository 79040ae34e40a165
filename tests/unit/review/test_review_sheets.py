"""Sheets go out and come back: who is asked what, which judgements decide, what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from orchestration.errors import ConfigurationError
from orchestration.review.decisions import spelling_decisions
from orchestration.review.judgements import disagreements, undo_decision
from orchestration.review.listing import list_decisions
from tests.unit.review.desk import (
    ANN,
    BOB,
    CLEO,
    PAIR,
    POODEL,
    ROWS,
    Desk,
    fill_in,
    lines_of,
    rewrite,
)

Cells = dict[str, str]


@pytest.fixture
def ran(desk: Desk) -> Desk:
    """A run has left proposals."""
    desk.run()
    return desk


# What a sheet shows


def test_sheet_asks_in_plain_words(ran: Desk):
    """A sentence for each, both sides level, and blank columns to fill in."""
    pair, spelling = lines_of(ran.export(ANN)[1])[:2]
    assert pair.cells["question"] == (
        "Are D2 and D3 the same dog, entered twice? They differ in colours, place."
    )
    assert pair.cells["first"] == "dog_id: D2\nbreed: POODLE\ncolours: WHITE\nplace: 2 Elm St"
    assert pair.cells["second"] == "dog_id: D3\nbreed: POODLE\ncolours: -\nplace: 2 Elm Street"
    assert spelling.cells["question"] == (
        "In the column breed, 2 published rows say “BEAGEL”. Is that a misspelling of “BEAGLE”?"
    )
    assert (spelling.cells["verdict"], spelling.cells["note"]) == ("", "")


def test_what_the_machine_saw_is_told_without_values(desk: Desk):
    """Of an internal column not even the level, of others no value."""
    desk.run(
        spellings=[{**POODEL, "evidence": '{"change":"swapped letters","target_in_vocabulary":true,'
                    '"target_rows":2,"beside":"same","via":["secret-1"],"held_by":"secret-2"}'}],
        pairs=[{**PAIR, "evidence": '{"levels":{"breed":"equal","chip":"equal",'
                '"place":"one_edit"}}'}],
    )  # fmt: skip
    pair, spelling = lines_of(desk.export(ANN)[1])
    assert pair.cells["why"] == "breed equal; place one edit; score 0.75"
    assert spelling.cells["why"] == (
        "swapped letters; “POODLE” is in the vocabulary; “POODLE” stands on 2 lines; "
        "both stand beside the same other values; score 0.90"
    )


def test_better_label_is_asked_as_such(desk: Desk):
    """An official value is not called a misspelling."""
    desk.run(spellings=[{**POODEL, "evidence": '{"change":"better label"}'}], pairs=[])
    (line,) = lines_of(desk.export(ANN)[1])
    assert line.cells["question"].endswith(
        "That is an official value. Would “POODLE” be the better label?"
    )


@pytest.mark.parametrize("evidence", ["", "null", "[]", '{"levels": 3, "change": 4}'])
def test_evidence_of_another_shape_is_not_told(desk: Desk, evidence: str):
    desk.run(spellings=[{**POODEL, "evidence": evidence}], pairs=[{**PAIR, "evidence": evidence}])
    assert [line.cells["why"] for line in lines_of(desk.export(ANN)[1])] == [
        "score 0.75", "score 0.90",
    ]  # fmt: skip


def test_both_files_hold_the_same(ran: Desk):
    workbook, table = ran.export(ANN)
    assert (workbook.suffix, table.suffix) == (".xlsx", ".csv")
    assert [line.cells for line in lines_of(workbook)] == [line.cells for line in lines_of(table)]


def test_only_so_many_are_asked(ran: Desk):
    """The most important first; the rest waits."""
    assert len(lines_of(ran.export(ANN, n=1)[1])) == 1


def test_nothing_to_ask_writes_no_file(desk: Desk):
    desk.run(spellings=[], pairs=[])
    assert desk.export(ANN) == []
    assert not desk.sheets.exists()


def test_no_internal_value_leaves(ran: Desk):
    """Not in the files, and not in what is noted of them."""
    for path in ran.export(ANN):
        shown = [cell for line in lines_of(path) for cell in line.cells.values()]
        assert not any("secret" in cell or "WITHHELD" in cell for cell in shown)


# Two reviewers and a steward


@pytest.mark.parametrize(("verdict", "decided"), [("yes", "apply"), ("no", "keep")])
def test_two_that_agree_decide(ran: Desk, verdict: str, decided: str):
    """One alone does not; afterwards nobody is asked again."""
    ran.judge(ANN, verdict)
    assert ran.verdicts() == []
    ran.judge(BOB, verdict)
    (decision,) = ran.store.decisions("dogs")
    assert (decision.verdict, decision.decided_by) == (decided, [ANN, BOB])
    assert "POODEL" not in ran.asked(ANN) + ran.asked(BOB) + ran.asked(CLEO)


@pytest.mark.parametrize(("verdict", "decided"), [("yes", "same"), ("no", "different")])
def test_two_that_agree_decide_on_a_pair(ran: Desk, verdict: str, decided: str):
    listing = ran.asked(ANN)[0]
    ran.judge(ANN, verdict, about=listing)
    ran.judge(BOB, verdict, about=listing)
    (decision,) = ran.store.decisions("dogs")
    assert (decision.kind, decision.column_name, decision.verdict) == ("duplicate", "", decided)
    assert (decision.left_value, decision.right_value) == ("D2", "D3")


@pytest.mark.parametrize("second", ["no", "unsure"])
def test_disagreement_goes_to_the_steward_who_decides_alone(ran: Desk, second: str):
    assert ran.asked(CLEO) == []
    ran.judge(ANN, "yes")
    ran.judge(BOB, second)
    assert (ran.verdicts(), ran.asked(CLEO)) == ([], ["POODEL"])
    ran.judge(CLEO, "no")
    (decision,) = ran.store.decisions("dogs")
    assert (decision.verdict, decision.decided_by) == ("keep", [CLEO])
    assert ran.asked(CLEO) == []
    assert disagreements(ran.state, ran.dataset) == []


def test_a_doubt_goes_to_the_steward_at_once(ran: Desk):
    """The second reviewer need not look."""
    ran.judge(ANN, "unsure")
    assert ("POODEL" in ran.asked(BOB), ran.asked(CLEO)) == (False, ["POODEL"])


def test_steward_cannot_be_unsure(ran: Desk):
    """There is nobody to pass the doubt on to."""
    ran.judge(ANN, "unsure")
    with pytest.raises(ConfigurationError, match="verdict: must be yes or no, or blank"):
        ran.judge(CLEO, "unsure")


def test_a_late_third_voice_is_brought_before_the_steward(ran: Desk):
    """What two decided stays in force until the steward says otherwise."""
    ran.change(review={"reviewers": [ANN, BOB, "Dora"], "steward": CLEO})
    sheet = ran.export("Dora")[1]
    ran.judge(ANN, "yes")
    ran.judge(BOB, "yes")
    fill_in(sheet, {"POODEL": "no"})
    ran.import_(sheet, "Dora")
    assert (ran.verdicts(), ran.asked(CLEO)) == (["apply"], ["POODEL"])
    ran.judge(CLEO, "no")
    assert ran.verdicts() == ["keep"]


def test_who_left_has_no_voice(ran: Desk):
    """A judgement of somebody whom the dataset file no longer names does not count."""
    ran.judge(ANN, "yes")
    ran.change(review={"reviewers": [BOB, "Dora"], "steward": CLEO})
    ran.judge(BOB, "yes")
    assert ran.verdicts() == []
    ran.judge("Dora", "yes")
    assert ran.verdicts() == ["apply"]


def test_only_new_proposals_appear_in_the_next_sheet(ran: Desk):
    before = ran.asked(ANN)
    ran.judge(ANN, "yes")
    assert ran.asked(ANN) == [one for one in before if one != "POODEL"]
    assert ran.asked(BOB) == before


def test_decision_says_who_when_and_on_what(ran: Desk):
    """Enough to answer for it later."""
    ran.judge(ANN, "yes")
    (judged,) = ran.store.judgements("dogs")
    assert (judged.person, judged.evidence_hash) == (ANN, "h1")
    assert judged.asked_at <= judged.judged_at
    assert (judged.column_name, judged.left_value, judged.right_value) == (
        "breed", "POODEL", "POODLE",
    )  # fmt: skip


def test_verdicts_in_capitals_and_notes_are_kept(ran: Desk):
    path = ran.export(ANN)[1]
    lines = [line.cells for line in lines_of(path)]
    rewrite(path, [{**lines[0], "verdict": " Yes ", "note": "=sure"}, *lines[1:]])
    ran.import_(path, ANN)
    (judged,) = ran.store.judgements("dogs")
    assert (judged.verdict, judged.note) == ("yes", "=sure")


def test_workbook_that_was_filled_in_is_read(ran: Desk):
    """As a reviewer does it."""
    workbook = ran.export(ANN)[0]
    book = openpyxl.load_workbook(workbook)
    sheet = book.active
    place = [cell.value for cell in sheet[1]].index("verdict") + 1
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, place, "no")
    book.save(workbook)
    assert len(ran.import_(workbook, ANN).recorded.stored) == 4


# Once only


def test_the_same_file_twice_changes_nothing(ran: Desk):
    path = ran.export(ANN)[1]
    fill_in(path, {"POODEL": "yes", "WITE": "no"})
    first = ran.import_(path, ANN)
    before = ran.store.judgements("dogs")
    second = ran.import_(path, ANN)
    assert (len(first.recorded.stored), len(second.recorded.stored)) == (2, 0)
    assert (len(second.recorded.known), second.blank) == (2, 2)
    assert ran.store.judgements("dogs") == before


def test_a_partly_filled_sheet_can_be_finished_later(ran: Desk):
    path = ran.export(ANN)[1]
    fill_in(path, {"POODEL": "yes"})
    ran.import_(path, ANN)
    fill_in(path, {"POODEL": "yes", "WITE": "no"})
    again = ran.import_(path, ANN)
    assert ([one.left_value for one in again.recorded.stored], again.blank) == (["WITE"], 2)


def test_two_sheets_with_the_same_question_count_once(ran: Desk):
    """Exported twice before either came back."""
    sheets = [ran.export(ANN)[1], ran.export(ANN)[1]]
    for sheet in sheets:
        fill_in(sheet, {"POODEL": "yes"})
        ran.import_(sheet, ANN)
    assert ran.judgements() == [(ANN, "yes")]


def test_another_answer_to_the_same_question_is_refused(ran: Desk):
    """With its line, and nothing else of the file is stored."""
    path = ran.export(ANN)[1]
    fill_in(path, {"POODEL": "yes"})
    ran.import_(path, ANN)
    fill_in(path, {"POODEL": "no", "WITE": "yes"})
    with pytest.raises(
        ConfigurationError, match=r"line \d+ \(row 3\): Ann Smith judged this otherwise"
    ):
        ran.import_(path, ANN)
    assert ran.judgements() == [(ANN, "yes")]


def test_notes_without_a_verdict_are_counted(ran: Desk):
    path = ran.export(ANN)[1]
    rewrite(path, [{**line.cells, "note": "hm"} for line in lines_of(path)])
    imported = ran.import_(path, ANN)
    assert (imported.blank, imported.idle_notes, ran.judgements()) == (4, 4, [])


# Evidence that changes


def decided(desk: Desk, *, evidence_hash: str, outcome: str = "applied") -> None:
    """A later run: the decision was replayed, on this evidence."""
    (decision,) = desk.store.decisions("dogs")
    made = {"outcome": outcome, "decision_id": decision.id, "evidence_hash": evidence_hash}
    rows = [{**row, "breed": row["breed"] and row["breed"].replace("EL", "LE")} for row in ROWS]
    desk.run(rows=rows, spellings=[{**POODEL, **made}], pairs=[])


@pytest.fixture
def agreed(ran: Desk) -> Desk:
    """Two reviewers have decided."""
    ran.judge(ANN, "yes")
    ran.judge(BOB, "yes")
    return ran


def test_decision_replays_while_the_evidence_is_the_same(agreed: Desk):
    decided(agreed, evidence_hash="h1")
    assert agreed.asked(ANN) == []
    (one,) = spelling_decisions(agreed.settings, agreed.state, agreed.dataset)
    assert (one.column_name, one.from_value, one.to_value, one.verdict) == (
        "breed", "POODEL", "POODLE", "apply",
    )  # fmt: skip


def test_changed_evidence_is_asked_again_and_the_decision_stays(agreed: Desk):
    """Marked as such, and although the value stands on no published row any more."""
    decided(agreed, evidence_hash="h2")
    (line,) = lines_of(agreed.export(ANN)[1])
    assert line.cells["evidence changed"] == "yes"
    assert line.cells["question"].startswith("This was decided before, and its evidence has")
    assert agreed.verdicts() == ["apply"]


def test_new_agreement_replaces_the_decision(agreed: Desk):
    decided(agreed, evidence_hash="h2")
    agreed.judge(ANN, "no")
    assert agreed.verdicts() == ["apply"]
    agreed.judge(BOB, "no")
    (decision,) = agreed.store.decisions("dogs")
    (ended,) = agreed.store.decisions("dogs", in_force=False)
    assert (decision.verdict, decision.evidence_hash) == ("keep", "h2")
    assert (ended.verdict, ended.replaced_by) == ("apply", decision.id)


def test_agreement_on_the_old_evidence_does_not_replace_a_newer_decision(ran: Desk):
    """Sheets that come back after everything was asked and decided anew."""
    old = [(ran.export(person)[1], person) for person in (ANN, BOB)]
    ran.run(spellings=[{**POODEL, "evidence_hash": "h2"}], pairs=[])
    ran.judge(ANN, "no")
    ran.judge(BOB, "no")
    for path, person in old:
        fill_in(path, {"POODEL": "yes"})
        ran.import_(path, person)
    assert ran.verdicts() == ["keep"]


def test_evidence_that_turns_back_is_asked_once_more(agreed: Desk):
    """What was said of it before the newer decision does not count again."""
    decided(agreed, evidence_hash="h2")
    agreed.judge(ANN, "no")
    agreed.judge(BOB, "no")
    decided(agreed, evidence_hash="h1", outcome="left")
    assert agreed.asked(ANN) == ["POODEL"]


def test_decision_is_asked_as_it_was_where_its_correction_leads_on(agreed: Desk):
    """The engines follow a chain to its end; the question is about what was decided."""
    (decision,) = agreed.store.decisions("dogs")
    moved = {"outcome": "applied", "to_value": "PUDEL", "evidence_hash": "h2"}
    agreed.run(spellings=[{**POODEL, **moved, "decision_id": decision.id}], pairs=[])
    (line,) = lines_of(agreed.export(ANN)[1])
    assert (line.cells["first"], line.cells["second"]) == ("POODEL", "POODLE")


def test_merged_pair_is_asked_again_with_the_row_that_is_left(ran: Desk):
    listing = ran.asked(ANN)[0]
    ran.judge(ANN, "yes", about=listing)
    ran.judge(BOB, "yes", about=listing)
    (decision,) = ran.store.decisions("dogs")
    made = {"outcome": "decided_same", "decision_id": decision.id, "evidence_hash": "h2"}
    ran.run(rows=ROWS[:2], spellings=[], pairs=[{**PAIR, **made}])
    (line,) = lines_of(ran.export(BOB)[1])
    assert line.cells["second"] == "(not published at present)"


# Undoing


def test_undo_ends_one_decision_and_only_that(agreed: Desk):
    agreed.judge(ANN, "yes", about="WITE")
    agreed.judge(BOB, "yes", about="WITE")
    first, second = agreed.store.decisions("dogs")
    undo_decision(agreed.state, agreed.dataset, first.id, by=CLEO, reason="It is a name")
    assert agreed.store.decisions("dogs") == [second]
    (ended,) = agreed.store.decisions("dogs", in_force=False)
    assert (ended.id, ended.ended_by, ended.end_reason) == (first.id, CLEO, "It is a name")
    replayed = spelling_decisions(agreed.settings, agreed.state, agreed.dataset)
    assert [one.decision_id for one in replayed] == [second.id]


def test_undone_is_asked_anew_and_old_sheets_do_not_bring_it_back(agreed: Desk):
    """Not the files that made it, and not one of its reviewers alone."""
    (decision,) = agreed.store.decisions("dogs")
    undo_decision(agreed.state, agreed.dataset, decision.id, by=ANN, reason="Wrong")
    for path in sorted(agreed.sheets.glob("*.csv")):
        agreed.import_(path, ANN if "ann" in path.name else BOB)
    assert (agreed.verdicts(), agreed.judgements()) == ([], [])
    assert "POODEL" in agreed.asked(ANN)
    agreed.judge(ANN, "no")
    agreed.judge(BOB, "no")
    assert agreed.verdicts() == ["keep"]


@pytest.mark.parametrize(("decision", "by", "reason", "said"), [
    ("nothing", ANN, "x", "there is no decision nothing"),
    ("file:00", ANN, "x", "stands in dogs.decisions.csv; remove its line there"),
    (None, "Mallory", "x", "'Mallory' is no reviewer"),
    (None, ANN, " ", "--reason: say why"),
])  # fmt: skip
def test_undo_is_refused(agreed: Desk, decision: str | None, by: str, reason: str, said: str):
    known = agreed.store.decisions("dogs")[0].id
    with pytest.raises(ConfigurationError, match=said):
        undo_decision(agreed.state, agreed.dataset, decision or known, by=by, reason=reason)
    assert agreed.verdicts() == ["apply"]


def test_undone_twice_says_who_did_it(agreed: Desk):
    (decision,) = agreed.store.decisions("dogs")
    undo_decision(agreed.state, agreed.dataset, decision.id, by=ANN, reason="Wrong")
    with pytest.raises(ConfigurationError, match=r"ended already: Wrong \(Ann Smith, 20"):
        undo_decision(agreed.state, agreed.dataset, decision.id, by=BOB, reason="Again")


# Sheets that are refused


def changed(lines: list[Cells], number: int, **cells: str) -> list[Cells]:
    """Other cells in one of the lines, by their heading with its blanks as underscores."""
    renamed = {name.replace("_", " "): text for name, text in cells.items()}
    return [line | renamed if place == number else line for place, line in enumerate(lines)]


EDITS: dict[str, tuple[Callable[[list[Cells]], list[Cells]], list[str]]] = {
    "edited value": (
        lambda lines: changed(lines, 1, second="BEAGLES"),
        ["line 9 (row 2): the cell second was changed"],
    ),
    "edited question": (
        lambda lines: changed(lines, 1, question="Is it?", published_rows="9"),
        [
            "line 9 (row 2): the cell question was changed",
            "line 9 (row 2): the cell published rows was changed",
        ],
    ),
    "edited row id": (
        lambda lines: changed(lines, 1, row_id="spelling-0"),
        ["line 9: its row id was changed", "line 1: 1 of 4 rows are missing: rows 2"],
    ),
    "edited sheet id": (
        lambda lines: changed(lines, 1, sheet_id="other"),
        ["line 9 (row 2): its sheet id is another one"],
    ),
    "edited fingerprint": (
        lambda lines: changed(lines, 1, row_fingerprint="0"),
        ["line 9 (row 2): its row fingerprint was changed"],
    ),
    "keys swapped": (
        lambda lines: changed(
            changed(lines, 1, row_id=lines[2]["row id"]), 2, row_id=lines[1]["row id"]
        ),
        ["line 9 (row 3): the cell first was changed", "line 10 (row 2): the cell first was changed"],
    ),
    "half the rows gone": (
        lambda lines: lines[:2],
        ["line 1: 2 of 4 rows are missing: rows 3, 4"],
    ),
    "row twice": (
        lambda lines: [*lines, lines[1]],
        ["line 12 (row 2): repeats the row of line 9"],
    ),
    "unknown verdict": (
        lambda lines: changed(lines, 1, verdict="maybe"),
        ["line 9 (row 2): verdict: must be yes, no or unsure, or blank"],
    ),
    "several at once": (
        lambda lines: changed(changed(lines, 0, verdict="ja"), 3, kind="x")[:1] + lines[3:],
        ["line 2 (row 1): verdict: must be", "line 1: 2 of 4 rows are missing: rows 2, 3"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "said"), EDITS.values(), ids=EDITS)
def test_edited_sheet_is_refused_whole(
    ran: Desk, edit: Callable[[list[Cells]], list[Cells]], said: list[str]
):
    """Every fault at once, with its line; the good rows of the file are not stored either."""
    path = ran.export(ANN)[1]
    lines = [{**line.cells, "verdict": "yes"} for line in lines_of(path)]
    rewrite(path, edit(lines))
    with pytest.raises(ConfigurationError) as refused:
        ran.import_(path, ANN)
    told = str(refused.value).splitlines()
    assert told[-1] == "Nothing of it was stored."
    for one in said:
        assert any(line.startswith(f"{path.name}: {one}") for line in told), told
    assert ran.judgements() == []
    assert "BEAGLES" not in str(refused.value)


@pytest.mark.parametrize("heading", ["first", "verdict", "row id", "sheet id", "row fingerprint"])
def test_missing_column_is_told(ran: Desk, heading: str):
    path = ran.export(ANN)[1]
    lines = [line.cells for line in lines_of(path)]
    rewrite(path, [{n: text for n, text in one.items() if n != heading} for one in lines])
    with pytest.raises(ConfigurationError, match=f"the column {heading} is missing"):
        ran.import_(path, ANN)


@pytest.mark.parametrize(("person", "said"), [
    ("Mallory", "'Mallory' is no reviewer; dogs.yaml names Ann Smith, Bob, and Cleo as steward"),
    (BOB, "was written for Ann Smith, not for 'Bob'"),
])  # fmt: skip
def test_sheet_of_somebody_else_is_refused(ran: Desk, person: str, said: str):
    path = ran.export(ANN)[1]
    fill_in(path, {"POODEL": "yes"})
    with pytest.raises(ConfigurationError, match=said):
        ran.import_(path, person)
    assert ran.judgements() == []


def test_sheet_of_another_dataset_is_refused(ran: Desk):
    path = ran.export(ANN)[1]
    other = ran.dataset.model_copy(update={"id": "cats"})
    from orchestration.review.review_sheets import import_sheet

    with pytest.raises(ConfigurationError, match="is a sheet of dogs, not of cats"):
        import_sheet(ran.state, other, path, reviewer=ANN)


@pytest.mark.parametrize(("cells", "said"), [
    ({"sheet id": "20260101T000000-0"}, "no sheet of that sheet id was written here"), (None, "no row"),
])  # fmt: skip
def test_sheet_that_was_not_written_here_is_refused(ran: Desk, cells: Any, said: str):
    path = ran.export(ANN)[1]
    lines = [line.cells for line in lines_of(path)]
    rewrite(path, [{**line, **cells} for line in lines] if cells else lines)
    if not cells:
        path.write_text(path.read_text().splitlines()[0])
    with pytest.raises(ConfigurationError, match=said):
        ran.import_(path, ANN)


def test_many_faults_are_cut(desk: Desk):
    """A file that is wrong all over says so on a screen or two."""
    rows = [{"dog_id": f"D{n:03}", "breed": f"B{n:03}"} for n in range(101)]
    spelled = [{**POODEL, "from_value": f"B{n:03}", "to_value": "B100"} for n in range(100)]
    desk.run(rows=rows, spellings=spelled, pairs=[])
    path = desk.export(ANN)[1]
    rewrite(path, [{**line.cells, "verdict": "x"} for line in lines_of(path)])
    with pytest.raises(ConfigurationError, match="and 40 more faults") as refused:
        desk.import_(path, ANN)
    assert len(str(refused.value).splitlines()) == 62


@pytest.mark.parametrize(("review", "said"), [
    (None, r"dogs.yaml: review: is missing; name who decides, such as `review: \{reviewers:"),
    ({"reviewers": [ANN, ANN], "steward": CLEO}, "somebody is named twice"),
    ({"reviewers": [ANN, BOB], "steward": BOB}, "somebody is named twice"),
])  # fmt: skip
def test_without_two_reviewers_and_a_steward_nobody_is_asked(ran: Desk, review: Any, said: str):
    ran.change(review=review)
    with pytest.raises(ConfigurationError, match=said):
        ran.export(ANN)


def test_nobody_else_is_asked(ran: Desk):
    with pytest.raises(ConfigurationError, match="'Mallory' is no reviewer"):
        ran.export("Mallory")


# The list


def test_list_shows_what_stands_and_what_waits(agreed: Desk):
    agreed.judge(ANN, "yes", about="WITE")
    agreed.judge(BOB, "no", about="WITE")
    listed = list_decisions(agreed.settings, agreed.state, agreed.dataset)
    (decision,) = listed["decisions"]
    assert (decision["from"], decision["to"], decision["by"]) == ("POODEL", "POODLE", [ANN, BOB])
    (waiting,) = listed["disagreements"]
    assert waiting["from"] == "WITE"
    assert [(one["person"], one["verdict"]) for one in waiting["judgements"]] == [
        (ANN, "yes"), (BOB, "no"),
    ]  # fmt: skip


def test_list_hides_what_is_published_no_more(agreed: Desk):
    """A column that became internal after the decision."""
    columns = [column.model_dump(mode="json") for column in agreed.dataset.columns]
    columns[1]["privacy"] = "internal"
    agreed.change(columns=columns)
    listed = list_decisions(agreed.settings, agreed.state, agreed.dataset)
    assert "POOD" not in str(listed)
    assert listed["decisions"][0]["column"] == "breed"


def test_sheets_are_whole_or_not_there(ran: Desk):
    """Nothing unfinished is left in the folder."""
    files = ran.export(ANN)
    assert sorted(ran.sheets.iterdir()) == sorted(files)
    assert all(isinstance(path, Path) and path.stat().st_size for path in files)
