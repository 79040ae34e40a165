"""The pipeline from landing to publish-ready: raw, three gates, two dbt layers, plan. No portal.

The modules are called as the Dagster steps call them; Dagster's own cost is in the start-up figure.
"""

import os
import sys
from datetime import datetime
from pathlib import Path

from benchmarks.steps import Steps


def _dataset_files(folder: Path, *, suspecting: bool) -> None:
    """Dataset files for the run: what the machine suspects is looked for, or not.

    Ten million sample calls reach back before 2010; more of them are quarantined than usual.
    """
    import shutil

    import yaml

    from orchestration.settings import PACKAGE

    datasets = shutil.copytree(PACKAGE / "datasets", folder / "datasets")
    file = datasets / "calls_for_service.yaml"
    content = yaml.safe_load(file.read_text())
    content["limits"]["quarantined_share"] = 0.2
    if not suspecting:
        del content["duplicates"]
        for column in content["columns"]:
            column.pop("spelling", None)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    os.environ["SUMMERWARE_DATASETS"] = str(datasets)


def main(folder: Path, *, suspecting: bool = False) -> None:
    """Runs and times the steps."""
    folder = folder / ("suspecting" if suspecting else "pipeline")
    folder.mkdir()
    os.environ["SUMMERWARE_HOME"] = str(folder / "home")
    os.environ["SUMMERWARE_SETTLING_SECONDS"] = "0"
    import great_expectations  # noqa: F401
    from dbt.cli.main import dbtRunner  # noqa: F401

    from orchestration.dataset import load_datasets
    from orchestration.gates.gate import run_gate
    from orchestration.layers import layer_file
    from orchestration.publishing.planning import make_plan
    from orchestration.settings import Settings
    from orchestration.sources.files import FilesSource
    from orchestration.state.database import open_database
    from orchestration.state.store import State
    from orchestration.steps.modelled_layer import make_modelled_layer
    from orchestration.steps.raw_layer import make_raw_layer
    from orchestration.warehouse.project import find_project

    _dataset_files(folder, suspecting=suspecting)
    settings = Settings.from_environment()
    state = State(open_database(settings))
    datasets = load_datasets(settings.datasets_dir)
    name = "calls_for_service"
    dataset = datasets[name]
    find_project(settings, datasets)
    steps, run_id = Steps(), "bench"
    source = FilesSource(folder.parent / "extract")
    with steps.step("landing"):
        raw = make_raw_layer(settings, state, dataset, source, as_of=None, run_id=run_id)
    assert raw is not None
    layer = raw.layer
    with steps.step("raw gate"):
        assert run_gate(settings, state, dataset, layer, run_id=run_id).verdict == "passed"
    for above, made in (("raw", "standardized"), ("standardized", "deduplicated")):
        with steps.step(made):
            layer, _ = make_modelled_layer(
                settings, state, datasets, name, made, upstream=above, run_id=run_id
            )
        with steps.step(f"{made} gate"):
            assert run_gate(settings, state, dataset, layer, run_id=run_id).verdict == "passed"
    target = folder / "plan"
    target.mkdir()
    with steps.step("plan and snapshot"):
        make_plan(
            dataset,
            mart=layer_file(settings, layer, name),
            ledger=layer_file(settings, layer, f"ledger_{name}"),
            baseline=None,
            extracted_at=datetime(2026, 3, 1).isoformat(),
            folder=target,
        )
    steps.report()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
