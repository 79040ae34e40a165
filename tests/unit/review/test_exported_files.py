"""Every table that people open: written by one module, whose cells no spreadsheet takes for formulas."""

import ast
import csv
from pathlib import Path

import openpyxl
import pytest

from orchestration.settings import PACKAGE
from orchestration.tabular import Heading, read_table, shown, write_csv, write_xlsx

WRITERS = {
    "tabular.py": "the guard itself",
    "sources/reading.py": "a scratch file for our own reader",
    "upgrading/upgrade.py": "a seed for dbt, of words that were published: no formula is",
    "publishing/revisions.py": "an upload, which the portal reads",
    "portal/dsmapi/routes.py": "an answer of the local portal",
}
SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
FORMULAS = [f"{quotes}{sign}cmd|' /C calc'!A0" for sign in SIGNS for quotes in ("", "'", "''")]
HEADINGS = (Heading("first"), Heading("second"))


def _writes_csv(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("csv.writer", "csv.DictWriter") or (
            isinstance(node.func, ast.Attribute) and node.func.attr in ("to_csv", "write_csv")
        )
    return isinstance(node, ast.Constant) and "(format csv" in str(node.value).lower()


def test_nobody_else_writes_tables() -> None:
    """Review sheets, classify sheets and audit samples go through the guard; the rest is for machines."""
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(_writes_csv(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == set(WRITERS)


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_no_cell_is_a_formula_and_all_come_back(tmp_path: Path, suffix: str) -> None:
    """Guarded in the file, and the same text once it is read."""
    path = tmp_path / f"sheet.{suffix}"
    rows = [[shown(text), shown(text)] for text in FORMULAS]
    if suffix == "csv":
        write_csv(path, HEADINGS, rows)
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in list(csv.reader(file))[1:] for cell in row]
    else:
        write_xlsx(path, "sheet", HEADINGS, rows)
        sheet = openpyxl.load_workbook(path).worksheets[0]
        found = [cell for row in sheet.iter_rows(min_row=2) for cell in row]
        assert {cell.data_type for cell in found} == {"s"}
        cells = [str(cell.value) for cell in found]
    assert len(cells) == 2 * len(FORMULAS)
    assert [cell for cell in cells if cell.startswith(SIGNS)] == []
    assert [list(line.cells.values()) for line in read_table(path, ["first", "second"])] == rows
