"""Publishing a million rows, a day's difference, adopting: seconds of each part, bytes sent, memory.

python -m benchmarks.publishing [ROWS] [MOVED]

The portal runs in a process of its own. Rows are made up in DuckDB in the columns of the calls; the
whole way is measured, gates aside: plan, send, read back, receipt. What the portal itself costs is
shown by `benchmarks.sending`.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from benchmarks.portal import portal_process
from orchestration.classification.in_force import classes_in_force
from orchestration.dataset import Dataset, load_dataset
from orchestration.duck import connect, copy_to_parquet
from orchestration.gates.rule_hashes import suite_hash
from orchestration.layers import LAYERS, finish_layer, workspace
from orchestration.publishing import delivery, publisher
from orchestration.publishing.adoption import adopt_dataset
from orchestration.publishing.planning import make_plan
from orchestration.publishing.publisher import open_publisher, publish
from orchestration.publishing.verification import Verifier
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import GateRecord, Layer, State, now

DAYS = ("2022-09-10T00:00:00", "2022-09-11T00:00:00", "2022-09-12T00:00:00")
SECONDS: dict[str, float] = {}
SENT = {"bytes": 0}


def main(rows: int = 1_000_000, moved: int = 2_000) -> None:
    """Runs it in a home of its own and prints the figures."""
    with tempfile.TemporaryDirectory(prefix="summerware-bench-") as folder:
        os.environ["SUMMERWARE_HOME"] = folder
        settings = Settings.from_environment().prepare()
        state = State(open_database(settings))
        dataset = _dataset(settings)
        with portal_process(settings.portal_home), _measured():
            for day, label in enumerate(("initial load", "daily difference", "the same again")):
                layer = _made_apart(settings, state, rows, moved if day else 0, day)
                _publish(settings, state, dataset, layer, label)
            _forget_publications(state, dataset)
            started = time.monotonic()
            with open_publisher(settings, state, dataset) as publisher:
                adopted = adopt_dataset(publisher, by="bench", reason="bench", run_id="adopt")
            took = time.monotonic() - started
            print(f"adopted           {adopted.plan['rows']:,} rows in {took:.1f} s", flush=True)
            _publish(settings, state, dataset, layer, "after adopting")


def _publish(settings: Settings, state: State, dataset: Dataset, layer: Layer, label: str) -> None:
    """Publishes a layer and prints what it took."""
    SECONDS.clear()
    SENT["bytes"] = 0
    started = time.monotonic()
    outcome = publish(settings, state, dataset, layer, run_id=layer.run_id)
    whole = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    writes = outcome.plan.writes if outcome.plan else 0
    print(
        f"{label:<17} {outcome.state:<9} {writes:>9,} rows  whole {whole:6.1f} s  "
        f"plan {SECONDS.get('plan', 0):5.1f} s  send {SECONDS.get('send', 0):6.1f} s  "
        f"verify {SECONDS.get('verify', 0):5.1f} s  sent {SENT['bytes'] / 1e6:7.1f} MB  "
        f"peak {peak:,.0f} MB",
        flush=True,
    )


def _forget_publications(state: State, dataset: Dataset) -> None:
    """As if somebody else had published what is there."""
    for publication in state.publications(dataset.id):
        state.move_publication(publication.id, target="elsewhere")


def _dataset(settings: Settings) -> Dataset:
    found = load_dataset(settings.datasets_dir / sorted(
        path.name for path in settings.datasets_dir.glob("calls*.yaml")
    )[0])  # fmt: skip
    target = found.publish.model_copy(update={"partition": None, "id": "benc-hmrk"})
    return found.model_copy(update={"publish": target})


@contextmanager
def _measured() -> Iterator[None]:
    """Times the parts, and counts the bytes of every chunk."""
    chunks = delivery.planned_chunks

    def counted(*options: Any, **more: Any) -> Iterator[Any]:
        for chunk in chunks(*options, **more):
            SENT["bytes"] += len(chunk.body)
            yield chunk

    publisher.make_plan = _timed("plan", make_plan)
    delivery.Delivery._send = _timed("send", delivery.Delivery._send)
    Verifier.verify = _timed("verify", Verifier.verify)
    delivery.planned_chunks = counted
    yield


def _timed(name: str, call: Callable[..., Any]) -> Any:
    def timed(*options: Any, **more: Any) -> Any:
        started = time.monotonic()
        try:
            return call(*options, **more)
        finally:
            SECONDS[name] = SECONDS.get(name, 0) + time.monotonic() - started

    return timed


def _made_apart(settings: Settings, state: State, rows: int, moved: int, day: int) -> Layer:
    """The layer of a day, made by another process: what that takes is not publishing's."""
    made = get_context("spawn").Process(target=_make, args=(rows, moved, day))
    made.start()
    made.join()
    found = state.newest_layer(_dataset(settings).id, LAYERS[-1])
    assert made.exitcode == 0
    assert found is not None
    return found


