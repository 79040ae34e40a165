"""The command `summerware upgrade`: thin, over `orchestration/upgrading/`."""

from typing import Annotated, Any

import typer

from orchestration.city_time import city_today
from orchestration.terminal import find_dataset, open_state, out, print_json
from orchestration.upgrading.upgrade import Upgraded
from orchestration.upgrading.upgrade import upgrade as upgrade_datasets


def upgrade(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Ids of datasets; all where none is named.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Show the changes, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Take over the last version's home, dataset files and suites: draft what each column may hold."""
    settings, state = open_state()
    names = datasets or sorted(path.stem for path in settings.datasets_dir.glob("*.yaml"))
    until, upgraded = upgrade_datasets(
        settings,
        state,
        [find_dataset(settings, name) for name in names],
        today=city_today(),
        dry_run=dry_run,
    )
    if as_json:
        return print_json({"until": until.isoformat(), "datasets": [_as_json(o) for o in upgraded]})
    for one in upgraded:
        _print(one, dry_run=dry_run)
    if any(one.drafts for one in upgraded):
        out.print(
            f"Drafts are for people: look at each, and take `open`, `reason` and `until` away. Until "
            f"{until} `summerware check` warns of what is left, then it refuses."
        )
    return None


def _print(one: Upgraded, *, dry_run: bool) -> None:
    if one.suites:
        verb = "would be written" if dry_run else "written"
        out.print(f"{one.dataset}: {', '.join(one.suites)} {verb} as suites of Great Expectations")
    if one.left:
        return out.print(f"{one.dataset}: {one.left}")
    if not one.drafts:
        return out.print(f"{one.dataset}: every published column has its domain already")
    if dry_run:
        out.print(one.diff)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in one.kinds.items())
    out.print(f"{one.dataset}: {len(one.drafts):,} domains drafted ({kinds})")
    for name, words in one.seeds.items():
        out.print(f"    dbt_project/seeds/{name}: {words:,} words")
    resembling = sum(draft.resembling for draft in one.drafts)
    if resembling:
        out.print(
            f"    {resembling:,} published words resemble one that a policy protects; they are in no "
            "vocabulary, so that their rows wait for a person"
        )
    if dry_run:
        return out.print("    nothing was written: this was a dry run")
    return out.print(f"    the file as it was: {one.backup}")


def _as_json(one: Upgraded) -> dict[str, Any]:
    return {
        "dataset": one.dataset,
        "suites": list(one.suites),
        "domains": {draft.column: draft.domain for draft in one.drafts},
        "seeds": dict(one.seeds),
        "resembling_words": sum(draft.resembling for draft in one.drafts),
        "backup": one.backup,
        "left": one.left,
    }
