"""The dataset file: Pydantic models of `datasets/<id>.yaml` and the loader that names mistakes.

Everything that can be said of one dataset without SQL and without a rule stands in that file and is
read here. Rules stand in `expectations/`, standardizing in `dbt_project/`.
"""

import re
from collections.abc import Iterable
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from orchestration.bounds import Bounds
from orchestration.column import Column, Name, Strict
from orchestration.errors import ConfigurationError
from orchestration.yaml_text import parse_yaml

TIME_ZONE = "America/Chicago"

FourByFour = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")]


"""The same safe loader in C, where PyYAML has it: a tenth of the time."""

LINK = "possible_duplicate_of"
"""The column that names the first key of a row's cluster, where a dataset file lists it."""


class Window(Strict):
    """What a `window` extract claims to hold: all rows of the last days of a column."""

    column: Name
    days: int = Field(gt=0)


class SocrataSource(Strict):
    """Where the `socrata` source reads this dataset."""

    domain: str
    ids: tuple[FourByFour, ...]


class Workbook(Strict):
    """How spreadsheets are read."""

    sheet: str | None = None
    """The sheet's name; none: the only visible one that holds rows."""
    merged: Literal["refuse", "fill"] = "refuse"
    """What merged cells of one column mean: nothing that is known, or one value for every row."""


class Source(Strict):
    """How extracts of this dataset are read and what their absences mean."""

    LATER = frozenset({"workbook", "bounds"})

    kind: Literal["complete", "window", "increment"]
    window: Window | None = None
    encoding: str = "utf-8"
    delimiter: str | None = None
    workbook: Workbook = Workbook()
    bounds: Bounds = Bounds()
    socrata: SocrataSource | None = None

    @model_validator(mode="after")
    def _window_is_said(self) -> "Source":
        if (self.kind == "window") != (self.window is not None):
            raise ValueError("kind `window` and the key `window` go together")
        return self


class GrainChange(Strict):
    """From this extract on, one line is something else."""

    starting: date
    line: Name


class Grain(Strict):
    """What one published row is, and what one line of the extract is.

    Where both are the same, lines of one key are repeats or versions of one another. Where a line
    is less than a published row, the lines of a key add up, and equal ones are not repeats.
    """

    published: Name
    line: Name
    changes: tuple[GrainChange, ...] = ()

    def of_extract(self, extracted_on: date) -> str:
        """The line grain that an extract of that day is declared to have."""
        line = self.line
        for change in sorted(self.changes, key=lambda change: change.starting):
            if extracted_on >= change.starting:
                line = change.line
        return line


class Limits(Strict):
    """How much may be wrong before a gate stops everything."""

    quarantined_share: float = Field(ge=0, le=1)
    volume_drop_share: float = Field(ge=0, le=1)
    stale_days: int = Field(gt=0)


class Guards(Strict):
    """How much one publication may change before it stops and a person must say yes.

    Shares of the rows that the portal holds, and for updates of the keys that both sides have. A
    dataset emptied, a column gone all null and a change of grain stop whatever these say.
    """

    deletes_share: float = Field(default=0.01, ge=0, le=1)
    updates_share: float = Field(default=0.2, ge=0, le=1)
    rows_drop_share: float = Field(default=0.05, ge=0, le=1)


class Retention(Strict):
    """How long files are kept that nothing needs any more; records are kept for ever."""

    layers_days: int = Field(default=14, gt=0)
    """Layers and plans, for looking back; the newest `runs` stay however old they are."""
    runs: int = Field(default=3, gt=0)
    publications: int = Field(default=30, gt=0)
    """How many proven publications a rollback can go back."""
    extracts_days: int | None = Field(default=None, gt=0)
    """Extracts that were published; none: for ever."""


class Comparison(Strict):
    """One column by which two rows are compared."""

    column: Name
    how: Literal["time", "place", "point", "house", "code", "text"]


class Duplicates(Strict):
    """How the same event, entered twice under two keys, is looked for.

    Pairs are linked above one score, proposed to people above another. The machine never merges rows
    with different keys; people may, where the dataset file allows it.
    """

    time: Name
    within_minutes: int = Field(gt=0)
    place: Name
    compare: tuple[Comparison, ...] = Field(min_length=1)
    link_above: float = Field(default=0.95, gt=0, le=1)
    propose_above: float = Field(default=0.5, gt=0, le=1)
    people_may_merge: bool = False


