"""The commands `summerware review …`, `drift` and `audit-sample`: thin, over `orchestration/review/`.

They import neither Dagster, dbt nor Great Expectations, and openpyxl and scipy only where a sheet is
written or read.
"""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.review.audit import in_words, percent
from orchestration.review.judgements import people_of, require_person, undo_decision
from orchestration.settings import Settings
from orchestration.state.judgements import Audit, Decision
from orchestration.state.records import RateRecord
from orchestration.state.store import State
from orchestration.terminal import find_dataset, open_state, out, print_json
from orchestration.visible import visible

if TYPE_CHECKING:
    from orchestration.review.listing import ListedDecision, Subject

review = typer.Typer(
    help="Let people decide what the machine only suspects: spelling and duplicates.",
    no_args_is_help=True,
)

DatasetArgument = Annotated[str, typer.Argument(help="Id of the dataset.")]
FolderOption = Annotated[Path, typer.Option("--out", help="Folder that the sheets are written to.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
SAMPLE_SIZE = 400


def drift(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """List values that are new together: what the source began to say, since when, how often."""
    from dataclasses import asdict

    from orchestration.review.drifted import find_drift

    settings, state = open_state()
    found = find_drift(settings, state, find_dataset(settings, dataset))
    if as_json:
        return print_json(
            {
                "dataset": dataset,
                "changes": [asdict(one) for one in found.changes],
                "left_out": {
                    "internal_column": found.internal,
                    "not_on_a_published_row": found.unpublished,
                },
                "not_shown": [asdict(one) for one in found.unseen],
            }
        )
    if not found.changes and not found.unseen:
        out.print(f"{dataset}: no values are new together")
    moment = None
    for one in found.changes:
        if moment != (one.column, one.since):
            moment = (one.column, one.since)
            out.print(f"{one.column}: new together since {one.since}")
        instead = f", instead of “{visible(one.instead_of)}”" if one.instead_of else ""
        known = "" if one.is_known else ", not in the vocabulary"
        out.print(f"    “{visible(one.value)}” on {one.lines:,} lines{instead}{known}")
    if found.internal:
        out.print(f"{found.internal:,} left out: their column is not published")
    for group in found.unseen:
        out.print(
            f"{group.column}: {group.values:,} new together since {group.since} "
            f"on {group.lines:,} lines, not shown: no published row holds them"
        )
    return None


@review.command("export")
def export(
    dataset: DatasetArgument,
    n: Annotated[int, typer.Option("--n", min=1, help="Most proposals on one sheet.")] = 200,
    folder: FolderOption = Path(),
    reviewer: Annotated[
        str | None, typer.Option(help="For one person; for everybody who reviews, where left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write sheets of proposals, most public impact first, as XLSX and CSV: one per person."""
    from orchestration.review.review_sheets import export_sheets

    settings, state, found = _open(dataset)
    people = people_of(found)
    if reviewer is not None:
        require_person(found, reviewer)
    exported, proposals = export_sheets(
        settings,
        state,
        found,
        people=[reviewer] if reviewer else [*people.reviewers, people.steward],
        limit=n,
        folder=folder,
    )
    if as_json:
        return print_json(
            {
                "dataset": dataset,
                "sheets": [
                    {
                        "person": one.person,
                        "files": [str(path) for path in one.files],
                        "questions": one.questions,
                        "waiting": one.waiting,
                    }
                    for one in exported
                ],
                "left_out": {
                    "internal_column": proposals.internal,
                    "not_on_a_published_row": proposals.unpublished,
                },
            }
        )
    for one in exported:
        if not one.files:
            out.print(f"{dataset}: nothing to judge for {one.person}")
            continue
        rest = f"; {one.waiting:,} more wait" if one.waiting else ""
        out.print(f"{dataset}: {one.questions:,} proposals for {one.person}{rest}")
        for path in one.files:
            out.print(f"    {path}")
    if proposals.internal:
        out.print(f"{proposals.internal:,} left out: their column is not published")
    if proposals.unpublished:
        out.print(f"{proposals.unpublished:,} left out: no published row holds what they speak of")
    return None


@review.command("import")
def import_(
    dataset: DatasetArgument,
    file: Annotated[Path, typer.Argument(help="The filled-in sheet, XLSX or CSV.")],
    reviewer: Annotated[str, typer.Option(help="Who filled it in.")],
    as_json: JsonOption = False,
) -> None:
    """Store the judgements of a filled-in sheet, each once, or nothing if anything is wrong."""
    from orchestration.review.review_sheets import import_sheet

    _, state, found = _open(dataset)
    imported = import_sheet(state, found, file, reviewer=reviewer)
    recorded = imported.recorded
    if as_json:
        return print_json(
            {
                "dataset": dataset,
                "stored": len(recorded.stored),
                "known": len(recorded.known),
                "blank": imported.blank,
                "notes_without_verdict": imported.idle_notes,
                "decisions": [_decision(one) for one in recorded.decisions],
            }
        )
    out.print(
        f"{dataset}: {len(recorded.stored):,} judgements of {reviewer} stored, "
        f"{len(recorded.known):,} known already, {imported.blank:,} left blank; "
        f"{len(recorded.decisions):,} decisions made"
    )
    if imported.idle_notes:
        out.print(f"{imported.idle_notes:,} notes stand beside a blank verdict and are not stored")
    if recorded.decisions:
        out.print(f"They apply from the next run on: summerware run {dataset}")
    return None


@review.command("list")
def list_(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Show the decisions in force, disagreements, conflicts, and decisions that ended."""
    from orchestration.review.listing import list_decisions

    settings, state, found = _open(dataset)
    listed = list_decisions(settings, state, found)
    if as_json:
        return print_json(listed)
    if not (
        listed["decisions"] or listed["disagreements"] or listed["conflicts"] or listed["ended"]
    ):
        return out.print(f"{dataset}: nothing was decided yet.")
    for one in listed["decisions"]:
        out.print(visible(f"{one['id']}  {_verdict(one)}  ({_signed(one)})"))
    if listed["disagreements"]:
        out.print("Waiting for the steward:")
    for proposal in listed["disagreements"]:
        said = ", ".join(f"{each['person']} {each['verdict']}" for each in proposal["judgements"])
        out.print(f"    {visible(f'{_subject(proposal)}: {said}')}")
    if listed["conflicts"]:
        out.print("Overruled:")
    for one in listed["conflicts"]:
        overruled = f"{one['id']}  {_verdict(one)}: {one['why']} {', '.join(one['overruled_by'])}"
        out.print(f"    {visible(overruled)}")
    if listed["ended"]:
        out.print("No more in force:")
    for one in listed["ended"]:
        out.print(
            f"    {one['id']}  {visible(_verdict(one))}: {visible(one['end_reason'])} "
            f"({one['ended_by']}, {one['ended_at'][:10]})"
        )
    return None


@review.command("undo")
def undo(
    dataset: DatasetArgument,
    decision: Annotated[str, typer.Argument(help="Id of the decision, as `review list` shows it.")],
    by: Annotated[str, typer.Option(help="Who undoes it: a reviewer or the steward.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    as_json: JsonOption = False,
) -> None:
    """Undo one decision, and nothing else; it stays in the record, and is asked anew."""
    _, state, found = _open(dataset)
    ended = undo_decision(state, found, decision, by=by, reason=reason)
    if as_json:
        return print_json(_decision(ended))
    out.print(f"{dataset}: {ended.id} is undone; the next run goes without it.")
    return None


def audit_sample(
    dataset: DatasetArgument,
    n: Annotated[
        int | None, typer.Option("--n", min=1, help=f"Rows to draw; {SAMPLE_SIZE} where left out.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draws the same rows again; else by chance.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder that the sheet is written to.")
    ] = None,
    read: Annotated[
        Path | None, typer.Option(help="Read this checked sheet back, XLSX or CSV.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="With --read: who checked it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a random sample of publishable rows to check, or read it back as an error rate."""
    if read is None and by is not None:
        raise ConfigurationError("--by goes with --read")
    if read is not None and (n, seed, folder) != (None, None, None):
        raise ConfigurationError("--n, --seed and --out draw a sample; --read reads one")
    if read is not None and by is None:
        raise ConfigurationError("--read: say with --by who checked the sample")
    settings, state, found = _open(dataset)
    from orchestration.review import audit_sheets

    if read is not None:
        audit = audit_sheets.read_sample(state, found, read, by=by or "")
        if as_json:
            return print_json(_audit(audit))
        return _print_audit(audit)
    written = audit_sheets.write_sample(
        settings,
        state,
        found,
        size=n or SAMPLE_SIZE,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        folder=folder or Path(),
    )
    sample = written.sample
    if as_json:
        return print_json(
            {
                "dataset": dataset,
                "sample": written.id,
                "rows": len(sample.rows),
                "population": sample.population,
                "seed": sample.seed,
                "content_hash": sample.content_hash,
                "files": [str(path) for path in written.files],
            }
        )
    out.print(
        f"{dataset}: {len(sample.rows):,} of {sample.population:,} rows drawn, seed {sample.seed}"
    )
    for path in written.files:
        out.print(f"    {path}")
    out.print(f"Once it is checked: summerware audit-sample {dataset} --read FILE --by NAME")
    return None


def _open(dataset: str) -> tuple[Settings, State, Dataset]:
    settings, state = open_state()
    return settings, state, find_dataset(settings, dataset)


def _decision(one: Decision) -> dict[str, Any]:
    """A decision without the values that it is about."""
    return {
        "id": one.id,
        "proposal": one.proposal_id,
        "kind": one.kind,
        "column": one.column_name,
        "verdict": one.verdict,
        "by": one.decided_by,
        "decided_at": one.decided_at,
        "ended_at": one.ended_at,
        "end_reason": one.end_reason,
    }


def _audit(audit: Audit) -> dict[str, Any]:
    return {
        "dataset": audit.dataset,
        "content_hash": audit.content_hash,
        "read_by": audit.read_by,
        "read_at": audit.read_at,
        **audit.result,
    }


def _subject(one: "Subject") -> str:
    if one["kind"] == "duplicate":
        return f"duplicate: {one['from']} and {one['to']}"
    return f"{one['column']}: {one['from']!r} to {one['to']!r}"


def _verdict(one: "ListedDecision") -> str:
    return f"{one['verdict']}  {_subject(one)}"


def _signed(one: "ListedDecision") -> str:
    source = "" if one["source"] == "review" else f", {one['source']}"
    return f"{', '.join(one['by'])}, {one['on']}{source}"


def _print_audit(audit: Audit) -> None:
    result = audit.result
    out.print(f"{audit.dataset}, content {audit.content_hash[:12]}, checked by {audit.read_by}")
    measured: tuple[Literal["rows", "cells"], ...] = ("rows", "cells")
    for what in measured:
        out.print(f"{in_words(result[what], what)} are wrong; {_interval(result[what])}")
        out.print(
            f"    in all probably {result[what]['probably']:,}, between "
            f"{result[what]['at_least']:,} and {result[what]['at_most']:,}"
        )
    columns = {name: rate for name, rate in result["columns"].items() if rate["wrong"]}
    for name, rate in sorted(columns.items(), key=lambda one: (-one[1]["wrong"], one[0])):
        out.print(f"    {name}: {in_words(rate, 'cells')}; {_interval(rate)}")
    right = len(result["columns"]) - len(columns)
    if right:
        rate = next(rate for rate in result["columns"].values() if not rate["wrong"])
        out.print(f"    {right} other columns: none found; each {_interval(rate)}")
    if result["unsure"]:
        out.print(f"{result['unsure']:,} rows could not be judged and are left out of the rates.")
    for note in result["notes"]:
        out.print(note)


def _interval(rate: RateRecord) -> str:
    return f"95 % interval {percent(rate['low'])} to {percent(rate['high'])}"
