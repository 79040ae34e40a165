"""A town with some small datasets, a real Dagster history, real gate records, and its alerts.

A run is a real Dagster run of one asset and one gate for each dataset; what the gates find is told
to it, and written as the record that a real gate leaves. What makes a gate fail is tested with the
gates.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from orchestration.alerts.watch import Watched, watch
from orchestration.defs.pipeline import Pipeline
from orchestration.gates.suites import SUITES
from orchestration.instance import prepare_instance
from orchestration.settings import Settings
from orchestration.state.alerts import Alert, AlertStore, Delivery
from orchestration.state.database import open_database
from orchestration.state.store import GateRecord, State, now
from tests.unit.publishing.conftest import trees_file

Results = Sequence[Mapping[str, Any]]
AT_ONCE = {
    "routes": [{"to": "owners"}],
    "digest_at": None,
    "escalate": {"to": "supervisors"},
}


def rule(
    rule_id: str = "trees_stand",
    *,
    strength: str = "table",
    outcome: str = "failed",
    failing: int = 3,
    **more: Any,
) -> dict[str, Any]:
    """What one rule found, as a gate record keeps it."""
    return {
        "rule_id": rule_id,
        "strength": strength,
        "outcome": outcome,
        "failing": failing if outcome == "failed" else 0,
        "keys": failing,
        "share": failing / 100,
        "examples": [f"trees-1:{line}" for line in range(1, min(failing, 5) + 1)],
        "query": None,
        "observed": None,
        "cause": "ZeroDivisionError" if outcome == "broken" else None,
        **more,
    }


PASSED = rule(outcome="passed")


class Town:
    """Datasets `grove_0`, `grove_1`, …; the world is `settings.home` and what the channels name."""

    def __init__(self, settings: Settings, *, datasets: int = 1) -> None:
        self.settings = settings
        self.ids = [f"grove_{number}" for number in range(datasets)]
        settings.datasets_dir.mkdir(parents=True, exist_ok=True)
        for dataset_id in self.ids:
            self.write_dataset(dataset_id)
        prepare_instance(settings)
        self.state = State(open_database(settings))
        self.store = AlertStore(self.state)
        self.pipeline = Pipeline()
        self.instance = dg.DagsterInstance.get()

    def write_dataset(self, dataset_id: str = "grove_0", **more: Any) -> None:
        content = trees_file(
            **{"id": dataset_id, "title": f"Trees of {dataset_id}", "alerts": AT_ONCE, **more}
        )
        path = self.settings.datasets_dir / f"{dataset_id}.yaml"
        path.write_text(yaml.safe_dump(content))

    def run(
        self,
        found: Results | Mapping[str, Results] | Exception,
        *,
        layer: str = "raw",
        verdict: str | None = None,
        quarantined: int = 0,
        quarantine: Mapping[str, Sequence[str]] | None = None,
    ) -> str:
        """One run of all gates of a layer, or of the first dataset alone; its id."""
        results = dict(found) if isinstance(found, Mapping) else {self.ids[0]: found}

        def build(dataset_id: str) -> list[Any]:
            @dg.asset(key=[layer, dataset_id])
            def rows(context: dg.AssetExecutionContext) -> None:
                with self.pipeline.step(context.op_execution_context, dataset_id, layer):
                    if isinstance(results[dataset_id], Exception):
                        raise results[dataset_id]  # type: ignore[misc]

            @dg.asset_check(
                asset=dg.AssetKey([layer, dataset_id]), name=f"{SUITES[layer]}_gate", blocking=True
            )
            def gate(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
                said = verdict or _verdict(results[dataset_id])
                failing = {
                    (key, rule_id) for rule_id, keys in (quarantine or {}).items() for key in keys
                }
                if layer == "standardized":
                    self.state.move_quarantine(dataset_id, failing, context.run.run_id)
                self.state.add_gate_record(
                    GateRecord(
                        dataset=dataset_id, layer=layer, content_hash="c", suite_hash="s",
                        verdict=said, rows=100, quarantined=quarantined, quarantine_path=None,
                        run_id=context.run.run_id, results=[dict(one) for one in results[dataset_id]],
                        recorded_at=now(),
                    )
                )  # fmt: skip
                return dg.AssetCheckResult(passed=said == "passed")

            return [rows, gate]

        made = [one for dataset_id in results for one in build(dataset_id)]
        definitions = dg.Definitions(
            assets=[one for one in made if not isinstance(one, dg.AssetChecksDefinition)],
            asset_checks=[one for one in made if isinstance(one, dg.AssetChecksDefinition)],
            jobs=[dg.define_asset_job("daily", executor_def=dg.in_process_executor)],
        )
        outcome = definitions.resolve_job_def("daily").execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        return outcome.run_id

    def watch(self, moment: str | datetime | None = None) -> Watched:
        """One look, now or at a moment (UTC)."""
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment)
        return watch(self.settings, self.state, self.instance, moment=moment)

    def open(self) -> list[Alert]:
        return self.store.alerts()

    def outbox(self) -> list[Delivery]:
        return self.store.deliveries()

    def told(self) -> list[tuple[str, str]]:
        """Every message with its channel, in order: `("owners", "opened")`."""
        return [(one.channel, one.kind) for one in self.outbox()]

    def close(self) -> None:
        self.instance.dispose()
        if "state" in vars(self.pipeline):
            self.pipeline.state.engine.dispose()
        self.state.engine.dispose()


def _verdict(found: Results | Exception) -> str:
    if isinstance(found, Exception):
        return "passed"
    if any(one["outcome"] == "broken" for one in found):
        return "broken"
    failed = any(one["outcome"] == "failed" and one["strength"] == "table" for one in found)
    return "failed" if failed else "passed"


@contextmanager
def new_town(
    tmp_path: Path, environment: pytest.MonkeyPatch, *, datasets: int = 1
) -> Iterator[Town]:
    """A town of its own under a folder; the variables of its home are set meanwhile."""
    environment.setenv("SUMMERWARE_HOME", str(tmp_path / "town"))
    environment.setenv("SUMMERWARE_DATASETS", str(tmp_path / "datasets"))
    environment.setenv("SUMMERWARE_EXPECTATIONS", str(tmp_path / "expectations"))
    environment.setenv("DAGSTER_HOME", str(tmp_path / "town" / "dagster"))
    made = Town(Settings.from_environment().prepare(), datasets=datasets)
    try:
        yield made
    finally:
        made.close()
