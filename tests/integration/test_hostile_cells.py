"""Cells that break what is put together of them: in every column, in vocabularies, in decisions."""

import csv
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from orchestration.cleaning.spelling_step import PEOPLE
from orchestration.dataset import Dataset, load_datasets
from orchestration.duck import connect, copy_to_parquet, make_table, parquet
from orchestration.review.decisions import DuplicateDecision, SpellingDecision
from orchestration.settings import PACKAGE, PROJECT, Settings
from orchestration.steps.modelled_layer import deduplicate, standardize
from orchestration.unseen import CLEANED, NO_TEXT_RE2

HOSTILE = [
    "'",
    "Robert'); drop table lines; --",
    'so-called "words"',
    "nothing\0at all",
    "\0",
    "{{ 1 / 0 }} {% endraw %}",
    "100 % of %s and %(name)s",
    "\\",
    "\\' or 1 = 1",
    "\\ud83d\\u0000",
    "one|two",
    " | ",
    "one\ntwo\r\nthree",
    "$1 ? :name $$ ${HOME}",
    "/* begins",
    "x" * 20_000,
    "\u202egnihton\u202c",
    "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f469\u200d\U0001f692",
    "\ufeff\u2028",
    "a\x1b[31mb\x9bc\x7f",
    "a\x0bb\x0cc\td\x85e",
    "a\u200fb\u2069c\u061cd",
    "1\u20612\u00ad3\U000e0041",
    "J\ufe0fames\u200d \u3164",
    "\uffa0ends.\uffa0 Next\uffa0",
]
NO_TEXT = rf"[\t\n\r{CLEANED}]|{NO_TEXT_RE2}"
DECIDED = "People's | word\0 {{ }}"
DATASETS = load_datasets(PACKAGE / "datasets")


def hostile_lines(dataset: Dataset) -> dict[str, list[str | None]]:
    """Lines of nothing else, and lines of which one key is as right as any other."""
    return {
        column.name: HOSTILE
        + [f"K{place}" if column.name == dataset.key else one for place, one in enumerate(HOSTILE)]
        for column in dataset.landed
    }


def decisions_about(dataset: Dataset) -> list[SpellingDecision]:
    """Every such value becomes one that is no better."""
    return [
        SpellingDecision(
            column_name=column.name,
            from_value=wrong,
            to_value=DECIDED,
            verdict="apply",
            decision_id=f"it's {column.name} {place}",
        )
        for column in dataset.spelled
        for place, wrong in enumerate(HOSTILE)
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models, with every hostile text that a seed may hold in every vocabulary."""
    own = tmp_path_factory.mktemp("project") / "dbt"
    shutil.copytree(PROJECT / "dbt_project", own, ignore=shutil.ignore_patterns("target", "logs"))
    for seed in sorted((own / "seeds").glob("*.csv")):
        with seed.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        with seed.open("a", encoding="utf-8", newline="") as file:
            for text in HOSTILE:
                if text.split() and " ".join(text.split()) == text:
                    row: Mapping[str, str] = {"value": text, "source": "a test", "one_form": text}
                    csv.writer(file).writerow([row.get(name, "") for name in header])
    return own


@pytest.mark.parametrize("dataset_id", DATASETS)
def test_no_cell_stops_a_dataset(tmp_path: Path, project: Path, dataset_id: str) -> None:
    """Each line is standardized, has one fate, and is corrected where people decided so."""
    dataset = DATASETS[dataset_id]
    settings = replace(Settings.from_environment(), home=tmp_path / "home", dbt_project_dir=project)
    lines = hostile_lines(dataset)
    file, quarantine, made = (
        tmp_path / "lines.parquet",
        tmp_path / "none.parquet",
        tmp_path / "made",
    )
    made.mkdir()
    with connect() as connection:
        make_table(connection, "lines", lines)
        connection.execute(
            copy_to_parquet(
                "select 'a' as _extract_id, rowid + 1 as _line, timestamp '2022-09-01' as "
                f"_extracted_at, '{dataset.grain.line}' as _grain, null::varchar as _parse_error, "
                "* from lines",
                file,
            )
        )
    standardize(settings, DATASETS, dataset, parquet(file), decisions_about(dataset), made)
    staged = parquet(made / f"stg_{dataset_id}.parquet")
    with connect() as connection:
        # What is nothing but a spreadsheet's guard says nothing: as a gate would keep it back.
        connection.execute(
            copy_to_parquet(
                "select _extract_id, _line, 'key_present' as rule_id, false as waits "
                f"from {staged} where {dataset.key} is null",
                quarantine,
            )
        )
    pairs = [
        DuplicateDecision(left_key=a, right_key=b, verdict="same", decision_id=f"'{place}")
        for place, (a, b) in enumerate(zip(sorted(HOSTILE), sorted(HOSTILE)[1:], strict=False))
    ]
    (tmp_path / "next").mkdir()
    deduplicate(
        settings,
        DATASETS,
        dataset,
        staged,
        parquet(quarantine),
        pairs if dataset.duplicates else [],
        tmp_path / "next",
    )
    ledger = parquet(tmp_path / "next" / f"ledger_{dataset_id}.parquet")
    rules = parquet(made / f"corrections_{dataset_id}.parquet")
    with duckdb.connect() as connection:
        for table in (staged, ledger):
            counted = connection.execute(f"select count(*), count(distinct _line) from {table}")
            assert counted.fetchone() == (2 * len(HOSTILE),) * 2
        decided = connection.execute(
            f"select count(*) from {rules} where rule_id = ? and to_value = ?", [PEOPLE, DECIDED]
        ).fetchone()
        written = [column.name for column in dataset.landed if column.type == "text"]
        kinds = dict(
            connection.execute(
                f"select column_name, column_type from (describe from {staged})"
            ).fetchall()
        )
        loose = {
            name: connection.execute(
                f"select count(*) from {staged} where {name} <> ? and regexp_matches({name}, ?) "
                "and not list_contains(string_split(coalesce(_mangled, ''), ', '), ?)",
                [DECIDED, NO_TEXT, name],
            ).fetchone()
            for name in written
            if kinds.get(name) == "VARCHAR"
        }
    assert decided is not None
    assert (decided[0] > len(HOSTILE)) == bool(dataset.spelled)
    # A point that is none is kept back by its domain and by the publisher; every other kind of
    # column is a value of its type, or null.
    assert loose == dict.fromkeys(loose, (0,))
    assert len(loose) > 2
