"""What the commands share: how they open the state, find a dataset, print tables and progress.

No command is here, and nothing that needs Dagster, dbt or Great Expectations.
"""

import json
import logging
import os
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestration.dataset import Dataset, load_dataset
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State
from orchestration.visible import visible

_LINE_ENDS = "\n\t"
_WIDEST = 100_000
"""Signs of a line in a file or a pipe: no cell is cut where nobody looks at a screen."""


class Terminal(Console):
    """Prints text as text: no markup, no emoji names, nothing that a terminal obeys.

    Whatever is printed may quote a cell, a key or a file's name. Colours come from `styled` alone.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=True, markup=False, emoji=False, highlight=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _WIDEST

    def render_str(self, text: str, **options: Any) -> Text:
        """The way of every text to the screen, a table's cells among them."""
        return super().render_str(visible(text, keep=_LINE_ENDS), **options)


out = Terminal()
err = Terminal(stderr=True)


def styled(*parts: str | tuple[str, str]) -> Text:
    """Texts in one line, some of them with a style."""
    pieces = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text.assemble(*((visible(text, keep=_LINE_ENDS), style) for text, style in pieces))


def open_state() -> tuple[Settings, State]:
    """The environment's settings and their state database."""
    settings = Settings.from_environment()
    return settings, State(open_database(settings))


def find_dataset(settings: Settings, name: str) -> Dataset:
    """The dataset of that id, and of nothing else: a path is no id, wherever it leads.

    Raises:
        ConfigurationError: there is none, or its file is wrong.
    """
    files = {path.stem: path for path in settings.datasets_dir.glob("*.yaml") if path.is_file()}
    if name not in files:
        known = ", ".join(sorted(files))
        raise ConfigurationError(f"no dataset is named {name}; there are {known}")
    return load_dataset(files[name])


def print_json(value: Any) -> None:
    """Prints JSON, and nothing else, on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


class _Table(Table):
    """A table whose texts stay in their cells."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Adds a row; a line's end within a text would look like another row."""
        shown = (visible(cell) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*shown, **options)


def fitting_table(*headings: str, texts: int = 4) -> Table:
    """A table that fits 80 columns, without lines; numbers to the right.

    A terminal that is too narrow cuts a cell; a pipe or a file has all of it.
    """
    table = _Table(*headings, box=None, padding=(0, 1, 0, 0), header_style="bold")
    for position, column in enumerate(table.columns):
        column.no_wrap = True
        column.justify = "left" if position < texts else "right"
    return table


class _Progress(logging.Handler):
    """Lines on the terminal with the seconds since the start."""

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one line."""
        style = {logging.WARNING: "yellow", logging.ERROR: "red"}.get(record.levelno)
        seconds = time.monotonic() - self._started
        err.print(f"{seconds:6.1f} s  {record.getMessage()}", style=style)


class _Plain(logging.Formatter):
    """What libraries log, as text."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, its traceback included."""
        return visible(super().format(record), keep=_LINE_ENDS)


def show_progress() -> None:
    """Tells on the terminal how far the work is."""
    handler = _Progress()
    for name, level in (("summerware.progress", logging.INFO), ("orchestration", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
        logger.propagate = False
    # Libraries give the root a handler when they are loaded, and tell it all: it has one already.
    root = logging.StreamHandler()
    root.setLevel(logging.WARNING)
    root.setFormatter(_Plain())
    logging.getLogger().addHandler(root)
    for name in ("great_expectations", "dagster", "sodapy"):
        logging.getLogger(name).setLevel(logging.ERROR)
