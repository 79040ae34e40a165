"""The SQL of our own expectations: what recurs in suites, as functions of what a rule says.

Each function is an expectation type of the same name and returns the query of the rows that break it,
with `{batch}` where the gated table goes and braces that belong to the SQL doubled, as Great
Expectations wants it. The classes that GX registers stand in `expectations.py`; what stands in one
suite only, and means nothing elsewhere, stays an `unexpected_rows_expectation` there. Line rules name
`_extract_id` and `_line`, rules about published rows their key.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from orchestration.domains.date_order import MISREAD_DATES
from orchestration.duck import quoted

QUERY = "unexpected_rows_query"
"""The field of an `unexpected_rows_expectation` that holds its SQL."""

_LINES = "select _extract_id, _line from {batch}"
_WRONG_ENCODING = "[ÃÂ][^A-Za-z ]|â€|�"
_NO_HOUSE_NUMBER = (
    r"(?i)^[0-9]+(XX|Blk) "
    r"|\b(I|US|LA|HWY|HIGHWAY|INTERSTATE|ROUTE|EXIT)[ -]?[0-9][0-9]?[0-9]?[A-Z]?\b"
    r"|\b[0-9]?(1st|2nd|3rd|[04-9]th)\b|\b1[123]th\b"
)
"""Numbers that belong to a block, a numbered road or a numbered street."""
_HOUSE = r"(?i)[0-9]|\b(apt|apartment|unit|suite)\b"

# Of an extract as it landed


def expect_text_decoded_as_written(*, columns: Sequence[str]) -> str:
    """Expect no cell of these columns to show the marks of a wrong encoding."""
    cells = f"concat_ws(' ', {', '.join(columns)})"
    return f"{_LINES} where regexp_matches({cells}, {_text(_WRONG_ENCODING)})"


def expect_newest_time_recent(*, column: str) -> str:
    """Expect the newest time of an extract to be no older than the dataset's `stale_days` allow."""
    return (
        "select 'newest' as _extract_id, 0 as _line from {batch} "
        f"having max(parsed_time({column})) < (select stale_before from facts)"
    )


def expect_most_keys_once(*, column: str) -> str:
    """Expect a key to stand on fewer than two lines of an extract, on average."""
    return (
        "select _extract_id, 0 as _line from {batch} "
        f"group by _extract_id having count(distinct {column}) < 0.5 * count({column})"
    )


def expect_dates_in_declared_order() -> str:
    """Expect days and months to stand in the order that the dataset file declares."""
    return f"/* {{batch}} */ select distinct _extract_id, _line from {MISREAD_DATES}"


# Of lines


def expect_keys_distinct_as_written(*, column: str, written: Sequence[str], usual: str) -> str:
    """Expect no two different keys of an extract to become one by standardizing.

    `written` are the raw columns that make the key, joined by hyphens. A key is looked at where one of
    its lines is written otherwise than the regular expression `usual`, which says how keys look that
    standardizing leaves alone: nearly all of them.
    """

    def as_written(table: str) -> str:
        parts = ", '-', ".join(f"{table}.{name}" for name in written)
        return f"concat({parts})" if len(written) > 1 else parts

    return (
        "select _extract_id, _line from ("
        f"select _extract_id, _line, lines.{column}, {as_written('raw')} as as_written "
        "from {batch} as lines join raw using (_extract_id, _line) "
        f"where lines.{column} in (select {column} from {{batch}} semi join ("
        "select _extract_id, _line from raw "
        f"where not regexp_full_match({as_written('raw')}, {_text(usual)})"
        ") as unusual using (_extract_id, _line))) "
        f"qualify min(as_written) over (partition by _extract_id, {column}) "
        f"<> max(as_written) over (partition by _extract_id, {column})"
    )


def expect_times_to_exist(*, columns: Sequence[str]) -> str:
    """Expect no time to lie in the hour that the clocks leave out in March."""
    return f"{_LINES} where {' or '.join(f'never_was({name})' for name in columns)}"


def expect_times_in_order(*, earlier: str, later: Sequence[str], unit: str | None = None) -> str:
    """Expect no time of `later` to lie before `earlier`, be it cut to a `unit` such as the minute.

    In the hour that a night repeats either order is right.
    """
    begin = f"date_trunc({_text(unit)}, {earlier})" if unit else earlier
    return f"{_LINES} where {' or '.join(f'was_before({name}, {begin})' for name in later)}"


def expect_times_within_window(*, column: str) -> str:
    """Expect an extract after the first to hold times of the days that it covers only."""
    return (
        f"{_LINES} where (select keys_before from facts) > 0 and {column} "
        "< _extracted_at - to_days((select window_days::integer + 1 from facts))"
    )


def expect_code_to_mean_its_text(*, code: str, text: str) -> str:
    """Expect no text on less than a hundredth as many lines as the usual text of the same code."""
    pair = f"({code}, {text})"
    return (
        f"{_LINES} where {pair} in (select {pair} from {{batch}} "
        f"where {code} is not null and {text} is not null group by {code}, {text} "
        f"qualify count(*) < 0.01 * max(count(*)) over (partition by {code}))"
    )


