"""A plan for people: what it would do, by column, by place and month, with rows before and after.

Reads the files that `planning` left, never the portal. Published columns only. As plain values for
JSON, as one HTML page that needs nothing else; the terminal's version is in
`orchestration/cli/publishing.py`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.dataset import Dataset
from orchestration.duck import connect, parquet
from orchestration.publishing.comparing import differ
from orchestration.publishing.planning import Plan
from orchestration.publishing.rendering import render

CHANGES = ("insert", "update", "first_fill", "delete", "held_back", "kept")
MOVING = CHANGES[:4]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of an example; `changed` says that before and after are not the same."""

    column: str
    before: str | None
    after: str | None
    changed: bool


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row that would move, its published cells side by side."""

    key: str
    change: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """How many rows of one value of a column, or of one month, would move, by kind of change."""

    value: str
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class PlanView:
    """One plan as people read it. `notes` say what stands between it and the portal."""

    dataset: str
    title: str
    publication_id: str | None
    plan: Plan
    notes: tuple[str, ...]
    groups: dict[str, tuple[Group, ...]]
    examples: dict[str, tuple[Example, ...]]

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return asdict(self)

    def as_page(self) -> str:
        """One HTML page, complete in itself."""
        return render("plan.html", view=self, moving=MOVING)


def view_plan(
    dataset: Dataset,
    plan: Plan,
    folder: Path,
    *,
    examples: int,
    notes: Sequence[str] = (),
    publication_id: str | None = None,
) -> PlanView:
    """Reads a plan's folder; so many examples of each kind of change, the first by key."""
    with connect(spill=folder if publication_id is None else None) as connection:
        _open(connection, dataset, folder)
        return PlanView(
            dataset=dataset.id,
            title=dataset.publish.title,
            publication_id=publication_id,
            plan=plan,
            notes=tuple(notes),
            groups=_groups(connection, dataset),
            examples={
                change: tuple(_examples(connection, dataset, change, examples)) for change in MOVING
            },
        )


def _open(connection: duckdb.DuckDBPyConnection, dataset: Dataset, folder: Path) -> None:
    """`moving`: one row per key that moves, its cells before (`b_…`) and after (`a_…`)."""
    names = [column.name for column in dataset.published]
    held = {
        file: {
            row[0]
            for row in connection.execute(
                f"describe from {parquet(folder / f'{file}.parquet')}"
            ).fetchall()
        }
        for file in ("preimages", "upserts")
    }
    cells = ", ".join(
        f"{f'{side}.{name}' if name in held[file] else 'null'} as {letter}_{name}"
        for letter, side, file in (("b", "before", "preimages"), ("a", "after", "upserts"))
        for name in names
    )
    key = dataset.key
    connection.execute(
        f"create view moving as select changes.row_key, changes.change, {cells} "
        f"from {parquet(folder / 'changes.parquet')} as changes "
        f"left join {parquet(folder / 'preimages.parquet')} as before on before.{key} = row_key "
        f"left join {parquet(folder / 'upserts.parquet')} as after on after.{key} = row_key "
        f"where change in {MOVING}"
    )


def _groups(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset
) -> dict[str, tuple[Group, ...]]:
    grouped = {
        name: f"coalesce(a_{name}, b_{name})::varchar"
        for name in dataset.plan_by
        if dataset.column(name).privacy == "publish"
    }
    event = dataset.event_time
    if event is not None and dataset.column(event).privacy == "publish":
        grouped["month"] = f"strftime(coalesce(a_{event}, b_{event}), '%Y-%m')"
    found = {}
    for name, sql in grouped.items():
        rows = connection.execute(
            f"select coalesce({sql}, '(none)') as value, change, count(*) from moving "
            "group by value, change order by value, change"
        ).fetchall()
        counts: dict[str, dict[str, int]] = {}
        for value, change, count in rows:
            counts.setdefault(value, {})[change] = count
        found[name] = tuple(Group(value=value, counts=of) for value, of in counts.items())
    return found


def _examples(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, change: str, limit: int
) -> list[Example]:
    columns = dataset.published
    selected = ", ".join(
        f"b_{c.name}::varchar, a_{c.name}::varchar, {differ(c, f'b_{c.name}', f'a_{c.name}')}"
        for c in columns
    )
    rows = connection.execute(
        f"select row_key, {selected} from moving where change = '{change}' "
        f"order by row_key limit {int(limit)}"
    ).fetchall()
    return [
        Example(
            key=row[0],
            change=change,
            cells=tuple(
                Cell(column=c.name, before=before, after=after, changed=changed)
                for c, before, after, changed in zip(
                    columns, row[1::3], row[2::3], row[3::3], strict=True
                )
            ),
        )
        for row in rows
    ]
