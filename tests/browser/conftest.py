"""A page of a real browser, and where pictures go."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """One page of a headless Chromium."""
    with opened_page() as opened:
        yield opened


@contextmanager
def opened_page() -> Iterator[Page]:
    """One page of a headless Chromium. While it is open no run can be made in this process."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("chromium is not installed: `make system-packages` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1400, "height": 900})
        opened.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield opened
        browser.close()


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keeps a picture under `SUMMERWARE_PICTURES`, where that is set."""

    def take(shown: Page, name: str) -> None:
        folder = os.environ.get("SUMMERWARE_PICTURES")
        if folder:
            shown.screenshot(path=Path(folder) / f"{name}.png")

    return take
