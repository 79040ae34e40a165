"""Conditions, and the small types that every part of a specification uses.

What belongs here: what can be asked of a field. Who asks is in ``field_kinds.py`` and
``dirt_kinds.py``; the answer is given by ``batch.py``.
"""

from typing import Annotated, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
# Strict, so that YAML's `No` and `Y`-like words are refused and not taken for 0 or 1.
Cell: TypeAlias = StrictStr | StrictInt | StrictFloat
Weights: TypeAlias = dict[StrictStr, Annotated[float, Field(ge=0)]]


class SpecError(ValueError):
    """A specification file is wrong; the message names the file, the key and the reason."""


class Strict(BaseModel):
    """A part of a specification: a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(Strict):
    """One thing that must hold; a list of conditions means all of them."""

    field: str
    one_of: tuple[StrictStr, ...] | None = None
    none_of: tuple[StrictStr, ...] | None = None
    matches: StrictStr | None = None
    at_least: float | None = None
    at_most: float | None = None
    holds: bool | None = None
    blank: bool | None = None
    later_than: str | None = None
    differs_from: str | None = None

    @model_validator(mode="after")
    def _has_one_test(self) -> "Condition":
        if len(self.model_fields_set) != 2:
            raise ValueError("a condition has `field` and exactly one test")
        return self


When: TypeAlias = tuple[Condition, ...]


class Blank(Strict):
    """A share of the values, among those for which the conditions hold, is left out."""

    share: Share = 1.0
    when: When = ()


def fields_of(when: When) -> tuple[str, ...]:
    """Names of the fields that conditions look at."""
    return tuple(
        name
        for condition in when
        for name in (condition.field, condition.later_than, condition.differs_from)
        if name
    )
