"""Hashes of the rules in force: what a pass and a publication were good under.

They cover what rules, domains, vocabularies and classes say, never how a file is written. What was
recorded under rules that said the same in an earlier form counts on: `suite_hashes` and `rules_hashes`
list the hash of today first, then those of before.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from orchestration.dataset import Dataset
from orchestration.domains.classes import load_classes_file, plain
from orchestration.gates.domain_rules import domain_vocabularies
from orchestration.gates.former_suites import former_rules_hash, former_suite_hash, kept_suite
from orchestration.gates.suites import SUITES, Suite, former_suite, load_suite
from orchestration.layers import hash_named
from orchestration.settings import Settings
from orchestration.state.store import State
from orchestration.state.upgrades import UpgradeStore
from orchestration.warehouse.vocabularies import (
    Entry,
    load_vocabulary,
    named_vocabularies,
    vocabulary_path,
)


def suite_hash(settings: Settings, dataset: Dataset, layer: str, *, classes: str) -> str:
    """Changes with every rule of a gate, its vocabularies, the dataset file and the `classes`."""
    former = former_suite(settings, dataset.id, layer)
    if former is not None:
        return former_suite_hash(settings, dataset, former, classes=classes)
    suite = load_suite(settings, dataset.id, layer)
    named = {name for one in dataset.columns if one.domain for name in one.domain.vocabulary}
    return hash_named(
        {
            "rules": suite.hash,
            "dataset file": _hash(dataset.model_dump_json()),
            "classes": classes,
            **_vocabularies(settings, {*named, *named_vocabularies(suite.text)}),
        }
    )


def suite_hashes(
    settings: Settings, state: State, dataset: Dataset, layer: str, *, classes: str
) -> list[str]:
    """The hash of a gate's rules, and those under which the same rules were recorded before."""
    present = suite_hash(settings, dataset, layer, classes=classes)
    before = [
        former_suite_hash(settings, dataset, kept, classes=classes)
        for kept in [_kept(settings, dataset, layer)]
        if kept is not None
    ]
    return [present, *before, *UpgradeStore(state).former_hashes(present)]


def rules_hash(settings: Settings, dataset: Dataset) -> str:
    """One hash for the rules, policies, domains, vocabularies and the classes file in force.

    What a custodian signed word by word is no part of it: that signature is the yes that a hold asks
    for.
    """
    named = domain_vocabularies(dataset)
    former = {layer: former_suite(settings, dataset.id, layer) for layer in SUITES}
    suites = {SUITES[layer]: suite for layer, suite in former.items() if suite is not None}
    if len(suites) == len(SUITES):
        return former_rules_hash(settings, dataset, suites, vocabularies=named)
    said = {
        "policies": [policy.model_dump(mode="json") for policy in dataset.policies],
        "domains": {
            column.name: column.domain.model_dump(mode="json")
            for column in dataset.columns
            if column.domain
        },
        "classes": sorted(
            [one.column, plain(one.value), sorted(one.policies), str(one.until)]
            for one in load_classes_file(settings, dataset)
        ),
    }
    hashes = {name: load_suite(settings, dataset.id, layer).hash for layer, name in SUITES.items()}
    return hash_named(
        hashes
        | {name: _hash(json.dumps(one, sort_keys=True)) for name, one in said.items()}
        | _vocabularies(settings, named)
    )


def rules_hashes(settings: Settings, state: State, dataset: Dataset) -> list[str]:
    """The hash of the rules in force, and those under which the same rules were recorded before."""
    present = rules_hash(settings, dataset)
    kept = {SUITES[layer]: _kept(settings, dataset, layer) for layer in SUITES}
    suites = {name: suite for name, suite in kept.items() if suite is not None}
    before = []
    if len(suites) == len(SUITES):
        named = domain_vocabularies(dataset)
        before.append(former_rules_hash(settings, dataset, suites, vocabularies=named))
    return [present, *before, *UpgradeStore(state).former_hashes(present)]


def _kept(settings: Settings, dataset: Dataset, layer: str) -> bytes | None:
    """The suite file of before that said what a gate's rules say, where it came with Summerware."""
    suite: Suite = load_suite(settings, dataset.id, layer)
    return kept_suite(dataset.id, SUITES[layer], rules=suite.hash)


def _vocabularies(settings: Settings, names: Iterable[str]) -> dict[str, str]:
    """What vocabularies say, by name; one that is not there says nothing."""
    return {
        f"vocabulary {name}": _entries_hash(tuple(load_vocabulary(settings, name)))
        for name in names
        if vocabulary_path(settings, name).is_file()
    }


@lru_cache(maxsize=64)
def _entries_hash(entries: tuple[Entry, ...]) -> str:
    """Cached, as a run asks for each vocabulary some ten times."""
    return _hash(sorted(map(_entry, entries)))


def _entry(entry: Entry) -> str:
    """What an entry says, wherever it stands in its file."""
    said = {name: one for name, one in asdict(entry).items() if one is not None}
    return json.dumps(said | {"line": None}, sort_keys=True)


def _hash(said: Any) -> str:
    return hashlib.sha256(str(said).encode()).hexdigest()
