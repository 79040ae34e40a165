"""What a failed rule says beyond its count: reasons of lines, headings that may be the same."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.dataset import Dataset
from orchestration.gates.evaluation import RuleResult
from orchestration.gates.reasons import with_reasons
from orchestration.gates.suites import Rule
from tests.suite_files import rule
from tests.unit.gates.conftest import Kennel


@pytest.fixture
def dogs(tmp_path: Path) -> Dataset:
    dataset = Kennel(tmp_path).dataset
    columns = tuple(one.model_copy(update={"required": True}) for one in dataset.columns)
    return dataset.model_copy(update={"columns": columns})


def told(dogs: Dataset, raw: str, given: dict[str, Any], *, observed: str | None = None) -> Any:
    """What a failed rule says of raw lines."""
    result = RuleResult(
        rule_id=given["meta"]["rule_id"], strength="row", outcome="failed", failing=1, keys=None,
        share=1.0, examples=[], query=None, observed=observed,
    )  # fmt: skip
    (found,) = with_reasons(dogs, [Rule.model_validate(given)], [result], f"({raw})")
    return found.observed


COLUMNS = rule("expect_table_columns_to_match_set", "table", "columns_present", column_set=["a"])
READABLE = rule("expect_column_values_to_be_null", "row", "line_parseable", column="_parse_error")
KEYED = rule("expect_column_values_to_not_be_null", "row", "key_present", column="dog_id")
NAMED = rule("expect_column_values_to_not_be_null", "row", "name_present", column="name")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("dog_id, unlisted__names, weight_pounds",
         "missing: x; 'names' resembles 'name': if it is the same, add it to the aliases of name in "
         "dogs.yaml"),
        ("dog_id, unlisted__called, weight_pounds",
         "missing: x; 'called' is the only heading that is not listed: if it is the same, add it to "
         "the aliases of name in dogs.yaml"),
        ("dog_id, unlisted__called, unlisted__colour, weight_pounds", "missing: x"),
        ("dog_id, weight_pounds", "missing: x"),
        ("unlisted__dog_number, unlisted__weight_in_pounds, name",
         "missing: x; 'weight_in_pounds' resembles 'weight_pounds': if it is the same, add it to the "
         "aliases of weight_pounds in dogs.yaml"),
    ],
)  # fmt: skip
def test_renamed_headings(dogs: Dataset, columns: str, said: str) -> None:
    """A heading that resembles one that is missing, or is the only new one, is proposed as alias."""
    raw = "select " + ", ".join(f"1 as {name.strip()}" for name in columns.split(","))
    assert told(dogs, raw, COLUMNS, observed="missing: x") == said


@pytest.mark.parametrize("given", [READABLE, KEYED], ids=["lines", "keys"])
def test_reasons_of_lines(dogs: Dataset, given: dict[str, Any]) -> None:
    """Where lines could not be read, or have no key for that, the most frequent reasons are told."""
    duckdb_rows = "(1, 'b'), (2, 'a'), (3, 'b'), (4, null), (5, 'c'), (6, 'd'), (7, 'e')"
    raw = f"select * from (values {duckdb_rows}) as lines(_line, _parse_error)"
    assert duckdb.execute(f"select count(*) from ({raw})").fetchone() == (7,)
    assert told(dogs, raw, given, observed="6") == (
        "2 lines not read: b; 1 line not read: a; 1 line not read: c; 2 more reasons"
    )


def test_other_rules_say_what_they_said(dogs: Dataset) -> None:
    """A rule on another column is not explained by lines that could not be read."""
    raw = "select 1 as _line, 'b' as _parse_error"
    assert told(dogs, raw, NAMED, observed="6") == "6"
    assert told(dogs, "select 1 as _line", KEYED, observed="6") == "6"
