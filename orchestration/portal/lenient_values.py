"""How a type reads a value under the switches: what the real edge may take beyond the table of 2.4.

The table itself is in `datatypes`; which switches there are is in `behaviour`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestration.portal.behaviour import Behaviour
from orchestration.portal.datatypes import DataType
from orchestration.portal.values import MaltypedError, Stored

Reader = Callable[[Any], Stored]


class BrokenPointError(MaltypedError):
    """A GeoJSON object that is none, where the server stumbles over it."""


def reader_of(kind: DataType, behaviour: Behaviour, *, text: bool) -> Reader:
    """What reads a column's values: cells of CSV when `text`, else values of JSON."""
    if text:
        strict_dates = kind.name == "calendar_date" and not behaviour.csv_us_dates
        return kind.from_json if strict_dates else kind.from_text
    lenient = {
        "checkbox": behaviour.text_booleans,
        "url": behaviour.bare_urls,
        "calendar_date": behaviour.us_dates,
    }
    if lenient.get(kind.name):
        return _strings_as_text(kind)
    if kind.name == "text" and behaviour.empty_text == "null":
        return lambda value: None if value == "" else kind.from_json(value)
    if kind.name == "point" and behaviour.broken_points == 500:
        return _stumbling(kind)
    return kind.from_json


def _strings_as_text(kind: DataType) -> Reader:
    def read(value: Any) -> Stored:
        return kind.from_text(value) if isinstance(value, str) else kind.from_json(value)

    return read


def _stumbling(kind: DataType) -> Reader:
    def read(value: Any) -> Stored:
        try:
            return kind.from_json(value)
        except MaltypedError as error:
            if isinstance(value, dict):
                raise BrokenPointError from error
            raise

    return read
