"""Every bomb at a small size, with bounds to match: landed, or refused in one sentence."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.bounds import Bounds
from orchestration.dataset import Dataset
from orchestration.errors import DataStopped
from orchestration.state.store import Extract
from tests.bombs import BOMBS, MB
from tests.hostile import obeyed_signs

SMALL = {"unpacked_mb": 8, "rows": 20_000, "line_mb": 1, "cells": 20_000, "columns": 2_000}
HEADINGS = ("Item", "Type", "Place")


@pytest.fixture
def bounded(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset(bounds=SMALL)


@pytest.mark.parametrize(("name", "bomb"), BOMBS.values(), ids=BOMBS)
def test_bomb_ends(
    land_file: Callable[..., Extract], tmp_path: Path, bounded: Dataset, name: str, bomb: Any
) -> None:
    """Landed whole, or refused with a sentence that names file and remedy."""
    path = tmp_path / name
    path.write_bytes(bomb(HEADINGS, 10))
    assert path.stat().st_size < 10 * MB
    started = time.process_time()
    said = ""
    try:
        assert land_file(path, dataset=bounded).lines >= 0
    except DataStopped as error:
        said = str(error)
    assert time.process_time() - started < 60
    if said:
        assert said.startswith(f"things: {name}: ")
        assert "\n" not in said
        assert obeyed_signs(said) == set()
        assert len(said) < 500


TOO_MUCH = {
    "one line of zeros": "a line, a row or a text of more than 1 MB",
    "one row again and again": "too many rows: more than 20,000",
    "50,000 headings": "too many headings: more than 2,000",
    "a million keys": "a line, a row or a text",
    "a new key in each row": "too many headings",
    "deep in a cell": "nested too deeply",
    "empty rows": "too many rows",
    "zeros for a sheet": "unpacks to more than 8 MB",
    "entities": "declares XML entities",
}


@pytest.mark.parametrize(("key", "sentence"), TOO_MUCH.items(), ids=TOO_MUCH)
def test_the_sentence_says_which_bound(
    land_file: Callable[..., Extract], tmp_path: Path, bounded: Dataset, key: str, sentence: str
) -> None:
    """What is too much, and which key of the dataset file allows more."""
    name, bomb = BOMBS[key]
    path = tmp_path / name
    path.write_bytes(bomb(HEADINGS, 10))
    with pytest.raises(DataStopped, match=sentence) as refused:
        land_file(path, dataset=bounded)
    assert "source.bounds." in str(refused.value) or "declares" in sentence


def test_a_city_may_need_more(
    land_file: Callable[..., Extract], tmp_path: Path, make_dataset: Callable[..., Dataset]
) -> None:
    """What one bound refuses lands where the dataset file allows it."""
    path = tmp_path / "a.csv"
    path.write_text("Item,Type,Place\n" + "1,2,3\n" * 50, encoding="utf-8")
    with pytest.raises(DataStopped, match=r"source\.bounds\.rows"):
        land_file(path, dataset=make_dataset(bounds={"rows": 50}))
    assert land_file(path, dataset=make_dataset(bounds={"rows": 51})).lines == 50


def test_every_bound_has_a_sentence() -> None:
    assert set(Bounds.SENTENCES) == set(Bounds.model_fields)
