"""Finds mistakes in dataset files, suites and models before anything runs."""

from orchestration.dataset import Dataset, load_dataset
from orchestration.errors import ConfigurationError, ModelFault
from orchestration.gates.suites import SUITES, load_suite
from orchestration.settings import Settings

MODEL_FILES = (
    "models/staging/base/base_{id}.sql",
    "models/staging/stg_{id}.sql",
    "models/staging/corrections_{id}.sql",
    "models/intermediate/int_{id}__fates.sql",
    "models/marts/{id}.sql",
    "models/ledger/ledger_{id}.sql",
    "models/ledger/decided_cells_{id}.sql",
)


def find_mistakes(settings: Settings) -> list[str]:
    """Every mistake, each naming its file and key; none where all is in order."""
    mistakes: list[str] = []
    datasets: dict[str, Dataset] = {}
    files = sorted(settings.datasets_dir.glob("*.yaml"))
    if not files:
        mistakes.append(f"{settings.datasets_dir}: holds no dataset file (*.yaml)")
    for path in files:
        try:
            datasets[path.stem] = load_dataset(path)
        except ConfigurationError as error:
            mistakes.append(str(error))
    for dataset in datasets.values():
        mistakes += _suite_mistakes(settings, dataset) + _model_mistakes(settings, dataset)
    if not mistakes:
        mistakes += _parse_mistakes(settings, datasets)
    return mistakes


def _suite_mistakes(settings: Settings, dataset: Dataset) -> list[str]:
    mistakes = []
    known = {column.name for column in dataset.columns}
    for layer in SUITES:
        try:
            suite = load_suite(settings, dataset.id, layer)
        except ConfigurationError as error:
            mistakes.append(str(error))
            continue
        for rule in suite.rules:
            for field in ("column", "column_A", "column_B"):
                name = rule.kwargs.get(field)
                if isinstance(name, str) and name not in known and not name.startswith("_"):
                    mistakes.append(
                        f"expectations/{dataset.id}/{SUITES[layer]}.yaml: {rule.meta.rule_id}: "
                        f"{field}: no column of {dataset.id} is named {name!r}"
                    )
    return mistakes


def _model_mistakes(settings: Settings, dataset: Dataset) -> list[str]:
    wanted = (settings.dbt_project_dir / name.format(id=dataset.id) for name in MODEL_FILES)
    return [
        f"dbt_project/{path.relative_to(settings.dbt_project_dir)}: is missing; {dataset.id} needs it"
        for path in wanted
        if not path.is_file()
    ]


def _parse_mistakes(settings: Settings, datasets: dict[str, Dataset]) -> list[str]:
    # Imported here: dbt and GX take seconds, and a wrong file should be told at once.
    import great_expectations.expectations as gxe
    from great_expectations.expectations.registry import get_expectation_impl

    from orchestration.warehouse.project import manifest_path

    assert gxe
    mistakes = []
    for dataset in datasets.values():
        for layer in SUITES:
            for rule in load_suite(settings, dataset.id, layer).rules:
                try:
                    get_expectation_impl(rule.type)(**rule.kwargs)
                except Exception as error:  # noqa: BLE001 - GX raises whatever its types raise
                    mistakes.append(
                        f"expectations/{dataset.id}/{SUITES[layer]}.yaml: {rule.meta.rule_id}: "
                        f"{str(error).splitlines()[0]}"
                    )
    try:
        manifest_path(settings, datasets)
    except ModelFault as error:
        mistakes.append(str(error))
    return mistakes
