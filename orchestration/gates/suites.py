"""Suites of rules as they stand in `expectations/`, read and checked without running them.

A suite file is a Great Expectations suite, and a rule is one of its expectations, with a `meta` that
says what must be true, why, and which real fault it would have caught. A gate runs the rules that every
dataset has (`expectations/common/`) and those of its own dataset. Imports neither Great Expectations
nor Dagster.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
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

from orchestration.errors import ConfigurationError
from orchestration.gates.former_suites import converted, is_former
from orchestration.gates.row_queries import QUERY, filled, query_of
from orchestration.settings import Settings
from orchestration.yaml_text import parse_yaml

SUITES = {"raw": "raw", "standardized": "standardized", "deduplicated": "publishable"}
"""Which suite gates which layer."""

COMMON = "common"
"""The folder of the rules that every dataset has."""

BY_ROW = ("row", "waiting")
"""The strengths of rules that keep single rows back."""

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class RuleMeta(BaseModel):
    """What a person needs to know of a rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule_id: RuleId
    on_failure: Literal["quarantine", "wait"] | None = None
    """What becomes of a row that breaks a critical rule; none: the gate fails.

    A row that waits is withheld as `unclassified` until a person knows it: that is no failure.
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
    def _fits(self) -> "Rule":
        if self.severity == "warning" and self.meta.on_failure:
            raise ValueError("a warning keeps no row back: no `on_failure`, or severity `critical`")
        if self.meta.on_failure and "mostly" in self.kwargs:
            raise ValueError("a row rule keeps every row back that breaks it: no `mostly`")
        try:
            query_of(self.type, filled(self.kwargs))
        except TypeError as error:
            raise ValueError(f"kwargs: {error}") from None
        return self

    @property
    def strength(self) -> str:
        """`table`: a failure fails the gate, `row`: quarantines, `waiting`: makes wait, `warning`."""
        if self.severity == "warning":
            return "warning"
        return {None: "table", "quarantine": "row", "wait": "waiting"}[self.meta.on_failure]

    def query(self, parameters: Mapping[str, Any] | None = None) -> str | None:
        """The SQL of a rule that is a query, with what a gate knows filled in but `{batch}`."""
        if QUERY in self.kwargs:
            return str(filled(self.kwargs, parameters)[QUERY])
        return query_of(self.type, filled(self.kwargs, parameters))


class SuiteFile(BaseModel):
    """A suite file: the fields of a Great Expectations suite."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    expectations: tuple[Rule, ...]
    meta: dict[str, Any] = {}


class Suite(BaseModel):
    """All rules of one gate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[Rule, ...]

    def for_grain(self, grain: str) -> tuple[Rule, ...]:
        """The rules that apply to lines of a grain."""
        return tuple(rule for rule in self.rules if rule.meta.grain in (None, grain))

    @cached_property
    def text(self) -> str:
        """What the rules say, whatever the form and the order in which files say it."""
        said = [
            {**rule.model_dump(mode="json", exclude_none=True), "query": rule.query()}
            for rule in sorted(self.rules, key=lambda rule: rule.meta.rule_id)
        ]
        return json.dumps(said, sort_keys=True, ensure_ascii=False)

    @property
    def hash(self) -> str:
        """Changes with whatever a rule says or asks; a file may be written anew without."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def suite_path(settings: Settings, dataset: str, layer: str) -> Path:
    """Where a layer's rules stand."""
    return settings.expectations_dir / dataset / f"{SUITES[layer]}.yaml"


def load_suite(settings: Settings, dataset: str, layer: str) -> Suite:
    """Reads the rules of a gate: the common ones and the dataset's own.

    Raises:
        ConfigurationError: there is none, or a rule is wrong; names file, rule and key.
    """
    own = load_suite_file(settings, dataset, layer)
    if former_suite(settings, dataset, layer) is not None:
        # A file of before holds the common rules, too.
        return Suite(rules=own)
    common = load_suite_file(settings, COMMON, layer)
    _refuse_twice(f"expectations/{dataset}/{SUITES[layer]}.yaml", (*common, *own))
    return Suite(rules=(*common, *own))


def load_suite_file(settings: Settings, folder: str, layer: str) -> tuple[Rule, ...]:
    """Reads the rules of one file.

    Raises:
        ConfigurationError: there is none, or a rule is wrong; names file, rule and key.
    """
    path = suite_path(settings, folder, layer)
    name = f"expectations/{folder}/{path.name}"
    content = _content(path, name)
    if is_former(content):
        content = converted(content, file=name, name=f"{folder}.{path.stem}")
    try:
        rules = SuiteFile.model_validate(content).expectations
    except ValidationError as error:
        raise ConfigurationError(_mistakes(name, content, error)) from error
    _refuse_twice(name, rules)
    for rule in rules:
        if rule.meta.on_failure and layer != "standardized":
            raise ConfigurationError(
                f"{name}: expectations.{rule.meta.rule_id}.meta.on_failure: only the standardized "
                "gate keeps rows back; leave it out, or make the severity `warning`"
            )
    return rules


def former_suite(settings: Settings, dataset: str, layer: str) -> bytes | None:
    """The bytes of a dataset's suite file, where there is one and it has the form of before."""
    path = suite_path(settings, dataset, layer)
    if not path.exists():
        return None
    name = f"expectations/{dataset}/{path.name}"
    return path.read_bytes() if is_former(_content(path, name)) else None


def _content(path: Path, name: str) -> Any:
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{name}: cannot be read: {error}") from error


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    return parse_yaml(text)


def _refuse_twice(name: str, rules: Iterable[Rule]) -> None:
    ids = [rule.meta.rule_id for rule in rules]
    twice = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
    if twice:
        raise ConfigurationError(f"{name}: rule ids stand twice: {', '.join(twice)}")


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
        if len(place) > 1 and place[0] == "expectations" and isinstance(place[1], int):
            place[1] = _rule_name(content, place[1])
        message = mistake["msg"].removeprefix("Value error, ")
        if mistake["type"] == "extra_forbidden":
            message = "unknown key; remove it or correct its spelling"
        key = ".".join(str(part) for part in place)
        lines.append(f"{name}: {key + ': ' if key else ''}{message}")
    return "\n".join(lines)


def _rule_name(content: Any, position: int) -> str:
    try:
        return str(content["expectations"][position]["meta"]["rule_id"])
    except (KeyError, TypeError, IndexError):
        return f"rule {position + 1}"
