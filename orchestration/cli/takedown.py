"""The command `summerware takedown`: thin, over `orchestration/takedown/`."""

import getpass
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from orchestration.dataset import Dataset, load_datasets
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.state.store import State, now
from orchestration.state.takedowns import Tombstone
from orchestration.terminal import (
    find_dataset,
    fitting_table,
    open_state,
    out,
    print_json,
    show_progress,
)


def takedown(
    dataset: Annotated[str, typer.Argument(help="Id of the dataset.")],
    keys: Annotated[
        list[str] | None,
        typer.Argument(help="Published keys; none with --purge means all that were taken down."),
    ] = None,
    column: Annotated[str | None, typer.Option(help="A column instead of rows.")] = None,
    authority: Annotated[str | None, typer.Option(help="Who orders it: a court, a law.")] = None,
    by: Annotated[str | None, typer.Option(help="Who carries it out; you, where left out.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record; no key in it.")] = "",
    purge: Annotated[
        bool, typer.Option("--purge", help="Also erase it from everything under SUMMERWARE_HOME.")
    ] = False,
    lift: Annotated[
        str | None, typer.Option(help="Id of a takedown that another order lifts.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Take rows or a column off every portal for good, whatever the gates say; without either, list."""
    settings, state = open_state()
    found = find_dataset(settings, dataset)
    by = by or getpass.getuser()
    if lift is not None:
        return _lift(settings, state, found, lift, authority=authority, by=by)
    chosen = [key.strip() for key in keys or [] if key.strip()]
    if not (chosen or column or purge):
        return _list(settings, state, found, as_json=as_json)
    _refuse_wrong(found, chosen, column, authority, reason)
    show_progress()
    if not yes and sys.stdin.isatty():
        typer.confirm(_question(found, chosen, column, purge=purge), abort=True)
    from orchestration.takedown.orders import Order, carry_out

    done = carry_out(
        settings,
        state,
        load_datasets(settings.datasets_dir),
        found,
        Order(
            keys=tuple(chosen),
            column=column,
            authority=authority or "",
            reason=reason,
            by=by,
            purge=purge,
        ),
        progress=logging.getLogger("summerware.progress").info,
    )
    if as_json:
        return print_json(done.as_json())
    for one in done.removed:
        out.print(
            f"{dataset}: gone from {one.target}: {one.rows:,} rows, values of {one.cells:,} rows"
        )
    if not done.removed:
        out.print(f"{dataset}: nothing was ever published; it will not be")
    if done.purged:
        out.print(
            f"{dataset}: erased from {settings.home}; backups, exported sheets and the source's own "
            "files are for people. Run the dataset again for fresh layers"
        )
    return None


def _refuse_wrong(
    dataset: Dataset,
    keys: Sequence[str],
    column: str | None,
    authority: str | None,
    reason: str,
) -> None:
    """Says what is wrong with an order before anything is recorded.

    Raises:
        ConfigurationError: it names no authority, or what cannot be taken down.
    """
    if keys and column:
        raise ConfigurationError("a takedown is of rows or of a column: give keys or --column")
    if (keys or column) and not (authority or "").strip():
        raise ConfigurationError("--authority is missing: a takedown names who ordered it")
    for text in (authority or "", reason):
        if any(key.casefold() in text.casefold() for key in keys):
            raise ConfigurationError(
                "--authority and --reason are kept in the clear: leave the keys out of them"
            )
    if column:
        _refuse_column(dataset, column)


def _refuse_column(dataset: Dataset, column: str) -> None:
    if column not in {one.name for one in dataset.published}:
        raise ConfigurationError(f"{dataset.id}: no published column is named {column!r}")
    needed = {dataset.key: "is the key"}
    if dataset.source.window:
        needed.setdefault(dataset.source.window.column, "tells which rows are gone")
    if dataset.publish.partition:
        needed.setdefault(dataset.publish.partition.column, "tells which 4x4 a row goes to")
    if column in needed:
        raise ConfigurationError(
            f"{dataset.id}: {column} {needed[column]}, so it cannot be taken down alone: take the "
            "rows down, or change the dataset file"
        )


def _question(dataset: Dataset, keys: Sequence[str], column: str | None, *, purge: bool) -> str:
    what = f"the column {column}" if column else f"{len(keys):,} rows"
    if not keys and not column:
        return f"Erase from this machine everything of {dataset.id} that was taken down?"
    also = " and erase it from this machine" if purge else ""
    return f"Take {what} of {dataset.id} off the portal, for good{also}?"


def _lift(
    settings: Settings,
    state: State,
    dataset: Dataset,
    takedown_id: str,
    *,
    authority: str | None,
    by: str,
) -> None:
    from orchestration.tombstones.journal import all_tombstones, remember

    if not (authority or "").strip():
        raise ConfigurationError("--authority is missing: lifting names who allowed it")
    own = {one.id: one for one in all_tombstones(settings, state) if one.dataset == dataset.id}
    found = own.get(takedown_id)
    if found is None or found.lifted_at:
        raise ConfigurationError(
            f"{dataset.id}: no takedown {takedown_id} is in force; see `summerware takedown "
            f"{dataset.id}`"
        )
    remember(
        settings,
        state,
        replace(found, lifted_at=now(), lifted_by=by, lift_authority=authority),
    )
    return out.print(f"{dataset.id}: lifted. The next run publishes what passes its gates")


def _list(settings: Settings, state: State, dataset: Dataset, *, as_json: bool) -> None:
    from orchestration.tombstones.journal import all_tombstones

    own = [one for one in all_tombstones(settings, state) if one.dataset == dataset.id]
    if as_json:
        return print_json([_shown(one) for one in own])
    if not own:
        return out.print(f"{dataset.id}: nothing was taken down.")
    table = fitting_table("takedown", "what", "at (UTC)", "by", "purged", "lifted", texts=6)
    for one in own:
        table.add_row(
            one.id,
            one.column_name or "a row",
            one.taken_at[:16].replace("T", " "),
            one.taken_by,
            "yes" if one.purged_at else "asked for" if one.purge_at else "no",
            one.lifted_at[:10] if one.lifted_at else "no",
        )
    return out.print(table)


def _shown(tombstone: Tombstone) -> dict[str, Any]:
    hidden = ("key_hash", "landed_hashes", "secret_id")
    return {name: value for name, value in tombstone.as_json().items() if name not in hidden}
