"""The command line where nothing has run yet: what it says, where, and with which exit code.

What the commands say of a run stands in `tests/acceptance`; the deep half of `summerware check` in
`tests/integration/test_check.py`.
"""

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestration import cli
from orchestration.dataset import load_datasets
from orchestration.settings import PACKAGE, PROJECT

IDS = sorted(load_datasets(PACKAGE / "datasets"))
FIRST = IDS[0]
COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
REPORTS = {
    "gates": ["gates"],
    "ledger": ["ledger", FIRST],
    "publications": ["publications", FIRST],
    "why": ["why", FIRST, "A1"],
}


def _with_dataset(command: Any, *path: str) -> Iterator[list[str]]:
    """Every command that takes a dataset, its other words filled in; `{}` is the dataset's."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from _with_dataset(inner, *path, name)
    if any(one.name in ("dataset", "datasets") for one in command.params):
        words = [*path]
        for one in command.params:
            if one.name in ("dataset", "datasets"):
                words += ["{}"] if one.param_type_name == "argument" else [one.opts[0], "{}"]
            elif one.required:
                words += ["1"] if one.param_type_name == "argument" else [one.opts[0], "1"]
        yield words


WITH_DATASET = {
    " ".join(words).partition(" {}")[0]: words
    for words in _with_dataset(typer.main.get_command(cli.app))
}
NO_IDS = (
    "nowhere", f"../datasets/{FIRST}", f"./{FIRST}", f"{FIRST}.yaml", f"{FIRST}/", FIRST.upper(),
    f" {FIRST}", "*", "..", "signers", "",
)  # fmt: skip
NOT_IN_REPORTS = {"alembic", "dagster", "dbt", "great_expectations", "pandas", "sodapy"}
SECRET = "hunter2-secret"
BAD_URLS = {
    "not a URL": SECRET,
    "password with a slash": f"postgresql+psycopg://user:{SECRET}/x@127.0.0.1/db",
    "unknown database": f"nosuchdb://user:{SECRET}@127.0.0.1/db",
    "driver not installed": f"postgresql+asyncpg://user:{SECRET}@127.0.0.1/db",
    "nobody listens": f"postgresql+psycopg://user:{SECRET}@127.0.0.1:1/db?connect_timeout=2",
    "no folder": f"sqlite:////nowhere/{SECRET}/state.db",
}


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def call(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Calls the command in this process, as its entry point does."""

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["summerware", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Answer(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.mark.parametrize("words", WITH_DATASET.values(), ids=WITH_DATASET)
def test_dataset_is_named_by_its_id(
    call: Callable[..., Answer], words: list[str], tmp_path: Path
) -> None:
    """A slip of the pen, or a path wherever it leads, is an error that says what could be meant."""
    elsewhere = tmp_path / "elsewhere" / f"{FIRST}.yaml"
    elsewhere.parent.mkdir()
    shutil.copy(PACKAGE / "datasets" / f"{FIRST}.yaml", elsewhere)
    for name in (*NO_IDS, str(elsewhere.with_suffix("")), str(elsewhere)):
        answer = call(*(name if word == "{}" else word for word in words))
        assert (answer.code, answer.out) == (2, ""), name
        assert f"no dataset is named {name}; there are {', '.join(IDS)}" in answer.err


@pytest.mark.parametrize("typed", ["n\n", ""], ids=["no", "the input ends"])
def test_an_aborted_prompt_is_no_gate(
    call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    """Exit code 1 says that data was stopped; whoever says no stopped a command."""

    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard(typed))
    answer = call("takedown", FIRST, "A1", "--authority", "court", "--reason", "order")
    assert answer.code == 2
    assert "Aborted" in answer.err


def test_every_command_with_a_dataset_is_among_these() -> None:
    """So that the test above looks at all of them."""
    assert {"run", "gates", "why", "takedown", "review import", "upgrade"} <= set(WITH_DATASET)
    assert len(WITH_DATASET) >= 26


@pytest.mark.parametrize("name", ["gates", "publications"])
def test_json_of_an_empty_home_is_an_empty_list(call: Callable[..., Answer], name: str):
    """A script reads an answer, not a remark."""
    answer = call(*REPORTS[name], "--json")
    assert (answer.code, json.loads(answer.out), answer.err) == (0, [], "")


@pytest.mark.parametrize("name", ["ledger", "why"])
def test_json_stays_empty_on_an_error(call: Callable[..., Answer], name: str):
    """The message of a mistake goes to standard error."""
    answer = call(*REPORTS[name], "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "no run has finished yet" in answer.err


@pytest.mark.parametrize(("name", "said"), [
    ("gates", "No gate has run yet. Start with: summerware run"),
    ("publications", f"{FIRST}: nothing was published yet"),
    ("ledger", f"start one with `summerware run {FIRST}`"),
    ("why", f"start one with `summerware run {FIRST}`"),
])  # fmt: skip
def test_empty_home_says_what_to_do(call: Callable[..., Answer], name: str, said: str):
    """Nothing has run: the answer is the next command, not a traceback."""
    answer = call(*REPORTS[name])
    assert said in answer.out + answer.err


@pytest.mark.parametrize("command", [["run"], ["sample", "--out", "x"]], ids=["run", "sample"])
@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "03/01/2026"])
def test_bad_as_of_is_refused(call: Callable[..., Answer], command: list[str], day: str):
    """GateReport before anything is loaded or written."""
    answer = call(*command, "--as-of", day)
    assert (answer.code, answer.out) == (2, "")
    assert f"--as-of: {day!r} is not a date YYYY-MM-DD" in answer.err


def test_extracts_go_with_files(call: Callable[..., Answer], tmp_path: Path):
    """A folder and another source contradict each other."""
    answer = call("run", "--source", "sample", "--extracts", str(tmp_path))
    assert (answer.code, answer.err.strip()) == (2, "--extracts goes with --source files")


@pytest.mark.parametrize(("name", "known"), [
    ("SOURCE", "files, socrata or sample"), ("PORTAL", "local or live"),
])  # fmt: skip
def test_bad_setting_is_named(
    call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, name: str, known: str
):
    """The message holds the variable, its value and what it may be."""
    monkeypatch.setenv(f"SUMMERWARE_{name}", "nonsense")
    answer = call("gates")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.strip() == f"SUMMERWARE_{name} is 'nonsense': it must be {known}"


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS)
def test_bad_state_url_keeps_its_password(
    call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, url: str
):
    """Whatever is wrong with the URL: a message that names the variable, without a word of it."""
    monkeypatch.setenv("SUMMERWARE_STATE_URL", url)
    answer = call("gates")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("SUMMERWARE_STATE_URL: ")
    assert "hunter2" not in answer.err


