"""Suite files for tests: the rules of a dataset, beside common suites that hold none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from orchestration.gates.suites import COMMON, SUITES

ON_FAILURE = {"row": "quarantine", "waiting": "wait"}


def rule(
    kind: str, strength: str, rule_id: str, *, grain: str | None = None, **kwargs: Any
) -> dict[str, Any]:
    """A rule as a suite file holds it."""
    meta = {"rule_id": rule_id}
    meta |= dict.fromkeys(("statement", "reason", "fault"), "Said in the test.")
    meta |= {"on_failure": ON_FAILURE[strength]} if strength in ON_FAILURE else {}
    return {
        "type": kind,
        "kwargs": kwargs,
        "severity": "warning" if strength == "warning" else "critical",
        "meta": meta | ({"grain": grain} if grain else {}),
    }


def former(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same rule as a suite file of before holds it."""
    meta = dict(given["meta"])
    strengths = {None: "table", "quarantine": "row", "wait": "waiting"}
    strength = strengths[meta.pop("on_failure", None)]
    meta["strength"] = "warning" if given["severity"] == "warning" else strength
    return {**given, "meta": meta}


def write_suite(expectations: Path, dataset: str, suite: str, *rules: Mapping[str, Any]) -> Path:
    """Writes the suite of a dataset, and common suites where there are none."""
    for name in SUITES.values():
        common = expectations / COMMON / f"{name}.yaml"
        if not common.exists():
            common.parent.mkdir(parents=True, exist_ok=True)
            common.write_text(yaml.safe_dump({"name": f"common.{name}", "expectations": []}))
    path = expectations / dataset / f"{suite}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"name": f"{dataset}.{suite}", "expectations": list(map(dict, rules))}
    path.write_text(yaml.safe_dump(content))
    return path
