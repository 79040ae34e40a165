"""What the terminal shows of texts from outside, and how every command ends on every error."""

import ast
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
import typer

from orchestration import cli
from orchestration.settings import PACKAGE, Settings
from orchestration.terminal import Terminal, _Plain, fitting_table, out, styled
from tests.hostile import HOSTILE_TEXTS, LINE_ENDS, obeyed_signs

SECRET = "hunter2-cell"
WAYS: dict[str, Callable[[str], Any]] = {
    "line": lambda text: f"why {text}",
    "styled": lambda text: styled("why ", (text, "red")),
}
ERRORS = {
    "recursion": RecursionError(SECRET),
    "memory": MemoryError(SECRET),
    "binder": duckdb.BinderException(f"Referenced column {SECRET}"),
    "damaged file": duckdb.InvalidInputException(SECRET),
    "state": sa.exc.OperationalError(SECRET, {}, ValueError(SECRET)),
    "file": OSError(28, SECRET, f"/nowhere/{SECRET.swapcase()}"),
    "value": ValueError(SECRET),
    "text": UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET),
    "markup": KeyError("[/red]"),
    "assertion": AssertionError(),
}


def _leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, one in inner.items():
        yield from _leaves(one, (*words, name))


COMMANDS = dict(_leaves(typer.main.get_command(cli.app)))


def filled(words: tuple[str, ...], value: str) -> list[str]:
    """The command with the value wherever it must be given a text."""
    made = list(words)
    behind: list[str] = []
    for one in COMMANDS[words].params:
        if one.required and one.param_type_name == "argument":
            behind.append(value)
        elif one.required:
            made += [one.opts[0], value]
    return [*made, "--", *behind] if behind else made


@pytest.fixture
def call(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[list[str]], tuple[int, str]]:
    """Calls the command as its entry point does: exit code and all that it said."""

    def run(words: list[str]) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["summerware", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return run


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_a_text_is_shown_and_not_obeyed(
    capsys: pytest.CaptureFixture[str], text: str, way: Callable[[str], Any]
) -> None:
    """No markup, no emoji name, no escape, no sign that turns a line round; the rest as it is."""
    out.print(way(text))
    said = capsys.readouterr().out
    assert obeyed_signs(said) == set()
    assert said == f"why {text}\n" or obeyed_signs(text)


@pytest.mark.parametrize("text", [*HOSTILE_TEXTS.values(), "a\nb"])
def test_a_cell_of_a_table_stays_in_its_row(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Nor does a line's end in a key look like another row."""
    table = fitting_table("key", text)
    table.add_row(text, "1")
    Terminal().print(table)
    said = capsys.readouterr().out
    assert obeyed_signs(said, keep="\n") == set()
    assert said.count("\n") == 2 + 2 * text.count("\n") - text.count("\n")


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_what_libraries_log_is_text(text: str) -> None:
    """Their messages may quote a file's name."""
    record = logging.LogRecord("x", logging.ERROR, "x", 1, text, None, None)
    assert obeyed_signs(_Plain().format(record), keep=LINE_ENDS) == set()


def test_everything_is_printed_in_one_way() -> None:
    """No other module makes a console or a text with a style, or prints by itself."""
    allowed = PACKAGE / "terminal.py"
    made = [
        f"{path.name}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path != allowed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("Console", "Text", "Table", "print", "typer.echo")
    ]
    assert made == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_hostile_arguments_end_with_a_sentence(
    call: Callable[[list[str]], tuple[int, str]], words: tuple[str, ...]
) -> None:
    """As a value where one is needed, and as one too many: refused, and shown as text."""
    for text in HOSTILE_TEXTS.values():
        given = [[*words, "--", *[text] * 9]]
        if filled(words, text) != list(words) and words[0] not in ("sample", "portal", "ui"):
            given.append(filled(words, text))
        for one in given:
            code, said = call(one)
            assert code in (1, 2, 3), one
            assert said
            assert "Traceback" not in said
            assert obeyed_signs(said) == set(), one


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_every_error_of_every_command_is_one_sentence(
    call: Callable[[list[str]], tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    """Whatever is raised where all begin: exit code 3, kind and place, no traceback and no cell.

    Only this makes each of them raise each of these.
    """

    def broken() -> Settings:
        raise error

    monkeypatch.setattr(Settings, "from_environment", broken)
    met = 0
    for words in COMMANDS:
        if words == ("sample",):
            continue
        code, said = call(filled(words, "x"))
        if code == 2:
            # It asks for more than a text, before it looks at anything.
            continue
        met += 1
        assert code == 3, (words, said)
        # Some tell first that they begin.
        sentence = said.splitlines()[-1]
        assert sentence.startswith(f"summerware {words[0]}: ")
        assert type(error).__name__ in sentence
        assert "Traceback" not in said
        assert SECRET not in said
    assert met > len(COMMANDS) - 8


def test_nothing_is_cut_where_nobody_looks_at_a_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table in a pipe has every cell whole, however many there are; a screen keeps its width."""
    monkeypatch.delenv("COLUMNS", raising=False)
    cells = [f"{number}-{'v' * 60}" for number in range(8)]
    table = fitting_table(*"abcdefgh", texts=8)
    table.add_row(*cells)
    Terminal().print(table)
    assert capsys.readouterr().out.split()[8:] == cells
    monkeypatch.setenv("COLUMNS", "80")
    Terminal().print(table)
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) <= 80
