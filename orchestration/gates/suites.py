"""Suites of rules as they stand in `expectations/<id>/`, read and checked without running them.

A rule is a Great Expectations expectation in its own fields, with a `meta` that says what must be
true, why, and which real fault it would have caught. Imports neither Great Expectations nor Dagster.
"""

import hashlib
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.warehouse.vocabularies import named_vocabularies, vocabulary_path
from orchestration.yaml_text import parse_yaml

SUITES = {"raw": "raw", "standardized": "standardized", "deduplicated": "publishable"}
"""Which suite gates which layer."""

QUERY = "unexpected_rows_query"
"""The field of an `unexpected_rows_expectation` that holds its SQL."""

BY_ROW = ("row", "waiting")
"""The strengths of rules that keep single rows back."""

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class RuleMeta(BaseModel):
    """What a person needs to know of a rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule_id: RuleId
    strength: Literal["table", "row", "waiting", "warning"]
    """A failing table rule fails the gate, a row rule quarantines, a warning only reports.

    What breaks a waiting rule is withheld as `unclassified` until a person knows it: that is no failure.
    """
    statement: str
    reason: str
    fault: str
    grain: str | None = None
    """The line grain that the rule is for; none for every grain."""
    to_do: str | None = None
    """What a person does where the extract is right and the world has changed; `{file}` is the
    dataset file."""


class Rule(BaseModel):
    """One rule, in the fields of Great Expectations."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    kwargs: dict[str, Any]
    severity: Literal["critical", "warning"]
    meta: RuleMeta

    @field_validator("kwargs")
    @classmethod
    def _query_can_be_filled(cls, kwargs: dict[str, Any]) -> dict[str, Any]:
        query = kwargs.get(QUERY)
        if not isinstance(query, str):
            return kwargs
        if "batch" in _filled_in(query):
            return kwargs
        # GX prints a remark at every look at a query without {batch}. Rules that hold the account
        # against the raw lines have none, and are right.
        return {**kwargs, QUERY: f"/* {{batch}} */ {query}"}

    @model_validator(mode="after")
    def _strength_fits(self) -> "Rule":
        if (self.severity == "warning") != (self.meta.strength == "warning"):
            raise ValueError("severity `warning` and strength `warning` go together")
        if self.meta.strength in BY_ROW and "mostly" in self.kwargs:
            raise ValueError("a row rule keeps every row back that breaks it: no `mostly`")
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
        content: Any = parse_yaml(path.read_text(encoding="utf-8"))
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
    for rule in suite.rules:
        if rule.meta.strength in BY_ROW and layer != "standardized":
            raise ConfigurationError(
                f"{name}: rules.{rule.meta.rule_id}.meta.strength: only the standardized gate "
                f"keeps rows back; make it `table` or `warning`"
            )
    return suite


def suite_hash(settings: Settings, dataset: Dataset, layer: str, *, classes: str) -> str:
    """Changes with every rule, the vocabularies it asks for, the dataset file and the `classes`."""
    suite = suite_path(settings, dataset.id, layer).read_bytes()
    digest = hashlib.sha256(suite)
    digest.update(dataset.model_dump_json().encode())
    digest.update(classes.encode())
    named = {name for one in dataset.columns if one.domain for name in one.domain.vocabulary}
    for name in sorted({*named, *named_vocabularies(suite.decode(errors="replace"))}):
        path = vocabulary_path(settings, name)
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def _filled_in(query: str) -> set[str]:
    """What stands between braces: Great Expectations formats the text before it asks."""
    try:
        parts = list(Formatter().parse(query))
    except ValueError:
        raise ValueError(
            f"{QUERY}: a brace has no partner; write a brace that belongs to the SQL twice"
        ) from None
    named = {field: (form, conversion) for _, field, form, conversion in parts if field is not None}
    for field, (form, conversion) in named.items():
        if field != "batch" or form or conversion:
            raise ValueError(
                f"{QUERY}: only {{batch}} is filled in, and {{{field}}} stands there; "
                f"write a brace that belongs to the SQL twice: {{{{{field}}}}}"
            )
    return set(named)


def _mistakes(name: str, content: Any, error: ValidationError) -> str:
    lines = []
    for mistake in error.errors(include_url=False):
        place = list(mistake["loc"])
        if len(place) > 1 and place[0] == "rules" and isinstance(place[1], int):
            place[1] = _rule_name(content, place[1])
        message = mistake["msg"].removeprefix("Value error, ")
        if mistake["type"] == "extra_forbidden":
            message = "unknown key; remove it or correct its spelling"
        key = ".".join(str(part) for part in place)
        lines.append(f"{name}: {key + ': ' if key else ''}{message}")
    return "\n".join(lines)


def _rule_name(content: Any, position: int) -> str:
    try:
        return str(content["rules"][position]["meta"]["rule_id"])
    except (KeyError, TypeError, IndexError):
        return f"rule {position + 1}"
