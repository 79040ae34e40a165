"""A specification file as a whole, and its loader.

What belongs here: tables, levels, the timeline, and the checks that need no data (a name that is
not defined, a field that depends on itself). The kinds of field are in ``field_kinds.py``, the
kinds of dirt in ``dirt_kinds.py``.
"""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, StrictStr, ValidationError, model_validator

from orchestration.sources.sample.conditions import Cell, SpecError, Strict, fields_of
from orchestration.sources.sample.dirt_kinds import DirtSpec
from orchestration.sources.sample.field_kinds import FieldSpec, LookUp, Phrase, Pick
from orchestration.yaml_text import parse_yaml

HERE = Path(__file__).parent

# Known to the engine, for every unit, without being declared.
BUILT_IN = (
    "event_time",  # when it happened
    "progress",  # 0 for the oldest unit of the first extract, 1 for its newest
    "index",  # serial number over everything, without a gap
    "number",  # serial number within the month or year, as the source issues it
    "month_letter",  # A to L
    "yy",
    "yyyy",
    "extracted_at",  # when this extract was made
    "first_extracted_at",  # when the unit was in an extract for the first time
)


class Table(Strict):
    """Rows of words that belong together; ``weight`` is the column that says how frequent."""

    columns: tuple[StrictStr, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @model_validator(mode="after")
    def _is_rectangular(self) -> "Table":
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row {list(row)} has not the columns {list(self.columns)}")
        if "weight" not in self.columns:
            raise ValueError("a table needs a column `weight`")
        return self

    def column(self, name: str) -> list[Cell]:
        """All cells of one column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


class Level(Strict):
    """What a line is part of: an incident has officers, an officer used several kinds of force.

    ``count`` gives how many of them one of the level above has, by weight; the first has none.
    """

    name: str
    count: dict[int, float] | None = None


class Number(Strict):
    """How the source numbers: ``per_day`` of them, starting again each month or year."""

    period: Literal["month", "year"]
    first: int
    digits: int
    per_day: float


class TimelineSpec(Strict):
    """How units lie in time. A small sample is thinned to cover at least ``at_least_days``."""

    per_day: float
    at_least_days: int
    at_most_days: int
    number: Number
    hours: tuple[float, ...] = Field(min_length=24, max_length=24)


class Repeats(Strict):
    """Whole lines that stand in the file again: ``share`` of all lines."""

    share: Annotated[float, Field(ge=0, lt=1)]
    kind: StrictStr
    place: Literal["scattered", "beside"]


class Spec(Strict):
    """One dataset: how its lines are made up, and what is then done to them."""

    share: Annotated[float, Field(gt=0, le=1)]
    at_least: int = 1
    levels: tuple[Level, ...] = Field(min_length=1)
    timeline: TimelineSpec
    key: str
    volatile: tuple[str, ...] = ()
    tables: dict[str, Table] = Field(default_factory=dict)
    hidden: dict[str, FieldSpec] = Field(default_factory=dict)
    columns: dict[str, FieldSpec]
    repeats: Repeats
    dirt: tuple[DirtSpec, ...] = ()

    @cached_property
    def fields(self) -> dict[str, FieldSpec]:
        """Hidden fields and columns under one roof."""
        return {**self.hidden, **self.columns}

    @cached_property
    def depths(self) -> dict[str, int]:
        """The level of each field: the deepest of what it is made from, or the one it names."""
        names = [level.name for level in self.levels]
        found = dict.fromkeys(BUILT_IN, 0)
        found |= {f"{name}_position": depth for depth, name in enumerate(names)}

        def depth_of(name: str, path: tuple[str, ...]) -> int:
            if name in path:
                raise ValueError(f"{' -> '.join((*path, name))} goes round in a circle")
            if name in found:
                return found[name]
            if name not in self.fields:
                raise ValueError(f"{path[-1] if path else 'dirt'} uses `{name}`: not defined")
            field = self.fields[name]
            used = [*field.inputs, *(n for blank in field.blank for n in fields_of(blank.when))]
            deepest = max((depth_of(other, (*path, name)) for other in used), default=0)
            if field.per is not None:
                if field.per not in names:
                    raise ValueError(f"{name}: per `{field.per}` is not a level")
                if names.index(field.per) < deepest:
                    raise ValueError(f"{name}: is per {field.per} but uses something deeper")
                deepest = names.index(field.per)
            found[name] = deepest
            return deepest

        for name in self.fields:
            depth_of(name, ())
        return found

    @model_validator(mode="after")
    def _names_exist(self) -> "Spec":
        if twice := self.hidden.keys() & self.columns.keys():
            raise ValueError(f"{sorted(twice)} is both hidden and a column")
        if taken := self.fields.keys() & set(BUILT_IN):
            raise ValueError(f"{sorted(taken)} is a name of the engine's own")
        if [level.name for level in self.levels if level.count is None] != [self.levels[0].name]:
            raise ValueError("every level but the first, and only those, has a count")
        depths = self.depths
        for name, field in self.fields.items():
            self._check_table(name, field)
        levels = {level.name: depth for depth, level in enumerate(self.levels)}
        for item in self.dirt:
            if item.per is not None and item.per not in levels:
                raise ValueError(f"dirt `{item.kind}`: per `{item.per}` is not a level")
            if unknown := set(item.columns_touched) - self.columns.keys():
                raise ValueError(f"dirt `{item.kind}`: {sorted(unknown)} is no column")
            if unknown := set(item.inputs) - depths.keys():
                raise ValueError(f"dirt `{item.kind}`: {sorted(unknown)} is not defined")
            own = levels[item.per] if item.per else len(self.levels) - 1
            if deeper := [name for name in fields_of(item.when) if depths[name] > own]:
                raise ValueError(f"dirt `{item.kind}`: {deeper} is deeper than {item.per}")
        for name in (self.key, *self.volatile):
            if name not in self.columns:
                raise ValueError(f"`{name}` is no column")
        return self

    def _check_table(self, name: str, field: FieldSpec) -> None:
        if isinstance(field, Pick):
            table, wanted = field.table, tuple(field.within)
        elif isinstance(field, LookUp | Phrase):
            pick = self.fields.get(field.row)
            if not isinstance(pick, Pick):
                raise ValueError(f"{name}: `{field.row}` is not a pick")
            table, wanted = pick.table, (field.column,)
        else:
            return
        if table not in self.tables:
            raise ValueError(f"{name}: table `{table}` is not defined")
        if unknown := set(wanted) - set(self.tables[table].columns):
            raise ValueError(f"{name}: table `{table}` has no column {sorted(unknown)}")


@lru_cache(maxsize=32)
def load(path: Path) -> Spec:
    """Read one specification file.

    Raises:
        SpecError: the file has a key or a name that is not known; says which.
    """
    raw = _read(path)
    tables: dict[str, Any] = raw.get("tables") or {}
    for name, table in tables.items():
        if isinstance(table, dict) and "vocabulary" in table:
            tables[name] = _read(path.parent / "vocabulary" / table["vocabulary"])
    try:
        return Spec.model_validate(raw)
    except ValidationError as error:
        faults = (
            f"  {'.'.join(map(str, fault['loc'])) or 'whole file'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise SpecError(
            "\n".join((f"{path.name} is not a valid specification:", *faults))
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SpecError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise SpecError(f"{path.name} is not a mapping")
    return content
