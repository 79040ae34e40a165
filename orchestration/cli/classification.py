"""The command `summerware classify`: what is asked of people about deciding values, and their answers.

Imports neither Dagster, dbt nor Great Expectations.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.state.store import State
from orchestration.terminal import find_dataset, open_state, out, print_json

SHOWN = 30


def classify(
    dataset: Annotated[str, typer.Argument(help="Id of the dataset.")],
    value: Annotated[str | None, typer.Option(help="A word to classify; with --as.")] = None,
    column: Annotated[
        str | None, typer.Option(help="Its column, where several decide policies.")
    ] = None,
    said: Annotated[
        str | None,
        typer.Option("--as", help="harmless, policy:ID, misspelling:WORD or not_ours."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; goes along to the custodian.")] = "",
    sheet: Annotated[
        Path | None, typer.Option("--out", help="Write all questions to a CSV sheet.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--read", help="Propose what a filled-in sheet says.")
    ] = None,
    sign: Annotated[
        list[str] | None, typer.Option("--sign", help="Sign a proposal; `all` signs every one.")
    ] = None,
    refuse: Annotated[list[str] | None, typer.Option(help="Refuse a proposal.")] = None,
    sign_file: Annotated[
        bool, typer.Option("--sign-file", help="Sign the classes file as it is.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Your name, as signers.csv has it.")] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Serve a page to answer and sign on; a link per person.")
    ] = False,
    people: Annotated[
        list[str] | None,
        typer.Option("--for", help="With --page: only these of signers.csv.", metavar="NAME"),
    ] = None,
    port: Annotated[int, typer.Option(help="With --page: port on 127.0.0.1.")] = 3002,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Say what words of deciding columns mean: list the questions, propose answers, sign them."""
    settings, state = open_state()
    found = find_dataset(settings, dataset)
    if page:
        return _serve(settings, state, found, people, port)
    if value or answers or sign or refuse or sign_file:
        if not by:
            raise ConfigurationError("--by NAME: who proposes or signs must be named")
        return _answer(settings, state, found, value, column, said, reason, answers, sign, refuse,
                       sign_file=sign_file, by=by)  # fmt: skip
    return _list(settings, state, found, sheet, as_json=as_json)


def _serve(
    settings: Settings, state: State, dataset: Dataset, people: list[str] | None, port: int
) -> None:
    from orchestration.classification.page import serve_page

    def announce(links: list[tuple[str, str]]) -> None:
        out.print(f"{dataset.id}: give each link to that person alone; Ctrl-C ends all of them")
        for name, link in links:
            out.print(f"    {name}: {link}")

    serve_page(settings, state, dataset.id, people=people, port=port, announce=announce)


def _answer(
    settings: Settings,
    state: State,
    dataset: Dataset,
    value: str | None,
    column: str | None,
    said: str | None,
    reason: str,
    sheet: Path | None,
    sign: list[str] | None,
    refuse: list[str] | None,
    *,
    sign_file: bool,
    by: str,
) -> None:
    from orchestration.classification import answering
    from orchestration.classification.in_force import classes_in_force

    answers = answering.read_answers(sheet) if sheet else []
    if value:
        if not said:
            raise ConfigurationError("--as: say what the word means, such as --as harmless")
        asked = column or _column_of(settings, state, dataset, value)
        answers.append(answering.parse_answer(asked, value, said, reason))
    if answers:
        classes = classes_in_force(settings, state, dataset)
        ids = answering.propose(settings, state, dataset, classes, answers, by=by)
        out.print(f"{dataset.id}: {len(ids)} proposed; a custodian signs: ")
        out.print(f"    summerware classify {dataset.id} --sign all --by NAME")
    if sign_file:
        answering.sign_classes_file(settings, state, dataset, by=by)
        out.print(f"{dataset.id}: the classes file is signed as it is")
    waiting = [one.id for one in answering.open_proposals(state, dataset)]
    for ids_, is_signed in ((sign, True), (refuse, False)):
        if ids_:
            chosen = waiting if "all" in ids_ else ids_
            count = answering.sign(settings, state, dataset, chosen, by=by, is_signed=is_signed)
            out.print(f"{dataset.id}: {count} {'signed' if is_signed else 'refused'}")
    if sign:
        out.print(f"The next run goes by it: summerware run {dataset.id}")


