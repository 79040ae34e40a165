"""Records that are kept as JSON have the keys of the dataclasses that they are made of."""

from dataclasses import fields
from typing import Any

import pytest

from orchestration.gates.evaluation import RuleResult
from orchestration.publishing.planning import Plan
from orchestration.publishing.verification import Check
from orchestration.review.audit import Rate
from orchestration.state import records
from orchestration.state.publishing import Signature
from orchestration.trend import Point, PointJson


@pytest.mark.parametrize(
    ("made_of", "record"),
    [
        pytest.param(RuleResult, records.RuleRecord, id="rule"),
        pytest.param(Plan, records.PlanCounts, id="plan"),
        pytest.param(Check, records.CheckRecord, id="check"),
        pytest.param(Rate, records.RateRecord, id="rate"),
        pytest.param(Signature, records.SignatureRecord, id="signature"),
        pytest.param(Point, PointJson, id="trend"),
    ],
)
def test_record_has_the_keys_of_its_dataclass(made_of: Any, record: Any) -> None:
    """A field that is added to one of them is missed in the other."""
    assert [field.name for field in fields(made_of)] == list(record.__annotations__)
