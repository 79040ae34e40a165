"""One gate: runs a suite on a finished layer, keeps the verdict, and answers whether content passed.

Verdicts are only ever added. A pass is good for one content hash under one suite and dataset file:
neither the order of a run nor a manual launch gets round that.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.classification.in_force import classes_in_force
from orchestration.dataset import TIME_ZONE, Dataset
from orchestration.domains.classes import Classes
from orchestration.domains.date_order import MISREAD_DATES, misread_dates
from orchestration.duck import columns_of, connect, lines_of_files, parquet, query, quoted
from orchestration.errors import GateNotPassed
from orchestration.gates.domain_rules import domain_facts, domain_vocabularies, gate_rules
from orchestration.gates.rule_hashes import suite_hash, suite_hashes
from orchestration.gates.suites import SUITES, load_suite
from orchestration.gates.volume import measure_volume
from orchestration.layers import finish_folder, layer_file, layer_files, workspace
from orchestration.settings import Settings
from orchestration.state.store import GateRecord, Layer, State, new_id, now
from orchestration.times import time_functions
from orchestration.tombstones.tombstones import ERASED
from orchestration.warehouse.vocabularies import (
    load_vocabulary,
    named_vocabularies,
    vocabulary_path,
)

if TYPE_CHECKING:
    from orchestration.gates.evaluation import Tables

_LONG_AGO = datetime(1900, 1, 1)


def gate_name(layer: str) -> str:
    """The name of the check that blocks behind a layer; the others are named after their rules."""
    return f"{SUITES[layer]}_gate"


def run_gate(
    settings: Settings, state: State, dataset: Dataset, layer: Layer, *, run_id: str
) -> GateRecord:
    """Runs the suite of a layer and records its verdict: `passed`, `failed` or `broken`.

    `broken` means that an expectation crashed: it blocks like a failure and says nothing of the
    data.
    """
    from orchestration.gates.evaluation import evaluate
    from orchestration.gates.figures import with_figures
    from orchestration.gates.reasons import with_reasons

    suite = gate_rules(settings, dataset, layer.layer)
    classes = classes_in_force(settings, state, dataset)
    _refuse_other_classes(dataset, layer, classes)
    chain = upstream_chain(state, layer)
    facts = _facts(settings, state, dataset, chain)
    rules = suite.for_grain(str(facts["grain"]))
    tables = _tables(settings, dataset, chain, facts)
    with workspace(settings, run_id, f"{dataset.id}-{layer.layer}-gate") as folder:
        results, rows = evaluate(
            rules,
            tables,
            parameters=_parameters(dataset, facts),
            folder=folder,
        )
        results = with_figures(
            results,
            rules,
            dataset,
            volume=partial(measure_volume, settings, state, dataset, chain[0]),
            columns=partial(columns_of, tables.views[layer.layer]),
        )
        if layer.layer != "deduplicated":
            results = with_reasons(dataset, rules, results, tables.views["raw"])
        quarantine, lines = folder / "quarantine.parquet", 0
        quarantine_path = None
        if layer.layer == "standardized":
            lines = _count_lines(quarantine)
            _move_quarantine(settings, state, dataset, layer, quarantine, run_id)
            kept = settings.layers / dataset.id / "quarantine" / new_id()
            finish_folder([quarantine], kept)
            quarantine_path = str((kept / quarantine.name).relative_to(settings.home))
    record = GateRecord(
        dataset=dataset.id,
        layer=layer.layer,
        content_hash=layer.content_hash,
        suite_hash=suite_hash(settings, dataset, layer.layer, classes=classes.hash),
        verdict=_verdict(results, lines, rows, dataset),
        rows=rows,
        quarantined=lines,
        quarantine_path=quarantine_path,
        run_id=run_id,
        results=[result.as_json() for result in results],
        recorded_at=now(),
    )
    state.add_gate_record(record)
    return record


def gate_database(
    settings: Settings, state: State, dataset: Dataset, layer: Layer, database: Path
) -> dict[str, Any]:
    """Makes a DuckDB file of what the rules of a layer look at, for Great Expectations by hand.

    Returns the suite parameters that the rules ask for.
    """
    from orchestration.gates.evaluation import prepare

    chain = upstream_chain(state, layer)
    facts = _facts(settings, state, dataset, chain)
    with connect(database) as connection:
        prepare(connection, _tables(settings, dataset, chain, facts))
    return _parameters(dataset, facts)


def _tables(
    settings: Settings, dataset: Dataset, chain: Sequence[Layer], facts: Mapping[str, Any]
) -> "Tables":
    """What the rules of the last layer of a chain look at."""
    from orchestration.gates.evaluation import Tables

    return Tables(
        gated=chain[-1].layer,
        views=_views(settings, dataset, chain),
        facts=facts,
        functions=gate_functions(dataset, facts["extracted_at"]),
        key=dataset.key,
        vocabularies={
            f"vocabulary_{name}": vocabulary_path(settings, name)
            for name in _vocabularies(settings, dataset)
        },
    )


def gate_functions(dataset: Dataset, extracted_at: datetime) -> Mapping[str, str]:
    """What rules of a dataset may ask of times, by name, as definitions without `create`."""
    formats = dict.fromkeys(text for column in dataset.columns for text in column.formats)
    # The clock may change between the extract and the times that it may still tell of.
    return time_functions(list(formats), zone=TIME_ZONE, until=extracted_at.year + 1)


def require_passed(
    settings: Settings, state: State, dataset: Dataset, layer: Layer
) -> list[GateRecord]:
    """The passing records of a layer and of everything upstream of it, oldest layer first.

    Raises:
        GateNotPassed: one of them has none for exactly this content and the rules as they are now.
    """
    records = []
    classes = classes_in_force(settings, state, dataset).hash
    for upstream in upstream_chain(state, layer):
        record = state.gate_record(
            dataset.id,
            upstream.layer,
            upstream.content_hash,
            *suite_hashes(settings, state, dataset, upstream.layer, classes=classes),
        )
        if record is None or record.verdict != "passed":
            found = "was never run on it" if record is None else f"says {record.verdict!r}"
            raise GateNotPassed(
                f"{dataset.id}: the {SUITES[upstream.layer]} gate {found} (content "
                f"{upstream.content_hash[:12]}, rules as they are now). Look at "
                f"`summerware gates {dataset.id}`, mend the cause and run the dataset again"
            )
        records.append(record)
    return records


def newer_stop(state: State, dataset: Dataset, layer: Layer) -> GateRecord | None:
    """The verdict that stopped newer content on its way to this layer, or none."""
    for upstream in upstream_chain(state, layer):
        newest = state.newest_layer(dataset.id, upstream.layer)
        if newest is None or newest.finished_at <= upstream.finished_at:
            continue
        record = state.newest_gate_record(dataset.id, newest.layer, newest.content_hash)
        if record is not None and record.verdict != "passed":
            return record
    return None


def upstream_chain(state: State, layer: Layer) -> list[Layer]:
    """A layer and everything that it was made from, oldest first."""
    chain = [layer]
    while chain[0].upstream_id is not None:
        chain.insert(0, state.layer(chain[0].upstream_id))
    return chain


def _views(settings: Settings, dataset: Dataset, chain: Sequence[Layer]) -> dict[str, str]:
    """What the rules of a layer may look at, by name."""
    names: dict[str, dict[str, str]] = {
        "raw": {},
        "standardized": {"standardized": f"stg_{dataset.id}"},
        "deduplicated": {
            "deduplicated": dataset.id,
            "ledger": f"ledger_{dataset.id}",
        },
    }
    views = {"raw": lines_of_files(layer_files(settings, chain[0]))}
    for layer in chain[1:]:
        for name, file in names[layer.layer].items():
            views[name] = parquet(layer_file(settings, layer, file))
    if chain[-1].layer == "deduplicated":
        return views
    views = {name: _without_erased(table) for name, table in views.items()}
    if chain[-1].layer == "raw":
        views[MISREAD_DATES] = misread_dates(
            dataset.landed,
            views["raw"],
            present=columns_of(views["raw"]),
            extract_time_known=_knows_its_time(chain[0]),
        )
    return views


def _without_erased(table: str) -> str:
    """Lines whose cells an order erased are no data that a rule could judge; they have a fate."""
    if "_parse_error" not in columns_of(table):
        return table
    return f"(from {table} where _parse_error is distinct from {quoted(ERASED)})"


def _knows_its_time(raw: Layer) -> bool:
    """Whether the source says when the extract was made; the time of a file is a guess."""
    return bool(raw.facts["time_source"] != "file time")


def _facts(
    settings: Settings, state: State, dataset: Dataset, chain: Sequence[Layer]
) -> dict[str, Any]:
    """One row that rules may compare with: the extract's time and grain, and the last good one."""
    raw = chain[0].facts
    extracted_at = datetime.fromisoformat(raw["extracted_at"])
    stale_before = extracted_at - timedelta(days=dataset.limits.stale_days)
    volume = measure_volume(settings, state, dataset, chain[0])
    classes = classes_in_force(settings, state, dataset)
    return {
        "grain": raw["grain"],
        "extracted_at": extracted_at,
        "window_days": dataset.source.window.days if dataset.source.window else 0,
        "stale_before": stale_before if _knows_its_time(chain[0]) else _LONG_AGO,
        "keys_before": volume.before,
        "keys_at_least": volume.keys_at_least,
        **{
            f"policy_{policy.id}": classes.covered_by(policy.id, policy.column)
            for policy in dataset.policies
        },
        **{
            f"vocabulary_{name}": [entry.value for entry in load_vocabulary(settings, name)]
            for name in _vocabularies(settings, dataset)
        },
        **domain_facts(settings, dataset),
    }


