"""How much one extract may hold before it is refused: every bound, its key and its sentence.

A file of two megabytes can hold gigabytes once it is unpacked. The readers (`sources/`) ask here
before they hold, write or walk what a file says. What a city needs more of it says under
`source.bounds` of the dataset file; how much may be wrong with rows is said under `limits`.
"""

from typing import ClassVar

from pydantic import Field

from orchestration.column import Strict
from orchestration.errors import TooMuch

MB = 1_000_000


class Bounds(Strict):
    """What an extract may hold; the defaults leave room on a machine of 4 GB."""

    unpacked_mb: int = Field(default=2_000, gt=0)
    """Megabytes of a file once it is unpacked."""
    rows: int = Field(default=10_000_000, gt=0)
    columns: int = Field(default=2_000, gt=0)
    line_mb: int = Field(default=4, gt=0)
    """Megabytes, or characters, of one line of text, one row of JSON or one text of a workbook."""
    depth: int = Field(default=100, gt=0, le=400)
    """How deep lists and objects may stand within a JSON cell."""
    cells: int = Field(default=2_000_000, gt=0)
    """Cells of a workbook, empty ones with a format among them: each takes some microseconds."""

    SENTENCES: ClassVar[dict[str, str]] = {
        "unpacked_mb": "unpacks to more than {:,} MB",
        "rows": "holds too many rows: more than {:,}",
        "columns": "has too many headings: more than {:,}",
        "line_mb": "holds a line, a row or a text of more than {:,} MB",
        "depth": "is nested too deeply to be rows: more than {:,} levels in a cell",
        "cells": "holds too many cells for a workbook: more than {:,}",
    }

    @property
    def unpacked(self) -> int:
        """Bytes of a file once it is unpacked."""
        return self.unpacked_mb * MB

    @property
    def line(self) -> int:
        """Characters of a line, a row or a text."""
        return self.line_mb * MB

    def exceeded(self, where: str, key: str) -> TooMuch:
        """The refusal of a file that holds more than a bound allows."""
        sentence = self.SENTENCES[key].format(getattr(self, key))
        return TooMuch(
            f"{where}: {sentence}; ask the source to write it again, or raise source.bounds.{key} of "
            "the dataset file where it is right"
        )
