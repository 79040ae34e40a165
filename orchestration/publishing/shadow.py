"""The shadow: what we would have done beside a city's present publisher, each difference with its rule.

Reads the live dataset and writes nothing to it. Every day leaves `SUMMERWARE_HOME/shadow/<dataset>/
<day>/` with `differences.parquet` (one row per differing cell of an update, or per inserted, deleted
or held-back row: `row_key`, `change`, `column_name`, `before`, `after`, `rule`) and `report.json`,
readable by its owner alone. What no rule explains says so.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration.dataset import Dataset
from orchestration.duck import connect, copy_to_parquet, parquet, quoted
from orchestration.layers import layer_file, sync_file, sync_folder
from orchestration.publishing.comparing import NO_KEY, differ
from orchestration.publishing.planning import Plan
from orchestration.publishing.rendering import render
from orchestration.settings import Settings
from orchestration.state.store import Layer, State

UNEXPLAINED = "unexplained"
NOT_THERE = "not on the portal"
NOT_IN_EXTRACT = "not in the extract"
SURPLUS = "repeats another row's key, or has none"
SOURCE_VALUE = "as the extract has it"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """So many rows or cells that one rule tells apart, and how many there were the time before."""

    change: str
    column: str
    rule: str
    count: int
    before: int


@dataclass(frozen=True, kw_only=True)
class ShadowReport:
    """One day's comparison."""

    dataset: str
    day: str
    compared_with: str
    plan: Plan
    withheld: dict[str, int]
    differences: tuple[Difference, ...]
    previous_day: str | None
    folder: str

    def as_json(self) -> dict[str, Any]:
        """For a script, and for the next day."""
        return asdict(self)


def shadow_report(
    settings: Settings,
    state: State,
    dataset: Dataset,
    layer: Layer,
    plan: Plan,
    planned: Path,
    *,
    compared_with: str,
    day: date,
) -> ShadowReport:
    """Explains a plan against the live rows, and keeps the day's files."""
    folder = settings.home / "shadow" / dataset.id / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = state.layer(layer.upstream_id or "")
    with connect(spill=planned) as connection:
        _explain(connection, settings, dataset, layer, staged, planned)
        target = folder / "differences.parquet"
        connection.execute(copy_to_parquet("from differences order by all", target))
        sync_file(target)
        previous = _previous(folder)
        report = ShadowReport(
            dataset=dataset.id,
            day=day.isoformat(),
            compared_with=compared_with,
            plan=plan,
            withheld=_withheld(connection),
            differences=_counted(connection, previous),
            previous_day=previous["day"] if previous else None,
            folder=str(folder),
        )
    file = folder / "report.json"
    file.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    sync_file(file)
    sync_folder(folder)
    return report


def shadow_page(report: ShadowReport, *, title: str, examples: int) -> str:
    """The report as one HTML page, with so many examples of each difference, the first by key."""
    path = Path(report.folder) / "differences.parquet"
    with connect() as connection:
        found = [
            (one, _examples(connection, path, one, examples))
            for one in (report.differences if examples else ())
        ]
    return render("shadow.html", report=report, title=title, examples=found)


def _examples(
    connection: duckdb.DuckDBPyConnection, path: Path, one: Difference, limit: int
) -> list[dict[str, str | None]]:
    rows = connection.execute(
        f"select row_key, before, after from {parquet(path)} where change = ? and column_name = ? "
        f"and rule = ? order by row_key limit {int(limit)}",
        [one.change, one.column, one.rule],
    ).fetchall()
    return [{"key": key, "before": before, "after": after} for key, before, after in rows]


def _explain(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    dataset: Dataset,
    layer: Layer,
    staged: Layer,
    planned: Path,
) -> None:
    """The table `differences`, from the plan's files, the ledger and the corrections."""
    tables = {
        "ledger": layer_file(settings, layer, f"ledger_{dataset.id}"),
        "decided": layer_file(settings, layer, f"decided_cells_{dataset.id}"),
        "corrections": layer_file(settings, staged, f"corrections_{dataset.id}"),
        **{
            name: planned / f"{name}.parquet"
            for name in ("changes", "preimages", "upserts", "surplus")
        },
    }
    for name, path in tables.items():
        connection.execute(f"create view {name} as from {parquet(path)}")
    connection.execute(
        "create table rules as select row_key, column_name, min(rule_id) as rule from ("
        "select ledger.row_key, corrections.column_name, corrections.rule_id from ledger "
        "join corrections using (_extract_id, _line) "
        "semi join changes on ledger.row_key = changes.row_key "
        "union all select row_key, column_name, rule_id from decided) group by all"
    )
    connection.execute(
        "create table fates as select row_key, min(reason) as reason from ledger "
        "semi join changes on ledger.row_key = changes.row_key "
        "where reason is not null group by row_key"
    )
    key = dataset.key
    cells = " union all ".join(
        f"select before.{key} as row_key, 'update' as change, '{c.name}' as column_name, "
        f"before.{c.name}::varchar as before, after.{c.name}::varchar as after "
        f"from preimages as before join upserts as after on before.{key} = after.{key} "
        f"where {differ(c, f'before.{c.name}', f'after.{c.name}')}"
        for c in dataset.published
        if c.name != key
    )
    connection.execute(
        "create table differences as select cells.*, "
        f"coalesce(rules.rule, '{SOURCE_VALUE}') as rule from ({cells}) as cells "
        "left join rules using (row_key, column_name) union all "
        "select changes.row_key, changes.change, '', null, null, "
        f"case when change = 'insert' then coalesce(reason, '{NOT_THERE}') "
        f"when change = 'delete' then coalesce(reason, '{NOT_IN_EXTRACT}') "
        f"else coalesce(reason, '{UNEXPLAINED}') end "
        "from changes left join fates using (row_key) "
        "where change not in ('update', 'first_fill') union all "
        f"select coalesce({key}::varchar, '{NO_KEY}'), 'surplus', '', null, null, {quoted(SURPLUS)} "
        "from surplus"
    )


def _withheld(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Lines that a policy keeps back or a rule quarantines, whether the portal shows them or not."""
    rows = connection.execute(
        "select reason, count(*) from ledger where fate in ('withheld', 'quarantined') "
        "and reason is not null group by reason order by reason"
    ).fetchall()
    return dict(rows)


def _counted(
    connection: duckdb.DuckDBPyConnection, previous: dict[str, Any] | None
) -> tuple[Difference, ...]:
    known = {
        (one["change"], one["column"], one["rule"]): one["count"]
        for one in (previous or {}).get("differences", [])
    }
    rows = connection.execute(
        "select change, column_name, rule, count(*) from differences "
        "group by all order by count(*) desc, change, column_name, rule"
    ).fetchall()
    return tuple(
        Difference(
            change=change,
            column=column,
            rule=rule,
            count=count,
            before=known.get((change, column, rule), 0),
        )
        for change, column, rule, count in rows
    )


def _previous(folder: Path) -> dict[str, Any] | None:
    """The report of the last day before this one."""
    earlier = sorted(
        path for path in folder.parent.glob("*/report.json") if path.parent.name < folder.name
    )
    if not earlier:
        return None
    found: dict[str, Any] = json.loads(earlier[-1].read_text(encoding="utf-8"))
    return found