def _column_of(settings: Settings, state: State, dataset: Dataset, value: str) -> str:
    """The column whose word this is, where the command does not say it."""
    from orchestration.classification.questions import open_questions
    from orchestration.domains.classes import plain

    columns = list(dict.fromkeys(dataset.deciding.values()))
    if len(columns) > 1:
        found = open_questions(settings, state, dataset)
        columns = [one.column for one in found if one.value == plain(value)] or columns
    if len(columns) != 1:
        raise ConfigurationError(f"--column: say whose word it is: {', '.join(columns) or 'none'}")
    return columns[0]


def _list(
    settings: Settings, state: State, dataset: Dataset, sheet: Path | None, *, as_json: bool
) -> None:
    from orchestration.classification import answering
    from orchestration.classification.questions import open_questions
    from orchestration.classification.showing import show_words

    show = show_words(settings)
    questions = open_questions(settings, state, dataset)
    proposals = answering.open_proposals(state, dataset)
    if sheet is not None:
        answering.write_questions(sheet, questions, show)
        words = sum(bool(one.value) for one in questions)
        out.print(f"{words} questions in {sheet}; fill in `answer`, then --read it")
        return None
    if as_json:
        shown: dict[str, Any] = {
            "dataset": dataset.id,
            "questions": [
                _hidden(asdict(one), show, "value", "resembles") | {"is_urgent": one.is_urgent}
                for one in questions
            ],
            "proposals": [
                _hidden(asdict(one), show, "value", "means", "reason") for one in proposals
            ],
            "classes_file_signed": not answering.unsigned_classes(settings, state, dataset),
        }
        return print_json(shown)
    _print_questions(dataset, questions, show)
    for proposal in proposals:
        means = f" {show(proposal.means)}" if proposal.means else ""
        out.print(
            f"proposed {proposal.id}: {proposal.column_name} {show(proposal.value)} is "
            f"{proposal.verdict}{means}, by {proposal.proposed_by}"
        )
    if answering.unsigned_classes(settings, state, dataset):
        out.print(
            f"{dataset.id}.classes.csv is a proposal; a custodian signs it in one go: "
            f"summerware classify {dataset.id} --sign-file --by NAME"
        )
    return None


def _hidden(record: dict[str, Any], show: Any, *names: str) -> dict[str, Any]:
    """A record without the words that name persons; `persons` says which kinds they hold."""
    found = {name: show(record[name]).persons for name in names if record[name]}
    hidden = {name: None for name, kinds in found.items() if kinds}
    return record | hidden | {"persons": next(filter(None, found.values()), "")}


def _print_questions(dataset: Dataset, questions: Any, show: Any) -> None:
    from orchestration.classification.questions import tell_blanks

    if not questions:
        out.print(f"{dataset.id}: every deciding value of the newest extracts is classified")
        return
    words = [one for one in questions if one.value]
    waiting = f"{len(words):,} words wait" if len(words) > 1 else f"{len(words) or 'no'} word waits"
    out.print(f"{dataset.id}: {waiting} for an answer")
    for one in questions:
        if not one.value:
            out.print(f"    {one.column}: {tell_blanks(one, show)}")
    for one in words[:SHOWN]:
        shown, lines = show(one.value), "1 line" if one.lines == 1 else f"{one.lines:,} lines"
        word = str(shown)
        if shown.persons:
            word = f"({shown.text}; line {one.line} of extract {one.extract_id})"
        alike = f"; resembles {show(one.resembles)}" if one.resembles else ""
        covered = f", covered by {' '.join(one.policies)}: urgent" if one.is_urgent else ""
        out.print(f"    {one.column} {word} on {lines} since {one.since[:10]}{alike}{covered}")
    if len(words) > SHOWN:
        out.print(f"    and {len(words) - SHOWN} more: --out FILE writes them all to a sheet")