class Review(Strict):
    """Who decides what the machine only suspects."""

    reviewers: tuple[str, ...] = Field(min_length=2)
    """Two of them who agree decide."""
    steward: str
    """Decides where they disagree."""


class Codes(Strict):
    """Codes that a policy covers, whatever the text beside them says."""

    columns: tuple[Name, ...] = Field(min_length=1)
    values: tuple[str, ...] = ()


class Policy(Strict):
    """One decision of the city about what is not published, with who decided it.

    A row is covered when a deciding column says so as read, as standardized or as corrected. Every
    value of such a column is classified: by the policies themselves, or in `<id>.classes.csv`.
    """

    LATER = frozenset({"also", "codes"})

    id: Name
    action: Literal["withhold", "redact", "generalize"]
    column: Name
    """The column whose value decides, or that is generalized."""
    values: tuple[str, ...] = ()
    also: tuple[Name, ...] = ()
    """Further columns in which the same values decide, such as the initial type."""
    codes: Codes | None = None
    """Columns of codes that decide as well."""
    redacts: tuple[Name, ...] = ()
    statement: str
    authority: str
    source: str
    approved_by: str
    approved_on: date
    review_on: date


class Partition(Strict):
    """One 4x4 per year of a column."""

    column: Name
    ids: dict[int, FourByFour]


class Publish(Strict):
    """Where and under what name the rows go."""

    domain: str
    id: FourByFour | None = None
    partition: Partition | None = None
    title: str
    description: str
    licence: str
    attribution: str
    category: str
    tags: tuple[str, ...] = ()
    row_label: str
    contact: str
    update_frequency: str = "Daily"
    transport: Literal["soda", "dsmapi"] = "soda"
    """How rows go: in chunks, or as a draft that people can look at and that is applied whole."""
    other_columns: tuple[Name, ...] = ()
    """Columns that the portal's dataset has beside ours and that are none of our business."""

    @model_validator(mode="after")
    def _one_target(self) -> "Publish":
        if (self.id is None) == (self.partition is None):
            raise ValueError("exactly one of `id` and `partition` must be given")
        return self


class Owner(Strict):
    """Who answers for the dataset."""

    team: str
    email: str


def _clock(value: Any) -> Any:
    # YAML reads 20:00 without quotes as a number to the base of sixty.
    if isinstance(value, int) and 0 <= value < 24 * 60:
        return time(*divmod(value, 60))
    return value


Clock = Annotated[time, BeforeValidator(_clock)]
"""A time of the city's day, `20:00`."""
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)


class Route(Strict):
    """One way that alerts go: to a channel whose address is in the environment, from a severity on."""

    to: Name
    severity: Literal["warning", "critical"] = "warning"


class Quiet(Strict):
    """Hours of the city's day in which warnings wait."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _is_a_span(self) -> "Quiet":
        if self.start == self.end:
            raise ValueError("`start` and `end` must differ")
        return self


class Escalation(Strict):
    """When nobody reacts: who gets the alert then, and after how long."""

    to: Name | None = None
    """A further channel; none: the same people get it again."""
    warning_after_runs: int = Field(default=7, gt=1)
    critical_after_minutes: int = Field(default=120, gt=0)


class Alerts(Strict):
    """Who gets which messages on a dataset, and when.

    A warning waits for the daily digest, or, where there is none, for the end of the quiet hours;
    what is critical goes at once. What is broken rather than wrong goes to the engineers. New words
    that resemble nothing protected are reported once a week.
    """

    LATER = frozenset({"weekly_on"})

    routes: tuple[Route, ...] = (Route(to="owners"),)
    engineers: tuple[Name, ...] = ("engineers",)
    digest_at: Clock | None = time(8, 0)
    """Of the city's day; none: warnings go as they come."""
    weekly_on: Weekday = "monday"
    """The day of the weekly digest, which goes at the time of the daily one."""
    quiet: Quiet | None = None
    escalate: Escalation = Escalation()


class Scan(Strict):
    """What published text is scanned for beyond what no text may hold; see `scanning/`."""

    LATER = frozenset({"numbers"})

    health: tuple[Name, ...] = ()
    """Columns in which words about a person's health count as personal, too."""
    numbers: tuple[Name, ...] = ()
    """Columns whose text may hold numbers of three digits or more, such as a model's: elsewhere a
    value of no vocabulary that holds one waits for a person."""


