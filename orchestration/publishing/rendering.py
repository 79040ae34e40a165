"""The pages of this folder: whole in themselves, and every value escaped."""

from pathlib import Path
from typing import Any

from orchestration.visible import in_page

_TEMPLATES = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """One HTML page."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, finalize=in_page
    )
    return environment.get_template(template).render(**values)
