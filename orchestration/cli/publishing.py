"""The commands over publications: `plan`, `publications`, `release`, `override`, …

Thin, over `orchestration/publishing/`; they import neither Dagster, dbt nor Great Expectations.
"""

import getpass
import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orchestration import reports
from orchestration.city_time import city_today
from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.publishing.journal import plan_of
from orchestration.publishing.plan_view import MOVING, PlanView, view_plan
from orchestration.settings import Settings
from orchestration.state.publishing import PublishingStore, Receipt
from orchestration.state.records import ChunkReceipt, SignatureRecord, VerificationRecord
from orchestration.state.store import State, new_id
from orchestration.terminal import (
    find_dataset,
    fitting_table,
    open_state,
    out,
    print_json,
    show_progress,
)
from orchestration.visible import visible

DatasetArgument = Annotated[str, typer.Argument(help="Id of the dataset.")]
PublicationArgument = Annotated[str, typer.Argument(help="Id of the publication.")]
ByOption = Annotated[str | None, typer.Option(help="Who says so; you, where left out.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
EXAMPLES = 20


class Keep(StrEnum):
    """Whose rows stay where somebody else changed the portal."""

    OURS = "ours"
    THEIRS = "theirs"


def publications(
    dataset: DatasetArgument,
    publication: Annotated[
        str | None, typer.Option("--id", help="One publication, with its receipt.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was published when; with --id, the receipt of one publication."""
    settings, state = open_state()
    found = find_dataset(settings, dataset)
    if publication is not None:
        return _show_receipts(settings, state, found, publication, as_json=as_json)
    listed = reports.publications(state, found)
    if as_json:
        return print_json(listed)
    if not listed:
        return out.print(f"{dataset}: nothing was published yet.")
    # An id begins with its time, so the time needs no column of its own.
    table = fitting_table(
        *("publication", "state", "rows", "new", "changed", "filled", "gone", "held back"),
        *(("refused",) if any(one["refused"] for one in listed) else ()),
        texts=2,
    )
    counts: list[reports.RowCount] = [
        *("rows", "inserts", "updates", "first_fills", "deletes", "held_back")
    ]
    counts += ["refused"] if any(one["refused"] for one in listed) else []
    for one in listed:
        table.add_row(
            one["id"],
            one["state"] if one["kind"] == "publish" else one["kind"],
            *(f"{one[name]:,}" for name in counts),
        )
    out.print(table)
    for one in listed:
        if one["state"] in ("held", "stopped", "failed"):
            why = one["failure"] or "; ".join(one["held_because"])
            out.print(f"{one['id']}: {one['state']}: {why}")
    return None


def plan(
    dataset: DatasetArgument,
    publication: Annotated[
        str | None, typer.Option(help="The plan of this publication; else of the newest layer.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write it as an HTML page.")] = None,
    n: Annotated[int, typer.Option("--n", min=0, help="Examples of each kind of change.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Show what a publication would change, before and after; sends and records nothing."""
    settings, state = open_state()
    view = _view(settings, state, find_dataset(settings, dataset), publication, n)
    if page is not None:
        _write_page(page, view.as_page())
    if as_json:
        return print_json(view.as_json())
    _print_plan(view)
    if page is not None:
        out.print(f"Written to {page}")
    return None


def _view(
    settings: Settings, state: State, dataset: Dataset, publication: str | None, examples: int
) -> PlanView:
    from orchestration.publishing.inspection import look
    from orchestration.publishing.publisher import open_publisher

    if publication is not None:
        found = next((one for one in state.publications(dataset.id) if one.id == publication), None)
        if found is None:
            raise ConfigurationError(
                f"{dataset.id}: no publication {publication}; see `summerware publications "
                f"{dataset.id}`"
            )
        if not (settings.home / found.path / "preimages.parquet").is_file():
            raise ConfigurationError(
                f"{dataset.id}: what {publication} would change is not kept: it is older than the "
                "pictures of rows before, was erased, or `summerware prune` took it"
            )
        notes = [f"It is {found.state}.", *(f"Held: {why}." for why in found.held_because)]
        return view_plan(
            dataset,
            plan_of(found),
            settings.home / found.path,
            examples=examples,
            notes=notes,
            publication_id=found.id,
        )
    layer = reports.newest_deduplicated(state, dataset)
    with open_publisher(settings, state, dataset) as publisher:
        return look(publisher, layer, examples=examples, run_id=_run_id("plan"))


def _surplus(rows: int) -> str:
    """Only a portal's dataset without a row identifier has any."""
    return f", {rows:,} that repeat another's key or have none, and go" if rows else ""


def _print_plan(view: PlanView) -> None:
    for note in view.notes:
        out.print(note)
    counts = view.plan
    out.print(
        f"{view.dataset}: {counts.inserts:,} new, {counts.updates:,} changed, "
        f"{counts.first_fills:,} filled, {counts.deletes:,} gone, {counts.held_back:,} held back, "
        f"{counts.kept:,} kept as edited, {counts.unchanged:,} unchanged{_surplus(counts.surplus)}"
    )
    for name, changed in {**counts.updates_by_column, **counts.first_fills_by_column}.items():
        out.print(f"    {name}: {changed:,}")
    for name, groups in view.groups.items():
        table = fitting_table(name, "new", "changed", "filled", "gone", texts=1)
        for group in groups:
            table.add_row(group.value, *(f"{group.counts.get(change, 0):,}" for change in MOVING))
        if groups:
            out.print(table)
    for change in MOVING:
        for example in view.examples[change]:
            out.print(f"{change.replace('_', ' ')} {visible(str(example.key))}")
            for cell in example.cells:
                if cell.changed:
                    out.print(f"    {cell.column}: {_shown(cell.before)} -> {_shown(cell.after)}")


def _shown(cell: str | None) -> str:
    return "(empty)" if cell is None else visible(cell)


def release(
    dataset: DatasetArgument,
    publication: PublicationArgument,
    by: Annotated[str | None, typer.Option(help="Who releases it; you, where left out.")] = None,
) -> None:
    """Release a held publication; it is sent once as many people signed as the file asks for."""
    show_progress()
    from orchestration.publishing import publisher

    settings, state = open_state()
    outcome = publisher.release(
        settings,
        state,
        find_dataset(settings, dataset),
        publication,
        by=_name(by),
        progress=_progress,
    )
    out.print(f"{dataset}: {outcome.message}")


def override(
    dataset: DatasetArgument,
    publication: PublicationArgument,
    reason: ReasonOption,
    by: ByOption = None,
) -> None:
    """Let a publication past the guard that stopped it; it is held then until released."""
    from orchestration.publishing import publisher

    settings, state = open_state()
    held = publisher.override(
        settings, state, find_dataset(settings, dataset), publication, by=_name(by), reason=reason
    )
    out.print(
        f"{dataset}: {held.id} is held now ({'; '.join(held.held_because)}); release it with: "
        f"summerware release {dataset} {held.id}"
    )


def rollback(
    dataset: DatasetArgument,
    to: Annotated[str, typer.Option(help="The publication whose rows are to stand again.")],
    reason: ReasonOption,
    by: ByOption = None,
    dry_run: Annotated[bool, typer.Option(help="Plan, and send nothing.")] = False,
) -> None:
    """Bring the portal back to what an earlier publication left there."""
    show_progress()
    from orchestration.publishing import publisher

    settings, state = open_state()
    outcome = publisher.rollback(
        settings,
        state,
        find_dataset(settings, dataset),
        to,
        by=_name(by),
        reason=reason,
        run_id=_run_id("rollback"),
        dry_run=dry_run,
        progress=_progress,
    )
    plan = outcome.plan
    if plan is not None:
        out.print(
            f"{dataset}: {plan.inserts:,} rows come back, {plan.updates + plan.first_fills:,} "
            f"change, {plan.deletes:,} go"
        )
    out.print(f"{dataset}: {outcome.message}")


def edits(
    dataset: DatasetArgument,
    keep: Annotated[Keep | None, typer.Option(help="Whose rows stay.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show rows that somebody else changed on the portal, and say whose are to stay."""
    from orchestration.publishing.adoption import settle_edits
    from orchestration.publishing.publisher import open_publisher

    if keep is not None and not reason.strip():
        raise ConfigurationError("--keep needs a --reason, for the record")
    settings, state = open_state()
    with open_publisher(settings, state, find_dataset(settings, dataset)) as publisher:
        found = settle_edits(
            publisher,
            keep=keep.value if keep else None,
            by=_name(by),
            reason=reason,
            run_id=_run_id("edits"),
        )
    if as_json:
        return print_json({"dataset": dataset, **found.keys, "touched": list(found.touched)})
    if not found:
        return out.print(f"{dataset}: nobody else changed a row on the portal.")
    out.print(f"{dataset}: {found}")
    for how, word in (("extra", "added"), ("changed", "changed"), ("missing", "deleted")):
        for key in found.keys[how][:EXAMPLES]:
            out.print(f"    {word}: {visible(str(key))}")
    if keep is None:
        return out.print("Say whose are to stay: --keep ours or --keep theirs, with a --reason")
    if keep is Keep.OURS:
        return out.print("Noted. The next run sets the portal right")
    return out.print("Noted. These rows are left as they are on the portal")


def shadow(
    dataset: DatasetArgument,
    page: Annotated[Path | None, typer.Option(help="Write an HTML page here.")] = None,
    n: Annotated[int, typer.Option("--n", min=0, help="Examples of each difference.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Compare with what a city's present publisher shows; reads the portal, and writes nothing."""
    from orchestration.publishing.inspection import shadow_day
    from orchestration.publishing.publisher import open_publisher
    from orchestration.publishing.shadow import shadow_page

    settings, state = open_state()
    found = find_dataset(settings, dataset)
    layer = reports.newest_deduplicated(state, found)
    with open_publisher(settings, state, found, to_read=True) as publisher:
        report = shadow_day(publisher, layer, day=city_today(), run_id=_run_id("shadow"))
    if page is not None:
        _write_page(page, shadow_page(report, title=found.publish.title, examples=n))
    if as_json:
        return print_json(report.as_json())
    counts = report.plan
    out.print(
        f"{dataset}: beside {report.compared_with} we would insert {counts.inserts:,}, change "
        f"{counts.updates + counts.first_fills:,}, delete {counts.deletes:,} and hold back "
        f"{counts.held_back:,}; {counts.unchanged:,} rows are equal{_surplus(counts.surplus)}"
    )
    table = fitting_table("what", "column", "why", "today", "before", texts=3)
    for one in report.differences:
        table.add_row(one.change, one.column, one.rule, f"{one.count:,}", f"{one.before:,}")
    if report.differences:
        out.print(table)
    for reason, lines in report.withheld.items():
        out.print(f"not published here: {lines:,} lines, {reason}")
    if page is not None:
        out.print(f"Written to {page}")
    return out.print(f"Row by row: {report.folder}/differences.parquet")


def _write_page(page: Path, content: str) -> None:
    """For its owner alone: it shows rows."""
    page.write_text(content, encoding="utf-8")
    page.chmod(0o600)


def adopt(dataset: DatasetArgument, reason: ReasonOption, by: ByOption = None) -> None:
    """Take a live dataset that somebody else published as the baseline; writes no row."""
    from orchestration.publishing.adoption import adopt_dataset
    from orchestration.publishing.publisher import open_publisher

    settings, state = open_state()
    with open_publisher(settings, state, find_dataset(settings, dataset)) as publisher:
        adopted = adopt_dataset(publisher, by=_name(by), reason=reason, run_id=_run_id("adopt"))
    out.print(
        f"{dataset}: {adopted.plan['rows']:,} rows of {adopted.target} are the baseline now, none of "
        f"them written. See what would change: summerware plan {dataset}"
    )


def lookback(
    dataset: DatasetArgument,
    remove: Annotated[
        bool, typer.Option(help="Withdraw every row that was found; signed by a custodian.")
    ] = False,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold what is already public against today's policies, domains and scans."""
    from orchestration.publishing.lookback import look_back, remove_found

    settings, state = open_state()
    found_dataset = find_dataset(settings, dataset)
    found = look_back(settings, state, found_dataset)
    if as_json:
        print_json(
            {
                "dataset": dataset,
                "findings": [
                    {
                        "rule": one.rule,
                        "column": one.column,
                        "rows": len(one.keys),
                        "examples": list(one.examples),
                        "first_shown": one.first_shown,
                    }
                    for one in found
                ],
            }
        )
    else:
        for one in found:
            since = f" since {one.first_shown[:10]}" if one.first_shown else ""
            out.print(
                f"{one.rule} ({one.column}): {len(one.keys):,} rows{since}: {', '.join(one.examples)}"
            )
        rows = len({key for one in found for key in one.keys})
        out.print(
            f"{dataset}: {rows:,} public rows would not be published today"
            if rows
            else f"{dataset}: everything that is public would be published today"
        )
    if remove and found:
        removed = remove_found(
            settings, state, found_dataset, found, by=_name(by), run_id=_run_id("lookback")
        )
        out.print(
            f"{dataset}: {removed:,} rows are off the portal until a right version is published"
        )


def verify(
    dataset: DatasetArgument,
    full: Annotated[
        bool, typer.Option(help="Read back every row, not only figures and a sample.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold the portal against what was last published there."""
    from orchestration.publishing.inspection import verify_portal
    from orchestration.publishing.publisher import open_publisher

    settings, state = open_state()
    with open_publisher(settings, state, find_dataset(settings, dataset)) as publisher:
        found = verify_portal(publisher, full=full, run_id=_run_id("verify"))
    if as_json:
        print_json({"dataset": dataset, "holds": found.holds, **found.as_json()})
    else:
        for check in found.failures:
            out.print(
                f"{check.portal_id}: {check.what} is {check.found or 'none'}, should be "
                f"{check.expected or 'none'}"
            )
        for how, keys in found.differing.items():
            for key in keys[:EXAMPLES]:
                out.print(f"    {how}: {visible(str(key))}")
        word = "is" if found.holds else "is NOT"
        out.print(
            f"{dataset}: the portal {word} as it was last published ({len(found.checks):,} figures, "
            f"{sum(found.rows_read_back.values()):,} {'rows' if full else 'rows by chance'} read back)"
        )
    if not found.holds:
        raise typer.Exit(1)


def _show_receipts(
    settings: Settings, state: State, dataset: Dataset, publication: str, *, as_json: bool
) -> None:
    store = PublishingStore(state)
    receipts = store.receipts(dataset.id, publication_id=publication)
    broken = store.broken_receipt(dataset.id)
    if not receipts:
        raise ConfigurationError(
            f"{dataset.id}: no receipt of a publication {publication}; see `summerware publications "
            f"{dataset.id}`"
        )
    refused = reports.refused_rows(settings, state, dataset, publication)
    if as_json:
        return print_json(
            {
                "receipts": [
                    {"number": one.number, "hash": one.hash, **one.body} for one in receipts
                ],
                "refused": refused,
                "chain_broken_at": broken,
            }
        )
    for receipt in receipts:
        _print_receipt(receipt)
    for row in refused[:EXAMPLES]:
        out.print(
            f"refused: {row['row_key']} {row['column'] or ''} {row['value']!r}: {row['reason']}"
        )
    if broken is None:
        return out.print("The chain of receipts of this dataset is whole.")
    return out.print(f"The chain of receipts is BROKEN at number {broken}: somebody changed it.")


def _print_receipt(receipt: Receipt) -> None:
    body = receipt.body
    out.print(f"Receipt {receipt.number} of {receipt.dataset}, {receipt.hash}")
    plan, proof = body["plan"], body["verification"]
    lines = {
        "publication": f"{body['publication']} ({body['kind']}, {body['state']}) to {body['target']}",
        "asked by run": body["asked_by_run"],
        "released by": body["released_by"] or "-",
        "held because": "; ".join(body["held_because"]) or "-",
        "signatures": "; ".join(_signature(one) for one in body["signatures"]) or "-",
        "extracts": ", ".join(body["extracts"]),
        "content": body["content_hash"],
        "files": body["files_hash"],
        "plan": f"{plan['inserts']:,} new, {plan['updates']:,} changed, {plan['first_fills']:,} "
        f"filled, {plan['deletes']:,} gone, {plan['held_back']:,} held back"
        f"{_surplus(plan.get('surplus', 0))}",
        "chunks": f"{len(body['chunks'])}, {_requests(body['chunks'])} requests",
        "refused rows": f"{body['rows_refused']:,}",
        "verification": _proof(proof),
        "failure": body["failure"] or "-",
        "times": ", ".join(f"{name[:-3]} {at}" for name, at in body["times"].items() if at),
    }
    for name, text in lines.items():
        out.print(f"  {name:<13} {text}")


def _signature(signature: SignatureRecord) -> str:
    reason = f" ({signature['reason']})" if signature["reason"] else ""
    return f"{signature['act']} by {signature['signed_by']}{reason}"


def _requests(chunks: list[ChunkReceipt]) -> int:
    return sum(len(chunk["request_ids"] or []) for chunk in chunks)


def _proof(proof: VerificationRecord | None) -> str:
    if proof is None:
        return "-"
    right = sum(check["holds"] for check in proof["checks"])
    return (
        f"{right} of {len(proof['checks'])} figures right, {proof['rows_read_back']:,} rows read back, "
        f"{sum(proof['rows_differing'].values()):,} differing"
    )


def _name(by: str | None) -> str:
    return by or getpass.getuser()


def _run_id(verb: str) -> str:
    """The run of a command: work that no Dagster run asked for."""
    return f"{verb}-{new_id()}"


def _progress(text: str) -> None:
    logging.getLogger("summerware.progress").info(text)