def _make(rows: int, moved: int, day: int) -> None:
    settings = Settings.from_environment().prepare()
    state = State(open_database(settings))
    _layer(settings, state, _dataset(settings), rows, moved, day)


def _layer(
    settings: Settings, state: State, dataset: Dataset, rows: int, moved: int, day: int
) -> Layer:
    """A finished and passed layer; half of the moved rows change, a quarter is new, a quarter gone."""
    facts = {"extracted_at": DAYS[day], "source": "files", "extracts": [DAYS[day]], "grain": "call"}
    layer: Layer | None = None
    for name in LAYERS:
        with workspace(settings, f"run-{day}", name) as folder:
            files = [folder / f"{name}.parquet"]
            with connect(spill=folder) as connection:
                connection.execute(copy_to_parquet("select 1 as nothing", files[0]))
                if name == LAYERS[-1]:
                    files = [
                        folder / f"{dataset.id}.parquet",
                        folder / f"ledger_{dataset.id}.parquet",
                    ]
                    connection.execute(copy_to_parquet(_mart(dataset, rows, moved), files[0]))
                    connection.execute(
                        copy_to_parquet(
                            f"select {dataset.key} as row_key, 'published' as fate, "
                            f"null::varchar as reason from read_parquet('{files[0]}')",
                            files[1],
                        )
                    )
            layer = finish_layer(
                settings, state, dataset=dataset.id, layer=name, run_id=f"run-{day}",
                upstream=layer, files=files, facts=facts,
            )  # fmt: skip
        state.add_gate_record(
            GateRecord(
                dataset=dataset.id, layer=name, content_hash=layer.content_hash,
                suite_hash=suite_hash(
                    settings, dataset, name, classes=classes_in_force(settings, state, dataset).hash
                ), verdict="passed", rows=rows,
                quarantined=0, quarantine_path=None, run_id=f"run-{day}", results=[],
                recorded_at=now(),
            )
        )  # fmt: skip
    assert layer is not None
    return layer


def _mart(dataset: Dataset, rows: int, moved: int) -> str:
    made = {
        "text": "'value ' || (n * 7919 % 5000)",
        "number": "(n * 31 % 1000000) / 100.0",
        "timestamp": "timestamp '2022-01-01' + to_seconds(n * 23)",
        "date": "date '2022-01-01' + (n % 365)::integer",
        "boolean": "n % 3 = 0",
        "point": "'POINT (' || -90.1 - (n % 997) / 10000.0 || ' ' || 29.9 + (n % 991) / 10000.0 || ')'",
    }
    cells = ", ".join(
        f"'K' || lpad(n::varchar, 8, '0') as {column.name}"
        if column.name == dataset.key
        else f"({made[column.type]}){_changed(column.type, moved)} as {column.name}"
        for column in dataset.published
    )
    quarter = moved // 4
    return f"select {cells} from range({quarter}, {rows + quarter}) as numbers(n) order by n"


def _changed(kind: str, moved: int) -> str:
    """Text cells of the first half of the moved rows read otherwise."""
    if kind != "text" or not moved:
        return ""
    return f" || case when n % 1000000 < {moved // 4 + moved // 2} then ' again' else '' end"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
