"""Suites of rules as they stand in `expectations/<id>/`, read and checked without running them.

A rule is a Great Expectations expectation in its own fields, with a `meta` that says what must be
true, why, and which real fault it would have caught. Imports neither Great Expectations nor Dagster.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings

SUITES = {"raw": "raw", "standardized": "standardized", "deduplicated": "publishable"}
"""Which suite gates which layer."""

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class RuleMeta(BaseModel):
    """What a person needs to know of a rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule_id: RuleId
    strength: Literal["table", "row", "warning"]
    """A failing table rule fails the gate, a row rule quarantines, a warning only reports."""
    statement: str
    reason: str
    fault: str
    grain: str | None = None
    """The line grain that the rule is for; none for every grain."""


class Rule(BaseModel):
    """One rule, in the fields of Great Expectations."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    kwargs: dict[str, Any]
    severity: Literal["critical", "warning"]
    meta: RuleMeta

    @model_validator(mode="after")
    def _strength_fits(self) -> "Rule":
        if (self.severity == "warning") != (self.meta.strength == "warning"):
            raise ValueError("severity `warning` and strength `warning` go together")
        if self.meta.strength == "row" and "mostly" in self.kwargs:
            raise ValueError("a row rule quarantines every row that breaks it: no `mostly`")
        return self


class Suite(BaseModel):
    """All rules of one gate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[Rule, ...]

    def for_grain(self, grain: str) -> tuple[Rule, ...]:
        """The rules that apply to lines of a grain."""
        return tuple(rule for rule in self.rules if rule.meta.grain in (None, grain))


def suite_path(settings: Settings, dataset: str, layer: str) -> Path:
    """Where a layer's rules stand."""
    return settings.expectations_dir / dataset / f"{SUITES[layer]}.yaml"


def load_suite(settings: Settings, dataset: str, layer: str) -> Suite:
    """Reads one suite.

    Raises:
        ConfigurationError: there is none, or a rule is wrong; names file, rule and key.
    """
    path = suite_path(settings, dataset, layer)
    name = f"expectations/{dataset}/{path.name}"
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{name}: cannot be read: {error}") from error
    try:
        suite = Suite.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_mistakes(name, content, error)) from error
    ids = [rule.meta.rule_id for rule in suite.rules]
    twice = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
    if twice:
        raise ConfigurationError(f"{name}: rule ids stand twice: {', '.join(twice)}")
    return suite


def suite_hash(settings: Settings, dataset: Dataset, layer: str) -> str:
    """Changes with every rule and with the dataset file: a pass is only good under both."""
    digest = hashlib.sha256(suite_path(settings, dataset.id, layer).read_bytes())
    digest.update(dataset.model_dump_json().encode())
    return digest.hexdigest()


def _mistakes(name: str, content: Any, error: ValidationError) -> str:
    lines = []
    for mistake in error.errors(include_url=False):
        place = list(mistake["loc"])
        if len(place) > 1 and place[0] == "rules" and isinstance(place[1], int):
            place[1] = _rule_name(content, place[1])
        message = mistake["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {'.'.join(str(part) for part in place)}: {message}")
    return "\n".join(lines)


def _rule_name(content: Any, position: int) -> str:
    try:
        return str(content["rules"][position]["meta"]["rule_id"])
    except (KeyError, TypeError, IndexError):
        return f"rule {position + 1}"
