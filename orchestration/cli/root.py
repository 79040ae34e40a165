"""The command `summerware`: thin commands over the modules that do the work.

`gates`, `ledger`, `publications` and `why` import neither Dagster, dbt nor Great Expectations. Exit
codes: 0 done, 1 data stopped at a gate, 2 usage or configuration, 3 fault.
"""

import getpass
import io
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from orchestration import reports
from orchestration import trend as trends
from orchestration.city_time import city_today
from orchestration.cli import alerts as alert_commands
from orchestration.cli import health as health_commands
from orchestration.cli import portal as portal_commands
from orchestration.cli import publishing as publishing_commands
from orchestration.cli import review as review_commands
from orchestration.cli.classification import classify
from orchestration.cli.evaluation import evaluate
from orchestration.cli.takedown import takedown
from orchestration.cli.upgrading import upgrade
from orchestration.dataset import load_datasets
from orchestration.errors import ConfigurationError, SummerwareError, unforeseen
from orchestration.settings import Settings
from orchestration.state.store import Verdict
from orchestration.terminal import (
    err,
    find_dataset,
    fitting_table,
    open_state,
    out,
    print_json,
    show_progress,
    styled,
)
from orchestration.visible import visible

if TYPE_CHECKING:
    from orchestration.running import DatasetOfRun

