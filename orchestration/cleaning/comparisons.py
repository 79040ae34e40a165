"""How two rows are compared: for each kind of column its levels, from equal to other.

What belongs here: the plain columns a comparison needs, computed once per row before Splink sees
it, and the levels as Splink's own generic creators, so that the same settings run on DuckDB and on
Spark. What does not: which rows are compared (``blocking.py``), what a level weighs
(``training.py``), what is done with the scores (``linkage.py``).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.dataset import Comparison, Duplicates
from orchestration.errors import ConfigurationError

if TYPE_CHECKING:
    from splink import SettingsCreator
    from splink.internals.comparison_level_creator import ComparisonLevelCreator

KEY = "row_key"
"""What the key of a row is called in the tables that Splink reads."""

LEVELS: Mapping[str, tuple[str, ...]] = {
    "time": ("equal", "2_minutes", "15_minutes", "60_minutes", "within", "other"),
    "place": ("equal", "one_edit", "two_edits", "same_street", "similar", "other"),
    "point": ("equal", "100_metres", "500_metres", "other"),
    "house": ("equal", "25_metres", "100_metres", "other"),
    "code": ("equal", "other"),
    "text": ("equal", "close", "similar", "other"),
}
"""The levels of each kind, best first; a row that lacks the column says nothing."""


@dataclass(frozen=True, kw_only=True)
class Weight:
    """How often a level is met, among pairs of one event (m) and among others (u)."""

    m: float
    u: float


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What training found: the weight of every level, and the share of matches among the pairs."""

    within_minutes: int
    match_share: float
    levels: Mapping[str, Mapping[str, Weight]]
    """By column, then by level."""
    note: Mapping[str, Any]
    """Seed, rows and versions of the training."""


def compared_columns(duplicates: Duplicates) -> tuple[Comparison, ...]:
    """What a dataset file compares; time and place always, first where it does not list them."""
    listed = {one.column for one in duplicates.compare}
    always = (
        Comparison(column=duplicates.time, how="time"),
        Comparison(column=duplicates.place, how="place"),
    )
    return (*(one for one in always if one.column not in listed), *duplicates.compare)


def plain_text(column: str) -> str:
    """SQL: a text in capitals, with single blanks for everything but letters and digits."""
    spelled = f"upper(strip_accents(cast({column} as varchar)))"
    return f"nullif(trim(regexp_replace({spelled}, '[^0-9A-Z]+', ' ', 'g')), '')"


def place_mark(plain: str) -> str:
    """SQL: numbers and single letters of a plain place, which a slip of one letter must not touch.

    `2ND ST` and `3RD ST` are two streets, and so are `N` and `S RAMPART ST`; `027XX` is `27`.
    """
    listed = f"regexp_extract_all({plain}, '[1-9][0-9]*|\\b[A-Z]\\b')"
    return f"coalesce(array_to_string(list_sort({listed}), ' '), '')"


def place_street(plain: str) -> str:
    """SQL: a plain place without its block number."""
    return f"trim(regexp_replace({plain}, '^[0-9]+ ?(XX|X|BLK|BLOCK)*( BLK| BLOCK)? ', ''))"


def prepared_columns(compared: Sequence[Comparison]) -> dict[str, str]:
    """What a row must carry to be compared: name to SQL over the dataset's own columns."""
    prepared: dict[str, str] = {}
    for one in compared:
        prepared |= _PREPARED[one.how](one.column)
    return prepared


def _prepared_time(column: str) -> dict[str, str]:
    return {column: f'cast(floor(epoch(try_cast("{column}" as timestamp))) as bigint)'}


def _prepared_place(column: str) -> dict[str, str]:
    plain = plain_text(f'"{column}"')
    return {
        column: plain,
        f"{column}__mark": place_mark(plain),
        f"{column}__street": place_street(plain),
    }


def _prepared_point(column: str) -> dict[str, str]:
    """Longitude and latitude of a point; one of zeros or beyond the globe is a placeholder, and none."""
    named = f'"{column}"'
    on_globe, numbers = is_on_globe(named), point_numbers(named)
    return {
        f"{column}__{name}": f"case when {on_globe} then round(try_cast("
        f"{numbers}[{place}] as double), 6) end"
        for place, name in enumerate(("longitude", "latitude"), start=1)
    }


def point_numbers(column: str) -> str:
    """SQL: the numbers of `POINT (x y)`, or of a point as GeoJSON, as texts."""
    return f"regexp_extract_all(cast({column} as varchar), '-?[0-9]+[.]?[0-9]*')"


def is_on_globe(column: str) -> str:
    """SQL: whether a point is in degrees and not at zero; State Plane numbers stand for no place."""
    return f"abs(try_cast({point_numbers(column)}[1] as double)) between 0.000001 and 180"


def _prepared_text(column: str) -> dict[str, str]:
    return {column: plain_text(f'"{column}"')}


_PREPARED: Mapping[str, Callable[[str], dict[str, str]]] = {
    "time": _prepared_time,
    "place": _prepared_place,
    "point": _prepared_point,
    "house": _prepared_point,
    "code": _prepared_text,
    "text": _prepared_text,
}


def splink_settings(
    compared: Sequence[Comparison],
    *,
    weights: Weights | None,
    within_minutes: int,
    rules: Sequence[str],
) -> "SettingsCreator":
    """Splink's settings for these columns, in no dialect; without weights they wait for training.

    ``rules`` are conditions on `l` and `r` in plain SQL: the pairs that are compared.
    """
    from splink import SettingsCreator
    from splink.blocking_rule_library import CustomRule
    from splink.comparison_library import CustomComparison

    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name=KEY,
        comparisons=[
            CustomComparison(
                output_column_name=one.column,
                comparison_levels=[*_levels(one, weights=weights, within_minutes=within_minutes)],
            )
            for one in compared
        ],
        blocking_rules_to_generate_predictions=[CustomRule(rule) for rule in rules],
        probability_two_random_records_match=weights.match_share if weights else 0.0001,
        # With the values come the levels, without which a score could not be explained.
        retain_matching_columns=True,
        # Otherwise Splink names its model after a random number.
        linker_uid="linkage",
    )


