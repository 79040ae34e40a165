"""`summerware review` and `summerware audit-sample` as people call them, from a run's proposals on.

What sheets and decisions mean, case by case, stands in `tests/unit/review`.
"""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from orchestration import cli
from orchestration.cli import review as commands
from orchestration.settings import Settings
from tests.integration.postgresql import postgresql
from tests.unit.review.desk import ANN, BOB, CLEO, Desk, dataset_file, fill_in, lines_of, rewrite

PROCESSES = 4
NOT_LOADED = {"alembic", "dagster", "dbt", "great_expectations", "pandas", "sodapy"}
SUBCOMMANDS = sorted(typer.main.get_command(commands.review).commands)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture
def desk(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A run has left proposals."""
    datasets = tmp_path / "datasets"
    datasets.mkdir()
    (datasets / "dogs.yaml").write_text(yaml.safe_dump(dataset_file()))
    monkeypatch.setenv("SUMMERWARE_DATASETS", str(datasets))
    made = Desk(Settings.from_environment().prepare(), tmp_path)
    made.run()
    yield made
    made.engine.dispose()


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Calls the command in this process, as its entry point does."""

    def run(*words: str | Path) -> Answer:
        monkeypatch.setattr(sys, "argv", ["summerware", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Answer(int(ended.value.code or 0), said.out, said.err)

    return run


def export(call: Callable[..., Answer], desk: Desk, person: str) -> Path:
    """The person's CSV."""
    answer = call("review", "export", "dogs", "--out", desk.sheets, "--reviewer", person, "--json")
    return Path(answer.json["sheets"][0]["files"][1])


def judge(call: Callable[..., Answer], desk: Desk, person: str, verdict: str) -> Answer:
    path = export(call, desk, person)
    fill_in(path, {"POODEL": verdict})
    return call("review", "import", "dogs", path, "--reviewer", person, "--json")


def test_from_proposal_to_decision_and_back(call: Callable[..., Answer], desk: Desk):
    """Exported, judged by two, decided, listed, undone, and kept in the record."""
    assert judge(call, desk, ANN, "yes").json["decisions"] == []
    (decision,) = judge(call, desk, BOB, "yes").json["decisions"]
    assert (decision["verdict"], decision["by"]) == ("apply", [ANN, BOB])
    listed = call("review", "list", "dogs")
    assert f"{decision['id']}  apply  breed: 'POODEL' to 'POODLE'" in listed.out
    undone = call(
        "review", "undo", "dogs", decision["id"], "--by", CLEO, "--reason", "It is a name"
    )
    assert (undone.code, undone.err) == (0, "")
    again = call("review", "list", "dogs", "--json").json
    assert (again["decisions"], again["ended"][0]["end_reason"]) == ([], "It is a name")
    assert "No more in force" in call("review", "list", "dogs").out


def test_export_writes_a_sheet_for_everybody(call: Callable[..., Answer], desk: Desk):
    """Two reviewers; the steward has nothing to decide yet. What was left out is counted."""
    answer = call("review", "export", "dogs", "--n", "3", "--out", desk.sheets)
    assert answer.code == 0
    assert f"dogs: 3 proposals for {ANN}; 1 more wait" in answer.out
    assert f"dogs: nothing to judge for {CLEO}" in answer.out
    assert "1 left out: their column is not published" in answer.out
    assert "1 left out: no published row holds what they speak of" in answer.out
    assert len(list(desk.sheets.glob("*.xlsx"))) == len(list(desk.sheets.glob("*.csv"))) == 2


def test_import_says_what_became_of_the_sheet(call: Callable[..., Answer], desk: Desk):
    path = export(call, desk, ANN)
    fill_in(path, {"POODEL": "unsure"})
    answer = call("review", "import", "dogs", path, "--reviewer", ANN)
    assert answer.out.startswith(f"dogs: 1 judgements of {ANN} stored, 0 known already, 3 left")
    listed = call("review", "list", "dogs")
    assert (
        "Waiting for the steward:\n    breed: 'POODEL' to 'POODLE': Ann Smith unsure" in listed.out
    )


def test_conflict_with_the_decisions_file_is_listed(call: Callable[..., Answer], desk: Desk):
    judge(call, desk, ANN, "yes")
    judge(call, desk, BOB, "yes")
    desk.file.write_text(
        "kind,column,from,to,verdict,by,on,reason\n"
        "spelling,breed,POODEL,POODLE,keep,Cleo,2026-11-20,It is a name\n"
    )
    answer = call("review", "list", "dogs")
    assert "dogs.decisions.csv line 2" in answer.out
    assert "Overruled:" in answer.out
    assert "apply  breed: 'POODEL' to 'POODLE': contradicts file:" in answer.out


def test_error_rate_from_sample_to_figure(call: Callable[..., Answer], desk: Desk):
    """In the form of the police department's own."""
    drawn = call("audit-sample", "dogs", "--n", "4", "--seed", "7", "--out", desk.sheets, "--json")
    path = Path(drawn.json["files"][1])
    assert (drawn.json["rows"], drawn.json["population"], drawn.json["seed"]) == (4, 6, 7)
    first, *rest = [{**line.cells, "row verdict": "right"} for line in lines_of(path)]
    rewrite(path, [{**first, "row verdict": "wrong", "wrong columns": "breed"}, *rest])
    told = call("audit-sample", "dogs", "--read", path, "--by", ANN)
    assert "25.00 % of rows (1 of 4) are wrong; 95 % interval 0.63 % to 80.59 %" in told.out
    assert "    breed: 25.00 % of cells (1 of 4)" in told.out
    assert "    3 other columns: none found" in told.out
    as_json = call("audit-sample", "dogs", "--read", path, "--by", ANN, "--json").json
    assert as_json["rows"]["wrong"] == 1
    assert as_json["content_hash"] == drawn.json["content_hash"]


def test_sample_is_drawn_by_chance_where_no_seed_is_given(
    call: Callable[..., Answer], desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """Into the folder where one is, with the seed for the record and the next command."""
    desk.sheets.mkdir()
    monkeypatch.chdir(desk.sheets)
    answer = call("audit-sample", "dogs")
    assert answer.out.startswith("dogs: 6 of 6 rows drawn, seed ")
    assert "summerware audit-sample dogs --read FILE --by NAME" in answer.out
    assert len(list(desk.sheets.iterdir())) == 2


USAGE = {
    "unknown dataset": (["review", "list", "cats"], "no dataset is named cats; there are dogs"),
    "unknown reviewer": (["review", "export", "dogs", "--reviewer", "X"], "'X' is no reviewer"),
    "no file": (["review", "import", "dogs", "no.csv", "--reviewer", ANN], "no.csv: cannot be read"),
    "no decision": (
        ["review", "undo", "dogs", "x", "--by", ANN, "--reason", "y"], "there is no decision x",
    ),
    "no reason": (["review", "undo", "dogs", "x", "--by", ANN], "--reason"),
    "none asked for": (["review", "export", "dogs", "--n", "0"], "--n"),
    "read without by": (["audit-sample", "dogs", "--read", "x.csv"], "say with --by who checked"),
    "by without read": (["audit-sample", "dogs", "--by", ANN], "--by goes with --read"),
    "read and draw": (
        ["audit-sample", "dogs", "--read", "x.csv", "--by", ANN, "--seed", "1"],
        "--n, --seed and --out draw a sample; --read reads one",
    ),
    "no sample": (["audit-sample", "dogs", "--read", "x.csv", "--by", ANN], "x.csv: cannot be read"),
    "audit of nothing": (["audit-sample", "cats"], "no dataset is named cats"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "said"), USAGE.values(), ids=USAGE)
def test_bad_use_is_told(call: Callable[..., Answer], desk: Desk, words: list[str], said: str):
    """Exit code 2, on standard error alone."""
    answer = call(*words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


@pytest.mark.parametrize("words", [["export", "dogs"], ["list", "dogs"]], ids=["export", "list"])
def test_wrong_decisions_file_is_told(call: Callable[..., Answer], desk: Desk, words: list[str]):
    """With file and line, before anything is written."""
    desk.file.write_text("kind,column,from,to,verdict,by,on,reason\nx,,,,,,,\n")
    answer = call("review", *words)
    assert (answer.code, answer.out) == (2, "")
    assert "dogs.decisions.csv: line 2: kind: must be spelling or duplicate" in answer.err


def test_refused_sheet_is_told_line_by_line(call: Callable[..., Answer], desk: Desk):
    """Half the rows gone and a verdict that is none: both at once, and no cell with them."""
    path = export(call, desk, ANN)
    rewrite(path, [{**line.cells, "verdict": "perhaps"} for line in lines_of(path)[:2]])
    answer = call("review", "import", "dogs", path, "--reviewer", ANN)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines() == [
        f"{path.name}: line 1: 2 of 4 rows are missing: rows 3, 4",
        f"{path.name}: line 2 (row 1): verdict: must be yes, no or unsure, or blank",
        f"{path.name}: line 9 (row 2): verdict: must be yes, no or unsure, or blank",
        "Nothing of it was stored.",
    ]


def test_nothing_decided_yet_is_said(call: Callable[..., Answer], desk: Desk):
    assert call("review", "list", "dogs").out == "dogs: nothing was decided yet.\n"


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_subcommand_has_help(call: Callable[..., Answer], home: Path, command: str):
    """It says what it does, and every option and argument too."""
    answer = call("review", command, "--help")
    assert (answer.code, answer.err) == (0, "")
    made = typer.main.get_command(commands.review).commands[command]  # type: ignore[attr-defined]
    assert made.help
    assert [one.name for one in made.params if not getattr(one, "help", None)] == []


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_subcommand_is_in_the_readme(command: str):
    readme = (Path(cli.__file__).parents[2] / "README.md").read_text()
    assert f"`summerware review {command} " in readme


@pytest.mark.parametrize("words", [
    ["review", "export", "dogs", "--out", "sheets"], ["review", "list", "dogs"],
    ["audit-sample", "dogs", "--out", "sheets"],
], ids=["export", "list", "audit-sample"])  # fmt: skip
def test_commands_load_nothing_heavy(desk: Desk, tmp_path: Path, words: list[str]):
    """Neither Dagster, dbt, Great Expectations nor pandas."""
    program = (
        "import sys\nfrom orchestration import cli\n"
        f"sys.argv = ['summerware', *{words!r}]\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    loaded = set(ended.stdout.rpartition("LOADED ")[2].split())
    assert "duckdb" in loaded
    assert loaded & NOT_LOADED == set()


# Several at once, on both databases


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_desk(
    request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """The desk on either database."""
    if request.param == "postgresql":
        monkeypatch.setenv("SUMMERWARE_STATE_URL", request.getfixturevalue("server"))
    made: Desk = request.getfixturevalue("desk")
    return made


def test_the_same_file_at_once_is_stored_once(shared_desk: Desk, call: Callable[..., Answer]):
    """Four processes import it: every judgement once, one decision, nobody fails."""
    desk = shared_desk
    listing = desk.asked(ANN)[0]
    for person in (ANN, BOB):
        path = desk.export(person)[1]
        fill_in(path, {"POODEL": "yes", "WITE": "no", "BEAGEL": "yes", listing: "no"})
        context = multiprocessing.get_context("spawn")
        begin = context.Barrier(PROCESSES)
        racing = [
            context.Process(target=import_at_once, args=(begin, str(path), person))
            for _ in range(PROCESSES)
        ]
        for process in racing:
            process.start()
        for process in racing:
            process.join(timeout=120)
        assert [process.exitcode for process in racing] == [0] * PROCESSES
    assert len(desk.judgements()) == 8
    assert sorted(desk.verdicts()) == ["apply", "apply", "different", "keep"]


def import_at_once(begin: Any, path: str, person: str) -> None:
    sys.argv = ["summerware", "review", "import", "dogs", path, "--reviewer", person, "--json"]
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    begin.wait()
    cli.main()
