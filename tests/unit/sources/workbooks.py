"""Spreadsheets as a test wants them, odd ones included."""

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import openpyxl


def workbook(*sheets: list[list[Any]]) -> bytes:
    """A spreadsheet with these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """The bytes of a workbook."""
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rezipped(
    content: bytes, change: Callable[[str, bytes], bytes], *, more: str | None = None
) -> bytes:
    """A spreadsheet with its parts changed; `more` is a part beyond them."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            after.writestr(name, change(name, before.read(name)))
        if more is not None:
            after.writestr(more, b"")
    if more is not None:
        # What is no workbook of today's kind has no list of its parts.
        return rezipped_without(out.getvalue(), "[Content_Types].xml")
    return out.getvalue()


def rezipped_without(content: bytes, part: str) -> bytes:
    """A spreadsheet that lacks a part."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            if name != part:
                after.writestr(name, before.read(name))
    return out.getvalue()


def with_cells(content: bytes, cells: Mapping[str, str]) -> bytes:
    """A spreadsheet whose first sheet has these cells, by address, as XML."""

    def change(name: str, part: bytes) -> bytes:
        if "sheet1" not in name:
            return part
        text = part.decode()
        for address, cell in cells.items():
            pattern = rf'<c r="{address}"[^>]*?(/>|>.*?</c>)'
            assert re.search(pattern, text), address
            text = re.sub(pattern, lambda _, cell=cell: cell, text, count=1)
        return text.encode()

    return rezipped(content, change)
