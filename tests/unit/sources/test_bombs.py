"""Every bomb at a small size, with bounds to match: landed, or refused in one sentence.

One of each bound and reader in `make test`; all of them in `make soak`.
"""

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.bounds import Bounds
from orchestration.dataset import Dataset
from orchestration.errors import DataStopped, ExtractRefused, TooMuch
from orchestration.sources.workbook_parts import elements, open_book
from orchestration.state.store import Extract
from tests.bombs import BOMBS, MB
from tests.hostile import obeyed_signs
from tests.unit.sources.workbooks import rezipped, workbook

SMALL = {"unpacked_mb": 8, "rows": 20_000, "line_mb": 1, "cells": 20_000, "columns": 2_000}
ROOM = SMALL | {"unpacked_mb": 2_000}
HEADINGS = ("Item", "Type", "Place")


def _require_one_sentence(said: str, name: str) -> None:
    assert said.startswith(f"things: {name}: ")
    assert "\n" not in said
    assert obeyed_signs(said) == set()
    assert len(said) < 500


@pytest.mark.soak
@pytest.mark.parametrize("bounds", [SMALL, ROOM], ids=["small", "unpacked is no bound"])
@pytest.mark.parametrize(("name", "bomb"), BOMBS.values(), ids=BOMBS)
def test_bomb_ends(
    land_file: Callable[..., Extract],
    tmp_path: Path,
    make_dataset: Callable[..., Dataset],
    bounds: dict[str, int],
    name: str,
    bomb: Any,
) -> None:
    """Landed whole, or refused with a sentence that names file and remedy."""
    path = tmp_path / name
    path.write_bytes(bomb(HEADINGS, 10))
    assert path.stat().st_size < 10 * MB
    started = time.process_time()
    try:
        assert land_file(path, dataset=make_dataset(bounds=bounds)).lines >= 0
    except DataStopped as error:
        _require_one_sentence(str(error), name)
    assert time.process_time() - started < 60


TOO_MUCH = {
    "one line of zeros": ({}, "line_mb"),
    "one row again and again": ({}, "rows"),
    "50,000 headings": ({}, "columns"),
    "long rows": ({}, "unpacked_mb"),
    "long text": ({}, "line_mb"),
    "empty rows": ({}, "rows"),
    "a new key in each row": ({}, "columns"),
    "deep in a cell": ({}, "depth"),
    "blanks for JSON": ({}, "unpacked_mb"),
    "zeros for a sheet": ({}, "unpacked_mb"),
    "a text of a cell": (ROOM, "line_mb"),
    "a shared text": (ROOM, "line_mb"),
    "one row of cells": (ROOM, "cells"),
    "shared texts": (ROOM, "cells"),
    "styles": (ROOM, "cells"),
    "5,000 sheets of one part": ({}, "cells"),
}
DECLARES = [name for name in BOMBS if name.startswith(("entities", "an entity"))]


@pytest.mark.parametrize(("key", "more", "bound"), [(k, *v) for k, v in TOO_MUCH.items()])
def test_the_sentence_says_which_bound(
    land_file: Callable[..., Extract],
    tmp_path: Path,
    make_dataset: Callable[..., Dataset],
    key: str,
    more: dict[str, int],
    bound: str,
) -> None:
    """What is too much, and which key of the dataset file allows more."""
    name, bomb = BOMBS[key]
    path = tmp_path / name
    path.write_bytes(bomb(HEADINGS, 10))
    with pytest.raises(TooMuch, match=rf"source\.bounds\.{bound} ") as refused:
        land_file(path, dataset=make_dataset(bounds=SMALL | more))
    _require_one_sentence(str(refused.value), name)


def test_every_bound_is_tried_here() -> None:
    assert {bound for _, bound in TOO_MUCH.values()} == set(Bounds.model_fields)


@pytest.mark.parametrize("key", DECLARES)
def test_a_bomb_of_entities_is_refused(
    land_file: Callable[..., Extract], tmp_path: Path, key: str
) -> None:
    name, bomb = BOMBS[key]
    path = tmp_path / name
    path.write_bytes(bomb(HEADINGS, 10))
    with pytest.raises(ExtractRefused, match="declares XML entities") as refused:
        land_file(path)
    _require_one_sentence(str(refused.value), name)


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")
DECLARATION = '<!DOCTYPE a [<!ENTITY e "ha">]>'
HONEST = workbook([list(HEADINGS), ["1", "é<&", "3"]])


def _text_of(part: bytes) -> str:
    """A part without its declaration of an encoding."""
    text = part.decode()
    return text.partition("?>")[2] if text.startswith("<?xml") else text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_part_declares_anything_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """Whichever part it is, what it is called, and where in a megabyte the declaration stands."""
    path = tmp_path / "a.xlsx"
    for part in (*zipfile.ZipFile(io.BytesIO(HONEST)).namelist(), None):
        for blanks in (0, 1_000_000, (1 << 20) // len("<".encode(encoding)) - 7):
            declared = (" " * blanks + DECLARATION).encode(encoding)

            def change(name: str, old: bytes, part: str | None = part, new: bytes = declared):
                return new + _text_of(old).encode(encoding) if name == part else old

            path.write_bytes(rezipped(HONEST, change))
            if part is None:
                with zipfile.ZipFile(path, "a") as archive:
                    archive.writestr("xl/media/image1.png", declared)
            with pytest.raises(ExtractRefused, match="declares XML entities"):
                open_book(path, "things: a.xlsx", Bounds())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_honest_workbook_lands_in_any_encoding(
    land_file: Callable[..., Extract],
    landed_rows: Callable[[Extract], list[dict[str, Any]]],
    tmp_path: Path,
    encoding: str,
) -> None:
    """The standard has both: what is in UTF-16 is no bomb for that."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(rezipped(HONEST, lambda _, part: _text_of(part).encode(encoding)))
    (row,) = landed_rows(land_file(path))
    assert (row["item_number"], row["type_text"], row["place"]) == ("1", "é<&", "3")


@pytest.mark.parametrize(
    ("of", "bound"), [("<t>&e;</t>", "line_mb"), ("<t>&f;</t>", "unpacked_mb")]
)
def test_texts_are_measured_as_they_are_held(of: str, bound: str) -> None:
    """Should a declaration ever get past the first look: an entity is longer than its name."""
    entities = f'<!ENTITY e "{"x" * 30_000}"><!ENTITY f "{"x" * 1_000}">'
    texts = f"<si>{of * 100}</si>" * 100
    source = io.BytesIO(f"<!DOCTYPE a [{entities}]><sst>{texts}</sst>".encode())
    with pytest.raises(TooMuch, match=rf"source\.bounds\.{bound} "):
        list(elements(source, "si", "things: a.xlsx", Bounds(line_mb=1, unpacked_mb=8)))


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
