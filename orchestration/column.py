"""What a dataset file says of one column, and of what its cells may hold."""

import re
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    field_validator,
    model_serializer,
    model_validator,
)

from orchestration.times import ambiguous_formats, time_form

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Strict(BaseModel):
    """A part of a dataset file: it takes no key that it does not know, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Keys that a later version brought: they are not in what is hashed where a file does not use
    them. Else a new version of ours would void every city's gate records and held publications."""

    @model_serializer(mode="wrap")
    def _without_unused_later_keys(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        said: dict[str, Any] = dump(self)
        return {
            name: value
            for name, value in said.items()
            if name not in self.LATER or getattr(self, name) != fields[name].default
        }


class Spelling(Strict):
    """How misspellings of a column are looked for, and what may be done about them.

    A correction is applied above one score, proposed to people above another, left below.
    """

    LATER = frozenset({"cut_at"})

    vocabulary: tuple[Name, ...] = ()
    """Seeds of the dbt project whose values are right, whatever their count."""
    kinds: tuple[str, ...] = ()
    """Only the members of these kinds; all where none is named."""
    agrees_with: tuple[Name, ...] = ()
    """Columns whose value tells which one is meant: a code beside its text, a model and its make."""
    separator: str | None = None
    """Where a cell that is no list has parts that are spelled by themselves, such as the streets of
    a crossing: what stands between them. The parts of a list are those of its `list`."""
    prefix: str | None = None
    """Expression of what stands before the parts and is not spelled: the block of an address."""
    cut_at: int | None = Field(default=None, ge=8)
    """Where the source cuts values, in signs: what ends there may go on, also after a whole word."""
    apply_above: float = Field(default=0.98, gt=0, le=1)
    propose_above: float = Field(default=0.6, gt=0, le=1)

    @model_validator(mode="after")
    def _applying_is_harder(self) -> "Spelling":
        if self.apply_above < self.propose_above:
            raise ValueError("`apply_above` must not be less than `propose_above`")
        return self


class Domain(Strict):
    """What a column may hold: exactly one kind of it. What is not known is not published (law 12).

    Each part of a list is judged by itself. An unknown value of a column that decides a policy, an
    unknown place and a person in text wait for a person; what fails another domain is quarantined.
    """

    vocabulary: tuple[Name, ...] = ()
    """Seeds of the dbt project: the values are theirs, in any case."""
    kinds: tuple[str, ...] = ()
    """Only the members of these kinds; all where none is named."""
    pattern: str | None = None
    """A regular expression that matches whole values."""
    range: tuple[float, float] | None = None
    """The least and the greatest number."""
    since: date | None = None
    """Times from this day's begin until the extract's own time."""
    place: bool = False
    """A block, a crossing or a named place of the vocabulary; see `domains/places.py`."""
    box: tuple[float, float, float, float] | None = None
    """Points: least longitude and latitude, greatest longitude and latitude."""
    decimals: int | None = Field(default=None, ge=0)
    """How fine numbers and points are at the source: a finer one is not published."""
    free_text: bool = False
    """Any text in which the scan finds no person; see `scanning/`."""
    either: bool = False
    """True or false: what a boolean column holds."""
    separator: str | None = None
    """Where a cell is a list: what stands between its parts."""
    open: bool = False
    """New values are published, counted and reported once. Not for a column that decides a policy."""
    reason: str | None = None
    """Why it is open."""
    until: date | None = None
    """The day from which `check` refuses that it is still open."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Domain":
        kinds = [
            name
            for name, given in (
                ("vocabulary", bool(self.vocabulary)),
                ("pattern", self.pattern is not None),
                ("range", self.range is not None),
                ("since", self.since is not None),
                ("place", self.place),
                ("box", self.box is not None),
                ("free_text", self.free_text),
                ("either", self.either),
            )
            if given
        ]
        if len(kinds) != 1:
            raise ValueError(
                "exactly one of `vocabulary`, `pattern`, `range`, `since`, `place`, `box`, "
                f"`free_text`, `either` must be given, not {' and '.join(kinds) or 'none'}"
            )
        if self.pattern is not None and not self.open and _fits_a_name(self.pattern):
            raise ValueError(
                f"the `pattern` {self.pattern!r} fits the name of a person: say which words there are "
                "(`vocabulary`), or let them be scanned (`free_text`)"
            )
        if self.open != (self.reason is not None):
            raise ValueError("`open` and its `reason` go together")
        if self.open and (self.free_text or self.either):
            raise ValueError("what is `free_text` or `either` cannot be `open`: it names no values")
        if self.kinds and not self.vocabulary:
            raise ValueError("`kinds` are those of a `vocabulary`")
        return self


def _fits_a_name(pattern: str) -> bool:
    """Whether a person's name is a value by the pattern; then any word is."""
    try:
        found = re.compile(pattern)
    except re.error:
        return False  # DuckDB has the last word on what a pattern is: see `checking`.
    names = ("miller", "james miller", "miller, james")
    return any(found.fullmatch(one) for name in names for one in (name, name.upper(), name.title()))


class Listing(Strict):
    """What a cell that is a list is made of, and whether it matters where in it a part stands.

    Unless it is a set, part n stands at place n and blank parts keep their places. Lists of the same
    `places` go together: part n of each is about the same officer or subject.
    """

    separator: str = " | "
    """What is written between the parts; blanks around it belong to no part."""
    places: Name | None = None
    """Whom or what the places stand for; none: they are the column's own."""
    set: bool = False
    """The order of the parts says nothing, and neither do blank ones or repeats."""

    @model_validator(mode="after")
    def _can_be_parsed(self) -> "Listing":
        if not re.fullmatch(r"[^\w\s]+", self.mark):
            raise ValueError(
                "`separator` must be punctuation, with blanks around it at most, or it would part words"
            )
        if self.set and self.places:
            raise ValueError("a `set` has no `places`")
        return self

    @property
    def mark(self) -> str:
        """What tells the parts of a cell apart: the separator without its blanks."""
        return self.separator.strip()


class MonthFrom(Strict):
    """A column that names the month of a time: its first character's place among these letters."""

    column: Name
    letters: str = Field(min_length=12, max_length=12)
    """Of January to December, in capitals."""


class Column(Strict):
    """One column: what the source calls it and what we publish it as."""

    LATER = frozenset({"domain", "list", "month_from"})

    name: Name
    source: str | None = None
    """Heading in the extract; none for a column that a model derives."""
    aliases: tuple[str, ...] = ()
    """Headings of other years."""
    type: Literal["text", "number", "timestamp", "date", "boolean", "point"] = "text"
    description: str
    required: bool = False
    privacy: Literal["publish", "internal", "never"]
    keep_internal: bool = False
    """For `never`: keep the clear text in the extract, and nowhere else."""
    person: Literal["none", "public_official", "private"] = "none"
    volatile: bool = False
    """Moves by itself at every extract: alone it never causes an update."""
    survivorship: Literal["latest", "earliest", "longest", "filled", "union"] = "latest"
    """Which value stays when several lines hold the same key; `filled` takes the first non-null,
    `union` the parts of all of them, where cells are sets."""
    formats: tuple[str, ...] = ()
    """strptime formats of the declared parse, tried in order: a time has the whole form of one."""
    list: Listing | None = None
    """Where a cell is a list: of what, and what its places stand for."""
    month_from: MonthFrom | None = None
    """Where the key tells in which month the event was: a witness of the order of days and months."""
    spelling: Spelling | None = None
    """None: the values of this column are never suspected."""
    domain: Domain | None = None
    """What it may hold; `summerware check` refuses a published column without."""

    @property
    def parse(self) -> str:
        """How a cell of the source is read, before any rule changes it: for people, once per column."""
        if self.type in ("timestamp", "date"):
            return f"{self.type} written as {' or '.join(self.formats)}"
        if self.list:
            kind = "a set" if self.list.set else "a list by place"
            return (
                f"{kind}, its parts between {self.list.separator!r}, without blanks at their ends"
            )
        return {
            "boolean": "yes or no: Y, YES or TRUE; N, NO or FALSE",
            "number": "number, in any notation",
        }.get(self.type, f"{self.type}, without blanks at its ends")

    @model_validator(mode="after")
    def _list_keeps_its_places(self) -> "Column":
        if self.survivorship == "union" and not (self.list and self.list.set):
            raise ValueError(
                "survivorship `union` puts parts of several lines into one cell, which only a `list` "
                "that is a `set` survives; a list by place takes `latest`"
            )
        if self.list is None:
            return self
        if self.type != "text" or self.source is None:
            raise ValueError("`list`: only a column of type text with a `source` is a list")
        if self.spelling and (self.spelling.separator or self.spelling.prefix):
            raise ValueError(
                "`list` says what the parts are; `spelling` takes no `separator` or `prefix` beside it"
            )
        if self.domain and self.domain.separator not in (None, self.list.separator):
            raise ValueError("`domain.separator` must be that of `list`, or left out")
        if self.list.places and self.survivorship != "latest":
            raise ValueError(
                f"survivorship `{self.survivorship}` could take lists that go together from two "
                "lines; a list with `places` takes `latest`"
            )
        return self

    @property
    def separator(self) -> str | None:
        """What stands between the parts of a cell that are judged by themselves; none: it has none."""
        if self.list:
            return self.list.separator
        return self.spelling.separator if self.spelling else None

    @field_validator("formats")
    @classmethod
    def _can_be_read(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        orders = {re.sub("[^md]", "", one) for one in ambiguous_formats(formats)}
        if len(orders) > 1:
            raise ValueError("days and months stand in one order, or `03/12/2026` is two days")
        for one in formats:
            time_form(one)
        return formats

    @property
    def headings(self) -> tuple[str, ...]:
        """Every heading that means this column; its own name is one."""
        return (*((self.source,) if self.source else ()), *self.aliases, self.name)

    @property
    def is_hashed(self) -> bool:
        """Kept as a keyed hash, never in the clear."""
        return self.privacy == "never" and not self.keep_internal
