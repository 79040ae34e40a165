"""The one Dagster resource: the environment's settings, the state database and a run's options."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path

import dagster as dg

from orchestration.dataset import Dataset, load_sound_datasets
from orchestration.errors import (
    ConfigurationError,
    SummerwareError,
    TransientError,
    unforeseen,
)
from orchestration.layers import sweep_workspaces
from orchestration.processes import note_process, report_dead_runs
from orchestration.settings import Settings
from orchestration.sources import Source
from orchestration.state.database import open_database
from orchestration.state.store import State
from orchestration.visible import visible

progress = logging.getLogger("summerware.progress")
"""What a person at the terminal sees while a run works; the command line listens to it."""

RETRIES = 2
TAGS = "summerware"


class Pipeline(dg.ConfigurableResource[None]):
    """What every step needs. Options that are left out come from the environment."""

    source: str | None = None
    extracts_dir: str | None = None
    as_of: str | None = None
    dry_run: bool = False

    @cached_property
    def settings(self) -> Settings:
        """The settings of this process."""
        return Settings.from_environment()

    @cached_property
    def state(self) -> State:
        """The state database, migrated."""
        return State(open_database(self.settings))

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """The dataset files, as they are now."""
        return load_sound_datasets(self.settings.datasets_dir)[0]

    @property
    def as_of_date(self) -> date | None:
        """Extracts later than this day are left alone."""
        try:
            return date.fromisoformat(self.as_of) if self.as_of else None
        except ValueError as error:
            raise ConfigurationError(f"as_of: {self.as_of!r} is not a date YYYY-MM-DD") from error

    def extract_source(self) -> Source:
        """Where this run's extracts come from."""
        from orchestration.sources.choice import choose_source

        folder = Path(self.extracts_dir).expanduser().absolute() if self.extracts_dir else None
        return choose_source(self.settings, kind=self.source, extracts_dir=folder)

    @contextmanager
    def step(self, context: dg.OpExecutionContext, dataset: str, doing: str) -> Iterator[None]:
        """Runs one step of a dataset: notes its process, sweeps dead runs, sorts its errors."""
        what = f"{dataset}: {doing}"
        note_process(self.state, context.run_id)
        dead = report_dead_runs(context.instance, self.state)
        sweep_workspaces(self.settings, dead)
        for run_id in dead:
            context.log.warning(f"run {run_id} had lost its process and was reported failed")
        progress.info(what)
        tag_run(context, dataset)
        try:
            yield
        except TransientError as error:
            if context.retry_number < RETRIES:
                progress.warning("%s; trying again", error)
                raise dg.RetryRequested(RETRIES, seconds_to_wait=5) from error
            raise _failure(error) from error
        except SummerwareError as error:
            progress.error("%s", error)
            raise _failure(error) from error
        except (dg.Failure, dg.RetryRequested):
            raise
        except Exception as error:  # noqa: BLE001 - see below
            # An error we did not foresee may quote a cell: its kind and place are named, its text
            # is not, neither here nor in Dagster's event log.
            fault = unforeseen(what, error)
            progress.error("%s", fault)
            raise _failure(fault) from None


def tag_run(context: dg.OpExecutionContext, dataset: str, **found: str) -> None:
    """Tags the run with a dataset it works on, and what was `found` of it: extracts, publication.

    A run over one dataset has `summerware/dataset` and `summerware/<what>`; one over several has all
    of them in one value there, and each by itself under `summerware/<what>/<dataset>`, so that the
    search of runs, which knows whole values only, finds it too.
    """
    run = context.instance.get_run_by_id(context.run_id)
    known = dict(run.tags) if run else {}
    tags = {}
    for name, value in {"dataset": dataset, **found}.items():
        own = f"{TAGS}/{name}/{dataset}"
        others = {tag: said for tag, said in known.items() if tag.startswith(f"{TAGS}/{name}/")}
        tags[own] = value
        tags[f"{TAGS}/{name}"] = ", ".join(dict.fromkeys((others | {own: value}).values()))
    if any(known.get(tag) != value for tag, value in tags.items()):
        context.instance.add_run_tags(context.run_id, tags)


def _failure(error: SummerwareError) -> dg.Failure:
    return dg.Failure(
        description=visible(str(error), keep="\n\t"),
        metadata={"kind": error.kind, "exit_code": error.exit_code},
        allow_retries=False,
    )