def expect_columns_filled_together(*, columns: Sequence[str]) -> str:
    """Expect all of these columns to be given, or none."""
    first, *others = columns
    differ = " or ".join(f"({first} is null) <> ({name} is null)" for name in others)
    return f"{_LINES} where {differ}"


def expect_no_line_to_fill_a_gap(
    *, key: str, columns: Sequence[str], split_by: Sequence[str] = ()
) -> str:
    """Expect no line to give what another line of the same key, extract and version leaves out.

    The first of the `split_by` columns that is given tells the versions of a key apart; without them
    a key has one version in an extract.
    """
    split = f"coalesce({', '.join(split_by)})" if split_by else "true"
    partly = " or ".join(f"count({name}) between 1 and count(*) - 1" for name in columns)
    return (
        "select _extract_id, _line from {batch} as lines semi join ("
        f"select _extracted_at, {key}, {split} as version from {{batch}} where {key} is not null "
        f"group by all having {partly}) as partly on lines._extracted_at = partly._extracted_at "
        f"and lines.{key} = partly.{key} and {split} = partly.version"
    )


# Of rows as they would be published


def expect_every_line_to_have_one_fate() -> str:
    """Expect every raw line to stand in the ledger once."""
    return (
        "/* {batch} */ select _extract_id, _line from ("
        "select _extract_id, _line, 1 as raw_lines, 0 as fates from raw "
        "union all select _extract_id, _line, 0, 1 from ledger) "
        "group by _extract_id, _line having sum(raw_lines) <> 1 or sum(fates) <> 1"
    )


def expect_rows_to_be_published_keys(*, key: str) -> str:
    """Expect the rows to be exactly the keys of which a line is published."""
    return (
        f"select coalesce(published.{key}, counted.row_key) as row_key from {{batch}} as published "
        "full join (select row_key from ledger where fate = 'published' group by row_key) as counted "
        f"on published.{key} = counted.row_key "
        f"where published.{key} is null or counted.row_key is null"
    )


def expect_no_row_kept_back(*, key: str) -> str:
    """Expect no row of a key of which a line was quarantined or withheld."""
    return (
        f"select {key} from {{batch}} semi join ("
        "select row_key from ledger where fate in ('quarantined', 'withheld')) as kept "
        f"on {key} = kept.row_key"
    )


def expect_no_row_under_policy(
    *, key: str, column: str, policy: str, shown: Sequence[str] = ()
) -> str:
    """Expect no row whose value of `column` a policy covers, or none that shows one of `shown`."""
    covered = f"list_contains((select policy_{policy} from facts), upper({column}))"
    shows = " or ".join(f"{name} is not null" for name in shown)
    return f"select {key} from {{batch}} where {f'({shows}) and ' if shows else ''}{covered}"


def expect_block_address(*, key: str, column: str) -> str:
    """Expect no address to hold the number of a house."""
    rest = f"regexp_replace({column}, {_text(_NO_HOUSE_NUMBER)}, '', 'g')"
    return f"select {key} from {{batch}} where regexp_matches({rest}, {_text(_HOUSE)})"


def _text(text: str) -> str:
    """A text as SQL within a query whose braces are filled in."""
    return quoted(text).replace("{", "{{").replace("}", "}}")


QUERIES: dict[str, Callable[..., str]] = {
    query.__name__: query
    for query in (
        expect_text_decoded_as_written,
        expect_newest_time_recent,
        expect_most_keys_once,
        expect_dates_in_declared_order,
        expect_keys_distinct_as_written,
        expect_times_to_exist,
        expect_times_in_order,
        expect_times_within_window,
        expect_code_to_mean_its_text,
        expect_columns_filled_together,
        expect_no_line_to_fill_a_gap,
        expect_every_line_to_have_one_fate,
        expect_rows_to_be_published_keys,
        expect_no_row_kept_back,
        expect_no_row_under_policy,
        expect_block_address,
    )
}
"""Our own expectation types and what each asks."""

NO_COLUMNS = frozenset({"policy", "unit", "usual"})
"""Their arguments that name no column; every other does."""


def filled(
    kwargs: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Arguments with each `{$PARAMETER: name}` replaced; by `$name` where nothing is known of it."""
    return {
        name: (parameters or {}).get(value["$PARAMETER"], f"${value['$PARAMETER']}")
        if isinstance(value, dict) and "$PARAMETER" in value
        else value
        for name, value in kwargs.items()
    }


def query_of(kind: str, kwargs: Mapping[str, Any]) -> str | None:
    """The query of one of our own expectations; none of another type.

    Raises:
        TypeError: an argument is missing or unknown; names it.
    """
    query = QUERIES.get(kind)
    if query is None:
        return None
    signature(query).bind(**kwargs)
    return query(**kwargs)
