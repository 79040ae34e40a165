"""Runs suites with the real `evaluate()` on tiny Parquet tables made of the cases in `cases/`.

What a case file says: `row` is one good row of the dataset, where `{n}` is the number of the line, so
that no two rows share a key. Each rule has cases under `passes`, `violates` and `null_passes` or
`null_violates`; a case holds the cells that it changes.

A row suite runs once, on all rows of all its cases together, of an extract after a good one: every
rule must flag exactly the rows that its cases say, and those of other rules that name it under
`also`. A raw or publishable suite runs on one table per case, of which only the rule itself (and
`also`) may fail. Words that are no columns:

    times         that many such rows
    also          other rules that the case breaks too
    raw           cells of the landed line, where they are not the row's own
    rows          the rows of a table; ten good ones where nothing is said
    every         cells of every row of a table
    without       columns that a table lacks
    with          columns that a table has beyond the dataset file, with their value
    facts         what the gate knows, where it is not the usual
    flags         the lines that a failing table rule names
    standardized  cells of every standardized line below a publishable table
    ledger        ledger lines beyond one `published` per row
    raw_lines     raw lines beyond one per row
    unledgered    line numbers that the ledger leaves out
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa
import yaml

from orchestration.dataset import Dataset, load_datasets
from orchestration.domains.date_order import MISREAD_DATES, misread_dates
from orchestration.duck import parquet
from orchestration.gates import gate
from orchestration.gates.evaluation import RuleResult, Tables, evaluate
from orchestration.gates.suites import SUITES, Rule, Suite, load_suite
from orchestration.settings import Settings
from orchestration.state import tables as state_tables
from orchestration.state.store import Layer, State

CASES = Path(__file__).parent / "cases"
KINDS = {"passes": False, "violates": True, "null_passes": False, "null_violates": True}
EXTRACTED_AT = "2022-09-01T00:00:00"
TYPES = {"text": "varchar", "point": "varchar", "number": "double"}

Cells = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One case of one rule."""

    dataset: str
    layer: str
    rule_id: str
    kind: str
    number: int
    spec: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.dataset}-{self.rule_id}-{self.kind}{self.number or ''}"

    @property
    def broken_rules(self) -> set[str]:
        """The rules that this case breaks."""
        return set(self.spec.get("also", ())) | ({self.rule_id} if KINDS[self.kind] else set())


@lru_cache
def settings() -> Settings:
    return Settings.from_environment()


@lru_cache
def datasets() -> dict[str, Dataset]:
    return load_datasets(settings().datasets_dir)


@lru_cache
def case_file(dataset: str) -> dict[str, Any]:
    path = CASES / f"{dataset}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


@lru_cache
def suite_of(dataset: str, layer: str) -> Suite:
    return load_suite(settings(), dataset, layer)


def rules_of(dataset: str, layer: str) -> tuple[Rule, ...]:
    return suite_of(dataset, layer).rules


def all_suites() -> Iterator[tuple[str, str]]:
    """Every dataset that has suites, with every layer."""
    for folder in sorted(settings().expectations_dir.iterdir()):
        if folder.name in datasets():
            for layer in SUITES:
                yield folder.name, layer


def cases_of(dataset: str, layer: str) -> list[Case]:
    found = []
    for rule_id, kinds in (case_file(dataset).get(SUITES[layer]) or {}).items():
        for kind, specs in kinds.items():
            assert kind in KINDS, f"{dataset}: {rule_id}: {kind} is no kind of case"
            for number, spec in enumerate(specs if isinstance(specs, list) else [specs]):
                found.append(Case(dataset, layer, rule_id, kind, number, spec or {}))
    return found


def grain_of(dataset: str, rule_id: str) -> str:
    """The line grain that a rule looks at: its own, else that of the dataset."""
    for layer in SUITES:
        for rule in rules_of(dataset, layer):
            if rule.meta.rule_id == rule_id and rule.meta.grain:
                return rule.meta.grain
    return datasets()[dataset].grain.line


@dataclass(frozen=True)
class Outcome:
    """What a suite found: results by rule, the lines that each rule's query lists, quarantine."""

    results: dict[str, RuleResult]
    lines: dict[str, set[int]]
    quarantine: set[tuple[int, str]]

    @property
    def failed(self) -> set[str]:
        return {name for name, result in self.results.items() if result.outcome == "failed"}

    @property
    def broken(self) -> set[str]:
        return {name for name, result in self.results.items() if result.outcome == "broken"}