class Dataset(Strict):
    """One dataset file."""

    LATER = frozenset({"scan"})

    id: Name
    title: str
    description: str
    owner: Owner
    schedule: Annotated[str, StringConstraints(pattern=r"^\s*(\S+\s+){4}\S+\s*$")]
    """Cron, of the city's clocks: minute, hour, day, month, weekday."""
    source: Source
    grain: Grain
    key: Name
    key_from: tuple[Name, ...] = ()
    """Landed columns that a derived key is made of: together they tell its rows apart."""
    version_order: tuple[Name, ...] = ()
    """Columns that tell the newest of several lines of a key within one extract, best first."""
    columns: tuple[Column, ...]
    limits: Limits
    guards: Guards = Guards()
    plan_by: tuple[Name, ...] = ()
    """Columns, such as the district, by whose values a plan is counted for people."""
    policies: tuple[Policy, ...] = ()
    scan: Scan = Scan()
    duplicates: Duplicates | None = None
    review: Review | None = None
    publish: Publish
    release: Literal["automatic", "one", "two"] = "automatic"
    alerts: Alerts = Alerts()
    retention: Retention = Retention()

    @field_validator("id")
    @classmethod
    def _id_is_free(cls, value: str) -> str:
        if value == "common":
            raise ValueError("`common` is the folder of the rules that every dataset has")
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> "Dataset":
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"columns: a name stands twice: {_twice(names)}")
        headings = [
            heading
            for column in self.columns
            for heading in dict.fromkeys(plain_heading(text) for text in column.headings)
        ]
        if len(set(headings)) != len(headings):
            raise ValueError(f"columns: a heading means two columns: {_twice(headings)}")
        mentioned = {
            "key": [self.key],
            "key_from": self.key_from,
            "version_order": self.version_order,
            "source.window": [self.source.window.column] if self.source.window else [],
            "publish.partition": [self.publish.partition.column] if self.publish.partition else [],
            "policies": [
                name
                for p in self.policies
                for name in (p.column, *p.also, *p.redacts, *(p.codes.columns if p.codes else ()))
            ],
            "columns.month_from": [c.month_from.column for c in self.columns if c.month_from],
            "columns.spelling.agrees_with": [
                name for c in self.columns if c.spelling for name in c.spelling.agrees_with
            ],
            "scan.health": self.scan.health,
            "scan.numbers": self.scan.numbers,
            "duplicates": _compared(self.duplicates),
            "plan_by": self.plan_by,
        }
        for where, wanted in mentioned.items():
            for name in wanted:
                if name not in names:
                    raise ValueError(f"{where}: no column is named {name!r}")
        if self.source.window and self.column(self.source.window.column).privacy != "publish":
            raise ValueError(
                f"source.window: the column {self.source.window.column!r} must be published, or "
                "what is gone cannot be told"
            )
        if LINK in names and (self.duplicates is None or self.column(LINK).source):
            raise ValueError(
                f"columns: {LINK!r} is made of `duplicates`, which must be there, and has no `source`"
            )
        if self.column(self.key).privacy != "publish":
            raise ValueError(f"key: the column {self.key!r} must be published")
        if self.column(self.key).type != "text":
            raise ValueError(
                f"key: the column {self.key!r} must be of type text, also where it is made of digits"
            )
        if (self.column(self.key).source is None) != bool(self.key_from):
            raise ValueError("key_from: a key without a `source` is made of columns, and only such")
        if not all(self.column(name).source for name in self.key_from):
            raise ValueError("key_from: every column of it must have a `source`")
        return self

    @model_validator(mode="after")
    def _lists_go_together(self) -> "Dataset":
        for places, columns in self.places.items():
            if len(columns) < 2:
                raise ValueError(
                    f"columns: only {columns[0].name!r} is a list by the places {places!r}; "
                    "a list that goes with no other one needs no `places`"
                )
        lists = {column.name for column in self.columns if column.list}
        for where, names in {
            "key": [self.key],
            "key_from": self.key_from,
            # A policy looks at whole cells: a value within a list would go past it.
            "policies": [policy.column for policy in self.policies],
        }.items():
            for name in names:
                if name in lists:
                    raise ValueError(f"{where}: the column {name!r} is a list")
        return self

    def column(self, name: str) -> Column:
        """The column of that name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def landed_key(self) -> tuple[str, ...]:
        """The columns that tell the keys apart in extracts, where a derived key is not yet."""
        return self.key_from or (self.key,)

    @property
    def landed(self) -> tuple[Column, ...]:
        """The columns that extracts hold (derived ones left out)."""
        return tuple(column for column in self.columns if column.source)

    @property
    def published(self) -> tuple[Column, ...]:
        """The columns that may leave the machine; nothing else does."""
        return tuple(column for column in self.columns if column.privacy == "publish")

    @property
    def spelled(self) -> tuple[Column, ...]:
        """The columns whose values are suspected of being misspelt."""
        return tuple(column for column in self.columns if column.spelling)

    @cached_property
    def places(self) -> dict[str, tuple[Column, ...]]:
        """The lists that go together, by what their places stand for."""
        names = dict.fromkeys(c.list.places for c in self.columns if c.list and c.list.places)
        return {
            name: tuple(c for c in self.columns if c.list and c.list.places == name)
            for name in names
        }

    @property
    def event_time(self) -> str | None:
        """The column that says when a row's event was, where one is declared."""
        if self.source.window:
            return self.source.window.column
        if self.publish.partition:
            return self.publish.partition.column
        return self.duplicates.time if self.duplicates else None

    @cached_property
    def deciding(self) -> dict[str, str]:
        """The columns whose values decide a policy, each with the one whose classes it shares."""
        found: dict[str, str] = {}
        for policy in self.policies:
            if policy.action != "generalize":
                found |= dict.fromkeys((policy.column, *policy.also), policy.column)
                if policy.codes:
                    found |= dict.fromkeys(policy.codes.columns, policy.codes.columns[0])
        return {column.name: found[column.name] for column in self.columns if column.name in found}

    def policy(self, policy_id: str) -> Policy:
        """The policy of that id."""
        return next(policy for policy in self.policies if policy.id == policy_id)