def _refuse_other_classes(dataset: Dataset, layer: Layer, classes: Classes) -> None:
    """Which policies cover a line is worked out where it is standardized, by the classes of then."""
    if layer.layer != "standardized" or not dataset.deciding:
        return
    if layer.facts.get("classes") != classes.hash:
        raise GateNotPassed(
            f"{dataset.id}: values of deciding columns were classified since the standardized layer "
            f"was made; make it anew: `summerware run {dataset.id}`"
        )


def _vocabularies(settings: Settings, dataset: Dataset) -> list[str]:
    """The vocabularies whose right values the rules of a dataset ask for."""
    suites = "\n".join(load_suite(settings, dataset.id, layer).text for layer in SUITES)
    return sorted({*named_vocabularies(suites), *domain_vocabularies(dataset)})


def _parameters(dataset: Dataset, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What suites may name as `$PARAMETER`."""
    return {
        "key": dataset.key,
        "keys_at_least": facts["keys_at_least"],
        "required_columns": [column.name for column in dataset.landed if column.required],
        "published_columns": [column.name for column in dataset.published],
        **{name: value for name, value in facts.items() if name.startswith("policy_")},
    }


def _verdict(results: Sequence[Any], lines: int, rows: int, dataset: Dataset) -> str:
    if any(result.outcome == "broken" for result in results):
        return "broken"
    if any(result.outcome == "failed" and result.strength == "table" for result in results):
        return "failed"
    if rows and lines / rows > dataset.limits.quarantined_share:
        return "failed"
    return "passed"


def _count_lines(quarantine: Path) -> int:
    ((lines,),) = query(
        "select count(*) from (select _extract_id, _line "
        f"from {parquet(quarantine)} group by all having not bool_or(waits))"
    )
    return int(lines)


def _move_quarantine(
    settings: Settings,
    state: State,
    dataset: Dataset,
    layer: Layer,
    quarantine: Path,
    run_id: str,
) -> None:
    staged = layer_file(settings, layer, f"stg_{dataset.id}")
    with connect(spill=quarantine.parent) as connection:
        failing = connection.execute(
            f"""
            select distinct
                coalesce(staged.{dataset.key}::varchar, _extract_id || ':' || _line),
                quarantine.rule_id
            from {parquet(quarantine)} as quarantine
            join {parquet(staged)} as staged using (_extract_id, _line)
            """
        ).fetchall()
    state.move_quarantine(dataset.id, {(key, rule_id) for key, rule_id in failing}, run_id)