def run_row_cases(dataset: str) -> tuple[Outcome, dict[int, Case]]:
    """Runs the standardized suite on the rows of all its cases, each line known by its case."""
    return _run_row_cases(dataset)


@lru_cache
def _run_row_cases(dataset: str) -> tuple[Outcome, dict[int, Case]]:
    rows: list[dict[str, Any]] = []
    raw: list[dict[str, Any]] = []
    owners: dict[int, Case] = {}
    for case in cases_of(dataset, "standardized"):
        spec = dict(case.spec)
        spec.pop("also", None)
        written = spec.pop("raw", {})
        for _ in range(spec.pop("times", 1)):
            line = len(rows) + 1
            owners[line] = case
            rows.append(_row(dataset, line, spec))
            raw.append({**rows[-1], **written})
    outcome = _evaluate(
        dataset,
        "standardized",
        {
            "raw": (_raw_columns(dataset), raw),
            "standardized": (_standardized_columns(dataset), rows),
        },
        facts={"keys_before": 1},
        grain=datasets()[dataset].grain.line,
    )
    return outcome, owners


def run_table_case(case: Case) -> Outcome:
    """Runs a raw or publishable suite on the table of one case."""
    spec = {name: value for name, value in case.spec.items() if name not in ("also", "flags")}
    grain = grain_of(case.dataset, case.rule_id)
    return _run_table(case.dataset, case.layer, grain, json.dumps(spec, default=_text))


@cache
def _run_table(dataset: str, layer: str, grain: str, text: str) -> Outcome:
    spec = json.loads(text)
    rows = _table_rows(dataset, spec)
    if layer == "raw":
        columns = _raw_columns(dataset)
        tables = {"raw": (columns, rows)}
    else:
        columns = _published_columns(dataset)
        tables = {"deduplicated": (columns, rows), **_lines_below(dataset, spec, rows)}
    for name in spec.get("without", ()):
        del columns[name]
    for name, value in spec.get("with", {}).items():
        columns[name] = "varchar"
        rows[:] = [{**row, name: value} for row in rows]
    return _evaluate(dataset, layer, tables, facts=spec.get("facts", {}), grain=grain)


def _table_rows(dataset: str, spec: Cells) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for changes in spec.get("rows", [{"times": 10}]):
        cells = {name: value for name, value in changes.items() if name != "times"}
        for _ in range(changes.get("times", 1)):
            rows.append(_row(dataset, len(rows) + 1, {**spec.get("every", {}), **cells}))
    return rows


Table = tuple[dict[str, str], list[dict[str, Any]]]


def _lines_below(dataset: str, spec: Cells, rows: Sequence[Cells]) -> dict[str, Table]:
    """The landed and standardized lines and the ledger that a published table was made from."""
    key = datasets()[dataset].key
    ledger = [
        {"_extract_id": "e1", "_line": row["_line"], "row_key": row[key], "fate": "published"}
        for row in rows
        if row["_line"] not in spec.get("unledgered", ())
    ]
    ledger += [{"_extract_id": "e1", **line} for line in spec.get("ledger", ())]
    lines = [dict(row) for row in rows]
    lines += [_row(dataset, line["_line"], line) for line in spec.get("raw_lines", ())]
    standardized = [{**line, **spec.get("standardized", {})} for line in lines]
    return {
        "raw": (_raw_columns(dataset), [{**line, **spec.get("raw", {})} for line in lines]),
        "standardized": (_standardized_columns(dataset), standardized),
        "ledger": (
            {
                "_extract_id": "varchar",
                "_line": "bigint",
                "row_key": "varchar",
                "fate": "varchar",
                "reason": "varchar",
                "survivor_extract_id": "varchar",
                "survivor_line": "bigint",
            },
            ledger,
        ),
    }


def _row(dataset: str, line: int, changes: Cells) -> dict[str, Any]:
    good = case_file(dataset)["row"]
    cells = {
        "_extract_id": "e1",
        "_line": line,
        "_extracted_at": EXTRACTED_AT,
        "_grain": datasets()[dataset].grain.line,
        **{
            name: value.format(n=line) if isinstance(value, str) else value
            for name, value in good.items()
        },
        **changes,
    }
    known = set(_standardized_columns(dataset)) | set(changes if "_line" in changes else ())
    wrong = set(cells) - known
    assert not wrong, f"{dataset}: a case speaks of {', '.join(sorted(wrong))}, which is no column"
    return cells


