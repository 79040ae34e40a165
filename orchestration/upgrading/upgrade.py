"""Upgrades what the last version left: suites become Great Expectations' own, columns get domains.

A suite says what it said, and what was recorded under it counts on. Drafts of domains come from the
last proven publication. First the seeds are written, then the file as it was is kept beside, then the
file is replaced: killed anywhere, the next call goes on, and a file that has its domains is left as it
is. Opening the state database has brought the home's own tables up to date.
"""

import csv
import difflib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestration.column import Column
from orchestration.dataset import Dataset
from orchestration.duck import connect, fetch_all, parquet
from orchestration.errors import ConfigurationError
from orchestration.file_lock import file_lock
from orchestration.layers import snapshot_file
from orchestration.settings import Settings
from orchestration.state.store import FINISHED, Publication, State
from orchestration.state.upgrades import DOMAINS, GRACE, UpgradeStore
from orchestration.upgrading.dataset_file import says_the_same, with_domains
from orchestration.upgrading.drafts import Draft, draft, seed_names
from orchestration.upgrading.files import backup_path, replace_file, write_whole
from orchestration.upgrading.suites import upgrade_suites
from orchestration.warehouse.vocabularies import load_vocabulary, vocabulary_path
from orchestration.yaml_text import parse_yaml

BACKUP = ".before-domains"
_OURS = "taken over by summerware upgrade"
"""How the source of every word ends that we wrote: such a seed may be written again."""


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """What an upgrade changes of one dataset, or would change; nothing where nothing is listed."""

    dataset: str
    suites: tuple[str, ...] = ()
    """Suite files that are written in Great Expectations' own form."""
    drafts: tuple[Draft, ...] = ()
    diff: str = ""
    seeds: Mapping[str, int] = field(default_factory=dict)
    """Seeds that are written, and how many words each has."""
    backup: str | None = None
    left: str | None = None
    """Why columns stay without a domain."""

    @property
    def kinds(self) -> dict[str, int]:
        """How many columns have which kind of domain."""
        return dict(Counter(next(iter(one.domain)) for one in self.drafts))


def upgrade(
    settings: Settings,
    state: State,
    datasets: Sequence[Dataset],
    *,
    today: date,
    dry_run: bool = False,
) -> tuple[date, list[Upgraded]]:
    """Writes suites anew and drafts domains.

    Returns the day from which drafts are refused, and what changed.

    Raises:
        ConfigurationError: a file cannot be changed without changing more than its form and domains.
    """
    store = UpgradeStore(state)
    if dry_run:
        grace = store.grace(DOMAINS)
        until = grace.until if grace else today + GRACE
        return until, [_upgraded(settings, state, one, until, dry_run=True) for one in datasets]
    with file_lock(settings, "upgrade"):
        until = store.begin(DOMAINS, on=today).until
        return until, [_upgraded(settings, state, one, until, dry_run=False) for one in datasets]


def _upgraded(
    settings: Settings, state: State, dataset: Dataset, until: date, *, dry_run: bool
) -> Upgraded:
    # First: the hashes of before are those of the dataset file as it is.
    suites = upgrade_suites(settings, state, dataset, dry_run=dry_run)
    return replace(_with_domains(settings, state, dataset, until, dry_run=dry_run), suites=suites)


def _with_domains(
    settings: Settings, state: State, dataset: Dataset, until: date, *, dry_run: bool
) -> Upgraded:
    columns = [column for column in dataset.published if column.domain is None]
    if not columns:
        return Upgraded(dataset=dataset.id)
    publication = _last_published(settings, state, dataset)
    if publication is None:
        return Upgraded(
            dataset=dataset.id,
            left=f"nothing that was published is kept, so nothing can be drafted for "
            f"{len(columns):,} columns; write their `domain` by hand",
        )
    drafts = _drafts(settings, dataset, columns, publication, until)
    path = settings.datasets_dir / f"{dataset.id}.yaml"
    before = path.read_bytes().decode("utf-8")
    after = _rewritten(before, drafts, file=path.name)
    seeds = {
        name: one.words
        for one in drafts
        for name in seed_names(dataset, dataset.column(one.column), one.words)
    }
    for name in seeds:
        _refuse_other_seed(settings, name)
    backup = backup_path(path, before, BACKUP)
    if not dry_run:
        for name, words in seeds.items():
            write_whole(vocabulary_path(settings, name), _as_seed(words))
        replace_file(path, before, after, backup)
    return Upgraded(
        dataset=dataset.id,
        drafts=tuple(drafts),
        diff=_diff(path.name, before, after),
        seeds={f"{name}.csv": len(words) for name, words in seeds.items()},
        backup=backup.name,
    )


def _last_published(settings: Settings, state: State, dataset: Dataset) -> Publication | None:
    """The newest proven publication whose rows are kept."""
    proven = [
        one
        for one in state.publications(dataset.id, states=FINISHED)
        if snapshot_file(settings, one).is_file()
    ]
    return proven[-1] if proven else None


def _drafts(
    settings: Settings,
    dataset: Dataset,
    columns: Sequence[Column],
    publication: Publication,
    until: date,
) -> list[Draft]:
    source = f"Published by {publication.newest_extract_at[:10]}; {_OURS}"
    snapshot = snapshot_file(settings, publication)
    return [
        draft(
            dataset,
            column,
            _values(snapshot, column),
            until=until,
            known=[
                entry.value
                for name in (column.spelling.vocabulary if column.spelling else ())
                for entry in load_vocabulary(settings, name)
            ],
            source=source,
            policies=f"Policies of {dataset.id}.yaml; {_OURS}",
        )
        for column in columns
    ]


def _values(snapshot: Path, column: Column) -> dict[Any, int]:
    """The published values of a column, and on how many rows each stands; none of a new column."""
    table = parquet(snapshot)
    with connect(spill=snapshot.parent) as connection:
        known = {row[0] for row in connection.execute(f"describe from {table}").fetchall()}
        if column.name not in known:
            return {}
        rows = fetch_all(
            connection,
            f'select "{column.name}", count(*) from {table} group by 1 order by 2 desc, 1',
        )
    return {value: count for value, count in rows if value is not None}


# The dataset file


def _rewritten(before: str, drafts: Sequence[Draft], *, file: str) -> str:
    """The file's text with the drafts in it.

    Raises:
        ConfigurationError: it would say anything else than before, or is no dataset file then.
    """
    domains = {one.column: one.domain for one in drafts}
    after = with_domains(before, domains, file=file)
    if not says_the_same(before, after, domains):
        raise ConfigurationError(
            f"{file}: domains cannot be put into it without changing more; it is left as it is. "
            "Write each column as a mapping of its own"
        )
    try:
        Dataset.model_validate(parse_yaml(after))
    except ValidationError as error:
        named = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise ConfigurationError(
            f"{file}: the drafts do not fit it ({named}); left as it is"
        ) from error
    return after


def _diff(name: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{name}{BACKUP}", name, lineterm=""
    )
    return "\n".join(lines)


# Seeds


def _as_seed(words: Mapping[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("value", "source"))
    writer.writerows(words.items())
    return text.getvalue().encode()


def _refuse_other_seed(settings: Settings, name: str) -> None:
    """Only a seed that an upgrade wrote, and that no dataset file names yet, is written again."""
    path = vocabulary_path(settings, name)
    if not path.exists():
        return
    if not all(entry.source.endswith(_OURS) for entry in load_vocabulary(settings, name)):
        raise ConfigurationError(
            f"dbt_project/seeds/{name}.csv: is there already and was not drafted: name it in the "
            "column's `domain` by hand, or move it away"
        )