def _compared(duplicates: Duplicates | None) -> list[str]:
    if duplicates is None:
        return []
    return [duplicates.time, duplicates.place, *(one.column for one in duplicates.compare)]


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]


def plain_heading(text: str) -> str:
    """A heading without case, blanks and punctuation: `PIB File Number` is `pib_file_number`."""
    return re.sub(r"[^0-9a-z]+", "_", text.casefold().lstrip("\ufeff")).strip("_")


def load_dataset(path: Path) -> Dataset:
    """Reads one dataset file.

    Raises:
        ConfigurationError: it is not YAML, has an unknown key or a wrong value; names file and key.
    """
    try:
        content: Any = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.name}: cannot be read: {error}") from error
    try:
        dataset = Dataset.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_mistakes(path.name, error)) from error
    if dataset.id != path.stem:
        raise ConfigurationError(
            f"{path.name}: id: is {dataset.id!r}, but the file says {path.stem!r}"
        )
    return dataset


def _mistakes(file: str, error: ValidationError) -> str:
    lines = []
    for mistake in error.errors(include_url=False):
        key = ".".join(str(part) for part in mistake["loc"])
        message = mistake["msg"].removeprefix("Value error, ")
        if mistake["type"] == "extra_forbidden":
            message = "unknown key; remove it or correct its spelling"
        lines.append(f"{file}: {key + ': ' if key else ''}{message}")
    return "\n".join(lines)


def load_datasets(folder: Path) -> dict[str, Dataset]:
    """Every dataset file of a folder, by id, in the order of the ids.

    Raises:
        ConfigurationError: there is none, or one is wrong.
    """
    datasets = {path.stem: load_dataset(path) for path in sorted(folder.glob("*.yaml"))}
    if not datasets:
        raise ConfigurationError(f"{folder}: holds no dataset file (*.yaml)")
    return datasets


def load_sound_datasets(folder: Path) -> tuple[dict[str, Dataset], dict[str, str]]:
    """The dataset files that can be read, and what is wrong with the others, both by id.

    One dataset's mistake never stops another's day.

    Raises:
        ConfigurationError: not one can be read.
    """
    sound: dict[str, Dataset] = {}
    mistakes: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            sound[path.stem] = load_dataset(path)
        except ConfigurationError as error:
            mistakes[path.stem] = str(error)
    if not sound:
        message = "\n".join(mistakes.values()) or f"{folder}: holds no dataset file (*.yaml)"
        raise ConfigurationError(message)
    return sound, mistakes
