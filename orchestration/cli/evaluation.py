"""The command `summerware evaluate`: measures the cleaning and says what is not reached."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from orchestration.terminal import err, out, print_json, styled

if TYPE_CHECKING:
    from orchestration.evaluation.runs import Measure


def evaluate(
    extracts: Annotated[
        Path | None,
        typer.Option(help="Folder with the real extracts, for the truth that a person made."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write the page of results here, figures beside it.")
    ] = None,
    rows: Annotated[
        int, typer.Option(min=1_000, help="Rows per seed for near duplicates.")
    ] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Measure spelling and near duplicates on known truths; exit 1 where a target is missed."""
    from orchestration.dataset import load_datasets
    from orchestration.evaluation.page import as_json as as_values
    from orchestration.evaluation.page import write_page
    from orchestration.evaluation.runs import measure_all
    from orchestration.settings import Settings

    settings = Settings.from_environment()
    with tempfile.TemporaryDirectory(prefix="summerware-evaluate-") as folder:
        results = measure_all(
            settings,
            load_datasets(settings.datasets_dir),
            extracts=extracts,
            folder=Path(folder),
            rows=rows,
            say=lambda text: err.print(text),
        )
    if page is not None:
        write_page(results, page)
    if as_json:
        print_json(as_values(results))
    else:
        for truth in dict.fromkeys(one.truth for one in results.measures):
            out.print(truth, style="bold")
            for one in results.measures:
                if one.truth == truth:
                    out.print(_line(one))
        for reason in results.left_out:
            out.print(f"Not measured: {reason}")
    raise typer.Exit(0 if all(one.is_reached for one in results.measures) else 1)


def _line(one: "Measure") -> Text:
    sign = "at most" if one.at_most else "at least"
    verdict = ("reached", "green") if one.is_reached else ("missed", "red")
    return styled(
        f"  {one.name:<36} {one.value:8.4f}  ({one.low:.4f} to {one.high:.4f})  "
        f"{sign} {one.wanted:g}: ",
        verdict,
    )
