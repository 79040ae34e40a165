"""Finds mistakes in dataset files, suites, vocabularies, decisions and models before a run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import duckdb
import sqlalchemy as sa

from orchestration.classification.in_force import classes_in_force
from orchestration.cleaning.decided import find_crossing
from orchestration.column import Column
from orchestration.dataset import Dataset, load_dataset
from orchestration.domains.classes import (
    classes_path,
    load_classes,
    load_classes_file,
    plain,
)
from orchestration.errors import ConfigurationError, ModelFault
from orchestration.gates.row_queries import NO_COLUMNS, QUERIES
from orchestration.gates.suites import (
    COMMON,
    SUITES,
    Rule,
    former_suite,
    load_suite,
    load_suite_file,
)
from orchestration.layers import workspace
from orchestration.review.decisions_file import (
    FileDecision,
    decisions_path,
    load_decisions_file,
)
from orchestration.review.judgements import people_of
from orchestration.review.proposals import SPELLING
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State
from orchestration.state.upgrades import DOMAINS, Grace, UpgradeStore
from orchestration.state.upgrades import SUITES as SUITE_FORMS
from orchestration.warehouse.generated import find_stale, generate, rows_model
from orchestration.warehouse.vocabularies import find_vocabulary_mistakes, load_vocabulary

_COLUMN_FIELDS = frozenset({"column", "column_A", "column_B", "column_list"})
"""Arguments of Great Expectations' own types that name columns."""


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
        mistakes += _decision_mistakes(settings, dataset) + _schedule_mistakes(dataset)
        mistakes += _class_mistakes(settings, dataset)
    mistakes += find_vocabulary_mistakes(settings, datasets)
    mistakes += find_domain_mistakes(settings, datasets, today=date.today())
    mistakes += find_suite_mistakes(settings, datasets, today=date.today())
    mistakes = list(dict.fromkeys(mistakes))
    if not mistakes:
        mistakes += _parse_mistakes(settings, datasets)
    return mistakes


def _class_mistakes(settings: Settings, dataset: Dataset) -> list[str]:
    """Words of a deciding column's vocabularies that nobody classified, and policies that name others.

    A vocabulary is what the column is spelled or judged by. Without one nothing is known to be asked.
    """
    try:
        classes = load_classes(settings, dataset)
        mistakes = []
        for column in dataset.columns:
            named = _vocabularies_of(column) if column.name in dataset.deciding else ()
            values = [one.value for name in named for one in load_vocabulary(settings, name)]
            unknown = [one for one in values if classes.of(column.name, one) is None]
            if unknown and classes_path(settings, dataset.id).is_file():
                mistakes.append(
                    f"{dataset.id}.classes.csv: {dataset.deciding[column.name]}: {len(unknown)} words "
                    f"of the vocabulary {', '.join(named)} are not classified, such as {unknown[0]!r}"
                )
            known = {plain(one) for one in values}
            known |= {
                plain(one.value)
                for one in load_classes_file(settings, dataset)
                if one.column == dataset.deciding.get(column.name)
            }
            mistakes += [
                f"{dataset.id}.yaml: policies.{policy.id}.values: no vocabulary holds {value!r}"
                for policy in dataset.policies
                if policy.column == column.name and policy.action != "generalize" and known
                for value in policy.values
                if plain(value) not in known
            ]
    except ConfigurationError as error:
        return [str(error)]
    return mistakes


def _vocabularies_of(column: Column) -> tuple[str, ...]:
    if column.domain and column.domain.vocabulary:
        return column.domain.vocabulary
    return column.spelling.vocabulary if column.spelling else ()


def find_domain_mistakes(
    settings: Settings, datasets: Mapping[str, Dataset], *, today: date
) -> list[str]:
    """Published columns that do not say what they may hold, and drafts whose time is over (law 12).

    A home that was at work before domains were asked for has time; a new one has none.
    """
    return [message for is_due, message in _domains_owed(settings, datasets, today) if is_due]


def find_domain_warnings(
    settings: Settings, datasets: Mapping[str, Dataset], *, today: date
) -> list[str]:
    """The same of a home that still has time, with the day on which it ends."""
    return [message for is_due, message in _domains_owed(settings, datasets, today) if not is_due]