def _raw_columns(dataset: str) -> dict[str, str]:
    return _line_columns() | {column.name: "varchar" for column in datasets()[dataset].landed}


def _standardized_columns(dataset: str) -> dict[str, str]:
    columns = datasets()[dataset].columns
    return (
        _line_columns()
        | dict.fromkeys(
            ("_unparsed", "_mangled", "_shifted", "_uneven", "_persons", "_unclassified"), "varchar"
        )
        | {column.name: TYPES.get(column.type, column.type) for column in columns}
    )


def _published_columns(dataset: str) -> dict[str, str]:
    return {
        column.name: TYPES.get(column.type, column.type) for column in datasets()[dataset].published
    }


def _line_columns() -> dict[str, str]:
    return {
        "_extract_id": "varchar",
        "_line": "bigint",
        "_extracted_at": "timestamp",
        "_grain": "varchar",
        "_parse_error": "varchar",
    }


def _evaluate(
    dataset_id: str, layer: str, tables: Mapping[str, Table], *, facts: Cells, grain: str
) -> Outcome:
    rules = suite_of(dataset_id, layer).for_grain(grain)
    return evaluate_rules(dataset_id, layer, rules, tables, facts=facts, grain=grain)


def evaluate_rules(
    dataset_id: str,
    layer: str,
    rules: Sequence[Rule],
    tables: Mapping[str, Table],
    *,
    facts: Cells,
    grain: str,
) -> Outcome:
    dataset = datasets()[dataset_id]
    usual = _usual_facts(dataset_id, grain)
    known = usual | {
        name: datetime.fromisoformat(fact) if isinstance(usual.get(name), datetime) else fact
        for name, fact in facts.items()
    }
    with tempfile.TemporaryDirectory(prefix="rules-") as name:
        folder = Path(name)
        views = {}
        for table, (columns, rows) in tables.items():
            file = folder / f"{table}.parquet"
            _write(file, columns, rows)
            views[table] = parquet(file)
        if layer == "raw":
            views[MISREAD_DATES] = misread_dates(
                dataset.landed, views["raw"], present=tables["raw"][0], extract_time_known=True
            )
        results, _ = evaluate(
            rules,
            Tables(
                gated=layer,
                views=views,
                facts=known,
                functions=gate.gate_functions(dataset, known["extracted_at"]),
                vocabularies={
                    f"vocabulary_{path.stem}": path
                    for path in (settings().dbt_project_dir / "seeds").glob("*.csv")
                },
                key=dataset.key,
            ),
            parameters=gate._parameters(dataset, known),
            folder=folder,
        )
        # An empty database in memory: the queries must stand alone.
        with duckdb.connect() as connection:
            lines = {
                result.rule_id: _lines_of(connection, result.query)
                for result in results
                if result.query and layer != "deduplicated"
            }
            quarantine = connection.execute(
                "select _line, rule_id from read_parquet(?)", [str(folder / "quarantine.parquet")]
            ).fetchall()
    return Outcome({result.rule_id: result for result in results}, lines, set(quarantine))


def _lines_of(connection: duckdb.DuckDBPyConnection, query: str) -> set[Any]:
    """The lines that a rule's query lists, run as it stands."""
    found = connection.execute(query)
    place = [column[0] for column in found.description or []].index("_line")
    return {row[place] for row in found.fetchall()}


@lru_cache
def _usual_facts(dataset: str, grain: str) -> dict[str, Any]:
    """What the gate tells rules of an extract of 2022-09-01 that is the first of its dataset."""
    engine = sa.create_engine("sqlite://")
    state_tables.metadata.create_all(engine)
    layer = Layer(
        id="layer",
        dataset=dataset,
        layer="raw",
        run_id="run",
        content_hash="content",
        upstream_id=None,
        path="layer",
        facts={"extracted_at": EXTRACTED_AT, "time_source": "name", "grain": grain, "keys": 10},
        finished_at=EXTRACTED_AT,
    )
    try:
        return gate._facts(settings(), State(engine), datasets()[dataset], [layer])
    finally:
        engine.dispose()


def _write(target: Path, columns: Mapping[str, str], rows: Sequence[Cells]) -> None:
    cells = pa.table(
        {name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in columns}
    )
    typed = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns.items())
    with _writer().cursor() as cursor:
        cursor.register("cells", cells)
        cursor.execute(f"copy (select {typed} from cells) to '{target}' (format parquet)")


@lru_cache
def _writer() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
