"""The kinds of field: what a column may be made of.

What belongs here: the keys of each kind and which other fields it is made from. How the values are
computed is in ``fields.py``, one function per kind.
"""

from string import Formatter
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictStr, model_validator

from orchestration.sources.sample.conditions import (
    Blank,
    Share,
    Strict,
    Weights,
    When,
    fields_of,
)


class _Field(Strict):
    per: str | None = None
    blank: tuple[Blank, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the fields that the value is made from."""
        return ()


class Constant(_Field):
    """The same text everywhere."""

    make: Literal["constant"]
    text: StrictStr


class Choice(_Field):
    """One of several texts, by weight."""

    make: Literal["choice"]
    values: Weights


class Pick(_Field):
    """The position of a row of a table, by weight, optionally among rows that agree with a field.

    ``within`` maps a column of the table to a field: only rows with the field's text are drawn.
    """

    make: Literal["pick"]
    table: str
    within: dict[str, str] = Field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields of ``within``."""
        return tuple(self.within.values())


class LookUp(_Field):
    """A column of the row that a pick chose."""

    make: Literal["look_up"]
    row: str
    column: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The pick."""
        return (self.row,)


class Phrase(_Field):
    """A column of the row that a pick chose, read as a template: ``{field}`` is filled in."""

    make: Literal["phrase"]
    row: str
    column: str
    fills: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The pick and the fields that may be filled in."""
        return (self.row, *self.fills)


class Whole(_Field):
    """A whole number from ``low`` to ``high``, both included; each a number or a field."""

    make: Literal["whole"]
    low: int | str
    high: int | str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Bounds that are fields."""
        return tuple(bound for bound in (self.low, self.high) if isinstance(bound, str))


class Curve(_Field):
    """A number whose quantiles are given; in between, straight lines."""

    make: Literal["curve"]
    quantiles: dict[float, float]
    whole: bool = False

    @model_validator(mode="after")
    def _is_a_distribution(self) -> "Curve":
        shares, values = list(self.quantiles), list(self.quantiles.values())
        if (
            shares != sorted(shares)
            or values != sorted(values)
            or {shares[0], shares[-1]} != {0, 1}
        ):
            raise ValueError("quantiles go from 0 to 1, with values that never fall")
        return self


class Chance(_Field):
    """True for a share of the rows."""

    make: Literal["chance"]
    share: Share
    when: When = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields of the conditions."""
        return fields_of(self.when)


class Term(Strict):
    """``times`` x field ``of``, or x field ``by`` as well."""

    of: str
    times: float = 1.0
    by: str | None = None


class Linear(_Field):
    """A sum of terms and a constant."""

    make: Literal["linear"]
    terms: tuple[Term, ...]
    plus: float = 0.0
    whole: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields of the terms."""
        return tuple(name for term in self.terms for name in (term.of, term.by) if name)


class After(_Field):
    """A time that is a number of minutes after another."""

    make: Literal["after"]
    time: str
    minutes: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The other time, and the minutes."""
        return (self.time, self.minutes)


class Earliest(_Field):
    """The earliest of several times."""

    make: Literal["earliest"]
    of: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The times."""
        return self.of


class TimeText(_Field):
    """A time as the source writes it."""

    make: Literal["time_text"]
    time: str
    style: Literal["us_minutes", "us_date", "iso_seconds", "iso_millis"]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The time."""
        return (self.time,)


class Template(_Field):
    """Text with fields in it: ``{name}``, ``{name:05}`` (zeros), ``{name:.8}`` (decimals)."""

    make: Literal["template"]
    text: StrictStr
    keep_zeros: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields named in the text."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.text) if name)


class Pattern(_Field):
    """Invented letters and digits: ``A`` becomes a letter, ``9`` a digit, the rest stays."""

    make: Literal["pattern"]
    text: StrictStr


class Either(_Field):
    """One field where the conditions hold, another where they do not."""

    make: Literal["either"]
    when: When
    then: str
    otherwise: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Both fields and those of the conditions."""
        return (self.then, self.otherwise, *fields_of(self.when))


class Recount(_Field):
    """A number that the source computes anew for each extract: a share has grown by one."""

    make: Literal["recount"]
    of: str
    share: Share

    @property
    def inputs(self) -> tuple[str, ...]:
        """The number in the first extract."""
        return (self.of,)


FieldSpec: TypeAlias = Annotated[
    Constant
    | Choice
    | Pick
    | LookUp
    | Phrase
    | Whole
    | Curve
    | Chance
    | Linear
    | After
    | Earliest
    | TimeText
    | Template
    | Pattern
    | Either
    | Recount,
    Field(discriminator="make"),
]
