"""Which rows are compared at all: those that share a block of time and place.

What belongs here: two overlapping grids of time, so that no pair within the minutes is lost at the
hour or at midnight; keys of a place that survive a slip of the pen; the cap on busy blocks, which is
counted. Blocks are plain columns, made before Splink sees a row; its rules only say "equal". What
does not belong here: how much two rows agree (``comparisons.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from orchestration.cleaning.comparisons import (
    KEY,
    is_on_globe,
    place_mark,
    place_street,
    plain_text,
)
from orchestration.dataset import Comparison

AT = "row_at"
"""Seconds of a row's time, in the table of blocked rows."""

BLOCK_CAP = 60
"""Rows of one block that are all compared with each other; a busier block is cut in order of time."""


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """What blocking left out: busy blocks that were cut into parts, and the rows in them."""

    columns: tuple[str, ...]
    cut_blocks: int
    cut_rows: int


def blocking_rules(columns: Sequence[str], *, within_minutes: int) -> list[str]:
    """Conditions on `l` and `r`, in SQL that any engine reads."""
    near = f"abs(l.{AT} - r.{AT}) <= {within_minutes * 60}"
    return [f"l.{column} = r.{column} and {near}" for column in columns]


def block_rows(
    connection: duckdb.DuckDBPyConnection,
    *,
    work: str,
    rows: str,
    key: str,
    time: str,
    place: str,
    within_minutes: int,
    compared: Sequence[Comparison],
) -> Blocked:
    """Makes `<work>.blocked`: key, time in seconds and blocks of the rows that share one.

    A block is null where no other row has it, so that Splink joins only what can meet. Rows without
    a time are in no block.
    """
    keys = _place_keys(place, compared)
    connection.execute(
        f"create table {work}.places as select place, {_listed(keys.of_place)} "
        f'from (select distinct cast("{place}" as varchar) as place from {rows})'
    )
    span = 2 * within_minutes * 60
    ticks = {"a": f"{AT} // {span}", "b": f"({AT} + {span // 2}) // {span}"}
    blocks = {
        f"block_{name}_{grid}": f"case when {sql} is not null and {AT} is not null "
        f"then hash({sql}, {tick}, '{name}{grid}') end"
        for name, sql in keys.of_row.items()
        for grid, tick in ticks.items()
    }
    connection.execute(
        f"""create table {work}.keyed as
            select {KEY}, {AT}, {_listed(blocks)} from (
                select {_listed(keys.kept)}, places.* exclude (place),
                    cast("{key}" as varchar) as {KEY},
                    cast(floor(epoch(try_cast("{time}" as timestamp))) as bigint) as {AT},
                from {rows} as source
                left join {work}.places on places.place = cast(source."{place}" as varchar)
            )"""
    )
    blocked = _share_blocks(connection, work, tuple(blocks))
    for name in ("places", "keyed"):
        connection.execute(f"drop table {work}.{name}")
    return blocked


@dataclass(frozen=True)
class _Keys:
    of_place: dict[str, str]
    kept: dict[str, str]
    of_row: dict[str, str]


def _place_keys(place: str, compared: Sequence[Comparison]) -> _Keys:
    """Keys of a place: heads and tails of its streets beside its numbers, and what else agrees.

    A slip in the head of a name leaves its tail, and the other way round; in a short name, or where
    the place is not the same text at all, the kind of event or the point still agrees.
    """
    sides = f"list_transform({_SIDES}, side -> {place_street(plain_text('side'))})"
    mains = (
        f"list_transform({sides}, side -> replace(regexp_replace(side, ' [A-Z]+$', ''), ' ', ''))"
    )
    mark = place_mark(plain_text("place"))
    of_place = {
        "mark": f"nullif({mark}, '')",
        "head": f"{mark} || '|' || {_joined(mains, 'left(side, 3)')}",
        "tail": f"{mark} || '|' || {_joined(mains, 'right(side, 3)')}",
    }
    kept, of_row = {}, {"head": "head", "tail": "tail"}
    code = next((one.column for one in compared if one.how == "code"), None)
    if code is not None:
        kept["code"] = plain_text(f'source."{code}"')
        of_row["code"] = "mark || '|' || code"
    point = next((one.column for one in compared if one.how in ("point", "house")), None)
    if point is not None:
        named = f'source."{point}"'
        kept["point"] = f"case when {is_on_globe(named)} then cast({named} as varchar) end"
        of_row["point"] = "point"
    return _Keys(of_place=of_place, kept=kept, of_row=of_row)


_SIDES = "regexp_split_to_array(upper(place), ' *(&|/|@| AND | AT ) *')"


def _joined(sides: str, part: str) -> str:
    return f"array_to_string(list_sort(list_transform({sides}, side -> {part})), '|')"


def _share_blocks(
    connection: duckdb.DuckDBPyConnection, work: str, columns: tuple[str, ...]
) -> Blocked:
    """Keeps the blocks that several rows share; cuts the busy ones in order of time and key."""
    joins, chosen, dropped = [], {}, []
    cut_blocks = cut_rows = 0
    for column in columns:
        shared = f"{work}.shared_{column}"
        connection.execute(
            f"create table {shared} as select {column} as block, count(*) as rows "
            f"from {work}.keyed where {column} is not null group by {column} having count(*) > 1"
        )
        joins.append(f"left join {shared} as {column}_ on {column}_.block = keyed.{column}")
        dropped.append(shared)
        chosen[column] = f"{column}_.block"
        busy = connection.sql(
            f"select count(*), coalesce(sum(rows), 0) from {shared} where rows > {BLOCK_CAP}"
        ).fetchone()
        if busy is not None and busy[0]:
            cut_blocks, cut_rows = cut_blocks + int(busy[0]), cut_rows + int(busy[1])
            parts = f"{work}.parts_{column}"
            connection.execute(
                f"""create table {parts} as
                    select {KEY} as part_key, hash({column}, (row_number() over (
                        partition by {column} order by {AT}, {KEY}) - 1) // {BLOCK_CAP}) as part
                    from {work}.keyed semi join
                        (select block from {shared} where rows > {BLOCK_CAP}) as busy
                        on busy.block = keyed.{column}"""
            )
            joins.append(f"left join {parts} as {column}_part on {column}_part.part_key = {KEY}")
            dropped.append(parts)
            chosen[column] = f"coalesce({column}_part.part, {column}_.block)"
    connection.execute(
        f"create table {work}.blocked as select {KEY}, {AT}, {_listed(chosen)} from {work}.keyed "
        f"{' '.join(joins)} where coalesce({', '.join(f'{c}_.block' for c in columns)}) is not null"
    )
    for name in dropped:
        connection.execute(f"drop table {name}")
    return Blocked(columns=columns, cut_blocks=cut_blocks, cut_rows=cut_rows)


def _listed(columns: dict[str, str]) -> str:
    return ", ".join(f'{sql} as "{name}"' for name, sql in columns.items())
