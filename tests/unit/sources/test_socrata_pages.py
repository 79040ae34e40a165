"""A page of a portal that holds more than a bound allows, or no rows: each is told as what it is."""

import json
from pathlib import Path

import pytest

from orchestration.bounds import Bounds
from orchestration.errors import PortalFault, TooMuch
from orchestration.sources.socrata import _look_at, _write_page

SMALL = Bounds(rows=5, line_mb=1, depth=9)
BEYOND = {
    "rows": json.dumps([{"a": "1"}] * 6),
    "line_mb": json.dumps([{"a": "1"}, {"a": "x" * 5_000_000}]),
    "depth": '[{"a":' + "[" * 99 + "]" * 99 + "}]",
}
NO_ROWS = ["", "<html>", "{}", '{"error": true}', "[1]", '[{"a":1}', "[}", "\xff"]


@pytest.mark.parametrize(("bound", "body"), BEYOND.items(), ids=BEYOND)
def test_bound_is_named(tmp_path: Path, bound: str, body: str) -> None:
    """As it comes, and where a smaller bound is set once it was kept."""
    page = tmp_path / "page.json"
    with pytest.raises(TooMuch, match=rf"^things: abcd-1234: .*source\.bounds\.{bound} "):
        _write_page(page, body.encode(), "things: abcd-1234", SMALL)
    page.write_text(body)
    if bound != "depth":
        with pytest.raises(TooMuch, match=rf"source\.bounds\.{bound} "):
            _look_at(page, "things: abcd-1234", SMALL)


@pytest.mark.parametrize("body", NO_ROWS)
def test_anything_else_is_no_page(tmp_path: Path, body: str) -> None:
    with pytest.raises(PortalFault, match="answers without rows"):
        _write_page(tmp_path / "page.json", body.encode("latin-1"), "things: abcd-1234", SMALL)