def test_file_that_is_no_database(call: Callable[..., Answer], home: Path):
    """A damaged state database is told, not traced."""
    home.mkdir()
    (home / "state.db").write_bytes(b"not a database" * 100)
    answer = call("gates")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "the state database cannot be opened" in answer.err


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_in_the_readme(command: str):
    """The README's table is whole."""
    rows = [line for line in (PROJECT / "README.md").read_text().splitlines() if "|" in line]
    assert any(re.search(rf"`summerware {command}[ `]", row) for row in rows)


def test_readme_names_no_command_that_is_gone():
    """And names nothing else."""
    named = re.findall(r"`summerware ([a-z-]+)", (PROJECT / "README.md").read_text())
    assert set(named) <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_has_help(call: Callable[..., Answer], command: str):
    """Every command says what it does, and every option and argument too."""
    answer = call(command, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert "Usage: summerware" in answer.out
    made = typer.main.get_command(cli.app).commands[command]  # type: ignore[attr-defined]
    assert made.help
    assert [one.name for one in made.params if not getattr(one, "help", None)] == []


def test_no_command_shows_the_list(call: Callable[..., Answer]):
    """A newcomer who types the name alone sees every command."""
    answer = call()
    assert [name for name in COMMANDS if name not in answer.out + answer.err] == []


def test_unknown_command_is_a_usage_error(call: Callable[..., Answer]):
    """Exit code 2 on standard error."""
    answer = call("publish")
    assert (answer.code, answer.out) == (2, "")


@pytest.mark.parametrize("words", REPORTS.values(), ids=REPORTS)
def test_reports_load_nothing_heavy(home: Path, words: list[str]):
    """Half a second is only possible without Dagster, dbt, Great Expectations and pandas."""
    program = (
        "import sys\nfrom orchestration import cli\n"
        f"sys.argv = ['summerware', *{words!r}]\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    # The first call makes the database, with alembic; what counts is every call after it.
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
    loaded = set(ended.stdout.rpartition("LOADED ")[2].split())
    assert "duckdb" in loaded
    assert loaded & NOT_IN_REPORTS == set()


# What `summerware check` finds without loading GX and dbt.


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """A copy of the dataset files, suites and models, in force instead of the project's."""
    for name, source in (
        ("DATASETS", PACKAGE / "datasets"),
        ("EXPECTATIONS", PROJECT / "expectations"),
        ("DBT_PROJECT", PROJECT / "dbt_project"),
    ):
        copied = shutil.copytree(
            source, tmp_path / source.name, ignore=shutil.ignore_patterns("target", "logs")
        )
        monkeypatch.setenv(f"SUMMERWARE_{name}", str(copied))
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_check_names_file_and_key_of_a_dataset_file(call: Callable[..., Answer], copies: Path):
    """A misspelt key is told with its file; nothing else is printed."""
    change(copies / "datasets" / f"{FIRST}.yaml", "\nlimits:\n", "\nlimits:\n  stale_dais: 3\n")
    answer = call("check")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        f"{FIRST}.yaml: limits.stale_dais: unknown key; remove it or correct its spelling\n"
    )


def test_check_tells_every_mistake_at_once(call: Callable[..., Answer], copies: Path):
    """One in each of three datasets: three lines, and as JSON a list of three."""
    (copies / "datasets" / f"{IDS[0]}.yaml").write_text("id: [", encoding="utf-8")
    (copies / "expectations" / IDS[1] / "raw.yaml").unlink()
    by_hand = copies / "dbt_project" / "models" / "intermediate" / f"int_{IDS[3]}__incidents.sql"
    by_hand.unlink()
    answer = call("check", "--json")
    mistakes = json.loads(answer.out)["mistakes"]
    assert (answer.code, answer.err, len(mistakes)) == (2, "", 3)
    for mistake, name in zip(
        mistakes,
        (
            f"{IDS[0]}.yaml: ",
            f"expectations/{IDS[1]}/raw.yaml: ",
            f"dbt_project/models/intermediate/{by_hand.name}: ",
        ),
        strict=True,
    ):
        assert mistake.startswith(name)


@pytest.mark.parametrize(("old", "new", "said"), [
    ("  - type: ", "  - kind: x\n    type: ", "kind: unknown key"),
    ("severity: critical", "severity: grave", "severity: Input should be 'critical' or 'warning'"),
    ("statement: ", "weight: 3\n      statement: ", "meta.weight: unknown key"),
])  # fmt: skip
def test_check_names_rule_and_key_of_a_suite(
    call: Callable[..., Answer], copies: Path, old: str, new: str, said: str
):
    """File, rule and key."""
    change(copies / "expectations" / FIRST / "standardized.yaml", old, new)
    answer = call("check")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"expectations/{FIRST}/standardized.yaml: expectations.")
    assert said in answer.err


@pytest.mark.parametrize("field", ["column", "earlier"])
def test_check_names_a_column_that_is_not_there(
    call: Callable[..., Answer], copies: Path, field: str
):
    """A rule on a misspelt column would break at night, be it Great Expectations' own or one of ours."""
    suite = copies / "expectations" / FIRST / "standardized.yaml"
    suite.write_text(re.sub(rf"\b{field}: \w+", f"{field}: colour", suite.read_text(), count=1))
    answer = call("check")
    assert (answer.code, answer.out) == (2, "")
    assert f"{field}: no column of {FIRST} is named 'colour'" in answer.err


def test_check_misses_no_folder(call: Callable[..., Answer], copies: Path):
    """An empty folder of dataset files is a mistake, not a silent nothing."""
    for path in (copies / "datasets").glob("*.yaml"):
        path.unlink()
    answer = call("check")
    assert (answer.code, answer.out) == (2, "")
    assert "holds no dataset file" in answer.err