def _domains_owed(
    settings: Settings, datasets: Mapping[str, Dataset], today: date
) -> Iterator[tuple[bool, str]]:
    """What is missing, one line for each file and day, and whether that day has come."""
    grace = _time_for(settings, DOMAINS)
    for dataset in datasets.values():
        file = f"{dataset.id}.yaml"
        missing = [
            column.name
            for column in dataset.published
            # A value that decides a policy is held against its class instead.
            if column.domain is None and column.name not in dataset.deciding
        ]
        if missing:
            until = f" From {grace.until} on this is refused." if grace else ""
            yield (
                grace is None or today >= grace.until,
                f"{file}: columns: published without a `domain`: {', '.join(missing)}. `summerware "
                f"upgrade {dataset.id}` drafts one for each from what was published.{until}",
            )
        drafts: dict[date, list[str]] = {}
        for column in dataset.published:
            if column.domain is not None and column.domain.until is not None:
                drafts.setdefault(column.domain.until, []).append(column.name)
        for day, names in sorted(drafts.items()):
            yield (
                today >= day,
                f"{file}: columns: the `domain` waits for a person until {day}: {', '.join(names)}. "
                "Mend it, and take `until` away, or give a later day and say why.",
            )


def find_suite_mistakes(
    settings: Settings, datasets: Mapping[str, Dataset], *, today: date
) -> list[str]:
    """Suites in the form of before, where the home has no time left to write them anew."""
    return [said for is_due, said in _suites_owed(settings, datasets, today) if is_due]


def find_suite_warnings(
    settings: Settings, datasets: Mapping[str, Dataset], *, today: date
) -> list[str]:
    """The same of a home that still has time, with the day on which it ends."""
    return [said for is_due, said in _suites_owed(settings, datasets, today) if not is_due]


def _suites_owed(
    settings: Settings, datasets: Mapping[str, Dataset], today: date
) -> Iterator[tuple[bool, str]]:
    grace = _time_for(settings, SUITE_FORMS)
    until = f" From {grace.until} on this is refused." if grace else ""
    for name in datasets:
        former = []
        for layer, suite in SUITES.items():
            with suppress(ConfigurationError):  # reported where suites are looked at
                if former_suite(settings, name, layer) is not None:
                    former.append(f"{suite}.yaml")
        if former:
            yield (
                grace is None or today >= grace.until,
                f"expectations/{name}/: {', '.join(former)}: written for the last version, not as a "
                f"suite of Great Expectations. `summerware upgrade {name}` writes it anew; what passed "
                f"and was published under it counts on.{until}",
            )


def _time_for(settings: Settings, duty: str) -> Grace | None:
    """Until when this home has time; none where no home is, or it cannot be asked."""
    with _known_state(settings) as state:
        return UpgradeStore(state).grace(duty) if state is not None else None


@contextmanager
def _known_state(settings: Settings) -> Iterator[State | None]:
    """The state of the home; none where no home is, or it cannot be asked: looking makes none."""
    try:
        place = sa.make_url(settings.state_url)
        is_there = place.get_backend_name() != "sqlite" or Path(place.database or "").is_file()
        engine = open_database(settings) if is_there else None
    except (ConfigurationError, sa.exc.ArgumentError):
        # `summerware doctor` tells what is wrong with it; files are checked without it, too.
        engine = None
    try:
        yield State(engine) if engine is not None else None
    finally:
        if engine is not None:
            engine.dispose()


def _schedule_mistakes(dataset: Dataset) -> list[str]:
    # Imported here: reports that name mistakes of one file only do without Dagster.
    from orchestration.dagster_private import is_valid_cron_string

    if is_valid_cron_string(dataset.schedule):
        return []
    return [f"{dataset.id}.yaml: schedule: {dataset.schedule!r} is no time that cron knows"]


def _decision_mistakes(settings: Settings, dataset: Dataset) -> list[str]:
    try:
        decisions = load_decisions_file(settings, dataset)
        if dataset.review:
            people_of(dataset)
        return _crossing_decisions(settings, dataset, decisions)
    except ConfigurationError as error:
        return [str(error)]


def _crossing_decisions(
    settings: Settings, dataset: Dataset, decisions: Sequence[FileDecision]
) -> list[str]:
    """Lines that would lead a value out of a policy or into one: the engine does not follow them."""
    spelled = {one.id: one for one in decisions if one.kind == SPELLING}
    if not dataset.deciding or not spelled:
        return []
    with _known_state(settings) as state:
        classes = (
            classes_in_force(settings, state, dataset)
            if state is not None
            else load_classes(settings, dataset)
        )
    made = [(one.column, one.left, one.right, one.verdict, name) for name, one in spelled.items()]
    classes_of = {
        column: {value: (found,) for value, found in values.items()}
        for column, values in classes.class_names.items()
    }
    file = decisions_path(settings, dataset).name
    return [
        f"{file}: line {spelled[name].line}: would lead a value of {spelled[name].column} out of a "
        "policy or into one, or from or to a value that nobody classified; it is not followed. Classify "
        f"the value instead: `summerware classify {dataset.id}`"
        for name in find_crossing(made, classes_of)
    ]


