"""Lines, polygons and their multiples: GeoJSON or WKT in, GeoJSON out, WKT in CSV (protocol 2.4).

Kept as compact GeoJSON text. Whether a polygon closes or crosses itself is not asked. Points, which
most datasets have, are in `datatypes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

_LEVELS = {"LineString": 1, "Polygon": 2, "MultiPoint": 1, "MultiLineString": 2, "MultiPolygon": 3}
"""How many lists there are around the positions."""
_TOKEN = re.compile(r"\s*([A-Za-z]+|[(),]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


class BadGeometryError(ValueError):
    """Neither GeoJSON nor WKT of the geometry that is wanted."""


def reader(name: str) -> Callable[[Any], str]:
    """What reads values of one geometry, into the text that is kept.

    The reader raises BadGeometryError for anything else.
    """

    def read(value: Any) -> str:
        if isinstance(value, str):
            coordinates = _from_wkt(name, value)
        elif isinstance(value, dict) and value.get("type") == name:
            coordinates = value.get("coordinates")
        else:
            raise BadGeometryError(name)
        checked = _checked(coordinates, _LEVELS[name])
        return json.dumps({"type": name, "coordinates": checked}, separators=(",", ":"))

    return read


def as_wkt(kept: str) -> str:
    """The kept text as WKT."""
    geometry = json.loads(kept)
    return f"{geometry['type'].upper()} {_wkt(geometry['coordinates'])}"


def _wkt(coordinates: Any) -> str:
    parts = [
        " ".join(map(str, part)) if isinstance(part[0], float) else _wkt(part)
        for part in coordinates
    ]
    return f"({', '.join(parts)})"


def _checked(value: Any, levels: int) -> Any:
    if not isinstance(value, list) or not value:
        raise BadGeometryError("expected a list")
    if levels:
        return [_checked(item, levels - 1) for item in value]
    if len(value) not in (2, 3):
        raise BadGeometryError("a position has two numbers")
    return [_number(item) for item in value[:2]]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadGeometryError("expected a number")
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise BadGeometryError("expected a number") from error
    if not isfinite(number):
        raise BadGeometryError("expected a finite number")
    return number


def _from_wkt(name: str, text: str) -> Any:
    tokens = _tokens(text)
    if next(tokens, "").lower() != name.lower() or next(tokens, "") != "(":
        raise BadGeometryError(text[:50])
    coordinates = _list(tokens, _LEVELS[name])
    if name == "MultiPoint":
        coordinates = [p[0] if isinstance(p[0], list) else p for p in coordinates if p]
    if next(tokens, None) is not None:
        raise BadGeometryError(text[:50])
    return coordinates


def _tokens(text: str) -> Iterator[str]:
    position, text = 0, text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadGeometryError(text[:50])
        yield match[1]
        position = match.end()


def _list(tokens: Iterator[str], levels: int) -> list[Any]:
    """The items up to the closing bracket: lists in brackets, or positions of numbers."""
    items: list[Any] = []
    position: list[Any] = []
    for token in tokens:
        if token == "(":
            if position or levels < 0:
                raise BadGeometryError("a bracket too many")
            position = [_list(tokens, levels - 1)]
        elif token in ",)":
            if not position:
                raise BadGeometryError("an item is missing")
            items.append(position[0] if isinstance(position[0], list) else position)
            position = []
            if token == ")":
                return items
        else:
            position.append(token)
    raise BadGeometryError("a bracket is missing")
