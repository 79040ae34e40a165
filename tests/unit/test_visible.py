"""Texts as pages and steps show them: what is not seen stands as its number."""

from pathlib import Path

import pytest
from jinja2 import Environment
from markupsafe import Markup

from orchestration.settings import PACKAGE
from orchestration.visible import in_page, visible
from tests.hostile import HOSTILE_TEXTS, obeyed_signs


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_a_page_shows_and_does_not_obey(text: str) -> None:
    """Neither a tag nor a sign that turns a line round; what a template made stays."""
    page = Environment(autoescape=True, finalize=in_page).from_string("<b>{{ cell }}</b>{{ own }}")
    made = page.render(cell=text, own=Markup("<i>x</i>"))
    assert obeyed_signs(made) == set()
    assert made.count("<") == 4


def test_what_is_seen_stays() -> None:
    assert visible("Châtaignier 🌳 a b") == "Châtaignier 🌳 a b"
    assert visible("a\nb", keep="\n") == "a\nb"
    assert visible("a\nb\x1b") == "a⟨U+000A⟩b⟨U+001B⟩"


@pytest.mark.parametrize("module", ["gates/gate_page.py", "publishing/rendering.py"])
def test_every_page_of_cells_is_made_so(module: str) -> None:
    """The signing page shows words through `visible` by itself."""
    assert "finalize=in_page" in Path(PACKAGE / module).read_text(encoding="utf-8")