def _suite_mistakes(settings: Settings, dataset: Dataset) -> list[str]:
    mistakes = []
    known = {column.name for column in dataset.columns}
    for layer in SUITES:
        try:
            load_suite(settings, dataset.id, layer)
            rules = load_suite_file(settings, dataset.id, layer)
        except ConfigurationError as error:
            mistakes.append(str(error))
            continue
        mistakes += [
            f"expectations/{dataset.id}/{SUITES[layer]}.yaml: {rule.meta.rule_id}: {field}: no column "
            f"of {dataset.id} is named {name!r}"
            for rule in rules
            for field, name in _columns_of(rule)
            if name not in known and not name.startswith("_")
        ]
    return mistakes


def _columns_of(rule: Rule) -> Iterator[tuple[str, str]]:
    """The columns that a rule names, each with its field."""
    is_ours = rule.type in QUERIES
    for field, said in rule.kwargs.items():
        if field in NO_COLUMNS if is_ours else field not in _COLUMN_FIELDS:
            continue
        yield from (
            (field, name)
            for name in (said if isinstance(said, list) else [said])
            if isinstance(name, str)
        )


def find_stale_models(settings: Settings, datasets: Mapping[str, Dataset]) -> list[str]:
    """Datasets whose generated models are those of another state of the file; one sentence each."""
    return [
        f"{name}: {len(stale)} {'file' if len(stale) == 1 else 'files'} of dbt_project "
        f"{'is' if len(stale) == 1 else 'are'} not what the dataset file says now, such as "
        f"{next(iter(stale))}. Runs make what they need anew; run `summerware generate {name}` and "
        "commit what it writes, so that people read what runs"
        for name, dataset in datasets.items()
        if (stale := find_stale(settings, {name: dataset}))
    ]


def _model_mistakes(settings: Settings, dataset: Dataset) -> list[str]:
    """A model that is written by hand is missing, or one cannot be generated."""
    try:
        made = generate(settings, dataset)
    except ConfigurationError as error:
        return [str(error)]
    path = f"models/intermediate/{rows_model(dataset)}.sql"
    if path in made or (settings.dbt_project_dir / path).is_file():
        return []
    return [
        f"dbt_project/{path}: is missing; {dataset.id} needs it: the dataset file says that several "
        f"lines of grain {dataset.grain.line!r} are one {dataset.grain.published!r}, and that model how"
    ]


def _parse_mistakes(settings: Settings, datasets: dict[str, Dataset]) -> list[str]:
    # Imported here: dbt and GX take seconds, and a wrong file should be reported at once.
    from great_expectations.expectations.registry import get_expectation_impl

    from orchestration.gates import expectations as registers_ours

    assert registers_ours
    mistakes = []
    # Suites of before hold the common rules, too: there need be none beside them.
    folders = [COMMON] if (settings.expectations_dir / COMMON).is_dir() else []
    for folder in [*folders, *datasets]:
        for layer in SUITES:
            for rule in load_suite_file(settings, folder, layer):
                place = f"expectations/{folder}/{SUITES[layer]}.yaml: {rule.meta.rule_id}"
                try:
                    get_expectation_impl(rule.type)(**rule.kwargs)
                except Exception as error:  # noqa: BLE001 - GX raises whatever its types raise
                    mistakes += [f"{place}: {said}" for said in _gx_mistakes(rule, error)]
    return mistakes + _sql_mistakes(settings, datasets)


def _gx_mistakes(rule: Rule, error: Exception) -> list[str]:
    """GX's complaint with the key first: its own first line names none."""
    listed = getattr(error, "errors", None)
    if not callable(listed):
        return [f"type: {rule.type}: {str(error).splitlines()[0]}"]
    return [
        f"kwargs.{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in listed()
    ]


def _sql_mistakes(settings: Settings, datasets: Mapping[str, Dataset]) -> list[str]:
    """What dbt cannot parse or fill in, and what is then no SQL to DuckDB."""
    from orchestration.warehouse.project import find_project
    from orchestration.warehouse.runner import invoke

    try:
        project = find_project(settings, datasets)
    except ModelFault as error:
        return [" ".join(str(error).split())]
    with workspace(settings.prepare(), "dbt-compile") as folder, duckdb.connect() as connection:
        # Nothing is asked of a database: where a model is wrong, dbt's other threads would go on asking.
        quietly = ["compile", "--no-populate-cache", "--no-introspect"]
        outcome = invoke(project.folder, quietly, target=folder)
        if not outcome.success:
            return [f"the dbt project cannot be compiled: {' '.join(outcome.error.split())}"]
        mistakes = []
        for path in sorted(folder.glob("compiled/*/models/**/*.sql")):
            try:
                connection.extract_statements(path.read_text(encoding="utf-8"))
            except duckdb.Error as error:
                name = "/".join(path.relative_to(folder).parts[2:])
                mistakes.append(f"dbt_project/{name}: {str(error).splitlines()[0]}")
        return mistakes