app = typer.Typer(
    help="Clean, check and publish police and civic data, with an account of every row.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DatasetArgument = Annotated[str, typer.Argument(help="Id of the dataset.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@app.command()
def run(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Ids of datasets; all where none is named.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Where extracts come from: sample, files or socrata.")
    ] = None,
    extracts: Annotated[
        Path | None, typer.Option(help="Drop folder with one sub-folder per dataset.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Leave extracts later than this day (YYYY-MM-DD).")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Plan, and send nothing to the portal.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the daily job: extracts, gates, models, and the difference to the portal."""
    show_progress()
    if as_of is not None:
        _as_date(as_of)
    if extracts is not None and source not in (None, "files"):
        raise ConfigurationError("--extracts goes with --source files")
    logging.getLogger("summerware.progress").info("starting (loading dagster, dbt and GX)")
    from orchestration.running import run_daily

    settings = Settings.from_environment()
    summary = run_daily(
        settings,
        datasets or [],
        source=source,
        extracts_dir=extracts.absolute() if extracts else None,
        as_of=as_of,
        dry_run=dry_run,
    )
    if as_json:
        print_json({"run_id": summary.run_id, "datasets": summary.datasets})
    else:
        _print_summary(summary.datasets, dry_run=dry_run)
        _print_where_to_look(summary.run_id, live=summary.portal is None)
        if summary.open_alerts:
            out.print(f"Open alerts:       {summary.open_alerts}, see: summerware alerts")
    _offer_release(summary.datasets)
    raise typer.Exit(summary.exit_code)


@app.command()
def gates(
    dataset: Annotated[str | None, typer.Argument(help="Id of one dataset.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the latest verdict of every gate."""
    settings, state = open_state()
    if dataset is not None:
        find_dataset(settings, dataset)
    found = reports.gates(state, dataset)
    if as_json:
        return print_json(found)
    if not found:
        return out.print("No gate has run yet. Start with: summerware run")
    table = fitting_table("dataset", "gate", "verdict", "when (UTC)", "rows", "quarantined")
    for gate in found:
        table.add_row(
            gate["dataset"],
            gate["gate"],
            styled(_coloured(gate["verdict"])),
            gate["recorded_at"][:16].replace("T", " "),
            f"{gate['rows']:,}",
            f"{gate['quarantined']:,}",
        )
    out.print(table)
    for gate in found:
        for rule in gate["rules"]:
            outcome = f"{rule['outcome']} ({rule['cause'] or rule['failing']})"
            out.print(
                f"{gate['dataset']} {gate['gate']}: {rule['rule_id']} "
                f"{outcome}, {rule['strength']}",
            )
    return None


@app.command("trend")
def show_trend(
    dataset: DatasetArgument,
    rule: Annotated[str | None, typer.Argument(help="Id of one rule, run by run.")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only the last so many runs.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw how gates and rules went over time."""
    settings, state = open_state()
    found = trends.trend(state, find_dataset(settings, dataset).id, last=last)
    if as_json:
        return print_json(trends.as_json(found, rule))
    if not found.verdicts:
        return out.print(f"{dataset}: no gate has run yet. Start with: summerware run {dataset}")
    if rule is not None:
        return _print_rule(trends.rule_trend(found, rule))
    return _print_trend(found)


@app.command()
def ledger(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Show how many raw lines met which fate, and why."""
    settings, state = open_state()
    found = reports.ledger(settings, state, find_dataset(settings, dataset))
    if as_json:
        return print_json(found)
    out.print(f"{dataset}: {found['raw']:,} raw lines")
    table = fitting_table("fate", "lines", texts=1)
    for fate, count in found["fates"].items():
        table.add_row(fate, f"{count:,}")
    out.print(table)
    reasons = fitting_table("fate", "why", "lines", texts=2)
    for reason in found["reasons"]:
        reasons.add_row(reason["fate"], reason["reason"], f"{reason['lines']:,}")
    out.print(reasons if found["reasons"] else "Every line was published as it was.")
    return out.print(f"How each column was read: summerware ledger {dataset} --json", style="dim")


@app.command()
def why(
    dataset: DatasetArgument,
    key: Annotated[str, typer.Argument(help="Published key, or a line as extract:number.")],
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story of one row: its lines, its changes, what stopped or absorbed it."""
    settings, state = open_state()
    found = reports.why(settings, state, find_dataset(settings, dataset), key)
    if as_json:
        return print_json(found)
    return _print_story(found)


@app.command()
def discard(
    dataset: DatasetArgument,
    extract: Annotated[str, typer.Argument(help="Id of the extract, as a line id begins with.")],
    reason: Annotated[str, typer.Option(help="Why it must not be used.")],
    by: Annotated[str | None, typer.Option(help="Who says so; you, where left out.")] = None,
) -> None:
    """Never use a landed extract again, because it is broken; its file stays for the record."""
    settings, state = open_state()
    find_dataset(settings, dataset)
    found = state.extract(extract)
    if found is None or found.dataset != dataset:
        raise ConfigurationError(f"{dataset}: no extract {extract} was landed")
    state.discard_extract(extract, by=by or getpass.getuser(), reason=reason)
    out.print(f"{dataset}: {extract} ({found.file_name}) is not used again.")


@app.command()
def prune(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Ids of datasets; all where none is named.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would go, and remove nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove old layers, plans and extracts that nothing needs any more; records stay."""
    from orchestration.retention import prune as prune_dataset

    settings, state = open_state()
    names = datasets or sorted(path.stem for path in settings.datasets_dir.glob("*.yaml"))
    chosen = [find_dataset(settings, name) for name in names]
    gone = [prune_dataset(settings, state, one, dry_run=dry_run) for one in chosen]
    if as_json:
        return print_json([vars(one) for one in gone])
    table = fitting_table("dataset", "layers", "publications", "extracts", "MB", texts=1)
    for one in gone:
        counts = (one.layers, one.publications, one.extracts)
        table.add_row(one.dataset, *(f"{count:,}" for count in counts), f"{one.bytes / 1e6:,.1f}")
    out.print(table)
    return out.print("Nothing was removed: this was a dry run." if dry_run else "Removed.")


@app.command()
def check(as_json: JsonOption = False) -> None:
    """Load every dataset file, suite and model and report mistakes, before anything runs."""
    from orchestration.checking import (
        find_domain_warnings,
        find_mistakes,
        find_stale_models,
        find_suite_warnings,
    )

    settings = Settings.from_environment()
    mistakes = find_mistakes(settings)
    warnings = []
    if not mistakes:
        today = city_today()
        datasets = load_datasets(settings.datasets_dir)
        warnings = find_domain_warnings(settings, datasets, today=today)
        warnings += find_suite_warnings(settings, datasets, today=today)
        warnings += find_stale_models(settings, datasets)
    if as_json:
        print_json({"mistakes": mistakes, "warnings": warnings})
    for warning in warnings if not as_json else ():
        err.print(warning, style="yellow")
    for mistake in mistakes if not as_json else ():
        err.print(mistake, style="red")
    if mistakes:
        raise typer.Exit(2)
    if not as_json:
        out.print("Dataset files, suites and models are in order.")


@app.command()
def generate(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Ids of datasets; all where none is named.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where a file would change.")
    ] = False,
) -> None:
    """Write the SQL and YAML of dbt models that follow from the dataset files."""
    from orchestration.warehouse.generated import find_stale, write_generated

    settings = Settings.from_environment()
    known = load_datasets(settings.datasets_dir)
    chosen = {name: find_dataset(settings, name) for name in datasets} if datasets else known
    stale = find_stale(settings, chosen)
    if not check:
        write_generated(settings.dbt_project_dir, stale)
    for path in stale:
        out.print(f"{'differs' if check else 'written'}: dbt_project/{path}")
    if not stale:
        out.print("Every generated file is what its dataset file says.")
    elif check:
        err.print("Run `summerware generate`, and commit what it writes.", style="red")
        raise typer.Exit(2)


@app.command()
def sample(
    out_dir: Annotated[Path, typer.Option("--out", help="Where the extracts go.")],
    rows: Annotated[int, typer.Option(help="Lines of the biggest dataset.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 7,
    as_of: Annotated[str | None, typer.Option(help="Day of the newest extract.")] = None,
    days: Annotated[int, typer.Option(help="How many successive daily extracts.")] = 1,
    compress: Annotated[bool, typer.Option(help="Write .csv.gz rather than .csv.")] = True,
) -> None:
    """Write sample extracts of invented rows, and the truth about their dirt beside them."""
    from orchestration.sources.sample import SpecError, generate

    day = _as_date(as_of) if as_of else city_today()
    try:
        files = generate(out_dir, rows=rows, seed=seed, as_of=day, days=days, compress=compress)
    except SpecError as error:
        raise ConfigurationError(str(error)) from error
    for path in files:
        out.print(str(path))


@app.command()
def rules() -> None:
    """Print the page of all rules (docs/rules.md is this)."""
    from orchestration.rules_page import rules_page

    sys.stdout.write(rules_page(Settings.from_environment()))


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI on 127.0.0.1.")] = 3000,
    portal_port: Annotated[int, typer.Option(help="Port of the local portal.")] = 3001,
) -> None:
    """Serve the Dagster UI, its daemon and the local portal together, on this machine alone."""
    from orchestration.serving import serve_all

    serve_all(Settings.from_environment(), port=port, portal_port=portal_port, announce=out.print)


for command in (
    publishing_commands.plan,
    publishing_commands.publications,
    publishing_commands.release,
    publishing_commands.override,
    publishing_commands.rollback,
    publishing_commands.edits,
    publishing_commands.verify,
    publishing_commands.shadow,
    publishing_commands.adopt,
    publishing_commands.lookback,
):
    app.command()(command)
app.command()(takedown)
app.add_typer(alert_commands.alerts, name="alerts")
app.command()(alert_commands.ack)
app.command()(health_commands.doctor)
app.command()(health_commands.heartbeat)
app.command()(portal_commands.portal)
app.command()(portal_commands.probe)
app.add_typer(review_commands.review, name="review")
app.command()(classify)
app.command("audit-sample")(review_commands.audit_sample)
app.command()(review_commands.drift)
app.command()(evaluate)
app.command()(upgrade)


def _as_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"--as-of: {text!r} is not a date YYYY-MM-DD") from error


def _coloured(verdict: str) -> tuple[str, str]:
    return verdict, {"passed": "green", "failed": "red", "broken": "magenta"}[verdict]


def _print_summary(datasets: Sequence["DatasetOfRun"], *, dry_run: bool) -> None:
    table = fitting_table("dataset", "lines", *reports.FATES, texts=1)
    for one in datasets:
        fates = one["fates"]
        cells = (
            [sum(fates.values()), *(fates.get(fate, 0) for fate in reports.FATES)] if fates else []
        )
        table.add_row(one["dataset"], *(f"{count:,}" for count in cells))
    out.print(table)
    if any(one[name] for one in datasets for name in _SUSPICIONS):
        out.print()
        out.print(_suspicions(datasets))
        out.print()
    for one in datasets:
        verdicts = [
            part for gate, said in one["gates"].items() for part in (f", {gate} ", _coloured(said))
        ]
        first = str(verdicts[0]).removeprefix(", ") if verdicts else "-"
        out.print(styled(f"{one['dataset']}: gates {first}", *verdicts[1:]))
        out.print(styled("    portal: ", _portal_cell(one, dry_run=dry_run)))
        for line in (one["stopped_gate"] or {"says": ""})["says"].splitlines():
            out.print(f"    {line}")
        if one["drift"]:
            out.print(
                f"    drift: {one['drift']:,} values are new together: "
                f"summerware drift {one['dataset']}",
            )


_SUSPICIONS: Mapping[Literal["corrected", "linked", "proposed"], str] = {
    "corrected": "spellings corrected",
    "linked": "records linked",
    "proposed": "proposed to people",
}


def _suspicions(datasets: Sequence["DatasetOfRun"]) -> Table:
    """What the machine found among misspellings and near duplicates; people judge the last."""
    table = fitting_table("dataset", *_SUSPICIONS.values(), texts=1)
    for one in datasets:
        table.add_row(one["dataset"], *(f"{one[name]:,}" for name in _SUSPICIONS))
    return table


_CHANGES: Mapping[reports.RowCount, str] = {
    "inserts": "new",
    "updates": "changed",
    "first_fills": "filled",
    "deletes": "gone",
    "held_back": "held back",
}


def _portal_cell(one: "DatasetOfRun", *, dry_run: bool) -> str | tuple[str, str]:
    publication = one["publication"]
    if publication is not None:
        changes = ", ".join(
            f"{publication[name]:,} {word}" for name, word in _CHANGES.items() if publication[name]
        )
        refused = f", {publication['refused']:,} refused" if publication["refused"] else ""
        waits = "".join(f"; {why}" for why in publication["waits_for"])
        return (
            f"{publication['state']}: {publication['rows']:,} rows ({changes or 'no change'}{refused})"
            f"{waits}"
        )
    if one["stopped_by"]:
        return f"as it was. {one['stopped_by']}", "red"
    if one["stopped_gate"]:
        return f"stopped at the {one['stopped_gate']['gate']} gate; it is as it was", "red"
    if dry_run and one["fates"]:
        return "dry run: nothing sent"
    return "no extract" if not one["gates"] else "nothing newer to publish"


def _print_where_to_look(run_id: str, *, live: bool) -> None:
    out.print(f"Run {run_id}")
    out.print("Verdicts:          summerware gates")
    out.print("Fates of lines:    summerware ledger DATASET")
    out.print("Story of one row:  summerware why DATASET KEY")
    out.print("What people judge: summerware review export DATASET")
    if not live:
        out.print("UI and portal:     summerware ui")


def _offer_release(datasets: Sequence["DatasetOfRun"]) -> None:
    """A first live publication waits for a yes; without a terminal it stays held."""
    for one in datasets:
        publication = one["publication"]
        if publication is not None and publication["state"] == "stopped":
            _say_how_to_override(one["dataset"], publication["id"])
        if publication is None or publication["state"] != "held":
            continue
        out.print(styled(f"{one['dataset']}: ", _portal_cell(one, dry_run=False)))
        if sys.stdin.isatty() and typer.confirm("Publish this?", default=False):
            publishing_commands.release(one["dataset"], publication["id"], by=None)
        else:
            out.print(f"Release it with: summerware release {one['dataset']} {publication['id']}")


def _say_how_to_override(dataset: str, publication_id: str) -> None:
    out.print(f"{dataset}: nothing was sent. What to do:")
    for number, step in enumerate(
        (
            f"Look at the changes: summerware plan {dataset} --publication {publication_id}",
            f"If they are wrong, discard the extract (summerware discard {dataset} EXTRACT) and run "
            "again with a good one.",
            f"If they are right: summerware override {dataset} {publication_id} --reason … --by NAME",
        ),
        start=1,
    ):
        out.print(f"    {number}. {step}")


def _print_trend(found: trends.Trend) -> None:
    for gate, verdicts in found.verdicts.items():
        bad = [one for one in verdicts if one.verdict != "passed"]
        out.print(
            styled(
                f"{found.dataset} {gate}: {_runs(len(verdicts))}, {len(bad):,} stopped, last ",
                _coloured(verdicts[-1].verdict),
                f", {_day(verdicts[0])} to {_day(verdicts[-1])}",
            )
        )
        table = fitting_table(
            "rule", "share of rows over time", "last", "most", "not passed", texts=2
        )
        rules = [one for one in found.rules if one.gate == gate]
        quiet = [one for one in rules if not any(point.share for point in one.points)]
        for one in rules:
            if one not in quiet:
                table.add_row(*_trend_cells(one))
        if len(quiet) < len(rules):
            out.print(table)
        if quiet:
            out.print(f"{len(quiet)} rules never failed.", style="dim")
        out.print()


def _trend_cells(one: trends.RuleTrend) -> tuple[str, ...]:
    shares = [point.share for point in one.points]
    since = one.failing_since
    return (
        one.rule_id[:29] + "…" if out.is_terminal and len(one.rule_id) > 30 else one.rule_id,
        trends.sparkline(shares, width=24),
        "broken" if one.last.share is None else f"{one.last.share:.2%}",
        f"{max(share for share in shares if share is not None):.2%}" if any(shares) else "-",
        _runs(one.runs_failing) if since else "-",
    )


def _print_rule(one: trends.RuleTrend) -> None:
    since = one.failing_since
    streak = (
        f", not passed since {_day(since)} ({_runs(one.runs_failing)})" if since else ", passes now"
    )
    out.print(
        f"{one.rule_id} ({one.gate} gate, {one.strength}): {_runs(len(one.points))}{streak}",
    )
    shares = [point.share for point in one.points]
    top = max((share for share in shares if share is not None), default=0.0)
    for number, line in enumerate(trends.plot(shares, width=64, height=6)):
        out.print(f"{top:8.2%} " if not number else " " * 9, line, sep="")
    out.print(f"{' ' * 9}{_day(one.points[0])} to {_day(one.last)}", style="dim")
    table = fitting_table("when (UTC)", "run", "outcome", "failing", "of rows", "share", texts=3)
    for point in one.points[-20:]:
        table.add_row(
            point.recorded_at[:16].replace("T", " "),
            point.run_id[:8],
            styled(_coloured(point.outcome)),
            f"{point.failing:,}",
            f"{point.rows:,}",
            "-" if point.share is None else f"{point.share:.3%}",
        )
    out.print(table)


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _day(one: Verdict | trends.Point) -> str:
    return one.recorded_at[:10]


def _print_story(story: reports.RowStory) -> None:
    out.print(f"{story['dataset']} {visible(story['key'])}", style="bold")
    lines = fitting_table("line", "fate", "why", "absorbed by")
    for line in story["lines"]:
        lines.add_row(line["line"], line["fate"], line["reason"] or "", line["survivor"] or "")
    out.print(lines if story["lines"] else "No line of the last finished run holds it.")
    if story["rules"]:
        out.print("Stopped by:")
        for rule in story["rules"]:
            out.print(f"  {rule['rule']} (line {rule['line']})")
    if story["cells"]:
        cells = fitting_table("line", "column", "rule", "from", "to", texts=5)
        for cell in story["cells"]:
            cells.add_row(
                cell["line"] or "row", cell["column"], cell["rule"], cell["from"], cell["to"]
            )
        out.print(cells)
    standing = story["portal"]
    if standing is None:
        out.print("It was never on the portal.")
    else:
        where = "on the portal" if standing["on_portal"] else "not on the portal"
        out.print(
            f"It is {where}; last {standing.get('change', 'seen')} in publication "
            f"{standing.get('publication', '-')} at {standing.get('published_at', '-')}",
        )


_Misused: type[Exception] = typer.BadParameter.__mro__[2]
"""The root of what typer raises of arguments and options; it has no public name."""


def main() -> None:
    """Runs the command and turns every error into a sentence and an exit code."""
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        ended = app(standalone_mode=False)
        return ended if isinstance(ended, int) else 0
    except SummerwareError as error:
        err.print(str(error), style="red")
        return error.exit_code
    except _Misused as error:
        usage = io.StringIO()
        error.show(file=usage)  # type: ignore[attr-defined]
        err.print(usage.getvalue().rstrip())
        return 2
    except typer.Abort:
        err.print("Aborted.")
        return 2
    except Exception as error:  # noqa: BLE001 - its text may quote a cell, and a traceback does
        fault = unforeseen(" ".join(["summerware", *sys.argv[1:2]]), error)
        err.print(str(fault), style="red")
        return fault.exit_code