def _levels(
    one: Comparison, *, weights: Weights | None, within_minutes: int
) -> "list[ComparisonLevelCreator]":
    from splink.comparison_level_library import CustomLevel, ElseLevel, NullLevel

    made: dict[str, ComparisonLevelCreator]
    missing: ComparisonLevelCreator = NullLevel(one.column)
    if one.how == "time":
        made = _time_levels(one.column, within_minutes)
    elif one.how == "place":
        made = _place_levels(one.column)
    elif one.how in ("point", "house"):
        made = _point_levels(one.column, metres=(100, 500) if one.how == "point" else (25, 100))
        latitude = f"{one.column}__latitude"
        missing = CustomLevel(f"{latitude}_l is null or {latitude}_r is null")
        missing.configure(is_null_level=True)
    elif one.how == "code":
        made = _code_levels(one.column)
    else:
        made = _text_levels(one.column)
    made["other"] = ElseLevel()
    for name, level in made.items():
        level.configure(label_for_charts=name)
        if weights is not None:
            weight = weights.levels[one.column][name]
            level.configure(m_probability=weight.m, u_probability=weight.u)
    return [missing, *(made[name] for name in LEVELS[one.how])]


def _time_levels(column: str, within_minutes: int) -> "dict[str, ComparisonLevelCreator]":
    from splink.comparison_level_library import AbsoluteDifferenceLevel, ExactMatchLevel

    return {
        "equal": ExactMatchLevel(column),
        "2_minutes": AbsoluteDifferenceLevel(column, 2 * 60),
        "15_minutes": AbsoluteDifferenceLevel(column, 15 * 60),
        "60_minutes": AbsoluteDifferenceLevel(column, 60 * 60),
        "within": AbsoluteDifferenceLevel(column, within_minutes * 60),
    }


def _place_levels(column: str) -> "dict[str, ComparisonLevelCreator]":
    from splink.comparison_level_library import (
        And,
        ExactMatchLevel,
        JaroWinklerLevel,
        LevenshteinLevel,
    )

    mark, street = f"{column}__mark", f"{column}__street"
    return {
        "equal": ExactMatchLevel(column),
        "one_edit": And(ExactMatchLevel(mark), LevenshteinLevel(street, 1)),
        "two_edits": And(ExactMatchLevel(mark), LevenshteinLevel(street, 2)),
        "same_street": ExactMatchLevel(street),
        "similar": JaroWinklerLevel(column, 0.92),
    }


def _point_levels(column: str, metres: tuple[int, int]) -> "dict[str, ComparisonLevelCreator]":
    from splink.comparison_level_library import And, DistanceInKMLevel, ExactMatchLevel

    latitude, longitude = f"{column}__latitude", f"{column}__longitude"
    return {
        "equal": And(ExactMatchLevel(latitude), ExactMatchLevel(longitude)),
        **{f"{one}_metres": DistanceInKMLevel(latitude, longitude, one / 1_000) for one in metres},
    }


def _code_levels(column: str) -> "dict[str, ComparisonLevelCreator]":
    from splink.comparison_level_library import ExactMatchLevel

    return {"equal": ExactMatchLevel(column)}


def _text_levels(column: str) -> "dict[str, ComparisonLevelCreator]":
    from splink.comparison_level_library import ExactMatchLevel, JaroWinklerLevel

    return {
        "equal": ExactMatchLevel(column),
        "close": JaroWinklerLevel(column, 0.95),
        "similar": JaroWinklerLevel(column, 0.85),
    }


def write_weights(weights: Weights, target: Path) -> None:
    """Keeps weights as JSON, one line per level, the same bytes for the same weights."""
    content = {
        "note": dict(weights.note),
        "within_minutes": weights.within_minutes,
        "match_share": weights.match_share,
        "levels": {
            column: {name: {"m": one.m, "u": one.u} for name, one in levels.items()}
            for column, levels in weights.levels.items()
        },
    }
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_weights(path: Path, *, compared: Sequence[Comparison], within_minutes: int) -> Weights:
    """Weights that were trained for exactly these comparisons.

    Raises:
        ConfigurationError: there are none, they cannot be read, or they are of other columns,
            levels or minutes than the dataset file names.
    """
    again = "train them again: python -m orchestration.evaluation.training"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        weights = Weights(
            within_minutes=int(content["within_minutes"]),
            match_share=float(content["match_share"]),
            levels={
                column: {name: Weight(m=one["m"], u=one["u"]) for name, one in levels.items()}
                for column, levels in content["levels"].items()
            },
            note=content["note"],
        )
    except FileNotFoundError:
        raise ConfigurationError(f"{path.name}: no weights are there; {again}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path.name}: not weights of linkage ({error}); {again}"
        ) from error
    wanted = {one.column: list(LEVELS[one.how]) for one in compared}
    found = {column: list(levels) for column, levels in weights.levels.items()}
    if wanted != found:
        differing = sorted(
            column for column in wanted | found if wanted.get(column) != found.get(column)
        )
        raise ConfigurationError(
            f"{path.name}: was trained for other comparisons than `duplicates` lists "
            f"({', '.join(differing)}); {again}"
        )
    if weights.within_minutes != within_minutes:
        raise ConfigurationError(
            f"{path.name}: was trained for {weights.within_minutes} minutes, "
            f"`duplicates.within_minutes` says {within_minutes}; {again}"
        )
    return weights
