"""The command `summerware takedown`: thin, over this folder. `orchestration/cli.py` mounts it."""

import getpass
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console

from orchestration.dataset import Dataset, load_datasets
from orchestration.errors import ConfigurationError
from orchestration.hash_key import hash_key, key_id
from orchestration.settings import Settings
from orchestration.state.store import State, new_id, now
from orchestration.state.takedowns import COLUMN, ROW, Tombstone
from orchestration.takedown.journal import all_tombstones, remember
from orchestration.takedown.tombstones import keyed_hash, load_tombstones
from orchestration.terminal import find_dataset, open_state, print_json, show_progress

out = Console(soft_wrap=True, highlight=False, markup=False)


def takedown(
    dataset: Annotated[str, typer.Argument(help="Id of the dataset.")],
    keys: Annotated[
        list[str] | None, typer.Argument(help="Published keys of the rows to take down.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="A whole column to take down.")] = None,
    authority: Annotated[
        str | None, typer.Option(help="Who ordered it: a court's order, a law, a person.")
    ] = None,
    reason: Annotated[str, typer.Option(help="More about it, for the record.")] = "",
    by: Annotated[str | None, typer.Option(help="Who gives the command; you, by default.")] = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also erase it from everything kept here.")
    ] = False,
    lift: Annotated[
        str | None, typer.Option(help="Lift the takedown of this id, by another order.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="List the takedowns as JSON for a script.")
    ] = False,
) -> None:
    """Take rows or a column off the portal for good, with every gate red; without either, list."""
    settings, state = open_state()
    found = find_dataset(settings, dataset)
    name = by or getpass.getuser()
    if lift is not None:
        return _lift(settings, state, found, lift, by=name, authority=authority)
    if not keys and column is None:
        return _list(settings, state, found, as_json=as_json)
    if not authority:
        raise ConfigurationError("--authority is missing: a takedown names who ordered it")
    if column is not None:
        _refuse_column(found, column)
    what = f"{len(keys or []):,} rows" if keys else f"the column {column}"
    if not yes and sys.stdin.isatty():
        more = " and erase it here" if purge else ""
        typer.confirm(f"Take {what} of {dataset} off every portal{more}?", abort=True)
    show_progress()
    _remember(
        settings, state, found, keys or [], column,
        authority=authority, reason=reason, by=name, purge=purge,
    )  # fmt: skip
    _carry_out(settings, state, found, keys or [], by=name, authority=authority, purge=purge)
    return None


def _refuse_column(dataset: Dataset, column: str) -> None:
    if column not in {one.name for one in dataset.published}:
        raise ConfigurationError(f"{dataset.id}: no published column is named {column!r}")
    if column == dataset.key:
        raise ConfigurationError(
            f"{dataset.id}: {column} is the key, without which there are no rows: take down rows"
        )


def _remember(
    settings: Settings,
    state: State,
    dataset: Dataset,
    keys: Sequence[str],
    column: str | None,
    *,
    authority: str,
    reason: str,
    by: str,
    purge: bool,
) -> None:
    """The tombstones, before anything else; one that stands already only learns of the purge."""
    secret = hash_key(settings)
    moment = now()
    standing = {
        (one.kind, one.key_hash or one.column_name): one
        for one in all_tombstones(settings, state)
        if one.dataset == dataset.id and not one.lifted_at
    }
    wanted: list[tuple[str, str]] = [
        (ROW, keyed_hash(secret, dataset.id, "key", [key])) for key in keys
    ]
    wanted += [(COLUMN, column)] if column is not None else []
    for kind, what in dict.fromkeys(wanted):
        known = standing.get((kind, what)) or Tombstone(
            id=new_id(),
            dataset=dataset.id,
            kind=kind,
            key_hash=what if kind == ROW else None,
            column_name=what if kind == COLUMN else None,
            secret_id=key_id(secret),
            authority=authority,
            reason=reason,
            taken_by=by,
            taken_at=moment,
        )
        remember(settings, state, replace(known, purge_at=moment) if purge else known)


def _carry_out(
    settings: Settings,
    state: State,
    dataset: Dataset,
    keys: Sequence[str],
    *,
    by: str,
    authority: str,
    purge: bool,
) -> None:
    from orchestration.takedown.purge import purge as erase
    from orchestration.takedown.removal import remove_everywhere

    progress = logging.getLogger("summerware.progress").info
    removed = remove_everywhere(
        settings,
        state,
        dataset,
        load_tombstones(settings, state, dataset),
        by=by,
        authority=authority,
        run_id=f"takedown-{new_id()}",
        keys=keys,
        progress=progress,
    )
    for one in removed:
        out.print(
            f"{dataset.id}: gone from {one.target}: {one.rows:,} rows, values of {one.cells:,} rows"
        )
    if not removed:
        out.print(f"{dataset.id}: nothing was ever published; it will not be")
    if purge:
        erase(
            settings, state, load_datasets(settings.datasets_dir), dataset, keys=keys,
            progress=progress,
        )  # fmt: skip
        out.print(f"{dataset.id}: erased from {settings.home}; backups and sheets are for people")


def _lift(
    settings: Settings,
    state: State,
    dataset: Dataset,
    takedown_id: str,
    *,
    by: str,
    authority: str | None,
) -> None:
    if not authority:
        raise ConfigurationError("--authority is missing: lifting a takedown names who allowed it")
    found = next(
        (
            one
            for one in all_tombstones(settings, state)
            if one.id == takedown_id and one.dataset == dataset.id and not one.lifted_at
        ),
        None,
    )
    if found is None:
        raise ConfigurationError(
            f"{dataset.id}: no takedown {takedown_id} is in force; see `summerware takedown "
            f"{dataset.id}`"
        )
    remember(
        settings, state, replace(found, lifted_at=now(), lifted_by=by, lift_authority=authority)
    )
    out.print(f"{dataset.id}: lifted. The next run publishes what passes its gates")


def _list(settings: Settings, state: State, dataset: Dataset, *, as_json: bool) -> None:
    found = [one for one in all_tombstones(settings, state) if one.dataset == dataset.id]
    if as_json:
        return print_json([one.as_json() for one in found])
    if not found:
        return out.print(f"{dataset.id}: nothing was taken down.")
    for one in found:
        what = f"column {one.column_name}" if one.kind == COLUMN else "a row"
        words = [f"{one.id}: {what}, {one.taken_at[:10]} by {one.taken_by}, {one.authority}"]
        words += [f"erased {one.purged_at[:10]}"] if one.purged_at else []
        words += [f"lifted {one.lifted_at[:10]} by {one.lifted_by}"] if one.lifted_at else []
        out.print("; ".join(words))
    return None
